"""A section to begin with: three files with one worked exercise, which passes its audit as it stands."""

import re

from graders.engine.authoring.material import Material
from graders.engine.course import Course
from graders.engine.errors import UsageError

_REFERENCE = '''"""{title}.

Say here, in a few sentences, what the section is about and what a learner will have built at its end.
"""

import numpy as np


# %% The first topic
def moving_average(x: np.ndarray, size: int) -> np.ndarray:
    """Average each window of ``size`` neighbours.

        out[i] = (x[i] + x[i + 1] + ... + x[i + size - 1]) / size

    A window slides over the numbers by one place at a time, so there are len(x) - size + 1 of them.

    Args:
        x: numbers, shape (n,), float64.
        size: how many neighbours a window has, 1 to n.

    Returns:
        The averages, shape (n - size + 1,), float64.

    Example:
        moving_average([1, 3, 5], 2) is [2, 4].

    Source: any textbook on signals; see "simple moving average".
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, size)  # (n - size + 1, size)
    return windows.mean(axis=1)  # (n - size + 1,)
'''
_GRADER = '''"""Checks of the section `{name}`."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from graders.engine import Section, arrays, edit

section = Section("{name}", title="{title}")


# %% Inputs
class Case(NamedTuple):
    x: np.ndarray
    size: int


@st.composite
def cases(draw, size=None):
    x = draw(arrays(draw(st.sampled_from([(3,), (5,), (6,)]))))
    return Case(x, size or draw(st.integers(2, len(x))))


# %% moving_average
moving_average = section.exercise(
    "moving_average",
    hints=[
        "How many windows of two neighbours do four numbers have? And of three?",
        "Write the windows below each other as rows. What is left to do with each row?",
    ],
    mistakes={{
        "Adds the neighbours up and does not divide by their number.": edit("mean(", "sum("),
        "Averages down the columns: over the windows, not within each.": edit("axis=1", "axis=0"),
    }},
)
moving_average.call("averages_windows", "Averages each window of neighbours.", points=1, case=cases())
moving_average.call("windows_of_one", "Gives the numbers back where a window has size one.", points=0.5, case=cases(1))
'''


def begin(course: Course, name: str, title: str) -> list[str]:
    """Writes the files of a new section and enters it in the manifest, as the last one. What was written.

    Raises:
        UsageError: the name cannot be a section's, or is taken; or a file cannot be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageError(f"{name!r} cannot be the name of a section: lower case letters, digits and _ make one")
    material = Material(course, name)
    files = {
        material.reference: _REFERENCE.format(title=title),
        material.grader: _GRADER.format(name=name, title=title.replace('"', "'")),
    }
    taken = [path for path in (*files, material.exercises) if path.exists()]
    if taken or name in course.sections:
        raise UsageError(f"there is a section {name!r} already" if not taken else f"{taken[0]} is there already")
    try:
        for path, text in files.items():
            path.write_text(text, "utf-8")
        material.exercises.parent.mkdir(exist_ok=True)
        material.exercises.write_text(material.untouched, "utf-8")
        _enter(course, name)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error
    return [path.relative_to(course.root).as_posix() for path in (*files, material.exercises)]


def _enter(course: Course, name: str) -> None:
    manifest = course.root / "graders" / "__init__.py"
    text = manifest.read_text("utf-8")
    start = text.index("(", text.index("SECTIONS"))
    end = text.index(")", start)
    inside = text[start + 1 : end].rstrip()
    comma = "" if inside.endswith(",") else ","
    manifest.write_text(f'{text[: start + 1]}{inside}{comma} "{name}"{text[end:]}', "utf-8")
