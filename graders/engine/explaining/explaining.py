"""Explains the failures of a submission: smaller inputs, the mistake they look like, and what to mend first."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from graders.engine.authoring.material import Material
from graders.engine.comparing.judging import Failure, Rule
from graders.engine.explaining import diagnosis
from graders.engine.explaining.calls import call
from graders.engine.explaining.literals import literal
from graders.engine.explaining.search import Search
from graders.engine.marking.marking import Mark
from graders.engine.results import Counterexample
from graders.engine.setting.paper import Item, Paper
from graders.engine.sitting.sitting import Sitting
from graders.engine.values import codec

_HANGING_SECONDS = 1.0  # for one example, to be taken for the one that hangs
_PINNING_SECONDS = 3.0  # to look for it
_SHRUNK = ("failed", "raised")
_OWN = ("not_attempted", "missing")  # the exercise itself is not there, so nothing else is to blame


@dataclass(frozen=True)
class Explanation:
    """What a learner is told about a failing check."""

    counterexample: Counterexample | None
    mistake: str | None
    error: str | None
    output: str


def explain_all(
    material: Material,
    paper: Paper,
    marks: Sequence[Mark],
    rule: Callable[[Item], Rule],
    sitting: Sitting,
    end: float,
) -> None:
    """Adds its explanation to each failing mark, and sets `blocked` where an earlier exercise is to be mended first.

    From the time `end` on (as of time.monotonic) no learner's code is run for it: the inputs stay as they were drawn.
    """
    order = material.section.exercises
    failing = {mark.item.exercise for mark in marks if mark.status != "passed"}
    for mark in marks:
        if mark.failure is None:
            continue
        explainer = _Explainer(material, paper, mark, rule(mark.item), sitting, end)
        earlier = order[: order.index(mark.item.exercise)]
        probe, exercise = material.section.checks[mark.item.name].probe, mark.item.exercise
        needed = diagnosis.prerequisites(
            material, probe, exercise, mark.failure.inputs, paper.seed, failing.intersection(earlier)
        )
        first = next((name for name in earlier if name in needed), None)
        if first and explainer.mistake():
            first = None  # it has a fault of its own
        mark.explanation = explainer.explanation(first)
        mark.status = "blocked" if first else explainer.failure.status


class _Explainer:
    def __init__(self, material: Material, paper: Paper, mark: Mark, rule: Rule, sitting: Sitting, end: float):
        assert mark.failure is not None
        self._material, self._paper, self._mark, self._rule, self._sitting = material, paper, mark, rule, sitting
        self._end = end
        self.failure: Failure = mark.failure

    def explanation(self, blocked_by: str | None) -> Explanation:
        """The explanation; one that is blocked is spared the search."""
        if self.failure.status in _OWN:
            error = f"fix {blocked_by} first" if blocked_by else self.failure.difference
            return Explanation(None, None, error, self._mark.answers.said)
        output = self._mark.answers.said
        if time.monotonic() < self._end:
            if self.failure.seen is None and self._mark.answers.stopped:
                self._pin_down()
            elif self.failure.seen and self.failure.status in _SHRUNK and not blocked_by:
                self._shrink()
            output = self._again()
        if blocked_by:
            return Explanation(self._counterexample(), None, f"fix {blocked_by} first", output)
        return Explanation(self._counterexample(), self.mistake(), self._trace(), output)

    def mistake(self) -> str | None:
        """The mistake that it looks like, on the counterexample and on the failing examples of the paper."""
        failures = [self.failure, *self._failures()]
        found = diagnosis.mistake(self._material, self._mark.item.name, self._rule, self._paper.seed, failures)
        return found.text if found else None

    def _shrink(self) -> None:
        self._sitting.leave()
        search = Search(self._material, self._paper, self._mark.item, self._rule, self._sitting, self._mark.answers)
        self.failure = search.smallest() or self.failure

    def _pin_down(self) -> None:
        """Finds the example that hangs or kills the process: observations on the way were lost with it."""
        item = self._mark.item
        seconds = min(item.seconds, _HANGING_SECONDS)
        first = len(self._mark.answers.seen)
        end = time.monotonic() + _PINNING_SECONDS
        for inputs, expected in list(zip(item.inputs, item.expected, strict=True))[first:]:
            if time.monotonic() > end:
                return
            answers = self._sitting.sit(item.name, [inputs], self._paper.seed, seconds)
            if answers.stopped:
                self.failure = replace(self.failure, inputs=inputs, expected=expected)
                self._mark.answers.said = answers.said
                return

    def _again(self) -> str:
        """What the learner's code prints on the counterexample alone."""
        if self.failure.seen is None:
            return self._mark.answers.said
        item = self._mark.item
        return self._sitting.sit(item.name, [self.failure.inputs], self._paper.seed, item.seconds).said

    def _failures(self) -> list[Failure]:
        """The failing examples of the paper, as many as a mistake is tried on."""
        item = self._mark.item
        examples = zip(item.inputs, item.expected, self._mark.answers.seen, strict=False)
        failures = (failure for example in examples if (failure := self._rule.failure(*example)))
        return list(islice(failures, diagnosis.MAX_COMPARED))

    def _trace(self) -> str | None:
        seen = self.failure.seen
        if seen is None:
            return self.failure.difference
        observed = codec.decode(seen.observation)
        if not isinstance(observed, codec.Raised):
            return None
        return f"{observed.trace}\n{_exception(observed)}".lstrip("\n")

    def _counterexample(self) -> Counterexample:
        inputs = codec.decode(self.failure.inputs)
        assert isinstance(inputs, dict)
        seen = self.failure.seen
        actual = _shown(codec.decode(seen.observation)) if seen else self.failure.difference
        module = f"{self._material.exercises.parent.name}.{self._material.name}"
        return Counterexample(
            call=call(self._material.grader_source, self._mark.item.name, inputs, module),
            expected=_shown(codec.decode(self.failure.expected)),
            actual=actual,
            difference=self.failure.difference,
        )


def _shown(value: object) -> str:
    return _exception(value) if isinstance(value, codec.Raised) else literal(value)


def _exception(value: codec.Raised) -> str:
    return f"{value.type}: {value.message}" if value.message else value.type
