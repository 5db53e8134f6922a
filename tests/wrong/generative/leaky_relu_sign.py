# LeakyReLU: a slope on the wrong side; named: "The slope is on the positive side; it is negative numbers that become small."
# ruff: noqa: E501
import torch
from torch import nn


class LeakyReLU(nn.Module):
    def __init__(self, negative_slope=0.01):
        super().__init__()
        self.slope = negative_slope

    def forward(self, x):
        return torch.where(x < 0, x, self.slope * x)
