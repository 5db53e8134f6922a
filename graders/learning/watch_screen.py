"""The screen of the watch: the exercise in hand, what got better, and the keys."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from graders.engine.errors import GraderError, UsageError
from graders.engine.results import ExerciseResult, SectionResult
from graders.learning.hints import hint
from graders.learning.keys import Keys
from graders.learning.watching import (
    Changed,
    Failed,
    Pressed,
    Saved,
    Verdict,
    Watching,
    better,
    following,
    in_hand,
    open_in_editor,
)
from graders.report.blocks import failure_lines
from graders.report.failures import Failure, one_of_a_kind
from graders.report.next_step import Called, place_of
from graders.report.overview import bar
from graders.report.screen import STATUS_STYLES, Screen
from graders.report.streams import stdout
from graders.report.words import TO_FIX, WORDS, inert, number, wrapped

_KEYS = "h hint   n next   o open   q quit"
_END = b"\0"  # no signal has this number
_MOST_OTHERS = 5  # exercises to fix that are named beside the one in hand


class _Drawn(NamedTuple):
    """What stands on the screen."""

    whole: SectionResult
    hand: ExerciseResult | None
    verdict: Verdict | None  # None: it was asked for with a key


class WatchScreen:
    """Shows what a watch finds, until somebody quits.

    Args:
        watching: what is watched.
        called: how the command was called, for what hints say.
    """

    def __init__(self, watching: Watching, called: Called):
        self._watching, self._called = watching, called
        self._console = Console(highlight=False)
        self._hand: tuple[str, str] | None = None  # section and exercise
        self._is_chosen = False  # with a key, since the file was saved last
        self._news: list[str] = []
        self._drawn: _Drawn | None = None
        self._below: list[tuple[str, str]] = []  # what was said since, with its style

    def run(self) -> None:
        """Watches until `q`, or Ctrl-C. Raises GraderError where the grader itself fails."""
        put = self._watching.events.put
        with Keys(lambda key: put(Pressed(key))) as keys, _told_of_changes(lambda: put(Changed())):
            self._watching.start()
            try:
                while self._goes_on(keys):
                    pass
            finally:
                self._watching.stop()

    def _goes_on(self, keys: Keys) -> bool:
        match self._watching.events.get():
            case Saved() as saved:
                if words := self._watching.grade(saved):
                    self._say(words)
                else:
                    self._is_chosen = False
            case Verdict() as verdict:
                self._show(verdict, keys)
            case Failed(error):
                raise GraderError(str(error)) from error
            case Changed():
                keys.insist()
                self._draw(keys)
            case Pressed("q"):
                return False
            case Pressed(key):
                self._obey(key, keys)
        return True

    def _show(self, verdict: Verdict, keys: Keys) -> None:
        whole = self._watching.take(verdict)
        if whole is None:
            return
        before = self._watching.files[verdict.section.name].before
        self._news = [f"{each.name} passes" for each in better(before, whole)]
        hand = in_hand(whole, verdict.edited)
        if self._is_chosen and self._hand and self._hand[0] == whole.name:
            hand = next((each for each in whole.exercises if each.name == self._hand[1]), hand)
        self._hand = (whole.name, hand.name) if hand else None
        to_explain = any(check.status in TO_FIX for each in verdict.section.exercises for check in each.checks)
        if verdict.is_last and not to_explain:
            return  # it stands on the screen already
        self._draw_anew(_Drawn(whole, hand, verdict), keys)

    def _draw_anew(self, drawn: _Drawn, keys: Keys) -> None:
        self._drawn, self._below = drawn, []
        self._draw(keys)

    def _draw(self, keys: Keys) -> None:
        if self._drawn is None:
            return
        whole, hand, verdict = self._drawn
        with stdout():
            if self._console.is_terminal:
                self._console.clear()
            screen = Screen(self._console)
            screen.line()
            screen.ends(f"{whole.title}  [{bar(whole.score, whole.points)}]",
                        f"{number(whole.score)} of {number(whole.points)} points")  # fmt: skip
            if verdict and not verdict.is_last and verdict.number > 1:  # before the first one nothing was saved
                screen.line((f"{verdict.seconds:.2f} s after the save", "dim"))
            for news in self._news:
                screen.line((f"{screen.symbols['passed']} {news}", "bold green"))
            if hand is None:
                screen.line((f"{screen.symbols['passed']} All of it passes.", "bold green"))
            else:
                self._print_hand(screen, whole, hand, explained=self._is_explained(whole, hand))
            if others := [each.name for each in whole.exercises if each.status in TO_FIX and each != hand]:
                screen.line()
                more = f" and {len(others) - _MOST_OTHERS} more" if len(others) > _MOST_OTHERS else ""
                screen.prose(f"also to fix: {', '.join(others[:_MOST_OTHERS])}{more}", "dim")
            screen.line()
            screen.line((_KEYS if keys.are_there else "Ctrl-C ends the watch", "dim"))
            for words, style in self._below:
                screen.text(words, style)

    def _is_explained(self, whole: SectionResult, hand: ExerciseResult) -> bool:
        return hand.name not in self._watching.files[whole.name].unexplained

    def _print_hand(self, screen: Screen, whole: SectionResult, hand: ExerciseResult, *, explained: bool) -> None:
        screen.rule(f"{hand.name}: {WORDS[hand.status]}", STATUS_STYLES[hand.status], place_of(whole, hand))
        for check in hand.checks:
            if not check.extra:
                begins, *rest = wrapped(inert(check.title), screen.width - 4)
                screen.line((f"  {screen.symbols[check.status]} ", STATUS_STYLES[check.status]), (begins, ""))
                for words in rest:
                    screen.line((f"    {words}", ""))
        failing = [Failure(whole, hand, check) for check in hand.checks if check.status in TO_FIX and not check.extra]
        if not failing:
            return
        screen.line()
        if not explained:
            screen.line(
                ("looking for the smallest call …" if not screen.plain else "looking for the smallest call", "dim")
            )
            return
        first = one_of_a_kind(failing)[0]
        for line in failure_lines(first.check, hand.name, screen.width, first.alike):
            screen.spans(line)

    def _say(self, words: str, style: str = "yellow") -> None:
        self._below.append((words, style))
        with stdout():
            Screen(self._console).text(words, style)

    def _obey(self, key: str, keys: Keys) -> None:
        if self._hand is None:
            return
        section, name = self._hand
        watched = self._watching.files[section]
        whole = watched.result
        if whole is None:
            return
        hand = next((each for each in whole.exercises if each.name == name), None)
        match key:
            case "h":
                self._print_hint(f"{section}::{name}", watched.path)
            case "n":
                next_one = following(whole, name)
                self._hand, self._is_chosen = (section, next_one.name) if next_one else None, True
                self._draw_anew(_Drawn(whole, next_one, None), keys)
            case "o":
                with keys.away():
                    trouble = open_in_editor(watched.path, hand.line if hand else None)
                if trouble:
                    self._say(trouble)

    def _print_hint(self, target: str, answers: Path) -> None:
        watching = self._watching
        try:
            found = hint(watching.course, target, None, self._called, watching.history, answers)
        except UsageError as error:
            self._say(str(error))
            return
        self._say(f"\n{found.told}" if found.is_followed else f"\n{found.told}\n\n{found.onward}", "")


@contextmanager
def _told_of_changes(changed: Callable[[], None]) -> Iterator[None]:
    """Has a function called whenever the window gets another size, or the process goes on, where the system says so.

    A thread hears of it: the main one waits for events, and is not woken where the system gives a signal to another.
    """
    known = [getattr(signal, name) for name in ("SIGWINCH", "SIGCONT") if hasattr(signal, name)]
    heard, noted = os.pipe()
    os.set_blocking(noted, False)
    other = signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    before = {each: signal.signal(each, lambda *_: None) for each in known}
    thread = threading.Thread(target=_hear, args=(heard, bytes(known), changed), daemon=True)
    thread.start()
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(other)
        os.write(noted, _END)
        thread.join()
        for end in (heard, noted):
            os.close(end)


def _hear(heard: int, known: bytes, changed: Callable[[], None]) -> None:
    while (number := os.read(heard, 1)) != _END:
        if number in known:
            changed()
