"""Shaking a grader file: what goes to the worker, what to the judging side, and what stays behind."""

from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from graders.engine.authoring import shaking
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.errors import GraderError

GRADER = '''
"""Grades a section."""

from __future__ import annotations

import copy
import os.path as osp, json
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graders.engine import Section, close, edit

section = Section("s", title="S")
SIZES, FACTOR = (2, 3), 10
LIMIT: float = FACTOR * 2
unused = st.integers(0, 3)


class Pair(NamedTuple):
    large: np.ndarray
    small: np.ndarray


@st.composite
def pairs(draw):
    return Pair(draw(unused), draw(unused))


def twice(solution, x):
    return again(solution, again(solution, x))


def again(solution, x):
    return solution.f(x) * LIMIT


def loose(observed, expected, inputs):
    return None if abs(observed - expected) < np.float64(FACTOR) else "far off"


f = section.exercise(
    "f",
    aliases=["old"],
    hints=["Think."],
    mistakes={"The secret.": edit("a", "b"), "Another.": [edit("a", "c"), edit("d", "e")]},
)


@f.check(points=2, pair=pairs())
def first(solution, pair):
    """First."""
    return copy.copy(twice(solution, pair.large))


g = section.exercise("g")


@g.check(judge=loose)
@given(x=unused)
def second(solution, x: float) -> st.SearchStrategy:
    """Second."""
    unused = [solution.g(json) for json in (x,)]
    return unused, Pair(1, 2)


@f.check(judge=close(rtol=SIZES[0]))
def third(solution):
    """Third."""
    return solution.f(None)


f.call("fourth", "It's \\"fourth\\".", points=0.5, examples=3, x=unused, y=st.integers(0, LIMIT))
f.call("fifth", "Fifth.", judge=loose, case=pairs())
g.call("sixth", "Sixth.")
'''


def names(text: str) -> set[str]:
    """What a text defines when it is executed, in an empty module."""
    return {name for name in executed(text) if not name.startswith("__")} - {"annotations"}


def executed(text: str) -> dict[str, Any]:
    module = ModuleType("probes")
    exec(compile(text, "<probes>", "exec", dont_inherit=True), vars(module))
    return vars(module)


# %% Probes


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["first"], {"first", "twice", "again", "LIMIT", "SIZES", "FACTOR", "copy"}),
        (["second"], {"second", "Pair", "NamedTuple", "np"}),
        (["third"], {"third"}),
        (["fourth", "fifth", "sixth"], {"fourth", "fifth", "sixth"}),
        ([], set()),
    ],
)
def test_a_probe_takes_along_what_it_refers_to_and_nothing_else(wanted: list[str], found: set[str]) -> None:
    assert names(shaking.probes(GRADER, wanted)) == found


def test_probes_are_bare_functions() -> None:
    class Solution:
        f = staticmethod(lambda x: x)

    probe = executed(shaking.probes(GRADER, ["first"]))["first"]
    assert probe(Solution, executed(shaking.probes(GRADER, ["second"]))["Pair"](3, None)) == 3 * 20 * 20


def test_a_call_stands_for_a_probe() -> None:
    class Solution:
        f = staticmethod(lambda *arguments: arguments)
        g = f

    probes = executed(shaking.probes(GRADER, ["fourth", "fifth", "sixth"]))
    assert probes["fourth"](Solution, x=1, y=2) == probes["fifth"](Solution, case=(1, 2)) == (1, 2)
    assert probes["sixth"](Solution) == ()
    assert probes["fourth"].__doc__ == 'It\'s "fourth".'


def test_no_secret_and_no_strategy_is_in_what_a_worker_gets(course: Course) -> None:
    for text in (
        shaking.probes(GRADER, shaking.checks(GRADER)),
        *(find(course, name).probes for name in course.sections),
    ):
        for word in ("hypothesis", "section", "mistake", "edit", "hint", "secret", "draw", "judge", "given"):
            assert word not in text


def test_every_probe_of_the_fixture_course_works_on_the_reference(course: Course) -> None:
    for name in course.sections:
        material = find(course, name)
        assert set(material.section.checks) <= names(material.probes)


@pytest.mark.parametrize(
    "probe",
    [
        "return solution.f(unused.example())",
        "return helper(solution)",
        "return solution.f([y for y in range(3) if unused])",
        "return (lambda: unused)()",
        "return given",
        "return arrays",
    ],
)
def test_a_probe_that_needs_hypothesis_is_an_error(probe: str) -> None:
    source = f"{GRADER}\ndef helper(solution):\n    return pairs\n\n@f.check()\ndef probe(solution):\n    {probe}\n"
    with pytest.raises(GraderError, match=r"a probe or a judge uses 'from hypothesis.* only strategies may"):
        shaking.probes(source, ["probe"])


def test_parameters_and_variables_of_a_probe_are_its_own() -> None:
    source = (
        "import hypothesis as x\nclass y: pass\ndef p(solution, x, *y):\n    z = 1\n    return x, y, z\nz = x.given"
    )
    assert names(shaking.probes(source, ["p"])) == {"p"}


def test_names_used_in_defaults_annotations_and_classes_travel() -> None:
    source = dedent(
        """
        import math, cmath
        A = 1
        B = A + 1
        B += 1
        class Base: x = math.pi
        class Thing(Base):
            def f(self): return cmath.pi
        def p(solution, a=B) -> Thing: return Thing()
        """
    )
    probes = executed(shaking.probes(source, ["p"]))
    assert probes["p"].__defaults__ == (3,)
    assert "Thing" in probes
    assert probes["p"](None).x == probes["p"](None).f()


# %% Judges


def test_only_the_judges_and_what_they_need_go_to_the_judging_side() -> None:
    text = shaking.judges(GRADER)
    assert names(text) == {"loose", "np", "FACTOR", "SIZES", "close", "JUDGES"}
    judges = executed(text)["JUDGES"]
    assert list(judges) == ["second", "third", "fifth"]
    assert judges["second"](1.0, 12.0, {}) == "far off"
    assert judges["third"](2.9, 1.0, {}) is None
    assert judges["third"](9.0, 1.0, {}) is not None


def test_a_judge_that_needs_hypothesis_is_an_error() -> None:
    source = GRADER.replace("judge=loose", "judge=lambda observed, expected, inputs: st.nothing")
    with pytest.raises(GraderError, match="a probe or a judge uses"):
        shaking.judges(source)


# %% What a check depends on


@pytest.mark.parametrize(
    ("check", "there", "not_there"),
    [
        ("first", ["def pairs", "def again", "import copy", "LIMIT: float", "unused = "], ["loose", "secret", "Think"]),
        ("second", ["@given(x=unused)", "class Pair", "judge=True"], ["pairs", "loose", "from graders", "Third"]),
        ("third", ["judge=True", "solution.f(None)"], ["numpy", "SIZES", "section"]),
        ("fourth", ["st.integers(0, LIMIT)", "solution.f(x, y)", "hypothesis import strategies"], ["pairs", "fifth"]),
        ("fifth", ["def pairs", "solution.f(*case)"], ["again", "loose"]),
    ],
)
def test_a_closure_is_what_a_check_is_drawn_and_run_with(check: str, there: list[str], not_there: list[str]) -> None:
    text = shaking.closure(GRADER, check)
    assert [part for part in there if part not in text] == []
    assert [part for part in not_there if part in text] == []


def closures(text: str) -> dict[str, str]:
    return {check: shaking.closure(text, check) for check in shaking.checks(text)}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("return None if abs", "return 'no' if abs", []),  # a judge
        ("Think.", "Think again.", []),
        ("The secret.", "The open secret.", []),
        ('edit("a", "b")', 'edit("a", "z")', []),
        ("# no comment", "# a comment", []),
        ("FACTOR * 2", "(FACTOR * 2)", []),  # another way to write the same
        ("(2, 3), 10", "(2, 3), 11", ["first", "fourth"]),
        ("st.integers(0, 3)", "st.integers(0, 4)", ["first", "second", "fourth", "fifth"]),
        ("solution.f(None)", "solution.f(0)", ["third"]),
        ("points=0.5", "points=1.5", ["fourth"]),
        ("Fifth.", "The fifth.", ["fifth"]),
        ("from hypothesis.extra.numpy import arrays", "", []),
    ],
)
def test_what_is_edited_changes_the_closures_of_the_checks_that_need_it(old: str, new: str, changed: list[str]) -> None:
    before = GRADER + "# no comment\n"
    assert before.count(old) == 1
    after = closures(before.replace(old, new))
    assert [check for check, text in closures(before).items() if after[check] != text] == changed


# %% What a grader file says about itself


def test_checks_and_exercises_are_read_without_executing_anything() -> None:
    assert list(shaking.checks(GRADER)) == ["first", "second", "third", "fourth", "fifth", "sixth"]
    assert shaking.exercises(GRADER) == ("f", "g")
    assert shaking.exercises("raise SystemExit") == ()


def test_the_imports_of_a_module_are_packages_and_given_modules() -> None:
    source = (
        "import numpy.linalg, os\nfrom torch.nn import Linear\nfrom exercises.given.model import Toy\nfrom . import x"
    )
    assert shaking.imports(source) == {"numpy", "os", "torch", "exercises.given.model"}
