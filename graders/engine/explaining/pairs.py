"""Which two mistakes together may be what a submission shows where none alone is."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal

from graders.engine.authoring.section import Mistake

Effect = Literal["none", "same", "other"]  # of a mistake on an example: nothing wrong, the submission's fault, another
Effects = Mapping[Mistake, Sequence[Effect]]  # on the examples that were looked at


def plausible(alone: Sequence[Effects]) -> Iterator[tuple[Mistake, Mistake]]:
    """The pairs that may show what the submission showed, those first of which one or the other does so most often.

    Two that both do nothing on an example hardly do something together; and what never does anything is no mistake. One
    that is all that the submission shows needs no other.

    Args:
        alone: for each check what each mistake does alone on the failing examples. One that is not there took too long.
    """
    able = {
        mistake: [effect for effects in alone for effect in effects[mistake]]
        for mistake in alone[0]
        if all(mistake in effects for effects in alone)
    }
    able = {mistake: effects for mistake, effects in able.items() if {*effects} not in ({"none"}, {"same"})}
    found = []
    for pair in combinations(able, 2):
        together = [{*both} for both in zip(*map(able.__getitem__, pair), strict=True)]
        if {"none"} not in together:
            found.append((-sum("same" in both for both in together), pair))
    found.sort(key=lambda each: each[0])
    return (pair for _, pair in found)
