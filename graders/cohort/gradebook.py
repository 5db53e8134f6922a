"""The gradebook: what a cohort's run found, kept in one SQLite file as it comes.

Every result is a transaction of its own in a write-ahead log, so a process that is killed loses nothing that was
finished. Results are kept by section and digest of what was handed in: equal parts have one result, a part that was
changed since has none, and going on is a matter of looking up what is there.

Disks and people damage files. One whose pages are damaged is left as it is, and that is said. Every result bears a
seal, and one that does not fit it any more is as good as none: it is graded again, and replaced.
"""

import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from graders.cohort.entries import Entry, Part
from graders.cohort.grading import Outcome
from graders.cohort.names import shown
from graders.cohort.standing import Standing, SubmissionStatus
from graders.engine.errors import UsageError

_FORMAT = 2
_CHOICE = "say the same again, or name another --gradebook"
_ANEW = "put a copy of it in its place, or name another --gradebook"
_APPLICATION = 0x47524B31  # in the file's head: a gradebook of ours
_BESIDE = ("wal", "shm", "journal")  # what SQLite keeps beside the file, by its ending
# A result is not asked to be of some type or other: its seal says whether it is as it was written.
_TABLES = (
    "CREATE TABLE made (what TEXT PRIMARY KEY, value TEXT, seal BLOB)",
    "CREATE TABLE submission (id INTEGER PRIMARY KEY, name TEXT UNIQUE, note TEXT, is_read INTEGER DEFAULT 0)",
    "CREATE TABLE part (submission INTEGER, place INTEGER, section TEXT, digest TEXT, PRIMARY KEY (submission, place))",
    "CREATE TABLE result (section TEXT, digest TEXT, status TEXT, reason TEXT, score REAL, points REAL, record BLOB, "
    "runs INTEGER, seal BLOB, PRIMARY KEY (section, digest))",
)
_RESULT = "section, digest, status, reason, score, points, record, runs"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


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
        UsageError: there is one and `resume` was not said, or it was made with something else, or it is damaged, or no
            gradebook. Then it is left as it is.
    """

    def __init__(self, path: Path, made: Made, *, resume: bool):
        self._path, self._name = path, shown(str(path))
        self._damaged: set[tuple[str, str]] = set()
        try:
            self._look()
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # marks are nobody else's business
            self._database = sqlite3.connect(path, isolation_level=None, timeout=0.5)
        except OSError as error:
            raise UsageError(f"{self._name} cannot be used: {error.strerror}") from error
        except sqlite3.Error as error:
            raise UsageError(f"{self._name} cannot be used: {error}") from error
        self._database.text_factory = lambda data: data.decode(errors="replace")  # what is none does not fit its seal
        try:
            self._open(made, resume)
        except BaseException as error:
            self._database.close()
            if isinstance(error, sqlite3.Error):
                raise UsageError(f"{self._name} {_trouble(error)}") from error
            raise

    def __enter__(self) -> "Gradebook":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def _look(self) -> None:
        """Looks at the files before SQLite does, which waits for pipes and takes a log without its file for rubbish."""
        sizes = {}
        for file in (self._path, *(Path(f"{self._path}-{end}") for end in _BESIDE)):
            with suppress(FileNotFoundError):
                found = os.stat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise UsageError(f"{shown(str(file))} is not a file")
                sizes[file] = found.st_size
        log = Path(f"{self._path}-wal")
        if sizes.get(log) and not sizes.get(self._path):
            raise UsageError(
                f"{shown(str(log))} holds results of a gradebook that is not there: put {self._name} back, or take the "
                "log away"
            )

    def _open(self, made: Made, resume: bool) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        ours = run("PRAGMA application_id").fetchone()[0] == _APPLICATION
        if not ours and run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise UsageError(f"{self._name} is not a gradebook, but a database of something else")
        if ours:
            self._check_whole()
            if not resume and run("SELECT count(*) FROM result").fetchone()[0]:
                raise UsageError(f"{self._name} is there already: --resume goes on with it, --gradebook names another")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("BEGIN EXCLUSIVE")
        if not ours:
            run(f"PRAGMA application_id = {_APPLICATION}")
            for statement in _TABLES:
                run(statement)
        if not run("SELECT count(*) FROM result").fetchone()[0]:  # new, or stopped before there was anything in it
            values = {"format": _FORMAT, **msgspec.to_builtins(made)}
            rows = [
                (what, value := json.dumps(each, sort_keys=True), _seal(what, value)) for what, each in values.items()
            ]
            self._database.executemany("INSERT OR REPLACE INTO made VALUES (?, ?, ?)", rows)
        run("COMMIT")
        self._check(made)

    def _check_whole(self) -> None:
        """Looks whether SQLite can read all of it, and its tables are those of a gradebook of this version.

        An index that does not fit its table any more is made anew: there is nothing in it that is not in the table.
        """
        run = self._database.execute
        found = run("PRAGMA quick_check(1)").fetchone()[0]
        if found == "ok":
            tables = {sql for (sql,) in run("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
            if tables != set(_TABLES):
                raise UsageError(f"{self._name} was written by another version of the grader, or is damaged: {_ANEW}")
            if run("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                run("REINDEX")
            found = run("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise UsageError(f"{self._name} {_damaged(found)}")

    def _check(self, made: Made) -> None:
        kept = {}
        for what, value, seal in self._database.execute("SELECT what, value, seal FROM made"):
            if seal != _seal(what, value):
                raise UsageError(f"{self._name} {_damaged('what it was made with')}")
            kept[what] = json.loads(value)
        if kept.get("format") != _FORMAT:
            raise UsageError(f"{self._name} was written by another version of the grader: {_ANEW}")
        if kept.keys() != {"format", *Made.__struct_fields__}:
            raise UsageError(f"{self._name} {_damaged('what it was made with')}")
        for what, now in (("seed", made.seed), ("examples", made.examples)):
            if kept[what] != now:
                raise UsageError(f"{self._name} was made with --{what} {kept[what]}, not {now}: {_CHOICE}")
        if kept["papers"].keys() != made.papers.keys():
            raise UsageError(f"{self._name} was made for {', '.join(kept['papers'])}: {_CHOICE}")
        for section, key in made.papers.items():
            if kept["papers"][section] != key:
                raise UsageError(f"{self._name} was made with another edition of {section}: begin a new gradebook")

    @property
    def damaged(self) -> int:
        """How many of the results that were looked at did not fit their seals."""
        return len(self._damaged)

    def list_submissions(self, entries: Sequence[Entry]) -> None:
        """Sets which submissions there are, in this order. Results stay; what is no longer there is listed no more."""
        run = self._database.execute
        run("BEGIN")
        run("DELETE FROM part")
        run("DELETE FROM submission")
        rows = [(number, entry.name, entry.note) for number, entry in enumerate(entries)]
        self._database.executemany("INSERT INTO submission (id, name, note) VALUES (?, ?, ?)", rows)
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
        """Whether there is a result for such a part, as it was kept."""
        return self._found(section, digest) is not None

    def _found(self, section: str, digest: str) -> Outcome | None:
        query = f"SELECT {_RESULT}, seal FROM result WHERE section = ? AND digest = ?"
        row = self._database.execute(query, (section, digest)).fetchone()
        if row is None:
            return None
        *values, seal = row
        if values[:2] != [section, digest] or seal != _seal(*values):
            self._damaged.add((section, digest))
            return None
        return Outcome(*values)

    def forget_given_up(self) -> None:
        """Forgets the results of what could not be graded, so that it is tried again."""
        self._database.execute("DELETE FROM result WHERE status = 'quarantined'")

    def keep(self, outcome: Outcome) -> None:
        """Keeps a result, at once and for good; in the place of a damaged one, where there is one."""
        values = [getattr(outcome, name) for name in _RESULT.split(", ")]
        values[4:6] = map(float, values[4:6])  # as they will be read
        places = ", ".join("?" * (len(values) + 1))
        self._database.execute(f"INSERT OR REPLACE INTO result VALUES ({places})", (*values, _seal(*values)))

    def standings(self) -> Iterator[Standing]:
        """How each submission stands, in the order of the list, one at a time."""
        listed = self._database.execute("SELECT id, name, note, is_read FROM submission ORDER BY id")
        for number, name, note, is_read in listed:
            query = "SELECT section, digest FROM part WHERE submission = ? ORDER BY place"
            found = [self._found(*part) for part in self._database.execute(query, (number,)).fetchall()]
            outcomes = [outcome for outcome in found if outcome]
            yield _standing(name, note, outcomes, is_done=bool(is_read) and len(outcomes) == len(found))


def _seal(*values: Any) -> bytes:
    """What shows whether values are still those that were written: of other ones, or other types, it is another."""
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=16).digest()


def _trouble(error: sqlite3.Error) -> str:
    """The rest of a sentence about a file that SQLite cannot use."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the kind; the rest says more than anybody needs
    if code in _BUSY:
        return f"cannot be used, another run is using it: {error}"
    if code == sqlite3.SQLITE_NOTADB:
        return f"is not a gradebook: {error}"
    if code == sqlite3.SQLITE_CORRUPT:
        return _damaged(str(error))
    return f"cannot be used: {error}"


def _damaged(what: str) -> str:
    return f"is damaged ({shown(what)}), and was left as it is: {_ANEW}"


def _standing(name: str, note: str | None, outcomes: Sequence[Outcome], *, is_done: bool) -> Standing:
    """The standing of a submission, of which all parts have their outcomes if it `is_done`."""
    status, reason = _status(outcomes, is_done)
    return Standing(
        name=name,
        score=sum(outcome.score for outcome in outcomes),
        points=sum(outcome.points for outcome in outcomes),
        status=status,
        reason="; ".join(filter(None, (reason, note))) or None,
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
