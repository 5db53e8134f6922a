"""`pytest graders/` shows each check as a test of the learner's file: the same engine, the same verdicts.

`--submission PATH` grades another file or folder than `exercises/`. Editors collect often: what is collected is read
from the texts of the grader files, and what grades is imported when the first check runs.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from graders.engine.authoring.material import find
from graders.engine.authoring.outline import CheckOutline
from graders.engine.course import PROJECT, Course
from graders.engine.errors import UsageError
from graders.engine.results import EXAMPLES, SEED, CheckResult
from graders.report.blocks import failure_text
from graders.report.words import WORDS, muted, spelled

COURSE = Course()
_results = pytest.StashKey[dict[str, CheckResult | str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--submission", type=Path, default=PROJECT / "exercises", help="a file, or a folder of them")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "SectionFile | None":
    if file_path.suffix == ".py" and file_path.parent == PROJECT / "graders" and file_path.stem in COURSE.sections:
        return SectionFile.from_parent(parent, path=file_path)
    return None


class SectionFile(pytest.File):
    """A section."""

    def collect(self) -> Iterator["Exercise"]:
        by_exercise: dict[str, list[CheckOutline]] = {}
        for item in find(COURSE, self.path.stem).outline.checks:
            by_exercise.setdefault(item.exercise, []).append(item)
        for name, items in by_exercise.items():
            yield Exercise.from_parent(self, name=name, items=items)

    def results(self) -> dict[str, CheckResult | str]:
        """The result of each check that was selected, by name; or the error that kept the section from being graded."""
        if _results not in self.stash:
            self.stash[_results] = self._graded()
        return self.stash[_results]

    def _graded(self) -> dict[str, CheckResult | str]:
        from graders.engine.marking.grading import grade
        from graders.engine.sitting.forkserver import Forkserver

        selected = [item for item in self.session.items if isinstance(item, CheckItem) and item.section is self]
        exercises = list(dict.fromkeys(item.parent.name for item in selected if item.parent))
        try:
            with Forkserver() as forkserver:
                path = self.config.getoption("submission")
                graded = grade(COURSE, {self.path.stem: exercises}, path, forkserver, seed=SEED, examples=EXAMPLES)
        except UsageError as error:
            return {item.name: str(error) for item in selected}
        (section,) = graded.sections
        return {check.name: check for exercise in section.exercises for check in exercise.checks}


class Exercise(pytest.Collector):
    """An exercise."""

    def __init__(self, *, items: list[CheckOutline], **kwargs: object):
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self._items = items

    def collect(self) -> Iterator["CheckItem"]:
        for item in self._items:
            yield CheckItem.from_parent(self, name=item.name)


class CheckItem(pytest.Item):
    """A check. It passes if, and only if, its verdict is `passed`."""

    @property
    def section(self) -> SectionFile:
        """The file it stands in."""
        section = self.getparent(SectionFile)
        assert section is not None
        return section

    def runtest(self) -> None:
        """Looks its verdict up; the first check of a section has the section graded."""
        result = self.section.results()[self.name]
        if isinstance(result, str) or result.status != "passed":
            raise NotPassed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The explanation that the terminal report gives."""
        if not isinstance(excinfo.value, NotPassed):
            return str(super().repr_failure(excinfo))
        assert self.parent is not None
        result = excinfo.value.result
        if isinstance(result, str):
            return muted(spelled(result))
        try:
            return failure_text(result, self.parent.name)
        except Exception as error:  # the verdict stands all the same
            return f"{WORDS[result.status]}; it could not be explained: {type(error).__name__}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """What stands in front of the explanation."""
        assert self.parent is not None
        return self.path, None, f"{self.parent.name}: {self.name}"


class NotPassed(Exception):
    """The check did not pass; carries its result."""

    def __init__(self, result: CheckResult | str):
        super().__init__(result)
        self.result = result
