"""The closing experiment of a section: carried out with right and wrong pieces, and through the command."""

import io
import re

import pytest
from command import ANSWERS, COURSE, PROJECT, command, record_of, without_times
from rich.console import Console

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.marking.experiment import Outcome, carry_out
from graders.engine.setting.papers import paper
from graders.engine.sitting.submission import Submission
from graders.engine.values.messages import Cell
from graders.report.plot import curves_as_text, write_plot
from graders.report.progress import progress

RIGHT = "def halve(x):\n    return x / 2\n\n\ndef row_sums(matrix):\n    return matrix.sum(axis=1)\n"
SMALL = COURSE / "reference" / "small.py"


@pytest.fixture
def tried(course: Course, forkserver):
    """Carries out the fixture course's checkpoint with the text of a submission."""

    def run(source: str, seed: int = 0, not_right: tuple[str, ...] = (), **options: object) -> Outcome:
        material = find(course, "small")
        answers = Submission("small.py", (Cell("small.py", source),))
        return carry_out(material, paper(material, seed, 5), answers, forkserver, not_right=not_right, **options)

    return run


def with_halve(line: str, before: str = "") -> str:
    return before + RIGHT.replace("return x / 2", line)


# %% What comes of an experiment


def test_right_pieces_reach_it(tried):
    outcome = tried(RIGHT)
    assert outcome.result.status == "reached"
    assert [(each.name, each.reached) for each in outcome.result.criteria] == [
        ("distance from the end", True),
        ("sum of the rows", True),
    ]
    assert outcome.result.criteria[0].at_least is None
    assert len(outcome.result.curves["largest"]) == 6
    assert outcome.evidence["numbers"].shape == (2, 3)


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ("return x / 4", "not_reached", ""),
        ("return x * float('nan')", "not_reached", ""),
        ("return x[:1] / 2", "not_reached", "numbers should have the shape (2, 3), and has (1, 3)"),
        ("return x.astype(str)", "raised", ""),
        ("return [1]", "raised", "AttributeError"),
        ("return object()", "raised", "TypeError"),
        ("raise ValueError('no')", "raised", "small.py:2 in halve\n    raise ValueError('no')\nValueError: no"),
        ("raise NotImplementedError('halve')", "not_attempted", "halve is still to be written"),
        ("import os; os._exit(3)", "crashed", "the process ended with exit status 3"),
        ("import sys; sys.exit(0)", "raised", "SystemExit"),
    ],
)
def test_what_a_wrong_piece_comes_to(tried, line, status, error):
    result = tried(with_halve(line)).result
    assert result.status == status
    assert error in (result.error or "")


def test_an_endless_piece_is_stopped_in_its_time(tried):
    result = tried(with_halve("while True: pass"), seconds=1).result
    assert (result.status, result.error) == ("timed_out", "no answer within 1 second")


def test_what_was_yielded_before_an_end_is_kept(tried):
    result = tried(with_halve("return x / 2 if x.max() > 1 else 1 / 0")).result
    assert result.status == "raised"
    assert 0 < len(result.curves["largest"]) < 6


def test_a_missing_piece_is_named(tried):
    result = tried(RIGHT.replace("row_sums", "other")).result
    assert (result.status, result.error) == ("missing", "there is no row_sums")


def test_it_says_which_exercise_to_finish_first(tried):
    result = tried(with_halve("return x / 4"), not_right=("row_sums", "inverse", "halve")).result
    assert result.finish_first == "halve"


def test_an_exercise_that_it_does_not_need_is_not_named(tried):
    assert tried(with_halve("return x / 4"), not_right=("inverse", "last")).result.finish_first is None


def test_an_experiment_that_reaches_it_sends_nobody_back(tried):
    assert tried(RIGHT, not_right=("halve",)).result.finish_first is None


def test_what_is_printed_is_kept(tried):
    assert tried(with_halve("print('half'); return x / 2")).result.output == "half\n" * 6


def test_the_same_seed_gives_the_same_result_and_another_one_another(tried):
    noisy = with_halve("return x / 2 + 1e-12 * np.random.random(x.shape)", "import numpy as np\n")
    first, second, third = (tried(noisy, seed).result for seed in (0, 0, 1))
    assert first.curves == second.curves
    assert first.criteria == second.criteria
    assert first.curves != third.curves


def test_more_points_than_the_experiment_can_yield_are_left_out(tried):
    flood = """
import gc
from graders.engine.values.channel import Channel, Kind
for thing in gc.get_objects():
    if isinstance(thing, Channel):
        for number in range(1000):
            thing.send(Kind.POINT, ("flood", 1.0))
"""
    result = tried(with_halve(flood.replace("\n", "\n    ") + "\n    return x / 2")).result
    assert sum(map(len, result.curves.values())) <= 18


FORGE = """
import os, stat, struct
import msgspec
def is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False
def point(name, value):
    body = msgspec.msgpack.encode((name, value))
    data = struct.pack("<IB", len(body), 8) + body
    channel = next(number for number in range(3, 64) if is_socket(number))
    while data:
        data = data[os.write(channel, data):]
"""


@pytest.mark.parametrize("name", ["x" * 1_000_000, "\x1b]0;title\x07", "two\nlines"])
def test_curves_with_other_names_than_people_give_are_left_out(tried, name):
    """Their names would be kept, and printed."""
    outcome = tried(with_halve(f"point({name!r}, 1.0); return x / 2", FORGE))
    assert set(outcome.result.curves) == {"largest"}


def test_there_are_not_more_curves_than_one_can_look_at(tried):
    outcome = tried(with_halve("[point(f'{i}', 1.0) for i in range(17)]; return x / 2", FORGE))
    assert len(outcome.result.curves) == 8


def test_a_value_that_is_as_good_as_infinite_is_no_point(tried):
    """The difference of two such values would be infinite, and cannot be drawn."""
    outcome = tried(with_halve("return x * 1e307"))
    assert set(outcome.result.curves["largest"]) == {None}


@pytest.mark.parametrize(
    "curves",
    [
        {"loss": [None, None]},
        {"loss": [1e99, 1e99]},
        {"loss": [-1e99, 1.0, 1e99]},
        {"loss": [5e-324, 0.0]},
        {"$\\frac{$": [1.0, 2.0]},
        {"_hidden": [1.0, 2.0]},
        {"\x1b]0;title\x07::error::": [1.0, 2.0, 3.0], "b": [1.0]},
    ],
    ids=["nothing", "large", "wide", "tiny", "formula", "underscore", "escape"],
)
def test_curves_of_any_kind_can_be_plotted(tmp_path, recwarn, curves):
    lines = curves_as_text(curves, 80, plain=False)
    write_plot(tmp_path / "plot.png", "title", curves, None)
    assert (tmp_path / "plot.png").stat().st_size > 0
    assert "\x1b" not in "".join(lines)
    assert [str(warning.message) for warning in recwarn] == []


def test_the_worker_cannot_look_the_labels_up(tried, forkserver):
    if forkserver.unprotected:
        pytest.skip(forkserver.unprotected)
    look = "from sklearn.datasets import load_digits; return x * 0 + load_digits().target[0]"
    result = tried(with_halve(look)).result
    assert result.status == "raised"
    assert "PermissionError" in (result.error or "")


def test_the_rest_of_that_library_can_be_used(tried):
    make = "from sklearn.datasets import make_moons; return x / 2 + 0 * make_moons(2)[0][0, 0]"
    assert tried(with_halve(make)).result.status == "reached"


# %% The bar


def shown(console: Console) -> str:
    """What a bar of four steps shows on a console after two of them."""
    with progress(console) as line:
        point = line.measure("checkpoint of small", 4)
        point("loss", 2.5)
        point("loss\x1b[31m", 0.123456)
    return console.file.getvalue()


def test_a_terminal_gets_a_bar_with_the_current_value():
    text = shown(Console(file=io.StringIO(), force_terminal=True, force_interactive=True, width=100, color_system=None))
    assert "checkpoint of small [######..................] 1/4 loss 2.5" in text
    assert "checkpoint of small [############............] 2/4 loss 0.1235" in text
    assert "\x1b[31m" not in text


def test_where_nobody_watches_there_is_no_bar():
    assert shown(Console(file=io.StringIO())) == ""


# %% The command


def test_it_is_shown_with_its_curve_and_what_to_do_next(tmp_path):
    finished = command(
        "checkpoint", "small", "--course", COURSE, "--submission", SMALL, "--plot", tmp_path, COLUMNS="80"
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    text = re.sub(r"\d+\.\d s", "0.1 s", finished.stdout)
    assert "Six times your halve makes numbers small, and your row_sums adds up what is\nleft." in text
    assert "  ✓ distance from the end       0  at most 1e-09\n" in text
    assert "✓ Reached in 0.1 s.\n" in text
    assert f"  plot   {tmp_path / 'checkpoint-small.png'}\n" in text
    assert text.rstrip().endswith(f"run    python grade.py --course {COURSE}")
    assert (tmp_path / "checkpoint-small.png").read_bytes().startswith(b"\x89PNG")


def test_it_is_in_the_record(tmp_path):
    asked = ("checkpoint", "small", "--course", COURSE, "--submission", SMALL, "--plot", tmp_path, "--json", "-")
    record = record_of(command(*asked))
    checkpoint = record["sections"][0]["checkpoint"]
    assert checkpoint["status"] == "reached"
    assert checkpoint["criteria"][1]["at_least"] == 0
    assert len(checkpoint["curves"]["largest"]) == 6
    assert record["score"] == record["points"]
    assert without_times(record) == without_times(record_of(command(*asked)))


def test_an_unfinished_section_is_told_where_to_begin(tmp_path):
    finished = command(
        "checkpoint", "small", "--course", COURSE, "--submission", ANSWERS / "small.py", "--plot", tmp_path
    )
    assert finished.returncode == 1
    assert "Next: finish row_sums first" in finished.stdout
    assert "python grade.py small::row_sums" in finished.stdout


def test_right_pieces_that_are_slow_are_told_what_helps(tmp_path):
    """They pass their checks, so there is none to finish first."""
    slow = "    import time\n    time.sleep(9 if np.shape(x) == (2, 3) else 0)\n    return x / 2\n"
    (tmp_path / "small.py").write_text(SMALL.read_text().replace("    return x / 2\n", slow))
    asked = ("checkpoint", "small", "--course", COURSE, "--submission", tmp_path, "--plot", tmp_path, "--seconds", "1")
    finished = command(*asked)
    assert finished.returncode == 1
    assert "no answer within 1 second" in finished.stdout
    assert "Next: compute whole arrays, not number by number, or give it more time" in finished.stdout
    assert "--seconds 600\n" in finished.stdout


def test_on_a_narrow_screen_what_had_to_be_reached_stands_below(tmp_path):
    asked = ("checkpoint", "small", "--course", COURSE, "--submission", SMALL, "--plot", tmp_path)
    assert "  ✓ distance from the end       0\n    at most 1e-09\n" in command(*asked, COLUMNS="40").stdout


def test_on_a_stream_of_ascii_it_is_drawn_in_ascii(tmp_path):
    finished = command(
        *("checkpoint", "small", "--course", COURSE, "--submission", SMALL, "--plot", tmp_path),
        PYTHONIOENCODING="ascii",
    )
    assert finished.stdout.isascii()
    assert "\\u" not in finished.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["layers"], "layers has no checkpoint; there are small"),
        (["smal"], "there is no section 'smal': did you mean small?"),
        (["small", "--plot", "nowhere"], "--plot: nowhere is not a folder that can be written to"),
        (["small", "--seconds", "0"], "--seconds: '0' is not a whole number from 1 to 3600"),
        (["small", "--submission", "nowhere.py"], "there is no file nowhere.py"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments, message):
    finished = command("checkpoint", *arguments, "--course", COURSE)
    assert finished.returncode == 2
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


def test_every_section_that_is_trained_has_one():
    files = {path.stem for path in (PROJECT / "graders" / "checkpoints").glob("*.py")}
    assert {"tensors", "networks", "optimization", "backprop"} <= files
