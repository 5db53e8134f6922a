"""Takes out of a grader file the few definitions that a process needs, and leaves the rest behind.

The worker that runs learners' code is sent the probes and what they refer to: no strategies, no mistakes, no judges,
and so nothing worth stealing and nothing that needs Hypothesis. In the same way the trusted process takes only the
judges, as long as nothing has failed, and a kept paper depends on what one check is drawn and run with.
"""

import ast
import symtable
from collections.abc import Iterable, Iterator, Set
from copy import copy
from functools import cached_property, lru_cache

from graders.engine.authoring.reading import Stated, declared, parsed, stated
from graders.engine.authoring.reading import bound as bound  # who shakes a text asks for it here
from graders.engine.errors import GraderError

_DRAWING = "hypothesis"


def checks(source: str) -> dict[str, ast.Call]:
    """The names of the checks of the grader file `source`, each with the call that makes it one."""
    return {check.name: check.call for check in stated(parsed(source))}


def exercises(source: str) -> tuple[str, ...]:
    """The exercises that the grader file `source` has checks for, in the order in which they stand."""
    return tuple(exercise.name for exercise in declared(parsed(source)))


def probes(source: str, names: Iterable[str]) -> str:
    """A module with the probes `names` of the file `source`, undecorated, and all they refer to."""
    roots = set(names)
    parts = [part.bare() if part.names & roots else part for part in _file(source).parts]
    return _joined(_needed(parts, _reached(_homes(parts), roots)))


def judges(source: str) -> str:
    """A module whose `JUDGES` maps the name of each check that names a judge to that judge."""
    judged = {
        name: keyword.value
        for name, call in checks(source).items()
        for keyword in call.keywords
        if keyword.arg == "judge"
    }
    table = ast.Dict([ast.Constant(name) for name in judged], list(judged.values()))
    roots = {node.id for node in ast.walk(table) if isinstance(node, ast.Name)}
    file = _file(source)
    return _joined([*_needed(file.parts, _reached(file.homes, roots)), f"JUDGES = {ast.unparse(table)}"])


def closure(source: str, check: str) -> str:
    """The text of everything in the grader file `source` that one check is drawn and run with.

    That is the check itself, its strategies, and what these and the probe refer to: no judge, and nothing else of the
    exercise. While it stays the same, so do the check's inputs and what the reference shows on them.
    """
    file = _file(source)
    own = file.drawn[check]
    kept = _reached(file.homes, mentions(own) & file.homes.keys())
    return _joined([*_needed(file.parts, kept, drawing=True), own])


def imports(source: str) -> frozenset[str]:
    """The top-level packages and the `exercises.given` modules that the module `source` imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return frozenset(name if name.startswith("exercises.given") else name.partition(".")[0] for name in found)


def mentions(text: str | ast.stmt) -> frozenset[str]:
    """The names of its module that a text uses, in its functions too; their own parameters and variables not."""
    whole = symtable.symtable(text if isinstance(text, str) else ast.unparse(text), "grader", "exec")
    found = {symbol.get_name() for symbol in whole.get_symbols() if symbol.is_referenced()}
    tables = list(whole.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return frozenset(found)


class _Part:
    """A statement of a file: what it defines, what it mentions, and its text."""

    def __init__(self, statement: ast.stmt):
        self.statement, self.names = statement, bound([statement])

    @cached_property
    def mentions(self) -> frozenset[str]:
        """The names of the module that it uses."""
        return frozenset() if isinstance(self.statement, ast.Import | ast.ImportFrom) else mentions(self.text)

    @cached_property
    def text(self) -> str:
        """As Python writes it: without comments, and the same however it is laid out."""
        return ast.unparse(self.statement)

    def bare(self) -> "_Part":
        """A function without decorators and without the annotation of what it returns; anything else as it is."""
        function = self.statement
        if not isinstance(function, ast.FunctionDef) or not (function.decorator_list or function.returns):
            return self
        function = copy(function)
        function.decorator_list, function.returns = [], None
        return _Part(function)


class _File:
    """The statements of a grader file, with plain probes in the place of its checks."""

    def __init__(self, source: str):
        found = {id(check.statement): check for check in stated(parsed(source))}
        self.parts: list[_Part] = []
        self.drawn: dict[str, str] = {}  # the checks by name, each with all that draws its inputs
        for statement in parsed(source):
            part = _Part(statement)
            if check := found.get(id(statement)):
                part = part.bare() if isinstance(statement, ast.FunctionDef) else _Part(_probe(check))
                self.drawn[check.name] = "\n".join([*_decorators(check), part.text])
            self.parts.append(part)
        self.homes = _homes(self.parts)


@lru_cache(maxsize=16)
def _file(source: str) -> _File:
    return _File(source)


def _probe(check: Stated) -> ast.stmt:
    """The probe that a check without one stands for."""
    inputs = [str(word.arg) for word in check.inputs]
    arguments = "*case" if inputs == ["case"] else ", ".join(inputs)
    title, call = ast.unparse(check.call.args[1]), f"solution.{check.exercise}({arguments})"
    text = f"def {check.name}({', '.join(['solution', *inputs])}):\n    {title}\n    return {call}"
    return ast.parse(text).body[0]


def _decorators(check: Stated) -> Iterator[str]:
    """What stands, or would stand, above a probe; of the judge only that there is one."""
    options = [word for word in check.call.keywords if word not in check.inputs]
    words = [f"{word.arg}={word.arg == 'judge' or ast.unparse(word.value)}" for word in options]
    yield f"@check({', '.join([repr(check.exercise), *words])})"
    if check.inputs:
        yield f"@given({', '.join(map(ast.unparse, check.inputs))})"
    if isinstance(check.statement, ast.FunctionDef):
        yield from (f"@{ast.unparse(each)}" for each in check.statement.decorator_list if each is not check.call)


def _homes(parts: Iterable[_Part]) -> dict[str, list[_Part]]:
    """The statements that define each name."""
    homes: dict[str, list[_Part]] = {}
    for part in parts:
        for name in part.names:
            homes.setdefault(name, []).append(part)
    return homes


def _reached(homes: dict[str, list[_Part]], wanted: Set[str]) -> set[str]:
    """The names `wanted`, and all names that what defines them mentions."""
    kept: set[str] = set()
    while wanted:
        kept |= wanted
        used = {name for home in wanted for part in homes.get(home, ()) for name in part.mentions}
        wanted = (used & homes.keys()) - kept
    return kept


def _needed(parts: Iterable[_Part], kept: set[str], *, drawing: bool = False) -> Iterator[str]:
    """The texts of the statements that define the names `kept`; only with `drawing` may there be what draws inputs."""
    for part in parts:
        statement = part.statement
        if isinstance(statement, ast.Import | ast.ImportFrom):
            origin = statement.module or "" if isinstance(statement, ast.ImportFrom) else ""
            names = [alias for alias in statement.names if (alias.asname or alias.name.partition(".")[0]) in kept]
            if not drawing and any((origin or alias.name).partition(".")[0] == _DRAWING for alias in names):
                raise GraderError(f"a probe or a judge uses {part.text!r}: only strategies may")
            if origin == "__future__":
                yield part.text
            elif names:
                narrow = copy(statement)
                narrow.names = names
                yield ast.unparse(narrow)
        elif part.names & kept:
            yield part.text


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(texts) + "\n"
