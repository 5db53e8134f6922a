"""Makes the README's pictures from real runs: `python docs/pictures.py`.

A full-mark submission, and one with three mistakes that people make, are graded, a checkpoint is carried out, and the
screens are kept as SVG.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console

from graders.commands.checkpoint import carry_out_all
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.marking.grading import grade
from graders.engine.sitting.forkserver import Forkserver
from graders.report.terminal import print_grade

SECTION = "backprop"
WIDTH = 96
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
    """Writes docs/passing.svg, docs/failing.svg, docs/place.svg and docs/checkpoint.svg."""
    material = find(Course(), SECTION)
    source = material.reference_source
    for exercise in MISTAKEN:
        mistake = next(mistake for mistake in material.section.mistakes if mistake.exercise == exercise)
        for old, new in mistake.edits:
            source = source.replace(old, new)
    _picture("failing", source, f"python grade.py {SECTION}", _graded)
    _picture("place", FAULTY, f"python grade.py {SECTION}::{LOCATED}", _located)
    _picture("passing", material.reference_source, f"python grade.py {SECTION}", _graded)
    _picture("checkpoint", material.reference_source, f"python grade.py checkpoint {SECTION}", _trained)


def _graded(path: Path, forkserver: Forkserver, console: Console) -> None:
    result = grade(Course(), {SECTION: None}, path, forkserver, seed=0, examples=100)
    print_grade(result, console, failures=1, closing=[SECTION])


def _located(path: Path, forkserver: Forkserver, console: Console) -> None:
    result = grade(Course(), {SECTION: [LOCATED]}, path, forkserver, seed=0, examples=100)
    print_grade(result, console, failures=1)


def _trained(path: Path, forkserver: Forkserver, console: Console) -> None:
    carry_out_all(Course(), [SECTION], path, forkserver, seed=0, seconds=None, plots=Path(), console=console)


def _picture(name: str, source: str, title: str, shown: Callable[[Path, Forkserver, Console], None]) -> None:
    with tempfile.TemporaryDirectory() as folder, Forkserver() as forkserver, open(os.devnull, "w") as nowhere:
        os.chdir(folder)  # so that the path is shown as learners see it
        path = Path("exercises") / f"{SECTION}.py"
        path.parent.mkdir()
        path.write_text(source)
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        shown(path, forkserver, console)
        svg = console.export_svg(title=title)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)  # no fonts from elsewhere
    svg = svg.replace("Fira Code", "ui-monospace, monospace")
    (ROOT / "docs" / f"{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
