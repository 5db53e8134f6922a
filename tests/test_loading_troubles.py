"""Loading a submission: what a statement that fails costs, and what is said about it."""

import pytest
from conftest import Load

# %% What a failing statement costs


@pytest.mark.parametrize(
    ("text", "line", "message", "lost"),
    [
        ("x = 1\nimport nowhere.at_all as n", 2, "ModuleNotFoundError: No module named 'nowhere'", {"n"}),
        ("import nowhere.at_all", 1, "ModuleNotFoundError: No module named 'nowhere'", {"nowhere"}),
        ("data, _ = open('/no/such/file'), 1", 1, "FileNotFoundError", {"data", "_"}),
        ("\n@undefined\ndef f(): pass", 3, "NameError: name 'undefined' is not defined", {"f"}),
        ("class A(Unknown): pass", 1, "NameError", {"A"}),
        ("import sys\nx = sys.exit(3)", 2, "SystemExit: 3", {"x"}),
        ("def f(): raise KeyboardInterrupt\nx = f()", 2, "KeyboardInterrupt", {"x"}),
        ("x: int = 1 / 0", 1, "ZeroDivisionError: division by zero", {"x"}),
        ("n += 1", 1, "NameError", {"n"}),
        ("class L(list): pass\nl = L()\nl.pop()", 3, "IndexError: pop from empty list", set()),
        ("if MAIN:\n    y = 2\n    x = 1 / 0", 3, "ZeroDivisionError", {"x"}),
        ("if unknown > 2:\n    x = 1", 1, "NameError", {"x"}),
        ("def f(x):\n    return 1\n    x = 2 + \n", 3, "SyntaxError: invalid syntax", {"f"}),
        ("return 1", 1, "SyntaxError: 'return' outside function", set()),
        ("def f(x): return await x", 1, "SyntaxError: 'await' outside async function", {"f"}),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\ndef f(): raise E\nx = f()", 4, "E", {"x"}),
        ("def f(): raise ValueError('\\ud800')\nx = f()", 2, "ValueError: ?", {"x"}),
    ],
)
def test_a_failing_statement_costs_its_names_only(
    load: Load, text: str, line: int, message: str, lost: set[str]
) -> None:
    module, loaded = load(f"{text}\n\ndef after(): return 1\n")
    if text == "return 1":  # left alone like every loose statement
        assert loaded.troubles == ()
        return
    (trouble,) = loaded.troubles
    assert (trouble.line, trouble.message[: len(message)]) == (line, message)
    assert loaded.lost.keys() == lost
    assert module.after() == 1


def test_each_broken_part_of_a_file_is_taken_out(load: Load) -> None:
    module, loaded = load(
        '''
        def good(x):
            """Text

            at the margin"""
            return [
                x,
            ]

        def broken(x)
            return x

        @staticmethod
        def decorated(x): return x

        text = """
        def inside(): a string
        """
        class Broken:
            def f(self):
            return 1

        value = = 3

        if MAIN:
            last = good(1)
        '''
    )
    assert (module.good(1), module.decorated(2), module.last) == ([1], 2, [1])
    assert "inside" in module.text
    assert loaded.lost.keys() == {"broken", "Broken", "value"}
    assert [trouble.line for trouble in loaded.troubles] == [10, 21, 23]
    assert loaded.lines["last"] == 26


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("%matplotlib inline\nx = 1", None),
        ("!pip install it\n%pip install 'it\n?x\nx?\nmath.pi??\nx = 1", None),
        ("if not MAIN:\n    !pip install (it\nx = 1", None),
        ("x = (5\n     % 3) - 1\ntext = '''\n% d\n!\n'''\nassert text", None),
        ("x = (4\n     % 3)\n%matplotlib inline", None),
        ("%load_ext x\ndef broken(:\n    pass\n!ls\nx = 1", 2),
        ("y = !ls\nx = 1", 1),
    ],
)
def test_magics_and_shell_lines_are_left_alone(load: Load, text: str, line: int | None) -> None:
    module, loaded = load(text)
    assert module.x == 1
    assert [trouble.line for trouble in loaded.troubles] == ([line] if line else [])
    assert getattr(module, "text", "\n% d\n!\n") == "\n% d\n!\n"


def test_a_broken_cell_costs_that_cell(load: Load) -> None:
    module, loaded = load("def f(): return 1", "def g(:", "def h(): return f()")
    assert [(trouble.cell, trouble.line, trouble.names) for trouble in loaded.troubles] == [(1, 1, ("g",))]
    assert module.h() == 1


@pytest.mark.parametrize(
    "text", ["x = " + "(" * 250 + ")" * 250, "x = " + "-" * 100_000 + "1", "x = 1" + " + 1" * 20_000]
)
def test_code_that_is_nested_too_deep_is_a_warning(load: Load, text: str) -> None:
    _, loaded = load(text + "\n", "y = 1")
    assert [trouble.cell for trouble in loaded.troubles] == [0]
    assert "y" in loaded.lines


def test_lines_are_counted_as_editors_count_them(load: Load) -> None:
    _, loaded = load("x = '\x0c\u2028'\n\x0c\ndef f(:\n    pass\ny = 1 / 0\n")
    assert [trouble.line for trouble in loaded.troubles] == [3, 5]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("import nowhere\nx = nowhere.f()", ["ModuleNotFoundError: No module named 'nowhere'"] * 2),
        (
            "import nowhere\ny = x",
            ["ModuleNotFoundError: No module named 'nowhere'", "NameError: name 'x' is not defined"],
        ),
        ("def f(): raise NotImplementedError\nx = f()", ["NotImplementedError"]),
    ],
)
def test_what_follows_from_an_earlier_failure_is_told_apart(load: Load, text: str, messages: list[str]) -> None:
    _, loaded = load(text)
    assert [trouble.message for trouble in loaded.troubles] == messages
    assert loaded.troubles[-1].follows == ("y =" not in text)
