# calc_clipped_surrogate_objective: clips ratio times advantage; named: "Clips the product with the advantage; it is the ratio that is clipped."
# ruff: noqa: E501
import torch


def calc_clipped_surrogate_objective(dist, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    ratio = torch.exp(dist.log_prob(mb_action) - mb_logprobs)
    normed = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    product = ratio * normed
    return torch.min(product, torch.clip(product, 1 - clip_coef, 1 + clip_coef)).mean()
