"""Runs probes on a submission of which one function has another text for a while, and tells which lines run."""

import ast
import gc
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

from graders.engine.values.definitions import Function
from graders.engine.values.messages import Changed


class TooLong(BaseException):
    """The patience for an example is over. Not an Exception, so that few let it disappear."""


class _Parts(NamedTuple):
    """What makes a function do what it does."""

    code: CodeType
    defaults: tuple[Any, ...] | None
    keyword_defaults: dict[str, Any] | None


class Functions:
    """The functions that loading a submission made: changed where they are, whoever holds them.

    Args:
        module: the submission.
        files: the names of its files.
        flags: of the `__future__` imports that hold in it.
    """

    def __init__(self, module: ModuleType, files: Collection[str], flags: int):
        self._module, self._files, self._flags = module, files, flags
        self._found: list[FunctionType] | None = None

    @contextmanager
    def changed(self, change: Changed) -> Iterator[None]:
        """One function has another text. Where that cannot be, nothing is changed, and it comes to what it was.

        Python lets no function have code with other variables from around it.
        """
        before: list[tuple[FunctionType, _Parts]] = []
        try:
            new = self._made(change)
            inner = {code.co_qualname: code for code in _codes(new.code)} if new else {}
            for function in self._all():
                code = function.__code__
                if new is None or code.co_filename != change.label or not _is_in(code, change):
                    continue
                parts = new
                if code.co_qualname != new.code.co_qualname:  # made by it while the submission was loaded
                    parts = _parts(function)._replace(code=inner.get(code.co_qualname, code))
                if parts.code.co_freevars == code.co_freevars:
                    before.append((function, _parts(function)))
                    _set(function, parts)
            yield
        finally:
            for function, parts in before:
                _set(function, parts)

    def _made(self, change: Changed) -> _Parts | None:
        """The new function; None where the text is no Python."""
        head = f"class {change.owner}:\n" if change.owner else "if True:\n" if change.text[:1].isspace() else ""
        try:
            tree = ast.parse(head + change.text)
            ast.increment_lineno(tree, change.line - 1 - bool(head))
            function = next(node for node in ast.walk(tree) if isinstance(node, Function))
            function.decorator_list = []  # what they made of the function goes on to call it
            names = dict(vars(self._module))
            exec(compile(tree, change.label, "exec", flags=self._flags, dont_inherit=True), names)
            return _parts((vars(names[change.owner]) if change.owner else names)[function.name])
        except BaseException:  # defaults are computed here, by code that is anybody's
            return None

    def _all(self) -> list[FunctionType]:
        if self._found is None:  # what was there before the submission is frozen, and not among them
            found = (each for each in gc.get_objects() if type(each) is FunctionType)
            self._found = [each for each in found if each.__code__.co_filename in self._files]
        return self._found


def _is_in(code: CodeType, change: Changed) -> bool:
    """Whether a function stands where the changed one does: a name may be given twice."""
    return change.line <= code.co_firstlineno < change.line + change.length


def _parts(function: FunctionType) -> _Parts:
    return _Parts(function.__code__, function.__defaults__, function.__kwdefaults__)


def _set(function: FunctionType, parts: _Parts) -> None:
    function.__code__, function.__defaults__, function.__kwdefaults__ = parts


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Interrupts what takes more seconds of a core."""

    def end(number: int, frame: FrameType | None) -> None:
        raise TooLong(f"took more than {seconds:g} s")

    signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def lines_run(probe: Callable[..., Any], files: Collection[str], solution: Any, /, **inputs: Any) -> list[Any]:
    """The lines of the submission that a probe runs: pairs of file and line, and how many lines were run in all."""
    found: set[tuple[str, int]] = set()
    count = 0

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            found.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        return local if frame.f_code.co_filename in files else None

    sys.settrace(entered)
    try:
        probe(solution, **inputs)
    except BaseException:  # which lines ran until then is what is asked
        pass
    finally:
        sys.settrace(None)
    return [count, *map(list, sorted(found))]
