"""Answers with data at the edges of what can be written: many axes, odd numbers, keys of all kinds.

Honest: first, last.
halve: failed
countdown: failed
row_sums: failed
"""

import numpy as np


def halve(x):
    return {float("nan"): -0.0, (): b"\x00\xff", frozenset([1j]): ..., None: range(10**18), True: 2**4000}


def countdown(n):
    return ["\x00", "\U0010ffff", 10**1200, -(10**1200), float("-inf"), complex("nan+infj"), slice(None, ..., 3)]


def row_sums(matrix):
    return np.zeros((1,) * 30 + (0,), np.complex64)


def first(items):
    return items[0]


def last(items):
    return items[-1]
