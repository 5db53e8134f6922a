"""What is not executed of a submission is said where an exercise uses what it changes."""

import pytest
from conftest import GradeText, Load

F = "def f(x): return g(x)\ndef g(x): return table[x]\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("table = {}\nfor i in range(3):\n    print(i)\n    table[i] = i\n" + F, "line 2 (a loop)"),
        ("table = []\nwhile len(table) < 3:\n    table.append(1)\n" + F, "line 2 (a loop)"),
        ("table = {}\n" + F + "print(table.update({1: 2}), f(1))\n", None),
        ("table = {}\n" + F + "with open('x') as file:\n    print(1)\n    table[1] = 1\n", "line 4 (a with block)"),
        ("table = {}\nother = {}\nfor i in range(3):\n    print(i)\n    other[i] = i\n" + F, None),
    ],
)
def test_a_statement_that_changes_what_an_exercise_uses(load: Load, text: str, words: str | None) -> None:
    _, loaded = load(text, exercises=("f",))
    if words is None:
        assert loaded.left_out == {}
    else:
        assert loaded.left_out["f"] == (
            f"{words} is not executed when a file is graded, and table, which f uses, is changed there"
        )


def test_it_is_said_where_the_exercise_fails_and_only_there(grade_text: GradeText) -> None:
    text = """
    table = {}
    for number in range(3):
        print(number)
        table["factor"] = 2
    def halve(x): return x / table["factor"]
    def last(items):
        table
        return items[-1]
    """
    result = {exercise.name: exercise for exercise in grade_text(text).exercises}
    assert result["halve"].status == "raised"
    assert result["halve"].note.startswith("line 3 (a loop) is not executed")
    assert result["last"].status == "passed"
    assert result["last"].note is None


@pytest.mark.parametrize(
    ("text", "needed_by"),
    [
        ("lost = 1 / 0\ndef f(x): return lost", ("f",)),
        ("lost = 1 / 0\ndef g(): return lost\ndef f(x): return g()", ("f", "g")),
        ("lost = 1 / 0\ntable = [lost]\ndef f(x): return table[x]", ("f",)),
        ("lost = 1 / 0\nclass f:\n    def g(self): return lost", ("f",)),
        ("lost = 1 / 0\ndef f(lost): return lost", ()),
        ("lost = 1 / 0\ndef f(x):\n    lost = x\n    return lost", ()),
        ("lost = 1 / 0\ndef f(x): return [lost for lost in x]", ()),
        ("lost = 1 / 0\ndef f(x: lost) -> lost: return x", ()),
        ("lost = 1 / 0\ndef f(x, y=lambda lost: lost): return x", ()),
        ("f = 1 / 0", ("f",)),
        ("import nowhere\ndef f(x): return x", ()),
    ],
)
def test_a_statement_that_fails_is_needed_by_what_uses_its_names(
    load: Load, text: str, needed_by: tuple[str, ...]
) -> None:
    _, loaded = load(text, exercises=("f", "g"))
    assert loaded.troubles[0].needed_by == needed_by


def test_code_that_is_nested_deep_is_looked_at_too(load: Load) -> None:
    deep = " + ".join(["lost"] * 2000)
    text = f"from . import math\nlost = 1 / 0\ndef f(x): return {deep}\n"
    _, loaded = load(text, exercises=("f",))
    assert (loaded.troubles[0].line, loaded.troubles[0].needed_by) == (2, ("f",))
