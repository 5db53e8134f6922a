"""Tries the reference, and edits of it, on inputs that are not the paper's: in workers, under limits.

On other inputs than those it was written for our own code loops, explodes or eats memory like anybody's. Whatever
exceeds its limits shows nothing.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import msgspec

from graders.engine.authoring.material import Material
from graders.engine.authoring.section import Edit, Mistake
from graders.engine.explaining.budget import Budget
from graders.engine.explaining.pairs import change
from graders.engine.setting.paper import Paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.values.messages import Cell, Manner, Seen

_MANNER = Manner(processor=1.0)
_GLIMPSE = Manner(processor=1.0, patience=0.3)
_PATIENCE = 5.0  # wall-clock seconds for it


class Unchangeable(Exception):
    """A mistake changes more than the text of a function."""


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
        return self._sat(check, inputs, mistakes, _MANNER)

    def glimpsed(self, check: str, inputs: Sequence[bytes], *pair: Mistake) -> list[Seen] | None:
        """The same for two mistakes where one of them has its worker already, in which the function that the other one
        changes has another text for a while: soon there, and no proof. Raises Unchangeable if it changes more."""
        for first, second in (pair, pair[::-1]):
            line, old = self._material.mistaken_exercise(first)
            changed = change(self._label, line, old, self._material.mistaken_exercise(first, second)[1])
            if changed:
                return self._sat(check, inputs, [first], msgspec.structs.replace(_GLIMPSE, changed=changed))
        raise Unchangeable

    def _sat(
        self, check: str, inputs: Sequence[bytes], mistakes: Sequence[Mistake], manner: Manner
    ) -> list[Seen] | None:
        if not self._budget.take(len(inputs)):
            return None
        seconds = min(_PATIENCE, self._budget.seconds)
        answers = self._desk(*mistakes).sit(check, inputs, self._paper.seed, seconds, manner=manner)
        return None if answers.stopped else answers.seen

    @property
    def _label(self) -> str:
        return f"{self._material.name}.py"

    def _desk(self, *mistakes: Mistake) -> Sitting:
        key = _key(mistakes)
        if key not in self._desks:
            text = self._material.mistaken_source(*mistakes)
            cells = (Cell(self._label, text),)
            self._desks[key] = self._stack.enter_context(Sitting(self._forkserver, self._paper.cover.order(cells)))
        return self._desks[key]


def _key(mistakes: Sequence[Mistake]) -> tuple[tuple[str, tuple[Edit, ...]], ...]:
    return tuple((mistake.exercise, mistake.edits) for mistake in mistakes)
