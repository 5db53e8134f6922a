"""Writes files wherever people keep theirs, and where programs look for code to run.

Honest: first, last.
halve: failed, ['PermissionError']
"""

from pathlib import Path

import graders

COURSE = Path(__file__).parents[2]
PROJECT = Path(graders.__path__[0]).parent
FOLDERS = [COURSE, COURSE / "graders", COURSE.parent / "home", PROJECT, PROJECT.parent, Path("..")]
FOLDERS += [Path(name) for name in ("/", "/tmp", "/var/tmp", "/dev/shm", "/root", "/etc")]


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def halve(x):
    ways = [lambda path=folder / "hostile-was-here": path.write_text("x") for folder in FOLDERS]
    ways += [lambda path=folder / "hostile-was-here": path.mkdir() for folder in FOLDERS]
    return sorted({outcome(way) for way in ways})


def first(items):
    return items[0]


def last(items):
    return items[-1]
