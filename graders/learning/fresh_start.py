"""Puts the untouched exercise file in place, and keeps a copy of what was there."""

import shutil
from collections.abc import Callable
from pathlib import Path

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.errors import UsageError


def reset(course: Course, name: str, confirm: Callable[[str], bool]) -> str:
    """Puts the untouched exercise file of a section in place; what was done, in words.

    An edited file is only replaced if `confirm` says yes to the question, and a copy of it is kept beside it.

    Raises:
        UsageError: there is no such section, or the file cannot be written.
    """
    material = find(course, name)
    path, text = material.exercises, material.untouched
    shown = f"{path.parent.name}/{path.name}"
    try:
        if not path.exists():
            path.write_text(text, "utf-8")
            return f"{shown} is there again, untouched."
        if path.read_bytes() == text.encode():
            return f"{shown} is untouched already."
        copy = _free(path)
        if not confirm(f"Replace {shown} by the untouched file? Your answers will be kept in {copy.name}."):
            return f"{shown} stays as it is."
        shutil.copy2(path, copy)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{shown} cannot be replaced: {error.strerror}") from error
    return f"{shown} is untouched again; your answers are in {copy.parent.name}/{copy.name}."


def _free(path: Path) -> Path:
    number = 1
    while (copy := path.with_suffix(f".{number}.bak")).exists():
        number += 1
    return copy
