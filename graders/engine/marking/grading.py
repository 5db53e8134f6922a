"""Grades a submission in one or more sections: the engine's front door."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from graders.engine.authoring.material import find
from graders.engine.course import Course, nearest
from graders.engine.errors import UsageError
from graders.engine.marking.marking import mark
from graders.engine.results import Grade, LoadWarning, SectionResult, grade_of
from graders.engine.setting.paper import Paper
from graders.engine.setting.papers import paper
from graders.engine.sitting import submission
from graders.engine.sitting.forkserver import Forkserver


def grade(
    course: Course,
    asked: Mapping[str, Sequence[str] | None],
    path: Path,
    forkserver: Forkserver,
    *,
    seed: int,
    examples: int,
    explain: bool = True,
    places: bool = True,
    begin: Callable[[str], Callable[[str], None]] = lambda what: lambda title: None,
    settled: Callable[[SectionResult], None] = lambda section: None,
) -> Grade:
    """Grades the submission at `path`, a file or a folder of them.

    Args:
        course: where the sections are.
        asked: exercises by section, None for all of a section's, as `wanted` gives them.
        path: a file, for one section only, or a folder with a file for each section.
        forkserver: where workers come from.
        seed: of the drawn inputs.
        examples: how many inputs to draw for a check.
        explain: look for smaller inputs and name mistakes.
        places: look for the line of a fault that no known mistake explains.
        begin: called with a word for what is done next, drawing or grading a section; what it returns is called
            with the title of each check.
        settled: called with the result of a section when its verdicts stand, before anything is explained.

    Raises:
        UsageError: a section or an exercise is not there; or, where one section is asked for, its file cannot be read.
    """
    if not path.is_dir() and len(asked) > 1:
        raise UsageError(f"{path} is one file, and {len(asked)} sections were asked for")
    results: list[SectionResult] = []
    for name, exercises in asked.items():
        material = find(course, name)
        try:
            answers = submission.read_in(path, name) if path.is_dir() else submission.read(path)
            told = tuple(LoadWarning(None, note) for note in answers.notes)
        except UsageError as error:
            if len(asked) == 1:
                raise
            answers = submission.Submission(name, ())  # costs its section, the others are graded
            told = (LoadWarning(None, str(error)),)
        questions = paper(material, seed, examples)
        _check_exercises(questions, exercises)
        result = mark(
            material,
            questions,
            answers,
            forkserver,
            only=exercises,
            explain=explain,
            places=places,
            advance=begin(f"grading {name}"),
            drawing=begin(f"drawing inputs for {name}, this once"),
            settled=partial(_tell, settled, told),
        )
        results.append(_with(told, result))
    return grade_of(results, seed, examples)


def _tell(settled: Callable[[SectionResult], None], warnings: tuple[LoadWarning, ...], result: SectionResult) -> None:
    settled(_with(warnings, result))


def _with(warnings: tuple[LoadWarning, ...], result: SectionResult) -> SectionResult:
    return msgspec.structs.replace(result, warnings=warnings + result.warnings)


def _check_exercises(questions: Paper, exercises: Sequence[str] | None) -> None:
    known = questions.exercises
    for exercise in exercises or ():
        if exercise not in known:
            raise UsageError(f"{questions.section} has no exercise {exercise!r}{nearest(exercise, known)}")
