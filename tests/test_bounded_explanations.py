"""Explaining is bounded: a mistake that takes 2^60 steps on other inputs than the paper's is one that does not fit."""

import pytest
from conftest import GradeText

from graders.engine.authoring.material import find
from graders.engine.course import Course

WRONG = {
    "the node alone": "def topological_sort(node, get_children):\n    return [node]\n",
    "nothing": "def topological_sort(node, get_children):\n    return []\n",
    "children first level only": (
        "def topological_sort(node, get_children):\n    return [*get_children(node), node]\n"
    ),
    "parents first": (
        "def topological_sort(node, get_children):\n    seen = []\n    def visit(n):\n        if n not in seen:\n"
        "            seen.append(n)\n            for child in get_children(n): visit(child)\n    visit(node)\n"
        "    return seen\n"
    ),
    "no cycle detection": (
        "def topological_sort(node, get_children):\n    seen = []\n    def visit(n, path):\n"
        "        if n in seen: return\n"
        "        if n in path: return\n        for child in get_children(n): visit(child, path | {n})\n"
        "        seen.append(n)\n    visit(node, frozenset())\n    return seen\n"
    ),
    "a set": "def topological_sort(node, get_children):\n    return {node, *get_children(node)}\n",
}


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG)
def test_a_wrong_topological_sort_is_explained(grade_text: GradeText, source: str) -> None:
    result = grade_text(source, find(Course(), "backprop"), only=["topological_sort"])
    checks = [check for exercise in result.exercises for check in exercise.checks]
    failing = [check for check in checks if check.status in ("failed", "raised", "timed_out")]
    assert failing
    assert all(check.counterexample for check in failing)
    assert not any("could not explain" in (check.error or "") for check in checks)
