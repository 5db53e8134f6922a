"""Writes a failing example as Python that a learner can paste: the probe's body, with its inputs filled in."""

import ast
from collections import Counter
from typing import Any

from graders.engine import shaking
from graders.engine.literals import literal

_WIDTH = 100


def call(grader_source: str, probe: str, inputs: dict[str, Any], module: str) -> str:
    """The text of the call that `probe` makes on decoded `inputs`.

    `solution.f(x)` becomes `f(...)`. Where the probe hands the solution on to functions of the grader file, these are
    shown too, and the first line imports the learner's `module` as the solution.
    """
    body = ast.parse(shaking.probes(grader_source, [probe])).body
    function = next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == probe)
    helpers = [node for node in body if node is not function and not isinstance(node, ast.Import | ast.ImportFrom)]
    statements = function.body[1:]  # the first is the docstring
    lines = []
    if _hands_on(statements):
        lines = [f"import {module} as solution", *map(ast.unparse, helpers)]
    else:
        statements = [_Bare().visit(statement) for statement in statements]
        lines = [ast.unparse(helper) for helper in helpers]
    fill = _Fill(inputs, statements)
    statements = [_ended(fill.visit(statement)) for statement in statements]
    shown = [ast.unparse(ast.fix_missing_locations(statement)) for statement in statements]
    one = fill.inline(shown)
    return "\n".join([*lines, *(one if one is not None else [*fill.assignments(), *shown])])


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
    """`return value` as the expression it returns."""
    if isinstance(statement, ast.Return) and statement.value:
        return ast.Expr(statement.value)
    return statement


class _Bare(ast.NodeTransformer):
    """Takes `solution.` off the names of the submission."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        return ast.Name(node.attr, ast.Load()) if _is_solution(node.value) else node


class _Fill(ast.NodeTransformer):
    """Replaces `pair.large`, where the input `pair` is a named tuple, by the name `large`, and knows all values."""

    def __init__(self, inputs: dict[str, Any], statements: list[ast.stmt]):
        names = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Name)]
        used = {node.id for node in names}
        whole = Counter(node.id for node in names)
        fields = Counter(
            node.value.id
            for statement in statements
            for node in ast.walk(statement)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        )
        self.values: dict[str, Any] = {}
        self._split: set[str] = set()
        for name, value in inputs.items():
            parts = getattr(value, "_fields", ())
            if parts and whole[name] == fields[name] and not set(parts) & (used | set(self.values) | set(inputs)):
                self._split.add(name)
                self.values |= dict(zip(parts, value, strict=True))
            else:
                self.values[name] = value
        self._seen: Counter[str] = Counter()

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in self._split and node.attr in self.values:
            return self.visit_Name(ast.Name(node.attr, ast.Load()))
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.values:
            self._seen[node.id] += 1 if isinstance(node.ctx, ast.Load) else 2
        return node

    def assignments(self) -> list[str]:
        """A line for each input that is used."""
        return [f"{name} = {literal(value)}" for name, value in self.values.items() if self._seen[name]]

    def inline(self, shown: list[str]) -> list[str] | None:
        """The one statement `shown` with the inputs written into it; None where that would not read well."""
        texts = {name: literal(value) for name, value in self.values.items() if self._seen[name]}
        if len(shown) != 1 or any(self._seen[name] > 1 or "\n" in text for name, text in texts.items()):
            return None
        tree = ast.parse(shown[0], mode="exec")
        holes = {name: ast.Name(f"_hole_{index}_", ast.Load()) for index, name in enumerate(texts)}

        class Replace(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.AST:
                return holes.get(node.id, node)

        text = ast.unparse(Replace().visit(tree))
        for name, hole in holes.items():
            text = text.replace(hole.id, texts[name])
        return [text] if len(text) <= _WIDTH and "\n" not in text else None
