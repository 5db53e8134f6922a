"""What the commands have in common: their options, what these may be, and what can be said of them before the work."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from graders.commands import completion
from graders.engine.course import PROJECT
from graders.engine.errors import UsageError
from graders.engine.results import EXAMPLES, SEED
from graders.report.next_step import Called
from graders.report.streams import say, say_lines, show

REACHED, NOT_REACHED, GRADER_FAILED = 0, 1, 3  # exit statuses; the last is of a command of which nothing came out
_MAX_EXAMPLES = 100_000
_ANSWERS = (".py", ".ipynb", ".zip")  # endings of what people hand in: no result is written over such a file


class _Parser(argparse.ArgumentParser):
    """A parser that speaks as the rest of the command does: what it echoes is only read, never obeyed."""

    def print_help(self, file: object = None) -> None:
        """Shows the help on stdout."""
        show(self.format_help().rstrip())

    def parse_args(self, *arguments: Any, **named: Any) -> Any:
        """What the arguments mean; to a shell that asks how a line may go on, the answer to that."""
        if completion.ASKED in os.environ:
            completion.answer(self)
        return super().parse_args(*arguments, **named)

    def error(self, message: str) -> NoReturn:
        """Says how the command is used and what was wrong."""
        say_lines(self.format_usage().rstrip())
        say(message)
        self.exit(2)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from graders.commands.version import versions

        show(versions())
        parser.exit()


def new_parser(usage: str) -> argparse.ArgumentParser:
    """The parser of a command, with what all commands understand."""
    parser = _Parser(prog="python grade.py", usage=usage, allow_abbrev=False)
    parser.add_argument("--course", type=Path, default=PROJECT, metavar="FOLDER", help="the course (default: this one)")
    parser.add_argument("--version", action=_Version, nargs=0, help="show what is installed, and exit")
    return parser


def add_submission(parser: argparse.ArgumentParser) -> None:
    """The option for what is graded."""
    parser.add_argument(
        "--submission",
        type=Path,
        metavar="PATH",
        help="a file, or a folder with a file a section (default: exercises/)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """The option for the seed."""
    words = "of everything drawn at random (default: 0)"
    parser.add_argument("--seed", type=whole_number(0, 2**32 - 1), default=SEED, metavar="N", help=words)


def add_examples(parser: argparse.ArgumentParser) -> None:
    """The option for the number of inputs."""
    number, words = whole_number(1, _MAX_EXAMPLES), "inputs a check (default: 100)"
    parser.add_argument("--examples", type=number, default=EXAMPLES, metavar="N", help=words)


def called(options: argparse.Namespace) -> Called:
    """How the grader was called, as far as the next command has to be called so too."""
    submission: Path | None = getattr(options, "submission", None)
    return Called(
        command(),
        submission=f"--submission {_quoted([str(submission)])}" if submission else "",
        course=f"--course {_quoted([str(options.course)])}" if options.course != PROJECT else "",
        is_one_file=submission is not None and submission.is_file(),
    )


def command() -> str:
    """What calls the grader from the folder in which it was called: `python3 -I ../grade.py`."""
    script = sys.argv[0]
    if script in sys.orig_argv and os.path.realpath(script) == str(PROJECT / "grade.py"):
        return _quoted(sys.orig_argv[: sys.orig_argv.index(script) + 1])
    return Called().command  # it was not called by its file: in a test, say


def _quoted(words: Sequence[str]) -> str:
    if os.name != "nt":
        return shlex.join(words)
    from subprocess import list2cmdline

    return list2cmdline(words)


def check_files(files: dict[str, str | None]) -> None:
    """Finds out before the grading, not after it, that a result cannot be written."""
    if list(files.values()).count("-") > 1:
        raise UsageError("only one result can go to stdout")
    taken: dict[str, str] = {}
    for option, name in files.items():
        if not name or name == "-":
            continue
        path = Path(name).absolute()
        try:
            if path.is_dir() or not path.parent.is_dir():
                raise UsageError(f"{option}: {name} cannot be written: not a file in a folder that exists")
            if not os.access(path if path.exists() else path.parent, os.W_OK):
                raise UsageError(f"{option}: {name} cannot be written: permission denied")
        except OSError as error:  # a name that is too long, a folder that may not be looked into
            raise UsageError(f"{option}: {name} cannot be written: {error.strerror}") from error
        if path.suffix.lower() in _ANSWERS and path.exists():
            raise UsageError(f"{option}: {name} is there already and may be somebody's answers; name another file")
        place = os.path.realpath(path)
        if place != os.devnull and place in taken:
            raise UsageError(f"{option}: {name} is the file of {taken[place]} too")
        taken[place] = option


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number from `low` to `high`."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return number


def percent(text: str) -> float:
    """The type of an option that takes a percentage."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage from 0 to 100")
    return value
