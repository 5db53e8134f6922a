"""Answers each example with as many bytes as one answer may have, all of which somebody has to keep.

Honest: last.
first: failed or crashed or timed_out
"""

import numpy as np

ANSWER = np.ones(2**22 - 16)


def first(items):
    return ANSWER


def last(items):
    return items[-1]
