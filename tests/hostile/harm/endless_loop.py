"""Loops, catches whatever would end the loop, and does so while it is loaded too.

Honest: first, last.
countdown: timed_out, no answer within 1 second
warning: took longer than 3 seconds
"""


class Loading:
    while True:
        try:  # noqa: SIM105
            pass
        except BaseException:
            pass


def countdown(n):
    while True:
        try:
            while True:
                n = 1 - n
        except BaseException:
            continue


def first(items):
    return items[0]


def last(items):
    return items[-1]
