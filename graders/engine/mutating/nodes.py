"""What the operators of mutation share: the change they make, and short ways to read and to make nodes."""

import ast
from typing import Any, NamedTuple, TypeVar

Node = TypeVar("Node", bound=ast.AST)


class Change(NamedTuple):
    """One place in an exercise, and what could stand there instead; None takes the lines away."""

    operator: str
    node: ast.expr | ast.stmt
    new: ast.AST | None


def number(node: ast.expr) -> int | float | bool | None:
    """The number or truth value that is written there, also with a minus before it."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return None


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def shortened(items: list[Any]) -> list[list[Any]]:
    """The lists with one item less."""
    return [items[:at] + items[at + 1 :] for at in range(len(items))]


def swapped(items: list[Any]) -> list[list[Any]]:
    """The lists with two neighbours swapped."""
    return [[*items[:at], items[at + 1], items[at], *items[at + 2 :]] for at in range(len(items) - 1)]


def altered(node: Node, **fields: Any) -> Node:
    """A new node, without a place in the text, that is like `node` but for some fields; what it holds is the same."""
    changed = type(node)(**dict(ast.iter_fields(node)))
    for field, value in fields.items():
        setattr(changed, field, value)
    return changed
