"""The one thing to do next. Every report ends with it."""

from collections.abc import Collection
from typing import NamedTuple

from graders.engine.results import ExerciseResult, Grade, SectionResult, Status
from graders.report.failures import likely_line
from graders.report.words import TO_FIX, one_line, shortened

Place = tuple[SectionResult, ExerciseResult]


class Called(NamedTuple):
    """How the grader was called, as far as the next command has to be called so too."""

    command: str = "python grade.py"
    submission: str = ""  # `--submission PATH`, where it was said
    course: str = ""  # `--course FOLDER`, where it was said
    is_one_file: bool = False  # the submission: then it is an answer to one section only

    def again(self, *words: str) -> str:
        """The command that does `words` with the same answers."""
        return self._joined(*words, self.submission, self.course)

    def about(self, *words: str) -> str:
        """The command that does `words`, for which answers do not matter."""
        return self._joined(*words, self.course)

    def at_a_glance(self) -> str:
        """The command that shows all sections, of the same answers where these can be answers to all."""
        return self.about() if self.is_one_file else self.again()

    def _joined(self, *words: str) -> str:
        return " ".join(filter(None, (self.command, *words)))


class NextStep(NamedTuple):
    """What to do, the place to open (`path:line`), and the command to run; `purpose` says what the command is for."""

    what: str
    place: str | None
    purpose: str
    command: str

    @property
    def rows(self) -> list[tuple[str, str]]:
        """What reports list below it, each with its label."""
        return [*([("open", self.place)] if self.place else []), (self.purpose, self.command)]


def next_step(
    grade: Grade, called: Called | None = None, *, explained: bool = True, closing: Collection[str] = ()
) -> NextStep:
    """Repair before writing something new, go on before starting, and in the order of study.

    Args:
        grade: what was graded, sections and exercises in the order of study
        called: how the grader was called; as people call it in the course's folder if None
        explained: whether the report shows what is wrong: then a hint is next, else a look at the failure
        closing: the sections that end in a checkpoint
    """
    called = called or Called()
    places = [(section, exercise) for section in grade.sections for exercise in section.exercises]
    if to_fix := [place for place in places if not _statuses(place).isdisjoint(TO_FIX)]:
        return _repair(*to_fix[0], called) if explained else _look(*to_fix[0], called)
    if to_write := [place for place in places if not _statuses(place).isdisjoint({"not_attempted", "missing"})]:
        return _write(*next((place for place in to_write if started(place[0])), to_write[0]), called)
    if waiting := [place for place in places if place[1].status != "passed"]:
        return _unblock(*waiting[0], called)
    if ungraded := [section for section in grade.sections if not section.exercises]:
        name, file = ungraded[0].name, ungraded[0].file
        return NextStep(f"start with {name}", one_line(file), "grade", called.again(name))
    return _go_on(grade, len(places), called, closing)


def started(section: SectionResult) -> bool:
    """Whether the learner has begun to work on the section."""
    statuses = {check.status for exercise in section.exercises for check in exercise.checks}
    return not statuses <= {"not_attempted", "missing", "blocked"}


def place_of(section: SectionResult, exercise: ExerciseResult) -> str:
    """`path:line`, as editors and terminals know it: where the fault is likely, else where the exercise begins."""
    path = one_line(section.file)
    line = next(filter(None, map(likely_line, exercise.checks)), exercise.line)
    return path if line is None else f"{path}:{line}"


def _statuses(place: Place) -> set[Status]:
    return {check.status for check in place[1].checks}


def _repair(section: SectionResult, exercise: ExerciseResult, called: Called) -> NextStep:
    hint = called.about("hint", f"{section.name}::{exercise.name}")
    return NextStep(f"fix {exercise.name}", place_of(section, exercise), "hint", hint)


def _look(section: SectionResult, exercise: ExerciseResult, called: Called) -> NextStep:
    grade = called.again(f"{section.name}::{exercise.name}")
    return NextStep(f"fix {exercise.name}", place_of(section, exercise), "look", grade)


def _write(section: SectionResult, exercise: ExerciseResult, called: Called) -> NextStep:
    grade = called.again(f"{section.name}::{exercise.name}")
    return NextStep(f"write {exercise.name}", place_of(section, exercise), "grade", grade)


def _unblock(section: SectionResult, exercise: ExerciseResult, called: Called) -> NextStep:
    """Only what waits for an exercise outside this run is left: grading the whole section shows it."""
    what = f"{exercise.name} waits: {blocked_because(exercise) or 'fix what it uses first'}"
    return NextStep(what, one_line(section.file), "grade", called.again(section.name))


def blocked_because(exercise: ExerciseResult) -> str:
    """What the engine says a blocked exercise waits for, `fix Linear first`."""
    errors = (check.error for check in exercise.checks if check.status == "blocked" and check.error)
    return shortened(one_line(next(errors, "")))


def _go_on(grade: Grade, exercises: int, called: Called, closing: Collection[str]) -> NextStep:
    if not grade.sections:
        return NextStep("see what there is to learn", None, "run", called.at_a_glance())
    section = grade.sections[-1]
    if exercises == 1:
        return NextStep(f"grade the rest of {section.name}", None, "run", called.again(section.name))
    if len(grade.sections) == 1 and section.name in closing:
        train = called.again("checkpoint", section.name)
        return NextStep("train what you have written", None, "train", train)
    return NextStep("see what else there is to learn", None, "run", called.at_a_glance())
