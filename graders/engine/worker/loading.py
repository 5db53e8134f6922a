"""Loads a submission in the worker: definitions and what belongs to them are executed, the rest is left alone.

Imports, definitions, assignments and method calls on the submission's own objects (registrations) run one statement at
a time, at the top level and inside main blocks. Loose statements (test calls, loops, prints, plots) do not. A statement
that fails costs the names it would have defined, and nothing else.
"""

import __future__

import ast
import copy
import io
import linecache
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from graders.engine.values.messages import Cell, Loaded, Trouble
from graders.engine.worker import attempts, observing, relevance, stand_ins
from graders.engine.worker.magics import converted_cell, without_line_magics
from graders.engine.worker.naming import Names

_CLAUSES = ("else", "elif", "except", "finally", ")", "]", "}", "#")
_MAX_JOINED = 40  # chunks that one statement may span while a broken file is taken apart
_STATEMENTS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign,
               ast.AnnAssign, ast.AugAssign, getattr(ast, "TypeAlias", ast.Assign))  # fmt: skip
_GYM = re.compile(r"(gym|gymnasium)\.(envs\.registration\.)?register")
_TRAINING = ("backward", "step", "zero_grad")  # methods by which a loop is known that trains something
# Annotations stay text: no answer computes with them, and many need libraries that are not there.
_ANNOTATIONS = __future__.annotations.compiler_flag


class Loader:
    """Executes the statements of one submission in a new module.

    Args:
        name: the name of the module.
        cells: the submission's source.
        announce: called with (cell, line, is an import) before each statement, so that the parent can keep the time.
        skip: statements, as (cell, line), that ran out of time or killed the process in an earlier try, and why.
        until: the statement, as (cell, line), with which the time for the whole file ran out; the rest is left alone.
        grafts: names that another text takes the place of, with that text: what it defines besides such a name is only
            taken where the submission does not define it.
    """

    def __init__(
        self,
        name: str,
        cells: tuple[Cell, ...],
        announce: Callable[[int, int, bool], None],
        skip: dict[tuple[int, int], str],
        until: tuple[int, int] | None,
        grafts: Mapping[str, str] = MappingProxyType({}),
    ):
        self.module = ModuleType(name)
        self.cells, self.announce, self.skip = cells, announce, skip
        self.until = until or (len(cells), 0)
        self.files = frozenset(cell.label for cell in cells)
        self.troubles: list[Trouble] = []
        self.own: set[str] = set()  # names that the submission itself made, by definition or assignment
        self.grafts = {name: ast.parse(text).body for name, text in grafts.items()}
        self.defined: frozenset[str] = frozenset()  # names that the submission defines anywhere
        self.flags = _ANNOTATIONS  # and those of the __future__ imports met so far
        self.names = Names()
        self.executed: list[ast.stmt] = []  # and tried, in branches that were taken
        self.left_out: list[ast.stmt] = []  # statements that are not executed
        self.cell = 0

    def load(self, exercises: tuple[str, ...], stub: str, lent: Mapping[str, str] = MappingProxyType({})) -> Loaded:
        """Executes the submission.

        Args:
            exercises: the names that are looked for.
            stub: the untouched exercise file, to tell which exercises were not attempted; empty if that is known.
            lent: names that are there from the start, and where each is imported from, `module.attribute`.
        """
        sys.modules[self.module.__name__] = self.module
        torch = sys.modules.get("torch")
        given = {name: pkgutil.resolve_name(origin) for name, origin in lent.items()}
        vars(self.module).update(
            __file__=self.cells[0].label if self.cells else "",
            MAIN=False,
            device=torch.device("cpu") if torch else "cpu",
            **given,
        )
        stand_ins.put_in_place(self.files, given)
        if torch:
            vars(torch)["compile"] = _uncompiled
        bodies: list[list[ast.stmt]] = []
        for number, cell in enumerate(self.cells):
            self.cell = number
            linecache.cache[cell.label] = (len(cell.source), None, list(io.StringIO(cell.source)), cell.label)
            bodies.append(list(self._parsed(Cell(cell.label, without_line_magics(cell.source)))))
        statements = [statement for body in bodies for statement in body]
        self.defined = frozenset(_lines(statements))
        for number, body in enumerate(bodies):
            self.cell = number
            for statement in body:
                self._graft_before(statement)
                self._run(statement)
        for name in self.grafts.keys() - self.defined:
            self._graft(name)
        lines = _lines(self.executed)
        added = self.names.settle(vars(self.module), lines)
        statements = [*self.executed, *(_named(exercise, node) for exercise, node in added)]
        unattempted = _unattempted(statements, stub, exercises) if stub else frozenset()
        left_out = relevance.left_out(self.executed, self.left_out, exercises)
        return Loaded(lines, unattempted, tuple(self.troubles), left_out)

    def _parsed(self, cell: Cell) -> Iterator[ast.stmt]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the learner's escape sequences
                yield from ast.parse(cell.source, cell.label).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            yield from self._salvaged(cell, error)

    def _salvaged(self, cell: Cell, error: Exception) -> Iterator[ast.stmt]:
        """The statements of a cell that does not parse as a whole, without the broken ones."""
        if isinstance(error, RecursionError | MemoryError):
            self._trouble(1, "the code is nested too deep to be read", ())
            return
        chunks = list(_chunks(cell.source))
        start = 0
        while start < len(chunks):
            for end in range(start + 1, min(start + _MAX_JOINED, len(chunks)) + 1):
                line = chunks[start][0]
                try:
                    body = ast.parse(
                        "\n" * (line - 1) + "".join(text for _, text in chunks[start:end]), cell.label
                    ).body
                except (SyntaxError, ValueError) as problem:
                    if end == start + 1:
                        first = problem
                    continue
                yield from body
                start = end
                break
            else:
                where = getattr(first, "lineno", None) or chunks[start][0]
                names = _heads(chunks[start][1])
                reason = first.msg if isinstance(first, SyntaxError) else str(first)
                self._trouble(where, f"{type(first).__name__}: {reason}", names)
                start += 1

    def _run(self, statement: ast.stmt) -> None:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                chosen = body
                if not _is_main(test):
                    value = self._guarded(
                        statement, lambda: eval(self._compiled(ast.Expression(test), "eval"), vars(self.module))
                    )
                    chosen = body if value else orelse
                for inner in chosen:
                    self._run(inner)
            case ast.Expr() if self._is_registration(statement):
                self._execute(statement)
            case ast.For() if self._fills(statement):
                self._execute(statement)
            case ast.Try() | ast.With() if _is_plain(statement):
                self._execute(statement)
            case _ if isinstance(statement, _STATEMENTS):
                self._execute(statement)
            case ast.Expr() if source := converted_cell(statement):
                for inner in self._parsed(Cell(self.cells[self.cell].label, without_line_magics(source))):
                    self._run(_at(statement.lineno, inner))
            case _:
                self.left_out.append(statement)

    def _is_registration(self, statement: ast.stmt, loop: frozenset[str] = frozenset()) -> bool:
        """Whether a statement calls a method of the submission's own objects, or of what a loop goes through.

        Environments are registered with gymnasium, which is nobody's own.
        """
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute() as function)):
                root, text = _root(function), ast.unparse(function)
                return root in self.own | loop or text == "sys.setrecursionlimit" or bool(_GYM.fullmatch(text))
        return False

    def _fills(self, loop: ast.For, outer: frozenset[str] = frozenset()) -> bool:
        """Whether a loop does nothing but register and assign: it fills a table, and need not be left alone."""
        names = outer | frozenset(node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name))
        if any(isinstance(node, ast.Attribute) and node.attr in _TRAINING for node in ast.walk(loop)):
            return False
        return not loop.orelse and all(
            self._is_registration(inner, names)
            or (isinstance(inner, ast.For) and self._fills(inner, names))
            or isinstance(inner, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Pass)
            for inner in loop.body
        )

    def _graft_before(self, statement: ast.stmt) -> None:
        """Puts in place what the submission does not define, and a statement of it uses."""
        lacking = self.grafts.keys() - self.defined
        used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} if lacking else set()
        for name in sorted(lacking & used):
            self._graft(name)
            self.defined |= {name}

    def _graft(self, name: str) -> None:
        body = [each for each in self.grafts[name] if name in _bound(each) or self.defined.isdisjoint(_bound(each))]
        code = compile(ast.Module(body, []), "<graft>", "exec", dont_inherit=True)
        self._guarded(ast.Pass(lineno=0), lambda: exec(code, vars(self.module)))

    def _execute(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                self.flags |= getattr(__future__, alias.name, __future__.annotations).compiler_flag
            return
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            self.own.update(_bound(statement))
        if isinstance(statement, ast.ImportFrom) and len(statement.names) > 1:
            for alias in statement.names:  # one name that is not there does not cost the others
                one = ast.ImportFrom(statement.module, [alias], statement.level)
                self._execute(ast.copy_location(one, statement))
            return
        grafted = self.grafts.keys() & set(_bound(statement))
        if not grafted or not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            code = ast.Module([statement], [])
            self._guarded(statement, lambda: exec(self._compiled(code, "exec"), vars(self.module)))
        for name in sorted(grafted):
            self._graft(name)
        if not stand_ins.lends(statement):  # an exercise that is taken from there is not written yet
            self.executed.append(statement)
            self.names.note(list(_bound(statement)), statement, vars(self.module))

    def _compiled(self, tree: ast.Module | ast.Expression, mode: str) -> Any:
        return compile(tree, self.cells[self.cell].label, mode, flags=self.flags, dont_inherit=True)

    def _guarded(self, statement: ast.stmt, action: Callable[[], Any]) -> Any:
        place = (self.cell, statement.lineno)
        reason = self.skip.get(place)
        if place >= self.until:
            reason = "not executed: the time for the whole file was used up before"
        elif reason is None:
            self.announce(*place, isinstance(statement, ast.Import | ast.ImportFrom))
            try:
                return action()
            except BaseException as error:  # SystemExit too: leaving is not the submission's to decide
                reason = _reason(error, self.files)
                cause = self._cause(error)
                follows = cause is not None or isinstance(error, NotImplementedError)
                self._trouble(statement.lineno, cause or reason, tuple(_bound(statement)), follows)
                return None
        self._trouble(statement.lineno, reason, tuple(_bound(statement)))
        return None

    def _cause(self, error: BaseException) -> str | None:
        """Why there is no such name, if that is what `error` complains of and it is known."""
        missing = error.name if isinstance(error, NameError) else None
        return next((trouble.message for trouble in self.troubles if missing in trouble.names), None)

    def _trouble(self, line: int, message: str, names: tuple[str, ...], follows: bool = False) -> None:
        sendable = message.encode(errors="replace").decode()  # without lone surrogates
        self.troubles.append(Trouble(self.cell, line, sendable, names, follows))


def _reason(error: BaseException, files: frozenset[str]) -> str:
    seen = observing.raised(error, files)
    return f"{seen.type}: {seen.message}" if seen.message else seen.type


def _uncompiled(model: Any = None, **_: Any) -> Any:
    """Stands for `torch.compile`: what is compiled does the same, and compiling takes longer than grading."""
    return _uncompiled if model is None else model


def _named(name: str, statement: ast.stmt) -> ast.stmt:
    """A definition under another name."""
    if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)), statement)
    renamed = copy.copy(statement)
    renamed.name = name
    return renamed


def _at(line: int, statement: ast.stmt) -> ast.stmt:
    """A statement that was read from a string, as if all of it stood on the string's line."""
    for node in ast.walk(statement):
        if hasattr(node, "lineno"):
            vars(node).update(lineno=line, end_lineno=line)
    return statement


def _chunks(source: str) -> Iterator[tuple[int, str]]:
    """The text cut before each line that begins in the first column and can begin a statement, with line numbers."""
    start = 1
    lines: list[str] = []
    decorated = False
    for number, line in enumerate(io.StringIO(source), 1):  # splitlines would split at form feeds too
        begins = line.strip() and not line[0].isspace() and not line.startswith(_CLAUSES)
        if begins and lines and not decorated:
            yield start, "".join(lines)
            start, lines = number, []
        if begins:
            decorated = line.startswith("@")
        lines.append(line)
    if lines:
        yield start, "".join(lines)


def _heads(text: str) -> tuple[str, ...]:
    """The name that broken text would have defined, as far as its first words show it."""
    for line in text.splitlines():
        words = line.replace("(", " ").replace(":", " ").replace("=", " = ").split()
        if words[:1] in (["def"], ["class"]) and len(words) > 1:
            return (words[1],)
        if len(words) > 1 and words[1] == "=":
            return (words[0],)
    return ()


def _is_main(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id in ("MAIN", "__name__") for node in ast.walk(test))


def _root(expression: ast.expr) -> str | None:
    while isinstance(expression, ast.Attribute | ast.Subscript):
        expression = expression.value
    return expression.id if isinstance(expression, ast.Name) else None


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements directly inside a compound one."""
    for field in ("body", "orelse", "finalbody"):
        yield from getattr(statement, field, [])
    for handler in getattr(statement, "handlers", []):
        yield from handler.body


def _is_plain(statement: ast.stmt) -> bool:
    """Whether a statement is, or holds, only what would run on its own. What handles an exception may be anything."""
    if isinstance(statement, ast.If | ast.With):
        return all(map(_is_plain, _inner(statement)))
    if isinstance(statement, ast.Try):
        return all(map(_is_plain, (*statement.body, *statement.orelse, *statement.finalbody)))
    return isinstance(statement, (*_STATEMENTS, ast.Pass))


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement defines in the module."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        case ast.Assign(targets=targets):
            found = [node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
            yield from (node.id for node in found if isinstance(node.ctx, ast.Store))
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            yield name
        case ast.Try() | ast.With() | ast.If():
            for inner in _inner(statement):
                yield from _bound(inner)


def _flat(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _flat(list(_inner(statement)))


def _lines(statements: list[ast.stmt]) -> dict[str, int]:
    return {name: statement.lineno for statement in _flat(statements) for name in _bound(statement)}


def _unattempted(statements: list[ast.stmt], stub: str, exercises: tuple[str, ...]) -> frozenset[str]:
    last = {name: node for node in _flat(statements) for name in _bound(node)}  # `f = other` may replace a stub of f
    definitions: list[ast.stmt] = [node for node in last.values() if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return frozenset(attempts.unattempted(ast.Module(definitions, []), stub, exercises))
