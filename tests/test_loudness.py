"""`-q` and `-v`: the same grade, in fewer words or in more, through the real command on the fixture course."""

import json
import platform
import re
from pathlib import Path

import pytest
from command import ANSWERS, PROJECT, Finished, checks, command, record_of

from graders.engine.course import Course
from graders.report.words import TO_FIX

ALL = ("small", "layers")
SCORE = (
    "small: 2 of 11 points; to fix: row_sums, inverse, countdown, first; 3 exercises left; "
    "1 statement could not be loaded\n"
)


@pytest.fixture(scope="module")
def graded(course: Course) -> tuple[str, ...]:
    """The arguments that grade the fixture's answers."""
    return ("--course", str(course.root), "--submission", "tests/course/answers")


@pytest.fixture(scope="module")
def loud(graded: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """A run with -v, and the record that it wrote."""
    file = tmp_path_factory.mktemp("loud") / "grade.json"
    return command("small", *graded, "-v", "--json", file, COLUMNS="80"), file


def test_quiet_is_one_line_for_a_section_and_the_exit_status(graded):
    finished = command("small", *graded, "-q")
    assert (finished.returncode, finished.stdout, finished.stderr) == (1, SCORE, "")
    assert command("small::halve", *graded, "--quiet").stdout == (
        "small: 1 of 1 points; 1 statement could not be loaded\n"
    )


@pytest.mark.parametrize("targets", [ALL, ()])
def test_quiet_says_the_sum_of_several_and_why_one_could_not_be_read(graded, targets):
    finished = command(*targets, *graded, "-q")
    assert finished.stdout == (
        f"{SCORE}layers: 0 of 6 points; 3 exercises left\n"
        "layers: there is no layers.py or layers.ipynb in tests/course/answers\nin all: 2 of 17 points\n"
    )


def test_quiet_leaves_stdout_to_a_result_that_goes_there(graded):
    assert record_of(command("small::halve", *graded, "-q", "--json", "-"))["score"] == 1


def test_quiet_and_full_marks_reach_the_score(course):
    finished = command("small", "--course", course.root, "--submission", course.root / "reference", "-q")
    assert (finished.returncode, finished.stdout) == (0, "small: 11 of 11 points\n")


def test_names_of_strangers_are_told_so_that_nobody_obeys_them(course, tmp_path):
    (tmp_path / "small.py").write_text((ANSWERS / "small.py").read_text("utf-8"), "utf-8")
    link = tmp_path / "evil"
    link.mkdir()
    (link / "layers.py").symlink_to("::error::owned\n::error::x")
    finished = command("all", "--course", course.root, "--submission", link, "-q")
    assert not re.search(r"^\s*::", finished.stdout, re.MULTILINE)


def test_verbose_shows_every_failure_and_each_check_with_its_time(loud):
    finished, file = loud
    found = checks(json.loads(file.read_text("utf-8")))
    for name, check in found.items():
        (line,) = [line for line in finished.stdout.splitlines() if re.search(rf" {name}  ", line)]
        assert re.search(rf" {check['examples']} inputs?  +{check['seconds']:.3f} s$", line)
    shown = {title for title in (check["title"] for check in found.values()) if f"Not yet: {title}" in finished.stdout}
    assert shown == {each["title"] for each in found.values() if each["status"] in TO_FIX}
    assert "not explained here" not in finished.stdout


def test_verbose_says_what_the_grade_depends_on(loud):
    _, _, text = loud[0].stdout.partition("Graded with")
    assert "\n  seed 0, 100 inputs a check at the most\n" in text
    assert f"\n  Python {platform.python_version()}\n" in text
    assert text.rstrip().splitlines()[-1].startswith("  hint ")  # the next step stays the last word


def test_verbose_without_a_section_shows_all_of_them_whole(graded):
    text = command(*graded, "-v").stdout
    assert "Checks of small" in text
    assert "Not yet: Inverts a number." in text


def test_verbose_fits_narrow_terminals(graded):
    finished = command("small::halve", "small::inverse", *graded, "-v", COLUMNS="40")
    assert max(map(len, finished.stdout.partition("Graded with")[0].splitlines())) <= 40


def test_a_number_of_failures_still_counts_with_verbose(graded):
    finished = command("small::inverse", *graded, "-v", "--failures", "0")
    assert "2 checks fail, not explained here; --failures 2 shows all." in finished.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-q", "-v"], "argument -v/--verbose: not allowed with argument -q/--quiet"),
        (["-q", "--watch"], "--watch has a screen of its own: -q and -v are for a single grading"),
        (["-v", "--watch"], "--watch has a screen of its own: -q and -v are for a single grading"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(graded, words, message):
    finished = command("small", *graded, *words)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert message in finished.stderr


def test_help_and_the_readme_name_them():
    text, readme = command("--help").stdout, (PROJECT / "README.md").read_text("utf-8")
    assert "-q, --quiet" in text
    assert "-v, --verbose" in text
    assert "`-q`" in readme
    assert "`-v`" in readme
