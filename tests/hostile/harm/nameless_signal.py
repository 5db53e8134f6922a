"""Dies of a real-time signal, one for which there is no name.

Honest: first, last.
halve: crashed
"""

import os
import signal


def halve(x):
    os.kill(os.getpid(), signal.SIGRTMIN + 6)


def first(items):
    return items[0]


def last(items):
    return items[-1]
