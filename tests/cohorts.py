"""What the tests of `grade.py cohort` share: a tiny course, a folder of answers, and looks at what came of it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command import Finished, command, record_of

from graders.engine.course import Course

GRADER = """
same = section.exercise("same", mistakes={"One too many.": edit("return x", "return x + 1")})
same.call("gives_it_back", "Gives it back.", seconds=1, x=st.integers(0, 9))
"""
SAME = "def same(x):\n    return x\n"
Cohort = Callable[..., Finished]


@pytest.fixture
def own(new_section: Callable[[str, str], Any]) -> Course:
    """A course of one section with one exercise."""
    return new_section(GRADER, SAME).course


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "answers"
    path.mkdir()
    return path


@pytest.fixture
def cohort(own: Course, folder: Path, tmp_path: Path) -> Cohort:
    """Grades the folder, with few examples."""
    (tmp_path / "temporary").mkdir(exist_ok=True)

    def run(*options: object) -> Finished:
        finished = command(
            "cohort", folder, "--course", own.root, "--examples", 5, *options, TMPDIR=str(tmp_path / "temporary")
        )
        assert list((tmp_path / "temporary").iterdir()) == []
        return finished

    return run


def found(finished: Finished) -> dict[str, dict[str, Any]]:
    """The submissions of a run that wrote its JSON to stdout, by name."""
    record = record_of(finished)
    assert record["schema"] == 1
    return {submission["name"]: submission for submission in record["submissions"]}


def results(path: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The rows of a gradebook's results, by section and digest."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT section, digest, status, runs, record FROM result").fetchall()
    return {row[:2]: row[2:] for row in rows}
