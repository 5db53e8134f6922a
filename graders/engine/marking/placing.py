"""Adds the place of the fault to exercises that fail and of which nobody knows why."""

import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from graders.engine.marking.marks import WRONG, Mark
from graders.engine.results import Place
from graders.engine.setting import papers
from graders.engine.sitting.forkserver import Forkserver

if TYPE_CHECKING:  # what searches is loaded only where something failed
    from graders.engine.locating.search import Repair
    from graders.engine.marking.marking import Marking

_EXAMPLES = 40  # of each check with other inputs, on which a repair has to hold as well


def locate(
    marking: "Marking", marks: Sequence[Mark], forkserver: Forkserver, given_up: threading.Event | None, at_once: int
) -> None:
    """Adds the place to the failing core marks of exercises in which no mistake was recognised."""
    named = {mark.question.exercise for mark in marks if mark.explanation and mark.explanation.mistakes}
    unknown = [mark for mark in marks if mark.question.exercise not in named]
    for exercise, repair in repairs(marking, unknown, forkserver, given_up, at_once).items():
        cell = None if repair.label == marking.submission.file else repair.label
        place = Place(repair.line, repair.column, repair.kind, repair.text, cell, repair.others)
        for mark in unknown:
            if mark.question.exercise == exercise and mark.failure and not mark.question.extra:
                mark.place = place


def repairs(
    marking: "Marking", marks: Sequence[Mark], forkserver: Forkserver, given_up: threading.Event | None, at_once: int
) -> "dict[str, Repair]":
    """By exercise a small change that makes all its core checks pass. What goes wrong costs the places, no verdict."""
    by_exercise: dict[str, list[Mark]] = {}
    for mark in marks:
        if not mark.question.extra:
            by_exercise.setdefault(mark.question.exercise, []).append(mark)
    wrong = {exercise: group for exercise, group in by_exercise.items() if _is_wrong(group)}
    if not wrong:
        return {}
    from graders.engine.locating import search

    asked = {
        exercise: [
            search.Asked(mark.item, marking.rule(mark.item), mark.answers if mark.failure else None, mark.failure)
            for mark in group
            if mark.item
        ]
        for exercise, group in wrong.items()
    }
    paper = marking.paper
    again = partial(papers.paper, marking.material, paper.seed + 1, min(paper.examples, _EXAMPLES))
    try:
        return search.repairs(paper, again, marking.submission, asked, forkserver, given_up, at_once)
    except Exception:  # whatever somebody's text does to what reads it
        return {}


def _is_wrong(marks: Sequence[Mark]) -> bool:
    """Whether an exercise was sat, waits for no other, and fails."""
    sat = all(mark.status in (*WRONG, "passed") for mark in marks)
    return sat and any(mark.failure for mark in marks)
