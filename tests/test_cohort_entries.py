"""What people hand in: every kind of entry is read or refused with a reason, and nothing is written or followed."""

import io
import os
import socket
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graders.cohort import archives
from graders.cohort.entries import Entry, Part, read, scan
from graders.cohort.names import Told, shown, told_apart

RIGHT = b"def same(x):\n    return x\n"
WANTED = ("own", "other")
BOTH = "own.ipynb is there too, and was not graded: where there are both, own.py counts"
Read = Callable[..., Part]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of submissions; nothing beside it may be there after the test."""
    (tmp_path / "secret.py").write_bytes(b"secret = 1\n")
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    yield cohort
    assert {path.name for path in tmp_path.iterdir()} == {"secret.py", "cohort"}


@pytest.fixture
def read_one(folder: Path) -> Read:
    """Reads the only submission of the folder; gives its part for the section `own`."""

    def run(*, wanted: tuple[str, ...] = ("own",)) -> Part:
        before = sorted(os.walk(folder))
        (entry,) = scan(str(folder))
        part, *_ = read(str(folder), entry, wanted)
        assert sorted(os.walk(folder)) == before
        return part

    return run


def zipped(path: Path, *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # of the same name twice
        for name, data in files:
            archive.writestr(name, data)


def of_kind(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (mode | 0o644) << 16
    return info


# %% Names


ODD = [
    "ä ö",
    "-rf",
    "a\nb",
    "a\tb",
    "=1+1",
    "<b>",
    "x" * 252,
    "a'b\"c",
    "$(id)",
    "%s",
    "日本",
    "a\u202eb",
    "a\\nb",
]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_names_like_any_other(folder, read_one, name):
    (folder / f"{name}.py").write_bytes(RIGHT)
    assert read_one() == Part("own", ".py", RIGHT)
    (entry,) = scan(str(folder))
    assert entry.name.isprintable()


def test_a_name_of_255_bytes_and_one_that_is_no_utf8(folder):
    for name in (b"y" * 255, b"z\xff\xfe"):
        os.mkdir(os.path.join(os.fsencode(folder), name))
    assert [entry.name for entry in scan(str(folder))] == ["y" * 255, "z\\xff\\xfe"]
    for entry in scan(str(folder)):
        assert "holds no file of a section" in (read(str(folder), entry, ("own",))[0].trouble or "")


def test_different_names_are_shown_differently():
    names = ["a\nb", "a\\nb", "a\\\nb", "\u202e", "\\u202e", "\U000e0001", os.fsdecode(b"\xff"), "\\xff", "ÿ"]
    assert len({shown(name) for name in names}) == len(names)


def test_names_that_differ_in_case_are_two_learners(folder):
    (folder / "Ada.py").write_bytes(RIGHT)
    (folder / "ada.py").write_bytes(b"")
    first, second = scan(str(folder))
    assert (first.name, second.name) == ("Ada", "ada")
    assert first.note == "there is also ada, a name that is nearly the same"
    assert second.note == "there is also Ada, a name that is nearly the same"
    assert read(str(folder), first, ("own",)) != read(str(folder), second, ("own",))


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["Zoe\u0308", "Zo\u00eb"], ["Zoe\\u0308", "Zoë"]),
        (["\u212bsa", "\u00c5sa", "A\u030asa"], ["\\u212bsa", "Åsa", "A\\u030asa"]),
        (["\ud55c", "\u1112\u1161\u11ab"], ["한", "\\u1112\\u1161\\u11ab"]),
        (["ZOE\u0308", "zo\u00eb"], ["ZOE\u0308", "zoë"]),  # they look different already
        (["straße", "STRASSE"], ["straße", "STRASSE"]),
    ],
)
def test_names_that_look_the_same_are_told_apart(names, written):
    told = told_apart(names)
    assert [told[name].shown for name in names] == written
    for name, own in zip(names, written, strict=True):
        others = ", ".join(other for other in written if other != own)
        assert told[name].note == f"there is also {others}, a name that is nearly the same"


def test_most_names_are_shown_as_they_are():
    names = ["Zoe\u0308", "ada", "bob", os.fsdecode(b"\xff")]
    assert told_apart(names) == {name: Told(shown(name), None) for name in names}


def test_what_was_handed_in_twice_is_ambiguous(folder, read_one):
    (folder / "ada").mkdir()
    (folder / "ada" / "own.py").write_bytes(RIGHT)
    zipped(folder / "ada.zip", ("own.py", RIGHT))
    assert read_one().trouble == "it was handed in more than once: ada, ada.zip"


def test_hidden_files_and_our_own_are_no_submissions(folder):
    for name in (".DS_Store", ".git", "__pycache__", "marks.csv", "ada.py"):
        (folder / name).write_bytes(RIGHT)
    assert scan(str(folder), {os.path.realpath(folder / "marks.csv")}) == [Entry("ada", ("ada.py",))]


# %% Files and folders


def test_a_folder_holds_a_file_a_section(folder, read_one):
    (folder / "ada").mkdir()
    (folder / "ada" / "own.ipynb").write_bytes(b"{}")
    assert read_one() == Part("own", ".ipynb", b"{}")
    (folder / "ada" / "own.py").write_bytes(RIGHT)
    assert read_one(wanted=WANTED) == Part("own", ".py", RIGHT, note=BOTH)
    (entry,) = scan(str(folder))
    assert read(str(folder), entry, WANTED)[1] == Part("other")


def test_in_a_clone_of_the_course_the_exercises_count(folder, read_one):
    for name in ("exercises", "graders", "reference"):
        (folder / "ada" / name).mkdir(parents=True)
        (folder / "ada" / name / "own.py").write_bytes(RIGHT + name.encode())
    assert read_one(wanted=WANTED).data == RIGHT + b"exercises"
    (folder / "ada" / "own.py").write_bytes(RIGHT)
    assert read_one(wanted=WANTED).data == RIGHT


@pytest.mark.parametrize("top", ["", "course-main/"])
def test_in_an_archive_of_the_course_the_exercises_count(folder, read_one, top):
    zipped(folder / "ada.zip", *((f"{top}{name}/own.py", name.encode()) for name in ("graders", "exercises", "tests")))
    assert read_one(wanted=WANTED).data == b"exercises"


def test_exercises_that_are_a_link_are_not_followed(folder, read_one):
    (folder / "ada").mkdir()
    (folder / "ada" / "exercises").symlink_to(folder.parent)
    trouble = read_one().trouble
    assert trouble == "it has a folder exercises that is a symbolic link, and links are not followed"


def test_a_single_file_needs_a_single_section(folder, read_one):
    (folder / "ada.ipynb").write_bytes(b"{}")
    assert read_one() == Part("own", ".ipynb", b"{}")
    assert read_one(wanted=WANTED).trouble == (
        "it is one file, and 2 sections are graded: name its section with --section"
    )


def make_link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "secret.py")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket may not be long
        end.bind(path.name)
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "trouble"),
    [
        (make_link, "is a symbolic link, and links are not followed"),
        (lambda path: path.symlink_to(path), "is a symbolic link, and links are not followed"),
        (os.mkfifo, "is not a file"),
        (make_socket, "cannot be read: No such device or address"),
        (Path.mkdir, ""),
    ],
    ids=["link", "link to itself", "pipe", "socket", "folder"],
)
def test_what_is_no_file_is_refused_at_once(folder, read_one, make, trouble):
    make(folder / "ada.py")
    assert (read_one().trouble or "").startswith(f"it {trouble}")
    (folder / "ada.py").rename(folder / "own.py")
    (folder / "ada").mkdir()
    (folder / "own.py").rename(folder / "ada" / "own.py")
    assert (read_one().trouble or "").startswith(f"own.py {trouble or 'is not a file'}")


def test_a_linked_folder_is_not_followed(folder, read_one):
    (folder / "ada").symlink_to(folder.parent)
    assert read_one().trouble == "it is a symbolic link, and links are not followed"


def test_a_hard_link_is_a_file(folder, read_one):
    (folder / "ada.py").hardlink_to(folder.parent / "secret.py")
    assert read_one().data == b"secret = 1\n"


@pytest.mark.parametrize(
    ("name", "trouble"), [("ada.txt", "neither a folder nor a .py, .ipynb or .zip file"), ("ada.zip", "not a zip file")]
)
def test_other_files_are_refused(folder, read_one, name, trouble):
    (folder / name).write_bytes(RIGHT)
    assert trouble in read_one().trouble


def test_no_more_is_read_than_a_submission_may_have(folder, read_one):
    with (folder / "ada.py").open("wb") as file:
        file.truncate(2**40)
    assert len(read_one().data) == archives.MAX_BYTES + 1


def test_digests_tell_parts_apart():
    parts = [
        Part("own"),
        Part("own", data=b""),
        Part("own", ".ipynb", data=b""),
        Part("own", trouble=""),
        Part("own", trouble="x"),
        Part("own", data=b"x"),
        Part("own", data=b"x+1:x"),
        Part("own", data=b"x", trouble="x"),
        Part("own", data=b"x", note="x"),
    ]
    assert len({part.digest for part in parts}) == len(parts)


# %% Archives


@pytest.mark.parametrize("name", ["own.py", "ada/own.py", "whatever.py", "deep/down/under/mine.py"])
def test_an_archive_holds_a_folder_or_a_file(folder, read_one, name):
    zipped(folder / "ada.ZIP", ("__MACOSX/own.py", b"x"), (".hidden/own.py", b"x"), ("notes.txt", b""), (name, RIGHT))
    assert read_one() == Part("own", ".py", RIGHT)


def test_a_colon_is_no_drive(folder, read_one):
    zipped(folder / "ada.zip", ("own.py", RIGHT), ("note: a.txt", b""))
    assert read_one() == Part("own", ".py", RIGHT)


def test_an_archive_of_several_sections(folder, read_one):
    zipped(folder / "ada.zip", ("ada/", b""), ("ada/other.ipynb", b"{}"), ("ada/old/own.py", b"x"))
    (entry,) = scan(str(folder))
    assert read(str(folder), entry, WANTED) == [Part("own"), Part("other", ".ipynb", b"{}")]


@pytest.mark.parametrize("place", ["", "ada/", "course/exercises/"])
def test_an_archive_with_a_file_and_a_notebook(folder, read_one, place):
    zipped(folder / "ada.zip", (f"{place}own.ipynb", b"{}"), (f"{place}own.py", RIGHT), ("else/where/own.ipynb", b"{}"))
    assert read_one() == Part("own", ".py", RIGHT, note=BOTH)


@pytest.mark.parametrize(
    ("files", "trouble"),
    [
        ([("/etc/own.py", RIGHT)], "leads out of it: /etc/own.py"),
        ([("../own.py", RIGHT)], "leads out of it: ../own.py"),
        ([("own.py", RIGHT), ("a/../../secret.py", b"")], "leads out of it"),
        ([("..\\own.py", RIGHT)], "leads out of it"),
        ([("C:\\own.py", RIGHT)], "leads out of it"),
        ([("C:own.py", RIGHT)], "leads out of it"),
        ([(of_kind("own.py", stat.S_IFLNK), b"/etc/passwd")], "holds a symbolic link: own.py"),
        ([(of_kind("sub", stat.S_IFLNK), b".."), ("sub/own.py", RIGHT)], "holds a symbolic link: sub"),
        ([(of_kind("own.py", stat.S_IFBLK), b"")], "neither a file nor a folder"),
        ([(of_kind("own.py", stat.S_IFCHR), b"")], "neither a file nor a folder"),
        ([(of_kind("own.py", stat.S_IFIFO), b"")], "neither a file nor a folder"),
        ([("own.py", RIGHT), ("own.py", b"")], "holds own.py twice"),
        ([("own.py", RIGHT), ("./own.py", b"")], "holds ./own.py twice"),
        ([("a/own.py", RIGHT), ("b/own.py", RIGHT)], "holds own.py in several folders"),
        ([("own.zip", RIGHT)], "holds no file of a section that is graded, such as own.py"),
        ([("a.py", RIGHT), ("b.py", RIGHT)], "holds no file of a section"),
        ([], "holds no file of a section"),
        ([(f"{number}", b"") for number in range(archives.MAX_MEMBERS + 1)], "holds more than 2000 members"),
        ([("own.py", bytes(archives.MAX_BYTES + 1))], "larger than 10 MiB"),
        ([("own.py", bytes(archives.MAX_BYTES - 1))], "unpacks to more than 200 times its size"),
    ],
)
def test_what_has_no_business_in_an_archive(folder, read_one, files, trouble):
    zipped(folder / "ada.zip", *files)
    assert trouble in read_one().trouble


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_not_unpacked(folder, read_one, method):
    zipped(folder / "ada.zip", ("own.py", RIGHT), method=method)
    assert "compressed in a way that is not read here" in read_one().trouble


def test_an_encrypted_archive(folder, read_one):
    zipped(folder / "ada.zip", ("own.py", RIGHT))
    data = bytearray((folder / "ada.zip").read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1
    (folder / "ada.zip").write_bytes(data)
    assert read_one().trouble == "it is encrypted: own.py"


def test_an_archive_that_lies_about_sizes(folder, read_one, monkeypatch):
    """The size in the table of contents is small, what comes out is not: it is read no further than that."""
    path = folder / "ada.zip"
    zipped(path, ("own.py", bytes(50_000_000)))
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 100)
    path.write_bytes(data)
    most = []
    decompress = zlib.decompressobj

    def watched(*arguments: int) -> object:
        class Watched:
            def __init__(self) -> None:
                self._inner = decompress(*arguments)

            def __getattr__(self, name: str) -> object:
                return getattr(self._inner, name)

            def decompress(self, data: bytes, limit: int = 0) -> bytes:
                found = self._inner.decompress(data, limit)
                most.append(len(found))
                return found

        return Watched()

    monkeypatch.setattr(zlib, "decompressobj", watched)
    assert "is not a zip file that can be read" in read_one().trouble
    assert sum(most) < 2 * archives.MAX_BYTES


def test_a_table_of_contents_of_megabytes_is_not_read(folder, read_one):
    path = folder / "ada.zip"
    zipped(path, ("own.py", RIGHT))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\x05\x06") + 12, 2**21)
    path.write_bytes(data)
    assert read_one().trouble == "it holds more than 2000 members"


def test_an_archive_of_the_64_bit_kind(folder, read_one):
    path = folder / "ada.zip"
    zipped(path, ("own.py", RIGHT))
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    path.write_bytes(data[:end] + struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1) + data[end:])
    assert "of the 64-bit kind" in read_one().trouble


def test_an_archive_that_is_too_large_is_not_opened(folder, read_one):
    with (folder / "ada.zip").open("wb") as file:
        file.truncate(archives.MAX_ARCHIVE + 1)
    assert read_one().trouble == "it is larger than 64 MiB"


def test_every_way_to_cut_or_spoil_an_archive_is_survived():
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("own.py", RIGHT * 3)
    data = whole.getvalue()
    spoiled = [data[:end] for end in range(len(data))]
    spoiled += [bytes([*data[:place], data[place] ^ change, *data[place + 1 :]])
                for place in range(len(data)) for change in (1, 0x80, 0xFF)]  # fmt: skip
    read_anyway, reasons = 0, list[str]()
    for attempt in spoiled:
        try:
            found = archives.members(io.BytesIO(attempt), ("own",))
        except archives.Refused as error:
            reasons.append(str(error))
        else:
            read_anyway += bool(found)
    assert 0 < read_anyway < len(spoiled)
    assert all(map(str.isprintable, reasons))
