"""Grades one part of one submission: bytes in, a result out, with no memory of what was graded before.

`grade_one` is what every scheduler calls, whether in a process of this machine or of another one. Before the first call
a process is told with `bring` what the papers are.
"""

import atexit
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from graders.cohort.entries import Part
from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.marking.marking import mark
from graders.engine.results import CheckResult, ExerciseResult, Extras, LoadWarning, SectionResult, together
from graders.engine.setting.paper import Paper, Question
from graders.engine.sitting import submission
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.values.messages import Cell
from graders.report.record import encoded

PartStatus = Literal["graded", "missing", "unreadable", "quarantined"]


class Job(msgspec.Struct, frozen=True):
    """A part to grade."""

    part: Part
    digest: str
    places: bool = False  # look for the lines of faults


class Outcome(msgspec.Struct, frozen=True):
    """What came of a job."""

    section: str
    digest: str
    status: PartStatus
    reason: str | None
    score: float
    points: float
    record: bytes  # the section's result as JSON, as in a single run
    runs: int = 1  # how many it took: more than one where a process died


class _Hall:
    """What a process needs to grade: the papers and, once it is asked to, where workers come from."""

    def __init__(self, root: Path, papers: Mapping[str, Paper]):
        course = self._course = Course(root)
        self.papers = papers
        self.materials: dict[str, Material] = {name: find(course, name) for name in papers}
        self._forkserver: Forkserver | None = None
        self._process = 0
        self._ready: set[str] = set()

    def forkserver(self, section: str) -> Forkserver:
        """This process's own, with the section's inputs ready. One that was inherited stays with whose it is."""
        if self._forkserver is None or self._process != os.getpid():
            self._forkserver, self._process = Forkserver(self._course.secrets), os.getpid()
            self._ready.clear()
            atexit.register(self.close)
        if section not in self._ready:
            self._ready.add(section)
            paper = self.papers[section]
            reference = Cell("", self.materials[section].reference_source)
            self._forkserver.preload(submission.Submission("", (reference,)).imports.union(paper.cover.imports))
            self._forkserver.make_ready(
                [item.inputs for item in paper.items], paper.seed, paper.cover.probes, paper.cover.untouched
            )
        return self._forkserver

    def close(self) -> None:
        if self._forkserver and self._process == os.getpid():
            self._forkserver.__exit__()
            self._forkserver = None


_hall: _Hall | None = None


def bring(root: Path, papers: Mapping[str, Paper]) -> None:
    """Tells this process, and those forked from it, what is graded: the course's folder, and papers by section."""
    global _hall
    leave()
    _hall = _Hall(root, papers)


def warm() -> None:
    """Loads what explaining a failure needs, once, so that processes that are forked from this one share it."""
    for material in _hall.materials.values() if _hall else ():
        _ = material.section


def leave() -> None:
    """Ends what grading has started in this process."""
    if _hall:
        _hall.close()


def grade_one(job: Job) -> Outcome:
    """Grades one part of one submission. It is named after its section, never after its learner."""
    assert _hall is not None, "bring the papers first"
    part = job.part
    material, paper = _hall.materials[part.section], _hall.papers[part.section]
    name = f"{part.section}{part.suffix}"
    status: PartStatus = "graded"
    trouble = part.trouble
    answers = submission.Submission(name, ())
    if part.data is not None:
        try:
            answers = submission.parse(name, part.suffix, part.data, part.beside)
        except UsageError as error:
            trouble = str(error)
    if trouble:
        status = "unreadable"
    elif part.data is None:
        status, trouble = "missing", f"there is no {part.section}.py or {part.section}.ipynb"
    result = mark(material, paper, answers, _hall.forkserver(part.section), places=job.places, side_by_side=False)
    said = tuple(LoadWarning(None, words) for words in (trouble, part.note, *answers.notes) if words)
    result = msgspec.structs.replace(result, warnings=said + result.warnings)
    return _outcome(job, status, trouble, result)


def given_up(job: Job, paper: Paper, why: str, runs: int) -> Outcome:
    """The outcome of a job that cannot be done, `why`: no points, and the reason at every check."""
    reason = f"not graded: {why}, in each of {runs} runs"
    by_exercise: dict[str, list[Question]] = {}
    for item in paper.questions:
        by_exercise.setdefault(item.exercise, []).append(item)
    exercises = tuple(_crashed(name, items, reason) for name, items in by_exercise.items())
    points, extras = sum(each.points for each in exercises), together(each.extras for each in exercises)
    file = f"{paper.section}{job.part.suffix}"
    warnings = (LoadWarning(None, reason),)
    result = SectionResult(paper.section, paper.cover.title, file, 0.0, points, 0.0, warnings, exercises, extras=extras)
    return msgspec.structs.replace(_outcome(job, "quarantined", reason, result), runs=runs)


def _crashed(name: str, questions: Sequence[Question], reason: str) -> ExerciseResult:
    """An exercise none of whose checks has a verdict, for the same reason."""
    checks = tuple(
        CheckResult(each.name, each.title, "crashed", 0.0, each.points, 0, 0.0, error=reason, extra=each.extra)
        for each in questions
    )
    core, extra = (sum(each.points for each in questions if each.extra is beyond) for beyond in (False, True))
    return ExerciseResult(name, "crashed", 0.0, core, None, checks, Extras(0.0, extra))


def _outcome(job: Job, status: PartStatus, reason: str | None, result: SectionResult) -> Outcome:
    return Outcome(job.part.section, job.digest, status, reason, result.score, result.points, encoded(result))
