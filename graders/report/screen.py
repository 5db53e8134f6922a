"""The terminal as the reports use it: whole lines of styled text, symbols it can show, nothing interpreted."""

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from graders.engine.results import Status
from graders.report.blocks import Span
from graders.report.next_step import NextStep
from graders.report.streams import encodable
from graders.report.words import inert, obeyed, wrapped

WIDEST = 100  # columns: longer lines of prose are hard to read

SYMBOLS: dict[Status, str] = {
    "passed": "✓",
    "failed": "✗",
    "raised": "✗",
    "timed_out": "✗",
    "crashed": "✗",
    "not_attempted": "·",
    "missing": "?",
    "blocked": "-",
}
PLAIN_SYMBOLS = str.maketrans({"✓": "+", "✗": "x", "·": ".", "─": "-"})

STATUS_STYLES: dict[Status, str] = {
    "passed": "green",
    "failed": "bold red",
    "raised": "bold red",
    "timed_out": "bold red",
    "crashed": "bold red",
    "not_attempted": "dim",
    "missing": "yellow",
    "blocked": "yellow",
}
ROLE_STYLES = {
    "plain": "",
    "label": "dim",
    "call": "bold cyan",
    "same": "",
    "actual": "bold red",
    "expected": "bold green",
    "quote": "",
    "mistake": "yellow",
}


class Screen:
    """Prints lines on a console. What a stream cannot encode is written in ASCII instead of failing."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._encoding = console.encoding
        self.plain = plain = not _can_show("".join(SYMBOLS.values()) + "─", self._encoding)
        self.symbols = {
            status: symbol.translate(PLAIN_SYMBOLS) if plain else symbol for status, symbol in SYMBOLS.items()
        }
        self._rule = "-" if plain else "─"
        self.width = min(console.width, WIDEST)

    def line(self, *pieces: tuple[str, str]) -> None:
        """Print one line of (text, style) pieces as it is: never wrapped, cropped or read as markup.

        All of it may be a stranger's: no terminal obeys it, and no machine that runs jobs (as `words.muted` has it).
        """
        text = Text(end="\n")
        for content, style in pieces:
            text.append(encodable(inert(content), self._encoding), style)
        text.rstrip()
        if places := obeyed(text.plain):
            text = Text("\\").join(text.divide(places))
        self._console.print(text, soft_wrap=True)

    def spans(self, spans: tuple[Span, ...]) -> None:
        """Print one line of an explanation."""
        self.line(*((span.text, ROLE_STYLES[span.role]) for span in spans))

    def rule(self, title: str, style: str, place: str = "") -> None:
        """Print a heading: a rule with the title at its left and the place at its right end, or one below the other."""
        end = f" {place}" if place else ""
        filler = self.width - cell_len(f"-- {title} {end}")
        fits = filler >= 3
        first, *rest = [title] if fits else wrapped(title, self.width - 3)
        self.line()
        self.line(
            (self._rule * 2 + " ", "dim"),
            (first, style),
            (f" {self._rule * filler}{end}" if fits else "", "dim"),
        )
        for line in rest:
            self.line((f"   {line}", style))
        if place and not fits:
            self.line((place, "dim"))
        self.line()

    def ends(self, left: str, right: str) -> None:
        """Print two texts at both ends of a line, or one below the other if they do not fit."""
        gap = self.width - cell_len(left) - cell_len(right)
        if gap < 2:
            for line in (*wrapped(left, self.width), right):
                self.line((line, "bold"))
        else:
            self.line((left, "bold"), (" " * gap + right, "bold"))

    def prose(self, text: str, style: str = "", first: str = "", rest: str = "") -> None:
        """Print a sentence, wrapped; its lines begin with `first`, and then with `rest`."""
        for line in wrapped(text, self.width, first, rest):
            self.line((line, style))

    def text(self, text: str, style: str = "") -> None:
        """Print lines of prose, each wrapped for itself, and what is indented, which is code, as it is."""
        for line in text.split("\n"):
            if not line or line.startswith("  "):
                self.line((line, style))
            else:
                self.prose(line, style)

    def next_step(self, step: NextStep) -> None:
        """Print the next action: path and command each on a line of their own, which is never broken."""
        self.rule(f"Next: {step.what}", "bold")
        for label, text in step.rows:
            self.line((f"  {label:<5}  ", "dim"), (text, "cyan"))


def _can_show(characters: str, encoding: str) -> bool:
    try:
        characters.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
