"""Grades again on every save, what the save can have changed, and shows the exercise in hand first.

A thread watches the folder (the system says when something happens there, nothing is polled), another reads keys, a
third grades; what they have to say comes through one queue. Verdicts stand first. Explanations follow, and are given up
as soon as the next save is there.
"""

import os
import queue
import shlex
import subprocess
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.errors import GraderError, UsageError
from graders.engine.marking.marking import mark
from graders.engine.results import ExerciseResult, SectionResult, together
from graders.engine.setting.paper import Paper
from graders.engine.setting.papers import paper
from graders.engine.sitting import submission
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.values.messages import Cell
from graders.learning.affected import Affected, Text, affected, probing, text
from graders.learning.history import History
from graders.report.words import TO_FIX

_STEP, _DEBOUNCE = 5, 50  # milliseconds: a burst of events ends after the first, and never lasts longer than the second


class Saved(NamedTuple):
    """A file was saved."""

    section: str
    at: float  # of time.perf_counter


class Verdict(NamedTuple):
    """Verdicts stand; or, `is_last`, the explanations do too."""

    number: int  # of the grading of this file
    section: SectionResult  # as far as it was graded now
    edited: frozenset[str]  # the exercises that the save has changed themselves
    seconds: float  # since the save
    is_last: bool


class Pressed(NamedTuple):
    """A key."""

    key: str


class Failed(NamedTuple):
    """The grader itself failed."""

    error: Exception


Event = Saved | Verdict | Pressed | Failed


@dataclass
class _Watched:
    """A section's file."""

    material: Material
    paper: Paper
    path: Path
    probing: Mapping[str, frozenset[str]]
    beside: tuple[Cell, ...] = ()  # the files that it imports
    text: Text | None = None  # when it was graded last; None: not yet, or it was no Python
    result: SectionResult | None = None
    before: SectionResult | None = None  # the result when the file was saved last
    unexplained: frozenset[str] = frozenset()  # what is being graded, or was when the next save came
    number: int = 0  # of its newest grading
    given_up: threading.Event = field(default_factory=threading.Event)  # set when that is overtaken

    @property
    def paths(self) -> set[str]:
        """Of the files that a save of may change its grade."""
        modules = ((cell.module.replace(".", "/"), cell.is_package) for cell in self.beside)
        names = [f"{path}/__init__.py" if is_package else f"{path}.py" for path, is_package in modules]
        return {os.path.realpath(self.path.parent / name) for name in (self.path.name, *names)}


@dataclass
class Watching:
    """What is watched, and what is known of it.

    Args:
        course, names: the sections.
        path: the submission, a file or a folder.
        forkserver: where workers come from.
        history: the diary.
    """

    course: Course
    names: Sequence[str]
    path: Path
    forkserver: Forkserver
    history: History
    seed: int
    examples: int
    events: "queue.SimpleQueue[Event]" = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self.files = {name: self._watched(name) for name in self.names}
        self._stop = threading.Event()
        self._folders: set[str] = set()

    def _watched(self, name: str) -> _Watched:
        material = find(self.course, name)
        questions = paper(material, self.seed, self.examples)
        path = submission.find(self.path, name) if self.path.is_dir() else self.path
        return _Watched(material, questions, path.absolute(), probing(questions.cover))

    # %% What happens to files
    def start(self) -> None:
        """Begins to watch, and grades everything once."""
        for watched in self.files.values():
            self._watch_folders_of(watched)
        for name in self.names:
            self.events.put(Saved(name, time.perf_counter()))

    def stop(self) -> None:
        """Ends the watching and what is being explained."""
        self._stop.set()
        for watched in self.files.values():
            watched.given_up.set()

    def _watch_folders_of(self, watched: _Watched) -> None:
        """Begins to watch the folders of a section's files that are not watched yet: packages may come with a save."""
        new = {os.path.dirname(path) for path in watched.paths} - self._folders
        if new:
            self._folders |= new
            threading.Thread(target=self._watch, args=(new,), daemon=True).start()

    def _watch(self, folders: Collection[str]) -> None:
        from watchfiles import watch

        try:
            for changes in watch(
                *folders, step=_STEP, debounce=_DEBOUNCE, stop_event=self._stop, recursive=False, watch_filter=None
            ):
                now = time.perf_counter()
                paths = {os.path.realpath(path) for _, path in changes}
                for name, watched in self.files.items():
                    if not paths.isdisjoint(watched.paths) and watched.path.exists():
                        self.events.put(Saved(name, now))
        except (OSError, RuntimeError) as error:
            self.events.put(Failed(GraderError(f"the folder cannot be watched: {error}")))

    # %% Grading
    def grade(self, saved: Saved) -> str | None:
        """Begins to grade what a save can have changed. In words, why there is nothing to grade; None if there is."""
        watched = self.files[saved.section]
        try:
            answers = submission.read(watched.path)
        except UsageError as error:
            return str(error)
        before, watched.beside = watched.beside, tuple(cell for cell in answers.cells if cell.module)
        self._watch_folders_of(watched)
        new: Text | None = None
        if watched.path.suffix == ".py":
            try:
                new = text(answers.text)
            except (SyntaxError, ValueError) as error:
                where = f"line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else "the file"
                return f"not whole yet: {where} is no Python so far ({getattr(error, 'msg', None) or error})"
        asked = Affected(frozenset(), frozenset(watched.probing))
        if watched.text and new and watched.result and before == watched.beside:
            asked = affected(watched.text, new, watched.paper.cover, watched.probing)
            if not asked.all:
                return "saved; nothing that is graded has changed"
            asked = Affected(asked.edited, asked.all | watched.unexplained)
        watched.unexplained = asked.all
        watched.given_up.set()  # whoever explains what was there before
        watched.given_up, watched.number = threading.Event(), watched.number + 1
        order = (saved, watched, answers, asked, watched.given_up, watched.number)
        threading.Thread(target=self._graded, args=order, daemon=True).start()
        watched.text, watched.before = new, watched.result
        return None

    def _graded(
        self,
        saved: Saved,
        watched: _Watched,
        answers: submission.Submission,
        asked: Affected,
        given_up: threading.Event,
        number: int,
    ) -> None:
        """What was edited first, and then all that this can have changed."""

        def tell(result: SectionResult, *, is_last: bool = False) -> None:
            self.events.put(Verdict(number, result, asked.edited, time.perf_counter() - saved.at, is_last))

        try:
            if asked.edited and len(asked.all) > len(asked.edited):
                tell(self._marked(watched, answers, asked.edited, given_up, explain=False))
            tell(self._marked(watched, answers, asked.all, given_up, settled=tell), is_last=True)
        except Exception as error:
            self.events.put(Failed(error))

    def _marked(
        self,
        watched: _Watched,
        answers: submission.Submission,
        only: frozenset[str],
        given_up: threading.Event,
        **options: Any,
    ) -> SectionResult:
        material, questions = watched.material, watched.paper
        return mark(material, questions, answers, self.forkserver, only=only, given_up=given_up, places=True, **options)

    def take(self, verdict: Verdict) -> SectionResult | None:
        """The result of the whole section, with this verdict in it; None where a later save has overtaken it."""
        watched = self.files[verdict.section.name]
        if verdict.number != watched.number:
            return None
        watched.result = merged(watched.result, verdict.section)
        if verdict.is_last:
            watched.unexplained = frozenset()
            self.history.graded(watched.result, self.course, self.seed, self.examples, is_whole=True)
        return watched.result


def merged(whole: SectionResult | None, part: SectionResult) -> SectionResult:
    """A section's result with what was graded now in the place of what was known of it."""
    if whole is None:
        return part
    new = {exercise.name: exercise for exercise in part.exercises}
    exercises = tuple(new.get(each.name, each) for each in whole.exercises)
    return msgspec.structs.replace(
        part,
        exercises=exercises,
        score=sum(each.score for each in exercises),
        points=sum(each.points for each in exercises),
        extras=together(each.extras for each in exercises),
    )


def better(before: SectionResult | None, after: SectionResult) -> list[ExerciseResult]:
    """The exercises that pass now and did not before."""
    if before is None:
        return []
    passed = {each.name for each in before.exercises if each.status == "passed"}
    return [each for each in after.exercises if each.status == "passed" and each.name not in passed]


def in_hand(section: SectionResult, edited: Collection[str]) -> ExerciseResult | None:
    """The exercise that somebody works at.

    What was edited and is not right; what has broken with it; and else the next in the order of study.
    """
    unfinished = [each for each in section.exercises if each.status != "passed"]
    to_fix = [each for each in unfinished if each.status in TO_FIX]
    own = [each for each in unfinished if each.name in edited]
    if own or to_fix:
        return next(iter([each for each in own if each in to_fix] or own or to_fix))
    last = max((at for at, each in enumerate(section.exercises) if each.name in edited), default=-1)
    return following(section, section.exercises[last].name if last >= 0 else None)


def following(section: SectionResult, name: str | None) -> ExerciseResult | None:
    """The next unfinished exercise after that of a name, and from the last on the first."""
    names = [each.name for each in section.exercises]
    unfinished = [each for each in section.exercises if each.status != "passed"]
    later = [each for each in unfinished if name and names.index(each.name) > names.index(name)]
    return next(iter(later or unfinished), None)


def editor(path: Path, line: int | None) -> list[str] | None:
    """The command that opens a file at a line in $VISUAL or $EDITOR; None where neither is set."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not words:
        return None
    name = Path(words[0]).name
    if name in ("code", "codium", "cursor"):
        return [*words, "--goto", f"{path}:{line or 1}"]
    if name in ("vi", "vim", "nvim", "nano", "emacs", "emacsclient", "kak", "micro", "joe"):
        return [*words, f"+{line or 1}", str(path)]
    if name in ("hx", "subl", "zed"):
        return [*words, f"{path}:{line or 1}"]
    return [*words, str(path)]


def open_in_editor(path: Path, line: int | None) -> str | None:
    """Opens a file and waits until the editor is done; in words, why it could not be."""
    words = editor(path, line)
    if words is None:
        return f"no editor is set: EDITOR=vim, say, would open {path}:{line or 1}"
    try:
        subprocess.run(words, check=False)
    except OSError as error:
        return f"{words[0]} cannot be run: {error.strerror}"
    return None
