"""The search for smaller inputs: it finds the smallest, keeps its budget, and finds the same every time."""

from collections.abc import Callable, Sequence
from textwrap import dedent
from typing import Any

import pytest
from conftest import EXAMPLES, NewSection

from graders.engine.authoring.material import Material
from graders.engine.comparing.judging import Failure, Rule
from graders.engine.explaining import search
from graders.engine.explaining import trials as trials_module
from graders.engine.explaining.budget import Budget
from graders.engine.explaining.explanation import Failing
from graders.engine.explaining.search import Search
from graders.engine.explaining.trials import Trials
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.running import Answers
from graders.engine.sitting.sitting import Sitting
from graders.engine.values import codec
from graders.engine.values.messages import Cell, Manner, Order

Found = tuple[Failure | None, "Counting"]
BUDGET = 10_000


class Counting(Sitting):
    """Counts the tasks that are sat."""

    def __init__(self, forkserver: Forkserver, order: Order):
        super().__init__(forkserver, order)
        self.tasks = 0

    def sit(self, probe: str, inputs: Sequence[bytes], seed: int, seconds: float, *more: Any, **named: Any) -> Answers:
        self.tasks += 1
        return super().sit(probe, inputs, seed, seconds, *more, **named)


@pytest.fixture
def smallest(forkserver: Forkserver, new_section: NewSection) -> Callable[..., Found]:
    """Searches for the smallest failure of `source`, where inputs x of `strategy` should come back as they are."""

    def run(source: str, strategy: str = "st.integers()", *, after_paper: bool = True) -> Found:
        grader = f"""
        f = section.exercise("f")
        f.call("probe", "Gives its argument back.", x={strategy})
        """
        material = new_section(grader, "def f(x):\n    return x\n")
        return searched(material, dedent(source), forkserver, after_paper)

    return run


def searched(material: Material, source: str, forkserver: Forkserver, after_paper: bool) -> Found:
    questions = paper(material, 0, EXAMPLES)
    (item,) = questions.items
    cells = (Cell("own.py", source),)
    order = Order("own", cells, material.probes, aliases={}, exercises=("f",), stub="", skip={})
    budget = Budget(BUDGET, 20)
    with Counting(forkserver, order) as sitting, Trials(material, questions, forkserver, budget) as trials:
        answers = sitting.sit(item.name, item.inputs, 0, 20) if after_paper else Answers([])
        failure = Failure("failed", b"", b"", None, "")
        case = Failing(item, answers, failure, Rule(None, False))
        found = Search(material, questions, case, sitting, trials, budget).smallest()
    return found, sitting


def inputs(failure: Failure | None) -> dict[str, Any]:
    assert failure is not None
    decoded = codec.decode(failure.inputs)
    assert isinstance(decoded, dict)
    return decoded


@pytest.mark.parametrize(
    ("wrong", "strategy", "expected"),
    [
        ("x > 6", "st.integers(0, 1000)", 7),
        ("x < -6", "st.integers(-1000, 1000)", -7),
        ("True", "st.integers()", 0),
        ("len(x) > 2", "st.lists(st.integers(0, 9), max_size=9)", [0, 0, 0]),
        ("4 in x", "st.lists(st.integers(0, 9), max_size=9)", [4]),
        ("'b' in x", "st.text('abc', max_size=9)", "b"),
    ],
)
def test_the_smallest_inputs_are_found(
    smallest: Callable[..., Found], wrong: str, strategy: str, expected: object
) -> None:
    failure, _ = smallest(f"def f(x): return 'wrong' if {wrong} else x", strategy)
    assert inputs(failure) == {"x": expected}
    assert failure is not None
    assert codec.decode(failure.expected) == expected
    assert failure.seen is not None
    assert codec.decode(failure.seen.observation) == "wrong"


def test_an_exception_is_a_failure_like_any_other(smallest: Callable[..., Found]) -> None:
    failure, _ = smallest("def f(x):\n    assert x < 10\n    return x", "st.integers(0, 100)")
    assert inputs(failure) == {"x": 10}


def test_the_search_is_the_same_every_time(smallest: Callable[..., Found]) -> None:
    source = "def f(x): return sum(x) if sum(x) % 7 > 4 else x"
    first, second = (smallest(source, "st.lists(st.integers(0, 99), max_size=9)") for _ in range(2))
    assert first[0] == second[0]
    assert first[1].tasks == second[1].tasks


def test_the_budget_of_attempts_is_kept(smallest: Callable[..., Found], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_MAX_ATTEMPTS", 5)
    failure, sitting = smallest(
        "def f(x): return 'wrong' if sum(x) > 9 else x", "st.lists(st.integers(0, 99), min_size=5)"
    )
    assert sitting.tasks == 1 + 5
    assert sum(inputs(failure)["x"]) > 9


def test_once_the_budget_is_used_up_nothing_is_tried(
    smallest: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "BUDGET", 0)
    failure, sitting = smallest("def f(x): return 'wrong' if x > 6 else x", "st.integers(0, 1000)")
    assert inputs(failure)["x"] > 6  # known from the paper
    assert sitting.tasks == 1


def test_a_reference_that_loops_on_other_inputs_shows_nothing_there(
    new_section: NewSection, forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_module, "_MANNER", Manner(processor=0.2))
    grader = """
    f = section.exercise("f")
    f.call("probe", "Gives its argument back.", x=st.integers(0, 9))
    """
    questions = paper(new_section(grader, "def f(x):\n    return x\n"), 0, EXAMPLES)
    questions.sealed()
    material = new_section(grader, "def f(x):\n    while x < 3: pass\n    return x\n")
    with Trials(material, questions, forkserver, Budget(100, 20)) as trials:
        shown = [trials.shown("probe", [codec.encode({"x": x})]) for x in (1, 5)]
    assert shown[0] is None
    assert [codec.decode(seen.observation) for seen in shown[1] or []] == [5]


def test_a_submission_that_dies_is_soon_left_in_peace(smallest: Callable[..., Found]) -> None:
    failure, sitting = smallest("import os\ndef f(x): os._exit(1)", after_paper=False)
    assert failure is None
    assert sitting.tasks == 3


def test_other_troubles_on_the_way_are_passed_over(smallest: Callable[..., Found]) -> None:
    source = "import os\ndef f(x):\n    if x == 7: os._exit(1)\n    return 'wrong' if x > 6 else x"
    failure, _ = smallest(source, "st.integers(0, 1000).filter(lambda x: x not in range(8, 20))", after_paper=True)
    assert inputs(failure) == {"x": 20}


def test_nothing_is_found_where_nothing_is_wrong(smallest: Callable[..., Found]) -> None:
    failure, sitting = smallest("def f(x): return x", "st.integers(0, 5)")
    assert failure is None
    assert sitting.tasks == 1  # all had been answered
