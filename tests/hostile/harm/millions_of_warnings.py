"""Says that hundreds of thousands of statements could not be loaded, all of which would stand in the report.

Honest: nothing.
halve: missing or crashed
register: missing or crashed
"""

import os
import stat
import struct

import msgspec

LOADED = 4
TROUBLE = {"cell": 0, "line": 1, "message": "no", "names": []}


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


said = say(LOADED, msgspec.msgpack.encode({"lines": {}, "unattempted": [], "troubles": [TROUBLE] * 500_000}))
