"""What the tests of the engine share: the fixture course, a forkserver, and ways to grade a few lines of source."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from command import copy_of_the_course
from desks import Start, order

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.marking.marking import mark
from graders.engine.results import CheckResult, SectionResult
from graders.engine.setting.paper import Sealed
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import read
from graders.engine.values.messages import Cell, Loaded
from graders.engine.worker.loading import Loader

EXAMPLES = 20
HEADER = """
from typing import NamedTuple
import numpy as np
from hypothesis import given, strategies as st
from graders.engine import Section, close, edit, exact
section = Section("own", title="A section of one test")
"""

GradeText = Callable[..., SectionResult]
NewSection = Callable[[str, str], Material]
Load = Callable[..., tuple[Any, Loaded]]
Place = tuple[int, int]

# A shell without job control has what it starts in the background ignore Ctrl-C, and so would what the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is left in the user's folder for caches, and nothing is noted in a learner's diary."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADE_PROGRESS", "off")
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A copy of the fixture course: its papers are set anew, and nothing is left in the project."""
    return Course(copy_of_the_course(tmp_path_factory.mktemp("course") / "course"))


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver]:
    with Forkserver() as server:
        yield server


@pytest.fixture
def new_section(tmp_path: Path) -> NewSection:
    """Writes a course of one section, `own`, and gives its material. `HEADER` is put before the grader's text."""

    def write(grader: str, reference: str) -> Material:
        root = tmp_path / "course"
        for name, text in (("reference", dedent(reference)), ("graders", HEADER + dedent(grader))):
            (root / name).mkdir(parents=True, exist_ok=True)
            (root / name / "own.py").write_text(text)
        (root / "graders" / "__init__.py").write_text('SECTIONS = ("own",)\n')
        return Material(Course(root), "own")

    return write


@pytest.fixture
def grade_text(course: Course, forkserver: Forkserver, tmp_path: Path) -> GradeText:
    """Grades the text of a submission, of the fixture course's section `small` unless another one is asked for."""

    def run(source: str, section: str | Material = "small", suffix: str = ".py", **options: object) -> SectionResult:
        material = find(course, section) if isinstance(section, str) else section
        path = tmp_path / f"{material.name}{suffix}"
        path.write_text(dedent(source))
        return mark(material, paper(material, 0, EXAMPLES), read(path), forkserver, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def load() -> Iterator[Load]:
    """Loads the text of a submission, each argument a cell; gives the module, and what loading it gave."""
    before = set(sys.modules)

    def run(
        *texts: str,
        exercises: tuple[str, ...] = (),
        stub: str = "",
        skip: dict[Place, str] | None = None,
        until: Place | None = None,
        announce: Callable[[int, int, bool], None] = lambda cell, line, imports: None,
        lent: dict[str, str] | None = None,
    ) -> tuple[Any, Loaded]:
        cells = tuple(Cell(f"answer.py cell {number}", dedent(text)) for number, text in enumerate(texts))
        loader = Loader("answer", cells, announce, skip or {}, until)
        return loader.module, loader.load(exercises, stub, lent or {})

    yield run
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which workers get theirs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def start(forkserver: Forkserver, temporary: Path) -> Iterator[Start]:
    """Gives the text of a submission a desk. At the end of the test no process and no folder may be left."""
    with ExitStack() as stack:
        yield lambda source: stack.enter_context(Sitting(forkserver, order(source)))
    assert list(temporary.iterdir()) == []
    assert Path(f"/proc/{forkserver._process.pid}/task/{forkserver._process.pid}/children").read_text() == ""


def newly_set(material: Material, seed: int, examples: int) -> Sealed:
    """A whole paper, whatever lies on the shelf."""
    return paper(material, seed, examples, keep=False).sealed()


def checks_of(result: SectionResult) -> dict[str, CheckResult]:
    """The results of all checks, by name."""
    return {check.name: check for exercise in result.exercises for check in exercise.checks}
