"""Says in millions of letters which of its inputs was changed.

Honest: first, last.
halve: crashed
"""

import os
import stat
import struct

import msgspec


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


SEEN, LONG = 5, "x" * 3_000_000


def halve(x):
    half = msgspec.msgpack.encode(x / 2)
    say(SEEN, msgspec.msgpack.encode([[struct.pack("<I", len(half)) + half, LONG]]))
    os._exit(0)


def first(items):
    return items[0]


def last(items):
    return items[-1]
