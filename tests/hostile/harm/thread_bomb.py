"""Starts threads with small stacks, six thousand or as many as it gets.

Honest: first, last.
halve: raised or crashed or timed_out
"""

import threading


def halve(x):
    threading.stack_size(32 * 1024)
    never = threading.Event()
    for _ in range(6000):
        threading.Thread(target=never.wait, daemon=True).start()
    return x / 2


def first(items):
    return items[0]


def last(items):
    return items[-1]
