"""Grading on every save: what a save can have changed, and what is told of it."""

import queue
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from command import COURSE

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.results import ExerciseResult, SectionResult, Status
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.learning.affected import affected, probing, text
from graders.learning.history import History
from graders.learning.keys import Keys
from graders.learning.watch_screen import WatchScreen
from graders.learning.watching import Failed, Pressed, Saved, Verdict, Watching, better, editor, following, in_hand
from graders.report.next_step import Called

BEFORE = """
import numpy as np
SCALE = 2
table = {}
def halve(x): return x / 2
def row_sums(matrix): return matrix.sum(axis=0)
def scaled_sums(matrix, factor): return row_sums(matrix) * factor * SCALE
def first(items): return items[0]
table["first"] = first
def last(items): return table["first"](items[::-1])
if MAIN:
    def inverse(x): return 1 / x
"""


# %% What a save can have changed
@pytest.mark.parametrize(
    ("old", "new", "edited", "every"),
    [
        ("x / 2", "x * 2", {"halve"}, {"halve"}),
        ("x / 2", "(x / 2)", set(), set()),
        ("x / 2", "x / 2  # half", set(), set()),
        ("axis=0", "axis=1", {"row_sums"}, {"row_sums", "scaled_sums"}),
        ("SCALE = 2", "SCALE = 3", set(), {"scaled_sums"}),
        ("items[0]", "items[1]", {"first"}, {"first", "last"}),
        ("1 / x", "2 / x", {"inverse"}, {"inverse"}),
        ("if MAIN:", "if not MAIN:", set(), "all"),
        ("def halve(x): return x / 2\n", "", {"halve"}, {"halve"}),
        (
            "import numpy as np",
            "import numpy as np\ndef final(x): return x",
            {"last"},
            {"last"},
        ),  # another name for last
    ],
)
def test_what_is_affected(course: Course, old: str, new: str, edited: set[str], every: set[str] | str) -> None:
    cover = paper(find(course, "small"), 0, 5).cover
    found = affected(text(BEFORE), text(BEFORE.replace(old, new)), cover, probing(cover))
    assert found.edited == edited
    assert found.all == (set(probing(cover)) if every == "all" else every)


def test_an_exercise_that_a_probe_uses_affects_it_too(course: Course) -> None:
    cover = paper(find(course, "small"), 0, 5).cover
    assert "register" in probing(cover)["register"]
    assert probing(cover).keys() == {question.exercise for question in cover.questions}


# %% Which exercise is in hand
def section(**statuses: Status) -> SectionResult:
    exercises = tuple(ExerciseResult(name, status, 0, 1, 1, ()) for name, status in statuses.items())
    return SectionResult("s", "S", "s.py", 0, 3, 0, (), exercises)


@pytest.mark.parametrize(
    ("statuses", "edited", "name"),
    [
        ({"a": "passed", "b": "not_attempted", "c": "failed"}, [], "c"),
        ({"a": "failed", "b": "failed", "c": "failed"}, ["b"], "b"),
        ({"a": "not_attempted", "b": "not_attempted", "c": "not_attempted"}, ["b"], "b"),
        ({"a": "not_attempted", "b": "passed", "c": "not_attempted"}, ["b"], "c"),
        ({"a": "not_attempted", "b": "passed", "c": "passed"}, ["b"], "a"),
        ({"a": "passed", "b": "passed", "c": "passed"}, ["b"], None),
        ({"a": "failed", "b": "passed", "c": "not_attempted"}, ["b"], "a"),
    ],
)
def test_the_exercise_in_hand(statuses: dict[str, Status], edited: list[str], name: str | None) -> None:
    found = in_hand(section(**statuses), edited)
    assert (found.name if found else None) == name


def test_the_next_one_comes_round_again() -> None:
    three = section(a="failed", b="passed", c="failed")
    assert [each.name for each in (following(three, "a"), following(three, "c")) if each] == ["c", "a"]


def test_what_got_better() -> None:
    before, after = section(a="failed", b="passed", c="failed"), section(a="passed", b="passed", c="failed")
    assert [each.name for each in better(before, after)] == ["a"]
    assert better(None, after) == []


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("vim", ["vim", "+7", "a.py"]),
        ("code --wait", ["code", "--wait", "--goto", "a.py:7"]),
        ("hx", ["hx", "a.py:7"]),
        ("something", ["something", "a.py"]),
    ],
)
def test_the_editor_opens_at_the_line(monkeypatch: pytest.MonkeyPatch, variable: str, words: list[str]) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", variable)
    assert editor(Path("a.py"), 7) == words
    monkeypatch.delenv("EDITOR")
    assert editor(Path("a.py"), 7) is None


# %% Through the file system
class Watched:
    """A watch of the fixture's section, and what it says."""

    def __init__(self, watching: Watching, path: Path):
        self.watching, self.path = watching, path

    def verdicts(self) -> list[Verdict]:
        """All verdicts up to the last of a save."""
        found: list[Verdict] = []
        while not (found and found[-1].is_last):
            event = self.watching.events.get(timeout=60)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Saved):
                assert self.watching.grade(event) is None
            elif isinstance(event, Verdict) and self.watching.take(event):
                found.append(event)
        return found

    def words(self) -> str | None:
        """What is said of the next save."""
        event = self.watching.events.get(timeout=60)
        assert isinstance(event, Saved)
        return self.watching.grade(event)


@pytest.fixture
def watched(course: Course, forkserver: Forkserver, tmp_path: Path) -> Iterator[Watched]:
    path = tmp_path / "small.py"
    path.write_text(BEFORE)
    watching = Watching(course, ["small"], tmp_path, forkserver, History(None), 0, 5)
    watching.start()
    yield Watched(watching, path)
    watching.stop()


def by_writing(path: Path, source: str) -> None:
    path.write_text(source)


def by_renaming(path: Path, source: str) -> None:
    other = path.with_name("4913~")
    other.write_text(source)
    other.replace(path)


@pytest.mark.parametrize("save", [by_writing, by_renaming])
def test_a_save_is_graded_and_only_what_it_can_have_changed(
    watched: Watched, save: Callable[[Path, str], None]
) -> None:
    *_, first = watched.verdicts()
    assert first.section.points == 11
    save(watched.path, BEFORE.replace("x / 2", "x * 2"))
    *_, second = watched.verdicts()
    assert [(each.name, each.status) for each in second.section.exercises] == [("halve", "failed")]
    whole = watched.watching.files["small"].result
    assert whole is not None
    assert whole.points == 11
    assert whole.score < sum(each.score for each in first.section.exercises)


def test_what_was_edited_is_told_before_what_uses_it(watched: Watched) -> None:
    watched.verdicts()
    watched.path.write_text(BEFORE.replace("axis=0", "axis=1"))
    first, *_, last = watched.verdicts()
    assert [each.name for each in first.section.exercises] == ["row_sums"]
    assert {each.name for each in last.section.exercises} == {"row_sums", "scaled_sums"}


@pytest.mark.parametrize("module", ["mine", "mylib.inner.mine"])
def test_a_save_of_a_file_or_of_a_module_of_a_package_beside_it_is_graded(watched: Watched, module: str) -> None:
    beside = watched.path.parent / f"{module.replace('.', '/')}.py"
    beside.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text("def halve(x): return x * 2\n")
    watched.verdicts()
    watched.path.write_text(f"from {module} import halve\n")
    watched.verdicts()
    beside.write_text("def halve(x): return x / 2\n")
    *_, last = watched.verdicts()
    assert [each.status for each in last.section.exercises if each.name == "halve"] == ["passed"]


def test_a_half_written_file_is_no_error(watched: Watched) -> None:
    watched.verdicts()
    watched.path.write_text(BEFORE + "def halve(x\n")
    assert watched.words() == "not whole yet: line 13 is no Python so far ('(' was never closed)"
    watched.path.write_text(BEFORE + "# more\n")
    assert watched.words() == "saved; nothing that is graded has changed"


def test_explanations_give_way_to_the_next_save(watched: Watched) -> None:
    watched.verdicts()
    watched.path.write_text(BEFORE.replace("x / 2", "x * 2"))
    assert watched.words() is None  # it is graded
    watched.path.write_text(BEFORE)
    found = watched.verdicts()
    assert {each.status for each in found[-1].section.exercises if each.name == "halve"} == {"passed"}
    assert untaken(watched) == []


def test_a_save_of_one_file_does_not_overtake_the_grading_of_another(
    course: Course, forkserver: Forkserver, tmp_path: Path
) -> None:
    (tmp_path / "small.py").write_text(BEFORE)
    (tmp_path / "layers.py").write_text("import torch\n")
    watching = Watching(course, ["small", "layers"], tmp_path, forkserver, History(None), 0, 5)
    watching.start()
    told: set[str] = set()
    while told != {"small", "layers"}:
        event = watching.events.get(timeout=60)
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Saved):
            assert watching.grade(event) is None
        elif isinstance(event, Verdict) and watching.take(event) and event.is_last:
            told.add(event.section.name)
    watching.stop()


def untaken(watched: Watched) -> list[Verdict]:
    """The verdicts that still come, and count as overtaken nevertheless: there should be none."""
    found = []
    with suppress(queue.Empty):
        while True:
            event = watched.watching.events.get(timeout=1)
            if isinstance(event, Verdict) and watched.watching.take(event):
                found.append(event)
    return found


def test_what_was_chosen_stays_until_the_next_save(course: Course, forkserver: Forkserver, tmp_path: Path) -> None:
    watching = Watching(course, ["small"], COURSE / "answers", forkserver, History(None), 0, 5)
    screen = WatchScreen(watching, Called())
    states: dict[str, Status] = {"halve": "failed", "row_sums": "failed"}
    watched, number = watching.files["small"], 1
    watched.number = number
    told = msgspec.structs.replace(section(**states), name="small")

    def tell(*, is_last: bool = False) -> None:
        watching.events.put(Verdict(number, told, frozenset({"halve"}), 0.1, is_last))
        with Keys(lambda key: None) as keys:
            screen._goes_on(keys)

    tell()
    assert screen._hand == ("small", "halve")
    watching.events.put(Pressed("n"))
    with Keys(lambda key: None) as keys:
        screen._goes_on(keys)
    assert screen._hand == ("small", "row_sums")
    tell()  # an explanation has come
    assert screen._hand == ("small", "row_sums")
