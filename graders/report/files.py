"""Results as files: which formats there are, what the command's options ask for, and who writes what."""

import argparse
import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from graders.engine.errors import UsageError
from graders.engine.results import Grade
from graders.report.changes import read_record
from graders.report.making import made
from graders.report.streams import say, stdout
from graders.report.words import Scripts

OPTIONS = {  # of these each has an option of its own, the others are asked for with --report
    "json": "write the result as JSON ('-' is stdout)",
    "junit": "write the result as JUnit XML",
    "markdown": "write a summary in Markdown",
    "html": "write a page with every exercise and check",
}
_WRITERS = {  # modules of this package, imported when they are needed; each has a function of the format's name
    "json": "record",
    "junit": "junit",
    "markdown": "markdown",
    "html": "html",
    "annotations": "annotations",
    "gradescope": "gradescope",
    "classroom": "classroom",
    "code-quality": "code_quality",
}
REPORTS = tuple(name for name in _WRITERS if name not in OPTIONS)
_FOR_PEOPLE = ("markdown", "html")  # formats that say what has changed, and how a failing call is run


class Output(NamedTuple):
    """A file to write, and the option that asked for it."""

    option: str
    format: str
    file: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that ask for files."""
    for name, words in OPTIONS.items():
        parser.add_argument(f"--{name}", metavar="FILE", help=words)
    parser.add_argument(
        "--report",
        action="append",
        type=_report,
        default=[],
        metavar="FORMAT=FILE",
        help=f"write the result for another program; FORMAT is {', '.join(REPORTS[:-1])} or {REPORTS[-1]}",
    )
    parser.add_argument(
        "--gradescope",
        action="append",
        type=lambda file: ("gradescope", file),
        dest="report",
        default=[],
        metavar="FILE",
        help="the same as --report gradescope=FILE",
    )
    words = "an earlier --json result: --markdown and --html say what has changed"
    parser.add_argument("--since", type=Path, metavar="FILE", help=words)


def outputs(options: argparse.Namespace) -> list[Output]:
    """What was asked for.

    Raises:
        UsageError: two results would go to the same file, or nothing would say what has changed.
    """
    asked = [Output(f"--{name}", name, file) for name in OPTIONS if (file := getattr(options, name))]
    asked += [Output(f"--report {name}", name, file) for name, file in options.report]
    files = [output.file for output in asked]
    if files.count("-") > 1:
        raise UsageError("only one result can go to stdout")
    options_said = [output.option for output in asked]
    for said in (files, options_said):
        if twice := [one for one in said if said.count(one) > 1]:
            raise UsageError(f"{twice[0]} is said twice")
    if options.since and not any(output.format in _FOR_PEOPLE for output in asked):
        raise UsageError("--since: only --markdown and --html say what has changed")
    return asked


def to_stdout(asked: Sequence[Output]) -> bool:
    """Whether one of them is written to stdout. Then nothing else is."""
    return any(output.file == "-" for output in asked)


def earlier(path: Path | None) -> Grade | None:
    """The grade to compare with. There is none the first time: that is said in a line, and nothing else depends on it.

    The file may be damaged as well, or of another version: a cache brought it, and a grade must not fail for it.
    """
    if path is None:
        return None
    found = read_record(path)
    if isinstance(found, str):
        say(f"nothing to compare with: {found}")
        return None
    return found


def write(
    result: Grade, asked: Sequence[Output], since: Grade | None = None, scripts: Scripts = MappingProxyType({})
) -> int:
    """Writes the result in each format; how many could be written. Of each of the others stderr says why not."""
    return sum(
        made(f"{output.option} {output.file}", partial(_write, result, output, since, scripts)) for output in asked
    )


def for_people(asked: Sequence[Output]) -> bool:
    """Whether one of them says how a failing call is run."""
    return any(output.format in _FOR_PEOPLE for output in asked)


def _write(result: Grade, output: Output, since: Grade | None, scripts: Scripts) -> None:
    module = _WRITERS[output.format]
    writer: Callable[..., str] = getattr(import_module(f"graders.report.{module}"), module)
    text = writer(result, since, scripts) if output.format in _FOR_PEOPLE else writer(result)
    if output.file == "-":
        print_as_utf8([text])
        return
    path = Path(output.file)
    is_new = not path.exists()
    try:
        path.write_text(text, "utf-8")
    except OSError:
        if is_new:
            path.unlink(missing_ok=True)  # half a result is none
        raise


def print_as_utf8(pieces: Iterable[str]) -> None:
    """Writes a result to stdout, whatever the encoding of the terminal is: it is for another program.

    Raises:
        Unwritable: it cannot be written.
    """
    with stdout() as stream:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
        stream.writelines(pieces)


def _report(text: str) -> tuple[str, str]:
    name, _, file = text.partition("=")
    if name not in REPORTS or not file:
        shown = f"{text!r} is not FORMAT=FILE" if name in REPORTS or "=" not in text else f"there is no format {name!r}"
        raise argparse.ArgumentTypeError(f"{shown}; FORMAT is {', '.join(REPORTS[:-1])} or {REPORTS[-1]}")
    return name, file
