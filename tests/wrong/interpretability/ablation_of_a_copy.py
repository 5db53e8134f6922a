# head_zero_ablation_hook: a copy that nobody gets; named: "Changes a copy and does not return it: nothing happens."
def head_zero_ablation_hook(z, hook, head_index_to_ablate):
    new = z.clone()
    new[:, :, head_index_to_ablate, :] = 0.0
