"""What the author of a section writes: checks, mistakes, hints and aliases of its exercises, and names it lends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graders.engine.comparing.judging import Judge
from graders.engine.errors import GraderError

Probe = Callable[..., Any]


@dataclass(frozen=True)
class Check:
    """One graded behaviour of an exercise: a probe, its inputs and a judge."""

    name: str
    exercise: str
    title: str
    points: float
    probe: Probe
    drawn: Callable[..., None] | None  # the probe as Hypothesis' `given` wrapped it; None: it takes no inputs
    judge: Judge | None  # None: equality within the dtype's tolerance
    examples: int | None  # None: as many as the run asks for
    seconds: float  # wall-clock limit for all examples together
    changes_inputs: bool  # the task is to change its arguments in place


class Edit(NamedTuple):
    """A replacement of `old`, which occurs once in the exercise's source, by `new`."""

    old: str
    new: str


def edit(old: str, new: str) -> Edit:
    """A small change of an exercise's reference source that acts out a mistake."""
    return Edit(old, new)


@dataclass(frozen=True)
class Mistake:
    """A known wrong belief, in words for the learner, and the edits of the reference that act it out."""

    exercise: str
    text: str
    edits: tuple[Edit, ...]


@dataclass
class Section:
    """One topic: the checks, mistakes, hints and aliases of its exercises, in study order.

    Args:
        name: the name of the section's file in `exercises/`, `reference/` and `graders/`.
        title: the topic, as a learner reads it.
    """

    name: str
    title: str
    checks: dict[str, Check] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    hints: dict[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)  # another name -> the exercise's name
    lent: dict[str, str] = field(default_factory=dict)  # name -> where it is imported from, `module.attribute`

    @property
    def exercises(self) -> tuple[str, ...]:
        """The exercises' names, in the order of their first checks."""
        return tuple(dict.fromkeys(check.exercise for check in self.checks.values()))

    def check(
        self,
        exercise: str,
        *,
        points: float = 1,
        judge: Judge | None = None,
        examples: int | None = None,
        seconds: float = 5,
        changes_inputs: bool = False,
    ) -> Callable[[Probe], Probe]:
        """Makes a probe a check of `exercise`. The probe's docstring is the sentence a learner reads.

        Args:
            exercise: the function or class of the reference that is graded.
            points: what the check is worth.
            judge: `(observed, expected, inputs) -> None | words`, for behaviour that equality cannot judge.
            examples: how many inputs to draw at the most, where the default is too slow or proves nothing more.
            seconds: wall-clock limit for all examples together.
            changes_inputs: the probe's inputs may come back changed, because changing them is the task.

        Raises:
            GraderError: the probe has no docstring, or its name is taken.
        """

        def register(probe: Probe) -> Probe:
            title = " ".join((probe.__doc__ or "").split())
            if not title:
                raise GraderError(f"{self.name}: the check {probe.__name__!r} has no docstring")
            if probe.__name__ in self.checks:
                raise GraderError(f"{self.name}: two checks are called {probe.__name__!r}")
            plain, drawn = (probe.hypothesis.inner_test, probe) if hasattr(probe, "hypothesis") else (probe, None)
            self.checks[probe.__name__] = Check(
                probe.__name__, exercise, title, float(points), plain, drawn, judge, examples, seconds, changes_inputs
            )
            return probe

        return register

    def mistake(self, exercise: str, text: str, *edits: Edit) -> None:
        """Records a wrong belief about `exercise`, acted out by `edits` of its reference."""
        self.mistakes.append(Mistake(exercise, text, edits))

    def hint(self, exercise: str, *hints: str) -> None:
        """Records the hints of `exercise`, from the first nudge to the last."""
        self.hints[exercise] = hints

    def alias(self, exercise: str, *names: str) -> None:
        """Records other names under which submissions may define `exercise`."""
        self.aliases.update(dict.fromkeys(names, exercise))

    def lend(self, **names: str) -> None:
        """Lends submissions names that older answers import from what is not here, as `module.attribute` each.

        A submission that defines or imports such a name has its own.
        """
        self.lent.update(names)
