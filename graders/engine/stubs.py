"""Makes the file that learners edit from the reference, and tells which exercises of a file are still untouched.

Bodies are cut out of the reference's text, so everything else (cells, headings, comments, given code) stays as it is
written. In an exercise class the methods whose `def` line ends with the comment `# given` are kept.
"""

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef

_GIVEN = re.compile(r"\s*#\s*given\s*(?=#|$)")


def stub(source: str, exercises: Collection[str]) -> str:
    """The text of a reference without the answers to `exercises`; that of a stub stays as it is.

    Raises:
        SyntaxError: `source` is not Python.
    """
    definitions = [node for node in ast.parse(source).body if isinstance(node, Definition) and node.name in exercises]
    if _is_made(definitions):
        return source
    lines = source.split("\n")  # as Python counts them; splitlines would also split at form feeds
    comments = _comments(source)
    marked = given_methods(source)
    holes = [hole for node in definitions for hole in _bodies(node, node.name)]
    for function, name in sorted(holes, key=lambda hole: -hole[0].lineno):
        if function.lineno not in marked:
            _blank(lines, function, name, comments)
    return "\n".join(line for number, line in enumerate(_unmarked(lines, source, marked)))


def unattempted(submission: ast.Module, reference_stub: ast.Module, exercises: Collection[str]) -> set[str]:
    """Which of `exercises` the submission leaves as they were, or leaves out in another way that says nothing.

    An exercise counts where its last definition equals the one in the stub (docstrings apart), or is a function without
    content, or a class in which methods without content are missing their code and all others are the stub's. An exercise
    that is given ready-made in the stub never counts. An exercise that is missing altogether does not count either.
    """
    found = {node.name: node for node in submission.body if isinstance(node, Definition) and node.name in exercises}
    first = {node.name: node for node in reference_stub.body if isinstance(node, Definition) and node.name in exercises}
    return {name for name, node in found.items() if _is_untouched(node, first.get(name))}


def given_methods(source: str) -> frozenset[int]:
    """The lines of the definitions in `source` that carry the comment `# given`."""
    return frozenset()
