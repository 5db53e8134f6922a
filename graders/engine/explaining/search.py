"""Searches for the smallest inputs that show a failure, with Hypothesis shrinking against live workers."""

from contextlib import suppress
from typing import Any

from graders.engine.authoring.material import Material
from graders.engine.comparing.judging import Failure
from graders.engine.explaining.budget import Budget
from graders.engine.explaining.explanation import Failing
from graders.engine.explaining.trials import Trials
from graders.engine.setting.drawing import draw
from graders.engine.setting.paper import Paper
from graders.engine.sitting.sitting import Sitting
from graders.engine.values import codec

_MAX_ATTEMPTS = 400
_EXAMPLE_SECONDS = 1.0
_MAX_LOST = 2  # workers that the search may cost, on either side


class _Found(Exception):
    """The drawn inputs show a failure: for Hypothesis, which shrinks what raises."""


class _Enough(BaseException):
    """The search has used up its budget. Not an Exception, so that Hypothesis lets it through."""


class Search:
    """Looks for inputs smaller than those of the failures a check's paper showed.

    Args:
        material, paper: the section.
        case: the check.
        sitting: the submission.
        trials: where the reference says what is expected.
        budget: what it may cost.
    """

    def __init__(
        self, material: Material, paper: Paper, case: Failing, sitting: Sitting, trials: Trials, budget: Budget
    ):
        self._paper, self._case, self._sitting, self._trials, self._budget = paper, case, sitting, trials, budget
        self._check = material.section.checks[case.item.name]
        self._tried: dict[bytes, Failure | None] = {}
        examples = zip(case.item.inputs, case.item.expected, case.answers.seen, strict=False)
        self._sat = {inputs: (expected, seen) for inputs, expected, seen in examples}  # judged when they are met
        self._attempts = self._lost = 0
        self._best: Failure | None = None

    def smallest(self) -> Failure | None:
        """The failure with the smallest inputs found; None when none was met again."""
        paper = self._paper
        with suppress(_Found, _Enough):
            draw(self._check, self._try, section=paper.section, seed=paper.seed, examples=paper.examples, shrink=True)
        return self._best

    def _try(self, **inputs: Any) -> None:
        data = codec.encode(inputs)
        if data not in self._tried:
            self._tried[data] = self._known(data) if data in self._sat else self._fresh(data)
        failure = self._tried[data]
        if failure:
            self._best = failure
            raise _Found

    def _known(self, data: bytes) -> Failure | None:
        if not self._budget.seconds:
            raise _Enough
        return self._case.rule.failure(data, *self._sat[data])

    def _fresh(self, data: bytes) -> Failure | None:
        self._attempts += 1
        if self._attempts > _MAX_ATTEMPTS or self._lost > _MAX_LOST or not self._budget.take(1):
            raise _Enough
        expected = self._trials.shown(self._case.item.name, [data])
        if expected is None:
            self._lost += 1
            return None
        answers = self._sitting.sit(self._case.item.name, [data], self._paper.seed, _EXAMPLE_SECONDS)
        if answers.stopped:  # another trouble than the one that is looked into
            self._lost += 1
            return None
        return self._case.rule.failure(data, codec.untraced(expected[0].observation), answers.seen[0])
