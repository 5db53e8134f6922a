"""`grade.py cohort` from end to end: what it grades, keeps, says and refuses."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing

import cohorts
import pytest
from cohorts import SAME, found, results
from command import ANSWERS, COURSE, PROJECT, command, record_of, without_times

from graders.cohort import gradebook
from graders.commands.cli import main

cohort, folder, own = cohorts.cohort, cohorts.folder, cohorts.own  # fixtures


def test_every_entry_gets_its_verdict(course, tmp_path):
    """All kinds of entries and of answers, in a course of two sections."""
    folder = tmp_path / "answers"
    shutil.copytree(COURSE / "reference", folder / "right")
    (folder / "wrong").mkdir()
    shutil.copy(ANSWERS / "small.py", folder / "wrong")
    (folder / "broken").mkdir()
    shutil.copy(COURSE / "reference" / "small.py", folder / "broken")
    (folder / "broken" / "layers.ipynb").write_text("no notebook")
    with zipfile.ZipFile(folder / "zipped.zip", "w") as archive:
        archive.write(COURSE / "reference" / "small.py", "zipped/small.py")
    (folder / "binary").mkdir()
    (folder / "binary" / "small.py").write_bytes(b"\xff\0")
    (folder / "link").symlink_to(COURSE / "reference")
    finished = command("cohort", folder, "--course", course.root, "--examples", 5, "--json", "-")
    assert finished.returncode == 1
    submissions = found(finished)
    assert list(submissions) == ["binary", "broken", "link", "right", "wrong", "zipped"]
    marks = {name: (each["status"], each["score"], each["points"]) for name, each in submissions.items()}
    assert marks == {
        "right": ("graded", 17, 17),
        "wrong": ("graded", 2, 17),
        "broken": ("partly_graded", 11, 17),
        "zipped": ("graded", 11, 17),
        "binary": ("unreadable", 0, 17),
        "link": ("unreadable", 0, 17),
    }
    assert "layers.ipynb is not a notebook that can be read" in submissions["broken"]["reason"]
    assert submissions["binary"]["reason"] == "small.py is not UTF-8 text: byte 0xff in line 1"
    assert submissions["link"]["reason"] == "it is a symbolic link, and links are not followed"
    (said,) = [line for line in finished.stderr.splitlines() if line.startswith("6 submissions")]
    assert "3 graded, 1 partly graded, 2 unreadable" in said


def test_a_section_is_graded_as_in_a_single_run(course, tmp_path):
    folder = tmp_path / "answers"
    (folder / "ada").mkdir(parents=True)
    shutil.copy(ANSWERS / "small.py", folder / "ada")
    options = ("--course", course.root, "--examples", 20, "--json", "-")
    together = found(command("cohort", folder, "--section", "small", *options))["ada"]
    alone = record_of(command("small", "--submission", "small.py", *options, cwd=folder / "ada"))
    assert without_times(together["sections"]) == without_times(alone["sections"])
    assert (together["score"], together["points"]) == (alone["score"], alone["points"])


def test_three_hundred_submissions(cohort, folder):
    for number in range(300):
        wrong = number % 50 == 0
        (folder / f"learner {number:03}.py").write_text(f"# {number}\ndef same(x):\n    return x{' + 1' * wrong}\n")
    finished = cohort("--json", "-", "--csv", folder.parent / "marks.csv", "--html", folder.parent / "page.html")
    assert finished.returncode == 0, finished.stderr
    submissions = found(finished)
    assert list(submissions) == [f"learner {number:03}" for number in range(300)]
    assert [name for name, each in submissions.items() if each["score"] == 0] == [
        f"learner {number:03}" for number in range(0, 300, 50)
    ]
    assert len((folder.parent / "marks.csv").read_text("utf-8-sig").splitlines()) == 301
    page = (folder.parent / "page.html").read_text("utf-8")
    assert page.count("<details>") == 300
    assert 'One too many. <span class="soft">own::same</span></td><td class="n">6</td>' in page


def test_equal_answers_share_a_result_and_no_name(cohort, folder):
    for name in ("ada", "bob"):
        (folder / f"{name}.py").write_text("print('hello')\ndef same(x):\n    print('hello'); return x + 1\n")
    finished = cohort("--json", "-", "--html", folder.parent / "page.html")
    submissions = found(finished)
    (one,) = results(folder.with_name("answers.gradebook")).values()
    assert one[1] == 1
    assert submissions["ada"]["sections"] == submissions["bob"]["sections"]
    for name, other in (("ada", "bob"), ("bob", "ada")):
        assert other not in json.dumps(submissions[name])
    for part in (folder.parent / "page.html").read_text().split("<details>")[1:]:
        assert ("ada" in part) != ("bob" in part)


# %% Going on


def test_only_what_is_new_is_graded_when_it_goes_on(cohort, folder):
    for name in ("ada", "bob", "eve"):
        (folder / f"{name}.py").write_text(f"# {name}\n{SAME}")
    first = cohort("--json", "-")
    kept = results(folder.with_name("answers.gradebook"))
    (folder / "ada.py").write_text("def same(x):\n    return -x\n")  # changed
    (folder / "eve.py").unlink()
    (folder / "zoe.py").write_text(f"# zoe\n{SAME}")
    second = cohort("--resume", "--json", "-")
    assert {name: each["score"] for name, each in found(second).items()} == {"ada": 0, "bob": 1, "zoe": 1}
    assert found(second)["bob"] == found(first)["bob"]
    now = results(folder.with_name("answers.gradebook"))
    assert {each: now[each] for each in kept} == kept  # to the byte, times too: nothing was graded again
    assert len(now) == len(kept) + 2
    third = cohort("--resume", "--json", "-")
    assert third.stdout == second.stdout
    assert results(folder.with_name("answers.gradebook")) == now


def test_a_gradebook_is_not_gone_on_with_by_accident(cohort, folder, own):
    (folder / "ada.py").write_text(SAME)
    assert cohort().returncode == 0
    for options, words in [
        ((), "is there already: --resume goes on with it, --gradebook names another"),
        (("--resume", "--seed", 1), "was made with --seed 0, not 1"),
        (("--resume", "--examples", 6), "was made with --examples 5, not 6"),
    ]:
        finished = cohort(*options)
        assert finished.returncode == 2
        assert finished.stderr == finished.stderr.splitlines()[0] + "\n"
        assert words in finished.stderr
    grader = own.root / "graders" / "own.py"
    grader.write_text(grader.read_text() + "\n# changed\n")
    assert "was made with another edition of own" in cohort("--resume").stderr
    (own.root / "graders" / "__init__.py").write_text('SECTIONS = ("own", "other")\n')
    for kind in ("graders", "reference"):
        shutil.copy(own.root / kind / "own.py", own.root / kind / "other.py")
    assert "was made for own: say the same again" in cohort("--resume").stderr


@pytest.mark.parametrize("data", [b"no database" * 100, b"SQLite format 3\0" + bytes(5000), "other"])
def test_a_file_that_is_no_gradebook_is_left_alone(cohort, folder, tmp_path, data):
    (folder / "ada.py").write_text(SAME)
    path = tmp_path / "marks.db"
    if data == "other":
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE recipes (name TEXT)")
    else:
        path.write_bytes(data)
    before = path.read_bytes()
    finished = cohort("--gradebook", path, "--resume")
    assert finished.returncode == 2
    assert "is not a gradebook" in finished.stderr
    assert path.read_bytes() == before


def test_two_runs_do_not_share_a_gradebook(cohort, folder):
    (folder / "ada.py").write_text(SAME)
    assert cohort().returncode == 0
    with closing(sqlite3.connect(folder.with_name("answers.gradebook"), isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        finished = cohort("--resume")
    assert finished.returncode == 2
    assert "another run is using it" in finished.stderr


def test_a_broken_section_is_the_graders_own_failure_and_costs_no_gradebook(cohort, folder, own):
    (folder / "ada.py").write_text(SAME)
    grader = own.root / "graders" / "own.py"
    text = grader.read_text()
    grader.write_text("import nowhere_to_be_found\n" + text)
    broken = cohort()
    assert broken.returncode == 3
    assert "the grader itself failed, your answers are not at fault" in broken.stderr
    grader.write_text(text)
    assert cohort().returncode == 0


# %% Usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{folder}/nowhere"], "is not a folder"),
        (["{folder}"], "there are no submissions in"),
        (["{folder}", "--section", "nowhere"], "there is no section 'nowhere'"),
        (["{folder}", "--csv", "-", "--json", "-"], "only one result can go to stdout"),
        (["{folder}", "--html", "{folder}/nowhere/page.html"], "cannot be written"),
        (["{folder}", "--gradebook", "{folder}"], "cannot be written"),
        (["{folder}", "--course", "{folder}"], "is not a course"),
    ],
)
def test_wrong_usage(course, folder, capsys, arguments, words):
    said = [argument.format(folder=folder) for argument in arguments]
    assert main(["cohort", *([] if "--course" in said else ["--course", str(course.root)]), *said]) == 2
    assert words in capsys.readouterr().err
    assert list(folder.parent.glob("*.gradebook")) == []


@pytest.mark.parametrize(
    "arguments", [[], ["x", "--jobs", "0"], ["x", "--seed", "-1"], ["x", "--section", "small::halve"]]
)
def test_wrong_options(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["cohort", *arguments])
    assert stop.value.code == 2
    assert "usage: python grade.py cohort FOLDER" in capsys.readouterr().err


def test_the_help_says_what_it_does_not_do():
    assert "Plagiarism is not looked for" in command("cohort", "--help").stdout


def test_strangers_are_not_graded_without_a_sandbox(own, folder):
    (folder / "ada.py").write_text(SAME)
    script = (
        "import sys; from graders.engine.worker import sandbox; sandbox.support = lambda: 'there is none';"
        "from graders.commands.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = [sys.executable, "-c", script, "cohort", str(folder), "--course", str(own.root), "--examples", "5"]
    refused = subprocess.run(arguments, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "no sandbox protects this machine from what it grades: there is none" in refused.stderr
    assert list(folder.parent.glob("*.gradebook")) == []
    done = subprocess.run([*arguments, "--unprotected"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("1 graded")) == (0, 1)


@pytest.mark.parametrize("option", ["--csv", "--json", "--html", "--gradebook"])
def test_no_result_is_written_over_another_or_over_answers(cohort, folder, option):
    (folder / "ada.py").write_text(SAME)
    (folder.parent / "link").symlink_to(folder.with_name(folder.name + ".gradebook"))
    over_answers = cohort(option, folder / "ada.py")
    assert over_answers.returncode == 2
    assert "is there already and may be somebody's answers" in over_answers.stderr
    assert (folder / "ada.py").read_text() == SAME
    if option != "--gradebook":
        assert cohort().returncode == 0
        for name in (folder.parent / "link", folder.with_name(folder.name + ".gradebook-wal")):
            over_results = cohort("--resume", option, name)
            assert over_results.returncode == 2
            assert "gradebook" in over_results.stderr
        assert len(results(folder.with_name(folder.name + ".gradebook"))) == 1
    else:
        same = cohort("--csv", folder.parent / "out", "--gradebook", folder.parent / "out")
        assert same.returncode == 2
        assert "is the file of --csv too" in same.stderr


def test_a_result_goes_where_a_link_leads(cohort, folder):
    (folder / "ada.py").write_text(SAME)
    (folder.parent / "marks.csv").symlink_to(folder.parent / "elsewhere.csv")
    (folder.parent / "elsewhere.csv").write_text("old")
    assert cohort("--csv", folder.parent / "marks.csv").returncode == 0
    assert (folder.parent / "marks.csv").is_symlink()
    assert "ada" in (folder.parent / "elsewhere.csv").read_text()


def test_a_gradebook_is_nobody_elses_business(cohort, folder):
    (folder / "ada.py").write_text(SAME)
    assert cohort().returncode == 0
    assert folder.with_name(folder.name + ".gradebook").stat().st_mode & 0o777 == 0o600


def test_what_was_given_up_is_graded_again_when_that_is_said(cohort, folder):
    for name in ("ada", "bob"):
        (folder / f"{name}.py").write_text(f"# {name}\n{SAME}")
    assert cohort().returncode == 0
    path = folder.with_name(folder.name + ".gradebook")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE result SET status = 'quarantined', score = 0 WHERE rowid = 1")
        values = database.execute(f"SELECT {gradebook._RESULT} FROM result WHERE rowid = 1").fetchone()
        database.execute("UPDATE result SET seal = ? WHERE rowid = 1", (gradebook._seal(*values),))
    assert cohort("--resume").returncode == 1
    assert cohort("--again").returncode == 2
    assert cohort("--resume", "--again").returncode == 0
    assert [row[0] for row in results(path).values()] == ["graded"] * 2


def test_results_on_stdout_are_utf_8_in_every_locale(own, folder):
    (folder / "Zoë ∂.py").write_text(SAME)
    asked = ("cohort", folder, "--course", own.root, "--section", "own", "--examples", 5, "--csv", "-")
    finished = subprocess.run(
        [sys.executable, str(PROJECT / "grade.py"), *map(str, asked)],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "Zoë ∂" in finished.stdout.decode()


def test_names_that_look_alike_are_told_apart(cohort, folder):
    for name in ("Ada", "ada", "Jos\u00e9", "Jose\u0301", "bob"):
        (folder / f"{name}.py").write_text(f"# {len(os.listdir(folder))}\n{SAME}")
    finished = cohort("--json", "-")
    submissions = found(finished)
    assert list(submissions) == ["Ada", "Jose\\u0301", "José", "ada", "bob"]
    assert {each["status"] for each in submissions.values()} == {"graded"}
    assert submissions["ada"]["reason"] == "there is also Ada, a name that is nearly the same"
    assert submissions["José"]["reason"] == "there is also Jose\\u0301, a name that is nearly the same"
    assert submissions["bob"]["reason"] is None
    words = "some names are nearly the same, and count as different learners: Ada, Jose\\u0301, José, ada"
    assert finished.stderr.splitlines().count(words) == 1


def test_that_a_notebook_was_passed_over_is_said_to_its_learner(cohort, folder):
    for name in ("both", "one"):
        (folder / name).mkdir()
        (folder / name / "own.py").write_text(SAME)
    (folder / "both" / "own.ipynb").write_text("{}")
    with zipfile.ZipFile(folder / "zipped.zip", "w") as archive:
        archive.writestr("zipped/own.ipynb", "{}")
        archive.writestr("zipped/own.py", SAME)
    submissions = found(cohort("--json", "-"))
    warnings = {name: each["sections"][0]["warnings"] for name, each in submissions.items()}
    note = "own.ipynb is there too, and was not graded: where there are both, own.py counts"
    assert warnings == {name: [{"line": None, "message": note}] for name in ("both", "zipped")} | {"one": []}
    assert {each["score"] for each in submissions.values()} == {1}
