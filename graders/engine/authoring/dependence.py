"""Which exercises of a reference use which others, as far as its text says: nothing is run."""

import ast
import copy
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from graders.engine.authoring import shaking
from graders.engine.values.definitions import Definition


class Dependence:
    """What the definitions of a reference mention, each other's names and through other names of the file.

    A statement that fills a table (`TABLE.add(f, g)`) belongs to the table: who uses the table uses `g`.

    Args:
        reference: the text.
        exercises: the names that are asked about.
    """

    def __init__(self, reference: str, exercises: Collection[str]):
        self._body = ast.parse(reference).body
        self._exercises = frozenset(exercises)

    def of(self, exercise: str) -> frozenset[str]:
        """The exercises that `exercise` uses, directly or through others; without itself."""
        return (self._reached(self._mentioned.get(exercise, frozenset())) & self._exercises) - {exercise}

    def of_probe(self, probes: str, probe: str) -> frozenset[str]:
        """The exercises that a probe uses, directly or through others.

        Args:
            probes: the text of the module that the probe stands in.
            probe: its name.
        """
        text = shaking.probes(probes, [probe])
        nodes = list(ast.walk(ast.parse(text)))
        asked = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        asked |= {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
        return self._reached(asked & (self._names | self._exercises)) & self._exercises

    def graft(self, exercise: str) -> str:
        """The reference's version of an exercise as a text of its own, with the given code that only it knows.

        Other exercises that it uses are left out: they are to be those of the file that it is grafted into.
        """
        wanted, open_ends = {exercise}, [exercise]
        while open_ends:
            for name in self._mentioned.get(open_ends.pop(), frozenset()) & self._names - self._exercises - wanted:
                wanted.add(name)
                open_ends.append(name)
        return "\n\n".join(ast.unparse(narrowed) for statement in self._body for narrowed in _part(statement, wanted))

    def alone(self, exercise: str) -> str:
        """A file that holds the reference's version of one exercise and no other exercise, yet works.

        Other exercises that it uses stand there under names that nobody asks for.
        """
        wanted = self._reached([exercise]) | {exercise}
        renamed = _Renamed({name: f"own_{name}" for name in self._exercises & wanted - {exercise}})
        kept = [
            each
            for each in self._body
            if isinstance(each, ast.Import | ast.ImportFrom) or wanted.intersection(_owners(each))
        ]
        return "\n\n".join(ast.unparse(renamed.renamed(each)) for each in kept)

    @cached_property
    def _names(self) -> frozenset[str]:
        return shaking.bound(self._body)

    @cached_property
    def _mentioned(self) -> dict[str, frozenset[str]]:
        """By name of the file: the names of the file that its definition mentions."""
        found: dict[str, set[str]] = {}
        for statement in self._body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                continue
            mentioned = shaking.mentions(statement) & self._names
            for name in _owners(statement):
                found.setdefault(name, set()).update(mentioned - {name})
        return {name: frozenset(mentioned) for name, mentioned in found.items()}

    def _reached(self, names: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        open_ends = list(names)
        while open_ends:
            name = open_ends.pop()
            if name not in found:
                found.add(name)
                open_ends += self._mentioned.get(name, ())
        return frozenset(found)


class _Renamed(ast.NodeTransformer):
    """Gives definitions, and all that mentions them, other names."""

    def __init__(self, names: dict[str, str]):
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(self._names.get(node.id, node.id), node.ctx), node)

    def renamed(self, statement: ast.stmt) -> ast.AST:
        """A statement of the top level, under its new name; methods keep theirs."""
        changed: ast.AST = self.visit(copy.deepcopy(statement))
        if isinstance(changed, Definition):
            changed.name = self._names.get(changed.name, changed.name)
        return changed


def _owners(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement says something about: those it defines, or the object that it calls a method of."""
    yield from shaking.bound([statement])
    if isinstance(statement, ast.Expr | ast.Assign):
        value: ast.expr = statement.value if isinstance(statement, ast.Expr) else statement.targets[0]
        while isinstance(value, ast.Call | ast.Attribute | ast.Subscript):
            value = value.func if isinstance(value, ast.Call) else value.value
        if isinstance(value, ast.Name):
            yield value.id
    if isinstance(statement, ast.For | ast.With | ast.If):
        for inner in statement.body:
            yield from _owners(inner)


def _part(statement: ast.stmt, wanted: Collection[str]) -> Iterator[ast.stmt]:
    """The part of a statement that defines any of the `wanted` names."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names = [alias for alias in statement.names if (alias.asname or alias.name.partition(".")[0]) in wanted]
        if names:
            narrowed = copy.copy(statement)
            narrowed.names = names
            yield narrowed
    elif isinstance(statement, Definition | ast.Assign | ast.AnnAssign) and shaking.bound([statement]) & set(wanted):
        yield statement
