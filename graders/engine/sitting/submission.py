"""Reads a submission from disk: a `.py` file or a notebook becomes cells of source text. Nothing is executed here."""

import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import msgspec

from graders.engine.errors import UsageError
from graders.engine.values.messages import Cell
from graders.engine.worker.magics import without_cell_magic

_MAX_BYTES = 10 * 2**20
_MAX_CELLS = 2000  # nbformat looks at each of them for a while
# Libraries that take long to import: where a submission mentions one, it is loaded before the worker is restricted.
_HEAVY = ("numpy", "torch", "gymnasium", "einops", "jaxtyping")


class Submission(msgspec.Struct, frozen=True):
    """A learner's file for one section."""

    file: str  # as it should be shown
    cells: tuple[Cell, ...]

    @property
    def imports(self) -> frozenset[str]:
        """The libraries, of those that take long to import, that the text says it imports."""
        text = "\n".join(cell.source for cell in self.cells)
        return frozenset(name for name in _HEAVY if re.search(rf"^[ \t]*(?:import|from)\s+{name}\b", text, re.M))


def read(path: Path) -> Submission:
    """The submission at `path`.

    Raises:
        UsageError: it cannot be read, is too large, or is not what its name says: text, or a notebook.
    """
    shown = _shown(path)
    try:
        if not path.is_file():
            raise UsageError(f"{shown} is not a file" if path.exists() else f"there is no file {shown}")
        if _leads_out(path):  # to the reference, say, or to somebody else's answers
            raise UsageError(f"{shown} leads, by a link, out of the folder that it is in")
        if path.suffix not in (".py", ".ipynb"):
            raise UsageError(f"{shown} is neither a .py file nor a notebook (.ipynb)")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}") from error
    return parse(shown, path.suffix, data)


def parse(shown: str, suffix: str, data: bytes) -> Submission:
    """The submission that a file with this content is.

    Args:
        shown: the name under which it is shown.
        suffix: `.py`, or `.ipynb` for a notebook.
        data: the file's content; one byte more than the limit is enough of a file that is too large.

    Raises:
        UsageError: it is too large, or is not what its name says: text, or a notebook.
    """
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{shown} is larger than {_MAX_BYTES // 2**20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not UTF-8 text") from error
    if "\0" in text:
        raise UsageError(f"{shown} is not text: it holds null bytes")
    return Submission(shown, _notebook(shown, text) if suffix == ".ipynb" else (Cell(shown, _plain(text)),))


def find(folder: Path, section: str) -> Path:
    """The file for `section` in a folder of submissions: `section.py`, or `section.ipynb`.

    Raises:
        UsageError: there is neither.
    """
    candidates = [folder / f"{section}{suffix}" for suffix in (".py", ".ipynb")]
    for path in candidates:
        if path.exists():
            return path
    raise UsageError(f"there is no {candidates[0].name} or {candidates[1].name} in {_shown(folder)}")


def _leads_out(path: Path) -> bool:
    """Whether a file is a link to one of another folder, or lies in the current folder by its name only."""
    real, here = path.resolve(), Path.cwd()
    is_here = Path(os.path.abspath(path)).is_relative_to(here)
    return real.parent != path.parent.resolve() or (is_here and not real.is_relative_to(here.resolve()))


def _shown(path: Path) -> str:
    """The path as a person in the current folder would write it, without control characters."""
    relative = os.path.relpath(path)
    text = str(path) if relative.startswith("..") else relative
    return _printable(text)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _plain(text: str) -> str:
    """Source text with the line ends of Python and, where a notebook's JSON has them, no lone surrogates."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode(errors="replace").decode()


def _notebook(shown: str, text: str) -> tuple[Cell, ...]:
    import nbformat  # only notebooks pay for it

    try:
        with warnings.catch_warnings(action="ignore"):  # two cells with the same id, for one, are told cell by cell
            notebook = nbformat.reads(_slimmed(text), as_version=4)  # type: ignore[no-untyped-call]
        codes = [(number, cell.source) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]
    except RecursionError as error:
        raise UsageError(f"{shown} is nested too deep for a notebook") from error
    except Exception as error:  # nbformat lets what its validators and JSON raise come through as it is
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(f"{shown} is not a notebook that can be read: {_printable(reason[:200])}") from error
    return tuple(Cell(f"{shown} cell {number}", without_cell_magic(_plain(str(source)))) for number, source in codes)


def _slimmed(text: str) -> str:
    """The text of a notebook without what is not graded and takes long to validate: output and metadata of cells."""
    cells = 0

    def slim(value: dict[str, Any]) -> dict[str, Any]:
        nonlocal cells
        slimmer: dict[str, Any] = {"outputs": []} if "outputs" in value else {}
        if "cell_type" in value:
            cells += 1
            slimmer["metadata"] = {}
        return value | slimmer

    slimmed = json.loads(text, object_hook=slim)
    if cells > _MAX_CELLS:
        raise ValueError(f"it has more than {_MAX_CELLS} cells")
    return json.dumps(slimmed)
