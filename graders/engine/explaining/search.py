"""Searches for the smallest inputs that show a failure, with Hypothesis shrinking against the live worker."""

import time
from contextlib import suppress
from typing import Any

from graders.engine.authoring.material import Material
from graders.engine.comparing.judging import Failure, Rule
from graders.engine.setting.drawing import draw
from graders.engine.setting.paper import Item, Paper
from graders.engine.sitting.sitting import Answers, Sitting
from graders.engine.values import codec
from graders.engine.worker.observing import Solution, observe

_MAX_ATTEMPTS = 400  # the limit that is normally met first, so that the same run finds the same inputs
_MAX_SECONDS = 3.0  # of wall-clock time, whatever the attempts cost
_EXAMPLE_SECONDS = 1.0
_MAX_LOST = 2  # workers that the search may cost


class _Found(Exception):
    """The drawn inputs show a failure: for Hypothesis, which shrinks what raises."""


class _Enough(BaseException):
    """The search has used up its budget. Not an Exception, so that Hypothesis lets it through."""


class Search:
    """Looks for inputs smaller than those of the failures a check's paper showed.

    Args:
        material, paper, item: the check.
        rule: how it is judged.
        sitting: the submission.
        answers: what the submission showed on the paper's inputs.
    """

    def __init__(self, material: Material, paper: Paper, item: Item, rule: Rule, sitting: Sitting, answers: Answers):
        self._material, self._paper, self._item, self._rule, self._sitting = material, paper, item, rule, sitting
        self._reference = Solution(material.reference_module, {}, {})
        self._check = material.section.checks[item.name]
        self._tried: dict[bytes, Failure | None] = {}
        examples = zip(item.inputs, item.expected, answers.seen, strict=False)
        self._sat = {inputs: (expected, seen) for inputs, expected, seen in examples}  # judged when they are met
        self._attempts = self._lost = 0
        self._best: Failure | None = None

    def smallest(self) -> Failure | None:
        """The failure with the smallest inputs found; None when none was met again."""
        self._end = time.monotonic() + _MAX_SECONDS
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
        if self._best and time.monotonic() > self._end:
            raise _Enough
        return self._rule.failure(data, *self._sat[data])

    def _fresh(self, data: bytes) -> Failure | None:
        self._attempts += 1
        if self._attempts > _MAX_ATTEMPTS or time.monotonic() > self._end or self._lost > _MAX_LOST:
            raise _Enough
        expected = observe(self._check.probe, self._reference, data, self._paper.seed, ()).observation
        answers = self._sitting.sit(self._item.name, [data], self._paper.seed, _EXAMPLE_SECONDS)
        if answers.stopped:  # another trouble than the one that is looked into
            self._lost += 1
            return None
        return self._rule.failure(data, expected, answers.seen[0])
