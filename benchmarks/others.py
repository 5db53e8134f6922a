"""Other graders, each in a virtual environment of its own, driven by the commands that their documentation gives.

otter-grader: tests of the exception-based form, `otter generate`, `otter run`. nbgrader: `generate_assignment` of a
notebook with test cells, `autograde`. Both also run in containers (`otter grade`, or a hub of one's own); that is not
done here.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import indent
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
OTTERS_TEST = """from otter.test_files import test_case
OK_FORMAT = False
name = {name!r}
points = {points}

@test_case()
def test(env):
{body}
"""
SUMMARY = "Public Tests"  # what otter-grader puts before the tests in its results
NBGRADERS_SCORES = """
import json
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as gradebook:
    submission = gradebook.find_submission({assignment!r}, {learner!r})
    print(json.dumps({{grade.name: grade.score for notebook in submission.notebooks for grade in notebook.grades}}))
"""


class Test(NamedTuple):
    """A test: its points, and the statements that raise if it fails."""

    points: float
    body: str


class Cell(NamedTuple):
    """A cell of a notebook. A name and points make it a test of nbgrader's, a name alone an answer."""

    source: str
    name: str = ""
    points: float = 0


def environment(folder: Path, package: str) -> tuple[Path, str]:
    """A virtual environment with the package and what submissions import: its Python, and the package's version."""
    python = folder / "bin" / "python"
    if not python.exists():
        call([sys.executable, "-m", "venv", folder])
    call([python, "-m", "pip", "install", "-q", package, "numpy", "ipykernel", "pytest"])
    return python, call([python, "-c", f"from importlib.metadata import version; print(version({package!r}))"]).strip()


def call(
    command: Sequence[object], cwd: Path = ROOT, cores: Sequence[int] | None = None, python: Path | None = None
) -> str:
    """Runs another grader's command, with its environment's programs first on the path."""
    path = f"{python.parent}:{os.environ['PATH']}" if python else os.environ["PATH"]
    variables = {**os.environ, "PATH": path}
    words = list(map(str, command))
    return subprocess.run(
        words, cwd=cwd, check=True, capture_output=True, text=True, env=variables, preexec_fn=pinned(cores)
    ).stdout


def pinned(cores: Sequence[int] | None) -> Callable[[], None] | None:
    return (lambda: os.sched_setaffinity(0, cores)) if cores else None


def why(error: subprocess.CalledProcessError) -> str:
    """The command that failed, and the last line of what it said."""
    reason = (error.stderr or error.stdout or str(error)).strip().splitlines()[-1:]
    return f"{' '.join(map(str, error.cmd))[:80]} failed: {reason}"


# %% otter-grader


def otter_assignment(python: Path, folder: Path, tests: dict[str, Test]) -> None:
    """Makes the zip file by which otter-grader grades; the tests find what was submitted in `env`."""
    (folder / "tests").mkdir(parents=True)
    for name, test in tests.items():
        text = OTTERS_TEST.format(name=name, points=test.points, body=indent(test.body, "    ").rstrip())
        (folder / "tests" / f"{name}.py").write_text(text)
    call([python, "-m", "otter", "generate", "-t", "tests", "--no-requirements", "--no-environment"], folder)


def otter_command(python: Path, folder: Path, submission: Path) -> list[object]:
    """Grades a notebook that lies in the folder. The results are written into `out`, which is made anew."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out").mkdir()
    archive = next(folder.glob("*.zip")).name
    return [python, "-m", "otter", "run", "-a", archive, "-o", "out", "--no-logo", submission.name]


def otter_scores(folder: Path) -> dict[str, float]:
    """The points of each test. Raises OSError or ValueError where there are no results."""
    results = json.loads((folder / "out" / "results.json").read_text())
    return {test["name"]: test.get("score", 0) for test in results["tests"] if test["name"] != SUMMARY}


# %% nbgrader


def nbgrader_assignment(python: Path, folder: Path, cells: Sequence[Cell]) -> None:
    """Makes the assignment `ps1` of one notebook."""
    (folder / "source" / "ps1").mkdir(parents=True)
    notebook(folder / "source" / "ps1" / "answer.ipynb", cells)
    call([python, "-m", "nbgrader", "generate_assignment", "ps1"], folder, None, python)


def nbgrader_submission(folder: Path, learner: str) -> Path:
    """Where a learner's notebook has to lie."""
    target = folder / "submitted" / learner / "ps1"
    target.mkdir(parents=True)
    return target / "answer.ipynb"


def nbgrader_command(python: Path) -> list[object]:
    """Grades all that was submitted."""
    return [python, "-m", "nbgrader", "autograde", "ps1", "--force"]


def nbgrader_scores(python: Path, folder: Path, learner: str) -> dict[str, float]:
    """The points of each test cell. Raises CalledProcessError where there is no submission in the gradebook."""
    return json.loads(call([python, "-c", NBGRADERS_SCORES.format(assignment="ps1", learner=learner)], folder))


def notebook(path: Path, cells: Sequence[Cell]) -> Path:
    """Writes a notebook."""

    def metadata(cell: Cell) -> dict[str, object]:
        if not cell.name:
            return {}
        is_test = cell.points > 0
        return {"nbgrader": {"grade": is_test, "grade_id": cell.name, "locked": is_test, "points": cell.points,
                             "schema_version": 3, "solution": not is_test, "task": False}}  # fmt: skip

    content = [
        {"cell_type": "code", "execution_count": None, "id": f"cell{number}", "outputs": [], "source": cell.source,
         "metadata": metadata(cell)}
        for number, cell in enumerate(cells)
    ]  # fmt: skip
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.write_text(json.dumps({"cells": content, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path
