"""Grades the grader: are its verdicts right on answers of which the verdict is known?

The reference and the alternative solutions must get full marks, the untouched stub none. Every exercise must be
solvable in order, with the later ones still stubs. Every mistake must fail its exercise and be named for itself. And
small changes of the reference (mutants) must be noticed: what survives is either a gap in the checks or an equivalent,
which is listed with its reason in `tests/equivalents/<section>.toml`.
"""

import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from graders.engine.auditing import record
from graders.engine.auditing.bench import LONG_SECONDS, Bench, Chase, Job, Watch, submission
from graders.engine.auditing.places import measured
from graders.engine.authoring.dependence import Dependence
from graders.engine.authoring.material import Material, find
from graders.engine.authoring.outline import agree, outline
from graders.engine.authoring.section import Mistake
from graders.engine.authoring.stubs import stub
from graders.engine.course import Course, nearest
from graders.engine.errors import UsageError
from graders.engine.mutating.mutants import Mutant, mutants
from graders.engine.results import CheckResult, Measured, SectionResult
from graders.engine.setting.papers import paper
from graders.engine.sitting.submission import read
from graders.engine.values import codec

SEEDS = (0, 1, 2)
EXAMPLES = 100
MANY_EXAMPLES = 400
KILL_RATE = 0.97
_MUTANTS_PER_MISTAKE = 2  # in a sample
_WRONG_PIECES = 2  # at least, with which a checkpoint must not be reached
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")

Say = Callable[[str], None]


def audit(
    course: Course, asked: Mapping[str, Sequence[str] | None], say: Say, *, sample: int | None = None, places: int = 0
) -> bool:
    """Audits sections and says what was found, line by line. Whether all of it is as it should be.

    Args:
        course: where the sections are.
        asked: exercises by section, None for all of a section's.
        say: takes a line.
        places: grade so many changed alternatives of each section, and say how often the line of the fault is right.
        sample: of sections that have not changed since their whole audit held, as `record` knows it, try only so many
            mutants, a few of the mistakes, and everything else at one seed.

    Raises:
        UsageError: there is no such exercise.
    """
    found = []
    for name, exercises in asked.items():
        section = _Audit(find(course, name), exercises, say, sample)
        if places:
            section.measure_places(places)
        else:
            found.append(section.holds())
    return all(found)


class _Audit:
    """The audit of one section, or of some of its exercises."""

    def __init__(self, material: Material, only: Sequence[str] | None, say: Say, sample: int | None):
        self._material, self._only, self._say = material, only, say
        self._sample = sample if sample and record.holds(material) else None
        self._all_exercises = outline(material.grader_source).exercises
        if unknown := [name for name in only or () if name not in self._all_exercises]:
            near = nearest(unknown[0], self._all_exercises)
            raise UsageError(f"{material.name} has no exercise {unknown[0]!r}{near}")
        self._exercises = tuple(name for name in self._all_exercises if only is None or name in only)
        self._seeds = SEEDS[:1] if self._sample else SEEDS
        self._papers = [paper(material, seed, EXAMPLES) for seed in self._seeds]
        self._papers += [] if self._sample else [paper(material, SEEDS[0], MANY_EXAMPLES)]
        self._questions = [each for each in self._papers[0].questions if each.exercise in self._exercises]

    def measure_places(self, most: int) -> None:
        """Says how often the place of a fault is right, and nothing else."""
        self._say(f"{self._material.name}: the place of a fault, in changed alternatives")
        self._papers[0].some(self._questions)
        measured(self._material, self._papers[:1], self._exercises, most, self._say)

    def holds(self) -> bool:
        """Runs every part, also after one has found something."""
        started = time.monotonic()
        self._say(f"{self._material.name}: {len(self._questions)} checks of {len(self._exercises)} exercises")
        agree(outline(self._material.grader_source), self._material.section)
        for each in self._papers:  # before the processes are forked that share them
            each.some(self._questions if each is not self._papers[0] or self._only else each.questions)
        self._say(f"  papers set ({time.monotonic() - started:.0f} s)")
        parts = [
            self._reference,
            self._stub,
            self._in_order,
            self._alone,
            self._judges,
            self._alternatives,
            self._mistakes,
        ]
        parts += [] if self._only else [self._checkpoint]
        with Bench(self._material, self._papers) as self._bench:
            found = [part() for part in (*parts, self._mutants)]
        whole = all(found)
        if whole and not self._only and self._sample is None:
            record.write(self._material)
        self._say(f"  {'holds' if whole else 'DOES NOT HOLD'} ({time.monotonic() - started:.0f} s)")
        return whole

    def _line(self, what: str, troubles: Sequence[str], started: float) -> bool:
        verdict = "as it should be" if not troubles else f"{len(troubles)} not as they should be"
        self._say(f"  {what}: {verdict} ({time.monotonic() - started:.0f} s)")
        for trouble in troubles:
            self._say("    " + trouble.replace("\n", "\n    "))
        return not troubles

    def _reference(self) -> bool:
        started = time.monotonic()
        text = submission(self._material, self._material.reference_source)
        troubles = self._full_marks([Job(text, number, self._only) for number in range(len(self._papers))])
        many = "" if self._sample else f" and with {MANY_EXAMPLES} examples"
        return self._line(f"reference, full marks at {_count(len(self._seeds), 'seed')}{many}", troubles, started)

    def _alternatives(self) -> bool:
        started = time.monotonic()
        files = record.alternatives(self._material)
        jobs = [Job(read(file), number, self._only) for file in files for number in range(len(self._seeds))]
        troubles = self._full_marks(jobs)
        seeds = _count(len(self._seeds), "seed")
        return self._line(f"{len(files)} alternative solutions, full marks at {seeds}", troubles, started)

    def _full_marks(self, jobs: Sequence[Job]) -> list[str]:
        return [
            f"{job.source.file}, seed {self._papers[job.paper].seed}: {_lost(result)}"
            for job, result in zip(jobs, self._bench.graded(jobs), strict=True)
            if any(check.status != "passed" and not (check.extra and _is_arena(job)) for check in _checks(result))
        ]

    def _stub(self) -> bool:
        """Loaded like an edited file: a line that does nothing is added to it."""
        started = time.monotonic()
        text = submission(self._material, self._material.untouched + "\nedited = True\n")
        (result,) = self._bench.graded([Job(text, 0, self._only)])
        troubles = [
            f"{exercise.name} is {exercise.status}"
            for exercise in result.exercises
            if any(check.status != "not_attempted" for check in exercise.checks)
        ]
        troubles += [f"line {warning.line}: {warning.message}" for warning in result.warnings]
        return self._line("untouched stub, no marks and nothing attempted", troubles, started)

    def _in_order(self) -> bool:
        """Each exercise gets full marks while all later ones are stubs."""
        started = time.monotonic()
        source, names = self._material.reference_source, self._all_exercises
        jobs = [
            Job(submission(self._material, stub(source, names[position + 1 :])), only=[name])
            for position, name in enumerate(names)
            if name in self._exercises
        ]
        troubles = [_lost(result) for result in self._bench.graded(jobs) if result.score != result.points]
        return self._line("every exercise can be solved before the later ones", troubles, started)

    def _alone(self) -> bool:
        """Each exercise in a file that holds nothing else: it is graded, or told which exercises it waits for."""
        started = time.monotonic()
        uses = Dependence(self._material.reference_source, self._all_exercises)
        texts = [submission(self._material, uses.alone(name)) for name in self._exercises]
        results = self._bench.graded(Job(text, only=[name]) for text, name in zip(texts, self._exercises, strict=True))
        troubles, waiting = [], []
        for result in results:
            core = [check for check in _checks(result) if not check.extra and check.status != "passed"]
            if odd := [check for check in core if check.status not in ("blocked", "missing")]:
                troubles.append(f"{result.exercises[0].name}: {odd[0].title} {odd[0].status}: {odd[0].error}")
            elif core:
                waiting.append(f"{result.exercises[0].name} {core[0].error}")
        what = f"exercises alone in a file, {len(texts) - len(waiting) - len(troubles)} of {len(texts)} are graded"
        holds = self._line(what, troubles, started)
        for words in waiting:
            self._say(f"    {words}")
        return holds

    def _judges(self) -> bool:
        """The equality of bytes is looked at first, so nothing else would show that a judge accepts the reference."""
        started = time.monotonic()
        troubles = []
        for item in self._papers[0].some(self._questions):
            judge = self._material.section.checks[item.name].judge
            for inputs, expected in zip(item.inputs, item.expected, strict=True) if judge else ():
                value, arguments = codec.decode(expected), codec.decode(inputs)
                assert judge is not None
                assert isinstance(arguments, dict)
                if not isinstance(value, codec.Raised) and judge(value, value, arguments) is not None:
                    troubles.append(f"{item.name}: {judge(value, value, arguments)}")
                    break
        return self._line("judges accept the reference", troubles, started)

    def _mistakes(self) -> bool:
        started = time.monotonic()
        every = [each for each in self._material.section.mistakes if each.exercise in self._exercises]
        most = self._sample // _MUTANTS_PER_MISTAKE if self._sample else len(every)
        mistakes = record.sample(every, most, lambda each: f"{each.exercise}\n{each.text}")
        of = f" of {len(every)} as a sample" if len(mistakes) < len(every) else ""
        sources = [submission(self._material, self._material.mistaken_source(each)) for each in mistakes]
        jobs = [Job(source, only=[each.exercise]) for source, each in zip(sources, mistakes, strict=True)]
        results = list(self._bench.graded(jobs))
        found = zip(mistakes, results, strict=True)
        troubles = [trouble for mistake, result in found if (trouble := _unnoticed(mistake, result))]
        what = f"{len(mistakes)} mistakes{of}, each fails its exercise and is named first"
        holds = self._line(what, troubles, started)
        self._shown(results)
        slow = [
            (mistake, Watch(source, check.name))
            for mistake, source, result in zip(mistakes, sources, results, strict=True)
            for check in _checks(result)
            if check.seconds > LONG_SECONDS
        ]
        for (mistake, watch), is_long in zip(slow, self._bench.is_long(watch for _, watch in slow), strict=True):
            if is_long:
                self._say(f"    takes more than {LONG_SECONDS:g} s on an example of {watch.check}: {mistake.text}")
        return holds

    def _shown(self, results: Sequence[SectionResult]) -> None:
        """Says how long the calls are that are shown for mistakes."""
        calls = [check.counterexample.call for result in results for check in _checks(result) if check.counterexample]
        if calls:
            lines, numbers = [call.count("\n") + 1 for call in calls], [len(_NUMBER.findall(call)) for call in calls]
            self._say(
                f"    {len(calls)} calls shown: lines {statistics.median(lines):g} (at most {max(lines)}), "
                f"numbers {statistics.median(numbers):g} (at most {max(numbers)})"
            )

    def _checkpoint(self) -> bool:
        """The reference reaches it, with more room than the seeds differ by; no mistake does, and there are two."""
        if not self._material.checkpoint_file.exists():
            return True
        started = time.monotonic()
        every = self._material.checkpoint.mistakes
        mistakes = every[:1] if self._sample else every
        right = submission(self._material, self._material.reference_source)
        wrong = [submission(self._material, self._material.mistaken_source(mistake)) for mistake in mistakes]
        jobs = [*((right, number) for number in range(len(self._seeds))), *((source, 0) for source in wrong)]
        results = list(self._bench.closed(jobs))
        reached, failed = results[: len(self._seeds)], results[len(self._seeds) :]
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
        if len(every) < _WRONG_PIECES:
            troubles.append(f"it is tried with {len(every)} wrong pieces, not {_WRONG_PIECES}")
        slowest, seeds = max(result.seconds for result in reached), _count(len(self._seeds), "seed")
        pieces = _count(len(mistakes), "wrong piece")
        what = f"checkpoint, reached at {seeds} (in {slowest:.0f} s), not with {pieces}"
        return self._line(what, troubles, started)

    def _mutants(self) -> bool:
        started = time.monotonic()
        everything = mutants(self._material.reference_source, self._exercises)
        most = self._sample or len(everything)
        found = record.sample(everything, most, lambda mutant: f"{mutant.exercise}\n{mutant.diff}")
        survivors = list(self._survivors(found))
        reasons = record.explained(self._material)
        unlisted = [mutant for mutant in survivors if _name(mutant) not in reasons]
        stale = (reasons.keys() & set(map(_name, found))) - set(map(_name, survivors))
        if not self._only:
            stale |= reasons.keys() - set(map(_name, everything))
        killed = len(found) - len(survivors)
        troubles = [f"{mutant.exercise}, line {mutant.line}, {mutant.operator}\n{mutant.diff}" for mutant in unlisted]
        troubles += [
            f"{exercise} is listed as equivalent and is not a survivor\n{diff}" for exercise, diff in sorted(stale)
        ]
        if not self._only and not self._sample and killed < KILL_RATE * len(found):
            troubles.append(f"fewer than {KILL_RATE:.0%} of the mutants are killed")
        rate = f" ({killed / len(found):.1%})" if found else ""
        listed = len(survivors) - len(unlisted)
        of = f" of {len(everything)} as a sample" if len(found) < len(everything) else ""
        what = f"mutants, {killed} of {len(found)}{of} killed{rate}, {listed} survivors explained"
        return self._line(what, troubles, started)

    def _survivors(self, found: Sequence[Mutant]) -> Iterator[Mutant]:
        """The mutants that nothing notices. The checks that noticed the first ones of an exercise are tried first."""
        for exercise, group in groupby(found, key=lambda mutant: mutant.exercise):
            caught: Counter[str] = Counter()
            waiting = list(group)
            while waiting:
                batch, waiting = waiting[:_BATCH], waiting[_BATCH:]
                order = tuple(name for name, _ in caught.most_common())
                chases = [Chase(submission(self._material, mutant.source), exercise, order) for mutant in batch]
                for mutant, check in zip(batch, self._bench.caught(chases), strict=True):
                    if check:
                        caught[check] += 1
                    else:
                        yield mutant


_BATCH = 16  # mutants that are tried between two looks at which checks catch them


def _count(amount: int, thing: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{amount} {thing}" if amount == 1 else f"{amount} {thing}s"


def _is_arena(job: Job) -> bool:
    """Whether an answer is in the conventions of an edition of ARENA, whose texts do not ask for what is extra."""
    return "_arena_" in job.source.file


def _name(mutant: Mutant) -> tuple[str, str]:
    return mutant.exercise, record.bare(mutant.diff)


def _checks(result: SectionResult) -> list[CheckResult]:
    return [check for exercise in result.exercises for check in exercise.checks]


def _lost(result: SectionResult) -> str:
    """Which checks of a result did not pass, and why."""
    shown = [
        f"{exercise.name}: {check.title} {check.status}: "
        f"{check.error or (check.counterexample and check.counterexample.difference)}"
        for exercise in result.exercises
        for check in exercise.checks
        if check.status != "passed"
    ]
    return "\n".join(shown)


def _unnoticed(mistake: Mistake, result: SectionResult) -> str | None:
    checks = _checks(result)
    if all(check.status == "passed" for check in checks):
        return f"{mistake.exercise} passes with: {mistake.text}"
    named = next((check.mistake for check in checks if check.mistake), "nothing")
    return None if named == mistake.text else f"{mistake.exercise} is taken for {named!r}, and is: {mistake.text}"


def _too_near(runs: Sequence[Measured]) -> str | None:
    """What is wrong with a criterion at several seeds: a bound that is not kept, or nearer than they differ."""
    values = [run.value for run in runs if run.value is not None]
    spread = max(values, default=0.0) - min(values, default=0.0)
    bounds = (runs[0].at_least, runs[0].at_most)
    distances = [abs(value - bound) for value in values for bound in bounds if bound is not None]
    if all(run.reached for run in runs) and min(distances) >= spread:
        return None
    return f"{runs[0].name} came to {', '.join(map(str, values))} with bounds {bounds}"
