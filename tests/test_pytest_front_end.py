"""`pytest graders/` shows every check as a test, with the verdicts of the command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command import PROJECT, Finished, Record, checks, command, environment, record_of, without_times

from graders.commands.cli import main
from graders.engine.course import Course

OUTCOME = {"passed": "PASSED"}
ANSWERS = """

def log_back(grad_out, out, x):
    print("in log_back")
    return grad_out * x


def multiply_back1(grad_out, out, x, y):
    raise ValueError("not like this")


def exp_back(grad_out, out, x):
    raise NotImplementedError("exp_back")


del forward_and_back
SGD = undefined
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Right answers, in which a few are replaced by wrong ones."""
    path = tmp_path_factory.mktemp("answers") / "backprop.py"
    path.write_text((PROJECT / "reference" / "backprop.py").read_text("utf-8") + ANSWERS, "utf-8")
    return path


@pytest.fixture(scope="module")
def record(answers: Path) -> Record:
    return record_of(command("backprop", "--submission", answers, "--json", "-"))


@pytest.fixture(scope="module")
def verdicts(record: Record) -> dict[str, str]:
    """What is to be expected of each test, by node id: the verdicts of the command."""
    return {
        f"graders/backprop.py::{exercise['name']}::{check['name']}": OUTCOME.get(check["status"], "FAILED")
        for exercise in record["sections"][0]["exercises"]
        for check in exercise["checks"]
    }


def run(*arguments: object, cwd: Path = PROJECT) -> Finished:
    options = ["-o", "addopts=-p graders.commands.collecting", "-p", "no:cacheprovider", "-q", "-rA", "--color=no"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *map(str, arguments)],
        cwd=cwd,
        env=environment(COLUMNS="100"),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def outcomes(finished: Finished) -> dict[str, str]:
    """What pytest says of each test, by node id."""
    lines = [line.partition(" ") for line in finished.stdout.splitlines()]
    return {rest.split(" - ")[0]: word for word, _, rest in lines if word in ("PASSED", "FAILED", "ERROR")}


@pytest.fixture(scope="module")
def whole(answers: Path) -> Finished:
    return run("graders/backprop.py", "--submission", answers)


def test_every_check_is_a_test_with_the_verdict_of_the_command(whole, record, verdicts):
    assert outcomes(whole) == verdicts
    assert {"passed", "failed", "raised", "not_attempted"} <= {check["status"] for check in checks(record).values()}
    assert whole.returncode == 1


def test_a_failure_reads_as_in_the_terminal_report(whole):
    _, _, text = whole.stdout.partition("log_back: log_back_values ___")
    text = text[: text.index("\n_____")]
    assert "log_back(" in text.partition("The smallest call that shows it:")[2]
    assert "came out" in text
    assert "expected" in text
    assert "  | in log_back" in text


def test_no_frame_of_the_grader_is_shown(whole):
    assert "graders/engine" not in whole.stdout
    assert "Traceback" not in whole.stdout + whole.stderr
    assert whole.stderr == ""


def test_one_node_id_as_editors_ask_for_it(answers, verdicts):
    node = next(node for node, outcome in verdicts.items() if outcome == "FAILED")
    assert outcomes(run(PROJECT / node, "--submission", answers)) == {node: "FAILED"}


def test_k_selects_by_name(answers, verdicts):
    chosen = outcomes(run("graders/", "-k", "multiply_back1 or unbroadcast", "--submission", answers))
    assert chosen == {node: verdicts[node] for node in verdicts if "multiply_back1" in node or "unbroadcast" in node}
    assert set(chosen.values()) == {"PASSED", "FAILED"}


def test_collecting_shows_the_tests_and_grades_nothing(verdicts, tmp_path):
    finished = run("graders/backprop.py", "--collect-only", "--submission", tmp_path / "nowhere.py")
    assert finished.returncode == 0
    assert [line for line in finished.stdout.splitlines() if "::" in line] == list(verdicts)


def test_collecting_all_sections_imports_nothing_that_computes_and_draws_nothing(tmp_path):
    """Editors collect whenever a file is saved, in a fresh clone too."""
    told = (
        "loaded = sorted({name.partition('.')[0] for name in sys.modules} | set(sys.modules)); print('LOADED', *loaded)"
    )
    script = f"import sys, pytest; pytest.main(sys.argv[1:]); {told}"
    arguments = json.loads((PROJECT / ".vscode" / "settings.json").read_text())["python.testing.pytestArgs"]
    options = ["-o", "addopts=-p graders.commands.collecting", "-p", "no:cacheprovider", "-q", "--collect-only"]
    # Neither do plugins of others, some of which import numpy: what is asked of ours is asked of ours alone.
    finished = subprocess.run(
        [sys.executable, "-c", script, *options, *arguments],
        cwd=PROJECT,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", XDG_CACHE_HOME=str(tmp_path)),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    *_, last = finished.stdout.splitlines()
    named, loaded = last.split()[0], set(last.split()[1:])
    assert named == "LOADED"
    assert all(f"graders/{name}.py::" in finished.stdout for name in Course().sections)
    assert "graders.commands.collecting" in loaded
    costly = {
        "torch",
        "numpy",
        "hypothesis",
        "gymnasium",
        "sklearn",
        "graders.engine.marking",
        "graders.engine.setting",
    }
    assert not loaded & costly
    assert list(tmp_path.rglob("*.*")) == []  # no paper was set, and nothing of one is kept


def test_full_marks_are_a_green_run():
    finished = run("graders/backprop.py", "--submission", "reference/backprop.py")
    assert finished.returncode == 0
    assert set(outcomes(finished).values()) == {"PASSED"}


def test_without_a_submission_the_tests_say_what_is_missing(tmp_path):
    finished = run("graders/backprop.py", "-k", "log_back", "--submission", tmp_path / "nowhere.py")
    assert finished.returncode == 1
    assert f"there is no file {tmp_path / 'nowhere.py'}" in finished.stdout
    assert "Traceback" not in finished.stdout


def test_the_record_is_the_same_when_the_command_runs_under_pytest(answers, record, capsys):
    """It depends neither on the libraries nor on the literals of the tests that are loaded here."""
    assert main(["backprop", "--submission", str(answers), "--json", "-"]) == 1
    assert without_times(json.loads(capsys.readouterr().out)) == without_times(record)
