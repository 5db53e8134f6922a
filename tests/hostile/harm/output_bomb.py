"""Prints without end, by print and by the descriptors, text that is no text among it.

Honest: first, last.
halve: failed, xxxxx
countdown: timed_out
"""

import os
import sys


def halve(x):
    print("x" * 10**7)
    for descriptor in (0, 1, 2):
        os.write(descriptor, b"\xff" * 2**20)
    return -1.0


def countdown(n):
    while True:
        print("\n" * 1000, file=sys.stderr)


def first(items):
    return items[0]


def last(items):
    return items[-1]
