"""Answers with numbers that take for ever to be written down, and has one written.

Honest: first, last.
halve: failed, int of
row_sums: raised, ValueError
countdown: timed_out, no answer within 1 second
"""

import sys


def halve(x):
    return 1 << 10**6


def row_sums(matrix):
    raise ValueError(str(1 << 10**6))


def countdown(n):
    sys.set_int_max_str_digits(0)
    return str(1 << 10**8)


def first(items):
    return items[0]


def last(items):
    return items[-1]
