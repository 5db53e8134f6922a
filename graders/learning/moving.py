"""Moves work between an exercise file and a notebook: what it was before is kept beside it, under another name."""

from pathlib import Path

import nbformat

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.sitting.submission import read
from graders.learning.fresh_start import free
from graders.learning.notebooks import NO_PYTHON, to_notebook, to_text
from graders.report.next_step import Called
from graders.report.words import count


def to_notebook_file(course: Course, section: str, called: Called) -> str:
    """Makes the notebook of a section from its exercise file, which is put aside; what was done, in words.

    Raises:
        UsageError: there is no such section, there is a notebook already, or the file cannot be read or written.
    """
    material = find(course, section)
    source = material.exercises
    target = source.with_suffix(".ipynb")
    if target.exists() and source.exists():
        raise UsageError(f"{_named(target)} is there already: move one of the two away, and nothing is lost")
    if target.exists():
        raise UsageError(f"{_named(target)} is there already; {called.about('notebook', section, '--back')} goes back")
    text = read(source).text if source.exists() else material.untouched
    try:
        notebook = to_notebook(text, section, material.outline.title, material.outline.exercises)
    except SyntaxError as error:
        raise UsageError(f"{_named(source)} is no Python: line {error.lineno}: {error.msg}") from error
    _write(target, nbformat.writes(notebook) + "\n")
    aside = _put_aside(source)
    return f"{_named(target)} has your answers now{aside}. Graded as before: {called.about(section)}"


def to_file(course: Course, section: str, called: Called) -> str:
    """Makes the exercise file of a section from its notebook, which is put aside; what was done, in words.

    Raises:
        UsageError: there is no such section or notebook, there is a file already, or one cannot be read or written.
    """
    material = find(course, section)
    target = material.exercises
    source = target.with_suffix(".ipynb")
    if not source.exists():
        raise UsageError(f"there is no {_named(source)}; {called.about('notebook', section)} makes it")
    if target.exists():
        raise UsageError(f"{_named(target)} is there too: move one of the two away, and nothing is lost")
    try:
        notebook = nbformat.reads(source.read_text("utf-8"), as_version=4)
    except (OSError, ValueError) as error:  # that of nbformat too
        raise UsageError(f"{_named(source)} cannot be read: {str(error)[:200]}") from error
    text = to_text(notebook)
    _write(target, text)
    aside = _put_aside(source)
    broken = text.count(NO_PYTHON)
    are, stand = ("is", "stands") if broken == 1 else ("are", "stand")
    said = f" {count(broken, 'cell')} that {are} no Python yet {stand} there as comments." if broken else ""
    return f"{_named(target)} has your answers now{aside}.{said} Graded as before: {called.about(section)}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{_named(path)} cannot be written: {error.strerror}") from error


def _put_aside(path: Path) -> str:
    """Renames a file, so that it does not count any more; what is to be said of it."""
    if not path.exists():
        return ""
    aside = free(path)
    try:
        path.rename(aside)
    except OSError as error:
        raise UsageError(f"{_named(path)} cannot be put aside: {error.strerror}") from error
    return f"; the file as it was is {aside.name}"


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
