"""What is being graded at the moment, on terminals only."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from graders.report.words import one_line

# Drawn by hand: rich.progress would cost a thread, and time to import, in a process that is about to fork.
_CLEAR = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


class Progress:
    """A line that says how far grading is, gone when it is done. Silent where nobody watches: pipes, files, CI."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_interactive:
            self._console.control(_CLEAR)

    def advance(self, label: str) -> None:
        """Say that the check called `label` is being worked on, one of `total`."""
        self._done += 1
        if not self._console.is_interactive:
            return
        position = f" {self._done}/{self._total}"
        line = Text(one_line(label), style="dim")
        line.truncate(self._console.width - 1 - len(position))
        line.append(position)
        self._console.control(_CLEAR)
        self._console.print(line, end="", soft_wrap=True)


def progress(console: Console, total: int) -> Progress:
    """The progress of grading `total` checks, a context manager."""
    return Progress(console, total)
