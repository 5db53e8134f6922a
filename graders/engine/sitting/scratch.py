"""The scratch folder of a worker: whether it is crammed, and its removal, whatever the worker has made of it."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from graders.engine.worker.sandbox import FILE_SIZE

_MAX_DEPTH = 12  # so that every path can be named as a whole


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
    """Removes the folder. What is in folders is moved up first, so it does not matter how deep they are."""
    prefix, number = secrets.token_hex(8), 0
    with suppress(OSError):
        while entries := _entries(str(folder)):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                for inner in _entries(entry.path):
                    if inner.is_dir(follow_symlinks=False):
                        os.chmod(inner.path, 0o700)  # a folder that is moved has to be writable
                    number += 1
                    os.rename(inner.path, folder / f"{prefix}{number}")
                os.rmdir(entry.path)
        os.rmdir(folder)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, which its owner may have locked."""
    with suppress(OSError):
        os.chmod(folder, 0o700)
        with os.scandir(folder) as entries:
            return list(entries)
    return []
