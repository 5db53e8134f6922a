"""Looks for a small change of a submission with which an exercise passes: first in one worker, then proven in another.

Hundreds of changes are tried in one process, on an example that fails. What helps there is tried on everything that the
exercise is asked, and what passes that once more as a file of its own, on other inputs: a change that only does away
with the examples at hand is no repair.
"""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from graders.engine.comparing.judging import Failure, Rule
from graders.engine.locating.candidates import Candidate, candidates
from graders.engine.locating.units import Unit, units
from graders.engine.results import Status
from graders.engine.setting.paper import Item, Paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.running import Answers
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values import codec
from graders.engine.values.messages import Manner

_TRIES = 1500  # changes of an exercise
_MORE = 250  # changes after the first one that helps: the search for another place
_TRACED = 3  # failing examples of which it is looked which lines they run, and passing ones
_AT_FIRST = 4  # examples of a check that is asked again, before the others
_PATIENCE = 0.3  # seconds of a core for an example; what takes longer is no repair
_SECONDS = 5.0  # wall-clock time for an example, and a check
_MOST_LOST = 6  # workers that a search may cost
_MOST_PROVEN = 6  # changes that are tried as files of their own


@dataclass(frozen=True)
class Asked:
    """A core check of an exercise, with its examples and how it is judged, and what the submission showed if it fails."""

    item: Item
    rule: Rule
    answers: Answers | None  # None where it passes


@dataclass(frozen=True)
class Repair:
    """A change with which all core checks of an exercise pass.

    Attributes:
        label: the name of the cell, or of the file.
        line, column: where it is there, from 1.
        kind: what it is about.
        was, becomes: the lines that change, without the spaces before them.
        others: the lines in which another change does so too.
    """

    label: str
    line: int
    column: int
    kind: str
    was: str
    becomes: str
    others: tuple[int, ...]


class Search:
    """Looks for the place of a fault in one exercise of a submission.

    Args:
        paper: the section.
        again: the same section at another seed.
        submission: the learner's file.
        forkserver: where workers come from.
        budget: what it may cost.
    """

    def __init__(self, paper: Paper, again: Paper, submission: Submission, forkserver: Forkserver, budget: "Allowance"):
        self._paper, self._again, self._submission = paper, again, submission
        self._forkserver, self._budget = forkserver, budget
        self._stack = ExitStack()
        self._sitting = self._stack.enter_context(Sitting(forkserver, paper.cover.order(submission.cells)))
        self._lost = self._tries = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def repair(self, exercise: str, asked: Sequence[Asked]) -> Repair | None:
        """The smallest change found that makes every core check of `exercise` pass; None if none does.

        Args:
            asked: its core checks.
        """
        cover = self._paper.cover
        parts = units(self._submission.cells, exercise, self._paper.exercises, cover.aliases)
        failing = [each for each in asked if each.answers is not None]
        if not parts or not failing:
            return None
        case, failure, passing = _case(failing)
        suspicion, cost = self._suspicion(case, failure, passing)
        complaint = _complaint(failure)
        heads = [candidates(unit, suspicion.get(unit.label, {}), complaint) for unit in parts]
        order = heapq.merge(*heads, key=lambda each: each.cost)
        tries = int(min(_TRIES, max(200, 3_000_000 / max(cost, 1))))
        helpful: list[Candidate] = []
        last = tries
        for number, candidate in enumerate(order):
            if number >= last or self._lost > _MOST_LOST or not self._budget.left:
                break
            if self._agrees(candidate, case, [failure]) and self._passes(candidate, case, asked):
                helpful.append(candidate)
                last = min(last, number + _MORE)
                if len({each.line for each in helpful}) > 3:
                    break
        self._tries = number if parts and tries else 0
        return self._proven(exercise, helpful)

    def _suspicion(
        self, case: Asked, failure: Failure, passing: Sequence[bytes]
    ) -> tuple[Mapping[str, Mapping[int, float]], int]:
        """By file and line how suspicious it is (Ochiai), and how many lines an example runs."""
        assert case.answers is not None
        bad = [failure.inputs]
        seen: dict[tuple[str, int], list[int]] = {}
        most = 1
        for side, examples in enumerate((bad, passing[:_TRACED])):
            for data in examples:
                answers = self._sit(case.item, [data], Manner(processor=4.0, patience=2.0, traced=True))
                for place in _places(answers):
                    if isinstance(place, int):
                        most = max(most, place)
                    else:
                        seen.setdefault(place, [0, 0])[side] += 1
        found: dict[str, dict[int, float]] = {}
        for (label, line), (failed, passed) in seen.items():
            if failed:
                found.setdefault(label, {})[line] = failed / math.sqrt(len(bad) * (failed + passed))
        return found, most

    def _sit(self, item: Item, inputs: Sequence[bytes], manner: Manner) -> Answers:
        answers = self._sitting.sit(item.name, inputs, self._paper.seed, _SECONDS, manner=manner)
        self._lost += answers.stopped is not None
        return answers

    def _agrees(self, candidate: Candidate, case: Asked, examples: Sequence[Failure]) -> bool:
        self._budget.take(len(examples))
        slip = candidate.slip
        changed = candidate.unit.changed(slip.start, slip.end, slip.new)
        inputs = [each.inputs for each in examples]
        answers = self._sit(case.item, inputs, Manner(4 * _PATIENCE * len(inputs), _PATIENCE, changed))
        if answers.stopped:
            return False
        return not any(
            case.rule.failure(each.inputs, each.expected, seen)
            for each, seen in zip(examples, answers.seen, strict=True)
        )

    def _passes(self, candidate: Candidate, case: Asked, asked: Sequence[Asked]) -> bool:
        """Whether all core checks of the exercise pass with a change, in the worker at hand."""
        for each in sorted(asked, key=lambda other: (other is not case, other.answers is None)):
            item = each.item
            for examples in (slice(0, _AT_FIRST), slice(_AT_FIRST, None)):
                pairs = zip(item.inputs[examples], item.expected[examples], strict=True)
                wanted = [Failure("failed", inputs, expected, None, "") for inputs, expected in pairs]
                if wanted and not self._agrees(candidate, each, wanted):
                    return False
        return True

    def _proven(self, exercise: str, helpful: Sequence[Candidate]) -> Repair | None:
        """The smallest of the changes that make the checks pass in a worker of its own, on other inputs."""
        questions = [each for each in self._again.questions if each.exercise == exercise and not each.extra]
        by_line: dict[tuple[str, int], Candidate] = {}
        for candidate in sorted(helpful, key=lambda each: each.cost):
            by_line.setdefault((candidate.unit.label, candidate.line), candidate)
        proven = []
        for candidate in list(by_line.values())[:_MOST_PROVEN]:
            if self._holds(candidate, self._again.some(questions)):
                proven.append(candidate)
        if not proven:
            return None
        best = proven[0]
        others = tuple(each.line for each in proven[1:] if each.unit.label == best.unit.label)
        return _repair(best, others)

    def _holds(self, candidate: Candidate, items: Sequence[Item]) -> bool:
        slip, unit = candidate.slip, candidate.unit
        cells = list(self._submission.cells)
        whole = unit.whole(slip.start, slip.end, slip.new)
        cells[unit.cell] = msgspec.structs.replace(cells[unit.cell], source=whole)
        with Sitting(self._forkserver, self._paper.cover.order(tuple(cells))) as sitting:
            for item in items:
                answers = sitting.sit(item.name, item.inputs, self._again.seed, min(item.seconds, _SECONDS))
                rule = self._rules[item.name]
                if answers.stopped or any(map(rule.failure, item.inputs, item.expected, answers.seen)):
                    return False
        return True

    _rules: Mapping[str, Rule]


class Allowance:
    """What a search may cost."""

    left = True

    def take(self, examples: int) -> None:
        """Takes so many examples."""


def _case(failing: Sequence[Asked]) -> tuple[Asked, Failure, list[bytes]]:
    """The failing check to begin with, its smallest failing example, and examples of it that pass."""
    best: tuple[int, Asked, Failure, list[bytes]] | None = None
    for case in failing:
        assert case.answers is not None
        failures, passing = [], []
        item = case.item
        for inputs, expected, seen in zip(item.inputs, item.expected, case.answers.seen, strict=False):
            failure = case.rule.failure(inputs, expected, seen)
            failures += [failure] if failure else []
            passing += [] if failure else [inputs]
        if case.answers.stopped and not failures:
            place = len(case.answers.seen)
            stopped: Status = case.answers.stopped
            failures = [Failure(stopped, item.inputs[place], item.expected[place], None, case.answers.reason)]
        if failures:
            smallest = min(failures, key=lambda each: len(each.inputs))
            if best is None or len(smallest.inputs) < best[0]:
                best = (len(smallest.inputs), case, smallest, sorted(passing, key=len))
    assert best
    return best[1:]


def _complaint(failure: Failure) -> str:
    if failure.seen is None:
        return ""
    observed = codec.decode(failure.seen.observation)
    return observed.message if isinstance(observed, codec.Raised) else ""


def _places(answers: Answers) -> Iterator[tuple[str, int] | int]:
    """What a worker says of the lines that ran; it may say anything."""
    for seen in answers.seen:
        found = codec.decode(seen.observation)
        for each in found if isinstance(found, list) else []:
            match each:
                case bool():
                    continue
                case int() as count:
                    yield count
                case [str() as label, int() as line]:
                    yield label, line


def _repair(candidate: Candidate, others: tuple[int, ...]) -> Repair:
    slip, unit = candidate.slip, candidate.unit
    before = unit.source.split("\n")
    after = unit.whole(slip.start, slip.end, slip.new).split("\n")
    same = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(before) - 1)
    tail = 0
    while tail < min(len(before), len(after)) - same and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    was = "\n".join(before[same : len(before) - tail])
    becomes = "\n".join(after[same : len(after) - tail])
    return Repair(unit.label, slip.line, slip.column, slip.kind, was.strip(), becomes.strip(), others)
