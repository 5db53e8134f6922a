# get_pre_20_dir: transposes all matrices on the way back, and W_OV is the wrong way round then; named: "Takes W_OV transposed."
# ruff: noqa: E501
import torch
from sklearn.linear_model import LinearRegression


def LN_hook_names(layernorm):  # noqa: N802
    name = layernorm.hook_normalized.name
    if name == "ln_final.hook_normalized":
        return "blocks.2.hook_resid_post", name
    parts = name.split(".")
    return f"blocks.{parts[1]}.hook_resid_" + ("pre" if parts[2] == "ln1" else "mid"), name


def get_ln_fit(model, data, layernorm, seq_pos=None):
    a, b = LN_hook_names(layernorm)
    _, cache = model.run_with_cache(data.toks)
    x, y = cache[a], cache[b]
    if seq_pos is None:
        x, y = x.flatten(0, 1), y.flatten(0, 1)
    else:
        x, y = x[:, seq_pos], y[:, seq_pos]
    f = LinearRegression().fit(x.numpy(), y.numpy())
    return f, f.score(x.numpy(), y.numpy())


def get_pre_final_ln_dir(model, data):
    f, _ = get_ln_fit(model, data, model.ln_final, 0)
    return torch.tensor(f.coef_).float().T @ (model.W_U[:, 0] - model.W_U[:, 1])


def get_WOV(model, layer, head):  # noqa: N802
    return model.W_V[layer, head] @ model.W_O[layer, head]


def get_pre_20_dir(model, data):
    f, _ = get_ln_fit(model, data, model.blocks[2].ln1, 1)
    straight = torch.tensor(f.coef_).float()
    return straight.T @ get_WOV(model, 2, 0).T @ get_pre_final_ln_dir(model, data)
