"""Sets checks: draws their inputs and takes the reference's observations of them.

Each check is set in a process that is forked for it and others, under a limit of time: what strategies and references
do is the author's, and may loop like anybody's code.
"""

import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from graders.engine.authoring.material import Material, module_of
from graders.engine.authoring.section import Check, Section
from graders.engine.errors import GraderError
from graders.engine.processes import side_by_side
from graders.engine.setting.drawing import draw
from graders.engine.setting.paper import Examples
from graders.engine.values import codec
from graders.engine.worker.observing import Solution, observe

_PROCESSOR_SECONDS = 120.0  # for one check


def set_examples(
    material: Material, names: Sequence[str], seed: int, number: int, advance: Callable[[str], None]
) -> dict[str, Examples]:
    """Draws the inputs of some checks of a section and runs their probes on the reference.

    Checks do not depend on one another, so they are set on all cores where processes can be forked.

    Args:
        material: the section.
        names: the checks.
        seed: of the drawn inputs.
        number: how many to draw for a check.
        advance: called with the title of each check when it is set.

    Raises:
        GraderError: a check draws or observes something that is not data, or its probe finds a name missing, or the
            reference changes its inputs where the check does not allow it.
    """
    section = material.section
    work = partial(_within_limits, partial(_examples, material, section, seed, number))
    found = {}
    with side_by_side(work, len(names)) as work_on_all:
        for name, examples in zip(names, work_on_all(names), strict=True):
            found[name] = examples
            advance(section.checks[name].title)
    return found


def _within_limits(work: Callable[[str], Examples], name: str) -> Examples:
    """Does the work of a process that was forked for it. Where none can be, nothing interrupts it."""
    if sys.platform != "linux":
        return work(name)
    signal.signal(signal.SIGPROF, _give_up)
    signal.setitimer(signal.ITIMER_PROF, _PROCESSOR_SECONDS)
    try:
        return work(name)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _give_up(number: int, frame: object) -> None:
    raise GraderError(f"it takes more than {_PROCESSOR_SECONDS:g} seconds of a core to set")


def _examples(material: Material, section: Section, seed: int, number: int, name: str) -> Examples:
    check = section.checks[name]
    # A module of its own, so that nothing stays in it from checks that happened to be set in the same process before.
    solution = Solution(module_of(material.reference_source, material.name, material.reference), {})
    drawn: list[bytes] = []

    def take(**inputs: Any) -> None:
        drawn.append(codec.encode(inputs))

    try:
        draw(check, take, section=section.name, seed=seed, examples=number)
    except Exception as error:  # the strategies are the author's, and find their faults only when they draw
        why = f"{type(error).__name__}: {error}"
        raise GraderError(f"{section.name}: the check {name!r} cannot draw inputs: {why}") from error
    inputs = tuple(dict.fromkeys(drawn))
    if not inputs:
        raise GraderError(f"{section.name}: the check {name!r} drew no inputs")
    expected = tuple(_expected(section.name, check, solution, data, seed) for data in inputs)
    return Examples(inputs, expected)


def _expected(section: str, check: Check, solution: Solution, inputs: bytes, seed: int) -> bytes:
    seen = observe(check.probe, solution, inputs, seed, (solution.__file__,))
    observed = codec.decode(seen.observation)
    if isinstance(observed, codec.Raised):
        if not observed.trace:  # a slip of the probe would otherwise be what is expected, and everybody would pass
            why = f"{observed.type}: {observed.message}"
            raise GraderError(f"{section}: the check {check.name!r} fails outside the reference: {why}")
        seen.observation = codec.encode(msgspec.structs.replace(observed, trace=""))
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
