"""Answers with values that contain themselves, or contain one thing more often than anybody would read.

Honest: first, last.
halve: failed, nested more than
countdown: failed
"""


def halve(x):
    cycle = []
    cycle.append(cycle)
    return cycle


def countdown(n):
    tree = ("leaf",)
    for _ in range(14):
        tree = (tree, tree)
    return tree


def first(items):
    return items[0]


def last(items):
    return items[-1]
