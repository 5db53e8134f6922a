"""What the terminal shows, word for word at fixed widths, and that no text of a learner can do more than be read."""

import fcntl
import io
import os
import pty
import struct
import termios
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from little_terminal import LittleTerminal
from rich.cells import cell_len
from rich.console import Console
from sample_grades import MIXED, MULTIPLY, UNBROADCAST, check, exercise, grade, section

from graders.engine.results import Counterexample, Grade, LoadWarning, Place, Status
from graders.report.blocks import failure_text
from graders.report.next_step import Called
from graders.report.overview import print_overview
from graders.report.progress import progress
from graders.report.terminal import print_grade
from graders.report.words import inert, muted, number, obeyed, spelled, wrapped

NARROW = """
Backpropagation from scratch              3.5 of 10.5 points
exercises/backprop.py

                                    points  checks
  ✓ passed         log_back            2/2     2/2
  ✗ failed         unbroadcast         1/3     1/2
  ✗ raised         multiply_back0      0/1     0/1
  ✗ timed out      sort                0/1     0/1
  - blocked        backprop        0.5/1.5     1/2
                     fix sort first
  · not attempted  Parameter           0/1     0/1
  ? missing        Linear              0/1     0/1

  1 statement could not be loaded:
    line 12: No module named 'sklearn'

── unbroadcast: failed ──────────── exercises/backprop.py:41

Not yet: Sums over every axis that broadcasting added or
stretched.

The smallest call that shows it:

unbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))

came out    array([5., 7., 9.])
expected    array([[5., 7., 9.]])
difference  The shape is (3,) and should be (1, 3); the
            values agree.

This looks like: Axes that broadcasting prepended are
summed, and stretched axes of size one are lost.

Your code printed:
  | before (2, 3)
  | after (3,)

── multiply_back0: raised ───────── exercises/backprop.py:58

Not yet: Returns a gradient of the shape of the first
factor.

The smallest call that shows it:

x = np.zeros((1, 3))
y = np.zeros((2, 3))
multiply_back0(y, y, x, y)

Your code raised:
  | exercises/backprop.py:62, in multiply_back0
  |     return grad.sum(axis=2)
  | AxisError: axis 2 is out of bounds

expected    array([[0., 0., 0.]])

── sort: timed out ──────────────── exercises/backprop.py:90

Not yet: Finishes on graphs whose paths meet.

No answer in 5 s.

── Next: fix unbroadcast ───────────────────────────────────

  open   exercises/backprop.py:41
  hint   python grade.py hint backprop::unbroadcast
"""

WIDE = """
Backpropagation from scratch                                                      3.5 of 10.5 points
exercises/backprop.py

                                    points  checks
  ✓ passed         log_back            2/2     2/2
  ✗ failed         unbroadcast         1/3     1/2
  ✗ raised         multiply_back0      0/1     0/1
  ✗ timed out      sort                0/1     0/1
  - blocked        backprop        0.5/1.5     1/2  fix sort first
  · not attempted  Parameter           0/1     0/1
  ? missing        Linear              0/1     0/1

  1 statement could not be loaded:
    line 12: No module named 'sklearn'

── unbroadcast: failed ──────────────────────────────────────────────────── exercises/backprop.py:41

Not yet: Sums over every axis that broadcasting added or stretched.

The smallest call that shows it:

unbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))

came out    array([5., 7., 9.])
expected    array([[5., 7., 9.]])
difference  The shape is (3,) and should be (1, 3); the values agree.

This looks like: Axes that broadcasting prepended are summed, and stretched axes of size one are
lost.

Your code printed:
  | before (2, 3)
  | after (3,)

── multiply_back0: raised ───────────────────────────────────────────────── exercises/backprop.py:58

Not yet: Returns a gradient of the shape of the first factor.

The smallest call that shows it:

x = np.zeros((1, 3))
y = np.zeros((2, 3))
multiply_back0(y, y, x, y)

Your code raised:
  | exercises/backprop.py:62, in multiply_back0
  |     return grad.sum(axis=2)
  | AxisError: axis 2 is out of bounds

expected    array([[0., 0., 0.]])

── sort: timed out ──────────────────────────────────────────────────────── exercises/backprop.py:90

Not yet: Finishes on graphs whose paths meet.

No answer in 5 s.

── Next: fix unbroadcast ───────────────────────────────────────────────────────────────────────────

  open   exercises/backprop.py:41
  hint   python grade.py hint backprop::unbroadcast
"""


def printed(result: Grade, width: int = 80, failures: int = 3, called: Called | None = None) -> str:
    file = io.StringIO()
    print_grade(result, console(file, width), failures=failures, called=called, closing=["closing"])
    return file.getvalue()


def overview(result: Grade, width: int = 80, called: Called | None = None) -> str:
    file = io.StringIO()
    print_overview(result, console(file, width), called=called)
    return file.getvalue()


def console(file: io.TextIOBase, width: int = 80, **options: object) -> Console:
    """A console that does not look at the environment the tests run in."""
    return Console(file=file, width=width, _environ={}, **{"force_terminal": False, **options})


def failing(**case: str) -> Counterexample:
    return Counterexample(**{"call": "f(1)", "expected": "1", "actual": "2", "difference": "", **case})


def table(text: str) -> list[str]:
    """The lines of the table of exercises."""
    lines = text.split("\n")
    start = next(at for at, line in enumerate(lines) if line.endswith("points  checks"))
    return lines[start + 1 : lines.index("", start)]


@pytest.mark.parametrize(("width", "expected"), [(60, NARROW), (100, WIDE)])
def test_a_grade_reads_well_at_every_width(width: int, expected: str) -> None:
    assert printed(MIXED, width) == expected


LONG_NAMES = grade(
    section(
        "tensors",
        exercise("temperatures_differences", check(points=0.75), check(points=0.75)),
        exercise("batched_cross_entropy_loss", check("not_attempted")),
        exercise("einsum_attention_scores", check("blocked", error="fix batched_cross_entropy_loss first")),
    )
)


def test_a_table_without_room_for_all_columns_leaves_the_checks_out() -> None:
    assert table(printed(LONG_NAMES, 80))[0] == "  ✓ passed         temperatures_differences    1.5/1.5     2/2"
    text = printed(LONG_NAMES, 57)
    assert text[text.index("  ✓") : text.index("\n\n── Next")].split("\n") == [
        "  ✓ passed         temperatures_differences    1.5/1.5",
        "  · not attempted  batched_cross_entropy_loss      0/1",
        "  - blocked        einsum_attention_scores         0/1",
        "                     fix batched_cross_entropy_loss first",
    ]


def test_a_table_without_room_for_its_words_has_two_lines_for_each_exercise() -> None:
    text = printed(LONG_NAMES, 40)
    assert text[text.index("  ✓") : text.index("── Next")] == (
        """\
  ✓ temperatures_differences
    passed, 1.5/1.5 points
  · batched_cross_entropy_loss
    not attempted, 0/1 points
  - einsum_attention_scores
    blocked, 0/1 points
    fix batched_cross_entropy_loss first

"""
    )


def test_a_heading_that_is_longer_than_the_screen_is_wrapped() -> None:
    waits = exercise("einsum_attention_scores", check("blocked", error="fix batched_cross_entropy_loss first"))
    assert printed(grade(section("s", waits)), 40).endswith(
        """\
── Next: einsum_attention_scores waits:
   fix batched_cross_entropy_loss first

  open   exercises/s.py
  grade  python grade.py s
"""
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_nothing_of_ours_is_wider_than_the_screen(width: int) -> None:
    for result in (MIXED, LONG_NAMES, SECTIONS, several(9)):
        for text in (printed(result, width), overview(result, width)):
            theirs = ("unbroadcast(", "  | ", "  open", "  hint", "  grade", "  look", "  run", "  train")
            lines = [line for line in text.split("\n") if not line.startswith(theirs)]
            assert max(map(cell_len, lines)) <= width


def test_wide_letters_are_counted_as_the_terminal_does() -> None:
    assert wrapped("練習 練習 練習 abc", 9) == ["練習 練習", "練習 abc"]
    assert wrapped("", 9, "Not yet: ") == ["Not yet:"]
    text = printed(grade(section("s", exercise("f", check()), warnings=(LoadWarning(1, "練習 " * 30),))), 40)
    assert max(map(cell_len, text.split("\n"))) <= 40


def test_lines_stop_growing_where_they_would_be_hard_to_read() -> None:
    assert printed(MIXED, 250) == printed(MIXED, 100)


@pytest.mark.parametrize("width", [60, 80])
def test_no_line_is_wider_than_the_screen_but_for_code(width: int) -> None:
    code = UNBROADCAST.counterexample.call
    assert all(len(line) <= width for line in printed(MIXED, width).replace(code, "").split("\n"))


def test_no_line_ends_with_a_space() -> None:
    assert all(line == line.rstrip() for line in (printed(MIXED) + overview(MIXED)).split("\n"))


def test_colour_adds_nothing_to_read() -> None:
    file = io.StringIO()
    print_grade(MIXED, console(file, 80, force_terminal=True, color_system="truecolor"))
    assert "\x1b[" in file.getvalue()
    assert inert(file.getvalue()) == printed(MIXED)


def test_without_colour_no_colour_is_written() -> None:
    file = io.StringIO()
    print_grade(MIXED, Console(file=file, width=80, force_terminal=True, _environ={"NO_COLOR": "1"}))
    codes = {code for part in file.getvalue().split("\x1b[")[1:] for code in part.split("m")[0].split(";")}
    assert codes <= {"", "0", "1", "2"}  # reset, bold, dim


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("passed", "  ✓ passed  f     1/1     1/1"),
        ("failed", "  ✗ failed  f     0/1     0/1"),
        ("raised", "  ✗ raised  f     0/1     0/1"),
        ("timed_out", "  ✗ timed out  f     0/1     0/1"),
        ("crashed", "  ✗ crashed  f     0/1     0/1"),
        ("not_attempted", "  · not attempted  f     0/1     0/1"),
        ("missing", "  ? missing  f     0/1     0/1"),
        ("blocked", "  - blocked  f     0/1     0/1"),
    ],
)
def test_every_status_has_words(status: Status, line: str) -> None:
    assert table(printed(grade(section("s", exercise("f", check(status)))))) == [line]


def test_symbols_fall_back_where_the_stream_cannot_show_them() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    broken = check("failed", output="naïve → 1", case=failing())
    print_grade(grade(section("s", exercise("f", check()), exercise("g", broken))), console(stream, 60))
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert table(text) == ["  + passed  f     1/1     1/1", "  x failed  g     0/1     0/1"]
    assert "-- g: failed ---" in text
    assert "  | na\\xefve \\u2192 1" in text


# One failing check


def test_the_call_can_be_pasted_as_it_stands() -> None:
    call = "text = 'a very long text that goes on, and on, and on beyond the width [red] of the screen'\ncount(text)"
    text = printed(grade(section("s", exercise("count", check("failed", case=failing(call=call))))), 60)
    pasted = text.split("shows it:\n\n")[1].split("\n\ncame out")[0]
    assert pasted == call
    names = {"count": len}
    exec(pasted, names)
    assert names["text"].endswith("of the screen")


def test_values_that_fit_stand_one_above_the_other() -> None:
    assert "came out    2\nexpected    1\n" in failure_text(check("failed", case=failing()), "f")


def test_values_that_do_not_fit_stand_in_blocks_of_their_own() -> None:
    case = failing(actual="array([[1., 2.],\n       [3., 4.]])", expected="array([[1., 2.],\n       [3., 5.]])")
    assert failure_text(check("failed", case=case), "f").endswith(
        "came out\n    array([[1., 2.],\n           [3., 4.]])\nexpected\n    array([[1., 2.],\n           [3., 5.]])\n"
    )


def test_values_stand_in_blocks_where_the_screen_is_too_narrow() -> None:
    broken = check("failed", case=failing(actual="2" * 49, expected="1"))
    assert f"came out\n    {'2' * 49}\nexpected\n    1\n" in failure_text(broken, "f", 60)
    assert f"came out    {'2' * 49}\nexpected    1\n" in failure_text(broken, "f", 61)


def test_a_value_with_nothing_to_compare_is_not_coloured() -> None:
    file = io.StringIO()
    print_grade(MIXED, console(file, 80, force_terminal=True, color_system="standard"))
    assert "\x1b[2mexpected    \x1b[0marray([[0., 0., 0.]])\n" in file.getvalue()


def test_the_difference_is_coloured_where_it_is() -> None:
    file = io.StringIO()
    case = failing(actual="[1,\n 2, 3]", expected="[1,\n 7, 3]")
    result = grade(section("s", exercise("f", check("failed", case=case))))
    print_grade(result, console(file, 80, force_terminal=True, color_system="standard"))
    assert "     \x1b[1;31m2\x1b[0m, 3]\n" in file.getvalue()
    assert "     \x1b[1;32m7\x1b[0m, 3]\n" in file.getvalue()


def test_of_long_values_the_difference_is_kept() -> None:
    actual, expected = "0" * 50_000 + "1" + "0" * 50_000, "0" * 50_000 + "2" + "0" * 50_000
    text = failure_text(check("failed", case=failing(actual=actual, expected=expected)), "f")
    assert len(text) < 6000
    assert "0001000" in text
    assert "0002000" in text
    assert "    [49700 characters left out]\n" in text
    assert "    [48301 characters left out]\n" in text


def test_of_a_long_value_beside_a_short_one_the_difference_is_kept() -> None:
    text = failure_text(check("failed", case=failing(actual="0" * 50_000 + "1", expected="0" * 1000)), "f")
    assert f"came out\n    [700 characters left out]\n    {'0' * 2000}\n    [47301 characters left out]\n" in text
    assert f"expected\n    [700 characters left out]\n    {'0' * 300}\n" in text
    assert "[-" not in text
    text = failure_text(check("failed", case=failing(actual="0" * 1000, expected="0" * 50_000 + "1")), "f")
    assert "expected\n    [700 characters left out]\n" in text
    assert len(text) < 4000


def test_a_difference_of_several_lines_keeps_them() -> None:
    text = failure_text(check("failed", case=failing(difference="at 0: 2\nat 1: 3")), "f")
    assert "\ndifference\n  | at 0: 2\n  | at 1: 3\n" in text


def test_what_the_traceback_says_is_not_said_twice() -> None:
    text = failure_text(MULTIPLY, "multiply_back0")
    assert text.endswith("\n\nexpected    array([[0., 0., 0.]])\n")
    assert text.count("AxisError: axis 2 is out of bounds") == 1
    assert "came out" not in text


@pytest.mark.parametrize("status", ["failed", "timed_out", "crashed"])
def test_what_the_engine_says_thrice_is_said_once(status: Status) -> None:
    case = failing(actual="no answer in 5 s", difference="no answer in 5 s")
    assert failure_text(check(status, case=case, error="no answer in 5 s"), "f").endswith(
        "it should.\n\nThe smallest call that shows it:\n\nf(1)\n\ncame out    no answer in 5 s\nexpected    1\n"
    )


def test_what_came_out_is_never_hidden_by_an_unrelated_message() -> None:
    text = failure_text(check("failed", case=failing(actual="5"), error="the input at 5 was changed"), "f")
    assert "\nthe input at 5 was changed\n" in text
    assert "came out    5\n" in text


def test_the_end_of_a_message_is_not_taken_for_what_came_out() -> None:
    assert "came out    5\n" in failure_text(check("raised", case=failing(actual="5"), error="ValueError: 5"), "f")


def test_an_exception_that_the_traceback_does_not_name_is_shown() -> None:
    text = failure_text(check("raised", case=failing(actual="KeyError"), error="s.py:1, in f\nValueError: no"), "f")
    assert "came out    KeyError\n" in text


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("timed_out", "No answer came within the time limit."),
        ("crashed", "The process that ran the code died."),
        ("not_attempted", "f is still a stub."),
        ("missing", "The submission does not define f."),
        ("blocked", "f uses another exercise that does not pass yet."),
    ],
)
def test_a_check_without_a_value_says_why(status: Status, sentence: str) -> None:
    word = status.replace("_", " ")
    assert failure_text(check(status, "Adds."), "f") == f"f: {word}\n\nNot yet: Adds.\n\n{sentence}\n"
    assert failure_text(check(status, "Adds.", error="Mine."), "f") == f"f: {word}\n\nNot yet: Adds.\n\nMine.\n"


def test_a_crash_report_of_several_lines_keeps_them() -> None:
    text = failure_text(check("crashed", error="Segmentation fault\n  s.py:3, in f"), "f")
    assert text.endswith("\n  | Segmentation fault\n  |   s.py:3, in f\n")


def test_a_reason_cannot_flood_the_screen() -> None:
    assert len(failure_text(check("crashed", error="x" * 1_000_000), "f")) < 600
    text = printed(grade(section("s", exercise("f", check("blocked", error="x" * 1_000_000)))))
    assert len(text) < 2000


def test_white_space_is_no_output() -> None:
    assert "printed" not in failure_text(check("failed", output="\n \n"), "f")


def test_long_output_says_that_it_is_cut() -> None:
    output = "\n".join(str(number) for number in range(100)) + "\n" + "x" * 1000
    text = failure_text(check("failed", output=output), "f")
    assert "  | 9\n  | [81 lines left out]\n  | 91\n" in text
    assert f"  | {'x' * 200} [600 characters left out] {'x' * 200}\n" in text


def test_a_long_name_is_not_broken() -> None:
    name = "exercises/" + "very-long_name_" * 8 + ".py"
    text = printed(grade(section("s", exercise("f", check("failed", f"Is in {name} here.")), file=name)), 60)
    assert f"\n{name}\n" in text  # under the title of the section
    assert f"── f: failed\n{name}:10\n" in text
    assert f"Not yet: Is in\n{name}\nhere.\n" in text
    assert f"  open   {name}:10\n" in text


def test_a_heading_that_does_not_fit_takes_two_lines() -> None:
    def heading(file: str) -> str:
        text = printed(grade(section("s", exercise("f", check("failed")), file=file)), 60)
        return text[text.index("── f: failed") :].split("\n\n")[0]

    assert heading("f" * 40) == f"── f: failed ─── {'f' * 40}:10"
    assert heading("f" * 41) == f"── f: failed\n{'f' * 41}:10"
    assert heading("練習" * 9) == f"── f: failed {'─' * 7} {'練習' * 9}:10"  # two columns each


def test_a_title_that_does_not_fit_takes_two_lines() -> None:
    def title(length: int) -> str:
        return printed(grade(section("s", exercise("f", check()), title="t" * length)), 60).split("\nexercises")[0]

    assert title(45) == f"\n{'t' * 45}  1 of 1 points"
    assert title(46) == f"\n{'t' * 46}\n1 of 1 points"


# Which failures


def several(*counts: int) -> Grade:
    """A grade with so many failing checks in its exercises."""
    exercises = (
        exercise(f"f{at}", *(check("failed", f"Title {at}.{turn}.") for turn in range(amount)))
        for at, amount in enumerate(counts)
    )
    return grade(section("s", *exercises))


def titles(text: str) -> list[str]:
    return [line.removeprefix("Not yet: Title ") for line in text.split("\n") if line.startswith("Not yet: ")]


@pytest.mark.parametrize("status", ["failed", "raised", "timed_out", "crashed"])
def test_what_has_to_be_fixed_is_explained(status: Status) -> None:
    text = printed(grade(section("s", exercise("f", check(), check(status)))))
    assert f"── f: {status.replace('_', ' ')} ──" in text
    assert "Not yet: Does what it should." in text


@pytest.mark.parametrize("status", ["passed", "not_attempted", "missing", "blocked"])
def test_what_has_no_fault_of_its_own_is_not_explained(status: Status) -> None:
    assert "Not yet" not in printed(grade(section("s", exercise("f", check(status)))))


def test_the_first_failure_of_every_exercise_goes_before_second_ones() -> None:
    assert titles(printed(several(3, 1, 1))) == ["0.0.", "1.0.", "2.0."]
    assert titles(printed(several(3, 1))) == ["0.0.", "0.1.", "1.0."]
    assert titles(printed(several(3, 1), failures=1)) == ["0.0."]


RAISED = "own.py:3 in f\n    return x @ x\nTypeError: {words}"
ALIKE = {
    "a mistake": [{"mistake": "Adds."}, {"mistake": "Adds."}],
    "a line": [{"place": Place(3, 1, "a sign", "x")}, {"place": Place(3, 1, "a sign", "x")}],
    "an exception": [{"status": "raised", "error": RAISED.format(words=words)} for words in ("1", "2: 3")],
}
DIFFERENT = {
    "mistakes": [{"mistake": "Adds."}, {"mistake": "Drops."}],
    "lines": [{"place": Place(3, 1, "a sign", "x")}, {"place": Place(4, 1, "a sign", "x")}],
    "exceptions": [{"status": "raised", "error": RAISED.replace("3", line).format(words="1")} for line in "34"],
    "nothing known": [{}, {}],
    "an extra": [{"mistake": "Adds."}, {"mistake": "Adds.", "extra": True}],
}


def two(first: dict[str, Any], second: dict[str, Any]) -> Grade:
    """A grade with two failing checks in an exercise, of which the second is worth more."""
    one = msgspec.structs.replace(check("failed", "Title 1.", points=1.0), **first)
    other = msgspec.structs.replace(check("failed", "Title 2.", points=2.0), **second)
    return grade(section("s", exercise("f", one, other)))


@pytest.mark.parametrize("kind", ALIKE)
def test_checks_that_fail_alike_are_explained_once_by_what_is_worth_most(kind: str) -> None:
    text = printed(two(*ALIKE[kind]))
    assert titles(text) == ["2."]
    assert "\nLikely the same: Title 1.\n" in text
    assert "not explained here" not in text
    assert "\n2 checks fail, not explained here; --failures 1 shows all.\n" in printed(two(*ALIKE[kind]), failures=0)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_checks_that_fail_in_their_own_ways_are_explained_each(kind: str) -> None:
    assert "Likely the same" not in printed(two(*DIFFERENT[kind]), failures=9)


def test_failures_that_are_not_explained_are_counted() -> None:
    assert "\n1 more check fails, not explained here; --failures 4 shows all.\n" in printed(several(3, 1))
    assert "\n3 more checks fail, not explained here; --failures 6 shows all.\n" in printed(several(3, 1, 1, 1))
    assert "\n4 checks fail, not explained here; --failures 4 shows all.\n" in printed(several(3, 1), failures=0)
    assert "not explained" not in printed(several(3))


def test_failures_are_limited_over_all_sections() -> None:
    broken = exercise("f", check("failed"), check("failed"))
    text = printed(grade(section("a", broken), section("b", broken), section("c", broken), section("d", broken)))
    assert text.count("── f: failed") == 3
    assert text.index("a.py:10") < text.index("b.py:10") < text.index("c.py:10")
    assert "d.py:10" not in text


def test_of_several_sections_only_what_needs_work_has_its_row() -> None:
    stubs = [exercise(f"stub{at}", check("not_attempted"), check("not_attempted")) for at in range(20)]
    done = [exercise(f"done{at}", check()) for at in range(3)]
    others = [exercise("g", check("missing")), exercise("h", check("blocked", error="fix f first"))]
    text = printed(grade(section("a", *done, exercise("f", check("raised")), *stubs, *others), section("b", *done)))
    assert table(text) == [
        "  ✗ raised         f                0/1     0/1",
        "  ✓ passed         3 exercises      3/3     3/3",
        "  · not attempted  20 exercises    0/40    0/40",
        "  ? missing        1 exercise       0/1     0/1",
        "  - blocked        1 exercise       0/1     0/1",
    ]


# Warnings


def warned(*warnings: LoadWarning, width: int = 60) -> str:
    text = printed(grade(section("s", exercise("f", check()), warnings=warnings)), width)
    return text.split("1/1     1/1\n\n")[1].split("\n\n")[0]


def test_warnings_are_few_and_calm() -> None:
    lines = [LoadWarning(at, f"No module named 'm{at}'") for at in range(1, 7)]
    assert warned(*lines) == (
        "  6 statements could not be loaded:\n    line 1: No module named 'm1'\n    line 2: No module named 'm2'\n"
        "    line 3: No module named 'm3'\n    and 3 more"
    )


def test_a_warning_without_a_line_and_a_long_one() -> None:
    text = warned(LoadWarning(None, "the file ends inside\na  string, and this goes on for longer than one line"))
    assert text == ("  the file ends inside a string, and this goes on for longer\n    than one line")


def test_a_path_in_a_warning_is_not_broken() -> None:
    assert warned(LoadWarning(7, "cannot read " + "data/" * 20)).endswith(
        f"    line 7: cannot read\n      {'data/' * 20}"
    )


def test_a_warning_cannot_flood_the_screen() -> None:
    assert len(warned(LoadWarning(1, "x" * 1_000_000))) < 600


# What to do next


def last(text: str) -> list[str]:
    """The lines of the next action, which must be the last thing."""
    assert text.count("── Next: ") == 1
    heading, *lines = text[text.index("── Next: ") :].rstrip("\n").split("\n")
    return [heading.strip("─ "), *(line for line in lines if line)]


STUB, DONE, BROKEN = check("not_attempted"), check(), check("failed", case=failing())


def test_next_is_the_first_failure_even_after_a_stub() -> None:
    result = grade(section("s", exercise("a", STUB), exercise("b", BROKEN, line=7)))
    assert last(printed(result)) == ["Next: fix b", "  open   exercises/s.py:7", "  hint   python grade.py hint s::b"]


def test_next_is_to_look_where_the_failure_was_not_explained() -> None:
    result = grade(section("s", exercise("b", BROKEN, line=7)))
    assert last(overview(result)) == ["Next: fix b", "  open   exercises/s.py:7", "  look   python grade.py s::b"]


def test_next_is_the_first_stub_of_a_section_that_was_begun() -> None:
    waiting = exercise("w", check("blocked", error="fix f first"))
    result = grade(
        section("a", exercise("f", STUB), waiting), section("b", exercise("g", DONE), exercise("h", STUB, line=9))
    )
    expected = ["Next: write h", "  open   exercises/b.py:9", "  grade  python grade.py b::h"]
    assert last(printed(result)) == last(overview(result)) == expected


def test_next_is_the_first_stub_where_nothing_was_begun() -> None:
    result = grade(section("a", exercise("f", check("missing"), line=None)), section("b", exercise("g", STUB)))
    assert last(printed(result)) == ["Next: write f", "  open   exercises/a.py", "  grade  python grade.py a::f"]


def test_a_hundred_stubs_explain_nothing() -> None:
    text = printed(grade(section("s", *(exercise(f"f{at}", STUB) for at in range(100)))))
    assert len(table(text)) == 100
    assert "Not yet" not in text
    assert last(text)[0] == "Next: write f0"


def test_next_for_what_waits_for_an_exercise_that_was_not_graded() -> None:
    blocked = exercise("b", check("blocked", error="fix a first"))
    expected = ["Next: b waits: fix a first", "  open   exercises/s.py", "  grade  python grade.py s"]
    assert last(printed(grade(section("s", blocked)))) == expected
    nameless = exercise("b", check("blocked"))
    assert last(printed(grade(section("s", nameless))))[0] == "Next: b waits: fix what it uses first"


def test_when_all_passed_it_says_so_and_sends_to_the_overview() -> None:
    text = printed(grade(section("s", exercise("f", DONE), exercise("g", DONE))))
    assert text.endswith(
        "  ✓ passed  g     1/1     1/1\n\n✓ All 2 exercises passed.\n\n"
        f"── Next: see what else there is to learn {'─' * 39}\n\n  run    python grade.py\n"
    )
    assert last(text) == ["Next: see what else there is to learn", "  run    python grade.py"]


def test_when_all_sections_passed_the_overview_is_next() -> None:
    result = grade(section("s", exercise("f", DONE)), section("t", exercise("g", DONE)))
    expected = ["Next: see what else there is to learn", "  run    python grade.py"]
    assert last(printed(result)) == last(overview(result)) == expected


def test_when_the_only_exercise_passed_its_section_is_next() -> None:
    text = printed(grade(section("s", exercise("f", DONE))))
    assert "\n\n✓ f passed.\n\n" in text
    assert last(text) == ["Next: grade the rest of s", "  run    python grade.py s"]


def test_nothing_graded_is_not_success() -> None:
    text = printed(grade())
    assert text.startswith("Nothing was graded.\n")
    assert "passed" not in text
    assert "Nothing was graded.\n" in printed(grade(section("s")))
    assert last(text) == ["Next: see what there is to learn", "  run    python grade.py"]


@pytest.mark.parametrize(
    ("result", "command"),
    [
        (MIXED, "  hint   python3 ../grade.py hint backprop::unbroadcast COURSE"),
        (grade(section("s", exercise("f", STUB))), "  grade  python3 ../grade.py s::f FILE COURSE"),
        (grade(section("s", exercise("b", check("blocked")))), "  grade  python3 ../grade.py s FILE COURSE"),
        (grade(section("s", exercise("f", DONE))), "  run    python3 ../grade.py s FILE COURSE"),
        (
            grade(section("closing", exercise("f", DONE), exercise("g", DONE))),
            "  train  python3 ../grade.py checkpoint closing FILE COURSE",
        ),
        (grade(section("s", exercise("f", DONE), exercise("g", DONE))), "  run    python3 ../grade.py COURSE"),
        (grade(), "  run    python3 ../grade.py COURSE"),
    ],
)
def test_the_next_command_is_called_as_this_one_was(result: Grade, command: str) -> None:
    called = Called("python3 ../grade.py", "FILE", "COURSE", is_one_file=True)
    assert last(printed(result, called=called))[-1] == command
    in_a_folder = called._replace(is_one_file=False)
    with_folder = command if "FILE" in command or "hint" in command else command.replace("COURSE", "FILE COURSE")
    assert last(printed(result, called=in_a_folder))[-1] == with_folder


def test_the_overview_calls_the_command_as_this_one_was() -> None:
    called = Called("python3 ../grade.py", "FOLDER", "COURSE")
    assert (
        last(overview(MIXED, called=called))[-1] == "  look   python3 ../grade.py backprop::unbroadcast FOLDER COURSE"
    )


# All sections at a glance

SECTIONS = grade(
    section("rays", exercise("f", DONE), exercise("g", DONE), title="Ray tracing"),
    section("backprop", exercise("f", DONE), exercise("g", BROKEN), exercise("h", STUB), title="Backpropagation"),
    section("cnn", exercise("f", DONE), exercise("g", STUB), title="Convolutions"),
    section(
        "ppo",
        exercise("f", STUB),
        exercise("g", check("missing"), check("blocked")),
        title="Proximal policy optimisation",
    ),
    section("rlhf", title="Learning from preferences"),
)


def test_the_overview_has_a_line_for_each_section() -> None:
    assert overview(SECTIONS, 60) == (
        """
1 of 5 sections done                          4 of 10 points

  ✓ rays      [##########]  2/2  done
  ✗ backprop  [###.......]  1/3  1 to fix
  · cnn       [#####.....]  1/2  1 to write
  · ppo       [..........]  0/3  not started
  · rlhf      [..........]  0/0  not graded

── Next: fix g ─────────────────────────────────────────────

  open   exercises/backprop.py:10
  look   python grade.py backprop::g
"""
    )


def test_a_narrow_overview_has_no_bars() -> None:
    assert (
        "\n  ✓ rays      2/2  done\n  ✗ backprop  1/3  1 to fix\n  · cnn       1/2  1 to write\n"
        "  · ppo       0/3  not started\n  · rlhf      0/0  not graded\n" in overview(SECTIONS, 40)
    )
    assert "\n  ✗ backprop  1/3\n    1 to fix\n" in overview(SECTIONS, 26)


def test_a_wide_overview_has_the_titles_too() -> None:
    assert "  ✗ backprop  [###.......]  1/3  1 to fix     Backpropagation\n" in overview(SECTIONS, 100)


def test_next_after_all_graded_sections_is_one_that_was_not_graded() -> None:
    result = grade(SECTIONS.sections[0], SECTIONS.sections[4])
    assert last(overview(result)) == [
        "Next: start with rlhf",
        "  open   exercises/rlhf.py",
        "  grade  python grade.py rlhf",
    ]


def test_an_empty_overview() -> None:
    assert overview(grade()).startswith("\n0 of 0 sections done")


def test_a_bar_is_full_only_when_all_is_done_and_empty_only_at_nothing() -> None:
    nearly = section("s", exercise("f", check(points=999)), exercise("g", STUB))
    barely = section("s", exercise("f", check(points=0.1)), exercise("g", check("not_attempted", points=99)))
    assert "[#########.]" in overview(grade(nearly))
    assert "[#.........]" in overview(grade(barely))


# Strangers' text

HOSTILE = (
    "[red]a[/red] [/] :smile: \x1b[31mb\x1b[0m\x1b]0;title\x07\x1b]8;;http://x\x1b\\c \x9b2Jd\x00\x08e\u202ef\ud800g"
)
HARMLESS = "[red]a[/red] [/] :smile: bc def\ufffdg"


@pytest.mark.parametrize("terminal", [False, True])
def test_text_of_a_learner_is_inert_wherever_it_stands(terminal: bool) -> None:
    case = Counterexample(HOSTILE, HOSTILE, HOSTILE + "!", HOSTILE)
    checks = [
        check("failed", HOSTILE, case=case, mistake=HOSTILE, output=HOSTILE, error=HOSTILE),
        check("raised", HOSTILE, case=case, error=HOSTILE),
        check("blocked", error=HOSTILE),
    ]
    items = (exercise("f", *checks), exercise("g", checks[2]))
    result = grade(section("s", *items, title=HOSTILE, file=HOSTILE, warnings=(LoadWarning(1, HOSTILE),)))
    file = io.StringIO()
    print_grade(result, console(file, 100, force_terminal=terminal, color_system=None))
    text = file.getvalue()
    assert text.count(HARMLESS) == 21  # every field that is printed, each as often as it is
    assert inert(text) == text


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("10%\r20%\r\nend", "10%\n20%\nend"),
        ("\x1b]0;never closed", "0;never closed"),
        ("\x1b", ""),
        ("\x1bPdevice\x1b\\x", "x"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\ufffe\uffff\udc80", "\ufffd\ufffd\ufffd"),
        ("a\u2028b\u2066c", "abc"),
    ],
)
def test_inert(text: str, harmless: str) -> None:
    assert inert(text) == harmless


COMMANDS = [
    "::stop-commands::pause",
    "  \t::error file=README.md,line=1::owned",
    "\u200b::set-output name=score::100",
    "##[set-output name=score]100",
    "a ##vso[task.complete result=Succeeded;] b",
    "##teamcity[buildStatus status='SUCCESS']",
]
ORDINARY = ["a[::2]", "x  # [1]", "## a heading", "std::cout", "#[derive]", "a #[b] ::", "https://host::80"]


@pytest.mark.parametrize("text", COMMANDS)
def test_what_a_machine_that_runs_jobs_would_obey_has_a_backslash(text: str) -> None:
    (place,) = obeyed(text)
    assert muted(text) == f"{text[:place]}\\{text[place:]}"
    assert muted(muted(text)) == muted(text)
    assert muted(f"one\n{text}\ntwo\n") == f"one\n{muted(text)}\ntwo\n"


@pytest.mark.parametrize("text", ORDINARY)
def test_what_no_machine_obeys_stays_as_it_is(text: str) -> None:
    assert muted(text) == text
    case = failing(call=f"f({text!r})", actual=f"1 {text}", expected="2")
    broken = check("failed", case=case, output=text, error=f"x\n{text}")
    assert printed(grade(section("s", exercise("f", broken)))).count(text) == 4


def test_no_line_of_a_report_is_obeyed() -> None:
    everything = "\n".join(["", *COMMANDS, ""])
    pieces = failing(call=everything, actual=f"a##{everything}", expected="a##[x", difference=everything)
    checks = [
        check("failed", f"{'wide ' * 12}{COMMANDS[0]}", case=pieces, mistake=everything, output=everything),
        check("raised", error=everything),
        check("crashed", error=" ".join(COMMANDS * 3)),
    ]
    warnings = (LoadWarning(None, everything), LoadWarning(1, f"{'wide ' * 13}{COMMANDS[0]} {COMMANDS[0]}"))
    result = grade(section("s", exercise("f", *checks), title=everything, file=everything, warnings=warnings))
    for width in (40, 80):
        text = printed(result, width) + overview(result, width) + failure_text(checks[0], "f", width)
        assert obeyed(text) == []
        assert text.count("\\::stop-commands") > 4
        assert text.count("#\\#[set-output") > 4


def test_colours_stay_where_they_were_when_a_backslash_is_put_in() -> None:
    file = io.StringIO()
    broken = check("failed", case=failing(actual="a\n##[x", expected="a\n##[y"))
    print_grade(
        grade(section("s", exercise("f", broken))), console(file, 80, force_terminal=True, color_system="standard")
    )
    assert "    #\\#[\x1b[1;31mx\x1b[0m\n" in file.getvalue()


@pytest.mark.parametrize(
    ("text", "words"),
    [("a b", "a b"), ("a\nb\t", "a\\nb\\t"), ("\x1b[31m", "\\x1b[31m"), ("\udcff\ud800\u202e", "\\xff\\ud800\\u202e")],
)
def test_within_a_sentence_everything_can_be_seen(text: str, words: str) -> None:
    assert spelled(text) == words


def test_output_cannot_pass_for_ours() -> None:
    text = printed(grade(section("s", exercise("f", check("failed", output="\n\n✓ All 9 exercises passed.\n")))))
    assert "\n✓ All" not in text
    assert "\n  | ✓ All 9 exercises passed.\n" in text


@pytest.mark.parametrize(("value", "text"), [(2.0, "2"), (0.5, "0.5"), (4 / 3, "1.33"), (0.0, "0"), (100.0, "100")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


# Progress


def test_progress_is_silent_where_nobody_watches() -> None:
    file = io.StringIO()
    with progress(console(file)) as line:
        line.begin("grading backprop")("Sums over broadcast axes.")
    assert file.getvalue() == ""


def test_progress_is_a_line_that_goes_away() -> None:
    file = io.StringIO()
    screen = console(file, 60, force_terminal=True, force_interactive=True, color_system=None)
    with progress(screen) as line:
        advance = line.begin("grading backprop")
        advance("Sums.")
        advance("[red]adds\x1b[2J " + "far " * 50)
    clear = "\r\x1b[2K"
    shown = file.getvalue().split(clear)
    assert shown[:2] == ["", "grading backprop: 1 Sums."]
    assert shown[2].startswith("grading backprop: 2 [red]adds far far")
    assert len(shown[2]) < 60
    assert "\n" not in shown[2]
    assert shown[3:] == [""]


def test_progress_goes_away_when_grading_breaks_off() -> None:
    file = io.StringIO()

    def break_off() -> None:
        with progress(console(file, force_terminal=True, force_interactive=True)) as line:
            line.begin("grading backprop")("Sums.")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert file.getvalue().endswith("\r\x1b[2K")


class Window(io.StringIO):
    """What is written to it is shown in a little terminal, and kept."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shows, self.writes = LittleTerminal(width), 0

    def write(self, text: str) -> int:
        self.writes += 1
        self.shows.write(text)
        return len(text)


def watched(window: io.TextIOBase, width: int) -> Console:
    return console(window, width, force_terminal=True, force_interactive=True, color_system="standard")


@pytest.mark.parametrize("width", [100, 60, 40, 20, 5, 1])
def test_progress_takes_one_row_of_a_window_of_any_width(width: int) -> None:
    window = Window(width)
    with progress(watched(window, width)) as line:
        advance = line.begin("grading 練習")
        for title in ("Sums.", "練習 wide " * 20, "\u0301" * 200, "x" * 500):
            advance(title)
            assert "\n" not in window.shows.text
    assert window.shows.text == ""


def test_progress_of_two_threads_is_one_line() -> None:
    window = Window(40)
    with progress(watched(window, 40)) as line:
        advance = line.begin("grading backprop")
        threads = [threading.Thread(target=lambda: [advance("long " * 20) for _ in range(200)]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert "\n" not in window.shows.text
        assert window.writes == 400  # each line as a whole, so that none is written behind another
    assert window.shows.text == ""


@pytest.fixture
def terminal() -> Iterator[tuple[int, io.TextIOBase]]:
    """Both ends of a real terminal."""
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:
        yield ours, stream
    os.close(ours)


@pytest.mark.parametrize("widths", [(80, 40, 30), (100, 33), (40, 80, 20), (60, 7)])
def test_progress_leaves_nothing_where_the_window_changes_its_width(
    terminal: tuple[int, io.TextIOBase], widths: tuple[int, ...]
) -> None:
    ours, stream = terminal
    shows = LittleTerminal(widths[0])
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, widths[0], 0, 0))
    with progress(watched(stream, 80)) as line:  # of 80 columns, says the environment, but that is not so
        advance = line.begin("grading backprop")
        for width in widths:
            advance("Sums over every axis that broadcasting 練習 added or stretched, and never anything else. " * 2)
            stream.flush()
            shows.write(os.read(ours, 65536).decode())
            assert "\n" not in shows.text
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
            shows.resize(width)
    stream.flush()
    shows.write(os.read(ours, 65536).decode())
    assert shows.text == ""


def test_a_terminal_that_is_gone_does_not_end_the_grading() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    with progress(watched(Gone(), 80)) as line:
        line.begin("grading backprop")("Sums.")
