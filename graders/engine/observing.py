"""Runs a probe on one example and takes down what it observes, in the same way on both sides of the sandbox."""

import itertools
import linecache
import random
import sys
import traceback
import zlib
from collections.abc import Callable, Collection, Iterable
from types import CodeType, ModuleType, TracebackType
from typing import Any

import msgspec

from graders.engine import codec

_MAX_MESSAGE = 2000
_MAX_TRACE = 8000
_MAX_FRAMES = 12


class MissingName(AttributeError):
    """The submission has no such name; `because` says why, when that is known."""

    def __init__(self, name: str, because: str):
        super().__init__(f"there is no {name!r}")
        self.missing, self.because = name, because


class Solution:
    """The names of a submission (or of the reference), as probes see them.

    Args:
        module: where the names live; assigning to an attribute of the solution sets the name there.
        aliases: other names of exercises, each mapped to the exercise.
        lost: names that a statement failed to define, each mapped to why.
    """

    def __init__(self, module: ModuleType, aliases: dict[str, str], lost: dict[str, str]):
        self.__dict__["_module"] = module
        self.__dict__["_names"] = vars(module)
        self.__dict__["_aliases"] = aliases
        self.__dict__["_lost"] = lost

    def __getattr__(self, name: str) -> Any:
        if name in self._names:
            return self._names[name]
        for other, exercise in self._aliases.items():
            if exercise == name and other in self._names:
                return self._names[other]
        raise MissingName(name, self._lost.get(name, ""))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._module, name, value)


class Seen(msgspec.Struct, array_like=True):
    """What one run of a probe showed: the encoded observation, and the argument that came back changed, if one did."""

    observation: bytes
    changed: str | None = None


# Inputs decoded ahead, each for one run: a process that is forked from this one has its own copy of them.
_ready: dict[bytes, tuple[object, Callable[[], bool]]] = {}


def make_ready(inputs: Iterable[bytes]) -> None:
    """Decodes inputs ahead of the runs, in processes that will be forked, of probes on them."""
    for data in inputs:
        _ready[data] = codec.decode_watched(data)


def observe(probe: Callable[..., Any], solution: Solution, inputs: bytes, seed: int, files: Collection[str]) -> Seen:
    """Runs `probe` on the encoded `inputs`.

    Args:
        probe: a function of the solution and of the inputs by name.
        solution: the submission or the reference.
        inputs: the encoded dict of the inputs. They are decoded afresh, so nothing is shared between runs.
        seed: the run's seed. With the inputs it seeds the global random generators, so an example shows the same
            whenever it is run.
        files: the names of the files whose frames a learner wants to see in the trace of an exception.
    """
    arguments, is_unchanged = _ready.pop(inputs) if inputs in _ready else codec.decode_watched(inputs)
    assert isinstance(arguments, dict)
    try:
        seed_generators(zlib.crc32(inputs, seed))
        observation = codec.encode(probe(solution, **arguments))
    except MissingName as error:
        observation = codec.encode(codec.Missing(error.missing, error.because))
    except BaseException as error:  # whatever comes out is an observation: SystemExit and KeyboardInterrupt too
        observation = codec.encode(raised(error, files))
    return Seen(observation, None if is_unchanged() else _changed(inputs, arguments))


def seed_generators(seed: int) -> None:
    """Sets the global generators of `random`, and of numpy and torch where they are loaded."""
    random.seed(seed)
    if "numpy" in sys.modules:
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


def _changed(inputs: bytes, arguments: dict[str, Any]) -> str | None:
    """The first of the arguments that is not what it was."""
    before = codec.decode(inputs, live=True)
    assert isinstance(before, dict)
    changed = (name for name, value in arguments.items() if codec.encode(value) != codec.encode(before[name]))
    return next(changed, None)
