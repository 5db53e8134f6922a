"""The call that shows a failure: Python that can be pasted below the learner's code, and does what the probe does."""

import sys
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graders.engine.authoring.shaking import probes
from graders.engine.explaining.calls import Call, call
from graders.engine.values import codec

GRADER = '''
import copy
from math import pi
from typing import NamedTuple
import numpy as np
import torch

from graders.engine import Section

section = Section("answer", title="Adding")

class Pair(NamedTuple):
    large: np.ndarray
    small: np.ndarray

class Odd(NamedTuple):
    add: int
    x: int

SCALE = 3

add = section.exercise("add")
add.call("called", "Called with arguments drawn one by one.", x=None, y=None)
add.call("at_once", "Called with arguments drawn all at once.", case=None)

def scaled(value):
    return value * SCALE

def through(solution, x):
    return solution.add(x, solution.OFFSET)

def plain(solution, x, y):
    """Plain."""
    return solution.add(x, y)

def fields(solution, pair):
    """Fields."""
    return solution.add(pair.large, pair.small)

def whole(solution, pair):
    """The pair is used as a whole."""
    return solution.add(pair, (pair.large,))

def unpacked(solution, pair):
    """The pair is taken apart."""
    large, small = pair
    return solution.add(large, small)

def statements(solution, x, y):
    """Several statements."""
    total = solution.add(x, y)
    for _ in range(2):
        total = solution.add(total, x)
    return total

def twice(solution, x, y):
    """An input that is used twice."""
    return solution.add(x, x) + y

def helper(solution, x, y):
    """A helper without the solution."""
    return solution.add(scaled(x), y)

def handed_on(solution, x, y):
    """A helper with the solution."""
    return [through(solution, x), y]

def setting(solution, x, y):
    """Sets a name of the solution."""
    solution.OFFSET = x
    return solution.offset() + y

def operators(solution, x, y):
    """Inputs as operands."""
    return [solution.add(x**2, 1), -y.real]

def power(solution, x, y):
    """An input as exponent."""
    return solution.add(2**x, y - -1)

def replaced(solution, pair):
    """A method of a named tuple."""
    return tuple(pair._replace(large=solution.add(pair.large, 1)))

def nested(solution, items):
    """Named tuples inside other inputs."""
    return solution.add(items[0].large, items[1]["pair"].small)

def clashing(solution, add, y):
    """An input that is called like the function."""
    return solution.add(add, y)

def clashing_fields(solution, pair):
    """A field that is called like the function."""
    return solution.add(pair.add, pair.x)

def shadowing(solution, x, y):
    """A variable that is called like the function."""
    add = solution.add(x, y)
    return add, solution.add(y, x)

def imported(solution, x, y):
    """Something that the grader file imports."""
    return copy.copy(solution.add(x, y)), pi

def pairing(solution, x, y):
    """Makes a pair of its own."""
    return list(solution.add(Pair(x, y), (1,)))

def nothing(solution):
    """No inputs."""
    return solution.add(1, 2)

def comprehension(solution, x, y):
    """A variable that is called like an input."""
    return [solution.add(x, y) for x in range(3)] + [x]

def starred(solution, pair):
    """A pair that is used by its parts and as all of them."""
    return solution.add(*pair) + pair.small

def stars_and_whole(solution, pair):
    """A pair that is used as a whole too."""
    return solution.add(*pair), list(pair)

def long_body(solution, x, y):
    """Many statements."""
    total = solution.add(x, y)
    total = solution.add(total, 2)
    total = solution.add(total, 3)
    total = solution.add(total, 4)
    total = solution.add(total, 5)
    total = solution.add(total, 6)
    return total

def within(solution, x, y):
    """Returns from inside a block that is left again."""
    with np.errstate(all="ignore"):
        return solution.add(x, y)

def attribute(solution, x, y):
    """A name of the solution inside one of its own."""
    return solution.Box(solution.add(x, y)).value
'''
ANSWER = """
import numpy as np
import torch
OFFSET = 1
def add(x, y): return x + y
def offset(): return OFFSET
class Box:
    def __init__(self, value): self.value = value
"""


def made(probe: str, module: str = "exercises.answer", **inputs: Any) -> Call:
    return call(GRADER, probe, codec.decode(codec.encode(inputs)), module)


def call_of(probe: str, module: str = "exercises.answer", **inputs: Any) -> str:
    """All of the call, whether it is shown or not."""
    found = made(probe, module, **inputs)
    return found.whole or found.shown


class Pair(NamedTuple):
    large: Any
    small: Any


class Odd(NamedTuple):
    add: int
    x: int


# %% What it looks like


@pytest.mark.parametrize(
    ("probe", "inputs", "text"),
    [
        ("plain", {"x": 1, "y": -2.5}, "add(1, -2.5)"),
        ("plain", {"x": "a b", "y": [None, True]}, "add('a b', [None, True])"),
        ("nothing", {}, "add(1, 2)"),
        (
            "fields",
            {"pair": Pair(np.array([[1.0, 2.0]]), np.float32(3))},
            "add(np.array([[1.0, 2.0]]), np.float32(3.0))",
        ),
        ("plain", {"x": torch.tensor([1.5]), "y": np.zeros((0, 2))}, "add(torch.tensor([1.5]), np.zeros((0, 2)))"),
        ("twice", {"x": 1, "y": 2}, "x = 1\ny = 2\nadd(x, x) + y"),
        ("plain", {"x": -2, "y": 3}, "add(-2, 3)"),
        ("operators", {"x": -2, "y": 3}, "[add((-2) ** 2, 1), -(3).real]"),
        (
            "clashing",
            {"add": 1, "y": 2},
            "import exercises.answer as solution\nsolution.add(1, 2)",
        ),
        (
            "imported",
            {"x": 1, "y": 2},
            "import copy\nfrom math import pi\n(copy.copy(add(1, 2)), pi)",
        ),
        (
            "whole",
            {"pair": Pair(1, 2)},
            "from typing import NamedTuple\n"
            "class Pair(NamedTuple):\n    large: np.ndarray\n    small: np.ndarray\n"
            "pair = Pair(large=1, small=2)\nadd(pair, (pair.large,))",
        ),
        ("within", {"x": 1, "y": 2}, "x = 1\ny = 2\nwith np.errstate(all='ignore'):\n    add(x, y)"),
        ("called", {"x": 1, "y": 2}, "add(1, 2)"),
        ("at_once", {"case": (1, -2)}, "add(1, -2)"),
        ("at_once", {"case": Pair(np.array([[1.0]]), 2)}, "add(np.array([[1.0]]), 2)"),
        ("starred", {"pair": Pair(1, 2)}, "large = 1\nsmall = 2\nadd(large, small) + small"),
        ("stars_and_whole", {"pair": (1, 2)}, "pair = (1, 2)\n(add(*pair), list(pair))"),
        ("at_once", {"case": Odd(1, 2)}, "add(1, 2)"),
        ("unpacked", {"pair": (1, 2)}, "pair = (1, 2)\nlarge, small = pair\nadd(large, small)"),
        (
            "statements",
            {"x": 1, "y": 2},
            "x = 1\ny = 2\ntotal = add(x, y)\nfor _ in range(2):\n    total = add(total, x)\ntotal",
        ),
        ("helper", {"x": 1, "y": 2}, "SCALE = 3\ndef scaled(value):\n    return value * SCALE\nadd(scaled(1), 2)"),
        (
            "handed_on",
            {"x": 1, "y": 2},
            "import exercises.answer as solution\n"
            "def through(solution, x):\n    return solution.add(x, solution.OFFSET)\n"
            "[through(solution, 1), 2]",
        ),
    ],
)
def test_the_text_of_a_call(probe: str, inputs: dict[str, Any], text: str) -> None:
    assert call_of(probe, **inputs) == text


def test_long_inputs_are_assigned_on_lines_of_their_own() -> None:
    text = call_of("fields", pair=Pair(np.arange(40.0), 2))
    assert text.startswith("large = np.array([\n    0.0, 1.0,")
    assert text.endswith("\n])\nsmall = 2\nadd(large, small)")
    assert max(map(len, text.splitlines())) <= 100


def test_long_arguments_that_are_drawn_at_once_get_names() -> None:
    named, plain = Pair(np.arange(40.0), 2), (np.arange(40.0), 2)
    assert call_of("at_once", case=named).endswith("\n])\nsmall = 2\nadd(large, small)")
    assert call_of("at_once", case=named).startswith("large = np.array([\n")
    assert call_of("at_once", case=plain).endswith("\n])\nsecond = 2\nadd(first, second)")
    assert call_of("at_once", case=plain).startswith("first = np.array([\n")


# %% What is shown of it


@pytest.mark.parametrize(
    ("probe", "inputs", "text"),
    [
        ("plain", {"x": 1, "y": -2.5}, "add(1, -2.5)"),
        ("twice", {"x": 1, "y": 2}, "x = 1\ny = 2\nadd(x, x) + y"),
        ("helper", {"x": 1, "y": 2}, "add(scaled(1), 2)"),
        ("handed_on", {"x": 1, "y": 2}, "[through(solution, 1), 2]"),
        ("clashing", {"add": 1, "y": 2}, "solution.add(1, 2)"),
        ("whole", {"pair": Pair(1, 2)}, "pair = Pair(large=1, small=2)\nadd(pair, (pair.large,))"),
        (
            "fields",
            {"pair": Pair(np.arange(40.0), 2)},
            "large = ...  # an array of shape (40,)\nsmall = 2\nadd(large, small)",
        ),
        (
            "long_body",
            {"x": 1, "y": 2},
            "...\ntotal = add(total, 3)\ntotal = add(total, 4)\ntotal = add(total, 5)\ntotal = add(total, 6)\ntotal",
        ),
    ],
)
def test_what_is_shown_is_short(probe: str, inputs: dict[str, Any], text: str) -> None:
    assert made(probe, **inputs).shown == text


def test_the_whole_is_there_where_something_is_left_out() -> None:
    assert made("plain", x=1, y=2).whole is None
    assert made("twice", x=1, y=2).whole is None
    assert (made("helper", x=1, y=2).whole or "").startswith("SCALE = 3\ndef scaled(value):")
    assert "39.0" in (made("fields", pair=Pair(np.arange(40.0), 2)).whole or "")


# %% It does what the probe does

numbers = st.integers(-9, 9) | st.floats(-9, 9) | st.builds(complex, st.integers(1, 9), st.integers(1, 9))
arrays = st.lists(st.integers(-9, 9), min_size=1, max_size=30).map(np.array)
pairs = st.builds(Pair, numbers, numbers)
INPUTS = {
    "plain": st.fixed_dictionaries({"x": arrays | numbers, "y": arrays.map(lambda a: a[:1]) | numbers}),
    "fields": st.fixed_dictionaries({"pair": st.builds(Pair, arrays, numbers)}),
    "whole": st.fixed_dictionaries({"pair": st.builds(Pair, arrays, numbers)}),
    "replaced": st.fixed_dictionaries({"pair": st.builds(Pair, arrays, numbers)}),
    "nested": st.fixed_dictionaries(
        {"items": st.tuples(pairs, st.fixed_dictionaries({"pair": pairs}))}
    ),
    "unpacked": st.fixed_dictionaries({"pair": st.builds(Pair, arrays, numbers)}),
    "clashing": st.fixed_dictionaries({"add": numbers, "y": numbers}),
    "clashing_fields": st.fixed_dictionaries({"pair": st.builds(Odd, numbers, numbers)}),
    "nothing": st.fixed_dictionaries({}),
    "called": st.fixed_dictionaries({"x": arrays | numbers, "y": numbers}),
    "at_once": st.fixed_dictionaries({"case": pairs | st.tuples(arrays, numbers) | st.builds(Odd, numbers, numbers)}),
    "starred": st.fixed_dictionaries({"pair": pairs | st.builds(Pair, arrays, numbers)}),
    "stars_and_whole": st.fixed_dictionaries({"pair": pairs | st.tuples(arrays, numbers)}),
    "pairing": st.fixed_dictionaries({"x": numbers, "y": arrays}),
    **dict.fromkeys(
        ["statements", "twice", "helper", "handed_on", "setting", "operators", "power", "shadowing", "imported",
         "comprehension", "attribute"],
        st.fixed_dictionaries({"x": numbers, "y": numbers}),
    ),
}  # fmt: skip


def answer(name: str) -> ModuleType:
    module = ModuleType(name)
    exec(ANSWER, vars(module))
    return module


def probed(probe: str, inputs: dict[str, Any]) -> object:
    module = ModuleType("probes")
    sys.modules["probes"] = module
    try:
        exec(probes(GRADER, [probe]), vars(module))
    finally:
        del sys.modules["probes"]
    return vars(module)[probe](answer("answer"), **inputs)


def pasted(text: str) -> object:
    """What the last line of `text` gives below the learner's code, in a session that can import it."""
    own = answer("__main__")
    *_, last = text.split("\n") if "\n" in text else ["", text]
    first = text[: len(text) - len(last)]
    sys.modules["exercises_answer"] = answer("exercises_answer")
    try:
        exec(first, vars(own))
        return eval(last, vars(own))
    finally:
        del sys.modules["exercises_answer"]


@pytest.mark.parametrize("probe", INPUTS)
def test_a_pasted_call_gives_what_the_probe_observes(probe: str) -> None:
    @settings(max_examples=40, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(inputs=INPUTS[probe])
    def check(inputs: dict[str, Any]) -> None:
        text = call_of(probe, "exercises_answer", **inputs)
        assert codec.encode(pasted(text)) == codec.encode(probed(probe, inputs)), text

    check()
