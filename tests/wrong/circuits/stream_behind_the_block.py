# LN_hook_names: takes resid_post for ln2; named: "Takes the stream after the block for ln2, not before it."
def LN_hook_names(layernorm):  # noqa: N802
    name = layernorm.hook_normalized.name
    if "ln_final" in name:
        return "blocks.2.hook_resid_post", "ln_final.hook_normalized"
    layer = name.split(".")[1]
    ln = name.split(".")[2]
    return (
        f"blocks.{layer}.hook_resid_pre" if ln == "ln1" else f"blocks.{layer}.hook_resid_post",
        f"blocks.{layer}.{ln}.hook_normalized",
    )
