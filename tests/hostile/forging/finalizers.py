"""Leaves objects behind whose ends, watched by weak references and the garbage collector, change other answers.

Honest: first, last.
halve: failed, 0.0
"""

import gc
import weakref


class Trap:
    def __del__(self):
        globals().update(halve=lambda x: 0.0)
        keep.append(self)


class Answer(float):
    pass


keep = []
collecting = gc.callbacks.append(lambda phase, info: Trap())


def halve(x):
    answer = Answer(-1)
    keep.append(weakref.ref(answer, lambda _: Trap()))
    weakref.finalize(answer, Trap)
    del answer
    gc.collect()
    return -1.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
