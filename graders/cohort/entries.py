"""Finds the submissions in a folder, and reads the file of each section. Links are not followed, nothing is written.

A submission is a folder with a file a section, a single file, or a zip file of either. It has the name of its learner:
that of the folder, or of the file without its ending. What cannot be read is a verdict with a reason, not an error.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, NamedTuple

import msgspec

from graders.cohort.archives import EXERCISES, MAX_BYTES, Member, Refused, members
from graders.cohort.names import shown, told_apart
from graders.engine.errors import UsageError
from graders.engine.sitting.beside import beside
from graders.engine.sitting.submission import passed_over

_FILES = (".py", ".ipynb")
_LEFT_OUT = ("__pycache__", "__MACOSX")
_LINK = "is a symbolic link, and links are not followed"
# Never waits, as opening a named pipe would, and never ends up somewhere else.
_OPENING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Entry(NamedTuple):
    """What one learner handed in: the name, as it is shown, and the names in the folder; more than one is ambiguous."""

    name: str
    files: tuple[str, ...]
    note: str | None = None  # what should be known about the name


class Part(msgspec.Struct, frozen=True):
    """What a submission holds for one section: content, or why there is none that can be read, or nothing."""

    section: str
    suffix: str = ".py"
    data: bytes | None = None
    trouble: str | None = None
    note: str | None = None  # what its learner should know about what was read
    beside: dict[str, bytes] = {}  # the files in its folder that it imports, by the names of their modules

    @property
    def digest(self) -> str:
        """Equal for parts that are graded alike."""
        digest = hashlib.blake2b(digest_size=16)
        texts = (None if text is None else text.encode("utf-8", "replace") for text in (self.trouble, self.note))
        for piece in (self.suffix.encode(), self.data, *texts):
            digest.update(b"-" if piece is None else b"+%d:" % len(piece) + piece)
        for name, piece in self.beside.items():
            digest.update(b"%b+%d:" % (name.encode(), len(piece)) + piece)
        return digest.hexdigest()


def scan(folder: str, left_out: Collection[str] = ()) -> list[Entry]:
    """The submissions in `folder`, by name; hidden files and the files `left_out` (as real paths) are none.

    Raises:
        UsageError: the folder cannot be read.
    """
    found: dict[str, list[str]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name in _LEFT_OUT or os.path.realpath(entry.path) in left_out:
                    continue
                found.setdefault(_learner(entry), []).append(entry.name)
    except OSError as error:
        raise UsageError(f"{shown(folder)} cannot be read: {error.strerror}") from error
    told = told_apart(found)
    return [Entry(told[name].shown, tuple(sorted(files)), told[name].note) for name, files in sorted(found.items())]


def _learner(entry: os.DirEntry[str]) -> str:
    stem, suffix = os.path.splitext(entry.name)
    is_file = not entry.is_dir(follow_symlinks=False) and suffix.lower() in (*_FILES, ".zip")
    return stem if is_file else entry.name


def read(folder: str, entry: Entry, wanted: tuple[str, ...]) -> list[Part]:
    """What a submission holds for each of the sections `wanted`."""
    try:
        return _read(folder, entry, wanted)
    except Refused as error:
        return [Part(section, trouble=f"it {error}") for section in wanted]


def _read(folder: str, entry: Entry, wanted: tuple[str, ...]) -> list[Part]:
    """The same. Raises Refused where nothing of it can be read, with the reason."""
    if len(entry.files) > 1:
        raise Refused(f"was handed in more than once: {', '.join(map(shown, entry.files))}")
    (name,) = entry.files
    suffix = os.path.splitext(name)[1].lower()
    with _opened(name, os.path.join(folder, name)) as descriptor:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            parts = _in_folders(descriptor, wanted)
        elif suffix == ".zip":
            with _file(shown(name), descriptor) as file:
                parts = [_in_archive(section, found) for found in [members(file, wanted)] for section in wanted]
        elif suffix not in _FILES:
            raise Refused("is neither a folder nor a .py, .ipynb or .zip file")
        elif len(wanted) > 1:
            raise Refused(f"is one file, and {len(wanted)} sections are graded: name its section with --section")
        else:
            with _file(shown(name), descriptor) as file:
                parts = [Part(wanted[0], suffix, file.read(MAX_BYTES + 1))]
    if _are_missing(parts):
        names = " or ".join(f"{section}.py" for section in wanted[:3]) + (" or …" if len(wanted) > 3 else "")
        raise Refused(f"holds no file of a section that is graded, such as {names}")
    return parts


def _in_folders(folder: int, wanted: tuple[str, ...]) -> list[Part]:
    """What is in the folder itself, or, where there is nothing, in the `exercises` of a clone of the course."""
    parts = [_in_folder(folder, section) for section in wanted]
    if _are_missing(parts):
        try:
            with _opened(EXERCISES, EXERCISES, folder) as inner:
                if stat.S_ISDIR(os.fstat(inner).st_mode):
                    return [_in_folder(inner, section) for section in wanted]
        except FileNotFoundError:
            pass
        except Refused as error:
            raise Refused(f"has a folder {EXERCISES} that {error}") from error
    return parts


def _are_missing(parts: list[Part]) -> bool:
    return all(part.data is None and part.trouble is None for part in parts)


def _in_folder(folder: int, section: str) -> Part:
    for suffix in _FILES:
        name = section + suffix
        try:
            with _opened(name, name, folder) as descriptor, _file(name, descriptor) as file:
                data = file.read(MAX_BYTES + 1)
            there = beside(section, data, partial(_neighbour, folder))
            return Part(section, suffix, data, note=_note(folder, name, section + _FILES[1]), beside=there)
        except FileNotFoundError:
            continue
        except Refused as error:
            return Part(section, suffix, trouble=f"{name} {error}")
    return Part(section)


def _neighbour(folder: int, name: str) -> bytes | None:
    """What is in a file of the folder, or of one in it; None where there is none that can be read."""
    first, _, rest = name.partition("/")  # opened one after the other, so that no link is followed
    with suppress(FileNotFoundError, Refused), _opened(first, first, folder) as descriptor:
        if rest:
            return _neighbour(descriptor, rest)
        with _file(name, descriptor) as file:
            return file.read(MAX_BYTES + 1)
    return None


def _note(folder: int, read: str, other: str) -> str | None:
    """What is to be said if there is another file in the folder that could have been read."""
    with suppress(OSError):
        if read != other and os.stat(other, dir_fd=folder, follow_symlinks=False):
            return passed_over(read, other)
    return None


def _in_archive(section: str, found: dict[str, Member]) -> Part:
    if section not in found:
        return Part(section)
    member = found[section]
    note = passed_over(f"{section}.py", f"{section}.ipynb") if member.has_notebook_too else None
    return Part(section, member.suffix, member.data, note=note, beside=member.beside)


@contextmanager
def _opened(name: str, path: str, folder: int | None = None) -> Iterator[int]:
    """A descriptor of what is at `path`. Raises Refused, or in a `folder` FileNotFoundError."""
    try:
        descriptor = os.open(path, _OPENING, dir_fd=folder)
    except OSError as error:
        if folder is not None and error.errno == errno.ENOENT:
            raise FileNotFoundError(name) from error
        raise Refused(_LINK if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}") from error
    try:
        yield descriptor
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


@contextmanager
def _file(name: str, descriptor: int) -> Iterator[BinaryIO]:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise Refused("is not a file")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        yield file
