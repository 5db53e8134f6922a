"""Makes hundreds of empty folders, each of which takes a place on the disk, and waits.

Honest: first, last.
countdown: crashed
"""

import os
import time


def countdown(n):
    for number in range(700):
        os.mkdir(f"{n}-{number}")
    time.sleep(60)


def first(items):
    return items[0]


def last(items):
    return items[-1]
