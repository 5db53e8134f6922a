"""Says that it defines millions of names, all of which somebody has to keep.

Honest: nothing.
halve: missing or crashed
register: missing or crashed
"""

import os
import stat
import struct

import numpy as np


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


LOADED, COUNT, LETTERS = 4, 5_900_000, 90


def names():
    """So many different names of four letters, each defined in line 1, as entries of a map."""
    entries = np.full((COUNT, 6), [0xA4, 0, 0, 0, 0, 1], np.uint8)
    for place in range(4):
        entries[:, 1 + place] = 33 + np.arange(COUNT) // LETTERS**place % LETTERS
    return entries.tobytes()


MAP = b"\xdf" + struct.pack(">I", COUNT)
said = say(LOADED, b"\x83\xa5lines" + MAP + names() + b"\xabunattempted\x90\xa8troubles\x90")
