"""Says in millions of letters why a statement could not be loaded, for which many exercises are missing.

Honest: nothing.
halve: missing, xxx
first: missing, xxx
register: missing or crashed
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


LOADED = 4
TROUBLE = {"cell": 0, "line": 1, "message": "x" * 3_000_000, "names": ["halve", "first"]}


said = say(LOADED, msgspec.msgpack.encode({"lines": {}, "unattempted": [], "troubles": [TROUBLE]}))
