# calc_clipped_surrogate_objective: advantages as they come; named: "Advantages are not normalized."
import torch as t


def calc_clipped_surrogate_objective(logprobs, mb_logprobs, mb_advantages, clip_coef, gen_len, eps=1e-8):
    ratio = (logprobs - mb_logprobs).exp()
    return t.min(ratio * mb_advantages, t.clamp(ratio, 1 - clip_coef, 1 + clip_coef) * mb_advantages).mean()
