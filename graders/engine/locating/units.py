"""The functions of a submission in which a fault may be, and what stands where in their texts."""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TypeGuard

from graders.engine.mutating.nodes import name_of
from graders.engine.values.definitions import Definition, Function, first_line
from graders.engine.values.messages import Cell, Changed
from graders.engine.worker.magics import without_line_magics

_MOST, _LONGEST = 40, 8_000  # functions, and characters of one
_LIBRARIES = {"np", "numpy", "t", "torch", "nn", "F", "einops", "math"}
SHORT = 32  # characters of an expression that is tried elsewhere


@dataclass(frozen=True)
class File:
    """A cell of a submission that can be read, and what its functions have from each other.

    Attributes:
        number: of the cell.
        label: the cell's name.
        source: its text.
        tree: what that says.
    """

    number: int
    label: str
    source: str
    tree: ast.Module

    @cached_property
    def arguments(self) -> dict[str, list[str]]:
        """What functions are given, by their names: short expressions."""
        found: dict[str, list[str]] = {}
        for node in ast.walk(self.tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
                    texts = [ast.unparse(each) for each in args if not isinstance(each, ast.Starred)]
                    known = found.setdefault(name, [])
                    known += [text for text in texts if len(text) <= SHORT and text not in known]
        return found

    @cached_property
    def keywords(self) -> dict[str, list[ast.keyword]]:
        """What functions are given by keyword, by their names: short expressions."""
        found: dict[str, list[ast.keyword]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                short = (each for each in node.keywords if each.arg and len(ast.unparse(each.value)) <= SHORT)
                found.setdefault(name_of(node.func), []).extend(short)
        return found

    @cached_property
    def endings(self) -> list[str]:
        """Method calls with constants, as they stand after their owners: `.transpose(1, 2)`."""
        plain = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call) and _is_constant(node))
        return [text for text, _ in Counter(filter(None, (ending(ast.unparse, node) for node in plain))).most_common()]

    @cached_property
    def wrappers(self) -> list[str]:
        """Functions that are called with a single argument."""
        called = (ast.unparse(node.func) for node in ast.walk(self.tree) if is_wrapping(node))
        return [text for text, _ in Counter(called).most_common() if not text.startswith("self.")]

    @cached_property
    def names(self) -> list[str]:
        """What the file itself defines at its top level."""
        return [node.name for node in _definitions(self.tree.body)]

    @cached_property
    def kinds(self) -> list[str]:
        """The types that are asked for with `isinstance`."""
        asked = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call) and len(node.args) == 2)
        return sorted({ast.unparse(node.args[1]) for node in asked if name_of(node.func) == "isinstance"})

    @cached_property
    def assigned(self) -> dict[str, list[str]]:
        """What is assigned to names and attributes, by these as they are written."""
        found: dict[str, list[str]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                found.setdefault(ast.unparse(node.targets[0]), []).append(ast.unparse(node.value))
        return {target: list(dict.fromkeys(values)) for target, values in found.items()}


@dataclass(frozen=True)
class Unit:
    """A function or a method in the text of a submission.

    Attributes:
        file: where it stands.
        owner: the class of a method, else None.
        node: the function; its lines count from the file's first.
    """

    file: File
    owner: ast.ClassDef | None
    node: Function

    @cached_property
    def first(self) -> int:
        """Its first line, decorators included, from 1."""
        return first_line(self.node)

    @property
    def span(self) -> range:
        """The numbers of its lines."""
        return range(self.first, (self.node.end_lineno or 0) + 1)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.file.source.split("\n")[self.first - 1 : self.node.end_lineno]

    @cached_property
    def text(self) -> str:
        """Its lines as one text."""
        return "\n".join(self.lines)

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
        return Changed(self.file.label, owner, self.first, len(self.lines), self.text[:start] + new + self.text[end:])

    def whole(self, start: int, end: int, new: str) -> str:
        """The file with that change."""
        lines = self.file.source.split("\n")
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


def ending(spelt: Callable[[ast.AST], str], node: ast.AST) -> str:
    """The part of a method call after its owner, where it is short: `.transpose(1, 2)`; empty otherwise.

    Args:
        spelt: gives the text of a node.
    """
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return ""
    if isinstance(node.func.value, ast.Name) and node.func.value.id in _LIBRARIES:
        return ""
    text = spelt(node)[len(spelt(node.func.value)) :]
    return text if text.startswith(".") and len(text) <= SHORT and "\n" not in text else ""


def is_wrapping(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a function, which is no method of a value, is called with a single argument."""
    return (
        isinstance(node, ast.Call)
        and len(node.args) == 1
        and not node.keywords
        and not isinstance(node.args[0], ast.Starred | ast.GeneratorExp)
        and ast.unparse(node.func).replace(".", "_").isidentifier()
    )


def _is_constant(call: ast.Call) -> bool:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return not any(isinstance(inner, ast.Name) for value in values for inner in ast.walk(value))


def files(cells: Sequence[Cell]) -> list[File]:
    """The cells that can be read as a whole."""
    found = []
    for number, cell in enumerate(cells):
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            found.append(File(number, cell.label, cell.source, ast.parse(without_line_magics(cell.source))))
    return found


def units(
    texts: Sequence[File],
    exercise: str,
    exercises: Collection[str],
    aliases: Mapping[str, str],
    given: Collection[str] = (),
) -> list[Unit]:
    """The functions that an exercise consists of in a submission: its own, and helpers that are no exercises.

    What is too long to be changed all over is left out.

    Args:
        texts: the submission.
        exercise: its name.
        exercises: the names of all.
        aliases: other names that exercises may have, each with the exercise.
        given: names that were handed out complete.
    """
    found = {node.name: (file, node) for file in texts for node in _definitions(file.tree.body)}
    own = [exercise, *(name for name, meant in aliases.items() if meant == exercise)]
    others = {*exercises, *aliases, *given} - {*own}
    wanted = [name for name in own if name in found][:1]
    for name in wanted:  # which grows meanwhile
        _, node = found[name]
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


def _units(file: File, node: Definition) -> Iterator[Unit]:
    if isinstance(node, Function):
        yield Unit(file, None, node)
        return
    for method in node.body:
        if isinstance(method, Function):
            yield Unit(file, node, method)
