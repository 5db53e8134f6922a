"""Links files of others into its folder, to read and to write them there, and its folder to theirs.

Honest: first, last.
halve: failed, ['PermissionError']
"""

import os
from pathlib import Path

import numpy

COURSE = Path(__file__).parents[2]
SOLVED = COURSE / "reference" / "small.py"
WAYS = [
    lambda: os.symlink(SOLVED, "symbolic"),
    lambda: os.symlink(COURSE, "symbolic-folder"),
    lambda: os.link(SOLVED, "hard"),
    lambda: os.link(COURSE.parent / "home" / ".netrc", "hard-secret"),
    lambda: os.rename(SOLVED, "moved"),
    lambda: os.link(f"/proc/self/fd/{os.open(SOLVED, os.O_PATH)}", "by-descriptor", follow_symlinks=True),
    lambda: os.link("/dev/null", COURSE / "hostile-was-here"),
    lambda: os.rename(".", COURSE / "hostile-was-here"),
]


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def halve(x):
    ours = outcome(lambda: os.link(numpy.__file__, "library"))
    return sorted({outcome(way) for way in WAYS} - {"OSError" if ours == "OSError" else ""})


def first(items):
    return items[0]


def last(items):
    return items[-1]
