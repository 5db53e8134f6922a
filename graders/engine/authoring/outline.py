"""What a grader file says of its section, read from its text: nothing is executed, and Hypothesis is not imported.

So a run whose papers are kept knows titles and points at once. It asks of authors that exercises and their checks stand
at the top level of the file, with names, titles and options written out; who forgets is told here.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import NoneType

import msgspec

from graders.engine.authoring import reading
from graders.engine.authoring.reading import Declared, Stated, argument, literal
from graders.engine.authoring.section import OPTIONS, Section
from graders.engine.errors import GraderError

_NUMBER, _FLAG = (int, float), (bool,)
_KINDS = {"points": _NUMBER, "examples": (int, NoneType), "seconds": _NUMBER, "changes_inputs": _FLAG, "extra": _FLAG}
_SHARED = ("name", "exercise", "title", "points", "extra", "examples", "seconds", "changes_inputs")


class CheckOutline(msgspec.Struct, frozen=True):
    """What a grader file says of one check."""

    name: str
    exercise: str
    title: str
    points: float
    extra: bool  # beside the score
    examples: int | None  # None: as many as the run asks for
    seconds: float
    changes_inputs: bool
    judged: bool  # by a judge of its own
    asks_by_name: bool  # the probe names the exercise: without one of this name it cannot pass


class Outline(msgspec.Struct, frozen=True):
    """What a grader file says of its section, in the order in which it stands there."""

    name: str
    title: str
    exercises: tuple[str, ...]
    checks: tuple[CheckOutline, ...]
    aliases: dict[str, str]  # another name -> the exercise's name
    needs: dict[str, str]  # another name -> what a definition of this name has to mention, to be the exercise
    lent: dict[str, str]  # name -> where it is imported from


@lru_cache(maxsize=16)
def outline(source: str) -> Outline:
    """The outline of the grader file with the text `source`.

    Raises:
        GraderError: what it says cannot be a section, or cannot be read without executing it.
    """
    body = reading.parsed(source)
    name, title = _section(body)
    try:
        exercises, checks = list(reading.declared(body)), list(reading.stated(body))
        _refuse_twice("exercises are called", (exercise.name for exercise in exercises))
        _refuse_twice("checks are called", (check.name for check in checks))
        _refuse_twice("things are called", _names(body, checks))
        values = dict(_assigned(body))
        for exercise in exercises:
            for word in exercise.call.keywords:
                if word.arg == "mistakes":
                    _refuse_twice(f"mistakes of {exercise.name!r} say", _mistakes(word.value, values))
                if word.arg == "hints" and isinstance(word.value, ast.Constant | ast.JoinedStr):
                    raise GraderError(f"the hints of {exercise.name!r} are one text, not a list")
            if not any(check.exercise == exercise.name for check in checks):
                raise GraderError(f"the exercise {exercise.name!r} has no checks")
        lines = source.split("\n")
        return Outline(
            name=name,
            title=title,
            exercises=tuple(exercise.name for exercise in exercises),
            checks=tuple(_check(check, lines) for check in checks),
            aliases={alias: exercise.name for exercise in exercises for alias in _aliases(exercise)},
            needs={alias: need for exercise in exercises for alias, need in _aliases(exercise).items() if need},
            lent=dict(_lent(body)),
        )
    except GraderError as error:
        raise GraderError(f"{name}: {error}") from None


def agree(said: Outline, section: Section) -> None:
    """Raises GraderError where a section that was loaded is not what the outline of its file says."""
    read = [(*(getattr(each, name) for name in _SHARED), each.judged) for each in said.checks]
    made = [(*(getattr(each, name) for name in _SHARED), each.judge is not None) for each in section.checks.values()]
    odd = [f"the check {check[0]!r}" for check in (*made, *read) if check not in made or check not in read]
    if odd or (said.aliases, said.needs, said.lent) != (section.aliases, section.needs, section.lent):
        what = odd[0] if odd else "another name of an exercise, or one that is lent,"
        raise GraderError(
            f"{said.name}: {what} cannot be read from the text: exercises and checks stand at the top level of the "
            "file, with names, titles and options written out"
        )


def _section(body: list[ast.stmt]) -> tuple[str, str]:
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name("section")], value=ast.Call(func=ast.Name("Section")) as call):
                return argument(call, 0, "name"), argument(call, 1, "title")
    raise GraderError('a grader file has to define `section = Section("its name", title="What it is about")`')


def _refuse_twice(what: str, names: Iterable[str]) -> None:
    """Raises GraderError if one of the names comes twice: of two things of one name only one would be kept."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise GraderError(f"two {what} {twice[0]!r}")


def _names(body: list[ast.stmt], checks: list[Stated]) -> Iterator[str]:
    """The names of the checks that are calls, and of everything else in the file: the worker is sent probes of them."""
    yield from reading.bound(body)
    yield from (check.name for check in checks if isinstance(check.statement, ast.Expr))


def _mistakes(node: ast.expr, values: dict[str, ast.expr]) -> Iterator[str]:
    """The words of the mistakes that a dict says, also where it is put together from others, or has names for words."""
    node = values.get(node.id, node) if isinstance(node, ast.Name) else node
    for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
        if key is None:
            yield from _mistakes(value, values)
        else:
            words = values.get(key.id, key) if isinstance(key, ast.Name) else key
            yield str(words.value) if isinstance(words, ast.Constant) else ast.unparse(words)


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                yield name, value


def _aliases(exercise: Declared) -> dict[str, str]:
    """The other names of an exercise, each with what a definition of this name has to mention."""
    for word in exercise.call.keywords:
        if word.arg == "aliases":
            found = literal(word.value, f"aliases of {exercise.name!r}", (list, tuple, dict))
            return dict(found) if isinstance(found, dict) else dict.fromkeys(found, "")
    return {}


def _lent(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement in body:
        if isinstance(statement, ast.Expr) and (call := reading.called(statement.value, "lend", {"section"})):
            for word in call.keywords:
                yield word.arg or "", literal(word.value, f"what {word.arg} is lent from", (str,))


def _check(check: Stated, lines: list[str]) -> CheckOutline:
    options = dict(OPTIONS)
    for word in check.call.keywords:
        if word.arg is None:
            raise GraderError(f"the check {check.name!r} takes {ast.unparse(word)}: its inputs have to be written out")
        if word.arg in _KINDS:
            options[word.arg] = literal(word.value, f"{word.arg} of the check {check.name!r}", _KINDS[word.arg])
    if isinstance(check.statement, ast.FunctionDef):
        title = ast.get_docstring(check.statement) or ""
        text = "\n".join(lines[check.statement.lineno - 1 : check.statement.end_lineno])
    else:
        title, text = argument(check.call, 1, "title"), f"solution.{check.exercise}("
    if not title.strip():
        raise GraderError(f"the check {check.name!r} has no docstring, which is its title")
    return CheckOutline(
        name=check.name,
        exercise=check.exercise,
        title=" ".join(title.split()),
        points=float(options["points"]),
        extra=options["extra"],
        examples=options["examples"],
        seconds=options["seconds"],
        changes_inputs=options["changes_inputs"],
        judged=any(word.arg == "judge" for word in check.call.keywords),
        asks_by_name=f"solution.{check.exercise}(" in text,
    )
