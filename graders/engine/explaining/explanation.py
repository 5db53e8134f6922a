"""What explaining is given and what it gives: a failing check, and what a learner is told about it."""

from dataclasses import dataclass, field

from graders.engine.comparing.judging import Failure, Rule
from graders.engine.results import Counterexample, Status
from graders.engine.setting.paper import Item
from graders.engine.sitting.running import Answers


@dataclass(frozen=True)
class Failing:
    """A check that failed: its examples, what the submission showed, the first failure and how it was judged."""

    item: Item
    answers: Answers
    failure: Failure
    rule: Rule


@dataclass(frozen=True)
class Explanation:
    """What a learner is told about a failing check."""

    status: Status
    counterexample: Counterexample | None = None
    mistakes: tuple[str, ...] = ()  # what it looks like: one, or two that show it only together
    error: str | None = None
    output: str = ""
    waits_for: tuple[str, ...] = field(default=())  # exercises with the reference's version of which it passes
