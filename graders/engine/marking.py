"""Marks a submission of one section: judges what it showed, and looks into every failure.

A check that fails is sat again, alone, in a fresh worker before it counts, so a verdict does not depend on what other checks
have left behind. Then smaller inputs are searched for, the mistakes are tried on them, and it is looked up which other
exercises the reference needed.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from graders.engine import shaking
from graders.engine.course import Material, module_of
from graders.engine.judging import Failure, Rule
from graders.engine.paper import Item, Paper
from graders.engine.results import CheckResult, ExerciseResult, LoadWarning, SectionResult, Status
from graders.engine.section import Judge
from graders.engine.sitting import Answers, Forkserver, Sitting
from graders.engine.submission import Submission
from graders.engine.worker import Order

if TYPE_CHECKING:
    from graders.engine.explaining import Explanation

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
    advance: Callable[[str], None] = lambda title: None,
) -> SectionResult:
    """Grades a submission of a section.

    Args:
        material, paper: the section, and its paper.
        submission: the learner's file.
        forkserver: where workers come from.
        only: the exercises to grade; None is all of them.
        explain: look for smaller inputs and name mistakes. Without it there are only verdicts.
        advance: called with the title of each check when it begins.
    """
    marking = _Marking(material, paper, submission, forkserver, only)
    with marking.sitting:
        marks = [marking.verdict(item, advance) for item in marking.items]
        if explain and any(mark.failure for mark in marks):
            from graders.engine.explaining import explain_all  # Hypothesis is imported only where something failed

            explain_all(material, paper, marks, marking.rule, marking.sitting)
    return marking.result(marks)


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
    marking = _Marking(material, paper, submission, forkserver, None)
    with marking.sitting:
        for item in items:
            limited = msgspec.structs.replace(item, seconds=min(seconds, item.seconds))
            if marking.verdict(limited, lambda title: None).status != "passed":
                return True
    return False


class _Marking:
    """What the checks of one submission share while they are marked."""

    def __init__(
        self,
        material: Material,
        paper: Paper,
        submission: Submission,
        forkserver: Forkserver,
        only: Collection[str] | None,
    ):
        self._material, self._paper, self._submission = material, paper, submission
        self._started = time.monotonic()
        self.items = [item for item in paper.items if only is None or item.exercise in only]
        order = _order(material, paper, submission)
        forkserver.preload(shaking.imports(order.probes) | submission.imports)
        self.sitting = Sitting(forkserver, order)
        self._loaded = self.sitting.load()
        self._was_alone = True  # nothing else had run in the worker of the last sitting

    @cached_property
    def _judges(self) -> dict[str, Judge]:
        source = shaking.judges(self._material.grader_source)
        judges: dict[str, Judge] = module_of(source, "judges", self._material.grader).JUDGES
        return judges

    def rule(self, item: Item) -> Rule:
        """How the observations of a check are judged."""
        return Rule(self._judges[item.name] if item.judged else None, item.changes_inputs)

    def verdict(self, item: Item, advance: Callable[[str], None]) -> Mark:
        """The verdict on one check, without an explanation."""
        advance(item.title)
        mark = Mark(item)
        started = time.monotonic()
        names = {item.exercise, *(other for other, name in self._paper.aliases.items() if name == item.exercise)}
        if names & self._loaded.unattempted:
            mark.status = "not_attempted"
        elif not names & set(self._loaded.lines):
            mark.status, mark.error = "missing", self._why_missing(names)
        elif started - self._started > _SECTION_SECONDS:
            mark.status, mark.error = "timed_out", "not reached: the time for the whole section was used up"
        else:
            self._sit(mark)
            if mark.failure and not self._was_alone:
                self.sitting.leave()
                self._sit(mark)
        mark.seconds = time.monotonic() - started
        return mark

    def _sit(self, mark: Mark) -> None:
        item = mark.item
        self._was_alone = self.sitting.is_fresh
        mark.answers = self.sitting.sit(item.name, item.inputs, self._paper.seed, item.seconds)
        mark.failure = _first_failure(item, mark.answers, self.rule(item))
        mark.status = mark.failure.status if mark.failure else "passed"

    def _why_missing(self, names: set[str]) -> str:
        lost = self._loaded.lost
        reasons = [lost[name] for name in names if name in lost]
        return reasons[0] if reasons else f"there is no {min(names)} in {self._submission.file}"

    def result(self, marks: list[Mark]) -> SectionResult:
        """The results of all checks, by exercise."""
        by_exercise: dict[str, list[Mark]] = {}
        for mark in marks:
            by_exercise.setdefault(mark.item.exercise, []).append(mark)
        exercises = tuple(self._exercise(name, group) for name, group in by_exercise.items())
        return SectionResult(
            name=self._paper.section,
            title=self._paper.title,
            file=self._submission.file,
            score=sum(exercise.score for exercise in exercises),
            points=sum(exercise.points for exercise in exercises),
            seconds=round(time.monotonic() - self._started, 3),
            warnings=tuple(self._warnings()),
            exercises=exercises,
        )

    def _exercise(self, name: str, marks: list[Mark]) -> ExerciseResult:
        checks = tuple(map(_check_result, marks))
        return ExerciseResult(
            name=name,
            status=next((check.status for check in checks if check.status != "passed"), "passed"),
            score=sum(check.score for check in checks),
            points=sum(check.points for check in checks),
            line=self._loaded.lines.get(name),
            checks=checks,
        )

    def _warnings(self) -> Iterable[LoadWarning]:
        cells = self._submission.cells
        for trouble in self._loaded.troubles:
            if trouble.message.startswith("NotImplementedError"):
                continue  # a stub that later lines use: not attempted, which the exercise itself says
            label = cells[trouble.cell].label if trouble.cell < len(cells) else self._submission.file
            where = "" if label == self._submission.file else f"{label}: "
            yield LoadWarning(trouble.line, where + trouble.message)


def _order(material: Material, paper: Paper, submission: Submission) -> Order:
    return Order(
        section=material.name,
        cells=submission.cells,
        probes=material.probes,
        aliases=paper.aliases,
        exercises=tuple(dict.fromkeys(item.exercise for item in paper.items)),
        stub=material.untouched,
        skip={},
    )


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
