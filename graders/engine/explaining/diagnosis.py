"""Names the misunderstanding that a failure looks like, and the exercises that the reference needed."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from types import FrameType

from graders.engine.authoring.material import Material, module_of
from graders.engine.authoring.section import Mistake, Probe
from graders.engine.comparing.judging import Failure, Rule
from graders.engine.values.messages import Seen
from graders.engine.worker.observing import Solution, observe

MAX_COMPARED = 12  # failing examples on which a mistake must show the same as the submission


def mistake(material: Material, check: str, rule: Rule, seed: int, failures: Sequence[Failure]) -> Mistake | None:
    """The mistake that shows what the submission showed on all of `failures`, or the first few of many."""
    exercise = material.section.checks[check].exercise
    compared = [failure for failure in failures if failure.seen][:MAX_COMPARED]
    for candidate in material.section.mistakes:
        if compared and candidate.exercise == exercise:
            solution = _mistaken(material, candidate)
            if all(_is_same(material, check, solution, rule, seed, failure) for failure in compared):
                return candidate
    return None


@cache
def _mistaken(material: Material, candidate: Mistake) -> Solution:
    source = material.mistaken_source(candidate)
    return Solution(module_of(source, material.name, material.reference), {}, {})


def _is_same(material: Material, check: str, solution: Solution, rule: Rule, seed: int, failure: Failure) -> bool:
    shown = observe(material.section.checks[check].probe, solution, failure.inputs, seed, ())
    assert failure.seen is not None  # the caller has left those out
    if shown.changed != failure.seen.changed:
        return False
    observed = Seen(failure.seen.observation)
    return replace(rule, changes_inputs=True).failure(failure.inputs, shown.observation, observed) is None


def prerequisites(
    material: Material, probe: Probe, exercise: str, inputs: bytes, seed: int, failing: Collection[str]
) -> frozenset[str]:
    """The `failing` exercises that the reference needs when `probe` uses it on `inputs`.

    Those that `exercise`, which is probed, or the probe calls, and in turn those that these need. What lies behind an
    exercise that does not fail is not to blame.
    """
    calls = _calls(material, probe, inputs, seed)
    needed: set[str] = set()
    open_ends = ["", exercise]  # "" is the probe
    while open_ends:
        for name in calls.get(open_ends.pop(), set()) - needed - {exercise}:
            if name in failing:
                needed.add(name)
                open_ends.append(name)
    return frozenset(needed)


def _calls(material: Material, probe: Probe, inputs: bytes, seed: int) -> dict[str, set[str]]:
    """Which exercises of the reference each one calls directly, or through given code; "" is the probe."""
    filename, exercises = str(material.reference), frozenset(material.section.exercises)
    calls: dict[str, set[str]] = {}
    running = [""]

    def note(frame: FrameType, event: str, _: object) -> None:
        if event not in ("call", "return") or frame.f_code.co_filename != filename:
            return
        name = frame.f_code.co_qualname.partition(".")[0]
        if name not in exercises:
            return
        if event == "return":
            running.pop()
            return
        calls.setdefault(running[-1], set()).add(name)
        running.append(name)

    solution = Solution(material.reference_module, {}, {})
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        observe(probe, solution, inputs, seed, ())
    finally:
        sys.setprofile(before)
    return calls
