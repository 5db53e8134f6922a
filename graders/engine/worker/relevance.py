"""Whether what was not executed of a submission may matter to an exercise: it changes or defines what that uses."""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from graders.engine.worker.statements import bound_by

_KINDS = {ast.For: "a loop", ast.While: "a loop", ast.With: "a with block", ast.Try: "a try block"}
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_UNREAD = ("annotation", "returns")


def left_out(
    executed: Sequence[ast.stmt], others: Iterable[tuple[str, ast.stmt]], exercises: Collection[str]
) -> dict[str, str]:
    """For each exercise that uses what a statement changes that was not executed: a sentence on the first such one.

    Args:
        executed: the statements that were.
        others: those that were not, and where each stands.
        exercises: the names that are asked about.
    """
    changing = [(where, other, set(_changed(other))) for where, other in others]
    changed = set().union(*(names for _, _, names in changing))
    if not changed:
        return {}
    uses = {node.name: _mentioned(node) for node in executed if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found = {}
    for exercise in uses.keys() & set(exercises):
        used = _reached(exercise, uses) & changed
        for where, other, names in changing:
            if used & names:
                what = f"{where} ({_KINDS.get(type(other), 'a loose statement')})"
                name = f"{min(used & names)}, which {exercise} uses,"
                found[exercise] = f"{what} is not executed when a file is graded, and {name} is changed there"
                break
    return found


def needing(executed: Iterable[ast.stmt], exercises: Sequence[str]) -> Callable[[Collection[str]], tuple[str, ...]]:
    """A function that gives the exercises that use one of some names, or are one, in the order of study.

    Args:
        executed: the statements that were executed, or tried.
        exercises: all exercises.
    """
    uses: dict[str, set[str]] = {}
    for statement in executed:
        for name in bound_by(statement):
            uses.setdefault(name, set()).update(_mentioned(statement))
    reached = {exercise: {exercise, *_reached(exercise, uses)} for exercise in exercises}
    return lambda names: tuple(exercise for exercise in exercises if not reached[exercise].isdisjoint(names))


def _changed(statement: ast.stmt) -> Iterator[str]:
    """The names of objects that a statement may change: it assigns to a part of them, or calls a method of theirs."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from _root(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if isinstance(node.value.func, ast.Attribute):
                yield from _root(node.value.func)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _mentioned(node: ast.AST) -> set[str]:
    """The names of the module that code reads: not those that a function has for itself, and none of annotations."""
    found = set()
    left: list[tuple[ast.AST, frozenset[str]]] = [(node, frozenset())]  # code may be nested deeper than calls
    while left:
        each, hidden = left.pop()
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and each.id not in hidden:
            found.add(each.id)
        if isinstance(each, _SCOPES):
            hidden |= frozenset(_own_names(each))
        for field, value in ast.iter_fields(each):
            left += [(inner, hidden) for inner in _nodes(value) if field not in _UNREAD]
    return found


def _nodes(value: object) -> list[ast.AST]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST)]


def _own_names(scope: ast.AST) -> Iterator[str]:
    """The names that are bound inside a function, a lambda or a comprehension."""
    for node in ast.walk(scope):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _reached(name: str, uses: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    open_ends = [name]
    while open_ends:
        for mentioned in uses.get(open_ends.pop(), set()) - found:
            found.add(mentioned)
            open_ends.append(mentioned)
    return found
