"""Answers well as long as it thinks that somebody looks: the first fifty examples.

Honest: first, last.
halve: failed, 0.0 instead of
"""

import itertools

calls = itertools.count()


def halve(x):
    return x / 2 if next(calls) < 50 else 0.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
