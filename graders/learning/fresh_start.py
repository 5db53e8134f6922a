"""Puts the untouched exercise file in place, or the stub of one exercise, and keeps a copy of what was there."""

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.values.definitions import first_line
from graders.learning.hints import exercise_of


def reset(course: Course, target: str, confirm: Callable[[str], bool]) -> str:
    """Puts the untouched exercise file of a section in place, or the stub of `section::exercise`; what was done, in
    words.

    An edited file is only replaced if `confirm` says yes to the question, and a copy of it is kept beside it.

    Raises:
        UsageError: there is no such section or exercise, the answers are in a notebook, or the file cannot be read or
            written.
    """
    if "::" in target:
        exercise = exercise_of(course, target)
        material, name = exercise.material, exercise.name
    else:
        material, name = find(course, target), None
    path = material.exercises
    shown = f"{path.parent.name}/{path.name}"
    notebook = path.with_suffix(".ipynb")
    if notebook.exists() and not path.exists():  # a file beside it would count, and the answers no longer
        raise UsageError(
            f"your answers are in {path.parent.name}/{notebook.name}, and only a file can be reset: "
            f"notebook {material.name} --back makes a file of it"
        )
    try:
        text = _with_stub(path.read_text("utf-8"), material, name) if name and path.exists() else material.untouched
        if not path.exists():
            path.write_text(text, "utf-8")
            return f"{shown} is there again, untouched."
        what = name or shown
        if path.read_bytes() == text.encode():
            return f"{what} is untouched already."
        copy = free(path)
        by = "its stub" if name else "the untouched file"
        if not confirm(f"Replace {what} by {by}? Your answers will be kept in {copy.name}."):
            return f"{what} stays as it is."
        shutil.copy2(path, copy)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{shown} cannot be replaced: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{shown} cannot be read as Python: {error}") from error
    return f"{what} is untouched again; your answers are in {copy.parent.name}/{copy.name}."


def _with_stub(text: str, material: Material, name: str) -> str:
    """A learner's text with the stub of one exercise in the place of its last definition, or at the end."""
    stub = definition(material.untouched, name)
    assert stub is not None  # the untouched file has every exercise
    own = definition(text, name)
    return text.replace(own, stub) if own else f"{text.rstrip()}\n\n\n{stub}\n"


def definition(text: str, name: str) -> str | None:
    """The text of the last definition of a name at the top level, its decorators included. Raises SyntaxError."""
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    own = [node for node in nodes if node.name == name]
    if not own:
        return None
    return "\n".join(text.split("\n")[first_line(own[-1]) - 1 : own[-1].end_lineno])


def free(path: Path) -> Path:
    number = 1
    while (copy := path.with_suffix(f".{number}{path.suffix if path.suffix != '.py' else ''}.bak")).exists():
        number += 1
    return copy
