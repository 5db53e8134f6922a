"""Begins its messages and answers as a formula, which a table program would compute.

Honest: first, last.
halve: raised, =cmd|' /C calc'!A0
countdown: failed, @SUM(1+1)
"""

FORMULA = "=cmd|' /C calc'!A0"


def halve(x):
    print(f"{FORMULA}\n+1+1\n-1+1\n@SUM(1+1)\t=1+1")
    raise type(FORMULA, (Exception,), {})(FORMULA)


def countdown(n):
    return '@SUM(1+1)","=1+1'


def first(items):
    return items[0]


def last(items):
    return items[-1]
