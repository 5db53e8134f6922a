"""Where a learner stands, on the terminal."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from graders.learning.standing import Returning, Standing
from graders.report.next_step import Called, NextStep
from graders.report.overview import bar
from graders.report.screen import Screen
from graders.report.words import count, number, one_line

_MOST_RETURNING = 5


def print_standings(
    found: Sequence[Standing],
    back: Sequence[Returning],
    sections: int,
    console: Console,
    now: float,
    called: Called,
) -> None:
    """Print a line for each section that was graded, the mistakes that came back, and how to go on.

    Args:
        found: the sections, at least one.
        back: mistakes that were overcome and made again.
        sections: how many the course has.
        now: the moment, in seconds since 1970.
        called: how the command was called.
    """
    screen = Screen(console)
    screen.line()
    worked = duration(sum(each.seconds for each in found))
    screen.ends(f"{count(len(found), 'section')} of {sections} begun", f"{worked} on task")
    screen.line()
    rows = [_row(each, now) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for each, row in zip(found, rows, strict=True):
        name, score, *rest = (f"{text:>{width}}" if at else f"{text:<{width}}" for at, (text, width) in
                              enumerate(zip(row, widths, strict=True)))  # fmt: skip
        drawn = f"[{bar(each.score, each.points)}]  "
        line = f"  {score}  {'  '.join(rest)}"
        fits = len(name) + len(drawn) + len(line) + 2 <= screen.width
        screen.line(
            ("  ", ""), (name, "bold"), (f"  {drawn if fits else ''}{score}", ""), (f"  {'  '.join(rest)}", "dim")
        )
    if back:
        screen.rule("Coming back", "bold")
        for mistake in back[:_MOST_RETURNING]:
            state = "now" if mistake.is_open else f"last {day(mistake.last, now)}"
            screen.prose(
                f"{mistake.exercise}: {one_line(mistake.mistake)} ({mistake.times} times, {state})", "", "  ", "    "
            )
    screen.next_step(NextStep("see what to do next", None, "run", called.at_a_glance()))


def print_nothing_begun(looked_at: Sequence[str], console: Console, called: Called, *, keeps: bool) -> None:
    """Print why there is nothing to tell of yet, and how to begin.

    Args:
        looked_at: the sections that were graded, untouched as they are.
        called: how the command was called.
        keeps: whether there is a diary at all.
    """
    screen = Screen(console)
    screen.line()
    if not keeps:
        screen.prose("Nothing is remembered here, so there is no progress to tell of.")
    elif looked_at:
        what = looked_at[0] if len(looked_at) == 1 else count(len(looked_at), "section")
        verb = "was" if len(looked_at) == 1 else "were"
        screen.prose(f"{what} {verb} graded, but no exercise is begun yet; the first one you write will stand here.")
    else:
        screen.prose("Nothing was graded here yet; what is graded from now on is remembered.")
    screen.next_step(NextStep("see what there is to learn", None, "run", called.at_a_glance()))


def _row(each: Standing, now: float) -> tuple[str, ...]:
    gained = f"{'+' if each.gained >= 0 else '-'}{number(abs(each.gained))} in 7 days" if each.gained else ""
    done = {None: "", "reached": "checkpoint reached"}.get(each.checkpoint, "checkpoint tried")
    points = f"{number(each.score)}/{number(each.points)}"
    return each.section, points, gained, duration(each.seconds), day(each.last, now), done


def duration(seconds: float) -> str:
    """`5 min`, `2 h 10 min`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def day(at: float, now: float) -> str:
    """`today`, `yesterday`, `on 3 May 2026`."""
    then, today = datetime.fromtimestamp(at).date(), datetime.fromtimestamp(now).date()
    days = (today - then).days
    if days in (0, 1):
        return ("today", "yesterday")[days]
    return f"{days} days ago" if 0 < days < 7 else f"on {then.day} {then:%B %Y}"


def ahead(at: float, now: float) -> str:
    """`tomorrow`, `in 5 days`."""
    days = (datetime.fromtimestamp(at).date() - datetime.fromtimestamp(now).date()).days
    return "later today" if days <= 0 else "tomorrow" if days == 1 else f"in {days} days"
