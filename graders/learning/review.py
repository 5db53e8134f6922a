"""Brings solved exercises back before they are forgotten, as a fresh stub beside the learner's file.

When an exercise is due follows from the diary alone: from how it went when it was solved (hints, mistakes and solutions
that were looked at count against it), and from the reviews since. The intervals are those of FSRS, the free spaced
repetition scheduler, without its random part, so that the same diary always gives the same answer.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from fsrs import Card, Rating, Scheduler

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.learning.fresh_start import definition
from graders.learning.history import History, Seen, Shown

FOLDER = "reviews"
_SCHEDULER = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
_HELP = ("solution", "first line")


class Due(NamedTuple):
    """A solved exercise, and when it should be looked at again."""

    section: str
    exercise: str
    at: float  # in seconds since 1970
    difficulty: float  # 1 to 10

    @property
    def target(self) -> str:
        """As it is written on the command line."""
        return f"{self.section}::{self.exercise}"


def schedule(history: History) -> list[Due]:
    """All solved exercises: the one that is due first comes first, of those of one day the hardest."""
    seen, shown, reviews = history.seen_until_solved(), history.all_shown(), history.reviews()
    cards: dict[tuple[str, str], Card] = {}
    for place, (at, grade) in _solved(seen, shown).items():
        card, _ = _SCHEDULER.review_card(Card(card_id=0), Rating(grade), _moment(at))
        for review in reviews:
            if (review.section, review.exercise) == place and review.at > at:
                card, _ = _SCHEDULER.review_card(card, Rating(review.grade), _moment(review.at))
        cards[place] = card
    found = [Due(*place, card.due.timestamp(), card.difficulty or 0.0) for place, card in cards.items()]
    return sorted(found, key=lambda due: (datetime.fromtimestamp(due.at, UTC).date(), -due.difficulty, due.target))


def due_now(history: History, now: float) -> list[Due]:
    """The exercises that are due, the weakest first."""
    return sorted((due for due in schedule(history) if due.at <= now), key=lambda due: (-due.difficulty, due.at))


def _solved(seen: Collection[Seen], shown: Collection[Shown]) -> Mapping[tuple[str, str], tuple[float, int]]:
    """When each exercise passed first, and how well it went."""
    found: dict[tuple[str, str], tuple[float, int]] = {}
    troubled: set[tuple[str, str]] = set()
    for each in seen:
        place = each.section, each.exercise
        if each.mistakes:
            troubled.add(place)
        if each.status == "passed" and place not in found:
            before = [one for one in shown if (one.section, one.exercise) == place and one.at <= each.at]
            is_shown = any(one.what in _HELP for one in before)
            found[place] = (each.at, 1 if is_shown else 2 if before or place in troubled else 3)
    return found


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def pending(course: Course) -> tuple[str, str, Path] | None:
    """The review that was begun: its section, exercise and file."""
    for section in course.sections:
        for path in sorted((course.root / FOLDER / section).glob("*.py")):
            return section, path.stem, path
    return None


def begin(course: Course, due: Due) -> Path:
    """Writes the file of a review: the learner's own, with a fresh stub in the place of the exercise.

    Raises:
        OSError: it cannot be written.
    """
    material = find(course, due.section)
    text = _own_text(material)
    stub = definition(material.untouched, due.exercise) or ""
    try:
        answer = definition(text, due.exercise)
    except (SyntaxError, ValueError):  # it does not matter what else stands there
        text, answer = material.untouched, None
    path = course.root / FOLDER / due.section / f"{due.exercise}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(answer, stub) if answer else text, "utf-8")
    return path


def _own_text(material: Material) -> str:
    """A learner's answers, from a file or a notebook; the untouched file where there are none that can be read."""
    path = material.exercises
    try:
        if not path.exists() and path.with_suffix(".ipynb").exists():
            import nbformat

            from graders.learning.notebooks import to_text

            return to_text(nbformat.reads(path.with_suffix(".ipynb").read_text("utf-8"), as_version=4))
        return path.read_text("utf-8") if path.exists() else material.untouched
    except ValueError:  # of Unicode and of nbformat
        return material.untouched


def end(path: Path) -> None:
    """Takes the file of a review away, and its folders where they are empty."""
    path.unlink(missing_ok=True)
    for folder in (path.parent, path.parent.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
