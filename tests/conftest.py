"""What the tests of the engine share: the fixture course, a forkserver, and ways to grade a few lines of source."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from graders.engine.course import Course, Material
from graders.engine.marking import mark
from graders.engine.paper import paper
from graders.engine.results import CheckResult, SectionResult
from graders.engine.sitting import Forkserver
from graders.engine.submission import read

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


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A copy of the fixture course: its papers are set anew, and nothing is left in the project."""
    folder = tmp_path_factory.mktemp("course") / "course"
    shutil.copytree(Path(__file__).parent / "course", folder, ignore=shutil.ignore_patterns(".papers", "__pycache__"))
    return Course(folder)


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
        material = course.find(section) if isinstance(section, str) else section
        path = tmp_path / f"{material.name}{suffix}"
        path.write_text(dedent(source))
        return mark(material, paper(material, 0, EXAMPLES), read(path), forkserver, **options)  # type: ignore[arg-type]

    return run


def checks_of(result: SectionResult) -> dict[str, CheckResult]:
    """The results of all checks, by name."""
    return {check.name: check for exercise in result.exercises for check in exercise.checks}
