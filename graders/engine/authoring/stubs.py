"""Makes the file that learners edit from the reference.

Bodies are cut out of the reference's text, so everything else (cells, headings, comments, given code) stays as it is
written. In an exercise class the methods whose `def` line ends with the comment `# given` are kept.
"""

import ast
import io
import re
import tokenize
from collections.abc import Collection, Sequence

from graders.engine.values.definitions import Definition, Function, functions, has_docstring

_MARK = re.compile(r"\s*#\s*given\s*(?=#|$)")


def stub(source: str, exercises: Collection[str]) -> str:
    """The text of a reference without the answers to `exercises`. A text that is a stub already stays as it is.

    Raises:
        SyntaxError: `source` is not Python.
    """
    definitions = [node for node in ast.parse(source).body if isinstance(node, Definition) and node.name in exercises]
    holes = [hole for node in definitions for hole in functions(node, node.name)]
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
    elif not has_docstring(function):
        while _is_comment(lines[top - 1], comments.get(top)) or not lines[top - 1].strip():
            top -= 1
    if has_docstring(function):
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
