"""What no answer may read, wherever the course lies."""

from pathlib import Path

import pytest
from command import command, copy_of_the_course, record_of

from graders.engine.worker import sandbox

READS = """
def halve(x):
    with open({path!r}) as file:
        return file.read()
"""


@pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support()))
@pytest.mark.parametrize("name", ["reference/small.py", "graders/small.py"])
def test_a_course_below_a_folder_of_libraries_keeps_its_secrets(tmp_path: Path, name: str) -> None:
    libraries = tmp_path / "site-packages"
    course = copy_of_the_course(libraries / "course")
    (libraries / "library.py").write_text("x = 1")
    for path, error in ((course / name, "PermissionError"), (libraries / "library.py", None)):
        answer = tmp_path / "small.py"
        answer.write_text(READS.format(path=str(path)))
        arguments = ("small::halve", "--course", course, "--submission", answer, "--json", "-")
        record = record_of(command(*arguments, PYTHONPATH=str(libraries)))
        (check,) = record["sections"][0]["exercises"][0]["checks"]
        assert check["status"] == ("raised" if error else "failed")
        assert (error or "") in (check["error"] or "")
