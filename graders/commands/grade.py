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
from graders.engine.errors import GraderError, UsageError
from graders.engine.results import Grade, SectionResult, grade_of
from graders.engine.sitting.forkserver import Forkserver
from graders.learning.history import History, opened
from graders.learning.remembering import remember, remembered, within_reach
from graders.report import files
from graders.report.making import made
from graders.report.streams import say, stdout
from graders.report.words import Scripts

_ALL = 10_000  # failures
_USAGE = """\
python grade.py                           all sections at a glance, and what to do next
       python grade.py SECTION...                grade; SECTION, SECTION::EXERCISE, or all
       python grade.py SECTION --watch           grade again on every save
       python grade.py checkpoint SECTION...     train what you have written: the closing experiment
       python grade.py hint SECTION::EXERCISE    the next hint, each time
       python grade.py debug SECTION::EXERCISE   step through the smallest failing case
       python grade.py solution SECTION::EXERCISE
                                                 how the reference does it
       python grade.py progress                  where you stand, and which mistakes come back
       python grade.py review                    solved exercises come back before you forget them
       python grade.py report                    your notes, progress and plots as one page
       python grade.py notebook SECTION          your file as a Jupyter notebook (--back: a file again)
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
    amount = parser.add_mutually_exclusive_group()
    words = "how many to show whole (default: 3)"
    amount.add_argument("--failures", type=whole_number(0, 10_000), default=3, metavar="N", help=words)
    amount.add_argument(
        "-q", "--quiet", action="store_true", help="a line a section: its score, and what is to be fixed"
    )
    words = "all failures whole, what each check took, and what is installed"
    amount.add_argument("-v", "--verbose", action="store_true", help=words)
    add("--require-sandbox", action="store_true", help="refuse to grade where code cannot be sandboxed")
    add("--watch", action="store_true", help="grade again on every save, what it has changed")
    files.add_options(parser)
    options = parser.parse_args(arguments)
    if options.verbose:
        options.failures = _ALL
        options.targets = options.targets or ["all"]  # a glance would leave out what is asked for
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
    if options.watch:
        return _watched(course, list(asked), path, options)
    with opened(course) as history:
        is_glance = not options.targets and not asked_for
        known = remembered(history, course, path, options.seed, options.examples) if is_glance else {}
        left = {name: exercises for name, exercises in asked.items() if name not in known}
        telling = _Telling(course, options, on_screen=not files.to_stdout(asked_for), folded=len(asked) > 1)
        new = _graded(course, left, path, options, telling) if left or not known else ()
        ordered = sorted([*known.values(), *new], key=lambda section: course.sections.index(section.name))
        result = grade_of(ordered, options.seed, options.examples)
        solved = remember(history, course, result, left)
        shown = telling.tell(result, solved, history)
    shown += files.write(result, asked_for, since, _scripts(result, course) if files.for_people(asked_for) else {})
    if not shown:
        return GRADER_FAILED
    reached = result.points and 100 * result.score >= options.min_score * result.points
    return REACHED if reached else NOT_REACHED


def _scripts(result: Grade, course: Course) -> Scripts:
    """The commands that run the failing calls, for reports that hold all of them."""
    from graders.learning import scripts
    from graders.report.failures import failures

    return scripts.write(failures(result), course.root, Path.cwd())


def _watched(course: Course, names: Sequence[str], path: Path, options: argparse.Namespace) -> int:
    from graders.learning.watch_screen import WatchScreen
    from graders.learning.watching import Watching

    if options.quiet or options.verbose:
        raise UsageError("--watch has a screen of its own: -q and -v are for a single grading")
    if not options.targets or any("::" in target for target in options.targets):
        raise UsageError("which sections are to be watched? Say for example backprop --watch")
    with opened(course) as history, Forkserver(course.secrets) as forkserver:
        watching = Watching(course, names, path, forkserver, history, options.seed, options.examples)
        WatchScreen(watching, called(options)).run()
    return REACHED


def _graded(
    course: Course,
    asked: dict[str, list[str] | None],
    path: Path,
    options: argparse.Namespace,
    telling: "_Telling",
) -> Sequence[SectionResult]:
    with Forkserver(course.secrets) as forkserver:  # started first: it imports what it needs while this process does
        from graders.engine.marking.grading import grade

        grading = partial(grade, course, asked, path, forkserver, seed=options.seed, examples=options.examples)
        if telling.on_screen:
            from rich.console import Console

            from graders.report.progress import progress

            with progress(Console(stderr=True)) as line:

                def settled(section: SectionResult) -> None:
                    line.clear()
                    telling.settled(section)

                result = grading(begin=line.begin, settled=settled)
        else:
            result = grading()
        if forkserver.unprotected:
            say(f"the code ran in a process of its own, not in a sandbox: {forkserver.unprotected}")
    return result.sections


class _Telling:
    """What is told on the screen: verdicts as soon as they stand, and then the rest."""

    def __init__(self, course: Course, options: argparse.Namespace, *, on_screen: bool, folded: bool):
        self.on_screen = on_screen
        self._course, self._options, self._folded = course, options, folded
        self._told: set[str] = set()
        self._lost = False  # nothing can be shown any more, and that has been said

    def settled(self, section: SectionResult) -> None:
        """Verdicts first: explanations come behind them."""
        if self._options.targets and not self._lost and not self._options.quiet:
            self._lost = not made("the report", partial(_print_verdicts, section, folded=self._folded))
            self._told.add(section.name)

    def tell(self, result: Grade, solved: Sequence[str], history: History) -> int:
        """Tells the rest; how many reports were shown."""
        if not self.on_screen or self._lost:
            return 0
        if self._options.quiet:
            return made("the report", partial(_print_scores, result))
        if not self._options.targets:
            reach = within_reach(history, self._course, result.sections)
            welcome = history.keeps and not any(section.score for section in result.sections)
            return made("the report", partial(_print_at_a_glance, result, self._options, reach, welcome=welcome))
        return made("the report", partial(_print, result, self._course, self._options, self._told, solved))


def _print_verdicts(section: SectionResult, *, folded: bool) -> None:
    from rich.console import Console

    from graders.report.terminal import print_verdicts

    with stdout():
        print_verdicts(section, Console(highlight=False), folded=folded)


def _print_scores(result: Grade) -> None:
    from rich.console import Console

    from graders.report.amounts import print_scores

    with stdout():
        print_scores(result, Console(highlight=False))


def _print_at_a_glance(
    result: Grade, options: argparse.Namespace, within_reach: Sequence[str], *, welcome: bool
) -> None:
    from rich.console import Console

    from graders.report.overview import print_overview

    console = Console(highlight=False)
    with stdout():
        print_overview(result, console, called=called(options), within_reach=within_reach, welcome=welcome)


def _print(
    result: Grade, course: Course, options: argparse.Namespace, told: Collection[str], solved: Sequence[str]
) -> None:
    from rich.console import Console

    from graders.learning import scripts
    from graders.report.failures import explained
    from graders.report.terminal import print_grade

    with stdout():
        if options.verbose:  # before what fails and what to do next, which is the last word
            from graders.commands.version import versions
            from graders.report.amounts import print_times

            print_times(result, versions(), Console(highlight=False))
        print_grade(
            result,
            Console(highlight=False),
            failures=options.failures,
            called=called(options),
            closing=course.closing,
            told=told,
            solved=solved,
            scripts=scripts.write(explained(result, options.failures).shown, course.root, Path.cwd()),
        )
