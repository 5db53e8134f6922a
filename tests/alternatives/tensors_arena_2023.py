"""A submission in the ways of ARENA's text of 2023: einops throughout, asserts that there is something to pick from."""

import einops
import numpy as np
import torch as t


def rearrange_1() -> t.Tensor:
    return einops.rearrange(t.arange(3, 9), "(h w) -> h w", h=3, w=2)


def rearrange_2() -> t.Tensor:
    return einops.rearrange(t.arange(1, 7), "(h w) -> h w", h=2, w=3)


def temperatures_average(temps: t.Tensor) -> t.Tensor:
    assert len(temps) % 7 == 0
    return einops.reduce(temps, "(week day) -> week", "mean", day=7)


def temperatures_differences(temps: t.Tensor) -> t.Tensor:
    assert len(temps) % 7 == 0
    return temps - einops.repeat(temperatures_average(temps), "week -> (week 7)")


def temperatures_normalized(temps: t.Tensor) -> t.Tensor:
    deviation = einops.reduce(temps, "(week 7) -> week", t.std)
    return temperatures_differences(temps) / einops.repeat(deviation, "week -> (week 7)")


def batched_dot_product_nd(a: t.Tensor, b: t.Tensor) -> t.Tensor:
    return (a.flatten(1) * b.flatten(1)).sum(1)


def identity_matrix(n: int) -> t.Tensor:
    assert n >= 0
    line = t.arange(n)
    return (line[:, None] == line).float()


def sample_distribution(probs: t.Tensor, n: int) -> t.Tensor:
    assert abs(probs.sum() - 1.0) < 0.001
    assert (probs >= 0).all()
    return (t.rand(n, 1) > t.cumsum(probs, dim=0)).sum(dim=-1)


def classifier_accuracy(scores: t.Tensor, true_classes: t.Tensor) -> t.Tensor:
    assert true_classes.max() < scores.shape[1]
    return (scores.argmax(dim=1) == true_classes).float().mean()


def total_price_indexing(prices: t.Tensor, items: t.Tensor) -> float:
    assert items.max() < prices.shape[0]
    return prices[items].sum().item()


def gather_2d(matrix: t.Tensor, indexes: t.Tensor) -> t.Tensor:
    assert matrix.ndim == indexes.ndim
    assert indexes.shape[0] <= matrix.shape[0]
    out = matrix.gather(1, indexes)
    assert out.shape == indexes.shape
    return out


def total_price_gather(prices: t.Tensor, items: t.Tensor) -> float:
    assert items.max() < prices.shape[0]
    return prices.gather(0, items).sum().item()


def integer_array_indexing(matrix: t.Tensor, coords: t.Tensor) -> t.Tensor:
    return matrix[tuple(coords.T)]


def batched_logsumexp(matrix: t.Tensor) -> t.Tensor:
    largest = matrix.max(dim=-1).values
    powers = t.exp(matrix - einops.rearrange(largest, "n -> n 1"))
    return largest + t.log(t.sum(powers, dim=-1))


def batched_softmax(matrix: t.Tensor) -> t.Tensor:
    powers = matrix.exp()
    return powers / powers.sum(dim=-1, keepdims=True)


def batched_logsoftmax(matrix: t.Tensor) -> t.Tensor:
    shifted = matrix - matrix.max(dim=1, keepdim=True).values
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def batched_cross_entropy_loss(logits: t.Tensor, true_labels: t.Tensor) -> t.Tensor:
    assert logits.shape[0] == true_labels.shape[0]
    assert true_labels.max() < logits.shape[1]
    log_probs = batched_logsoftmax(logits)
    picked = log_probs.gather(1, einops.rearrange(true_labels, "b -> b 1"))
    return -einops.rearrange(picked, "b 1 -> b")


def collect_rows(matrix: t.Tensor, row_indexes: t.Tensor) -> t.Tensor:
    assert row_indexes.max() < matrix.shape[0]
    return matrix[row_indexes]


def collect_columns(matrix: t.Tensor, column_indexes: t.Tensor) -> t.Tensor:
    assert column_indexes.max() < matrix.shape[1]
    return matrix[:, column_indexes]


def einsum_trace(mat: np.ndarray) -> float:
    return einops.einsum(mat, "i i ->")


def einsum_mv(mat: np.ndarray, vec: np.ndarray) -> np.ndarray:
    return einops.einsum(mat, vec, "i j, j -> i")


def einsum_mm(mat1: np.ndarray, mat2: np.ndarray) -> np.ndarray:
    return einops.einsum(mat1, mat2, "i j, j k -> i k")


def einsum_inner(vec1: np.ndarray, vec2: np.ndarray) -> float:
    return einops.einsum(vec1, vec2, "i, i ->")


def einsum_outer(vec1: np.ndarray, vec2: np.ndarray) -> np.ndarray:
    return einops.einsum(vec1, vec2, "i, j -> i j")


def einsum_attention_scores(q: t.Tensor, k: t.Tensor) -> t.Tensor:
    return einops.einsum(q, k, "b q h d, b k h d -> b h q k")


def normalize_rows(matrix: t.Tensor) -> t.Tensor:
    return matrix / matrix.norm(dim=1, keepdim=True)


def cos_sim_matrix(matrix: t.Tensor) -> t.Tensor:
    normalized = normalize_rows(matrix)
    return normalized @ normalized.T
