"""What a report says only when it is asked to say more: each check with its inputs and its time, and what graded it."""

from collections.abc import Sequence

from rich.console import Console

from graders.engine.results import CheckResult, Grade
from graders.report.screen import STATUS_STYLES, Screen
from graders.report.words import WORDS, count, number


def print_details(grade: Grade, console: Console, versions: Sequence[str]) -> None:
    """Print a line for each check, and then the seed and the versions.

    Args:
        grade: what was graded.
        console: where to print.
        versions: a line for each thing that a grade depends on.
    """
    screen = Screen(console)
    for section in grade.sections:
        checks = [check for exercise in section.exercises for check in exercise.checks]
        if not checks:
            continue
        screen.rule(f"Checks of {section.name}", "bold", f"{section.seconds:.2f} s")
        rows = [_row(check) for check in checks]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for check, row in zip(checks, rows, strict=True):
            status, name, *rest = (
                f"{text:<{width}}" if at < 2 else f"{text:>{width}}"
                for at, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            state = (f"  {screen.symbols[check.status]} {status}  ", STATUS_STYLES[check.status])
            if len(f"  x {status}  {name}  {'  '.join(rest)}") <= screen.width:
                screen.line(state, (f"{name}  {'  '.join(rest)}", ""))
            else:
                screen.line(state, (name.rstrip(), ""))
                screen.line((f"      {', '.join(text.strip() for text in rest)}", "dim"))
    screen.rule("Graded with", "bold")
    screen.line((f"  seed {grade.seed}, {count(grade.examples, 'input')} a check at the most", ""))
    for line in versions:
        screen.line((f"  {line}", ""))


def _row(check: CheckResult) -> tuple[str, ...]:
    points = f"{number(check.score)}/{number(check.points)}{' beside the score' if check.extra else ''}"
    return WORDS[check.status], check.name, points, count(check.examples, "input"), f"{check.seconds:.3f} s"
