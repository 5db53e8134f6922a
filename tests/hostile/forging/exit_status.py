"""Leaves with exit status 0 in the middle of an example, as a test program that has passed would.

Honest: first, last.
halve: crashed, the process ended with exit status 0
"""

import os


def halve(x):
    os._exit(0)


def first(items):
    return items[0]


def last(items):
    return items[-1]
