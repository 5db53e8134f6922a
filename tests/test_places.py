"""The place of a fault: changes in a running worker, what is tried, what is said, and what must not be said."""

import ast
import json
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from command import command, copy_of_the_course
from conftest import GradeText, checks_of
from desks import Start, shown

from graders.engine.locating.candidates import candidates, pairs
from graders.engine.locating.complaints import complaint
from graders.engine.locating.units import files, units
from graders.engine.results import MISSING_STATEMENT, Place, SectionResult
from graders.engine.sitting.sitting import Sitting
from graders.engine.values import codec
from graders.engine.values.messages import Cell, Changed, Manner
from graders.report.blocks import place_in_words


def place_of(result: SectionResult, check: str) -> Place | None:
    return checks_of(result)[check].place


# %% Changes in a running worker
def shown_after(sitting: Sitting, changed: Changed, **manner: float) -> list[object]:
    inputs = [codec.encode({"x": 2})]
    return shown(sitting.sit("probe", inputs, 0, 20, manner=Manner(changed=changed, **manner)))


KEPT = """\
import functools

def twice(function):
    @functools.wraps(function)
    def inner(*args):
        return 2 * function(*args)
    return inner

@twice
def g(x):
    return x + 1

class Base:
    def value(self, x): return 1

class A(Base):
    def value(self, x):
        return super().value(x) + x

TABLE = [g, A()]

def f(x): return TABLE[0](x), TABLE[1].value(x)
"""


def test_a_change_is_seen_wherever_the_function_is_held_and_ends_with_its_task(start: Start) -> None:
    sitting = start(KEPT)
    function = Changed("own.py", "", 9, 3, "@twice\ndef g(x):\n    return x + 10")
    method = Changed("own.py", "A", 17, 2, "    def value(self, x):\n        return super().value(x) - x")
    assert shown_after(sitting, function) == [(24, 3)]
    assert shown_after(sitting, method) == [(6, -1)]
    assert shown(sitting.sit("probe", [codec.encode({"x": 2})], 0, 20)) == [(6, 3)]


@pytest.mark.parametrize(
    "text", ["def g(x:\n", "def g(x=1/0):\n    return 3", "@twice\ndef g(x):\n    yield from ()\n)"]
)
def test_a_change_that_is_no_function_changes_nothing(start: Start, text: str) -> None:
    assert shown_after(start(KEPT), Changed("own.py", "", 9, 3, text)) == [(6, 3)]


def test_a_change_of_a_default_counts(start: Start) -> None:
    sitting = start("def f(x, y=1):\n    return x + y")
    assert shown_after(sitting, Changed("own.py", "", 1, 2, "def f(x, y=5):\n    return x + y")) == [7]


def test_an_endless_change_is_interrupted_and_the_worker_goes_on(start: Start) -> None:
    sitting = start("def f(x):\n    return x + 1")
    endless = Changed("own.py", "", 1, 2, "def f(x):\n    while True: x += 1")
    (came,) = shown_after(sitting, endless, patience=0.1)
    assert isinstance(came, codec.Raised)
    assert came.type == "TooLong"
    assert shown(sitting.sit("probe", [codec.encode({"x": 2})], 0, 20)) == [3]


def test_the_lines_that_run_are_told(start: Start) -> None:
    sitting = start("def f(x):\n    if x > 1:\n        return 1\n    return 0")
    answers = sitting.sit("probe", [codec.encode({"x": x}) for x in (2, 0)], 0, 20, manner=Manner(traced=True))
    assert shown(answers) == [[2, ["own.py", 2], ["own.py", 3]], [2, ["own.py", 2], ["own.py", 4]]]


# %% What is tried
def tried(source: str) -> set[str]:
    (unit,) = units(files([Cell("own.py", source)]), "f", ("f",), {})
    everywhere = dict.fromkeys(range(1, source.count("\n") + 2), 1.0)
    found = candidates(unit, everywhere, "")
    return {unit.changed(each.slip.start, each.slip.end, each.slip.new).text for each in found}


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("x.sum(dim=1)", "x.sum(dim=1, keepdim=True)"),
        ("x.sum(dim=1)", "x.sum(dim=0)"),
        ("x @ y", "y @ x"),
        ("x @ y", "x.T @ y"),
        ("x - y", "y - x"),
        ("x[1:]", "x[:]"),
        ("x[:]", "x[1:]"),
        ("x[i]", "x[i + 1]"),
        ("x < y", "x <= y"),
        ("x", "abs(x)"),
        ("x", "x.detach()"),
        ("x", "x.clone()"),
        ("x", "-x"),
        ("x + x", "x + y"),
        ("x * y", "x"),
        ("g(x, y)", "g(y, x)"),
        ("g(x)", "g(x, y)"),
        ("[i for i in range(x)]", "[i for i in range(x + 1)]"),
        ('einsum("i j, j k -> i k", x, y)', "einsum('i j, k j -> i k', x, y)"),
        ("0.75 * x", "0.25 * x"),
        ("x @ y.swapaxes(0, 1)", "x.swapaxes(0, 1) @ y.swapaxes(0, 1)"),
        ("g(x, y.ravel())", "g(x.ravel(), y.ravel())"),
        ("g(x) + h(y)", "g(x) + h(g(y))"),
        ("g(x, i)", "g(x, -y, i)"),
        ("g(x, 129)", "g(x, 128)"),
        ("x + y.max(dim=-1)", "x + y.max(dim=-1).values"),
        ("x.sort()", "x.sort()[1]"),
        ("g(x, pad=1) + g(y)", "g(x, pad=1) + g(y, pad=1)"),
        ("g(x, pad=1) + g(y, pad=i)", "g(x, pad=i) + g(y, pad=i)"),
        ("x.gather(-1, y)", "x.gather(-1, y[..., None])[..., 0]"),
        ("(x - y) * i", "(x - y) / i"),
        ("x + y - i", "x + y + i"),
    ],
)
def test_slips_of_every_kind_are_undone(wrong: str, right: str) -> None:
    def text(expression: str) -> str:
        return f"def f(x, y, i):\n    return {expression}"

    assert _plain(text(right)) in map(_plain, tried(text(wrong)))


@pytest.mark.parametrize(
    ("before", "loop", "after"),
    [
        ("seen = set()", "for y in x: use(y)", "for y in x: use(y); seen.add(y)"),
        ("kept = {}", "for y in x: use(y)", "for y in x: use(y); kept[y] = x"),
        ("total = 0", "for y in layers: use(y)", "for y in layers: use(y); x = y(x)"),
        ("total = 0", "for one, two in (): use(one)", "for one, two in zip(x, i): use(one)"),
    ],
)
def test_statements_that_were_left_out_of_a_loop_are_put_back(before: str, loop: str, after: str) -> None:
    def text(lines: str) -> str:
        body = lines.replace(": ", ":\n        ").replace("; ", "\n        ")
        return f"def f(x, i):\n    {before}\n    {body}\n    return x"

    assert text(after) in tried(text(loop))


def test_what_is_asserted_stays() -> None:
    assert not [text for text in tried("def f(x):\n    assert x < 1\n    return x") if "assert x < 1" not in text]


def _plain(text: str) -> str:
    """The code without parentheses that say nothing; what is no Python stays as it is."""
    with suppress(SyntaxError):
        return ast.unparse(ast.parse(text))
    return text


def test_a_missing_attribute_is_put_where_the_others_are_made() -> None:
    source = "class f:\n    def __init__(self, size):\n        self.x = 1\n    def g(self):\n        return self.size"
    setup, _ = units(files([Cell("own.py", source)]), "f", ("f",), {})
    found = candidates(setup, {3: 1.0}, "'f' object has no attribute 'size'")
    first = found[0].slip
    assert setup.whole(first.start, first.end, first.new).split("\n")[2] == "        self.size = size"


@pytest.mark.parametrize("known", ["action", "h_ction"])
def test_a_name_that_is_misspelt_becomes_one_like_it(known: str) -> None:
    source = f"def h_ction(): pass\n\ndef f(action, x):\n    with x(action):\n        return {known.replace('c', 'cc')}"
    unit = next(unit for unit in units(files([Cell("own.py", source)]), "f", ("f",), {}))
    misspelt = known.replace("c", "cc")
    first = candidates(unit, {4: 1.0, 5: 1.0}, f"name '{misspelt}' is not defined")[0].slip
    assert (first.line, first.new) == (5, known)


def test_helpers_that_are_no_exercises_are_part_of_an_exercise() -> None:
    source = "def h(x):\n    return x\n\ndef g(x):\n    return x\n\ndef f(x):\n    return g(h(x))"
    assert [unit.node.name for unit in units(files([Cell("own.py", source)]), "f", ("f", "g"), {})] == ["f", "h"]


def test_what_was_handed_out_and_what_is_too_long_is_left_alone() -> None:
    long = "def h(x):\n" + "    x = x + 1\n" * 1000 + "    return x\n"
    source = f"{long}\ndef g(x):\n    return x\n\ndef f(x):\n    return g(h(x))"
    assert [unit.node.name for unit in units(files([Cell("own.py", source)]), "f", ("f",), {}, {"g"})] == ["f"]


def test_code_that_is_nested_too_deep_costs_the_place_and_nothing_else(grade_text: GradeText) -> None:
    deep = "def halve(x):\n    return " + "(" * 150 + "x" + " + 1)" * 150 + " - (" * 1 + "-x" + ")" * 1 + "\n"
    check = checks_of(grade_text(deep, places=True))["halves_numbers"]
    assert check.status == "failed"


def test_what_is_changed_in_other_letters_than_ascii_stands_where_it_stood() -> None:
    assert "def f(x):\n    é = 'ü'; return (x - 1)" in tried("def f(x):\n    é = 'ü'; return x + 1")


# %% What an exception proves by itself
@pytest.mark.parametrize(
    ("source", "line", "because"),
    [
        ("def halve(x):\n    y = len([x]) * x\n    return ys / zs\n", 3, "`ys` is used there"),
        ("def halve(x):\n    y = np.divide(2 * x)\n    return y / 8 * 8\n", 2, "`divide` is called there"),
    ],
)
def test_what_an_exception_proves_is_said(grade_text: GradeText, source: str, line: int, because: str) -> None:
    place = place_of(grade_text(f"import numpy as np\n{source}", places=True), "halves_numbers")
    assert place is not None
    assert (place.line, place.because.startswith(because)) == (line + 1, True)
    assert "one small change" not in place_in_words(place)


RAISED = codec.Raised("", ("NameError", "AttributeError", "TypeError"), "", "own.py:{line}, in f")


@pytest.mark.parametrize(
    ("source", "line", "message", "kind"),
    [
        ("def f(x):\n    return y", 2, "name 'y' is not defined", "a name"),
        ("def f(x):\n    y = y + x\n    return y", 2, "cannot access local variable 'y' where", "a name"),
        ("def f(x):\n    if x:\n        y = 1\n    return y", 4, "cannot access local variable 'y' where", None),
        ("def g():\n    y = 1\n\ndef f(x):\n    return y", 5, "name 'y' is not defined", "a name"),
        ("if False:\n    y = 1\n\ndef f(x):\n    return y", 5, "name 'y' is not defined", None),
        ("class f:\n    def g(self):\n        return self.y", 3, "'f' object has no attribute 'y'", "an attribute"),
        ("class f:\n    def g(self):\n        return self.y\n    def h(self):\n        self.y = 1", 3,
         "'f' object has no attribute 'y'", None),
        ("class f:\n    def g(self):\n        return self.y\nclass h:\n    def g(self):\n        self.y = 1", 3,
         "'f' object has no attribute 'y'", "an attribute"),
        ("class h:\n    def g(self):\n        self.y = 1\nclass f(h):\n    def g(self):\n        return self.y", 6,
         "'f' object has no attribute 'y'", None),
        ("def f(x):\n    return x.y", 2, "'int' object has no attribute 'y'", None),
        ("def f(x):\n    return full(x)", 2, 'full() missing 1 required positional arguments: "v"', "an argument"),
        ("def f(x):\n    return map(x)", 2, "map() must have at least two arguments.", "an argument"),
        ("def f(x):\n    return range()", 2, "range expected at least 1 argument, got 0", "an argument"),
        ("class A:\n    def __init__(self, x): pass\n\ndef f(x):\n    return A()", 5,
         "A.__init__() missing 1 required positional argument: 'x'", "an argument"),
        ("def h(x, y): pass\n\ndef f(x):\n    return h(x)", 4, "h() missing 1 required positional argument: 'y'", None),
        ("def f(x):\n    return g(x)", 2, "h() missing 1 required positional argument: 'y'", None),
        ("def f(x):\n    return g(x)", 9, "g() missing 1 required positional argument: 'y'", None),
        ("def f(x):\n    return x @ x", 2, "unsupported operand type(s) for @: 'int' and 'int'", None),
    ],
)  # fmt: skip
def test_only_a_line_that_cannot_be_right_is_blamed(source: str, line: int, message: str, kind: str | None) -> None:
    parts = units(files([Cell("own.py", source)]), "f", ("f", "A"), {})
    raised = msgspec.structs.replace(RAISED, message=message, trace=f"own.py:{line}, in f")
    found = complaint(parts, raised)
    assert (found and found.kind) == kind
    assert found is None or found.line == line


# %% What is said
def test_a_fault_that_no_mistake_explains_is_located(grade_text: GradeText) -> None:
    result = grade_text("def halve(x):\n    y = x + 0\n    return y / 3\n", places=True)
    place = place_of(result, "halves_numbers")
    assert place
    assert (place.line, place.text) == (3, "return y / 3")


def test_two_faults_in_one_line_are_located(grade_text: GradeText) -> None:
    place = place_of(grade_text("def halve(x):\n    y = x\n    return (y + 1) / 3\n", places=True), "halves_numbers")
    assert place
    assert place.line == 3


def test_an_operator_and_its_operand_may_both_be_wrong() -> None:
    (unit,) = units(files([Cell("own.py", "def f(x, y):\n    return y * log(x)")]), "f", ("f",), {})
    both = pairs(candidates(unit, {2: 1.0}, ""))
    texts = {unit.changed(each.slip.start, each.slip.end, each.slip.new).text for each in both}
    assert "def f(x, y):\n    return y / x" in texts


def test_a_base_class_that_was_not_set_up_is(start: Start) -> None:
    source = "class B:\n    def __init__(self): self.kept = {}\n\nclass A(B):\n    def __init__(self):\n        pass\n"
    setup = units(files([Cell("own.py", source)]), "A", ("A",), {})[0]
    (added,) = [each for each in candidates(setup, {6: 1.0}, "") if "B.__init__(self)" in each.slip.new]
    sitting = start(f"{source}\ndef f(x): return A().kept")
    changed = setup.changed(added.slip.start, added.slip.end, added.slip.new)
    assert shown_after(sitting, changed) == [{}]


def test_a_fault_in_a_helper_is_located_there(grade_text: GradeText) -> None:
    source = "def total(row):\n    return sum(row[1:])\n\ndef row_sums(matrix):\n    import numpy as np\n"
    source += "    return np.array([total(row) for row in matrix])\n"
    place = place_of(grade_text(source, places=True), "sums_rows")
    assert place
    assert (place.line, place.text) == (2, "return sum(row[1:])")


def test_a_named_mistake_needs_no_place(grade_text: GradeText) -> None:
    check = checks_of(grade_text("def row_sums(matrix):\n    return matrix.sum(axis=0)\n", places=True))["sums_rows"]
    assert check.mistake
    assert check.place is None


@pytest.mark.parametrize(
    "source",
    [
        "def halve(x):\n    return x / 2 if x != 7 else 99\n",  # the condition is the fault, and no other line is named
        "def halve(x):\n    raise ValueError('no')\n",
        "def halve(x):\n    z = x * 5\n    z = z - 3\n    return z * z * z\n",
    ],
)
def test_where_no_small_change_helps_nothing_is_said_but_the_line_itself(grade_text: GradeText, source: str) -> None:
    place = place_of(grade_text(source, places=True), "halves_numbers")
    assert place is None or (place.line == 2 and "7" in source)


def test_what_only_does_away_with_the_examples_is_no_repair(grade_text: GradeText) -> None:
    """Every example of `refuses_zero` is the same: a change that always raises would pass it, and not `inverts`."""
    result = grade_text("def inverse(x):\n    return 1 // x\n", places=True)
    place = place_of(result, "inverts")
    assert place
    assert place.text == "return 1 // x"


def test_an_exercise_that_hangs_is_located_too(grade_text: GradeText) -> None:
    source = "def countdown(n):\n    found = []\n    while n > 0:\n        found.append(n)\n        n += 1\n"
    source += "    return found\n"
    place = place_of(grade_text(source, places=True), "counts_down")
    assert place
    assert place.line == 5


def test_the_words_do_not_depend_on_the_run(grade_text: GradeText) -> None:
    source = "def halve(x):\n    y = x + 1\n    return y / 2\n"
    places = {place_of(grade_text(source, places=True), "halves_numbers") for _ in range(2)}
    assert len(places) == 1


def test_a_statement_that_is_missing_is_said_to_be() -> None:
    words = place_in_words(Place(7, 5, MISSING_STATEMENT, "return y", others=(3,)))
    assert words.startswith("At line 7 a statement is likely missing")
    assert words.endswith("(so does another in line 3)")


def test_a_notebook_says_the_cell(grade_text: GradeText) -> None:
    cells = [{"cell_type": "code", "source": text} for text in ("x = 1", "def halve(x):\n    return x / 3")]
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    for number, cell in enumerate(cells):
        cell.update(id=str(number), metadata={}, outputs=[], execution_count=None)  # type: ignore[arg-type]
    place = place_of(grade_text(json.dumps(book), suffix=".ipynb", places=True), "halves_numbers")
    assert place
    assert (place.line, (place.cell or "").rpartition(" cell ")[2]) == (2, "2")


# %% The real command
def test_screen_json_and_hints_put_a_finger_on_the_line(tmp_path: Path) -> None:
    course = copy_of_the_course(tmp_path / "course")
    answers = course / "exercises"
    answers.mkdir(exist_ok=True)
    (answers / "small.py").write_text("def halve(x):\n    y = x\n    return y / 3\n")

    def run(*arguments: object) -> str:
        return command(*arguments, "--course", course, cwd=tmp_path).stdout

    told = run("small::halve")
    assert "The fault is likely in line 3: one small change there makes every check of this" in told
    assert "   3 | return y / 3" in told
    record = json.loads(run("small::halve", "--json", "-"))
    (check,) = record["sections"][0]["exercises"][0]["checks"]
    assert check["place"]["line"] == 3
    where, about, change = (run("hint", "small::halve", number) for number in (1, 2, 3))
    assert "return y / 3" in where
    assert "It is about" not in where
    assert "It is about a number." in about
    assert "return y / 2" not in about
    assert "return y / 2" in change


def test_a_cohort_looks_for_places_when_it_is_asked_to(tmp_path: Path) -> None:
    course = copy_of_the_course(tmp_path / "course")
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "ada.py").write_text("def halve(x):\n    return x / 3\n")

    def place(*options: str) -> object:
        arguments = ("cohort", folder, "--section", "small", "--course", course, "--json", "-", *options)
        record = json.loads(command(*arguments, cwd=tmp_path).stdout)
        return '"place": {' in json.dumps(record)

    assert not place()
    assert place("--places", "--gradebook", str(tmp_path / "second.gradebook"))
