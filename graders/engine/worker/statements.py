"""Statements of a submission: where they begin, what they define, and which of them would run on their own."""

import ast
import copy
import io
import re
from collections.abc import Iterator
from typing import Any

from graders.engine.values.messages import Cell

_CLAUSES = ("else", "elif", "except", "finally", ")", "]", "}", "#")
_FROM_HERE = re.compile(r"\bfrom\s*\.")
DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign,
            ast.AnnAssign, ast.AugAssign, getattr(ast, "TypeAlias", ast.Assign))  # fmt: skip


def renamed(name: str, statement: ast.stmt) -> ast.stmt:
    """A definition under another name."""
    if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)), statement)
    other = copy.copy(statement)
    other.name = name
    return other


def moved(line: int, statement: ast.stmt) -> ast.stmt:
    """A statement that was read from a string, as if all of it stood on the string's line."""
    for node in ast.walk(statement):
        if hasattr(node, "lineno"):
            vars(node).update(lineno=line, end_lineno=line)
    return statement


def chunks_of(source: str) -> Iterator[tuple[int, str]]:
    """The text cut before each line that begins in the first column and can begin a statement, with line numbers."""
    start = 1
    lines: list[str] = []
    decorated = False
    for number, line in enumerate(io.StringIO(source), 1):  # splitlines would split at form feeds too
        begins = line.strip() and not line[0].isspace() and not line.startswith(_CLAUSES)
        if begins and lines and not decorated:
            yield start, "".join(lines)
            start, lines = number, []
        if begins:
            decorated = line.startswith("@")
        lines.append(line)
    if lines:
        yield start, "".join(lines)


def named_by(text: str) -> tuple[str, ...]:
    """The name that broken text would have defined, as far as its first words show it."""
    for line in text.splitlines():
        words = line.replace("(", " ").replace(":", " ").replace("=", " = ").split()
        if words[:1] in (["def"], ["class"]) and len(words) > 1:
            return (words[1],)
        if len(words) > 1 and words[1] == "=":
            return (words[0],)
    return ()


def is_main(test: ast.expr) -> bool:
    """Whether a condition asks if the file is run as a program."""
    return any(isinstance(node, ast.Name) and node.id in ("MAIN", "__name__") for node in ast.walk(test))


def root_of(expression: ast.expr) -> str | None:
    """The name that an expression such as `table.inner[0]` begins with, if it is one."""
    while isinstance(expression, ast.Attribute | ast.Subscript):
        expression = expression.value
    return expression.id if isinstance(expression, ast.Name) else None


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements directly inside a compound one."""
    for field in ("body", "orelse", "finalbody"):
        yield from getattr(statement, field, [])
    for handler in getattr(statement, "handlers", []):
        yield from handler.body


def is_plain(statement: ast.stmt) -> bool:
    """Whether a statement is, or holds, only what would run on its own. What handles an exception may be anything."""
    if isinstance(statement, ast.If | ast.With):
        return all(map(is_plain, _inner(statement)))
    if isinstance(statement, ast.Try):
        return all(map(is_plain, (*statement.body, *statement.orelse, *statement.finalbody)))
    return isinstance(statement, (*DEFINING, ast.Pass))


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement defines in the module."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        case ast.Assign(targets=targets):
            found = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
            yield from (node.id for node in found if isinstance(node.ctx, ast.Store))
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            yield name
        case ast.Try() | ast.With() | ast.If():
            for inner in _inner(statement):
                yield from bound_by(inner)


def flat(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements, and those inside compound ones."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            yield from flat(list(_inner(statement)))


def lines_of(statements: list[ast.stmt]) -> dict[str, int]:
    """The names that statements define, and the line of each."""
    return {name: statement.lineno for statement in flat(statements) for name in bound_by(statement)}


def absolute(body: list[ast.stmt], cell: Cell) -> list[ast.stmt]:
    """The statements, with each import of a neighbour (`from .layers import f`) by its whole name: an answer is in no
    package, and its neighbours lie beside it. To look for them takes as long as to parse the source; where it shows
    that there are none, nothing is looked at."""
    if _FROM_HERE.search(cell.source):
        package = cell.module if cell.is_package else cell.module.rpartition(".")[0]
        for node in ast.walk(ast.Module(body, [])):
            for _, value in ast.iter_fields(node):
                if isinstance(value, list):
                    value[:] = [_absolute(inner, package) for inner in value]
    return body


def _absolute(node: Any, package: str) -> Any:
    if not isinstance(node, ast.ImportFrom) or not node.level:
        return node
    parts = package.split(".") if package else []
    home = [*parts[: max(len(parts) - node.level + 1, 0)], *filter(None, [node.module])]
    new = ast.ImportFrom(".".join(home), node.names, 0) if home else ast.Import(node.names)
    return ast.copy_location(new, node)
