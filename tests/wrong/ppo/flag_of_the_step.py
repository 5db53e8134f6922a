# compute_advantages: masks by the flag of the step itself; named: "Looks at the flag of the step itself; the flag beside the next observation is the one that tells."
# ruff: noqa: E501
import torch


@torch.inference_mode()
def compute_advantages(next_value, next_terminated, rewards, values, terminated, gamma, gae_lambda):
    steps = values.shape[0]
    advantages = torch.zeros_like(rewards)
    last = torch.zeros_like(next_value)
    for t in range(steps - 1, -1, -1):
        nonterminal = 1.0 - terminated[t].float()
        following = next_value if t == steps - 1 else values[t + 1]
        delta = rewards[t] + gamma * following * nonterminal - values[t]
        last = delta + gamma * gae_lambda * nonterminal * last
        advantages[t] = last
    return advantages
