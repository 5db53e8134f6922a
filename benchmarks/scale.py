"""What grading one submission costs, and what a course of 100,000 learners who push ten times a day needs.

    python benchmarks/scale.py measure FILE [SECTION...] [--rounds N]
    python benchmarks/scale.py simulate FILE [--learners N] [--pushes N]

`measure` grades submissions of five kinds as a process of `grade.py cohort` does, and writes what it took to a file;
`simulate` reads that file and plays two days of pushes with it, see `waiting.py`. What it measured and what it only
assumes stands in docs/scale.md.
"""

import argparse
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import pushes
import waiting

from graders.cohort import grading
from graders.cohort.entries import Part
from graders.cohort.gradebook import Gradebook, Made
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.setting.papers import paper

SEED, EXAMPLES = 0, 100
DASK = [sys.executable, "-m", "dask"]
QUIET: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.DEVNULL)
WAIT, SHARE = 10.0, 0.99  # seconds that this share of the pushes waits at most


class Costs(msgspec.Struct):
    """What a section's submissions take."""

    start: float  # seconds until a process can begin with its first one
    held: dict[str, list[float]]  # by kind: seconds for which each held the process
    cpu: dict[str, list[float]]  # the same in seconds of CPU
    memory: float  # MiB that a process and its workers take, what they share counted once
    record: float  # bytes that a result takes in the gradebook, on average


class Measured(msgspec.Struct):
    """What `measure` writes."""

    machine: str
    sections: dict[str, Costs]
    keeps: float  # results that the gradebook keeps in a second
    client: float  # seconds of CPU that the command takes for each submission when a cluster grades it
    scheduler: float  # and the cluster's scheduler


def main() -> None:
    parser = argparse.ArgumentParser(description="what a large course needs; see the head of the file")
    commands = parser.add_subparsers(required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("file", type=Path)
    measuring.add_argument("sections", nargs="*")
    measuring.add_argument("--course", type=Path, default=ROOT)
    measuring.add_argument("--rounds", type=int, default=3)
    measuring.set_defaults(run=lambda options: _measure(options))
    simulating = commands.add_parser("simulate")
    simulating.add_argument("file", type=Path)
    simulating.add_argument("--learners", type=int, default=100_000)
    simulating.add_argument("--pushes", type=float, default=10, help="of each learner, on an ordinary day")
    simulating.set_defaults(run=lambda options: _simulate(options))
    options = parser.parse_args()
    options.run(options)


# %% What one submission costs


def _measure(options: argparse.Namespace) -> None:
    course = Course(options.course)
    measured = Measured(_machine(), {}, float("inf"), *_cluster(course, (options.sections or course.sections)[0]))
    for name in options.sections or course.sections:
        paper(find(course, name), SEED, EXAMPLES)  # set before, as a cohort's are
        with multiprocessing.get_context("spawn").Pool(1) as fresh:  # the first submission finds nothing loaded
            data, outcomes = fresh.apply(_costs, (course.root, name, options.rounds))
        measured.sections[name] = msgspec.json.decode(data, type=Costs)
        keeps, measured.sections[name].record = _kept(outcomes)
        measured.keeps = min(measured.keeps, keeps)
        _print_section(name, measured.sections[name])
    options.file.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1))
    _print_course(measured)


def _costs(root: Path, section: str, rounds: int) -> tuple[bytes, list[bytes]]:
    """Grades each kind `rounds` times, in a process that has nothing loaded yet; what it took, and a result of each."""
    material = find(Course(root), section)
    warnings.simplefilter("ignore")  # as the command does
    started = time.perf_counter()
    grading.bring(root, {section: paper(material, SEED, EXAMPLES)})
    grading.warm()
    grading.grade_one(_job(section, material.reference_source, 0))
    first = time.perf_counter() - started
    sources = pushes.kinds(material)
    costs = Costs(0, {kind: [] for kind in pushes.KINDS}, {kind: [] for kind in pushes.KINDS}, 0, 0)
    outcomes = []
    for number in range(1, rounds + 1):
        for kind, source in sources.items():
            started, used = time.perf_counter(), _cpu_seconds(os.getpid())
            outcome = grading.grade_one(_job(section, source, number))
            costs.held[kind].append(round(time.perf_counter() - started, 3))
            costs.cpu[kind].append(round(_cpu_seconds(os.getpid()) - used, 3))
            pushes.check(kind, outcome)
            outcomes.append(msgspec.msgpack.encode(outcome))
    costs.start = round(max(0.0, first - statistics.median(costs.held["all right"])), 3)
    costs.memory = round(_most_memory(section, sources["half done, one wrong"]), 1)
    grading.leave()
    return msgspec.json.encode(costs), outcomes


def _job(section: str, source: str, number: int) -> grading.Job:
    part = Part(section, ".py", f"{source}\n# {number}\n".encode())
    return grading.Job(part, part.digest)


def _cpu_seconds(process: int) -> float:
    """Of a process and all below it, those that have ended included."""
    ticks = 0
    for pid in _below(process):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _below(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = [Path(task, "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [pid, *(each for child in " ".join(children).split() for each in _below(int(child)))]


def _most_memory(section: str, source: str) -> float:
    """The most that this process and all below it take while a submission is graded, in MiB."""
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, sum(map(_proportional, _below(os.getpid()))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    grading.grade_one(_job(section, source, -1))
    done.set()
    watcher.join()
    return most / 1024


def _proportional(pid: int) -> int:
    """The memory of a process, in KiB; what several share is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _kept(outcomes: Sequence[bytes]) -> tuple[float, float]:
    """Results that a gradebook keeps in a second, and the bytes that it takes for one.

    Args:
        outcomes: one of each kind, in their order, as often as was measured.
    """
    examples = [msgspec.msgpack.decode(outcome, type=grading.Outcome) for outcome in outcomes]
    shares = [*pushes.KINDS.values()] * (len(examples) // len(pushes.KINDS))
    chosen = random.Random(0).choices(examples, shares, k=2000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gradebook"
        with Gradebook(path, Made(SEED, EXAMPLES, {}), resume=False) as gradebook:
            started = time.perf_counter()
            for number, outcome in enumerate(chosen):
                gradebook.keep(msgspec.structs.replace(outcome, digest=str(number)))
            seconds = time.perf_counter() - started
        return len(chosen) / seconds, path.stat().st_size / len(chosen)


def _cluster(course: Course, section: str) -> tuple[float, float]:
    """Seconds of CPU for one more submission on a cluster: of the command, and of the scheduler."""
    untouched, counts = find(course, section).untouched, (20, 170)
    paper(find(course, section), SEED, EXAMPLES)
    used = []
    with tempfile.TemporaryDirectory() as name, loopback(Path(name)) as (scheduler, address):
        for count in counts:
            folder = Path(name) / f"of {count}"
            folder.mkdir()
            for number in range(count):
                (folder / f"learner {number}.py").write_text(f"{untouched}\n# {number} of {count}\n")
            words = ["cohort", folder, "--course", course.root, "--section", section, "--scheduler", address]
            before = _cpu_seconds(scheduler)
            process = subprocess.Popen([sys.executable, "grade.py", *map(str, words)], cwd=ROOT, **QUIET)
            _, status, resources = os.wait4(process.pid, 0)
            if status:
                sys.exit("a cohort could not be graded on a cluster")
            used.append((resources.ru_utime + resources.ru_stime, _cpu_seconds(scheduler) - before))
    client, scheduler_seconds = ((many - few) / (counts[1] - counts[0]) for few, many in zip(*used, strict=True))
    return round(client, 5), round(scheduler_seconds, 5)


@contextmanager
def loopback(folder: Path) -> Iterator[tuple[int, str]]:
    """A cluster of one worker on this machine: the process id and the address of its scheduler."""
    file = folder / "scheduler.json"
    words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    scheduler = subprocess.Popen([*DASK, *words], cwd=folder, **QUIET)
    worker = None
    try:
        while not (address := _address(file)):
            if scheduler.poll() is not None:
                sys.exit("there is no dask scheduler: python -m pip install -e .[cluster]")
            time.sleep(0.1)
        words = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
        worker = subprocess.Popen([*DASK, *words], cwd=ROOT, **QUIET)
        yield scheduler.pid, address
    finally:
        for process in filter(None, (worker, scheduler)):
            process.terminate()
            process.wait()


def _address(file: Path) -> str:
    try:
        return json.loads(file.read_text())["address"]
    except (OSError, ValueError):
        return ""  # it is not written yet, or half


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return f"{(names or ['unknown'])[0]}, Python {sys.version.split()[0]}"


def _print_course(measured: Measured) -> None:
    print(f"the gradebook keeps {measured.keeps:.0f} results a second")
    print(f"on a cluster one submission takes the command {1000 * measured.client:.1f} ms", end=" ")
    print(f"and the scheduler {1000 * measured.scheduler:.1f} ms of CPU")


def _print_section(name: str, costs: Costs) -> None:
    print(f"{name}: {costs.start:.1f} s to begin, {costs.memory:.0f} MiB, {costs.record / 1000:.0f} kB for a result")
    for kind in pushes.KINDS:
        held, cpu = statistics.median(costs.held[kind]), statistics.median(costs.cpu[kind])
        print(f"  {kind:22}{held:8.2f} s   {cpu:8.2f} s of CPU", flush=True)


# %% What a course needs


def _simulate(options: argparse.Namespace) -> None:
    measured = msgspec.json.decode(options.file.read_bytes(), type=Measured)
    daily = options.learners * options.pushes
    mean = daily / (3600 * waiting.HOURS)
    print(f"{options.learners:,} learners, {options.pushes:g} pushes a day: {mean:.1f} a second on average")
    start = max(costs.start for costs in measured.sections.values())
    for words, rate in (("an ordinary day", waiting.ordinary), ("a day with a deadline", waiting.deadline)):
        generator = np.random.default_rng(0)
        times = waiting.arrivals(rate, mean, generator)
        services = _services(measured, len(times), generator)
        _print_day(words, times, services, start)
    memory = max(costs.memory for costs in measured.sections.values())
    record = statistics.mean(costs.record for costs in measured.sections.values())
    print(f"\nmemory for each core: {memory:.0f} MiB; results: {daily * record / 1e9:.1f} GB a day")
    _print_course(measured)


def _services(measured: Measured, count: int, generator: np.random.Generator) -> np.ndarray:
    """Seconds that each of so many pushes takes.

    Sections are equally likely, kinds as their shares say, and of a kind each time that was measured.
    """
    choices = [
        (share / len(measured.sections) / len(costs.held[kind]), seconds)
        for costs in measured.sections.values()
        for kind, share in pushes.KINDS.items()
        for seconds in costs.held[kind]
    ]
    chances, seconds = map(np.asarray, zip(*choices, strict=True))
    return seconds[np.searchsorted(np.cumsum(chances)[:-1], generator.random(count), side="right")]


def _print_day(words: str, times: np.ndarray, services: np.ndarray, start: float) -> None:
    busiest = np.bincount((times // 60).astype(int)).max() / 60
    came, took = times.tolist(), services.tolist()
    cores = waiting.cores_for(came, took, SHARE, WAIT)
    hours = sum(took) / 3600
    print(f"\n{words}: {len(came):,} pushes, {busiest:.0f} a second in the busiest minute")
    print(f"  a push takes {services.mean():.2f} s on average, all of them {hours:,.0f} core hours")
    print(f"  {cores} cores, busy {hours / cores / waiting.HOURS:.0%} of the day: {SHARE:.0%} wait at most {WAIT:g} s")
    for some in (cores, 2 * cores):
        half, most = np.quantile(waiting.waits_in_runs(came, took, some, start), [0.5, SHARE])
        print(f"  {some} cores, one run after another: half wait at most {half:.0f} s, {SHARE:.0%} {most:.0f} s")


if __name__ == "__main__":
    main()
