"""A grade on the terminal: the exercises at a glance, the first failures explained, and one next step."""

from collections.abc import Collection, Sequence
from types import MappingProxyType
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console

from graders.engine.results import ExerciseResult, Grade, SectionResult, Status
from graders.report.beyond import beyond
from graders.report.blocks import failure_lines
from graders.report.failures import explained
from graders.report.load_warnings import warned
from graders.report.next_step import Called, blocked_because, next_step, place_of
from graders.report.screen import STATUS_STYLES, Screen
from graders.report.words import TO_RUN, WORDS, Scripts, count, number, one_line, sentence, shortened

MOST_WARNINGS = 3
COUNTED: tuple[Status, ...] = ("passed", "not_attempted", "missing", "blocked")  # when several sections are graded


class Row(NamedTuple):
    """A line of the table of exercises."""

    status: Status
    name: str
    points: str
    checks: str
    note: str


def print_grade(
    grade: Grade,
    console: Console,
    *,
    failures: int = 3,
    called: Called | None = None,
    closing: Collection[str] = (),
    told: Collection[str] = (),
    solved: Sequence[str] = (),
    scripts: Scripts = MappingProxyType({}),
) -> None:
    """Print what is right, what is wrong and on which smallest input, and what to do next.

    Args:
        grade: what was graded
        console: where to print; colour and width are its own
        failures: how many failing checks are explained
        called: how the grader was called, for the next step
        closing: the sections that end in a checkpoint
        told: the sections whose verdicts stand on the screen already
        solved: what is to be said of exercises that pass for the first time
        scripts: by section and check, the command that runs all of a call that is shown in part
    """
    screen = Screen(console)
    for section in grade.sections:
        if section.name not in told:
            print_verdicts(section, console, folded=len(grade.sections) > 1)
    _print_failures(screen, grade, failures, scripts)
    _print_waiting(screen, [section for section in grade.sections if section.name in told])
    _print_outcome(screen, grade)
    if solved:
        screen.line()
    for words in solved:
        screen.prose(one_line(words), "", "  ", "    ")
    screen.next_step(next_step(grade, called, closing=closing))


def print_verdicts(section: SectionResult, console: Console, *, folded: bool = False) -> None:
    """Print the verdicts on a section, as soon as they stand. `folded` counts the exercises that are all right."""
    screen = Screen(console)
    screen.line()
    screen.ends(section.title, f"{number(section.score)} of {number(section.points)} points")
    screen.line((one_line(section.file), "dim"))
    screen.line()
    _print_table(screen, _folded_rows(section) if folded else [_row(exercise) for exercise in section.exercises])
    _print_extras(screen, section)
    _print_warnings(screen, section)


def _print_extras(screen: Screen, section: SectionResult) -> None:
    if words := beyond(section):
        screen.line()
        screen.prose(words)


def _row(exercise: ExerciseResult) -> Row:
    core = [check for check in exercise.checks if not check.extra]
    passed = sum(check.status == "passed" for check in core)
    points = f"{number(exercise.score)}/{number(exercise.points)}"
    note = blocked_because(exercise) if exercise.status == "blocked" else ""
    return Row(exercise.status, exercise.name, points, f"{passed}/{len(core)}", note)


def _folded_rows(section: SectionResult) -> list[Row]:
    """The exercises with something to fix each in its row, the others counted."""
    rows = [_row(exercise) for exercise in section.exercises if exercise.status not in COUNTED]
    for status in COUNTED:
        if exercises := [exercise for exercise in section.exercises if exercise.status == status]:
            rows.append(_total(status, exercises))
    return rows


def _total(status: Status, exercises: list[ExerciseResult]) -> Row:
    score, points = sum(exercise.score for exercise in exercises), sum(exercise.points for exercise in exercises)
    checks = [check.status for exercise in exercises for check in exercise.checks if not check.extra]
    name = count(len(exercises), "exercise")
    return Row(status, name, f"{number(score)}/{number(points)}", f"{checks.count('passed')}/{len(checks)}", "")


def _print_table(screen: Screen, rows: list[Row]) -> None:
    """A line for each row; where the screen is too narrow without the checks, or in two lines."""
    if not rows:
        return
    statuses = max(len(WORDS[row.status]) for row in rows)
    names = max(len(row.name) for row in rows)
    points = max(len("points"), *(len(row.points) for row in rows))
    checks = max(len("checks"), *(len(row.checks) for row in rows))
    start = len("  x ") + statuses + 2
    if start + names + 2 + points > screen.width:
        _print_stacked(screen, rows)
        return
    if start + names + 2 + points + 2 + checks > screen.width:
        checks = 0

    def numbers(name: str, of_points: str, of_checks: str) -> str:
        return f"{name:<{names}}  {of_points:>{points}}" + (f"  {of_checks:>{checks}}" if checks else "")

    screen.line((" " * start + numbers("", "points", "checks"), "dim"))
    for row in rows:
        state = (f"  {screen.symbols[row.status]} {WORDS[row.status]:<{statuses}}  ", STATUS_STYLES[row.status])
        told = numbers(row.name, row.points, row.checks)
        if row.note and start + len(told) + 2 + cell_len(row.note) > screen.width:
            screen.line(state, (told, ""))
            screen.prose(row.note, "yellow", *[" " * (start + 2)] * 2)
        else:
            screen.line(state, (told, ""), (f"  {row.note}", "yellow"))


def _print_stacked(screen: Screen, rows: list[Row]) -> None:
    for row in rows:
        style = STATUS_STYLES[row.status]
        screen.line((f"  {screen.symbols[row.status]} ", style), (row.name, ""))
        screen.line((f"    {WORDS[row.status]}", style), (f", {row.points} points", ""))
        if row.note:
            screen.prose(row.note, "yellow", " " * 4, " " * 4)


def _print_warnings(screen: Screen, section: SectionResult) -> None:
    notes, heading, lost = warned(section, MOST_WARNINGS)
    if section.warnings:
        screen.line()
    for note in notes:
        screen.prose(note, "yellow", "  ", "    ")
    if heading:
        screen.line((f"  {heading}:", "yellow"))
    for each in lost:
        screen.prose(each.line, "", "    ", "      ")


def _print_failures(screen: Screen, grade: Grade, most: int, scripts: Scripts) -> None:
    shown, left, kinds = explained(grade, most)
    for failure in shown:
        status = failure.check.status
        title = f"{failure.exercise.name}: {'beyond the text' if failure.check.extra else WORDS[status]}"
        screen.rule(title, STATUS_STYLES[status], place_of(failure.section, failure.exercise))
        for line in failure_lines(failure.check, failure.exercise.name, screen.width, failure.alike):
            screen.spans(line)
        if script := scripts.get((failure.section.name, failure.check.name)):
            screen.line()
            screen.prose(f"{TO_RUN} {script}")
        if failure.exercise.note:
            screen.line()
            screen.prose(sentence(failure.exercise.note))
    if left:
        what = f"{count(left, 'more check' if shown else 'check')} {'fails' if left == 1 else 'fail'}"
        screen.line()
        screen.prose(f"{what}, not explained here; --failures {kinds} shows all.")


def _print_waiting(screen: Screen, sections: Sequence[SectionResult]) -> None:
    """Good news that was not known when the verdicts were printed: what is right and waits for another exercise."""
    waiting: dict[str, list[tuple[str, float]]] = {}
    for section in sections:
        for exercise in section.exercises:
            for check in exercise.checks:
                if check.status == "blocked" and not check.extra:
                    waiting.setdefault(check.error or "", []).append((exercise.name, check.points))
    for reason, checks in waiting.items():
        names = ", ".join(dict.fromkeys(name for name, _ in checks))
        points = sum(points for _, points in checks)
        more = f"{number(points)} point{'' if points == 1 else 's'} more"
        screen.line()
        screen.prose(f"Right as it stands, for {more}: {names} ({shortened(one_line(reason))}).")


def _is_all_done(grade: Grade) -> bool:
    return all(exercise.status == "passed" for section in grade.sections for exercise in section.exercises)


def _print_outcome(screen: Screen, grade: Grade) -> None:
    """Say it when nothing is left to do, or when nothing was there to grade."""
    exercises = [exercise for section in grade.sections for exercise in section.exercises]
    if not exercises:
        screen.line(("Nothing was graded.", ""))
    elif _is_all_done(grade):
        screen.line()
        what = f"{exercises[0].name} passed." if len(exercises) == 1 else f"All {len(exercises)} exercises passed."
        screen.line((f"{screen.symbols['passed']} {what}", "bold green"))
