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
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import others
from five import FIVE, NAMES, cases_of_five, course_of_five, test_of

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.setting.papers import paper

FEW, MANY = 4, 16  # submissions: the marginal cost is the slope between them

BARE = """
import gc, os, sys, time
sys.path.insert(0, {root!r})
from types import ModuleType
from graders.engine.authoring.material import find
from graders.engine.values import codec
from graders.engine.course import Course
from graders.engine.setting.papers import paper

material = find(Course(), {section!r})
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
        course = course_of_five(folder / "course")
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
    material = find(Course(), section)
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
    cases = cases_of_five(course)
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
            python, version = others.environment(environments / name, name)
            seconds = measure(python, folder / name, cases, cores)
        except subprocess.CalledProcessError as error:
            print(f"{name:22} not measured: {others.why(error)}")
            continue
        print(f"{f'{name} {version}':22}{seconds:8.3f}   {seconds / ours:.0f} times as much", flush=True)


def _otter(python: Path, folder: Path, cases: dict[str, list[tuple[object, object]]], cores: Sequence[int]) -> float:
    others.otter_assignment(python, folder, {name: test_of(cases[name], f'env["{name}"]') for name in NAMES})
    submission = others.notebook(folder / "answer.ipynb", [others.Cell(FIVE)])

    def once() -> None:
        others.call(others.otter_command(python, folder, submission), folder, cores, python)

    once()
    scores = others.otter_scores(folder)
    if sum(scores.values()) < len(NAMES):
        sys.exit(f"otter-grader does not give full marks: {scores}")
    return statistics.median(_timed(once) for _ in range(3))


def _nbgrader(python: Path, folder: Path, cases: dict[str, list[tuple[object, object]]], cores: Sequence[int]) -> float:
    tests = {name: test_of(cases[name], name) for name in NAMES}
    cells = [others.Cell(FIVE, "answer"), *(others.Cell(tests[name].body, f"test-{name}", 1) for name in NAMES)]
    others.nbgrader_assignment(python, folder, cells)
    times = []
    for count in (1, 4):
        shutil.rmtree(folder / "submitted", ignore_errors=True)
        for number in range(count):  # in the release the answer is taken out
            others.notebook(others.nbgrader_submission(folder, f"learner{number}"), cells)
        command = others.nbgrader_command(python)
        times.append(_timed(lambda command=command: others.call(command, folder, cores, python)))
    scores = others.nbgrader_scores(python, folder, "learner3")
    if sum(scores.values()) < len(NAMES):
        sys.exit(f"nbgrader does not give full marks: {scores}")
    return (times[1] - times[0]) / 3


# %% Running and timing


def _run(command: list[str], cores: Sequence[int]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=others.pinned(cores))
    if done.returncode:
        sys.exit(f"{' '.join(command)[:300]} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
