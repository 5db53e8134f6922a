"""Slips between statements, undone: one that is missing, in the wrong place, or in or out of a loop."""

import ast
import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property
from itertools import permutations

from graders.engine.locating.scope import Scope
from graders.engine.locating.slip import Slip, Slips
from graders.engine.locating.units import Unit
from graders.engine.mutating.nodes import name_of
from graders.engine.results import MISSING_STATEMENT

_NO_ATTRIBUTE = re.compile(r"has no attribute '(\w+)'")
_NO_NAME = re.compile(r"(?:name|variable) '(\w+)'")


def slips(unit: Unit, scope: Scope, complaint: str) -> Iterator[Slip]:
    """Everything that is tried on the statements of a function.

    Args:
        complaint: the message of the exception that came out, if one did.
    """
    whole = _Statements(unit, scope)
    yield from whole.missing(complaint)
    for owner in [unit.node, *(node for each in unit.node.body for node in ast.walk(each))]:
        for field in ("body", "orelse"):
            block = getattr(owner, field, None)
            if block and isinstance(block, list) and not isinstance(owner, ast.ClassDef):
                yield from whole.of(block, owner)


class _Statements(Slips):
    def __init__(self, unit: Unit, scope: Scope):
        super().__init__(unit, scope)
        self._is_setup = unit.node.name == "__init__"

    def of(self, block: list[ast.stmt], owner: ast.AST) -> Iterator[Slip]:
        """The slips of the statements of one block."""
        inside = isinstance(owner, ast.For | ast.While)
        for at, statement in enumerate(block):
            yield from self._assignment(statement)
            yield from self._condition(statement)
            yield from self._loop(statement)
            if at and not _is_docstring(block[at - 1]):
                yield from self._turned(block[at - 1], statement)
            if isinstance(owner, ast.For | ast.While | ast.If | ast.With) and at == len(block) - 1 and len(block) > 1:
                yield from self._outdented(statement, owner)
            if at and isinstance(block[at - 1], ast.For | ast.While | ast.If | ast.With):
                yield from self._indented(statement, block[at - 1])
        first = block[0]
        for new, cost, uses in self._added:
            yield self._inserted_after(block[-1], new, cost, uses)
        if isinstance(owner, ast.For):
            for new in self._applied(owner):
                yield self._inserted(first, new, 1.6, new)
                yield self._inserted_after(block[-1], new, 1.6, new)
        if inside:
            for name in self._counted():
                yield self._inserted(first, f"{name} += 1", 1.6, name)
                yield self._inserted_after(block[-1], f"{name} += 1", 1.6, name)
            for name, value in self._collected():
                yield self._inserted_after(block[-1], f"{name}.append({value})", 1.8, name)
        for at, statement in enumerate(block):
            if at == 0 and _is_docstring(statement):
                continue
            for new, cost, uses in (*self._forgotten(statement), *self._added):
                yield self._inserted(statement, new, cost, uses)

    def missing(self, complaint: str) -> Iterator[Slip]:
        """What an exception says is not there."""
        body = [each for each in self._unit.node.body if not _is_docstring(each)]
        if not body:
            return
        last = body[-1]
        if found := _NO_ATTRIBUTE.search(complaint):
            name = found[1]
            if self._is_setup:
                values = [name, f"list({name})"] if name in self._scope.parameters else []
                values += [value for value in self._assigned_elsewhere(f"self.{name}") if value not in values]
                values += [*self._scope.parameters, "None", "0", "{}", "[]"]
                for rank, value in enumerate(dict.fromkeys(values)):
                    new, cost = f"self.{name} = {value}", 0.4 + 0.02 * rank
                    if value in self._scope.parameters:  # they are kept before anything is made of them
                        yield self._inserted(next(filter(_is_no_base_call, body), last), new, cost - 0.01, name)
                    yield self._inserted_after(last, new, cost, name)
                for statement in body:  # as its sister is made
                    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
                        other = statement.targets[0].attr
                        text = self._unit.spelt(statement.value).replace(other, name)
                        yield self._inserted_after(statement, f"self.{name} = {text}", 0.5, name)
        if found := _NO_NAME.search(complaint):
            yield from self._unknown(found[1], body)

    def _unknown(self, name: str, body: list[ast.stmt]) -> Iterator[Slip]:
        """A name without a value: another one is meant, or it was to be given one."""
        known = [*self._scope.variables, *(f"self.{each}" for each in self._scope.attributes), *self._unit.file.names]
        known = [each for each in dict.fromkeys(known) if each != name]
        near = get_close_matches(name, known, 4)
        statements = [inner for each in body for inner in ast.walk(each) if isinstance(inner, ast.stmt)]
        users = [each for each in statements if name in _read(each)]
        for node in (inner for each in body for inner in ast.walk(each)):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                for other in [*near, *self._scope.variables]:
                    if other != name:
                        yield Slip.at(self._unit, node, other, "a name", 0.3 if other in near else 0.7, uses=other)
        user = min(users, key=lambda each: (each.end_lineno or each.lineno) - each.lineno, default=body[0])
        values = [*self._assigned_elsewhere(name), *self._scope.donors, "0", "None", "[]", "{}", "1"]
        for rank, value in enumerate(dict.fromkeys(values)):
            if name not in value:
                yield self._inserted(user, f"{name} = {value}", 0.6 + 0.02 * rank, value)

    def _assigned_elsewhere(self, target: str) -> list[str]:
        """What functions of the file assign to that name."""
        return self._unit.file.assigned.get(target, [])[:12]

    def _assignment(self, statement: ast.stmt) -> Iterator[Slip]:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = self._unit.spelt(statement.targets[0]), self._unit.spelt(statement.value)
            for sign in "+-*/":
                cost = 1.2 if sign == "+" else 1.6
                yield Slip.at(self._unit, statement, f"{target} {sign}= {value}", "an operator", cost, whole=True)
            if isinstance(statement.targets[0], ast.Name | ast.Attribute):
                yield Slip.at(self._unit, statement, f"{target}[...] = {value}", "an operator", 2.4, whole=True)
        if isinstance(statement, ast.AugAssign):
            target, value = self._unit.spelt(statement.target), self._unit.spelt(statement.value)
            for sign in "+-*/":
                yield Slip.at(self._unit, statement, f"{target} {sign}= {value}", "an operator", 1.0, whole=True)

    def _condition(self, statement: ast.stmt) -> Iterator[Slip]:
        if not isinstance(statement, ast.If | ast.While):
            return
        test = statement.test
        text = self._unit.spelt(test)
        is_constant = isinstance(test, ast.Constant)
        cost = 1.6 if is_constant else 2.6
        if is_constant and isinstance(statement, ast.If):
            start, end = self._unit.extent(statement)[0], self._unit.extent(test)[1]
            for new in ("with torch.no_grad()", "with t.no_grad()", "with torch.inference_mode()"):
                yield Slip.at(self._unit, test, new, "a `with` block", 1.8, start=start, end=end, whole=True)
        for rank, other in enumerate(self._scope.conditions[:60]):
            if other != text:
                yield Slip.at(self._unit, test, other, "a condition", cost + 0.01 * rank, uses=other)
        if is_constant:
            for one in self._scope.donors[:12]:
                for other in [*self._scope.donors[:8], "0", "1"]:
                    for sign in ("<", ">", "==", "<=", ">="):
                        if one != other:
                            yield Slip.at(self._unit, test, f"{one} {sign} {other}", "a condition", 2.6, uses=one)

    def _loop(self, statement: ast.stmt) -> Iterator[Slip]:
        if not isinstance(statement, ast.For):
            return
        text = self._unit.spelt(statement.iter)
        destroyed = text == "()"
        for new in (f"{text}[1:]", f"{text}[:-1]", f"list({text})", f"enumerate({text})"):
            yield Slip.at(self._unit, statement.iter, new, "a loop", 1.8)
        is_range = isinstance(statement.iter, ast.Call) and name_of(statement.iter.func) == "range"
        yield Slip.at(self._unit, statement.iter, f"reversed({text})", "a loop", 0.9 if is_range else 1.8)
        for rank, other in enumerate(self._scope.donors[:16]):
            forms = (other, f"range({other})", f"range(len({other}))", f"enumerate({other})", f"reversed({other})")
            for new in (*forms, f"{other}.items()", f"range(1, {other})"):
                cost = (1.4 if destroyed else 2.6) + 0.02 * rank
                yield Slip.at(self._unit, statement.iter, new, "a loop", cost, uses=other)
        if destroyed and isinstance(statement.target, ast.Tuple) and len(statement.target.elts) == 2:
            for one, other in permutations(self._scope.donors[:10], 2):
                yield Slip.at(self._unit, statement.iter, f"zip({one}, {other})", "a loop", 1.8, uses=one)

    def _turned(self, first: ast.stmt, second: ast.stmt) -> Iterator[Slip]:
        """Two neighbours in the other order."""
        if isinstance(second, ast.Return | ast.Raise) or isinstance(first, ast.FunctionDef):
            return
        start, middle = self._unit.extent(first)
        other, end = self._unit.extent(second)
        text = self._unit.text
        new = text[other:end] + text[middle:other] + text[start:middle]
        yield Slip.at(self._unit, first, new, "an order of statements", 1.6, start=start, end=end, whole=True)

    def _outdented(self, statement: ast.stmt, owner: ast.AST) -> Iterator[Slip]:
        """The last statement of a block after it."""
        depth = statement.col_offset - getattr(owner, "col_offset", 0)
        if (isinstance(owner, ast.If) and owner.orelse) or depth <= 0:
            return
        start = self._unit.line_start(statement.lineno)
        _, end = self._unit.extent(statement)
        new = "\n".join(
            line[depth:] if not line[:depth].strip() else line for line in self._unit.text[start:end].split("\n")
        )
        yield Slip.at(self._unit, statement, new, "what is inside a block", 1.4, start=start, end=end, whole=True)

    def _indented(self, statement: ast.stmt, before: ast.stmt) -> Iterator[Slip]:
        """A statement as the last one of the block before it."""
        body = getattr(before, "orelse", None) or before.body  # type: ignore[attr-defined]
        depth = body[0].col_offset - statement.col_offset
        if depth <= 0:
            return
        start = self._unit.line_start(statement.lineno)
        _, end = self._unit.extent(statement)
        new = "\n".join(" " * depth + line if line.strip() else line for line in self._unit.text[start:end].split("\n"))
        yield Slip.at(self._unit, statement, new, "what is inside a block", 1.6, start=start, end=end, whole=True)

    def _forgotten(self, statement: ast.stmt) -> Iterator[tuple[str, float, str]]:
        """What may have been forgotten before a statement."""
        read = _read(statement)
        for name in self._scope.variables:
            if name in read:
                for call in (".detach()", ".clone()", ".copy()"):
                    yield f"{name} = {name}{call}", 2.6, ""
                for layer in self._scope.modules_inside:
                    yield f"{name} = self.{layer}({name})", 2.4, f"self.{layer}"
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            called = statement.value.func
            if name_of(called) in ("backward", "step") and isinstance(called, ast.Attribute):
                for owner in self._stepping():
                    yield f"{owner}.zero_grad()", 1.4, ""
        body = self._unit.node.body
        bases = self._unit.owner.bases if self._unit.owner else []
        if bases and self._is_setup and statement is body[_is_docstring(body[0]) and len(body) > 1]:
            yield f"{ast.unparse(bases[0])}.__init__(self)", 1.0, ""  # with `super` it would need another variable

    @cached_property
    def _added(self) -> list[tuple[str, float, str]]:
        """Something put into a container: the line, how unlikely it is, and what it uses."""
        return list(self._additions())

    def _additions(self) -> Iterator[tuple[str, float, str]]:
        names = [*self._scope.variables, *self._scope.globals][:8]
        for text, method in self._scope.containers:
            for rank, value in enumerate(name for name in names if name != text):
                if method != "[]":
                    yield f"{text}.{method}({value})", 2.0 + 0.04 * rank, text
                    continue
                for key in names:
                    if key not in (text, value):
                        yield f"{text}[{key}] = {value}", 2.2 + 0.04 * rank, text

    def _applied(self, loop: ast.For) -> Iterator[str]:
        """A variable given to what a loop goes over: `x = layer(x)`."""
        if isinstance(loop.target, ast.Name):
            for name in self._scope.variables:
                if name != loop.target.id:
                    yield f"{name} = {loop.target.id}({name})"

    def _stepping(self) -> list[str]:
        calls = [node for node in ast.walk(self._unit.node) if isinstance(node, ast.Attribute) and node.attr == "step"]
        return list(dict.fromkeys(self._unit.spelt(node.value) for node in calls))

    def _counted(self) -> Iterator[str]:
        """Names, and attributes, that begin as a number."""
        for node in ast.walk(self._unit.owner or self._unit.node):
            match node:
                case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=ast.Constant(value=int())):
                    yield ast.unparse(target)

    def _collected(self) -> Iterator[tuple[str, str]]:
        """Lists that begin empty, each with what may belong into them."""
        for node in ast.walk(self._unit.node):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=[])):
                    for value in self._scope.donors[:16]:
                        if value != name:
                            yield name, value

    def _inserted(self, statement: ast.stmt, new: str, cost: float, uses: str) -> Slip:
        """A line before a statement."""
        line = min(statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", [])), 10**9)
        start = self._unit.line_start(line)
        text = f"{self._unit.indentation(line)}{new}\n"
        return Slip(MISSING_STATEMENT, cost, start, start, text, line, statement.col_offset + 1, statement.lineno, uses)

    def _inserted_after(self, statement: ast.stmt, new: str, cost: float, uses: str) -> Slip:
        """A line after a statement."""
        end = self._unit.extent(statement)[1]
        text = f"\n{self._unit.indentation(statement.lineno)}{new}"
        line = statement.end_lineno or statement.lineno
        return Slip(MISSING_STATEMENT, cost, end, end, text, line, statement.col_offset + 1, statement.lineno, uses)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_no_base_call(statement: ast.stmt) -> bool:
    """Whether it is another statement than `super().__init__()`."""
    return "__init__(" not in ast.unparse(statement)


def _read(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
