#!/usr/bin/env python3
# PYTHON_ARGCOMPLETE_OK
"""Grades answers to the exercises: `python grade.py backprop`. `python grade.py --help` says what else it does."""

# Any Python that somebody has may be asked to read this file: there is nothing in it that an old one cannot.

import os
import sys

OLDEST = (3, 11)
GRADER_FAILED, INTERRUPTED = 3, 130
HERE = os.path.dirname(os.path.realpath(__file__))


def main():
    """The whole program; the exit status."""
    if sys.version_info < OLDEST:
        return fail("grade.py needs Python 3.11 or newer; this is " + sys.version.split()[0] + ", " + sys.executable)
    open_streams()
    if HERE not in sys.path:  # python -I does not put it there
        sys.path.insert(0, HERE)
    try:
        set_signals()
        from graders.commands.cli import main as run

        return run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] == "graders":
            raise
        return fail("grade.py needs " + error.name + ", which is not installed: run  " + installing())
    except MemoryError:
        return fail("grade.py: there is not enough memory to begin with")
    except KeyboardInterrupt:
        fail("grade.py: stopped")
        return INTERRUPTED


def fail(words):
    """Says why nothing was graded, to whoever can be told."""
    try:  # noqa: SIM105  to import contextlib takes memory, of which there may be none
        os.write(2, (words + "\n").encode("utf-8", "backslashreplace"))
    except OSError:
        pass
    return GRADER_FAILED


def set_signals():
    """A cancelled job cleans up like Ctrl-C; and how processes end is told, even if this was started to ignore it."""
    import signal

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def open_streams():
    """Puts nothing in the place of streams that are closed, which the next file to be opened would take."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def installing():
    """The command that installs what is needed, from the folder that one stands in."""
    import shlex

    return " ".join(shlex.quote(word) for word in (sys.executable, "-m", "pip", "install", "-e", os.path.relpath(HERE)))


if __name__ == "__main__":
    try:
        status = main()
    except Exception:
        import traceback

        traceback.print_exc()
        status = fail("grade.py: the grader itself failed, your answers are not at fault")
    sys.exit(status)
