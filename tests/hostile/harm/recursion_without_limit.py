"""Lifts the limit of recursion, and recurses through C until the stack is at its end.

Honest: first, last.
halve: crashed, SIGSEGV
"""

import sys


def halve(x):
    sys.setrecursionlimit(10**9)
    return max([x], key=halve)


def first(items):
    return items[0]


def last(items):
    return items[-1]
