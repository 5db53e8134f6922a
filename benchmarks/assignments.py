"""The fixture section `small` as an assignment of this grader, of otter-grader, of nbgrader and of plain pytest.

Each has one test a check, with the check's points, and the inputs and expected values of this grader's paper. A test
of the others calls the submission as its probe does, and compares as their documentation does: numbers and arrays by
`numpy.testing.assert_allclose`, all else by `assert found == expected`. Notebooks have a cell for each function and
class of the submission, so that one of them which fails does not cost the others. Plain pytest imports the submission
as a module, not names from it, so that a missing one costs only its own test; what it found is read from its
`--junitxml`.
"""

import ast
import base64
import functools
import json
import pickle
import re
import shutil
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from textwrap import indent
from typing import Protocol

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import others
from others import Cell, Test

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.setting.paper import Item
from graders.engine.setting.papers import paper
from graders.engine.values import codec

COURSE = ROOT / "tests" / "course"
# How each check calls a submission; what is in braces is the submission's.
FOUND = {
    "halves_numbers": "found = {halve}(x)",
    "sums_rows": "found = {row_sums}(matrix)",
    "inverts": "found = {inverse}(x)",
    "counts_down": "found = {countdown}(n)",
    "takes_the_first": "found = {first}(items)",
    "scales_sums": "found = {scaled_sums}(*case)",
    "counts_words": "counter = {Counter}()\nfor word in words:\n    counter.add(word)\nfound = counter.counts",
    "keeps_operations": "{register}('test', number)\nfound = {OPERATIONS}['test']",
    "takes_the_last": "found = {last}(items)",
}
REFUSES_ZERO = """try:
    {inverse}(0)
except ZeroDivisionError:
    pass
else:
    raise AssertionError("nothing was raised")
"""
NONE = "\0"  # a folder that the grader itself removes
SAME = "assert found == expected"
CLOSE = "np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)"


class Grader(Protocol):
    """A grader with the assignment."""

    name: str
    version: str
    needed: list[Path]  # folders that it reads
    place: str  # the folder, in the room, where it runs a submission, and where that may leave files

    def prepare(self, work: Path) -> None:
        """What a teacher does once, in the folder that the grader is run in."""

    def command(self, work: Path, source: str) -> list[object]:
        """Hands a submission in: the command that grades it."""

    def scores(self, work: Path) -> dict[str, float]:
        """The points of each check, after the command has ended.

        Raises OSError, ValueError, SyntaxError or CalledProcessError where there are none.
        """


@functools.cache
def items() -> tuple[Item, ...]:
    """The checks of the section, with their inputs and expected values."""
    return paper(find(Course(COURSE), "small"), 0, 100).items


def tests(spelling: Callable[[str], str]) -> dict[str, Test]:
    """The tests of the other graders, by the names of the checks; `spelling` says how they name what is submitted."""
    return {item.name: Test(item.points, _spelt(_body(item), spelling)) for item in items()}


def _spelt(text: str, spelling: Callable[[str], str]) -> str:
    return re.sub(r"\{([A-Za-z_]+)\}", lambda found: spelling(found[1]), text)


def _body(item: Item) -> str:
    """The statements of a test, for an item of the paper."""
    if item.name not in FOUND:
        return REFUSES_ZERO
    inputs = [_plain(codec.decode(data, live=True)) for data in item.inputs]
    expected = [codec.decode(data, live=True) for data in item.expected]
    cases = [(*given.values(), wanted) for given, wanted in zip(inputs, expected, strict=True)]
    compare = CLOSE if isinstance(expected[0], float | np.ndarray) else SAME
    return "\n".join(
        [
            "import base64, pickle",
            "import numpy as np",
            f'cases = pickle.loads(base64.b64decode("{base64.b64encode(pickle.dumps(cases)).decode()}"))',
            f"for {', '.join(inputs[0])}, expected in cases:",
            indent(f"{FOUND[item.name]}\n{compare}", "    "),
        ]
    )


def _plain(inputs: dict[str, object]) -> dict[str, object]:
    """The inputs, without the classes that only our grader file has."""
    return {name: tuple(value) if isinstance(value, tuple) else value for name, value in inputs.items()}


def cells(source: str) -> list[Cell]:
    """A submission as the cells of a notebook: one for each function and class, and for what stands between."""
    lines, starts = source.splitlines(), [1]
    was_definition = False
    for node in ast.parse(source).body:
        is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if is_definition or was_definition:
            starts.append(min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]))
        was_definition = is_definition
    ends = [*(start - 1 for start in starts[1:]), len(lines)]
    found = ["\n".join(lines[start - 1 : end]).strip() for start, end in zip(starts, ends, strict=True)]
    return [Cell(found[0], "answer"), *(Cell(text) for text in found[1:])]


# %% The graders


class Ours:
    """This grader, by its command."""

    def __init__(self) -> None:
        self.name, self.needed, self.place = "this grader", [ROOT], NONE
        self.version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    def prepare(self, work: Path) -> None:
        shutil.copytree(COURSE, work / "course", ignore=shutil.ignore_patterns(".papers", "__pycache__"))
        paper(find(Course(work / "course"), "small"), 0, 100)

    def command(self, work: Path, source: str) -> list[object]:
        (work / "submission.py").write_text(source)
        arguments = ["small", "--course", "course", "--submission", "submission.py", "--json", "grade.json"]
        return [sys.executable, ROOT / "grade.py", *arguments]

    def scores(self, work: Path) -> dict[str, float]:
        [section] = json.loads((work / "grade.json").read_text())["sections"]
        return {check["name"]: check["score"] for exercise in section["exercises"] for check in exercise["checks"]}


class Otter:
    """otter-grader in local mode."""

    def __init__(self, environments: Path) -> None:
        self.name, self.needed, self.place = "otter-grader", [environments / "otter-grader"], NONE
        self._python, self.version = others.environment(*self.needed, self.name)

    def prepare(self, work: Path) -> None:
        others.otter_assignment(self._python, work, tests(lambda name: f'env["{name}"]'))

    def command(self, work: Path, source: str) -> list[object]:
        return others.otter_command(self._python, work, others.notebook(work / "answer.ipynb", cells(source)))

    def scores(self, work: Path) -> dict[str, float]:
        return others.otter_scores(work)


class Nbgrader:
    """nbgrader's `autograde`."""

    def __init__(self, environments: Path) -> None:
        self.name, self.needed, self.place = "nbgrader", [environments / "nbgrader"], "work/autograded/"
        self._python, self.version = others.environment(*self.needed, self.name)
        self._tests = [Cell(test.body, name, test.points) for name, test in tests(str).items()]

    def prepare(self, work: Path) -> None:
        solved = (COURSE / "reference" / "small.py").read_text()
        others.nbgrader_assignment(self._python, work, [*cells(solved), *self._tests])

    def command(self, work: Path, source: str) -> list[object]:
        others.notebook(others.nbgrader_submission(work, "learner"), [*cells(source), *self._tests])
        return others.nbgrader_command(self._python)

    def scores(self, work: Path) -> dict[str, float]:
        return others.nbgrader_scores(self._python, work, "learner")


class Pytest:
    """Plain pytest: tests that import the submission."""

    def __init__(self) -> None:
        self.name, self.version = "pytest", version("pytest")
        self.needed, self.place = [], "work/"
        self._tests = tests(lambda name: f"submission.{name}")

    def prepare(self, work: Path) -> None:
        functions = [f"def test_{name}():\n{indent(test.body, '    ')}" for name, test in self._tests.items()]
        (work / "test_small.py").write_text("\n\n\n".join(["import submission", *functions]))

    def command(self, work: Path, source: str) -> list[object]:
        (work / "submission.py").write_text(source)
        return [sys.executable, "-m", "pytest", "-q", "--junitxml=results.xml", "test_small.py"]

    def scores(self, work: Path) -> dict[str, float]:
        suites = ET.parse(work / "results.xml")
        bad = {"failure", "error", "skipped"}
        results = {
            case.get("name", "").removeprefix("test_"): not bad & {part.tag for part in case}
            for case in suites.iter("testcase")
        }
        return {name: test.points if results.get(name) else 0.0 for name, test in self._tests.items()}
