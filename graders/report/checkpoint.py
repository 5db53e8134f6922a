"""What came of a section's closing experiment, on the terminal."""

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from graders.engine.results import CheckpointResult, Measured, SectionResult
from graders.report.checkpoint_words import bounds, figure, outcome
from graders.report.next_step import Called, NextStep, place_of
from graders.report.screen import Screen
from graders.report.words import inert, one_line, shortened

if TYPE_CHECKING:
    import numpy as np

_ENDED = {
    "raised": "The experiment stopped at an exception",
    "timed_out": "The experiment was stopped",
    "crashed": "The process died",
    "not_attempted": "A piece is missing",
    "missing": "A piece is missing",
    "not_reached": "Nothing was measured",
}


def print_checkpoint(
    section: SectionResult,
    picture: "np.ndarray | None",
    console: Console,
    *,
    file: str | None,
    called: Called | None = None,
) -> None:
    """Print the curve, what was measured and what had to be reached, and what to do next.

    Args:
        section: the section, with its checkpoint.
        picture: what the experiment ends in, brightness from 0 to 1; drawn in place of the curves.
        console: where to print.
        file: where the plot was written.
        called: how the grader was called, for the next step.
    """
    result = section.checkpoint
    assert result is not None  # the caller asked for it
    screen = Screen(console)
    screen.line()
    screen.ends(section.title, "checkpoint")
    screen.line((one_line(section.file), "dim"))
    screen.line()
    screen.prose(one_line(result.title))
    screen.line()
    for line in _drawn(screen, result, picture):
        screen.line((f"  {line}", ""))
    _print_criteria(screen, result.criteria)
    _print_error(screen, result)
    reached = result.status == "reached"
    symbol = screen.symbols["passed" if reached else "failed"]
    screen.line((f"{symbol} {outcome(result)}.", "bold green" if reached else "bold red"))
    if file:
        screen.line((f"  plot   {file}", ""))
    screen.next_step(_next_step(section, result, called or Called()))


def _drawn(screen: Screen, result: CheckpointResult, picture: "np.ndarray | None") -> list[str]:
    from graders.report.plot import curves_as_text, picture_as_text

    if picture is not None:
        lines = picture_as_text(picture, screen.width)
    else:
        lines = curves_as_text(result.curves, screen.width, plain=screen.plain)
    return [*lines, ""] if lines else []


def _print_criteria(screen: Screen, criteria: tuple[Measured, ...]) -> None:
    if not criteria:
        return
    names = max(cell_len(one_line(measured.name)) for measured in criteria)
    values = max(len(figure(measured.value)) for measured in criteria)
    bounded = max(len(bounds(measured)) for measured in criteria)
    fits = len("  x ") + names + 2 + values + 2 + bounded <= screen.width
    for measured in criteria:
        name = set_cell_size(one_line(measured.name), names)
        screen.line(
            (
                f"  {screen.symbols['passed' if measured.reached else 'failed']} ",
                "green" if measured.reached else "bold red",
            ),
            (f"{name}  {figure(measured.value):>{values}}", ""),
            (f"  {bounds(measured)}" if fits else "", "dim"),
        )
        if not fits:
            screen.line((f"    {bounds(measured)}", "dim"))
    screen.line()


def _print_error(screen: Screen, result: CheckpointResult) -> None:
    if result.error:
        screen.line((f"{_ENDED.get(result.status, 'What happened')}:", "bold red"))
        for line in inert(result.error).split("\n"):
            screen.line((f"    {shortened(line)}", ""))
        screen.line()
    if result.output.strip():
        screen.line(("Your code printed:", "dim"))
        for line in inert(result.output).rstrip("\n").split("\n")[-10:]:
            screen.line((f"    {shortened(line)}", ""))
        screen.line()


def _next_step(section: SectionResult, result: CheckpointResult, called: Called) -> NextStep:
    if result.finish_first:
        exercise = next(each for each in section.exercises if each.name == result.finish_first)
        grade = called.again(f"{section.name}::{exercise.name}")
        return NextStep(f"finish {exercise.name} first", place_of(section, exercise), "grade", grade)
    if result.status == "timed_out":
        again = f"{called.again('checkpoint', section.name)} --seconds 600"
        return NextStep("compute whole arrays, not number by number, or give it more time", None, "train", again)
    if result.status != "reached":
        return NextStep("see what the checks say", None, "grade", called.again(section.name))
    return NextStep("see what else there is to learn", None, "run", called.at_a_glance())
