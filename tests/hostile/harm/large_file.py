"""Writes one file without end, and a sparse one that is as large as an address can say.

Honest: first, last.
halve: raised, File too large
inverse: raised, File too large
"""

import os


def halve(x):
    with open("large", "wb") as file:
        while True:
            file.write(bytes(2**20))


def inverse(x):
    os.truncate(os.open("sparse", os.O_CREAT | os.O_RDWR), 2**62)


def first(items):
    return items[0]


def last(items):
    return items[-1]
