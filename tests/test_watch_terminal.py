"""Grading on every save, through the real command in a terminal: its screen, its keys, and how it leaves them."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import COURSE, GRADE, environment
from test_watch import BEFORE

from graders.engine.course import Course


def take_terminal() -> None:
    """Makes the terminal on stdin that of the process, so that it hears of its size."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """The command in a terminal of its own, and what stands on its screen."""

    def __init__(self, *arguments: object, **variables: str):
        self._own, theirs = pty.openpty()
        self.resize(80)
        self.process = subprocess.Popen(
            [*GRADE, *map(str, arguments)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment(TERM="xterm", **variables),
            preexec_fn=take_terminal, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._said = ""

    def resize(self, columns: int) -> None:
        termios.tcsetwinsize(self._own, (40, columns))

    @property
    def is_sane(self) -> bool:
        """Whether the terminal shows what is typed, and waits for Return."""
        flags = termios.tcgetattr(self._own)[3]
        return bool(flags & termios.ICANON and flags & termios.ECHO)

    def make_sane(self) -> None:
        settings = termios.tcgetattr(self._own)
        settings[3] |= termios.ICANON | termios.ECHO
        termios.tcsetattr(self._own, termios.TCSANOW, settings)

    def press(self, key: str) -> None:
        os.write(self._own, key.encode())

    def waits_for(self, words: str, seconds: float = 60) -> str:
        """The screen as soon as it shows these words; what was there before is forgotten."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if words in self._screen:
                screen, self._said = self._screen, ""
                return screen
            if select.select([self._own], [], [], 0.1)[0]:
                self._said += os.read(self._own, 65536).decode(errors="replace")
        raise AssertionError(f"{words!r} never came: {self._screen}")

    @property
    def _screen(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._said.rpartition("\x1b[2J")[2]).replace("\r\n", "\n")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._own)


@pytest.fixture
def terminal(course: Course, tmp_path: Path) -> Iterator[tuple[Terminal, Path]]:
    path = tmp_path / "answers" / "small.py"
    path.parent.mkdir()
    shutil.copy(COURSE / "answers" / "small.py", path)
    path.write_text(path.read_text().replace("x / 2", "x * 2"))
    noted = tmp_path / "noted"
    recorder = tmp_path / "vim"
    recorder.write_text(
        f"""#!/bin/bash
echo "$@" > {noted}
echo an editor, and it waits
read -r -s -n 1 first
read -r -s -n 1 second
echo "it has got $first$second"
"""
    )
    recorder.chmod(0o755)
    own = Terminal(
        *("small", "--watch", "--examples", 5, "--course", course.root, "--submission", path.parent),
        GRADE_PROGRESS=str(tmp_path / "diary"),
        EDITOR=str(recorder),
    )
    yield own, path
    own.close()


def test_the_watch_on_a_terminal(terminal: tuple[Terminal, Path], tmp_path: Path) -> None:
    own, path = terminal
    screen = own.waits_for("h hint   n next   o open   q quit")
    assert "halve: failed" in screen
    assert "also to fix: row_sums, inverse" in screen
    if "came out" not in screen:  # verdicts stand before they are explained
        own.waits_for("came out")
    path.write_text(path.read_text().replace("x * 2", "x / 2"))
    screen = own.waits_for("came out")
    assert "✓ halve passes" in screen
    assert "row_sums: failed" in screen
    own.press("h")
    assert "small::row_sums, hint 1 of 2" in own.waits_for("Which axis goes away?")
    own.press("h")
    assert "small::row_sums, hint 2 of 2" in own.waits_for("What is the shape of the result?")
    own.press("h")
    assert "It is about" not in own.waits_for("The fault is likely in line")
    own.press("h")
    assert "It is about an axis." in own.waits_for("What would pass: ")
    own.press("n")
    own.waits_for("inverse: raised")
    own.press("q")
    assert own.process.wait(30) == 0
    assert own.is_sane


def test_the_editor_has_the_keys_while_it_is_open(terminal: tuple[Terminal, Path], tmp_path: Path) -> None:
    own, _ = terminal
    own.waits_for("came out")
    own.press("o")
    own.waits_for("an editor, and it waits")
    own.press("qn")
    own.waits_for("it has got qn")  # and the watch has not got the q
    assert re.fullmatch(r"\+\d+ .*small\.py\n", (tmp_path / "noted").read_text())
    own.press("n")
    own.waits_for("row_sums: failed")


def test_the_screen_follows_the_size_of_the_window(terminal: tuple[Terminal, Path]) -> None:
    own, _ = terminal
    (line,) = (line for line in own.waits_for("came out").split("\n") if line.endswith(" points"))
    assert len(line) == 80
    own.press("h")
    own.waits_for("The fault is likely in line 9 of")
    own.resize(60)
    lines = own.waits_for("The fault is likely in line 9 of").split("\n")  # what was said since stands there still
    (line,) = (line for line in lines if line.endswith(" points"))
    assert len(line) <= 60


def test_the_watch_goes_on_after_a_break(terminal: tuple[Terminal, Path]) -> None:
    """Ctrl-Z, and fg: the shell has set the terminal for itself meanwhile."""
    own, _ = terminal
    own.waits_for("came out")
    own.process.send_signal(signal.SIGSTOP)
    own.make_sane()
    own.process.send_signal(signal.SIGCONT)
    own.waits_for("halve: failed")  # it is drawn again
    assert not own.is_sane
    own.press("n")
    own.waits_for("row_sums: failed")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_that_is_stopped_leaves_the_terminal_as_it_was(terminal: tuple[Terminal, Path], how: int) -> None:
    own, _ = terminal
    own.waits_for("came out")
    assert not own.is_sane
    own.process.send_signal(how)
    assert own.process.wait(30) == 130
    assert own.is_sane


def test_nobody_to_press_keys(course: Course, tmp_path: Path) -> None:
    path = tmp_path / "small.py"
    path.write_text(BEFORE)
    words = ("small", "--watch", "--examples", "5", "--course", str(course.root), "--submission", str(tmp_path))
    with subprocess.Popen(
        [*GRADE, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        shown = iter(process.stdout.readline, "")
        assert any("Ctrl-C ends the watch" in line for line in shown)
        path.write_text(BEFORE.replace("x / 2", "x * 2"))
        assert any("halve: failed" in line for line in shown)
        process.terminate()


def test_what_is_to_be_watched_has_to_be_said(course: Course) -> None:
    refused = subprocess.run([*GRADE, "--watch", "--course", course.root], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "which sections are to be watched?" in refused.stderr
