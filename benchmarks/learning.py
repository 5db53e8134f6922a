"""How soon a verdict comes after a save, and the overview from the diary, next to the same done cold.

    python benchmarks/learning.py watch [SECTION...] [--saves N]
    python benchmarks/learning.py overview [--rounds N]
    python benchmarks/learning.py collecting [--rounds N]

`watch`: a section's reference is watched as `grade.py SECTION --watch` does it, and its exercises are edited and saved
one after the other, by writing and by renaming in turn, each when the one before is done with, as people save. The
time is that from before the save to the verdict, through the real file system. Next to it: the whole command on the
same exercise, papers cached, and `import torch`.

`overview`: `python grade.py` with the reference as answers, all of it known from the diary, next to the same with
nothing known.

`collecting`: `pytest graders/ --collect-only` in a folder for caches of its own, empty, next to `import torch`.

Machines differ and are noisy: the ratios within one run are what counts.
"""

import argparse
import ast
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from graders.engine.course import Course
from graders.engine.sitting.forkserver import Forkserver
from graders.learning.history import History
from graders.learning.watching import Failed, Saved, Verdict, Watching


def main() -> None:
    """Measures and prints what is asked for."""
    parser = argparse.ArgumentParser(description="times the learner's loop; see the head of the file")
    parser.add_argument("what", choices=["watch", "overview", "collecting"])
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--saves", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.what == "watch":
        _watch(options.sections or ["backprop", "networks"], options.saves)
    elif options.what == "overview":
        _overview(options.rounds)
    else:
        _collecting(options.rounds)


def _watch(sections: Sequence[str], saves: int) -> None:
    course = Course()
    for name in sections:
        with tempfile.TemporaryDirectory() as folder, Forkserver(course.secrets) as forkserver:
            path = Path(folder) / f"{name}.py"
            shutil.copy(ROOT / "reference" / path.name, path)
            watching = Watching(course, [name], Path(folder), forkserver, History(None), 0, 100)
            watching.start()
            _verdict(watching)
            _verdict(watching, is_last=True)
            exercises = list(watching.files[name].probing)
            took = [_saved(watching, path, exercises[number % len(exercises)], number) for number in range(saves)]
            watching.stop()
            cold = [_command(name, exercises[number % len(exercises)]) for number in range(3)]
        median, worst = statistics.median(took), max(took)
        print(f"{name}: {median:.3f} s from save to verdict in the median of {saves}, {worst:.3f} s at most; "
              f"the command anew {statistics.median(cold):.2f} s, import torch {_importing():.2f} s")  # fmt: skip


def _saved(watching: Watching, path: Path, exercise: str, number: int) -> float:
    """Edits an exercise so that it does the same, saves, and waits for the verdict; seconds."""
    lines = path.read_text("utf-8").split("\n")
    node = next(each for each in ast.parse("\n".join(lines)).body if getattr(each, "name", "") == exercise)
    lines.insert((node.end_lineno or 0), f"    _saved_{number} = {number}")
    began = time.perf_counter()
    if number % 2:
        path.write_text("\n".join(lines), "utf-8")
    else:
        other = path.with_suffix(".new")
        other.write_text("\n".join(lines), "utf-8")
        other.replace(path)
    _verdict(watching)
    took = time.perf_counter() - began
    _verdict(watching, is_last=True)
    return took


def _verdict(watching: Watching, *, is_last: bool = False) -> None:
    """Waits for the next verdict; or, `is_last`, until all that a save can have changed is graded and explained."""
    while True:
        event = watching.events.get(timeout=300)
        if isinstance(event, Saved):
            watching.grade(event)
        elif isinstance(event, Failed):
            raise event.error
        elif isinstance(event, Verdict) and watching.take(event) and event.is_last == is_last:
            return


def _command(section: str, exercise: str) -> float:
    began = time.perf_counter()
    words = [f"{section}::{exercise}", "--submission", str(ROOT / "reference")]
    subprocess.run(
        [sys.executable, str(ROOT / "grade.py"), *words],
        env=os.environ | {"GRADE_PROGRESS": "off"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def _importing() -> float:
    """Seconds that `import torch` takes here and now: how busy the machine is."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - began


def _overview(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        known = {"GRADE_PROGRESS": str(Path(folder) / "diary")}
        _glance(known)
        took: dict[str, list[float]] = {"from the diary": [], "graded": []}
        for _ in range(rounds):  # turn about
            took["from the diary"].append(_glance(known))
            took["graded"].append(_glance({"GRADE_PROGRESS": "off"}))
    for what, seconds in took.items():
        print(f"the overview of a solved course, {what}: {statistics.median(seconds):.2f} s")


def _glance(variables: dict[str, str]) -> float:
    began = time.perf_counter()
    words = [sys.executable, str(ROOT / "grade.py"), "--submission", str(ROOT / "reference")]
    subprocess.run(words, env=os.environ | variables, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def _collecting(rounds: int) -> None:
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text("utf-8"))  # as an editor calls it
    collecting = ["-m", "pytest", "--collect-only", "-q", *settings["python.testing.pytestArgs"]]
    commands = {"collecting": collecting, "pytest that collects nothing": ["-m", "pytest", "--version", "--version"]}
    commands["import torch"] = ["-c", "import torch"]
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):  # turn about
        for name, words in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                variables = os.environ | {"XDG_CACHE_HOME": folder}
                finished = subprocess.run(
                    [sys.executable, *words], cwd=ROOT, env=variables, capture_output=True, text=True, check=True
                )
                took[name].append(time.perf_counter() - began)
            if name == "collecting":
                last = finished.stdout.strip().splitlines()[-1]
    medians = {name: statistics.median(seconds) for name, seconds in took.items()}
    for name, seconds in medians.items():
        print(f"{name}: {seconds:.2f} s, {seconds / medians['import torch']:.2f} of import torch")
    print(f"pytest says: {last}, {len(Course().sections)} sections")


if __name__ == "__main__":
    main()
