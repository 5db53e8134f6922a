"""Computes a number with a hundred million digits, which nothing in Python can interrupt.

Honest: first, last.
countdown: timed_out, no answer within 1 second
"""


def countdown(n):
    return 7**10**8


def first(items):
    return items[0]


def last(items):
    return items[-1]
