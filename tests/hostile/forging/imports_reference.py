"""Imports the solved file: by its name, from its folder, from its path and as a program.

Honest: first, last.
halve: failed, ['ModuleNotFoundError', 'PermissionError']
"""

import importlib.util
import runpy
import sys
from pathlib import Path

import graders

COURSE = Path(__file__).parents[2]


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def by_name():
    import reference.small

    return reference.small


def by_folder():
    project = Path(graders.__path__[0]).parent / "tests" / "course"
    sys.path[:0] = [str(folder / "reference") for folder in (COURSE, project)]
    sys.modules.pop("small")
    import small

    return small


def by_path():
    spec = importlib.util.spec_from_file_location("solved", COURSE / "reference" / "small.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_a_program():
    return runpy.run_path(str(COURSE / "reference" / "small.py"))


def halve(x):
    return sorted({outcome(action) for action in (by_name, by_folder, by_path, as_a_program)})


def first(items):
    return items[0]


def last(items):
    return items[-1]
