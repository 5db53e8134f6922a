# clip_grad_norm: each gradient is clipped by itself; named: "Clips each parameter's gradient by itself: the direction changes."
# ruff: noqa
import torch


def clip_grad_norm(params, max_norm):
    params = [p for p in params if p.grad is not None]
    total = torch.tensor(0.0)
    for p in params:
        total = total + (p.grad**2).sum()
        norm = (p.grad**2).sum().sqrt()
        if norm > max_norm:
            p.grad *= max_norm / norm
    return total.sqrt()
