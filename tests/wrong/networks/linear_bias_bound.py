# Linear: the bias has a bound of its own; named: "The bound of the bias follows from the outputs; it is that of the weight."
# ruff: noqa: E501
import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = nn.Parameter((2 * torch.rand(out_features, in_features) - 1) / in_features**0.5)
        if bias:
            self.bias = nn.Parameter((2 * torch.rand(out_features) - 1) / out_features**0.5)
        else:
            self.bias = None

    def forward(self, x):
        out = torch.einsum("...i,oi->...o", x, self.weight)
        return out if self.bias is None else out + self.bias
