"""Looks for the kept paper, which holds all expected observations, and tries to replace it.

Honest: first, last.
halve: failed, ['PermissionError']
"""

import os
from pathlib import Path

PAPERS = Path(__file__).parents[2] / ".papers"
WAYS = [
    lambda: os.listdir(PAPERS),
    lambda: next(os.scandir(PAPERS)).name,
    lambda: os.open(PAPERS, os.O_RDONLY | os.O_DIRECTORY),
    lambda: (PAPERS / "small-forged.paper").write_bytes(b""),
    lambda: os.rename(PAPERS, PAPERS.with_name("papers-hostile-was-here")),
    lambda: os.mkdir(PAPERS / "hostile-was-here"),
]


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def halve(x):
    return sorted({outcome(way) for way in WAYS})


def first(items):
    return items[0]


def last(items):
    return items[-1]
