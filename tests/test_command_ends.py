"""How the command ends when it is stopped, cut off, or broken: no process, no folder and no traceback stay behind."""

import ast
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import COURSE, GRADE, PROJECT, command, environment

from graders.commands.cli import main
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
    assert [path.name for path in material.course.root.glob(".papers/*")] == ["own.cover"]  # and no half of anything


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


def ended(line: str, course: Course, *arguments: object, **options: object) -> tuple[int, str, str]:
    """How the command ends in a line of a shell, which calls it `"$@"`: its status, and what stdout and stderr got.

    Two right answers are graded, unless `arguments` say something else.
    """
    if arguments[:1] != ("hint",):
        arguments = (*GOOD, "--submission", COURSE / "reference", *arguments)
    finished = subprocess.run(
        ["bash", "-c", line, "bash", *GRADE, *map(str, arguments), "--course", str(course.root)],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        **options,
    )
    return finished.returncode, finished.stdout, finished.stderr


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('"$@" >&- <&-', "stdout is closed"),
        ('"$@" > /dev/full', "stdout takes no more: No space left on device"),
    ],
)
def test_a_report_that_cannot_be_written_is_said_in_a_sentence(course, tmp_path, line, reason):
    sentence = f"grade.py: the report cannot be written: {reason}\n"
    assert ended(line, course) == (3, "", sentence)
    assert ended(line, course, "--json", tmp_path / "grade.json") == (0, "", sentence)
    assert json.loads((tmp_path / "grade.json").read_text())["score"] == 2


@pytest.mark.parametrize(
    ("line", "reason"), [('"$@" >&-', "stdout is closed"), ('"$@" > /dev/full', "No space left on device")]
)
@pytest.mark.parametrize(
    "arguments",
    [["--json", "-"], ["--help"], ["--version"], ["hint", "small::row_sums"]],
    ids=lambda arguments: arguments[0],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(course, line, reason, arguments):
    status, out, error = ended(line, course, *arguments)
    assert (status, out) == (3, "")
    assert error.startswith("grade.py: ")
    assert error.endswith(f"{reason}\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize("line", ['"$@" 2>&-', '"$@" 2> /dev/full', '"$@" <&- 2>&-'])
def test_without_stderr_it_grades_all_the_same(course, line):
    status, out, error = ended(line, course)
    assert (status, error) == (0, "")
    assert "All 2 exercises passed." in out


@pytest.mark.parametrize("line", ['"$@" nonsense 2>&- >&- <&-', '"$@" nonsense 2> /dev/full', '"$@" --nonsense 2>&-'])
def test_wrong_usage_is_2_even_where_nobody_can_be_told(course, line):
    assert ended(line, course) == (2, "", "")


def test_a_result_of_which_half_could_be_written_is_not_left(course, tmp_path):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))

    page = tmp_path / "page.html"
    status, out, error = ended('"$@"', course, "--html", page, preexec_fn=small_files)
    assert (status, error) == (0, f"grade.py: --html {page} cannot be written: File too large\n")
    assert "All 2 exercises passed." in out
    assert not page.exists()


# %% Started in an odd way


@pytest.mark.parametrize("line", ["trap '' CHLD; \"$@\"", "trap '' CHLD INT PIPE; \"$@\"", '"$1" -I "${@:2}"'])
def test_it_does_not_depend_on_how_it_was_started(course, line):
    status, out, error = ended(line, course)
    assert (status, error) == (0, "")
    assert "All 2 exercises passed." in out


@pytest.mark.parametrize("mebibytes", [24, 40, 128, 300, 1024, 4096])
def test_little_memory_is_never_the_answers_fault(course, mebibytes):
    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes * 2**20,) * 2)

    status, out, error = ended('"$@"', course, preexec_fn=little_memory)
    if mebibytes >= 1024:
        assert (status, error) == (0, "")
        return
    assert (status, out, error.count("\n")) == (3, "", 1)
    assert error.startswith("grade.py: ")
    assert f"{mebibytes} MiB (ulimit -v)" in error or "not enough memory to begin with" in error


@pytest.mark.parametrize("number", [(3, 10, 2, "final", 0), (3, 8, 0, "final", 0), (2, 7, 18, "final", 0)])
def test_an_older_python_is_told_which_one_is_needed(number):
    program = (
        f"import runpy, sys; sys.version_info = {number}; sys.version = '{number[0]}.{number[1]}.{number[2]} (old)'; "
        f"sys.argv = ['grade.py', 'small']; runpy.run_path({str(PROJECT / 'grade.py')!r}, run_name='__main__')"
    )
    finished = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout) == (3, "")
    this = f"{number[0]}.{number[1]}.{number[2]}, {sys.executable}"
    assert finished.stderr == f"grade.py needs Python 3.11 or newer; this is {this}\n"


def test_an_older_python_can_read_the_file_that_tells_it():
    tree = ast.parse((PROJECT / "grade.py").read_text("utf-8"), feature_version=(3, 8))
    imported = [name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names]
    assert imported == ["os", "sys"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)]


# %% Broken


@pytest.mark.parametrize(
    ("broken", "is_shown"),
    [("graders.report.terminal.print_grade", False), ("graders.report.html.html", True)],
)
@pytest.mark.parametrize("with_record", [False, True])
def test_a_report_that_cannot_be_made_costs_itself(
    course, tmp_path, monkeypatch, capsys, broken, is_shown, with_record
):
    def fails(*_, **__):
        raise ZeroDivisionError("\x1b[31mno")

    monkeypatch.setattr(broken, fails)
    record, page = tmp_path / "grade.json", tmp_path / "page.html"
    asked = ["small::halve", "--course", str(course.root), "--submission", str(COURSE / "reference")]
    asked += ["--html", str(page)] if is_shown else []
    asked += ["--json", str(record)] if with_record else []
    assert main(asked) == (0 if is_shown or with_record else 3)
    said = capsys.readouterr()
    assert ("halve passed." in said.out) is is_shown
    what = f"--html {page}" if is_shown else "the report"
    sentence = f"grade.py: {what} could not be made, and your answers are not at fault: ZeroDivisionError"
    assert said.err.splitlines()[-1] == sentence
    assert "\x1b" not in said.err
    assert not page.exists()
    assert record.exists() is with_record


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
        ("import nowhere_to_be_found" + PROBE.format("x"), SAME, "No module named 'nowhere_to_be_found'"),
        ("def broken(:", SAME, "line 7 of a file of the course is not Python: invalid syntax: def broken(:"),
        (PROBE.format("x") + "section = None", SAME, "does not define a Section named 'own'"),
        (PROBE.format("solution.same(x)"), "def same(x:", "line 1 of a file of the course is not Python"),
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
    assert line.endswith(f"{sys.executable} -m pip install -e {os.path.relpath(PROJECT)}")
    assert finished.returncode == 3
