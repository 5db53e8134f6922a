"""A section for the tests of the engine: one exercise for each way an answer can go wrong."""

import numpy as np


# %% Plain functions


def halve(x):
    """Half of x."""
    return x / 2


def row_sums(matrix):
    """The sum of each row of a matrix (n, m): an array (n,)."""
    return matrix.sum(axis=1)


def inverse(x):
    """1 / x. Raises ZeroDivisionError for 0."""
    if x == 0:
        raise ZeroDivisionError("0 has no inverse")
    return 1 / x


def countdown(n):
    """The list n, n - 1, ..., 1."""
    numbers = []
    while n > 0:
        numbers.append(n)
        n -= 1
    return numbers


def first(items):
    """The first of the items."""
    return items[0]


def scaled_sums(matrix, factor):
    """The sum of each row, times factor."""
    return row_sums(matrix) * factor


# %% A class, and a register


class Counter:
    """Counts words."""

    def __init__(self):
        self.counts = {}

    def add(self, word):
        """Counts one more of word."""
        self.counts[word] = self.counts.get(word, 0) + 1

    def __repr__(self):  # given
        return f"Counter({self.counts})"


OPERATIONS = {}


def register(name, operation):
    """Keeps an operation under a name."""
    OPERATIONS[name] = operation


def last(items):
    """The last of the items."""
    return items[-1]
