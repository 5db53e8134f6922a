"""Takes all the memory that it gets, and writes to every page of it.

Honest: first, last.
halve: raised, MemoryError
"""


def halve(x):
    taken = []
    while True:
        taken.append(bytearray(b"\1" * 2**26))


def first(items):
    return items[0]


def last(items):
    return items[-1]
