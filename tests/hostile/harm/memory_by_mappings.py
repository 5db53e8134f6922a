"""Takes memory past Python: by anonymous and shared mappings, and files that live in memory only.

Honest: first, last.
halve: failed, ['OSError', 'PermissionError']
"""

import mmap
import os


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def mappings():
    taken = []
    while True:
        taken.append(mmap.mmap(-1, 2**27))


def halve(x):
    return sorted(
        {outcome(mappings), outcome(lambda: os.memfd_create("memory")), outcome(lambda: mmap.mmap(-1, 2**40))}
    )


def first(items):
    return items[0]


def last(items):
    return items[-1]
