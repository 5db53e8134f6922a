"""A grade for GitHub Classroom: what its autograding reporter expects of a runner, version 1.

The reporter is handed the JSON in an environment variable, as base64, so it has to stay small: a test is an exercise,
and where there is no room for explanations any more, the job's summary has them.

Source: the runners of the organisation `classroom-resources`, whose results have these fields.
"""

from graders.engine.results import CheckResult, ExerciseResult, Grade, SectionResult
from graders.report.blocks import failure_text
from graders.report.failures import Failure, in_repository, line_of
from graders.report.record import encoded
from graders.report.words import WORDS, number

LIMIT = 90_000  # bytes: Linux takes no variable of more than 128 KiB, and base64 makes four bytes of three
_LONGEST = 2000  # characters of an explanation


def classroom(grade: Grade) -> str:
    """JSON with a test for each exercise."""
    exercises = [(section, exercise) for section in grade.sections for exercise in section.exercises]
    data: dict[str, object] = {
        "version": 1,
        "status": "pass" if all(exercise.status == "passed" for _, exercise in exercises) else "fail",
        "max_score": grade.points,
    }
    tests = [_test(section, exercise) for section, exercise in exercises]
    room = LIMIT - len(encoded({**data, "tests": tests}))
    for test, (_, exercise) in zip(tests, exercises, strict=True):
        message = _message(exercise)
        room -= len(encoded(message))
        if room < 0:
            break
        test["message"] = message
    return encoded({**data, "tests": tests}).decode() + "\n"


def _test(section: SectionResult, exercise: ExerciseResult) -> dict[str, object]:
    check = _first(exercise)
    place = line_of(Failure(section, exercise, check)) if check else exercise.line
    return {
        "name": f"{section.name}::{exercise.name}",
        "status": "pass" if exercise.status == "passed" else "fail",
        "score": exercise.score,
        "max_score": exercise.points,
        "message": "",
        "test_code": f"python grade.py {section.name}::{exercise.name}",
        "filename": in_repository(section.file),
        "line_no": place or 0,
        "execution_time": f"{sum(check.seconds for check in exercise.checks):.3f}s",
    }


def _message(exercise: ExerciseResult) -> str:
    """The first failure explained."""
    check = _first(exercise)
    if not check:
        return ""
    if check.status in ("not_attempted", "missing", "blocked"):
        return f"{exercise.name}: {WORDS[check.status]}, {number(exercise.score)} of {number(exercise.points)} points"
    text = failure_text(check, exercise.name).rstrip()
    left = len(text) - _LONGEST
    return text if left <= 0 else f"{text[:_LONGEST]}\n[{left} characters left out]"


def _first(exercise: ExerciseResult) -> CheckResult | None:
    return next((check for check in exercise.checks if check.status != "passed" and not check.extra), None)
