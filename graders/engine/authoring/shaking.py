"""Takes out of a grader file the few definitions that a process needs, and leaves the rest behind.

The worker that runs learners' code is sent the probes and what they refer to: no strategies, no mistakes, no judges,
and so nothing worth stealing and nothing that needs Hypothesis. In the same way the trusted process takes only the
judges, as long as nothing has failed.
"""

import ast
import symtable
from collections.abc import Iterable, Iterator

from graders.engine.errors import GraderError

_DRAWING = "hypothesis"


def checks(source: str) -> dict[str, ast.Call]:
    """The names of the checks of the grader file `source`, each with the call of `section.check` that makes it one."""
    return {
        statement.name: decorator
        for statement in ast.parse(source).body
        if isinstance(statement, ast.FunctionDef)
        for decorator in statement.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "section.check"
    }


def exercises(source: str) -> tuple[str, ...]:
    """The exercises that the grader file `source` has checks for, in the order of their first checks."""
    return tuple(dict.fromkeys(ast.literal_eval(call.args[0]) for call in checks(source).values()))


def probes(source: str, names: Iterable[str]) -> str:
    """A module with the probes `names` of the grader file `source`, undecorated, and all they refer to."""
    tree = ast.parse(source)
    roots = set(names)
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name in roots:
            statement.decorator_list = []
            statement.returns = None
    return _shaken(tree.body, roots)


def judges(source: str) -> str:
    """A module whose `JUDGES` maps the name of each check that names a judge to that judge."""
    judged = {
        name: keyword.value
        for name, call in checks(source).items()
        for keyword in call.keywords
        if keyword.arg == "judge"
    }
    table = ast.Dict([ast.Constant(name) for name in judged], list(judged.values()))
    named = {node.id for node in ast.walk(table) if isinstance(node, ast.Name)}
    return _shaken(ast.parse(source).body, named) + f"\nJUDGES = {ast.unparse(table)}\n"


def imports(source: str) -> frozenset[str]:
    """The top-level packages and the `exercises.given` modules that the module `source` imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return frozenset(name if name.startswith("exercises.given") else name.partition(".")[0] for name in found)


def bound(statements: Iterable[ast.stmt]) -> frozenset[str]:
    """The names that the `statements` of a module define."""
    return frozenset(name for statement in statements for name in _binds(statement))


def _shaken(body: list[ast.stmt], roots: set[str]) -> str:
    kept: set[str] = set()
    wanted = set(roots)
    homes = [(statement, frozenset(_binds(statement))) for statement in body]
    bound = frozenset().union(*(names for _, names in homes))
    while wanted:
        kept |= wanted
        users = [statement for statement, names in homes if names & wanted and not _is_import(statement)]
        wanted = {name for statement in users for name in _mentions(statement)} & bound - kept
    lines = [ast.unparse(narrowed) for statement, names in homes for narrowed in _kept(statement, names, kept)]
    return "\n\n".join(lines) + "\n"


def _kept(statement: ast.stmt, names: frozenset[str], kept: set[str]) -> Iterator[ast.stmt]:
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        yield statement
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        needed = [alias for alias in statement.names if (alias.asname or alias.name.partition(".")[0]) in kept]
        origin = statement.module or "" if isinstance(statement, ast.ImportFrom) else ""
        for alias in needed:
            if (origin or alias.name).partition(".")[0] == _DRAWING:
                raise GraderError(f"a probe or a judge uses {ast.unparse(statement)!r}: only strategies may")
        if needed:
            statement.names = needed
            yield statement
    elif names & kept:
        yield statement


def _binds(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def _mentions(statement: ast.stmt) -> set[str]:
    """The names of the module that a statement uses, in its functions too; their own parameters and variables not."""
    whole = symtable.symtable(ast.unparse(statement), "grader", "exec")
    found = {symbol.get_name() for symbol in whole.get_symbols() if symbol.is_referenced()}
    tables = list(whole.get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return found


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)
