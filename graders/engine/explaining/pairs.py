"""Which two mistakes together may be what a submission shows where none alone is."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal

from graders.engine.authoring.section import Mistake
from graders.engine.values.definitions import Definition, first_line, functions
from graders.engine.values.messages import Changed

Effect = Literal["none", "same", "other"]  # of a mistake on an example: nothing wrong, the submission's fault, another
Effects = Mapping[Mistake, Sequence[Effect]]  # on the examples that were looked at


def plausible(alone: Sequence[Effects], elsewhere: Collection[Mistake] = ()) -> Iterator[tuple[Mistake, Mistake]]:
    """The pairs that may show what the submission showed, those first of which one or the other does so most often.

    Two that both do nothing on an example hardly do something together; and what never does anything was hardly done.
    One that is all that the submission shows needs no other.

    Args:
        alone: for each check what each mistake does alone on the failing examples. One that is not there took too long.
        elsewhere: mistakes that show in other checks of the exercise. Here they may do something with another one only.
    """
    able = {
        mistake: [effect for effects in alone for effect in effects[mistake]]
        for mistake in alone[0]
        if all(mistake in effects for effects in alone)
    }
    idle = [mistake for mistake, effects in able.items() if {*effects} == {"none"} and mistake not in elsewhere]
    able = {mistake: effects for mistake, effects in able.items() if {*effects} != {"same"} and mistake not in idle}
    found = []
    for pair in combinations(able, 2):
        together = [{*both} for both in zip(*map(able.__getitem__, pair), strict=True)]
        if {"none"} not in together:
            found.append((-sum("same" in both for both in together), pair))
    found.sort(key=lambda each: each[0])
    return (pair for _, pair in found)


def change(label: str, line: int, old: str, new: str) -> Changed | None:
    """What makes of an exercise another edition of it, if that is a change of one function, or of one method.

    Args:
        label: of the file that it stands in.
        line: where it begins there.
        old, new: the texts of the two.
    """
    before, after = old.split("\n"), new.split("\n")
    for (owner, start, end), (_, new_start, new_end) in zip(_functions(old), _functions(new), strict=False):
        text = after[new_start:new_end]
        if before[start:end] != text:
            is_all = [*before[:start], *text, *before[end:]] == after
            whole = "\n".join(text) + "\n"
            return Changed(label, owner, line + start, end - start, whole) if is_all and "." not in owner else None
    return None


def _functions(text: str) -> Iterator[tuple[str, int, int]]:
    """The functions of an exercise: the class that each is a method of, and from where to where its lines go."""
    (exercise,) = (node for node in ast.parse(text).body if isinstance(node, Definition))
    for function, name in functions(exercise, exercise.name):
        assert function.end_lineno is not None  # ast.parse always gives one
        owner = name.rpartition(".")[0]
        yield owner, first_line(function) - 1, function.end_lineno
