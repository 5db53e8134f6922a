"""Skips, expects to fail, and ends the test run, as pytest would understand it.

Honest: first, last.
halve: raised, Skipped
countdown: raised, XFailed
inverse: raised, Exit
"""

import pytest


def halve(x):
    pytest.skip("not on this machine")


def countdown(n):
    pytest.xfail("known to fail")


def inverse(x):
    pytest.exit("done", returncode=0)


def first(items):
    return items[0]


def last(items):
    return items[-1]
