"""Desks: a few lines of source are loaded in a worker, and a probe that calls its function `f` is run there."""

from collections.abc import Callable
from textwrap import dedent
from typing import Any

from graders.engine.sitting.running import Answers
from graders.engine.sitting.sitting import Sitting
from graders.engine.values import codec
from graders.engine.values.messages import Cell, Order

Start = Callable[[str], Sitting]  # the fixture `start`

PROBES = "def probe(solution, x):\n    return solution.f(x)\n"


def order(source: str) -> Order:
    cells = (Cell("own.py", dedent(source)),)
    return Order(section="own", cells=cells, probes=PROBES, aliases={}, exercises=("f",), stub="", skip={})


def ask(sitting: Sitting, *questions: Any, seconds: float = 20) -> Answers:
    return sitting.sit("probe", [codec.encode({"x": question}) for question in questions], 0, seconds)


def shown(answers: Answers) -> list[Any]:
    return [codec.decode(seen.observation) for seen in answers.seen]


def assert_goes_on(sitting: Sitting) -> None:
    """The next task is done as if nothing had happened."""
    answers = ask(sitting, 1, 2)
    assert (shown(answers), answers.stopped) == ([2, 3], None)
