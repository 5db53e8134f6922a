"""The file of the learner's diary: how it is begun, brought from an older form into today's, and put aside if damaged.

It is a SQLite database with a write-ahead log: two processes can write at once, and one that is killed harms nothing.
"""

import sqlite3
import time
from pathlib import Path

_APPLICATION = 0x47524C31  # in the file's head: a diary of ours
_PATIENCE = 2.0  # seconds to wait for another process that writes
_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside the file
_FIRST = (
    "CREATE TABLE graded (id INTEGER PRIMARY KEY, at REAL NOT NULL, section TEXT NOT NULL, file TEXT NOT NULL, "
    "digest TEXT, sources TEXT, seed INTEGER, examples INTEGER, is_whole INTEGER, score REAL, points REAL, extra REAL, "
    "extras REAL, seconds REAL, version TEXT, revision TEXT, result BLOB)",
    "CREATE INDEX graded_of ON graded (section, at)",
    "CREATE TABLE exercise (graded INTEGER NOT NULL REFERENCES graded, name TEXT, status TEXT, score REAL, points REAL,"
    " mistakes TEXT)",
    "CREATE INDEX exercise_of ON exercise (graded)",
    "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, at REAL NOT NULL, section TEXT NOT NULL, status TEXT, "
    "criteria TEXT, curves TEXT, picture BLOB)",
    "CREATE TABLE review (at REAL NOT NULL, section TEXT NOT NULL, exercise TEXT NOT NULL, grade INTEGER)",
    "CREATE TABLE shown (at REAL NOT NULL, section TEXT NOT NULL, exercise TEXT NOT NULL, what TEXT, number INTEGER)",
)
# Each step makes the next version of the tables; a file's head says how many it has had. What is here is never changed.
_STEPS = (
    _FIRST,
    (
        "ALTER TABLE exercise ADD COLUMN extra REAL NOT NULL DEFAULT 0",
        "ALTER TABLE exercise ADD COLUMN extras REAL NOT NULL DEFAULT 0",
        "ALTER TABLE exercise ADD COLUMN places TEXT NOT NULL DEFAULT '[]'",
    ),
)


def opened(path: Path) -> tuple[sqlite3.Connection | None, str | None]:
    """The open database, None where there can be none, and what is to be said of it, in a sentence."""
    aside, end = None, time.monotonic() + _PATIENCE
    while True:
        try:
            return _connected(path), aside
        except _Foreign as error:
            return None, f"your progress is not kept: {error}"
        except sqlite3.OperationalError as error:  # the folder cannot be written, another process holds the file
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY and time.monotonic() < end:
                time.sleep(_PATIENCE / 100)  # to begin its log, SQLite does not wait by itself
                continue
            return None, f"your progress cannot be kept in {path}: {error}"
        except sqlite3.DatabaseError:
            if aside or not (aside := _put_aside(path)):
                break
    return None, f"your progress cannot be kept: {path} is damaged and cannot be put aside"


class _Foreign(Exception):
    """The file is somebody else's, or of a later version: it is left alone."""


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE, check_same_thread=False)
    try:
        run = database.execute
        run("BEGIN")  # all of one moment: another process may just be making the tables
        ours, version = (run(f"PRAGMA {what}").fetchone()[0] for what in ("application_id", "user_version"))
        tables = run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        run("COMMIT")
        if ours != _APPLICATION and tables:
            raise _Foreign(f"{path} is a database of something else")
        if ours == _APPLICATION and version > len(_STEPS):
            raise _Foreign(f"{path} was written by a later version of the grader")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        if ours == _APPLICATION and run("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("damaged")
        if ours != _APPLICATION or version < len(_STEPS):
            _begin(database)
        return database
    except BaseException:
        database.close()
        raise


def _begin(database: sqlite3.Connection) -> None:
    """Makes the tables, or gives those of an older version their new form, unless another process has just done it."""
    run = database.execute
    run("BEGIN IMMEDIATE")
    ours, version = (run(f"PRAGMA {what}").fetchone()[0] for what in ("application_id", "user_version"))
    for step in _STEPS[version if ours == _APPLICATION else 0 :]:
        for change in step:
            run(change)
    run(f"PRAGMA user_version = {len(_STEPS)}")
    run(f"PRAGMA application_id = {_APPLICATION}")
    run("COMMIT")


def _put_aside(path: Path) -> str | None:
    """Takes a damaged file out of the way; what is to be said of it, or None where it cannot be."""
    number = 1
    while (other := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        path.rename(other)
        for end in _BESIDE:
            Path(f"{path}{end}").unlink(missing_ok=True)
    except OSError:
        return None
    return f"{path.name} is damaged and was put aside as {other.name}; your progress is kept anew from here"
