"""Has messages, names of types and causes that are longer than any report, and as deep as recursion goes.

Honest: first, last.
halve: raised, xxxxx
countdown: raised, ExceptionGroup
inverse: raised, Deep
"""


def halve(x):
    raise type("x" * 10**6, (ValueError,), {})("x" * 10**7)


def countdown(n):
    raise ExceptionGroup("many", [ValueError("x" * 10**5)] * 1000)


class Deep(Exception):
    pass


def inverse(x):
    error = Deep()
    for _ in range(10**5):
        later = Deep()
        later.__cause__ = later.__context__ = error
        error = later
    raise error


def first(items):
    return items[0]


def last(items):
    return items[-1]
