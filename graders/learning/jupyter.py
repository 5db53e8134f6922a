"""`check` inside a notebook: grades what its cells define, and shows the failure below the cell.

The cells that were run are the submission, in the order in which they were run; so the cell's current definition is
graded, whatever the kernel has in its memory. Nothing of it is executed in the kernel's process for this: it is sent to
a sandboxed worker as any other answer is. One process for workers serves the whole notebook.
"""

import atexit
import io
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from graders.engine.authoring.material import find
from graders.engine.course import Course, nearest
from graders.engine.errors import UsageError
from graders.engine.marking.marking import mark
from graders.engine.results import EXAMPLES, SEED, SectionResult, grade_of
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.submission import Submission, cells_beside
from graders.engine.values.messages import Cell
from graders.engine.worker.magics import without_cell_magic
from graders.learning.history import opened
from graders.report.html import fragment
from graders.report.terminal import print_grade

_WIDTH = 88
_lock = threading.Lock()


class Checked:
    """What a check found, shown by notebooks as HTML and by consoles as text."""

    def __init__(self, section: SectionResult):
        self.section = section

    def _repr_html_(self) -> str:
        return fragment(self.section)

    def __repr__(self) -> str:
        file, exercises = io.StringIO(), len(self.section.exercises)
        console = Console(file=file, width=_WIDTH, highlight=False, force_jupyter=False)
        print_grade(grade_of([self.section], SEED, EXAMPLES), console, failures=exercises)
        return file.getvalue().strip("\n")


def checker(section: str, sources: Callable[[], Sequence[str]] | None = None) -> Callable[..., Checked]:
    """The function that checks exercises of a section.

    Args:
        section: its name.
        sources: the cells that were run; None asks IPython.

    Raises:
        UsageError: there is no such section.
    """
    course = Course()
    material = find(course, section)
    questions = paper(material, SEED, EXAMPLES)
    ran = sources or _cells_of_ipython

    def check(*exercises: str) -> Checked:
        """Grades exercises by name, all of the section's without one, as the cells that were run define them."""
        for exercise in exercises:
            if exercise not in questions.exercises:
                raise UsageError(f"{section} has no exercise {exercise!r}{nearest(exercise, questions.exercises)}")
        cells = tuple(Cell(f"cell {number}", without_cell_magic(text)) for number, text in enumerate(ran(), 1) if text)
        cells += cells_beside("", "\n".join(cell.source for cell in cells), Path.cwd())
        with _lock:
            answers = Submission("the notebook", cells)
            result = mark(material, questions, answers, _workers(), only=exercises or None, places=True)
            with opened(course) as history:  # what was graded is remembered; the next overview does not answer from it
                history.graded(result, course, SEED, EXAMPLES, is_whole=False)
        without_lines = tuple(msgspec.structs.replace(each, line=None) for each in result.exercises)  # of which cell?
        return Checked(msgspec.structs.replace(result, exercises=without_lines))

    return check


def _cells_of_ipython() -> Sequence[str]:
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        raise UsageError("check works inside a notebook; on the command line it is python grade.py SECTION")
    return list(shell.user_ns.get("In", ()))


@cache
def _workers() -> Forkserver:
    forkserver = Forkserver(Course().secrets)
    atexit.register(forkserver.__exit__, None, None, None)
    return forkserver
