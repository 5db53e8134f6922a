# %%
"""A submission as people have it who worked through ARENA: its layout, test calls after each function, pictures, timings."""

import math
import os
import sys
from pathlib import Path

import einops
import numpy as np
import torch as t
from torch import Tensor

root_dir = next(p for p in [Path.cwd(), *Path.cwd().parents])
exercises_dir = root_dir / "chapter0_fundamentals" / "exercises"
section_dir = exercises_dir / "part0_prereqs"
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part0_prereqs.tests as tests
from part0_prereqs.utils import display_array_as_img, display_soln_array_as_img

MAIN = __name__ == "__main__"

if MAIN:
    arr = np.load(section_dir / "numbers.npy")
    print(arr[0].shape)
    display_array_as_img(arr[0])

# %%
if MAIN:
    arr1 = einops.rearrange(arr, "b c h w -> c h (b w)")
    display_array_as_img(arr1)


def assert_all_equal(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape, f"shapes differ: {actual.shape} and {expected.shape}"
    assert (actual == expected).all()
    print("same")


# %%
def rearrange_1() -> Tensor:
    return einops.rearrange(t.arange(3, 9), "(h w) -> h w", h=3, w=2)


expected = t.tensor([[3, 4], [5, 6], [7, 8]])
assert_all_equal(rearrange_1(), expected)


def rearrange_2() -> Tensor:
    return einops.rearrange(t.arange(1, 7), "(h w) -> h w", h=2, w=3)


assert_all_equal(rearrange_2(), t.tensor([[1, 2, 3], [4, 5, 6]]))


# %%
def temperatures_average(temps: Tensor) -> Tensor:
    assert len(temps) % 7 == 0
    return einops.reduce(temps.float(), "(h 7) -> h", "mean")


temps = t.tensor([71, 72, 70, 75, 71, 72, 70, 75, 80, 85, 80, 78, 72, 83]).float()
tests.test_temperatures_average(temperatures_average)


def temperatures_differences(temps: Tensor) -> Tensor:
    assert len(temps) % 7 == 0
    avg = temperatures_average(temps)
    return temps - einops.repeat(avg, "w -> (w 7)")


def temperatures_normalized(temps: Tensor) -> Tensor:
    avg = temperatures_average(temps)
    std = einops.reduce(temps.float(), "(h 7) -> h", lambda x, axes: x.std(dim=axes))
    return (temps - einops.repeat(avg, "w -> (w 7)")) / einops.repeat(std, "w -> (w 7)")


# %%
def normalize_rows(matrix: Tensor) -> Tensor:
    row_norms = matrix.norm(dim=1, keepdim=True)
    return matrix / row_norms


def cos_sim_matrix(matrix: Tensor) -> Tensor:
    matrix_normalized = normalize_rows(matrix)
    return matrix_normalized @ matrix_normalized.T


def sample_distribution(probs: Tensor, n: int) -> Tensor:
    thresholds = t.cumsum(probs.double(), dim=0)[:-1]  # the last category takes all that is left
    return (t.rand(n, 1, dtype=t.float64) >= thresholds).sum(dim=-1)


if MAIN:
    n = 5_000_000
    probs = t.tensor([0.05, 0.1, 0.1, 0.2, 0.15, 0.4])
    freqs = t.bincount(sample_distribution(probs, n)) / n
    t.testing.assert_close(freqs, probs, rtol=0.001, atol=0.001)


def classifier_accuracy(scores: Tensor, true_classes: Tensor) -> Tensor:
    assert true_classes.max() < scores.shape[1]
    return (scores.argmax(dim=1) == true_classes).float().mean()


def total_price_indexing(prices: Tensor, items: Tensor) -> float:
    return prices[items].sum().item()


def gather_2d(matrix: Tensor, indexes: Tensor) -> Tensor:
    assert matrix.ndim == indexes.ndim
    assert indexes.shape[0] <= matrix.shape[0]
    out = matrix.gather(1, indexes)
    assert out.shape == indexes.shape
    return out


def total_price_gather(prices: Tensor, items: Tensor) -> float:
    return prices.gather(0, items).sum().item()


def integer_array_indexing(matrix: Tensor, coords: Tensor) -> Tensor:
    return matrix[tuple(coords.T)]


# %%
def batched_logsumexp(matrix: Tensor) -> Tensor:
    C = matrix.max(dim=-1).values.clamp(min=t.finfo(matrix.dtype).min)
    exps = t.exp(matrix - einops.rearrange(C, "n -> n 1"))
    total = t.log(t.sum(exps, dim=-1))
    return t.where(total == -math.inf, total, C + total)


def batched_softmax(matrix: Tensor) -> Tensor:
    exp = (matrix - matrix.max(dim=-1, keepdim=True).values).exp()
    return exp / exp.sum(dim=-1, keepdim=True)


def batched_logsoftmax(matrix: Tensor) -> Tensor:
    C = matrix.max(dim=1, keepdim=True).values
    return matrix - C - (matrix - C).exp().sum(dim=1, keepdim=True).log()


def batched_cross_entropy_loss(logits: Tensor, true_labels: Tensor) -> Tensor:
    assert logits.shape[0] == true_labels.shape[0]
    assert true_labels.max() < logits.shape[1]
    logprobs = batched_logsoftmax(logits)
    return -logprobs[t.arange(logits.shape[0]), true_labels]


for row_indexes in ([0, 2], [1, 1]):
    print(row_indexes)


def collect_rows(matrix: Tensor, row_indexes: Tensor) -> Tensor:
    assert row_indexes.max() < matrix.shape[0]
    return matrix[row_indexes]


def collect_columns(matrix: Tensor, column_indexes: Tensor) -> Tensor:
    assert column_indexes.max() < matrix.shape[1]
    return matrix[:, column_indexes]


# %%
def einsum_trace(mat: np.ndarray):
    return einops.einsum(mat, "i i ->")


def einsum_mv(mat: np.ndarray, vec: np.ndarray):
    return einops.einsum(mat, vec, "i j, j -> i")


def einsum_mm(mat1: np.ndarray, mat2: np.ndarray):
    return einops.einsum(mat1, mat2, "i j, j k -> i k")


def einsum_inner(vec1: np.ndarray, vec2: np.ndarray):
    return einops.einsum(vec1, vec2, "i, i ->")


def einsum_outer(vec1: np.ndarray, vec2: np.ndarray):
    return einops.einsum(vec1, vec2, "i, j -> i j")


def einsum_attention_scores(q: Tensor, k: Tensor) -> Tensor:
    return einops.einsum(q, k, "b s h d, b u h d -> b h s u")


tests.test_einsum_trace(einsum_trace)
tests.test_einsum_mv(einsum_mv)
