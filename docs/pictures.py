"""Makes the README's pictures of the terminal from real runs: `python docs/pictures.py [NAME...]`.

A full-mark submission, and one with three mistakes that people make, are graded, a checkpoint is carried out, all
sections are shown at a glance, and the screens are kept as SVG. `docs/page_pictures.py` makes those of pages.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import made_up_learner
from rich.console import Console

from graders.commands.checkpoint import carry_out_all
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.marking.grading import grade
from graders.engine.sitting.forkserver import Forkserver
from graders.report.overview import print_overview
from graders.report.terminal import print_grade

SECTION = "backprop"
WIDTH = 96
Shown = Callable[[Path, Forkserver, Console], None]
MISTAKEN = ("unbroadcast", "topological_sort", "maximum_back0")
LOCATED = "unbroadcast"
FAULTY = """\
import numpy as np


def unbroadcast(broadcasted, original):
    while broadcasted.ndim > original.ndim:
        broadcasted = broadcasted.sum(axis=0)
    for axis, size in enumerate(original.shape):
        if size == 1:
            broadcasted = broadcasted.sum(axis=size, keepdims=True)
    return broadcasted
"""


def main() -> None:
    """Writes docs/failing.svg and the others, or those that are named."""
    material = find(Course(), SECTION)
    source = material.reference_source
    for exercise in MISTAKEN:
        mistake = next(mistake for mistake in material.section.mistakes if mistake.exercise == exercise)
        for old, new in mistake.edits:
            source = source.replace(old, new)
    right, command = material.reference_source, "python grade.py"
    made: dict[str, tuple[str, str, Shown]] = {
        "failing": (source, f"{command} {SECTION}", _graded),
        "place": (FAULTY, f"{command} {SECTION}::{LOCATED}", _located),
        "passing": (right, f"{command} {SECTION}", _graded),
        "checkpoint": (right, f"{command} checkpoint {SECTION}", _trained),
        "overview": (right, command, _at_a_glance),
    }
    for name in sys.argv[1:] or made:
        _picture(name, *made[name])


def _graded(path: Path, forkserver: Forkserver, console: Console) -> None:
    result = grade(Course(), {SECTION: None}, path, forkserver, seed=0, examples=100)
    print_grade(result, console, failures=1, closing=[SECTION])


def _located(path: Path, forkserver: Forkserver, console: Console) -> None:
    result = grade(Course(), {SECTION: [LOCATED]}, path, forkserver, seed=0, examples=100)
    print_grade(result, console, failures=1)


def _trained(path: Path, forkserver: Forkserver, console: Console) -> None:
    carry_out_all(Course(), [SECTION], path, forkserver, seed=0, seconds=None, plots=Path(), console=console)


def _at_a_glance(path: Path, forkserver: Forkserver, console: Console) -> None:
    course = Course()
    made_up_learner.exercises(course, path.parent)
    asked = dict.fromkeys(course.sections)
    result = grade(course, asked, path.parent, forkserver, seed=0, examples=100)
    print_overview(result, console, within_reach=["ray_tracing"])


def _picture(name: str, source: str, title: str, shown: Shown) -> None:
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        path = Path("exercises") / f"{SECTION}.py"
        with contextlib.chdir(folder), Forkserver() as forkserver:  # so that the path is shown as learners see it
            path.parent.mkdir()
            path.write_text(source)
            console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
            shown(path, forkserver, console)
        console.print()  # what hangs below the last line is cut off
        svg = console.export_svg(title=title)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)  # no fonts from elsewhere
    svg = svg.replace("Fira Code", "ui-monospace, monospace")
    (ROOT / "docs" / f"{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
