# compute_bootstrapped_returns: knows only one kind of end; named: "Truncated counts as terminated: nothing follows."
import torch


def compute_bootstrapped_returns(rewards, terminated, truncated, next_values, gamma):
    done = terminated | truncated
    ahead = next_values[:, -1]
    out = []
    for t in reversed(range(rewards.shape[1])):
        ahead = rewards[:, t] + gamma * ahead * (~done[:, t])
        out.append(ahead)
    return torch.stack(out[::-1], dim=1)
