"""Reading a submission: what is a file that can be graded, and what text its cells hold."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from command import PROJECT

from graders.engine.errors import UsageError
from graders.engine.sitting import submission
from graders.engine.sitting.submission import find, read, read_in


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cells(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells]


def notebook(*sources: str) -> str:
    return nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]))


# %% Python files


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x = 1\n", "x = 1\n"),
        (b"", ""),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"x = 1\r\ny = '''a\r\nb'''\r", "x = 1\ny = '''a\nb'''\n"),
        ("x = 'ü日'".encode(), "x = 'ü日'"),
        (b"# -*- coding: latin-1 -*-\nx = '\xfc'", "# -*- coding: latin-1 -*-\nx = 'ü'"),
        (
            b"#!python\n# vim: set fileencoding=cp1252 :\nx = '\x80'",
            "#!python\n# vim: set fileencoding=cp1252 :\nx = '€'",
        ),
        (b"# coding: shift_jis\nx = '\x93\xfa'", "# coding: shift_jis\nx = '日'"),
        (b"%matplotlib inline\nx = 1", "%matplotlib inline\nx = 1"),  # magics are a matter of notebooks
    ],
)
def test_a_python_file_is_one_cell(folder: Path, data: bytes, text: str) -> None:
    (folder / "small.py").write_bytes(data)
    read_back = read(Path("small.py"))
    assert (read_back.file, [cell.label for cell in read_back.cells]) == ("small.py", ["small.py"])
    assert cells(Path("small.py")) == [text]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("small.py", b"x = '\xff'", "small.py is not UTF-8 text: byte 0xff in line 1"),
        ("small.py", b"x = 1\n\ry = '\xe4'", "small.py is not UTF-8 text: byte 0xe4 in line 3"),
        ("small.py", b"# coding: ascii\r\nx = '\xe4'", "small.py is not ascii text: byte 0xe4 in line 2"),
        ("small.py", b"# coding: klingon\n", "small.py cannot be read: unknown encoding: klingon"),
        ("small.py", b"# coding: punycode\n", "small.py cannot be read: its encoding punycode is not for programs"),
        (
            "small.py",
            b"# coding: hex\n",
            "small.py is not hex text: 'hex' is not a text encoding; use codecs.decode() to handle arbitrary codecs",
        ),
        ("small.py", "x = 1".encode("utf-16"), "small.py is not UTF-8 text: byte 0xff in line 1"),
        ("small.py", b"x = 1\0", "small.py is not text: byte 0x00 in line 1"),
        ("small.py", b"\x7fELF\x02\x01\x01" + bytes(100), "small.py is not text: byte 0x00 in line 1"),
        ("small.ipynb", b"\xff", "small.ipynb is not UTF-8 text: byte 0xff in line 1"),
        ("small.txt", b"x = 1", "small.txt is neither a .py file nor a notebook (.ipynb)"),
        ("small", b"x = 1", "small is neither a .py file nor a notebook (.ipynb)"),
        ("SMALL.PY", b"x = 1", "SMALL.PY is neither a .py file nor a notebook (.ipynb)"),
        ("a\nb\x1b[31m.py", b"\xff", "a?b?[31m.py is not UTF-8 text: byte 0xff in line 1"),
    ],
)
def test_what_is_not_text_is_refused(folder: Path, name: str, data: bytes, reason: str) -> None:
    (folder / name).write_bytes(data)
    with pytest.raises(UsageError) as refusal:
        read(Path(name))
    assert str(refusal.value) == reason


def test_a_file_that_is_too_large_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "_MAX_BYTES", 2**20)
    (folder / "small.py").write_bytes(b"#" * 2**20)
    assert len(cells(Path("small.py"))[0]) == 2**20
    (folder / "small.py").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(UsageError, match=r"small.py is larger than 1 MiB"):
        read(Path("small.py"))


def test_a_path_that_leads_to_no_file_is_refused(folder: Path) -> None:
    (folder / "folder.py").mkdir()
    (folder / "circle.py").symlink_to("circle.py")
    os.mkfifo(folder / "pipe.py")
    for name, reason in [
        ("nothing.py", "there is no file nothing.py"),
        ("no/folder.py", "there is no file no/folder.py"),
        ("folder.py", "folder.py is not a file"),
        ("pipe.py", "pipe.py is not a file"),
        ("circle.py", "there is no file circle.py"),
        ("x" * 300 + ".py", "cannot be read: File name too long"),
    ]:
        with pytest.raises(UsageError, match=reason):
            read(Path(name))


def test_what_becomes_a_pipe_while_it_is_looked_at_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "small.py")
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    with pytest.raises(UsageError, match=r"small.py is not a file"):
        read(Path("small.py"))


def test_a_link_that_leads_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, course = tmp_path / "answers", tmp_path / "course"
    for folder in (answers, course, answers / "real"):
        folder.mkdir()
        (folder / "small.py").write_text("x = 1")
    (answers / "file.py").symlink_to(course / "small.py")
    (answers / "folder").symlink_to(course)
    (answers / "beside.py").symlink_to("small.py")
    (answers / "within").symlink_to("real")
    (tmp_path / "entry").symlink_to(answers)
    for here in (answers, tmp_path / "entry"):  # the way to the current folder is nobody else's to lay
        monkeypatch.chdir(here)
        for name in ("file.py", "folder/small.py"):
            with pytest.raises(UsageError, match=rf"{name} leads, by a link, out of the folder that it is in"):
                read(Path(name))
        for name in ("small.py", "beside.py", "within/small.py"):
            assert cells(Path(name)) == ["x = 1"]
    assert cells(tmp_path / "entry" / "small.py") == ["x = 1"]
    monkeypatch.chdir(course)
    assert cells(tmp_path / "entry" / "small.py") == ["x = 1"]


def test_a_file_that_may_not_be_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (folder / "small.py").write_text("x = 1")
    monkeypatch.setattr(os, "open", refuse)  # root may read everything
    with pytest.raises(UsageError, match=r"small.py cannot be read: Permission denied"):
        read(Path("small.py"))


def test_odd_names_are_shown_plainly(folder: Path) -> None:
    odd = folder / "my answers" / "tab\tü.py"
    odd.parent.mkdir()
    odd.write_text("x = 1")
    assert read(odd).file == "my answers/tab?ü.py"
    assert read(Path("my answers") / ".." / "my answers" / odd.name).file == "my answers/tab?ü.py"
    assert read(odd).cells[0].label == "my answers/tab?ü.py"


def test_a_file_outside_the_current_folder_is_shown_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small.py").write_text("x = 1")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    assert read(Path("..") / "small.py").file == "../small.py"
    assert read(tmp_path / "small.py").file == str(tmp_path / "small.py")


def test_a_folder_holds_a_file_or_a_notebook_for_a_section(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no small.py or small.ipynb in ."):
        find(Path(), "small")
    (folder / "small.ipynb").write_text(notebook())
    assert find(Path(), "small") == Path("small.ipynb")
    (folder / "small.py").write_text("")
    assert find(Path(), "small") == Path("small.py")


def test_that_one_of_two_files_for_a_section_was_read_is_said(folder: Path) -> None:
    (folder / "small.py").write_text("x = 1")
    assert read_in(Path(), "small").notes == ()
    (folder / "small.ipynb").write_text(notebook("x = 2"))
    found = read_in(Path(), "small")
    assert [cell.source for cell in found.cells] == ["x = 1"]
    assert found.notes == ("small.ipynb is there too, and was not graded: where there are both, small.py counts",)
    (folder / "small.py").unlink()
    assert (read_in(Path(), "small").cells[0].source, read_in(Path(), "small").notes) == ("x = 2", ())


@pytest.mark.parametrize(
    ("text", "libraries"),
    [
        ("import numpy as np\nfrom torch import nn", {"numpy", "torch"}),
        ("if True:\n    import torch.nn as nn", {"torch"}),
        ("import torchvision\n# import numpy", set()),
    ],
)
def test_heavy_imports_are_seen_before_loading(folder: Path, text: str, libraries: set[str]) -> None:
    (folder / "small.py").write_text(text)
    assert read(folder / "small.py").imports == libraries


# %% Notebooks


def test_the_code_cells_of_a_notebook_are_cells_with_their_numbers(folder: Path) -> None:
    written = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Heading"),
            nbformat.v4.new_code_cell("x = 1\ny = 2"),
            nbformat.v4.new_raw_cell("raw"),
            nbformat.v4.new_code_cell("z = '''a\r\nb'''"),
        ]
    )
    nbformat.write(written, folder / "small.ipynb")
    labels = [cell.label for cell in read(Path("small.ipynb")).cells]
    assert labels == ["small.ipynb cell 2", "small.ipynb cell 4"]
    assert cells(folder / "small.ipynb") == ["x = 1\ny = 2", "z = '''a\nb'''"]


def test_notebooks_of_the_third_format_are_read(folder: Path) -> None:
    written = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input="x = 1"),
                                                     nbformat.v3.new_text_cell("markdown", source="text")])]
    )  # fmt: skip
    (folder / "small.ipynb").write_text(nbformat.v3.writes_json(written))
    assert cells(folder / "small.ipynb") == ["x = 1"]


@pytest.mark.parametrize(
    ("cell", "left"),
    [
        ("%%time\nx = 1", "\nx = 1"),
        ("%%capture --no-stderr\nx = 1\n\n%%time", "\nx = 1\n\n%%time"),
        ("\n \n%%time\n\nx = 1", "\n\n\n\nx = 1"),
        ("%%time", ""),
        ("%%bash\nrm x = 1", ""),
        ("%%timeit\nx = 1", "\nx = 1"),
        ("x = (5\n%%3)", "x = (5\n%%3)"),
    ],
)
def test_cell_magics_are_left_out(folder: Path, cell: str, left: str) -> None:
    (folder / "small.ipynb").write_text(notebook(cell))
    assert cells(folder / "small.ipynb") == [left]


def test_lone_surrogates_of_a_notebook_become_question_marks(folder: Path) -> None:
    (folder / "small.ipynb").write_text(notebook("x = 'HERE'").replace("HERE", "\\ud800"))
    assert cells(folder / "small.ipynb") == ["x = '?'"]


def test_what_json_does_not_know_and_python_writes_all_the_same_is_read(folder: Path) -> None:
    content = json.loads(notebook("x = 'NaN, \\\\ud800 \"Infinity'"))
    content["cells"][0]["outputs"] = [float("nan"), {"a": -float("inf")}, "NaN\ud83d"]
    (folder / "small.ipynb").write_text(json.dumps(content))
    assert cells(folder / "small.ipynb") == ["x = 'NaN, \\\\ud800 \"Infinity'"]
    pairs = notebook("HERE").replace("HERE", "\\ud83d\\ude00 \\ud83d \\\\ud83d \\ude00\\ud83d\\ude00")
    (folder / "small.ipynb").write_text(pairs)
    assert cells(folder / "small.ipynb") == ["😀 ? \\ud83d ?😀"]


def test_a_notebook_may_begin_with_a_mark_and_say_things_twice(folder: Path) -> None:
    cell = '{"cell_type": "raw", "cell_type": "code", "source": "x = 2", "source": "x = 1"}'
    text = f'{{"nbformat": 3, "cells": [], "cells": [{cell}], "nbformat": 4}}'
    (folder / "small.ipynb").write_text("\ufeff" + text)
    assert cells(folder / "small.ipynb") == ["x = 1"]  # the last one counts, as in Python


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1",
        "[1, 2]",
        "{}",
        "null",
        '{"nbformat": 4, "cells": 3}',
        '{"nbformat": 4}',
        '{"nbformat": 1, "cells": []}',
        '{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}',
        '{"nbformat": 4, "cells": [{"cell_type": "code", "source": {}}]}',
        '{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\\ud8"}]}',
        '{"nbformat": 4, "cells": [], "metadata": [NaN, nan]}',
        '{"nbformat": 3, "worksheets": [{}]}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
        '{"nbformat": "four", "cells": []}',
        '{"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []}',
        notebook("x = 1")[:-20],
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [[]]}),
    ],
)
def test_a_damaged_notebook_is_refused(folder: Path, text: str) -> None:
    (folder / "small.ipynb").write_text(text)
    with pytest.raises(UsageError, match=r"^small.ipynb is not a notebook that can be read: .+$"):
        read(Path("small.ipynb"))


def test_a_notebook_of_very_many_cells_is_refused(folder: Path) -> None:
    path = folder / "own.ipynb"
    path.write_text(notebook(*["x = 1"] * 2000))
    assert len(cells(path)) == 2000
    path.write_text(notebook(*["x = 1"] * 2001))
    with pytest.raises(UsageError, match="it has more than 2000 cells"):
        read(path)


def test_what_a_notebook_has_put_out_is_not_validated(folder: Path) -> None:
    content = json.loads(notebook("x = 1"))
    content["cells"][0]["outputs"] = [{"output_type": "of a later format"}]
    (folder / "own.ipynb").write_text(json.dumps(content))
    assert cells(folder / "own.ipynb") == ["x = 1"]


def test_what_is_noted_about_a_cell_is_not_validated(folder: Path) -> None:
    """To see that many tags differ, of which one is no text, takes minutes."""
    content = json.loads(notebook("x = 1"))
    content["cells"][0]["metadata"] = {"tags": [*map(str, range(300_000)), 1]}
    (folder / "own.ipynb").write_text(json.dumps(content))
    assert cells(folder / "own.ipynb") == ["x = 1"]


def test_cells_with_the_same_id_are_read_without_a_word(folder: Path) -> None:
    content = json.loads(notebook("x = 1", "y = 2"))
    for cell in content["cells"]:
        cell["id"] = "same"
    (folder / "own.ipynb").write_text(json.dumps(content))
    with warnings.catch_warnings(record=True) as warned:
        assert cells(folder / "own.ipynb") == ["x = 1", "y = 2"]
    assert not warned


def test_a_notebook_that_is_nested_too_deep_is_refused(folder: Path) -> None:
    for start in ('{"metadata": ', '{"nbformat": 4, "cells": [{"cell_type": "code", "source": '):
        (folder / "small.ipynb").write_text(start + "[" * 100_000 + "]" * 100_000 + "}")
        with pytest.raises(UsageError, match=r"small.ipynb is nested too deep for a notebook"):
            read(Path("small.ipynb"))


@pytest.mark.parametrize("version", ["\\ud800", "\\u001b]0;title\\u0007", "\\u202egnp"])
def test_the_reason_why_a_notebook_cannot_be_read_is_only_text(tmp_path, version):
    """It quotes what stands in the file, and is printed, sent to another process and kept in a database."""
    (tmp_path / "own.ipynb").write_text(f'{{"nbformat": "{version}", "metadata": {{}}}}')
    with pytest.raises(UsageError, match="is not a notebook that can be read") as caught:
        read(tmp_path / "own.ipynb")
    assert str(caught.value).isprintable()


# %% Files that are made to be hard to read

SIZE = 10 * 2**20
HARD = {
    "cells without anything": ('{"nbformat": 4, "cells": [', "{},", "{}]}"),
    "the smallest cells": ('{"nbformat": 4, "cells": [', '{"cell_type":""},', '{"cell_type":""}]}'),
    "the smallest worksheets": ('{"nbformat": 3, "worksheets": [', '{"cells":[]},', '{"cells":[]}]}'),
    "cells again and again": ('{"nbformat": 4', ',"cells":[]', "}"),
    "empty objects": ('{"nbformat": 4, "cells": [], "metadata": [', "{},", "{}]}"),
    "lists in lists": ('{"nbformat": 4, "cells": [], "metadata": ', "[", ""),
    "outputs": ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": [', "1,", "1]}]}"),
    "attachments": ('{"nbformat": 4, "cells": [{"cell_type": "raw", "attachments": {', '"a":{},', '"a":{}}}]}'),
    "many lines": ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": [', '"a",', '"a"]}]}'),
    "odd lines": ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": [', '"日",', '"日"]}]}'),
    "one line": ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "', "日", '"}]}'),
    "escapes": ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "', "\\n", '"}]}'),
    "halves": ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "', "\\ud800", '"}]}'),
    "no numbers": ('{"nbformat": 4, "cells": [], "metadata": [', "NaN,", "NaN]}"),
    "broken at the end": ('{"nbformat": 4, "cells": [], "metadata": ["', "\\n", '", N]'),
    "spaces": ('{"nbformat": 4, "cells": []', " ", "}"),
    "digits": ('{"nbformat": 4, "cells": [], "metadata": ', "9", "}"),
    "a long version": ('{"cells": [], "nbformat": ', "9", "}"),
}
TOKENS = ["\n", "\r", "\t\n", "(", "a ", "#", "日", "%", "import\n", "import numpy\n", "from a import b\n", '"', "\\\n"]
READ = """
import re, sys, time
from graders.engine.errors import UsageError
from graders.engine.sitting.submission import parse

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

data = open(sys.argv[1], "rb").read()
before, started = most(), time.process_time()
try:
    parse("own", "." + sys.argv[1].rpartition(".")[2], data).imports
except UsageError:
    pass
print(time.process_time() - started, most() - before)
"""


def costs(path: Path) -> tuple[float, float]:
    """The seconds and MiB that it takes to read a file."""
    run = subprocess.run([sys.executable, "-c", READ, path], cwd=PROJECT, capture_output=True, text=True, check=True)
    seconds, size = map(float, run.stdout.split())
    return seconds, size


@pytest.mark.parametrize("kind", HARD)
def test_no_notebook_takes_long_or_much_to_read(tmp_path: Path, kind: str) -> None:
    start, middle, end = HARD[kind]
    text = start + middle * ((SIZE - len(start) - len(end)) // len(middle.encode())) + end
    (tmp_path / "own.ipynb").write_bytes(text.encode())
    seconds, size = costs(tmp_path / "own.ipynb")
    assert seconds < 2
    assert size < 250


@pytest.mark.parametrize("token", TOKENS)
def test_no_text_takes_long_or_much_to_read(tmp_path: Path, token: str) -> None:
    (tmp_path / "own.py").write_bytes(token.encode() * (SIZE // len(token.encode())))
    seconds, size = costs(tmp_path / "own.py")
    assert seconds < 2
    assert size < 150
