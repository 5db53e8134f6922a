"""Calls the system by the numbers of its third kind of programs, of which a filter may not have thought.

Honest: first, last.
halve: crashed, SIGSYS
"""

import ctypes
import os
import signal

LIBC = ctypes.CDLL(None, use_errno=True)
X32_GETPID = 0x40000000 | 39


def halve(x):
    if os.uname().machine != "x86_64":  # no other processor has them
        os.kill(os.getpid(), signal.SIGSYS)
    return LIBC.syscall(ctypes.c_long(X32_GETPID))


def first(items):
    return items[0]


def last(items):
    return items[-1]
