"""Rejects its inputs, as if Hypothesis had drawn what it need not handle.

Honest: first, last.
halve: raised, UnsatisfiedAssumption
countdown: raised, UnsatisfiedAssumption
"""

import hypothesis


def halve(x):
    hypothesis.reject()


def countdown(n):
    hypothesis.assume(n < 2)
    return [1] * n


def first(items):
    return items[0]


def last(items):
    return items[-1]
