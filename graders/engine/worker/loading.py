"""Loads a submission in the worker: definitions and what belongs to them are executed, the rest is left alone.

Imports, definitions, assignments and method calls on the submission's own objects (registrations) run one statement at
a time, at the top level and inside main blocks. Loose statements (test calls, loops, prints, plots) do not. A statement
that fails costs the names it would have defined, and nothing else. A file beside the answer that it imports is part of
the submission: it is loaded in the same way, into a module of its own, when a statement first imports it.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Any

import msgspec

from graders.engine.values.messages import Cell, Loaded, Trouble
from graders.engine.worker import attempts, observing, relevance, stand_ins
from graders.engine.worker.magics import converted_cell, without_line_magics
from graders.engine.worker.naming import Names
from graders.engine.worker.statements import (
    DEFINING,
    absolute,
    bound_by,
    chunks_of,
    flat,
    is_main,
    is_plain,
    lines_of,
    moved,
    named_by,
    renamed,
    root_of,
)

_MAX_JOINED = 40  # chunks that one statement may span while a broken file is taken apart
_GYM = re.compile(r"(gym|gymnasium)\.(envs\.registration\.)?register")
_UNKNOWN = re.compile(r"cannot import name '(\w+)'")
_TRAINING = ("backward", "step", "zero_grad")  # methods by which a loop is known that trains something
# Annotations stay text: no answer computes with them, and many need libraries that are not there.
_ANNOTATIONS = __future__.annotations.compiler_flag


class Loader:
    """Executes the statements of one submission in a new module.

    Args:
        name: the name of the module.
        cells: the submission's source, and that of the files beside it that it imports.
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
        self.until = until
        self.reached: set[tuple[int, int]] = set()  # statements
        self.files = frozenset(cell.label for cell in cells)
        self.troubles: list[Trouble] = []
        self.own: set[str] = set()  # names that the submission itself made, by definition or assignment
        self.grafts = {name: ast.parse(text).body for name, text in grafts.items()}
        self.defined: frozenset[str] = frozenset()  # names that the submission defines anywhere
        self.flags = _ANNOTATIONS  # and those of the __future__ imports met so far
        self.names = Names()
        self.executed: list[ast.stmt] = []  # and tried, in branches that were taken
        self.left_out: list[tuple[str, ast.stmt]] = []  # statements that are not executed, and where they stand
        self.beside: dict[str, Loader] = {}  # the files beside the answer that are loaded, by module
        self.cell = 0

    def load(self, exercises: tuple[str, ...], stub: str, lent: Mapping[str, str] = MappingProxyType({})) -> Loaded:
        """Executes the submission.

        Args:
            exercises: the names that are looked for.
            stub: the untouched exercise file, to tell which exercises were not attempted; empty if that is known.
            lent: names that are there from the start, and where each is imported from, `module.attribute`.
        """
        sys.modules[self.module.__name__] = self.module
        given = {name: pkgutil.resolve_name(origin) for name, origin in lent.items()}
        modules = {cell.module: partial(self._fill, number, given) for number, cell in enumerate(self.cells)}
        modules.pop("", None)
        stand_ins.put_in_place(self.files, given, modules, {cell.module for cell in self.cells if cell.is_package})
        if torch := sys.modules.get("torch"):
            vars(torch)["compile"] = _uncompiled
        self._execute_cells([number for number, cell in enumerate(self.cells) if not cell.module], given)
        for name in modules.keys() - self.beside.keys():  # a function may import it later, when nobody keeps the time
            with suppress(Exception):
                exec(compile(f"import {name}", self.cells[0].label, "exec"), {})
        for name in self.grafts.keys() - self.defined:
            self._graft(name)
        lines = lines_of(self.executed)
        added = self.names.settle(vars(self.module), lines)
        statements = [*self.executed, *(renamed(exercise, node) for exercise, node in added)]
        unattempted = _unattempted(statements, stub, exercises) if stub else frozenset()
        loaders = (self, *self.beside.values())
        executed = [statement for loader in loaders for statement in loader.executed]
        others = [other for loader in loaders for other in loader.left_out]
        left_out = relevance.left_out(executed, others, exercises)
        return Loaded(lines, unattempted, self._troubles(executed, exercises), left_out)

    def _troubles(self, executed: Sequence[ast.stmt], exercises: tuple[str, ...]) -> tuple[Trouble, ...]:
        if not self.troubles:
            return ()
        needing = relevance.needing(executed, exercises)
        return tuple(msgspec.structs.replace(each, needed_by=needing(each.names)) for each in self.troubles)

    def _execute_cells(self, numbers: Sequence[int], given: Mapping[str, Any]) -> None:
        torch = sys.modules.get("torch")
        vars(self.module).update(
            __file__=self.cells[numbers[0]].label if numbers else "",
            MAIN=False,
            device=torch.device("cpu") if torch else "cpu",
            **given,
        )
        bodies: list[list[ast.stmt]] = []
        for number in numbers:
            self.cell, cell = number, self.cells[number]
            linecache.cache[cell.label] = (len(cell.source), None, list(io.StringIO(cell.source)), cell.label)
            bodies.append(list(self._parsed(msgspec.structs.replace(cell, source=without_line_magics(cell.source)))))
        self.defined = frozenset(lines_of([statement for body in bodies for statement in body]))
        for number, body in zip(numbers, bodies, strict=True):
            self.cell = number
            for statement in body:
                self._graft_before(statement)
                self._run(statement)

    def _fill(self, number: int, given: Mapping[str, Any], module: ModuleType) -> None:
        """Loads a file beside the answer into its module: under the same limits, with the same list of troubles."""
        inner = copy.copy(self)
        inner.module, inner.flags, inner.own, inner.grafts = module, _ANNOTATIONS, set(), {}
        inner.names, inner.executed, inner.left_out = Names(), [], []
        self.beside[module.__name__] = inner
        inner._execute_cells([number], given)

    def _parsed(self, cell: Cell) -> Iterator[ast.stmt]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the learner's escape sequences
                yield from absolute(ast.parse(cell.source, cell.label).body, cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            yield from self._salvaged(cell, error)

    def _salvaged(self, cell: Cell, error: Exception) -> Iterator[ast.stmt]:
        """The statements of a cell that does not parse as a whole, without the broken ones."""
        if isinstance(error, RecursionError | MemoryError):
            self._trouble(1, "the code is nested too deep to be read", ())
            return
        chunks = list(chunks_of(cell.source))
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
                yield from absolute(body, cell)
                start = end
                break
            else:
                where = getattr(first, "lineno", None) or chunks[start][0]
                names = named_by(chunks[start][1])
                reason = first.msg if isinstance(first, SyntaxError) else str(first)
                self._trouble(where, f"{type(first).__name__}: {reason}", names)
                start += 1

    def _run(self, statement: ast.stmt) -> None:
        match statement:
            case ast.If(test=test, body=body, orelse=orelse):
                chosen = body
                if not is_main(test):
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
            case ast.Try() | ast.With() if is_plain(statement):
                self._execute(statement)
            case _ if isinstance(statement, DEFINING):
                self._execute(statement)
            case ast.Expr() if source := converted_cell(statement):
                for inner in self._parsed(Cell(self.cells[self.cell].label, without_line_magics(source))):
                    self._run(moved(statement.lineno, inner))
            case _:
                file = self.cells[self.cell]
                where = f"line {statement.lineno}" + (f" of {file.label}" if file.module else "")
                self.left_out.append((where, statement))

    def _is_registration(self, statement: ast.stmt, loop: frozenset[str] = frozenset()) -> bool:
        """Whether a statement calls a method of the submission's own objects, or of what a loop goes through.

        Environments are registered with gymnasium, which is nobody's own.
        """
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute() as function)):
                root, text = root_of(function), ast.unparse(function)
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
        body = [each for each in self.grafts[name] if name in bound_by(each) or self.defined.isdisjoint(bound_by(each))]
        code = compile(ast.Module(body, []), "<graft>", "exec", dont_inherit=True)
        self._guarded(ast.Pass(lineno=0), lambda: exec(code, vars(self.module)))

    def _execute(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                self.flags |= getattr(__future__, alias.name, __future__.annotations).compiler_flag
            return
        if isinstance(statement, ast.ImportFrom) and [alias.name for alias in statement.names] == ["*"]:
            statement = self._with_names(statement)
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            self.own.update(bound_by(statement))
        if isinstance(statement, ast.ImportFrom) and len(statement.names) > 1:
            for alias in statement.names:  # one name that is not there does not cost the others
                one = ast.ImportFrom(statement.module, [alias], statement.level)
                self._execute(ast.copy_location(one, statement))
            return
        grafted = self.grafts.keys() & set(bound_by(statement))
        if not grafted or not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            code = ast.Module([statement], [])
            self._guarded(statement, lambda: exec(self._compiled(code, "exec"), vars(self.module)))
        for name in sorted(grafted):
            self._graft(name)
        if not stand_ins.lends(statement):  # an exercise that is taken from there is not written yet
            self.executed.append(statement)
            self.names.note(list(bound_by(statement)), statement, vars(self.module))
        if isinstance(statement, ast.ImportFrom) and statement.module in self.beside:
            self._take(statement, self.beside[statement.module])

    def _with_names(self, statement: ast.ImportFrom) -> ast.ImportFrom:
        """`from file import *` with the names that this takes from a file beside the answer; else as it is."""
        self._guarded(statement, lambda: exec(self._compiled(ast.Module([statement], []), "exec"), {}))
        if statement.module not in self.beside:
            return statement
        there = self.beside[statement.module]
        values = vars(there.module)
        names = values.get("__all__", [name for name in lines_of(there.executed) if not name.startswith("_")])
        taken = [ast.copy_location(ast.alias(name), statement) for name in names if name in values]
        return ast.copy_location(ast.ImportFrom(statement.module, taken or statement.names, 0), statement)

    def _take(self, statement: ast.ImportFrom, beside: "Loader") -> None:
        """Notes the definition that an import takes from a file beside the answer, as if it stood in its place."""
        (alias,) = statement.names
        for definition in reversed(list(flat(beside.executed))):
            if isinstance(definition, ast.FunctionDef | ast.ClassDef) and definition.name == alias.name:
                taken = ast.copy_location(renamed(alias.asname or alias.name, definition), statement)
                self.executed.append(taken)
                self.names.note(list(bound_by(taken)), taken, vars(self.module))
                return

    def _compiled(self, tree: ast.Module | ast.Expression, mode: str) -> Any:
        return compile(tree, self.cells[self.cell].label, mode, flags=self.flags, dont_inherit=True)

    def _guarded(self, statement: ast.stmt, action: Callable[[], Any]) -> Any:
        place = (self.cell, statement.lineno)
        reason = self.skip.get(place)
        self.reached.add(place)
        if self.until in self.reached:
            reason = "not executed: the time for the whole file was used up before"
        elif reason is None:
            self.announce(*place, isinstance(statement, ast.Import | ast.ImportFrom))
            try:
                return action()
            except BaseException as error:  # SystemExit too: leaving is not the submission's to decide
                reason = _reason(error, self.files)
                cause = self._cause(error)
                follows = cause is not None or isinstance(error, NotImplementedError)
                self._trouble(statement.lineno, cause or reason, tuple(bound_by(statement)), follows)
                return None
        self._trouble(statement.lineno, reason, tuple(bound_by(statement)))
        return None

    def _cause(self, error: BaseException) -> str | None:
        """Why there is no such name, if that is what `error` complains of and it is known."""
        match error:
            case NameError(name=missing):
                return next((trouble.message for trouble in self.troubles if missing in trouble.names), None)
            case ImportError(name=str(module)) if module in self.beside:
                named = _UNKNOWN.search(str(error))
                missing = named[1] if named else ""
                there = [trouble for trouble in self.troubles if self.cells[trouble.cell].module == module]
                for found in (trouble for trouble in there if missing in trouble.names):
                    return f"{self.cells[found.cell].label}, line {found.line}: {found.message}"
        return None

    def _trouble(self, line: int, message: str, names: tuple[str, ...], follows: bool = False) -> None:
        sendable = message.encode(errors="replace").decode()  # without lone surrogates
        self.troubles.append(Trouble(self.cell, line, sendable, names, follows))


def _reason(error: BaseException, files: frozenset[str]) -> str:
    seen = observing.raised(error, files)
    return f"{seen.type}: {seen.message}" if seen.message else seen.type


def _uncompiled(model: Any = None, **_: Any) -> Any:
    """Stands for `torch.compile`: what is compiled does the same, and compiling takes longer than grading."""
    return _uncompiled if model is None else model


def _unattempted(statements: list[ast.stmt], stub: str, exercises: tuple[str, ...]) -> frozenset[str]:
    last = {name: node for node in flat(statements) for name in bound_by(node)}  # `f = other` may replace a stub of f
    definitions: list[ast.stmt] = [node for node in last.values() if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return frozenset(attempts.unattempted(ast.Module(definitions, []), stub, exercises))
