"""A check may ask only for what its exercise's text says: each check cites the words that announce it."""

import ast
import re
import tomllib

import pytest

from graders.engine.authoring.material import Material, find
from graders.engine.authoring.outline import outline
from graders.engine.course import Course

COURSE = Course()
FOLDER = COURSE.root / "tests" / "announced"


def texts(material: Material) -> dict[str, str]:
    """By exercise: all docstrings of its definition and of its methods, on one line."""
    found = {}
    for node in ast.parse(material.reference_source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts = [part for part in ast.walk(node) if isinstance(part, ast.FunctionDef | ast.ClassDef)]
            found[node.name] = " ".join(" ".join((ast.get_docstring(part) or "").split()) for part in parts)
    return found


@pytest.mark.parametrize("section", COURSE.sections)
def test_every_check_is_announced_by_the_text_of_its_exercise(section: str) -> None:
    material = find(COURSE, section)
    cited = tomllib.loads((FOLDER / f"{section}.toml").read_text("utf-8"))
    checks = {check.name: check.exercise for check in outline(material.grader_source).checks}
    assert {name: exercise for exercise, words in cited.items() for name in words} == checks
    said = texts(material)
    for exercise, words in cited.items():
        for check, quoted in words.items():
            assert len(re.findall(r"\w+", quoted)) > 0, check
            assert " ".join(quoted.split()) in said[exercise], f"{check}: not in the text of {exercise}: {quoted}"
