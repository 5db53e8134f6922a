"""Writes over the objects of the interpreter until it falls.

Honest: first, last.
halve: crashed
"""

import ctypes
import gc


def halve(x):
    for thing in gc.get_objects():
        ctypes.memset(id(thing), 0xFF, 64)
    return x / 2


def first(items):
    return items[0]


def last(items):
    return items[-1]
