"""The command line: what `python grade.py` understands, and what it exits with.

Exit status: 0 the score was reached, 1 it was not, 2 wrong usage, 3 the grader itself failed.
"""

import argparse
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from graders.engine.course import PROJECT, Course
from graders.engine.errors import GraderError, UsageError
from graders.engine.results import Grade
from graders.engine.sitting import Forkserver
from graders.report import files

REACHED, NOT_REACHED, WRONG_USAGE, GRADER_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
EXAMPLES, _MAX_EXAMPLES = 100, 100_000

_USAGE = """\
python grade.py                           all sections at a glance, and what to do next
       python grade.py SECTION...                grade; SECTION, SECTION::EXERCISE, or all
       python grade.py checkpoint SECTION...     train what you have written: the closing experiment
       python grade.py hint SECTION::EXERCISE    a hint; add a number for the next ones
       python grade.py reset SECTION             back to the untouched exercise file (keeps a copy of yours)
       python grade.py cohort FOLDER             grade a folder of submissions
       python grade.py audit [SECTION...]        grade the grader"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments` (without the program's name); the exit status."""
    warnings.simplefilter("ignore")  # of references and mistakes; those of learners' code are part of its output
    try:
        command = _COMMANDS.get(arguments[0]) if arguments else None
        return command(arguments[1:]) if command else _grade(arguments)
    except UsageError as error:
        print(f"grade.py: {error}", file=sys.stderr)
        return WRONG_USAGE
    except GraderError as error:
        print(f"grade.py: the grader itself failed, your answers are not at fault: {error}", file=sys.stderr)
        return GRADER_FAILED
    except KeyboardInterrupt:
        print("grade.py: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read the report has closed it
        return NOT_REACHED
    except Exception:
        import traceback

        traceback.print_exc()
        print("grade.py: the grader itself failed, your answers are not at fault", file=sys.stderr)
        return GRADER_FAILED


def new_parser(usage: str = _USAGE) -> argparse.ArgumentParser:
    """The parser of a command, with what all commands understand."""
    parser = argparse.ArgumentParser(prog="python grade.py", usage=usage, allow_abbrev=False)
    parser.add_argument("--course", type=Path, default=PROJECT, metavar="FOLDER", help="the course (default: this one)")
    return parser


def _add_submission(parser: argparse.ArgumentParser) -> None:
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


def _grade(arguments: Sequence[str]) -> int:
    parser = new_parser()
    parser.add_argument("targets", nargs="*", metavar="SECTION", help="SECTION, SECTION::EXERCISE, or all")
    add = parser.add_argument
    _add_submission(parser)
    add_seed(parser)
    add_examples(parser)
    add("--min-score", type=_percent, default=100.0, metavar="PERCENT", help="exit 1 below it (default: 100)")
    add("--failures", type=whole_number(0, 10_000), default=3, metavar="N", help="how many to show whole (default: 3)")
    add("--require-sandbox", action="store_true", help="refuse to grade where code cannot be sandboxed")
    files.add_options(parser)
    options = parser.parse_args(arguments)
    asked_for = files.outputs(options)
    check_files({output.option: output.file for output in asked_for})
    since = files.earlier(options.since)
    if options.require_sandbox:
        from graders.engine import sandbox

        if missing := sandbox.support():
            raise GraderError(f"there is no sandbox here: {missing}")
    course = Course(options.course.resolve())
    asked = course.wanted(options.targets or ["all"])
    path = options.submission or course.root / "exercises"
    with Forkserver() as forkserver:  # started first: it imports what it needs while this process does
        if "-" in (output.file for output in asked_for):
            from graders.engine.grading import grade

            result = grade(course, asked, path, forkserver, seed=options.seed, examples=options.examples)
        else:
            result = _graded_on_screen(course, asked, path, forkserver, options)
        if forkserver.unprotected:
            print(
                f"grade.py: the code ran in a process of its own, not in a sandbox: {forkserver.unprotected}",
                file=sys.stderr,
            )
    files.write(result, asked_for, since)
    reached = result.points and 100 * result.score >= options.min_score * result.points
    return REACHED if reached else NOT_REACHED


def _graded_on_screen(
    course: Course,
    asked: dict[str, list[str] | None],
    path: Path,
    forkserver: Forkserver,
    options: argparse.Namespace,
) -> Grade:
    """Grades with a line of progress, and prints the report."""
    from rich.console import Console

    from graders.engine.grading import grade
    from graders.report.overview import print_overview
    from graders.report.progress import progress
    from graders.report.terminal import print_grade

    with progress(Console(stderr=True)) as line:
        result = grade(course, asked, path, forkserver, seed=options.seed, examples=options.examples, begin=line.begin)
    console = Console(highlight=False)
    if options.targets:
        print_grade(result, console, failures=options.failures, options=_said(options), closing=course.closing)
    else:
        print_overview(result, console, options=_said(options))
    return result


def _checkpoint(arguments: Sequence[str]) -> int:
    parser = new_parser("python grade.py checkpoint SECTION... [options]")
    add = parser.add_argument
    add("sections", nargs="+", metavar="SECTION", help="a section that has a checkpoint, or all")
    _add_submission(parser)
    add_seed(parser)
    add("--seconds", type=whole_number(1, 3600), metavar="N", help="wall-clock limit (default: the checkpoint's, 120)")
    files.add_options(parser)
    add("--plot", type=Path, default=Path(), metavar="FOLDER", help="where to write the plots (default: here)")
    options = parser.parse_args(arguments)
    asked_for = files.outputs(options)
    check_files({output.option: output.file for output in asked_for})
    since = files.earlier(options.since)
    if not options.plot.is_dir() or not os.access(options.plot, os.W_OK):
        raise UsageError(f"--plot: {options.plot} is not a folder that can be written to")
    course = Course(options.course.resolve())
    having = course.closing
    asked = having if "all" in options.sections else list(course.wanted(options.sections))
    if none := [name for name in asked if name not in having]:
        raise UsageError(f"{none[0]} has no checkpoint; there are {', '.join(having) or 'none'}")
    from rich.console import Console

    from graders.checkpoint import carry_out_all

    with Forkserver() as forkserver:
        result = carry_out_all(
            course,
            asked,
            options.submission or course.root / "exercises",
            forkserver,
            seed=options.seed,
            seconds=options.seconds,
            plots=options.plot,
            console=None if "-" in (output.file for output in asked_for) else Console(highlight=False),
            options=_said(options),
        )
    files.write(result, asked_for, since)
    reached = [section.checkpoint is not None and section.checkpoint.status == "reached" for section in result.sections]
    return REACHED if all(reached) else NOT_REACHED


def _said(options: argparse.Namespace) -> str:
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


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage from 0 to 100")
    return value


def _hint(arguments: Sequence[str]) -> int:
    parser = new_parser("python grade.py hint SECTION::EXERCISE [NUMBER]")
    parser.add_argument("target", metavar="SECTION::EXERCISE")
    parser.add_argument("number", nargs="?", type=whole_number(1, 9), default=1, metavar="NUMBER")
    options = parser.parse_args(arguments)
    from graders.learning import hint

    print(hint(Course(options.course.resolve()), options.target, options.number))
    return REACHED


def _reset(arguments: Sequence[str]) -> int:
    parser = new_parser("python grade.py reset SECTION [--yes]")
    parser.add_argument("section", metavar="SECTION")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    from graders.learning import reset

    print(
        reset(Course(options.course.resolve()), options.section, _asked if not options.yes else lambda question: True)
    )
    return REACHED


def _asked(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to answer: add --yes to go ahead")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _cohort(arguments: Sequence[str]) -> int:
    from graders.cohort.command import cohort

    return cohort(arguments)


def _audit(arguments: Sequence[str]) -> int:
    parser = new_parser("python grade.py audit [SECTION...]")
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    options = parser.parse_args(arguments)
    from graders.audit import audit

    course = Course(options.course.resolve())
    holds = audit(course, tuple(course.wanted(options.sections or ["all"])), partial(print, flush=True))
    return REACHED if holds else NOT_REACHED


_ANSWERS = (".py", ".ipynb", ".zip")  # endings of what people hand in: no result is written over such a file
_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "checkpoint": _checkpoint,
    "hint": _hint,
    "reset": _reset,
    "cohort": _cohort,
    "audit": _audit,
}
