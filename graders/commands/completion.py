"""Tells a shell how a command line may go on: commands, sections, exercises, options.

argcomplete asks a program for this by running it with a variable set; `activate-global-python-argcomplete` once makes
shells ask whatever has its mark in its first lines, also as `python grade.py`.
"""

import argparse
import os
from collections.abc import Sequence

from graders.commands import COMMANDS
from graders.engine.course import Course
from graders.engine.errors import GraderError, UsageError

ASKED = "_ARGCOMPLETE"  # set by shells that ask


def answer(parser: argparse.ArgumentParser) -> None:
    """Answers the shell and ends the process. `parser` is that of the command with which the line begins."""
    import argcomplete

    is_first = not words_before()
    _without_command()
    for action in parser._actions:
        if not action.option_strings and "SECTION" in str(action.metavar):
            action.completer = _Targets(COMMANDS if is_first else ())  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options="long")


class _Targets:
    """Sections, the exercises of the one that is being written, and commands where the line begins."""

    def __init__(self, commands: Sequence[str]):
        self._commands = commands

    def __call__(self, prefix: str, **_: object) -> list[str]:
        """What may stand in the place of `prefix`."""
        from graders.engine.authoring.material import find  # only where a shell asks: every command imports this module

        course = Course()
        try:
            section, colons, _rest = prefix.partition("::")
            if colons:
                return [f"{section}::{name}" for name in find(course, section).outline.exercises]
            return [*course.sections, *self._commands]
        except (UsageError, GraderError):
            return []


def words_before() -> list[str]:
    """The words of the line between the program's name and the one that is being written."""
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))]
    words = line.split()
    done = words if line.endswith(" ") else words[:-1]
    place = next((at for at, word in enumerate(done) if word.endswith("grade.py")), 0)
    return done[place + 1 :]


def _without_command() -> None:
    """Takes the command's name out of the line: its parser does not know it."""
    before = words_before()
    if before and before[0] in COMMANDS:
        line, point = os.environ["COMP_LINE"], int(os.environ["COMP_POINT"])
        os.environ["COMP_LINE"] = line.replace(f" {before[0]}", "", 1)
        os.environ["COMP_POINT"] = str(point - len(before[0]) - 1)
