"""Papers: the same for the same seed and sources wherever they are set, and kept on disk."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from conftest import NewSection, newly_set

from graders.engine.authoring.material import Material, find
from graders.engine.course import PROJECT, Course
from graders.engine.setting import papers, shelf
from graders.engine.setting.paper import Sealed
from graders.engine.setting.papers import key, paper
from graders.engine.values import codec

REFERENCE = "def f(x):\n    return x\n"


def blob(value: Sealed) -> bytes:
    return msgspec.msgpack.encode(value)


def drawn(value: Sealed) -> list[object]:
    return [codec.decode(inputs) for item in value.items for inputs in item.inputs]


# %% The same paper


def test_the_paper_follows_from_the_seed(course: Course) -> None:
    small = find(course, "small")
    assert blob(newly_set(small, 0, 10)) == blob(newly_set(small, 0, 10))
    assert drawn(newly_set(small, 0, 10)) != drawn(newly_set(small, 1, 10))


def test_inputs_are_few_enough_and_all_different(course: Course) -> None:
    small = newly_set(find(course, "small"), 0, 15)
    assert {item.name: len(item.inputs) for item in small.items if item.name in ("refuses_zero", "sums_rows")} == {
        "refuses_zero": 1,
        "sums_rows": 15,
    }
    assert all(len(set(item.inputs)) == len(item.inputs) == len(item.expected) <= 15 for item in small.items)


ODD_MODULE = """
NUMBERS = [31337, -271828, 3.14159, 123456789, 99991]
WORDS = ["zebra", "quagga", "okapi"]
"""
PRINT_PAPER = """
import hashlib, sys
import msgspec
from pathlib import Path
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.setting.papers import paper
course = Course(Path(sys.argv[1]))
material = find(course, "odd")
for name in sys.argv[2:]:
    find(course, name).section if name in course.sections else __import__(name)
print("PAPER", hashlib.sha256(msgspec.msgpack.encode(paper(material, 3, 30, keep=False).sealed())).hexdigest())
"""
ODD_GRADER = '''
from hypothesis import strategies as st
from graders.engine import Section
section = Section("odd", title="Odd")
f = section.exercise("f")
shuffled = section.exercise("shuffled")

@f.check(n=st.integers(), x=st.floats(), text=st.text(), items=st.lists(st.integers(), max_size=5))
def gives_back(solution, n, x, text, items):
    """Gives back."""
    return solution.f((n, x, text, items))

shuffled.call("shuffles", "Shuffles.", words=st.sets(st.text()))
'''
ODD_REFERENCE = """
import random
def f(x): return x
def shuffled(words): return random.sample(sorted(words), len(words)), random.random()
"""


@pytest.fixture
def odd_course(tmp_path: Path) -> Path:
    """A course whose inputs Hypothesis would love to mix with the literals of other modules."""
    for folder in ("graders", "reference"):
        (tmp_path / folder).mkdir()
    (tmp_path / "graders" / "__init__.py").write_text('SECTIONS = ("odd", "other")')
    (tmp_path / "graders" / "odd.py").write_text(ODD_GRADER)
    (tmp_path / "graders" / "other.py").write_text(ODD_GRADER.replace("odd", "other") + ODD_MODULE)
    (tmp_path / "reference" / "odd.py").write_text(ODD_REFERENCE)
    (tmp_path / "reference" / "other.py").write_text(ODD_REFERENCE + ODD_MODULE)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "oddities.py").write_text(ODD_MODULE)
    return tmp_path


def test_the_paper_does_not_depend_on_what_surrounds_it(odd_course: Path) -> None:
    work = odd_course / "work"
    (work / "test_it.py").write_text(
        "import sys\nfrom unittest import mock\nimport oddities\ndef test():\n"
        f"    with mock.patch.object(sys, 'argv', ['x', {str(odd_course)!r}, 'other']):\n"
        f"        exec({PRINT_PAPER!r})\n"
    )
    script = [sys.executable, "-c", PRINT_PAPER, str(odd_course)]
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(work / "test_it.py")]
    commands = [
        (script, {"PYTHONHASHSEED": "1"}),
        (script, {"PYTHONHASHSEED": "2", "CI": "true"}),
        ([*script, "other", "oddities"], {"PYTHONHASHSEED": "3"}),
        (pytest_run, {"PYTHONHASHSEED": "4"}),
    ]
    assert len({paper_printed_by(command, work, more) for command, more in commands}) == 1
    assert not (work / ".hypothesis").exists()


def paper_printed_by(command: list[str], folder: Path, more: dict[str, str]) -> str:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)} | more
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    found = [line for line in done.stdout.splitlines() if "PAPER" in line]
    assert found, done.stdout + done.stderr
    return found[0].split("PAPER ")[1]


def test_the_paper_does_not_depend_on_the_number_of_cores(
    new_section: NewSection, monkeypatch: pytest.MonkeyPatch
) -> None:
    grader = "\n        f = section.exercise('f')" + "".join(
        f"""
        @f.check()
        def check_{letter}(solution):
            \"\"\"Check.\"\"\"
            return solution.f("{letter}")
        """
        for letter in "abcd"
    )
    set_papers = []
    for cores in (1, 2):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        material = new_section(grader, "SEEN = []\ndef f(x):\n    SEEN.append(x)\n    return SEEN\n")
        set_papers.append(newly_set(material, 0, 5))
    assert blob(set_papers[0]) == blob(set_papers[1])
    assert [codec.decode(item.expected[0]) for item in set_papers[0].items] == [["a"], ["b"], ["c"], ["d"]]


# %% Kept on disk


@pytest.fixture
def identity(new_section: NewSection) -> Material:
    grader = """
    f = section.exercise("f")
    f.call("gives_back", "Gives its argument back.", x=st.integers())
    """
    return new_section(grader, REFERENCE)


def heard(material: Material, seed: int = 0) -> tuple[Sealed, bool]:
    """The paper, and whether it was newly set."""
    titles: list[str] = []
    return paper(material, seed, 5).sealed(titles.append), bool(titles)


def kept(material: Material) -> list[Path]:
    """The files with its examples."""
    return list((material.course.root / ".papers").glob("*.paper"))


def test_a_paper_is_set_once(identity: Material) -> None:
    first, newly = heard(identity)
    assert newly
    assert heard(identity) == (first, False)
    assert len(kept(identity)) == 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "sealed nonsense", "a folder"])
def test_a_damaged_paper_is_set_again(identity: Material, damage: str) -> None:
    first, _ = heard(identity)
    (path,) = kept(identity)
    data = path.read_bytes()
    match damage:
        case "truncated":
            path.write_bytes(data[:-3])
        case "empty":
            path.write_bytes(b"")
        case "flipped":
            path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
        case "sealed nonsense":
            nonsense = msgspec.msgpack.encode({"section": 3})
            path.write_bytes(hashlib.blake2b(nonsense, digest_size=32).digest() + nonsense)
        case "a folder":
            path.unlink()
            path.mkdir()
    assert heard(identity) == (first, True)
    assert heard(identity) == (first, False)  # from the user's folder, where a folder is in the way here


def test_folders_that_cannot_be_written_are_no_error(identity: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shelf.tempfile, "NamedTemporaryFile", refuse)
    assert heard(identity)[1]
    assert kept(identity) == []


def test_only_the_last_papers_are_kept(identity: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_KEPT", 2)
    for seed in range(3):
        heard(identity, seed)
    assert [path.suffix for path in kept(identity)] == [".paper"] * 2
    assert [heard(identity, seed)[1] for seed in (1, 2, 0)] == [False, False, True]


def test_the_key_follows_all_that_a_paper_depends_on(identity: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    root = identity.course.root
    fresh = Course(root)

    def now(seed: int = 0, examples: int = 5) -> str:
        return key(find(fresh, "own"), seed, examples)

    keys = [now(), now(seed=1), now(examples=6)]
    assert keys[0] == now() == key(identity, 0, 5)
    for change in ("reference/own.py", "graders/own.py"):
        path = root / change
        path.write_text(path.read_text() + "# it needs exercises.given.toy\n")
        keys.append(now())
    for change, text in (("toy", "import exercises.given.deeper\n"), ("deeper", ""), ("deeper", "# changed\n")):
        path = root / "exercises" / "given" / f"{change}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        keys.append(now())
    (root / "exercises" / "given" / "others.py").write_text("# what no file of the section names\n")
    assert now() == keys[-1]
    for module, name, value in [
        (papers, "_FORMAT", 99),
        (papers, "_MAKERS", ("values/codec",)),
        (papers, "version", lambda package: f"another {package}"),
        (papers.platform, "python_version", lambda: "3.99"),
        (papers.platform, "machine", lambda: "abacus"),
    ]:
        monkeypatch.setattr(module, name, value)
        keys.append(now())
    assert len(set(keys)) == len(keys)


def test_given_code_that_only_the_reference_imports_is_loaded_before_the_sandbox_closes(identity: Material) -> None:
    given = identity.course.root / "exercises" / "given"
    given.mkdir(parents=True)
    for name in ("toy", "deeper", "others"):
        (given / f"{name}.py").write_text("import exercises.given.deeper\n" if name == "toy" else "")
    identity.reference.write_text(f"import exercises.given.toy\n{identity.reference.read_text()}")
    imports = paper(find(Course(identity.course.root), "own"), 0, 5).cover.imports
    assert [name for name in imports if name.startswith("exercises")] == [
        "exercises.given.deeper",
        "exercises.given.toy",
    ]


def test_the_key_of_a_torch_section_follows_torch(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [key(find(course, name), 0, 5) for name in ("small", "layers")]
    real = papers.version
    monkeypatch.setattr(papers, "version", lambda package: "99" if package == "torch" else real(package))
    after = [key(find(course, name), 0, 5) for name in ("small", "layers")]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


def test_every_engine_module_that_sets_papers_is_part_of_the_key() -> None:
    script = "import json, sys, graders.engine.setting.setting as s; print(json.dumps([m for m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    names = {name.split(".", 2)[2] for name in json.loads(done.stdout) if name.startswith("graders.engine.")}
    modules = {name.replace(".", "/") for name in names if "." in name}
    idle = {"comparing/judging", "comparing/spelling", "authoring/closing"}  # what they say is not in a paper
    assert modules - idle <= set(papers._MAKERS)


def test_a_check_is_set_again_when_it_changes_and_its_neighbours_are_not(new_section: NewSection) -> None:
    grader = """
    f = section.exercise("f")
    f.call("small", "Gives small numbers back.", x=st.integers(0, 9))
    f.call("large", "Gives large numbers back.", x=st.integers(1000, {most}))
    """
    first = new_section(grader.format(most=2000), REFERENCE)
    paper(first, 0, 5).sealed()
    second, titles = new_section(grader.format(most=3000), REFERENCE), []
    paper(second, 0, 5).sealed(titles.append)
    assert titles == ["Gives large numbers back."]


def test_one_check_alone_is_drawn_as_among_others(course: Course) -> None:
    whole = newly_set(find(course, "small"), 0, 10)
    alone = paper(find(course, "small"), 0, 10, keep=False)
    asked = [question for question in alone.questions if question.name == "sums_rows"]
    assert alone.some(asked) == [item for item in whole.items if item.name == "sums_rows"]


def test_papers_lie_in_the_users_folder_where_the_course_cannot_be_written(
    identity: Material, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (identity.course.root / ".papers").write_text("in the way")
    assert [heard(identity)[1], heard(identity)[1]] == [True, False]
    assert list((tmp_path / "cache").rglob("*.paper"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_in_the_place_of_a_paper_is_no_paper(identity: Material) -> None:
    first, _ = heard(identity)
    (path,) = kept(identity)
    path.unlink()
    os.mkfifo(path)
    assert heard(identity) == (first, True)
