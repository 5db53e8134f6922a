# probe_loss: has even and odd moves, as the names of the parts say, and no more; named: "Forgets the probe of all moves."
# ruff: noqa: E501
import torch


def probe_loss(resid, linear_probe, states):
    logits = torch.einsum("gmd,kdrco->kgmrco", resid, linear_probe)
    lp = logits.log_softmax(-1)
    right = lp.gather(-1, states[None, ..., None].expand(3, -1, -1, -1, -1, 1)).squeeze(-1)
    even = right[0, :, 0::2].mean(0).mean(0).sum()
    odd = right[1, :, 1::2].mean(0).mean(0).sum()
    return -(even + odd)
