"""Raises exceptions whose words, names and bases cannot be had without trouble.

Honest: first, last.
halve: raised, Broken
countdown: raised or crashed
inverse: raised or crashed
"""


class Broken(Exception):
    def __str__(self):
        raise Broken

    def __getattribute__(self, name):
        raise Broken if name != "__traceback__" else RecursionError

    __repr__ = __str__


class Named(type):
    @property
    def __name__(cls):
        raise SystemExit(0)

    @property
    def __mro__(cls):
        raise SystemExit(0)


class Nameless(Exception, metaclass=Named):
    pass


def halve(x):
    raise type("Broken", (Exception,), {"__str__": lambda self: 3})


def countdown(n):
    raise Broken


def inverse(x):
    raise Nameless


def first(items):
    return items[0]


def last(items):
    return items[-1]
