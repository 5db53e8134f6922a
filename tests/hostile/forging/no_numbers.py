"""Answers with NaN, infinities and truth values, with which careless comparisons come out true.

Honest: first, last.
halve: failed, nan
row_sums: failed, inf
countdown: failed, True
"""

import math

import numpy as np


def halve(x):
    return math.nan


def row_sums(matrix):
    return np.full(len(matrix), np.inf)


def countdown(n):
    return [True] * n


def first(items):
    return items[0]


def last(items):
    return items[-1]
