"""What one more submission costs, how cores are used, what memory it takes, and what other graders take.

    python benchmarks/cohort.py [SECTION...] [--rounds N] [--environments FOLDER]

- marginal cost: one more full-mark submission of a section, next to a bare fork of a process that has everything
  loaded, inputs included, and calls the submission's own functions on the same inputs; both on one core, turn about
- one core and two: the same, on as many cores; what bare forks gain from the second one is what the machine gives
- memory: the most that the parent process took with 100 and with 2,000 submissions, all reports written
- otter-grader and nbgrader: five functions, the same inputs, each grader in a virtual environment of its own

No two submissions are equal, so none shares the result of another. Machines differ and are noisy: the ratios count.
"""

import argparse
import base64
import json
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from graders.engine import codec
from graders.engine.course import Course
from graders.engine.paper import paper

FEW, MANY = 4, 16  # submissions: the marginal cost is the slope between them

BARE = """
import gc, os, sys, time
sys.path.insert(0, {root!r})
from types import ModuleType
from graders.engine import codec
from graders.engine.course import Course
from graders.engine.paper import paper

material = Course().find({section!r})
questions = paper(material, 0, 100)
if "import torch" in material.reference_source:
    import torch
    torch.set_num_threads(1)
import numpy.random
probes = sys.modules["probes"] = ModuleType("probes")
exec(compile(questions.probes, "probes", "exec"), vars(probes))
cases = [
    (getattr(probes, item.name), [codec.decode(data, live=True) for data in item.inputs]) for item in questions.items
]


def sit(number):
    submission = sys.modules["submission"] = ModuleType("submission")
    exec(compile(material.reference_source + f"\\n# {{number}}", "submission", "exec"), vars(submission))
    for probe, inputs in cases:
        for arguments in inputs:
            try:
                probe(submission, **arguments)
            except Exception:
                pass


gc.collect()
gc.freeze()
started = time.perf_counter()
for number in range({count}):
    if number >= {cores}:
        os.wait()
    if not os.fork():
        sit(number)
        os._exit(0)
for _ in range({cores}):
    os.wait()
print((time.perf_counter() - started) / {count})
"""

FIVE = '''
"""Five functions of arrays."""

import numpy as np


def halve(x):
    """Half of x."""
    return x / 2


def row_sums(x):
    """The sum of each row."""
    return x.sum(axis=1)


def softmax(x):
    """The softmax of each row."""
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def centred(x):
    """x less the mean of its columns."""
    return x - x.mean(axis=0)


def gram(x):
    """The products of all pairs of rows."""
    return x @ x.T
'''
NAMES = ("halve", "row_sums", "softmax", "centred", "gram")
GRADER = """
import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from graders.engine import Section

section = Section("five", title="Five functions")
matrices = arrays(np.float64, (3, 4), elements=st.integers(-9, 9).map(float), fill=st.nothing())
""" + "".join(
    f'''
@section.check("{name}")
@given(x=matrices)
def checks_{name}(solution, x):
    """It is right."""
    return solution.{name}(x)
'''
    for name in NAMES
)


def main() -> None:
    parser = argparse.ArgumentParser(description="measures cohorts; see the head of the file")
    parser.add_argument("sections", nargs="*", default=["backprop", "tensors"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=2000, help="submissions of the larger cohort whose memory is taken")
    parser.add_argument("--environments", type=Path, help="keeps the virtual environments (default: for this run only)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for section in options.sections:
            _marginal(section, folder / section, options.rounds)
        course = _five(folder / "course")
        _memory(course, folder, options.many)
        _others(course, folder, (options.environments or folder / "environments").resolve())


# %% Our own


def _submissions(folder: Path, source: str, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"learner {number}.py").write_text(f"{source}\n# {number}\n")
    return folder


def _cohort(folder: Path, course: Path, section: str, jobs: int, *more: str) -> list[str]:
    folder.with_name(folder.name + ".gradebook").unlink(missing_ok=True)
    where = ["--course", str(course), "--section", section, "--jobs", str(jobs)]
    return [sys.executable, str(ROOT / "grade.py"), "cohort", str(folder), *where, *more]


def _slope(few: Path, many: Path, course: Path, section: str, cores: Sequence[int]) -> float:
    """Seconds for one more submission, on these cores with a process each."""
    seconds = []
    for folder in (few, many):
        command = _cohort(folder, course, section, len(cores))
        seconds.append(_timed(lambda command=command: _run(command, cores)))
    return (seconds[1] - seconds[0]) / (MANY - FEW)


def _marginal(section: str, folder: Path, rounds: int) -> None:
    material = Course().find(section)
    few = _submissions(folder / "few", material.reference_source, FEW)
    many = _submissions(folder / "many", material.reference_source, MANY)
    cores = sorted(os.sched_getaffinity(0))[:2]
    paper(material, 0, 100)
    times: dict[str, list[float]] = {"bare": [], "bare two": [], "one": [], "two": []}
    for _ in range(rounds):
        times["bare"].append(_bare(section, cores[:1]))
        times["bare two"].append(_bare(section, cores))
        times["one"].append(_slope(few, many, material.course.root, section, cores[:1]))
        times["two"].append(_slope(few, many, material.course.root, section, cores))
    print(f"{section}: one more full-mark submission, milliseconds, {rounds} rounds turn about")
    print(f"{'':24}   min  median     max")
    words_of = {"bare": "bare fork, one core", "one": "cohort, one core", "bare two": "bare fork, two cores"}
    for name, words in (words_of | {"two": "cohort, two cores"}).items():
        low, middle, high = (1000 * pick(times[name]) for pick in (min, statistics.median, max))
        print(f"{words:24}{low:6.0f}  {middle:6.0f}  {high:6.0f}")
    _ratio("cohort / bare fork, one core", times["one"], times["bare"], "at most 1.5")
    _ratio("one core / two cores", times["one"], times["two"], "at least 1.8")
    _ratio("the same of bare forks", times["bare"], times["bare two"], "what the machine gives")
    print(flush=True)


def _bare(section: str, cores: Sequence[int]) -> float:
    """Seconds for one more bare fork, on these cores with a process each."""
    script = BARE.format(root=str(ROOT), section=section, count=MANY, cores=len(cores))
    return float(_run([sys.executable, "-c", script], cores))


def _ratio(words: str, above: list[float], below: list[float], goal: str) -> None:
    ratio = statistics.median(one / other for one, other in zip(above, below, strict=True))
    print(f"{words} = {ratio:.2f}  (goal: {goal})")


def _five(root: Path) -> Path:
    """A course of one section with five exercises."""
    for name, text in (("reference", FIVE), ("graders", GRADER)):
        (root / name).mkdir(parents=True)
        (root / name / "five.py").write_text(text)
    (root / "graders" / "__init__.py").write_text('SECTIONS = ("five",)\n')
    return root


def _memory(course: Path, folder: Path, many: int) -> None:
    print("memory of the parent process, MiB")
    found = []
    for count in (100, many):
        submissions = _submissions(folder / f"of {count}", FIVE, count)
        reports = [f"--{kind}={folder / f'{count}.{kind}'}" for kind in ("csv", "json", "html")]
        command = _cohort(submissions, course, "five", len(os.sched_getaffinity(0)), "--examples", "5", *reports)
        started = time.perf_counter()
        found.append(_peak(command))
        seconds = time.perf_counter() - started
        print(f"{count:6} submissions: {found[-1]:6.1f}   ({seconds:.0f} s)", flush=True)
    print(f"{many} / 100 submissions = {found[1] / found[0]:.2f}  (goal: flat)\n", flush=True)


def _peak(command: list[str]) -> float:
    """The most resident memory that the command's first process has had, in MiB."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            break
        most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.02)
    if process.wait():
        sys.exit(f"{' '.join(command)} failed")
    return most / 1024


# %% Others


def _others(course: Path, folder: Path, environments: Path) -> None:
    cases = _cases(course)
    print(
        f"{len(NAMES)} functions on {sum(len(case) for case in cases.values())} inputs: seconds for one more submission"
    )
    few = _submissions(folder / "five few", FIVE, FEW)
    many = _submissions(folder / "five many", FIVE, MANY)
    cores = sorted(os.sched_getaffinity(0))[:1]
    ours = statistics.median(_slope(few, many, course, "five", cores) for _ in range(3))
    print(f"{'this grader':22}{ours:8.3f}", flush=True)
    for name, measure in (("otter-grader", _otter), ("nbgrader", _nbgrader)):
        try:
            python, version = _environment(environments / name, name)
            seconds = measure(python, folder / name, cases, cores)
        except subprocess.CalledProcessError as error:
            reason = (error.stderr or error.stdout or str(error)).strip().splitlines()[-1:]
            print(f"{name:22} not measured: {' '.join(map(str, error.cmd))[:80]} failed: {reason}")
            continue
        print(f"{f'{name} {version}':22}{seconds:8.3f}   {seconds / ours:.0f} times as much", flush=True)


def _cases(course: Path) -> dict[str, list[tuple[object, object]]]:
    """Inputs and expected values of each function, as they stand on our own paper."""
    found = {}
    for item in paper(Course(course).find("five"), 0, 100).items:
        inputs = [codec.decode(data, live=True)["x"] for data in item.inputs]
        expected = [codec.decode(data, live=True) for data in item.expected]
        found[item.exercise] = list(zip(inputs, expected, strict=True))
    return found


def _environment(folder: Path, package: str) -> tuple[Path, str]:
    """A virtual environment with the package and numpy: its Python, and the package's version."""
    python = folder / "bin" / "python"
    if not python.exists():
        _call([sys.executable, "-m", "venv", folder])
        _call([python, "-m", "pip", "install", "-q", package, "numpy", "ipykernel"])
    return python, _call([python, "-c", f"from importlib.metadata import version; print(version({package!r}))"]).strip()


def _test(name: str, cases: list[tuple[object, object]], function: str) -> str:
    """The body of a test in the other graders' manner."""
    data = base64.b64encode(pickle.dumps(cases)).decode()
    return dedent(f"""\
        import base64, pickle
        import numpy as np
        for x, expected in pickle.loads(base64.b64decode("{data}")):
            np.testing.assert_allclose({function}(x), expected, rtol=1e-6, atol=1e-8)
        """)


def _otter(python: Path, folder: Path, cases: dict[str, list[tuple[object, object]]], cores: Sequence[int]) -> float:
    (folder / "tests").mkdir(parents=True)
    for name in NAMES:
        body = _test(name, cases[name], f'env["{name}"]').replace("\n", "\n    ").rstrip()
        text = f"from otter.test_files import test_case\nOK_FORMAT = False\nname = {name!r}\npoints = 1\n\n"
        (folder / "tests" / f"{name}.py").write_text(f"{text}@test_case()\ndef test(env):\n    {body}\n")
    otter = [python, "-m", "otter"]
    _call([*otter, "generate", "-t", "tests", "--no-requirements", "--no-environment"], folder)
    archive = next(folder.glob("*.zip")).name
    submission = _notebook(folder / "answer.ipynb", [("answer", FIVE, None)])
    command = [*otter, "run", "-a", archive, "-o", "out", "--no-logo", submission.name]

    def once() -> None:
        shutil.rmtree(folder / "out", ignore_errors=True)
        (folder / "out").mkdir()
        _call(command, folder, cores, python)

    once()
    results = json.loads((folder / "out" / "results.json").read_text())
    if sum(test.get("score", 0) for test in results["tests"]) < len(NAMES):
        sys.exit(f"otter-grader does not give full marks: {results}")
    return statistics.median(_timed(once) for _ in range(3))


def _nbgrader(python: Path, folder: Path, cases: dict[str, list[tuple[object, object]]], cores: Sequence[int]) -> float:
    (folder / "source" / "ps1").mkdir(parents=True)
    cells: list[tuple[str, str, bool | None]] = [("answer", FIVE, False)]
    cells += [(f"test-{name}", _test(name, cases[name], name), True) for name in NAMES]
    _notebook(folder / "source" / "ps1" / "answer.ipynb", cells)
    nbgrader = [python, "-m", "nbgrader"]
    _call([*nbgrader, "generate_assignment", "ps1"], folder, None, python)
    times = []
    for count in (1, 4):
        shutil.rmtree(folder / "submitted", ignore_errors=True)
        for number in range(count):
            target = folder / "submitted" / f"learner{number}" / "ps1"
            target.mkdir(parents=True)
            shutil.copy(folder / "source" / "ps1" / "answer.ipynb", target)  # in the release the answer is taken out
        command = [*nbgrader, "autograde", "ps1", "--force"]
        times.append(_timed(lambda command=command: _call(command, folder, cores, python)))
    score = "Gradebook('sqlite:///gradebook.db').find_submission('ps1', 'learner3').score"
    if float(_call([python, "-c", f"from nbgrader.api import Gradebook; print({score})"], folder)) < len(NAMES):
        sys.exit("nbgrader does not give full marks")
    return (times[1] - times[0]) / 3


def _notebook(path: Path, cells: list[tuple[str, str, bool | None]]) -> Path:
    """A notebook of cells (name, source, is a test). What is None is no cell of nbgrader's."""

    def metadata(name: str, is_test: bool | None) -> dict[str, object]:
        if is_test is None:
            return {}
        return {"nbgrader": {"grade": is_test, "grade_id": name, "locked": is_test, "points": 1, "schema_version": 3,
                             "solution": not is_test, "task": False}}  # fmt: skip

    content = [
        {"cell_type": "code", "execution_count": None, "id": name, "outputs": [], "source": source,
         "metadata": metadata(name, is_test)}
        for name, source, is_test in cells
    ]  # fmt: skip
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.write_text(json.dumps({"cells": content, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path


# %% Running and timing


def _pinned(cores: Sequence[int] | None) -> Callable[[], None] | None:
    return (lambda: os.sched_setaffinity(0, cores)) if cores else None


def _run(command: list[str], cores: Sequence[int]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=_pinned(cores))
    if done.returncode:
        sys.exit(f"{' '.join(command)[:300]} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _call(
    command: list[object], cwd: Path = ROOT, cores: Sequence[int] | None = None, python: Path | None = None
) -> str:
    """Runs another grader's command, with its environment's programs first on the path."""
    path = f"{python.parent}:{os.environ['PATH']}" if python else os.environ["PATH"]
    variables = {**os.environ, "PATH": path}
    words = list(map(str, command))
    return subprocess.run(
        words, cwd=cwd, check=True, capture_output=True, text=True, env=variables, preexec_fn=_pinned(cores)
    ).stdout


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
