"""Takes nearly a second for each answer: too long for all, and not long enough for any to be the one that hangs.

Honest: first, last.
halve: timed_out, no answer within 5 seconds
"""

import time


def halve(x):
    time.sleep(0.9)
    return x / 2


def first(items):
    return items[0]


def last(items):
    return items[-1]
