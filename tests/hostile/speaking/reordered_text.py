"""Uses the marks by which text is shown in another order than it stands, half characters, and characters without width.

Honest: first, last.
halve: raised, passed
"""

MARKS = "\u202e\u2066\u2067\u2069\u200f\u2028\u2029\ufeff\u200b"
HALVES = "\ud800\udfff\uffff\ufffe\x00"


def halve(x):
    print(f"{MARKS}dessap")
    raise ValueError(f"{MARKS}passed{HALVES}")


def first(items):
    return items[0]


def last(items):
    return items[-1]
