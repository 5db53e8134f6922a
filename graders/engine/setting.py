"""Sets a paper: draws every check's inputs and takes the reference's observations of them."""

from typing import Any

from graders.engine import codec
from graders.engine.course import Material
from graders.engine.drawing import draw
from graders.engine.errors import GraderError
from graders.engine.observing import Solution, observe
from graders.engine.paper import Item, Paper
from graders.engine.section import Check


def set_paper(material: Material, seed: int, examples: int) -> Paper:
    """Draws the inputs of every check of a section and runs its probes on the reference.

    Raises:
        GraderError: a check draws or observes something that is not data, or its probe finds a name missing, or the
            reference changes its inputs where the check does not allow it.
    """
    section = material.section
    solution = Solution(material.reference_module, {}, {})
    items = tuple(_item(material.name, check, solution, seed, examples) for check in section.checks.values())
    return Paper(section.name, section.title, section.aliases, seed, examples, items)


def _item(section: str, check: Check, solution: Solution, seed: int, examples: int) -> Item:
    drawn: list[bytes] = []

    def take(**inputs: Any) -> None:
        drawn.append(codec.encode(inputs))

    draw(check, take, section=section, seed=seed, examples=examples)
    inputs = tuple(dict.fromkeys(drawn))
    if not inputs:
        raise GraderError(f"{section}: the check {check.name!r} drew no inputs")
    expected = tuple(_expected(section, check, solution, data, seed) for data in inputs)
    return Item(
        name=check.name,
        exercise=check.exercise,
        title=check.title,
        points=check.points,
        seconds=check.seconds,
        changes_inputs=check.changes_inputs,
        judged=check.judge is not None,
        inputs=inputs,
        expected=expected,
    )


def _expected(section: str, check: Check, solution: Solution, inputs: bytes, seed: int) -> bytes:
    seen = observe(check.probe, solution, inputs, seed, ())
    for what, data in (("draws", inputs), ("observes", seen.observation)):
        alien = _alien(codec.decode(data))
        if alien:
            raise GraderError(f"{section}: the check {check.name!r} {what} {alien}, which is not data")
    if seen.changed and not check.changes_inputs:
        raise GraderError(f"{section}: in the check {check.name!r} the reference changes its input {seen.changed!r}")
    return seen.observation


def _alien(value: object) -> str | None:
    """What in a decoded value is not data, described; None if all of it is."""
    match value:
        case codec.Opaque(type=what) | codec.Oversized(what=what):
            return f"a {what}"
        case codec.Missing(name=name):
            return f"the missing name {name!r}"
        case dict():
            return next(filter(None, map(_alien, value.values())), None)
        case list() | tuple():
            return next(filter(None, map(_alien, value)), None)
    return None
