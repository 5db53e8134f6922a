"""The options that write results to files, what they refuse, and the comparison with an earlier result."""

import json
import os
from pathlib import Path

import pytest
from command import COURSE, command
from sample_grades import MIXED, check, exercise, grade, section

from graders.commands.cli import main
from graders.engine.worker import sandbox
from graders.report.changes import Changes, changes, read_record
from graders.report.record import record

SMALL = COURSE / "reference" / "small.py"
GOOD = ("small::halve", "--course", COURSE, "--submission", SMALL)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of every format, of one run."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "earlier.json").write_text(record(grade(section("small", exercise("halve", check("failed"))))))
    formats = ("annotations", "gradescope", "classroom", "code-quality")
    asked = [f"--report={name}={folder / name}" for name in formats]
    asked += [f"--{name}={folder / name}" for name in ("json", "junit", "markdown", "html")]
    finished = command(*GOOD, *asked, "--since", folder / "earlier.json", "--require-sandbox")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "halve passed." in finished.stdout
    return folder


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("json", '{\n  "schema": 1,'),
        ("junit", "<?xml "),
        (
            "markdown",
            "## Grade: 1 of 1 points\n\nSince the last time: 1 point more, from 0 to 1.\n\n- newly passed: `halve`\n",
        ),
        ("html", "<!doctype html>"),
        ("annotations", "::notice title=Grade%3A 1 of 1 points::"),
        ("gradescope", '{\n  "score": 1.0,'),
        ("classroom", '{"version":1,"status":"pass"'),
        ("code-quality", "[]\n"),
    ],
)
def test_every_format_is_written(written, name, start):
    assert (written / name).read_text("utf-8").startswith(start)


def test_the_page_says_what_changed(written):
    assert "<p>Since the last time: 1 point more, from 0 to 1.</p>" in (written / "html").read_text("utf-8")


def test_what_is_written_can_be_compared_with(written):
    finished = command(*GOOD, "--markdown", "-", "--since", written / "json")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "\nSince the last time: nothing has changed.\n" in finished.stdout


def test_gradescope_has_an_option_of_its_own(written, tmp_path):
    finished = command(*GOOD, "--gradescope", tmp_path / "results.json", "--report", f"classroom={tmp_path / 'room'}")
    assert (finished.returncode, finished.stderr) == (0, "")
    now, then = (json.loads(path.read_text())["score"] for path in (tmp_path / "results.json", written / "gradescope"))
    assert now == then == 1
    assert (tmp_path / "room").exists()


def test_a_file_that_takes_nothing_costs_no_other_one(tmp_path):
    finished = command(*GOOD, "--json", "/dev/full", "--html", tmp_path / "page.html")
    assert finished.returncode == 0
    assert finished.stderr == "grade.py: --json /dev/full cannot be written: No space left on device\n"
    assert "halve passed." in finished.stdout
    assert (tmp_path / "page.html").exists()


def test_a_report_goes_to_stdout_alone():
    finished = command(*GOOD, "--report", "code-quality=-")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "[]\n", "")


def test_a_checkpoint_is_written_too(tmp_path):
    asked = ("checkpoint", "small", "--course", COURSE, "--submission", SMALL, "--plot", tmp_path)
    finished = command(*asked, "--html", tmp_path / "page.html", "--markdown", "-")
    assert finished.returncode == 0
    assert "**Checkpoint:** Six times your halve" in finished.stdout
    assert "<h3>Checkpoint</h3>" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--report", "pdf=a"],
            "there is no format 'pdf'; FORMAT is annotations, gradescope, classroom or code-quality",
        ),
        (["--report", "html=a"], "there is no format 'html'; FORMAT is "),
        (["--report", "annotations"], "'annotations' is not FORMAT=FILE; FORMAT is "),
        (["--report", "annotations="], "'annotations=' is not FORMAT=FILE; FORMAT is "),
        (["--report", "annotations=-", "--json", "-"], "only one result can go to stdout"),
        (["--report", "annotations=a", "--json", "a"], "a is said twice"),
        (["--report", "annotations=a", "--report", "annotations=b"], "--report annotations is said twice"),
        (["--report", "annotations=none/a"], "--report annotations: none/a cannot be written"),
        (["--markdown", "none/a"], "--markdown: none/a cannot be written"),
        (["--since", "a"], "--since: only --markdown and --html say what has changed"),
        (["--since", "a", "--json", "b"], "--since: only --markdown and --html say what has changed"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_grading(options, message, capsys):
    try:
        status = main(["small", "--submission", "nowhere.py", "--course", str(COURSE), *options])
    except SystemExit as leaving:  # argparse
        status = leaving.code
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert message in said.err


def test_where_there_is_no_sandbox_nothing_is_graded_if_it_is_required(monkeypatch, capsys):
    monkeypatch.setattr(sandbox, "support", lambda: "this system has no Landlock")
    assert main(["small", "--course", str(COURSE), "--submission", str(SMALL), "--require-sandbox"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith("your answers are not at fault: there is no sandbox here: this system has no Landlock\n")


# %% What changed

BEFORE = grade(
    section("a", exercise("f", check("failed", name="x"), check(name="y")), exercise("g", check())),
    section("gone", exercise("f", check())),
)


def compared(*exercises: object) -> Changes | None:
    return changes(BEFORE, grade(section("a", *exercises)))


def test_points_and_names():
    found = compared(exercise("f", check(name="x"), check(name="y")), exercise("g", check("raised")))
    assert found == Changes(2, 2, (("a", "f"),), ((("a", "g"), 1),))
    assert found.sentence == "the same score, 2"
    assert found.broken == ((("a", "g"), "1 check"),)


@pytest.mark.parametrize(
    ("exercises", "sentence"),
    [
        ([exercise("g", check())], "nothing has changed"),
        ([exercise("g", check("failed"))], "1 point fewer, from 1 to 0"),
        ([exercise("f", check(name="x"), check(name="y"))], "1 point more, from 1 to 2"),
        ([exercise("f", check(name="x", points=0.25), check(name="y"))], "0.25 points more, from 1 to 1.25"),
    ],
)
def test_the_points_in_words(exercises, sentence):
    assert compared(*exercises).sentence == sentence


def test_an_exercise_can_gain_points_and_lose_a_check():
    found = compared(exercise("f", check(name="x"), check("failed", name="y")))
    assert (found.newly_passed, found.newly_broken) == ((), ((("a", "f"), 1),))


def test_a_check_that_is_new_or_gone_was_not_broken():
    assert compared(exercise("f", check("failed", name="z"))).newly_broken == ()


def test_without_a_common_exercise_there_is_nothing_to_compare():
    assert compared(exercise("new", check())) is None
    assert changes(grade(), MIXED) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "does not exist yet"),
        (b"", "holds no result that --json has written"),
        (b"{}", "holds no result that --json has written"),
        (b"[" * 100_000, "holds no result that --json has written"),
        (b"\xff\xfe", "holds no result that --json has written"),
        (b'{"schema": 2, "seed": 0, "examples": 1, "score": 0, "points": 0, "sections": []}', "another version"),
    ],
)
def test_an_earlier_result_that_is_missing_or_damaged_is_said_in_a_line(tmp_path, data, reason):
    path = tmp_path / "last.json"
    if data is not None:
        path.write_bytes(data)
    finished = command(*GOOD, "--markdown", tmp_path / "a.md", "--since", path)
    assert finished.returncode == 0
    assert finished.stderr.startswith(f"grade.py: nothing to compare with: {path} ")
    assert finished.stderr.count("\n") == 1
    assert reason in finished.stderr
    assert "Since" not in (tmp_path / "a.md").read_text("utf-8")


def test_an_earlier_result_that_cannot_be_read(tmp_path):
    pipe, path = tmp_path / "pipe.json", tmp_path / "large.json"
    os.mkfifo(pipe)
    for place in (tmp_path, pipe, Path("/dev/zero")):
        assert read_record(place) == f"{place} is not a file"
    path.touch()
    os.truncate(path, 2**26 + 1)
    assert read_record(path) == f"{path} is larger than 64 MiB"


def test_a_record_is_read_as_the_grade_it_was(tmp_path):
    path = tmp_path / "last.json"
    path.write_text(record(MIXED), "utf-8")
    assert read_record(path) == MIXED
    assert json.loads(path.read_text("utf-8"))["schema"] == 1
