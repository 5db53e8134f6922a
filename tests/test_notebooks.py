"""Notebooks, and files whose cells are both exercise and experiment, are graded on their definitions."""

import json
from typing import Any

import nbformat
import pytest
from command import COURSE, command, record_of, statuses
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from graders.engine.course import Course

CELLS = [
    new_markdown_cell("# My answers\n\n```python\nhalve = None\n```"),
    new_code_cell(
        "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\n!pip install nowhere\n\n"
        "import numpy as np\n?np.sum\nnp.sum??\nfiles = !ls\nhere = %pwd\nfrom nowhere_to_be_found import plot"
    ),
    new_code_cell("def halve(x):\n    return x / 2\n\nhalve(3)"),
    new_code_cell("%%time\ndef row_sums(matrix):\n    return matrix.sum(axis=1)"),
    new_code_cell("%%bash\nrm -rf /\ndef countdown(n): this is bash"),
    new_code_cell("def inverse(x:\n    return 1 / x"),
    new_code_cell("def first(items):\n    %timeit items\n    return items[0]"),
    new_code_cell("def last(items):\n\n    undefined_name\n    return items[-1]\nlast([])\nplot(last)"),
    new_code_cell("while True:\n    pass"),
    new_code_cell("import time\ntime.sleep(1000)\nawait something()"),
    new_code_cell(""),
]


@pytest.fixture(scope="module")
def record(course: Course, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of grading the notebook of `CELLS`."""
    folder = tmp_path_factory.mktemp("notebook")
    nbformat.write(new_notebook(cells=CELLS), folder / "small.ipynb")
    return record_of(
        command("small", "--course", course.root, "--submission", "small.ipynb", "--json", "-", cwd=folder)
    )


def test_the_definitions_of_a_notebook_are_graded(record):
    assert statuses(record) == {
        "halve": "passed",
        "row_sums": "passed",
        "inverse": "missing",
        "countdown": "missing",
        "first": "passed",
        "scaled_sums": "missing",
        "Counter": "missing",
        "register": "missing",
        "last": "raised",
    }


def test_a_broken_cell_and_a_failed_import_are_named_with_the_lines_of_their_cells(record):
    warnings = {(warning["line"], warning["message"]) for warning in record["sections"][0]["warnings"]}
    assert (11, "small.ipynb cell 2: ModuleNotFoundError: No module named 'nowhere_to_be_found'") in warnings
    (broken,) = [message for line, message in warnings if "cell 6" in message]
    assert broken.startswith("small.ipynb cell 6: SyntaxError: ")
    assert not any("cell 3" in message or "cell 9" in message or "cell 11" in message for _, message in warnings)


def test_why_an_exercise_is_missing_names_the_broken_cell(record):
    (check,) = [check for check in _checks(record, "inverse") if check["name"] == "inverts"]
    assert check["error"].startswith("SyntaxError: ")


def test_line_numbers_are_those_of_the_cell(record):
    (check,) = _checks(record, "last")
    assert check["error"] == (
        "small.ipynb cell 8:3 in last\n    undefined_name\nNameError: name 'undefined_name' is not defined"
    )
    lines = {exercise["name"]: exercise["line"] for exercise in record["sections"][0]["exercises"]}
    assert (lines["halve"], lines["row_sums"], lines["last"]) == (1, 2, 1)


def test_a_folder_may_hold_notebooks(course, tmp_path):
    nbformat.write(new_notebook(cells=CELLS), tmp_path / "small.ipynb")
    finished = command("small::halve", "--course", course.root, "--submission", tmp_path)
    assert finished.returncode == 0


@pytest.mark.parametrize("version", [3, 4])
def test_older_formats_are_read(course, tmp_path, version):
    cell: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": []}
    source = ["def halve(x):\n", "    return x / 2"]
    old = {
        3: {"worksheets": [{"cells": [cell | {"input": source, "language": "python"}], "metadata": {}}]},
        4: {"cells": [cell | {"source": source, "execution_count": None}]},
    }[version]
    path = tmp_path / "small.ipynb"
    path.write_text(json.dumps(old | {"metadata": {}, "nbformat": version, "nbformat_minor": 0}))
    finished = command("small::halve", "--course", course.root, "--submission", path)
    assert (finished.returncode, finished.stderr) == (0, "")


# %% Files whose cells train, plot and test


@pytest.fixture(scope="module")
def as_file(course: Course) -> dict[str, Any]:
    arguments = ("small", "--course", course.root, "--submission", "tests/course/arena", "--json", "-")
    return record_of(command(*arguments))


def test_an_answers_file_full_of_experiments_is_graded_on_its_definitions(as_file):
    assert set(statuses(as_file).values()) == {"passed"}


def test_the_imports_that_fail_are_said_and_nothing_else_is(as_file):
    messages = [warning["message"] for warning in as_file["sections"][0]["warnings"]]
    for library in ("plotly_utils_of_the_course", "nowhere_tqdm", "StopIteration"):
        assert any(library in message for message in messages)
    assert not any("not executed" in message for message in messages)


def test_the_same_answers_as_a_notebook_get_the_same_verdicts(course, tmp_path, as_file):
    text = (COURSE / "arena" / "small.py").read_text("utf-8")
    cells = [new_code_cell(source.strip("\n")) for source in text.split("# %%\n")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "small.ipynb")
    again = record_of(command("small", "--course", course.root, "--submission", tmp_path, "--json", "-"))
    assert statuses(again) == statuses(as_file)
    assert len(again["sections"][0]["warnings"]) == len(as_file["sections"][0]["warnings"])


def _checks(record: dict[str, Any], exercise: str) -> list[dict[str, Any]]:
    (found,) = [item for item in record["sections"][0]["exercises"] if item["name"] == exercise]
    return found["checks"]
