"""What a grading run found: plain values that every report is written from.

A `Grade` holds sections, a section holds exercises, an exercise holds checks. Encoded with msgspec they are the
machine-readable result (`--json`), so a renamed field here is a broken contract there.
"""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

SCHEMA = 1  # of the machine-readable result
SEED, EXAMPLES = 0, 100  # of a run that is told nothing else

Status = Literal[
    "passed",
    "failed",  # a value came out, and it is not the expected one
    "raised",  # an exception came out where a value (or another exception) was expected
    "timed_out",
    "crashed",  # the worker process died
    "not_attempted",  # still a stub
    "missing",  # no such name in the submission
    "blocked",  # it fails, and passes with the reference's version of an earlier exercise
]


class Counterexample(msgspec.Struct, frozen=True):
    """The smallest inputs found that show a mistake, as Python text."""

    call: str
    expected: str
    actual: str
    difference: str  # how the two differ, in words
    script: str | None = None  # all of the call, below the learner's code, where what is shown leaves something out


# A line of a trace that says where an exception passed through the learner's own code.
FRAME = re.compile(r"^(?P<file>\S[^\n]*):(?P<line>\d{1,7}),? in [^\n]*$", re.MULTILINE)
MISSING_STATEMENT = "a statement that is missing"  # what the change of a place may be about


class Place(msgspec.Struct, frozen=True):
    """Where the fault is likely to be: one small change there makes every check of the exercise pass, or an exception
    proves it."""

    line: int  # of the answer's file, or of `cell`
    column: int
    kind: str  # what the change is about: "an axis"
    text: str  # what stands there, without the spaces before it
    cell: str | None = None  # as messages name it: a notebook's, or a file beside the answer; None is the answer's file
    others: tuple[int, ...] = ()  # lines in which another change does so too
    because: str = ""  # what an exception proves; empty where a change passes


class CheckResult(msgspec.Struct, frozen=True):
    """The verdict on one graded behaviour."""

    name: str
    title: str  # the sentence a learner reads
    status: Status
    score: float
    points: float
    examples: int  # how many drawn inputs it was tried on
    seconds: float
    counterexample: Counterexample | None = None
    mistake: str | None = None  # the misunderstanding it looks like
    error: str | None = None  # learner's frames of an exception, or why there is no verdict of its own
    output: str = ""  # what the learner's code printed
    extra: bool = False  # beside the score: its points are not among the exercise's
    place: Place | None = None  # where the fault is likely to be, where no misunderstanding fits
    other_mistake: str | None = None  # a second one, where neither alone shows what came out, and both together do

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The misunderstandings it looks like: none, one, or two together."""
        return tuple(words for words in (self.mistake, self.other_mistake) if words)


class Extras(msgspec.Struct, frozen=True):
    """What goes beyond the texts of exercises: points of their own, beside the score and never taken from it."""

    score: float = 0.0
    points: float = 0.0


class ExerciseResult(msgspec.Struct, frozen=True):
    """The verdict on one exercise: `passed` when all its core checks are, else the status of the first that is not."""

    name: str
    status: Status
    score: float
    points: float
    line: int | None  # where the submission defines it
    checks: tuple[CheckResult, ...]
    extras: Extras = Extras()
    note: str | None = None  # what was not executed of the submission, where that may be why it fails


class LoadWarning(msgspec.Struct, frozen=True, omit_defaults=True):
    """A statement of the submission that could not be executed; without a line, something else that is to be known."""

    line: int | None
    message: str
    file: str | None = None  # in which the line is, where that is one beside the section's own
    costs: tuple[str, ...] = ()  # the exercises that it costs


class Measured(msgspec.Struct, frozen=True):
    """A figure that a checkpoint's experiment has to keep within bounds; None is no bound, or not a number."""

    name: str
    value: float | None
    at_least: float | None
    at_most: float | None
    reached: bool


class CheckpointResult(msgspec.Struct, frozen=True):
    """What came of a section's closing experiment."""

    name: str
    title: str
    status: Literal["reached", "not_reached", "raised", "timed_out", "crashed", "not_attempted", "missing"]
    criteria: tuple[Measured, ...]
    curves: dict[str, tuple[float | None, ...]]  # what the experiment yielded, by name
    seconds: float
    finish_first: str | None = None  # an exercise that the experiment needs, and that is not right yet
    error: str | None = None  # learner's frames of an exception, or why nothing was measured
    output: str = ""  # what the learner's code printed


class SectionResult(msgspec.Struct, frozen=True):
    """The verdict on one section of a submission."""

    name: str
    title: str
    file: str  # the path the learner edits, as it should be shown
    score: float
    points: float
    seconds: float
    warnings: tuple[LoadWarning, ...]
    exercises: tuple[ExerciseResult, ...]
    checkpoint: CheckpointResult | None = None  # None where it was not asked for
    extras: Extras = Extras()


class Grade(msgspec.Struct, frozen=True):
    """The verdict on a submission."""

    schema: int
    seed: int
    examples: int
    score: float
    points: float
    sections: tuple[SectionResult, ...]
    extras: Extras = Extras()


def together(extras: Iterable[Extras]) -> Extras:
    """The extras of several exercises or sections as one."""
    found = list(extras)
    return Extras(sum((each.score for each in found), 0.0), sum((each.points for each in found), 0.0))


def grade_of(sections: Iterable[SectionResult], seed: int, examples: int) -> Grade:
    """The grade of several sections: their sums."""
    found = tuple(sections)
    return Grade(
        schema=SCHEMA,
        seed=seed,
        examples=examples,
        score=sum(section.score for section in found),
        points=sum(section.points for section in found),
        sections=found,
        extras=together(section.extras for section in found),
    )
