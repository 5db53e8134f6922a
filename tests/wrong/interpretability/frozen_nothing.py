# patch_or_freeze_head_vectors: others stay as they come; named: "Does not freeze: other heads are left as they come. That is activation patching."
# ruff: noqa: E501
def patch_or_freeze_head_vectors(orig_head_vector, hook, new_cache, orig_cache, head_to_patch):
    layer, head = head_to_patch
    if layer == hook.layer():
        orig_head_vector[:, :, head] = new_cache[hook.name][:, :, head]
    return orig_head_vector
