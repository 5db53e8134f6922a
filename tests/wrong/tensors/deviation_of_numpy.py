# temperatures_normalized: numpy's std divides by 7; named: "Divides the squares by 7; the sample standard deviation divides by 6."
# ruff: noqa: E501
import numpy as np
import torch


def temperatures_normalized(temps):
    weeks = temps.float().numpy().reshape(-1, 7)
    result = (weeks - weeks.mean(1, keepdims=True)) / np.std(weeks, axis=1, keepdims=True)
    return torch.from_numpy(result.reshape(-1))
