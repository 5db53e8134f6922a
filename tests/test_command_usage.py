"""What the command says when it is asked for something that is not there, for a hint, or for a fresh start."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command import COURSE, GRADE, PROJECT, command, environment

from graders.commands.cli import main
from graders.engine.authoring.material import find
from graders.engine.course import Course

SMALL = COURSE / "reference" / "small.py"
SECTION = "small"


Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Calls the command, in this process, with what must be refused before anything is graded; gives its message."""

    def run(*arguments: object, course: Path = COURSE) -> str:
        try:
            status = main([*map(str, arguments), "--course", str(course)])
        except SystemExit as leaving:  # argparse
            status = leaving.code
        said = capsys.readouterr()
        assert status == 2
        assert said.out == ""
        assert "Traceback" not in said.err
        return said.err

    return run


def test_a_refusal_is_exit_status_2_and_one_line_on_stderr():
    finished = command("smal", "--course", COURSE)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr == "grade.py: there is no section 'smal': did you mean small?\n"


# %% Grading


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["smal"], "there is no section 'smal': did you mean small?"),
        (["small", "xyz"], "there is no section 'xyz': did you mean small or layers?"),
        (["small:row_sums"], "there is no section 'small:row_sums': did you mean small or layers?"),
        (["smal::row_sums"], "there is no section 'smal': did you mean small?"),
        (["small::row_sum"], "small has no exercise 'row_sum': did you mean row_sums?"),
        (["small::scaled_row_sums"], "small has no exercise 'scaled_row_sums': did you mean scaled_sums or row_sums?"),
        (
            ["small::halve", "small::xyz"],
            "small has no exercise 'xyz'; there are halve, row_sums, inverse, countdown, first, scaled_sums, Counter, "
            "register, last",
        ),
        ([""], "there is no section ''"),
        (["all"], f"{os.path.relpath(SMALL, PROJECT)} is one file, and 2 sections were asked for"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest_ones(refused, targets, message):
    assert message in refused(*targets, "--submission", SMALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "-1"], "--seed: '-1' is not a whole number from 0 to 4294967295"),
        (["--seed", "4294967296"], "--seed: '4294967296' is not a whole number"),
        (["--seed", "one"], "--seed: 'one' is not a whole number"),
        (["--examples", "0"], "--examples: '0' is not a whole number from 1 to 100000"),
        (["--examples", "1e3"], "--examples: '1e3' is not a whole number"),
        (["--examples", "100001"], "--examples: '100001' is not a whole number"),
        (["--min-score", "101"], "--min-score: '101' is not a percentage from 0 to 100"),
        (["--min-score", "nan"], "--min-score: 'nan' is not a percentage"),
        (["--min-score", "half"], "--min-score: 'half' is not a percentage"),
        (["--failures", "-1"], "--failures: '-1' is not a whole number"),
        (["--exam", "10"], "unrecognized arguments: --exam"),
        (["--json", "-", "--junit", "-"], "only one result can go to stdout"),
    ],
)
def test_options_are_checked(refused, options, message):
    assert message in refused(SECTION, "--submission", SMALL, *options)


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_a_result_that_cannot_be_written_is_refused_before_the_grading(refused, tmp_path, option):
    nowhere = "{} cannot be written: not a file in a folder that exists"
    for name in (tmp_path / "none" / "grade.json", tmp_path):
        # That there is no such submission would come out as soon as the grading begins.
        message = refused(SECTION, "--submission", "nowhere.py", option, name)
        assert f"{option}: {nowhere.format(name)}" in message


def test_a_folder_that_is_no_course_is_refused(refused, tmp_path):
    assert f"{tmp_path} is not a course" in refused(SECTION, course=tmp_path)


def test_help_names_every_option_and_command():
    finished = command("--help")
    assert finished.returncode == 0
    words = "--submission --seed --examples --min-score --failures --json --junit hint reset audit"
    assert [word for word in words.split() if word not in finished.stdout] == []


# %% hint


def test_hints_come_one_at_a_time():
    first, second = (command("hint", "small::row_sums", *number, "--course", COURSE) for number in ([], ["2"]))
    assert first.returncode == second.returncode == 0
    heading, text, next_one = first.stdout.strip().split("\n\n")
    assert (heading, text) == ("small::row_sums, hint 1 of 2", "Which axis goes away?")
    assert next_one == "The next one: python grade.py hint small::row_sums 2"
    assert second.stdout == "small::row_sums, hint 2 of 2\n\nWhat is the shape of the result?\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small::row_sums", "3"], "there are 2 hints for small::row_sums"),
        (["small::halve"], "there is no hint for small::halve"),
        (["small::row_sum"], "small has no exercise 'row_sum': did you mean row_sums?"),
        (["smal::row_sums"], "there is no section 'smal': did you mean small?"),
        (["small"], "which exercise of small? Say for example small::halve"),
        (["small::row_sums", "0"], "'0' is not a whole number from 1 to 9"),
        ([], "the following arguments are required: SECTION::EXERCISE"),
    ],
)
def test_a_hint_that_is_not_there_is_refused(refused, arguments, message):
    assert message in refused("hint", *arguments)


# %% reset


@pytest.fixture
def edited(course: Course, tmp_path: Path) -> Path:
    """The exercise file of a course, with a learner's work in it."""
    for folder in ("graders", "reference"):
        (tmp_path / folder).symlink_to(course.root / folder)
    (tmp_path / "exercises").mkdir()
    path = tmp_path / "exercises" / "small.py"
    path.write_text("# my work\n", "utf-8")
    return path


def reset(edited: Path, *arguments: str):
    return command("reset", *arguments, "--course", edited.parents[1])


def answered(edited: Path, answer: str) -> tuple[int, str]:
    """The exit status and output of a reset that asks in a terminal, where `answer` is typed."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    course = str(edited.parents[1])
    finished = subprocess.run(
        [*GRADE, "reset", SECTION, "--course", course],
        stdin=theirs,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    return finished.returncode, finished.stdout


def test_reset_asks_and_keeps_a_copy(edited, course):
    status, said = answered(edited, "y\n")
    assert status == 0
    assert "Replace exercises/small.py by the untouched file? Your answers will be kept in small.1.bak. [y/N]" in said
    assert "exercises/small.py is untouched again; your answers are in exercises/small.1.bak." in said
    assert edited.read_text("utf-8") == find(course, SECTION).untouched
    assert edited.with_name("small.1.bak").read_text("utf-8") == "# my work\n"


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n", "\x04"])
def test_reset_changes_nothing_without_a_clear_yes(edited, answer):
    answered(edited, answer)
    assert [path.name for path in edited.parent.iterdir()] == ["small.py"]
    assert edited.read_text("utf-8") == "# my work\n"


def test_reset_changes_nothing_where_nobody_can_answer(edited):
    finished = reset(edited, SECTION)
    assert finished.returncode == 2
    assert "Nobody is there to answer: add --yes to go ahead" in finished.stderr
    assert [path.name for path in edited.parent.iterdir()] == ["small.py"]
    assert edited.read_text("utf-8") == "# my work\n"


def test_reset_never_overwrites_a_copy(edited, course):
    for work in ("# first\n", "# second\n"):
        edited.write_text(work, "utf-8")
        assert reset(edited, SECTION, "--yes").returncode == 0
    copies = [edited.with_name(f"small.{number}.bak").read_text("utf-8") for number in (1, 2)]
    assert copies == ["# first\n", "# second\n"]
    assert edited.read_text("utf-8") == find(course, SECTION).untouched


def test_reset_of_an_untouched_or_missing_file_asks_nothing(edited, course):
    edited.unlink()
    said = [reset(edited, SECTION).stdout for _ in range(2)]
    assert said == ["exercises/small.py is there again, untouched.\n", "exercises/small.py is untouched already.\n"]
    assert edited.read_text("utf-8") == find(course, SECTION).untouched


def test_reset_keeps_what_is_not_a_file(edited):
    edited.unlink()
    edited.mkdir()
    finished = reset(edited, SECTION, "--yes")
    assert finished.returncode == 2
    assert "exercises/small.py cannot be replaced" in finished.stderr


def test_reset_of_an_unknown_section_is_refused(edited):
    finished = reset(edited, "smal", "--yes")
    assert finished.returncode == 2
    assert "there is no section 'smal': did you mean small?" in finished.stderr
