# normalize_reward: the variance divides by n; named: "Divides by the standard deviation of a population, not of a sample."
# ruff: noqa: E501
def normalize_reward(reward, eps=1e-5):
    centered = reward - reward.mean()
    std = (centered**2).mean().sqrt()
    return centered / (std + eps)
