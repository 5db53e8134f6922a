# get_out_by_components: gives each head the bias; named: "Adds b_O to each head, and it is of no single one."
import torch


def get_out_by_components(model, data):
    _, cache = model.run_with_cache(data.toks)
    out = [cache["embed"] + cache["pos_embed"]]
    for at in range(model.cfg.n_layers):
        for h in range(model.cfg.n_heads):
            out.append(cache["z", at][:, :, h] @ model.W_O[at, h] + model.b_O[at])
        out.append(cache["mlp_out", at])
    return torch.stack(out)
