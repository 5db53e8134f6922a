"""Whatever a submission returns can be compared, described and reported: none of it is a fault of the grader."""

import json
import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from command import PROJECT, environment
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from msgspec import structs
from sample_grades import check, exercise, grade, section
from test_terminal_report import console, overview, printed
from values import anything, texts

from graders.engine.comparing import comparison
from graders.engine.comparing.comparison import difference, kind_words
from graders.engine.comparing.judging import Rule
from graders.engine.comparing.keys import canonical, in_order
from graders.engine.comparing.tolerances import Tolerance
from graders.engine.errors import GraderError
from graders.engine.explaining import literals
from graders.engine.explaining.literals import literal
from graders.engine.results import CheckpointResult, Counterexample, Grade, LoadWarning, Measured
from graders.engine.values.codec import CodecError, Opaque, Raised, decode, encode
from graders.engine.values.messages import Seen
from graders.report import files
from graders.report.blocks import failure_text
from graders.report.checkpoint import print_checkpoint
from graders.report.plot import write_plot
from graders.report.words import inert, obeyed

FORMATS = (*files.OPTIONS, *files.REPORTS)
MANY = settings(deadline=None, max_examples=500, suppress_health_check=list(HealthCheck))
SOME = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


# %% Words


@MANY
@given(anything, anything)
@example({np.float64(1.0), (1, 2)}, {1.0})
@example({np.float64(1.0), (1, 2)}, {(1, 2), 2.0, np.str_("a")})
def test_any_two_values_can_be_told_apart(one: Any, other: Any) -> None:
    for value in (one, other):
        assert isinstance(kind_words(value), str)
        assert comparison._difference(value, value, Tolerance()) is None or isinstance(value, Raised)
    words = comparison._difference(one, other, Tolerance())  # without the last resort of `difference`
    assert words is None or words
    assert encode(one) != encode(other) or words is None or isinstance(one, Raised)


@MANY
@given(anything)
@example({np.float64(1.0), (1, 2)})
@example({math.nan, 1, "a", None, (math.nan, "a"), frozenset({1j})})
def test_any_value_can_be_written_down(value: Any) -> None:
    if not literals._is_long(value):
        literals._lines(literals._layout(value), 0, 0, 0)  # without the last resort of `literal`
    text = literal(value)
    assert inert(text) == text
    assert literal(decode(encode(value))) == text


class Raises:
    """No value that comes out of a worker: whatever is asked of it, it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "make",
    [Raises, lambda: [Raises()], lambda: {"a": Raises()}, lambda: 10**5000],
    ids=["alone", "list", "dict", "int"],
)
def test_there_is_a_last_resort(make: Callable[[], Any]) -> None:
    assert literal(make())
    assert kind_words(make())
    assert difference(make(), [0])
    assert difference([0], make())


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ({10, 2, 3}, [2, 3, 10]),
        ({2.5, 1, math.nan, -math.inf, np.int64(2)}, [-math.inf, 1, 2, 2.5, math.nan]),
        ({"b", 1, "a", None, (2, "x"), (10,)}, [1, "a", "b", (2, "x"), (10,), None]),
        ({frozenset({2}), frozenset({1, 3})}, [frozenset({1, 3}), frozenset({2})]),
    ],
)
def test_the_items_of_a_set_have_an_order(values: set[Any], order: list[Any]) -> None:
    assert list(map(str, in_order(values))) == list(map(str, order))


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (math.nan, np.float32("nan"), True),
        (np.int64(3), 3.0, True),
        ((math.nan, np.int8(1)), (math.nan, 1), True),
        (frozenset({np.float64("nan")}), frozenset({math.nan}), True),
        (math.nan, "NaN", False),
        (np.dtype("f4"), "f4", False),
        (np.dtype("f4"), ("dtype", "<f4"), False),
        (np.int64(1), (1, 2), False),
    ],
)
def test_keys_are_equal_if_their_values_are(one: Any, other: Any, are_equal: bool) -> None:
    assert (canonical(one) == canonical(other)) is are_equal


def test_sets_are_shown_in_one_order_whatever_the_hashes_are() -> None:
    program = (
        "import math, numpy as np; from graders.engine.explaining.literals import literal; "
        "from graders.engine.comparing.comparison import difference; "
        "inner = frozenset({'b', 'a', None, np.int8(2)}); "
        "print(literal({inner, 'x', 'y', math.nan, (1, 'z')})); print(difference({inner, ('q', inner)}, set()))"
    )
    shown = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            env=environment(PYTHONHASHSEED=str(seed)),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(shown) == 1


def test_what_is_not_data_is_described_on_one_line() -> None:
    assert literal([Opaque("a\n::warning::owned")]) == "[<a\\n::warning::owned>]"
    assert difference(Opaque("a\nb\x1b[31m"), 1) == "an a\\nb\\x1b[31m came out, not data"
    assert literal(Raised("E\nF", (), "x\ny", "")) == "<E\\nF raised: x\\ny>"


def test_the_name_of_an_input_is_only_a_name() -> None:
    seen = Seen(encode(1), changed="x\n::error::owned")
    failure = Rule(None, changes_inputs=False).failure(encode({"x": 1}), encode(1), seen)
    assert failure.difference == "the input x\\n::error::owned was changed in place; it must stay as it was"


def test_what_cannot_be_read_for_want_of_memory_is_not_the_answers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(data: bytes) -> object:
        raise CodecError("malformed message: ImportError") from ImportError("failed to map segment")

    monkeypatch.setattr("graders.engine.comparing.judging.codec.decode", decode)
    with pytest.raises(GraderError, match="failed to map segment"):
        Rule(None, changes_inputs=False).failure(encode({"x": 1}), encode(1), Seen(encode(2)))


def test_a_command_in_a_literal_is_the_same_text_but_no_command() -> None:
    for value in ("##[error]x", b"##vso[a]", "a###[b"):
        assert obeyed(literal(value)) == []
        assert eval(literal(value)) == value


# %% Reports


def about(*texts: str) -> Grade:
    """A grade in every field of which, that a learner's code can fill, stand these texts in turn."""
    one, two, three = texts
    case = Counterexample(call="f(1)", expected=one, actual=two, difference=three)
    checks = [check(status, case=case, error=two, output=one) for status in ("failed", "raised", "crashed")]
    stubs = [check("missing", error=one), check("blocked", error=two), check("not_attempted", output=three)]
    warnings = (LoadWarning(None, one), LoadWarning(3, two))
    items = [exercise("f", *checks), *(exercise(f"g{number}", stub) for number, stub in enumerate(stubs))]
    return grade(section("s", *items, file=f"{three}.py", warnings=warnings))


def written(result: Grade, name: str) -> str:
    module = files._WRITERS[name]
    return getattr(import_module(f"graders.report.{module}"), module)(result)


@SOME
@given(anything, anything)
def test_every_report_can_be_made_of_any_value(one: Any, other: Any) -> None:
    words = difference(one, other) or kind_words(other)
    result = about(literal(one), literal(other), words)
    for width in (40, 100):
        for text in (printed(result, width), overview(result, width)):
            assert inert(text) == text
            assert obeyed(text) == []
    assert obeyed(failure_text(result.sections[0].exercises[0].checks[0], "f")) == []
    for name in FORMATS:
        text = written(result, name)
        text.encode()
        assert obeyed(text) == [] or name == "annotations"
        if name == "junit":
            ET.fromstring(text.encode())
        elif text.startswith(("{", "[")):
            json.loads(text)


@pytest.mark.parametrize("name", FORMATS)
def test_no_line_of_any_format_is_obeyed(name: str) -> None:
    said = "x\n::error::owned\n  ::stop-commands::y\n##[set-output name=score]100\nz ##vso[task.complete]"
    text = written(about(said, f"{said} ", said), name)
    if name == "annotations":  # which are commands, and nobody else's
        assert all(line.startswith(("::error ", "::notice ")) for line in text.splitlines())
        assert "##[" not in text
    else:
        assert obeyed(text) == []
    if name in ("json", "classroom", "gradescope", "code-quality"):
        assert "owned" in json.dumps(json.loads(text))


# %% Checkpoints

names = st.text(max_size=60).filter(str.isprintable)
points = st.none() | st.floats(-5, 5) | st.sampled_from([0.0, 1e-320, 1e99, -1e99])
figures = st.none() | st.floats(allow_nan=False, allow_infinity=False)
checkpoints = st.builds(
    CheckpointResult,
    name=st.just("c"),
    title=texts,
    status=st.sampled_from(get_args(CheckpointResult.__annotations__["status"])),
    criteria=st.lists(st.builds(Measured, texts, figures, figures, figures, st.booleans()), max_size=3).map(tuple),
    curves=st.dictionaries(names, st.lists(points, max_size=20).map(tuple), max_size=8),
    seconds=st.floats(0, 1e6),
    finish_first=st.sampled_from([None, "f"]),
    error=st.none() | texts,
    output=texts,
)
pictures = st.none() | hnp.arrays(
    float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=90), elements=st.floats(0, 1)
)


@SOME
@given(checkpoints, pictures, st.sampled_from([5, 20, 40, 60, 100]))
def test_every_report_can_be_made_of_any_checkpoint(
    result: CheckpointResult, picture: np.ndarray | None, width: int
) -> None:
    whole = grade(structs.replace(section("s", exercise("f", check("failed"))), checkpoint=result))
    file = StringIO()
    print_checkpoint(whole.sections[0], picture, console(file, width), file=None)
    assert inert(file.getvalue()) == file.getvalue()
    assert obeyed(file.getvalue()) == []
    for name in FORMATS:
        assert obeyed(written(whole, name)) == [] or name == "annotations"


@settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
@given(checkpoints, pictures)
def test_a_plot_can_be_made_of_any_checkpoint(
    tmp_path: Path, result: CheckpointResult, picture: np.ndarray | None
) -> None:
    write_plot(tmp_path / "plot.png", "A section", result.curves, picture)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
