"""All sections at a glance: how far each one is, and what to do next."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console

from graders.engine.results import Grade, SectionResult, Status
from graders.report.next_step import Called, next_step, started
from graders.report.screen import STATUS_STYLES, Screen
from graders.report.words import TO_FIX, count, number

BAR = 10  # characters of a score bar between its brackets


_WELCOME = (
    "Welcome. Each section of this course is a file in exercises/, with functions that only raise NotImplementedError "
    "and a text that says what they are to do. Open the first one, read, write, save, and run",
    "It says in a second or two what is right, and shows the smallest input on which something is wrong. A section "
    "takes between an afternoon and a few days. What you write runs in a sandbox, and what you have done is remembered "
    "on this machine only.",
)


def print_overview(
    grade: Grade,
    console: Console,
    *,
    called: Called | None = None,
    within_reach: Sequence[str] = (),
    due: int = 0,
    welcome: bool = False,
) -> None:
    """Print one line a section and the next action.

    Args:
        grade: all sections in the order of study; one without exercises was not graded yet
        console: where to print
        called: how the grader was called, for the next step
        within_reach: the sections whose checkpoint is the next thing to do there
        due: how many solved exercises should be looked at again
        welcome: say first what this is: for somebody who has not begun
    """
    screen = Screen(console)
    called = called or Called()
    if welcome and grade.sections:
        screen.line()
        screen.prose(_WELCOME[0])
        screen.line()
        screen.line((f"  {called.again(grade.sections[0].name)}", "cyan"))
        screen.line()
        screen.prose(_WELCOME[1])
    done = sum(_state(section)[1] == "done" for section in grade.sections)
    screen.line()
    screen.ends(
        f"{done} of {count(len(grade.sections), 'section')} done",
        f"{number(grade.score)} of {number(grade.points)} points",
    )
    screen.line()
    _print_sections(screen, grade.sections)
    if within_reach:
        screen.line()
        screen.prose("Within reach: what you have written can be trained.")
    for name in within_reach:
        screen.line((f"  {called.again('checkpoint', name)}", "cyan"))
    if due:
        screen.line()
        solved, are = count(due, "solved exercise"), "is" if due == 1 else "are"
        screen.prose(f"{solved} {are} due to be written again, from memory.")
        screen.line((f"  {called.about('review')}", "cyan"))
    screen.next_step(next_step(grade, called, explained=False))


def _print_sections(screen: Screen, sections: tuple[SectionResult, ...]) -> None:
    """A line for each section; the bars, and then the titles, only where there is room for all of them."""
    if not sections:
        return
    points = [f"{number(section.score)}/{number(section.points)}" for section in sections]
    names = max(len(section.name) for section in sections)
    numbers = max(map(len, points))
    states = max(len(_state(section)[1]) for section in sections)
    taken = len("  x ") + names + 2 + numbers + 2 + states
    bars = taken + BAR + len("[]  ") <= screen.width
    titles = all(taken + BAR + len("[]    ") + cell_len(section.title) <= screen.width for section in sections)
    for section, score in zip(sections, points, strict=True):
        status, state = _state(section)
        style = STATUS_STYLES[status]
        pieces = [
            (f"  {screen.symbols[status]} ", style),
            (f"{section.name:<{names}}  ", "bold"),
            (f"[{bar(section.score, section.points)}]  " if bars else "", style),
            (f"{score:>{numbers}}", ""),
        ]
        if taken <= screen.width:
            screen.line(*pieces, (f"  {state:<{states}}", style), (f"  {section.title}" if titles else "", "dim"))
        else:
            screen.line(*pieces)
            screen.line((f"    {state}", style))


def _state(section: SectionResult) -> tuple[Status, str]:
    """How far a section is: the status whose symbol and colour stand for it, and words."""
    if not section.exercises:
        return "not_attempted", "not graded"
    if all(exercise.status == "passed" for exercise in section.exercises):
        return "passed", "done"
    if to_fix := sum(exercise.status in TO_FIX for exercise in section.exercises):
        return "failed", f"{to_fix} to fix"
    if not started(section):
        return "not_attempted", "not started"
    return "not_attempted", f"{sum(exercise.status != 'passed' for exercise in section.exercises)} to write"


def bar(score: float, points: float) -> str:
    """The bar of a score. Full only when the score is, empty only when it is 0."""
    filled = int(BAR * score / points) if points else 0
    if 0 < score < points:
        filled = min(max(filled, 1), BAR - 1)
    return "#" * filled + "." * (BAR - filled)
