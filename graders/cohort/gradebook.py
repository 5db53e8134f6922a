"""The gradebook: what a cohort's run found, kept in one SQLite file as it comes.

Every result is a transaction of its own in a write-ahead log, so a process that is killed loses nothing that was
finished. Results are kept by section and digest of what was handed in: equal parts have one result, a part that was
changed since has none, and going on is a matter of looking up what is there.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from graders.cohort.entries import Part
from graders.cohort.grading import Outcome
from graders.cohort.names import shown
from graders.cohort.standing import Standing, SubmissionStatus
from graders.engine.errors import UsageError

_FORMAT = 1
_CHOICE = "say the same again, or name another --gradebook"
_APPLICATION = 0x47524B31  # in the file's head: a gradebook of ours
_TABLES = """
CREATE TABLE made (what TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE submission (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, is_read INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE part (
    submission INTEGER NOT NULL, place INTEGER NOT NULL, section TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (submission, place)
);
CREATE TABLE result (
    section TEXT NOT NULL, digest TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, score REAL NOT NULL,
    points REAL NOT NULL, record BLOB NOT NULL, runs INTEGER NOT NULL, PRIMARY KEY (section, digest)
);
"""
_RESULT = "section, digest, status, reason, score, points, record, runs"


class Made(msgspec.Struct, frozen=True):
    """What a gradebook's results depend on."""

    seed: int
    examples: int
    papers: dict[str, str]  # the key of each section's paper


class Gradebook:
    """An open gradebook. No other process can use it meanwhile.

    Args:
        path: the file.
        made: what its results depend on.
        resume: go on with the results that are there; without it there must be none.

    Raises:
        UsageError: there is one and `resume` was not said, or it was made with something else, or is no gradebook.
    """

    def __init__(self, path: Path, made: Made, *, resume: bool):
        self._path, self._name = path, shown(str(path))
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # marks are nobody else's business
            self._database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
            self._open(made, resume)
        except OSError as error:
            raise UsageError(f"{self._name} cannot be used: {error.strerror}") from error
        except sqlite3.OperationalError as error:
            raise UsageError(f"{self._name} cannot be used, or another run is using it: {error}") from error
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{self._name} is not a gradebook: {error}") from error

    def __enter__(self) -> "Gradebook":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def _open(self, made: Made, resume: bool) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        ours = run("PRAGMA application_id").fetchone()[0] == _APPLICATION
        if not ours and run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise UsageError(f"{self._name} is not a gradebook, but a database of something else")
        if ours and not resume and run("SELECT count(*) FROM result").fetchone()[0]:
            raise UsageError(f"{self._name} is there already: --resume goes on with it, --gradebook names another")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("BEGIN EXCLUSIVE")
        if not ours:
            run(f"PRAGMA application_id = {_APPLICATION}")
            for statement in filter(str.strip, _TABLES.split(";")):
                run(statement)
        if not run("SELECT count(*) FROM result").fetchone()[0]:  # new, or stopped before there was anything in it
            values = {"format": _FORMAT, **msgspec.to_builtins(made)}
            pairs = [(what, json.dumps(value, sort_keys=True)) for what, value in values.items()]
            self._database.executemany("INSERT OR REPLACE INTO made VALUES (?, ?)", pairs)
        run("COMMIT")
        self._check(made)

    def _check(self, made: Made) -> None:
        kept = {what: json.loads(value) for what, value in self._database.execute("SELECT what, value FROM made")}
        if kept.get("format") != _FORMAT:
            raise UsageError(f"{self._name} was written by another version of the grader: begin a new one")
        for what, now in (("seed", made.seed), ("examples", made.examples)):
            if kept[what] != now:
                raise UsageError(f"{self._name} was made with --{what} {kept[what]}, not {now}: {_CHOICE}")
        if kept["papers"].keys() != made.papers.keys():
            raise UsageError(f"{self._name} was made for {', '.join(kept['papers'])}: {_CHOICE}")
        for section, key in made.papers.items():
            if kept["papers"][section] != key:
                raise UsageError(f"{self._name} was made with another edition of {section}: begin a new gradebook")

    def list_submissions(self, names: Sequence[str]) -> None:
        """Sets which submissions there are, in this order. Results stay; what is no longer there is listed no more."""
        run = self._database.execute
        run("BEGIN")
        run("DELETE FROM part")
        run("DELETE FROM submission")
        self._database.executemany("INSERT INTO submission (id, name) VALUES (?, ?)", enumerate(names))
        run("COMMIT")

    def take_down(self, number: int, parts: Sequence[Part]) -> None:
        """Notes what the submission with this number in the list holds."""
        run = self._database.execute
        run("BEGIN")
        rows = [(number, place, part.section, part.digest) for place, part in enumerate(parts)]
        self._database.executemany("INSERT INTO part VALUES (?, ?, ?, ?)", rows)
        run("UPDATE submission SET is_read = 1 WHERE id = ?", (number,))
        run("COMMIT")

    def has(self, section: str, digest: str) -> bool:
        """Whether there is a result for such a part."""
        found = self._database.execute("SELECT 1 FROM result WHERE section = ? AND digest = ?", (section, digest))
        return found.fetchone() is not None

    def forget_given_up(self) -> None:
        """Forgets the results of what could not be graded, so that it is tried again."""
        self._database.execute("DELETE FROM result WHERE status = 'quarantined'")

    def keep(self, outcome: Outcome) -> None:
        """Keeps a result, at once and for good."""
        row = (*(getattr(outcome, name) for name in _RESULT.split(", ")),)
        self._database.execute(f"INSERT INTO result ({_RESULT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def standings(self) -> Iterator[Standing]:
        """How each submission stands, in the order of the list, one at a time."""
        for number, name, is_read in self._database.execute("SELECT id, name, is_read FROM submission ORDER BY id"):
            query = (
                f"SELECT {_RESULT} FROM part JOIN result USING (section, digest) WHERE submission = ? ORDER BY place"
            )
            outcomes = [self._outcome(row) for row in self._database.execute(query, (number,))]
            (expected,) = self._database.execute("SELECT count(*) FROM part WHERE submission = ?", (number,)).fetchone()
            is_done = bool(is_read) and len(outcomes) == expected
            yield _standing(name, outcomes, is_done=is_done)

    def _outcome(self, row: Sequence[Any]) -> Outcome:
        return Outcome(**dict(zip(_RESULT.split(", "), row, strict=True)))


def _standing(name: str, outcomes: Sequence[Outcome], *, is_done: bool) -> Standing:
    """The standing of a submission, of which all parts have their outcomes if it `is_done`."""
    status, reason = _status(outcomes, is_done)
    return Standing(
        name=name,
        score=sum(outcome.score for outcome in outcomes),
        points=sum(outcome.points for outcome in outcomes),
        status=status,
        reason=reason,
        sections=tuple(msgspec.Raw(outcome.record) for outcome in outcomes),
    )


def _status(outcomes: Sequence[Outcome], is_done: bool) -> tuple[SubmissionStatus, str | None]:
    if not is_done:
        return "pending", None
    bad = [outcome for outcome in outcomes if outcome.status in ("unreadable", "quarantined")]
    reason = "; ".join(dict.fromkeys(outcome.reason for outcome in bad if outcome.reason)) or None
    if any(outcome.status == "graded" for outcome in outcomes):
        return ("partly_graded" if bad else "graded"), reason
    return ("quarantined" if any(outcome.status == "quarantined" for outcome in bad) else "unreadable"), reason
