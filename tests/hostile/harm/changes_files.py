"""Empties, renames, removes and unlocks the files of the course.

Honest: first, last.
halve: failed, ['PermissionError']
"""
# ruff: noqa: SIM115, the files are not to be had anyway

import os
import shutil
from pathlib import Path

COURSE = Path(__file__).parents[2]
SOLVED = COURSE / "reference" / "small.py"
WAYS = [
    lambda: open(SOLVED, "w"),
    lambda: open(SOLVED, "a"),
    lambda: os.open(SOLVED, os.O_RDONLY | os.O_TRUNC),
    lambda: os.truncate(SOLVED, 0),
    lambda: os.unlink(SOLVED),
    lambda: os.rename(SOLVED, COURSE / "hostile-was-here"),
    lambda: os.chmod(SOLVED, 0o777),
    lambda: os.chown(SOLVED, 65534, 65534),
    lambda: os.utime(SOLVED, (0, 0)),
    lambda: os.setxattr(SOLVED, "user.note", b"x"),
    lambda: os.rmdir(COURSE / "exercises"),
    lambda: shutil.rmtree(COURSE),
    lambda: os.chmod(__file__, 0o777),
    lambda: os.unlink(__file__),
]


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def halve(x):
    return sorted({outcome(way) for way in WAYS} - {"FileNotFoundError"})


def first(items):
    return items[0]


def last(items):
    return items[-1]
