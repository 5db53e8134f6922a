"""The hints of an exercise, one after the other: the next one each time."""

from typing import NamedTuple

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course, nearest
from graders.engine.errors import UsageError
from graders.engine.results import EXAMPLES, SEED
from graders.learning.history import History
from graders.report.next_step import Called

_STEPS = ("Where it is", "What it is about", "What would pass")  # in what is said of the learner's own code


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
    most = len(hints) + len(_STEPS)
    number = number or min(hints_shown(history, exercise) + 1, most - 1)  # the change itself is to be asked for
    if number > most:
        raise UsageError(f"there are {len(hints)} hints for {target}, and {len(_STEPS)} about your own code")
    if number > len(hints):
        try:
            return _about_the_place(exercise, number - len(hints), number, called, history)
        except UsageError as error:  # there is no file to look at
            many = f"there are {len(hints)} hints" if hints else "there is no hint"
            raise UsageError(f"{many} for {target}, and {error}") from error
    history.shown(exercise.material.name, exercise.name, "hint", number)
    text = f"{target}, hint {number} of {len(hints)}\n\n{hints[number - 1]}"
    if number < len(hints):
        return f"{text}\n\nThe next one: {called.about('hint', target, str(number + 1))}"
    where = called.about("hint", target, str(number + 1))
    return (
        f"{text}\n\nThat is the last one of the exercise. Where in your own code the fault is likely: {where}\n"
        f"How the reference does it: {called.about('solution', target)}"
    )


def _about_the_place(exercise: Exercise, step: int, number: int, called: Called, history: History) -> str:
    """The line of the learner's file that the fault is likely in; then what it is about; and last the change."""
    from graders.engine.marking.marking import located
    from graders.engine.setting.papers import paper
    from graders.engine.sitting.forkserver import Forkserver
    from graders.engine.sitting.submission import read_in

    material, name = exercise.material, exercise.name
    answers = read_in(material.course.root / "exercises", material.name)
    with Forkserver(material.course.secrets) as forkserver:
        found = located(material, paper(material, SEED, EXAMPLES), answers, forkserver, name)
    solution = called.about("solution", exercise.target)
    if found is None:
        return (
            f"No small change of your code was found that makes every check of {name} pass: it passes already, is not "
            f"written yet, or is amiss in more than one place.\n\nHow the reference does it: {solution}"
        )
    history.shown(material.name, name, "hint", number)
    told = [f"The fault is likely in line {found.line} of {found.label}:\n\n{_code(found.text)}"]
    if found.because:
        told += [f"It is about {found.kind}: {found.because}.", "No small change of that line passes by itself."]
    else:
        told += [f"One small change there makes every check of {name} pass. It is about {found.kind}."]
        told += [f"This passes, in the place of what stands there:\n\n{_code(found.becomes) or '  (nothing)'}"]
    told = told[:step]
    if step < len(_STEPS):
        told.append(f"{_STEPS[step]}: {called.about('hint', exercise.target, str(number + 1))}")
    return "\n\n".join(told)


def _code(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n")) if text else ""


def hints_shown(history: History, exercise: Exercise) -> int:
    """The number of the last hint that was shown of an exercise; 0 before the first."""
    place = exercise.material.name, exercise.name, "hint"
    return max((each.number for each in history.all_shown() if each[1:4] == place), default=0)
