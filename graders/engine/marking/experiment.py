"""Carries out a section's closing experiment: the learner's pieces in a worker, the scoring in the trusted process."""

import math
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from graders.engine.authoring import shaking
from graders.engine.authoring.closing import Checkpoint, Criterion
from graders.engine.authoring.dependence import Dependence
from graders.engine.authoring.material import Material
from graders.engine.comparing.judging import is_of_stub
from graders.engine.results import CheckpointResult, Measured
from graders.engine.setting.paper import Paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.running import Answers, Point
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values import codec
from graders.engine.worker.observing import seed_generators

_SPARE_STEPS = 3  # times as many points as announced are taken, then the worker is not what we sent
_MAX_CURVES, _MAX_NAME = 8, 60  # curves that are taken down, and characters of the name of one
_MAX_VALUE = 1e100  # of a point: of what is larger, differences may be infinite


class Outcome(msgspec.Struct):
    """What an experiment came to, and the evidence for those who want to look at it; None where there is none."""

    result: CheckpointResult
    evidence: Any = None


def carry_out(
    material: Material,
    paper: Paper,
    submission: Submission,
    forkserver: Forkserver,
    *,
    not_right: Collection[str],
    seconds: float | None = None,
    point: Point = lambda name, value: None,
) -> Outcome:
    """Runs the checkpoint of a section with a submission, and scores it.

    Args:
        material, paper: the section; the paper's seed is the experiment's.
        submission: the learner's file.
        forkserver: where workers come from.
        not_right: the exercises that do not pass their checks. One that is needed is named if nothing is reached.
        seconds: wall-clock limit, where it is not the checkpoint's own.
        point: called with each value that the experiment yields, and the name of its curve.
    """
    checkpoint = material.checkpoint
    started = time.monotonic()
    seed_generators(paper.seed)
    given, kept = checkpoint.data(paper.seed)
    inputs = codec.encode(given)
    run = _Run(checkpoint, point)
    order = msgspec.structs.replace(paper.cover.order(submission.cells), probes=material.experiment)
    forkserver.preload(submission.imports.union(paper.cover.imports, shaking.imports(material.experiment)))
    with Sitting(forkserver, order, _hidden()) as sitting:
        sitting.load()
        answers = sitting.sit(checkpoint.name, [inputs], paper.seed, seconds or checkpoint.seconds, run.take)
    outcome = run.outcome(answers, kept)
    outcome.result = msgspec.structs.replace(
        outcome.result,
        seconds=round(time.monotonic() - started, 3),
        finish_first=None if outcome.result.status == "reached" else _first(material, not_right),
    )
    return outcome


class _Run:
    """An experiment while it runs: its curves, and then what they and the evidence come to."""

    def __init__(self, checkpoint: Checkpoint, point: Point):
        self._checkpoint, self._point = checkpoint, point
        self._curves: dict[str, list[float | None]] = {}
        self._taken = 0

    def take(self, name: str, value: float) -> None:
        """Takes down the next point of a curve, as long as they are not more than an experiment can mean."""
        self._taken += 1
        is_new = name not in self._curves
        if is_new and (len(self._curves) >= _MAX_CURVES or len(name) > _MAX_NAME or not name.isprintable()):
            return
        if self._taken <= _SPARE_STEPS * self._checkpoint.steps:
            self._curves.setdefault(name, []).append(value if abs(value) < _MAX_VALUE else None)
            self._point(name, value)

    def outcome(self, answers: Answers, kept: Any) -> Outcome:
        """What was reached, judging by the evidence alone."""
        result = CheckpointResult(
            name=self._checkpoint.name,
            title=self._checkpoint.title,
            status="not_reached",
            criteria=(),
            curves={name: tuple(values) for name, values in self._curves.items()},
            seconds=0.0,
            output=answers.said,
        )
        if answers.stopped or not answers.seen:
            status = "timed_out" if answers.stopped == "timed_out" else "crashed"
            return Outcome(msgspec.structs.replace(result, status=status, error=answers.reason))
        try:
            evidence = codec.decode(answers.seen[0].observation)
        except codec.CodecError as error:
            return Outcome(msgspec.structs.replace(result, error=f"what came back is not data: {error}"))
        if isinstance(evidence, codec.Raised | codec.Missing):
            return Outcome(msgspec.structs.replace(result, **_ended(evidence)))
        return self._scored(result, evidence, kept)

    def _scored(self, result: CheckpointResult, evidence: Any, kept: Any) -> Outcome:
        try:
            criteria = tuple(map(_measured, self._checkpoint.score(evidence, kept)))
        except Exception as error:  # evidence may be anything
            name = "" if type(error).__name__ == "Unscorable" else f"{type(error).__name__}: "
            words = f"what the experiment returned cannot be scored: {name}{error}"
            return Outcome(msgspec.structs.replace(result, error=words))
        status = "reached" if all(criterion.reached for criterion in criteria) else "not_reached"
        return Outcome(msgspec.structs.replace(result, status=status, criteria=criteria), evidence)


def _ended(evidence: codec.Raised | codec.Missing) -> dict[str, str]:
    """The status and error of an experiment that came to no end of its own."""
    if isinstance(evidence, codec.Missing):
        return {"status": "missing", "error": f"there is no {evidence.name}" + f": {evidence.because}".rstrip(": ")}
    if is_of_stub(evidence):
        return {"status": "not_attempted", "error": f"{evidence.message} is still to be written"}
    return {"status": "raised", "error": "\n".join(filter(None, (evidence.trace, _words(evidence))))}


def _words(raised: codec.Raised) -> str:
    return f"{raised.type}: {raised.message}" if raised.message else raised.type


def _measured(criterion: Criterion) -> Measured:
    return Measured(
        criterion.name,
        _finite(criterion.value),
        _finite(criterion.at_least),
        _finite(criterion.at_most),
        criterion.room >= 0,
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _first(material: Material, not_right: Collection[str]) -> str | None:
    """The first exercise, in the order of study, of those that are not right and that the experiment uses."""
    exercises = material.section.exercises
    used = Dependence(material.reference_source, exercises).of_probe(material.experiment, material.checkpoint.name)
    return next((name for name in exercises if name in used and name in not_right), None)


def _hidden() -> list[Path]:
    """The folders of a library that hold the answers, wherever it is installed: it may be there more than once."""
    places = (Path(entry or ".").resolve() / "sklearn" / "datasets" / "data" for entry in sys.path)
    return [place for place in places if place.is_dir()]
