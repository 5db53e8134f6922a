"""What the commands have in common: their options, what these may be, and what can be said of them before the work."""

import argparse
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from graders.engine.course import PROJECT
from graders.engine.errors import UsageError

REACHED, NOT_REACHED = 0, 1  # exit statuses of a command that did what was asked
EXAMPLES, _MAX_EXAMPLES = 100, 100_000
_ANSWERS = (".py", ".ipynb", ".zip")  # endings of what people hand in: no result is written over such a file


def new_parser(usage: str) -> argparse.ArgumentParser:
    """The parser of a command, with what all commands understand."""
    parser = argparse.ArgumentParser(prog="python grade.py", usage=usage, allow_abbrev=False)
    parser.add_argument("--course", type=Path, default=PROJECT, metavar="FOLDER", help="the course (default: this one)")
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
    parser.add_argument("--seed", type=whole_number(0, 2**32 - 1), default=0, metavar="N", help=words)


def add_examples(parser: argparse.ArgumentParser) -> None:
    """The option for the number of inputs."""
    number, words = whole_number(1, _MAX_EXAMPLES), "inputs a check (default: 100)"
    parser.add_argument("--examples", type=number, default=EXAMPLES, metavar="N", help=words)


def repeated(options: argparse.Namespace) -> str:
    """The options that the next command has to repeat."""
    said = [("--submission", options.submission), ("--course", options.course if options.course != PROJECT else None)]
    return " ".join(f"{name} {shlex.quote(str(value))}" for name, value in said if value)


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
