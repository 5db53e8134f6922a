"""What the deciding process and a worker tell each other: what to load and run, and what came of it."""

from typing import Annotated

import msgspec

from graders.engine.values.wire import MAX_NAME


class Cell(msgspec.Struct, frozen=True):
    """A piece of source text, and the name under which messages and tracebacks show it."""

    label: str
    source: str
    module: str = ""  # the name by which the answer imports it, where it is a file beside the answer
    is_package: bool = False  # it is the `__init__.py` of that module


class Order(msgspec.Struct, frozen=True):
    """What to load: the submission, and the probes that will be run on it."""

    section: str
    cells: tuple[Cell, ...]
    probes: str
    aliases: dict[str, str]
    exercises: tuple[str, ...]
    stub: str
    skip: dict[tuple[int, int], str]
    lent: dict[str, str] = {}  # names that are there from the start: where each is imported from
    until: tuple[int, int] | None = None  # leave alone this statement and all after it
    needs: dict[str, str] = {}  # by alias: what its definition has to mention, to be the exercise it may stand for
    grafts: dict[str, str] = {}  # exercises that another text takes the place of, with that text


class Changed(msgspec.Struct, frozen=True):
    """Another text of one function of the submission, or of one method, for as long as a task lasts."""

    label: str  # of the cell that it stands in
    owner: str  # the class that the method belongs to; empty for a function
    line: int  # where the function begins, from 1, with its decorators
    length: int  # lines that it has in the submission
    text: str  # the whole function, with its indentation


class Manner(msgspec.Struct, frozen=True):
    """How a task is done, where that is not the usual way."""

    processor: float = 0.0  # seconds of a core that all of it may take, where no harm is meant; 0 is no limit
    patience: float = 0.0  # and an example: it is interrupted, and shows that
    changed: Changed | None = None
    traced: bool = False  # show which lines of the submission run, instead of what comes out


class Task(msgspec.Struct, frozen=True):
    """A probe to run, and on what: on `inputs`, or on those that were made ready, from the first number on to before
    the second."""

    probe: str
    seed: int
    inputs: tuple[bytes, ...] = ()
    ready: tuple[int, int] = (0, 0)
    manner: Manner = Manner()


class Ahead(msgspec.Struct, frozen=True):
    """What many submissions have in common, to be made ready once for all workers to come."""

    inputs: tuple[bytes, ...]
    seed: int
    probes: str
    stub: str


class Trouble(msgspec.Struct, frozen=True):
    """A statement that could not be executed: where, why, and which names it would have defined.

    `follows` says that there is nothing to mend here: it uses an exercise that is still a stub, or a name that an
    earlier statement failed to define. `needed_by` are the exercises that use one of the names, or are one.
    """

    cell: Annotated[int, msgspec.Meta(ge=0)]  # a worker may send anything, and this becomes an index
    line: int
    message: str
    names: tuple[str, ...]
    follows: bool = False
    needed_by: tuple[str, ...] = ()


class Loaded(msgspec.Struct, frozen=True):
    """What loading a submission gave: names defined (with their lines), stubs found, what went wrong, and by exercise
    what was not executed although the exercise uses what is changed there."""

    lines: dict[str, int]
    unattempted: frozenset[str]
    troubles: tuple[Trouble, ...]
    left_out: dict[str, str] = {}

    @property
    def lost(self) -> dict[str, str]:
        """The names that a statement failed to define, each mapped to why."""
        return {name: trouble.message for trouble in self.troubles for name in trouble.names}


class Seen(msgspec.Struct, array_like=True):
    """What one run of a probe showed: the encoded observation, and the argument that came back changed, if one did."""

    observation: bytes
    changed: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None = None
