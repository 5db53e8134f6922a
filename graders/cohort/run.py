"""Grades the submissions of a folder, with what a gradebook knows already left alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from graders.cohort.entries import Entry, read
from graders.cohort.gradebook import Gradebook
from graders.cohort.grading import Job, Outcome, bring, leave
from graders.cohort.pool import Pool
from graders.engine.course import Course
from graders.engine.errors import GraderError
from graders.engine.setting.paper import Paper
from graders.engine.sitting import scratch

Advance = Callable[[int, int], None]


class Graders(Protocol):
    """Whoever grades: processes of this machine, or workers of others."""

    def outcomes(self, jobs: Iterator[Job], /) -> Iterator[Outcome]:
        """The outcomes of `jobs`, as they come; each job has one. A job is taken only when it can be begun."""


def run(
    graders: AbstractContextManager[Graders],
    wanted: Sequence[str],
    folder: str,
    entries: Sequence[Entry],
    gradebook: Gradebook,
    advance: Advance = lambda done, known: None,
    places: bool = False,
) -> None:
    """Grades what has no result in the gradebook yet.

    Args:
        graders: who grades.
        wanted: the sections, in the order of study.
        folder: where the submissions are.
        entries: the submissions.
        gradebook: what results are kept in, and looked up in.
        advance: called with the number of submissions that are done, each time it grows, and how many of them needed
            nothing to be graded.
        places: look for the lines of faults.
    """
    gradebook.list_submissions(entries)
    desk = _Desk(tuple(wanted), folder, entries, gradebook, advance, places)
    with graders as there:
        for outcome in there.outcomes(desk.jobs()):
            gradebook.keep(outcome)
            desk.came(outcome.section, outcome.digest)


@contextmanager
def on_this_machine(course: Course, papers: Mapping[str, Paper], processes: int) -> Iterator[Graders]:
    """So many processes, forked from this one with what it has loaded."""
    try:
        folder = scratch.new("cohort")
    except OSError as error:
        raise GraderError(f"there is no place for temporary files: {error.strerror}") from error
    try:
        bring(course.root, papers)
        with Pool(processes, papers, str(folder)) as pool:
            yield pool
    finally:
        leave()
        scratch.remove(folder)


class _Desk:
    """Reads submissions as they are asked for, hands out what is to be graded, and counts what is done."""

    def __init__(
        self,
        wanted: tuple[str, ...],
        folder: str,
        entries: Sequence[Entry],
        gradebook: Gradebook,
        advance: Advance,
        places: bool,
    ):
        self._places = places
        self._wanted, self._folder, self._entries = wanted, folder, entries
        self._gradebook, self._advance = gradebook, advance
        self._waiting: dict[tuple[str, str], list[int]] = {}  # for what is being graded: who waits for it
        self._open: dict[int, int] = {}  # how many parts a submission waits for
        self._done = self._known = 0

    def jobs(self) -> Iterator[Job]:
        """What is to be graded: each part once, whoever handed it in."""
        for number, entry in enumerate(self._entries):
            parts = read(self._folder, entry, self._wanted)
            jobs = [Job(part, part.digest, self._places) for part in parts]
            self._gradebook.take_down(number, parts)
            new = [job for job in jobs if not self._gradebook.has(job.part.section, job.digest)]
            self._open[number] = len(new)
            asked = [job for job in new if (job.part.section, job.digest) not in self._waiting]
            for job in new:
                self._waiting.setdefault((job.part.section, job.digest), []).append(number)
            if not new:
                del self._open[number]
                self._known += 1
                self._finish()
            yield from asked

    def came(self, section: str, digest: str) -> None:
        """Notes that a part is graded."""
        for number in self._waiting.pop((section, digest)):
            self._open[number] -= 1
            if not self._open[number]:
                del self._open[number]
                self._finish()

    def _finish(self) -> None:
        self._done += 1
        self._advance(self._done, self._known)
