"""Makes the README's pictures from real runs: `python docs/pictures.py`.

A full-mark submission, and one with three mistakes that people make, are graded, and the screens are kept as SVG.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console

from graders.engine.course import Course
from graders.engine.grading import grade
from graders.engine.sitting import Forkserver
from graders.report.terminal import print_grade

SECTION = "backprop"
WIDTH = 96
MISTAKEN = ("unbroadcast", "topological_sort", "maximum_back0")


def main() -> None:
    """Writes docs/passing.svg and docs/failing.svg."""
    material = Course().find(SECTION)
    source = material.reference_source
    for exercise in MISTAKEN:
        mistake = next(mistake for mistake in material.section.mistakes if mistake.exercise == exercise)
        for old, new in mistake.edits:
            source = source.replace(old, new)
    _picture("failing", source, failures=1)
    _picture("passing", material.reference_source, failures=1)


def _picture(name: str, source: str, failures: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Forkserver() as forkserver, open(os.devnull, "w") as nowhere:
        os.chdir(folder)  # so that the path is shown as learners see it
        path = Path("exercises") / f"{SECTION}.py"
        path.parent.mkdir()
        path.write_text(source)
        result = grade(Course(), {SECTION: None}, path, forkserver, seed=0, examples=100)
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        print_grade(result, console, failures=failures)
        svg = console.export_svg(title=f"python grade.py {SECTION}")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)  # no fonts from elsewhere
    svg = svg.replace("Fira Code", "ui-monospace, monospace")
    (ROOT / "docs" / f"{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
