"""`python grade.py review`: brings solved exercises back when they are due, and says how that went."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from graders.commands.options import NOT_REACHED, REACHED, called, new_parser
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.results import EXAMPLES, SEED, Grade
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.submission import as_shown
from graders.learning.history import History, opened
from graders.learning.review import Due, begin, due_now, end, pending, schedule
from graders.learning.standing_screen import ahead
from graders.report.making import made
from graders.report.next_step import Called, NextStep, place_of
from graders.report.streams import show, stdout

_WELL, _TROUBLED, _NOT_AT_ALL = 3, 2, 1  # ratings as FSRS has them
_WENT = {_WELL: "came back at once", _TROUBLED: "came back, with some help", _NOT_AT_ALL: "did not come back yet"}


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py review [--list | --give-up]")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--list", action="store_true", help="only show what is due when")
    choice.add_argument("--give-up", action="store_true", help="end the review in hand; it comes back soon")
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    with opened(course) as history:
        if not history.keeps:
            raise UsageError("nothing is remembered here, so nothing can come back")
        if options.list:
            show(_listed(schedule(history), time.time()))
            return REACHED
        begun = pending(course)
        if options.give_up:
            if begun is None:
                raise UsageError("no review has been begun")
            return _ended(course, history, begun, _NOT_AT_ALL)
        return _graded(course, history, begun, called(options)) if begun else _next(course, history, called(options))


def _next(course: Course, history: History, how: Called) -> int:
    now = time.time()
    due = due_now(history, now)
    if not due:
        coming = schedule(history)
        first = min(coming, key=lambda each: each.at) if coming else None
        show(f"Nothing is due. {first.target} comes back {ahead(first.at, now)}." if first else
             "Nothing is due: what you have solved will come back here, a few days later at first.")  # fmt: skip
        return REACHED
    try:
        path = begin(course, due[0])
    except OSError as error:
        raise UsageError(f"a file for the review cannot be written: {error.strerror}") from error
    more = f", and {len(due) - 1} more" if len(due) > 1 else ""
    show(
        f"Due: {due[0].target}{more}. A fresh stub lies in {as_shown(path)}; your own file stays as it is.\n"
        f"Write it again, from memory, then:  {how.about('review')}\n"
        f"If it will not come:  {how.about('review', '--give-up')}"
    )
    return REACHED


def _graded(course: Course, history: History, begun: tuple[str, str, Path], how: Called) -> int:
    from graders.engine.marking.grading import grade

    section, exercise, path = begun
    with Forkserver(course.secrets) as forkserver:
        result = grade(course, {section: [exercise]}, path, forkserver, seed=SEED, examples=EXAMPLES)
    if result.score == result.points:
        return _ended(course, history, begun, _grade_of(history, begun))
    if any(each.status != "not_attempted" for one in result.sections for each in one.exercises):
        history.shown(section, exercise, "review", 1)  # a try
    made("the report", partial(_print, result, how))
    show(f"\nIf it will not come:  {how.about('review', '--give-up')}")
    return NOT_REACHED


def _print(result: Grade, how: Called) -> None:
    from rich.console import Console

    from graders.report.terminal import print_grade

    (section,) = result.sections
    (exercise,) = section.exercises
    step = NextStep(f"write {exercise.name} again", place_of(section, exercise), "review", how.about("review"))
    with stdout():
        print_grade(result, Console(highlight=False), step=step)


def _grade_of(history: History, begun: tuple[str, str, Path]) -> int:
    """Well, if it passed at once and without a hint."""
    section, exercise, _ = begun
    since = _begun_at(history, section, exercise)
    shown = [one for one in history.all_shown() if (one.section, one.exercise) == (section, exercise)]
    helped = [one for one in shown if one.at > since]
    return _TROUBLED if helped else _WELL


def _begun_at(history: History, section: str, exercise: str) -> float:
    """When it was solved or reviewed last: what was shown since belongs to this review."""
    passed = [each.at for each in history.seen() if each[1:4] == (section, exercise, "passed")]
    reviews = [each.at for each in history.reviews() if (each.section, each.exercise) == (section, exercise)]
    return max([*passed[:1], *reviews], default=0.0)


def _ended(course: Course, history: History, begun: tuple[str, str, Path], grade: int) -> int:
    section, exercise, path = begun
    history.reviewed(section, exercise, grade)
    end(path)
    due = next((each for each in schedule(history) if (each.section, each.exercise) == (section, exercise)), None)
    show(f"{exercise} {_WENT[grade]}." + (f" It is due again {ahead(due.at, time.time())}." if due else ""))
    return REACHED


def _listed(coming: Sequence[Due], now: float) -> str:
    if not coming:
        return "Nothing is solved yet, so nothing comes back."
    width = max(len(each.target) for each in coming)
    return "\n".join(f"{each.target:<{width}}  {'now' if each.at <= now else ahead(each.at, now)}" for each in coming)
