"""The small changes that are tried on a reference, as rules on its syntax tree.

They are slips that learners of this subject make: a wrong axis, a forgotten transpose, a missing condition, one off.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from graders.engine.mutating.calls import KEEPDIMS, arguments, axes, axis_arguments, opposites, unwrapped
from graders.engine.mutating.nodes import Change, altered, name_of, number, shortened, swapped
from graders.engine.values.definitions import Definition

_TRANSPOSED = {"T", "mT", "H", "mH"}
_DECORATORS_KEPT = {
    "property", "setter", "cached_property", "staticmethod", "classmethod", "abstractmethod", "overload", "override",
    "jaxtyped", "typechecked",
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def changes(exercise: ast.AST) -> Iterator[Change]:
    """All changes of the code in a function or class, outer before inner; two of them may come to the same."""
    yield from _removals(exercise)
    for operator in _OPERATORS.get(type(exercise), ()):
        yield from operator(exercise)
    for part in _parts(exercise):
        yield from changes(part)


def _parts(node: Any) -> Iterable[Any]:
    """What is inside a node, without what no check should look at: docstrings, annotations, messages, f-strings."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
        case ast.ClassDef():  # its attributes are handed out with the stub
            return [part for part in node.body if isinstance(part, Definition)]
        case ast.AnnAssign():
            return filter(None, [node.target, node.value])
        case ast.Assert():
            return [node.test]
        case ast.While(test=ast.Constant()):
            return node.body
        case ast.If() if _is_for_type_checkers(node):
            return node.orelse
        case ast.Call():
            return _parts_of_call(node)
        case ast.Raise() | ast.JoinedStr() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            return []
    return ast.iter_child_nodes(node)


def _parts_of_call(call: ast.Call) -> list[ast.expr]:
    """Without the names of types, and without what operators on the call itself change."""
    args = {"cast": call.args[1:], "isinstance": call.args[:1]}.get(name_of(call.func), call.args)
    values = [keyword.value for keyword in call.keywords if keyword.arg not in KEEPDIMS]
    return [call.func, *(part for part in [*args, *values] if part not in axes(call))]


def _removals(owner: ast.AST) -> Iterator[Change]:
    """Statements left out. An `elif` cannot be, so it is never taken."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(owner, field, None)
        if not isinstance(block, list) or isinstance(owner, ast.ClassDef) or _goes_as_a_whole(owner, field):
            continue
        for statement in block:
            if isinstance(statement, ast.If) and _is_elif(statement, owner):
                if not statement.orelse:
                    yield Change("branch", statement.test, ast.Constant(False))
            elif _is_removable(statement):
                yield Change("statement", statement, ast.Pass() if len(block) == 1 else None)


def _goes_as_a_whole(owner: ast.AST, field: str) -> bool:
    """Whether a block is one statement, which another change leaves out along with the `if` or the loop around it."""
    if not isinstance(owner, ast.If | ast.For | ast.While) or field != "body" or len(owner.body) > 1:
        return False
    return not owner.orelse


def _is_removable(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.If():
            return not statement.orelse and not _is_for_type_checkers(statement)
        case ast.AnnAssign():
            return statement.value is not None
    return isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr | ast.Raise)


def _is_elif(statement: ast.If, owner: ast.AST) -> bool:
    return isinstance(owner, ast.If) and owner.orelse == [statement] and owner.col_offset == statement.col_offset


def _is_for_type_checkers(statement: ast.If) -> bool:
    return name_of(statement.test) == "TYPE_CHECKING"


def _decorators(function: ast.FunctionDef) -> Iterator[Change]:
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if name_of(called) not in _DECORATORS_KEPT:
            yield Change("decorator", decorator, None)


def _jumps(jump: ast.Break | ast.Continue) -> Iterator[Change]:
    yield Change("jump", jump, ast.Continue() if isinstance(jump, ast.Break) else ast.Break())


def _augmented(statement: ast.AugAssign) -> Iterator[Change]:
    plain = ast.Assign([statement.target], statement.value)
    yield Change("augmented", statement, ast.copy_location(plain, statement))
    if other := _ARITHMETIC.get(type(statement.op)):
        yield Change("augmented", statement, altered(statement, op=other()))


def _branches(statement: ast.If) -> Iterator[Change]:
    if not _is_for_type_checkers(statement):
        yield Change("branch", statement.test, ast.Constant(True))
        if statement.orelse:
            yield Change("branch", statement.test, ast.Constant(False))


def _loops(loop: ast.For | ast.While) -> Iterator[Change]:
    if isinstance(loop, ast.For):
        yield Change("loop", loop.iter, ast.Tuple([]))
    elif not isinstance(loop.test, ast.Constant):
        yield Change("loop", loop.test, ast.Constant(False))


def _contexts(statement: ast.With) -> Iterator[Change]:
    """The block of a `with` on its own: its head, for which there is no node, becomes that of an `if`."""
    if all(item.optional_vars is None for item in statement.items):
        head = ast.copy_location(ast.Name("with"), statement)
        last = statement.items[-1].context_expr
        head.end_lineno, head.end_col_offset = last.end_lineno, last.end_col_offset
        yield Change("context", head, ast.Name("if True"))


def _returns(statement: ast.Return) -> Iterator[Change]:
    if isinstance(statement.value, ast.Tuple):
        for elements in swapped(statement.value.elts):
            yield Change("return", statement.value, altered(statement.value, elts=elements))


def _operands(operation: ast.BinOp) -> Iterator[Change]:
    if isinstance(operation.op, ast.MatMult):
        yield Change("operands", operation, altered(operation, left=operation.right, right=operation.left))
    other = _ARITHMETIC.get(type(operation.op))
    if other and not _is_text(operation.left) and not _is_text(operation.right):
        yield Change("arithmetic", operation, altered(operation, op=other()))


def _unary(operation: ast.UnaryOp) -> Iterator[Change]:
    if not isinstance(operation.op, ast.UAdd):
        yield Change("sign" if isinstance(operation.op, ast.USub) else "boolean", operation, operation.operand)


def _comparisons(comparison: ast.Compare) -> Iterator[Change]:
    for at, op in enumerate(comparison.ops):
        ops = [*comparison.ops[:at], _COMPARISON[type(op)](), *comparison.ops[at + 1 :]]
        yield Change("comparison", comparison, altered(comparison, ops=ops))


def _conditions(condition: ast.BoolOp) -> Iterator[Change]:
    other = ast.Or() if isinstance(condition.op, ast.And) else ast.And()
    yield Change("boolean", condition, altered(condition, op=other))
    for values in shortened(condition.values):
        yield Change("condition", condition, altered(condition, values=values) if len(values) > 1 else values[0])


def _conditional(expression: ast.IfExp) -> Iterator[Change]:
    yield Change("branch", expression, expression.body)
    yield Change("branch", expression, expression.orelse)


def _numbers(node: ast.Constant | ast.UnaryOp) -> Iterator[Change]:
    value = number(node)
    if isinstance(value, bool):
        others: list[float] = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1] if value else [1]
    else:
        others = [] if value is None else [value * 2, value + 1]
    for other in others:
        yield Change("constant", node, ast.Constant(other))


def _filters(comprehension: Any) -> Iterator[Change]:
    generators = comprehension.generators
    for at, generator in enumerate(generators):
        for kept in shortened(generator.ifs):
            without = [*generators[:at], altered(generator, ifs=kept), *generators[at + 1 :]]
            yield Change("filter", comprehension, altered(comprehension, generators=without))


def _slices(piece: ast.Slice) -> Iterator[Change]:
    for field in ("lower", "upper", "step"):
        bound = getattr(piece, field)
        if bound is None:
            continue
        yield Change("slice", piece, altered(piece, **{field: None}))
        if field != "step" and number(bound) is None:
            for op in (ast.Add(), ast.Sub()):
                yield Change("slice", bound, ast.BinOp(bound, op, ast.Constant(1)))


def _attributes(attribute: ast.Attribute) -> Iterator[Change]:
    if attribute.attr in _TRANSPOSED and isinstance(attribute.ctx, ast.Load):
        yield Change("transpose", attribute, attribute.value)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


# The first to make a change gives it its name.
_OPERATORS: dict[Any, list[Callable[[Any], Iterator[Change]]]] = {
    ast.FunctionDef: [_decorators],
    ast.If: [_branches],
    ast.For: [_loops],
    ast.While: [_loops],
    ast.With: [_contexts],
    ast.Return: [_returns],
    ast.AugAssign: [_augmented],
    ast.Break: [_jumps],
    ast.Continue: [_jumps],
    ast.BinOp: [_operands],
    ast.UnaryOp: [_unary, _numbers],
    ast.Compare: [_comparisons],
    ast.BoolOp: [_conditions],
    ast.IfExp: [_conditional],
    ast.Constant: [_numbers],
    ast.ListComp: [_filters],
    ast.SetComp: [_filters],
    ast.DictComp: [_filters],
    ast.GeneratorExp: [_filters],
    ast.Slice: [_slices],
    ast.Attribute: [_attributes],
    ast.Call: [axis_arguments, opposites, unwrapped, arguments],
}
