# last_token_acts: counts tokens; named: "Takes the number of tokens for the place: padding may come first."
import torch


def last_token_acts(acts, masks):
    lengths = masks.sum(dim=1).long()
    return torch.stack([acts[i, n - 1] for i, n in enumerate(lengths)])
