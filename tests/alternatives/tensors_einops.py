"""A submission in einops wherever it has a word for it, with torch's ready-made functions for the rest."""

import einops
import numpy as np
import torch
from jaxtyping import Float, Int, jaxtyped
from torch import Tensor
from torch.nn import functional as F


def rearrange_1() -> Tensor:
    return einops.rearrange(torch.arange(3, 9), "(rows columns) -> rows columns", columns=2)


def rearrange_2() -> Tensor:
    return einops.rearrange(torch.arange(1, 7), "(rows columns) -> rows columns", rows=2)


def temperatures_average(temps: Tensor) -> Tensor:
    return einops.reduce(temps.to(torch.float32), "(week 7) -> week", "mean")


def temperatures_differences(temps: Tensor) -> Tensor:
    return temps - einops.repeat(temperatures_average(temps), "week -> (week 7)")


def temperatures_normalized(temps: Tensor) -> Tensor:
    weeks = einops.rearrange(temps.to(torch.float32), "(week day) -> week day", day=7)
    variances, averages = torch.var_mean(weeks, dim=1, keepdim=True)
    return einops.rearrange((weeks - averages) * variances.rsqrt(), "week day -> (week day)")


def normalize_rows(matrix: Tensor) -> Tensor:
    return F.normalize(matrix, dim=-1)


def cos_sim_matrix(matrix: Tensor) -> Tensor:
    return F.cosine_similarity(matrix[:, None], matrix[None, :], dim=-1)


@jaxtyped(typechecker=None)
def collect_rows(matrix: Float[Tensor, "m n"], row_indexes: Int[Tensor, "k"]) -> Float[Tensor, "k n"]:
    return torch.index_select(matrix, 0, row_indexes)


def collect_columns(matrix, column_indexes):
    return matrix.T[column_indexes].T


def total_price_indexing(prices, items):
    return float(torch.index_select(prices, 0, items).sum())


def total_price_gather(prices, items):
    return float(torch.bincount(items, minlength=len(prices)).float() @ prices)


def gather_2d(matrix, indexes):
    return matrix[torch.arange(len(matrix))[:, None], indexes]


def integer_array_indexing(matrix, coords):
    strides = torch.tensor(matrix.stride())
    return matrix.flatten()[(coords * strides).sum(dim=-1)]


def classifier_accuracy(scores, true_classes):
    of_the_true_class = scores.gather(1, true_classes[:, None]).squeeze(1)
    return torch.where(of_the_true_class == scores.max(dim=1).values, 1.0, 0.0).mean()


def sample_distribution(probs, n):
    return torch.multinomial(probs, n, replacement=True)


def einsum_trace(mat):
    return einops.einsum(mat, "i i ->")


def einsum_mv(mat, vec):
    return einops.einsum(mat, vec, "row column, column -> row")


def einsum_mm(mat1, mat2):
    return einops.einsum(mat1, mat2, "row inner, inner column -> row column")


def einsum_inner(vec1, vec2):
    return np.dot(vec1, vec2)


def einsum_outer(vec1, vec2):
    return vec1[:, None] * vec2


def einsum_attention_scores(q, k):
    return q.transpose(1, 2) @ k.permute(0, 2, 3, 1)


def batched_logsumexp(matrix):
    return torch.logsumexp(matrix, dim=-1)


def batched_softmax(matrix):
    return (matrix - torch.logsumexp(matrix, dim=-1, keepdim=True)).exp()


def batched_logsoftmax(matrix):
    return F.log_softmax(matrix, dim=-1)


def batched_cross_entropy_loss(logits, true_labels):
    return F.cross_entropy(logits, true_labels, reduction="none")
