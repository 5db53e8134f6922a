"""Notebooks, both ways: made from exercise files, run in a real kernel, graded without one, and made files again."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from command import Finished, command, copy_of_the_course, record_of, without_times

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.learning.formulas import is_formula, tex
from graders.learning.history import opened
from graders.learning.notebooks import NO_PYTHON, to_notebook, to_text
from graders.learning.prose import markdown

PROJECT = Course()
Run = Callable[..., Finished]


def notebook_of(section: str, text: str | None = None) -> Any:
    material = find(PROJECT, section)
    said = material.outline
    return to_notebook(material.untouched if text is None else text, section, said.title, said.exercises)


# %% Both ways
@pytest.mark.parametrize("section", PROJECT.sections)
@pytest.mark.parametrize("solved", [False, True])
def test_nothing_is_lost_on_the_way(section: str, solved: bool) -> None:
    material = find(PROJECT, section)
    text = material.reference_source if solved else material.untouched
    notebook = notebook_of(section, text)
    nbformat.validate(notebook)
    assert to_text(notebook) == text
    again = nbformat.reads(nbformat.writes(notebook), as_version=4)
    assert to_text(again) == text


@pytest.mark.parametrize("section", PROJECT.sections)
def test_each_exercise_has_its_text_a_cell_and_a_check(section: str) -> None:
    cells = notebook_of(section).cells
    for exercise in find(PROJECT, section).outline.exercises:
        place = next(at for at, cell in enumerate(cells) if cell.source == f'check("{exercise}")')
        assert re.search(rf"^(class|def) {exercise}\b", cells[place - 1].source, re.MULTILINE)
        assert cells[place - 2].cell_type == "markdown"
        assert cells[place - 2].source.startswith(f"### {exercise}\n\n")


@pytest.mark.parametrize("section", PROJECT.sections)
def test_ids_are_stable_and_different(section: str) -> None:
    first, second = notebook_of(section), notebook_of(section)
    assert [cell.id for cell in first.cells] == [cell.id for cell in second.cells]
    assert len({cell.id for cell in first.cells}) == len(first.cells)
    one = find(PROJECT, section).outline.exercises[0]
    text = find(PROJECT, section).untouched.replace(f'NotImplementedError("{one}")', "ValueError", 1)
    assert [cell.id for cell in notebook_of(section, text).cells] == [cell.id for cell in first.cells]


TEXTS = {
    "nothing": "\n",
    "no definitions": "import numpy as np\n\nx = 1\n",
    "comments only": "# a\n# b\n",
    "markdown": "x = 1\n\n\n# %% [markdown]\n# # Mine\n#\n# * a point\ny = 2\n",
    "decorated": "import functools\n\n\n@functools.cache\ndef log_back():\n    pass\n\n\n\n# more\n",
    "twice": "def log_back():\n    pass\n\n\ndef log_back():\n    return 1\n",
    "cells": "# %% One\nx = 1\n\n# %%\ny = 2\n# %% Three\n# said\nz = 3\n",
    "strange gaps": "\n\n\nx = 1\n\n\n\n\n\ndef log_back():\n    return 1\n\n\n\n\n\ny = 2\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_whatever_stands_in_a_file_comes_back(text: str) -> None:
    assert to_text(notebook_of("backprop", text)) == text.strip("\n") + "\n"


def test_what_a_learner_adds_in_the_notebook_comes_back_as_code_and_comments() -> None:
    notebook = notebook_of("backprop", "x = 1\n")
    notebook.cells += [nbformat.v4.new_markdown_cell("Why?\n\nBecause."), nbformat.v4.new_code_cell("y = 2")]
    text = to_text(notebook)
    assert text == "x = 1\n\n\n# %% [markdown]\n# Why?\n#\n# Because.\n\n\ny = 2\n"
    assert to_text(notebook_of("backprop", text)) == text


def test_what_is_written_into_our_cells_comes_back() -> None:
    notebook = notebook_of("backprop", 'def log_back():\n    """Of the logarithm."""\n')
    cells = {cell.id: cell for cell in notebook.cells}
    cells["backprop-log_back-check"].source += "\nmine = 5"
    cells["backprop-log_back-text"].source += "\n\nA note of mine."
    cells["backprop-setup"].source += "\n# all of them"  # a comment alone is kept too
    text = to_text(notebook)
    assert text.endswith('    """Of the logarithm."""\n\n\nmine = 5\n')
    assert "\n# A note of mine.\n" in text
    assert text.startswith("# all of them\n")
    assert "check" not in text
    assert to_text(notebook_of("backprop", text)) == text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("%matplotlib inline\nz = 3", "# %matplotlib inline\nz = 3"),
        ("if z:\n    %time f()\nz = 3", "if z:\n    pass  # %time f()\nz = 3"),
        ("%%time\n!ls\nw = 3", "# %%time\n# !ls\nw = 3"),
        ("%%bash\nls", f"{NO_PYTHON}\n# %%bash\n# ls"),
        ("def f(a, b:\n\n    pass", f"{NO_PYTHON}\n# def f(a, b:\n#\n#     pass"),
        ("files = !ls", f"{NO_PYTHON}\n# files = !ls"),
    ],
)
def test_what_is_no_python_comes_back_as_comments(cell: str, text: str) -> None:
    notebook = notebook_of("backprop", "x = 1\n")
    notebook.cells.append(nbformat.v4.new_code_cell(cell))
    found = to_text(notebook)
    assert found == f"x = 1\n\n\n{text}\n"
    assert to_text(notebook_of("backprop", found)) == found


def test_a_raw_cell_comes_back_as_a_comment() -> None:
    notebook = notebook_of("backprop", "x = 1\n")
    notebook.cells.append(nbformat.v4.new_raw_cell("kept"))
    assert to_text(notebook) == "x = 1\n\n\n# %% [markdown]\n# kept\n"


# %% Texts
def test_a_text_as_markdown() -> None:
    text = """Say *what*.

        V(s) ← Σ_s' T[s, a, s'] V(s')          for all s

    Args:
        a, b: two of `them`,
            and more.
        c_d: another.

    Returns:
        The sum.

    >>> f(1)
    2

    Source: S&B, equation 4.5.
    """
    assert markdown(text) == (
        "Say \\*what\\*.\n\n"
        "$$\nV(s) \\leftarrow  \\sum _{s'} T[s, a, s'] V(s') \\qquad \\text{for all s}\n$$\n\n"
        "**Args**\n\n- `a`, `b`: two of `them`, and more.\n- `c_d`: another.\n\n"
        "**Returns**\n\nThe sum.\n\n"
        "```python\n>>> f(1)\n2\n```\n\n"
        "**Source.** S&B, equation 4.5."
    )


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("out = sqrt(x + eps) / 2", "\\mathrm{out} = \\sqrt{x + \\mathrm{eps}} / 2"),
        ("y = sqrt((a + b) c)", "y = \\sqrt{(a + b) c}"),
        ("x1 = x_ij^(k+1)", "x_{1} = x_{ij}^{k+1}"),
        ("G = R_1 + γ² R_2 + …", "G = R_{1} + γ² R_{2} + \\dots "),
        ("a = weight_decay · p", "a = \\mathrm{weight\\_decay} \\cdot  p"),
        ("100 % = {x}", "100 \\% = \\{x\\}"),
    ],
)
def test_a_formula_as_tex(line: str, wanted: str) -> None:
    assert tex([line]) == wanted


@pytest.mark.parametrize("block", [[">>> x = 1"], ["f(a=1)"], ["1  2  3"], [], ["x = 1", "some words"]])
def test_what_is_no_formula_stands_as_it_is(block: list[str]) -> None:
    assert not is_formula(block)


# %% The command
@pytest.fixture
def own(tmp_path: Path) -> Path:
    return copy_of_the_course(tmp_path / "own", begun=True)


@pytest.fixture
def run(own: Path) -> Run:
    return lambda *arguments: command(*arguments, "--course", own, cwd=own)


def test_work_moves_to_a_notebook_and_back(run: Run, own: Path) -> None:
    path = own / "exercises" / "small.py"
    before = path.read_text()
    graded = without_times(record_of(run("small", "--examples", "5", "--json", "-")))
    done = run("notebook", "small")
    assert done.returncode == 0
    assert "exercises/small.ipynb has your answers now; the file as it was is small.1.bak" in done.stdout
    assert not path.exists()
    moved = without_times(record_of(run("small", "--examples", "5", "--json", "-")))
    assert moved["score"] == graded["score"] > 0
    assert len(moved["sections"][0]["warnings"]) == len(graded["sections"][0]["warnings"])
    statuses = [(each["name"], each["status"]) for each in moved["sections"][0]["exercises"]]
    assert statuses == [(each["name"], each["status"]) for each in graded["sections"][0]["exercises"]]
    back = run("notebook", "small", "--back")
    assert "exercises/small.py has your answers now; the file as it was is small.1.ipynb.bak" in back.stdout
    assert path.read_text() == before
    assert not path.with_suffix(".ipynb").exists()


def test_a_broken_cell_is_said_on_the_way_back(run: Run, own: Path) -> None:
    run("notebook", "small")
    path = own / "exercises" / "small.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells.append(nbformat.v4.new_code_cell("def halve(x:"))
    nbformat.write(notebook, path)
    assert "1 cell that is no Python yet stands there as comments. Graded" in run("notebook", "small", "--back").stdout
    assert run("notebook", "small").returncode == 0  # and it can go forth again


def test_nothing_is_written_over(run: Run, own: Path) -> None:
    notebook = own / "exercises" / "small.ipynb"
    notebook.write_text("mine")
    assert "exercises/small.ipynb is there already: move one of the two away" in run("notebook", "small").stderr
    assert "exercises/small.py is there too" in run("notebook", "small", "--back").stderr
    assert notebook.read_text() == "mine"
    (own / "exercises" / "small.py").unlink()
    assert "exercises/small.ipynb cannot be read" in run("notebook", "small", "--back").stderr


def test_a_file_that_is_no_python_stays_a_file(run: Run, own: Path) -> None:
    (own / "exercises" / "small.py").write_text("x = 1\ndef (\n")
    assert "exercises/small.py is no Python: line 2" in run("notebook", "small").stderr
    assert not (own / "exercises" / "small.ipynb").exists()


# %% In a kernel
def test_checks_in_a_real_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("GRADE_PROGRESS", str(tmp_path / "diary"))

    notebook = notebook_of("tensors")
    names = {cell.id: cell for cell in notebook.cells}
    right, wrong = names["tensors-rearrange_1"], names["tensors-rearrange_2"]
    stub = right.source
    assert "raise NotImplementedError" in stub
    reference = find(PROJECT, "tensors").reference_source
    right.source = _definition(reference, "rearrange_1")
    wrong.source = _definition(reference, "rearrange_2").replace("return ", "return 2 * ")
    keep = {"tensors-setup", right.id, f"{right.id}-check", wrong.id, f"{wrong.id}-check"}
    setup = [cell for cell in notebook.cells if cell.cell_type == "code" and "\nimport " in cell.source]
    notebook.cells = [cell for cell in notebook.cells if cell.id in keep or cell in setup]
    notebook.cells.append(nbformat.v4.new_code_cell('print(repr(check("rearrange_2")))'))
    notebook.cells.append(nbformat.v4.new_code_cell('check("nothing")'))
    NotebookClient(notebook, timeout=120, allow_errors=True).execute()
    shown = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    passed = shown[f"{right.id}-check"][0]["data"]["text/html"]
    failed = shown[f"{wrong.id}-check"][0]["data"]["text/html"]
    assert 'class="status passed"' in passed
    assert 'class="status failed"' in failed
    assert "expected" in failed
    assert "rearrange_2: failed" in shown[notebook.cells[-2].id][0]["text"]
    assert "tensors has no exercise 'nothing'" in json.dumps(shown[notebook.cells[-1].id])
    with opened(PROJECT) as history:
        seen = [(each.exercise, each.status) for each in history.seen()]
        assert not any(run.is_whole for run in history.runs())
    assert seen == [("rearrange_1", "passed"), ("rearrange_2", "failed"), ("rearrange_2", "failed")]


def _definition(source: str, name: str) -> str:
    node = next(each for each in ast.parse(source).body if getattr(each, "name", "") == name)
    return "\n".join(source.split("\n")[node.lineno - 1 : node.end_lineno])


# %% In marimo
def test_a_marimo_notebook_is_an_answer_as_it_stands() -> None:
    graded = record_of(command("backprop", "--submission", "docs/marimo_example.py", "--json", "-"))
    statuses = {each["name"]: each["status"] for each in graded["sections"][0]["exercises"]}
    assert (statuses["log_back"], statuses["unbroadcast"]) == ("passed", "failed")
    assert graded["sections"][0]["warnings"] == []


def test_checks_in_marimo() -> None:
    pytest.importorskip("marimo")
    text = (
        f"import sys; sys.path[:0] = [{str(PROJECT.root)!r}]\n"
        "from docs.marimo_example import app\n"
        "outputs, values = app.run()\n"
        "print([values[name].section.exercises[0].status for name in ('solved', 'wrong')])\n"
        "print(all('<details' in values[name]._repr_html_() for name in ('solved', 'wrong')))\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["['passed', 'failed']", "True"], done.stderr
