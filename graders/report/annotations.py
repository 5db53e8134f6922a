"""A grade as GitHub workflow commands: printed by a step of a job, they mark the learner's lines in the pushed commit.

Source: "Workflow commands for GitHub Actions" in GitHub's documentation; the escapes are those of `@actions/core`.
"""

from graders.engine.results import Grade
from graders.report.blocks import failure_lines
from graders.report.failures import Failure, failures, first_of_each, in_repository, line_of
from graders.report.words import WORDS, count, inert, muted, number

MOST_ERRORS = 10  # GitHub shows no more of a step
LONGEST = 4000  # characters of a message
_WIDTH = 80


def annotations(grade: Grade) -> str:
    """An error for each failing check, of at most ten checks, and one notice with the score."""
    found = failures(grade)
    shown = sorted(first_of_each(found)[:MOST_ERRORS], key=found.index)
    return "".join(f"{line}\n" for line in [*map(_error, shown), _summary(grade, len(found), len(found) - len(shown))])


def _error(failure: Failure) -> str:
    lines = failure_lines(failure.check, failure.exercise.name, _WIDTH)
    message = "\n".join("".join(span.text for span in line) for line in lines)
    if len(message) > LONGEST:
        message = f"{message[:LONGEST]}\n[{len(message) - LONGEST} characters left out]"
    place = {"file": in_repository(failure.section.file)}
    if line := line_of(failure):
        place["line"] = str(line)
    return _command("error", {**place, "title": f"{failure.exercise.name}: {WORDS[failure.check.status]}"}, message)


def _summary(grade: Grade, failing: int, hidden: int) -> str:
    unfinished = sum(
        exercise.status in ("not_attempted", "missing", "blocked")
        for section in grade.sections
        for exercise in section.exercises
    )
    said = [f"{count(failing, 'check')} {'fails' if failing == 1 else 'fail'}"] if failing else ["No check fails"]
    if hidden:
        said.append(f"{hidden} of them not shown here")
    if unfinished:
        said.append(f"{count(unfinished, 'exercise')} not written yet, or waiting for another")
    title = f"Grade: {number(grade.score)} of {number(grade.points)} points"
    return _command("notice", {"title": title}, "; ".join(said) + ".")


def _command(name: str, properties: dict[str, str], message: str) -> str:
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {said}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return muted(inert(text)).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
