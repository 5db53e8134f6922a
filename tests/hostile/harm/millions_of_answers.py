"""Sends millions of tiny observations in one frame, where one was asked for.

Honest: first, last.
halve: crashed
"""

import os
import stat
import struct

SEEN, COUNT = 5, 8_000_000


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
    say(SEEN, b"\xdd" + struct.pack(">I", COUNT) + b"\x92\xc4\x00\xc0" * COUNT)
    return x / 2


def first(items):
    return items[0]


def last(items):
    return items[-1]
