"""Answers with an object that would run code of its own where it is unpickled or copied.

Honest: first, last.
halve: failed, a Payload came out, not data
"""

import os


class Payload:
    def __reduce__(self):
        return os.system, ("touch /tmp/hostile-was-here",)

    def __reduce_ex__(self, protocol):
        return self.__reduce__()

    def __deepcopy__(self, memo):
        return 0.0

    __copy__ = __getstate__ = __reduce__


def halve(x):
    return Payload()


def first(items):
    return items[0]


def last(items):
    return items[-1]
