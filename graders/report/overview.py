"""All sections at a glance: how far each one is, and what to do next."""

from rich.console import Console

from graders.engine.results import Grade, SectionResult, Status
from graders.report.next_step import next_step, started
from graders.report.screen import STATUS_STYLES, Screen
from graders.report.words import TO_FIX, count, number

BAR = 10  # characters of a score bar between its brackets


def print_overview(grade: Grade, console: Console, *, command: str = "python grade.py", options: str = "") -> None:
    """Print one line a section and the next action.

    Args:
        grade: all sections in the order of study; one without exercises was not graded yet
        console: where to print
        command: how the grader is called, for the next step
        options: what it was called with, to be said again there
    """
    screen = Screen(console)
    done = sum(_state(section)[1] == "done" for section in grade.sections)
    screen.line()
    screen.ends(
        f"{done} of {count(len(grade.sections), 'section')} done",
        f"{number(grade.score)} of {number(grade.points)} points",
    )
    screen.line()
    _print_sections(screen, grade.sections)
    screen.next_step(next_step(grade, command, options=options, explained=False))


def _print_sections(screen: Screen, sections: tuple[SectionResult, ...]) -> None:
    if not sections:
        return
    points = [f"{number(section.score)}/{number(section.points)}" for section in sections]
    names = max(len(section.name) for section in sections)
    numbers = max(map(len, points))
    states = max(len(_state(section)[1]) for section in sections)
    lead = names + numbers + states + len("  x   [##########]  ") + 4
    titles = all(lead + len(section.title) <= screen.width for section in sections)
    for section, score in zip(sections, points, strict=True):
        status, state = _state(section)
        screen.line(
            (f"  {screen.symbols[status]} ", STATUS_STYLES[status]),
            (f"{section.name:<{names}}  ", "bold"),
            (f"[{_bar(section.score, section.points)}]", STATUS_STYLES[status]),
            (f"  {score:>{numbers}}  ", ""),
            (f"{state:<{states}}", STATUS_STYLES[status]),
            (f"  {section.title}" if titles else "", "dim"),
        )


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


def _bar(score: float, points: float) -> str:
    """Full only when the score is, empty only when it is 0."""
    filled = int(BAR * score / points) if points else 0
    if 0 < score < points:
        filled = min(max(filled, 1), BAR - 1)
    return "#" * filled + "." * (BAR - filled)
