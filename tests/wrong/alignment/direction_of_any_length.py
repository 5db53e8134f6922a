# refusal_ablation: projects on the direction as it is; named: "Projects without normalising the direction."
import einops


def refusal_ablation(resid, direction):
    proj = einops.einsum(resid, direction, "... d, d -> ...").unsqueeze(-1) * direction
    return resid - proj
