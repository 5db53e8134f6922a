"""What all reports say alike: warnings by what they cost, notes as notes, what goes beyond the texts, and scripts."""

import msgspec
import pytest
from sample_grades import check, exercise, grade, section

from graders.engine.results import Counterexample, Extras, LoadWarning
from graders.report.html import html
from graders.report.load_warnings import warned
from graders.report.markdown import markdown

WARNINGS = (
    LoadWarning(None, "own.ipynb is there too"),
    LoadWarning(9, "ZeroDivisionError: division by zero", costs=("f", "g")),
    LoadWarning(2, "SyntaxError: invalid syntax", "layers.py"),
    LoadWarning(1, "ModuleNotFoundError: No module named 'here'"),
    LoadWarning(3, "ModuleNotFoundError: No module named 'there'"),
    LoadWarning(4, "ModuleNotFoundError: No module named 'needed'", costs=("g",)),
)


def test_warnings_that_cost_nothing_share_a_line() -> None:
    notes, heading, lost = warned(section("s", exercise("f", check()), warnings=WARNINGS))
    assert (notes, heading) == (["own.ipynb is there too"], "5 statements could not be loaded")
    assert [each.line for each in lost] == [
        "line 9: ZeroDivisionError: division by zero (costs f, g)",
        "layers.py, line 2: SyntaxError: invalid syntax",
        "line 4: ModuleNotFoundError: No module named 'needed' (costs g)",
        "not installed here, which costs no exercise: here, there",
    ]


def test_one_module_is_told_as_it_is_and_of_many_warnings_the_first() -> None:
    _, heading, lost = warned(section("s", exercise("f", check()), warnings=WARNINGS[:4]), 2)
    assert heading == "3 statements could not be loaded"
    assert [each.line for each in lost[1:]] == ["layers.py, line 2: SyntaxError: invalid syntax", "and 1 more"]


NOTE = "line 3 (a loop) is not executed when a file is graded"
CASE = Counterexample("f(1)", "1", "2", "2 instead of 1", "import f\nf(1)")
BEYOND = msgspec.structs.replace(check("failed", name="third"), extra=True)
FAILING = exercise("f", check("failed", name="first", case=CASE), check(name="second"), BEYOND)
DONE = msgspec.structs.replace(exercise("g", check(), BEYOND), status="passed", extras=Extras(0.5, 2))
GRADE = grade(
    msgspec.structs.replace(
        section("s", msgspec.structs.replace(FAILING, note=NOTE), DONE, warnings=WARNINGS), extras=Extras(0.5, 2)
    )
)
SCRIPTS = {("s", "first"): "python .failures/s/first.py"}


@pytest.mark.parametrize("write", [html, markdown])
def test_pages_say_what_the_terminal_says(write) -> None:
    text = write(GRADE, None, SCRIPTS).replace("\\", "").replace("<code>", "`").replace("</code>", "`")
    assert "own.ipynb is there too" in text
    assert "5 statements could not be loaded:" in text
    assert "line 9: `ZeroDivisionError: division by zero` (costs f, g)" in text
    assert "Beyond the texts: 0.5 of 2 points beside the score; there is more in g." in text
    assert "Line 3 (a loop) is not executed when a file is graded." in text
    assert "All of it, to run and to step through: `python .failures/s/first.py`" in text
    assert "All of it" not in write(GRADE)


def test_the_page_marks_what_goes_beyond_the_text_and_the_table_counts_the_core() -> None:
    assert html(GRADE).count("beyond the text<") == 2
    assert "| `f` | 1/3 | 1/2 |" in markdown(GRADE)
