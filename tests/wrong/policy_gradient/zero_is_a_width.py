# compute_importance_weights: asks whether clip_coef is None, and clips to 1 with 0; named: "Takes 0 for a width: all weights become 1."
# ruff: noqa: E501
import torch


def compute_importance_weights(logprobs_taken, tau, clip_coef=None):
    iw = (torch.exp(logprobs_taken) / torch.exp(tau.logprobs)).detach()
    if clip_coef is not None:
        iw = torch.clamp(iw, 1 - clip_coef, 1 + clip_coef)
    return iw
