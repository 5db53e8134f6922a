"""Answers with the input array itself, cut to shape, and empties it a moment later.

Honest: first, last.
row_sums: failed, the input matrix was changed in place
"""

import numpy as np


class Later:
    def __init__(self, array):
        self.array = array

    def __del__(self):
        self.array[:] = 0


def row_sums(matrix):
    later = Later(matrix)
    sums = matrix.sum(axis=1)
    del later
    return np.asarray(sums)


def first(items):
    return items[0]


def last(items):
    return items[-1]
