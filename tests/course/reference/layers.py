"""A second section for the tests of the engine: torch modules, and sampling."""

import torch
from torch import Tensor, nn


class Scale(nn.Module):
    """Multiplies each feature by a learned weight. `weight` has shape (features,) and starts at one."""

    def __init__(self, features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, features)."""
        return x * self.weight


class Affine(nn.Module):
    """x W^T + b, with `weight` (out, in) drawn uniformly from ±1/sqrt(in) and `bias` (out,) zero."""

    def __init__(self, d_in: int, d_out: int):
        super().__init__()
        bound = d_in**-0.5
        self.weight = nn.Parameter(torch.empty(d_out, d_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, in)."""
        return x @ self.weight.T + self.bias


def sample_rows(probs: Tensor, n: int) -> Tensor:
    """n samples of a category, with the given probabilities: an int64 tensor (n,)."""
    return torch.multinomial(probs, n, replacement=True)
