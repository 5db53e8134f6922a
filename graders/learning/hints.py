"""The hints of an exercise, one after the other: the next one each time."""

from typing import NamedTuple

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course, nearest
from graders.engine.errors import UsageError
from graders.learning.history import History
from graders.report.next_step import Called


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


def hint(course: Course, target: str, number: int | None, called: Called, history: History) -> str:
    """The text of a hint of the exercise `target`, and how the next one is asked for.

    Args:
        number: which one, from 1; None is the one after those that were shown.
        called: how the command was called.
        history: knows what was shown, and remembers this one.

    Raises:
        UsageError: there is no such section, exercise or hint.
    """
    exercise = exercise_of(course, target)
    hints = exercise.material.section.hints.get(exercise.name, ())
    if not hints or (number or 1) > len(hints):
        raise UsageError(f"there are {len(hints)} hints for {target}" if hints else f"there is no hint for {target}")
    number = number or min(hints_shown(history, exercise) + 1, len(hints))
    history.shown(exercise.material.name, exercise.name, "hint", number)
    text = f"{target}, hint {number} of {len(hints)}\n\n{hints[number - 1]}"
    if number < len(hints):
        return f"{text}\n\nThe next one: {called.about('hint', target, str(number + 1))}"
    return f"{text}\n\nThat is the last one. How the reference does it: {called.about('solution', target)}"


def hints_shown(history: History, exercise: Exercise) -> int:
    """The number of the last hint that was shown of an exercise; 0 before the first."""
    place = exercise.material.name, exercise.name, "hint"
    return max((each.number for each in history.all_shown() if each[1:4] == place), default=0)
