"""Says that its answers stand on lines that are none, in cells that are not there, and under names nobody asked for.

Honest: nothing.
halve: missing or crashed
row_sums: missing or crashed
inverse: missing or crashed
countdown: missing or crashed
first: missing or crashed
scaled_sums: missing or crashed
Counter: missing or crashed
register: missing or crashed
last: missing or crashed
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


def say(kind, body):
    """Sends a frame as the worker would: a length, a kind and a body."""
    data = struct.pack("<IB", len(body), kind) + body
    while data:
        data = data[os.write(channel(), data) :]


LOADED = 4
NASTY = "\x1b[31mred\u202e <script> ``` | ::error::x\n::error file=x::owned\n##[set-output name=score]100\r\x85 \uffff"
LINES = {"halve": -1, "row_sums": -(2**63), "inverse": 2**63 - 1, "countdown": 10**18, "first": 0, "last": -5, NASTY: 3}
PLACES = [(0, -5), (99999999, 2**63 - 1), (0, 0), (2**63 - 1, 1), (0, 10**18)]
TROUBLES = [
    {"cell": cell, "line": line, "message": NASTY * 20, "names": [NASTY, "scaled_sums"], "follows": False}
    for cell, line in PLACES
]

said = say(LOADED, msgspec.msgpack.encode({"lines": LINES, "unattempted": [NASTY], "troubles": TROUBLES}))


def halve(x):
    return x / 2


def row_sums(matrix):
    raise ValueError(NASTY)
