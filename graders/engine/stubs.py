"""Makes the file that learners edit from the reference, and tells which exercises of a file are still untouched.

Bodies are cut out of the reference's text, so everything else (cells, headings, comments, given code) stays as it is
written. In an exercise class the methods whose `def` line ends with the comment `# given` are kept.
"""

import ast
import copy
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from types import EllipsisType

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef

_MARK = re.compile(r"\s*#\s*given\s*(?=#|$)")


def stub(source: str, exercises: Collection[str]) -> str:
    """The text of a reference without the answers to `exercises`. A text that is a stub already stays as it is.

    Raises:
        SyntaxError: `source` is not Python.
    """
    definitions = [node for node in ast.parse(source).body if isinstance(node, Definition) and node.name in exercises]
    holes = [hole for node in definitions for hole in _functions(node, node.name)]
    if _is_made(definitions, holes):
        return source
    lines = source.split("\n")  # the lines that ast counts; splitlines would split at form feeds too
    comments = _comments(source)
    marks = given(source)
    for line in marks.values():
        lines[line - 1] = _unmarked(lines[line - 1], comments[line])
    for function, name in sorted(holes, key=lambda hole: -hole[0].lineno):  # from the end, to keep the lines' numbers
        if function.lineno not in marks or function in definitions:
            _blank(lines, function, name, comments)
    return "\n".join(lines)


def given(source: str) -> dict[int, int]:
    """The lines of the `def`s in `source` that carry the comment `# given`, each with the line that it stands on."""
    comments = _comments(source)
    lines = source.split("\n")
    marked = {line for line, column in comments.items() if _MARK.search(lines[line - 1][column:])}
    return {
        node.lineno: line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, Function)
        for line in range(node.lineno, max(node.lineno + 1, node.body[0].lineno))
        if line in marked
    }


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


def is_stub(function: Function) -> bool:
    """Whether a function does nothing: docstring, `pass`, `...` and raising NotImplementedError apart, it is empty."""
    return all(_is_empty(statement) for statement in function.body)


def _functions(node: ast.AST, name: str) -> Iterator[tuple[Function, str]]:
    """A function, or the methods of a class and of the classes inside it, with their names from `name` on."""
    if isinstance(node, Function):
        yield node, name
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield from _functions(child, f"{name}.{child.name}")
        elif isinstance(child, ast.stmt | ast.ExceptHandler):
            yield from _functions(child, name)


def _is_made(definitions: Sequence[Definition], holes: Sequence[tuple[Function, str]]) -> bool:
    """Whether the text is a stub already, where no mark tells any more what is given: every function is blank."""
    solved = [function for function, name in holes if ast.unparse(function.body[-1]) != _hole(name).replace('"', "'")]
    return len(solved) < len(holes) and not any(function in definitions for function in solved)


def _hole(name: str) -> str:
    return f'raise NotImplementedError("{name}")'


def _comments(source: str) -> dict[int, int]:
    """The lines that have a comment, each with the column at which it starts."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return dict(token.start for token in tokens if token.type == tokenize.COMMENT)


def _unmarked(line: str, column: int) -> str:
    return (line[:column] + _MARK.sub("", line[column:])).rstrip()


def _blank(lines: list[str], function: Function, name: str, comments: dict[int, int]) -> None:
    """Replaces the body of `function` in `lines`, all but its docstring, and the comments that belong to it."""
    first = function.body[0]
    top = min(node.lineno for node in [first, *getattr(first, "decorator_list", [])]) - 1
    before = _slice(lines[top], 0, first.col_offset)
    indent, kept = before, []
    if before.strip():  # all on one line: def f(x): return x
        indent = before[: len(before) - len(before.lstrip())] + "    "
        kept.append(before.rstrip())
    elif not _has_docstring(function):
        while _is_comment(lines[top - 1], comments.get(top)) or not lines[top - 1].strip():
            top -= 1
    if _has_docstring(function):
        kept.append(indent + _text(lines, first))
    lines[top : _end(lines, function, comments)] = [*kept, indent + _hole(name)]


def _end(lines: list[str], function: Function, comments: dict[int, int]) -> int:
    """The last line of a function, comments after its last statement included."""
    end = function.end_lineno or 0
    for number in range(end + 1, len(lines) + 1):
        line = lines[number - 1]
        if _is_comment(line, comments.get(number)) and comments[number] > function.col_offset:
            end = number
        elif line.strip():
            break
    return end


def _is_comment(line: str, column: int | None) -> bool:
    """Whether nothing stands on `line` but the comment at `column`."""
    return column is not None and not line[:column].strip()


def _text(lines: list[str], node: ast.stmt) -> str:
    first, last = node.lineno - 1, (node.end_lineno or 0) - 1
    if first == last:
        return _slice(lines[first], node.col_offset, node.end_col_offset)
    return "\n".join(
        [_slice(lines[first], node.col_offset), *lines[first + 1 : last], _slice(lines[last], 0, node.end_col_offset)]
    )


def _slice(line: str, start: int, end: int | None = None) -> str:
    """A part of a line, between columns as ast counts them: in bytes."""
    return line.encode()[start:end].decode()


def _has_docstring(node: Definition) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def _is_empty(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant(value=str() | EllipsisType())):
            return True
        case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
            return name == "NotImplementedError"
    return False


def _is_untouched(node: Definition, first: Definition | None) -> bool:
    own = [function for function, _ in _functions(node, "")]
    handed_out = [function for function, _ in _functions(first, "")] if first else []
    if first and not any(map(is_stub, handed_out)):
        return False
    if isinstance(node, Function):
        return is_stub(node)
    if not own:
        bases = first.bases if isinstance(first, ast.ClassDef) else []
        return all(map(_is_empty, node.body)) and _shape(node.bases) == _shape(bases)
    if not any(map(is_stub, own)):
        return False
    kept = {_shape([function]) for function in handed_out}
    return all(is_stub(function) or _shape([function]) in kept for function in own)


def _shape(nodes: Sequence[ast.AST]) -> str:
    """What the code of `nodes` says, whatever its layout and docstrings."""
    bare = copy.deepcopy(list(nodes))
    for node in (inner for outer in bare for inner in ast.walk(outer) if isinstance(inner, Definition)):
        if _has_docstring(node):
            del node.body[0]
    return "".join(map(ast.dump, bare))
