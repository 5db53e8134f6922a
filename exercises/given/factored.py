"""Two matrices that stand for their product, as in TransformerLens: circuits of attention heads are such products."""
# ruff: noqa: N802

from typing import Any

import torch
from torch import Tensor


class FactoredMatrix:
    """The product A @ B, kept as its factors, which have fewer numbers: A is (…, ldim, mdim), B is (…, mdim, rdim).

    With @, on either side and with tensors or others of its kind, it gives a FactoredMatrix again (a tensor, if it was
    a vector). AB is the product itself.
    """

    def __init__(self, A: Tensor, B: Tensor) -> None:
        batch = torch.broadcast_shapes(A.shape[:-2], B.shape[:-2])
        self.A, self.B = A.expand(*batch, *A.shape[-2:]), B.expand(*batch, *B.shape[-2:])
        self.ldim, self.mdim, self.rdim = A.shape[-2], A.shape[-1], B.shape[-1]
        self.shape = torch.Size((*batch, self.ldim, self.rdim))
        self.ndim = len(self.shape)

    @property
    def AB(self) -> Tensor:
        """The product, (…, ldim, rdim)."""
        return self.A @ self.B

    @property
    def T(self) -> "FactoredMatrix":
        """Transposed: (…, rdim, ldim)."""
        return FactoredMatrix(self.B.mT, self.A.mT)

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, FactoredMatrix):
            return (self @ other.A) @ other.B
        if other.ndim == 1:
            return (self.A @ (self.B @ other[:, None]))[..., 0]
        return FactoredMatrix(self.A, self.B @ other) if self.rdim > self.mdim else FactoredMatrix(self.AB, other)

    def __rmatmul__(self, other: Tensor) -> Any:
        if other.ndim == 1:
            return ((other @ self.A)[..., None, :] @ self.B)[..., 0, :]
        return FactoredMatrix(other @ self.A, self.B) if self.ldim > self.mdim else FactoredMatrix(other, self.AB)

    def __mul__(self, scalar: Any) -> "FactoredMatrix":
        return FactoredMatrix(self.A * scalar, self.B)

    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> "FactoredMatrix":
        """As of the product, and factored again: a number picks a row or a column, which keeps its axis."""
        index = index if isinstance(index, tuple) else (index,)
        lead = self.ndim - 2
        ends = [*index[lead:], *[slice(None)] * (self.ndim - max(lead, len(index)))]
        row, col = (slice(each, each + 1 or None) if isinstance(each, int) else each for each in ends)
        return FactoredMatrix(self.A[index[:lead]][..., row, :], self.B[index[:lead]][..., col])

    def norm(self) -> Tensor:
        """The root of the sum of the squared entries, for each product of a batch."""
        return self.AB.pow(2).sum((-2, -1)).sqrt()
