"""Wrong answers as learners write them: the exercise fails, and what is said about it is true.

The first line of each file in tests/wrong says what is wrong, and which mistake is to be named; else none may be.
"""

import re
from pathlib import Path

import pytest

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.marking.marking import mark
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.submission import read

COURSE = Course()
FOLDER = COURSE.root / "tests" / "wrong"
FILES = sorted(FOLDER.glob("*/*.py"))
_FIRST = re.compile(r"# (?P<exercise>\w+): (?P<what>.+); (?:named: \"(?P<named>.+)\"|not named)$")


def said(path: Path) -> re.Match[str]:
    found = _FIRST.match(path.read_text("utf-8").split("\n")[0])
    assert found, f"{path} does not say what is wrong"
    return found


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
def test_a_wrong_answer_is_refused_and_rightly_named(path: Path, forkserver: Forkserver) -> None:
    words = said(path)
    material = find(COURSE, path.parent.name)
    result = mark(material, paper(material, 0, 100), read(path), forkserver, only=[words["exercise"]])
    checks = [check for exercise in result.exercises for check in exercise.checks]
    assert any(check.status in ("failed", "raised", "timed_out", "crashed") for check in checks)
    assert {check.mistake for check in checks if check.mistake} == ({words["named"]} if words["named"] else set())
    assert not [check for check in checks if check.status == "blocked"]


def test_most_wrong_answers_are_named() -> None:
    named = [path for path in FILES if said(path)["named"]]
    assert len(FILES) >= 40
    assert len(named) >= 0.6 * len(FILES)
