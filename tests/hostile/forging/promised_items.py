"""Sends small frames that announce billions of items, keys or bytes in themselves.

Honest: first, last.
halve: crashed, the process was given up
row_sums: crashed, the process was given up
inverse: crashed, the process was given up
"""

import os
import stat
import struct

SEEN = 5


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
    say(SEEN, b"\xdd\xff\xff\xff\xff")
    return x / 2


def row_sums(matrix):
    say(SEEN, b"\x91\x92\xc6\xff\xff\xff\xff")
    return matrix.sum(axis=1)


def inverse(x):
    say(SEEN, b"\x91\xdf\xff\xff\xff\xff")
    return 1 / x


def first(items):
    return items[0]


def last(items):
    return items[-1]
