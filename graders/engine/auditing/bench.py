"""Where the audit has answers graded: in processes side by side, each with a forkserver of its own."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self, cast

from graders.engine.authoring.material import Material
from graders.engine.marking.experiment import carry_out
from graders.engine.marking.marking import mark, notices
from graders.engine.processes import side_by_side
from graders.engine.results import CheckpointResult, SectionResult
from graders.engine.setting.paper import Paper
from graders.engine.sitting import scratch
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values.messages import Cell, Manner

_MUTANT_SECONDS = 2.0  # for a check; the reference takes milliseconds, and many mutants loop for ever
LONG_SECONDS = 1.0  # of a core, that one example of a check may take with a mistake


class Job(NamedTuple):
    """A submission to grade."""

    source: Submission
    paper: int = 0  # which of the papers
    only: Sequence[str] | None = None  # the exercises to grade; None is all
    places: bool = False  # look for the lines of faults


class Chase(NamedTuple):
    """A mutant to catch."""

    source: Submission
    exercise: str
    order: tuple[str, ...]  # the checks to begin with: those that caught others of the exercise


class Watch(NamedTuple):
    """A check to be timed with a mistake, example by example."""

    source: Submission
    check: str


Work = Job | Chase | Watch | Submission  # the last: the closing experiment is carried out with it


class Bench:
    """Does the audit's jobs for one section.

    Args:
        material: the section.
        papers: whose examples are set already, so that the processes share them.
    """

    def __init__(self, material: Material, papers: Sequence[Paper]):
        self._material, self._papers = material, papers
        self._forkserver: Forkserver | None = None

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._done = self._stack.enter_context(side_by_side(self._do))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if error:
            scratch.clear_left_behind()  # by processes that were ended in the middle of a job

    def graded(self, jobs: Iterable[Job]) -> Iterator[SectionResult]:
        """The results of whole submissions."""
        return cast(Iterator[SectionResult], self._done(jobs))

    def caught(self, chases: Iterable[Chase]) -> Iterator[str | None]:
        """For each mutant the check that caught it, if one did."""
        return cast(Iterator[str | None], self._done(chases))

    def is_long(self, watches: Iterable[Watch]) -> Iterator[bool]:
        """Whether any example of the check takes too long with the mistake."""
        return cast(Iterator[bool], self._done(watches))

    def closed(self, sources: Iterable[tuple[Submission, int]]) -> Iterator[CheckpointResult]:
        """The results of closing experiments, each with the paper of a seed."""
        return cast(Iterator[CheckpointResult], self._done(sources))

    def _do(self, work: object) -> object:
        """Does one job, in one of the processes."""
        if self._forkserver is None:
            self._forkserver = Forkserver(self._material.course.secrets)  # ends with its process
        match work:
            case Job(source, number, only, places):
                papers, forkserver = self._papers, self._forkserver
                return mark(
                    self._material,
                    papers[number],
                    source,
                    forkserver,
                    only=only,
                    places=places,
                    side_by_side=not places,
                )
            case Chase():
                return self._caught(work, self._forkserver)
            case Watch():
                return self._is_long(work, self._forkserver)
            case (Submission() as source, int(number)):
                return carry_out(self._material, self._papers[number], source, self._forkserver, not_right=()).result
        raise AssertionError(work)

    def _caught(self, chase: Chase, forkserver: Forkserver) -> str | None:
        paper = self._papers[0]
        places = {name: place for place, name in enumerate(chase.order)}
        questions = sorted(
            paper.questions,
            key=lambda each: (each.exercise != chase.exercise, places.get(each.name, len(places))),
        )
        return notices(self._material, paper, chase.source, forkserver, paper.some(questions), _MUTANT_SECONDS)

    def _is_long(self, watch: Watch, forkserver: Forkserver) -> bool:
        paper = self._papers[0]
        (item,) = paper.some(question for question in paper.questions if question.name == watch.check)
        with Sitting(forkserver, paper.cover.order(watch.source.cells)) as sitting:
            for inputs in item.inputs:
                seconds = 5 * LONG_SECONDS
                if sitting.sit(item.name, [inputs], paper.seed, seconds, manner=Manner(processor=LONG_SECONDS)).stopped:
                    return True
        return False


def submission(material: Material, source: str) -> Submission:
    """A text as a submission to the section."""
    return Submission(f"{material.name}.py", (Cell(f"{material.name}.py", source),))
