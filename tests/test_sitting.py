"""Sitting a paper: what the trusted side makes of workers that hang, die, or leave things behind."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES, GradeText
from desks import Start, ask, assert_goes_on, order, shown

from graders.engine import threads
from graders.engine.authoring.material import find
from graders.engine.course import PROJECT, Course
from graders.engine.errors import GraderError
from graders.engine.setting.papers import paper
from graders.engine.sitting import forkserver as starting
from graders.engine.sitting import running
from graders.engine.sitting import sitting as engine
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.worker import sandbox
from graders.engine.worker.observing import drawing

needs_sandbox = pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support()))


# %% Answers


def test_answers_come_in_order_with_what_was_printed(start: Start) -> None:
    sitting = start("import sys\ndef f(x):\n    print(x, end=' ')\n    print('!', file=sys.stderr)\n    return x + 1")
    answers = ask(sitting, 1, "a", 3)
    assert shown(answers)[::2] == [2, 4]
    observed = shown(answers)[1]
    assert observed.type == "TypeError"
    assert observed.trace == "own.py:5 in f\n    return x + 1"
    assert answers.said == "1 !\na !\n3 !\n"


@pytest.mark.parametrize(
    "source",
    [
        "import random\ndef f(x):\n    return random.random()",
        "from random import random as draw\ndef f(x):\n    return draw()",
        "import math, random\ndef f(x):\n    return random.random()",
        "def f(x):\n    import os; import random\n    return random.random()",
        "def f(x):\n    return __import__('random').random()",
        "import numpy as np\ndef f(x):\n    return np.random.rand()",
        "from numpy.random import rand\ndef f(x):\n    return rand()",
        "import torch\ndef f(x):\n    return torch.rand(1).item()",
    ],
)
def test_an_example_draws_the_same_numbers_in_every_worker(start: Start, source: str) -> None:
    first, second = (shown(ask(start(source), 1, 2)) for _ in range(2))
    assert first == second
    assert first[0] != first[1]
    assert shown(ask(start(source), 2)) == first[1:]


@pytest.mark.parametrize(
    ("text", "libraries"),
    [
        ("from numpy import (\n    random,\n)", {"numpy", "torch"}),
        ("np.\\\n    random.rand()", {"numpy", "torch"}),
        ("x = 'it\\'s'; import random", {"random", "numpy", "torch"}),
        ('"#" + np.random.rand()', {"numpy", "torch"}),
        ("''' \" '''; np.random.rand()", {"numpy", "torch"}),
        ('# """\nnp.random.rand()', {"numpy", "torch"}),
        ("'open\nnp.random.rand()", {"numpy", "torch"}),
        ('"""Samples, from nothing but random numbers."""', {"torch"}),
        ("def f():\n    r'''\n    from\n    \\''' random numbers\n    '''", {"torch"}),
        ("x = 1  # import random numbers", {"torch"}),
    ],
)
def test_generators_are_seeded_that_code_mentions_and_not_prose(text: str, libraries: set[str]) -> None:
    assert drawing([text]) == libraries


@pytest.mark.parametrize("piece", ["'", "\"\"\"\\'''", "'\\", "\\'"])
def test_no_text_takes_long_to_look_through(piece: str) -> None:
    """It is the submission's, and it is looked through in a time that is meant for its answers."""

    def seconds(count: int) -> float:
        started = time.process_time()
        assert drawing([piece * count + "'"]) == {"torch"}
        return time.process_time() - started

    seconds(20_000)
    assert seconds(320_000) < 100 * seconds(20_000)  # 16 times as much, or 256 if ends are looked for again and again


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this system does not say what processes take")
def test_a_worker_that_waits_takes_no_time_of_the_processor(start: Start) -> None:
    sitting = start("import os\ndef f(x):\n    return os.getpid()")
    (pid,) = shown(ask(sitting, 0))
    taken = Path(f"/proc/{pid}/schedstat")  # nanoseconds on a processor stand first
    before = int(taken.read_text().split()[0])
    time.sleep(0.5)
    assert int(taken.read_text().split()[0]) - before < 0.05 * 1e9


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise SystemExit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return input()", "EOFError"),
        ("return bytearray(2**42)", "MemoryError"),
        ("return f(x)", "RecursionError"),
        ("raise ValueError('\\ud800')", "ValueError"),
        ("print('\\ud800')", "UnicodeEncodeError"),
    ],
)
def test_exceptions_are_observations(start: Start, body: str, expected: str) -> None:
    (observed,) = shown(ask(start(f"def f(x):\n    {body}"), 1))
    assert observed.type == expected


def test_output_is_cut_off(start: Start) -> None:
    sitting = start("def f(x):\n    for n in range(5000): print('line', n)\n    return x + 1")
    answers = ask(sitting, 1, 2)
    assert answers.said.startswith("line 0\nline 1\n")
    assert len(answers.said) == 8000
    assert shown(answers) == [2, 3]
    assert ask(sitting, 1).said.startswith("line 0\n")


def test_a_worker_is_kept_unless_it_left_threads_behind(start: Start) -> None:
    sitting = start(
        """
        import threading, time
        calls = []
        def f(x):
            if x == "thread":
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            calls.append(x)
            return len(calls)
        """
    )
    assert shown(ask(sitting, "a", "b")) == [1, 2]
    assert shown(ask(sitting, "thread")) == [3]
    assert shown(ask(sitting, "a")) == [1]


# %% Ends


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("os._exit(3)", "the process ended with exit status 3"),
        ("os._exit(0)", "the process ended with exit status 0"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process was killed by SIGSEGV"),
        ("os.abort()", "the process was killed by SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the process was given up: the connection was closed"),
        ("os.closerange(0, 100)", "the process ended with exit status"),
    ],
)
def test_a_crash_costs_its_task(start: Start, body: str, reason: str) -> None:
    sitting = start(f"import os, signal\ndef f(x):\n    if x == 'end': {body}\n    return x + 1")
    answers = ask(sitting, 1, "end", 3)
    assert answers.stopped == "crashed"
    assert answers.reason.startswith(reason)
    assert shown(answers) in ([], [2])
    assert_goes_on(sitting)


@pytest.mark.parametrize("body", ["while True: pass", "time.sleep(60)", "signal.pause()", "while True: print(x)"])
def test_a_task_has_its_time(start: Start, body: str) -> None:
    sitting = start(f"import signal, time\ndef f(x):\n    if x == 'hang':\n        {body}\n    return x + 1")
    answers = ask(sitting, "hang", seconds=0.5)
    assert (answers.stopped, answers.reason) == ("timed_out", "no answer within 0.5 seconds")
    assert_goes_on(sitting)


# %% Loading


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_STATEMENT_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
def test_statements_that_hang_or_kill_are_left_out(start: Start) -> None:
    sitting = start(
        """
        import os
        def loop():
            while True: pass
        def f(x): return x + 1
        a = os._exit(4)
        b = loop()
        c = f(1)
        """
    )
    loaded = sitting.load()
    assert [(trouble.line, trouble.message) for trouble in loaded.troubles] == [
        (6, "the process ended with exit status 4"),
        (7, "took longer than 1 second"),
    ]
    assert loaded.lost.keys() == {"a", "b"}
    assert_goes_on(sitting)
    ask(sitting, None, seconds=0)  # costs the worker; the next one knows what to leave out
    assert_goes_on(sitting)


def test_the_rest_is_left_alone_after_too_many_restarts(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_MAX_RESTARTS", 2)
    sitting = start(
        "import os\ndef f(x): return x + 1\n" + "".join(f"a{n} = os._exit(1)\n" for n in range(4)) + "b = 1"
    )
    assert list(sitting.load().lost) == ["a0", "a1", "a2", "a3", "b"]
    assert_goes_on(sitting)


def test_the_whole_file_has_its_time(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_FILE_SECONDS", 1.5)
    sitting = start("import time\ndef f(x): return x + 1\n" + "".join(f"a{n} = time.sleep(0.6)\n" for n in range(4)))
    loaded = sitting.load()
    assert list(loaded.lost)[-1] == "a3"
    assert "the time for the whole file was used up" in loaded.lost["a3"]
    assert_goes_on(sitting)


# %% What is left behind


@pytest.mark.parametrize(
    "body", ["open('a', 'wb').write(bytes(2**21))", "[open(f'{n}', 'w').close() for n in range(30)]"]
)
def test_the_folder_of_a_worker_is_small(start: Start, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setattr(running, "_MAX_SCRATCH_BYTES", 2**20)
    monkeypatch.setattr(running, "_MAX_SCRATCH_FILES", 20)
    sitting = start(
        f"import time\ndef f(x):\n    if x == 'cram':\n        {body}\n        time.sleep(60)\n    return x + 1"
    )
    answers = ask(sitting, "cram")
    assert (answers.stopped, answers.reason) == (
        "crashed",
        "the process was given up: it wrote more than 1 MiB of files",
    )
    assert_goes_on(sitting)


def test_files_do_not_outlive_their_worker(start: Start, temporary: Path) -> None:
    sitting = start(
        "import os, tempfile\ndef f(x):\n    open(x, 'w').close()\n    return os.listdir(tempfile.gettempdir())"
    )
    assert shown(ask(sitting, "a", "b")) == [["a"], ["a", "b"]] or sorted(shown(ask(sitting, "a"))[0]) == ["a", "b"]
    assert len(list(temporary.glob("grading-*/*"))) == 2
    sitting.leave()
    assert list(temporary.iterdir()) == []
    assert shown(ask(sitting, "c")) == [["c"]]


def test_a_graded_submission_leaves_nothing(grade_text: GradeText, forkserver: Forkserver, temporary: Path) -> None:
    grade_text(
        "import os\ndef halve(x): os._exit(1)\ndef first(items): return items\ndef last(items): return items[-1]"
    )
    assert list(temporary.iterdir()) == []
    assert Path(f"/proc/{forkserver._process.pid}/task/{forkserver._process.pid}/children").read_text() == ""


# %% Borders


def test_no_secret_of_the_environment_reaches_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_TOKEN", "secret")
    with (
        Forkserver() as forkserver,
        Sitting(forkserver, order("import os\ndef f(x): return dict(os.environ)")) as sitting,
    ):
        assert "secret" not in Path(f"/proc/{forkserver._process.pid}/environ").read_text()
        (environment,) = shown(ask(sitting, 1))
    allowed = {*starting._ENVIRONMENT, *threads.ONE, "PYTHONHASHSEED", "PYTHONIOENCODING"}
    assert set(environment) <= allowed | {"HOME", "TMPDIR", "USER"}
    assert environment["HOME"] == environment["TMPDIR"] != os.environ["HOME"]


@needs_sandbox
def test_reference_papers_and_graders_cannot_be_read(start: Start, course: Course) -> None:
    paper(find(course, "small"), 0, EXAMPLES)
    sitting = start("import os\ndef f(x): return os.listdir(x) if os.path.isdir(x) else open(x).read()")
    (kept, *_) = (course.root / ".papers").iterdir()
    secrets = [course.root / "reference", course.root / "reference" / "small.py", kept, find(course, "small").grader]
    secrets += [PROJECT / "reference", PROJECT / "graders" / "engine" / "sitting.py", Path("/proc/1/environ")]
    secrets.append(Path(f"/proc/{os.getppid()}/environ"))
    for observed in shown(ask(sitting, *map(str, secrets))):
        assert observed.type in ("PermissionError", "FileNotFoundError")


def test_one_forkserver_serves_several_threads(forkserver: Forkserver) -> None:
    def grade(number: int) -> list[Any]:
        with Sitting(forkserver, order(f"def f(x): return x * {number}")) as sitting:
            return shown(ask(sitting, 1, 2)) + shown(ask(sitting, 3))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(grade, range(12))) == [[n, 2 * n, 3 * n] for n in range(12)]


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or nothing but an entry that its parent has not read yet."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_the_end_of_the_forkserver_is_the_graders_fault(temporary: Path) -> None:
    fault = pytest.raises(GraderError, match="the process that starts workers has ended")
    with Forkserver() as forkserver:
        sitting = Sitting(forkserver, order("def f(x): return x"))
        sitting.load()
        assert sitting._worker
        worker = sitting._worker._pid
        os.kill(forkserver._process.pid, signal.SIGKILL)
        forkserver._process.wait()
        with fault:
            ask(sitting, 1)
        with fault:
            sitting.leave()
        with fault:
            ask(Sitting(forkserver, order("def f(x): return x")), 1)
    end = time.monotonic() + 20
    while not has_ended(worker) and time.monotonic() < end:
        time.sleep(0.01)  # the system ends it with its parent
    assert has_ended(worker)
    assert list(temporary.iterdir()) == []
