"""Slips inside expressions, undone: another name, operator, number or axis; something dropped, put back."""

import ast
import re
from collections.abc import Iterator
from itertools import combinations

from graders.engine.locating.scope import Scope, walked
from graders.engine.locating.slip import Slip, Slips
from graders.engine.locating.units import Unit
from graders.engine.locating.values import Values, bare
from graders.engine.mutating.calls import KEEPDIMS, axes
from graders.engine.mutating.nodes import altered, name_of, number, shortened

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|",
}  # fmt: skip
_ALIKE = {
    "+": "-*", "-": "+*/", "*": "/+@", "/": "*-", "//": "/%", "%": "//", "**": "*", "@": "*", "&": "|", "|": "&",
}  # fmt: skip
_SAME_RANK = ({"+", "-"}, {"*", "/"}, {"*", "//"}, {"*", "@"}, {"*", "%"}, {"/", "//"}, {"/", "@"}, {"//", "%"})
_TURNED = {"/", "-", "**", "//", "%", "@"}  # where the order counts
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_REDUCING = {
    "sum", "mean", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "any", "all", "var", "std", "softmax",
    "log_softmax", "logsumexp", "norm", "cumsum", "cat", "stack", "sort", "argsort", "flip",
}  # fmt: skip
_TWOFOLD = {"max", "min", "sort", "topk", "median", "mode", "kthvalue", "cummax", "cummin", "unique", "slogdet"}
_KEYWORDS = {
    "keepdim": ("True",), "keepdims": ("True",), "unbiased": ("False",), "correction": ("0",), "diagonal": ("1",),
    "dtype": ("bool", "int", "float"), "indexing": ('"ij"',), "retain_graph": ("True",), "reverse": ("True",),
    "bias": ("False",), "axis": ("-1", "0", "1"), "dim": ("-1", "0", "1"), "side": ('"right"',),
    "descending": ("True",), "approximate": ('"tanh"',), "strict": ("True",), "requires_grad": ("False", "True"),
    "reduction": ('"none"', '"sum"'), "default": ("None", "0"),
}  # fmt: skip
_WORDS = ({"mean", "sum", "none"}, {"right", "left"}, {"ij", "xy"}, {"rgb_array", "human"}, {"same", "valid"})
_MOST_LETTERS = 60


def slips(unit: Unit, scope: Scope) -> Iterator[Slip]:
    """Everything that is tried on the expressions of a function."""
    whole = _Expressions(unit, scope)
    for node, owner in walked(unit):
        if isinstance(node, ast.expr | ast.Slice) and hasattr(node, "lineno"):
            yield from whole.of(node, owner)


class _Expressions(Slips):
    def __init__(self, unit: Unit, scope: Scope):
        super().__init__(unit, scope)
        self._values = Values(unit, scope)

    def of(self, node: ast.expr, owner: ast.AST) -> Iterator[Slip]:
        """The slips of one node."""
        if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            if isinstance(node, ast.Subscript):
                yield from self._subscript(node)
            return
        match node:
            case ast.Constant():
                yield from self._constant(node, owner)
            case ast.Name() if not (isinstance(owner, ast.Call) and owner.func is node):
                yield from self._name(node, owner)
            case ast.Attribute():
                yield from self._attribute(node, owner)
            case ast.BinOp():
                yield from self._operation(node)
            case ast.Compare():
                yield from self._comparison(node)
            case ast.Call():
                yield from self._call(node)
            case ast.Subscript():
                yield from self._subscript(node)
            case ast.Slice():
                yield from self._slice(node)
            case ast.IfExp():
                turned = altered(node, body=node.orelse, orelse=node.body)
                yield self._slip(node, self._unit.spelt(turned), "a condition", 1.0)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                yield from self._comprehension(node)
            case ast.Tuple(elts=[_, _, *_]):
                for one, other in combinations(range(len(node.elts)), 2):
                    elements = list(node.elts)
                    elements[one], elements[other] = elements[other], elements[one]
                    yield self._slip(node, ", ".join(map(self._unit.spelt, elements)), "an order", 1.2)
        if _is_test(node, owner):
            yield from self._test(node)
        yield from self._values.of(node, owner)

    def _constant(self, node: ast.Constant, owner: ast.AST) -> Iterator[Slip]:
        value = node.value
        if isinstance(value, str):
            yield from self._string(node, owner)
        elif isinstance(value, bool):
            yield self._slip(node, str(not value), "a truth value", 0.8)
        elif isinstance(value, int | float):
            written = self._text(node)
            others = [f"-{written}", f"{written} + 1", *(["0", "1", "2", "-1", "3"] if isinstance(value, int) else [])]
            others += [str(value + 1), str(value - 1)] if isinstance(value, int) else []
            others += [repr(value / 2), repr(value - 1), repr(1 - value), "0", "1"] if isinstance(value, float) else []
            others += [repr(value / 2)] if isinstance(value, int) and value and value % 2 == 0 else []
            for other in dict.fromkeys(others):
                if other != written:
                    yield self._slip(node, other, "a number", 0.7 if _is_round(other) and len(other) > 1 else 1.0)
            for other in self._scope.numbers:
                if other != written:
                    yield self._slip(node, other, "a number", 1.4)
            for other in self._scope.donors[:12]:
                yield self._slip(node, other, "a number", 2.4, uses=other)

    def _string(self, node: ast.Constant, owner: ast.AST) -> Iterator[Slip]:
        text = str(node.value)
        for words in _WORDS:
            if text in words:
                for other in sorted(words - {text}):
                    yield self._slip(node, repr(other), "a word", 1.0)
        if isinstance(owner, ast.Call) and ("->" in text or "[" in text):
            for other in _patterns(text):
                yield self._slip(node, repr(other), "an order of axes", 1.0)

    def _name(self, node: ast.Name, owner: ast.AST) -> Iterator[Slip]:
        if node.id not in self._scope.variables:
            return
        for other in self._scope.variables:
            if other != node.id:
                yield self._slip(node, other, "a name", 1.6, uses=other)
        for other in self._scope.attributes:
            yield self._slip(node, f"self.{other}", "a name", 2.2, uses=f"self.{other}")

    def _attribute(self, node: ast.Attribute, owner: ast.AST) -> Iterator[Slip]:
        if isinstance(node.value, ast.Name) and node.value.id == "self" and node.attr in self._scope.attributes:
            for other in self._scope.attributes:
                if other != node.attr:
                    yield self._slip(node, f"self.{other}", "a name", 1.6, uses=f"self.{other}")
            for other in self._scope.variables:
                yield self._slip(node, other, "a name", 2.0, uses=other)
        elif name_of(node) in ("grad", "data"):
            yield self._slip(node, self._text(node.value), "a name", 1.6)

    def _operation(self, node: ast.BinOp) -> Iterator[Slip]:
        sign = _OPERATORS.get(type(node.op))
        if sign is None or isinstance(node.left, ast.JoinedStr):
            return
        left, right = self._text(node.left), self._text(node.right)
        bare_left, bare_right = bare(node.left, left), bare(node.right, right)
        for other in ("**", "//", "%", "@", "+", "-", "*", "/"):
            if other != sign:
                cost = 1.0 if other in _ALIKE.get(sign, "") else 1.8
                if (bare_left, bare_right) == (left, right) and {sign, other} in _SAME_RANK:
                    yield self._between(node, other, cost)  # so that something else may change beside it
                else:
                    yield self._slip(node, f"{bare_left} {other} {bare_right}", "an operator", cost)
        if sign in _TURNED:
            yield self._slip(node, f"{bare_right} {sign} {bare_left}", "an order", 0.9)
        yield self._slip(node, left, "something that is too much", 1.6)
        yield self._slip(node, right, "something that is too much", 1.6)
        if isinstance(node.left, ast.BinOp):  # (a + b) * c for a + (b * c), and the other way round
            inner = _OPERATORS.get(type(node.left.op))
            a, b = self._text(node.left.left), self._text(node.left.right)
            yield self._slip(node, f"{a} {inner} ({b} {sign} {bare_right})", "parentheses", 1.2)
        if isinstance(node.right, ast.BinOp):
            inner = _OPERATORS.get(type(node.right.op))
            b, c = self._text(node.right.left), self._text(node.right.right)
            yield self._slip(node, f"({bare_left} {sign} {b}) {inner} {c}", "parentheses", 1.2)

    def _between(self, node: ast.BinOp, sign: str, cost: float) -> Slip:
        """Another operator between the same operands."""
        start, end = self._unit.extent(node.left)[1], self._unit.extent(node.right)[0]
        return Slip.at(self._unit, node, f" {sign} ", "an operator", cost, start=start, end=end, whole=True)

    def _comparison(self, node: ast.Compare) -> Iterator[Slip]:
        for at, op in enumerate(node.ops):
            for kind, sign in _COMPARISONS.items():
                if kind is not type(op) and type(op) in _COMPARISONS:
                    ops = [*node.ops[:at], kind(), *node.ops[at + 1 :]]
                    near = {type(op), kind} in ({ast.Lt, ast.LtE}, {ast.Gt, ast.GtE})
                    words = "a boundary" if near else "a comparison"
                    yield self._slip(node, self._text(altered(node, ops=ops)), words, 0.7 if near else 1.2, uses=sign)
        last = self._text(node.comparators[-1])
        head = self._text(node)[: -len(last)] if self._text(node).endswith(last) else ""
        if head and not isinstance(node.comparators[-1], ast.Constant):
            yield self._slip(node, f"{head}{last} + 1", "a boundary", 1.4)
            yield self._slip(node, f"{head}{last} - 1", "a boundary", 1.4)

    def _test(self, node: ast.expr) -> Iterator[Slip]:
        """A condition turned round, or with one more part."""
        text = self._text(node)
        yield self._slip(node, f"not ({text})", "a condition", 1.4)
        for other in self._scope.conditions[:24]:
            if other != text:
                for word in ("and", "or"):
                    yield self._slip(node, f"({text}) {word} {other}", "a condition", 2.8, uses=other)

    def _call(self, node: ast.Call) -> Iterator[Slip]:
        args, keywords = [*map(self._text, node.args)], [self._keyword(each) for each in node.keywords]
        function = self._text(node.func)

        def called(args: list[str], keywords: list[str]) -> str:
            return f"{function}({', '.join([*args, *keywords])})"

        for axis in axes(node):
            for place in (-1, 0, 1, -2, 2):
                if place != number(axis):
                    yield self._slip(axis, str(place), "an axis", 0.8)
        if any(isinstance(arg, ast.Starred) for arg in node.args):
            return
        for one, two in combinations(range(len(args)), 2):
            turned = list(args)
            turned[one], turned[two] = turned[two], turned[one]
            yield self._slip(node, called(turned, keywords), "an order of arguments", 0.9 if two == one + 1 else 1.3)
        name, given = name_of(node.func), {keyword.arg for keyword in node.keywords}
        if name in _TWOFOLD:  # values and places
            for part in (".values", ".indices", "[0]", "[1]"):
                yield self._slip(node, f"{self._text(node)}{part}", "one of two results", 0.8)
        if name in ("gather", "take_along_dim") and len(args) > 1:
            places = f"{args[-1]}[..., None]" if node.args[-1:] and not keywords else args[-1]
            looked_up = called([*args[:-1], places], keywords)
            yield self._slip(node, f"{looked_up}[..., 0]", "an axis", 0.9)
        if name in ("range", "arange"):
            for changed in _ranges(args):
                yield self._slip(node, called(changed, keywords), "a boundary", 0.9)
        for one, two in combinations(range(len(keywords)), 2):
            first, second = node.keywords[one], node.keywords[two]
            if first.arg and second.arg:
                turned = list(keywords)
                turned[one], turned[two] = (
                    f"{first.arg}={self._text(second.value)}", f"{second.arg}={self._text(first.value)}",
                )  # fmt: skip
                yield self._slip(node, called(args, turned), "an order of arguments", 1.4)
        for fewer in shortened(args):
            yield self._slip(node, called(fewer, keywords), "an argument", 1.7)
        if name in _REDUCING:
            for keep in sorted(KEEPDIMS - given):
                yield self._slip(node, called(args, [*keywords, f"{keep}=True"]), "an axis that is kept", 0.6)
        for keyword, value in self._scope.keywords_of(name):
            if keyword not in given:
                yield self._slip(node, called(args, [*keywords, f"{keyword}={value}"]), "an argument", 1.3)
            for each in node.keywords:
                if each.arg == keyword and self._text(each.value) != value:
                    yield self._slip(each.value, value, "an argument", 1.3)
        for keyword, values in _KEYWORDS.items():
            if keyword in given:
                continue
            near = 1.2 if keyword in ("axis", "dim") and name in _REDUCING else 2.2
            for value in values:
                yield self._slip(node, called(args, [*keywords, f"{keyword}={value}"]), "an argument", near)
        for other in [*self._scope.variables, *self._scope.attributes]:
            if other not in given and name[:1].isupper() | bool(given):
                value = other if other in self._scope.variables else f"self.{other}"
                yield self._slip(node, called(args, [*keywords, f"{other}={value}"]), "an argument", 1.8, uses=value)
        alike = self._scope.arguments_of(name)
        donors = [*alike, *self._scope.donors, *self._scope.numbers, "0", "1", "-1", "2", "None", "True", "False"]
        idle = sorted(self._scope.unused)
        for at in range(len(args) + 1):
            for other in (*idle, *(f"-{name}" for name in idle)):
                yield self._slip(node, called([*args[:at], other, *args[at:]], keywords), "an argument", 1.4)
            for rank, other in enumerate(donors):
                more = [*args[:at], other, *args[at:]]
                cost = 1.8 + 0.03 * rank + (0.0 if at == len(args) else 0.2)
                yield self._slip(node, called(more, keywords), "an argument", cost, uses=other)

    def _keyword(self, keyword: ast.keyword) -> str:
        return f"{keyword.arg}={self._text(keyword.value)}" if keyword.arg else f"**{self._text(keyword.value)}"

    def _subscript(self, node: ast.Subscript) -> Iterator[Slip]:
        base, index = self._text(node.value), node.slice
        if isinstance(index, ast.Name | ast.BinOp | ast.Attribute):
            for change in ("+ 1", "- 1"):
                yield self._slip(node, f"{base}[{self._text(index)} {change}]", "an index", 1.0)
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        texts = [*map(self._text, parts)]
        for more in ("None", ":", "..."):
            for place in range(len(texts) + 1):
                new = f"{base}[{', '.join([*texts[:place], more, *texts[place:]])}]"
                yield self._slip(node, new, "an axis", 1.8 if more != "..." else 2.4)
        for fewer in shortened(texts):
            if fewer:
                yield self._slip(node, f"{base}[{', '.join(fewer)}]", "an axis", 1.8)
        yield self._slip(node, base, "an index", 2.0)

    def _slice(self, node: ast.Slice) -> Iterator[Slip]:
        for field in ("lower", "upper"):
            bound = getattr(node, field)
            others = [f"{self._text(bound)} + 1", f"{self._text(bound)} - 1"] if bound else ["1", "-1", "2"]
            for rank, other in enumerate([*others, *self._scope.donors[:8]]):
                new = altered(node, **{field: ast.Name(other)})
                cost = 1.2 if rank < len(others) else 2.2
                yield self._slip(node, self._text(new), "a boundary", cost, uses=other)
        for step in ("-1", "2") if node.step is None else ():
            yield self._slip(node, self._text(altered(node, step=ast.Name(step))), "a boundary", 1.8)

    def _comprehension(self, node: ast.expr) -> Iterator[Slip]:
        text = self._text(node)
        for other in self._scope.conditions[:16]:
            yield Slip.at(
                self._unit, node, f"{text[:-1]} if {other}{text[-1]}", "a condition", 2.6, whole=True, uses=other
            )


def _is_round(written: str) -> bool:
    """Whether a number is one that people choose: a power of two, or of ten with one figure before it."""
    if not written.isdigit():
        return False
    return int(written).bit_count() == 1 or not written[1:].strip("0")


def _ranges(args: list[str]) -> Iterator[list[str]]:
    """The arguments of a `range` that begins or ends one earlier or later."""
    for step in ("+ 1", "- 1"):
        for end in args[-1:]:
            yield [*args[:-1], f"{end} {step}"]
            yield ["1", f"{end} {step}"]
        if len(args) == 2:
            yield [f"{args[0]} {step}", args[1]]
    yield ["1", *args]
    if len(args) == 2:
        yield args[1:]


def _is_test(node: ast.expr, owner: ast.AST) -> bool:
    """Whether it is asked if something holds; a constant asks nothing."""
    asked = isinstance(owner, ast.If | ast.While | ast.IfExp) and owner.test is node
    return isinstance(node, ast.Compare) or (asked and not isinstance(node, ast.Constant))


def _patterns(text: str) -> Iterator[str]:
    """The patterns of einops and einsum with two letters or words of one part exchanged, or one in another's place."""
    head, arrow, tail = text.partition("->")
    word = re.compile(r"[A-Za-z]\w*" if " " in text.strip() else r"[A-Za-z]")
    letters = list(dict.fromkeys(word.findall(text)))
    parts = [*head.split(","), *([tail] if arrow else [])]
    swaps = [swap for one, two in combinations(letters, 2) for swap in ({one: two, two: one}, {one: two}, {two: one})]
    found = []
    for swap in swaps:
        for at, part in enumerate(parts):
            changed = word.sub(lambda letter, swap=swap: swap.get(letter[0], letter[0]), part)  # type: ignore[misc]
            if changed != part:
                new = [*parts[:at], changed, *parts[at + 1 :]]
                found.append(f"{','.join(new[:-1])}->{new[-1]}" if arrow else ",".join(new))
    yield from found[:_MOST_LETTERS]
