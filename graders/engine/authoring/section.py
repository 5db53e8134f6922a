"""What the author of a section writes: its exercises, each with its hints, mistakes and checks, and names it lends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graders.engine.comparing.judging import Judge

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
    extra: bool = False  # it goes beyond what the exercise's text asks for


class Change(NamedTuple):
    """What an edit does to a text: `new` stands where the letters from `start` to `end` were."""

    start: int
    end: int
    new: str

    def overlaps(self, other: "Change") -> bool:
        """Whether what both replace has a part in common."""
        return self.start < other.end and other.start < self.end


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
    """One topic: its exercises in study order, and what belongs to each.

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
    needs: dict[str, str] = field(default_factory=dict)  # another name -> what its definition has to mention
    lent: dict[str, str] = field(default_factory=dict)  # name -> where it is imported from, `module.attribute`

    @property
    def exercises(self) -> tuple[str, ...]:
        """The exercises' names, in the order of their first checks."""
        return tuple(dict.fromkeys(check.exercise for check in self.checks.values()))

    def exercise(
        self,
        name: str,
        *,
        hints: Sequence[str] = (),
        mistakes: Mapping[str, Edit | Sequence[Edit]] | None = None,
        aliases: Sequence[str] | Mapping[str, str] = (),
    ) -> "Exercise":
        """A function or class that learners write. Its checks follow in the file, by the name it is assigned to.

        Args:
            name: what it is called in the reference.
            hints: from the first nudge to the last.
            mistakes: known wrong beliefs, in words for the learner, each with the edit or edits that act it out.
            aliases: other names under which submissions may define it. Where such a name may as well be something
                else, a dict says what the definition has to mention to be this exercise: `{"SGD": "'params'"}`.
        """
        if hints:
            self.hints[name] = tuple(hints)
        for text, edits in (mistakes or {}).items():
            self.mistakes.append(Mistake(name, text, (edits,) if isinstance(edits, Edit) else tuple(edits)))
        self.aliases.update(dict.fromkeys(aliases, name))
        if isinstance(aliases, Mapping):
            self.needs.update(aliases)
        return Exercise(self, name)

    def lend(self, **names: str) -> None:
        """Lends submissions names that older answers import from what is not here, as `module.attribute` each.

        A submission that defines or imports such a name has its own.
        """
        self.lent.update(names)


@dataclass(frozen=True)
class Exercise:
    """What learners write, as `Section.exercise` makes it: probes become its checks.

    Names, titles and options are written out, so that the file's outline can be read without executing it.
    """

    section: Section
    name: str

    def check(
        self,
        *,
        points: float = 1,
        judge: Judge | None = None,
        examples: int | None = None,
        seconds: float = 5,
        changes_inputs: bool = False,
        extra: bool = False,
        **inputs: Any,
    ) -> Callable[[Probe], Probe]:
        """Makes a probe a check. The probe's docstring is the sentence a learner reads.

        Args:
            points: what the check is worth.
            judge: `(observed, expected, inputs) -> None | words`, for behaviour that equality cannot judge.
            examples: how many inputs to draw at the most, where the default is too slow or proves nothing more.
            seconds: wall-clock limit for all examples together.
            changes_inputs: the probe's inputs may come back changed, because changing them is the task.
            extra: the check goes beyond what the exercise's text asks for; its points are counted beside the score.
            inputs: a strategy for each parameter of the probe besides the solution.
        """

        def register(probe: Probe) -> Probe:
            drawn: Any = probe
            if inputs:
                from hypothesis import given  # the author's file has imported it already

                drawn = given(**inputs)(probe)
            self.section.checks[probe.__name__] = Check(
                name=probe.__name__,
                exercise=self.name,
                title=" ".join((probe.__doc__ or "").split()),
                points=float(points),
                probe=drawn.hypothesis.inner_test if hasattr(drawn, "hypothesis") else probe,
                drawn=drawn if hasattr(drawn, "hypothesis") else None,
                judge=judge,
                examples=examples,
                seconds=seconds,
                changes_inputs=changes_inputs,
                extra=extra,
            )
            return probe

        return register

    def call(self, name: str, title: str, **options_and_inputs: Any) -> None:
        """A check whose probe is a call of the exercise and nothing else, `return solution.f(a, b)`.

        Args:
            name: of the check.
            title: the sentence a learner reads.
            options_and_inputs: those of `check`. The inputs are the arguments of the call, in order; one that is named
                `case`, if it is the only one, is a tuple of all arguments.
        """
        inputs = [word for word in options_and_inputs if word not in OPTIONS]
        exercise = self.name

        def probe(solution: Any, **drawn: Any) -> Any:
            arguments = drawn["case"] if inputs == ["case"] else [drawn[parameter] for parameter in inputs]
            return getattr(solution, exercise)(*arguments)

        probe.__name__, probe.__doc__ = name, title
        self.check(**options_and_inputs)(probe)


OPTIONS: Mapping[str, Any] = Exercise.check.__kwdefaults__ or {}  # of a check, with their defaults
