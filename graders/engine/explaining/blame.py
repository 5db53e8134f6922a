"""Whose fault a failure is: proven by putting the reference's version of another exercise in its place."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from graders.engine.authoring.dependence import Dependence
from graders.engine.authoring.material import Material
from graders.engine.explaining.budget import Budget
from graders.engine.explaining.explanation import Failing
from graders.engine.setting.paper import Paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission

_MAX_SECONDS = 5.0  # for one check


class Blame:
    """Finds the exercises that a failing check waits for.

    Args:
        material, paper: the section.
        submission: the learner's file.
        right: the checks that it passes.
        absent: the exercises that are missing in it, or not attempted.
        forkserver: where workers come from: each try has one of its own, and what that prints is not looked at.
        budget: what all of it may cost.
    """

    def __init__(
        self,
        material: Material,
        paper: Paper,
        submission: Submission,
        right: Collection[str],
        absent: Collection[str],
        forkserver: Forkserver,
        budget: Budget,
    ):
        self._paper, self._submission, self._forkserver, self._budget = paper, submission, forkserver, budget
        self._dependence = Dependence(material.reference_source, paper.exercises)
        self.absent = frozenset(absent)
        self._probes = material.probes
        questions = paper.questions
        self._right = {
            name for name in paper.exercises if all(each.name in right for each in questions if each.exercise == name)
        }
        self._desks: dict[tuple[str, ...], Sitting] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def waits_for(self, case: Failing) -> tuple[str, ...]:
        """The exercises, in the order of study, with the reference's versions of which the check passes.

        As few as possible, and none that comes after the check's own or passes its checks. Empty: it is not proven.
        """
        exercise = case.item.exercise
        earlier = self._paper.exercises[: self._paper.exercises.index(exercise)]
        used = self._dependence.of_probe(self._probes, case.item.name) | self._dependence.of(exercise)
        suspects = tuple(name for name in earlier if name in used and name not in self._right)
        if not suspects or not self._passes(case, suspects):
            return ()
        for name in suspects:
            if len(suspects) > 1 and self._passes(case, (name,)):
                return (name,)
        for name in suspects:  # several together: leave out what is not needed
            fewer = tuple(other for other in suspects if other != name)
            if fewer and self._passes(case, fewer):
                suspects = fewer
        return suspects

    def _passes(self, case: Failing, grafted: Sequence[str]) -> bool:
        item = case.item
        if not self._budget.take(len(item.inputs)):
            return False
        seconds = min(item.seconds, _MAX_SECONDS, self._budget.seconds)
        answers = self._desk(tuple(grafted)).sit(item.name, item.inputs, self._paper.seed, seconds)
        return not answers.stopped and case.rule.accepts(item.inputs, item.expected, answers.seen)

    def _desk(self, grafted: tuple[str, ...]) -> Sitting:
        if grafted not in self._desks:
            grafts = {name: self._dependence.graft(name) for name in grafted}
            order = self._paper.cover.order(self._submission.cells, grafts)
            self._desks[grafted] = self._stack.enter_context(Sitting(self._forkserver, order))
        return self._desks[grafted]
