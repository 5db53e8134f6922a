"""Reads the few members that are needed from a zip file of a stranger. Nothing is extracted, and no path is followed.

An archive with anything in it that has no business there (links, devices, paths that lead out, the same name twice,
encryption) is refused as a whole, with the reason. What is read is limited before it is inflated and while it is.
"""

import re
import stat
import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from graders.cohort.names import shown
from graders.engine.sitting.beside import beside

MAX_BYTES = 10 * 2**20  # of one file, as everywhere else
MAX_ARCHIVE = 64 * 2**20  # bytes of a zip file
MAX_MEMBERS = 2000
EXERCISES = "exercises"  # the folder of answers in a clone of the course
_MAX_DIRECTORY = 2**20  # bytes of its table of contents, which is read as a whole
_MAX_RATIO = 200  # of a member's size to what it takes in the file; source text stays below 20
_END, _END_SIZE, _MAX_COMMENT = b"PK\x05\x06", 22, 2**16 - 1
_LOCATOR_64, _LOCATOR_64_SIZE = b"PK\x06\x07", 20
_LEFT_OUT = ("__MACOSX", "__pycache__")  # what systems and Python leave behind
# What zipfile and zlib raise on broken archives.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError,
           struct.error, IndexError, KeyError, OverflowError)  # fmt: skip


class Refused(Exception):
    """What was handed in cannot be read; the message is the rest of a sentence that begins with its name."""


class Member(NamedTuple):
    """A file in an archive: its suffix, its content, whether a notebook of its name lies beside it, and the files in
    its folder that it imports, by the names of their modules."""

    suffix: str
    data: bytes
    has_notebook_too: bool
    beside: dict[str, bytes]


def members(file: BinaryIO, wanted: tuple[str, ...]) -> dict[str, Member]:
    """The files for the sections `wanted` in an archive, by section.

    A file is found by its name, `section.py` or `section.ipynb`, in the archive itself, in one folder in it, or in the
    `exercises` of a clone of the course. If one section is wanted and the archive holds one file, that is it, whatever
    it is called.

    Raises:
        Refused: with the reason.
    """
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            candidates = _candidates(archive.infolist())
            found = {section: info for section in wanted if (info := _find(candidates, section))}
            if not found and len(wanted) == 1 and len(candidates) == 1:
                found = {wanted[0]: next(iter(candidates.values()))}
            return {name: _member(archive, info, candidates) for name, info in found.items()}
    except _BROKEN as error:
        raise Refused(f"is not a zip file that can be read: {_why(error)}") from error


def _why(error: Exception) -> str:
    return shown((str(error) or type(error).__name__).partition("\n")[0][:200])


def _check_directory(file: BinaryIO) -> None:
    """Looks at the size of the table of contents: zipfile reads all of it, and makes an object of each entry."""
    size = file.seek(0, 2)
    if size > MAX_ARCHIVE:
        raise Refused(f"is larger than {MAX_ARCHIVE // 2**20} MiB")
    start = max(0, size - _END_SIZE - _MAX_COMMENT - _LOCATOR_64_SIZE)
    file.seek(start)
    tail = file.read(size - start)
    place = tail.rfind(_END)
    plain = len(tail) - _END_SIZE  # zipfile looks here first, where there is no comment
    if plain >= 0 and tail.startswith(_END, plain) and tail.endswith(b"\0\0"):
        place = plain
    if place < 0 or len(tail) < place + _END_SIZE:
        raise Refused("is not a zip file")
    if place >= _LOCATOR_64_SIZE and tail.startswith(_LOCATOR_64, place - _LOCATOR_64_SIZE):
        raise Refused("is a zip file of the 64-bit kind, for archives larger than these may be")
    if struct.unpack_from("<I", tail, place + 12)[0] > _MAX_DIRECTORY:
        raise Refused(f"holds more than {MAX_MEMBERS} members")


def _candidates(infos: list[zipfile.ZipInfo]) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The Python files and notebooks of an archive by path, after a look at everything else that is in it."""
    if len(infos) > MAX_MEMBERS:
        raise Refused(f"holds more than {MAX_MEMBERS} members")
    seen: set[PurePosixPath] = set()
    candidates = {}
    for info in infos:
        name, path = info.orig_filename, PurePosixPath(info.filename)
        _check_member(name, info)
        if path in seen:  # `./own.py` is `own.py`
            raise Refused(f"holds {shown(name)} twice")
        seen.add(path)
        if info.is_dir() or path.parts[0] in _LEFT_OUT or any(part.startswith(".") for part in path.parts):
            continue
        if path.suffix in (".py", ".ipynb"):
            candidates[path] = info
    return candidates


def _check_member(name: str, info: zipfile.ZipInfo) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if "\0" in name or not path.parts:
        raise Refused(f"holds a member without a proper name: {shown(name)}")
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        raise Refused(f"holds a path that leads out of it: {shown(name)}")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise Refused(f"holds a symbolic link: {shown(name)}")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused(f"holds what is neither a file nor a folder: {shown(name)}")
    if info.flag_bits & 0x1:
        raise Refused(f"is encrypted: {shown(name)}")


def _find(candidates: dict[PurePosixPath, zipfile.ZipInfo], section: str) -> zipfile.ZipInfo | None:
    """The file for a section: that of the lowest depth, a `.py` before a notebook, and of a clone its exercises."""
    for depth in (1, 2, 3):
        for suffix in (".py", ".ipynb"):
            found = [path for path in candidates if len(path.parts) == depth and path.name == section + suffix]
            in_clone = [path for path in found if path.parent.name == EXERCISES]
            if in_clone or depth == 3:
                found = in_clone
            if len(found) > 1:
                raise Refused(f"holds {section}{suffix} in several folders")
            if found:
                return candidates[found[0]]
    return None


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, candidates: dict[PurePosixPath, zipfile.ZipInfo]
) -> Member:
    path = PurePosixPath(info.filename)
    data = _content(archive, info)

    def read(name: str) -> bytes | None:
        other = candidates.get(path.parent / name)
        return _content(archive, other) if other else None

    has_notebook_too = path.suffix == ".py" and path.with_suffix(".ipynb") in candidates
    return Member(path.suffix, data, has_notebook_too, beside(path.stem, data, read))


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """At most one byte more than a submission may have, whatever the archive says about the size."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"is compressed in a way that is not read here: {shown(info.filename)}")
    if info.file_size > MAX_BYTES:
        raise Refused(f"holds {shown(info.filename)}, which is larger than {MAX_BYTES // 2**20} MiB")
    if info.file_size > 4096 and info.file_size > _MAX_RATIO * info.compress_size:
        raise Refused(f"holds {shown(info.filename)}, which unpacks to more than {_MAX_RATIO} times its size")
    with archive.open(info) as file:
        return file.read(MAX_BYTES + 1)
