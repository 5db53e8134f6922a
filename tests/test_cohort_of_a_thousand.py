"""A thousand generated submissions, one in twenty of them hostile, in one run: every verdict is as expected."""

import random
from pathlib import Path

import pytest
from cohorts import found
from command import command
from test_hostile import FILES, verdict_in

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.worker import sandbox

LEARNERS, HOSTILE = 1000, 50
RIGHT = {
    "halve": "def halve(x):\n    return x / {}",
    "row_sums": "def row_sums(matrix):\n    return {} * matrix.sum(axis=1)",
    "inverse": "def inverse(x):\n    return x**-{}",
    "countdown": "def countdown(n):\n    return list(range(n, 0, -{}))",
    "first": "def first(items):\n    return [*items][0 * {}]",
    "scaled_sums": "def scaled_sums(matrix, factor):\n    return {} * factor * matrix.sum(axis=1)",
    "last": "def last(items):\n    return [*items][-1 * {}]",
}
# The right one, and one by which no check passes; for the others these are 1 and 2.
FACTORS = {"halve": (2, 3), "inverse": (1, None), "first": (1, None), "last": (1, 0)}
SLOW = {"harm"}  # they are graded one by one elsewhere, and many of them use up their time

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support())),
]


def generated(draw: random.Random, points: dict[str, float]) -> tuple[str, float]:
    """A submission with some exercises right, sometimes one wrong, the others missing; and its score."""
    chosen = draw.sample(sorted(RIGHT), draw.randint(0, len(RIGHT)))
    wrong = draw.choice(chosen) if chosen and draw.random() < 0.1 else None
    texts = [RIGHT[name].format(FACTORS.get(name, (1, 2))[name == wrong]) for name in chosen]
    return "\n\n\n".join(texts), sum(points[name] for name in chosen if name != wrong)


def test_a_cohort_of_a_thousand(course: Course, tmp_path: Path) -> None:
    draw, folder, expected = random.Random(0), tmp_path / "answers", {}
    folder.mkdir()
    checks = list(find(course, "small").section.checks.values())
    points = {name: sum(check.points for check in checks if check.exercise == name) for name in RIGHT}
    hostile = [path for path in FILES if path.parent.name not in SLOW]
    for number in range(LEARNERS):
        name, mark = f"learner-{number:04}", f"# handed in by number {number}\n"
        if number % (LEARNERS // HOSTILE) == 0:
            path = hostile[(number // (LEARNERS // HOSTILE)) % len(hostile)]
            honest = verdict_in(path).honest
            expected[name] = sum(check.points for check in checks if {check.exercise, check.name} & honest)
            (folder / f"{name}.py").write_text(f"{path.read_text('utf-8')}\n{mark}", "utf-8")
        else:
            text, expected[name] = generated(draw, points)
            (folder / f"{name}.py").write_text(f"{text}\n\n{mark}")
    finished = command(
        *("cohort", folder, "--section", "small", "--course", course.root, "--examples", 10, "--json", "-"),
        seconds=1500,
    )
    assert finished.returncode == 0, finished.stderr
    submissions = found(finished)
    assert {name: each["score"] for name, each in submissions.items()} == expected
    assert {each["status"] for each in submissions.values()} == {"graded"}
