"""One small change of a function's text, what it is about, and what those who look for them share."""

import ast
from dataclasses import dataclass

from graders.engine.locating.scope import Scope
from graders.engine.locating.units import Unit

_ATOMS = ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript | ast.List | ast.Dict | ast.Set


@dataclass(frozen=True)
class Slip:
    """A slip that somebody may have made, undone.

    Attributes:
        kind: what it is about, as a learner is told: "an axis".
        cost: how unlikely it is; likely ones are tried first.
        start, end: what is replaced in the function's text.
        new: by what.
        line, column: where that is in the cell, from 1.
        runs: a line that must run for it to matter, where it is not `line`.
        uses: the new text, where what it uses counts.
    """

    kind: str
    cost: float
    start: int
    end: int
    new: str
    line: int
    column: int
    runs: int
    uses: str

    @classmethod
    def at(
        cls,
        unit: Unit,
        node: ast.expr | ast.stmt,
        new: str,
        kind: str,
        cost: float,
        *,
        start: int | None = None,
        end: int | None = None,
        whole: bool = False,
        uses: str = "",
    ) -> "Slip":
        """A node replaced. Where it is not the `whole` of something, the new text gets parentheses if it needs them."""
        first, last = unit.extent(node)
        text = new if whole or isinstance(node, ast.Slice) or _is_atom(new) else f"({new})"
        return cls(
            kind, cost, first if start is None else start, last if end is None else end, text,
            node.lineno, node.col_offset + 1, node.lineno, uses,
        )  # fmt: skip


class Slips:
    """What those who look for slips in one function share.

    Args:
        unit: the function.
        scope: what it can use.
    """

    def __init__(self, unit: Unit, scope: Scope):
        self._unit, self._scope = unit, scope

    def _text(self, node: ast.AST) -> str:
        return self._unit.spelt(node)

    def _slip(self, node: ast.expr, new: str, kind: str, cost: float, uses: str = "") -> Slip:
        return Slip.at(self._unit, node, new, kind, cost, uses=uses)


def _is_atom(text: str) -> bool:
    """Whether an expression means the same wherever it stands."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return True  # part of something: an argument with its name, an `if True`
    return (isinstance(node, _ATOMS) and not text[:1].isdigit()) or (text.isdigit())
