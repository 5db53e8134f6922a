"""Loading a submission: which of its statements are executed, and what a statement that fails costs."""

import inspect
import sys
from collections.abc import Callable, Iterator
from textwrap import dedent
from typing import Any

import pytest

from graders.engine.loading import Loaded, Loader
from graders.engine.submission import Cell

Load = Callable[..., tuple[Any, Loaded]]
Place = tuple[int, int]


@pytest.fixture
def load() -> Iterator[Load]:
    """Loads the text of a submission, each argument a cell; gives the module, and what loading it gave."""
    before = set(sys.modules)

    def run(
        *texts: str,
        exercises: tuple[str, ...] = (),
        stub: str = "",
        skip: dict[Place, str] | None = None,
        until: Place | None = None,
        announce: Callable[[int, int, bool], None] = lambda cell, line, imports: None,
    ) -> tuple[Any, Loaded]:
        cells = tuple(Cell(f"answer.py cell {number}", dedent(text)) for number, text in enumerate(texts))
        loader = Loader("answer", cells, announce, skip or {}, until)
        return loader.module, loader.load(exercises, stub)

    yield run
    for name in set(sys.modules) - before:
        del sys.modules[name]


# %% What is executed


@pytest.mark.parametrize(
    "text",
    [
        "import math as found",
        "from math import pi as found",
        "def found(): return 1",
        "async def found(): return 1",
        "class found: pass",
        "found = 1",
        "other = found = 1",
        "(found, *_), z = (1, 2), 3",
        "found: int = 1",
        "found = 1\nfound += 1",
        "class A: pass\nA.x = found = 1",
        "try:\n    import nowhere as found\nexcept ImportError:\n    found = None",
        "try:\n    import math as found\nexcept ImportError:\n    print('install it')",
        "from contextlib import suppress\nwith suppress(Exception):\n    found = 1",
        "if True:\n    found = 1",
        "if False:\n    pass\nelif True:\n    found = 1",
        "if False:\n    pass\nelse:\n    def found(): pass",
        "if __name__ == '__main__':\n    found = 1",
        "if '__main__' == __name__:\n    def found(): pass",
        "if MAIN:\n    found = 1",
        "x = True\nif MAIN and x:\n    if x:\n        import math as found",
        "MAIN = __name__ == '__main__'\nif MAIN:\n    found = 1",
    ],
)
def test_definitions_imports_and_assignments_are_executed(load: Load, text: str) -> None:
    module, loaded = load(text)
    assert hasattr(module, "found")
    assert "found" in loaded.lines
    assert loaded.troubles == ()


REGISTER = """
class Register(dict):
    def add(self, name): self[name] = True; return self
table = Register()
inner = [table]
"""


@pytest.mark.parametrize(
    "text",
    [
        "table.add('it')",
        "inner[0].add('it')",
        "table['it'] = True",
        "if MAIN:\n    table.add('it')",
        "if __name__ == '__main__':\n    inner[0].add('it')",
    ],
)
def test_registrations_on_own_objects_are_executed(load: Load, text: str) -> None:
    module, loaded = load(REGISTER + text)
    assert module.table == {"it": True}
    assert loaded.troubles == ()


@pytest.mark.parametrize(
    "text",
    [
        "note(1)",
        "print(note(1))",
        "assert note(1)",
        "for x in range(3):\n    note(x)",
        "while note(1): pass",
        "[note(x) for x in range(3)]",
        "note(1) if True else 0",
        "import random\nrandom.seed(note(1))",
        "with open(note('file')) as file:\n    print(file.read())",
        "try:\n    note(1)\nexcept ValueError:\n    pass",
        "try:\n    x = 1\nfinally:\n    note(1)",
        "if True:\n    note(1)",
        "if MAIN:\n    note(1)\n    for x in range(3): note(x)",
        "if MAIN:\n    x = 1\nelse:\n    x = note(1)",
        "if __name__ == '__main__':\n    print(note(1))\n    while note(1): pass",
        "del seen",
        "raise SystemExit(note(1))",
    ],
)
def test_loose_statements_are_left_alone(load: Load, text: str) -> None:
    module, loaded = load("seen = []\ndef note(x): seen.append(x); return x\n" + text)
    assert module.seen == []
    assert loaded.troubles == ()


def test_the_last_definition_wins(load: Load) -> None:
    module, loaded = load("def f(): return 1\n\ndef f(): return 2\n", "f2 = f\ndef f(): return 3")
    assert (module.f(), module.f2(), loaded.lines["f"]) == (3, 2, 2)


# %% What the code finds around it


def test_names_that_answers_expect_have_defaults(load: Load) -> None:
    module, _ = load("where = str(device)\nmain = MAIN\nname = __name__")
    assert (module.where, module.main, module.name) == ("cpu", False, "answer")


def test_annotations_are_not_evaluated_after_the_future_import(load: Load) -> None:
    text = "from __future__ import annotations\ndef f(x: nowhere) -> Unknown: return x"
    module, loaded = load(text, "def g(x: nowhere): return x")
    assert loaded.troubles == ()
    assert module.f(1) == module.g(1) == 1
    assert load("def f(x: nowhere): return x")[1].lost.keys() == {"f"}


@pytest.mark.parametrize(
    "text",
    [
        "from typeguard import typechecked\n@typechecked\ndef f(x): return x",
        "import beartype\n@beartype.beartype\ndef f(x): return x",
        "from beartype import beartype\n@beartype(conf=None)\ndef f(x): return x",
        "from jaxtyping import jaxtyped\nfrom typeguard import typechecked as t\n"
        "@jaxtyped(typechecker=t)\ndef f(x): return x",
    ],
)
def test_type_checkers_that_are_not_installed_do_nothing(load: Load, text: str) -> None:
    module, loaded = load(text)
    assert loaded.troubles == ()
    assert module.f("anything") == "anything"


def test_array_annotations_decorators_and_dataclasses_work(load: Load) -> None:
    module, loaded = load(
        """
        from dataclasses import dataclass, field
        from functools import cache
        import numpy as np
        from jaxtyping import Float

        @cache
        def f(x: float) -> Float[np.ndarray, "batch 3"]:
            return x

        @dataclass
        class Recipe:
            args: "tuple"
            parents: dict[int, "Tensor"] = field(default_factory=dict)
        """
    )
    assert loaded.troubles == ()
    assert module.Recipe((1,)) == module.Recipe(args=(1,), parents={})
    assert module.f(2) == 2


def test_the_source_of_a_function_can_be_looked_up(load: Load) -> None:
    module, _ = load("x = 1", "\n\ndef f():\n    return 2\n")
    assert inspect.getsource(module.f) == "def f():\n    return 2\n"


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


@pytest.mark.parametrize("text", ["x = " + "(" * 250 + ")" * 250, "x = " + "-" * 100_000 + "1", "x = 1" + " + 1" * 20_000])
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
        ("import nowhere\ny = x", ["ModuleNotFoundError: No module named 'nowhere'", "NameError: name 'x' is not defined"]),
        ("def f(): raise NotImplementedError\nx = f()", ["NotImplementedError"]),
    ],
)
def test_what_follows_from_an_earlier_failure_is_told_apart(load: Load, text: str, messages: list[str]) -> None:
    _, loaded = load(text)
    assert [trouble.message for trouble in loaded.troubles] == messages
    assert loaded.troubles[-1].follows == ("y =" not in text)


# %% What the parent hears and decides


def test_statements_are_announced_before_they_are_executed(load: Load) -> None:
    heard: list[tuple[int, int, bool]] = []
    load(
        "import math\nprint(1)\nx = 1", "if MAIN:\n    y = 2", announce=lambda *place: heard.append(place)
    )
    assert heard == [(0, 1, True), (0, 3, False), (1, 2, False)]


def test_statements_are_skipped_for_a_reason(load: Load) -> None:
    module, loaded = load("x = 1\ny = 2", "x = 3", skip={(0, 1): "took too long"})
    assert (module.x, module.y) == (3, 2)
    assert [(trouble.line, trouble.message) for trouble in loaded.troubles] == [(1, "took too long")]


def test_the_rest_of_a_file_is_left_alone(load: Load) -> None:
    module, loaded = load("x = 1\ny = 2", "z = 3", until=(0, 2))
    assert (hasattr(module, "x"), hasattr(module, "y"), hasattr(module, "z")) == (True, False, False)
    assert loaded.lost.keys() == {"y", "z"}


# %% Which exercises were attempted

STUB = "def f(x):\n    raise NotImplementedError('f')\n"


@pytest.mark.parametrize(
    ("text", "untouched"),
    [
        (STUB, True),
        ("if MAIN:\n    def f(x): ...", True),
        ("def f(x): return x\n" + STUB, True),
        (STUB + "def f(x): return x", False),
        (STUB + "f = abs", False),
        (STUB + "from math import sin as f", False),
    ],
)
def test_the_last_definition_says_whether_it_was_attempted(load: Load, text: str, untouched: bool) -> None:
    _, loaded = load(text, exercises=("f",), stub=STUB)
    assert loaded.unattempted == ({"f"} if untouched else set())
