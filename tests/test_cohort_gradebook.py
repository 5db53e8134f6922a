"""A gradebook that is damaged, or none at all: a sentence, nothing lost, and no result that was not so written."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import cohorts
import pytest
from cohorts import SAME, found, results
from command import PROJECT

from graders.cohort import gradebook
from graders.cohort.entries import Entry, Part
from graders.cohort.gradebook import Gradebook, Made
from graders.cohort.grading import Outcome
from graders.commands.cli import main
from graders.engine.errors import UsageError

cohort, folder, own = cohorts.cohort, cohorts.folder, cohorts.own  # fixtures

MADE = Made(0, 5, {"own": "key"})
RECORD = json.dumps({"text": "x" * 3000, "more": list(range(500))}).encode()
Change = Callable[[Path], object]


_graded: list[bytes] = []


@pytest.fixture
def book(cohort: cohorts.Cohort, folder: Path) -> Path:
    """The gradebook of a run that graded three submissions; it is the same each time."""
    path = folder.with_name("answers.gradebook")
    for name in ("ada", "bob", "eve"):
        (folder / f"{name}.py").write_text(f"# {name}\n{SAME}")
    if not _graded:
        assert cohort().returncode == 0
        _graded.append(path.read_bytes())
    path.write_bytes(_graded[0])
    return path


def sql(*statements: str) -> Change:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            for statement in statements:
                database.execute(statement)

    return change


def flip(place: int, bit: int = 0xFF) -> Change:
    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[place] ^= bit
        path.write_bytes(data)

    return change


def in_record(path: Path) -> None:
    """Flips a bit in the text of a record."""
    flip(path.read_bytes().index(b'"Gives it back."') + 3, 1)(path)


def away(path: Path, make: Change) -> None:
    """Puts something else in its place, and it beside it."""
    path.rename(path.with_suffix(".kept"))
    make(path)


def log_alone(path: Path) -> None:
    """What is left where the file was taken away while it was in use."""
    program = (
        "import os, sqlite3, sys; base = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "base.execute('PRAGMA journal_mode = WAL'); base.execute('UPDATE result SET runs = 2'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, path], check=True)
    path.rename(path.with_suffix(".kept"))
    assert Path(f"{path}-wal").stat().st_size


def resealed(path: Path) -> None:
    """Another format, with a seal that fits."""
    with closing(sqlite3.connect(path)) as database, database:
        row = ("99", gradebook._seal("format", "99"))
        database.execute("UPDATE made SET value = ?, seal = ? WHERE what = 'format'", row)


def of_the_first_version(path: Path) -> None:
    path.unlink()
    sql(
        f"PRAGMA application_id = {gradebook._APPLICATION}",
        "CREATE TABLE made (what TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE result (section TEXT, digest TEXT)",
        "INSERT INTO made VALUES ('format', '1')",
        "INSERT INTO result VALUES ('own', 'x')",
    )(path)


REFUSED: dict[str, tuple[Change, str]] = {
    "cut in half": (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
    "cut in its head": (lambda path: os.truncate(path, 50), "is damaged"),
    "first bytes": (flip(3), "is not a gradebook"),
    "page size": (flip(16), "is not a gradebook"),
    "text encoding": (flip(59), "is damaged (malformed database schema"),
    "number of the schema's format": (flip(47, 0x70), "cannot be used"),
    "whose file it is": (flip(70), "a database of something else"),
    "a page's head": (flip(4096 * 3), "is damaged"),
    "a page of zeros": (lambda path: path.write_bytes(path.read_bytes()[:8192] + bytes(4096) +
                        path.read_bytes()[12288:]), "is damaged"),
    "the table of tables": (flip(100 + 20), "is damaged"),
    "zeros": (lambda path: path.write_bytes(bytes(path.stat().st_size)), "is not a gradebook"),
    "a text": (lambda path: path.write_text("name,score\nada,1\n" * 100), "is not a gradebook"),
    "another database": (lambda path: (path.unlink(), sql("CREATE TABLE recipes (name TEXT)")(path)),
                         "a database of something else"),
    "another version": (resealed, "was written by another version"),
    "the first version": (of_the_first_version, "was written by another version"),
    "a missing table": (sql("DROP TABLE part"), "was written by another version of the grader, or is damaged"),
    "a missing column": (sql("ALTER TABLE result DROP COLUMN runs"), "or is damaged"),
    "what it was made with": (sql("UPDATE made SET value = '{' WHERE what = 'papers'"), "what it was made with"),
    "what it was made with is gone": (sql("DELETE FROM made WHERE what = 'seed'"), "what it was made with"),
    "a folder": (lambda path: away(path, Path.mkdir), "not a file"),
    "a pipe": (lambda path: away(path, os.mkfifo), "is not a file"),
    "a device": (lambda path: away(path, lambda place: place.symlink_to("/dev/zero")), "is not a file"),
    "a link to nowhere": (lambda path: away(path, lambda place: place.symlink_to("no/where")), "cannot be"),
    "a log without its file": (log_alone, "answers.gradebook-wal holds results of a gradebook that is not there"),
    "a pipe as its log": (lambda path: os.mkfifo(f"{path}-wal"), "answers.gradebook-wal is not a file"),
}  # fmt: skip


def contents(path: Path) -> dict[str, bytes]:
    """What lies in the gradebook's place and beside it, but for what SQLite makes anew each time."""
    files = (each for each in path.parent.glob(f"{path.stem}.*") if each.is_file() and each.suffix != ".gradebook-shm")
    return {each.name: each.read_bytes() for each in files}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_said_and_left_as_it_is(own, book, folder, capsys, kind):
    change, words = REFUSED[kind]
    change(book)
    before = contents(book)
    assert main(["cohort", str(folder), "--course", str(own.root), "--examples", "5", "--resume"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("grade.py: ")
    assert words in said.err
    assert contents(book) == before


AGAIN: dict[str, Change] = {
    "a bit of a record": in_record,
    "a score": sql("UPDATE result SET score = 0.5 WHERE rowid = 1"),
    "a status": sql("UPDATE result SET status = 'quarantined' WHERE rowid = 1"),
    "a seal": sql("UPDATE result SET seal = zeroblob(16) WHERE rowid = 1"),
    "no record": sql("UPDATE result SET record = NULL WHERE rowid = 1"),
    "a text for a number": sql("UPDATE result SET points = 'many' WHERE rowid = 1"),
    "a text for bytes": sql("UPDATE result SET record = CAST(record AS TEXT) WHERE rowid = 1"),
    "no text": sql("UPDATE result SET reason = CAST(x'ff' AS TEXT) WHERE rowid = 1"),
    "more runs": sql("UPDATE result SET runs = 3 WHERE rowid = 1"),
}


@pytest.mark.parametrize("kind", AGAIN)
def test_a_result_that_was_changed_is_graded_again(cohort, book, kind):
    before = results(book)
    AGAIN[kind](book)
    finished = cohort("--resume", "--json", "-")
    assert finished.returncode == 0
    assert {name: each["score"] for name, each in found(finished).items()} == {"ada": 1, "bob": 1, "eve": 1}
    assert finished.stderr.splitlines()[-2] == f"1 result in {book} was damaged and graded again"
    after = results(book)
    assert after.keys() == before.keys()
    assert len([each for each in after if after[each][1:] != before[each][1:]]) <= 1  # but for the times, all as before
    assert "damaged" not in cohort("--resume").stderr


def test_an_index_that_does_not_fit_is_made_anew(cohort, book):
    before = results(book)
    with closing(sqlite3.connect(book)) as database:
        (digest,) = database.execute("SELECT digest FROM result WHERE rowid = 2").fetchone()
    data = book.read_bytes()
    place = data.rindex(digest.encode())  # in the index, or in the table: either way they differ
    flip(place, 1)(book)
    finished = cohort("--resume")
    assert finished.returncode == 0, finished.stderr
    assert before.keys() <= results(book).keys()


def test_an_empty_file_is_a_new_gradebook(cohort, folder):
    (folder / "ada.py").write_text(SAME)
    path = folder.with_name("answers.gradebook")
    path.touch()
    for options in ((), ("--resume",)):
        assert cohort(*options).returncode == 0
    assert len(results(path)) == 1


def test_a_gradebook_that_may_not_be_written_is_refused(tmp_path):
    path = tmp_path / "read only"
    with Gradebook(path, MADE, resume=False) as book:
        book.keep(outcome("a"))
    path.chmod(0o444)
    before = path.read_bytes()
    program = (
        "import os, sys; from pathlib import Path; from graders.engine.errors import UsageError;"
        "from graders.cohort.gradebook import Gradebook, Made; os.getuid() or os.setuid(65534)\n"
        "try: Gradebook(Path(sys.argv[1]), Made(0, 5, {'own': 'key'}), resume=True)\n"
        "except UsageError as error: print(error)"
    )
    for place in (tmp_path, *tmp_path.parents[:2]):
        place.chmod(0o755)
    run = subprocess.run([sys.executable, "-c", program, path], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert run.stdout == f"{path} cannot be used: Permission denied\n"
    assert path.read_bytes() == before


def test_a_disk_that_is_full_is_said(cohort, book, folder, own, monkeypatch, capsys):
    connect = sqlite3.connect

    def small(*arguments: object, **options: object) -> sqlite3.Connection:
        database = connect(*arguments, **options)
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        return database

    for number in range(30):
        (folder / f"{number}.py").write_text(f"# {number}\n{SAME}")
    monkeypatch.setattr(sqlite3, "connect", small)
    arguments = ["cohort", str(folder), "--course", str(own.root), "--examples", "5", "--resume"]
    assert main(arguments) == 3
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "grade.py: what was graded before is kept; --resume goes on",
        f"grade.py: the grader itself failed, your answers are not at fault: {book} cannot be used any more: "
        "database or disk is full",
    ]
    monkeypatch.setattr(sqlite3, "connect", connect)
    assert len(results(book)) >= 3
    assert cohort("--resume").returncode == 0


def test_a_result_for_which_there_is_no_room_is_said(cohort, book, folder):
    for option in ("--csv", "--json", "--html"):
        finished = cohort("--resume", option, "/dev/full")
        assert (finished.returncode, finished.stdout) == (2, "")
        assert finished.stderr.splitlines()[-1] == "grade.py: /dev/full cannot be written: No space left on device"


@pytest.mark.parametrize("options", [("--csv", "-"), ("--json", "-"), ()])
def test_a_stdout_without_room_is_said(own, book, folder, options):
    arguments = ["cohort", folder, "--course", own.root, "--examples", 5, "--resume", *options]
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [sys.executable, PROJECT / "grade.py", *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert finished.returncode == 3
    assert finished.stderr.splitlines()[-1] == "grade.py: stdout takes no more: No space left on device"


# %% The gradebook alone


def outcome(digest: str, **changes: object) -> Outcome:
    values = {"status": "graded", "reason": None, "score": 1.0, "points": 2.0, "record": RECORD} | changes
    return Outcome("own", digest, **values)  # type: ignore[arg-type]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A gradebook of twenty submissions."""
    path = tmp_path / "whole.gradebook"
    with Gradebook(path, MADE, resume=False) as book:
        book.list_submissions([Entry(f"learner {number}", ("x",)) for number in range(20)])
        for number in range(20):
            part = Part("own", data=str(number).encode())
            book.take_down(number, [part])
            book.keep(outcome(part.digest, score=number / 10, reason="ü" if number % 2 else None))
    return path


def damages(data: bytes, chance: random.Random) -> Iterator[bytes]:
    for _ in range(150):
        spoiled = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 20))):
            spoiled[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        yield bytes(spoiled)
    for _ in range(25):
        yield data[: chance.randrange(len(data))]
    for _ in range(25):
        place = chance.randrange(len(data))
        yield data[:place] + chance.randbytes(512) + data[place + 512 :]


def test_whatever_is_damaged_no_other_result_comes_out(whole, tmp_path):
    """Each submission has the result that it had, or none; the rest is a refusal in words, or SQLite's error."""
    path = tmp_path / "spoiled.gradebook"
    right = {f"learner {number}": number / 10 for number in range(20)}
    ends, refusals = {"all": 0, "some": 0, "error": 0}, list[str]()
    for data in damages(whole.read_bytes(), random.Random(0)):
        for old in tmp_path.glob("spoiled*"):
            old.unlink()
        path.write_bytes(data)
        try:
            with Gradebook(path, MADE, resume=True) as book:
                for number in range(20):
                    book.has("own", Part("own", data=str(number).encode()).digest)
                seen = {each.name: each for each in book.standings()}
        except UsageError as error:
            refusals.append(str(error))
            continue
        except sqlite3.Error:  # the command says so
            ends["error"] += 1
            continue
        graded = {name: each.score for name, each in seen.items() if each.status == "graded"}
        assert all(right.get(name, score) == score for name, score in graded.items())
        assert all(bytes(section) == RECORD for each in seen.values() for section in each.sections)
        ends["all" if graded == right else "some"] += 1
    assert ends["some"] > 20
    assert len(refusals) > 20
    assert all(words.startswith(str(path)) and words.isprintable() for words in refusals)
    assert ends["error"] <= 5


def test_a_result_that_is_damaged_counts_as_not_graded_and_is_replaced(whole):
    digest = Part("own", data=b"3").digest
    sql(f"UPDATE result SET score = 9 WHERE digest = '{digest}'")(whole)
    with Gradebook(whole, MADE, resume=True) as book:
        assert book.damaged == 0
        assert not book.has("own", digest)
        assert book.damaged == 1
        statuses = {each.name: each.status for each in book.standings()}
        assert [name for name, status in statuses.items() if status == "pending"] == ["learner 3"]
        book.keep(outcome(digest, score=0.3))
        assert book.has("own", digest)
        assert {each.status for each in book.standings()} == {"graded"}
        assert book.damaged == 1


def test_a_refusal_leaves_no_lock(whole, tmp_path):
    for made in (Made(1, 5, MADE.papers), Made(0, 5, {"own": "other"})):
        with pytest.raises(UsageError):
            Gradebook(whole, made, resume=True)
    shutil.copy(whole, tmp_path / "copy")
    with Gradebook(whole, MADE, resume=True) as book:
        assert len(list(book.standings())) == 20
