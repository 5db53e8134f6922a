"""The mark of a check, from before it is sat to the result that is told of it."""

from dataclasses import dataclass, field

import msgspec

from graders.engine.comparing.judging import Failure
from graders.engine.comparing.spelling import steady
from graders.engine.explaining.explanation import Explanation
from graders.engine.results import CheckResult, Counterexample, Place, Status
from graders.engine.setting.paper import Item, Question
from graders.engine.sitting.running import Answers

WRONG: tuple[Status, ...] = ("failed", "raised", "timed_out", "crashed")  # of a check that was sat


@dataclass
class Mark:
    """A check while it is marked."""

    question: Question
    status: Status = "passed"
    seconds: float = 0.0
    item: Item | None = None  # with its examples, where it was sat
    answers: Answers = field(default_factory=lambda: Answers([]))
    failure: Failure | None = None  # the first example that failed
    error: str | None = None  # why there is no verdict of its own
    explanation: Explanation | None = None
    place: Place | None = None


def check_result(mark: Mark, examples: int) -> CheckResult:
    """What is told of a check that was tried on so many `examples`."""
    question, explanation = mark.question, mark.explanation
    mistakes = explanation.mistakes if explanation else ()
    passed = mark.status == "passed"
    return CheckResult(
        name=question.name,
        title=question.title,
        status=mark.status,
        score=question.points if passed else 0.0,
        points=question.points,
        examples=len(mark.item.inputs) if mark.item else 0,
        seconds=round(mark.seconds, 3),
        counterexample=_steady_case(explanation.counterexample) if explanation else None,
        mistake=mistakes[0] if mistakes else None,
        other_mistake=mistakes[1] if mistakes[1:] else None,
        place=mark.place,
        error=steady((explanation.error if explanation else None) or mark.error or "") or None,
        output=steady(explanation.output if explanation else mark.answers.said),
        extra=question.extra,
    )


def _steady_case(case: Counterexample | None) -> Counterexample | None:
    if case is None:
        return None
    words = {name: steady(getattr(case, name)) for name in ("expected", "actual", "difference")}
    return msgspec.structs.replace(case, **words)
