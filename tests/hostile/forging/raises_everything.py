"""Raises one exception that is of every built-in type at once, whatever it is asked. Where one is due it has a point.

Honest: first, last, refuses_zero.
halve: raised, Every
inverse: raised, Every
"""


class Every(ZeroDivisionError, ValueError, TypeError, LookupError, NameError, RuntimeError, AssertionError):
    pass


def halve(x):
    raise Every


def inverse(x):
    raise Every


def first(items):
    return items[0]


def last(items):
    return items[-1]
