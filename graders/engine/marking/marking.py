"""Marks a submission of one section: judges what it showed, and looks into every failure.

A check that fails is sat again, alone, in a fresh worker before it counts, so a verdict does not depend on what other
checks have left behind. Then smaller inputs are searched for, the mistakes are tried on them, and it is looked up which
other exercises the reference needed.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from graders.engine.authoring import shaking
from graders.engine.authoring.material import Material, module_of
from graders.engine.authoring.section import Judge
from graders.engine.comparing.judging import Failure, Rule
from graders.engine.results import CheckResult, ExerciseResult, LoadWarning, SectionResult, Status
from graders.engine.setting.paper import Item, Paper
from graders.engine.sitting.sitting import Answers, Forkserver, Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values.messages import Loaded, Order

if TYPE_CHECKING:
    from graders.engine.explaining.explaining import Explanation

_WORTH_TWO = 500  # examples from which on two workers are faster than one
_MAX_WARNINGS, _MAX_WARNING = 100, 2000  # of a section, and characters of one
_MAX_KEPT = 64 * 2**20  # bytes of observations that are kept of a section, to explain its failures
_SECTION_SECONDS = 300.0  # for a section; checks that are not reached in this time have timed out


@dataclass
class Mark:
    """A check while it is marked."""

    item: Item
    status: Status = "passed"
    seconds: float = 0.0
    answers: Answers = field(default_factory=lambda: Answers([]))
    failure: Failure | None = None  # the first example that failed
    error: str | None = None  # why there is no verdict of its own
    explanation: "Explanation | None" = None


def mark(
    material: Material,
    paper: Paper,
    submission: Submission,
    forkserver: Forkserver,
    *,
    only: Collection[str] | None = None,
    explain: bool = True,
    side_by_side: bool = True,
    advance: Callable[[str], None] = lambda title: None,
) -> SectionResult:
    """Grades a submission of a section.

    Args:
        material, paper: the section, and its paper.
        submission: the learner's file.
        forkserver: where workers come from.
        only: the exercises to grade; None is all of them.
        explain: look for smaller inputs and name mistakes. Without it there are only verdicts.
        side_by_side: sit the parts of a long paper at the same time. Where other cores have other submissions to grade,
            one after the other takes less time in all.
        advance: called with the title of each check when it begins.
    """
    order = order_of(material, paper, submission)
    forkserver.preload(submission.imports.union(paper.imports))
    marking = _Marking(material, paper, submission, only)
    with ExitStack() as desks:
        sittings = [desks.enter_context(Sitting(forkserver, order)) for _ in _halves(marking.items)]
        marks = marking.verdicts(sittings, advance, len(sittings) if side_by_side else 1)
        if explain and any(mark.failure for mark in marks):
            from graders.engine.explaining.explaining import (
                explain_all,  # Hypothesis is imported only where something failed
            )

            explain_all(material, paper, marks, marking.rule, sittings[0], marking.end)
    return marking.result(marks, sittings[0].loaded)


def notices(
    material: Material,
    paper: Paper,
    submission: Submission,
    forkserver: Forkserver,
    items: Sequence[Item],
    seconds: float,
) -> bool:
    """Whether any of the checks `items`, taken in this order, fails. Stops at the first that does.

    Args:
        seconds: the limit for each check, where it has not a shorter one.
    """
    order = order_of(material, paper, submission)
    forkserver.preload(submission.imports.union(paper.imports))
    marking = _Marking(material, paper, submission, None)
    with Sitting(forkserver, order) as sitting:
        sitting.load()
        for item in items:
            limited = msgspec.structs.replace(item, seconds=min(seconds, item.seconds))
            if marking.verdict(limited, sitting).status != "passed":
                return True
    return False


def order_of(material: Material, paper: Paper, submission: Submission) -> Order:
    """What a worker loads to sit the paper."""
    return Order(
        section=material.name,
        cells=submission.cells,
        probes=paper.probes,
        aliases=paper.aliases,
        lent=paper.lent,
        exercises=tuple(dict.fromkeys(item.exercise for item in paper.items)),
        stub=paper.untouched,
        skip={},
    )


def _halves(items: Sequence[Item]) -> list[Sequence[Item]]:
    """The checks in the parts that are sat side by side: where there is much to do, two with as many examples each.

    The parts follow from the paper and not from the machine, and so does what is sat in one worker after the other.
    """
    total = sum(len(item.inputs) for item in items)
    if total < _WORTH_TWO:
        return [items]
    first: list[Item] = []
    while sum(len(item.inputs) for item in first) < total / 2:
        first.append(items[len(first)])
    return [first, items[len(first) :]]


class _Marking:
    """What the checks of one submission share while they are marked."""

    def __init__(self, material: Material, paper: Paper, submission: Submission, only: Collection[str] | None):
        self._material, self._paper, self._submission = material, paper, submission
        self._started = time.monotonic()
        self._room = _MAX_KEPT
        self.end = self._started + _SECTION_SECONDS  # no learner's code is run from then on
        self.items = [item for item in paper.items if only is None or item.exercise in only]

    @cached_property
    def _judges(self) -> dict[str, Judge]:
        return _judges(self._material.grader_source, self._material.grader)

    def verdicts(self, sittings: Sequence[Sitting], advance: Callable[[str], None], at_once: int) -> list[Mark]:
        """The verdicts on all checks, without explanations; each part is sat at a desk of its own, so many at once."""
        stop = threading.Event()

        def sit(items: Sequence[Item], sitting: Sitting) -> list[Mark]:
            sitting.load()
            marks = []
            for item in items:
                if stop.is_set():
                    break
                advance(item.title)
                marks.append(self.verdict(item, sitting))
            return marks

        with ThreadPoolExecutor(at_once) as pool:
            try:
                return [mark for marks in pool.map(sit, _halves(self.items), sittings) for mark in marks]
            except BaseException:
                stop.set()  # Ctrl-C does not wait for the checks to end
                for sitting in sittings:
                    sitting.stop()
                raise

    def rule(self, item: Item) -> Rule:
        """How the observations of a check are judged."""
        if not item.judged:
            return Rule(None, item.changes_inputs)
        # Loaded when first called: observations that are the same bytes need no judge.
        return Rule(
            lambda observed, expected, inputs: self._judges[item.name](observed, expected, inputs), item.changes_inputs
        )

    def verdict(self, item: Item, sitting: Sitting) -> Mark:
        """The verdict on one check, without an explanation."""
        mark = Mark(item)
        started = time.monotonic()
        names = {item.exercise, *(other for other, name in self._paper.aliases.items() if name == item.exercise)}
        if names & sitting.loaded.unattempted:
            mark.status = "not_attempted"
        elif item.asks_by_name and not names & set(sitting.loaded.lines):
            mark.status, mark.error = "missing", self._why_missing(item.exercise, names, sitting.loaded)
        elif started > self.end:
            mark.status, mark.error = "timed_out", "not reached: the time for the whole section was used up"
        else:
            was_alone = sitting.is_fresh
            self._sit(mark, sitting)
            if mark.failure and not was_alone:
                mark.answers = Answers([])
                sitting.leave()
                self._sit(mark, sitting)
            self._put_away(mark)
        mark.seconds = time.monotonic() - started
        return mark

    def _sit(self, mark: Mark, sitting: Sitting) -> None:
        item = mark.item
        mark.answers = sitting.sit(item.name, item.inputs, self._paper.seed, item.seconds)
        mark.failure = _first_failure(item, mark.answers, self.rule(item))
        mark.status = mark.failure.status if mark.failure else "passed"

    def _put_away(self, mark: Mark) -> None:
        """Keeps what was shown where a failure is to be explained by it, as long as there is room."""
        size = sum(len(seen.observation) for seen in mark.answers.seen)
        if mark.failure and size <= self._room:
            self._room -= size
            return
        mark.answers.seen = []
        if mark.failure:
            mark.failure = replace(mark.failure, seen=None)

    def _why_missing(self, exercise: str, names: set[str], loaded: Loaded) -> str:
        reasons = [loaded.lost[name] for name in names if name in loaded.lost]
        return reasons[0][:_MAX_WARNING] if reasons else f"there is no {exercise} in {self._submission.file}"

    def result(self, marks: list[Mark], loaded: Loaded) -> SectionResult:
        """The results of all checks, by exercise."""
        by_exercise: dict[str, list[Mark]] = {}
        for mark in marks:
            by_exercise.setdefault(mark.item.exercise, []).append(mark)
        exercises = tuple(self._exercise(name, group, loaded) for name, group in by_exercise.items())
        return SectionResult(
            name=self._paper.section,
            title=self._paper.title,
            file=self._submission.file,
            score=sum(exercise.score for exercise in exercises),
            points=sum(exercise.points for exercise in exercises),
            seconds=round(time.monotonic() - self._started, 3),
            warnings=tuple(self._warnings(loaded)),
            exercises=exercises,
        )

    def _exercise(self, name: str, marks: list[Mark], loaded: Loaded) -> ExerciseResult:
        checks = tuple(map(_check_result, marks))
        return ExerciseResult(
            name=name,
            status=next((check.status for check in checks if check.status != "passed"), "passed"),
            score=sum(check.score for check in checks),
            points=sum(check.points for check in checks),
            line=loaded.lines.get(name),
            checks=checks,
        )

    def _warnings(self, loaded: Loaded) -> Iterable[LoadWarning]:
        cells = self._submission.cells
        troubles = [trouble for trouble in loaded.troubles if not trouble.follows]
        for trouble in troubles[:_MAX_WARNINGS]:
            label = cells[trouble.cell].label if trouble.cell < len(cells) else self._submission.file
            where = "" if label == self._submission.file else f"{label}: "
            yield LoadWarning(trouble.line, where + trouble.message[:_MAX_WARNING])
        if (more := len(troubles) - _MAX_WARNINGS) > 0:
            yield LoadWarning(None, f"and {more} more statements could not be loaded")


@cache
def _judges(grader_source: str, grader: Path) -> dict[str, Judge]:
    judges: dict[str, Judge] = module_of(shaking.judges(grader_source), "judges", grader).JUDGES
    return judges


def _first_failure(item: Item, answers: Answers, rule: Rule) -> Failure | None:
    for inputs, expected, seen in zip(item.inputs, item.expected, answers.seen, strict=False):
        failure = rule.failure(inputs, expected, seen)
        if failure:
            return failure
    if answers.stopped:
        place = len(answers.seen)
        return Failure(answers.stopped, item.inputs[place], item.expected[place], None, answers.reason)
    return None


def _check_result(mark: Mark) -> CheckResult:
    item, explanation = mark.item, mark.explanation
    passed = mark.status == "passed"
    return CheckResult(
        name=item.name,
        title=item.title,
        status=mark.status,
        score=item.points if passed else 0.0,
        points=item.points,
        examples=len(item.inputs),
        seconds=round(mark.seconds, 3),
        counterexample=explanation.counterexample if explanation else None,
        mistake=explanation.mistake if explanation else None,
        error=(explanation.error if explanation else None) or mark.error,
        output=explanation.output if explanation else mark.answers.said,
    )
