"""Ends itself the hard way: by abort and by SIGKILL.

Honest: first, last.
halve: crashed, SIGABRT
countdown: crashed
"""

import os
import signal


def halve(x):
    os.abort()


def countdown(n):
    os.kill(os.getpid(), signal.SIGKILL)


def first(items):
    return items[0]


def last(items):
    return items[-1]
