"""Reads a submission from disk: a `.py` file or a notebook becomes cells of source text. Nothing is executed here."""

import os
import re
from pathlib import Path

import msgspec

from graders.engine.errors import UsageError
from graders.engine.files import read_regular
from graders.engine.sitting.notebook import NotANotebook, code_cells
from graders.engine.values.messages import Cell
from graders.engine.worker.magics import without_cell_magic

_MAX_BYTES = 10 * 2**20
_SUFFIXES = (".py", ".ipynb")  # where both are there, the first counts
# Libraries that take long to import: where a submission mentions one, it is loaded before the worker is restricted.
_HEAVY = ("numpy", "torch", "gymnasium", "einops", "jaxtyping", "scipy", "sklearn", "pandas")
_OPTIMISERS = re.compile(r"\boptim\b")  # PyTorch's pull in another large part of it when the first one is made
_IMPORTED = re.compile(rf"^[ \t]*(?:import|from)\s+({'|'.join(_HEAVY)})\b", re.MULTILINE)


class Submission(msgspec.Struct, frozen=True):
    """A learner's file for one section."""

    file: str  # as it should be shown
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()  # what a learner should know about what was read

    @property
    def text(self) -> str:
        """Its source as one text."""
        return "\n".join(cell.source for cell in self.cells)

    @property
    def imports(self) -> frozenset[str]:
        """The libraries, of those that take long to import, that the text says it imports."""
        found = {match[1] for match in _IMPORTED.finditer(self.text)}
        return frozenset(found | ({"torch._dynamo"} if "torch" in found and _OPTIMISERS.search(self.text) else set()))


def read(path: Path) -> Submission:
    """The submission at `path`.

    Raises:
        UsageError: it cannot be read, is too large, or is not what its name says: text, or a notebook.
    """
    shown = as_shown(path)
    try:
        if not path.is_file():
            raise UsageError(f"{shown} is not a file" if path.exists() else f"there is no file {shown}")
        if _leads_out(path):  # to the reference, say, or to somebody else's answers
            raise UsageError(f"{shown} leads, by a link, out of the folder that it is in")
        if path.suffix not in _SUFFIXES:
            raise UsageError(f"{shown} is neither a .py file nor a notebook (.ipynb)")
        data = read_regular(path, _MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}") from error
    if data is None:
        raise UsageError(f"{shown} is not a file")
    return parse(shown, path.suffix, data)


def read_in(folder: Path, section: str) -> Submission:
    """The submission for `section` in a folder of submissions, with a note if there are two that it may be.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    path = find(folder, section)
    other = path.with_suffix(_SUFFIXES[1])
    notes = (passed_over(path.name, other.name),) if path != other and other.exists() else ()
    return msgspec.structs.replace(read(path), notes=notes)


def passed_over(read: str, other: str) -> str:
    """The note that of two files for a section the one was read."""
    return f"{other} is there too, and was not graded: where there are both, {read} counts"


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
    if suffix == ".py":
        return Submission(shown, (Cell(shown, _plain(text)),))
    try:
        sources = code_cells(text.encode())
    except NotANotebook as error:
        raise UsageError(f"{shown} {_printable(str(error))}") from error
    cells = ((number, without_cell_magic(_plain(source))) for number, source in sources)
    return Submission(shown, tuple(Cell(f"{shown} cell {number}", source) for number, source in cells))


def find(folder: Path, section: str) -> Path:
    """The file for `section` in a folder of submissions: `section.py`, or `section.ipynb`.

    Raises:
        UsageError: there is neither.
    """
    candidates = [folder / f"{section}{suffix}" for suffix in _SUFFIXES]
    for path in candidates:
        if path.exists():
            return path
    raise UsageError(f"there is no {candidates[0].name} or {candidates[1].name} in {as_shown(folder)}")


def _leads_out(path: Path) -> bool:
    """Whether a file is a link to one of another folder, or lies in the current folder by its name only."""
    real, here = path.resolve(), Path.cwd()
    is_here = Path(os.path.abspath(path)).is_relative_to(here)
    return real.parent != path.parent.resolve() or (is_here and not real.is_relative_to(here.resolve()))


def as_shown(path: Path) -> str:
    """The path as a person in the current folder would write it, without control characters."""
    relative = os.path.relpath(path)
    text = str(path) if relative.startswith("..") else relative
    return _printable(text)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _plain(text: str) -> str:
    """Source text with the line ends of Python."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
