"""Opens files until it may not open another, and keeps them.

Honest: first, last.
halve: raised, Too many open files
"""
# ruff: noqa: SIM115, files stay open on purpose

kept = []


def halve(x):
    while True:
        kept.append(open("/dev/null"))


def first(items):
    return items[0]


def last(items):
    return items[-1]
