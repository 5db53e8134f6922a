"""The real command on the fixture course, which has an exercise for each way an answer can turn out."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import pytest
from command import COURSE, PROJECT, Finished, Record, checks, command, copy_of_the_course, record_of, without_times

from graders.engine.authoring.material import find
from graders.engine.course import Course

EXPECTED = COURSE / "expected"
SUBMISSION = ("--submission", "tests/course/answers")
GOOD = ("small::halve", "small::register")  # the two exercises that the answers have right


class Run(NamedTuple):
    """A run that wrote files: what came of it, its record, and where its JUnit XML is."""

    finished: Finished
    record: Record
    junit: Path


@pytest.fixture(scope="module")
def graded(course: Course) -> tuple[str, ...]:
    """The arguments that grade the fixture's answers."""
    return ("--course", str(course.root), *SUBMISSION)


@pytest.fixture(scope="module")
def narrow(graded: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run at 60 columns."""
    return _run(tmp_path_factory.mktemp("narrow"), *graded, COLUMNS="60")


@pytest.fixture(scope="module")
def wide(graded: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run at 100 columns that explains everything, with another order of sets."""
    return _run(tmp_path_factory.mktemp("wide"), *graded, "--failures", "100", COLUMNS="100", PYTHONHASHSEED="4242")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run in another folder, where the paper has to be set first, with another order of sets."""
    here = tmp_path_factory.mktemp("here")
    copy_of_the_course(here / "tests" / "course")
    (here / "scratch").mkdir()
    variables = {"COLUMNS": "100", "PYTHONHASHSEED": "1", "TMPDIR": str(here / "scratch")}
    return _run(here, "--course", "tests/course", *SUBMISSION, cwd=here, **variables)


def _run(folder: Path, *arguments: object, cwd: Path = PROJECT, **variables: str) -> Run:
    json_file, junit_file = folder / "grade.json", folder / "grade.xml"
    finished = command("small", *arguments, "--json", json_file, "--junit", junit_file, cwd=cwd, **variables)
    return Run(finished, json.loads(json_file.read_text("utf-8")), junit_file)


def shown(run: Run, course: Course) -> str:
    """What a run printed; the course, which has another path each time, is not said again."""
    return run.finished.stdout.replace(f" --course {course.root}", "")


@pytest.fixture(scope="module")
def record(narrow: Run) -> Record:
    return without_times(narrow.record)


# %% Less and more
def test_quiet_prints_a_line_a_section():
    told = command("small", "--quiet", "--course", COURSE, "--submission", COURSE / "answers").stdout
    assert told == (
        "small 2 of 11; to fix: row_sums, inverse, countdown, first; 3 exercises left; "
        "1 statement could not be loaded\n"
    )


def test_quiet_says_the_sum_of_several_and_why_one_could_not_be_read(graded):
    for targets in (("small", "layers"), ()):
        first, *rest = command(*targets, "-q", *graded).stdout.splitlines()
        assert first.startswith("small 2 of 11; to fix: row_sums")
        assert rest == [
            "layers 0 of 6; 3 exercises left",
            "layers: there is no layers.py or layers.ipynb in tests/course/answers",
            "all 2 of 17",
        ]


def test_quiet_says_nothing_more_where_all_is_right(course):
    finished = command("small", "--course", course.root, "--submission", course.root / "reference", "-q")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "small 11 of 11\n", "")


def test_quiet_leaves_stdout_to_a_result_that_goes_there(graded):
    assert record_of(command("small::halve", *graded, "-q", "--json", "-"))["score"] == 1


def test_verbose_explains_all_and_says_what_each_check_took():
    told = command("small", "-v", "--course", COURSE, "--submission", COURSE / "answers").stdout
    assert "not explained here" not in told
    assert re.search(r"^ +\d+\.\d\d s +\d+ examples  passed ", told, re.MULTILINE)
    assert re.search(r"^seed 0, 100 examples; from-scratch-grader .*; Python\s\d", told, re.MULTILINE)
    assert told.rstrip().splitlines()[-1].startswith("  hint ")  # the next step stays the last word


def test_verbose_without_a_section_shows_all_of_them_whole(graded):
    text = command("-v", *graded).stdout
    assert "Raises ZeroDivisionError for 0." in text
    assert "seed 0, 100 examples" in text


@pytest.mark.parametrize("option", ["-q", "-v"])
def test_the_watch_is_neither_quiet_nor_verbose(graded, option):
    finished = command("small", *graded, option, "--watch")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "-q and -v are for a single grading" in finished.stderr


def test_quiet_and_verbose_are_not_said_together():
    told = command("small", "-q", "-v")
    assert told.returncode == 2
    assert "not allowed with" in told.stderr


# %% What is reported


def test_the_whole_record_is_as_expected(record):
    assert record == json.loads((EXPECTED / "small.json").read_text("utf-8"))


def test_the_record_holds_the_times(narrow):
    assert narrow.record["sections"][0]["seconds"] > 0
    assert all(check["seconds"] >= 0 for check in checks(narrow.record).values())


def test_the_report_at_60_columns(narrow, course):
    assert shown(narrow, course) == (EXPECTED / "terminal_60.txt").read_text("utf-8")


def test_the_report_at_100_columns_with_everything_explained(wide, course):
    assert shown(wide, course) == (EXPECTED / "terminal_100.txt").read_text("utf-8")


@pytest.mark.parametrize("width", [60, 100])
def test_no_line_of_the_report_is_wider_than_the_terminal(width):
    lines = (EXPECTED / f"terminal_{width}.txt").read_text("utf-8").splitlines()
    assert max(map(len, lines)) <= width


def test_no_failure_is_explained_on_request(graded):
    text = command("small::row_sums", "small::inverse", *graded, "--failures", "0").stdout
    assert "Not yet: " not in text
    assert "3 checks fail, not explained here; --failures 2 shows all." in text


def test_nothing_is_said_beside_the_report(narrow, wide):
    assert narrow.finished.stderr == wide.finished.stderr == ""


def test_the_junit_file_has_a_case_for_each_check(narrow):
    cases = ET.parse(narrow.junit).iter("testcase")
    assert len(list(cases)) == len(checks(narrow.record))


def test_junit_goes_to_stdout(graded):
    finished = command(*GOOD, *graded, "--junit", "-")
    assert finished.returncode == 0
    assert len(list(ET.fromstring(finished.stdout).iter("testcase"))) == 2


# %% The same answers, the same record


def test_the_record_is_the_same_whatever_the_hash_seed(wide, record):
    assert without_times(wide.record) == record


def test_the_record_is_the_same_in_another_folder_with_a_new_paper(elsewhere, record):
    assert without_times(elsewhere.record) == record


def test_a_run_leaves_nothing_but_the_paper(elsewhere):
    here = elsewhere.junit.parent
    assert sorted(path.name for path in here.iterdir()) == ["grade.json", "grade.xml", "scratch", "tests"]
    assert list((here / "scratch").iterdir()) == []
    before = {path.relative_to(COURSE) for path in COURSE.rglob("*")}
    new = {path.relative_to(here / "tests" / "course") for path in (here / "tests" / "course").rglob("*")} - before
    assert all(path.parts[0] == ".papers" for path in new)


def test_an_exercise_gets_the_same_verdict_alone(graded, record):
    alone = without_times(record_of(command("small::row_sums", *graded, "--json", "-")))
    (exercise,) = alone["sections"][0]["exercises"]
    assert exercise == record["sections"][0]["exercises"][1]


def test_another_seed_and_number_of_examples_are_kept_in_the_record(graded):
    arguments = ("small::row_sums", *graded, "--examples", "7", "--seed", "4242", "--json", "-")
    again = record_of(command(*arguments))
    assert (again["seed"], again["examples"]) == (4242, 7)
    (check,) = checks(again).values()
    assert (check["status"], check["examples"]) == ("failed", 7)


# %% Exit status


def test_full_marks_are_0(course):
    finished = command("small", "--course", course.root, "--submission", "tests/course/reference")
    assert finished.returncode == 0
    assert "All 9 exercises passed." in finished.stdout


def test_less_than_full_marks_are_1(narrow):
    assert narrow.finished.returncode == 1


@pytest.mark.parametrize(("percent", "status"), [("66.67", 1), ("66.66", 0), ("0", 0)])
def test_min_score_says_how_much_is_enough(graded, percent, status):
    asked = (*GOOD, "small::last")  # two of three points
    assert command(*asked, *graded, "--min-score", percent).returncode == status


def test_an_untouched_exercise_file_scores_nothing(course, tmp_path):
    (tmp_path / "small.py").write_text(find(course, "small").untouched, "utf-8")
    arguments = ("small", "--course", course.root, "--submission", tmp_path, "--json", "-")
    graded = record_of(command(*arguments))
    assert graded["score"] == 0
    assert {exercise["status"] for exercise in graded["sections"][0]["exercises"]} == {"not_attempted"}


# %% All sections


@pytest.fixture(scope="module")
def overview(graded: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that names no section."""
    folder = tmp_path_factory.mktemp("overview")
    finished = command(*graded, "--json", folder / "grade.json", COLUMNS="80")
    return Run(finished, json.loads((folder / "grade.json").read_text("utf-8")), folder / "none")


def test_without_a_section_all_are_shown_at_a_glance(overview, graded):
    assert overview.finished.stdout.replace(graded[1], "COURSE") == (EXPECTED / "overview_80.txt").read_text("utf-8")
    assert overview.finished.returncode == 1


def test_the_record_of_a_section_is_the_same_when_others_are_graded_too(overview, record):
    again = without_times(overview.record)
    assert [section["name"] for section in again["sections"]] == ["small", "layers"]
    assert again["sections"][0] == record["sections"][0]


def test_a_section_without_answers_costs_its_own_points_and_says_why(overview):
    section = overview.record["sections"][1]
    assert section["warnings"] == [
        {"line": None, "message": "there is no layers.py or layers.ipynb in tests/course/answers"}
    ]
    assert {exercise["status"] for exercise in section["exercises"]} == {"missing"}
