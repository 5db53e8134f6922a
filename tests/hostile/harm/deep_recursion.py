"""Recurses without end, and once more whenever it is told that it is too deep.

Honest: first, last.
halve: raised, RecursionError
countdown: timed_out or raised or crashed
"""


def halve(x):
    return halve(x)


def countdown(n):
    try:
        return countdown(n)
    except RecursionError:
        return countdown(n)


def first(items):
    return items[0]


def last(items):
    return items[-1]
