# bootstrap_truncated: adds the final value at every end; named: "Adds the final value wherever an episode has ended."
import torch


def bootstrap_truncated(rewards, terminated, truncated, final_values, gamma):
    done = (terminated + truncated) > 0
    return torch.where(done, rewards + gamma * final_values, rewards)
