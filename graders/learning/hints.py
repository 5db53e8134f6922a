"""The hints of an exercise, one after the other."""

from graders.engine.authoring.material import find
from graders.engine.course import Course, nearest
from graders.engine.errors import UsageError
from graders.report.next_step import Called


def hint(course: Course, target: str, number: int, called: Called) -> str:
    """The text of hint `number` (from 1) of the exercise `target`, written section::exercise.

    Args:
        called: how the command was called, to say how the next hint is asked for.

    Raises:
        UsageError: there is no such section, exercise or hint.
    """
    name, _, exercise = target.partition("::")
    section = find(course, name).section
    if not exercise:
        raise UsageError(f"which exercise of {name}? Say for example {name}::{section.exercises[0]}")
    if exercise not in section.exercises:
        raise UsageError(f"{name} has no exercise {exercise!r}{nearest(exercise, section.exercises)}")
    hints = section.hints.get(exercise, ())
    if number > len(hints):
        raise UsageError(f"there are {len(hints)} hints for {target}" if hints else f"there is no hint for {target}")
    text = f"{target}, hint {number} of {len(hints)}\n\n{hints[number - 1]}"
    if number == len(hints):
        return text
    return f"{text}\n\nThe next one: {called.about('hint', target, str(number + 1))}"
