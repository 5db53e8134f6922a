"""What a run of the command does with the diary: answers from it, and writes into it."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.results import Grade, SectionResult
from graders.engine.sitting.submission import as_shown, find
from graders.learning.history import History
from graders.learning.solutions import solved_now
from graders.learning.standing import latest_of

_SOONEST = 12 * 3600.0  # seconds after it was solved in which no exercise is due again


def remembered(history: History, course: Course, path: Path, seed: int, examples: int) -> dict[str, SectionResult]:
    """The sections of a submission of which all is known: they were graded, and nothing has changed since.

    Args:
        path: the submission, a folder with a file for each section; of a single file nothing is said.
    """
    found = {}
    for name in course.sections if path.is_dir() else ():
        try:
            file = find(path, name)
        except UsageError:  # it is missing, and that is to be said
            continue
        if result := history.known(course, name, file, seed, examples):
            found[name] = msgspec.structs.replace(result, file=as_shown(file))
    return found


def remember(
    history: History,
    course: Course,
    grade: Grade,
    asked: Mapping[str, Collection[str] | None],
) -> list[str]:
    """Writes a grade into the diary; what is to be said of exercises that were solved just now.

    Args:
        asked: the exercises that were graded, by section; None for all of a section's.
    """
    if not asked:  # all was known, and need not be read again
        return []
    latest = latest_of(history.seen())
    words: list[str] = []
    for section in (section for section in grade.sections if section.name in asked):
        before = [name for (its, name), seen in latest.items() if its == section.name and seen.status == "passed"]
        if history.keeps:
            words += solved_now(course, section, before)
        history.graded(section, course, grade.seed, grade.examples, is_whole=asked[section.name] is None)
    return words


def within_reach(history: History, course: Course, sections: Sequence[SectionResult]) -> list[str]:
    """The sections that are done but for their checkpoint."""
    reached = {each.section for each in history.checkpoints() if each.status == "reached"}
    done = [each.name for each in sections if each.exercises and all(one.status == "passed" for one in each.exercises)]
    return [name for name in done if name in course.closing and name not in reached]


def due_for_review(history: History, now: float) -> int:
    """How many solved exercises are due to come back."""
    if not history.has_solved(now - _SOONEST):
        return 0
    from graders.learning.review import due_now  # its library is loaded only for those who have something to review

    return len(due_now(history, now))
