"""The screen of the watch: the exercise in hand, what got better, and the keys."""

from rich.console import Console

from graders.engine.errors import GraderError
from graders.engine.results import ExerciseResult, SectionResult
from graders.learning.hints import hint
from graders.learning.keys import Keys
from graders.learning.watching import (
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
from graders.report.streams import show, stdout
from graders.report.words import TO_FIX, WORDS, inert, number

_KEYS = "h hint   n next   o open   q quit"


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
        self._news: list[str] = []

    def run(self) -> None:
        """Watches until `q`, or Ctrl-C. Raises GraderError where the grader itself fails."""
        with Keys(lambda key: self._watching.events.put(Pressed(key))) as keys:
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
            case Verdict() as verdict:
                self._show(verdict, keys)
            case Failed(error):
                raise GraderError(str(error)) from error
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
        self._hand = (whole.name, hand.name) if hand else None
        to_explain = any(check.status in TO_FIX for each in verdict.section.exercises for check in each.checks)
        if verdict.is_last and not to_explain:
            return  # it stands on the screen already
        self._draw(whole, hand, verdict, keys)

    def _draw(self, whole: SectionResult, hand: ExerciseResult | None, verdict: Verdict | None, keys: Keys) -> None:
        with stdout():
            if self._console.is_terminal:
                self._console.clear()
            screen = Screen(self._console)
            screen.line()
            screen.ends(f"{whole.title}  [{bar(whole.score, whole.points)}]",
                        f"{number(whole.score)} of {number(whole.points)} points")  # fmt: skip
            if verdict and not verdict.is_last:
                screen.line((f"{verdict.seconds:.2f} s after the save", "dim"))
            for news in self._news:
                screen.line((f"{screen.symbols['passed']} {news}", "bold green"))
            if hand is None:
                screen.line((f"{screen.symbols['passed']} All of it passes.", "bold green"))
            else:
                self._print_hand(screen, whole, hand, explained=self._is_explained(hand, verdict))
            screen.line()
            screen.line((_KEYS if keys.are_there else "Ctrl-C ends the watch", "dim"))

    def _is_explained(self, hand: ExerciseResult, verdict: Verdict | None) -> bool:
        if verdict is None or verdict.is_last:
            return True
        return hand.name not in self._watching.files[verdict.section.name].unexplained

    def _print_hand(self, screen: Screen, whole: SectionResult, hand: ExerciseResult, *, explained: bool) -> None:
        screen.rule(f"{hand.name}: {WORDS[hand.status]}", STATUS_STYLES[hand.status], place_of(whole, hand))
        for check in hand.checks:
            if not check.extra:
                state = f"  {screen.symbols[check.status]} "
                screen.line((state, STATUS_STYLES[check.status]), (inert(check.title), ""))
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

    def _say(self, words: str) -> None:
        with stdout():
            Screen(self._console).line((words, "yellow"))

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
                text = hint(self._watching.course, f"{section}::{name}", None, self._called, self._watching.history)
                show(f"\n{text.partition(chr(10) * 2)[0]}\n\n{text.split(chr(10) * 2)[1]}")
            case "n":
                next_one = following(whole, name)
                self._hand = (section, next_one.name) if next_one else None
                self._draw(whole, next_one, None, keys)
            case "o":
                with keys.away():
                    trouble = open_in_editor(watched.path, hand.line if hand else None)
                if trouble:
                    self._say(trouble)
