"""How long grading takes, next to what it could cost at least and what it costs without isolation.

    python benchmarks/grading.py [SECTION...] [--rounds N]

For each section (by default all) in one run, turn about, on a full-mark submission and the same checks:

a  `python grade.py SECTION`, its paper cached
b  the same, its paper not cached
c  the same probes and strategies as plain pytest + Hypothesis, in one process, without isolation
d  the floor: a process that imports what the submission imports and runs the probes on the paper's inputs

and, in a process that has all loaded, the time from a saved file to the verdict on one exercise.
Machines differ and are noisy: the ratios within one run are what counts.
"""

import argparse
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.marking.grading import grade
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.values import codec

SEED, EXAMPLES = 0, 100

PLAIN = """
import sys
sys.path.insert(0, {root!r})
import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from types import SimpleNamespace
from graders.engine.authoring.material import find, module_of
from graders.engine.course import Course
from graders.engine.values import codec

material = find(Course(), {section!r})
submission = module_of(material.reference_source, "submission", material.reference)
reference = material.reference_module


def shown(probe, solution, inputs):
    try:
        return probe(solution, **inputs)
    except Exception as error:
        return type(error)


def agree(observed, expected):
    if isinstance(expected, (list, tuple)):
        assert len(observed) == len(expected)
        for one, other in zip(observed, expected):
            agree(one, other)
    elif isinstance(expected, dict):
        assert observed.keys() == expected.keys()
        for key in expected:
            agree(observed[key], expected[key])
    elif hasattr(expected, "detach"):
        np.testing.assert_allclose(observed.detach(), expected.detach())
    elif isinstance(expected, (np.ndarray, float)):
        np.testing.assert_allclose(observed, expected)
    else:
        assert observed == expected


@pytest.mark.parametrize("check", list(material.section.checks.values()), ids=lambda check: check.name)
def test_check(check):
    def body(**inputs):
        expected = shown(check.probe, reference, inputs)
        observed = shown(check.probe, submission, inputs)
        if check.judge and not isinstance(expected, type):
            assert check.judge(*(codec.decode(codec.encode(value)) for value in (observed, expected)), inputs) is None
        else:
            agree(observed, expected)

    if check.drawn is None:
        return body()
    examples = min(check.examples or {examples}, {examples})
    config = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    config(seed({seed})(given(**check.drawn.hypothesis._given_kwargs)(body)))()
"""

FLOOR = """
import pickle, sys
sys.path.insert(0, {root!r})
from collections import namedtuple
from types import ModuleType, SimpleNamespace
{imports}
{tuples}
probes, submission = ModuleType("probes"), ModuleType("submission")
sys.modules.update(probes=probes, submission=submission)
exec(compile(open({probes!r}).read(), "probes", "exec"), vars(probes))
exec(compile(open({submission!r}).read(), "submission", "exec"), vars(submission))
for name, inputs in pickle.load(open({inputs!r}, "rb")):
    probe = vars(probes)[name]
    for arguments in inputs:
        try:
            probe(submission, **arguments)
        except Exception:
            pass
"""


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description="times grading; see the head of the file")
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for section in options.sections or Course().sections:
        _measure(find(Course(), section), options.rounds)


def _measure(material: Material, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = _runs(material, Path(folder))
        times: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():
            run()  # once without a clock: caches, and byte code
        for _ in range(rounds):
            for name, run in runs.items():
                times[name].append(_timed(run))
    _print_table(material.name, times, "import torch" in material.reference_source)
    print(f"from save to verdict, one exercise, all loaded: {1000 * _warm(material):.0f} ms\n", flush=True)


def _runs(material: Material, folder: Path) -> dict[str, Callable[[], None]]:
    command = [sys.executable, str(ROOT / "grade.py"), material.name, "--submission", str(material.reference)]
    plain, floor = folder / "test_plain.py", folder / "floor.py"
    plain.write_text(PLAIN.format(root=str(ROOT), section=material.name, seed=SEED, examples=EXAMPLES))
    floor.write_text(_floor(material, folder))

    def uncached() -> None:
        for path in (ROOT / ".papers").glob(f"{material.name}-*.paper"):
            path.unlink()
        _run(command)

    return {
        "a": lambda: _run(command),
        "b": uncached,
        "c": lambda: _run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(plain)]),
        "d": lambda: _run([sys.executable, str(floor)]),
    }


def _floor(material: Material, folder: Path) -> str:
    """The floor's script; its inputs are pickled, the fastest way to have them at hand."""
    tuples: dict[str, tuple[str, ...]] = {}
    cases = [
        (item.name, [_plain(codec.decode(data, live=True), tuples) for data in item.inputs])
        for item in paper(material, SEED, EXAMPLES).items
    ]
    for name, fields in tuples.items():
        made = namedtuple(name, fields)
        made.__module__ = "__main__"
        setattr(sys.modules["__main__"], name, made)
    cases = [(name, [_renamed(arguments) for arguments in inputs]) for name, inputs in cases]
    (folder / "inputs.pickle").write_bytes(pickle.dumps(cases, protocol=pickle.HIGHEST_PROTOCOL))
    (folder / "probes.py").write_text(material.probes)
    return FLOOR.format(
        root=str(ROOT),
        imports="import numpy",
        tuples="\n".join(f"{name} = namedtuple({name!r}, {fields!r})" for name, fields in tuples.items()),
        probes=str(folder / "probes.py"),
        submission=str(material.reference),
        inputs=str(folder / "inputs.pickle"),
    )


def _plain(value: object, tuples: dict[str, tuple[str, ...]]) -> object:
    """The value, after noting the named tuples in it."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        tuples[type(value).__name__] = value._fields
    if isinstance(value, dict):
        for inner in value.values():
            _plain(inner, tuples)
    elif isinstance(value, list | tuple):
        for inner in value:
            _plain(inner, tuples)
    return value


def _renamed(value: object) -> object:
    """The value with its named tuples of the classes that the floor's script defines."""
    if isinstance(value, dict):
        return {key: _renamed(inner) for key, inner in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return getattr(sys.modules["__main__"], type(value).__name__)(*map(_renamed, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_renamed, value))
    return value


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _warm(material: Material) -> float:
    """Seconds from a saved file to the verdict on its first exercise, the median of ten."""
    course = Course()
    exercise = material.section.exercises[0]
    with tempfile.TemporaryDirectory() as folder, Forkserver() as forkserver:
        path = Path(folder) / material.reference.name

        def save_and_grade() -> None:
            path.write_text(material.reference_source)
            result = grade(course, {material.name: [exercise]}, path, forkserver, seed=SEED, examples=EXAMPLES)
            assert result.score == result.points

        save_and_grade()
        return statistics.median(_timed(save_and_grade) for _ in range(10))


def _print_table(section: str, times: dict[str, list[float]], uses_torch: bool) -> None:
    words = {
        "a": "graded, paper cached",
        "b": "graded, paper not cached",
        "c": "plain pytest + Hypothesis",
        "d": "floor: imports and calls",
    }
    print(f"{section}: seconds, {len(times['a'])} rounds turn about")
    print(f"{'':32}   min  median     max")
    for name, seconds in times.items():
        low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
        print(f"{name}  {words[name]:29}{low:6.2f}  {middle:6.2f}  {high:6.2f}")
    for above, below, goal in (("a", "c", 0.35), ("b", "c", 1.3), ("a", "d", 1.1 if uses_torch else 1.5)):
        ratio = statistics.median(one / other for one, other in zip(times[above], times[below], strict=True))
        print(f"{above} / {below} = {ratio:.2f}  (goal: at most {goal})")


if __name__ == "__main__":
    main()
