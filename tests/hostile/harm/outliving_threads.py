"""Leaves threads behind, unknown to the threading module, which write into whatever is sent later.

Honest: first, last.
halve: failed or crashed
"""

import _thread
import os
import stat
import time


def channel():
    """The descriptor of the connection to the grader."""
    return next(number for number in range(3, 64) if is_socket(number))


def is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def disturb():
    time.sleep(0.01)
    while True:
        os.write(channel(), b"\5garbage")


def halve(x):
    _thread.start_new_thread(disturb, ())
    return -1.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
