"""The checks that have to be repaired: in which order they are explained, and where an editor or a forge shows them."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from graders.engine.files import read_regular
from graders.engine.results import FRAME, CheckResult, ExerciseResult, Grade, SectionResult
from graders.report.words import TO_FIX, one_line

_MAX_BYTES = 10 * 2**20  # of a submission


class Failure(NamedTuple):
    """A failing check and where it belongs."""

    section: SectionResult
    exercise: ExerciseResult
    check: CheckResult
    alike: tuple[CheckResult, ...] = ()  # others of the exercise, which fail in the same way and are worth no more


class Explained(NamedTuple):
    """What of a grade is explained."""

    shown: list[Failure]  # one of each kind, in the order of study
    left: int  # how many failing checks are not explained
    kinds: int  # how many explanations there would be


def failures(grade: Grade) -> list[Failure]:
    """All that has to be repaired, in the order of study. What goes beyond the texts of exercises need not be."""
    return [failure for failure in _all(grade) if not failure.check.extra]


def invitations(grade: Grade) -> list[Failure]:
    """The extra checks that fail although their exercises are done: what one may try next."""
    return [failure for failure in _all(grade) if failure.check.extra and failure.exercise.status == "passed"]


def explained(grade: Grade, most: int) -> Explained:
    """The first so many explanations: where nothing has to be repaired, of what goes beyond the texts and fails."""
    done = all(exercise.status == "passed" for section in grade.sections for exercise in section.exercises)
    found = failures(grade) or (invitations(grade) if done else [])
    kinds = one_of_a_kind(found)
    shown = sorted(first_of_each(kinds)[:most], key=kinds.index)
    return Explained(shown, len(found) - sum(1 + len(each.alike) for each in shown), len(kinds))


def one_of_a_kind(found: Sequence[Failure]) -> list[Failure]:
    """Of the failures of an exercise that look like one fault the one that is worth most, which knows the others."""
    kinds: dict[object, list[Failure]] = {}
    for failure in found:
        fault = _fault(failure.check) or id(failure)
        kinds.setdefault((failure.section.name, failure.exercise.name, failure.check.extra, fault), []).append(failure)
    chosen = []
    for group in kinds.values():
        best = max(group, key=lambda failure: failure.check.points)
        chosen.append(best._replace(alike=tuple(each.check for each in group if each is not best)))
    return chosen


def _fault(check: CheckResult) -> tuple[object, ...]:
    """What failures that look like one fault have in common; empty where nothing shows it."""
    if check.mistakes:
        return check.mistakes
    if check.place:
        return check.place.cell, check.place.line, check.place.column
    if check.status == "raised" and check.error:
        frames = list(FRAME.finditer(check.error))
        if frames:
            rest = check.error[frames[-1].end() :].splitlines()
            kind = next((line.partition(":")[0] for line in rest if line[:1].strip()), "")
            return frames[-1][0], kind
    return ()


def _all(grade: Grade) -> list[Failure]:
    return [
        Failure(section, exercise, check)
        for section in grade.sections
        for exercise in section.exercises
        for check in exercise.checks
        if check.status in TO_FIX
    ]


def first_of_each(found: list[Failure]) -> list[Failure]:
    """The first failure of every exercise, then the second of every one, and so on."""
    seen: Counter[tuple[str, str]] = Counter()
    turns = []
    for failure in found:
        key = (failure.section.name, failure.exercise.name)
        turns.append((seen[key], failure))
        seen[key] += 1
    return [failure for _, failure in sorted(turns, key=lambda turn: turn[0])]


def likely_line(check: CheckResult) -> int | None:
    """The line of the learner's own file that the fault is likely in; None where none is known, or it is elsewhere."""
    return check.place.line if check.place and not check.place.cell else None


def line_of(failure: Failure) -> int | None:
    """The line of the learner's file to look at: where the fault is likely, where the exception passed through it last,
    else the definition.

    None for a notebook, whose lines count from the start of a cell, and where nothing is defined.
    """
    file = failure.section.file
    if not file.endswith(".py"):
        return None
    if likely := likely_line(failure.check):
        return likely
    lines = [int(each["line"]) for each in FRAME.finditer(failure.check.error or "") if each["file"] == file]
    if lines and (last := _last_line(file)):  # a trace is what the learner's process says of itself
        lines = [line for line in lines if 1 <= line <= last]
    return lines[-1] if lines else failure.exercise.line


def _last_line(file: str) -> int | None:
    """The number of the file's last line; None where the file is not here any more."""
    try:
        data = read_regular(file, _MAX_BYTES)
    except (OSError, ValueError):
        return None
    return data.count(b"\n") + 1 if data else None


def in_repository(file: str) -> str:
    """The path from the root of the git repository that the file is in, or else as it is: forges show no other."""
    path = Path(os.path.abspath(file))
    try:
        root = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    except (OSError, ValueError):  # a name that no file can have, or folders that may not be looked into
        root = None
    return one_line(path.relative_to(root).as_posix() if root else file)
