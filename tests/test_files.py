"""Reading what may be no file: nothing is waited for, and no more is read than was asked for."""

import os
import socket
import stat
from pathlib import Path

import pytest

from graders.engine import files
from graders.engine.files import read_regular


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to(path)
    assert read_regular(path, 100) == b"0123456789"
    assert read_regular(path, 4) == b"0123"
    assert read_regular(str(tmp_path / "link"), 10) == b"0123456789"
    path.write_bytes(b"")
    assert read_regular(path, 10) == b""


def test_of_a_file_that_never_ends_no_more_is_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    assert read_regular(tmp_path / "sparse", 1000) == bytes(1000)


def a_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket may not be long
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        os.mkfifo,
        a_socket,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/dev/tty"),
        lambda path: (os.mkfifo(f"{path}.pipe"), path.symlink_to(f"{path}.pipe")),
    ],
    ids=["folder", "pipe", "socket", "device", "terminal", "link to a pipe"],
)
def test_what_is_no_regular_file_is_none(tmp_path: Path, make) -> None:
    make(tmp_path / "it")
    assert read_regular(tmp_path / "it", 10) is None


def test_what_becomes_a_pipe_just_before_it_is_opened_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "it")
    file = tmp_path / "file"
    file.write_bytes(b"x")
    before = os.stat(file)
    monkeypatch.setattr(files.os, "stat", lambda path: before)
    assert stat.S_ISREG(before.st_mode)
    assert read_regular(tmp_path / "it", 10) is None


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path / "nothing" / "in it", tmp_path / ("x" * 300)):
        with pytest.raises(OSError, match=r"No such file|too long"):
            read_regular(path, 10)
