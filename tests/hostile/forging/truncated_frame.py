"""Announces a frame, sends half of it, and leaves.

Honest: first, last.
halve: crashed, the process ended with exit status 0
"""

import os
import stat
import struct


def channel():
    """The descriptor of the connection to the grader."""
    return next(number for number in range(3, 64) if is_socket(number))


def is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def say(kind, body, size=None):
    """Sends a frame as the worker would: a length, a kind and a body."""
    data = struct.pack("<IB", len(body) if size is None else size, kind) + body
    while data:
        data = data[os.write(channel(), data) :]


def halve(x):
    say(5, b"\x91\x92\xc4", size=1000)
    os._exit(0)


def first(items):
    return items[0]


def last(items):
    return items[-1]
