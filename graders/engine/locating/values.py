"""What was forgotten to be done with a value: a sign, a function, a shape, a factor, a condition."""

import ast
from collections.abc import Iterator

from graders.engine.locating.scope import Scope
from graders.engine.locating.slip import Slip, Slips
from graders.engine.locating.units import Unit, ending

_SUFFIXES = (".detach()", ".clone()", ".T", ".mT", ".abs()", ".exp()", ".log()", ".sqrt()", ".copy()", ".float()",
             ".squeeze(-1)", ".unsqueeze(-1)", ".flatten()", ".mean()", ".sum()", ".item()", ".transpose(-1, -2)",
             ".squeeze()", ".contiguous()", ".long()")  # fmt: skip
_PREFIXES = ("abs", "len", "list", "reversed", "sorted", "int", "float", "tuple", "set")
_NUMPY = ("exp", "log", "sqrt", "abs", "square", "copy")
_TORCH = ("exp", "log", "sqrt", "abs", "square", "relu", "sigmoid", "tanh")


class Values(Slips):
    """Slips that leave something out of what is computed, undone.

    Args:
        unit: the function.
        scope: what it can use.
    """

    def __init__(self, unit: Unit, scope: Scope):
        super().__init__(unit, scope)
        names = {node.id for node in ast.walk(unit.node) if isinstance(node, ast.Name)}
        self._prefixes = [*_PREFIXES]
        for library in ("np", "numpy"):
            self._prefixes += [f"{library}.{name}" for name in _NUMPY] if library in names else []
        for library in ("t", "torch"):
            self._prefixes += [f"{library}.{name}" for name in _TORCH] if library in names else []

    def of(self, node: ast.expr, owner: ast.AST) -> Iterator[Slip]:
        """A value with something done to it that was forgotten; nothing where it is no value.

        Args:
            owner: what the node is directly inside.
        """
        if not _is_value(node, owner):
            return
        text = self._text(node)
        plain = bare(node, text)
        if not isinstance(node, ast.UnaryOp | ast.Constant):
            yield self._slip(node, f"-{plain}", "a sign", 1.4)
        if isinstance(node, ast.Constant):
            return
        outer = isinstance(owner, ast.Return | ast.Assign | ast.AugAssign)
        for rank, suffix in enumerate(_SUFFIXES):
            yield self._slip(node, f"{plain}{suffix}", _about(suffix), 2.2 + 0.02 * rank)
        for rank, prefix in enumerate(self._prefixes):
            yield self._slip(node, f"{prefix}({text})", "a function that is called", 2.3 + 0.02 * rank)
        alike = self._endings_beside(node, owner)
        for rank, suffix in enumerate(dict.fromkeys([*alike, *self._scope.endings])):
            if not text.endswith(suffix):
                cost = 1.2 if suffix in alike else 1.9 + 0.03 * rank
                yield self._slip(node, f"{plain}{suffix}", _about(suffix), cost)
        for rank, prefix in enumerate(self._scope.wrappers):
            if not text.startswith(prefix):
                yield self._slip(node, f"{prefix}({text})", "a function that is called", 1.9 + 0.03 * rank)
        yield from self._unless(node, owner)
        for other in self._scope.variables[:8]:
            for shaped in (f"{plain}.reshape({other}.shape)", f"np.broadcast_to({text}, {other}.shape)",
                           f"{plain}.expand_as({other})", f"{plain}.to({other}.dtype)"):  # fmt: skip
                yield self._slip(node, shaped, "a shape", 2.6, uses=other)
        numbers = ["2", "0.5", *self._scope.numbers[:4]]
        for rank, other in enumerate([*self._scope.donors[: 16 if outer else 8], *numbers]):
            for sign in "*/+-":
                cost = (2.3 if outer else 2.8) + 0.03 * rank
                yield self._slip(node, f"{plain} {sign} {other}", "something that is missing", cost, uses=other)
                if sign in "-/" and outer:
                    yield self._slip(
                        node, f"{other} {sign} {plain}", "something that is missing", cost + 0.3, uses=other
                    )

    def _endings_beside(self, node: ast.expr, owner: ast.AST) -> list[str]:
        """What is called of the other arguments of the same call, or the other operand."""
        match owner:
            case ast.Call(args=args):
                others = args
            case ast.BinOp(left=left, right=right):
                others = [left, right]
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                others = elements
            case _:
                others = []
        found = (ending(self._text, other) for other in others if other is not node)
        return list(dict.fromkeys(filter(None, found)))

    def _unless(self, node: ast.expr, owner: ast.AST) -> Iterator[Slip]:
        """A value that is only meant where something holds."""
        text = self._text(node)
        if isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"):
            for other in ("0", "0.0", "1", *self._scope.donors[:4]):
                yield self._slip(node, f"{other} if {text} is None else {text}", "a condition", 2.4)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            for kind in self._scope.kinds:
                name = node.value.id
                yield self._slip(node, f"{text} if isinstance({name}, {kind}) else {name}", "a condition", 1.8)
        if isinstance(owner, ast.Return | ast.Assign) and not isinstance(node, ast.BinOp):
            for other in self._scope.conditions[:16]:
                yield self._slip(node, f"{text} and {other}", "a condition", 2.8, uses=other)


def _is_value(node: ast.expr, owner: ast.AST) -> bool:
    """Whether something is computed with it, so that a sign or a factor may have been forgotten."""
    if isinstance(node, ast.Slice | ast.Tuple | ast.List | ast.Dict | ast.Starred | ast.Lambda | ast.JoinedStr):
        return False
    if isinstance(node, ast.Constant) and not isinstance(node.value, int | float):
        return False
    match owner:
        case ast.Call(func=function):
            return node is not function
        case ast.Attribute() | ast.Subscript() | ast.For() | ast.While() | ast.If() | ast.Expr() | ast.comprehension():
            return False
        case ast.stmt():
            return isinstance(owner, ast.Return | ast.Assign | ast.AugAssign | ast.AnnAssign)
    return isinstance(
        owner, ast.BinOp | ast.Compare | ast.keyword | ast.UnaryOp | ast.Tuple | ast.List | ast.GeneratorExp
    )


def bare(node: ast.expr, text: str) -> str:
    """The text of an expression, fit to be part of an operation."""
    return text if isinstance(node, ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript) else f"({text})"


def _about(suffix: str) -> str:
    turns = suffix in (".T", ".mT") or suffix.startswith((".transpose(", ".permute("))
    return "an order of axes" if turns else "a function that is called"
