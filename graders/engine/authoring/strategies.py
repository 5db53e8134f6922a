"""Hypothesis strategies that every section needs: arrays and tensors of numbers that are easy to read.

An array is drawn as one string of bytes, which look up their numbers in a table. That is several times faster than
drawing number by number, gives arrays without long runs of the same number, and shrinks to the front of the table.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from hypothesis import strategies as st

if TYPE_CHECKING:
    import torch

WHOLE: Final = tuple(sign * size for size in range(10) for sign in (1, -1) if size or sign == 1)  # 0, 1, -1, 2, … -9
POSITIVE: Final = tuple(range(1, 10))
NONZERO: Final = WHOLE[1:]
HALVES: Final = tuple(number / 2 for number in WHOLE)


def arrays(
    shape: tuple[int, ...], values: Sequence[float] = WHOLE, dtype: type | str = np.float64
) -> st.SearchStrategy[np.ndarray]:
    """Arrays of a shape with elements from `values`.

    Args:
        shape: the shape; `()` is an array without axes.
        values: at most 256 numbers, the simplest first: small whole ones make sums exact and counterexamples readable.
        dtype: of the arrays.
    """
    if not 0 < len(values) <= 256:
        raise ValueError("an array needs between 1 and 256 values to choose from")
    table, size = np.array(values, dtype=dtype), math.prod(shape)

    def build(drawn: bytes) -> np.ndarray:
        return table[np.frombuffer(drawn, np.uint8) % len(table)].reshape(shape)

    return st.binary(min_size=size, max_size=size).map(build)


def tensors(
    shape: tuple[int, ...], values: Sequence[float] = WHOLE, dtype: str = "float32"
) -> "st.SearchStrategy[torch.Tensor]":
    """Torch tensors of a shape with elements from `values`, like `arrays`. `dtype` is numpy's name of it."""
    import torch

    return arrays(shape, values, dtype).map(torch.from_numpy)


def shapes(most: int, sizes: Sequence[int] = (2, 3, 1, 4), least: int = 0) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of `least` to `most` axes, all of different sizes, so that mixed-up axes cannot coincide."""
    return st.lists(st.sampled_from(sizes), min_size=least, max_size=most, unique=True).map(tuple)
