"""How near two numbers must be to agree."""

from typing import NamedTuple

import numpy as np

INEXACT = {  # rtol and atol of each dtype that is not compared exactly
    "float64": (1e-6, 1e-8),
    "complex128": (1e-6, 1e-8),
    "float32": (1e-4, 1e-5),
    "complex64": (1e-4, 1e-5),
    "float16": (1e-2, 1e-2),
    "bfloat16": (1e-2, 1e-2),
}
_EPS = {
    "float64": 2**-52,
    "complex128": 2**-52,
    "float32": 2**-23,
    "complex64": 2**-23,
    "float16": 2**-10,
    "bfloat16": 2**-7,
}
_MAX_SLACK = 1e-2  # of the largest value: 16 roundings of a bfloat16 would be an eighth of it


class Tolerance(NamedTuple):
    """The tolerances asked for; None stands for the default of the dtype that is compared."""

    rtol: float | None = None
    atol: float | None = None

    def bound(self, dtype: str, expected: np.ndarray) -> np.ndarray:
        """How far a value may be from `expected`, by element.

        A sum of terms that cancel is as wrong as its largest term is rounded. So a few roundings of the largest
        expected value are allowed everywhere, unless the comparison is to be exact (rtol = 0).
        """
        rtol, atol = INEXACT[dtype]
        rtol, atol = (rtol if self.rtol is None else self.rtol), (atol if self.atol is None else self.atol)
        size = np.abs(expected)
        slack = min(16 * _EPS[dtype], _MAX_SLACK) if rtol else 0
        return np.asarray(atol + rtol * size + slack * size[np.isfinite(expected)].max(initial=0))


def agreement(observed: np.ndarray, expected: np.ndarray, dtype: str, tolerance: Tolerance) -> np.ndarray:
    """Where two arrays of one shape agree, as an array of bool; within the tolerance of `dtype` if that is inexact."""
    if dtype not in INEXACT:
        return np.asarray(observed == expected)
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    observed, expected = observed.astype(wide, copy=False), expected.astype(wide, copy=False)
    finite = np.isfinite(observed) & np.isfinite(expected)
    near = np.abs(observed - expected) <= tolerance.bound(dtype, expected)
    if finite.all():
        return np.asarray(near)
    same = _same(observed.real, expected.real) & _same(observed.imag, expected.imag)
    return np.asarray(np.where(finite, near, same))


def _same(observed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return np.asarray((observed == expected) | (np.isnan(observed) & np.isnan(expected)))
