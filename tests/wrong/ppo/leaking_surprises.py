# compute_advantages: forgets the mask in the recursion; named: "Surprises of the next episode leak back into the last one."
# ruff: noqa: E501
import torch


@torch.no_grad()
def compute_advantages(next_value, next_terminated, rewards, values, terminated, gamma, gae_lambda):
    next_values = torch.cat([values[1:], next_value.unsqueeze(0)])
    ends = torch.cat([terminated[1:], next_terminated.unsqueeze(0)]).float()
    deltas = rewards + gamma * next_values * (1 - ends) - values
    advantages = torch.zeros_like(deltas)
    gae = 0
    for t in reversed(range(len(rewards))):
        gae = deltas[t] + gamma * gae_lambda * gae
        advantages[t] = gae
    return advantages
