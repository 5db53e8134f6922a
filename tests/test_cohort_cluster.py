"""`grade.py cohort --scheduler`: a real scheduler and real workers on this machine, and what happens when they die."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cohorts
import pytest
from cohorts import SAME, found, results
from command import GRADE, PROJECT, environment
from distributed import Client
from test_cohort_ends import SLOW, finished_parts
from test_command_ends import SECONDS, descendants, eventually, processes

from graders.cohort import cluster as cluster_module
from graders.cohort.cluster import Cluster
from graders.cohort.entries import Part
from graders.cohort.grading import Job
from graders.cohort.node import look
from graders.commands.cli import main
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.errors import GraderError
from graders.engine.setting.papers import paper
from graders.engine.worker import sandbox

cohort, folder = cohorts.cohort, cohorts.folder  # fixtures

# The course's own code is trusted, and so can do what no submission can: end the process that grades, or its parent.
DEADLY = """
import os
import signal
from graders.engine.errors import GraderError

def deadly(observed, expected, inputs):
    if observed == -1:
        os.kill(os.getpid(), signal.SIGKILL)
    if observed == -2:
        os.kill(os.getppid(), signal.SIGKILL)
    if observed == -3:
        raise GraderError("a judge that breaks")
    return None if observed == expected else "it is not the same"

same = section.exercise("same", mistakes={"One too many.": edit("return x", "return x + 1")})
same.call("gives_it_back", "Gives it back.", seconds=1, judge=deadly, x=st.integers(0, 9))
"""
DASK = [sys.executable, "-m", "dask"]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def own(new_section) -> Course:
    return new_section(DEADLY, SAME).course


class Network:
    """A scheduler, and workers as they are started; each in a session of its own."""

    def __init__(self, path: Path):
        self._path, self.started = path, []
        self.scheduler = self.start(
            ["scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", "here"],
            path,
            DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="10s",  # after which one that is not heard of is taken for lost
        )
        assert eventually(self._listens)
        self.address = json.loads((path / "here").read_text())["address"]

    def _listens(self) -> bool:
        try:
            return bool(json.loads((self._path / "here").read_text())["address"])
        except (OSError, ValueError):
            return False

    def start(self, words: list[str], where: Path, **variables: str) -> subprocess.Popen[bytes]:
        with (self._path / "log").open("ab") as log:
            process = subprocess.Popen(
                [*DASK, *words, "--no-dashboard"],
                cwd=where,
                env=environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def worker(self, *words: str, nanny: bool = False, threads: int = 1, **variables: str) -> subprocess.Popen[bytes]:
        """A new worker; started in the grader's folder, as it has to be."""
        options = ["--nthreads", str(threads), "--local-directory", str(self._path)]
        kind = "--nanny" if nanny else "--no-nanny"
        return self.start(["worker", self.address, *options, kind, *words], PROJECT, **variables)

    def close(self) -> None:
        """Ends all of it; nothing is left behind."""
        left = {pid for process in self.started for pid in descendants(process.pid)}
        for process in self.started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert eventually(lambda: left.isdisjoint(processes()))


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    (tmp_path / "network").mkdir()
    network = Network(tmp_path / "network")
    yield network
    network.close()


@pytest.fixture
def started(network: Network, own: Course, folder: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the command in the background on forty submissions that take their time; what it says goes to a file."""
    for number in range(40):
        (folder / f"{number:02}.py").write_text(SLOW.format(number))
    running = []

    def start(**variables: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "said").open("wb") as said:
            process = subprocess.Popen(
                [*GRADE, "cohort", folder, "--course", own.root, "--examples", "5", "--scheduler", network.address],
                env=environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def without_seconds(text: str) -> str:
    return re.sub(r'"seconds":[0-9.e-]+', '"seconds":0', text)


def runs_of(book: Path) -> list[int]:
    return [runs for _, runs, _ in results(book).values()]


def fake(path: Path, name: str, version: str) -> str:
    """A folder by which another version of a library is installed, for those who have it on their PYTHONPATH."""
    (path / f"{name}-{version}.dist-info").mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (path / f"{name}-{version}.dist-info" / "METADATA").write_text(text)
    return str(path)


def workers_of(nanny: subprocess.Popen[bytes]) -> list[int]:
    """The processes of a nanny that are dask's workers: those that have started the processes that grade."""
    parents = processes()
    return [pid for pid, parent in parents.items() if parent == nanny.pid and pid in parents.values()]


# %% The same grades


def test_the_grades_are_those_of_one_machine(network, cohort, folder, tmp_path):
    """Byte for byte but for the times: right, wrong, broken, and what ends or breaks the process that grades it."""
    for nanny in (True, False):
        network.worker(nanny=nanny)
    texts = {"process": "def same(x):\n    return -1\n", "error": "def same(x):\n    return -3\n"}
    texts |= {
        "right": SAME,
        "wrong": "def same(x):\n    return x + 1\n",
        "endless": "def same(x):\n    while True: pass\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "binary.py").write_bytes(b"\xff\0")
    here = cohort("--json", "-")
    there = cohort("--json", "-", "--scheduler", network.address, "--gradebook", tmp_path / "other")
    assert there.returncode == here.returncode == 1
    assert without_seconds(there.stdout) == without_seconds(here.stdout)
    statuses = {name: each["status"] for name, each in found(there).items()}
    assert statuses == {"right": "graded", "wrong": "graded", "endless": "graded", "binary": "unreadable"} | {
        "process": "quarantined",
        "error": "quarantined",
    }
    assert results(tmp_path / "other").keys() == results(folder.with_name("answers.gradebook")).keys()


def test_another_paper_on_the_same_workers(network, cohort, folder, own, tmp_path):
    """What an earlier run has left with a worker is not in the way of a later one with another course."""
    network.worker()
    (folder / "ada.py").write_text(SAME)
    for number, text in enumerate((SAME, "def same(x):\n    return x + 1\n")):
        (own.root / "reference" / "own.py").write_text(text)
        if number:
            (own.root / "graders" / "own.py").write_text(
                (own.root / "graders" / "own.py").read_text().split("section.m")[0]
            )
        book = tmp_path / f"book {number}"
        finished = cohort("--json", "-", "--scheduler", network.address, "--gradebook", book)
        assert found(finished)["ada"]["score"] == 1 - number


# %% Losses


@pytest.mark.slow
def test_workers_that_are_killed_cost_nothing(network, started, folder):
    for _ in range(2):
        network.worker(nanny=True)
    process = started()
    book = folder.with_name("answers.gradebook")
    for number, threshold in enumerate((4, 12, 20)):
        assert eventually(lambda most=threshold: finished_parts(book) > most)
        nanny = network.started[1 + number % 2]
        assert eventually(lambda nanny=nanny: workers_of(nanny))
        os.kill(workers_of(nanny)[0], signal.SIGKILL)
    assert process.wait(SECONDS) == 0
    assert len(results(book)) == 40
    assert {status for status, _, _ in results(book).values()} == {"graded"}
    assert 41 <= sum(runs_of(book)) <= 43


@pytest.mark.slow
@pytest.mark.parametrize("how", ["freezes", "leaves"])
def test_a_worker_that_freezes_or_leaves_costs_nothing(network, started, folder, how):
    first = network.worker("--name", "first")
    network.worker()
    process = started()
    book = folder.with_name("answers.gradebook")
    assert eventually(lambda: finished_parts(book) > 4)
    if how == "freezes":
        os.killpg(first.pid, signal.SIGSTOP)
    else:
        with Client(network.address, set_as_default=False) as client:
            client.retire_workers(names=["first"])
    assert process.wait(SECONDS) == 0
    assert len(results(book)) == 40
    assert {status for status, _, _ in results(book).values()} == {"graded"}
    assert set(runs_of(book)) <= {1, 2}


@pytest.mark.slow
def test_a_submission_that_kills_its_workers_is_quarantined_and_its_neighbours_are_not(network, cohort, folder):
    """The slow one is there when its worker dies. With the same neighbours it would not live through another run."""
    network.worker(nanny=True, threads=3)
    (folder / "slow.py").write_text(f"import time\npause = time.sleep(2.5)\n{SAME}")
    for number in range(2):
        (folder / f"deadly {number}.py").write_text(f"# {number}\ndef same(x):\n    return -2\n")
    for number in range(6):
        (folder / f"zealous {number}.py").write_text(f"# {number}\n{SAME}")
    submissions = found(cohort("--json", "-", "--scheduler", network.address))
    quarantined = {name for name, each in submissions.items() if each["status"] == "quarantined"}
    assert quarantined == {"deadly 0", "deadly 1"}
    assert {each["status"] for name, each in submissions.items() if name not in quarantined} == {"graded"}
    reason = "not graded: the worker that graded it was lost, in each of 3 runs"
    assert {submissions[name]["reason"] for name in quarantined} == {reason}
    assert sorted(runs_of(folder.with_name("answers.gradebook"))) == [1] * 6 + [2, 3, 3]


@pytest.mark.slow
def test_it_goes_on_after_its_end_and_leaves_nothing_with_the_workers(network, started, cohort, folder):
    worker = network.worker()
    process = started()
    book = folder.with_name("answers.gradebook")
    assert eventually(lambda: finished_parts(book) > 4)
    assert descendants(worker.pid)
    process.kill()
    process.wait()
    kept = results(book)
    assert 0 < len(kept) < 40
    assert eventually(lambda: not descendants(worker.pid))
    submissions = found(cohort("--resume", "--json", "-", "--scheduler", network.address))
    assert {each["score"] for each in submissions.values()} == {1}
    now = results(book)
    assert len(now) == len(submissions) == 40
    assert {each: now[each] for each in kept} == kept


@pytest.mark.slow
def test_it_can_be_stopped(network, started, folder, tmp_path):
    network.worker()
    process = started()
    book = folder.with_name("answers.gradebook")
    assert eventually(lambda: finished_parts(book) > 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    assert (tmp_path / "said").read_text().splitlines()[-2:] == [
        f"grade.py: what was graded is kept in {book}; --resume goes on",
        "grade.py: stopped",
    ]


@pytest.mark.slow
def test_a_worker_that_joins_takes_over_and_one_that_differs_does_not(network, started, folder, tmp_path):
    first = network.worker()
    process = started()
    book = folder.with_name("answers.gradebook")
    assert eventually(lambda: finished_parts(book) > 2)
    other = network.worker(PYTHONPATH=fake(tmp_path / "other", "einops", "9.9"))
    assert eventually(lambda: "cannot take part: einops is 9.9 there" in (tmp_path / "said").read_text())
    network.worker()
    os.killpg(first.pid, signal.SIGKILL)
    assert process.wait(SECONDS) == 0
    assert len(results(book)) == 40
    assert not descendants(other.pid)


@pytest.mark.slow
def test_without_its_scheduler_it_ends_and_keeps_what_it_has(network, started, folder, tmp_path):
    network.worker()
    process = started(DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="2s")
    book = folder.with_name("answers.gradebook")
    assert eventually(lambda: finished_parts(book) > 2)
    os.killpg(network.scheduler.pid, signal.SIGKILL)
    assert process.wait(SECONDS) == 3
    assert (tmp_path / "said").read_text().splitlines() == [
        "drawing inputs for own, this once",
        f"grade.py: what was graded is kept in {book}; --resume goes on",
        "grade.py: the grader itself failed, your answers are not at fault: "
        f"the scheduler at {network.address} is gone",
    ]
    assert set(runs_of(book)) == {1}


def test_what_dask_says_of_a_connection_in_the_middle_of_a_message_is_not_shown(network):
    text = """import logging, sys
from graders.cohort.cluster import connected
with connected(sys.argv[1]):
    logging.getLogger("distributed.batched").info("Batched Comm Closed")
    logging.getLogger("distributed.client").error("Failed to reconnect")
"""
    words = [sys.executable, "-c", text, network.address]
    told = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert told.stdout + told.stderr == ""


def test_where_no_worker_comes_it_ends(network, own, monkeypatch):
    monkeypatch.setattr(cluster_module, "WAIT_SECONDS", 1.5)
    said = []
    papers = {"own": paper(find(own, "own"), 0, 5)}
    with Cluster(network.address, own.root, papers, said.append, unprotected=False) as cluster:
        assert list(cluster.outcomes(iter(()))) == []
        assert said == []
        with pytest.raises(GraderError, match=r"there was no worker at .* for 1.5 seconds"):
            list(cluster.outcomes(iter([Job(Part("own"), "a")])))
    assert said == [f"there is no worker at {network.address}: waiting 1.5 seconds for one"]


# %% What is refused


def test_a_worker_that_differs_is_named_with_the_difference(network, cohort, folder, tmp_path):
    network.worker(PYTHONPATH=fake(tmp_path / "other", "einops", "9.9"))
    (folder / "ada.py").write_text(SAME)
    finished = cohort("--scheduler", network.address)
    assert finished.returncode == 2
    line = finished.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"grade.py: the worker tcp://127.0.0.1:\d+ cannot take part: einops is 9.9 there and \S+ here", line
    )


def test_a_worker_that_does_not_know_the_grader_is_refused(network, cohort, folder, tmp_path):
    network.start(["worker", network.address, "--no-nanny", "--local-directory", str(tmp_path)], tmp_path)
    (folder / "ada.py").write_text(SAME)
    finished = cohort("--scheduler", network.address)
    assert finished.returncode == 2
    assert "No module named 'graders'" in finished.stderr
    assert "it is to be started in the grader's folder, by `python -m dask worker`" in finished.stderr


@pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support()))
def test_a_worker_without_a_sandbox_grades_only_what_is_trusted(network, cohort, folder, tmp_path):
    none = "from graders.engine.worker import sandbox\nsandbox.support = lambda: 'there is none'\n"
    (tmp_path / "none.py").write_text(none)
    network.worker("--preload", str(tmp_path / "none.py"))
    (folder / "ada.py").write_text(SAME)
    finished = cohort("--scheduler", network.address)
    assert finished.returncode == 2
    assert "cannot take part: no sandbox protects it from what it grades: there is none" in finished.stderr
    assert cohort("--scheduler", network.address, "--unprotected").returncode == 0


def test_another_edition_of_the_course_is_another_one(own):
    def seen() -> str:
        return look(str(own.root)).installed[f"the course in {own.root}"]

    before = seen()
    (own.root / "reference" / "own.py").write_text(SAME + "\n")
    assert len({before, seen(), look("/nowhere").installed["the course in /nowhere"]}) == 3


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "nowhere://127.0.0.1:9", "tls://127.0.0.1:9"])
def test_an_address_where_nothing_listens(own, folder, capsys, monkeypatch, address):
    monkeypatch.setattr(cluster_module, "_CONNECT_SECONDS", 0.5)
    (folder / "ada.py").write_text(SAME)
    assert main(["cohort", str(folder), "--course", str(own.root), "--scheduler", address]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"grade.py: there is no scheduler of dask at {address}: ")
    assert len(said.splitlines()) == 1
    assert list(folder.parent.glob("*.gradebook")) == []


def test_without_dask_it_says_what_to_install(own, folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    (folder / "ada.py").write_text(SAME)
    assert main(["cohort", str(folder), "--course", str(own.root), "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "--scheduler needs dask.distributed, here and on all nodes: run  " in capsys.readouterr().err


def test_the_number_of_processes_is_for_one_machine(folder, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["cohort", str(folder), "--jobs", "2", "--scheduler", "tcp://127.0.0.1:9"])
    assert stop.value.code == 2
    assert "--jobs is for this machine" in capsys.readouterr().err
