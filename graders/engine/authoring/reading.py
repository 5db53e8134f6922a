"""Finds the exercises and the checks in the text of a grader file, without executing it."""

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from graders.engine.authoring.section import OPTIONS
from graders.engine.errors import GraderError


class Declared(NamedTuple):
    """An exercise as it stands in a grader file: `variable = section.exercise("name", …)`."""

    variable: str
    name: str
    call: ast.Call


class Stated(NamedTuple):
    """A check as it stands in a grader file."""

    name: str
    exercise: str
    call: ast.Call  # of `check` or `call`, with the options
    statement: ast.FunctionDef | ast.Expr  # the probe, or the call that stands for one

    @property
    def inputs(self) -> list[ast.keyword]:
        """The strategies that draw its inputs."""
        return [word for word in self.call.keywords if word.arg not in OPTIONS]


@lru_cache(maxsize=16)
def parsed(source: str) -> list[ast.stmt]:
    """The statements of an author's file, shared: not to be changed. Raises GraderError if it is not Python."""
    try:
        return ast.parse(source).body
    except SyntaxError as error:
        shown = (error.text or "").strip()
        raise GraderError(f"line {error.lineno} of a file of the course is not Python: {error.msg}: {shown}") from error


def declared(body: Iterable[ast.stmt]) -> Iterator[Declared]:
    """The exercises of a grader file, from the statements of its top level."""
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(variable)], value=value) if call := called(
                value, "exercise", {"section"}
            ):
                yield Declared(variable, argument(call, 0, "name"), call)


def stated(body: list[ast.stmt]) -> Iterator[Stated]:
    """The checks of a grader file, from the statements of its top level."""
    exercises = {exercise.variable: exercise.name for exercise in declared(body)}
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            for decorator in statement.decorator_list:
                if call := called(decorator, "check", exercises):
                    yield Stated(statement.name, exercises[_owner(call)], call, statement)
        elif isinstance(statement, ast.Expr) and (call := called(statement.value, "call", exercises)):
            yield Stated(argument(call, 0, "name"), exercises[_owner(call)], call, statement)


def called(node: ast.expr, method: str, owners: Iterable[str]) -> ast.Call | None:
    """The node if it is the call of `method` of one of the variables `owners`, else None."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(owner), attr=name)) if name == method and owner in owners:
            return node
    return None


def argument(call: ast.Call, position: int, name: str) -> str:
    """A text that is handed to a call. Raises GraderError where it is not there, or is not written out."""
    found = call.args[position : position + 1] or [word.value for word in call.keywords if word.arg == name]
    if not found:
        raise GraderError(f"line {call.lineno}: {ast.unparse(call.func)}(…) is given no {name}")
    return str(literal(found[0], f"the {name}", (str,)))


def literal(node: ast.expr, what: str, kinds: tuple[type, ...]) -> Any:
    """The value that is written out at a node. Raises GraderError where it is not, or not of one of the `kinds`."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = node
    if type(value) not in kinds:
        raise GraderError(f"line {node.lineno}: {what} is not written out as {' or '.join(k.__name__ for k in kinds)}")
    return value


def bound(statements: Iterable[ast.stmt]) -> frozenset[str]:
    """The names that the `statements` of a module define."""
    return frozenset(name for statement in statements for name in _binds(statement))


def _owner(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    assert isinstance(call.func.value, ast.Name)
    return call.func.value.id


def _binds(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
