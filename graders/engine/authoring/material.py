"""The files of a section, and what the deciding process loads from them when it is needed."""

import ast
import itertools
import re
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from graders.engine.authoring import shaking
from graders.engine.authoring.outline import Outline, agree, outline
from graders.engine.authoring.reading import parsed
from graders.engine.authoring.section import Change, Mistake, Section
from graders.engine.authoring.stubs import stub
from graders.engine.course import Course
from graders.engine.errors import GraderError
from graders.engine.values.definitions import first_line

if TYPE_CHECKING:
    from graders.engine.authoring.closing import Checkpoint


_GIVEN = re.compile(r"\bexercises\.given\.(\w+)")


def find(course: Course, name: str) -> "Material":
    """The material of the section `name`. Raises UsageError, with the nearest names, when there is none."""
    return Material(course, course.known(name))


@dataclass(frozen=True)
class Material:
    """The files of one section, and what is loaded from them when it is needed."""

    course: Course
    name: str

    @property
    def grader(self) -> Path:
        """Its checks."""
        return self.course.root / "graders" / f"{self.name}.py"

    @property
    def reference(self) -> Path:
        """Its solved file."""
        return self.course.root / "reference" / f"{self.name}.py"

    @property
    def exercises(self) -> Path:
        """The file learners edit."""
        return self.course.root / "exercises" / f"{self.name}.py"

    @cached_property
    def given(self) -> list[Path]:
        """The ready-made code that the section's files name, and what that names in turn."""
        folder = self.course.root / "exercises" / "given"
        found: set[Path] = set()
        left = [path for path in (self.grader, self.reference, self.checkpoint_file) if path.exists()]
        while left:
            named = {folder / f"{name}.py" for name in _GIVEN.findall(_read(left.pop()))}
            new = {path for path in named - found if path.exists()}
            found |= new
            left += new
        return sorted(found)

    @property
    def checkpoint_file(self) -> Path:
        """Its checkpoint; not every section has one."""
        return self.course.root / "graders" / "checkpoints" / f"{self.name}.py"

    @cached_property
    def grader_source(self) -> str:
        """The text of the grader file."""
        return _read(self.grader)

    @cached_property
    def reference_source(self) -> str:
        """The text of the reference."""
        return _read(self.reference)

    @cached_property
    def probes(self) -> str:
        """A module with the probes of all checks, and nothing else of the grader file."""
        return shaking.probes(self.grader_source, shaking.checks(self.grader_source))

    @cached_property
    def untouched(self) -> str:
        """The exercise file as a learner first gets it, made from the reference."""
        exercises = shaking.exercises(self.grader_source)
        if missing := set(exercises) - shaking.bound(parsed(self.reference_source)):
            raise GraderError(f"{self.name}: the reference has no exercise {min(missing)!r}")
        return stub(self.reference_source, exercises)

    @cached_property
    def outline(self) -> Outline:
        """What the grader file says of its exercises and checks, without executing it."""
        return outline(self.grader_source)

    @cached_property
    def section(self) -> Section:
        """The section's checks. Imports Hypothesis."""
        said = self.outline
        module = module_of(self.grader_source, f"graders.{self.name}", self.grader)
        section = getattr(module, "section", None)
        if not isinstance(section, Section) or section.name != self.name:
            raise GraderError(f"{self.grader} does not define a Section named {self.name!r}")
        agree(said, section)
        return section

    @cached_property
    def checkpoint(self) -> "Checkpoint":
        """The section's closing experiment."""
        from graders.engine.authoring.closing import Checkpoint

        module = module_of(_read(self.checkpoint_file), f"graders.checkpoints.{self.name}", self.checkpoint_file)
        for value in vars(module).values():
            if isinstance(value, Checkpoint):
                return value
        raise GraderError(f"{self.checkpoint_file} does not define a checkpoint")

    @cached_property
    def experiment(self) -> str:
        """A module with the experiment of the section's checkpoint and what it refers to, and nothing else of it."""
        return shaking.probes(_read(self.checkpoint_file), [self.checkpoint.name])

    @cached_property
    def reference_module(self) -> ModuleType:
        """The solved file, loaded."""
        return module_of(self.reference_source, self.name, self.reference)

    def mistaken_source(self, *mistakes: Mistake) -> str:
        """The reference's text after the edits of one mistake, or of several.

        Raises:
            GraderError: an edit's old text does not occur exactly once in the exercise's source, or two get in each
                other's way.
        """
        source = self.reference_source
        made = sorted(change for mistake in mistakes for change in _changes(self.reference_source, mistake, self.name))
        for one, other in itertools.pairwise(made):
            if one.overlaps(other):
                raise GraderError(f"{self.name}: two edits change the same: {one.new!r} and {other.new!r}")
        for start, end, new in reversed(made):
            source = source[:start] + new + source[end:]
        return source

    def mistaken_exercise(self, *mistakes: Mistake) -> tuple[int, str]:
        """The text of the exercise that all these mistakes are about, after their edits, and the line it begins in."""
        start, end = _extent(self.reference_source, mistakes[0].exercise, self.name)
        source = self.mistaken_source(*mistakes)
        longer = len(source) - len(self.reference_source)
        return source.count("\n", 0, start) + 1, source[start : end + longer]

    def are_apart(self, one: Mistake, other: Mistake) -> bool:
        """Whether the edits of both can be made in the reference, neither getting in the way of the other."""
        pairs = itertools.product(*(_changes(self.reference_source, mistake, self.name) for mistake in (one, other)))
        return not any(change.overlaps(another) for change, another in pairs)


@lru_cache(maxsize=512)
def _changes(source: str, mistake: Mistake, section: str) -> list[Change]:
    """What the edits of a mistake do to a reference."""
    start, end = _extent(source, mistake.exercise, section)
    text = source[start:end]
    for edit in mistake.edits:
        if (count := text.count(edit.old)) != 1:
            found = f"{edit.old!r} {count} times, not once"
            raise GraderError(f"{section}: an edit of {mistake.exercise} finds {found}")
    places = [start + text.index(edit.old) for edit in mistake.edits]
    return [Change(place, place + len(old), new) for place, (old, new) in zip(places, mistake.edits, strict=True)]


@lru_cache(maxsize=64)
def _extent(source: str, exercise: str, section: str) -> tuple[int, int]:
    """From where to where the text of an exercise goes in a reference."""
    lines = source.splitlines(keepends=True)
    for node in parsed(source):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == exercise:
            assert node.end_lineno is not None  # ast.parse always gives one
            return sum(map(len, lines[: first_line(node) - 1])), sum(map(len, lines[: node.end_lineno]))
    raise GraderError(f"{section}: the reference has no exercise {exercise!r}")


def module_of(source: str, name: str, path: Path) -> ModuleType:
    """A module made by executing trusted `source`, which was read, or made by an edit, from `path`.

    It is in `sys.modules` only while it loads (dataclasses look there), so that several editions can live side by side.
    """
    module = ModuleType(name)
    module.__file__ = str(path)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        raise GraderError(f"{path} could not be loaded: {type(error).__name__}: {error}") from error
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    return module


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise GraderError(f"{path} cannot be read: {error.strerror}") from error
