"""Answers with sets and keys that do not compare with each other: to sort them raises, or depends on the hashes.

Honest: first, last.
halve: failed, {1.0, (1, 2)}
countdown: failed, range(0, 3)
row_sums: failed
inverse: failed
"""

import numpy as np


def halve(x):
    return {np.float64(1.0), (1, 2)}


def row_sums(matrix):
    return {(np.float64(1.0), "a"): 1, frozenset({np.float32("nan"), (1, 2)}): 2, np.dtype("f4"): 3, "f4": 4, ...: 5}


def countdown(n):
    return [{float("nan"), np.float32("nan"), 1j, "a", b"a", None, ..., range(3), np.int8(2), (float("nan"), "x")}]


def inverse(x):
    return frozenset({frozenset({"b", "a", None}), frozenset({np.float64("nan"), 2**4000}), (np.int64(1), (2, 3))})


def first(items):
    return items[0]


def last(items):
    return items[-1]
