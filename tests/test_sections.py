"""What must hold of every section's files, besides what the audit shows."""

import ast
import re
import tomllib

import pytest

from graders.engine.authoring import shaking
from graders.engine.authoring.material import find
from graders.engine.course import Course

COURSE = Course()
FOLDERS = ("exercises", "reference", "graders")

every_section = pytest.mark.parametrize(
    "material", [find(COURSE, name) for name in COURSE.sections], ids=COURSE.sections
)


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_holds_the_sections_and_nothing_else(folder):
    files = {path.stem for path in (COURSE.root / folder).glob("*.py")}
    assert files - {"__init__"} == set(COURSE.sections)


def test_beside_the_sections_stand_rooms_with_a_word_on_what_they_are():
    rooms = {path.parent.name for path in (COURSE.root / "graders").glob("*/__init__.py")}
    assert rooms == {"checkpoints", "engine", "commands", "report", "cohort", "learning"}
    for room in [
        *(COURSE.root / "graders").glob("*/__init__.py"),
        *(COURSE.root / "graders").glob("engine/*/__init__.py"),
    ]:
        assert ast.get_docstring(ast.parse(room.read_text("utf-8"))), room


def test_the_contracts_name_every_section():
    contracts = tomllib.loads((COURSE.root / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (contract,) = [each for each in contracts if each["name"].startswith("The engine knows no section")]
    assert {f"graders.{name}" for name in COURSE.sections} <= set(contract["forbidden_modules"])


def test_every_checkpoint_belongs_to_a_section():
    files = {path.stem for path in (COURSE.root / "graders" / "checkpoints").glob("*.py")}
    assert files - {"__init__"} <= set(COURSE.sections)


@every_section
def test_the_exercise_file_is_the_stub_of_the_reference(material):
    assert material.exercises.read_text("utf-8") == material.untouched, (
        f"run: python grade.py reset {material.name} --yes"
    )


@every_section
def test_every_exercise_has_two_or_three_short_hints(material):
    section = material.section
    assert section.hints.keys() == set(section.exercises)
    for hints in section.hints.values():
        assert len(hints) in (2, 3)
        assert all(len(hint.split()) < 60 for hint in hints)


@every_section
def test_every_exercise_has_a_text_and_a_mistake(material):
    section = material.section
    definitions = {node.name: node for node in ast.parse(material.reference_source).body if hasattr(node, "name")}
    assert set(section.exercises) <= definitions.keys()
    assert all(ast.get_docstring(definitions[name]) for name in section.exercises)
    assert {mistake.exercise for mistake in section.mistakes} == set(section.exercises)


@every_section
def test_exercises_are_graded_in_the_order_in_which_they_stand(material):
    defined = [node.name for node in ast.parse(material.reference_source).body if hasattr(node, "name")]
    assert sorted(material.section.exercises, key=defined.index) == list(material.section.exercises)


@every_section
def test_mistakes_are_told_apart_by_their_words(material):
    said = [(mistake.exercise, mistake.text) for mistake in material.section.mistakes]
    assert len(set(said)) == len(said)


@every_section
def test_titles_are_sentences(material):
    for check in material.section.checks.values():
        assert check.title[0].isupper() or not check.title[0].isalpha()
        assert check.title.endswith(".")
        assert check.points > 0


@every_section
def test_probes_compare_nothing(material):
    assert not re.search(r"\b(allclose|array_equal|assert_\w+|isclose)\b|\bassert\b", material.probes)


@every_section
def test_what_the_worker_is_sent_holds_no_answers(material):
    probes = shaking.imports(material.probes)
    assert not probes & {"hypothesis", "graders", "reference"}
    assert "section" not in {node.id for node in ast.walk(ast.parse(material.probes)) if isinstance(node, ast.Name)}
