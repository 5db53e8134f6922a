"""What a change of a function can be made of: the names it knows, and short expressions that stand in it already."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from graders.engine.locating.units import SHORT, Unit, ending, is_wrapping
from graders.engine.values.definitions import Function

_MOST = 24  # expressions that are tried elsewhere
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")


class Scope:
    """What one function can use."""

    def __init__(self, unit: Unit):
        self._unit = unit
        self._nodes = [node for statement in unit.node.body for node in ast.walk(statement)]

    @cached_property
    def parameters(self) -> list[str]:
        """The names of its arguments, without `self`."""
        args = self._unit.node.args
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        every += [each for each in (args.vararg, args.kwarg) if each]
        return [each.arg for each in every if each.arg not in ("self", "cls")]

    @cached_property
    def variables(self) -> list[str]:
        """Its arguments and the names that it assigns."""
        stored = [node.id for node in self._nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        return list(dict.fromkeys([*self.parameters, *stored]))

    @cached_property
    def attributes(self) -> list[str]:
        """What its class calls `self.…`."""
        if self._unit.owner is None:
            return []
        found = [
            node.attr
            for node in ast.walk(self._unit.owner)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
        ]
        methods = {each.name for each in self._unit.owner.body if isinstance(each, Function)}
        return [name for name in dict.fromkeys(found) if name not in methods]

    @cached_property
    def modules_inside(self) -> list[str]:
        """Attributes of `self` that somebody calls or that are made by calling a class."""
        if self._unit.owner is None:
            return []
        found = []
        for node in ast.walk(self._unit.owner):
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=ast.Call(func=function)
                ) if ast.unparse(function).rpartition(".")[2][:1].isupper():
                    found.append(name)
        return list(dict.fromkeys(found))

    @cached_property
    def unused(self) -> frozenset[str]:
        """Arguments and variables that nothing reads, and attributes that no method does."""
        read = {node.id for node in self._nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        found = {name for name in self.variables if name not in read and not name.startswith("_")}
        if self._unit.owner is not None:
            loaded = {
                node.attr
                for node in ast.walk(self._unit.owner)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
            }
            found |= {f"self.{name}" for name in self.attributes if name not in loaded}
        return frozenset(found)

    @cached_property
    def donors(self) -> list[str]:
        """Short expressions: names first, then what stands in the function most often."""
        found: Counter[str] = Counter()
        for node in self._nodes:
            if isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.BinOp) and _is_read(node):
                text = self._unit.spelt(node)
                if len(text) <= SHORT and "\n" not in text:
                    found[text] += 1
        names = [*self.variables, *(f"self.{name}" for name in self.attributes)]
        often = [text for text, _ in found.most_common()]
        alike = [  # x.ndim, where y.ndim stands
            f"{name}.{rest}"
            for text in often
            for owner, dot, rest in [text.partition(".")]
            if dot and owner in self.variables
            for name in self.parameters
        ]
        return list(dict.fromkeys([*names, *often, *alike]))[:_MOST]

    @cached_property
    def endings(self) -> list[str]:
        """What methods are called with short arguments, as it stands after their owners: `.transpose(1, 2)`."""
        found = Counter(filter(None, (ending(self._unit.spelt, node) for node in self._nodes)))
        return list(dict.fromkeys([*(text for text, _ in found.most_common()), *self._unit.file.endings]))[:_MOST]

    @cached_property
    def wrappers(self) -> list[str]:
        """Functions that are called with a single argument."""
        called = (self._unit.spelt(node.func) for node in self._nodes if is_wrapping(node))
        return list(dict.fromkeys([*called, *self._unit.file.wrappers]))[:_MOST]

    @cached_property
    def containers(self) -> list[tuple[str, str]]:
        """Names and attributes that begin as an empty list, set or dict, each with the method that adds to it."""
        found = []
        for node in ast.walk(self._unit.owner or self._unit.node):
            match node:
                case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=value):
                    text = ast.unparse(target)
                    if (method := _adding(value)) and (text.startswith("self.") or text in self.variables):
                        found.append((text, method))
        return list(dict.fromkeys(found))

    @property
    def kinds(self) -> list[str]:
        """Types that the file asks for with `isinstance`."""
        return self._unit.file.kinds[:4]

    def arguments_of(self, function: str) -> list[str]:
        """What a function of this name is given elsewhere in the file."""
        return self._unit.file.arguments.get(function, [])[:16]

    def keywords_of(self, function: str) -> list[tuple[str, str]]:
        """What a function of this name is given by keyword elsewhere in the file: names and values."""
        given = self._unit.file.keywords.get(function, [])
        return list(dict.fromkeys((each.arg or "", ast.unparse(each.value)) for each in given))[:16]

    @cached_property
    def conditions(self) -> list[str]:
        """Tests that stand in the function, and whether a name is there."""
        found = [self._unit.spelt(node) for node in self._nodes if isinstance(node, ast.Compare)]
        found += [f"isinstance({name}, {kind})" for name in self.variables for kind in self.kinds]
        names = [*self.variables, *(f"self.{name}" for name in self.attributes)]
        names += [text for text in self.donors if "." in text and text.replace(".", "_").isidentifier()]
        truths = [text for name in names for text in (name, f"not {name}", f"{name} is None", f"{name} is not None")]
        return list(dict.fromkeys([*found, *truths]))

    @cached_property
    def globals(self) -> list[str]:
        """Names of the module that it says are global."""
        return [name for node in self._nodes if isinstance(node, ast.Global) for name in node.names]

    @cached_property
    def numbers(self) -> list[str]:
        """Numbers that stand in the function, or in the text above it."""
        documented = _NUMBER.findall(ast.get_docstring(self._unit.node) or "")
        if self._unit.owner is not None:
            documented += _NUMBER.findall(ast.get_docstring(self._unit.owner) or "")
        written = [ast.unparse(node) for node in self._nodes if _is_number(node)]
        return list(dict.fromkeys([*written, *documented]))[:16]


def _adding(value: ast.expr | None) -> str:
    """The method that adds to an empty list, set or dict; empty where it is none."""
    match value:
        case ast.List(elts=[]) | ast.Call(func=ast.Name(id="list" | "deque")):
            return "append"
        case ast.Call(func=ast.Name(id="set")):
            return "add"
        case ast.Dict(keys=[]) | ast.Call(func=ast.Name(id="dict")):
            return "[]"
    return ""


def _is_read(node: ast.expr) -> bool:
    return isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def walked(unit: Unit) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The nodes of a function's body that are run, each with what it is directly inside: without annotations."""

    def below(owner: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        for field, value in ast.iter_fields(owner):
            if field in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.AST) and not isinstance(node, ast.JoinedStr | ast.expr_context):
                    yield node, owner
                    yield from below(node)

    for default in [*unit.node.args.defaults, *filter(None, unit.node.args.kw_defaults)]:
        yield default, unit.node
        yield from below(default)
    for statement in unit.node.body:
        yield statement, unit.node
        yield from below(statement)
