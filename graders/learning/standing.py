"""Where a learner stands: computed from the diary, section by section."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from graders.learning.history import History, Seen

BREAK = 20 * 60.0  # seconds between two gradings from which on somebody has done something else
WEEK = 7 * 24 * 3600.0
_NOT_BEGUN = ("not_attempted", "missing")
_ALONE = 5 * 60.0  # seconds that are put down for the work before the first grading of a sitting


class Standing(NamedTuple):
    """How far a section is."""

    section: str
    score: float
    points: float
    solved: int
    exercises: int
    gained: float  # points in the last seven days
    seconds: float  # on task
    last: float  # when it was graded last, in seconds since 1970
    checkpoint: str | None  # the best outcome so far: `reached`, or another status


class Returning(NamedTuple):
    """A mistake that was made, overcome and made again."""

    section: str
    exercise: str
    mistake: str
    times: int
    last: float
    is_open: bool  # the exercise shows it now


def standings(history: History, sections: Sequence[str], now: float) -> list[Standing]:
    """The sections in which something was attempted, in study order."""
    seen, runs = history.seen(), history.runs()
    reached: dict[str, str] = {}
    for trained in history.checkpoints():
        if reached.get(trained.section) != "reached":
            reached[trained.section] = trained.status
    found = []
    for name in sections:
        times = list(dict.fromkeys(each.at for each in seen if each.section == name and each.status not in _NOT_BEGUN))
        own = [run for run in runs if run.section == name]
        if not times:
            continue
        latest = latest_of(each for each in seen if each.section == name)
        before = latest_of(each for each in seen if each.section == name and each.at < now - WEEK)
        whole = [run for run in own if run.is_whole]
        score = sum(each.score for each in latest.values())
        found.append(
            Standing(
                section=name,
                score=score,
                points=whole[-1].points if whole else sum(each.points for each in latest.values()),
                solved=sum(each.status == "passed" for each in latest.values()),
                exercises=len(latest),
                gained=score - sum(each.score for each in before.values()),
                seconds=time_on_task(times),
                last=times[-1],
                checkpoint=reached.get(name),
            )
        )
    return found


def latest_of(seen: Iterable[Seen]) -> dict[tuple[str, str], Seen]:
    """The last that was seen of each exercise, by section and exercise."""
    return {(each.section, each.exercise): each for each in seen}


def time_on_task(times: Sequence[float]) -> float:
    """Seconds of work, from the moments of gradings in their order: what lies between two of them, unless it was a
    break; and a few minutes for the work before the first one of each sitting.
    """
    gaps = [after - before for before, after in pairwise(times)]
    return sum(gap if gap <= BREAK else _ALONE for gap in gaps) + (_ALONE if times else 0.0)


def returning(seen: Sequence[Seen]) -> list[Returning]:
    """The mistakes that came back after a grading that did not show them, the newest first."""
    times: dict[tuple[str, str, str], list[float]] = {}  # when each began, by section, exercise and mistake
    before: dict[tuple[str, str], Seen] = {}
    for each in seen:
        place = each.section, each.exercise
        was = before[place].mistakes if place in before else ()
        for mistake in each.mistakes:
            if mistake not in was:
                times.setdefault((*place, mistake), []).append(each.at)
        before[place] = each
    found = [
        Returning(*key, len(begun), begun[-1], key[2] in before[key[0], key[1]].mistakes)
        for key, begun in times.items()
        if len(begun) > 1
    ]
    return sorted(found, key=lambda each: -each.last)


def overcome(seen: Sequence[Seen]) -> list[tuple[Seen, float]]:
    """The mistakes that were made in exercises which pass now: what showed each first, and when the exercise passed."""
    made: dict[tuple[str, str, str], Seen] = {}
    passed: dict[tuple[str, str], float] = {}
    for each in seen:
        place = each.section, each.exercise
        for mistake in each.mistakes:
            made.setdefault((*place, mistake), each._replace(mistakes=(mistake,)))
        if each.status != "passed":
            passed.pop(place, None)
        else:
            passed.setdefault(place, each.at)
    return [(each, passed[key[:2]]) for key, each in made.items() if key[:2] in passed]
