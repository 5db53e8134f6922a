"""Scratch folders: what is in use stays, what was left behind goes, and nothing else is touched."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from command import PROJECT

from graders.engine.sitting import scratch

LEAVES = """
import os, signal, sys, tempfile
from graders.engine.sitting import scratch
tempfile.tempdir = sys.argv[1]
folder = scratch.new()
print(folder, flush=True)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def left(temporary: Path) -> Callable[[str], Path]:
    """A folder that a process has left behind: killed, after it had run some more code."""

    def leave(code: str = "") -> Path:
        program = f"{LEAVES}{code}\nos.kill(os.getpid(), signal.SIGKILL)"
        run = subprocess.run(
            [sys.executable, "-c", program, temporary], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False
        )
        assert run.returncode == -signal.SIGKILL
        return Path(run.stdout.strip())

    return leave


def test_a_folder_is_empty_for_its_user_alone_and_gone_when_it_is_removed(temporary):
    folder = scratch.new("cohort")
    assert folder.parent == temporary
    assert folder.name.startswith("cohort-")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []
    before = len(os.listdir("/proc/self/fd"))
    scratch.remove(folder)
    assert list(temporary.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_what_a_killed_process_has_left_is_cleared(temporary, left):
    outside = temporary.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    folder = left(
        f"""
os.chdir(folder)
os.symlink({str(outside)!r}, "link")
os.mkfifo("pipe")
open("file", "w").write("x")
for _ in range(300):
    os.mkdir("folder")
    os.chdir("folder")
os.mkdir("locked")
os.chmod("locked", 0)
"""
    )
    assert folder.exists()
    scratch.clear_left_behind()
    assert list(temporary.iterdir()) == []
    assert (outside / "kept").read_text() == "kept"


def test_what_is_in_use_stays(temporary):
    mine = scratch.new()
    program = f"{LEAVES}sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program, temporary], cwd=PROJECT, text=True, **pipes) as other:
        theirs = Path(other.stdout.readline().strip())
        scratch.clear_left_behind()
        assert set(temporary.iterdir()) == {mine, theirs}
        other.communicate()
    scratch.clear_left_behind()
    assert list(temporary.iterdir()) == [mine]
    scratch.remove(mine)


def test_what_a_forked_process_still_uses_stays(temporary, left):
    note = temporary.parent / "child"
    folder = left(f"""
child = os.fork()
if not child:
    os.setsid()
    signal.alarm(60)
    os.close(1)
    signal.pause()
open({str(note)!r}, "w").write(str(child))
""")
    scratch.clear_left_behind()
    assert folder.exists()
    os.kill(int(note.read_text()), signal.SIGKILL)
    while folder.exists():  # until the system has ended it
        scratch.clear_left_behind()


@pytest.mark.parametrize(
    "name", ["grading-abc", "grading-k3v9x_1q", "grading-0123456789abcdef-01234567", "x{}", "{}x", "other"]
)
def test_what_has_not_our_mark_stays(temporary, left, name):
    ours = left()
    folder = ours.rename(temporary / name.format(ours.name))
    (folder / "file").write_text("x")
    scratch.clear_left_behind()
    assert (folder / "file").exists()


def test_what_is_no_folder_stays_and_no_link_is_followed(temporary, left):
    first, second, third = left(), left(), left()
    for folder in (first, second):
        folder.rmdir()
    first.write_text("a file")
    elsewhere = temporary.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    second.symlink_to(elsewhere)
    scratch.clear_left_behind()
    assert (first.read_text(), (second / "kept").read_text()) == ("a file", "kept")
    assert not third.exists()


def test_what_is_another_users_stays(temporary, left, monkeypatch):
    folder = left()
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    scratch.clear_left_behind()
    assert folder.exists()


def test_a_folder_that_is_cleared_before_it_is_locked_is_made_again(temporary, monkeypatch):
    make, made = Path.mkdir, []

    def and_cleared(path: Path, mode: int) -> None:
        make(path, mode)
        made.append(path)
        if len(made) < 3:
            scratch.clear_left_behind()

    monkeypatch.setattr(Path, "mkdir", and_cleared)
    folder = scratch.new()
    assert [path.exists() for path in made] == [False, False, True]
    assert folder == made[-1]
    scratch.remove(folder)


def test_a_name_that_leads_elsewhere_by_now_is_not_cleared(temporary, left, monkeypatch):
    """Where others may rename what is among the temporary files, the folder that was looked at is the one emptied."""
    folder, elsewhere = left(), temporary.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("kept")
    lock = scratch._locked

    def and_replaced(path: Path, *, must: bool) -> int | None:
        found = lock(path, must=must)
        path.rename(temporary / "moved")
        path.symlink_to(elsewhere)
        return found

    monkeypatch.setattr(scratch, "_locked", and_replaced)
    scratch.clear_left_behind()
    assert (elsewhere / "kept").read_text() == "kept"
    assert folder.is_symlink()


@pytest.mark.parametrize("missing", ["module", "locks"])
def test_where_nothing_can_be_locked_nothing_is_cleared(temporary, left, monkeypatch, missing):
    folder = left()
    if missing == "module":
        monkeypatch.setattr(sys, "platform", "win32")
    else:

        def refuse(*_: object) -> None:
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(scratch.fcntl, "flock", refuse)
    own = scratch.new()
    scratch.clear_left_behind()
    assert set(temporary.iterdir()) == {folder, own}
    scratch.remove(own)
    assert list(temporary.iterdir()) == [folder]


def test_a_folder_of_temporary_files_that_is_gone_is_no_trouble(temporary):
    temporary.rmdir()
    scratch.clear_left_behind()
