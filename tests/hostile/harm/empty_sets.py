"""Answers with millions of empty sets, each of two bytes in a message and of hundreds in memory.

Honest: first, last.
halve: crashed, what came back is not data
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


LIST, SET, COUNT = 0, 4, 2_000_000
TREE = b"\xdd" + struct.pack(">IB", COUNT + 1, LIST) + bytes([0x91, SET]) * COUNT
SEEN = 5


def halve(x):
    say(SEEN, msgspec.msgpack.encode([[struct.pack("<I", len(TREE)) + TREE, None]] * 2))
    os._exit(0)


def first(items):
    return items[0]


def last(items):
    return items[-1]
