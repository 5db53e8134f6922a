"""Reads a file that may be anything: a path somebody gave, or what lies where others can write."""

import os
import stat
from pathlib import Path

# Never waits, as opening a named pipe does, and never makes a terminal this process's own. Windows has none of these.
_OPENING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def read_regular(path: str | Path, limit: int) -> bytes | None:
    """The content of a regular file, of a longer one the first `limit` bytes; None if what is there is none.

    A pipe, a device, a socket or a folder is not opened: that alone can wait for ever, or do something. Links are
    followed.

    Raises:
        OSError: there is nothing, or it cannot be read.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        return None
    with open(os.open(path, _OPENING), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):  # it has been replaced meanwhile
            return None
        return file.read(min(limit, found.st_size + 1))  # to ask for more takes the memory, whether it comes or not
