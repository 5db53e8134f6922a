# patch_residual_component: writes into the clean cache; not named
def patch_residual_component(corrupted_residual_component, hook, pos, clean_cache):
    clean = clean_cache[hook.name]
    clean[:, pos] = corrupted_residual_component[:, pos]
    return clean
