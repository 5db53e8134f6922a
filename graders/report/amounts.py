"""Less and more than the usual screen: a line a section, or what each check took and what it was graded with."""

from rich.console import Console

from graders.engine.results import Grade, SectionResult
from graders.report.screen import Screen
from graders.report.words import TO_FIX, WORDS, count, number, one_line, shortened


def print_scores(grade: Grade, console: Console) -> None:
    """Print a line a section, with what is to be fixed and why one could not be read, and one for all where there are
    several: for logs.
    """
    screen = Screen(console)
    for section in grade.sections:
        extras = f" + {number(section.extras.score)} extra" if section.extras.score else ""
        score = f"{section.name} {number(section.score)} of {number(section.points)}{extras}"
        screen.line((score + "".join(f"; {words}" for words in _left(section)), ""))
        for warning in section.warnings:
            if warning.line is None:
                screen.line((f"{section.name}: {shortened(one_line(warning.message))}", ""))
    if len(grade.sections) > 1:
        screen.line((f"all {number(grade.score)} of {number(grade.points)}", ""))


def _left(section: SectionResult) -> list[str]:
    """What keeps a section from full marks, in a few words each."""
    wrong = [exercise.name for exercise in section.exercises if exercise.status in TO_FIX]
    left = sum(exercise.status not in (*TO_FIX, "passed") for exercise in section.exercises)
    lost = sum(warning.line is not None for warning in section.warnings)
    words = [f"to fix: {', '.join(wrong)}"] if wrong else []
    words += [f"{count(left, 'exercise')} left"] if left else []
    return words + ([f"{count(lost, 'statement')} could not be loaded"] if lost else [])


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
        screen.prose(one_line(title), "", f"{seconds:7.2f} s {examples:4} examples  {status:9}  ", " " * 34)
    screen.line()
    said = f"seed {grade.seed}, {grade.examples} examples; {'; '.join(versions.splitlines())}"
    screen.prose(said, "dim")
