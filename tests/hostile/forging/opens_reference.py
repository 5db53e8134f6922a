"""Opens the solved file by every function that opens files, and prints it.

Honest: first, last.
halve: failed, ['PermissionError']
"""
# ruff: noqa: SIM115, the files are not to be had anyway

import io
import os
import pkgutil
import tokenize
import zipfile
from pathlib import Path

import numpy as np

SOLVED = Path(__file__).parents[2] / "reference" / "small.py"
WAYS = [
    lambda: open(SOLVED).read(),
    lambda: SOLVED.read_text(),
    lambda: io.FileIO(SOLVED).read(),
    lambda: os.read(os.open(SOLVED, os.O_RDONLY), 10_000),
    lambda: os.open(SOLVED, os.O_RDWR),
    lambda: os.open(SOLVED, os.O_PATH) and os.open(f"/proc/self/fd/{os.open(SOLVED, os.O_PATH)}", os.O_RDONLY),
    lambda: os.open("small.py", os.O_RDONLY, dir_fd=os.open(SOLVED.parent, os.O_PATH)),
    lambda: np.fromfile(SOLVED, np.uint8),
    lambda: np.memmap(SOLVED),
    lambda: np.loadtxt(SOLVED),
    lambda: tokenize.open(str(SOLVED)).read(),
    lambda: zipfile.ZipFile(SOLVED),
    lambda: pkgutil.get_data("graders", "../tests/course/reference/small.py"),
    lambda: os.sendfile(1, os.open(SOLVED, os.O_RDONLY), 0, 10_000),
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
