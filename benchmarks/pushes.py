"""What learners push, by kind: one submission of each for a section, and what it has to get.

Half done: the first half of the exercises is right but for the last of them, the rest is untouched. Exercises without a
known mistake are left alone.
"""

import ast
import json
import sys
from collections.abc import Sequence

from graders.cohort.grading import Outcome
from graders.engine.authoring.material import Material

# What is pushed, and how often: assumed. A course that keeps its results can count them, and put its own shares here.
KINDS = {
    "all right": 0.30,
    "half done, one wrong": 0.50,
    "untouched": 0.08,
    "half done, one loops": 0.06,
    "all wrong": 0.06,
}


def kinds(material: Material) -> dict[str, str]:
    """A submission of each kind."""
    exercises = [name for name in material.section.exercises if _first_mistake(material, name)]
    done = exercises[: len(exercises) // 2 + 1]
    current = done.pop()
    right, untouched = material.reference_source, material.untouched
    wrong = [_part(_first_mistake(material, name), name) for name in exercises]
    half = _with(untouched, [_part(right, name) for name in done])
    return {
        "all right": right,
        "half done, one wrong": _with(half, [_part(_first_mistake(material, current), current)]),
        "untouched": untouched,
        "half done, one loops": _with(half, [_looping(_part(right, current))]),
        "all wrong": _with(right, wrong),
    }


def _first_mistake(material: Material, exercise: str) -> str:
    """The reference with the first known mistake of the exercise; "" where none is known."""
    known = (mistake for mistake in material.section.mistakes if mistake.exercise == exercise)
    return next(map(material.mistaken_source, known), "")


def _part(source: str, exercise: str) -> str:
    """The text of an exercise, without decorators before it."""
    node = next(node for node in ast.parse(source).body if getattr(node, "name", None) == exercise)
    return ast.get_source_segment(source, node) or ""


def _with(source: str, parts: Sequence[str]) -> str:
    """The source with definitions in place of those of the same name."""
    for part in parts:
        (node,) = ast.parse(part).body
        assert isinstance(node, ast.FunctionDef | ast.ClassDef)
        source = source.replace(_part(source, node.name), part)
    return source


def _looping(definition: str) -> str:
    """The definition, with a loop without end in the place of what its first function does."""
    function = next(node for node in ast.walk(ast.parse(definition)) if isinstance(node, ast.FunctionDef))
    lines, first = definition.splitlines(), function.body[0]
    before = first.lineno - 1
    return "\n".join([*lines[:before], " " * first.col_offset + "while True: pass", *lines[before:]])


def check(kind: str, outcome: Outcome) -> None:
    """A submission that does not get what its kind deserves would be a measurement of something else."""
    statuses = {check["status"] for exercise in json.loads(outcome.record)["exercises"] for check in exercise["checks"]}
    share = outcome.score / outcome.points
    expected = {
        "all right": share == 1,
        "half done, one wrong": 0 < share < 1 and "not_attempted" in statuses,
        "untouched": share == 0 and statuses == {"not_attempted"},
        "half done, one loops": 0 < share < 1 and "timed_out" in statuses,
        "all wrong": share < 0.8 and "passed" in statuses,
    }
    if not expected[kind]:
        sys.exit(f"{outcome.section}, {kind}: {share:.0%} of the points, and its checks have {sorted(statuses)}")
