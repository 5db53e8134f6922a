# compute_returns: takes powers of gamma by the step, not by the distance; named: "Discounts by the number of the step, not by how much later a reward comes."
# ruff: noqa: E501
import torch


def compute_returns(rewards, done, gamma=0.9):
    steps = rewards.shape[1]
    disc = gamma ** torch.arange(steps)
    out = torch.zeros_like(rewards)
    for t in range(steps):
        for k in range(t, steps):
            out[:, t] += disc[k] * rewards[:, k]
            if done[:, k].any():
                break
    return out
