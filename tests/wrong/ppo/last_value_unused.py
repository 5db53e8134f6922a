# compute_advantages: the last step has no successor; named: "Nothing follows the last step: next_value is not used."
import torch


def compute_advantages(next_value, next_terminated, rewards, values, terminated, gamma, gae_lambda):
    T = rewards.shape[0]  # noqa: N806
    advantages = torch.zeros_like(rewards)
    advantages[-1] = rewards[-1] - values[-1]
    for t in reversed(range(T - 1)):
        mask = 1.0 - terminated[t + 1].float()
        delta = rewards[t] + gamma * values[t + 1] * mask - values[t]
        advantages[t] = delta + gamma * gae_lambda * mask * advantages[t + 1]
    return advantages.detach()
