"""What a learner has done so far, in one SQLite file: every grading, every checkpoint, what was shown of hints and
solutions.

It lies in the course's folder as `.progress.sqlite3`; the variable GRADE_PROGRESS names another file, or says `off`. It
is the learner's own diary: nothing that decides about anybody reads it, and where CI is set nothing is kept.

A run is a transaction in a write-ahead log, so a process that is killed loses the run in hand and nothing else, and two
processes can write at once. A file that is damaged is put aside and a new one begun; whatever goes wrong here is said
in a sentence and never keeps anybody from being graded.
"""

import hashlib
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from graders.engine.course import Course
from graders.engine.results import SectionResult
from graders.engine.sitting.submission import content
from graders.report.record import encoded
from graders.report.streams import say

_FILE, _VARIABLE = ".progress.sqlite3", "GRADE_PROGRESS"
_APPLICATION, _VERSION = 0x47524C31, 1  # in the file's head: a diary of ours, and which form its tables have
_PATIENCE = 2.0  # seconds to wait for another process that writes
_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside the file
_TABLES = (
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


T = TypeVar("T")


class Run(NamedTuple):
    """A grading of a section, as it is remembered."""

    at: float  # seconds since 1970
    section: str
    score: float
    points: float
    extra: float  # points beside the score
    extras: float
    is_whole: bool  # all exercises of the section were graded


class Seen(NamedTuple):
    """An exercise in one of the gradings."""

    at: float
    section: str
    exercise: str
    status: str
    score: float
    points: float
    mistakes: tuple[str, ...]


class Shown(NamedTuple):
    """A hint or a solution that was shown."""

    at: float
    section: str
    exercise: str
    what: str  # `hint`, `first line` or `solution`
    number: int


class Reviewed(NamedTuple):
    """An exercise that was solved again."""

    at: float
    section: str
    exercise: str
    grade: int  # how well it went: 1 not at all, 2 with trouble, 3 well


class Trained(NamedTuple):
    """A checkpoint that was carried out."""

    at: float
    section: str
    status: str
    criteria: tuple[tuple[str, float | None, bool], ...]  # name, value, reached
    curves: dict[str, list[float | None]]
    picture: bytes | None  # a PNG


class History:
    """The diary of a course. Without a file (it is off, or cannot be used) it remembers nothing and answers nothing.

    Args:
        database: the open file.
        trouble: what is to be said of it, in a sentence.
    """

    def __init__(self, database: sqlite3.Connection | None, trouble: str | None = None):
        self._database, self.trouble = database, trouble

    @property
    def keeps(self) -> bool:
        """Whether anything is remembered."""
        return self._database is not None

    def close(self) -> None:
        """Closes the file."""
        if self._database:
            with suppress(sqlite3.Error):
                self._database.close()

    # %% To write
    def graded(self, result: SectionResult, course: Course, seed: int, examples: int, *, is_whole: bool) -> None:
        """Remembers what came of grading a section."""
        file, extras = str(Path(result.file).absolute()), result.extras
        origin = (digest(Path(result.file)), sources(course, result.name), seed, examples, is_whole)
        found = (result.score, result.points, extras.score, extras.points, result.seconds)
        kept = encoded(result) if is_whole else None  # without what UTF-8 cannot carry
        values = (time.time(), result.name, file, *origin, *found, *_versions(course.root), kept)
        with self._writing() as write:
            if is_whole:  # the newest is enough to answer from
                write("UPDATE graded SET result = NULL WHERE section = ? AND file = ?", result.name, file)
            write(f"INSERT INTO graded VALUES (NULL{', ?' * len(values)})", *values)
            number = write("SELECT last_insert_rowid()").fetchone()[0]
            for each in result.exercises:
                named = dict.fromkeys(mistake for check in each.checks for mistake in check.mistakes)
                mistakes = encoded(list(named)).decode()
                row = (number, each.name, each.status, each.score, each.points, mistakes)
                write("INSERT INTO exercise VALUES (?, ?, ?, ?, ?, ?)", *row)

    def trained(self, result: SectionResult, picture: bytes | None) -> None:
        """Remembers what came of a checkpoint. `picture` is its plot, a PNG."""
        found = result.checkpoint
        if found is None:
            return
        criteria = [(each.name, each.value, each.reached) for each in found.criteria]
        texts = [encoded(value).decode() for value in (criteria, found.curves)]
        with self._writing() as write:
            write("UPDATE checkpoint SET picture = NULL, curves = '{}' WHERE section = ?", result.name)
            row = (time.time(), result.name, found.status, *texts, picture)
            write("INSERT INTO checkpoint VALUES (NULL, ?, ?, ?, ?, ?, ?)", *row)

    def shown(self, section: str, exercise: str, what: str, number: int) -> None:
        """Remembers that a hint or a solution was shown."""
        with self._writing() as write:
            write("INSERT INTO shown VALUES (?, ?, ?, ?, ?)", time.time(), section, exercise, what, number)

    def reviewed(self, section: str, exercise: str, grade: int) -> None:
        """Remembers how a review went."""
        with self._writing() as write:
            write("INSERT INTO review VALUES (?, ?, ?, ?)", time.time(), section, exercise, grade)

    # %% To read
    def known(self, course: Course, section: str, file: Path, seed: int, examples: int) -> SectionResult | None:
        """What the last grading of all of a file has found, if nothing has changed since: neither it nor the course."""
        rows = self._rows(
            tuple[bytes],
            "SELECT result FROM graded WHERE section = ? AND file = ? AND digest = ? AND sources = ? AND seed = ? AND "
            "examples = ? AND result IS NOT NULL ORDER BY id DESC LIMIT 1",
            *(section, str(file.absolute()), digest(file), sources(course, section), seed, examples),
        )
        with suppress(msgspec.MsgspecError):
            for (data,) in rows:
                return msgspec.json.decode(data, type=SectionResult)
        return None

    def runs(self) -> list[Run]:
        """All gradings, in their order."""
        return self._rows(Run, "SELECT at, section, score, points, extra, extras, is_whole FROM graded ORDER BY at, id")

    def seen(self) -> list[Seen]:
        """All exercises of all gradings, in their order."""
        return self._rows(
            Seen,
            "SELECT at, section, name, status, exercise.score, exercise.points, mistakes FROM exercise JOIN graded "
            "ON graded.id = graded ORDER BY at, graded.id, exercise.rowid",
        )

    def all_shown(self) -> list[Shown]:
        """All hints and solutions that were shown, in their order."""
        return self._rows(Shown, "SELECT at, section, exercise, what, number FROM shown ORDER BY at, rowid")

    def reviews(self) -> list[Reviewed]:
        """All reviews, in their order."""
        return self._rows(Reviewed, "SELECT at, section, exercise, grade FROM review ORDER BY at, rowid")

    def checkpoints(self) -> list[Trained]:
        """All checkpoints that were carried out, in their order."""
        question = "SELECT at, section, status, criteria, curves, picture FROM checkpoint ORDER BY at, id"
        return self._rows(Trained, question)

    def _rows(self, kind: type[T], question: str, *values: Any) -> list[T]:
        """The answers to a question as what they are; none where somebody has written something else into the file."""
        if self._database is None:
            return []
        try:
            rows = self._database.execute(question, values).fetchall()
            return [msgspec.convert([_decoded(each) for each in row], kind, strict=False) for row in rows]
        except (sqlite3.Error, msgspec.ValidationError, ValueError) as error:  # that of Unicode too
            self._give_up(error)
            return []

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """A transaction. Where it fails nothing of it is kept, and that is said once."""
        if self._database is None:
            yield lambda *_: _Nothing()
            return
        database = self._database
        try:
            database.execute("BEGIN IMMEDIATE")
            yield lambda question, *values: database.execute(question, values)
            database.execute("COMMIT")
        except (sqlite3.Error, UnicodeError) as error:  # names of files may be anything
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            self._give_up(error)
        except BaseException:
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise

    def _give_up(self, error: Exception) -> None:
        self.trouble = self.trouble or f"your progress cannot be kept: {error}"


def _decoded(value: Any) -> Any:
    """A column of a row: lists and tables are kept as JSON."""
    return msgspec.json.decode(value) if isinstance(value, str) and value[:1] in ("[", "{") else value


class _Nothing:
    """What a question gives where there is nobody to ask."""

    def fetchone(self) -> tuple[int]:
        return (0,)


@contextmanager
def opened(course: Course) -> Iterator[History]:
    """The diary of a course, for as long as it is needed. What was wrong with it is said at the end."""
    history = _open(course)
    try:
        yield history
    finally:
        history.close()
        if history.trouble:
            say(history.trouble)


def _open(course: Course) -> History:
    named = os.environ.get(_VARIABLE)
    if named == "off" or (named is None and os.environ.get("CI")):
        return History(None)
    path = Path(named) if named else course.root / _FILE
    aside = None
    for _ in range(2):
        try:
            return History(_connected(path), aside)
        except _Foreign as error:
            return History(None, f"your progress is not kept: {error}")
        except sqlite3.OperationalError as error:  # the folder cannot be written, another process holds the file
            return History(None, f"your progress cannot be kept in {path}: {error}")
        except sqlite3.DatabaseError:
            aside = _put_aside(path)
            if aside is None:
                break
    return History(None, f"your progress cannot be kept: {path} is damaged and cannot be put aside")


class _Foreign(Exception):
    """The file is somebody else's, or of a later version: it is left alone."""


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE, check_same_thread=False)
    try:
        run = database.execute
        ours, version = (run(f"PRAGMA {what}").fetchone()[0] for what in ("application_id", "user_version"))
        if ours != _APPLICATION and run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise _Foreign(f"{path} is a database of something else")
        if ours == _APPLICATION and version > _VERSION:
            raise _Foreign(f"{path} was written by a later version of the grader")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        if ours != _APPLICATION:
            _begin(database)
        elif run("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("damaged")
        return database
    except BaseException:
        database.close()
        raise


def _begin(database: sqlite3.Connection) -> None:
    """Makes the tables, unless another process has done it in this moment."""
    database.execute("BEGIN IMMEDIATE")
    if database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
        for table in _TABLES:
            database.execute(table)
        database.execute(f"PRAGMA user_version = {_VERSION}")
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute("COMMIT")


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


def digest(file: Path) -> str | None:
    """Stands for the content of a file, and of the files beside it that it imports; None where there is none that can
    be read."""
    found = content(file)
    if found is None:
        return None
    whole = hashlib.blake2b(found.pop(""), digest_size=16)
    for name, data in found.items():
        whole.update(b"\0%b %d\0" % (name.encode(), len(data)) + data)
    return whole.hexdigest()


def sources(course: Course, section: str) -> str:
    """Stands for all of the course that a grade of a section follows from."""
    own = [course.root / folder / f"{section}.py" for folder in ("graders", "reference")]
    return _digest_of(own) + _shared_sources(course.root)


@cache
def _shared_sources(root: Path) -> str:
    engine = Path(__file__).parents[1] / "engine"
    return _digest_of([*sorted((root / "exercises" / "given").rglob("*.py")), *sorted(engine.rglob("*.py"))])


def _digest_of(paths: Sequence[Path]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for path in paths:
        with suppress(OSError):
            found.update(hashlib.blake2b(path.read_bytes()).digest())
    return found.hexdigest()


@cache
def _versions(root: Path) -> tuple[str | None, str | None]:
    """Of the grader, and the commit that the course's folder is at."""
    from importlib.metadata import PackageNotFoundError, version

    own, commit = None, None
    with suppress(PackageNotFoundError):
        own = version("from-scratch-grader")
    if (root / ".git").exists():
        with suppress(OSError, subprocess.SubprocessError):
            asked = ["git", "-C", str(root), "rev-parse", "HEAD"]
            commit = subprocess.run(asked, capture_output=True, text=True, timeout=2, check=True).stdout.strip()
    return own, commit
