"""Closes every descriptor it has, and goes on as if nothing had happened.

Honest: first, last.
halve: crashed
"""

import os


def halve(x):
    os.closerange(0, 1024)
    return x / 2


def first(items):
    return items[0]


def last(items):
    return items[-1]
