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
    from graders.engine.locating.finding import Finding
    from graders.engine.marking.marking import Marking

_EXAMPLES = 40  # of each check with other inputs, on which a repair has to hold as well


def locate(
    marking: "Marking", marks: Sequence[Mark], forkserver: Forkserver, given_up: threading.Event | None, at_once: int
) -> None:
    """Adds the place to the failing core marks of exercises in which none of them is a known mistake."""
    core = [mark for mark in marks if not mark.question.extra]
    named = {mark.question.exercise for mark in core if mark.explanation and mark.explanation.mistakes}
    unknown = [mark for mark in core if mark.question.exercise not in named]
    for exercise, found in findings(marking, unknown, forkserver, given_up, at_once).items():
        cell = None if found.label == marking.submission.file else found.label
        place = Place(found.line, found.column, found.kind, found.text, cell, found.others, found.because)
        for mark in unknown:
            if mark.question.exercise == exercise and mark.failure:
                mark.place = place


def findings(
    marking: "Marking", marks: Sequence[Mark], forkserver: Forkserver, given_up: threading.Event | None, at_once: int
) -> "dict[str, Finding]":
    """By exercise the line that its fault is likely in. What goes wrong costs the places, no verdict."""
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
        return search.findings(paper, again, marking.submission, asked, forkserver, given_up, at_once)
    except Exception:  # whatever somebody's text does to what reads it
        return {}


def _is_wrong(marks: Sequence[Mark]) -> bool:
    """Whether an exercise was sat, waits for no other, and fails."""
    sat = all(mark.status in (*WRONG, "passed") for mark in marks)
    return sat and any(mark.failure for mark in marks)
