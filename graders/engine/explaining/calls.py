"""Writes a failing example as Python: the probe's body, with its inputs filled in."""

import ast
import re
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

from graders.engine.authoring import shaking
from graders.engine.comparing.comparison import kind_words
from graders.engine.explaining.literals import literal

_WIDTH = 100
_MOST_LINES, _MOST_NUMBERS = 6, 12  # of a call that is shown, and of one of its inputs
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_AT_HAND = ("import numpy as np", "import torch", "from __future__")  # a learner's file has them where it needs them


class Call(NamedTuple):
    """A failing example as text: what is shown, and all of it where that leaves something out."""

    shown: str
    whole: str | None


def call(grader_source: str, probe: str, inputs: dict[str, Any], module: str) -> Call:
    """The call that `probe` makes on decoded `inputs`, as few lines as a person would type.

    What is shown leaves out the functions of the grader file that the probe uses, what is long of its inputs, and the
    beginning of a long body; then the whole of it is given too.
    """
    whole, parts = _whole(grader_source, probe, inputs, module)
    if parts is None:
        return Call(whole, None)
    if whole.count("\n") < _MOST_LINES and not parts.helpers and not any(map(_is_long, parts.inputs)):
        return Call(whole, None)
    inputs_shown = [_brief(name, parts.values[name]) for name in parts.values]
    lines = [*inputs_shown, *parts.statements]
    text = "\n".join(lines).split("\n")
    if len(text) > _MOST_LINES:
        text = ["...", *text[1 - _MOST_LINES :]]
    return Call("\n".join(text), whole)


class _Parts(NamedTuple):
    """What a call that is not one line is made of."""

    helpers: list[str]
    values: dict[str, Any]
    inputs: list[str]  # a line, or several, for each of the values
    statements: list[str]


def _whole(grader_source: str, probe: str, inputs: dict[str, Any], module: str) -> tuple[str, _Parts | None]:
    """All of a call, as a text that can be pasted below the learner's code; and its parts, if it is not one line.

    `solution.f(x)` becomes `f(...)`. Where the probe hands the solution on to functions of the grader file, these are
    there too, and the first line imports the learner's `module` as the solution.
    """
    function, helpers = _taken_out(grader_source, probe)
    statements = function.body[1:]  # the first is the docstring
    lines = [f"import {module} as solution"]
    if not _hands_on(statements) and not _clashes(statements, helpers, inputs):
        lines = []
        statements = [_Bare().visit(statement) for statement in statements]
    fill = _Fill(inputs, statements)
    statements = [_ended(fill.visit(statement)) for statement in statements]
    shown = [ast.unparse(ast.fix_missing_locations(statement)) for statement in statements]
    lines += map(ast.unparse, _taken_out(grader_source, probe, *fill.named_tuples())[1])
    one = fill.inline(shown)
    if one is not None and not lines:
        return one, None
    given = {} if one is not None else fill.used()
    assignments = [f"{name} = {literal(value)}" for name, value in given.items()]
    body = [one] if one is not None else shown
    return "\n".join([*lines, *assignments, *body]), _Parts(lines, given, assignments, body)


def _is_long(assignment: str) -> bool:
    return "\n" in assignment or len(assignment) > _WIDTH or len(_NUMBER.findall(assignment)) > _MOST_NUMBERS


def _brief(name: str, value: Any) -> str:
    text = f"{name} = {literal(value)}"
    return f"{name} = ...  # {kind_words(value)}" if _is_long(text) else text


def _taken_out(grader_source: str, probe: str, *more: str) -> tuple[ast.FunctionDef, list[ast.stmt]]:
    """The probe, and what else of the grader file is to be shown for it and for the names `more`."""
    body = ast.parse(_text(grader_source, (probe, *more))).body
    function = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == probe)
    return function, [node for node in body if node is not function and not ast.unparse(node).startswith(_AT_HAND)]


@cache
def _text(grader_source: str, names: tuple[str, ...]) -> str:
    return shaking.probes(grader_source, names)


def _clashes(statements: list[ast.stmt], helpers: list[ast.stmt], inputs: dict[str, Any]) -> bool:
    """Whether a name of the submission, without `solution.`, would be hidden by another name of the text."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    looked_up = {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_solution(node.value)}
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return bool(looked_up & {*inputs, *stored, *shaking.bound(helpers)})


def _hands_on(statements: list[ast.stmt]) -> bool:
    """Whether `solution` is used otherwise than to look one of its names up."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    looked_up = sum(isinstance(node, ast.Attribute) and _is_solution(node.value) for node in nodes)
    stored = any(isinstance(node, ast.Attribute) and _is_solution(node.value) and
                 not isinstance(node.ctx, ast.Load) for node in nodes)  # fmt: skip
    return stored or sum(map(_is_solution, nodes)) > looked_up


def _is_solution(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "solution"


def _ended(statement: ast.stmt) -> ast.stmt:
    """`return value` as the expression it returns, at the end of a `with` as well."""
    if isinstance(statement, ast.Return) and statement.value:
        return ast.Expr(statement.value)
    if isinstance(statement, ast.With):
        statement.body[-1] = _ended(statement.body[-1])
    return statement


def _part(node: ast.AST) -> tuple[str, str]:
    """The name and the part of it, `*` for all of them in a row, that a node uses; empty for what uses no part."""
    match node:
        case ast.Attribute(value=ast.Name(name), attr=part):
            return name, part
        case ast.Starred(value=ast.Name(name), ctx=ast.Load()):
            return name, "*"
    return "", ""


class _Bare(ast.NodeTransformer):
    """Takes `solution.` off the names of the submission."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        return ast.Name(node.attr, ast.Load()) if _is_solution(node.value) else node


class _Fill(ast.NodeTransformer):
    """Takes apart the inputs that are used by their parts only, and knows all values.

    Where the input `pair` is a named tuple, `pair.large` becomes `large`, and `*pair` becomes `large, small`. What
    has no names to give becomes `first, second`.
    """

    def __init__(self, inputs: dict[str, Any], statements: list[ast.stmt]):
        nodes = [node for statement in statements for node in ast.walk(statement)]
        whole = Counter(node.id for node in nodes if isinstance(node, ast.Name))
        in_parts = Counter(_part(node) for node in nodes)
        self.values: dict[str, Any] = {}
        self._parts: dict[str, tuple[str, ...]] = {}
        for name, value in inputs.items():
            fields, in_a_row = getattr(value, "_fields", ()), in_parts[name, "*"]
            choices = [fields] if whole[name] == in_a_row + sum(in_parts[name, part] for part in fields) else []
            if isinstance(value, tuple) and whole[name] == in_a_row and len(value) <= len(_ORDINALS):
                choices.append(_ORDINALS[: len(value)])
            taken = {*whole, *inputs, *self.values}
            parts = next((names for names in choices if names and not taken.intersection(names)), ())
            self._parts[name] = parts
            self.values |= dict(zip(parts, value, strict=True)) if parts else {name: value}
        self._seen: Counter[str] = Counter()

    def visit_Starred(self, node: ast.Starred) -> Any:
        if isinstance(node.value, ast.Name) and self._parts.get(node.value.id):
            return [self.visit_Name(ast.Name(part, ast.Load())) for part in self._parts[node.value.id]]
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.attr in self._parts.get(node.value.id, ()):
            return self.visit_Name(ast.Name(node.attr, ast.Load()))
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.values:
            self._seen[node.id] += 1 if isinstance(node.ctx, ast.Load) else 2
        return node

    def named_tuples(self) -> set[str]:
        """The names of the named tuples in the inputs that are used."""
        found = set()
        values = [value for name, value in self.values.items() if self._seen[name]]
        while values:
            value = values.pop()
            if isinstance(value, list | tuple):
                values += value
            elif isinstance(value, dict):
                values += value.values()
            if hasattr(value, "_fields"):
                found.add(type(value).__name__)
        return found

    def used(self) -> dict[str, Any]:
        """The inputs that are used, by name."""
        return {name: value for name, value in self.values.items() if self._seen[name]}

    def inline(self, shown: list[str]) -> str | None:
        """The one statement `shown` with the inputs written into it; None where that would not read well."""
        texts = {name: literal(value) for name, value in self.used().items()}
        if len(shown) != 1 or any(self._seen[name] > 1 or "\n" in text for name, text in texts.items()):
            return None
        tree = ast.parse(shown[0], mode="exec")
        for node in ast.walk(tree):  # -3 ** 2 is not (-3) ** 2, and 3.real is no Python
            operand = node.value if isinstance(node, ast.Attribute) else getattr(node, "left", None)
            if isinstance(operand, ast.Name) and texts.get(operand.id, " ")[0] in "-0123456789":
                texts[operand.id] = f"({texts[operand.id]})"
        holes = {name: ast.Name(f"_hole_{index}_", ast.Load()) for index, name in enumerate(texts)}

        class Replace(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.AST:
                return holes.get(node.id, node)

        text = ast.unparse(Replace().visit(tree))
        for name, hole in holes.items():
            text = text.replace(hole.id, texts[name])
        return text if len(text) <= _WIDTH and "\n" not in text else None
