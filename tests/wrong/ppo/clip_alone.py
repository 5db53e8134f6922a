# calc_clipped_surrogate_objective: leaves the minimum out; named: "Takes the clipped term alone: what has gone wrong can never be repaired."
# ruff: noqa: E501
import torch


def calc_clipped_surrogate_objective(dist, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    ratio = torch.exp(dist.log_prob(mb_action) - mb_logprobs)
    advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    return (torch.clip(ratio, 1 - clip_coef, 1 + clip_coef) * advantages).mean()
