"""How soon the verdict comes, and what a wrong answer costs more than a right one.

    python benchmarks/verdicts.py first [--rounds N]
    python benchmarks/verdicts.py wrong [SECTION...]

`first`: in a fresh clone, nothing cached, turn about in one run: the verdict on one exercise of `backprop` next to
importing numpy, Hypothesis and rich, and the overview of an untouched course next to `import torch`.

`wrong`: every mistake of every section, one wrong exercise in a right file, papers cached: how long the verdict takes
as a ratio to that of the right file (without the start of the command, which is the same for both), and the processor
time that the explanation takes behind it.

Machines differ and are noisy: the ratios within one run are what counts.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.marking.marking import mark
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.submission import Submission
from graders.engine.values.messages import Cell

SEED, EXAMPLES = 0, 100
ANSWER = "def log_back(grad_out, out, x):\n    return grad_out / x\n"
SLOWEST = 10


def main() -> None:
    """Measures and prints what is asked for."""
    parser = argparse.ArgumentParser(description="times verdicts; see the head of the file")
    parser.add_argument("what", choices=["first", "wrong"])
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.what == "first":
        _first(options.rounds)
    else:
        _wrong(options.sections or Course().sections)


def _first(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone, answer = Path(folder) / "clone", Path(folder) / "backprop.py"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        answer.write_text(ANSWER)
        environment = os.environ | {"XDG_CACHE_HOME": str(Path(folder) / "cache")}

        def command(*words: str) -> Callable[[], None]:
            return lambda: _run([sys.executable, *words], clone, environment)

        grade = command("grade.py", "backprop::log_back", "--submission", str(answer))
        runs = {
            "verdict on one exercise, nothing cached": lambda: (_forget(clone), grade()),
            "import numpy, Hypothesis and rich": command("-c", "import numpy, hypothesis, rich.console"),
            "overview of an untouched course, nothing cached": lambda: (_forget(clone), command("grade.py")()),
            "import torch": command("-c", "import torch"),
        }
        times: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(rounds + 1):
            for name, run in runs.items():
                seconds = _timed(run)
                if number:  # the first round writes byte code
                    times[name].append(seconds)
        drawn = list((clone / ".papers").glob("*.paper"))
    for name, seconds in times.items():
        print(f"{name:50} {statistics.median(seconds):6.2f} s")
    pairs = list(times.values())
    for words, over, under, goal in (("verdict / imports", 0, 1, 3), ("overview / import torch", 2, 3, 1.5)):
        ratio = statistics.median(a / b for a, b in zip(pairs[over], pairs[under], strict=True))
        print(f"{words} = {ratio:.2f}  (goal: at most {goal})")
    print(f"papers drawn by the overview: {len(drawn)}  (goal: 0)")


def _forget(clone: Path) -> None:
    for path in (clone / ".papers").glob("*"):
        path.unlink()


def _wrong(sections: Sequence[str]) -> None:
    ratios: list[float] = []
    costs: list[tuple[float, str]] = []
    with Forkserver() as forkserver:
        for name in sections:
            _measure(find(Course(), name), forkserver, ratios, costs)
    spent = [seconds for seconds, _ in costs]
    print(f"\n{len(costs)} mistakes of {len(sections)} sections")
    print(f"verdict / verdict on the right file = {statistics.median(ratios):.2f} in the median  (goal: at most 1.2)")
    print(f"explanation, processor time: {statistics.median(spent):.2f} s in the median  (goal: at most 2)")
    print(f"the slowest {SLOWEST}:")
    for seconds, words in sorted(costs, reverse=True)[:SLOWEST]:
        print(f"  {seconds:5.1f} s  {words}")


def _measure(material: Material, forkserver: Forkserver, ratios: list[float], costs: list[tuple[float, str]]) -> None:
    questions = paper(material, SEED, EXAMPLES)
    questions.sealed()
    right = Submission(f"{material.name}.py", (Cell(f"{material.name}.py", material.reference_source),))
    mark(material, questions, right, forkserver)  # once without a clock
    for mistake in material.section.mistakes:
        settled: list[float] = []
        source = material.mistaken_source(mistake)
        wrong = Submission(f"{material.name}.py", (Cell(f"{material.name}.py", source),))
        whole = _timed(lambda: mark(material, questions, right, forkserver))
        started, spent = time.perf_counter(), 0.0

        def stand(_: object, settled: list[float] = settled) -> None:
            settled.extend((time.perf_counter(), _processor(forkserver)))

        mark(material, questions, wrong, forkserver, settled=stand)
        if settled:
            spent = _processor(forkserver) - settled[1]
            ratios.append((settled[0] - started) / whole)
        costs.append((spent, f"{material.name}::{mistake.exercise}: {mistake.text}"))
    print(f"{material.name}: {len(material.section.mistakes)} mistakes", flush=True)


def _processor(forkserver: Forkserver) -> float:
    """Seconds of a core that this process, the forkserver and all workers that have ended have taken."""
    fields = Path(f"/proc/{forkserver._process.pid}/stat").read_text().rpartition(") ")[2].split()
    return time.process_time() + sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
