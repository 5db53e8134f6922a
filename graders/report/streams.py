"""Where words leave the process: stdout and stderr, in whatever state these are found.

What people read may hold the words of strangers, from the name of a file to the message of an exception. Here, and in
`screen.Screen` for reports, they become such that neither a terminal nor a machine that runs jobs obeys them. Results
for other programs are handed over as they are: their formats see to themselves.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import TextIO

from graders.report.words import inert, muted, spelled


class Unwritable(Exception):
    """Stdout is closed or takes no more; the message says which."""


def say(words: str) -> None:
    """Says a sentence on stderr, on a line of its own. Never fails: there is nowhere else to say it."""
    _to_stderr(f"grade.py: {spelled(words)}")


def say_lines(text: str) -> None:
    """Says lines of the grader's own on stderr."""
    _to_stderr(inert(text))


def say_trace() -> None:
    """Says where the exception that is being handled came from: only ever one of the grader's own faults."""
    say_lines(traceback.format_exc().rstrip())


def show(text: str, end: str = "\n") -> None:
    """Shows lines to people, on stdout.

    Raises:
        Unwritable: they cannot be shown.
    """
    with stdout() as stream:
        stream.write(encodable(muted(inert(text)), stream.encoding or "utf-8") + end)


@contextlib.contextmanager
def stdout() -> Iterator[TextIO]:
    """Stdout while something is written to it, all of which has left when this ends.

    A reader that has gone away has read what it wanted, and is no failure.

    Raises:
        Unwritable: it is closed, or takes no more. What is written to it from then on goes nowhere.
    """
    if sys.stdout is None:
        raise Unwritable("stdout is closed")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up(sys.stdout)
    except OSError as error:
        _give_up(sys.stdout)
        raise Unwritable(f"stdout takes no more: {error.strerror or error}") from error


def encodable(text: str, encoding: str) -> str:
    """The text with what a stream cannot encode written in ASCII, instead of failing there."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _to_stderr(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        print(encodable(muted(text), sys.stderr.encoding or "utf-8"), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Sends what is still to be flushed to a stream when Python ends to where nothing fails."""
    with contextlib.suppress(OSError, ValueError):  # where a test has put something else in its place
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
