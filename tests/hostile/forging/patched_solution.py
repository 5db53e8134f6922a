"""Has the solution give other functions than those that are asked for.

Honest: first, last.
halve: failed, 0.0 instead of 0.5
"""

from graders.engine.worker.observing import Solution

ask = Solution.__getattribute__
Solution.__getattribute__ = lambda self, name: ask(self, "guess" if name == "halve" else name)


def guess(x):
    return 0.0


def halve(x):
    return -1.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
