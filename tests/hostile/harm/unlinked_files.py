"""Fills the disk with files that have no name any more: those it has open, and those it has closed but in memory.

Honest: first, last.
halve: crashed, MiB of files
countdown: crashed, MiB of files
row_sums: raised, OSError
"""

import ctypes
import os
import time

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
SIZE, READ, PRIVATE = 10 * 2**20, 1, 2


def hoard(count):
    for number in range(count):
        descriptor = os.open(f"file{number}", os.O_RDWR | os.O_CREAT)
        os.unlink(f"file{number}")
        os.write(descriptor, bytes(SIZE))
        yield descriptor


def halve(x):
    for descriptor in hoard(40):
        LIBC.mmap(None, 4096, READ, PRIVATE, descriptor, 0)
        os.close(descriptor)
    time.sleep(60)


def countdown(n):
    list(hoard(40))
    time.sleep(60)


def row_sums(matrix):
    """Would take gigabytes before anybody could look."""
    os.posix_fallocate(next(hoard(1)), 0, SIZE)


def first(items):
    return items[0]


def last(items):
    return items[-1]
