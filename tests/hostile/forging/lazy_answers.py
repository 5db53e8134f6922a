"""Answers with promises: a generator, a function and an object that would compute the answer when asked.

Honest: first, last.
halve: failed, function
countdown: failed, generator
row_sums: failed, Future
"""

from concurrent.futures import Future


def halve(x):
    return lambda: x / 2


def countdown(n):
    yield from range(n, 0, -1)


def row_sums(matrix):
    promise = Future()
    promise.set_result(matrix.sum(axis=1))
    return promise


def first(items):
    return items[0]


def last(items):
    return items[-1]
