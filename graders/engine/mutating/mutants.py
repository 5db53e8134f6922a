"""Mutants: the reference with one small change each, which the checks of the changed exercise should notice.

Tools like mutmut and cosmic-ray rerun a test suite on a patched package; a mutant of ours is the text of a submission
that the engine grades like any other, so we make them ourselves. What is changed is said in `mutation_operators.py`.
"""

import ast
import copy
import difflib
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import takewhile

from graders.engine.authoring.stubs import given
from graders.engine.mutating.nodes import Change
from graders.engine.mutating.operators import changes
from graders.engine.values.definitions import Definition, first_line


@dataclass(frozen=True)
class Mutant:
    """A reference with one change.

    Attributes:
        exercise: the name of the exercise that is changed.
        operator: the kind of change.
        line: the first line of the reference that differs.
        source: the changed module.
        diff: the lines that differ, with `-` (reference) or `+` (mutant) before them.
    """

    exercise: str
    operator: str
    line: int
    source: str
    diff: str


def mutants(source: str, exercises: Collection[str]) -> list[Mutant]:
    """All mutants of `exercises` in the text of a reference, by exercise and line. No two of them are the same code.

    Raises:
        SyntaxError: `source` is not Python.
    """
    lines = source.split("\n")  # the lines that ast counts
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, Definition) and node.name in exercises:
            first = first_line(node) - 1
            before, own, after = lines[:first], lines[first : node.end_lineno], lines[node.end_lineno :]
            for operator, changed in _changed("\n".join(own)):
                new = changed.split("\n")
                same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(own, new, strict=False)))
                text = "\n".join([*before, *new, *after])
                found.append(Mutant(node.name, operator, first + same + 1, text, _diff(own, new)))
    return sorted(found, key=lambda mutant: mutant.line)


def _diff(old: list[str], new: list[str]) -> str:
    lines = list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _changed(text: str) -> Iterator[tuple[str, str]]:
    """The operators and the texts of the mutants of one exercise."""
    exercise = ast.parse(text).body[0]
    seen = {ast.dump(exercise)}
    _drop(exercise, given(text))
    for change in changes(exercise):
        changed = _apply(text, change)
        shape = changed and _shape(changed)
        if changed and shape and shape not in seen:
            seen.add(shape)
            yield change.operator, changed


def _drop(exercise: ast.AST, lines: Collection[int]) -> None:
    """Takes the methods whose `def`s are at `lines` out of a class: they are given."""
    for node in ast.walk(exercise):
        if isinstance(node, ast.ClassDef):
            node.body = [part for part in node.body if part.lineno not in lines]


def _apply(text: str, change: Change) -> str | None:
    """The text after a change, written as its author would as far as that goes; None if it would not be Python."""
    start, end = _extent(text, change.node)
    before, after = text[:start], text[end:]
    if change.new is None:
        return _without_lines(before, after)
    plain = ast.unparse(change.new)
    meant = _shape(f"{before}({plain}){after}") or _shape(before + plain + after)
    spellings = [*_spellings(text, change.node, change.new), plain, f"({plain})"]
    return next((spelt for new in spellings if meant and _shape(spelt := before + new + after) == meant), None)


def _without_lines(before: str, after: str) -> str:
    """A text without what stood between `before` and `after`, and without their lines if nothing else is on them."""
    head, _, left = before.rpartition("\n")
    right, _, tail = after.partition("\n")
    if left.strip() in ("", "@") and right.lstrip()[:1] in ("", "#"):
        return "\n".join(part for part in (head, tail) if part)
    return f"{before}pass{after}"


def _spellings(text: str, old: ast.expr | ast.stmt, new: ast.AST) -> Iterator[str]:
    """The new code with everything that is old in it as it was written: strings, numbers, line breaks."""

    class Verbatim(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if isinstance(node, ast.expr) and hasattr(node, "lineno"):  # operators give none to what they make
                start, end = _extent(text, node)
                return ast.Name(text[start:end])
            return self.generic_visit(node)

    spelt = ast.unparse(Verbatim().visit(copy.deepcopy(new)))
    if isinstance(new, ast.Tuple) and text[_extent(text, old)[0]] != "(":
        yield spelt[1:-1]
    yield spelt
    yield f"({spelt})"


def _extent(text: str, node: ast.expr | ast.stmt) -> tuple[int, int]:
    """Where a node starts and ends in `text`, in characters; ast counts columns in bytes."""
    lines = text.split("\n")

    def position(line: int, column: int) -> int:
        return sum(len(before) + 1 for before in lines[: line - 1]) + len(lines[line - 1].encode()[:column].decode())

    return position(node.lineno, node.col_offset), position(node.end_lineno or 0, node.end_col_offset or 0)


def _shape(text: str) -> str | None:
    """The code of one definition, whatever its layout; None if it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of `is` with a literal
            tree = ast.parse(text)
            compile(tree, "mutant", "exec")
    except SyntaxError:
        return None
    return ast.dump(tree.body[0]) if len(tree.body) == 1 else None
