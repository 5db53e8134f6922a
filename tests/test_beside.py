"""Files beside an answer that it imports: a learner's own modules, which are part of the submission."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import cohorts
import nbformat
import pytest
from cohorts import SAME, Cohort, found
from conftest import EXAMPLES, checks_of

from graders.engine.authoring.material import Material
from graders.engine.marking.marking import mark
from graders.engine.results import SectionResult
from graders.engine.setting.papers import paper
from graders.engine.sitting.beside import beside
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.submission import cells_beside, content, read
from graders.learning.history import digest

cohort, folder, own = cohorts.cohort, cohorts.folder, cohorts.own  # fixtures
Grade = Callable[..., SectionResult]


@pytest.fixture
def grade(new_section: Callable[[str, str], Material], forkserver: Forkserver, tmp_path: Path) -> Grade:
    """Grades an answer with the files beside it, each the text of a module, by its path without the ending."""

    def run(answer: str, *, suffix: str = ".py", **files: str) -> SectionResult:
        material = new_section(cohorts.GRADER, SAME)
        answers = tmp_path / "mine"
        answers.mkdir(exist_ok=True)
        for name, text in files.items():
            (answers / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
            (answers / f"{name}.py").write_text(dedent(text))
        path = answers / f"own{suffix}"
        path.write_text(dedent(answer) if suffix == ".py" else _notebook(answer))
        return mark(material, paper(material, 0, EXAMPLES), read(path), forkserver)

    return run


def _notebook(*cells: str) -> str:
    return nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells]))


def _status(result: SectionResult) -> str:
    return checks_of(result)["gives_it_back"].status


# %% Which files are found


@pytest.mark.parametrize(
    "text",
    [
        "from mine import f",
        "from  mine  import (\n    f,\n    g,\n)",
        "from .mine import f",
        "from . mine import f",
        "from . import mine",
        "from . import (other,\n  mine)",
        "from mine import *",
        "import mine",
        "import os, mine as m",
        "import mine.inner",
        "x = 1; import mine",
        "try: import mine\nexcept ImportError: pass",
        "def f():\n\tfrom mine import g\n\treturn g()",
        "def broken(:\nfrom mine import f",
    ],
)
def test_whatever_is_imported_is_looked_for(text: str) -> None:
    assert beside("own", text.encode(), {"mine.py": b"f = 1"}.get) == {"mine": b"f = 1"}
    assert beside("own", _notebook("x = 1", text).encode(), {"mine.py": b"f = 1"}.get) == {"mine": b"f = 1"}


@pytest.mark.parametrize("text", ["mine = 1", "from own import f", "# mine", "important mine", "'import'; mine"])
def test_what_is_not_imported_is_not(text: str) -> None:
    assert beside("own", text.encode(), {"mine.py": b"", "own.py": b""}.get) == {}


@pytest.mark.parametrize("name", ["own", "json", "exercises", "graders", "reference"])
def test_no_file_takes_the_place_of_what_is_ours_or_pythons(name: str) -> None:
    there = {f"{name}.py": b"", f"{name}/__init__.py": b"", f"{name}/inner.py": b""}
    assert beside("own", f"import {name}\nfrom {name}.inner import f".encode(), there.get) == {}


def test_files_may_import_one_another_and_in_a_circle() -> None:
    files = {"a.py": b"from b import f", "b.py": b"import a\nimport c", "c.py": b"", "d.py": b""}
    assert list(beside("own", b"import a", files.get)) == ["a", "b", "c"]


def test_they_are_not_too_many_and_not_too_large() -> None:
    asked = b"\n".join(b"import m%d" % i for i in range(99))
    assert len(beside("own", asked, lambda name: b"")) == 50
    assert beside("own", b"import a, b, c", {"a.py": b"#" * 2**23, "b.py": b"#" * 2**22, "c.py": b"#"}.get).keys() == {
        "a",
        "c",
    }


@pytest.mark.parametrize(
    "text",
    [
        "from mylib.layers import f",
        "import os, mylib.layers as m",
        "from mylib import layers",
        "from mylib import (other,  # not layers\n  layers)",
        "from mylib import other, \\\n  layers",
        "from .mylib import layers as l",
        "from . mylib.layers import f",
        "from ..mylib.layers import *",
        "def f():\n\timport mylib.layers.f",
    ],
)
@pytest.mark.parametrize("head", [{}, {"mylib/__init__.py": b""}])
def test_a_module_of_a_package_is_looked_for(text: str, head: dict[str, bytes]) -> None:
    there = {**head, "mylib/layers.py": b"f = 1", "mylib/more.py": b"", "mylib/layers/f.py": b"", "layers.py": b""}
    expected = ["mylib.__init__", "mylib.layers"][not head :]
    assert list(beside("own", text.encode(), there.get)) == expected
    assert list(beside("own", _notebook("x = 1", text).encode(), there.get)) == expected


def test_within_a_package_dots_are_of_its_own_folders() -> None:
    there = {
        "mylib/__init__.py": b"from .layers import f\nfrom . import more",
        "mylib/layers.py": b"from .deep.inner import g\nfrom json import x",
        "mylib/deep/inner.py": b"from ..json import x\nfrom . import last\nfrom ... import flat",
        "mylib/deep/last.py": b"from ........beyond import x",
        **dict.fromkeys(["mylib/json.py", "mylib/more.py", "flat.py", "beyond.py"], b""),
        **dict.fromkeys(["json.py", "more.py", "layers.py", "mylib/flat.py", "mylib/deep/more.py"], b"raise"),
    }
    inside = ["__init__", "deep.inner", "deep.last", "json", "layers", "more"]
    assert list(beside("own", b"import mylib", there.get)) == ["beyond", "flat", *(f"mylib.{name}" for name in inside)]


def test_a_package_goes_before_a_module_of_its_name_and_that_before_a_folder() -> None:
    there = {"mylib/__init__.py": b"", "mylib.py": b"", "mine.py": b"", "mine/inner.py": b""}
    assert list(beside("own", b"import mylib, mine.inner", there.get)) == ["mine", "mylib.__init__"]


def test_packages_are_not_too_many_too_large_or_too_deep() -> None:
    asked = b"\n".join(b"import mylib.m%d" % i for i in range(99))
    assert len(beside("own", asked, lambda name: None if name == "mylib.py" else b"")) == 50
    large = {"a/__init__.py": b"#" * 2**23, "a/b.py": b"#" * 2**22, "a/c.py": b"#"}
    assert list(beside("own", b"from a import b, c", large.get)) == ["a.__init__", "a.c"]
    looked_for: list[str] = []
    beside("own", b"import " + b"a." * 10**6 + b"a, b..c", looked_for.append)  # type: ignore[arg-type]
    assert looked_for == []
    beside("own", b"import " + b", ".join(b"m%d" % i for i in range(10**5)), looked_for.append)  # type: ignore[arg-type]
    assert len(looked_for) == 10_000


def test_a_folder_that_is_a_link_out_of_the_answers_is_not_followed(tmp_path: Path) -> None:
    for place in ("secret", "mine"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "key.py").write_text("key = 1")
    (tmp_path / "mine" / "lib").symlink_to(tmp_path / "secret")
    (tmp_path / "mine" / "own.py").write_text("import lib.key, key")
    assert [cell.module for cell in read(tmp_path / "mine" / "own.py").cells] == ["", "key"]


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "secret.py").write_text("secret = 1")
    (tmp_path / "mine" / "secret.py").symlink_to(tmp_path / "secret.py")
    (tmp_path / "mine" / "own.py").write_text("import secret")
    assert [cell.module for cell in read(tmp_path / "mine" / "own.py").cells] == [""]


# %% How they are loaded


@pytest.mark.parametrize(
    "answer",
    [
        "from layers import same",
        "from .layers import same",
        "from layers import *",
        "from .layers import *",
        "from layers import _twin as same",
        "import layers\nsame = layers.same",
        "from . import layers\ndef same(x):\n    return layers.same(x)",
        "def same(x):\n    from layers import same as found\n    return found(x)",
        "def same(x):\n    from .layers import same as found\n    return found(x)",
        "def same(x):\n    from . import layers as found\n    return found.same(x)",
        "if MAIN:\n    from layers import same",
        "try:\n    from layers import same\nexcept ImportError:\n    pass",
        "from layers import nothing, same",
    ],
)
@pytest.mark.parametrize("suffix", [".py", ".ipynb"])
def test_what_an_answer_imports_is_loaded(grade: Grade, answer: str, suffix: str) -> None:
    result = grade(answer, suffix=suffix, layers="_table = {}\ndef same(x):\n    return x\n_twin = same\n")
    assert _status(result) == "passed"


@pytest.mark.parametrize(
    "answer",
    [
        "from mylib.layers import same",
        "from .mylib.layers import same",
        "from mylib.layers import *",
        "from mylib import layers\nsame = layers.same",
        "from mylib import layers, deep\ndef same(x):\n    return layers.same(x)",
        "import mylib.layers\ndef same(x):\n    return mylib.layers.same(x)",
        "def same(x):\n    from .mylib import layers as found\n    return found.same(x)",
        "from mylib.deep.inner import same",
    ],
)
@pytest.mark.parametrize("head", [{}, {"mylib/__init__": "x = 1"}])
@pytest.mark.parametrize("suffix", [".py", ".ipynb"])
def test_what_an_answer_imports_of_a_package_is_loaded(
    grade: Grade, answer: str, head: dict[str, str], suffix: str
) -> None:
    files = {
        "mylib/layers": "from .deep.inner import give\nfrom . import deep\ndef same(x):\n    return give(x)\n",
        "mylib/deep/inner": "from ..tail import give\nfrom ... import flat\ndef same(x):\n    return flat.give(x)\n",
        "mylib/tail": "def give(x): return x",
        "flat": "from mylib import tail\ngive = tail.give",
    }
    result = grade(answer, suffix=suffix, **head, **files)
    assert (_status(result), result.warnings) == ("passed", ())


@pytest.mark.parametrize(
    "answer",
    [
        "import mylib\nsame = mylib.same",
        "from mylib import same",
        "from mylib import *",
        "from . import mylib\ndef same(x):\n    return mylib.layers.same(x)",
    ],
)
def test_a_package_has_what_its_init_takes_from_its_modules(grade: Grade, answer: str) -> None:
    files = {"mylib/__init__": "from .layers import same\nfrom . import layers", "mylib/layers": SAME}
    assert _status(grade(answer, **files)) == "passed"
    if "import same" in answer:
        stubs = {**files, "mylib/layers": "def same(x): pass"}
        assert _status(grade(answer, **stubs)) == "not_attempted"


def test_what_is_wrong_in_a_package_is_said_with_its_file_and_line(grade: Grade) -> None:
    files = {"mylib/__init__": "x = 1 / 0\n", "mylib/layers": "\ndef same(x):\n    return x / 0\n"}
    result = grade("from mylib.layers import same", **files)
    (warning,) = result.warnings
    assert (warning.file or "").endswith("mylib/__init__.py")
    assert (warning.line, warning.message) == (1, "ZeroDivisionError: division by zero")
    assert "mylib/layers.py:3 in same\n    return x / 0" in (checks_of(result)["gives_it_back"].error or "")


def test_a_package_goes_before_a_part_that_is_not_there_whose_other_modules_do_not_suffer(grade: Grade) -> None:
    answer = "from part2_cnns.solutions import same\nfrom part2_cnns.utils import Linear\nimport numpy.layers\n"
    result = grade(answer, **{"part2_cnns/solutions": SAME, "numpy/__init__": "1 / 0", "numpy/layers": ""})
    assert _status(result) == "passed"


def test_a_file_is_loaded_as_an_answer_is(grade: Grade) -> None:
    """Annotations, stand-ins and registrations are as they are in the answer; loose statements are not executed."""
    layers = """
        import wandb
        from part2_cnns.solutions import Linear
        from tail import give
        table = []
        def same(x: NoSuchLibrary.Type) -> "": return table[0](x)
        table.append(give)
        print("loose")
        assert False
        raise SystemExit
    """
    result = grade("from layers import same", layers=layers, tail="def give(x): return x")
    assert (_status(result), result.warnings) == ("passed", ())


def test_what_is_installed_goes_before_a_file_and_a_file_before_a_part_that_is_not_there(grade: Grade) -> None:
    answer = "import numpy, wandb\nfrom utils import same\nassert_ = numpy.int64, wandb.init\n"
    result = grade(answer, numpy="int64 = 1 / 0", wandb="x = 1 / 0", utils=SAME)
    assert (_status(result), result.warnings) == ("passed", ())


def test_what_is_wrong_in_a_file_is_said_with_its_file_and_line(grade: Grade) -> None:
    result = grade("from layers import same", layers="x = 1\n\ndef same(x:\n    return x\n")
    (warning,) = result.warnings
    assert (Path(warning.file or "").name, warning.line) == ("layers.py", 3)
    assert warning.message == "SyntaxError: '(' was never closed"
    assert _status(result) == "missing"
    error = checks_of(result)["gives_it_back"].error or ""
    assert error.endswith(f"{warning.file}, line 3: {warning.message}")

    result = grade("from layers import same", layers=SAME + "table = 1 / 0\n")
    assert _status(result) == "passed"
    (warning,) = result.warnings
    assert (Path(warning.file or "").name, warning.line) == ("layers.py", 3)
    assert warning.message == "ZeroDivisionError: division by zero"


def test_the_frames_of_a_file_are_shown(grade: Grade) -> None:
    result = grade("from layers import same", layers="def same(x):\n    return x / 0\n")
    error = checks_of(result)["gives_it_back"].error or ""
    assert "layers.py:2 in same\n    return x / 0" in error


def test_a_statement_of_a_file_that_never_ends_costs_itself(grade: Grade) -> None:
    result = grade("from layers import same", layers=SAME + "x = [0 for _ in iter(int, 1)]\ny = 1\n")
    assert _status(result) == "passed"
    (warning,) = result.warnings
    assert (warning.line, warning.message) == (3, "took longer than 3 seconds")


def test_a_stub_in_a_file_is_a_stub(grade: Grade) -> None:
    assert (
        _status(grade("from layers import same", layers='def same(x):\n    """Text."""\n    pass\n')) == "not_attempted"
    )
    own = "from layers import same\ndef same(x):\n    return x\n"
    assert _status(grade(own, layers="def same(x):\n    pass\n")) == "passed"


def test_what_is_left_out_of_a_file_is_said_where_it_matters(grade: Grade) -> None:
    layers = "table = {}\ndef same(x): return table[x]\nwhile len(table) < 10:\n    table[len(table)] = len(table)\n"
    (exercise,) = grade("from layers import same", layers=layers).exercises
    assert exercise.note is not None
    assert "line 3 of " in exercise.note
    assert "layers.py (a loop) is not executed" in exercise.note


def test_a_file_that_is_no_text_is_noted(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import layers")
    (tmp_path / "layers.py").write_bytes(b"x = 1\ny = '\xfc'\n")
    (note,) = read(tmp_path / "own.py").notes
    assert note.endswith("layers.py is not UTF-8 text: byte 0xfc in line 2")
    (tmp_path / "layers.py").write_bytes(b"# coding: latin-1\ny = '\xfc'\n")
    assert read(tmp_path / "own.py").cells[1].source == "# coding: latin-1\ny = 'ü'\n"


# %% What follows them


def test_what_is_remembered_of_a_file_depends_on_those_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("import layers")
    found = {digest(path)}
    for text in ("", "x = 1", "import more", "x = 2"):
        (tmp_path / "layers.py").write_text(text)
        found.add(digest(path))
    (tmp_path / "other.py").write_text("")
    assert (len(found), digest(path) in found) == (5, True)
    assert content(path) == {"": b"import layers", "layers": b"x = 2"}
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "__init__.py").write_text("x = 2")
    assert digest(path) not in found


def test_a_notebook_that_checks_itself_has_those_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(SAME)
    (cell,) = cells_beside("", "from layers import same", tmp_path)
    assert (cell.module, cell.source) == ("layers", SAME)


# %% In a cohort


def test_files_of_a_learners_folder_are_loaded(cohort: Cohort, folder: Path) -> None:
    for name, layers in (("ada", SAME), ("bob", "def same(x):\n    return x + 1\n")):
        (folder / name).mkdir()
        (folder / name / "own.py").write_text("from .layers import same\n")
        (folder / name / "layers.py").write_text(layers)
    with zipfile.ZipFile(folder / "eve.zip", "w") as archive:
        archive.writestr("eve/own.py", "from layers import same\n")
        archive.writestr("eve/layers.py", SAME)
    points = {name: each["score"] / each["points"] for name, each in found(cohort("--json", "-")).items()}
    assert points == {"ada": 1, "bob": 0, "eve": 1}


def test_packages_of_a_learners_folder_are_loaded(cohort: Cohort, folder: Path) -> None:
    files = {"own.py": "from mylib.layers import same\n", "mylib/layers.py": "from .tail import same\n"}
    for name, tail in (("ada", SAME), ("bob", "def same(x):\n    return x + 1\n")):
        for path, text in {**files, "mylib/tail.py": tail}.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text)
    with zipfile.ZipFile(folder / "eve.zip", "w") as archive:
        for path, text in {**files, "mylib/__init__.py": "import wandb\n", "mylib/tail.py": SAME}.items():
            archive.writestr(f"eve/{path}", text)
    (folder / "sly").mkdir()
    (folder / "sly" / "own.py").write_text(files["own.py"])
    (folder / "sly" / "mylib").symlink_to(folder / "ada" / "mylib")
    points = {name: each["score"] / each["points"] for name, each in found(cohort("--json", "-")).items()}
    assert points == {"ada": 1, "bob": 0, "eve": 1, "sly": 0}


def test_no_file_of_another_learner_is_loaded(cohort: Cohort, folder: Path) -> None:
    (folder / "ada.py").write_text("from bob import same\n")
    (folder / "bob.py").write_text(SAME)
    (folder / "eve").mkdir()
    (folder / "eve" / "own.py").write_text("from ..bob import same\nfrom bob import same\n")
    scores = {name: each["score"] for name, each in found(cohort("--json", "-")).items()}
    assert (scores["ada"], scores["eve"]) == (0, 0)
    assert scores["bob"] > 0
