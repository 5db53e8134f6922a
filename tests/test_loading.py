"""Loading a submission: which of its statements are executed."""

import inspect

import pytest
from conftest import Load

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
        "import gymnasium as gym\ngym.register('Own-v0', Own)",
        "import gymnasium\ngymnasium.register(id='Own-v0', entry_point=Own)",
        "import gym\ngym.envs.registration.register(id='Own-v0', entry_point=Own)",
    ],
)
def test_environments_are_registered(load: Load, text: str) -> None:
    text = text.replace("\n", "\nclass Own(gymnasium.Env):\n    pass\n", 1)
    text = f"import gymnasium\n{text}\nmade = gymnasium.make('Own-v0', disable_env_checker=True)"
    module, loaded = load(text)
    assert type(module.made.unwrapped) is module.Own
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


def test_names_that_a_section_lends_are_there_where_an_import_fails(load: Load) -> None:
    lent = {"sqrt": "math.sqrt", "pi": "math.pi"}
    module, loaded = load("from nowhere.answers import sqrt\npi = 3\ndef f(): return sqrt(4) + pi", lent=lent)
    assert module.f() == 5
    assert [trouble.line for trouble in loaded.troubles] == [1]


def test_annotations_are_never_evaluated(load: Load) -> None:
    text = "class C:\n    size: nowhere.at_all\n    def f(self, x: nowhere) -> Unknown: return x\nfound: Unknown = 1"
    module, loaded = load(text, "def g(x: nowhere): return x")
    assert loaded.troubles == ()
    assert module.C().f(1) == module.g(1) == module.found == 1


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


# %% What the parent hears and decides


def test_statements_are_announced_before_they_are_executed(load: Load) -> None:
    heard: list[tuple[int, int, bool]] = []
    load("import math\nprint(1)\nx = 1", "if MAIN:\n    y = 2", announce=lambda *place: heard.append(place))
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


@pytest.mark.parametrize("magic", ["time", "prun", "debug", "timeit", "capture"])
def test_cells_that_nbconvert_has_made_calls_of_count(load: Load, magic: str) -> None:
    text = f"x = 1\nget_ipython().run_cell_magic('{magic}', '', 'import math\\ndef found(): return math.pi\\n')"
    module, loaded = load(text)
    assert module.found() > 3
    assert loaded.lines["found"] == 2
    assert loaded.troubles == ()


def test_cells_of_other_languages_do_not(load: Load) -> None:
    module, _ = load("get_ipython().run_cell_magic('bash', '', 'found=1')")
    assert not hasattr(module, "found")
