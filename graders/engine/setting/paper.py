"""The paper of a section: which questions it asks, and the sealed examples of each, as data only.

Examples are set when a check is first needed: what nobody has attempted is not drawn. A paper is a value all the same:
the same seed and the same sources give the same examples, byte for byte, whoever asks first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from graders.engine.values.messages import Cell, Order

Advance = Callable[[str], None]


def silent(title: str) -> None:
    """Says nothing of a check that is set."""


class Question(msgspec.Struct, frozen=True):
    """What is known of a check before anything is drawn."""

    name: str
    exercise: str
    title: str
    points: float
    extra: bool  # beside the score
    most: int | None  # examples that are drawn at the most; None: as many as the run asks for
    seconds: float
    changes_inputs: bool
    judged: bool  # by a judge of its own
    asks_by_name: bool  # the probe names the exercise: without one of this name it cannot pass


class Examples(msgspec.Struct, frozen=True):
    """The inputs of a check, and what the reference shows on each."""

    inputs: tuple[bytes, ...]
    expected: tuple[bytes, ...]


class Item(Question, frozen=True):
    """A check's part of a paper: the question and its examples."""

    inputs: tuple[bytes, ...]
    expected: tuple[bytes, ...]

    @classmethod
    def of(cls, question: Question, examples: Examples) -> "Item":
        """The two together."""
        return cls(**msgspec.structs.asdict(question), inputs=examples.inputs, expected=examples.expected)


class Cover(msgspec.Struct, frozen=True):
    """What a section asks, and what a worker is sent of it; nothing here is drawn."""

    section: str
    title: str
    probes: str  # the source of the probes, and nothing else of the grader file
    imports: tuple[str, ...]  # what the probes import, and the given code that the section names
    untouched: str  # the exercise file as a learner first gets it
    aliases: dict[str, str]
    lent: dict[str, str]
    questions: tuple[Question, ...]
    needs: dict[str, str]  # by alias: what its definition has to mention, to be the exercise
    keys: dict[str, str]  # of each check: all that its examples depend on, but for the seed and how many they are

    def order(self, cells: tuple[Cell, ...], grafts: Mapping[str, str] | None = None) -> Order:
        """What a worker loads to sit this paper.

        Args:
            cells: the submission.
            grafts: exercises that the reference's version takes the place of, each with its text.
        """
        return Order(
            section=self.section,
            cells=cells,
            probes=self.probes,
            aliases=self.aliases,
            needs=self.needs,
            lent=self.lent,
            exercises=tuple(dict.fromkeys(question.exercise for question in self.questions)),
            stub="" if grafts else self.untouched,
            skip={},
            grafts=dict(grafts or {}),
        )


class Sealed(msgspec.Struct, frozen=True):
    """A whole paper as one value, to be handed to other processes and machines."""

    cover: Cover
    seed: int
    examples: int
    items: tuple[Item, ...]


class Paper:
    """The questions of a section at a seed, and their examples when they are asked for.

    Args:
        cover: what is asked.
        seed: of the drawn inputs.
        examples: how many to draw for a check.
        bring: where examples come from: `(names, advance) -> examples by name`, for what was not asked for before.
    """

    def __init__(
        self,
        cover: Cover,
        seed: int,
        examples: int,
        bring: Callable[[Sequence[str], Advance], Mapping[str, Examples]],
    ):
        self.cover, self.seed, self.examples = cover, seed, examples
        self._bring = bring
        self._items: dict[str, Item] = {}

    @property
    def section(self) -> str:
        """The section's name."""
        return self.cover.section

    @property
    def questions(self) -> tuple[Question, ...]:
        """All checks, in the order of study."""
        return self.cover.questions

    @cached_property
    def exercises(self) -> tuple[str, ...]:
        """The names of all exercises, in the order of study."""
        return tuple(dict.fromkeys(question.exercise for question in self.questions))

    @property
    def items(self) -> tuple[Item, ...]:
        """All checks with their examples."""
        return tuple(self.some(self.questions))

    def some(self, questions: Iterable[Question], advance: Advance = silent) -> list[Item]:
        """Some checks with their examples; `advance` is called with the title of each that has to be set now.

        Raises:
            GraderError: a check cannot be set.
        """
        asked = list(questions)
        lacking = [question for question in asked if question.name not in self._items]
        if lacking:
            brought = self._bring([question.name for question in lacking], advance)
            for question in lacking:
                self._items[question.name] = Item.of(question, brought[question.name])
        return [self._items[question.name] for question in asked]

    def sealed(self, advance: Advance = silent) -> Sealed:
        """All of it as one value."""
        return Sealed(self.cover, self.seed, self.examples, tuple(self.some(self.questions, advance)))


def opened(sealed: Sealed) -> Paper:
    """The paper that a sealed one holds."""
    paper = Paper(sealed.cover, sealed.seed, sealed.examples, lambda names, advance: {})
    paper._items.update((item.name, item) for item in sealed.items)
    return paper
