"""What a save can have changed: the definitions that read otherwise than before, and whatever uses them."""

import ast
from collections.abc import Mapping
from typing import NamedTuple

from graders.engine.setting.paper import Cover
from graders.engine.worker.statements import root_of

_Statements = Mapping[str, tuple[str, frozenset[str]]]  # by name: the text of what binds it, and the names used there


class Text(NamedTuple):
    """A file, taken apart into what binds names at its top level."""

    statements: _Statements
    rest: frozenset[str]  # the texts of statements that bind nothing and touch nothing by name


def text(source: str) -> Text:
    """Takes a file apart. Raises SyntaxError (or ValueError) where it is not Python."""
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    rest = set()
    for statement in _flat(ast.parse(source).body):
        shown = ast.unparse(statement)
        nodes = list(ast.walk(statement))
        used = frozenset(node.id for node in nodes if isinstance(node, ast.Name))
        bound = list(_bound(statement))
        for name in bound:
            found.setdefault(name, []).append((shown, used - {name}))
        if not bound:
            rest.add(shown)
    merged = {
        name: ("\n".join(each for each, _ in parts), frozenset().union(*(names for _, names in parts)))
        for name, parts in found.items()
    }
    return Text(merged, frozenset(rest))


class Affected(NamedTuple):
    """The exercises whose verdicts may be others now."""

    edited: frozenset[str]  # by a change of their own
    all: frozenset[str]  # these, and what uses anything that reads otherwise now


def affected(before: Text, after: Text, cover: Cover, probing: Mapping[str, frozenset[str]]) -> Affected:
    """What a change of a file can have changed.

    Args:
        before, after: the file.
        cover: what the section asks.
        probing: as the function of this name gives it.
    """
    if before.rest != after.rest:
        return Affected(frozenset(), frozenset(probing))
    old, new = before.statements, after.statements
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    edited = {cover.aliases.get(name, name) for name in changed} & probing.keys()
    while more := {name for name, (_, used) in new.items() if name not in changed and not used.isdisjoint(changed)}:
        changed |= more
    changed |= {cover.aliases[name] for name in changed if name in cover.aliases}
    every = {exercise for exercise, used in probing.items() if exercise in changed or not used.isdisjoint(changed)}
    return Affected(frozenset(edited), frozenset(every))


def probing(cover: Cover) -> dict[str, frozenset[str]]:
    """By exercise: the names of a submission that its probes look up, in functions that they call too."""
    functions = {node.name: node for node in ast.parse(cover.probes).body if isinstance(node, ast.FunctionDef)}
    attributes, names = {}, {}
    for name, function in functions.items():
        nodes = list(ast.walk(function))
        attributes[name] = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names[name] = {node.id for node in nodes if isinstance(node, ast.Name)} & functions.keys()
    found: dict[str, frozenset[str]] = {}
    for question in cover.questions:
        reached, left = set(), [question.name] if question.name in functions else []
        while left:
            one = left.pop()
            reached.add(one)
            left += names[one] - reached
        looked_up = frozenset().union(*(attributes[one] for one in reached))
        found[question.exercise] = found.get(question.exercise, frozenset()) | looked_up
    return found


def _flat(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a text, those inside branches and main blocks too."""
    found = []
    for statement in body:
        if isinstance(statement, ast.If):
            found += [ast.Expr(statement.test), *_flat(statement.body), *_flat(statement.orelse)]
        else:
            found.append(statement)
    return found


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement binds, and those whose methods or entries it uses on a line of its own."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name.partition(".")[0] for alias in names}
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=value))):
            return set(filter(None, [root_of(value)]))
    nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript)]
    stored = [node for node in nodes if isinstance(node.ctx, ast.Store)]
    return set(filter(None, map(root_of, stored)))
