"""Says at once that everything was loaded, and that all exercises are there and attempted.

Honest: nothing.
halve: crashed, it broke the protocol
first: crashed, it broke the protocol
last: crashed, it broke the protocol
register: crashed, it broke the protocol
"""

import os
import stat
import struct

import msgspec

LOADED = 4


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


names = dict.fromkeys(("halve", "first", "last"), 1)
said = say(LOADED, msgspec.msgpack.encode({"lines": names, "unattempted": [], "troubles": []}))


def first(items):
    return items[0]
