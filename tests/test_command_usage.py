"""What the command says when it is asked for something that is not there, for a hint, or for a fresh start."""

import os
import platform
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from command import ANSWERS, COURSE, GRADE, PROJECT, command, environment

from graders.commands import version
from graders.commands.cli import main
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.report.words import inert, obeyed

SMALL = COURSE / "reference" / "small.py"
SECTION = "small"


Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Calls the command, in this process, with what must be refused before anything is graded; gives its message."""

    def run(*arguments: object, course: Path | str = COURSE) -> str:
        elsewhere = [] if "--course" in arguments else ["--course", str(course)]
        try:
            status = main([*map(str, arguments), *elsewhere])
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
    words = "--submission --seed --examples --min-score --failures --json --junit hint solution progress reset audit"
    assert [word for word in words.split() if word not in finished.stdout] == []


def test_the_version_says_what_a_grade_depends_on():
    finished = command("--version")
    assert (finished.returncode, finished.stderr) == (0, "")
    numbers = dict(line.split(" ", 1) for line in finished.stdout.splitlines())
    assert list(numbers) == ["from-scratch-grader", "Python", "hypothesis", "numpy", "torch"]
    assert numbers["Python"] == platform.python_version()
    assert numbers["torch"] == metadata.version("torch")
    assert command("checkpoint", "--version").stdout == finished.stdout


def test_the_version_is_known_where_nothing_is_installed(monkeypatch):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", nothing)
    ours, _, *others = version.versions().splitlines()
    assert re.fullmatch(r"from-scratch-grader \d+\.\d+\.\d+", ours)
    assert others == ["hypothesis is not installed", "numpy is not installed", "torch is not installed"]


# %% What is echoed

NASTY = "a\x1b[31mred\x1b]0;t\x07\n::error::owned\r\x85\u202e##[set-output name=a]b\udcff"
VISIBLE = "a\\x1b[31mred\\x1b]0;t\\x07\\n::error::owned\\r\\x85\\u202e#\\#[set-output name=a]b\\xff"


@pytest.mark.parametrize(
    "arguments",
    [
        [NASTY],
        [f"small::{NASTY}"],
        ["small", f"--{NASTY}"],
        ["small", "--course", f"none/{NASTY}"],
        ["small", "--submission", f"none/{NASTY}.py"],
        ["small", "--submission", f"none/{NASTY}"],
        ["small", "--seed", NASTY],
        ["small", "--min-score", NASTY],
        ["small", "--failures", NASTY],
        ["small", "--json", f"none/{NASTY}"],
        ["small", "--junit", f"none/{NASTY}"],
        ["small", "--json", NASTY, "--html", NASTY],
        ["small", "--report", NASTY],
        ["small", "--report", f"annotations=none/{NASTY}"],
        ["small", "--gradescope", f"none/{NASTY}"],
        ["small", "--json", f"{NASTY}/x"],
        ["small", "--json", f"{NASTY * 20}"],
        ["small", "--since", "none", "--markdown", f"none/{NASTY}"],
        ["checkpoint", NASTY],
        ["checkpoint", "small", "--plot", NASTY],
        ["hint", NASTY],
        ["hint", f"small::{NASTY}"],
        ["hint", "small::halve", NASTY],
        ["reset", NASTY],
        ["audit", NASTY],
        ["cohort", NASTY],
        ["cohort", ".", "--section", f"small::{NASTY}"],
    ],
    ids=lambda arguments: "-".join(arguments).replace(NASTY, "x"),
)
def test_what_is_echoed_is_only_read(refused, arguments):
    said = refused(*arguments)
    assert inert(said) == said
    assert obeyed(said) == []
    *usage, last, end = said.split("\n")
    assert (last.partition(" ")[0], end) == ("grade.py:", "")
    assert not [line for line in usage if "red" in line]


def test_what_is_echoed_can_be_seen(refused):
    assert f"none/{VISIBLE} is not a course" in refused(SECTION, course=f"none/{NASTY}")
    assert "grade.py: unrecognized arguments: --exam\\x1b[31m\n" in refused(SECTION, "--exam\x1b[31m")


def test_an_earlier_result_that_is_not_there_is_named_in_words_too(tmp_path):
    asked = ("small::halve", "--course", COURSE, "--submission", SMALL, "--markdown", tmp_path / "a.md")
    finished = command(*asked, "--since", tmp_path / NASTY)
    assert finished.returncode == 0
    assert finished.stderr == f"grade.py: nothing to compare with: {tmp_path}/{VISIBLE} does not exist yet\n"


# %% What is said to do next


@pytest.fixture
def standing(course: Course, tmp_path: Path) -> Path:
    """A folder with somebody's answers in a folder with a space in its name, and the project beside it."""
    (tmp_path / "here" / "my answers").mkdir(parents=True)
    shutil.copy(ANSWERS / "small.py", tmp_path / "here" / "my answers")
    (tmp_path / "the project").symlink_to(PROJECT)
    (tmp_path / "here" / "grade").symlink_to(PROJECT / "grade.py")
    return tmp_path / "here"


def run_there(standing: Path, words: list[object] | str) -> subprocess.CompletedProcess[str]:
    """Runs a command, or a line of a shell, there."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        words if isinstance(words, str) else [*map(str, words)],
        shell=isinstance(words, str),
        cwd=standing,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ([sys.executable, str(PROJECT / "grade.py")], f"{sys.executable} {PROJECT / 'grade.py'}"),
        (["python3", "../the project/grade.py"], "python3 '../the project/grade.py'"),
        (["python3", "-I", "../the project/grade.py"], "python3 -I '../the project/grade.py'"),
        (["../the project/grade.py"], "python3 '../the project/grade.py'"),
        (["./grade"], "python3 ./grade"),
    ],
)
def test_what_is_said_to_do_next_works_where_one_stands(standing, course, call, said):
    asked = ("small::row_sums", "--course", course.root, "--submission", "my answers")
    shown = run_there(standing, [*call, *asked])
    assert (shown.returncode, shown.stderr) == (1, "")
    rows = dict(re.findall(r"^  (open|hint) +(.*)$", shown.stdout, re.MULTILINE))
    assert (standing / rows["open"].rpartition(":")[0]).is_file()
    assert rows["hint"].startswith(f"{said} hint ")
    hint = run_there(standing, rows["hint"])
    assert (hint.returncode, hint.stderr) == (0, "")
    assert "hint 2 of 2" in run_there(standing, hint.stdout.rpartition("The next one: ")[2]).stdout


def test_the_rest_of_a_section_is_of_the_same_answers(standing, course):
    asked = ("small::halve", "--course", course.root, "--submission", "my answers/small.py")
    shown = run_there(standing, [*GRADE, *asked])
    (rest,) = re.findall(r"^  run +(.*)$", shown.stdout, re.MULTILINE)
    assert "2 of 11 points" in run_there(standing, rest).stdout


# %% hint


def test_hints_come_one_at_a_time():
    first, second = (command("hint", "small::row_sums", *number, "--course", COURSE) for number in ([], ["2"]))
    assert first.returncode == second.returncode == 0
    heading, text, next_one = first.stdout.strip().split("\n\n")
    assert (heading, text) == ("small::row_sums, hint 1 of 2", "Which axis goes away?")
    assert next_one == f"The next one: python grade.py hint small::row_sums 2 --course {COURSE}"
    assert second.stdout.startswith("small::row_sums, hint 2 of 2\n\nWhat is the shape of the result?\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small::row_sums", "3"], "there are 2 hints for small::row_sums, and there is no small.py"),
        (["small::row_sums", "6"], "there are 2 hints for small::row_sums, and 3 about your own code"),
        (["small::halve"], "there is no hint for small::halve"),
        (["small::row_sum"], "small has no exercise 'row_sum': did you mean row_sums?"),
        (["smal::row_sums"], "there is no section 'smal': did you mean small?"),
        (["small"], "which exercise of small? Say for example small::halve"),
        (["small::row_sums", "0"], "'0' is not a whole number from 1 to 12"),
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
