"""Marks a submission of one section: is each exercise there, does each check agree, and then what is to be said of it.

A check that fails is sat again in a fresh worker, if others ran before it, and ends its worker: what checks leave
behind touches no other, and a submission cannot tell the second time from the first.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from graders.engine.authoring import shaking
from graders.engine.authoring.material import Material, module_of
from graders.engine.comparing.judging import Failure, Judge, Rule
from graders.engine.comparing.spelling import steady
from graders.engine.explaining.explanation import Failing
from graders.engine.marking.marks import WRONG, Mark, check_result
from graders.engine.marking.placing import findings, locate
from graders.engine.results import (
    ExerciseResult,
    Extras,
    LoadWarning,
    SectionResult,
    Status,
    together,
)
from graders.engine.setting.paper import Advance, Item, Paper, Question, silent
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.running import Answers
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values.definitions import lines_of
from graders.engine.values.messages import Cell, Loaded, Trouble

if TYPE_CHECKING:
    from graders.engine.locating.finding import Finding

_WORTH_TWO = 500  # examples from which on two workers are faster than one
_MAX_WARNINGS, _MAX_WARNING = 100, 2000  # of a section, and characters of one
_MAX_KEPT = 64 * 2**20  # bytes of observations that are kept of a section, to explain its failures
_SECTION_SECONDS = 300.0  # for a section; checks that are not reached in this time have timed out


def mark(
    material: Material,
    paper: Paper,
    submission: Submission,
    forkserver: Forkserver,
    *,
    only: Collection[str] | None = None,
    explain: bool = True,
    places: bool = False,
    side_by_side: bool = True,
    advance: Advance = silent,
    drawing: Advance = silent,
    settled: Callable[[SectionResult], None] = lambda result: None,
    given_up: threading.Event | None = None,
) -> SectionResult:
    """Grades a submission of a section.

    Args:
        material, paper: the section, and its paper.
        submission: the learner's file.
        forkserver: where workers come from.
        only: the exercises to grade; None is all of them.
        explain: look for smaller inputs and name mistakes. Without it there are only verdicts.
        places: look for the line of a fault that no known mistake explains.
        side_by_side: sit the parts of a long paper at the same time. Where other cores have other submissions to grade,
            one after the other takes less time in all.
        advance: called with the title of each check when it begins.
        drawing: called with the title of each check whose examples have to be set first.
        settled: called with the result as soon as the verdicts stand, before anything is explained.
        given_up: set as soon as nobody wants the explanations any more.
    """
    marking = Marking(material, paper, submission, only)
    if submission.text == paper.cover.untouched:  # then nothing has to be loaded to see that nothing is attempted
        loaded = Loaded(lines_of(submission.text), frozenset(paper.exercises), ())
        result = marking.result([Mark(question, "not_attempted") for question in marking.questions], loaded)
        settled(result)
        return result
    forkserver.preload(submission.imports.union(paper.cover.imports))
    order = paper.cover.order(submission.cells)
    with ExitStack() as desks:
        count = 2 if marking.is_long else 1
        sittings = [desks.enter_context(Sitting(forkserver, order)) for _ in range(count)]
        at_once = count if side_by_side else 1
        loaded = _loaded(sittings, at_once)
        marks = marking.verdicts(sittings, loaded, advance, drawing, at_once)
        for sitting in sittings:
            sitting.leave()
        failing = [mark for mark in marks if mark.failure]
        settled(marking.result(marks, loaded))
        if explain and failing:
            marking.explain(failing, marks, forkserver, given_up)
            if places:
                locate(marking, marks, forkserver, given_up, at_once=2 if side_by_side else 1)
    return marking.result(marks, loaded)


def located(
    material: Material, paper: Paper, submission: Submission, forkserver: Forkserver, exercise: str
) -> "Finding | None":
    """The line that the fault of an exercise is likely in; None where none is found, or it passes."""
    forkserver.preload(submission.imports.union(paper.cover.imports))
    marking = Marking(material, paper, submission, [exercise])
    with Sitting(forkserver, paper.cover.order(submission.cells)) as sitting:
        marks = marking.verdicts([sitting], sitting.load(), silent, silent, 1)
    return findings(marking, marks, forkserver, None, 1).get(exercise)


def notices(
    material: Material,
    paper: Paper,
    submission: Submission,
    forkserver: Forkserver,
    items: Sequence[Item],
    seconds: float,
) -> str | None:
    """The first of the checks `items`, taken in this order, that fails; None if all pass. Stops there.

    Args:
        seconds: the limit for each check, where it has not a shorter one.
    """
    forkserver.preload(submission.imports.union(paper.cover.imports))
    marking = Marking(material, paper, submission, None)
    with Sitting(forkserver, paper.cover.order(submission.cells)) as sitting:
        loaded = sitting.load()
        for item in items:
            limited = msgspec.structs.replace(item, seconds=min(seconds, item.seconds))
            mark = marking.attempted(item, loaded)
            if mark.status == "passed":
                marking.sit(mark, limited, sitting)
            if mark.status != "passed":
                return item.name
    return None


def _loaded(sittings: Sequence[Sitting], at_once: int) -> Loaded:
    """Loads the submission at every desk; what came of it at the first."""
    with ThreadPoolExecutor(at_once) as pool:
        first, *_ = pool.map(Sitting.load, sittings)
        return first


def _halves(items: Sequence[Item]) -> list[Sequence[Item]]:
    """The checks in two parts with as many examples each; one of them may be empty.

    The parts follow from the paper and not from the machine, and so does what is sat in one worker after the other.
    """
    total = sum(len(item.inputs) for item in items)
    first: list[Item] = []
    while sum(len(item.inputs) for item in first) < total / 2:
        first.append(items[len(first)])
    return [first, items[len(first) :]]


class Marking:
    """What the checks of one submission share while they are marked."""

    def __init__(self, material: Material, paper: Paper, submission: Submission, only: Collection[str] | None):
        self.material, self.paper, self.submission = material, paper, submission
        self._started = time.monotonic()
        self._room = _MAX_KEPT
        self._end = self._started + _SECTION_SECONDS  # no learner's code is run from then on
        self.questions = [each for each in paper.questions if only is None or each.exercise in only]

    @property
    def is_long(self) -> bool:
        """Whether two workers are worth it. Follows from the paper alone, whatever is attempted of it."""
        examples = self.paper.examples
        return sum(min(each.most or examples, examples) for each in self.questions) >= _WORTH_TWO

    @cached_property
    def _judges(self) -> dict[str, Judge]:
        return _judges(self.material.grader_source, self.material.grader)

    def verdicts(
        self, sittings: Sequence[Sitting], loaded: Loaded, advance: Advance, drawing: Advance, at_once: int
    ) -> list[Mark]:
        """The verdicts on all checks, without explanations; each part is sat at a desk of its own, so many at once."""
        marks = [self.attempted(question, loaded) for question in self.questions]
        open_marks = {mark.question.name: mark for mark in marks if mark.status == "passed"}
        items = self.paper.some([mark.question for mark in open_marks.values()], drawing)
        stop = threading.Event()

        def sit(items: Sequence[Item], sitting: Sitting) -> None:
            for item in items:
                if stop.is_set():
                    return
                advance(item.title)
                self.sit(open_marks[item.name], item, sitting)

        parts = _halves(items) if len(sittings) > 1 else [items]
        with ThreadPoolExecutor(at_once) as pool:
            try:
                list(pool.map(sit, parts, sittings))
            except BaseException:
                stop.set()  # Ctrl-C does not wait for the checks to end
                for sitting in sittings:
                    sitting.stop()
                raise
        return marks

    def rule(self, item: Question) -> Rule:
        """How the observations of a check are judged."""
        if not item.judged:
            return Rule(None, item.changes_inputs)
        # Loaded when first called: observations that are the same bytes need no judge.
        return Rule(
            lambda observed, expected, inputs: self._judges[item.name](observed, expected, inputs), item.changes_inputs
        )

    def attempted(self, question: Question, loaded: Loaded) -> Mark:
        """The mark of a check before it is sat: a verdict if the exercise is not there, else none yet (`passed`)."""
        mark = Mark(question)
        if question.exercise in loaded.unattempted:
            mark.status = "not_attempted"
        elif question.asks_by_name and question.exercise not in loaded.lines:
            mark.status, mark.error = "missing", self._why_missing(question.exercise, loaded)
        return mark

    def sit(self, mark: Mark, item: Item, sitting: Sitting) -> None:
        """Has a check sat, and marks it."""
        started = time.monotonic()
        mark.item = item
        if started > self._end:
            mark.status, mark.error = "timed_out", "not reached: the time for the whole section was used up"
            return
        mark.answers = sitting.sit(item.name, item.inputs, self.paper.seed, item.seconds)
        mark.failure = self._first_failure(item, mark.answers)
        if mark.failure and sitting.may_be_tainted and mark.answers.stopped != "timed_out":
            # What ran before may have left something behind. It is asked again in a fresh worker, after another task,
            # so that a submission cannot tell this from the first time.
            sitting.leave()
            mark.answers = sitting.sit(item.name, item.inputs, self.paper.seed, item.seconds)
            mark.failure = self._first_failure(item, mark.answers)
        if mark.failure:
            mark.status = mark.failure.status
            if mark.status == "raised" and item.exercise not in sitting.loaded.lines:
                mark.status, mark.failure = "missing", None  # looked up somewhere, and nobody has put it there
                mark.error = self._why_missing(item.exercise, sitting.loaded)
            sitting.leave()
        else:
            sitting.passed(item.name, item.inputs[0], self.paper.seed)
        self._put_away(mark)
        mark.seconds = time.monotonic() - started

    def _first_failure(self, item: Item, answers: Answers) -> Failure | None:
        rule = self.rule(item)
        for inputs, expected, seen in zip(item.inputs, item.expected, answers.seen, strict=False):
            if failure := rule.failure(inputs, expected, seen):
                return failure
        if answers.stopped:
            place = len(answers.seen)
            return Failure(answers.stopped, item.inputs[place], item.expected[place], None, answers.reason)
        return None

    def _put_away(self, mark: Mark) -> None:
        """Keeps what was shown where a failure is to be explained by it, as long as there is room."""
        size = sum(len(seen.observation) for seen in mark.answers.seen)
        if mark.failure and size <= self._room:
            self._room -= size
            return
        mark.answers.seen = []
        if mark.failure:
            mark.failure = replace(mark.failure, seen=None)

    def explain(
        self,
        failing: Sequence[Mark],
        marks: Sequence[Mark],
        forkserver: Forkserver,
        given_up: threading.Event | None,
    ) -> None:
        """Adds its explanation to each failing mark. What goes wrong there costs the explanation, never the verdict."""
        from graders.engine.explaining.explaining import (
            explain_all,  # Hypothesis is imported only where something failed
        )

        cases = [
            Failing(mark.item, mark.answers, mark.failure, self.rule(mark.item))
            for mark in failing
            if mark.item and mark.failure
        ]
        right = {mark.question.name for mark in marks if mark.status == "passed"}
        absent = {mark.question.exercise for mark in marks if mark.status in ("missing", "not_attempted")}
        explanations = explain_all(
            self.material, self.paper, self.submission, cases, right, absent, forkserver, given_up
        )
        for mark in failing:
            if explanation := explanations.get(mark.question.name):
                mark.explanation, mark.status = explanation, explanation.status

    def _why_missing(self, exercise: str, loaded: Loaded) -> str:
        aliases = self.paper.cover.aliases
        names = (exercise, *(other for other, name in aliases.items() if name == exercise))
        reasons = [loaded.lost[name] for name in names if name in loaded.lost]
        return reasons[0][:_MAX_WARNING] if reasons else f"there is no {exercise} in {self.submission.file}"

    def result(self, marks: Iterable[Mark], loaded: Loaded) -> SectionResult:
        """The results of all checks, by exercise."""
        by_exercise: dict[str, list[Mark]] = {}
        for mark in marks:
            by_exercise.setdefault(mark.question.exercise, []).append(mark)
        exercises = tuple(self._exercise(name, group, loaded) for name, group in by_exercise.items())
        return SectionResult(
            name=self.paper.section,
            title=self.paper.cover.title,
            file=self.submission.file,
            score=sum(exercise.score for exercise in exercises),
            points=sum(exercise.points for exercise in exercises),
            seconds=round(time.monotonic() - self._started, 3),
            warnings=tuple(self._warnings(loaded, {each.name for each in exercises if each.status != "passed"})),
            exercises=exercises,
            extras=together(exercise.extras for exercise in exercises),
        )

    def _exercise(self, name: str, marks: list[Mark], loaded: Loaded) -> ExerciseResult:
        checks = tuple(check_result(mark, self.paper.examples) for mark in marks)
        core = [check for check in checks if not check.extra] or checks
        extra = [check for check in checks if check.extra]
        status: Status = next((check.status for check in core if check.status != "passed"), "passed")
        return ExerciseResult(
            name=name,
            status=status,
            score=sum(check.score for check in checks if not check.extra),
            points=sum(check.points for check in checks if not check.extra),
            line=loaded.lines.get(name),
            checks=checks,
            extras=together(Extras(check.score, check.points) for check in extra),
            note=loaded.left_out.get(name) if any(check.status in WRONG for check in checks) else None,
        )

    def _warnings(self, loaded: Loaded, lacking: Collection[str]) -> Iterable[LoadWarning]:
        """What could not be executed: what costs an exercise first, and else in the order of the file."""
        told = [self._warning(trouble, lacking) for trouble in loaded.troubles if not trouble.follows]
        told.sort(key=lambda warning: not warning.costs)
        yield from told[:_MAX_WARNINGS]
        if (more := len(told) - _MAX_WARNINGS) > 0:
            yield LoadWarning(None, f"and {more} more statements could not be loaded")

    def _warning(self, trouble: Trouble, lacking: Collection[str]) -> LoadWarning:
        cells = self.submission.cells
        cell = cells[trouble.cell] if trouble.cell < len(cells) else Cell(self.submission.file, "")
        message, file = steady(trouble.message)[:_MAX_WARNING], cell.label if cell.module else None
        if cell.label not in (self.submission.file, file):  # a notebook's cell
            message = f"{cell.label}: {message}"
        aliases = self.paper.cover.aliases
        needed_by = {*trouble.needed_by, *(aliases.get(name, name) for name in trouble.names)}
        costs = tuple(name for name in self.paper.exercises if name in needed_by and name in lacking)
        return LoadWarning(trouble.line, message, file, costs)


@cache
def _judges(grader_source: str, grader: Path) -> dict[str, Judge]:
    judges: dict[str, Judge] = module_of(shaking.judges(grader_source), "judges", grader).JUDGES
    return judges
