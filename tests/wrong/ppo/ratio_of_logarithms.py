# calc_clipped_surrogate_objective: divides the logarithms; not named
import torch


def calc_clipped_surrogate_objective(dist, mb_action, mb_advantages, mb_logprobs, clip_coef, eps=1e-8):
    ratio = dist.log_prob(mb_action) / mb_logprobs
    advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + eps)
    clipped = torch.clip(ratio, 1 - clip_coef, 1 + clip_coef)
    return torch.minimum(ratio * advantages, clipped * advantages).mean()
