"""What is tried: small changes of a function's text, the likely ones first."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from graders.engine.locating import expressions, statements
from graders.engine.locating.scope import Scope
from graders.engine.locating.slip import Slip
from graders.engine.locating.units import Unit
from graders.engine.mutating.nodes import Change
from graders.engine.mutating.operators import changes

_UNUSED = 1.2  # how much likelier a change is that uses what nothing uses so far
_LIKELY, _PAIRED = 1.6, 24  # how likely a change is that is tried with another one, and how many of a line are
_UNSUSPECTED = 2.5  # how much less likely one is in a line that runs no more often where it fails
# How far a change of the audit's is from what people do: the higher, the later it is tried. And what it is about.
_AUDITED = {
    "arithmetic": (1.0, "an operator"),
    "argument": (1.8, "an argument"),
    "augmented": (1.2, "an operator"),
    "axis": (0.8, "an axis"),
    "boolean": (1.2, "a condition"),
    "call": (1.6, "a function that is called"),
    "comparison": (0.8, "a boundary"),
    "condition": (1.6, "a condition"),
    "constant": (1.0, "a number"),
    "context": (2.2, "a `with` block"),
    "filter": (1.6, "a condition"),
    "jump": (1.2, "how a loop goes on"),
    "keepdims": (0.6, "an axis that is kept"),
    "operands": (1.0, "an order"),
    "opposite": (1.0, "a function that is called"),
    "order": (1.0, "an order"),
    "return": (1.0, "an order"),
    "sign": (0.8, "a sign"),
    "slice": (1.4, "a boundary"),
    "statement": (1.8, "a statement that is too much"),
    "transpose": (1.4, "an order of axes"),
}


class Candidate(NamedTuple):
    """A change to try."""

    unit: Unit
    slip: Slip
    cost: float

    @property
    def line(self) -> int:
        """The line of the cell that it changes."""
        return self.slip.line


def candidates(unit: Unit, suspicion: Mapping[int, float], complaint: str) -> list[Candidate]:
    """Changes of a function, the likeliest first; no two of them give the same text.

    Args:
        unit: the function.
        suspicion: by line of the cell how much it looks like the fault's, from 0 to 1; lines that are not there are not
            run by what fails, and nothing is changed in them.
        complaint: the message of the exception that came out, if one did: it may name what is missing.
    """
    scope = Scope(unit)
    head = max((suspicion.get(line, 0.0) for line in unit.span), default=0.0)  # for defaults
    asserted = _asserted(unit)
    found: dict[tuple[int, int, str], Candidate] = {}
    for slip in _slips(unit, scope, complaint):
        if slip.line in asserted:
            continue
        seen = suspicion.get(slip.line) or suspicion.get(slip.runs, 0.0)
        if slip.line < unit.node.body[0].lineno:
            seen = seen or head
        if not seen:
            continue
        cost = slip.cost + _UNSUSPECTED * (1 - seen)
        if any(name in slip.uses for name in scope.unused):
            cost -= _UNUSED
        key = (slip.start, slip.end, slip.new)
        if key not in found or cost < found[key].cost:
            found[key] = Candidate(unit, slip, cost)
    return sorted(found.values(), key=lambda each: each.cost)


def pairs(found: Sequence[Candidate]) -> Iterator[Candidate]:
    """Two likely changes at once, inside one line; the likeliest line first.

    Args:
        found: changes of one function, the likeliest first.
    """
    by_line: dict[int, list[Candidate]] = {}
    for each in found:
        if each.slip.cost <= _LIKELY and not (each.slip.new.count("\n") or each.slip.start == each.slip.end):
            by_line.setdefault(each.line, []).append(each)
    for group in by_line.values():
        for one, two in combinations(group[:_PAIRED], 2):
            first, second = sorted((one.slip, two.slip), key=lambda slip: slip.start)
            if first.end <= second.start:
                between = one.unit.text[first.end : second.start]
                both = replace(first, kind="two things", end=second.end, new=f"{first.new}{between}{second.new}")
                yield Candidate(one.unit, both, one.cost + two.cost)


def _asserted(unit: Unit) -> set[int]:
    """The lines of what somebody asserts: to ask for something else repairs nothing."""
    every = (node for node in ast.walk(unit.node) if isinstance(node, ast.Assert))
    return {line for node in every for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _slips(unit: Unit, scope: Scope, complaint: str) -> Iterator[Slip]:
    for change in changes(unit.node):
        yield from _audited(unit, change)
    yield from expressions.slips(unit, scope)
    yield from statements.slips(unit, scope, complaint)


def _audited(unit: Unit, change: Change) -> Iterator[Slip]:
    if change.operator in ("decorator", "loop", "branch"):
        return  # what was made of a function stays; and a condition that always holds is nobody's intention
    cost, kind = _AUDITED[change.operator]
    start, end = unit.extent(change.node)
    new = "pass" if change.new is None else unit.spelt(change.new)
    yield Slip.at(unit, change.node, new, kind, cost, start=start, end=end, whole=isinstance(change.node, ast.stmt))
