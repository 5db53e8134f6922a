"""What the author of a checkpoint writes: a section's closing experiment, its data, and what it has to reach.

An experiment is a probe that takes longer: it runs in the worker with the learner's own pieces, yields what is to be
watched, and returns its evidence: predictions, weights, trajectories. The data it is given and what it is scored
against are made, and the evidence is scored, in the trusted process.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from graders.engine.authoring.section import Edit, Mistake
from graders.engine.errors import GraderError

if TYPE_CHECKING:
    import numpy as np

Experiment = Callable[..., Iterator[tuple[str, float]]]


class Criterion(NamedTuple):
    """A figure that the trusted side has measured, and the bounds it has to keep."""

    name: str
    value: float
    at_least: float = -math.inf
    at_most: float = math.inf

    @property
    def room(self) -> float:
        """How far inside its bounds the value is; negative outside of them, and where it is not a number."""
        room = min(self.value - self.at_least, self.at_most - self.value)
        return -math.inf if math.isnan(room) else float(room)


class Unscorable(Exception):
    """The evidence is not what the experiment returns when all its pieces are right; the message says why."""


def as_array(evidence: Mapping[str, Any], name: str, *shape: int) -> "np.ndarray":
    """The array or tensor `name` of the evidence as a float64 array of the given shape.

    Raises:
        Unscorable: it is not there, is no array of numbers, or has another shape.
    """
    import numpy as np  # only where something is scored

    value = evidence.get(name) if isinstance(evidence, dict) else None
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise Unscorable(f"{name} should be an array of numbers, and is {type(value).__name__}")
    if value.shape != shape:
        raise Unscorable(f"{name} should have the shape {shape}, and has {value.shape}")
    return np.asarray(value).astype(np.float64)


@dataclass(frozen=True)
class Checkpoint:
    """A section's closing experiment; see `checkpoint` for its parts."""

    name: str
    title: str
    experiment: Experiment
    data: Callable[[int], tuple[dict[str, Any], Any]]
    score: Callable[[Any, Any], Sequence[Criterion]]
    steps: int
    seconds: float
    picture: "Callable[[Any], np.ndarray] | None"
    mistakes: list[Mistake] = field(default_factory=list)

    def mistake(self, exercise: str, text: str, *edits: Edit) -> None:
        """Records a wrong piece with which the experiment must not reach what it has to. The audit tries it."""
        self.mistakes.append(Mistake(exercise, text, edits))


def checkpoint(
    *,
    data: Callable[[int], tuple[dict[str, Any], Any]],
    score: Callable[[Any, Any], Sequence[Criterion]],
    steps: int,
    seconds: float = 120,
    picture: "Callable[[Any], np.ndarray] | None" = None,
) -> Callable[[Experiment], Checkpoint]:
    """Makes a generator function the closing experiment of its section. Its docstring is what a learner reads of it.

    The experiment takes the solution and its inputs by name, yields pairs of a curve's name and its next value, and
    returns its evidence, in a dict. It may use what a probe may use.

    Args:
        data: `seed -> (inputs, kept)`: what the worker is given, and what stays in the trusted process.
        score: `(evidence, kept) -> criteria`, all of which have to be kept. Evidence that it cannot read, by
            `Unscorable` or any other exception, reaches nothing.
        steps: how many values the experiment yields, for the progress bar.
        seconds: wall-clock limit.
        picture: `evidence -> array` of brightness from 0 to 1, (height, width), for experiments that end in one.

    Raises:
        GraderError: the experiment has no docstring.
    """

    def register(experiment: Experiment) -> Checkpoint:
        title = " ".join((experiment.__doc__ or "").split())
        if not title:
            raise GraderError(f"the checkpoint {experiment.__name__!r} has no docstring")
        return Checkpoint(experiment.__name__, title, experiment, data, score, steps, seconds, picture)

    return register
