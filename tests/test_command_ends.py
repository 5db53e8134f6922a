"""How the command ends when it is stopped, cut off, or broken: no process, no folder and no traceback stay behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import GRADE, PROJECT, command, environment

from graders.engine.authoring.material import Material
from graders.engine.course import Course

SECONDS = 60  # for what happens at once on a machine with nothing else to do
LOOP = "while True: pass"
GOOD = ("small::halve", "small::register")
PROBE = """
same = section.exercise("same")

@same.check(x=st.integers(0, 9))
def gives_it_back(solution, x):
    "Gives it back."
    return {}
"""
SAME = "def same(x):\n    return x\n"


# %% Stopped


def processes() -> dict[int, int]:
    """The processes of the system that have not ended, each with its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has ended meanwhile
            continue
        if state not in "ZX":
            found[int(path.parent.name)] = int(parent)
    return found


def descendants(pid: int) -> set[int]:
    parents = processes()
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def eventually(condition: Callable[[], object]) -> bool:
    end = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


@pytest.fixture
def busy(course: Course, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a command that grades the text of an answer, and waits until the answer has made the file `started`."""
    running = []
    (tmp_path / "scratch").mkdir()

    def start(source: str) -> subprocess.Popen[str]:
        answer = tmp_path / "small.py"
        answer.write_text(source, "utf-8")
        process = subprocess.Popen(
            [*GRADE, "small::countdown", "--course", str(course.root), "--submission", str(answer)],
            env=environment(TMPDIR=str(tmp_path / "scratch")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that a signal to its group, as Ctrl-C sends it, does not reach the tests
        )
        running.append(process)
        assert eventually(lambda: list(tmp_path.glob("scratch/grading-*/started")))
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "source",
    [
        f"def countdown(n):\n    open('started', 'w')\n    {LOOP}",
        "import signal\ndef countdown(n):\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"    open('started', 'w')\n    {LOOP}",
        f"class Endless:\n    open('started', 'w')\n    {LOOP}",
    ],
    ids=["in a function", "in a function that ignores Ctrl-C", "at load"],
)
def test_ctrl_c_leaves_nothing_behind(busy, source, tmp_path):
    process = busy(source)
    started = descendants(process.pid)
    assert len(started) >= 2  # the process that forks, and the worker
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=SECONDS)
    assert (process.returncode, out, error) == (130, "", "grade.py: stopped\n")
    assert eventually(lambda: started.isdisjoint(processes()))
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_command_however_it_ends(busy, how):
    process = busy(f"def countdown(n):\n    open('started', 'w')\n    {LOOP}")
    started = descendants(process.pid)
    assert len(started) >= 2
    process.send_signal(how)
    process.communicate(timeout=SECONDS)
    assert eventually(lambda: started.isdisjoint(processes()))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_it_is_stopped_while_inputs_are_drawn(new_section, tmp_path, how):
    started = tmp_path / "started"
    material = new_section(
        PROBE.format("solution.same(x)"),
        f"""
        import time

        def same(x):
            open({str(started)!r}, "w")
            time.sleep(1000)
        """,
    )
    process = subprocess.Popen(
        [*GRADE, "own", "--course", str(material.course.root), "--submission", str(material.reference)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert eventually(started.exists)
    children = descendants(process.pid)
    assert len(children) >= 2  # the process that forks workers, and one that draws
    process.send_signal(how)
    _, error = process.communicate(timeout=SECONDS)
    assert (process.returncode, error) == ((130, "grade.py: stopped\n") if how == signal.SIGINT else (-how, ""))
    assert eventually(lambda: children.isdisjoint(processes()))
    assert list(material.course.root.glob(".papers/*")) == []


# %% Cut off


@pytest.mark.parametrize(
    "arguments",
    [(*GOOD, "--submission", "tests/course/reference", *option) for option in ([], ["--json", "-"], ["--junit", "-"])]
    + [("hint", "small::row_sums")],
    ids=["report", "json", "junit", "hint"],
)
def test_a_reader_that_goes_away_gets_no_traceback(course, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    finished = subprocess.run(
        [*GRADE, *arguments, "--course", str(course.root)],
        cwd=PROJECT,
        env=environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    os.close(writing)
    assert finished.stderr == ""
    assert finished.returncode in (0, 1)


# %% Broken


def failing(material: Material) -> str:
    """The message of a command that must fail, by no fault of the answers."""
    finished = command("own", "--course", material.course.root, "--submission", material.reference)
    assert finished.returncode == 3
    assert finished.stdout == ""
    assert "the grader itself failed, your answers are not at fault" in finished.stderr
    return finished.stderr


@pytest.mark.parametrize(
    ("grader", "reference", "message"),
    [
        ("import nowhere_to_be_found", SAME, "No module named 'nowhere_to_be_found'"),
        ("def broken(:", SAME, "SyntaxError"),
        ("section = None", SAME, "does not define a Section named 'own'"),
        (PROBE.format("solution.same(x)"), "def same(x:", "SyntaxError"),
        (PROBE.format("solution.same(x)"), "def other(x):\n    return x", "'same'"),
        (PROBE.format("lambda: solution.same(x)"), SAME, "gives_it_back"),
        (PROBE.format("undefined_name"), SAME, "undefined_name"),
    ],
)
def test_a_broken_section_is_the_graders_own_failure(new_section, grader, reference, message):
    said = failing(new_section(grader, reference))
    assert message in said
    assert "Traceback" not in said


def test_a_section_without_its_files_is_the_graders_own_failure(new_section):
    material = new_section(PROBE.format("solution.same(x)"), SAME)
    material.grader.unlink()
    said = failing(material)
    assert f"{material.grader} cannot be read" in said
    assert "Traceback" not in said


def test_without_its_dependencies_the_command_says_in_one_line_what_installs_them():
    without_packages = [sys.executable, "-S", "-E", str(PROJECT / "grade.py"), "small"]
    finished = subprocess.run(without_packages, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert "which is not installed" in line
    assert line.endswith(f"{sys.executable} -m pip install -e .")
    assert finished.returncode == 3
