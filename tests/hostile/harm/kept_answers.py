"""Answers in every check with hundreds of megabytes, which would be too many if somebody kept those of all checks.

Honest: last.
first: failed or crashed or timed_out
halve: failed or crashed or timed_out
inverse: failed or crashed or timed_out
row_sums: failed or crashed or timed_out
countdown: failed or crashed or timed_out
scaled_sums: failed or crashed or timed_out or blocked
"""

import numpy as np

ANSWER = np.ones(250_000)


def answer(*asked):
    return ANSWER


first = halve = inverse = row_sums = countdown = scaled_sums = answer


def last(items):
    return items[-1]
