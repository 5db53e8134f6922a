"""Hostile submissions, through the real command: each gets what its honest part deserves, and leaves nothing behind.

Every file in `tests/hostile` is a submission for the section `small` of the fixture course. Its docstring says what it
tries, and ends with the verdict that it deserves: the exercises (or single checks) that it answers honestly, then how
each of the others ends and, after a comma, words that the report has to show. Exercises that it does not mention are
missing in it.
"""

import ast
import ctypes
import hashlib
import json
import os
import re
import resource
import secrets
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command import GRADE, PROJECT, command, copy_of_the_course, environment

from graders.engine.worker import sandbox
from graders.report import files

HOSTILE = PROJECT / "tests" / "hostile"
FILES = sorted(HOSTILE.rglob("*.py"))
MARK = "hostile-was-here"  # in the name of every file that they try to leave
ANYWHERE = (PROJECT, PROJECT.parent, Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path.home())
MEMORY = 2**30  # address space of the grader, and of each process that it starts
LONGEST = 60  # seconds for a run: several times what each takes
MAX_REPORT = 2**20  # bytes
SUBREAPER, DROP_FROM_BOUNDING_SET, CLEAR_AMBIENT, CAPABILITIES = 36, 24, (47, 4), 41
# Newline and tab only. Neither C0 nor C1 controls, nor the marks that reorder what is read.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What machines that run jobs obey in a log: `::command::` at the start of a line, `##[command]` and the like anywhere.
COMMAND = re.compile(r"^[\s\u200b-\u200d\u2060\ufeff]*::|##\w*\[", re.MULTILINE)

OF_OTHERS: set[int] = set()  # processes that other tests have started, and still need

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support())),
]


class Ending(NamedTuple):
    """How an exercise that is no honest one has to end."""

    statuses: tuple[str, ...]
    words: str  # that its report, or for `warning` the section's, has to show


class Verdict(NamedTuple):
    """What a hostile submission deserves."""

    honest: frozenset[str]
    endings: dict[str, Ending]


class Run(NamedTuple):
    """What a run of the command left: its exit status, all that it wrote, and the two reports."""

    returncode: int
    stdout: str
    stderr: str
    record: dict[str, Any]
    written: str  # every report as it was written


class Room(NamedTuple):
    """Where the command is run: the course, a home and a folder for temporary files; and what must not leak."""

    course: Path
    home: Path
    temporary: Path
    reports: Path
    secret: str

    def prints(self) -> dict[str, str]:
        """A print of every file and folder that no submission may touch."""
        paths = (path for folder in (self.course, self.home) for path in sorted(folder.rglob("*"))
                 if ".failures" not in path.parts  # scripts that the command writes for its report
                 and path.name != "small-1-40.paper")  # drawn when a place has to hold on other inputs  # fmt: skip
        return {str(path): f"{path.lstat().st_mode} {_digest(path)}" for path in paths}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A course with the hostile files in it, as learners' files would be, and its paper set."""
    root = tmp_path_factory.mktemp("room")
    room = Room(root / "course", root / "home", root / "temporary", root / "reports", secrets.token_hex(16))
    copy_of_the_course(room.course)
    shutil.copytree(HOSTILE, room.course / "hostile", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (room.home, room.temporary, room.reports):
        folder.mkdir()
    (room.home / ".netrc").write_text(f"machine grades password {room.secret}")
    with (room.course / "reference" / "small.py").open("a") as solved:
        solved.write(f"\n# {room.secret}\n")
    OF_OTHERS.update(_all_children())
    _call("prctl", SUBREAPER, 1, 0, 0, 0)  # what outlives the command becomes a child of this process
    assert graded(room, room.course / "reference" / "small.py").returncode == 0
    yield room
    _call("prctl", SUBREAPER, 0, 0, 0, 0)


def verdict_in(path: Path) -> Verdict:
    """The verdict that a hostile file says it deserves."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    _, found, rest = text.partition("\nHonest: ")
    assert found, f"{path} does not say what in it is honest"
    honest, *lines = rest.splitlines()
    endings = {}
    for line in lines:
        name, _, ending = line.partition(": ")
        statuses, _, words = ending.partition(", ")
        endings[name] = Ending(tuple(statuses.split(" or ")), words)
    return Verdict(frozenset(honest.rstrip(".").split(", ")) - {"nothing"}, endings)


def graded(room: Room, path: Path, **variables: str) -> Run:
    """Grades a file with the real command, as somebody without privileges whose environment holds a secret."""
    results = [room.reports / name for name in ("grade.json", "grade.xml")]
    for file in results:
        file.unlink(missing_ok=True)
    arguments = ["small", "--course", room.course, "--submission", path, "--json", results[0], "--junit", results[1]]
    process = subprocess.Popen(
        [*GRADE, *map(str, arguments)],
        cwd=PROJECT,
        env=environment(
            HOME=str(room.home), TMPDIR=str(room.temporary), GRADER_SECRET=room.secret, GITHUB_TOKEN=room.secret
        )
        | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_as_anybody,
    )
    try:
        stdout, stderr = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()  # its workers end with it
        process.communicate()
        pytest.fail(f"the grader was kept busy for more than {LONGEST} seconds")
    assert process.returncode in (0, 1), stderr.decode(errors="replace")
    record, suites = (file.read_text("utf-8") for file in results)
    ET.fromstring(suites)
    return Run(process.returncode, stdout.decode(), stderr.decode(), json.loads(record), f"{record}\n{suites}")


def _as_anybody() -> None:
    """Gives up the rights of root, where the tests have them, and most of the memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for capability in range(CAPABILITIES):
        ctypes.CDLL(None).prctl(DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    ctypes.CDLL(None).prctl(*CLEAR_AMBIENT, 0, 0, 0)


def _call(function: str, *arguments: int) -> None:
    assert getattr(ctypes.CDLL(None), function)(*arguments) == 0


def survivors() -> list[str]:
    """What is still running of what the command has started, once there was time to die. It is ended."""
    deadline = time.monotonic() + 10
    while (alive := _children()) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return [f"process {pid}" for pid in alive]


def _children() -> list[int]:
    """The children of this process that have not ended, without those of other tests; those that have are seen off."""
    return [pid for pid in _all_children() - OF_OTHERS if os.waitpid(pid, os.WNOHANG) == (0, 0)]


def _all_children() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def assert_fair(run: Run, verdict: Verdict) -> None:
    """The honest checks have all their points, no other has any, and each ends as it should."""
    section = run.record["sections"][0]
    deserved = 0.0
    for exercise in section["exercises"]:
        for check in exercise["checks"]:
            is_honest = bool({exercise["name"], check["name"]} & verdict.honest)
            deserved += check["points"] if is_honest else 0.0
            assert (check["status"] == "passed") == is_honest, check
            assert check["score"] == (check["points"] if is_honest else 0.0)
        ending = verdict.endings.get(exercise["name"], Ending(("missing", "blocked"), ""))
        if exercise["name"] not in verdict.honest:
            assert exercise["status"] in ending.statuses, exercise
            assert ending.words in _said(exercise["checks"]), exercise
    assert run.record["score"] == section["score"] == deserved
    assert run.returncode == (0 if deserved == run.record["points"] else 1)
    if "warning" in verdict.endings:
        assert verdict.endings["warning"].words in json.dumps(section["warnings"])


def assert_lines_are_in(path: Path, run: Run) -> None:
    """Whatever it says of itself, the lines that are shown are lines that the file has."""
    section = run.record["sections"][0]
    told = [each["line"] for each in (*section["exercises"], *section["warnings"])]
    last = path.read_text("utf-8").count("\n") + 1
    assert all(line is None or 1 <= line <= last for line in told)


def _said(checks: list[dict[str, Any]]) -> str:
    """All that is reported of some checks."""
    shown = ((check["error"], check["output"], *(check["counterexample"] or {}).values()) for check in checks)
    return "\n".join(text for texts in shown for text in texts if text)


def assert_nothing_is_left(room: Room) -> None:
    """No process, no scratch folder, and no file that bears their mark."""
    assert survivors() == []
    assert list(room.temporary.iterdir()) == []
    assert [path for folder in ANYWHERE for path in folder.glob(f"*{MARK}*")] == []


def assert_nothing_leaks(room: Room, run: Run) -> None:
    """No secret, nothing that a terminal or a machine that runs jobs would obey, and no more than one can read."""
    everything = run.stdout + run.stderr + run.written
    assert room.secret not in everything
    assert CONTROL.search(everything) is None
    assert COMMAND.search(everything) is None
    assert len(everything) < MAX_REPORT


@pytest.fixture
def tidy(room: Room) -> Iterator[None]:
    """Clears away what a failing test has left, so that the next one begins in an empty room."""
    yield
    survivors()
    subprocess.run(["rm", "-rf", *room.temporary.iterdir()], check=True)


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_hostile_submission_gets_what_it_deserves(room: Room, path: Path) -> None:
    before = room.prints()
    run = graded(room, room.course / path.relative_to(PROJECT / "tests"))
    assert_nothing_is_left(room)
    assert room.prints() == before
    assert_fair(run, verdict_in(path))
    assert_lines_are_in(path, run)
    assert run.stderr == ""
    assert_nothing_leaks(room, run)


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize(
    "name", ["terminal_escapes", "rich_markup", "reordered_text", "forged_report", "workflow_commands"]
)
def test_the_only_colours_on_a_terminal_are_the_reports(room: Room, name: str) -> None:
    run = graded(room, room.course / "hostile" / "speaking" / f"{name}.py", FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[" in run.stdout
    assert CONTROL.search(COLOUR.sub("", run.stdout)) is None
    assert COMMAND.search(COLOUR.sub("", run.stdout)) is None


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("option", ["--json", "--junit", "--markdown", "--html", *files.REPORTS])
def test_no_format_on_stdout_is_obeyed(room: Room, option: str) -> None:
    asked = [option, "-"] if option.startswith("--") else ["--report", f"{option}=-"]
    path = room.course / "hostile" / "speaking" / "workflow_commands.py"
    finished = command("small", "--course", room.course, "--submission", path, *asked)
    assert (finished.returncode, finished.stderr) == (1, "")
    if option == "annotations":  # commands, each of which is ours
        assert all(line.startswith(("::error file=", "::notice title=")) for line in finished.stdout.splitlines())
    else:
        assert COMMAND.search(finished.stdout) is None


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_nothing_but_the_report_stands_on_stdout(room: Room, option: str) -> None:
    path = room.course / "hostile" / "speaking" / "forged_report.py"
    finished = command("small", "--course", room.course, "--submission", path, option, "-")
    assert (finished.returncode, finished.stderr) == (1, "")
    if option == "--json":
        assert json.loads(finished.stdout)["score"] == 2
    else:
        assert ET.fromstring(finished.stdout).get("failures") != "0"


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize(
    "name", ["\x1b[31mred\x1b]0;t\x07.py", "[bold]<b>&amp;\"'.py", "=1+1,'.py", "-\u202egnp.py", "\n::x.py", "##[x].py"]
)
def test_the_name_of_a_file_is_only_a_name(room: Room, name: str) -> None:
    path = room.course / "hostile" / name
    shutil.copy(HOSTILE / "forging" / "exit_status.py", path)
    try:
        run = graded(room, path)
    finally:
        path.unlink()
    assert run.record["score"] == 2
    assert run.stderr == ""
    assert_nothing_leaks(room, run)


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_a_link_to_the_reference_is_no_answer(room: Room, tmp_path: Path, is_folder: bool) -> None:
    """The grader itself, which may read everything, opens the submission."""
    (tmp_path / "small.py").symlink_to(room.course / "reference" / "small.py")
    submission = tmp_path if is_folder else tmp_path / "small.py"
    finished = command("small", "--course", room.course, "--submission", submission)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert room.secret not in finished.stderr
