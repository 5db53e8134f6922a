"""A grade in a line for each section: for the log of a job, and for whoever wants no more."""

from graders.engine.results import Grade, SectionResult
from graders.report.words import TO_FIX, count, number, one_line, shortened


def score_lines(grade: Grade) -> list[str]:
    """The score of each section with the names of what is to be fixed, why one could not be read, and the sum."""
    lines = []
    for section in grade.sections:
        lines.append(f"{section.name}: {_of(section.score, section.points)}{_state(section)}")
        notes = [warning.message for warning in section.warnings if warning.line is None]
        lines += [f"{section.name}: {shortened(one_line(note))}" for note in notes]
    if len(grade.sections) != 1:
        lines.append(f"in all: {_of(grade.score, grade.points)}")
    return lines


def _of(score: float, points: float) -> str:
    return f"{number(score)} of {number(points)} points"


def _state(section: SectionResult) -> str:
    wrong = [exercise.name for exercise in section.exercises if exercise.status in TO_FIX]
    left = sum(exercise.status not in (*TO_FIX, "passed") for exercise in section.exercises)
    lost = sum(warning.line is not None for warning in section.warnings)
    said = [
        f"to fix: {', '.join(wrong)}" if wrong else "",
        f"{count(left, 'exercise')} left" if left else "",
        f"{count(lost, 'statement')} could not be loaded" if lost else "",
    ]
    return "".join(f"; {words}" for words in said if words)
