"""Runs a probe on one example and takes down what it observes, in the same way on both sides of the sandbox."""

import itertools
import linecache
import random
import re
import sys
import traceback
import zlib
from collections.abc import Callable, Collection, Iterable
from types import CodeType, ModuleType, TracebackType
from typing import Any, NamedTuple

from graders.engine.values import codec
from graders.engine.values.messages import Seen

_MAX_MESSAGE = 2000
_MAX_TRACE = 8000
_MAX_FRAMES = 12
# The libraries with global generators, and words without which no code draws from them: they stand in an import, or as
# a string, for `random`; anywhere for numpy, whose generator others use too; torch's draw under many names.
_GENERATORS = {
    "random": re.compile(r"""\b(?:import|from)\b.*\brandom\b|["']random["']"""),
    "numpy": re.compile(r"random|sklearn|scipy"),
    "torch": re.compile(""),
}
# Comments and texts of several lines, where random is an English word; other strings are met so that their ends are.
# What is not closed ends with its line, or the text: a search for the end from each of many beginnings takes for ever.
_PROSE = re.compile(
    r"""
    ( (\"{3}|'{3}) (?s:\\.|[^\\])*? (?:\2|\\?\Z) | \#.* )
    | " (?:\\.|[^"\\\n])* "?
    | ' (?:\\.|[^'\\\n])* '?
    """,
    re.VERBOSE,
)


class MissingName(AttributeError):
    """The submission has no such name; `because` says why, when that is known."""

    def __init__(self, name: str, because: str):
        super().__init__(f"there is no {name!r}")
        self.missing, self.because = name, because


class Solution:
    """The names of a submission (or of the reference), as probes see them.

    Args:
        module: where the names live; assigning to an attribute of the solution sets the name there.
        lost: names that a statement failed to define, each mapped to why.
    """

    __slots__ = ("__dict__", "__lost")

    def __init__(self, module: ModuleType, lost: dict[str, str]):
        self.__dict__ = vars(module)  # so that a name is found and set as fast as in the module
        self.__lost = lost

    def __getattr__(self, name: str) -> Any:
        raise MissingName(name, self.__lost.get(name, ""))


class Example(NamedTuple):
    """Inputs for one run of a probe, and the seed that the global random generators have in it."""

    inputs: bytes
    seed: int
    arguments: dict[str, Any]
    is_unchanged: Callable[[], bool]

    @classmethod
    def of(cls, inputs: bytes, seed: int) -> "Example":
        """Decodes the inputs afresh, so that nothing is shared between runs.

        Args:
            inputs: the encoded dict of the inputs.
            seed: the run's seed. With the inputs it makes the example's own, so that an example shows the same whenever
                it is run.
        """
        arguments, is_unchanged = codec.decode_watched(inputs)
        assert isinstance(arguments, dict)
        return cls(inputs, zlib.crc32(inputs, seed), arguments, is_unchanged)


class Ready:
    """Examples that are decoded ahead, each for one run: a process that is forked from this one has its own copies."""

    def __init__(self) -> None:
        self._examples: list[Example] = []  # kept when used: to free them would copy the memory they lie in
        self._used: set[int] = set()

    def add(self, inputs: Iterable[bytes], seed: int) -> None:
        """Decodes inputs; they are numbered on."""
        self._examples += (Example.of(data, seed) for data in inputs)

    def take(self, number: int, seed: int) -> Example:
        """An example that nothing has run on."""
        example = self._examples[number]
        if number in self._used:
            return Example.of(example.inputs, seed)
        self._used.add(number)
        return example


def observe(probe: Callable[..., Any], solution: Solution, inputs: bytes, seed: int, files: Collection[str]) -> Seen:
    """Runs `probe` on the encoded `inputs`.

    Args:
        probe: a function of the solution and of the inputs by name.
        solution: the submission or the reference.
        inputs: the encoded dict of the inputs.
        seed: the run's seed.
        files: the names of the files whose frames a learner wants to see in the trace of an exception.
    """
    return observe_on(Example.of(inputs, seed), probe, solution, files)


def observe_on(
    example: Example,
    probe: Callable[..., Any],
    solution: Solution,
    files: Collection[str],
    drawing: Collection[str] = _GENERATORS,
) -> Seen:
    """Like `observe`, on an example that is decoded; `drawing` names the libraries that anything may draw from."""
    try:
        seed_generators(example.seed, drawing)
        observation = codec.encode(probe(solution, **example.arguments))
    except MissingName as error:
        observation = codec.encode(codec.Missing(error.missing, error.because))
    except BaseException as error:  # whatever comes out is an observation: SystemExit and KeyboardInterrupt too
        observation = codec.encode(raised(error, files))
    return Seen(observation, None if example.is_unchanged() else _changed(example))


def drawing(sources: Collection[str]) -> frozenset[str]:
    """The libraries that code with these texts can draw from, as far as one sees: seeding takes time with each run."""
    code = [_PROSE.sub(lambda found: "" if found[1] else found[0], source) for source in sources]
    return frozenset(name for name, words in _GENERATORS.items() if any(words.search(text) for text in code))


def seed_generators(seed: int, drawing: Collection[str] = _GENERATORS) -> None:
    """Sets the global generators of `random`, numpy and torch: of what is loaded and drawn from."""
    if "random" in drawing:
        random.seed(seed)
    if "numpy" in drawing and "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)  # numpy loads this part of itself when it is first asked for
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(seed)


def raised(error: BaseException, files: Collection[str]) -> codec.Raised:
    """The observation of an exception: its type, message and the frames in `files`."""
    try:
        message = str(error)[:_MAX_MESSAGE]
    except Exception:  # a learner's own __str__
        message = ""
    bases = tuple(base.__name__ for base in type(error).__mro__)
    return codec.Raised(type(error).__name__, bases, message, frames(error.__traceback__, files))


def frames(trace: TracebackType | None, files: Collection[str]) -> str:
    """The lines of a traceback that lie in `files`: a call that repeats itself once, and not too many in all."""
    steps = ((frame.f_code, line) for frame, line in traceback.walk_tb(trace) if frame.f_code.co_filename in files)
    shown = []
    for (code, line), group in itertools.groupby(steps):
        shown.append(_step(code, line))
        if (more := len(list(group)) - 1) > 0:
            shown.append(f"    ... {more} more times ...")
    if len(shown) > _MAX_FRAMES:
        shown[_MAX_FRAMES // 2 : -_MAX_FRAMES // 2] = ["..."]
    return "\n".join(shown)[-_MAX_TRACE:]


def _step(code: CodeType, line: int) -> str:
    return f"{code.co_filename}:{line} in {code.co_qualname}\n    {linecache.getline(code.co_filename, line).strip()}"


def _changed(example: Example) -> str | None:
    """The first of the arguments that is not what it was."""
    before = Example.of(example.inputs, 0).arguments
    changed = (name for name, value in example.arguments.items() if codec.encode(value) != codec.encode(before[name]))
    return next(changed, None)
