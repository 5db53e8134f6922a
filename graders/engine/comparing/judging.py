"""Judges one observation of a submission against the reference's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graders.engine.comparing.spelling import spelled
from graders.engine.errors import GraderError
from graders.engine.results import Status
from graders.engine.values import codec
from graders.engine.values.messages import Seen

Judge = Callable[[Any, Any, dict[str, Any]], str | None]  # (observed, expected, inputs) -> what is wrong, in words

_MAX_WORDS = 4000  # characters: a dict's key, say, may be as long as a message


@dataclass(frozen=True)
class Failure:
    """An example on which a submission does not show what the reference shows."""

    status: Status
    inputs: bytes
    expected: bytes
    seen: Seen | None  # None when no observation came: it timed out or crashed
    difference: str  # in words


@dataclass(frozen=True)
class Rule:
    """How a check's observations are judged: by its own judge, or by equality; and whether inputs may change."""

    judge: Judge | None
    changes_inputs: bool

    def failure(self, inputs: bytes, expected: bytes, seen: Seen) -> Failure | None:
        """What is wrong with what was `seen` on `inputs`, where the reference showed `expected`. None: nothing."""
        changed = None if self.changes_inputs else seen.changed
        if seen.observation == expected and not changed:
            return None
        try:
            observed = codec.decode(seen.observation)
        except codec.CodecError as error:
            if isinstance(error.__cause__, ImportError):  # of numpy, say, where there is not enough memory for it
                raise GraderError(f"what came back cannot be read: {error.__cause__}") from error
            return Failure("crashed", inputs, expected, None, f"what came back is not data: {error}")
        status, words = self._compared(observed, codec.decode(expected), inputs)
        if words is None and changed:
            status, words = "failed", f"the input {spelled(changed)} was changed in place; it must stay as it was"
        return Failure(status, inputs, expected, seen, words[:_MAX_WORDS]) if words is not None else None

    def accepts(self, inputs: Sequence[bytes], expected: Sequence[bytes], seen: Sequence[Seen]) -> bool:
        """Whether nothing is wrong with any of several observations; the three are as long as each other."""
        return not any(map(self.failure, inputs, expected, seen))

    def _compared(self, observed: Any, expected: Any, inputs: bytes) -> tuple[Status, str | None]:
        match observed, expected:
            case codec.Raised(), codec.Raised():
                agrees = expected.type in observed.bases
                words = f"{spelled(observed.type)} was raised where {expected.type} was expected"
                return "raised", None if agrees else words
            case codec.Raised(type="NotImplementedError"), _ if is_of_stub(observed):
                return "not_attempted", "it is still to be written"
            case codec.Raised(), _:
                return "raised", f"{spelled(observed.type)} was raised"
            case codec.Missing(), _:
                because = f": {observed.because}" if observed.because else ""
                return "missing", f"there is no {spelled(observed.name)}{because}"
            case _, codec.Raised():
                return "failed", f"nothing was raised where {expected.type} was expected"
        return "failed", self._difference(observed, expected, inputs)

    def _difference(self, observed: Any, expected: Any, inputs: bytes) -> str | None:
        from graders.engine.comparing.comparison import (
            difference,  # numpy is loaded only where values are not the same bytes
        )

        if self.judge is None:
            return difference(observed, expected)
        from graders.engine.comparing.likeness import likened

        observed = likened(observed, expected)
        if type(observed) is not type(expected):
            return difference(observed, expected)
        arguments = codec.decode(inputs)
        assert isinstance(arguments, dict)
        try:
            return self.judge(observed, expected, arguments)
        except GraderError:
            raise  # the author's mistake
        except Exception as error:  # a judge written for sound values meets whatever a submission returns
            return difference(observed, expected) or f"it could not be compared ({type(error).__name__}: {error})"


def is_of_stub(observed: codec.Raised) -> bool:
    """Whether the learner's own last line raised it, and not a library that it called."""
    return "raise NotImplementedError" in observed.trace.rpartition("\n")[2]  # `def f(x): raise …` too
