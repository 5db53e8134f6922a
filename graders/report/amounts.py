"""Less and more than the usual screen: a line a section, or what each check took and what it was graded with."""

from rich.console import Console

from graders.engine.results import Grade
from graders.report.screen import Screen
from graders.report.words import WORDS, number, one_line


def print_scores(grade: Grade, console: Console) -> None:
    """Print a line a section, and one for all where there are several: for logs."""
    screen = Screen(console)
    for section in grade.sections:
        extras = f" + {number(section.extras.score)} extra" if section.extras.score else ""
        screen.line((f"{section.name} {number(section.score)} of {number(section.points)}{extras}", ""))
    if len(grade.sections) > 1:
        screen.line((f"all {number(grade.score)} of {number(grade.points)}", ""))


def print_times(grade: Grade, versions: str, console: Console) -> None:
    """Print each check with its examples and seconds, the longest first, and what is installed."""
    screen = Screen(console)
    checks = [
        (check.seconds, f"{exercise.name}: {check.title}", WORDS[check.status], check.examples)
        for section in grade.sections
        for exercise in section.exercises
        for check in exercise.checks
        if check.examples
    ]
    screen.line()
    for seconds, title, status, examples in sorted(checks, key=lambda check: -check[0]):
        screen.prose(one_line(title), "", f"{seconds:7.2f} s {examples:4} examples  {status:8}  ", " " * 33)
    screen.line()
    screen.line((f"seed {grade.seed}, {grade.examples} examples; {'; '.join(versions.splitlines())}", "dim"))
