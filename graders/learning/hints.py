"""The hints of an exercise, one after the other: the next one each time."""

from pathlib import Path
from typing import NamedTuple

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course, nearest
from graders.engine.errors import UsageError
from graders.engine.results import EXAMPLES, SEED, Status
from graders.learning.history import History
from graders.report.next_step import Called

_STEPS = ("Where it is", "What it is about", "What would pass")  # in what is said of the learner's own code
_NOT_WRITTEN = "{} is not written yet, so there is nothing to look for in your own code."
_NOT_FOUND = (
    "No small change of your code was found that makes every check of {} pass: more than one place is amiss, or one is "
    "by more than a small change."
)
_WITHOUT_A_PLACE: dict[Status, str] = {
    "passed": "{} passes every check that counts, so there is nothing to look for in your own code.",
    "not_attempted": _NOT_WRITTEN,
    "missing": _NOT_WRITTEN,
}


class Exercise(NamedTuple):
    """An exercise that somebody asks about."""

    material: Material
    name: str

    @property
    def target(self) -> str:
        """As it is written on the command line."""
        return f"{self.material.name}::{self.name}"


def exercise_of(course: Course, target: str) -> Exercise:
    """The exercise that `target`, written section::exercise, means.

    Raises:
        UsageError: there is no such section or exercise.
    """
    name, _, exercise = target.partition("::")
    material = find(course, name)
    exercises = material.outline.exercises
    if not exercise:
        raise UsageError(f"which exercise of {name}? Say for example {name}::{exercises[0]}")
    if exercise not in exercises:
        raise UsageError(f"{name} has no exercise {exercise!r}{nearest(exercise, exercises)}")
    return Exercise(material, exercise)


class Hint(NamedTuple):
    """A hint, ready to be shown."""

    told: str
    onward: str  # how one goes on from it
    is_followed: bool  # asking without a number gives another one the next time


def hint(
    course: Course, target: str, number: int | None, called: Called, history: History, answers: Path | None = None
) -> Hint:
    """A hint of the exercise `target`.

    Args:
        number: which one, from 1; None is the one after those that were shown.
        called: how the command was called.
        history: knows what was shown, and remembers this one.
        answers: the learner's own file; None is that of the course's exercises.

    Raises:
        UsageError: there is no such section, exercise or hint, or the learner's file cannot be read.
    """
    exercise = exercise_of(course, target)
    hints = exercise.material.section.hints.get(exercise.name, ())
    most = len(hints) + len(_STEPS)
    number = number or min(hints_shown(history, exercise) + 1, most - 1)  # the change itself is to be asked for
    if number > most:
        raise UsageError(f"there are {len(hints)} hints for {target}, and {len(_STEPS)} about your own code")
    if number > len(hints):
        try:
            return _about_the_place(exercise, number - len(hints), number, called, history, answers)
        except UsageError as error:  # there is no file to look at
            many = f"there are {len(hints)} hints" if hints else "there is no hint"
            raise UsageError(f"{many} for {target}, and {error}") from error
    history.shown(exercise.material.name, exercise.name, "hint", number)
    text = f"{target}, hint {number} of {len(hints)}\n\n{hints[number - 1]}"
    ask = called.about("hint", target, str(number + 1))
    if number < len(hints):
        return Hint(text, f"The next one: {ask}", is_followed=True)
    onward = (
        f"That is the last one of the exercise. Where in your own code the fault is likely: {ask}\n"
        f"How the reference does it: {called.about('solution', target)}"
    )
    return Hint(text, onward, is_followed=True)


def _about_the_place(
    exercise: Exercise, step: int, number: int, called: Called, history: History, answers: Path | None
) -> Hint:
    """The line of the learner's file that the fault is likely in; then what it is about; and last the change."""
    from graders.engine.marking.marking import located
    from graders.engine.setting.papers import paper
    from graders.engine.sitting import submission
    from graders.engine.sitting.forkserver import Forkserver

    material, name = exercise.material, exercise.name
    own = submission.read(answers) if answers else submission.read_in(material.exercises.parent, material.name)
    with Forkserver(material.course.secrets) as forkserver:
        status, found = located(material, paper(material, SEED, EXAMPLES), own, forkserver, name)
    if found is None:
        onward = f"How the reference does it: {called.about('solution', exercise.target)}"
        return Hint(_WITHOUT_A_PLACE.get(status, _NOT_FOUND).format(name), onward, is_followed=False)
    history.shown(material.name, name, "hint", number)
    told = [f"The fault is likely in line {found.line} of {found.label}:\n\n{_code(found.text)}"]
    if found.because:
        told += [f"It is about {found.kind}: {found.because}.", "No small change of that line passes by itself."]
    else:
        told += [f"One small change there makes every check of {name} pass. It is about {found.kind}."]
        told += [f"This passes, in the place of what stands there:\n\n{_code(found.becomes) or '  (nothing)'}"]
    ask = called.about("hint", exercise.target, str(number + 1))
    onward = f"{_STEPS[step]}: {ask}" if step < len(_STEPS) else ""
    return Hint("\n\n".join(told[:step]), onward, is_followed=step < len(_STEPS) - 1)


def _code(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n")) if text else ""


def hints_shown(history: History, exercise: Exercise) -> int:
    """The number of the last hint that was shown of an exercise; 0 before the first."""
    place = exercise.material.name, exercise.name, "hint"
    return max((each.number for each in history.all_shown() if each[1:4] == place), default=0)
