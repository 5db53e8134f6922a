"""A course on disk: where it is, and which sections it has."""

import ast
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from graders.engine.errors import GraderError, UsageError

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Course:
    """A folder with `exercises/`, `reference/` and `graders/`, by default this project."""

    root: Path = PROJECT

    @property
    def secrets(self) -> list[Path]:
        """The folders that no answer may read, wherever the course lies."""
        return [self.root / name for name in ("reference", "graders", "tests", ".papers")]

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """The names of the sections, in study order."""
        manifest = self.root / "graders" / "__init__.py"
        try:
            tree = ast.parse(manifest.read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"{self.root} is not a course: {manifest.name} of its graders cannot be read") from error
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "SECTIONS":
                return tuple(ast.literal_eval(statement.value))
        raise GraderError(f"{manifest} does not say which sections there are")

    @property
    def closing(self) -> list[str]:
        """The names of the sections that end in a checkpoint, in study order."""
        return [name for name in self.sections if (self.root / "graders" / "checkpoints" / f"{name}.py").exists()]

    def known(self, name: str) -> str:
        """The section's `name` itself. Raises UsageError, with the nearest names, when there is no such section."""
        if name not in self.sections:
            raise UsageError(f"there is no section {name!r}{nearest(name, self.sections)}")
        return name

    def wanted(self, targets: Sequence[str]) -> dict[str, list[str] | None]:
        """What `targets` (section, section::exercise, or all) ask for: exercises by section, None where all are meant.

        Raises:
            UsageError: there is no such section.
        """
        asked: dict[str, list[str] | None] = {}
        for target in targets:
            name, _, exercise = target.partition("::")
            for section in self.sections if name == "all" else [self.known(name)]:
                if not exercise:
                    asked[section] = None
                elif (exercises := asked.setdefault(section, [])) is not None:
                    exercises.append(exercise)
        return {section: asked[section] for section in self.sections if section in asked}


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown `name`: those of `names` that look like it, or all of them."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=3) or names
    return f": did you mean {' or '.join(close)}?" if len(close) <= 3 else f"; there are {', '.join(close)}"
