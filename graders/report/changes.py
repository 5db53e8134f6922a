"""What changed since an earlier grade of the same answers."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from graders.engine.files import read_regular
from graders.engine.results import ExerciseResult, Grade
from graders.report.words import count, number

_MAX_BYTES = 64 * 2**20

Name = tuple[str, str]  # section, exercise


class Changes(NamedTuple):
    """The exercises that both grades hold, compared."""

    before: float  # points
    now: float
    newly_passed: tuple[Name, ...]
    newly_broken: tuple[tuple[Name, int], ...]  # with the number of checks that passed before and do not any more

    @property
    def sentence(self) -> str:
        """The points in words."""
        difference = self.now - self.before
        if not difference:
            moved = self.newly_passed or self.newly_broken
            return f"the same score, {number(self.now)}" if moved else "nothing has changed"
        more = "more" if difference > 0 else "fewer"
        points = "point" if abs(difference) == 1 else "points"
        return f"{number(abs(difference))} {points} {more}, from {number(self.before)} to {number(self.now)}"

    @property
    def broken(self) -> tuple[tuple[Name, str], ...]:
        """What does not pass any more, with the number of checks in words."""
        return tuple((name, count(checks, "check")) for name, checks in self.newly_broken)


def changes(earlier: Grade, grade: Grade) -> Changes | None:
    """What changed since the `earlier` grade. None where the two have no exercise in common."""
    old, new = _exercises(earlier), _exercises(grade)
    both = [name for name in new if name in old]
    if not both:
        return None
    lost = {name: len(_passed(old[name]) & _known(new[name]) - _passed(new[name])) for name in both}
    return Changes(
        before=sum(old[name].score for name in both),
        now=sum(new[name].score for name in both),
        newly_passed=tuple(name for name in both if new[name].status == "passed" != old[name].status),
        newly_broken=tuple((name, checks) for name, checks in lost.items() if checks),
    )


def read_record(path: Path) -> Grade | str:
    """The grade that `--json` wrote to a file, or in words why there is none. Nothing else of a grade depends on it."""
    try:
        data = read_regular(path, _MAX_BYTES + 1)
    except FileNotFoundError:
        return f"{path} does not exist yet"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if data is None:
        return f"{path} is not a file"
    if len(data) > _MAX_BYTES:
        return f"{path} is larger than {_MAX_BYTES // 2**20} MiB"
    try:
        grade = msgspec.json.decode(data, type=Grade)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return f"{path} holds no result that --json has written"
    return grade if grade.schema == 1 else f"{path} was written by another version of the grader"


def _exercises(grade: Grade) -> dict[Name, ExerciseResult]:
    return {(section.name, exercise.name): exercise for section in grade.sections for exercise in section.exercises}


def _passed(exercise: ExerciseResult) -> set[str]:
    return {check.name for check in exercise.checks if check.status == "passed"}


def _known(exercise: ExerciseResult) -> set[str]:
    return {check.name for check in exercise.checks}
