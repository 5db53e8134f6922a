"""Exceptions that prove by themselves which line is amiss: no change has to be found to say so."""

import ast
import re
from collections.abc import Iterator, Sequence

from graders.engine.locating.finding import Finding
from graders.engine.locating.units import Unit
from graders.engine.mutating.nodes import name_of
from graders.engine.results import FRAME
from graders.engine.values import codec

_NAME = re.compile(r"variable '(\w+)'|name '(\w+)' is not defined")
_ATTRIBUTE = re.compile(r"object has no attribute '(\w+)'")
_PLAIN_BASES = {"object", "Module", "Env", "Dataset", "Optimizer", "Function"}  # whose attributes have other names
_ARGUMENTS = re.compile(
    r"^([\w.<>]+)(?:\(\))?:? (?:missing (?:\d+ )?required|got an unexpected keyword|got multiple values for"
    r"|takes (?:from \d+ to \d+|\d+|no|exactly|at least|at most)\b|expected (?:at least|at most|\d+)"
    r"|must have at least)"
)


def raised_in(parts: Sequence[Unit], raised: codec.Raised) -> tuple[Unit, int] | None:
    """The function, and its line, in which an exception came up; None where it is none of these.

    Args:
        parts: the functions of an exercise.
        raised: the exception, with the learner's own frames.
    """
    frames = list(FRAME.finditer(raised.trace))
    if not frames:
        return None
    label, line = frames[-1]["file"], int(frames[-1]["line"])
    inside = [part for part in parts if part.file.label == label and line in part.span]
    return (min(inside, key=lambda part: len(part.span)), line) if inside else None


def complaint(parts: Sequence[Unit], raised: codec.Raised) -> Finding | None:
    """The line that cannot be right whatever comes before it; None where the exception does not prove it.

    That is a name or an attribute that nothing gives a value, and a call with arguments that a function of somebody
    else does not take.

    Args:
        parts: the functions of an exercise.
        raised: what came out where something else was expected.
    """
    found = raised_in(parts, raised)
    if not found:
        return None
    unit, line = found
    node: ast.expr | None
    nodes = [node for node in _on(unit, line) if isinstance(node, ast.expr)]
    message = raised.message.partition("\n")[0]
    if "NameError" in raised.bases and (named := _NAME.search(message)):
        name = named[1] or named[2]
        used = (each for each in nodes if isinstance(each, ast.Name) and each.id == name)
        node = None if _is_bound(unit, name, line) else next(used, None)
        return _finding(unit, node, "a name", f"`{name}` is used there, and nothing has given it a value")
    if "AttributeError" in raised.bases and (named := _ATTRIBUTE.search(message)):
        name = named[1]
        read = (each for each in nodes if isinstance(each, ast.Attribute) and ast.unparse(each) == f"self.{name}")
        node = None if _is_set(unit, name) else next(read, None)
        return _finding(unit, node, "an attribute", f"`self.{name}` is read there, and nothing has given it a value")
    if "TypeError" in raised.bases and (named := _ARGUMENTS.search(message)):
        names = set(named[1].split("."))
        own = {part.node.name for part in parts} | {part.owner.name for part in parts if part.owner}
        calls = [each for each in nodes if isinstance(each, ast.Call) and name_of(each.func) in names - own]
        node = calls[0] if calls else None
        name = name_of(node.func) if isinstance(node, ast.Call) else ""
        return _finding(unit, node, "an argument", f"`{name}` is called there with other arguments than it takes")
    return None


def _finding(unit: Unit, node: ast.expr | None, kind: str, because: str) -> Finding | None:
    if node is None:
        return None
    text = unit.file.source.split("\n")[node.lineno - 1].strip()
    return Finding(unit.file.label, node.lineno, node.col_offset + 1, kind, text, because=because)


def _on(unit: Unit, line: int) -> Iterator[ast.AST]:
    """The nodes of the smallest statement that a line belongs to."""
    inside = [
        node
        for node in ast.walk(unit.node)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    smallest = max(inside, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
    return ast.walk(smallest)


def _is_bound(unit: Unit, name: str, line: int) -> bool:
    """Whether something before a line, or outside of all functions, may give a name its value."""
    functions = [each for each in ast.walk(unit.file.tree) if isinstance(each, ast.FunctionDef | ast.Lambda)]
    local = {inner for each in functions for inner in ast.walk(each) if inner is not each}
    for node in ast.walk(unit.file.tree):
        match node:
            case ast.Name(id=other, ctx=ast.Store()) if other == name:
                pass
            case ast.FunctionDef(name=other) | ast.ClassDef(name=other) | ast.arg(arg=other) if other == name:
                pass
            case ast.ExceptHandler(name=other) if other == name:
                pass
            case ast.Import(names=names) | ast.ImportFrom(names=names) if any(
                (each.asname or each.name).partition(".")[0] in (name, "*") for each in names
            ):
                return True
            case ast.Global(names=names) | ast.Nonlocal(names=names) if name in names:
                return True
            case _:
                continue
        if node not in local or (node.lineno in unit.span and node.lineno < line):
            return True
    return False


def _is_set(unit: Unit, name: str) -> bool:
    """Whether anything may give an attribute of the class its value."""
    known = unit.owner and all(ast.unparse(base).rpartition(".")[2] in _PLAIN_BASES for base in unit.owner.bases)
    for node in ast.walk(unit.owner if unit.owner and known else unit.file.tree):
        match node:
            case ast.Attribute(attr=other, ctx=ast.Store()) | ast.Constant(value=other) if other == name:
                return True
            case ast.FunctionDef(name=other) | ast.AnnAssign(target=ast.Name(id=other)) if other == name:
                return True
            case ast.Name(id=other, ctx=ast.Store()) if other == name:
                return True
    return False
