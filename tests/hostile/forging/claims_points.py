"""Says that it has passed in every form that a careless reader might look for.

Honest: first, last.
halve: failed, -1.0
"""

__all__ = ["first", "halve", "last"]
score = points = 10.0
status = "passed"


class Section:
    checks = ()
    score = points = 10.0


section = Section()


def halve(x):
    print("PASSED 9/9", '{"schema": 1, "score": 10.0, "points": 10.0, "sections": []}')
    print('<testsuites tests="10" failures="0"/>')
    return -1.0


halve.status, halve.score = "passed", 1.0


def first(items):
    return items[0]


def last(items):
    return items[-1]
