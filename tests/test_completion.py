"""How a command line may go on: what a shell that asks is told."""

import os
import subprocess
import sys

import pytest
from command import PROJECT, environment

from graders.commands import COMMANDS
from graders.engine.course import Course


def told(line: str) -> list[str]:
    """The words with which a line may go on, as argcomplete hands them to a shell."""
    inward, outward = os.pipe()
    variables = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    variables |= {"_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_COMP_WORDBREAKS": " ", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    with subprocess.Popen(
        ["bash", "-c", f"exec 8>&{outward} 9>/dev/null; exec {sys.executable} {PROJECT / 'grade.py'}"],
        env=environment(**variables),
        pass_fds=[outward],
        cwd=PROJECT,
    ):
        os.close(outward)
        with os.fdopen(inward, encoding="utf-8") as answers:
            return [word.strip() for word in answers.read().split("\n") if word.strip()]


def test_a_line_begins_with_a_section_or_a_command() -> None:
    assert {*told("grade.py ")} >= {*Course().sections, *COMMANDS}
    assert told("grade.py back") == ["backprop"]
    assert told("grade.py chec") == ["checkpoint"]


@pytest.mark.parametrize("line", ["grade.py ", "grade.py hint ", "grade.py solution "])
def test_exercises_of_a_section(line: str) -> None:
    assert told(f"{line}backprop::unb") == ["backprop::unbroadcast"]


def test_a_command_has_its_own_options() -> None:
    assert "--give-up" in told("grade.py review --")
    assert "--watch" in told("grade.py backprop --")
    assert "--give-up" not in told("grade.py backprop --")


def test_a_section_that_is_not_there_is_no_error() -> None:
    assert told("grade.py nothing::x") == []
