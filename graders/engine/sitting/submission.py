"""Reads a submission from disk: a `.py` file or a notebook becomes cells of source text. Nothing is executed here.

The files beside it that it imports belong to it: each is a cell that bears its module's name.
"""

import io
import os
import re
import tokenize
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import msgspec

from graders.engine.errors import UsageError
from graders.engine.files import read_regular
from graders.engine.sitting.beside import beside, module_of
from graders.engine.sitting.notebook import NotANotebook, code_cells
from graders.engine.values.messages import Cell
from graders.engine.worker.magics import without_cell_magic

_MAX_BYTES = 10 * 2**20
_SUFFIXES = (".py", ".ipynb")  # where both are there, the first counts
# Libraries that take long to import: where a submission mentions one, it is loaded before the worker is restricted.
_HEAVY = ("numpy", "torch", "gymnasium", "einops", "jaxtyping", "scipy", "sklearn", "pandas")
_SLOW_CODECS = ("idna", "punycode")  # on long texts; nobody writes programs in them
_OPTIMISERS = re.compile(r"\boptim\b")  # PyTorch's pull in another large part of it when the first one is made
_IMPORTED = re.compile(rf"^[ \t]*(?:import|from)\s+({'|'.join(_HEAVY)})\b", re.MULTILINE)


_NONE: Mapping[str, bytes] = MappingProxyType({})


class Submission(msgspec.Struct, frozen=True):
    """A learner's file for one section."""

    file: str  # as it should be shown
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()  # what a learner should know about what was read

    @property
    def text(self) -> str:
        """Its source as one text, without the files beside it."""
        return "\n".join(cell.source for cell in self.cells if not cell.module)

    @property
    def imports(self) -> frozenset[str]:
        """The libraries, of those that take long to import, that the text says it imports."""
        text = "\n".join(cell.source for cell in self.cells)
        found = {match[1] for match in _IMPORTED.finditer(text)}
        return frozenset(found | ({"torch._dynamo"} if "torch" in found and _OPTIMISERS.search(text) else set()))


def read(path: Path) -> Submission:
    """The submission at `path`, with the files beside it that it imports.

    Raises:
        UsageError: it cannot be read, is too large, or is not what its name says: text, or a notebook.
    """
    data = _content(path)
    if path.suffix not in _SUFFIXES:
        raise UsageError(f"{as_shown(path)} is neither a .py file nor a notebook (.ipynb)")
    return parse(as_shown(path), path.suffix, data, _beside(path.stem, data, path.parent))


def cells_beside(own: str, text: str, folder: Path) -> tuple[Cell, ...]:
    """The files in `folder` that a text imports, directly or by one another.

    Args:
        own: the name of the text's own module, which is none of them.
    """
    return _helpers(_beside(own, text.encode(errors="replace"), folder), folder)[0]


def content(path: Path) -> dict[str, bytes] | None:
    """All that a grade follows from of what lies at `path`: the file, under the name "", and by name the files beside
    it that it imports. None where there is no file that can be read."""
    try:
        data = _content(path)
    except UsageError:
        return None
    return {"": data, **_beside(path.stem, data, path.parent)}


def _content(path: Path) -> bytes:
    """What is in a file; one byte more than the limit is enough of one that is too large. Raises UsageError."""
    shown = as_shown(path)
    try:
        if not path.is_file():
            raise UsageError(f"{shown} is not a file" if path.exists() else f"there is no file {shown}")
        if _leads_out(path):  # to the reference, say, or to somebody else's answers
            raise UsageError(f"{shown} leads, by a link, out of the folder that it is in")
        data = read_regular(path, _MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}") from error
    if data is None:
        raise UsageError(f"{shown} is not a file")
    return data


def _beside(own: str, data: bytes, folder: Path) -> dict[str, bytes]:
    home = folder.resolve()

    def read(name: str) -> bytes | None:
        path = folder / name
        with suppress(UsageError):
            if path.parent == folder or path.resolve().is_relative_to(home):  # no folder that is a link out of it
                return _content(path)
        return None

    return beside(own, data, read)


def read_in(folder: Path, section: str) -> Submission:
    """The submission for `section` in a folder of submissions, with a note if there are two that it may be.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    path = find(folder, section)
    other = path.with_suffix(_SUFFIXES[1])
    notes = (passed_over(path.name, other.name),) if path != other and other.exists() else ()
    found = read(path)
    return msgspec.structs.replace(found, notes=(*notes, *found.notes))


def passed_over(read: str, other: str) -> str:
    """The note that of two files for a section the one was read."""
    return f"{other} is there too, and was not graded: where there are both, {read} counts"


def parse(shown: str, suffix: str, data: bytes, helpers: Mapping[str, bytes] = _NONE) -> Submission:
    """The submission that a file with this content is.

    Args:
        shown: the name under which it is shown.
        suffix: `.py`, or `.ipynb` for a notebook.
        data: the file's content; one byte more than the limit is enough of a file that is too large.
        helpers: that of the files beside it that it imports, by the names of their modules. One that is no text is left
            out, and that is noted.

    Raises:
        UsageError: it is too large, or is not what its name says: text, or a notebook.
    """
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{shown} is larger than {_MAX_BYTES // 2**20} MiB")
    text = _text(shown, data, "utf-8" if suffix == ".ipynb" else _codec(shown, data))
    more, notes = _helpers(helpers, Path(shown).parent)
    if suffix == ".py":
        return Submission(shown, (Cell(shown, _plain(text)), *more), notes)
    try:
        sources = code_cells(text.encode())
    except NotANotebook as error:
        raise UsageError(f"{shown} {_printable(str(error))}") from error
    cells = ((number, without_cell_magic(_plain(source))) for number, source in sources)
    return Submission(shown, (*(Cell(f"{shown} cell {number}", source) for number, source in cells), *more), notes)


def _helpers(helpers: Mapping[str, bytes], folder: Path) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """The cells that files beside an answer are, and what is to be said of those that are none."""
    cells, notes = [], []
    for name, data in helpers.items():
        shown = _printable(str(folder / f"{name.replace('.', '/')}.py"))
        try:
            cells.append(Cell(shown, _plain(_text(shown, data, _codec(shown, data))), *module_of(name)))
        except UsageError as error:
            notes.append(str(error))
    return tuple(cells), tuple(notes)


def _codec(shown: str, data: bytes) -> str:
    """The encoding that a source file has by its first lines, as Python finds it."""
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if not str(error).startswith("unknown encoding"):
            return "utf-8"  # a byte of the first lines is not, which is to be said with its place
        raise UsageError(f"{shown} cannot be read: {_printable(str(error))[:200]}") from error
    if name in _SLOW_CODECS:
        raise UsageError(f"{shown} cannot be read: its encoding {name} is not for programs")
    return name


def _text(shown: str, data: bytes, codec: str) -> str:
    """The text that bytes are. Raises UsageError: they are none, with the first byte that shows it."""
    name = "UTF-8" if codec.startswith("utf-8") else codec
    try:
        text = data.decode("utf-8-sig" if name == "UTF-8" else codec)
    except UnicodeDecodeError as error:
        before, byte = error.object[: error.start], error.object[error.start]
        raise UsageError(f"{shown} is not {name} text: byte 0x{byte:02x} in line {_lines(before)}") from error
    except (ValueError, LookupError) as error:  # a codec that is for other things than text
        raise UsageError(f"{shown} is not {name} text: {_printable(str(error))[:200]}") from error
    if "\0" in text:
        before = text.partition("\0")[0].encode(errors="replace")
        raise UsageError(f"{shown} is not text: byte 0x00 in line {_lines(before)}")
    return text


def _lines(data: bytes) -> int:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1


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
