"""Looks for a small change of a submission with which an exercise passes: first in one worker, then proven in another.

Hundreds of changes are tried in one process, on an example that fails. What helps there is tried on everything that the
exercise is asked, and what passes that once more as a file of its own, on other inputs: a change that only does away
with the examples at hand is no repair.
"""

import ast
import heapq
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import msgspec

from graders.engine.comparing.judging import Failure, Rule
from graders.engine.explaining.budget import Budget
from graders.engine.locating.candidates import Candidate, candidates, pairs
from graders.engine.locating.complaints import complaint, raised_in
from graders.engine.locating.finding import Finding
from graders.engine.locating.slip import Slip
from graders.engine.locating.units import Unit, files, units
from graders.engine.setting.paper import Item, Paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.running import Answers
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values import codec
from graders.engine.values.definitions import lines_of
from graders.engine.values.messages import Manner

_TRIES = 4000  # changes of an exercise, fewer where an example runs very many lines
_LINES = 6_000_000  # that all tries may run, as the first example lets expect it
_FEWEST = 200
_EXAMPLES = 20_000  # that a search may run
_PROCESSOR, _TORCH_PROCESSOR = 3.0, 5.0  # seconds of a core behind that
_GUARD = 5  # times as many of wall-clock time, where the system does not say how long a process had a core
_MORE = 250  # changes after the first one that helps: the search for another place
_TRACED = 3  # passing examples of which it is looked which lines they run
_PINNED = 20  # examples among which the one that hangs is looked for
_AT_FIRST = 4  # examples of a check that is asked again, before the others
_PATIENCE = 0.3  # seconds of a core for an example; what takes longer is no repair
_IMPATIENCE = 0.04  # the same where the fault is that it hangs: then most changes hang as well
_SECONDS = 5.0  # wall-clock time for an example, and a check
_BEFORE_IT_BROKE = 0.8  # how suspicious lines before the one that raises are
_SHARE_OF_PAIRS = 4  # of so many single changes, one pair
_MOST_LINES = 3  # of which it is found that a change there helps
_MOST_LOST = 6  # workers that a search may cost
_MOST_PROVEN = 6  # changes that are tried as files of their own


@dataclass(frozen=True)
class Asked:
    """A core check of an exercise and how it is judged; if it fails, what was shown and the first failure."""

    item: Item
    rule: Rule
    answers: Answers | None  # None where it passes
    failure: Failure | None


def findings(
    paper: Paper,
    again: Callable[[], Paper],
    submission: Submission,
    asked: Mapping[str, Sequence[Asked]],
    forkserver: Forkserver,
    given_up: threading.Event | None = None,
    at_once: int = 1,
) -> dict[str, Finding]:
    """By exercise the line that its fault is likely in; nothing where none is found.

    Args:
        paper: the section.
        again: makes the same section's paper at another seed.
        submission: the learner's file.
        asked: by exercise its core checks, in the order in which places are looked for.
        forkserver: where workers come from.
        given_up: set as soon as nobody wants it any more.
        at_once: so many exercises side by side.
    """
    seconds = _TORCH_PROCESSOR if "torch" in paper.cover.imports else _PROCESSOR
    lock = threading.Lock()
    cover, texts = paper.cover, files(submission.cells)
    handed_out = lines_of(cover.untouched).keys()

    def finding(exercise: str) -> Finding | None:
        parts = units(texts, exercise, paper.exercises, cover.aliases, handed_out)
        budget = Budget(_EXAMPLES, _GUARD * seconds, given_up)
        with Sitting(forkserver, cover.order(submission.cells)) as sitting:
            search = _Search(paper, again, submission, forkserver, sitting, budget, lock, seconds)
            return search.finding(parts, asked[exercise])

    with ThreadPoolExecutor(at_once) as pool:
        found = zip(asked, pool.map(finding, asked), strict=True)
        return {exercise: each for exercise, each in found if each}


class _Search:
    """Looks for the place of a fault in one exercise of a submission.

    Args:
        paper: the section.
        again: makes the same section's paper at another seed.
        submission: the learner's file.
        forkserver: where workers come from.
        sitting: the submission, at a desk.
        budget: what it may cost.
        drawing: held while the other paper is drawn.
        seconds: of a core.
    """

    def __init__(
        self,
        paper: Paper,
        again: Callable[[], Paper],
        submission: Submission,
        forkserver: Forkserver,
        sitting: Sitting,
        budget: Budget,
        drawing: threading.Lock,
        seconds: float,
    ):
        self._seconds, self._began = seconds, time.thread_time()
        self._paper, self._again, self._submission = paper, again, submission
        self._forkserver, self._sitting = forkserver, sitting
        self._budget, self._drawing = budget, drawing
        self._lost = 0
        self._patience = _PATIENCE

    def finding(self, parts: Sequence[Unit], asked: Sequence[Asked]) -> Finding | None:
        """Where the smallest change is that makes every core check of an exercise pass, or what is proven by itself.

        Args:
            parts: the functions that it consists of.
            asked: its core checks.
        """
        failing = [each for each in asked if each.answers is not None]
        if not parts or not failing:
            return None
        case, failure, passing = _case(failing)
        raised = _raised(failure)
        if failure.seen is None:
            self._patience = _IMPATIENCE
            failure = self._pinned(case) or failure
        suspicion, cost = self._suspicion(case, failure, passing)
        if raised and (found := raised_in(parts, raised)):
            _where_it_broke(suspicion.get(found[0].file.label, {}), found[1])
        message = raised.message if raised else ""
        heads = [candidates(unit, suspicion.get(unit.file.label, {}), message) for unit in parts]
        tries = min(_TRIES, max(_FEWEST, _LINES // cost))
        order = heapq.merge(*heads, key=lambda each: each.cost)
        helpful = self._helpful(order, tries, failure, case, asked)
        if not helpful:
            both = chain.from_iterable(map(pairs, heads))
            helpful = self._helpful(both, tries // _SHARE_OF_PAIRS, failure, case, asked)
        best = self._proven(helpful, {each.item.name: each.rule for each in asked})
        return best or (complaint(parts, raised) if raised else None)

    def _helpful(
        self, order: Iterable[Candidate], tries: int, failure: Failure, case: Asked, asked: Sequence[Asked]
    ) -> list[Candidate]:
        """The changes, among so many first ones, with which the exercise passes in the worker at hand."""
        helpful: list[Candidate] = []
        last = tries
        for number, candidate in enumerate(order):
            if number >= last or self._lost > _MOST_LOST or not self._budget.seconds or self._is_over():
                break
            is_right = self._agrees(candidate, case, [failure.inputs], [failure.expected])
            if is_right and self._passes(candidate, case, asked):
                helpful.append(candidate)
                last = min(last, number + _MORE)
                if len({each.line for each in helpful}) > _MOST_LINES:
                    break
        return helpful

    def _is_over(self) -> bool:
        """Whether this process and its workers have had their time."""
        return time.thread_time() - self._began + self._sitting.processor > self._seconds

    def _pinned(self, case: Asked) -> Failure | None:
        """The first example that hangs or fails: of those before a worker's end, the last ones were not heard."""
        assert case.answers is not None
        item, first = case.item, len(case.answers.seen)
        for inputs, expected in zip(item.inputs[first : first + _PINNED], item.expected[first:], strict=False):
            answers = self._sit(item, [inputs], Manner(4 * _PATIENCE, self._patience))
            if answers.stopped or case.rule.failure(inputs, expected, answers.seen[0]):
                return Failure("timed_out", inputs, expected, None, "")
        return None

    def _suspicion(
        self, case: Asked, failure: Failure, passing: Sequence[bytes]
    ) -> tuple[dict[str, dict[int, float]], int]:
        """By file and line that the failing example runs: the fewer passing ones do, the more suspicious it is (Ochiai,
        at most 1). And how many lines an example runs."""
        counts, ran = [1], []
        for data in (failure.inputs, *passing[:_TRACED]):
            answers = self._sit(case.item, [data], Manner(processor=4.0, patience=2.0, traced=True))
            told = list(_places(answers))
            counts += [each for each in told if isinstance(each, int)]
            ran.append({each for each in told if not isinstance(each, int)})
        failing, *others = ran
        found: dict[str, dict[int, float]] = {}
        for label, line in failing:
            passed = sum((label, line) in other for other in others)
            found.setdefault(label, {})[line] = (1 + passed) ** -0.5
        return found, max(counts)

    def _sit(self, item: Item, inputs: Sequence[bytes], manner: Manner) -> Answers:
        answers = self._sitting.sit(item.name, inputs, self._paper.seed, _SECONDS, manner=manner)
        self._lost += answers.stopped is not None
        return answers

    def _agrees(self, candidate: Candidate, case: Asked, inputs: Sequence[bytes], expected: Sequence[bytes]) -> bool:
        """Whether some examples of a check are right with a change, in the worker at hand."""
        if not self._budget.take(len(inputs)):
            return False
        slip = candidate.slip
        changed = candidate.unit.changed(slip.start, slip.end, slip.new)
        answers = self._sit(case.item, inputs, Manner(4 * _PATIENCE * len(inputs), self._patience, changed))
        return not answers.stopped and case.rule.accepts(inputs, expected, answers.seen)

    def _passes(self, candidate: Candidate, case: Asked, asked: Sequence[Asked]) -> bool:
        """Whether all core checks of the exercise pass with a change, in the worker at hand."""
        for each in sorted(asked, key=lambda other: (other is not case, other.answers is None)):
            for some in (slice(0, _AT_FIRST), slice(_AT_FIRST, None)):
                inputs, expected = each.item.inputs[some], each.item.expected[some]
                if inputs and not self._agrees(candidate, each, inputs, expected):
                    return False
        return True

    def _proven(self, helpful: Sequence[Candidate], rules: Mapping[str, Rule]) -> Finding | None:
        """The smallest of the changes that make the checks pass in a worker of its own, on other inputs."""
        by_line: dict[tuple[str, int], Candidate] = {}
        for candidate in sorted(helpful, key=lambda each: each.cost):
            by_line.setdefault((candidate.unit.file.label, candidate.line), candidate)
        if not by_line:
            return None
        with self._drawing:
            again = self._again()
            items = again.some(each for each in again.questions if each.name in rules)
        proven = [each for each in list(by_line.values())[:_MOST_PROVEN] if self._holds(each, items, again.seed, rules)]
        if not proven:
            return None
        best, *more = proven
        return _finding(best, tuple(each.line for each in more if each.unit.file is best.unit.file))

    def _holds(self, candidate: Candidate, items: Sequence[Item], seed: int, rules: Mapping[str, Rule]) -> bool:
        slip, unit = candidate.slip, candidate.unit
        cells = list(self._submission.cells)
        whole = unit.whole(slip.start, slip.end, slip.new)
        number = unit.file.number
        cells[number] = msgspec.structs.replace(cells[number], source=whole)
        with Sitting(self._forkserver, self._paper.cover.order(tuple(cells))) as sitting:
            for item in items:
                answers = sitting.sit(item.name, item.inputs, seed, min(item.seconds, _SECONDS))
                if answers.stopped or not rules[item.name].accepts(item.inputs, item.expected, answers.seen):
                    return False
        return True


def _case(failing: Sequence[Asked]) -> tuple[Asked, Failure, list[bytes]]:
    """The failing check to begin with, its smallest failing example, and examples of it that pass."""
    found: list[tuple[int, Asked, Failure, list[bytes]]] = []
    for case in failing:
        assert case.answers is not None
        assert case.failure is not None
        item, failures, passing = case.item, [case.failure], []
        for inputs, expected, seen in zip(item.inputs, item.expected, case.answers.seen, strict=False):
            failure = case.rule.failure(inputs, expected, seen)
            failures += [failure] if failure else []
            passing += [] if failure else [inputs]
        smallest = min(failures, key=lambda each: len(each.inputs))
        found.append((len(smallest.inputs), case, smallest, sorted(passing, key=len)))
    return min(found, key=lambda each: each[0])[1:]


def _raised(failure: Failure) -> codec.Raised | None:
    observed = codec.decode(failure.seen.observation) if failure.seen else None
    return observed if isinstance(observed, codec.Raised) else None


def _where_it_broke(suspicion: dict[int, float], line: int) -> None:
    """The line in which an exception came up is more suspicious than those before it."""
    for other in suspicion.keys() - {line}:
        suspicion[other] *= _BEFORE_IT_BROKE


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


def _as_written(unit: Unit, slip: Slip) -> str:
    """The cell after a change, without parentheses that say nothing."""
    whole = unit.whole(slip.start, slip.end, slip.new)
    if slip.new[:1] == "(" and slip.new[-1:] == ")":
        bare = unit.whole(slip.start, slip.end, slip.new[1:-1])
        with suppress(SyntaxError, ValueError):
            whole = bare if ast.dump(ast.parse(bare)) == ast.dump(ast.parse(whole)) else whole
    return whole


def _finding(candidate: Candidate, others: tuple[int, ...]) -> Finding:
    slip, unit = candidate.slip, candidate.unit
    before = unit.file.source.split("\n")
    after = _as_written(unit, slip).split("\n")
    same = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(before) - 1)
    tail = 0
    while tail < min(len(before), len(after)) - same and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    becomes = "\n".join(after[same : len(after) - tail])
    text = before[slip.line - 1].strip()
    return Finding(unit.file.label, slip.line, slip.column, slip.kind, text, "", becomes.strip(), others)
