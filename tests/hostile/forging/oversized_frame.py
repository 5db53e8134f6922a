"""Announces a frame of four gigabytes, for which a careless reader would make room.

Honest: first, last.
halve: crashed, what came is not a frame
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
    say(5, b"", size=2**32 - 1)
    return x / 2


def first(items):
    return items[0]


def last(items):
    return items[-1]
