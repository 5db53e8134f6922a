"""Tells which exercises of a file are still as they were handed out."""

import ast
import copy
from collections.abc import Collection, Sequence
from functools import cache

from graders.engine.values.definitions import Definition, Function, functions, has_docstring, is_empty, is_stub


@cache
def parsed(stub: str) -> ast.Module:
    """The tree of a stub; one that was made before workers are forked is there for all of them."""
    return ast.parse(stub)


def unattempted(submission: ast.Module, stub: str, exercises: Collection[str]) -> set[str]:
    """Which of `exercises` the submission defines, yet leaves as they were in the stub.

    A function counts if it is without content, a class if some of its methods are and the others are as in the stub. A
    class that the stub hands out complete never counts. Where a name is defined twice, the last one is meant.
    """
    found = {node.name: node for node in submission.body if isinstance(node, Definition) and node.name in exercises}
    first = {node.name: node for node in parsed(stub).body if isinstance(node, Definition)}
    return {name for name, node in found.items() if _is_untouched(node, first.get(name))}


def _is_untouched(node: Definition, first: Definition | None) -> bool:
    own = [function for function, _ in functions(node, "")]
    handed_out = [function for function, _ in functions(first, "")] if first else []
    if first and not any(map(is_stub, handed_out)):
        return False
    if isinstance(node, Function):
        return is_stub(node)
    if not own:
        bases = first.bases if isinstance(first, ast.ClassDef) else []
        return all(map(is_empty, node.body)) and _shape(node.bases) == _shape(bases)
    if not any(map(is_stub, own)):
        return False
    kept = {_shape([function]) for function in handed_out}
    return all(is_stub(function) or _shape([function]) in kept for function in own)


def _shape(nodes: Sequence[ast.AST]) -> str:
    """What the code of `nodes` says, whatever its layout and docstrings."""
    bare = copy.deepcopy(list(nodes))
    for node in (inner for outer in bare for inner in ast.walk(outer) if isinstance(inner, Definition)):
        if has_docstring(node):
            del node.body[0]
    return "".join(map(ast.dump, bare))
