"""Says while it is loaded that a task was done, and at each task that the file was loaded.

Honest: first, last.
halve: crashed, it broke the protocol
"""

import os
import stat
import struct

import msgspec

LOADED, DONE = 4, 7


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


said = say(DONE, b"\xc2")


def halve(x):
    say(LOADED, msgspec.msgpack.encode({"lines": {}, "unattempted": [], "troubles": []}))
    return x / 2


def first(items):
    return items[0]


def last(items):
    return items[-1]
