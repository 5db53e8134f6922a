"""Fills the disk with files, and talks all the while so that nobody looks.

Honest: first, last.
countdown: crashed, MiB of files
"""

import os
import stat
import struct
import time


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


def countdown(n):
    for number in range(32):
        with open(f"file{number}", "wb") as file:
            file.write(bytes(8 * 2**20))
        end = time.monotonic() + 0.02
        while time.monotonic() < end:
            say(6, b"\xa1.")
    while True:
        say(6, b"\xa1.")
        time.sleep(0.02)


def first(items):
    return items[0]


def last(items):
    return items[-1]
