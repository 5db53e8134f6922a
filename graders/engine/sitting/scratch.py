"""Scratch folders: their making, whether one is crammed, and their removal, whatever a worker has made of them.

A process that is killed cannot remove its folders. So each is locked as long as its maker lives, which the system sees
to: what bears our mark, is ours and is not locked has been left behind, and whoever grades next removes it.
"""

import hashlib
import os
import re
import secrets
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

from graders.engine.worker.sandbox import FILE_SIZE

if sys.platform != "win32":  # there nothing is locked, and nothing is cleared
    import fcntl

_MAX_DEPTH = 12  # so that every path can be named as a whole
_NAME = re.compile(r"(?:grading|cohort)-([0-9a-f]{16})-([0-9a-f]{8})")
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)

_held: dict[Path, int] = {}  # the folders of this process, and of those it was forked from, with what locks them


def new(kind: Literal["grading", "cohort"] = "grading") -> Path:
    """An empty folder for this user alone, among the temporary files: to be removed, or left to `clear_left_behind`.

    A process that is forked from this one holds it too.

    Args:
        kind: the word that its name begins with.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        token = secrets.token_hex(8)
        folder = Path(tempfile.gettempdir(), f"{kind}-{token}-{_mark(token)}")
        folder.mkdir(0o700)
        if sys.platform == "win32":
            return folder
        lock = _locked(folder)
        if lock is not None:
            _held[folder] = lock
            return folder


def clear_left_behind() -> None:
    """Removes the folders that processes of this user have left behind when they were killed."""
    if sys.platform == "win32":
        return
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if not name or name[2] != _mark(name[1]):
                continue
            lock = _locked(Path(entry.path), must=True)
            if lock is None:
                continue
            if os.fstat(lock).st_uid == os.geteuid():
                inside = f"/proc/self/fd/{lock}"  # where its name leads does not matter then
                _empty(inside if os.path.isdir(inside) else entry.path)
                with suppress(OSError):
                    os.rmdir(entry.path)
            os.close(lock)


def _mark(token: str) -> str:
    """What shows that a folder of this name is one of ours, and not just called like one."""
    return hashlib.blake2b(token.encode(), digest_size=4, person=b"scratch").hexdigest()


def _locked(folder: Path, *, must: bool = False) -> int | None:
    """A descriptor that locks the folder until it is closed everywhere; None if another process has it, or it is gone.

    Args:
        must: None, too, where the file system knows no locks. There nothing looks as if it was left behind.
    """
    try:
        lock = os.open(folder, _FOLDER)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if must or isinstance(error, BlockingIOError):
            os.close(lock)
            return None
    with suppress(OSError):
        if os.path.samestat(os.fstat(lock), os.stat(folder, follow_symlinks=False)):
            return lock
    os.close(lock)
    return None


def is_crammed(folder: Path, owner: int, max_bytes: int, max_entries: int) -> bool:
    """Whether there is more in the folder than a worker may put there: bytes, files and folders, or too deep ones.

    Args:
        folder: the scratch folder.
        owner: the worker's process id; what it has unlinked and still holds counts too.
        max_bytes, max_entries: what is not yet too much.
    """
    size, count = _unlinked(folder, owner), 0
    waiting = [(str(folder), 0)]
    while waiting:
        path, depth = waiting.pop()
        for entry in _entries(path):
            count += 1
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, depth + 1))
            else:
                with suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_size
            if size > max_bytes or count > max_entries or depth >= _MAX_DEPTH:
                return True
    return size > max_bytes


def _unlinked(folder: Path, owner: int) -> int:
    """The bytes of files from the folder that have no name any more, but are open or mapped. 0 if nobody can tell."""
    sizes: dict[tuple[int, int], int] = {}
    with suppress(OSError):
        inside = os.fsencode(folder.resolve())
        for line in Path(f"/proc/{owner}/maps").read_bytes().splitlines():
            if line.endswith(b" (deleted)") and inside in line:
                device, inode = line.split()[3:5]
                sizes[os.makedev(*(int(part, 16) for part in device.split(b":"))), int(inode)] = FILE_SIZE  # at most
        for entry in os.scandir(f"/proc/{owner}/fd"):
            with suppress(OSError):
                found = entry.stat()
                if found.st_nlink == 0:
                    sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())


def remove(folder: Path) -> None:
    """Removes the folder, and what is in it."""
    _empty(str(folder))
    with suppress(OSError):
        os.rmdir(folder)
    if (lock := _held.pop(folder, None)) is not None:
        os.close(lock)


def _empty(folder: str) -> None:
    """Removes what is in the folder. What is in folders is moved up first, so it does not matter how deep they are."""
    prefix, number = secrets.token_hex(8), 0
    with suppress(OSError):
        while entries := _entries(folder):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                for inner in _entries(entry.path):
                    if inner.is_dir(follow_symlinks=False):
                        os.chmod(inner.path, 0o700)  # a folder that is moved has to be writable
                    number += 1
                    os.rename(inner.path, os.path.join(folder, f"{prefix}{number}"))
                os.rmdir(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, which its owner may have locked."""
    with suppress(OSError):
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            return list(entries)
    return []
