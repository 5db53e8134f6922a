"""`python grade.py SECTION...`: grades, prints what came of it, and writes the results that were asked for."""

import argparse
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from graders.commands.options import (
    GRADER_FAILED,
    NOT_REACHED,
    REACHED,
    add_examples,
    add_seed,
    add_submission,
    called,
    check_files,
    new_parser,
    percent,
    whole_number,
)
from graders.engine.course import Course
from graders.engine.errors import GraderError
from graders.engine.results import Grade, SectionResult
from graders.engine.sitting.forkserver import Forkserver
from graders.report import files
from graders.report.making import made
from graders.report.streams import say, stdout

_USAGE = """\
python grade.py                           all sections at a glance, and what to do next
       python grade.py SECTION...                grade; SECTION, SECTION::EXERCISE, or all
       python grade.py checkpoint SECTION...     train what you have written: the closing experiment
       python grade.py hint SECTION::EXERCISE    a hint; add a number for the next ones
       python grade.py reset SECTION             back to the untouched exercise file (keeps a copy of yours)
       python grade.py cohort FOLDER             grade a folder of submissions
       python grade.py audit [SECTION...]        grade the grader
       python grade.py --version                 what is installed"""


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser(_USAGE)
    parser.add_argument("targets", nargs="*", metavar="SECTION", help="SECTION, SECTION::EXERCISE, or all")
    add = parser.add_argument
    add_submission(parser)
    add_seed(parser)
    add_examples(parser)
    add("--min-score", type=percent, default=100.0, metavar="PERCENT", help="exit 1 below it (default: 100)")
    add("--failures", type=whole_number(0, 10_000), default=3, metavar="N", help="how many to show whole (default: 3)")
    add("--require-sandbox", action="store_true", help="refuse to grade where code cannot be sandboxed")
    files.add_options(parser)
    options = parser.parse_args(arguments)
    asked_for = files.outputs(options)
    check_files({output.option: output.file for output in asked_for})
    since = files.earlier(options.since)
    if options.require_sandbox:
        from graders.engine.worker import sandbox

        if missing := sandbox.support():
            raise GraderError(f"there is no sandbox here: {missing}")
    course = Course(options.course.resolve())
    asked = course.wanted(options.targets or ["all"])
    path = options.submission or course.root / "exercises"
    with Forkserver(course.secrets) as forkserver:  # started first: it imports what it needs while this process does
        result, shown = _graded(course, asked, path, forkserver, options, on_screen=not files.to_stdout(asked_for))
        if forkserver.unprotected:
            say(f"the code ran in a process of its own, not in a sandbox: {forkserver.unprotected}")
    shown += files.write(result, asked_for, since)
    if not shown:
        return GRADER_FAILED
    reached = result.points and 100 * result.score >= options.min_score * result.points
    return REACHED if reached else NOT_REACHED


def _graded(
    course: Course,
    asked: dict[str, list[str] | None],
    path: Path,
    forkserver: Forkserver,
    options: argparse.Namespace,
    on_screen: bool,
) -> tuple[Grade, int]:
    """The grade, and how many reports of it were shown: one, with a line of progress before it, or none."""
    from graders.engine.marking.grading import grade

    if not on_screen:
        return grade(course, asked, path, forkserver, seed=options.seed, examples=options.examples), 0
    from rich.console import Console

    from graders.report.progress import progress

    told: set[str] = set()
    lost = False  # nothing can be shown any more, and that has been said
    with progress(Console(stderr=True)) as line:

        def settled(section: SectionResult) -> None:
            """Verdicts first: explanations come behind them."""
            nonlocal lost
            if options.targets and not lost:
                line.clear()
                lost = not made("the report", partial(_print_verdicts, section, folded=len(asked) > 1))
                told.add(section.name)

        result = grade(
            course,
            asked,
            path,
            forkserver,
            seed=options.seed,
            examples=options.examples,
            begin=line.begin,
            settled=settled,
        )
    return result, not lost and made("the report", partial(_print, result, course, options, told))


def _print_verdicts(section: SectionResult, *, folded: bool) -> None:
    from rich.console import Console

    from graders.report.terminal import print_verdicts

    with stdout():
        print_verdicts(section, Console(highlight=False), folded=folded)


def _print(result: Grade, course: Course, options: argparse.Namespace, told: Collection[str]) -> None:
    from rich.console import Console

    from graders.learning import scripts
    from graders.report.failures import explained
    from graders.report.overview import print_overview
    from graders.report.terminal import print_grade

    console = Console(highlight=False)
    with stdout():
        if not options.targets:
            print_overview(result, console, called=called(options))
            return
        print_grade(
            result,
            console,
            failures=options.failures,
            called=called(options),
            closing=course.closing,
            told=told,
            scripts=scripts.write(explained(result, options.failures)[1], course.root, Path.cwd()),
        )
