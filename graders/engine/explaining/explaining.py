"""Explains the failures of a submission: whose fault they are, smaller inputs, and the mistake they look like."""

import threading
import traceback
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property

from graders.engine.authoring.material import Material
from graders.engine.comparing.judging import Failure
from graders.engine.explaining.blame import Blame
from graders.engine.explaining.budget import Budget
from graders.engine.explaining.calls import call
from graders.engine.explaining.diagnosis import MAX_COMPARED, Diagnosis
from graders.engine.explaining.explanation import Explanation, Failing
from graders.engine.explaining.literals import literal
from graders.engine.explaining.search import Search
from graders.engine.explaining.trials import Trials
from graders.engine.results import Counterexample
from graders.engine.setting.paper import Paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values import codec

_EXAMPLES, _SECONDS = 40_000, 20.0  # that explaining a section may cost, and the guard behind that
_HANGING_SECONDS = 1.0  # for one example, to be taken for the one that hangs
_MAX_PINNED = 20  # examples among which it is looked for
_SHRUNK = ("failed", "raised")
_OWN = ("not_attempted", "missing")  # the exercise itself is not there, so nothing else is to blame


def explain_all(
    material: Material,
    paper: Paper,
    submission: Submission,
    cases: Sequence[Failing],
    right: Collection[str],
    absent: Collection[str],
    forkserver: Forkserver,
    given_up: threading.Event | None = None,
) -> dict[str, Explanation]:
    """The explanations of failing checks, by name; `blocked` where it is proven what they wait for.

    What goes wrong here costs one explanation. What is worth most comes first, as long as the budget lasts.

    Args:
        material, paper: the section.
        submission: the learner's file.
        cases: the checks that failed.
        right: the names of those that passed.
        absent: exercises that are missing, or not attempted.
        forkserver: where workers come from.
        given_up: set as soon as nobody wants the explanations any more.
    """
    budget = Budget(_EXAMPLES, _SECONDS, given_up)
    found: dict[str, Explanation] = {}
    with ExitStack() as stack:
        trials = stack.enter_context(Trials(material, paper, forkserver, budget))
        blame = stack.enter_context(Blame(material, paper, submission, right, absent, forkserver, budget))
        sitting = stack.enter_context(Sitting(forkserver, paper.cover.order(submission.cells)))
        explainer = _Explainer(material, paper, budget, trials, Diagnosis(material, paper, trials, right), sitting)
        for exercise in dict.fromkeys(case.item.exercise for case in sorted(cases, key=lambda case: -case.item.points)):
            for case in (case for case in cases if case.item.exercise == exercise):
                try:
                    found[case.item.name] = explainer.explanation(case, blame)
                except Exception as error:
                    found[case.item.name] = _unexplained(case, error)
            _name_pairs(exercise, explainer.diagnosis, found)
            trials.clear()
    return found


def _name_pairs(exercise: str, diagnosis: Diagnosis, found: dict[str, Explanation]) -> None:
    """Two mistakes together are tried where one does not fit. What goes wrong costs no explanation."""
    with suppress(Exception):
        for name, mistakes in diagnosis.pair(exercise).items():
            found[name] = replace(found[name], mistakes=tuple(mistake.text for mistake in mistakes))


def _unexplained(case: Failing, error: Exception) -> Explanation:
    """What is left to say where explaining itself went wrong."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    words = f"(the grader could not explain it further: {type(error).__name__} in {where.name})"
    return Explanation(case.failure.status, error=f"{case.failure.difference} {words}", output=case.answers.said)


def _waiting(names: Sequence[str], absent: Collection[str]) -> str:
    unwritten = [name for name in names if name in absent]
    if len(unwritten) == len(names):
        return f"waits for {' and '.join(names)}, which {'is' if len(names) == 1 else 'are'} not written yet"
    return f"fix {' and '.join(names)} first"


class _Explainer:
    """What the explanations of one submission share."""

    def __init__(
        self, material: Material, paper: Paper, budget: Budget, trials: Trials, diagnosis: Diagnosis, sitting: Sitting
    ):
        self.material, self.paper, self.budget = material, paper, budget
        self.trials, self.diagnosis, self.sitting = trials, diagnosis, sitting

    def explanation(self, case: Failing, blame: Blame) -> Explanation:
        """The explanation of one check; one that is blocked is spared the search."""
        if waits_for := blame.waits_for(case):
            return Explanation("blocked", error=_waiting(waits_for, blame.absent), waits_for=waits_for)
        if case.failure.status in _OWN:
            return Explanation(case.failure.status, error=case.failure.difference, output=case.answers.said)
        return _Case(self, case).explanation()


class _Case:
    """One failing check while it is explained."""

    def __init__(self, shared: _Explainer, case: Failing):
        self._shared, self._case = shared, case
        self._failure = case.failure
        self._said = case.answers.said

    def explanation(self) -> Explanation:
        """Smaller inputs, what comes out on them, and the mistake that it looks like."""
        if self._failure.seen is None and self._case.answers.stopped:
            self._pin_down()
        elif self._failure.seen and self._failure.status in _SHRUNK:
            self._shrink()
        output = self._again()
        failures, passing = self._judged
        compared = [self._failure, *failures]
        mistake = self._shared.diagnosis.mistake(self._case.item, self._case.rule, compared, passing)
        return Explanation(
            self._failure.status, self._counterexample(), (mistake.text,) if mistake else (), self._trace(), output
        )

    def _shrink(self) -> None:
        shared = self._shared
        shared.sitting.leave()
        search = Search(shared.material, shared.paper, self._case, shared.sitting, shared.trials, shared.budget)
        self._failure = search.smallest() or self._failure

    def _pin_down(self) -> None:
        """Finds the example that hangs or kills the process: observations on the way were lost with it."""
        item, shared = self._case.item, self._shared
        seconds = min(item.seconds, _HANGING_SECONDS)
        first = len(self._case.answers.seen)
        examples = list(zip(item.inputs, item.expected, strict=True))[first : first + _MAX_PINNED]
        for inputs, expected in examples:
            if not shared.budget.take(1):
                return
            answers = shared.sitting.sit(item.name, [inputs], shared.paper.seed, seconds)
            if answers.stopped:
                self._failure = replace(self._failure, inputs=inputs, expected=expected)
                self._said = answers.said
                return

    def _again(self) -> str:
        """What the learner's code prints on the counterexample alone."""
        shared = self._shared
        if self._failure.seen is None or not shared.budget.take(1):
            return self._said
        seconds = min(self._case.item.seconds, max(shared.budget.seconds, _HANGING_SECONDS))
        return shared.sitting.sit(self._case.item.name, [self._failure.inputs], shared.paper.seed, seconds).said

    @cached_property
    def _judged(self) -> tuple[list[Failure], list[tuple[bytes, bytes]]]:
        """The failing examples of the paper, as many as a mistake is tried on, each judged once; and as many that pass,
        with what is expected of them."""
        item = self._case.item
        failures: list[Failure] = []
        passing: list[tuple[bytes, bytes]] = []
        for inputs, expected, seen in zip(item.inputs, item.expected, self._case.answers.seen, strict=False):
            if not self._shared.budget.seconds or len(failures) == len(passing) == MAX_COMPARED:
                break
            failure = self._case.rule.failure(inputs, expected, seen)
            if failure and len(failures) < MAX_COMPARED:
                failures.append(failure)
            if not failure and len(passing) < MAX_COMPARED:
                passing.append((inputs, expected))
        return failures, passing

    def _trace(self) -> str | None:
        seen = self._failure.seen
        if seen is None:
            return self._failure.difference
        observed = codec.decode(seen.observation)
        if not isinstance(observed, codec.Raised):
            return None
        return f"{observed.trace}\n{_exception(observed)}".lstrip("\n")

    def _counterexample(self) -> Counterexample:
        inputs = codec.decode(self._failure.inputs)
        assert isinstance(inputs, dict)
        seen, material = self._failure.seen, self._shared.material
        actual = _shown(codec.decode(seen.observation)) if seen else self._failure.difference
        module = f"{material.exercises.parent.name}.{material.name}"
        text = call(material.grader_source, self._case.item.name, inputs, module)
        return Counterexample(
            call=text.shown,
            expected=_shown(codec.decode(self._failure.expected)),
            actual=actual,
            difference=self._failure.difference,
            script=text.whole,
        )


def _shown(value: object) -> str:
    return _exception(value) if isinstance(value, codec.Raised) else literal(value)


def _exception(value: codec.Raised) -> str:
    return f"{value.type}: {value.message}" if value.message else value.type
