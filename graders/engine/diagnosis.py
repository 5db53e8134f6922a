"""Names the misunderstanding that a failure looks like, and the exercises that the reference needed."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from types import FrameType

from graders.engine.course import Material, module_of
from graders.engine.judging import Failure, Rule
from graders.engine.observing import Seen, Solution, observe
from graders.engine.section import Mistake

_MAX_COMPARED = 12  # failing examples on which a mistake must show the same as the submission


def mistake(material: Material, check: str, rule: Rule, seed: int, failures: Sequence[Failure]) -> Mistake | None:
    """The mistake that shows what the submission showed on all of `failures`, or the first few of many."""
    exercise = material.section.checks[check].exercise
    compared = [failure for failure in failures if failure.seen][:_MAX_COMPARED]
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


def prerequisites(material: Material, check: str, inputs: bytes, seed: int) -> frozenset[str]:
    """The other exercises that the reference calls when `check` probes it on `inputs`."""
    probe, exercise = material.section.checks[check].probe, material.section.checks[check].exercise
    filename, called = str(material.reference), set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == filename:
            called.add(frame.f_code.co_qualname.partition(".")[0])

    solution = Solution(material.reference_module, {}, {})
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        observe(probe, solution, inputs, seed, ())
    finally:
        sys.setprofile(before)
    return frozenset(called & set(material.section.exercises)) - {exercise}
