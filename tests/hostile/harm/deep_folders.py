"""Makes a folder in a folder in a folder, deeper than a recursive function can follow.

Honest: first, last.
halve: failed or crashed
"""

import os


def halve(x):
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    return -1.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
