"""Answers with values that are longer, when they are written down, than they look: slices, keys, brackets.

Honest: first, last.
halve: failed, too much in it
countdown: failed, too much in it
Counter: failed, an extra key 'xxx
row_sums: failed, too much in it
inverse: failed, too much in it
"""

import numpy as np

TOWER = np.zeros((120,) + (1,) * 31)  # each number has 31 pairs of brackets around it


def nested(depth):
    return slice(nested(depth - 1), nested(depth - 1), "x" * 1000) if depth else None


def halve(x):
    return nested(8)


def countdown(n):
    return {tuple((i, "x" * 20) for i in range(100)) + ((("x" * 20,) * 100,) * 100): 1}


def first(items):
    return items[0]


class Counter:
    def __init__(self):
        self.counts = {"x" * 200_000: 1}

    def add(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1


def row_sums(matrix):
    return [TOWER] * 20


def inverse(x):
    return ["\x01" * 3000] * 100


def last(items):
    return items[-1]
