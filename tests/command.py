"""Runs the real command, as a person or a script would, on the fixture course."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
COURSE = PROJECT / "tests" / "course"
ANSWERS = COURSE / "answers"
GRADE = [sys.executable, str(PROJECT / "grade.py")]

Finished = subprocess.CompletedProcess[str]
Record = dict[str, Any]


def environment(**changes: str) -> dict[str, str]:
    """The variables of this process, without those that change what a terminal shows, and with `changes`."""
    left_out = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TERM", "PYTHONHASHSEED")
    own = {name: value for name, value in os.environ.items() if name not in left_out}
    return own | {"GRADE_PROGRESS": "off"} | changes  # what is graded here is no learner's


def copy_of_the_course(folder: Path, *, begun: bool = False) -> Path:
    """Makes a copy of the fixture course at `folder`, without its papers; with its answers as exercises, if `begun`."""
    shutil.copytree(COURSE, folder, ignore=shutil.ignore_patterns(".papers", "__pycache__"))
    if begun:
        shutil.copytree(folder / "answers", folder / "exercises")
    return folder


def command(*arguments: object, cwd: Path = PROJECT, seconds: float = 300, **variables: str) -> Finished:
    """Runs `python grade.py` with `arguments` to its end. Nobody answers its questions.

    Where it says how it is called the next time, the paths to Python and to `grade.py` are left out.
    """
    finished = subprocess.run(
        [*GRADE, *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )
    finished.stdout = finished.stdout.replace(shlex.join(GRADE), "python grade.py")
    return finished


def record_of(finished: Finished) -> Record:
    """What a run wrote with `--json -`, which must be all that it wrote on stdout."""
    assert finished.returncode in (0, 1), finished.stderr
    return json.loads(finished.stdout)


def without_times(record: Record) -> Record:
    """The record without what is different each time: how long things took."""
    return json.loads(json.dumps(record), object_hook=lambda item: {k: v for k, v in item.items() if k != "seconds"})


def statuses(record: Record) -> dict[str, str]:
    """The status of each exercise, by name."""
    return {exercise["name"]: exercise["status"] for exercise in _exercises(record)}


def checks(record: Record) -> dict[str, Record]:
    """The checks, by name."""
    return {check["name"]: check for exercise in _exercises(record) for check in exercise["checks"]}


def _exercises(record: Record) -> Iterable[Record]:
    return (exercise for section in record["sections"] for exercise in section["exercises"])
