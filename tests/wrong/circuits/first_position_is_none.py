# get_ln_fit: asks `if seq_pos`, which is false for position 0; named: "Takes position 0 for no position."
from sklearn.linear_model import LinearRegression


def LN_hook_names(layernorm):  # noqa: N802
    name = layernorm.hook_normalized.name
    if name.startswith("ln_final"):
        return "blocks.2.hook_resid_post", name
    block, norm = name.split(".")[1:3]
    return f"blocks.{block}.hook_resid_" + {"ln1": "pre", "ln2": "mid"}[norm], name


def get_ln_fit(model, data, layernorm, seq_pos=None):
    before, after = LN_hook_names(layernorm)
    _, cache = model.run_with_cache(data.toks)
    if seq_pos:
        x, y = cache[before][:, seq_pos], cache[after][:, seq_pos]
    else:
        x, y = cache[before].flatten(0, 1), cache[after].flatten(0, 1)
    fit = LinearRegression().fit(x.numpy(), y.numpy())
    return fit, fit.score(x.numpy(), y.numpy())
