"""Answers with named tuples of thousands of different names, for each of which a class would have to be made.

Honest: first, last.
countdown: failed or crashed
"""

import os
import stat
import struct

import msgspec

SEEN, DONE, LIST, NAMED = 5, 7, 0, 2


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


tree = msgspec.msgpack.encode([LIST, *([NAMED, f"Name{number}", []] for number in range(50_000))])
observation = struct.pack("<I", len(tree)) + tree


def countdown(n):
    say(SEEN, msgspec.msgpack.encode([[observation, None]] * 10))
    say(DONE, b"\xc2")
    os._exit(0)


def first(items):
    return items[0]


def last(items):
    return items[-1]
