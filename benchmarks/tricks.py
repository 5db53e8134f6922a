"""The submissions of `tests/hostile` against this grader, otter-grader, nbgrader and plain pytest.

    python benchmarks/tricks.py [--environments FOLDER] [--only NAME...]

Every grader has the same assignment (`assignments.py`), and each trick is handed in as it is: a module for this grader
and for pytest, a notebook for the others. What a trick deserves stands in its docstring. A result is the first of these
words that holds:

- forged: a check has points that it does not deserve
- leaked: when the grader had ended, a process was still alive, or a file was there that the honest solution's run does
  not leave, other than where the submission was run; or one of the grader's files, which that run leaves alone, was
  changed or gone; or the secret in the grader's environment stood in something that it wrote. Of a run that took too
  long, and was killed, only the grader's files and the secret count.
- lost: a check that deserves its points did not get them. The grader may have crashed, or found no end in a minute.
- fair: none of these

The others are used as their documentation tells for the command line: `otter run`, `nbgrader autograde`, `pytest`.
Containers, in which otter-grader and nbgrader can be run too, keep files and secrets from a submission: they are
outside of this comparison. All graders run with the same limits (`contained.py`), which no trick here is meant to
reach. None destroys anything on purpose, but run this on a machine that holds nothing else.
"""

import argparse
import hashlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import contained
import others
from assignments import COURSE, Grader, Nbgrader, Otter, Ours, Pytest, items
from test_hostile import FILES, HOSTILE, verdict_in

SECONDS = 60
WORDS = ("fair", "forged", "leaked", "lost")
LEFT_OUT = {
    "looks for this grader's channel between processes, and most write into it": """
        forging/forged_and_alive forging/forged_frames forging/forged_loading forging/lies_about_lines
        forging/nothing_to_do
        forging/oversized_frame forging/promised_items forging/truncated_frame harm/empty_sets harm/inherited_files
        harm/many_classes harm/millions_of_answers harm/millions_of_names harm/millions_of_warnings harm/out_of_band
        harm/outliving_threads harm/same_hash harm/steals_tasks harm/udp speaking/long_confessions
        speaking/long_excuses""",
    "turns against modules or objects of this grader's": """
        forging/garbage_walk forging/patched_codec forging/patched_judges forging/patched_libraries
        forging/patched_solution forging/patched_worker forging/source_caches forging/swapped_probe""",
    "looks for files around its own, which a notebook does not have": """
        forging/imports_reference forging/opens_reference forging/reads_mistakes forging/reads_papers
        forging/relative_paths harm/changes_files harm/links harm/secrets harm/writes_files""",
    "needs a package that the others do not install": "forging/hypothesis_reject forging/tensor_subclass",
    "breaks a rule that is no part of the others' tests": """
        forging/loose_dtype forging/mutates_inputs forging/shares_inputs harm/slow_answers""",
    "takes memory, disk, threads or processes until the containment decides": """
        harm/deep_folders harm/disk_bomb harm/fork_bomb harm/forks harm/hidden_files harm/huge_answers harm/kept_answers
        harm/large_file harm/many_folders harm/memory_bomb harm/memory_by_mappings harm/output_bomb
        harm/thread_bomb harm/unlinked_files""",
    "acts on the processes, limits or sockets of the machine, and so on the containment": """
        harm/machine_code harm/new_system_calls harm/old_memory_and_queues harm/other_memory harm/raises_limits
        harm/signals harm/tcp harm/traces_parent harm/unix_sockets harm/x32_calls""",
}


class Attempt(NamedTuple):
    """What came of a submission."""

    scores: dict[str, float]
    trouble: str  # how the run ended, if it did not end well
    left: list[str]  # processes
    before: dict[str, str]  # prints of the files
    after: dict[str, str]
    has_secret: bool


class Outcome(NamedTuple):
    """A word of the table, and what it is said for."""

    word: str
    reasons: list[str]


class Bench:
    """A grader with the assignment, and what it leaves behind where nobody plays tricks."""

    def __init__(self, grader: Grader, folder: Path) -> None:
        """Exits unless the reference has full marks and an empty file none."""
        self.grader = grader
        self._pristine, self._room = folder / "pristine", folder / "room"
        self._pristine.mkdir(parents=True)
        grader.prepare(self._pristine)
        self._points = {item.name: item.points for item in items()}
        honest, empty = self.attempt((COURSE / "reference" / "small.py").read_text()), self.attempt("")
        if honest.scores != self._points or empty.scores.keys() != self._points.keys() or any(empty.scores.values()):
            sys.exit(f"{grader.name}: the solution gets {honest.scores} {honest.trouble}, an empty file {empty.scores}")
        self._usual = {*honest.after, *empty.after}
        self._steady = {path for path in honest.before if honest.before[path] == honest.after.get(path)}

    def attempt(self, source: str) -> Attempt:
        """Grades a submission in a new room."""
        work, secret = self._room / "work", secrets.token_hex(16)
        shutil.copytree(self._pristine, work)
        command = self.grader.command(work, source)
        before = dict(_prints(self._room, secret)[0])
        ended = contained.run(command, self._room, self.grader.needed, secret, SECONDS)
        after, has_secret = _prints(self._room, secret)
        try:
            scores, trouble = self.grader.scores(work), ""
        except (OSError, ValueError, SyntaxError, subprocess.CalledProcessError) as error:
            scores, trouble = {}, f"no results, exit status {ended.status} ({type(error).__name__})"
        if ended.status is None:
            trouble = f"no end within {SECONDS} seconds"
        subprocess.run(["chmod", "-R", "u+rwx", self._room], check=True)  # some leave what shutil stumbles over
        subprocess.run(["rm", "-rf", self._room], check=True)
        return Attempt(scores, trouble, ended.left, before, after, has_secret)

    def outcome(self, path: Path) -> Outcome:
        """What a trick gets."""
        attempt, honest = self.attempt(path.read_text("utf-8")), verdict_in(path).honest
        deserved = {item.name for item in items() if {item.name, item.exercise} & honest}
        forged = sorted(name for name, score in attempt.scores.items() if score and name not in deserved)
        lost = sorted(name for name in deserved if attempt.scores.get(name, 0) < self._points[name])
        leaks = self._leaks(attempt)
        troubles = [attempt.trouble] if attempt.trouble else []
        if forged:
            return Outcome("forged", forged)
        if leaks:
            return Outcome("leaked", leaks + troubles)
        return Outcome("lost", troubles or lost) if lost else Outcome("fair", [])

    def _leaks(self, attempt: Attempt) -> list[str]:
        """What the run left or gave away that it should not have."""
        was_killed = attempt.trouble.startswith("no end")
        new = [] if was_killed else sorted(attempt.after.keys() - self._usual)
        new = [name for name in new if not name.startswith(self.grader.place)]
        changed = sorted(name for name in self._steady if attempt.before.get(name) != attempt.after.get(name))
        return [
            *(f"process {name}" for name in attempt.left),
            *(f"new {name!r}" for name in new),
            *(f"changed {name!r}" for name in changed),
            *(["the secret"] if attempt.has_secret else []),
        ]


def _prints(room: Path, secret: str) -> tuple[dict[str, str], bool]:
    """A print of each file and folder, and whether a secret stands in one."""
    found, has_secret = {}, False
    for path in sorted(room.rglob("*")):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(room))] = hashlib.sha256(data).hexdigest()
        has_secret |= secret.encode() in data
    return found, has_secret


def tricks(only: Sequence[str] = ()) -> list[Path]:
    """The hostile submissions that make sense for every grader, or those of the given names."""
    left_out = {name for names in LEFT_OUT.values() for name in names.split()}
    taken = [path for path in FILES if path.relative_to(HOSTILE).with_suffix("").as_posix() not in left_out]
    if unknown := set(only) - {path.stem for path in taken}:
        sys.exit(f"no such trick, or left out: {', '.join(sorted(unknown))}")
    return [path for path in taken if not only or path.stem in only]


def compare(graders: Sequence[Grader], paths: Sequence[Path], folder: Path) -> dict[str, dict[str, Outcome]]:
    """Hands each trick to each grader, and prints the table: the outcomes by grader and trick."""
    benches = [Bench(grader, folder / grader.name) for grader in graders]
    print((f"{'':24}" + "".join(f"{grader.name:14}" for grader in graders)).rstrip())
    found: dict[str, dict[str, Outcome]] = {grader.name: {} for grader in graders}
    for path in paths:
        for bench in benches:
            found[bench.grader.name][path.stem] = bench.outcome(path)
        words = "".join(f"{outcomes[path.stem].word:14}" for outcomes in found.values())
        print(f"{path.stem:24}{words}".rstrip(), flush=True)
    return found


def _print_totals(graders: Sequence[Grader], found: dict[str, dict[str, Outcome]]) -> None:
    print(f"\n{'':24}" + "".join(f"{word:>8}" for word in WORDS))
    for grader in graders:
        counts = Counter(outcome.word for outcome in found[grader.name].values())
        print(f"{f'{grader.name} {grader.version}':24}" + "".join(f"{counts[word]:8}" for word in WORDS))
    print("\nwhat was not fair:")
    for name, outcomes in found.items():
        for trick, outcome in outcomes.items():
            if outcome.word != "fair":
                print(f"{name}, {trick}: {outcome.word}: {', '.join(outcome.reasons)[:160]}")
    print("\nleft out:")
    for reason, names in LEFT_OUT.items():
        print(f"{reason}: {', '.join(Path(name).stem for name in names.split())}")


def _installed(environments: Path) -> list[Grader]:
    """The graders that are to be had here; about the others it is said why not."""
    graders: list[Grader] = [Ours()]
    for kind, name in ((Otter, "otter-grader"), (Nbgrader, "nbgrader")):
        try:
            graders.append(kind(environments))
        except subprocess.CalledProcessError as error:
            print(f"{name} is left out: {others.why(error)}")
    return [*graders, Pytest()]


def main() -> None:
    parser = argparse.ArgumentParser(description="hands hostile submissions to graders; see the head of the file")
    parser.add_argument("--environments", type=Path, help="keeps the virtual environments (default: for this run only)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="tricks, by the names of their files")
    options = parser.parse_args()
    paths = tricks(options.only)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        graders = _installed((options.environments or folder / "environments").resolve())
        print(f"{len(paths)} tricks; each run has {contained.how()}", flush=True)
        _print_totals(graders, compare(graders, paths, folder))


if __name__ == "__main__":
    main()
