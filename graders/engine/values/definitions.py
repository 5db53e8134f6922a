"""Functions and classes of a text, as both sides look at them: which there are, and which are empty."""

import ast
from collections.abc import Iterator
from types import EllipsisType

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def is_stub(function: Function) -> bool:
    """Whether a function does nothing: docstring, `pass`, `...` and raising NotImplementedError apart, it is empty."""
    return all(is_empty(statement) for statement in function.body)


def functions(node: ast.AST, name: str) -> Iterator[tuple[Function, str]]:
    """A function, or the methods of a class and of the classes inside it, with their names from `name` on."""
    if isinstance(node, Function):
        yield node, name
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield from functions(child, f"{name}.{child.name}")
        elif isinstance(child, ast.stmt | ast.ExceptHandler):
            yield from functions(child, name)


def first_line(node: Definition) -> int:
    """The line on which a definition begins, its decorators included."""
    return min(part.lineno for part in [node, *node.decorator_list])


def has_docstring(node: Definition) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def is_empty(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assert():  # of what the caller has to see to: stubs come with such lines
            return True
        case ast.Pass() | ast.Expr(value=ast.Constant(value=str() | EllipsisType())):
            return True
        case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
            return name == "NotImplementedError"
    return False


def lines_of(text: str) -> dict[str, int]:
    """The functions and classes at the top level of a text, each with its line."""
    return {node.name: node.lineno for node in ast.parse(text).body if isinstance(node, Definition)}
