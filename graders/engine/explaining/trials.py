"""Tries the reference, and edits of it, on inputs that are not the paper's: in workers, under limits.

On other inputs than those it was written for our own code loops, explodes or eats memory like anybody's. Whatever
exceeds its limits shows nothing.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from graders.engine.authoring.material import Material
from graders.engine.authoring.section import Edit, Mistake
from graders.engine.explaining.budget import Budget
from graders.engine.setting.paper import Paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.values.messages import Cell, Manner, Seen

_MANNER = Manner(processor=1.0)
_PATIENCE = 5.0  # wall-clock seconds for it


class Trials:
    """The reference and edits of it, each at a desk of its own, for as long as an exercise is explained.

    Args:
        material, paper: the section.
        forkserver: where workers come from.
        budget: what all of it may cost.
    """

    def __init__(self, material: Material, paper: Paper, forkserver: Forkserver, budget: Budget):
        self._material, self._paper, self._forkserver, self._budget = material, paper, forkserver, budget
        self._desks: dict[tuple[tuple[str, tuple[Edit, ...]], ...], Sitting] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Ends all workers; what is tried again gets new ones."""
        self._stack.close()
        self._desks.clear()

    def leave(self, *mistakes: Mistake) -> None:
        """Ends the worker of these; if they are tried again they get a new one."""
        if desk := self._desks.get(_key(mistakes)):
            desk.leave()

    def shown(self, check: str, inputs: Sequence[bytes], *mistakes: Mistake) -> list[Seen] | None:
        """What a probe shows with the reference after the edits of `mistakes`; None if that exceeds the limits."""
        if not self._budget.take(len(inputs)):
            return None
        seconds = min(_PATIENCE, self._budget.seconds)
        answers = self._desk(*mistakes).sit(check, inputs, self._paper.seed, seconds, manner=_MANNER)
        return None if answers.stopped else answers.seen

    def _desk(self, *mistakes: Mistake) -> Sitting:
        key = _key(mistakes)
        if key not in self._desks:
            text = self._material.mistaken_source(*mistakes)
            cells = (Cell(f"{self._material.name}.py", text),)
            self._desks[key] = self._stack.enter_context(Sitting(self._forkserver, self._paper.cover.order(cells)))
        return self._desks[key]


def _key(mistakes: Sequence[Mistake]) -> tuple[tuple[str, tuple[Edit, ...]], ...]:
    return tuple((mistake.exercise, mistake.edits) for mistake in mistakes)
