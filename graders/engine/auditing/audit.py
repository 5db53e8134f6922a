"""Grades the grader: are its verdicts right on answers of which the verdict is known?

The reference and the alternative solutions must get full marks, the untouched stub none. Every exercise must be
solvable in order, with the later ones still stubs. Every mistake must fail its exercise and be named for itself. And
small changes of the reference (mutants) must be noticed: what survives is either a gap in the checks or an equivalent,
which is listed with its reason in `tests/equivalents/<section>.toml`.
"""

import os
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple, cast

from graders.engine.authoring.material import Material, find
from graders.engine.authoring.section import Mistake
from graders.engine.authoring.stubs import stub
from graders.engine.course import Course
from graders.engine.marking.experiment import carry_out
from graders.engine.marking.marking import mark, notices
from graders.engine.mutating.mutants import mutants
from graders.engine.results import CheckpointResult, Measured, SectionResult
from graders.engine.setting.paper import Paper, paper
from graders.engine.sitting.sitting import Forkserver
from graders.engine.sitting.submission import Submission, read
from graders.engine.values import codec
from graders.engine.values.messages import Cell

SEEDS = (0, 1, 2)
EXAMPLES = 100
MANY_EXAMPLES = 1000
KILL_RATE = 0.97
_WRONG_PIECES = 2  # at least, with which a checkpoint must not be reached
_MUTANT_SECONDS = 2.0  # for a check; the reference takes milliseconds, and many mutants loop for ever

Say = Callable[[str], None]


def audit(course: Course, sections: Sequence[str], say: Say) -> bool:
    """Audits sections and says what was found, line by line. Whether all of it is as it should be."""
    found = [_Audit(find(course, name), say).holds() for name in sections]
    return all(found)


class Job(NamedTuple):
    """A submission to grade, in one of the processes that grade side by side."""

    source: Submission
    paper: int = 0  # which of the papers
    only: str | None = None  # the exercise to grade; None is all
    first: str | None = None  # the exercise to begin with, where only the first failure matters
    is_checkpoint: bool = False  # carry out the closing experiment with it


class _Audit:
    """The audit of one section."""

    def __init__(self, material: Material, say: Say):
        self._material, self._say = material, say
        # The last one is large. All are set here, before the processes are forked that share them.
        self._papers = [paper(material, seed, EXAMPLES) for seed in SEEDS]
        self._papers.append(paper(material, SEEDS[0], MANY_EXAMPLES))
        self._forkserver: Forkserver | None = None

    def holds(self) -> bool:
        """Runs every part, also after one has found something."""
        started = time.monotonic()
        self._say(f"{self._material.name}: {len(self._paper.items)} checks of {len(self._exercises)} exercises")
        parts = (self._reference, self._stub, self._in_order, self._judges, self._alternatives, self._mistakes)
        with ProcessPoolExecutor(os.cpu_count(), get_context("fork"), _inherit, (self,)) as self._pool:
            found = [part() for part in (*parts, self._checkpoint, self._mutants)]
        self._say(f"  {'holds' if all(found) else 'DOES NOT HOLD'} ({time.monotonic() - started:.0f} s)")
        return all(found)

    @property
    def _paper(self) -> Paper:
        return self._papers[0]

    @property
    def _exercises(self) -> tuple[str, ...]:
        return self._material.section.exercises

    def _line(self, what: str, troubles: Sequence[str]) -> bool:
        self._say(f"  {what}: {'as it should be' if not troubles else f'{len(troubles)} not as they should be'}")
        for trouble in troubles:
            self._say("    " + trouble.replace("\n", "\n    "))
        return not troubles

    def grade(self, job: Job) -> SectionResult | CheckpointResult | bool:
        """Does a job, in one of the processes: the result, or whether anything failed where only that matters."""
        if self._forkserver is None:
            self._forkserver = Forkserver()  # ends with its process
        questions = self._papers[job.paper]
        if job.is_checkpoint:
            return carry_out(self._material, questions, job.source, self._forkserver, not_right=()).result
        if job.first is None:
            only = None if job.only is None else [job.only]
            return mark(self._material, questions, job.source, self._forkserver, only=only)
        items = sorted(questions.items, key=lambda item: item.exercise != job.first)
        return notices(self._material, questions, job.source, self._forkserver, items, _MUTANT_SECONDS)

    def _graded(self, jobs: Iterable[Job]) -> Iterator[SectionResult]:
        return cast(Iterator[SectionResult], self._pool.map(_do_inherited, jobs))

    def _reference(self) -> bool:
        text = self._text(self._material.reference_source)
        troubles = self._full_marks([Job(text, number) for number in range(len(self._papers))])
        what = f"reference, full marks at {len(SEEDS)} seeds and with {MANY_EXAMPLES} examples"
        return self._line(what, troubles)

    def _alternatives(self) -> bool:
        folder = self._material.course.root / "tests" / "alternatives"
        files = sorted(folder.glob(f"{self._material.name}_*.py"))
        troubles = self._full_marks([Job(read(file), number) for file in files for number in range(len(SEEDS))])
        return self._line(f"{len(files)} alternative solutions, full marks at {len(SEEDS)} seeds", troubles)

    def _full_marks(self, jobs: Sequence[Job]) -> list[str]:
        return [
            f"{job.source.file}, seed {self._papers[job.paper].seed}: {_lost(result)}"
            for job, result in zip(jobs, self._graded(jobs), strict=True)
            if result.score != result.points
        ]

    def _stub(self) -> bool:
        (result,) = self._graded([Job(self._text(self._material.untouched))])
        troubles = [
            f"{exercise.name} is {exercise.status}"
            for exercise in result.exercises
            if any(check.status != "not_attempted" for check in exercise.checks)
        ]
        troubles += [f"line {warning.line}: {warning.message}" for warning in result.warnings]
        return self._line("untouched stub, no marks and nothing attempted", troubles)

    def _in_order(self) -> bool:
        """Each exercise gets full marks while all later ones are stubs."""
        jobs = [
            Job(self._text(stub(self._material.reference_source, self._exercises[position + 1 :])), only=name)
            for position, name in enumerate(self._exercises)
        ]
        troubles = [_lost(result) for result in self._graded(jobs) if result.score != result.points]
        return self._line("every exercise can be solved before the later ones", troubles)

    def _judges(self) -> bool:
        """The equality of bytes is looked at first, so nothing else would show that a judge accepts the reference."""
        troubles = []
        for item in self._paper.items:
            judge = self._material.section.checks[item.name].judge
            for inputs, expected in zip(item.inputs, item.expected, strict=True) if judge else ():
                value, arguments = codec.decode(expected), codec.decode(inputs)
                assert judge is not None
                assert isinstance(arguments, dict)
                if not isinstance(value, codec.Raised) and judge(value, value, arguments) is not None:
                    troubles.append(f"{item.name}: {judge(value, value, arguments)}")
                    break
        return self._line("judges accept the reference", troubles)

    def _mistakes(self) -> bool:
        mistakes = self._material.section.mistakes
        jobs = [Job(self._text(self._material.mistaken_source(each)), only=each.exercise) for each in mistakes]
        results = zip(mistakes, self._graded(jobs), strict=True)
        troubles = [trouble for mistake, result in results if (trouble := _unnoticed(mistake, result))]
        return self._line(f"{len(mistakes)} mistakes, each fails its exercise and is named for itself", troubles)

    def _checkpoint(self) -> bool:
        """The reference reaches it, with more room than the seeds differ by; no mistake does, and there are two."""
        if not self._material.checkpoint_file.exists():
            return True
        mistakes = self._material.checkpoint.mistakes
        right = self._text(self._material.reference_source)
        wrong = [self._text(self._material.mistaken_source(mistake)) for mistake in mistakes]
        jobs = [Job(right, number, is_checkpoint=True) for number in range(len(SEEDS))]
        jobs += [Job(source, is_checkpoint=True) for source in wrong]
        results = cast(list[CheckpointResult], list(self._pool.map(_do_inherited, jobs)))
        reached, failed = results[: len(SEEDS)], results[len(SEEDS) :]
        troubles = [
            f"with the reference it ends as {each.status}: {each.error}" for each in reached if not each.criteria
        ]
        troubles += [] if troubles else [words for runs in zip(*(each.criteria for each in reached), strict=True)
                                         if (words := _too_near(runs))]  # fmt: skip
        troubles += [
            f"{mistake.exercise}: it is reached with: {mistake.text}"
            for mistake, result in zip(mistakes, failed, strict=True)
            if result.status == "reached"
        ]
        if len(mistakes) < _WRONG_PIECES:
            troubles.append(f"it is tried with {len(mistakes)} wrong pieces, not {_WRONG_PIECES}")
        slowest = max(result.seconds for result in reached)
        what = f"checkpoint, reached at {len(SEEDS)} seeds (in {slowest:.0f} s), not with {len(mistakes)} wrong pieces"
        return self._line(what, troubles)

    def _mutants(self) -> bool:
        found = mutants(self._material.reference_source, self._exercises)
        jobs = [Job(self._text(mutant.source), first=mutant.exercise) for mutant in found]
        killed = cast(list[bool], list(self._pool.map(_do_inherited, jobs)))
        survivors = [mutant for mutant, noticed in zip(found, killed, strict=True) if not noticed]
        equivalent = self._equivalents()
        unlisted = [mutant for mutant in survivors if (mutant.exercise, _lines(mutant.diff)) not in equivalent]
        stale = equivalent.keys() - {(mutant.exercise, _lines(mutant.diff)) for mutant in survivors}
        rate = sum(killed) / len(found)
        troubles = [f"{mutant.exercise}, line {mutant.line}, {mutant.operator}\n{mutant.diff}" for mutant in unlisted]
        troubles += [
            f"{exercise} is listed as equivalent and is not a survivor\n{diff}" for exercise, diff in sorted(stale)
        ]
        if rate < KILL_RATE:
            troubles.append(f"fewer than {KILL_RATE:.0%} of the mutants are killed")
        listed = len(survivors) - len(unlisted)
        what = f"mutants, {sum(killed)} of {len(found)} killed ({rate:.1%}), {listed} survivors explained"
        return self._line(what, troubles)

    def _equivalents(self) -> dict[tuple[str, str], str]:
        path = self._material.course.root / "tests" / "equivalents" / f"{self._material.name}.toml"
        if not path.exists():
            return {}
        entries = tomllib.loads(path.read_text("utf-8")).get("equivalent", [])
        return {(entry["exercise"], _lines(entry["diff"])): entry["reason"] for entry in entries}

    def _text(self, source: str) -> Submission:
        return Submission(f"{self._material.name}.py", (Cell(f"{self._material.name}.py", source),))


def _lost(result: SectionResult) -> str:
    """Which checks of a result did not pass, and why."""
    checks = [(exercise.name, check) for exercise in result.exercises for check in exercise.checks]
    lost = [(name, check) for name, check in checks if check.status != "passed"]
    shown = [
        f"{name}: {check.title} {check.status}: "
        f"{check.error or (check.counterexample and check.counterexample.difference)}"
        for name, check in lost
    ]
    return "\n".join(shown)


def _unnoticed(mistake: Mistake, result: SectionResult) -> str | None:
    checks = [check for exercise in result.exercises for check in exercise.checks]
    if all(check.status == "passed" for check in checks):
        return f"{mistake.exercise} passes with: {mistake.text}"
    if not any(check.mistake == mistake.text for check in checks):
        named = {check.mistake for check in checks if check.mistake} or "nothing"
        return f"{mistake.exercise} is taken for {named}, and is: {mistake.text}"
    return None


def _too_near(runs: Sequence[Measured]) -> str | None:
    """What is wrong with a criterion at several seeds: a bound that is not kept, or nearer than they differ."""
    values = [run.value for run in runs if run.value is not None]
    spread = max(values, default=0.0) - min(values, default=0.0)
    bounds = (runs[0].at_least, runs[0].at_most)
    distances = [abs(value - bound) for value in values for bound in bounds if bound is not None]
    if all(run.reached for run in runs) and min(distances) >= spread:
        return None
    return f"{runs[0].name} came to {', '.join(map(str, values))} with bounds {bounds}"


def _lines(diff: str) -> str:
    """A diff without its indentation, to be compared."""
    return "\n".join(line[:1] + line[1:].strip() for line in diff.strip().splitlines())


def _inherit(section: _Audit) -> None:
    global _inherited
    _inherited = section


def _do_inherited(job: Job) -> SectionResult | CheckpointResult | bool:
    return _inherited.grade(job)


_inherited: _Audit
