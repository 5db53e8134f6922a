"""Small changes of calls: of their arguments, their axes, and of which function is called at all."""

import ast
from collections.abc import Iterator

from graders.engine.mutating.nodes import Change, altered, name_of, number, shortened, swapped

_OPPOSITES = [
    ("max", "min"), ("amax", "amin"), ("argmax", "argmin"), ("maximum", "minimum"), ("any", "all"), ("sum", "mean"),
    ("zeros", "ones"), ("zeros_like", "ones_like"), ("var", "std"), ("sin", "cos"), ("floor", "ceil"),
]  # fmt: skip
_OPPOSITE = dict(_OPPOSITES) | {other: name for name, other in _OPPOSITES}
_BUILTIN = {"max", "min", "any", "all"}  # only these are swapped without a `np.` or `x.` before them
_TRANSPOSING = {"transpose", "permute", "swapaxes", "swapdims", "moveaxis", "movedim", "rearrange"}
_DISPENSABLE = {
    "exp", "log", "sqrt", "abs", "square", "tanh", "sigmoid", "relu", "softmax", "log_softmax", "clip", "clamp", "flip",
    "cumsum", "sorted", "reversed", "list", "detach", "clone", "copy", "deepcopy", "contiguous", "reshape",
    "view", "flatten", "squeeze", "unsqueeze", "expand_dims", "broadcast_to", "expand", "tril", "triu", "masked_fill",
}  # fmt: skip
_REDUCTIONS = {
    "sum", "mean", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "any", "all", "var", "std", "cumsum",
    "softmax", "log_softmax", "logsumexp",
}  # fmt: skip
_WITH_AXIS = _REDUCTIONS | {"size", "gather", "squeeze", "unsqueeze", "expand_dims", "cat", "concatenate", "stack"}
_AXES = {"axis", "axes", "dim", "dims"}
KEEPDIMS = {"keepdims", "keepdim"}
_LIBRARIES = {"np", "torch", "nn", "F", "math", "copy", "einops"}  # before the dot of a function, not a method


def axis_arguments(call: ast.Call) -> Iterator[Change]:
    """Another axis, and axes of size one kept or not. Axis 1 is not changed to -1: of a matrix it is the same."""
    for axis in axes(call):
        for other in (0,) if number(axis) in (1, -1) else (0, -1, 1):
            if other != number(axis):
                yield Change("axis", axis, ast.Constant(other))
    for keyword in call.keywords:
        if keyword.arg in KEEPDIMS and isinstance(keyword.value, ast.Constant):
            yield Change("keepdims", keyword.value, ast.Constant(not keyword.value.value))


def arguments(call: ast.Call) -> Iterator[Change]:
    """Arguments left out or, where they are neighbours, swapped. A sole one is left out if it is an axis."""
    if name_of(call.func) in ("isinstance", "cast"):
        return
    if len(call.args) > 1 or (call.args and call.args[0] in axes(call)):
        for args in shortened(call.args):
            yield Change("argument", call, altered(call, args=args))
    for keywords in shortened(call.keywords):
        yield Change("argument", call, altered(call, keywords=keywords))
    if not any(isinstance(arg, ast.Starred) for arg in call.args):
        for args in swapped(call.args):
            yield Change("order", call, altered(call, args=args))


def unwrapped(call: ast.Call) -> Iterator[Change]:
    """A call replaced by what it is called on."""
    name = name_of(call.func)
    if name in _TRANSPOSING | _DISPENSABLE:
        subject = next(iter(call.args), None)
        if isinstance(call.func, ast.Attribute) and not _is_library(call.func.value):
            subject = call.func.value
        if subject is not None and not isinstance(subject, ast.Starred):
            yield Change("transpose" if name in _TRANSPOSING else "call", call, subject)


def opposites(call: ast.Call) -> Iterator[Change]:
    """A call of the function that is most easily taken for the right one."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in _OPPOSITE:
        yield Change("opposite", call.func, altered(call.func, attr=_OPPOSITE[call.func.attr]))
    elif isinstance(call.func, ast.Name) and call.func.id in _BUILTIN:
        yield Change("opposite", call.func, ast.Name(_OPPOSITE[call.func.id]))


def axes(call: ast.Call) -> list[ast.expr]:
    """The arguments of a call that are numbers of axes."""
    found = [keyword.value for keyword in call.keywords if keyword.arg in _AXES]
    if isinstance(call.func, ast.Attribute) and call.func.attr in _WITH_AXIS:
        at = 1 if _is_library(call.func.value) else 0
        found += call.args[at : at + 1]
    return [axis for axis in found if isinstance(number(axis), int)]


def _is_library(node: ast.expr) -> bool:
    return ast.unparse(node).partition(".")[0] in _LIBRARIES
