"""What notebooks hold besides Python: magics, shell lines and requests for help. They are left out, not executed."""

import ast
import re
import warnings

_LINE = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.]+\?\??[ \t]*)$", re.M)
_FIRST_COLUMN = re.compile(r"^(?:[%!?].*|[\w.]+\?\??[ \t]*)$")
# Cell magics around Python: what such a cell defines is meant to be kept, also where IPython would not.
_AROUND_PYTHON = ("%%time", "%%capture", "%%prun", "%%debug", "%%timeit")


def without_cell_magic(source: str) -> str:
    """A cell without its cell magic: nothing where that is another language's."""
    word, _, rest = source.lstrip().partition("\n")
    if not word.startswith("%%"):
        return source
    if word.split()[0] not in _AROUND_PYTHON:
        return ""
    return "\n" * (source.count("\n") - rest.count("\n")) + rest


def converted_cell(statement: ast.stmt) -> str | None:
    """The source of a cell under a magic around Python, where nbconvert has written it as a call; else None."""
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(attr="run_cell_magic"),
                args=[ast.Constant(value=str(magic)), _, ast.Constant(value=str(source))],
            )
        ) if f"%%{magic}" in _AROUND_PYTHON:
            return source
    return None


def without_line_magics(source: str) -> str:
    """A text with `pass` in place of each magic, shell line and request for help, so that line numbers stay.

    Only lines that keep the text from being Python are taken for one: `% 3` may well go on with an expression.
    """
    if not _LINE.search(source):
        return source
    lines = source.split("\n")
    while number := _first_error("\n".join(lines)):
        magic = _LINE.match(lines[number - 1])
        if not magic:  # it is broken elsewhere too, and no error leads to the other magics
            return "\n".join(_FIRST_COLUMN.sub("pass", line) for line in lines)
        lines[number - 1] = f"{magic[1]}pass"
    return "\n".join(lines)


def _first_error(source: str) -> int:
    """The number of the line with the first syntax error; 0 if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError as error:
        return min(error.lineno or 1, source.count("\n") + 1)
    except (ValueError, RecursionError, MemoryError):
        pass  # whoever parses it next will say so
    return 0
