"""Exercise files as Jupyter notebooks, and back. Nothing of what a learner wrote is lost on the way.

The code of a file stands in the notebook's cells as it is; beside it there are cells of our own, which are marked in
their metadata and left out on the way back: the text of each exercise as Markdown, and a cell that checks it. Markdown
cells that a learner has added become comments under `# %% [markdown]`, which is how editors know them.
"""

import ast
import hashlib
import re
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from graders.engine.values.definitions import first_line
from graders.engine.worker.magics import without_cell_magic, without_line_magics
from graders.learning.prose import markdown, prose

_MARK = "from_scratch"  # of our cells, in their metadata
_CELL, _MARKDOWN = "# %%", "# %% [markdown]"
_CHECKS = ("check(", "check = checker(")  # how the lines of our cells of code begin
NO_PYTHON = "# This cell of the notebook is no Python yet:"
_MOST = 64  # characters of a cell's id
_SETUP = """\
import sys

sys.path.append("..")  # the course's folder, in case it is not installed
from graders.learning.jupyter import checker

check = checker("{section}")  # check("name") grades an exercise as it stands in this notebook, check() all of them"""


class _Piece(NamedTuple):
    """A part of a file: code that stands in one cell, or comments that are a learner's Markdown."""

    text: str
    name: str | None = None  # of the exercise that it defines
    docstring: str | None = None
    is_markdown: bool = False


def to_notebook(source: str, section: str, title: str, exercises: Collection[str]) -> Any:
    """The notebook for the text of an exercise file, untouched or not.

    Args:
        source: the text.
        section, title: the section's.
        exercises: the names of its exercises.

    Raises:
        SyntaxError: the text is no Python.
    """
    made = _Made(section)
    cells = [made.markdown("title", f"# {prose(title)}")]
    for piece in _pieces(source, exercises):
        if piece.is_markdown:
            cells.append(_learners(new_markdown_cell(_uncommented(piece.text)), piece.text))
            continue
        if piece.docstring and piece.name is None:
            cells.append(made.markdown("introduction", markdown(piece.docstring)))
        elif piece.name and piece.docstring:
            cells.append(made.markdown(f"{piece.name}-text", f"### {piece.name}\n\n{markdown(piece.docstring)}"))
        elif heading := _heading(piece.text):
            cells.append(made.markdown(f"heading-{len(cells)}", heading))
        cells.append(
            _learners(new_code_cell(piece.text.strip("\n"), id=made.id(piece.name or f"cell-{len(cells)}")), piece.text)
        )
        if piece.name:
            cells.append(made.code(f"{piece.name}-check", f'check("{piece.name}")'))
    cells.insert(1, made.code("setup", _SETUP.format(section=section)))
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata[_MARK] = {"section": section}
    nbformat.validate(notebook)
    return notebook


def to_text(notebook: Any) -> str:
    """The text of the exercise file that a notebook stands for: its code, and a learner's own Markdown as comments.

    What a file cannot hold (magics, shell lines, cells that are no Python yet) stands there as comments too.
    """
    parts = []
    for cell in notebook.cells:
        mark = cell.metadata.get(_MARK, {})
        source = _added(cell, mark) if mark.get("made") else cell.source
        if source is None:
            continue
        text = _as_python(source) if cell.cell_type == "code" else _commented(source)
        before, after = mark.get("around", (2, 0))
        parts.append("\n" * before + text + "\n" * after)
    return "\n".join(parts).strip("\n") + "\n"


def _added(cell: Any, mark: dict[str, Any]) -> str | None:
    """What a learner has written into a cell that was ours; None if nothing."""
    if mark.get("digest", _digest(cell.source)) == _digest(cell.source):
        return None
    if cell.cell_type != "code":
        return str(cell.source)
    ours = set(filter(None, _SETUP.split("\n")))
    lines = [line for line in cell.source.split("\n") if line not in ours and not line.startswith(_CHECKS)]
    return "\n".join(lines) if any(map(str.strip, lines)) else None


def _as_python(source: str) -> str:
    """The code of a cell, with all that is no Python as comments."""
    if _is_python(source):
        return source
    lines = source.split("\n")
    is_magic = source.startswith("%%")
    if is_magic and without_cell_magic(source):
        return f"# {lines[0]}\n{_as_python(chr(10).join(lines[1:]))}"
    changed = without_line_magics(source)
    if is_magic or not _is_python(changed):
        return "\n".join([NO_PYTHON, *(f"# {line}".rstrip() for line in lines)])
    pairs = zip(lines, changed.split("\n"), strict=True)
    return "\n".join(line if line == other else _without_magic(line, other) for line, other in pairs)


def _without_magic(line: str, other: str) -> str:
    """A magic as a comment: behind a `pass` where a block may need one."""
    return f"{other}  # {line.strip()}" if other.startswith((" ", "\t")) else f"# {line}"


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _learners(cell: Any, text: str) -> Any:
    """A cell with how many empty lines stand around its text in the file."""
    before, after = len(text) - len(text.lstrip("\n")), len(text) - len(text.rstrip("\n"))
    cell.metadata[_MARK] = {"around": [before, after]}
    if cell.cell_type == "markdown":
        cell.id = _digest(text)
    return cell


class _Made:
    """Makes the cells that are ours, with ids that are the same each time."""

    def __init__(self, section: str):
        self._section = section
        self._taken: set[str] = set()

    def id(self, name: str) -> str:
        """An id for a cell, as nbformat wants it."""
        wanted = re.sub(r"[^a-zA-Z0-9_-]", "-", f"{self._section}-{name}")[:_MOST]
        while wanted in self._taken:
            wanted = f"{wanted[: _MOST - 2]}-2" if not wanted.endswith("-2") else f"{wanted[:-1]}{len(self._taken)}"
        self._taken.add(wanted)
        return wanted

    def markdown(self, name: str, text: str) -> Any:
        """A cell of text."""
        return new_markdown_cell(text, id=self.id(name), metadata=_ours("text", text))

    def code(self, name: str, text: str) -> Any:
        """A cell of code."""
        return new_code_cell(text, id=self.id(name), metadata=_ours("check", text))


def _ours(kind: str, text: str) -> dict[str, Any]:
    """The metadata of a cell that we made: what is written into it later is a learner's."""
    return {_MARK: {"made": kind, "digest": _digest(text)}}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _pieces(source: str, exercises: Collection[str]) -> Iterator[_Piece]:
    """A file in pieces, one below the other: all of them together are the file."""
    lines, tree = source.rstrip("\n").split("\n"), ast.parse(source)
    introduction = ast.get_docstring(tree)
    own = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in exercises]
    begins = {1}
    for node in own:
        begins |= {first_line(node), (node.end_lineno or 0) + 1}
    begins |= {number for number, line in enumerate(lines, 1) if line.startswith(_CELL)}
    begins |= {_end_of_markdown(lines, number) for number in list(begins) if _starts_markdown(lines, number)}
    if introduction:
        begins.add((tree.body[0].end_lineno or 0) + 1)
    defined = {first_line(node): node for node in own}
    for first, last in pairwise(_whole(lines, begins)):
        text = "\n".join(lines[first - 1 : last - 1])
        if first in defined:
            yield _Piece(text, defined[first].name, ast.get_docstring(defined[first]))
        elif first == 1 and introduction:
            yield _Piece(text, None, introduction)
        else:
            yield _Piece(text, is_markdown=_starts_markdown(lines, first))


def _whole(lines: list[str], begins: set[int]) -> list[int]:
    """Where pieces begin, and where the last one ends; what is empty belongs to the piece before."""
    ends = [*sorted(number for number in begins if number <= len(lines)), len(lines) + 1]
    kept = [first for first, last in pairwise(ends) if first == 1 or any(map(str.strip, lines[first - 1 : last - 1]))]
    return [*kept, len(lines) + 1]


def _starts_markdown(lines: list[str], number: int) -> bool:
    return number <= len(lines) and lines[number - 1].startswith(_MARKDOWN)


def _end_of_markdown(lines: list[str], number: int) -> int:
    """The line behind the comments that begin in a line."""
    while number <= len(lines) and lines[number - 1].startswith("#"):
        number += 1
    return number


def _heading(text: str) -> str | None:
    """The heading and the comment that a cell begins with, as Markdown."""
    lines = text.strip("\n").split("\n")
    if not lines[0].startswith(_CELL):
        return None
    title = lines[0].removeprefix(_CELL).strip()
    said = []
    for line in lines[1:]:
        if not line.startswith("# "):
            break
        said.append(line[2:])
    return "\n\n".join(filter(None, [f"## {prose(title)}" if title else "", prose(" ".join(said))])) or None


def _commented(text: str) -> str:
    return "\n".join([_MARKDOWN, *(f"# {line}".rstrip() for line in text.split("\n"))])


def _uncommented(text: str) -> str:
    lines = text.strip("\n").split("\n")[1:]
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)
