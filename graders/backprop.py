"""Checks of the section `backprop`: an autograd engine in numpy.

Inputs are small whole numbers, so that right answers are exactly equal, and the axes of an array differ in size, so
that mixed-up axes show. Tensors may hold single or double precision: probes hand out their numbers in double.
"""

import math
import re
from functools import cache
from itertools import permutations as permutations_of
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graders.engine import Section, close, edit

section = Section("backprop", title="Backpropagation from scratch")

near = close(rtol=1e-4, atol=1e-4)  # a learner's Tensor may keep its numbers in single precision


# %% Inputs
class Broadcast(NamedTuple):
    broadcasted: np.ndarray
    original: np.ndarray


class Unary(NamedTuple):
    grad_out: np.ndarray
    out: np.ndarray
    x: np.ndarray


class Binary(NamedTuple):
    grad_out: np.ndarray
    out: np.ndarray
    x: np.ndarray | float
    y: np.ndarray | float


class Argued(NamedTuple):  # a backward call with one more argument: a shape, axes, an index
    grad_out: np.ndarray
    out: np.ndarray
    x: np.ndarray
    arg: Any


class Summed(NamedTuple):
    grad_out: np.ndarray
    out: np.ndarray
    x: np.ndarray
    options: dict[str, Any]  # dim and keepdim where they are not left out


class Graph(NamedTuple):
    start: int
    children: list[list[int]]  # of each node, by its number


class Program(NamedTuple):
    leaves: list[np.ndarray]
    steps: list[tuple[int, int]]  # each multiplies two earlier tensors


WHOLE = (0, *(sign * size for size in range(1, 10) for sign in (1, -1)))  # each simpler than the next
POSITIVE = tuple(range(1, 10))
NONZERO = WHOLE[1:11]
FEW = WHOLE[:5]  # ties are frequent
whole = st.sampled_from(WHOLE)
nonzero = st.sampled_from(NONZERO)
SHAPES = [sizes for axes in range(4) for sizes in permutations_of((2, 3, 1, 4), axes)]  # sizes differ; () is 0-d
shapes = st.sampled_from(SHAPES)
filled_shapes = st.sampled_from([sizes for sizes in SHAPES if len(sizes) > 1 and 1 not in sizes])
empty_shapes = st.sampled_from([(0,), (0, 3), (2, 0), (3, 0, 2)])
names = st.sampled_from(["weight", "bias", "scale", "encoder", "head"])
names_of_two = st.sampled_from(["weight", "head"])


@cache
def letters(size, count):
    return st.text(alphabet=ascii_letters[:count], min_size=size, max_size=size)


def array(draw, shape, elements=WHOLE):
    """An array of some of the `elements`. Drawn as one string: much faster than number by number."""
    drawn = draw(letters(math.prod(shape), len(elements)))
    return np.array([elements[ascii_letters.index(letter)] for letter in drawn], dtype=float).reshape(shape)


@st.composite
def arrays(draw, shapes=shapes, elements=WHOLE):
    return array(draw, draw(shapes), elements)


@st.composite
def unary(draw, forward, elements=WHOLE, shapes=shapes):
    x = array(draw, draw(shapes), elements)
    return Unary(array(draw, x.shape), forward(x), x)


@st.composite
def stretched(draw, shape, both):
    """Two shapes that broadcast to `shape`: the first may lose axes; with `both`, the second may lose others."""
    first, second = [], []
    for size in shape:
        way = draw(st.sampled_from(["first", "neither", "second"] if both else ["first", "neither"]))
        first.append(1 if way == "first" else size)
        second.append(1 if way == "second" else size)
    for sizes in (first, second):
        if draw(st.booleans()):
            while sizes and sizes[0] == 1:
                sizes.pop(0)
    return tuple(first), tuple(second)


@st.composite
def binary(draw, forward, elements=WHOLE, stretch=False, number=None):
    """A call of an operation's backward on two arrays; `number` names the operand that is a plain number instead."""
    shape = draw(filled_shapes if stretch else shapes)
    x_shape, y_shape = draw(stretched(shape, both=True)) if stretch else (shape, shape)
    x, y = array(draw, x_shape, elements), array(draw, y_shape, elements)
    if number:
        x, y = (
            (float(draw(st.sampled_from(elements))), y)
            if number == "x"
            else (x, float(draw(st.sampled_from(elements))))
        )
    out = np.asarray(forward(x, y))
    return Binary(array(draw, out.shape), out, x, y)


@st.composite
def broadcasts(draw, prepend=True, stretch=True):
    """A gradient and an array of zeros that broadcasting could have brought to its shape."""
    shape = draw(filled_shapes)
    original = list(shape)
    if stretch:
        original = [1 if draw(st.booleans()) else size for size in original]
    if prepend:
        original = original[draw(st.integers(1, len(original))) :]
    return Broadcast(array(draw, shape), np.zeros(original))


def numbers(tensor):
    return tensor.array.astype(float)


def gradients(tensors):
    return [None if tensor.grad is None else numbers(tensor.grad) for tensor in tensors]


def made(tensor, *sources):
    """What a tensor holds and remembers: numbers, whether it needs a gradient, and its recipe as data."""
    recipe = tensor.recipe
    if recipe is None:
        return numbers(tensor), tensor.requires_grad, None
    args = [np.asarray(arg, dtype=float) for arg in recipe.args]
    parents = {
        position: [number for number, source in enumerate(sources) if parent is source]
        for position, parent in sorted(recipe.parents.items())
        if parent.requires_grad
    }
    return numbers(tensor), tensor.requires_grad, (recipe.func.__name__, args, parents)


# %% log_back
@section.check("log_back", points=0.5)
@given(case=unary(np.log, POSITIVE))
def log_back_values(solution, case):
    """Multiplies the incoming gradient by one over the input."""
    return solution.log_back(case.grad_out, case.out, case.x)


section.mistake("log_back", "Divides by the output log(x), not by the input x.", edit("grad_out / x", "grad_out / out"))
section.mistake(
    "log_back", "Gives 1/x alone: the chain rule's incoming gradient is missing.", edit("grad_out / x", "1 / x")
)
section.mistake("log_back", "Multiplies by x instead of dividing by it.", edit("grad_out / x", "grad_out * x"))
section.hint(
    "log_back",
    "What is the derivative of log(x), and which of the three arguments does it need?",
    "The chain rule is a product of two factors. One of them arrives as an argument: are both in your result?",
)


# %% unbroadcast
@section.check("unbroadcast", points=0.5)
@given(pair=broadcasts(stretch=False))
def sums_prepended_axes(solution, pair):
    """Sums over the axes that broadcasting put in front."""
    return solution.unbroadcast(pair.broadcasted, pair.original)


@section.check("unbroadcast", points=0.5)
@given(pair=broadcasts(prepend=False))
def sums_stretched_axes(solution, pair):
    """Sums over axes of size one that broadcasting stretched, and keeps them."""
    return solution.unbroadcast(pair.broadcasted, pair.original)


@section.check("unbroadcast", points=0.5)
@given(pair=broadcasts())
def sums_both_kinds_of_axes(solution, pair):
    """Handles axes of both kinds at once, down to a 0-d array."""
    return solution.unbroadcast(pair.broadcasted, pair.original)


@section.check("unbroadcast", points=0.25)
@given(gradient=arrays())
def unbroadcast_changes_nothing(solution, gradient):
    """Returns the gradient as it is where nothing was broadcast."""
    return solution.unbroadcast(gradient, np.zeros_like(gradient))


@section.check("unbroadcast", points=0.25, examples=20)
@given(size=st.integers(1, 4), prepended=st.booleans())
def unbroadcast_empty(solution, size, prepended):
    """An axis that was stretched to no elements at all comes back with size one and a gradient of zero."""
    return solution.unbroadcast(np.ones((size, 0)), np.zeros((1,) if prepended else (size, 1)))


section.mistake(
    "unbroadcast",
    "Takes surplus axes from the end; broadcasting puts them in front.",
    edit("axis=tuple(range(prepended))", "axis=tuple(range(original.ndim, broadcasted.ndim))"),
)
section.mistake(
    "unbroadcast", "Drops the stretched axes instead of keeping them with size one.", edit(", keepdims=True", "")
)
section.mistake(
    "unbroadcast",
    "Sums only the axes put in front; stretched axes keep their full size.",
    edit("summed.sum(axis=stretched, keepdims=True)", "summed"),
)
section.mistake(
    "unbroadcast",
    "Sums only the stretched axes; axes put in front remain.",
    edit("broadcasted.sum(axis=tuple(range(prepended)))", "broadcasted"),
)
section.mistake("unbroadcast", "Averages over the copies; their gradients add up.", edit("summed.sum(", "summed.mean("))
section.hint(
    "unbroadcast",
    "A number used in five places moves all five. What does that make its gradient?",
    "numpy lines up shapes at their ends. Which axes of the result can the original not have had at all?",
    "First bring the number of axes down. Then look for size one in the original's shape; does sum keep that axis?",
)


# %% multiply_back0, multiply_back1
@section.check("multiply_back0", points=0.5)
@given(case=binary(np.multiply))
def multiply_back0_values(solution, case):
    """Multiplies the incoming gradient by the second factor."""
    return solution.multiply_back0(case.grad_out, case.out, case.x, case.y)


@section.check("multiply_back0", points=0.5)
@given(case=binary(np.multiply, stretch=True) | binary(np.multiply, number="y"))
def multiply_back0_broadcast(solution, case):
    """Returns the shape of the first factor where the other is broadcast against it or a plain number."""
    return solution.multiply_back0(case.grad_out, case.out, case.x, case.y)


@section.check("multiply_back1", points=0.5)
@given(case=binary(np.multiply))
def multiply_back1_values(solution, case):
    """Multiplies the incoming gradient by the first factor."""
    return solution.multiply_back1(case.grad_out, case.out, case.x, case.y)


@section.check("multiply_back1", points=0.5)
@given(case=binary(np.multiply, stretch=True) | binary(np.multiply, number="x"))
def multiply_back1_broadcast(solution, case):
    """Returns the shape of the second factor where the other is broadcast against it or a plain number."""
    return solution.multiply_back1(case.grad_out, case.out, case.x, case.y)


_NO_SUM = "Broadcasting is not undone: the gradient keeps the shape of the result."
section.mistake("multiply_back0", _NO_SUM, edit("unbroadcast(grad_out * y, x)", "grad_out * y"))
section.mistake("multiply_back0", "Mixes up the factors: d(x·y)/dx is y.", edit("grad_out * y, x", "grad_out * x, x"))
section.mistake("multiply_back0", "The incoming gradient is missing.", edit("grad_out * y, x", "out * 0 + y, x"))
section.mistake(
    "multiply_back0",
    "Sums the gradient before it is multiplied; the factors differ between the places summed.",
    edit("unbroadcast(grad_out * y, x)", "unbroadcast(grad_out, x) * y"),
)
section.mistake("multiply_back1", _NO_SUM, edit("unbroadcast(grad_out * x, y)", "grad_out * x"))
section.mistake("multiply_back1", "Mixes up the factors: d(x·y)/dy is x.", edit("grad_out * x, y", "grad_out * y, y"))
section.mistake(
    "multiply_back1",
    "Brings the gradient to the shape of x; that of y is asked for.",
    edit("grad_out * x, y", "grad_out * x, x"),
)
_PRODUCT_HINTS = (
    "Hold one factor still and move the other by a little: by how much does the product move?",
    "Which shape must the result have when x is (3,) and y is (2, 3)? You have a function for that.",
    "Do you sum down before or after multiplying? Try both on a small case by hand.",
)
section.hint("multiply_back0", *_PRODUCT_HINTS)
section.hint("multiply_back1", *_PRODUCT_HINTS)


# %% forward_and_back
class Inputs(NamedTuple):
    a: np.ndarray
    b: np.ndarray
    c: np.ndarray


@st.composite
def graph_inputs(draw, stretch=False):
    shape = draw(filled_shapes if stretch else shapes)
    a, b = draw(stretched(shape, both=True)) if stretch else (shape, shape)
    c = draw(stretched(shape, both=False))[0] if stretch else shape
    return Inputs(array(draw, a, POSITIVE), array(draw, b, POSITIVE), array(draw, c, POSITIVE[1:]))


@section.check("forward_and_back", points=0.5)
@given(inputs=graph_inputs())
def graph_of_one_shape(solution, inputs):
    """Finds the three gradients where all inputs have one shape."""
    return solution.forward_and_back(inputs.a, inputs.b, inputs.c)


@section.check("forward_and_back", points=0.5)
@given(inputs=graph_inputs(stretch=True))
def graph_with_broadcasting(solution, inputs):
    """Gives each gradient the shape of its input where the inputs are broadcast."""
    return solution.forward_and_back(inputs.a, inputs.b, inputs.c)


_END = "return multiply_back0(grad_d, d, a, b), multiply_back1(grad_d, d, a, b), log_back(grad_e, e, c)"
section.mistake(
    "forward_and_back",
    "Uses the formulas for single numbers, 1/a, 1/b and 1/(c log c); they do not add up over broadcast places.",
    edit(_END, "return 1 / a, 1 / b, 1 / (c * e)"),
)
section.mistake(
    "forward_and_back",
    "The path to c leaves out the product f = d · e.",
    edit("grad_e = multiply_back1(grad_f, f, d, e)", "grad_e = unbroadcast(grad_f, e)"),
)
section.mistake(
    "forward_and_back",
    "The paths to a and b leave out the product f = d · e.",
    edit("grad_d = multiply_back0(grad_f, f, d, e)", "grad_d = unbroadcast(grad_f, d)"),
)
section.mistake(
    "forward_and_back",
    "The last logarithm is not undone: its gradient is 1/f.",
    edit("grad_f = log_back(np.ones_like(g), g, f)", "grad_f = np.ones_like(g)"),
)
section.hint(
    "forward_and_back",
    "Draw the graph as boxes and arrows. Through which boxes does a path from g to c lead?",
    "Name gradients after what they belong to. Which one does each backward function need first?",
)


# %% BackwardFuncLookup
class Entry(NamedTuple):
    function: str
    position: int
    label: int


entries = st.builds(Entry, st.sampled_from(["log", "exp", "add"]), st.integers(0, 2), st.integers(0, 99))


def lookup_with(solution, entries):
    lookup = solution.BackwardFuncLookup()
    for entry in entries:
        lookup.add_back_func(getattr(np, entry.function), entry.position, lambda *args, label=entry.label: label)
    return lookup


@section.check("BackwardFuncLookup", points=0.5)
@given(entries=st.lists(entries, min_size=1, max_size=6))
def lookup_finds(solution, entries):
    """Finds, for each function and position, what was registered last."""
    lookup = lookup_with(solution, entries)
    return [lookup.get_back_func(getattr(np, entry.function), entry.position)() for entry in entries]


@section.check("BackwardFuncLookup", points=0.25)
@given(entries=st.lists(entries, min_size=1, max_size=3), wanted=entries)
def lookup_lacks(solution, entries, wanted):
    """Raises KeyError for a pair that was not registered, be it registered in another lookup."""
    lookup = lookup_with(solution, entries)
    lookup_with(solution, [wanted])
    return lookup.get_back_func(getattr(np, wanted.function), wanted.position)()


section.mistake(
    "BackwardFuncLookup",
    "Keeps one backward function for each function; every argument needs its own.",
    edit("self.back_funcs[forward_fn, arg_position] = back_fn", "self.back_funcs[forward_fn] = back_fn"),
    edit("return self.back_funcs[forward_fn, arg_position]", "return self.back_funcs[forward_fn]"),
)
section.mistake(
    "BackwardFuncLookup",
    "Keeps what was registered first; a later registration must replace it.",
    edit(
        "self.back_funcs[forward_fn, arg_position] = back_fn",
        "self.back_funcs.setdefault((forward_fn, arg_position), back_fn)",
    ),
)
section.mistake(
    "BackwardFuncLookup",
    "All lookups share one table: it belongs to the class and not to the instance.",
    edit("self.back_funcs: dict[tuple[Callable, int], Callable] = {}", "pass"),
    edit("    def __init__", "    back_funcs: dict = {}\n\n    def __init__"),
)
section.mistake(
    "BackwardFuncLookup",
    "Returns None for an unknown pair; the error then appears far from its cause.",
    edit("return self.back_funcs[forward_fn, arg_position]", "return self.back_funcs.get((forward_fn, arg_position))"),
)
section.hint(
    "BackwardFuncLookup",
    "Which of numpy's or Python's containers finds a value by a key? What is the key here?",
    "Two things together name one backward function. May a dict's key consist of two things?",
)


# %% log_forward, multiply_forward
@section.check("log_forward", points=0.5, judge=near)
@given(x=arrays(elements=POSITIVE), needed=st.booleans())
def log_forward_recipe(solution, x, needed):
    """Returns the logarithms, with a recipe exactly where the input requires a gradient."""
    source = solution.Tensor(x, requires_grad=needed)
    return made(solution.log_forward(source), source)


@section.check("log_forward", points=0.25, judge=near)
@given(x=arrays(elements=POSITIVE), enabled=st.booleans())
def log_forward_untracked(solution, x, enabled):
    """Leaves no recipe while grad_tracking_enabled is False."""
    source = solution.Tensor(x, requires_grad=True)
    solution.grad_tracking_enabled = enabled
    try:
        return made(solution.log_forward(source), source)
    finally:
        solution.grad_tracking_enabled = True


_LOG_NEEDS = "requires_grad=grad_tracking_enabled and x.requires_grad"
_IGNORES_FLAG = "Ignores grad_tracking_enabled: a gradient is required even while tracking is off."
section.mistake("log_forward", _IGNORES_FLAG, edit(_LOG_NEEDS, "requires_grad=x.requires_grad"))
section.mistake("log_forward", "The result never requires a gradient.", edit(_LOG_NEEDS, "requires_grad=False"))
section.mistake(
    "log_forward",
    "Every result requires a gradient, also of inputs that need none.",
    edit(_LOG_NEEDS, "requires_grad=True"),
)
section.mistake(
    "log_forward", "Leaves a recipe also on tensors that need no gradient.", edit("if out.requires_grad:", "if True:")
)
section.mistake(
    "log_forward", "The recipe's args hold the tensor; they are to hold its array.", edit("(x.array,), {}", "(x,), {}")
)
_RECIPE_HINTS = (
    "Who will read the recipe, and what must it find there to undo the operation?",
    "Two conditions decide whether the result requires a gradient. One is about the inputs: what is the other about?",
    "Compare args and parents: one is for the backward function, one says where its result goes. Which holds arrays?",
)
section.hint("log_forward", *_RECIPE_HINTS)


@section.check("multiply_forward", points=0.5)
@given(case=binary(np.multiply, stretch=True), needed=st.tuples(st.booleans(), st.booleans()))
def multiply_forward_recipe(solution, case, needed):
    """Returns the product, broadcast, with a recipe if either factor requires a gradient."""
    x, y = solution.Tensor(case.x, requires_grad=needed[0]), solution.Tensor(case.y, requires_grad=needed[1])
    return made(solution.multiply_forward(x, y), x, y)


@section.check("multiply_forward", points=0.5)
@given(x=arrays(), number=whole, first=st.booleans())
def multiply_forward_number(solution, x, number, first):
    """Counts positions of arguments, not of tensors, where one factor is a plain number."""
    source = solution.Tensor(x, requires_grad=True)
    return made(solution.multiply_forward(*((number, source) if first else (source, number))), source)


@section.check("multiply_forward", points=0.25)
@given(x=arrays(), enabled=st.booleans())
def multiply_forward_untracked(solution, x, enabled):
    """Leaves no recipe while grad_tracking_enabled is False."""
    source = solution.Tensor(x, requires_grad=True)
    solution.grad_tracking_enabled = enabled
    try:
        return made(solution.multiply_forward(source, source), source)
    finally:
        solution.grad_tracking_enabled = True


section.mistake("multiply_forward", _IGNORES_FLAG, edit("grad_tracking_enabled and any(", "any("))
section.mistake(
    "multiply_forward",
    "Numbers the parents in the order of the tensors; a plain number in front shifts the positions.",
    edit("{}, tensors)", "{}, dict(enumerate(tensors.values())))"),
)
section.mistake(
    "multiply_forward",
    "A gradient is required only if both factors require one; either is enough.",
    edit("any(parent", "all(parent"),
)
section.mistake(
    "multiply_forward", "Leaves a recipe also where no gradient is needed.", edit("if needs_grad:", "if True:")
)
section.mistake(
    "multiply_forward",
    "Plain numbers are missing from the recipe's args.",
    edit("np.multiply, args, {}", "np.multiply, tuple(parent.array for parent in tensors.values()), {}"),
)
section.hint("multiply_forward", "In 2 · x, at which argument position does x stand?", *_RECIPE_HINTS[1:])


# %% wrap_forward_fn
def plus(x, y):
    return x + y


def scaled(x, *, by):
    return x * by


@section.check("wrap_forward_fn", points=0.5)
@given(x=arrays(), number=whole, first=st.booleans(), needed=st.booleans())
def wrapped_recipe(solution, x, number, first, needed):
    """Returns what the function computes, with a recipe of the function, its arguments and its parents by position."""
    source = solution.Tensor(x, requires_grad=needed)
    return made(solution.wrap_forward_fn(plus)(*((number, source) if first else (source, number))), source)


@section.check("wrap_forward_fn", points=0.5)
@given(x=arrays(), by=whole)
def wrapped_keywords(solution, x, by):
    """Passes keyword arguments on, and keeps them in the recipe."""
    result = solution.wrap_forward_fn(scaled)(solution.Tensor(x, requires_grad=True), by=by)
    return numbers(result), result.recipe.kwargs


@section.check("wrap_forward_fn", points=0.5)
@given(x=arrays(), differentiable=st.booleans(), at_wrapping=st.booleans(), at_call=st.booleans())
def wrapped_untracked(solution, x, differentiable, at_wrapping, at_call):
    """Leaves no recipe for functions that are not differentiable, or while grad_tracking_enabled is False."""
    source = solution.Tensor(x, requires_grad=True)
    solution.grad_tracking_enabled = at_wrapping
    try:
        function = solution.wrap_forward_fn(np.add, is_differentiable=differentiable)
        solution.grad_tracking_enabled = at_call
        return made(function(source, source), source)
    finally:
        solution.grad_tracking_enabled = True


@section.check("wrap_forward_fn", points=0.25)
@given(x=arrays(), by=whole)
def wrapped_tensor_keyword(solution, x, by):
    """Hands numpy the array of a tensor that is given by keyword."""
    by = solution.Tensor(np.array(float(by)))
    return numbers(solution.wrap_forward_fn(scaled)(solution.Tensor(x), by=by))


section.mistake(
    "wrap_forward_fn", _IGNORES_FLAG, edit("grad_tracking_enabled and is_differentiable", "is_differentiable")
)
section.mistake(
    "wrap_forward_fn",
    "Asks grad_tracking_enabled when the function is wrapped; what counts is the moment of the call.",
    edit("    def as_array(", "    enabled = grad_tracking_enabled\n\n    def as_array("),
    edit("needs_grad = grad_tracking_enabled and", "needs_grad = enabled and"),
)
section.mistake("wrap_forward_fn", "Ignores is_differentiable.", edit("and is_differentiable and wanted", "and wanted"))
section.mistake(
    "wrap_forward_fn",
    "Tensors given by keyword reach numpy as tensors.",
    edit("name: as_array(value) for", "name: value for"),
)
section.mistake(
    "wrap_forward_fn",
    "Keyword arguments are missing from the recipe.",
    edit("arrays, options, parents", "arrays, {}, parents"),
)
section.mistake("wrap_forward_fn", "Keyword arguments are not passed on.", edit("(*arrays, **options)", "(*arrays)"))
section.mistake(
    "wrap_forward_fn",
    "Numbers the parents in the order of the tensors; a plain number in front shifts the positions.",
    edit("enumerate(args) if isinstance(arg, Tensor)", "enumerate(a for a in args if isinstance(a, Tensor))"),
)
section.mistake(
    "wrap_forward_fn", "Leaves a recipe also where no gradient is needed.", edit("if needs_grad:", "if True:")
)
section.hint(
    "wrap_forward_fn",
    "Put log_forward and multiply_forward side by side. What differs, and what could be a parameter?",
    "The outer function runs once, the inner one at every call. In which of them is grad_tracking_enabled to be read?",
    "The inner function takes *args and **kwargs. How do you tell the position of each tensor among args?",
)


# %% topological_sort
@st.composite
def graphs(draw, cyclic=False):
    """A graph whose nodes have children of higher rank only, under shuffled numbers; perhaps one edge is against it."""
    size = draw(st.integers(1, 7))
    label = draw(st.permutations(range(size)))
    children: list[list[int]] = [[] for _ in range(size)]
    for rank in range(size - 1):
        later = st.lists(st.integers(rank + 1, size - 1), max_size=3)
        children[label[rank]] = [label[child] for child in draw(later)]
    if cyclic and draw(st.booleans()):
        low, high = sorted((draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))))
        children[label[high]].append(label[low])
    return Graph(label[0], children)


def out_of_order(observed, expected, children):
    """Why `observed` is no order with children first, and the last node of `expected` last; None if it is one."""
    if not all(type(node) is int for node in observed):
        return "something in it is no node of the graph"
    if len(set(observed)) < len(observed):
        return f"a node comes twice: {observed}"
    if set(observed) != set(expected):
        odd = sorted(set(observed) ^ set(expected))
        return f"node {odd[0]} {'is not reachable' if odd[0] in observed else 'is missing'}: {observed}"
    for place, node in enumerate(observed):
        late = [child for child in children[node] if observed.index(child) > place]
        if late:
            return f"node {node} stands before its child {late[0]}: {observed}"
    return None


def children_first(observed, expected, inputs):
    """Judges any valid order as right; of a graph with a cycle there is none, and a text says so."""
    if isinstance(observed, str):
        return None if observed == expected else "it says that there is a cycle"
    return out_of_order(observed, expected, inputs["graph"].children)


@section.check("topological_sort", points=1, judge=children_first)
@given(graph=graphs())
def sorts_graphs(solution, graph):
    """Lists every reachable node once, children before those who have them."""
    return solution.topological_sort(graph.start, lambda node: graph.children[node])


@section.check("topological_sort", points=0.75, judge=children_first)
@given(graph=graphs(cyclic=True))
def refuses_cycles(solution, graph):
    """Raises an error where a cycle can be reached, and only there."""
    try:
        return solution.topological_sort(graph.start, lambda node: graph.children[node])
    except (NotImplementedError, RecursionError, AttributeError, NameError, TypeError):
        raise  # not meant as an answer
    except Exception:
        return "there is a cycle"


@section.check("topological_sort", points=0.5, examples=10)
@given(rungs=st.integers(30, 60))
def sorts_ladders(solution, rungs):
    """Visits each node once, also where very many ways lead to it."""
    return solution.topological_sort(0, lambda node: [node + 1, node + 1] if node < rungs else [])


@section.check("topological_sort", points=0.25, examples=3)
@given(length=st.integers(3000, 4000))
def sorts_long_chains(solution, length):
    """Sorts a chain of thousands of nodes without running into the recursion limit."""
    return solution.topological_sort(0, lambda node: [node + 1] if node < length else [])


section.mistake("topological_sort", "Returns an empty list.", edit("    return order", "    return []"))
section.mistake(
    "topological_sort",
    "Takes two ways to one node (a diamond) for a cycle.",
    edit("if child in on_path:", "if child in on_path or child in finished:"),
)
section.mistake(
    "topological_sort", "Raises an error for every graph that has an edge.", edit("if child in on_path:", "if True:")
)
section.mistake(
    "topological_sort",
    "Lists a node when it is first met (pre-order); it must wait until all its children are listed.",
    edit("            order.append(current)\n", ""),
    edit("    order: list = []", "    order: list = [node]"),
    edit(
        "                on_path.add(child)", "                order.append(child)\n                on_path.add(child)"
    ),
)
section.mistake(
    "topological_sort",
    "The order is the wrong way round: children come last.",
    edit("    return order", "    return order[::-1]"),
)
section.mistake(
    "topological_sort",
    "A node with several parents is listed several times.",
    edit("            finished.add(current)\n", ""),
)
section.mistake(
    "topological_sort",
    "Passes over cycles instead of refusing them.",
    edit("if child in on_path:", "if False:"),
    edit("if child not in finished:", "if child not in finished and child not in on_path:"),
)
section.hint(
    "topological_sort",
    "When may a node enter the list: on the way down, or once all its children are done?",
    "A node can be untouched, in progress or finished. What does it mean to meet one in each of these states?",
    "Recursion works for all but very long chains. How would you keep your own stack of half-finished nodes?",
)


# %% sorted_computational_graph
@st.composite
def programs(draw, sizes=(1, 2), high=2):
    """Up to five products of earlier tensors. The leaves have one shape and often equal numbers."""
    shape = (draw(st.sampled_from(sizes)),)
    leaves = [array(draw, shape, POSITIVE[:high]) for _ in range(draw(st.integers(1, 3)))]
    steps = []
    for made_so_far in range(len(leaves), len(leaves) + draw(st.integers(1, 5))):
        steps.append((draw(st.integers(0, made_so_far - 1)), made_so_far - 1 if draw(st.booleans()) else 0))
    return Program(leaves, steps)


def played(program, leaves, *operations):
    """The leaves and the result of each step; steps take turns with the operations."""
    tensors = list(leaves)
    for number, (left, right) in enumerate(program.steps):
        tensors.append(operations[number % len(operations)](tensors[left], tensors[right]))
    return tensors


def results_first(observed, expected, inputs):
    """Judges any order as right that has each tensor before those it was made from."""
    program = inputs["program"]
    words = out_of_order(
        observed[::-1], expected, [[] for _ in program.leaves] + [list(step) for step in program.steps]
    )
    return words and f"read from its end, {words}"


@section.check("sorted_computational_graph", points=1, judge=results_first)
@given(program=programs())
def sorts_tensors(solution, program):
    """Lists each tensor behind the result once, the result first and every tensor before its parents."""
    tensors = played(program, [solution.Tensor(leaf, requires_grad=True) for leaf in program.leaves], solution.multiply)
    numbering = {id(tensor): number for number, tensor in enumerate(tensors)}
    return [numbering[id(tensor)] for tensor in solution.sorted_computational_graph(tensors[-1])]


section.mistake(
    "sorted_computational_graph", "The order is the wrong way round: leaves come first.", edit(")[::-1]", ")")
)
section.mistake(
    "sorted_computational_graph",
    "Compares tensors with ==, which goes by their numbers; different tensors may hold equal ones.",
    edit("return topological_sort", "order = topological_sort"),
    edit(
        "parents)[::-1]",
        "parents)[::-1]\n    return [t for i, t in enumerate(order) if not any(bool(t == u) for u in order[:i])]",
    ),
)
section.hint(
    "sorted_computational_graph",
    "What plays the part of children here, and which of a tensor's fields knows them?",
    "In which direction does topological_sort list, and in which direction do gradients flow?",
)


# %% backprop
@section.check("backprop", points=1, judge=near)
@given(case=binary(np.multiply, POSITIVE, stretch=True))
def backprop_values(solution, case):
    """Finds the gradients of a small graph with broadcasting, from a given end gradient."""
    x, y = solution.Tensor(case.x, requires_grad=True), solution.Tensor(case.y, requires_grad=True)
    solution.backprop(solution.multiply(solution.log(x), y), solution.Tensor(case.grad_out))
    return gradients([x, y])


@section.check("backprop", points=1, judge=near)
@given(program=programs(high=3))
def backprop_shared(solution, program):
    """Adds up the gradients of a tensor that is used several times."""
    leaves = [solution.Tensor(leaf, requires_grad=True) for leaf in program.leaves]
    solution.backprop(played(program, leaves, solution.multiply)[-1], solution.Tensor(program.leaves[0]))
    return gradients(leaves)


@section.check("backprop", points=0.5, judge=near)
@given(shape=st.sampled_from([(), (1,), (1, 1)]), x=nonzero, y=nonzero)
def backprop_default(solution, shape, x, y):
    """Starts with one where the result has a single element and no end gradient is given."""
    x = solution.Tensor(np.full(shape, float(x)), requires_grad=True)
    y = solution.Tensor(np.full(shape, float(y)), requires_grad=True)
    solution.backprop(solution.multiply(x, y))
    return gradients([x, y])


@section.check("backprop", points=0.5, judge=near)
@given(x=arrays(), number=whole, first=st.booleans())
def backprop_numbers(solution, x, number, first):
    """Reaches the right argument where the other one is a plain number."""
    source = solution.Tensor(x, requires_grad=True)
    end = solution.multiply(*((float(number), source) if first else (source, float(number))))
    solution.backprop(end, solution.Tensor(x))
    return gradients([source])


@section.check("backprop", points=0.5, judge=near)
@given(program=programs(), needed=st.lists(st.booleans(), min_size=3, max_size=3))
def backprop_leaves(solution, program, needed):
    """Gives a gradient to leaves that require one, and to no other tensor."""
    leaves = [solution.Tensor(leaf, requires_grad=need) for leaf, need in zip(program.leaves, needed, strict=False)]
    tensors = played(program, leaves, solution.multiply)
    if tensors[-1].requires_grad:
        solution.backprop(tensors[-1], solution.Tensor(program.leaves[0]))
    return gradients(tensors)


@section.check("backprop", points=0.5, judge=near)
@given(case=binary(np.multiply), times=st.integers(2, 3))
def backprop_again(solution, case, times):
    """Adds to gradients that are there already."""
    x, y = solution.Tensor(case.x, requires_grad=True), solution.Tensor(case.y, requires_grad=True)
    for _ in range(times):
        solution.backprop(solution.multiply(x, y), solution.Tensor(case.grad_out))
    return gradients([x, y])


def shifted(x, y):
    return x + y


def hand_on(grad_out, out, x, y):
    return grad_out


def scaled_back(grad_out, out, x, *, by):
    return grad_out * by


@section.check("backprop", points=0.5, judge=near)
@given(x=arrays(), by=whole)
def backprop_keywords(solution, x, by):
    """Calls the backward function with the keyword arguments of the forward call."""
    solution.BACK_FUNCS.add_back_func(scaled, 0, scaled_back)
    source = solution.Tensor(x, requires_grad=True)
    solution.backprop(solution.wrap_forward_fn(scaled)(source, by=by), solution.Tensor(x))
    return gradients([source])


@section.check("backprop", points=0.25, judge=near)
@given(case=binary(np.add))
def backprop_constants(solution, case):
    """Asks for no backward function of an argument that requires no gradient."""
    solution.BACK_FUNCS.add_back_func(shifted, 0, hand_on)  # and none for position 1
    x, y = solution.Tensor(case.x, requires_grad=True), solution.Tensor(case.y)
    solution.backprop(solution.wrap_forward_fn(shifted)(x, y), solution.Tensor(case.grad_out))
    return gradients([x, y])


@section.check("backprop", points=0.25, judge=near)
@given(program=programs(high=3))
def backprop_aliased(solution, program):
    """Keeps gradients apart where a backward function hands on the very array it was given."""
    solution.BACK_FUNCS.add_back_func(plus, 0, hand_on)
    solution.BACK_FUNCS.add_back_func(plus, 1, hand_on)
    leaves = [solution.Tensor(leaf, requires_grad=True) for leaf in program.leaves]
    tensors = played(program, leaves, solution.wrap_forward_fn(plus), solution.multiply)
    solution.backprop(tensors[-1], solution.Tensor(program.leaves[0]))
    return gradients(leaves)


@section.check("backprop", points=0.25, judge=near, examples=3)
@given(length=st.integers(1500, 2000), x=nonzero)
def backprop_deep(solution, length, x):
    """Goes back through more than a thousand operations."""
    source = end = solution.Tensor(np.array([float(x)]), requires_grad=True)
    for _ in range(length):
        end = solution.multiply(end, -1.0)
    solution.backprop(end)
    return gradients([source])


_ADDING = "gradients[parent] + grad if parent in gradients else grad"
section.mistake(
    "backprop", "A later gradient overwrites an earlier one within the pass; they must be added.", edit(_ADDING, "grad")
)
section.mistake(
    "backprop",
    "A second backward pass overwrites the gradients of the first.",
    edit("grad_out + (0 if node.grad is None else node.grad.array)", "grad_out"),
)
section.mistake(
    "backprop",
    "Stores gradients on tensors between the leaves and the result as well.",
    edit("        recipe = node.recipe", "        recipe = node.recipe\n        node.grad = Tensor(grad_out)"),
)
section.mistake(
    "backprop",
    "Stores a gradient on leaves that require none.",
    edit("if not node.requires_grad:", "if node not in gradients:"),
    edit("            if parent.requires_grad:", "            if True:"),
)
section.mistake(
    "backprop",
    "Counts parents instead of argument positions; a plain number in front shifts them.",
    edit("in recipe.parents.items()", "in enumerate(recipe.parents.values())"),
)
section.mistake(
    "backprop", "Ignores end_grad and always starts with one.", edit("if end_grad is None else end_grad.array", "")
)
section.mistake(
    "backprop",
    "The recipe's keyword arguments do not reach the backward function.",
    edit("node.array, *recipe.args, **recipe.kwargs", "node.array, *recipe.args"),
)
section.mistake(
    "backprop",
    "Adds in place: the gradient array may be one that another tensor or the caller still uses.",
    edit(
        f"gradients[parent] = {_ADDING}",
        "gradients[parent] = np.add(gradients[parent], grad, out=gradients[parent]) if parent in gradients else grad",
    ),
)
section.hint(
    "backprop",
    "Which gradient do you know at the start, and of which tensor?",
    "In a dict from tensors to gradients collected so far: when is an entry complete, so that it may be passed on?",
    "A backward function needs the gradient, the output, and what the recipe kept. Who gets what it returns?",
)


# %% One argument: negative_back, exp_back, reshape_back, permute_back
@section.check("negative_back", points=0.25)
@given(case=unary(np.negative))
def negative_back_values(solution, case):
    """Turns the sign of the incoming gradient."""
    return solution.negative_back(case.grad_out, case.out, case.x)


section.mistake("negative_back", "The sign is lost.", edit("-grad_out", "grad_out"))
section.hint(
    "negative_back",
    "If x grows by a little, what does -x do?",
    "Which argument's sign must turn, and which two are not needed?",
)


@section.check("exp_back", points=0.5)
@given(case=unary(np.exp))
def exp_back_values(solution, case):
    """Multiplies the incoming gradient by the exponential of the input."""
    return solution.exp_back(case.grad_out, case.out, case.x)


section.mistake("exp_back", "The factor exp(x) of the chain rule is missing.", edit("grad_out * out", "grad_out"))
section.mistake(
    "exp_back", "Multiplies by x; the derivative of exp(x) is exp(x).", edit("grad_out * out", "grad_out * x")
)
section.mistake("exp_back", "Returns zeros.", edit("grad_out * out", "np.zeros_like(x)"))
section.mistake("exp_back", "The incoming gradient is missing.", edit("grad_out * out", "out"))
section.hint(
    "exp_back", "Which function is its own derivative?", "Is its value computed already, somewhere in the arguments?"
)


@st.composite
def reshapes(draw):
    x = array(draw, draw(filled_shapes))
    half = math.prod(x.shape[1:])
    new = draw(st.sampled_from([(x.size,), (x.shape[0], half), (half, x.shape[0]), (1, x.size), x.shape[::-1], (-1,)]))
    out = x.reshape(new)
    return Argued(array(draw, out.shape), out, x, new)


@section.check("reshape_back", points=0.25)
@given(case=reshapes())
def reshape_back_values(solution, case):
    """Brings the incoming gradient back into the input's shape."""
    return solution.reshape_back(case.grad_out, case.out, case.x, case.arg)


section.mistake(
    "reshape_back", "Reshapes to the forward shape, which the gradient has already.", edit("x.shape", "new_shape")
)
section.hint(
    "reshape_back",
    "Which shape must the result have, and which argument knows it?",
    "Does reshape move any numbers at all?",
)


@st.composite
def permutations(draw, negative=False):
    shape = draw(st.permutations([1, 2, 3, 4]).map(lambda sizes: sizes[: 4 if negative else 3]))
    x = array(draw, shape)
    axes = tuple(draw(st.permutations(range(x.ndim))))
    if negative:
        axes = tuple(axis - x.ndim if draw(st.booleans()) else axis for axis in axes)
    out = np.transpose(x, axes)
    return Argued(array(draw, out.shape), out, x, axes)


@section.check("permute_back", points=0.5)
@given(case=permutations())
def permute_back_values(solution, case):
    """Applies the inverse of the permutation."""
    return solution.permute_back(case.grad_out, case.out, case.x, case.arg)


@section.check("permute_back", points=0.25)
@given(case=permutations(negative=True))
def permute_back_negative(solution, case):
    """Understands axes that are counted from the end."""
    return solution.permute_back(case.grad_out, case.out, case.x, case.arg)


_INVERSE = "np.argsort([axis % x.ndim for axis in axes])"
section.mistake(
    "permute_back", "Permutes forwards once more, by axes and not by their inverse.", edit(_INVERSE, "axes")
)
section.mistake(
    "permute_back", "Sorts negative axes as if they came before axis 0.", edit(_INVERSE, "np.argsort(axes)")
)
section.mistake(
    "permute_back",
    "Reshapes: the shape comes out right, the numbers in wrong places.",
    edit(f"np.transpose(grad_out, {_INVERSE})", "grad_out.reshape(x.shape)"),
)
section.hint(
    "permute_back",
    "Write down axes = (2, 0, 1) as arrows from input to output axes. Which list do the arrows give, read backwards?",
    "numpy has a function that, given a permutation, returns its inverse. It is usually used for something else.",
)


# %% _sum, sum_back
@st.composite
def sums(draw, dims=("one", "all", "several")):
    x = array(draw, draw(filled_shapes))
    axes = draw(st.lists(st.integers(0, x.ndim - 1), unique=True, min_size=1, max_size=x.ndim))
    axes = [axis - x.ndim if draw(st.booleans()) else axis for axis in axes]
    dim = {"one": axes[0], "all": None, "several": tuple(axes)}[draw(st.sampled_from(dims))]
    keepdim = draw(st.booleans())
    out = np.asarray(np.sum(x, axis=dim, keepdims=keepdim))
    options = {"dim": dim, "keepdim": keepdim}
    for name, default in (("dim", None), ("keepdim", False)):
        if options[name] == default and draw(st.booleans()):
            del options[name]
    return Summed(array(draw, out.shape), out, x, options)


@section.check("_sum", points=0.25)
@given(case=sums())
def sum_values(solution, case):
    """Sums over one axis, several or all, with and without keepdim."""
    return solution._sum(case.x, **case.options)


section.mistake("_sum", "Ignores keepdim.", edit(", keepdims=keepdim", ""))
section.mistake("_sum", "Ignores dim and sums everything.", edit("axis=dim", "axis=None"))
section.hint(
    "_sum", "What does np.sum call these two arguments?", "What does np.sum do by itself when no axis is given?"
)


@section.check("sum_back", points=0.5)
@given(case=sums(dims=["one"]))
def sum_back_axis(solution, case):
    """Spreads the gradient along the one axis that was summed."""
    return solution.sum_back(case.grad_out, case.out, case.x, **case.options)


@section.check("sum_back", points=0.25)
@given(case=sums(dims=["all"]))
def sum_back_all(solution, case):
    """Spreads the gradient over the whole input where everything was summed."""
    return solution.sum_back(case.grad_out, case.out, case.x, **case.options)


@section.check("sum_back", points=0.5)
@given(case=sums(dims=["several"]))
def sum_back_axes(solution, case):
    """Spreads the gradient along several axes, also where they are counted from the end."""
    return solution.sum_back(case.grad_out, case.out, case.x, **case.options)


_EXPAND = "np.expand_dims(grad_out, tuple(range(x.ndim)) if dim is None else dim)"
section.mistake(
    "sum_back",
    "Spreads along the wrong axis: the sizes are made to fit, the numbers are misplaced.",
    edit("np.broadcast_to(grad_out, x.shape)", "np.resize(grad_out, x.shape)"),
)
section.mistake("sum_back", "Does not bring the summed axes back before it spreads.", edit(_EXPAND, "grad_out"))
section.mistake(
    "sum_back", "Adds an axis again although keepdim left it in place.", edit("if not keepdim:", "if True:")
)
section.mistake("sum_back", "Fails for a tuple of axes.", edit("None else dim)", "None else int(dim))"))
section.mistake(
    "sum_back", "Fails for axes counted from the end.", edit("None else dim)", "None else np.abs(dim).tolist())")
)
section.hint(
    "sum_back",
    "If one summand grows by one, by how much does its sum grow?",
    "Which shape would grad_out have had with keepdim=True? Bring it there first; what can broadcasting do then?",
    "np.expand_dims takes one axis or several, also counted from the end. Which axes are meant if dim is None?",
)


# %% coerce_index, _getitem, getitem_back
class Lookup(NamedTuple):
    grad_out: np.ndarray
    out: np.ndarray
    x: np.ndarray
    index: Any


slices = st.builds(
    slice, st.none() | st.integers(-3, 3), st.none() | st.integers(-3, 3), st.sampled_from([None, 2, -1])
)


@st.composite
def lookups(draw, kinds):
    """A read of an array of 2 to 4 rows by numbers, slices, a mask, or arrays of places that repeat."""
    x = array(draw, draw(filled_shapes))
    place = lambda axis: st.integers(-x.shape[axis], x.shape[axis] - 1)  # noqa: E731
    kind = draw(st.sampled_from(kinds))
    if kind == "number":
        index = draw(place(0))
    elif kind == "numbers":
        index = (draw(place(0)), draw(place(1)))
    elif kind == "slices":
        index = draw(slices | st.tuples(slices, place(1)) | st.tuples(slices, slices))
    elif kind == "mask":
        index = np.array(draw(st.lists(st.booleans(), min_size=x.shape[0], max_size=x.shape[0])))
    else:
        size = draw(st.integers(1, 5))
        rows, columns = (np.array(draw(st.lists(place(axis), min_size=size, max_size=size))) for axis in (0, 1))
        index = draw(st.sampled_from([(rows,), (rows, columns)]))
    out = np.asarray(x[index])
    return Lookup(array(draw, out.shape), out, x, index)


def with_tensors(solution, index):
    """The index with tensors in place of its arrays."""
    if not isinstance(index, tuple):
        return index
    return tuple(solution.Tensor(part) if isinstance(part, np.ndarray) else part for part in index)


@section.check("coerce_index", points=0.25)
@given(case=lookups(["number", "numbers", "slices", "places"]))
def coerce_tuples(solution, case):
    """Replaces the tensors of a tuple by their arrays, and leaves an index without tensors as it is."""
    return solution.coerce_index(with_tensors(solution, case.index))


@section.check("coerce_index", points=0.25)
@given(case=lookups(["places"]), number=st.integers(0, 3))
def coerce_mixed(solution, case, number):
    """Replaces a tensor that stands alone or beside a number."""
    tensor = solution.Tensor(case.index[0])
    return solution.coerce_index(tensor), solution.coerce_index((number, tensor))


section.mistake(
    "coerce_index", "Tensors in a tuple stay tensors.", edit("tuple(coerce_index(part) for part in index)", "index")
)
section.mistake(
    "coerce_index",
    "A tensor that stands alone stays a tensor.",
    edit("index.array if isinstance(index, Tensor) else index", "index"),
    edit("coerce_index(part) for part", "part.array if isinstance(part, Tensor) else part for part"),
)
section.hint(
    "coerce_index", "How many kinds of index are there to tell apart?", "Which type must come out when a tuple goes in?"
)


@section.check("_getitem", points=0.25)
@given(case=lookups(["number", "numbers", "slices", "places"]))
def getitem_values(solution, case):
    """Reads what numpy reads."""
    return solution._getitem(case.x, case.index)


@section.check("_getitem", points=0.25)
@given(case=lookups(["places"]))
def getitem_tensors(solution, case):
    """Accepts tensors in the index."""
    return solution._getitem(case.x, with_tensors(solution, case.index))


section.mistake("_getitem", "Tensors in the index reach numpy as tensors.", edit("coerce_index(index)", "index"))
section.hint(
    "_getitem", "What must happen to the index before numpy can read it?", "Is there a function for that just above?"
)


@section.check("getitem_back", points=0.5)
@given(case=lookups(["number", "numbers", "slices"]))
def getitem_back_slices(solution, case):
    """Sends gradients back to the places that numbers and slices read, and zeros elsewhere."""
    return solution.getitem_back(case.grad_out, case.out, case.x, case.index)


@section.check("getitem_back", points=0.5)
@given(case=lookups(["places"]))
def getitem_back_places(solution, case):
    """Adds up the gradients of a place that was read several times."""
    return solution.getitem_back(case.grad_out, case.out, case.x, with_tensors(solution, case.index))


@section.check("getitem_back", points=0.25)
@given(case=lookups(["mask"]))
def getitem_back_mask(solution, case):
    """Sends gradients back through a boolean mask."""
    return solution.getitem_back(case.grad_out, case.out, case.x, case.index)


_SCATTER = "np.add.at(grad, coerce_index(index), grad_out)"
section.mistake(
    "getitem_back",
    "Adds with += or assigns: of a place read several times only the last gradient arrives.",
    edit(_SCATTER, "grad[coerce_index(index)] += grad_out"),
)
section.mistake(
    "getitem_back",
    "Tensors in the index reach numpy as tensors.",
    edit("coerce_index(index), grad_out", "index, grad_out"),
)
section.hint(
    "getitem_back",
    "What is the gradient of a place that nobody read?",
    "If x[1] is read twice, which two numbers end up in its gradient?",
    "Read what numpy's documentation says about += with repeated indices, and what ufuncs offer instead.",
)


# %% add, subtract, true_divide: the backward functions, found by whatever name they are registered
@section.check("add_back0", points=0.25)
@given(case=binary(np.add, stretch=True))
def add_back0_values(solution, case):
    """The gradient of x + y with respect to x, with broadcasting."""
    return solution.BACK_FUNCS.get_back_func(np.add, 0)(case.grad_out, case.out, case.x, case.y)


@section.check("add_back1", points=0.25)
@given(case=binary(np.add, stretch=True) | binary(np.add, number="x"))
def add_back1_values(solution, case):
    """The gradient of x + y with respect to y, with broadcasting or a plain number."""
    return solution.BACK_FUNCS.get_back_func(np.add, 1)(case.grad_out, case.out, case.x, case.y)


@section.check("subtract_back1", points=0.25)
@given(case=binary(np.subtract, stretch=True) | binary(np.subtract, number="x"))
def subtract_back1_values(solution, case):
    """The gradient of x - y with respect to y, with broadcasting or a plain number."""
    return solution.BACK_FUNCS.get_back_func(np.subtract, 1)(case.grad_out, case.out, case.x, case.y)


@section.check("true_divide_back0", points=0.25)
@given(case=binary(np.true_divide, NONZERO, stretch=True) | binary(np.true_divide, NONZERO, number="y"))
def true_divide_back0_values(solution, case):
    """The gradient of x / y with respect to x, with broadcasting or a plain number."""
    return solution.BACK_FUNCS.get_back_func(np.true_divide, 0)(case.grad_out, case.out, case.x, case.y)


@section.check("true_divide_back1", points=0.5)
@given(case=binary(np.true_divide, NONZERO, stretch=True) | binary(np.true_divide, NONZERO, number="x"))
def true_divide_back1_values(solution, case):
    """The gradient of x / y with respect to y, with broadcasting or a plain number."""
    return solution.BACK_FUNCS.get_back_func(np.true_divide, 1)(case.grad_out, case.out, case.x, case.y)


section.mistake("add_back0", _NO_SUM, edit("unbroadcast(grad_out, x)", "grad_out"))
section.mistake(
    "add_back0",
    "Multiplies by x: the slope of x + y is one.",
    edit("unbroadcast(grad_out, x)", "unbroadcast(grad_out * x, x)"),
)
section.mistake("add_back1", _NO_SUM, edit("unbroadcast(grad_out, y)", "grad_out"))
section.mistake(
    "add_back1",
    "Multiplies by y: the slope of x + y is one.",
    edit("unbroadcast(grad_out, y)", "unbroadcast(grad_out * y, y)"),
)
section.mistake("subtract_back1", "The sign is lost: y is subtracted.", edit("-grad_out", "grad_out"))
section.mistake("subtract_back1", _NO_SUM, edit("unbroadcast(-grad_out, y)", "-grad_out"))
section.mistake("true_divide_back0", _NO_SUM, edit("unbroadcast(grad_out / y, x)", "grad_out / y"))
section.mistake("true_divide_back0", "Multiplies by y instead of dividing.", edit("grad_out / y", "grad_out * y"))
section.mistake(
    "true_divide_back1", "The sign is lost: a larger divisor makes a smaller quotient.", edit("-grad_out", "grad_out")
)
section.mistake("true_divide_back1", "Divides by y; by the quotient rule it is y squared.", edit("y**2", "y"))
section.mistake("true_divide_back1", "The factor x is missing.", edit("-grad_out * x /", "-grad_out /"))
section.mistake("true_divide_back1", _NO_SUM, edit("unbroadcast(-grad_out * x / y**2, y)", "-grad_out * x / y**2"))
_LINEAR_HINTS = (
    "If this operand grows by a little, by how much and in which direction does the result change?",
    "Which shape must the gradient have when the operands were broadcast?",
)
for _name in ("add_back0", "add_back1", "subtract_back1", "true_divide_back0"):
    section.hint(_name, *_LINEAR_HINTS)
section.hint(
    "true_divide_back1", "Write x / y as x times a power of y. What is the derivative of that power?", *_LINEAR_HINTS
)


# %% add_, sub_
@section.check("add_", points=0.5, judge=near)
@given(case=binary(np.add), alpha=st.sampled_from([1.0, 0.5, -2.0]))
def add_in_place(solution, case, alpha):
    """Adds alpha times the other tensor to the tensor's own array, and returns the tensor."""
    x = solution.Tensor(case.x.copy())
    held = x.array
    returned = solution.add_(x, solution.Tensor(case.y), alpha=alpha)
    return numbers(returned), held.astype(float), numbers(x)


@section.check("add_", points=0.25, judge=near)
@given(x=arrays(), number=whole)
def add_number_in_place(solution, x, number):
    """Adds a plain number, once where alpha is not given."""
    return numbers(solution.add_(solution.Tensor(x.copy()), number))


@section.check("sub_", points=0.5, judge=near)
@given(case=binary(np.subtract), alpha=st.sampled_from([1.0, 0.5, -2.0]))
def sub_in_place(solution, case, alpha):
    """Subtracts alpha times the other tensor from the tensor's own array, and returns the tensor."""
    x = solution.Tensor(case.x.copy())
    held = x.array
    returned = solution.sub_(x, solution.Tensor(case.y), alpha=alpha)
    return numbers(returned), held.astype(float), numbers(x)


@section.check("sub_", points=0.25, judge=near)
@given(x=arrays(), number=whole)
def sub_number_in_place(solution, x, number):
    """Subtracts a plain number, once where alpha is not given."""
    return numbers(solution.sub_(solution.Tensor(x.copy()), number))


_OTHER = "alpha * (other.array if isinstance(other, Tensor) else other)"
section.mistake(
    "add_",
    "Makes a new array; whoever holds the old one does not see the change.",
    edit("x.array += alpha", "x.array = x.array + alpha"),
)
section.mistake("add_", "Ignores alpha.", edit(_OTHER, "other.array if isinstance(other, Tensor) else other"))
section.mistake(
    "add_",
    "Does not accept plain numbers.",
    edit("(other.array if isinstance(other, Tensor) else other)", "other.array"),
)
section.mistake("add_", "Returns nothing, so that calls cannot be chained.", edit("    return x", "    return None"))
section.mistake("sub_", "Adds: the sign is lost.", edit("alpha=-alpha", "alpha=alpha"))
section.mistake("sub_", "Ignores alpha.", edit("alpha=-alpha", "alpha=-1.0"))
section.hint(
    "add_",
    "Which of a = a + b and a += b changes the array that others hold?",
    "What may `other` be, and what does alpha do to it?",
)
section.hint("sub_", "Can add_ do this for you?", "Which value of alpha turns adding into subtracting?")


# %% maximum_back0, maximum_back1, relu
@section.check("maximum_back0", points=0.5)
@given(case=binary(np.maximum, FEW))
def maximum_back0_values(solution, case):
    """Gives x the gradient where x is larger, and half of it where both are equal."""
    return solution.maximum_back0(case.grad_out, case.out, case.x, case.y)


@section.check("maximum_back0", points=0.25)
@given(case=binary(np.maximum, FEW, stretch=True) | binary(np.maximum, FEW, number="y"))
def maximum_back0_broadcast(solution, case):
    """Returns the shape of x, with broadcasting or a plain number."""
    return solution.maximum_back0(case.grad_out, case.out, case.x, case.y)


@section.check("maximum_back1", points=0.5)
@given(case=binary(np.maximum, FEW))
def maximum_back1_values(solution, case):
    """Gives y the gradient where y is larger, and half of it where both are equal."""
    return solution.maximum_back1(case.grad_out, case.out, case.x, case.y)


@section.check("maximum_back1", points=0.25)
@given(case=binary(np.maximum, FEW, stretch=True) | binary(np.maximum, FEW, number="x"))
def maximum_back1_broadcast(solution, case):
    """Returns the shape of y, with broadcasting or a plain number."""
    return solution.maximum_back1(case.grad_out, case.out, case.x, case.y)


_HALF0, _HALF1 = "((x > y) + 0.5 * (x == y))", "((y > x) + 0.5 * (x == y))"
_TIES = "At ties each side gets the whole gradient; together they get it twice."
section.mistake("maximum_back0", _TIES, edit(_HALF0, "(x >= y)"))
section.mistake("maximum_back0", "At ties nobody gets the gradient.", edit(_HALF0, "(x > y)"))
section.mistake("maximum_back0", _NO_SUM, edit(f"unbroadcast(grad_out * {_HALF0}, x)", f"grad_out * {_HALF0}"))
section.mistake("maximum_back1", _TIES, edit(_HALF1, "(y >= x)"))
section.mistake("maximum_back1", "At ties nobody gets the gradient.", edit(_HALF1, "(y > x)"))
section.mistake("maximum_back1", _NO_SUM, edit(f"unbroadcast(grad_out * {_HALF1}, y)", f"grad_out * {_HALF1}"))
_MAXIMUM_HINTS = (
    "If x is clearly the larger one, what does a small change of y do to the result?",
    "Three cases: larger, smaller, equal. Can the factor of each be written with comparisons of whole arrays?",
)
section.hint("maximum_back0", *_MAXIMUM_HINTS)
section.hint("maximum_back1", *_MAXIMUM_HINTS)


def slopes_but_at_zero(observed, expected, inputs):
    """Judges relu's values and gradients; at zero any gradient from 0 to 1 times the incoming one will do."""
    case, (values, gradient) = inputs["case"], observed
    slope = np.where(
        (case.x == 0) & (case.grad_out != 0), 0.5, gradient / np.where(case.grad_out == 0, 1, case.grad_out)
    )
    true = np.where((case.x == 0) & (case.grad_out != 0), 0.5, (case.x > 0) * (case.grad_out != 0))
    at_zero = (gradient * case.grad_out)[case.x == 0] if gradient.shape == case.x.shape else np.zeros(0)
    if at_zero.size and ((at_zero < -1e-6) | (at_zero > case.grad_out[case.x == 0] ** 2 + 1e-6)).any():
        return "at zero the gradient is not between 0 and 1 times the incoming one"
    return near((values, slope), (expected[0], true), inputs)


@section.check("relu", points=0.25)
@given(x=arrays(elements=FEW))
def relu_values(solution, x):
    """Returns the larger of x and zero."""
    return numbers(solution.relu(solution.Tensor(x)))


@section.check("relu", points=0.25, judge=slopes_but_at_zero)
@given(case=unary(abs, FEW))
def relu_gradient(solution, case):
    """Lets the gradient through where x is POSITIVE, and nowhere else."""
    x = solution.Tensor(case.x, requires_grad=True)
    out = solution.relu(x)
    solution.backprop(out, solution.Tensor(case.grad_out))
    return numbers(out), numbers(x.grad)


section.mistake(
    "relu", "Takes the absolute value: negative numbers become positive.", edit("maximum(x, 0.0)", "maximum(x, -x)")
)
section.mistake(
    "relu",
    "Computes outside the graph: the result has no recipe and no gradient comes back.",
    edit("maximum(x, 0.0)", "Tensor(np.maximum(x.array, 0.0))"),
)
section.hint("relu", "Which of the operations you have compares two things?", "Must both of its arguments be tensors?")


# %% _matmul2d, matmul2d_back0, matmul2d_back1
@st.composite
def products(draw, square=False):
    n, k, m = (draw(st.sampled_from([2, 3])),) * 3 if square else draw(st.permutations([2, 3, 4]))
    x, y = array(draw, (n, k)), array(draw, (k, m))
    return Binary(array(draw, (n, m)), x @ y, x, y)


@section.check("_matmul2d", points=0.25)
@given(case=products() | products(square=True))
def matmul_values(solution, case):
    """Multiplies two matrices."""
    return solution._matmul2d(case.x, case.y)


@section.check("matmul2d_back0", points=0.5)
@given(case=products() | products(square=True))
def matmul_back0_values(solution, case):
    """The gradient with respect to the left matrix, also where all matrices are square."""
    return solution.matmul2d_back0(case.grad_out, case.out, case.x, case.y)


@section.check("matmul2d_back1", points=0.5)
@given(case=products() | products(square=True))
def matmul_back1_values(solution, case):
    """The gradient with respect to the right matrix, also where all matrices are square."""
    return solution.matmul2d_back1(case.grad_out, case.out, case.x, case.y)


section.mistake("_matmul2d", "Multiplies elementwise.", edit("x @ y", "x * y"))
section.mistake("_matmul2d", "Multiplies in the wrong order.", edit("x @ y", "y @ x"))
section.mistake("matmul2d_back0", "The right matrix is not transposed.", edit("y.T", "y"))
section.mistake("matmul2d_back0", "Multiplies in the wrong order.", edit("grad_out @ y.T", "y.T @ grad_out"))
section.mistake("matmul2d_back1", "The left matrix is not transposed.", edit("x.T", "x"))
section.mistake("matmul2d_back1", "Multiplies in the wrong order.", edit("x.T @ grad_out", "grad_out @ x.T"))
section.hint(
    "_matmul2d",
    "Which operator multiplies matrices in Python?",
    "Does elementwise multiplication fit the shapes (n, k) and (k, m)?",
)
_MATMUL_HINTS = (
    "Out[i, j] is a sum over k. In how many of these sums does one entry of x, or of y, take part?",
    "Which order and which transposes give the right shape? Check a square case by hand: shapes cannot help you there.",
)
section.hint("matmul2d_back0", *_MATMUL_HINTS)
section.hint("matmul2d_back1", *_MATMUL_HINTS)


# %% Parameter, Module
@section.check("Parameter", points=0.25)
@given(x=arrays(), needed=st.booleans())
def parameter_fields(solution, x, needed):
    """Is a tensor that requires a gradient, unless told otherwise, and has none yet."""
    chosen = solution.Parameter(solution.Tensor(x), requires_grad=needed)
    default = solution.Parameter(solution.Tensor(x))
    return [(isinstance(p, solution.Tensor), numbers(p), p.requires_grad, p.grad, p.recipe) for p in (chosen, default)]


@section.check("Parameter", points=0.25)
@given(x=arrays(), value=whole)
def parameter_shares(solution, x, value):
    """Shares the array of the tensor it is made from."""
    source = solution.Tensor(x.copy())
    parameter = solution.Parameter(source)
    source.array[...] = value
    return numbers(parameter)


_SUPER = "super().__init__(tensor.array, requires_grad=requires_grad)"
section.mistake("Parameter", "Copies the array.", edit("tensor.array", "tensor.array.copy()"))
section.mistake(
    "Parameter", "Never requires a gradient.", edit("tensor.array, requires_grad=requires_grad", "tensor.array")
)
section.mistake(
    "Parameter", "Requires a gradient even when told not to.", edit("requires_grad=requires_grad", "requires_grad=True")
)
section.hint(
    "Parameter",
    "What does the constructor of Tensor need, and which of it does the given tensor have?",
    "How does a subclass call it?",
)


@st.composite
def trees(draw, depth=2, names=names):
    """Attributes of a module by name: numbers are parameters, dicts modules inside, text anything else."""
    tree: dict[str, Any] = {}
    for name in draw(st.lists(names, unique=True, min_size=1 if depth else 0, max_size=4 if depth == 2 else 2)):
        kind = draw(st.sampled_from(["parameter", "module", "other"] if depth else ["parameter", "other"]))
        parts = {"parameter": whole, "other": st.sampled_from(["relu", "mean"]), "module": trees(depth=depth - 1)}
        tree[name] = draw(parts[kind])
    return tree


def assembled(solution, tree):
    """A Module with these attributes."""
    module = solution.Module()
    for name, part in tree.items():
        if isinstance(part, dict):
            setattr(module, name, assembled(solution, part))
        else:
            setattr(module, name, part if isinstance(part, str) else solution.Parameter(solution.Tensor([float(part)])))
    return module


def described(part):
    """An attribute of an assembled module as data."""
    if part is None or isinstance(part, str):
        return part
    return "a module" if callable(part) else numbers(part)


@section.check("Module", points=0.5)
@given(tree=trees())
def module_parameters(solution, tree):
    """Lists its own parameters and then those of the modules inside."""
    return [numbers(parameter) for parameter in assembled(solution, tree).parameters()]


@section.check("Module", points=0.25)
@given(tree=trees())
def module_own_parameters(solution, tree):
    """With recurse=False, lists its own parameters only."""
    return [numbers(parameter) for parameter in assembled(solution, tree).parameters(recurse=False)]


@section.check("Module", points=0.25)
@given(tree=trees())
def module_modules(solution, tree):
    """Lists the modules directly inside."""
    return [[numbers(p) for p in inside.parameters()] for inside in assembled(solution, tree).modules()]


@section.check("Module", points=0.25)
@given(tree=trees(), absent=names)
def module_attributes(solution, tree, absent):
    """Finds attributes of every kind by name, and raises where there is none."""
    module = assembled(solution, tree)
    found = {name: described(getattr(module, name)) for name in tree}
    try:
        part = getattr(module, absent)
    except (AttributeError, KeyError):  # the one is Python's way, the other ARENA's
        return found, f"there is no {absent}"
    return found, described(part)


@section.check("Module", points=0.25)
@given(tree=trees())
def module_stores_once(solution, tree):
    """Keeps parameters and modules in their own places and not among the ordinary attributes as well."""
    module = assembled(solution, tree)
    return sorted(name for name in vars(module) if name in tree), list(module._parameters), list(module._modules)


@section.check("Module", points=0.25)
@given(tree=trees())
def module_repr(solution, tree):
    """Shows the modules inside, each as (name): and its class, at all depths."""
    return re.findall(r"\((\w+)\): (\w+)", repr(assembled(solution, tree)))


@section.check("Module", points=0.25)
@given(tree=trees(), name=names)
def module_shared(solution, tree, name):
    """Lists a parameter that is shared between modules once."""
    first, second = assembled(solution, tree), solution.Module()
    second.inside = first
    for position, parameter in enumerate(list(first.parameters())):
        setattr(second, f"{name}{position}", parameter)
    return sorted(parameter.item() for parameter in second.parameters())


@section.check("Module", points=0.25)
@given(first=trees(depth=1, names=names_of_two), second=trees(depth=1, names=names_of_two))
def module_reassigned(solution, first, second):
    """Forgets what a name meant when something else is assigned to it."""
    module = assembled(solution, first)
    for name, part in vars(assembled(solution, second)).items():
        for key, value in part.items() if name in ("_parameters", "_modules") else [(name, part)]:
            setattr(module, key, value)
    found = {name: described(getattr(module, name)) for name in {**first, **second}}
    return found, sorted(parameter.item() for parameter in module.parameters()), len(list(module.modules()))


_OWN = "dict.fromkeys(self._parameters.values())"
section.mistake(
    "Module",
    "Lists a parameter that two modules share twice; an optimizer would move it twice.",
    edit(f"found = {_OWN}", "found = list(self._parameters.values())"),
    edit("found.update(dict.fromkeys(module.parameters()))", "found += module.parameters()"),
)
section.mistake(
    "Module",
    "Keeps parameters and modules among the ordinary attributes as well: every one is stored twice.",
    edit("self._parameters[key] = val", "self._parameters[key] = self.__dict__[key] = val"),
    edit("self._modules[key] = val", "self._modules[key] = self.__dict__[key] = val"),
)
section.mistake("Module", "Ignores recurse and always goes into the modules inside.", edit("if recurse:", "if True:"))
section.mistake(
    "Module",
    "Lists the modules at all depths; only those directly inside are asked for.",
    edit(
        "return iter(self._modules.values())", "return (m for d in self._modules.values() for m in (d, *d.modules()))"
    ),
)
section.mistake(
    "Module",
    "Returns None for attributes that do not exist; it must raise.",
    edit('raise AttributeError(f"{type(self).__name__} has no attribute {key!r}")', "return None"),
)
section.mistake(
    "Module",
    "A parameter stays in the list after its name was given to something else.",
    edit("        else:\n            self._parameters.pop(key, None)\n", "        else:\n"),
)
section.hint(
    "Module",
    "When does Python call __setattr__, and when __getattr__? One of them only after an ordinary lookup has failed.",
    "How does `super().__setattr__` store a value, and for which values do you want that?",
    "parameters() of a module can use parameters() of the modules inside it. What must happen to one met twice?",
)


# %% Linear, ReLU, MLP
class Layer(NamedTuple):
    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    grad_out: np.ndarray


@st.composite
def layers(draw):
    rows, wide, high = draw(st.permutations([1, 2, 3, 4]))[:3]
    return Layer(array(draw, (rows, wide)), array(draw, (high, wide)), array(draw, (high,)), array(draw, (rows, high)))


def linear(solution, layer, with_bias=True):
    """A Linear with these numbers."""
    module = solution.Linear(*layer.weight.shape[::-1], bias=with_bias)
    module.weight.array[...] = layer.weight
    if module.bias is not None:
        module.bias.array[...] = layer.bias
    return module


def spread_evenly(observed, expected, inputs):
    """Judges whether numbers look uniform within ±1/sqrt(in_features); a right answer fails once in 1e9 times."""
    for name, found, model in zip(("weight", "bias"), observed, expected, strict=True):
        if found.shape != model.shape:
            return f"{name} has shape {found.shape}, expected {model.shape}"
        bound = inputs["in_features"] ** -0.5
        ranks = (np.sort(found, axis=None) / bound + 1) / 2  # uniform between 0 and 1
        distance = np.abs(ranks - (np.arange(ranks.size) + 0.5) / ranks.size).max() - 0.5 / ranks.size
        if not (np.abs(found) <= bound * (1 + 1e-6)).all():
            return f"{name} reaches {np.abs(found).max():.3g}, expected at most {bound:.3g}"
        if not distance <= math.sqrt(math.log(2e9) / (2 * ranks.size)):  # Dvoretzky-Kiefer-Wolfowitz inequality
            return f"{name} is not uniformly distributed between -{bound:.3g} and {bound:.3g}"
    return None


@section.check("Linear", points=0.5)
@given(layer=layers())
def linear_values(solution, layer):
    """Computes x @ weight.T + bias."""
    return numbers(linear(solution, layer)(solution.Tensor(layer.x)))


@section.check("Linear", points=0.25)
@given(layer=layers())
def linear_without_bias(solution, layer):
    """With bias=False, has a bias of None and one parameter."""
    module = linear(solution, layer, with_bias=False)
    return numbers(module(solution.Tensor(layer.x))), module.bias is None, [numbers(p) for p in module.parameters()]


@section.check("Linear", points=0.5)
@given(layer=layers())
def linear_gradients(solution, layer):
    """Gives gradients to weight, bias and input."""
    module, x = linear(solution, layer), solution.Tensor(layer.x, requires_grad=True)
    solution.backprop(module(x), solution.Tensor(layer.grad_out))
    return gradients([module.weight, module.bias, x])


@section.check("Linear", points=0.25, examples=10, judge=spread_evenly)
@given(in_features=st.integers(2, 20), out_features=st.integers(150, 200))
def linear_start(solution, in_features, out_features):
    """Starts uniformly distributed between ±1/sqrt(in_features)."""
    module = solution.Linear(in_features, out_features)
    return [numbers(module.weight), numbers(module.bias)]


section.mistake(
    "Linear", "Leaves the bias out.", edit("return out if self.bias is None else out + self.bias", "return out")
)
section.mistake(
    "Linear",
    "Starts between 0 and the bound: no weight is negative.",
    edit(
        "empty(out_features, in_features).uniform_(-bound, bound)",
        "empty(out_features, in_features).uniform_(0.0, bound)",
    ),
)
section.mistake(
    "Linear",
    "Takes the bound from the number of outputs.",
    edit("bound = in_features**-0.5", "bound = out_features**-0.5"),
)
section.mistake(
    "Linear",
    "Starts with a bias of zero; the text asks for the same range as the weight's.",
    edit("empty(out_features).uniform_(-bound, bound)", "zeros(out_features)"),
)
section.mistake("Linear", "Has a bias although it was asked not to.", edit(" if bias else None", ""))
section.mistake(
    "Linear",
    "Multiplies arrays, not tensors: no gradient reaches the parameters.",
    edit("x @ self.weight.permute((1, 0))", "Tensor(x.array @ self.weight.array.T)"),
)
section.hint(
    "Linear",
    "Which shape must weight have so that (batch, in) becomes (batch, out) when it is transposed?",
    "Which type must weight and bias have so that parameters() finds them?",
    "Transpose with an operation that leaves a recipe. Which of yours does that?",
)


@section.check("ReLU", points=0.25)
@given(x=arrays(elements=FEW))
def relu_module(solution, x):
    """Computes relu when it is called."""
    return numbers(solution.ReLU()(solution.Tensor(x)))


section.mistake("ReLU", "Hands its input on as it is.", edit("return relu(x)", "return x"))
section.hint(
    "ReLU", "There is a function of this name in small letters.", "What does calling a module do with its arguments?"
)

pixels = st.lists(st.integers(0, 1), min_size=5, max_size=5)
signs = st.lists(st.integers(-1, 1), min_size=11, max_size=11)


@section.check("MLP", points=0.75, examples=20)
@given(batch=st.integers(1, 3), layout=st.sampled_from([(784,), (28, 28), (1, 28, 28)]), pixels=pixels, signs=signs)
def mlp_values(solution, batch, layout, pixels, signs):
    """Maps images to ten logits through two hidden layers of 64 with ReLU."""
    model = solution.MLP()
    for parameter in model.parameters():
        parameter.array[...] = np.resize(signs, parameter.shape)
    logits = model(solution.Tensor(np.resize(np.array(pixels, dtype=float), (batch, *layout))))
    return numbers(logits), sorted(parameter.shape for parameter in model.parameters())


section.mistake(
    "MLP", "Nothing nonlinear stands after the first layer.", edit("self.relu1(self.linear1(x))", "self.linear1(x)")
)
section.mistake(
    "MLP", "Nothing nonlinear stands after the second layer.", edit("self.relu2(self.linear2(x))", "self.linear2(x)")
)
section.mistake(
    "MLP",
    "ReLU stands after the logits as well: they lose their sign.",
    edit("return self.output(x)", "return relu(self.output(x))"),
)
section.hint(
    "MLP",
    "Which shape does the first Linear expect, and which do images have?",
    "After which of the three layers does a ReLU stand?",
)


# %% cross_entropy
class Batch(NamedTuple):
    logits: np.ndarray
    labels: np.ndarray
    grad_out: np.ndarray


@st.composite
def batches(draw, elements=WHOLE[:9]):
    rows, classes = draw(st.sampled_from([(2, 3), (1, 3), (3, 2), (4, 3), (3, 4), (2, 1)]))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    return Batch(array(draw, (rows, classes), elements), np.array(labels), array(draw, (rows,), POSITIVE))


HUGE = (0, 1, 999, 1000, -1000)


@section.check("cross_entropy", points=0.5, judge=near)
@given(batch=batches())
def cross_entropy_values(solution, batch):
    """Returns one loss for each row."""
    return numbers(solution.cross_entropy(solution.Tensor(batch.logits), solution.Tensor(batch.labels)))


@section.check("cross_entropy", points=0.5, judge=near)
@given(batch=batches())
def cross_entropy_gradient(solution, batch):
    """Gives gradients to the logits."""
    logits = solution.Tensor(batch.logits, requires_grad=True)
    solution.backprop(solution.cross_entropy(logits, solution.Tensor(batch.labels)), solution.Tensor(batch.grad_out))
    return gradients([logits])


@section.check("cross_entropy", points=0.25, judge=near)
@given(batch=batches(HUGE))
def cross_entropy_huge(solution, batch):
    """Stays finite where logits are near a thousand, and so do its gradients."""
    logits = solution.Tensor(batch.logits, requires_grad=True)
    losses = solution.cross_entropy(logits, solution.Tensor(batch.labels))
    solution.backprop(losses, solution.Tensor(batch.grad_out))
    return numbers(losses), gradients([logits])


section.mistake(
    "cross_entropy",
    "Exponents are not kept small: exp overflows for large logits.",
    edit("highest = Tensor(logits.array.max(axis=1, keepdims=True))", "highest = Tensor(np.zeros((len(logits), 1)))"),
)
section.mistake(
    "cross_entropy",
    "Takes the mean over the rows; one loss for each row is asked for.",
    edit(
        "return log_total - shifted[arange(0, len(logits)), true_labels]",
        "return (log_total - shifted[arange(0, len(logits)), true_labels]).sum() / len(logits)",
    ),
)
section.mistake(
    "cross_entropy",
    "Subtracts the highest logit of the whole batch: other rows may underflow.",
    edit("max(axis=1, keepdims=True)", "max(keepdims=True)"),
)
section.mistake(
    "cross_entropy",
    "The sign is wrong: it grows with the probability of the true label.",
    edit(
        "return log_total - shifted[arange(0, len(logits)), true_labels]",
        "return shifted[arange(0, len(logits)), true_labels] - log_total",
    ),
)
section.mistake(
    "cross_entropy",
    "Shifts the logits in the sum but not the true label's: the losses are off by the shift.",
    edit("- shifted[arange", "- logits[arange"),
)
section.mistake(
    "cross_entropy",
    "Computes outside the graph: no gradient reaches the logits.",
    edit("shifted = logits - highest", "shifted = Tensor((logits - highest).array)"),
)
section.hint(
    "cross_entropy",
    "Start with logits in a small range. Which of your operations give log(sum(exp(...))) for each row?",
    "How do you read one entry of each row, another column in every row, with one index?",
    "What happens to the loss when 5 is added to all logits of a row? Which shift makes the largest exponent zero?",
)


# %% NoGrad, SGD
def descend(solution, depth):
    """Whether tracking is on before, inside and after each of `depth` nested contexts."""
    seen = [solution.grad_tracking_enabled]
    if depth:
        with solution.NoGrad():
            seen += descend(solution, depth - 1)
    return [*seen, solution.grad_tracking_enabled]


@section.check("NoGrad", points=0.25, examples=20)
@given(enabled=st.booleans(), depth=st.integers(1, 3))
def no_grad_nested(solution, enabled, depth):
    """Switches tracking off and puts it back as it was, also when nested."""
    solution.grad_tracking_enabled = enabled
    try:
        return descend(solution, depth)
    finally:
        solution.grad_tracking_enabled = True


@section.check("NoGrad", points=0.25, examples=20)
@given(enabled=st.booleans(), message=st.integers(0, 99))
def no_grad_exception(solution, enabled, message):
    """Puts tracking back when an exception leaves the context, and lets the exception pass."""
    solution.grad_tracking_enabled = enabled
    caught = None
    try:
        with solution.NoGrad():
            raise ArithmeticError(message)
    except ArithmeticError as error:
        caught = error.args
    finally:
        after, solution.grad_tracking_enabled = solution.grad_tracking_enabled, True
    return caught, after


@section.check("NoGrad", points=0.25)
@given(x=arrays())
def no_grad_recipes(solution, x):
    """Operations inside leave no recipe, operations after it do."""
    source = solution.Tensor(x, requires_grad=True)
    try:
        with solution.NoGrad():
            inside = solution.multiply(source, 2.0)
        return made(inside, source), made(solution.multiply(source, 2.0), source)
    finally:
        solution.grad_tracking_enabled = True


_PUT_BACK = "grad_tracking_enabled = self.was_enabled"
section.mistake(
    "NoGrad",
    "Always switches tracking on at the end, even inside another NoGrad.",
    edit(_PUT_BACK, "grad_tracking_enabled = True"),
)
section.mistake(
    "NoGrad",
    "Tracking stays off after an exception.",
    edit(_PUT_BACK, "grad_tracking_enabled = self.was_enabled and exception[0] is None"),
)
section.mistake("NoGrad", "Swallows exceptions.", edit(_PUT_BACK, f"{_PUT_BACK}\n        return True"))
section.mistake(
    "NoGrad",
    "Sets a local variable: without `global` the module's own does not change.",
    edit(
        "        global grad_tracking_enabled\n        self.was_enabled = grad_tracking_enabled\n"
        "        grad_tracking_enabled = False",
        "        self.was_enabled = globals()['grad_tracking_enabled']\n        grad_tracking_enabled = False",
    ),
)
section.hint(
    "NoGrad",
    "What must be remembered on entering so that leaving can put it back?",
    "What does Python pass to __exit__ when an exception comes by, and what does the value it returns mean?",
)


class Training(NamedTuple):
    values: list[np.ndarray]
    grads: list[np.ndarray]
    lr: float


@st.composite
def trainings(draw):
    drawn_shapes = draw(st.lists(shapes, min_size=1, max_size=3))
    values = [array(draw, shape) for shape in drawn_shapes]
    return Training(values, [array(draw, shape) for shape in drawn_shapes], draw(st.sampled_from([0.5, 0.25, 2.0])))


def parameters_of(solution, training):
    """Parameters with these numbers and gradients."""
    params = [solution.Parameter(solution.Tensor(value.copy())) for value in training.values]
    for param, grad in zip(params, training.grads, strict=True):
        param.grad = solution.Tensor(grad)
    return params


@section.check("SGD", points=0.5, judge=near)
@given(training=trainings(), steps=st.integers(1, 3))
def sgd_steps(solution, training, steps):
    """Moves each parameter against its gradient by lr times as much; params may be an iterator."""
    params = parameters_of(solution, training)
    optimizer = solution.SGD(iter(params), lr=training.lr)
    for _ in range(steps):
        optimizer.step()
    return [numbers(param) for param in params]


@section.check("SGD", points=0.5, judge=near)
@given(training=trainings())
def sgd_in_place(solution, training):
    """Changes the parameters' own arrays, unrecorded, and leaves tracking as it was."""
    params = parameters_of(solution, training)
    held = [param.array for param in params]
    solution.SGD(params, lr=training.lr).step()
    recorded = [(param.requires_grad, param.recipe is None) for param in params]
    return [array.astype(float) for array in held], recorded, solution.grad_tracking_enabled


@section.check("SGD", points=0.5, judge=near)
@given(training=trainings())
def sgd_zero_grad(solution, training):
    """After zero_grad a backward pass starts afresh."""
    params = parameters_of(solution, training)
    solution.SGD(params, lr=training.lr).zero_grad()
    for param, grad in zip(params, training.grads, strict=True):
        solution.backprop(solution.multiply(param, 3.0), solution.Tensor(grad))
    return gradients(params)


@section.check("SGD", points=0.25, judge=near)
@given(training=trainings())
def sgd_without_gradient(solution, training):
    """Leaves a parameter that has no gradient where it is."""
    params = parameters_of(solution, training)
    params[0].grad = None
    solution.SGD(params, lr=training.lr).step()
    return [numbers(param) for param in params]


_STEP = "param.sub_(param.grad, alpha=self.lr)"
section.mistake("SGD", "zero_grad does nothing.", edit("param.grad = None", "pass"))
section.mistake(
    "SGD",
    "Gives the parameter a new array; whoever holds the old one does not see the step.",
    edit(_STEP, "param.array = param.array - self.lr * param.grad.array"),
)
section.mistake(
    "SGD",
    "The step is recorded: the update is computed as a new tensor and the parameter stays.",
    edit("with NoGrad():", "if True:"),
    edit(_STEP, "param = param - self.lr * param.grad"),
)
section.mistake(
    "SGD", "Moves along the gradient, so that the loss grows.", edit(_STEP, "param.add_(param.grad, alpha=self.lr)")
)
section.mistake("SGD", "Ignores the learning rate.", edit(", alpha=self.lr", ""))
section.mistake(
    "SGD", "Keeps the iterator it was given, which is used up after one pass.", edit("list(params)", "params")
)
section.mistake("SGD", "Fails for a parameter without a gradient.", edit("if param.grad is not None:", "if True:"))
section.hint(
    "SGD",
    "How often may an iterator be gone through? What can you make of it in __init__?",
    "Should the update itself be part of the graph that the next backward pass walks?",
    "Which of your operations changes a tensor's own array?",
)
