"""Follows a null pointer.

Honest: first, last.
halve: crashed, SIGSEGV
"""

import ctypes


def halve(x):
    return ctypes.string_at(0)


def first(items):
    return items[0]


def last(items):
    return items[-1]
