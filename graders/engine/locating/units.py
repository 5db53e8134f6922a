"""The functions of a submission in which a fault may be, and what stands where in their texts."""

import ast
import copy
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from graders.engine.values.definitions import Definition, Function, first_line
from graders.engine.values.messages import Cell, Changed
from graders.engine.worker.magics import without_line_magics

_MOST, _LONGEST = 40, 8_000  # functions, and characters of one


@dataclass(frozen=True)
class Unit:
    """A function or a method in the text of a submission.

    Attributes:
        cell: the number of the cell that it stands in.
        label: that cell's name.
        owner: the class of a method, else None.
        node: the function; its lines count from the cell's first.
        source: the whole cell.
    """

    cell: int
    label: str
    owner: ast.ClassDef | None
    node: Function
    source: str

    @cached_property
    def first(self) -> int:
        """Its first line, decorators included, from 1."""
        return first_line(self.node)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.source.split("\n")[self.first - 1 : self.node.end_lineno]

    @cached_property
    def text(self) -> str:
        """Its lines as one text."""
        return "\n".join(self.lines)

    @cached_property
    def tree(self) -> ast.Module:
        """All of the cell."""
        return ast.parse(without_line_magics(self.source))

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def _offset(self, line: int, column: int) -> int:
        """Where in `text` a place of the syntax tree is: ast counts columns in bytes."""
        row = line - self.first
        return self._starts[row] + len(self.lines[row].encode()[:column].decode())

    def extent(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where in `text` a node starts and ends."""
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno or 0, node.end_col_offset or 0)

    def spelt(self, node: ast.AST) -> str:
        """The text of a node; of what is new in it as Python would write it, of what is old as it stands there."""
        if isinstance(node, ast.expr) and hasattr(node, "lineno"):
            start, end = self.extent(node)
            return self.text[start:end]
        return ast.unparse(_Verbatim(self).generic_visit(copy.copy(node)))

    def line_start(self, line: int) -> int:
        """Where in `text` a line begins."""
        return self._starts[line - self.first]

    def indentation(self, line: int) -> str:
        """The spaces before a line."""
        text = self.lines[line - self.first]
        return text[: len(text) - len(text.lstrip())]

    def changed(self, start: int, end: int, new: str) -> Changed:
        """The function with another text from `start` to `end`."""
        owner = self.owner.name if self.owner else ""
        return Changed(self.label, owner, self.first, len(self.lines), self.text[:start] + new + self.text[end:])

    def whole(self, start: int, end: int, new: str) -> str:
        """The cell with that change."""
        lines = self.source.split("\n")
        text = self.text[:start] + new + self.text[end:]
        return "\n".join([*lines[: self.first - 1], text, *lines[self.first - 1 + len(self.lines) :]])


class _Verbatim(ast.NodeTransformer):
    """Puts a name in place of each old expression: its own text."""

    def __init__(self, unit: Unit):
        self._unit = unit

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and hasattr(node, "lineno"):
            return ast.Name(self._unit.spelt(node))
        return self.generic_visit(copy.copy(node))

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, field, [self.visit(each) if isinstance(each, ast.AST) else each for each in value])
            elif isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
        return node


def units(
    cells: Sequence[Cell],
    exercise: str,
    exercises: Collection[str],
    aliases: Mapping[str, str],
    given: Collection[str] = (),
) -> list[Unit]:
    """The functions that an exercise consists of in a submission: its own, and helpers that are no exercises.

    Empty where the text cannot be read as a whole. What is too long to be changed all over is left out.

    Args:
        cells: the submission.
        exercise: its name.
        exercises: the names of all.
        aliases: other names that exercises may have, each with the exercise.
        given: names that were handed out complete.
    """
    found: dict[str, tuple[int, Cell, Definition]] = {}
    for number, cell in enumerate(cells):
        try:
            body = ast.parse(without_line_magics(cell.source)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        found.update({node.name: (number, cell, node) for node in _definitions(body)})
    own = [exercise, *(name for name, meant in aliases.items() if meant == exercise)]
    others = {*exercises, *aliases, *given} - {*own}
    wanted = [name for name in own if name in found][:1]
    for name in wanted:  # which grows meanwhile
        _, _, node = found[name]
        mentioned = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        wanted += [each for each in found if each in mentioned and each not in others and each not in wanted]
    every = (unit for name in wanted for unit in _units(*found[name]))
    return [unit for unit in islice(every, _MOST) if len(unit.text) <= _LONGEST]


def _definitions(body: Sequence[ast.stmt]) -> Iterator[Definition]:
    for statement in body:
        if isinstance(statement, Definition):
            yield statement
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _definitions(statement.body)


def _units(number: int, cell: Cell, node: Definition) -> Iterator[Unit]:
    if isinstance(node, Function):
        yield Unit(number, cell.label, None, node, cell.source)
        return
    for method in node.body:
        if isinstance(method, Function):
            yield Unit(number, cell.label, node, method, cell.source)


def dedented(line: str) -> str:
    """A line as it is shown: without the spaces before it."""
    return textwrap.dedent(line).rstrip()
