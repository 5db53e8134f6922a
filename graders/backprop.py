"""Checks of the section `backprop`: an autograd engine in numpy.

Inputs are small whole numbers, so that right answers are exactly equal, and the axes of an array differ in size, so
that mixed-up axes show. Tensors may hold single or double precision: probes hand out their numbers in double.
"""

import math
import re
from collections import namedtuple
from contextlib import contextmanager
from itertools import dropwhile, permutations

import numpy as np
from hypothesis import strategies as st

from graders.engine import NONZERO, POSITIVE, WHOLE, Section, arrays, close, edit

section = Section("backprop", title="Backpropagation from scratch")
near = close(rtol=1e-4, atol=1e-4)  # a learner's Tensor may keep its numbers in single precision


# %% Inputs
Broadcast = namedtuple("Broadcast", "broadcasted original")
Unary = namedtuple("Unary", "grad_out out x")
Binary = namedtuple("Binary", "grad_out out x y")
FEW = WHOLE[:5]  # ties are frequent
SHAPES = [sizes for axes in range(4) for sizes in permutations((2, 3, 1, 4), axes)]  # sizes differ; () is 0-d
shapes = st.sampled_from(SHAPES)
filled_shapes = st.sampled_from([sizes for sizes in SHAPES if len(sizes) > 1 and 1 not in sizes])
anything, filled = shapes.flatmap(arrays), filled_shapes.flatmap(arrays)
positive = shapes.flatmap(lambda shape: arrays(shape, POSITIVE))
tied = shapes.flatmap(lambda shape: arrays(shape, FEW))
flag, whole, nonzero = st.booleans(), st.sampled_from(WHOLE), st.sampled_from(NONZERO)
alike = shapes.map(lambda shape: (shape, shape))
broad = filled_shapes.flatmap(lambda shape: stretched(shape, both=True))


@st.composite
def unary(draw, forward, values=WHOLE):
    """A call of the backward function of an operation on one array."""
    x = draw(shapes.flatmap(lambda shape: arrays(shape, values)))
    return Unary(draw(arrays(x.shape)), forward(x), x)


@st.composite
def stretched(draw, shape, both):
    """Two shapes that broadcast to `shape`: the first may lose axes; with `both`, the second may lose others."""
    ways = [draw(st.integers(0, 1 + both)) for _ in shape]  # along an axis: which of the two, if any, is stretched
    pair = [[1 if way == which else size for way, size in zip(ways, shape, strict=True)] for which in (1, 2)]
    return tuple(tuple(dropwhile(lambda size: size == 1, sizes) if draw(flag) else sizes) for sizes in pair)


@st.composite
def binary(draw, forward, values=WHOLE, pairs=alike, plain=None):
    """A call of an operation's backward on arrays with a pair of shapes; what `plain` names may be a plain number."""
    x, y = (draw(arrays(tuple(shape), values)) for shape in draw(pairs))
    if plain and draw(flag):
        x, y = (x.item(0), y) if plain == "x" else (x, y.item(0))
    out = np.asarray(forward(x, y))
    return Binary(draw(arrays(out.shape)), out, x, y)


@st.composite
def broadcasts(draw, prepend=True, stretch=True):
    """A gradient and an array of zeros that broadcasting could have brought to its shape."""
    shape = draw(filled_shapes)
    original = [1 if stretch and draw(flag) else size for size in shape]
    lost = draw(st.integers(1, len(shape))) if prepend else 0
    return Broadcast(draw(arrays(shape)), np.zeros(original[lost:]))


prepended, products = broadcasts(stretch=False), binary(np.multiply)
emptied = st.builds(  # a gradient without elements, and the array of zeros that was stretched to its shape
    lambda size, row: Broadcast(np.ones((size, 0)), np.zeros(1 if row else (size, 1))), st.integers(1, 4), flag
)
log_calls, exp_calls = unary(np.log, POSITIVE), unary(np.exp)


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


@contextmanager
def tracking(solution, enabled):
    """Sets grad_tracking_enabled for a while."""
    solution.grad_tracking_enabled = enabled
    try:
        yield
    finally:
        solution.grad_tracking_enabled = True


def backward(solution, name, func, position):
    """A backward function by its name or, if it has none, as it is registered."""
    return getattr(solution, name, None) or solution.BACK_FUNCS.get_back_func(func, position)


# %% log_back
log_back = section.exercise(
    "log_back",
    hints=[
        "What is the derivative of log(x), and which of the three arguments does it need?",
        "The chain rule is a product of two factors. One of them arrives as an argument: are both in your result?",
    ],
    mistakes={
        "Divides by the output log(x), not by the input x.": edit("grad_out / x", "grad_out / out"),
        "Gives 1/x alone: the chain rule's incoming gradient is missing.": edit("grad_out / x", "1 / x"),
        "Multiplies by x instead of dividing by it.": edit("grad_out / x", "grad_out * x"),
    },
)
log_back.call("log_back_values", "Multiplies the incoming gradient by one over the input.", points=0.5, case=log_calls)


# %% unbroadcast
unbroadcast = section.exercise(
    "unbroadcast",
    hints=[
        "A number used in five places moves all five. What does that make its gradient?",
        "numpy lines up shapes at their ends. Which axes of the result can the original not have had at all?",
        "First bring the number of axes down. Then look for size one in the original's shape; does sum keep that axis?",
    ],
    mistakes={
        "Takes surplus axes from the end; broadcasting puts them in front.": edit(
            "axis=tuple(range(prepended))", "axis=tuple(range(original.ndim, broadcasted.ndim))"
        ),
        "Drops the stretched axes instead of keeping them with size one.": edit(", keepdims=True", ""),
        "Sums only the axes put in front; stretched axes keep their full size.": edit(
            "summed.sum(axis=stretched, keepdims=True)", "summed"
        ),
        "Sums only the stretched axes; axes put in front remain.": edit(".sum(axis=tuple(range(prepended)))", ""),
        "Sums over axes put in front but keeps them, with size one; the original has no such axes.": [
            edit("(range(prepended)))", "(range(prepended)), keepdims=True)"),
            edit("tuple(axis for axis, size", "tuple(axis + prepended for axis, size"),
        ],
        "Averages over the copies; their gradients add up.": edit("summed.sum(", "summed.mean("),
        "Passes over an axis that was stretched to no elements: zero is a size too.": edit(
            "if size == 1)", "if size == 1 and summed.shape[axis])"
        ),
    },
)
unbroadcast.call(
    "sums_prepended_axes", "Sums over the axes that broadcasting put in front.", points=0.5, case=prepended
)
unbroadcast.call(
    "sums_stretched_axes",
    "Sums over axes of size one that broadcasting stretched, and keeps them.",
    points=0.5,
    case=broadcasts(prepend=False),
)
unbroadcast.call(
    "sums_both_kinds_of_axes", "Handles axes of both kinds at once, down to a 0-d array.", points=0.5, case=broadcasts()
)
unbroadcast.call(
    "unbroadcast_changes_nothing",
    "Returns the gradient as it is where nothing was broadcast.",
    points=0.25,
    case=anything.map(lambda gradient: Broadcast(gradient, np.zeros_like(gradient))),
)
unbroadcast.call(
    "unbroadcast_empty",
    "An axis that was stretched to no elements at all comes back with size one and a gradient of zero.",
    points=0.25,
    extra=True,
    examples=20,
    case=emptied,
)


# %% multiply_back0, multiply_back1
_NO_SUM = "Broadcasting is not undone: the gradient keeps the shape of the result."
_PRODUCT_HINTS = (
    "Hold one factor still and move the other by a little: by how much does the product move?",
    "Which shape must the result have when x is (3,) and y is (2, 3)? You have a function for that.",
    "Do you sum down before or after multiplying? Try both on a small case by hand.",
)

multiply_back0 = section.exercise(
    "multiply_back0",
    hints=_PRODUCT_HINTS,
    mistakes={
        _NO_SUM: edit("unbroadcast(grad_out * y, x)", "grad_out * y"),
        "Mixes up the factors: d(x·y)/dx is y.": edit("grad_out * y, x", "grad_out * x, x"),
        "The incoming gradient is missing.": edit("grad_out * y, x", "out * 0 + y, x"),
        "Sums the gradient before it is multiplied; the factors differ between the places summed.": edit(
            "unbroadcast(grad_out * y, x)", "unbroadcast(grad_out, x) * y"
        ),
    },
)
multiply_back0.call(
    "multiply_back0_values", "Multiplies the incoming gradient by the second factor.", points=0.5, case=products
)
multiply_back0.call(
    "multiply_back0_broadcast",
    "Returns the shape of the first factor where the other is broadcast against it or a plain number.",
    points=0.5,
    case=binary(np.multiply, pairs=broad, plain="y"),
)

multiply_back1 = section.exercise(
    "multiply_back1",
    hints=_PRODUCT_HINTS,
    mistakes={
        _NO_SUM: edit("unbroadcast(grad_out * x, y)", "grad_out * x"),
        "Mixes up the factors: d(x·y)/dy is x.": edit("grad_out * x, y", "grad_out * y, y"),
        "Brings the gradient to the shape of x; that of y is asked for.": edit("grad_out * x, y", "grad_out * x, x"),
    },
)
multiply_back1.call(
    "multiply_back1_values", "Multiplies the incoming gradient by the first factor.", points=0.5, case=products
)
multiply_back1.call(
    "multiply_back1_broadcast",
    "Returns the shape of the second factor where the other is broadcast against it or a plain number.",
    points=0.5,
    case=binary(np.multiply, pairs=broad, plain="x"),
)


# %% forward_and_back
@st.composite
def graph_inputs(draw, stretch=False):
    shape = draw(filled_shapes if stretch else shapes)
    a, b = draw(stretched(shape, both=True)) if stretch else (shape, shape)
    c = draw(stretched(shape, both=False))[0] if stretch else shape
    return draw(st.tuples(arrays(a, POSITIVE), arrays(b, POSITIVE), arrays(c, POSITIVE[1:])))


_END = "multiply_back0(grad_d, d, a, b), multiply_back1(grad_d, d, a, b), log_back(grad_e, e, c)"
forward_and_back = section.exercise(
    "forward_and_back",
    hints=[
        "Draw the graph as boxes and arrows. Through which boxes does a path from g to c lead?",
        "Name gradients after what they belong to. Which one does each backward function need first?",
    ],
    mistakes={
        "Uses the formulas for single numbers, 1/a, 1/b and 1/(c log c); they do not add up over broadcast "
        "places.": edit(_END, "1 / a, 1 / b, 1 / (c * e)"),
        "The path to c leaves out the product f = d · e.": edit("multiply_back1(grad_f, f, d,", "unbroadcast(grad_f,"),
        "The paths to a and b leave out the product f = d · e.": edit(
            "grad_d = multiply_back0(grad_f, f, d, e)", "grad_d = unbroadcast(grad_f, d)"
        ),
        "The last logarithm is not undone: its gradient is 1/f.": edit(
            "grad_f = log_back(np.ones_like(g), g, f)", "grad_f = np.ones_like(g)"
        ),
    },
)
forward_and_back.call(
    "graph_of_one_shape", "Finds the three gradients where all inputs have one shape.", points=0.5, case=graph_inputs()
)
forward_and_back.call(
    "graph_with_broadcasting",
    "Gives each gradient the shape of its input where the inputs are broadcast.",
    points=0.5,
    case=graph_inputs(stretch=True),
)


# %% BackwardFuncLookup
Entry = namedtuple("Entry", "function position label")
entries = st.builds(Entry, st.sampled_from(["log", "exp", "add"]), st.integers(0, 2), st.integers(0, 99))


def lookup_with(solution, entries):
    lookup = solution.BackwardFuncLookup()
    for entry in entries:
        lookup.add_back_func(getattr(np, entry.function), entry.position, lambda *args, label=entry.label: label)
    return lookup


BackwardFuncLookup = section.exercise(
    "BackwardFuncLookup",
    hints=[
        "Which of numpy's or Python's containers finds a value by a key? What is the key here?",
        "Two things together name one backward function. May a dict's key consist of two things?",
    ],
    mistakes={
        "Keeps one backward function for each function; every argument needs its own.": [
            edit("self.back_funcs[forward_fn, arg_position] = back_fn", "self.back_funcs[forward_fn] = back_fn"),
            edit("return self.back_funcs[forward_fn, arg_position]", "return self.back_funcs[forward_fn]"),
        ],
        "Keeps what was registered first; a later registration must replace it.": edit(
            "[forward_fn, arg_position] = back_fn", ".setdefault((forward_fn, arg_position), back_fn)"
        ),
        "All lookups share one table: it belongs to the class and not to the instance.": [
            edit("self.back_funcs: dict[tuple[Callable, int], Callable] = {}", "pass"),
            edit("    def __init__", "    back_funcs: dict = {}\n\n    def __init__"),
        ],
        "Returns None for an unknown pair; the error then appears far from its cause.": edit(
            "return self.back_funcs[forward_fn, arg_position]", "return self.back_funcs.get((forward_fn, arg_position))"
        ),
    },
)


@BackwardFuncLookup.check(points=0.5, entries=st.lists(entries, min_size=1, max_size=6))
def lookup_finds(solution, entries):
    """Finds, for each function and position, what was registered last."""
    lookup = lookup_with(solution, entries)
    return [lookup.get_back_func(getattr(np, entry.function), entry.position)() for entry in entries]


@BackwardFuncLookup.check(points=0.25, entries=st.lists(entries, min_size=1, max_size=3), wanted=entries)
def lookup_lacks(solution, entries, wanted):
    """Raises KeyError for a pair that was not registered, be it registered in another lookup."""
    lookup = lookup_with(solution, entries)
    lookup_with(solution, [wanted])
    return lookup.get_back_func(getattr(np, wanted.function), wanted.position)()


# %% log_forward, multiply_forward
_IGNORES_FLAG = "Ignores grad_tracking_enabled: a gradient is required even while tracking is off."
_COUNTS_TENSORS = "Numbers the parents in the order of the tensors; a plain number in front shifts the positions."
_LOG_NEEDS = "requires_grad=grad_tracking_enabled and x.requires_grad"
_RECIPE_HINTS = (
    "Who will read the recipe, and what must it find there to undo the operation?",
    "Two conditions decide whether the result requires a gradient. One is about the inputs: what is the other about?",
    "Compare args and parents: one is for the backward function, one says where its result goes. Which holds arrays?",
)

log_forward = section.exercise(
    "log_forward",
    hints=_RECIPE_HINTS,
    mistakes={
        _IGNORES_FLAG: edit(_LOG_NEEDS, "requires_grad=x.requires_grad"),
        "The result never requires a gradient.": edit(_LOG_NEEDS, "requires_grad=False"),
        "Every result requires a gradient, also of inputs that need none.": edit(_LOG_NEEDS, "requires_grad=True"),
        "Leaves a recipe also on tensors that need no gradient.": edit("if out.requires_grad:", "if True:"),
        "The recipe's args hold the tensor; they are to hold its array.": edit("(x.array,), {}", "(x,), {}"),
    },
)


@log_forward.check(points=0.5, judge=near, x=positive, needed=flag)
def log_forward_recipe(solution, x, needed):
    """Returns the logarithms, with a recipe exactly where the input requires a gradient."""
    source = solution.Tensor(x, requires_grad=needed)
    return made(solution.log_forward(source), source)


@log_forward.check(points=0.25, judge=near, x=positive, enabled=flag)
def log_forward_untracked(solution, x, enabled):
    """Leaves no recipe while grad_tracking_enabled is False."""
    source = solution.Tensor(x, requires_grad=True)
    with tracking(solution, enabled):
        return made(solution.log_forward(source), source)


multiply_forward = section.exercise(
    "multiply_forward",
    hints=["In 2 · x, at which argument position does x stand?", *_RECIPE_HINTS[1:]],
    mistakes={
        _IGNORES_FLAG: edit("grad_tracking_enabled and any(", "any("),
        _COUNTS_TENSORS: edit("{}, tensors)", "{}, dict(enumerate(tensors.values())))"),
        "A gradient is required only if both factors require one; either is enough.": edit("any(parent", "all(parent"),
        "Leaves a recipe also where no gradient is needed.": edit("if needs_grad:", "if True:"),
        "Plain numbers are missing from the recipe's args.": edit(
            "np.multiply, args, {}", "np.multiply, tuple(parent.array for parent in tensors.values()), {}"
        ),
    },
)


@multiply_forward.check(points=0.5, case=binary(np.multiply, pairs=broad), needed=st.tuples(flag, flag))
def multiply_forward_recipe(solution, case, needed):
    """Returns the product, broadcast, with a recipe if either factor requires a gradient."""
    x, y = solution.Tensor(case.x, requires_grad=needed[0]), solution.Tensor(case.y, requires_grad=needed[1])
    return made(solution.multiply_forward(x, y), x, y)


@multiply_forward.check(points=0.5, x=anything, number=whole, first=flag)
def multiply_forward_number(solution, x, number, first):
    """Counts positions of arguments, not of tensors, where one factor is a plain number."""
    source = solution.Tensor(x, requires_grad=True)
    return made(solution.multiply_forward(*((number, source) if first else (source, number))), source)


@multiply_forward.check(points=0.25, x=anything, enabled=flag)
def multiply_forward_untracked(solution, x, enabled):
    """Leaves no recipe while grad_tracking_enabled is False."""
    source = solution.Tensor(x, requires_grad=True)
    with tracking(solution, enabled):
        return made(solution.multiply_forward(source, source), source)


# %% wrap_forward_fn
def scaled(x, *, by):
    return x * by


wrap_forward_fn = section.exercise(
    "wrap_forward_fn",
    hints=[
        "Put log_forward and multiply_forward side by side. What differs, and what could be a parameter?",
        "The outer function runs once, the inner one at every call. In which of them is "
        "grad_tracking_enabled to be read?",
        "The inner function takes *args and **kwargs. How do you tell the position of each tensor among args?",
    ],
    mistakes={
        _IGNORES_FLAG: edit("grad_tracking_enabled and is_differentiable", "is_differentiable"),
        "Asks grad_tracking_enabled when the function is wrapped; what counts is the moment of the call.": [
            edit("    def as_array(", "    enabled = grad_tracking_enabled\n\n    def as_array("),
            edit("needs_grad = grad_tracking_enabled and", "needs_grad = enabled and"),
        ],
        "Ignores is_differentiable.": edit("and is_differentiable and wanted", "and wanted"),
        "Tensors given by keyword reach numpy as tensors.": edit("name: as_array(value) for", "name: value for"),
        "Keyword arguments are missing from the recipe.": edit("arrays, options, parents", "arrays, {}, parents"),
        "Keyword arguments are not passed on.": edit("(*arrays, **options)", "(*arrays)"),
        _COUNTS_TENSORS: edit("(args) if isinstance(arg, Tensor", "(a for a in args if isinstance(a, Tensor)"),
        "Leaves a recipe also where no gradient is needed.": edit("if needs_grad:", "if True:"),
    },
)


@wrap_forward_fn.check(points=0.5, x=anything, number=whole, first=flag, needed=flag)
def wrapped_recipe(solution, x, number, first, needed):
    """Returns what the function computes, with a recipe of the function, its arguments and its parents by position."""
    source = solution.Tensor(x, requires_grad=needed)
    return made(solution.wrap_forward_fn(np.subtract)(*((number, source) if first else (source, number))), source)


@wrap_forward_fn.check(points=0.5, x=anything, by=whole)
def wrapped_keywords(solution, x, by):
    """Passes keyword arguments on, and keeps them in the recipe."""
    result = solution.wrap_forward_fn(scaled)(solution.Tensor(x, requires_grad=True), by=by)
    return numbers(result), result.recipe.kwargs


@wrap_forward_fn.check(points=0.5, x=anything, differentiable=flag, at_wrapping=flag, at_call=flag)
def wrapped_untracked(solution, x, differentiable, at_wrapping, at_call):
    """Leaves no recipe for functions that are not differentiable, or while grad_tracking_enabled is False."""
    source = solution.Tensor(x, requires_grad=True)
    with tracking(solution, at_wrapping):
        function = solution.wrap_forward_fn(np.add, is_differentiable=differentiable)
    with tracking(solution, at_call):
        return made(function(source, source), source)


@wrap_forward_fn.check(points=0.25, extra=True, x=anything, by=whole)
def wrapped_tensor_keyword(solution, x, by):
    """Hands numpy the array of a tensor that is given by keyword."""
    by = solution.Tensor(np.array(float(by)))
    return numbers(solution.wrap_forward_fn(scaled)(solution.Tensor(x), by=by))


# %% topological_sort
Graph = namedtuple("Graph", "start children")  # children: of each node, by its number


@st.composite
def graphs(draw, cyclic=False):
    """A graph whose nodes have children of higher rank only, under shuffled numbers; perhaps one edge is against it."""
    label = draw(st.integers(1, 7).map(range).flatmap(st.permutations))
    size, children = len(label), [[] for _ in label]
    for rank in range(size - 1):
        children[label[rank]] = [label[child] for child in draw(st.lists(st.integers(rank + 1, size - 1), max_size=3))]
    if cyclic and draw(flag):
        low, high = sorted(draw(st.tuples(*[st.integers(0, size - 1)] * 2)))
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


topological_sort = section.exercise(
    "topological_sort",
    hints=[
        "When may a node enter the list: on the way down, or once all its children are done?",
        "A node can be untouched, in progress or finished. What does it mean to meet one in each of these states?",
        "Recursion works for all but very long chains. How would you keep your own stack of half-finished nodes?",
    ],
    mistakes={
        "Returns an empty list.": edit("    return order", "    return []"),
        "Takes two ways to one node (a diamond) for a cycle.": edit("in on_path:", "in on_path or child in finished:"),
        "Raises an error for every graph that has an edge.": edit("if child in on_path:", "if True:"),
        "Lists a node when it is first met (pre-order); it must wait until all its children are listed.": [
            edit("            order.append(current)\n", ""),
            edit("    order: list = []", "    order: list = [node]"),
            edit("on_path.add(child)", "order.append(child)\n                on_path.add(child)"),
        ],
        "The order is the wrong way round: children come last.": edit("    return order", "    return order[::-1]"),
        "A node with several parents is listed several times.": edit("            finished.add(current)\n", ""),
        "Passes over cycles instead of refusing them.": [
            edit("if child in on_path:", "if False:"),
            edit("if child not in finished:", "if child not in finished and child not in on_path:"),
        ],
    },
)


@topological_sort.check(points=1, judge=children_first, graph=graphs())
def sorts_graphs(solution, graph):
    """Lists every reachable node once, children before those who have them."""
    return solution.topological_sort(graph.start, lambda node: graph.children[node])


@topological_sort.check(points=0.75, judge=children_first, graph=graphs(cyclic=True))
def refuses_cycles(solution, graph):
    """Raises an error where a cycle can be reached, and only there."""
    try:
        return solution.topological_sort(graph.start, lambda node: graph.children[node])
    except (NotImplementedError, RecursionError, AttributeError, NameError, TypeError):
        raise  # not meant as an answer
    except Exception:
        return "there is a cycle"


@topological_sort.check(points=0.5, examples=10, rungs=st.integers(30, 60))
def sorts_ladders(solution, rungs):
    """Visits each node once, also where very many ways lead to it."""
    return solution.topological_sort(0, lambda node: [node + 1, node + 1] if node < rungs else [])


@topological_sort.check(points=0.25, extra=True, examples=3, length=st.integers(3000, 4000))
def sorts_long_chains(solution, length):
    """Sorts a chain of thousands of nodes without running into the recursion limit."""
    return solution.topological_sort(0, lambda node: [node + 1] if node < length else [])


# %% sorted_computational_graph
Program = namedtuple("Program", "leaves steps")  # steps: each multiplies two earlier tensors


@st.composite
def programs(draw, sizes=(1, 2), high=2):
    """Up to five products of earlier tensors. The leaves have one shape and often equal numbers."""
    shape = (draw(st.sampled_from(sizes)),)
    leaves = draw(st.lists(arrays(shape, POSITIVE[:high]), min_size=1, max_size=3))
    counts = range(len(leaves), len(leaves) + draw(st.integers(1, 5)))  # of the tensors before each step
    return Program(leaves, [(draw(st.integers(0, count - 1)), count - 1 if draw(flag) else 0) for count in counts])


def played(program, leaves, *operations):
    """The leaves and the result of each step; steps take turns with the operations."""
    tensors = list(leaves)
    for number, (left, right) in enumerate(program.steps):
        tensors.append(operations[number % len(operations)](tensors[left], tensors[right]))
    return tensors


def results_first(observed, expected, inputs):
    """Judges any order as right that has each tensor before those it was made from."""
    program = inputs["program"]
    words = out_of_order(observed[::-1], expected, [[] for _ in program.leaves] + program.steps)
    return words and f"read from its end, {words}"


sorted_computational_graph = section.exercise(
    "sorted_computational_graph",
    hints=[
        "What plays the part of children here, and which of a tensor's fields knows them?",
        "In which direction does topological_sort list, and in which direction do gradients flow?",
    ],
    mistakes={
        "The order is the wrong way round: leaves come first.": edit(")[::-1]", ")"),
        "Compares tensors with ==, which goes by their numbers; different tensors may hold equal ones.": [
            edit("return topological_sort", "order = topological_sort"),
            edit("1]", "1]\n    return [t for i, t in enumerate(order) if not any(bool(t == u) for u in order[:i])]"),
        ],
    },
)


@sorted_computational_graph.check(points=1, judge=results_first, program=programs())
def sorts_tensors(solution, program):
    """Lists each tensor behind the result once, the result first and every tensor before its parents."""
    tensors = played(program, [solution.Tensor(leaf, requires_grad=True) for leaf in program.leaves], solution.multiply)
    numbering = {id(tensor): number for number, tensor in enumerate(tensors)}
    return [numbering[id(tensor)] for tensor in solution.sorted_computational_graph(tensors[-1])]


# %% backprop
_ADDING = "gradients[parent] + grad if parent in gradients else grad"
backprop = section.exercise(
    "backprop",
    hints=[
        "Which gradient do you know at the start, and of which tensor?",
        "In a dict from tensors to gradients collected so far: when is an entry complete, so that it may be passed on?",
        "A backward function needs the gradient, the output, and what the recipe kept. Who gets what it returns?",
    ],
    mistakes={
        "A later gradient overwrites an earlier one within the pass; they must be added.": edit(_ADDING, "grad"),
        "A second backward pass overwrites the gradients of the first.": edit(
            "grad_out + (0 if node.grad is None else node.grad.array)", "grad_out"
        ),
        "Stores gradients on tensors between the leaves and the result as well.": edit(
            "        recipe = node.recipe", "        recipe = node.recipe\n        node.grad = Tensor(grad_out)"
        ),
        "Stores a gradient on leaves that require none.": [
            edit("if not node.requires_grad:", "if node not in gradients:"),
            edit("            if parent.requires_grad:", "            if True:"),
        ],
        "Counts parents instead of argument positions; a plain number in front shifts them.": edit(
            "in recipe.parents.items()", "in enumerate(recipe.parents.values())"
        ),
        "Ignores end_grad and always starts with one.": edit("if end_grad is None else end_grad.array", ""),
        "The recipe's keyword arguments do not reach the backward function.": edit(
            "node.array, *recipe.args, **recipe.kwargs", "node.array, *recipe.args"
        ),
        "Adds in place: the gradient array may be one that another tensor or the caller still uses.": edit(
            "gradients[parent] + grad", "np.add(gradients[parent], grad, out=gradients[parent])"
        ),
    },
)


@backprop.check(points=1, judge=near, case=binary(np.multiply, POSITIVE, broad))
def backprop_values(solution, case):
    """Finds the gradients of a small graph with broadcasting, from a given end gradient."""
    x, y = solution.Tensor(case.x, requires_grad=True), solution.Tensor(case.y, requires_grad=True)
    solution.backprop(solution.multiply(solution.log(x), y), solution.Tensor(case.grad_out))
    return gradients([x, y])


@backprop.check(points=1, judge=near, program=programs(high=3))
def backprop_shared(solution, program):
    """Adds up the gradients of a tensor that is used several times."""
    leaves = [solution.Tensor(leaf, requires_grad=True) for leaf in program.leaves]
    solution.backprop(played(program, leaves, solution.multiply)[-1], solution.Tensor(program.leaves[0]))
    return gradients(leaves)


@backprop.check(points=0.5, judge=near, shape=st.sampled_from([(), (1,), (1, 1)]), x=nonzero, y=nonzero)
def backprop_default(solution, shape, x, y):
    """Starts with one where the result has a single element and no end gradient is given."""
    x, y = (solution.Tensor(np.full(shape, float(number)), requires_grad=True) for number in (x, y))
    solution.backprop(solution.multiply(x, y))
    return gradients([x, y])


@backprop.check(points=0.5, judge=near, x=anything, number=whole, first=flag)
def backprop_numbers(solution, x, number, first):
    """Reaches the right argument where the other one is a plain number."""
    source = solution.Tensor(x, requires_grad=True)
    end = solution.multiply(*((float(number), source) if first else (source, float(number))))
    solution.backprop(end, solution.Tensor(x))
    return gradients([source])


@backprop.check(points=0.5, judge=near, program=programs(), needed=st.lists(flag, min_size=3, max_size=3))
def backprop_leaves(solution, program, needed):
    """Gives a gradient to leaves that require one, and to no other tensor."""
    leaves = [solution.Tensor(leaf, requires_grad=need) for leaf, need in zip(program.leaves, needed, strict=False)]
    tensors = played(program, leaves, solution.multiply)
    if tensors[-1].requires_grad:
        solution.backprop(tensors[-1], solution.Tensor(program.leaves[0]))
    return gradients(tensors)


@backprop.check(points=0.5, judge=near, case=products, times=st.integers(2, 3))
def backprop_again(solution, case, times):
    """Adds to gradients that are there already."""
    x, y = solution.Tensor(case.x, requires_grad=True), solution.Tensor(case.y, requires_grad=True)
    for _ in range(times):
        solution.backprop(solution.multiply(x, y), solution.Tensor(case.grad_out))
    return gradients([x, y])


@backprop.check(points=0.5, judge=near, x=anything, by=whole)
def backprop_keywords(solution, x, by):
    """Calls the backward function with the keyword arguments of the forward call."""
    solution.BACK_FUNCS.add_back_func(scaled, 0, lambda grad_out, out, x, *, by: grad_out * by)
    source, end = solution.Tensor(x, requires_grad=True), solution.Tensor(x * by, requires_grad=True)
    end.recipe = solution.Recipe(scaled, (x,), {"by": by}, {0: source})
    solution.backprop(end, solution.Tensor(x))
    return gradients([source])


@backprop.check(points=0.25, extra=True, judge=near, case=binary(np.add))
def backprop_constants(solution, case):
    """Asks for no backward function of an argument that requires no gradient."""
    plus = lambda x, y: x + y  # noqa: E731 - a new function, of which nobody has registered anything
    solution.BACK_FUNCS.add_back_func(plus, 0, lambda grad_out, *_: grad_out)  # and none for position 1
    x, y = solution.Tensor(case.x, requires_grad=True), solution.Tensor(case.y)
    solution.backprop(solution.wrap_forward_fn(plus)(x, y), solution.Tensor(case.grad_out))
    return gradients([x, y])


@backprop.check(points=0.25, extra=True, judge=near, program=programs(high=3))
def backprop_aliased(solution, program):
    """Keeps gradients apart where a backward function hands on the very array it was given."""
    plus = lambda x, y: x + y  # noqa: E731 - a new function, of which nobody has registered anything
    for position in (0, 1):
        solution.BACK_FUNCS.add_back_func(plus, position, lambda grad_out, *_: grad_out)
    leaves = [solution.Tensor(leaf, requires_grad=True) for leaf in program.leaves]
    end = played(program, leaves, solution.wrap_forward_fn(plus), solution.multiply)[-1]
    solution.backprop(end, solution.Tensor(program.leaves[0]))
    return gradients(leaves)


@backprop.check(points=0.25, extra=True, judge=near, examples=3, length=st.integers(1500, 2000), x=nonzero)
def backprop_deep(solution, length, x):
    """Goes back through more than a thousand operations."""
    source = end = solution.Tensor(np.array([float(x)]), requires_grad=True)
    for _ in range(length):
        end = solution.multiply(end, -1.0)
    solution.backprop(end)
    return gradients([source])


# %% One argument: negative_back, exp_back, reshape_back, permute_back
negative_back = section.exercise(
    "negative_back",
    hints=[
        "If x grows by a little, what does -x do?",
        "Which argument's sign must turn, and which two are not needed?",
    ],
    mistakes={"The sign is lost.": edit("-grad_out", "grad_out")},
)
negative_back.call(
    "negative_back_values", "Turns the sign of the incoming gradient.", points=0.25, case=unary(np.negative)
)

exp_back = section.exercise(
    "exp_back",
    hints=["Which function is its own derivative?", "Is its value computed already, somewhere in the arguments?"],
    mistakes={
        "The factor exp(x) of the chain rule is missing.": edit("grad_out * out", "grad_out"),
        "Multiplies by x; the derivative of exp(x) is exp(x).": edit("grad_out * out", "grad_out * x"),
        "Returns zeros.": edit("grad_out * out", "np.zeros_like(x)"),
        "The incoming gradient is missing.": edit("grad_out * out", "out"),
    },
)
exp_back.call(
    "exp_back_values", "Multiplies the incoming gradient by the exponential of the input.", points=0.5, case=exp_calls
)


@st.composite
def reshapes(draw):
    x = draw(filled)
    rows, rest = len(x), x.size // len(x)
    new = draw(st.sampled_from([(x.size,), (rows, rest), (rest, rows), (1, x.size), x.shape[::-1], (-1,)]))
    return draw(arrays(x.reshape(new).shape)), x.reshape(new), x, new


reshape_back = section.exercise(
    "reshape_back",
    hints=["Which shape must the result have, and which argument knows it?", "Does reshape move any numbers at all?"],
    mistakes={"Reshapes to the forward shape, which the gradient has already.": edit("x.shape", "new_shape")},
)
reshape_back.call(
    "reshape_back_values", "Brings the incoming gradient back into the input's shape.", points=0.25, case=reshapes()
)


@st.composite
def transposes(draw, most=3, negative=False):
    x = draw(arrays(tuple(draw(st.permutations([1, 2, 3, 4]))[:most])))
    axes = draw(st.permutations(range(x.ndim)))
    axes = tuple(axis - x.ndim if negative and draw(flag) else axis for axis in axes)
    return draw(arrays(np.transpose(x, axes).shape)), np.transpose(x, axes), x, axes


_INVERSE = "np.argsort([axis % x.ndim for axis in axes])"
permute_back = section.exercise(
    "permute_back",
    hints=[
        "Write down axes = (2, 0, 1) as arrows from input to output axes. Which list do the arrows give, "
        "read backwards?",
        "numpy has a function that, given a permutation, returns its inverse. It is usually used for something else.",
    ],
    mistakes={
        "Permutes forwards once more, by axes and not by their inverse.": edit(_INVERSE, "axes"),
        "Sorts negative axes as if they came before axis 0.": edit(_INVERSE, "np.argsort(axes)"),
        "Reshapes: the shape comes out right, the numbers in wrong places.": edit(
            f"np.transpose(grad_out, {_INVERSE})", "grad_out.reshape(x.shape)"
        ),
    },
)
permute_back.call("permute_back_values", "Applies the inverse of the permutation.", points=0.5, case=transposes())
permute_back.call(
    "permute_back_negative",
    "Understands axes that are counted from the end.",
    points=0.25,
    extra=True,
    case=transposes(4, negative=True),
)


# %% _sum, sum_back
Summed = namedtuple("Summed", "grad_out out x options")  # options: dim and keepdim where they are not left out


@st.composite
def sums(draw, *kinds):
    x = draw(filled)
    axis = st.integers(-x.ndim, x.ndim - 1)
    axes = st.lists(axis, unique_by=lambda axis: axis % x.ndim, min_size=1, max_size=x.ndim).map(tuple)
    dim, keepdim = draw({"one": axis, "all": st.none(), "several": axes}[draw(st.sampled_from(kinds))]), draw(flag)
    out = np.asarray(np.sum(x, axis=dim, keepdims=keepdim))
    given = (("dim", dim, dim is None), ("keepdim", keepdim, not keepdim))  # name, value, is it the default
    options = {name: value for name, value, default in given if not default or draw(flag)}
    return Summed(draw(arrays(out.shape)), out, x, options)


_sum = section.exercise(
    "_sum",
    hints=["What does np.sum call these two arguments?", "What does np.sum do by itself when no axis is given?"],
    mistakes={
        "Ignores keepdim.": edit(", keepdims=keepdim", ""),
        "Ignores dim and sums everything.": edit("axis=dim", "axis=None"),
    },
)


@_sum.check(points=0.25, case=sums("one", "all", "several"))
def sum_values(solution, case):
    """Sums over one axis, several or all, with and without keepdim."""
    return solution._sum(case.x, **case.options)


_EXPAND = "np.expand_dims(grad_out, tuple(range(x.ndim)) if dim is None else dim)"
sum_back = section.exercise(
    "sum_back",
    hints=[
        "If one summand grows by one, by how much does its sum grow?",
        "Which shape would grad_out have had with keepdim=True? Bring it there first; what can broadcasting do then?",
        "np.expand_dims takes one axis or several, also counted from the end. Which axes are meant if dim is None?",
    ],
    mistakes={
        "Spreads along the wrong axis: the sizes are made to fit, the numbers are misplaced.": edit(
            "np.broadcast_to(grad_out, x.shape)", "np.resize(grad_out, x.shape)"
        ),
        "Does not bring the summed axes back before it spreads.": edit(_EXPAND, "grad_out"),
        "Adds an axis again although keepdim left it in place.": edit("if not keepdim:", "if True:"),
        "Fails for a tuple of axes.": edit("None else dim)", "None else int(dim))"),
        "Fails for axes counted from the end.": edit("None else dim)", "None else np.abs(dim).tolist())"),
    },
)


@sum_back.check(points=0.75, case=sums("one"))
def sum_back_axis(solution, case):
    """Spreads the gradient along the one axis that was summed."""
    return solution.sum_back(case.grad_out, case.out, case.x, **case.options)


@sum_back.check(points=0.5, case=sums("all"))
def sum_back_all(solution, case):
    """Spreads the gradient over the whole input where everything was summed."""
    return solution.sum_back(case.grad_out, case.out, case.x, **case.options)


@sum_back.check(points=0.5, extra=True, case=sums("several"))
def sum_back_axes(solution, case):
    """Spreads the gradient along several axes, also where they are counted from the end."""
    return solution.sum_back(case.grad_out, case.out, case.x, **case.options)


# %% coerce_index, _getitem, getitem_back
Lookup = namedtuple("Lookup", "grad_out out x index")
bounds = st.none() | st.integers(-3, 3)
slices = st.builds(slice, bounds, bounds, st.sampled_from([None, 2, -1]))


@st.composite
def lookups(draw, *kinds):
    """A read of an array of 2 to 4 rows by numbers, slices, a mask, or arrays of places that repeat."""
    x, size = draw(filled), draw(st.integers(1, 5))
    row, column = (st.integers(-size, size - 1) for size in x.shape[:2])
    rows, columns = (st.lists(place, min_size=size, max_size=size).map(np.array) for place in (row, column))
    ways = {
        "numbers": row | st.tuples(row, column),
        "slices": slices | st.tuples(slices, column) | st.tuples(slices, slices),
        "mask": st.lists(flag, min_size=len(x), max_size=len(x)).map(np.array),
        "places": st.tuples(rows) | st.tuples(rows, columns),
    }
    index = draw(ways[draw(st.sampled_from(kinds))])
    out = np.asarray(x[index])
    return Lookup(draw(arrays(out.shape)), out, x, index)


places, unmasked = lookups("places"), lookups("numbers", "slices", "places")


def with_tensors(solution, index):
    """The index with tensors in place of its arrays."""
    if not isinstance(index, tuple):
        return index
    return tuple(solution.Tensor(part) if isinstance(part, np.ndarray) else part for part in index)


coerce_index = section.exercise(
    "coerce_index",
    hints=["How many kinds of index are there to tell apart?", "Which type must come out when a tuple goes in?"],
    mistakes={
        "Tensors in a tuple stay tensors.": edit("tuple(coerce_index(part) for part in index)", "index"),
        "A tensor that stands alone stays a tensor.": [
            edit("index.array if isinstance(index, Tensor) else index", "index"),
            edit("coerce_index(part) for part", "part.array if isinstance(part, Tensor) else part for part"),
        ],
    },
)


@coerce_index.check(points=0.5, case=unmasked)
def coerce_tuples(solution, case):
    """Replaces the tensors of a tuple by their arrays, and leaves an index without tensors as it is."""
    return solution.coerce_index(with_tensors(solution, case.index))


@coerce_index.check(points=0.25, extra=True, case=places, number=st.integers(0, 3))
def coerce_mixed(solution, case, number):
    """Replaces a tensor that stands alone or beside a number."""
    tensor = solution.Tensor(case.index[0])
    return solution.coerce_index(tensor), solution.coerce_index((number, tensor))


_getitem = section.exercise(
    "_getitem",
    hints=["What must happen to the index before numpy can read it?", "Is there a function for that just above?"],
    mistakes={"Tensors in the index reach numpy as tensors.": edit("coerce_index(index)", "index")},
)
_getitem.call(
    "getitem_values", "Reads what numpy reads.", points=0.25, case=unmasked.map(lambda case: (case.x, case.index))
)


@_getitem.check(points=0.25, case=places)
def getitem_tensors(solution, case):
    """Accepts tensors in the index."""
    return solution._getitem(case.x, with_tensors(solution, case.index))


_SCATTER = "np.add.at(grad, coerce_index(index), grad_out)"
getitem_back = section.exercise(
    "getitem_back",
    hints=[
        "What is the gradient of a place that nobody read?",
        "If x[1] is read twice, which two numbers end up in its gradient?",
        "Read what numpy's documentation says about += with repeated indices, and what ufuncs offer instead.",
    ],
    mistakes={
        "Adds with += or assigns: of a place read several times only the last gradient arrives.": edit(
            _SCATTER, "grad[coerce_index(index)] += grad_out"
        ),
        "Tensors in the index reach numpy as tensors.": edit("coerce_index(index), grad_out", "index, grad_out"),
    },
)
getitem_back.call(
    "getitem_back_slices",
    "Sends gradients back to the places that numbers and slices read, and zeros elsewhere.",
    points=0.25,
    case=lookups("numbers", "slices"),
)
getitem_back.call(
    "getitem_back_places", "Adds up the gradients of a place that was read several times.", points=0.5, case=places
)


@getitem_back.check(points=0.25, case=places)
def getitem_back_tensors(solution, case):
    """Accepts tensors in the index."""
    return solution.getitem_back(case.grad_out, case.out, case.x, with_tensors(solution, case.index))


getitem_back.call(
    "getitem_back_mask", "Sends gradients back through a boolean mask.", points=0.25, case=lookups("mask")
)


# %% add, subtract, true_divide: the backward functions, which in older answers have no names
_LINEAR_HINTS = (
    "If this operand grows by a little, by how much and in which direction does the result change?",
    "Which shape must the gradient have when the operands were broadcast?",
)

add_back0 = section.exercise(
    "add_back0",
    hints=_LINEAR_HINTS,
    mistakes={
        _NO_SUM: edit("unbroadcast(grad_out, x)", "grad_out"),
        "Multiplies by x: the slope of x + y is one.": edit("unbroadcast(grad_out, x)", "unbroadcast(grad_out * x, x)"),
    },
)


@add_back0.check(points=0.25, case=binary(np.add, pairs=broad))
def add_back0_values(solution, case):
    """The gradient of x + y with respect to x, with broadcasting."""
    return backward(solution, "add_back0", np.add, 0)(*case)


add_back1 = section.exercise(
    "add_back1",
    hints=_LINEAR_HINTS,
    mistakes={
        _NO_SUM: edit("unbroadcast(grad_out, y)", "grad_out"),
        "Multiplies by y: the slope of x + y is one.": edit("unbroadcast(grad_out, y)", "unbroadcast(grad_out * y, y)"),
    },
)


@add_back1.check(points=0.25, case=binary(np.add, pairs=broad, plain="x"))
def add_back1_values(solution, case):
    """The gradient of x + y with respect to y, with broadcasting or a plain number."""
    return backward(solution, "add_back1", np.add, 1)(*case)


subtract_back1 = section.exercise(
    "subtract_back1",
    hints=_LINEAR_HINTS,
    mistakes={
        "The sign is lost: y is subtracted.": edit("-grad_out", "grad_out"),
        _NO_SUM: edit("unbroadcast(-grad_out, y)", "-grad_out"),
    },
)


@subtract_back1.check(points=0.25, case=binary(np.subtract, pairs=broad, plain="x"))
def subtract_back1_values(solution, case):
    """The gradient of x - y with respect to y, with broadcasting or a plain number."""
    return backward(solution, "subtract_back1", np.subtract, 1)(*case)


true_divide_back0 = section.exercise(
    "true_divide_back0",
    hints=_LINEAR_HINTS,
    mistakes={
        _NO_SUM: edit("unbroadcast(grad_out / y, x)", "grad_out / y"),
        "Multiplies by y instead of dividing.": edit("grad_out / y", "grad_out * y"),
    },
)


@true_divide_back0.check(points=0.25, case=binary(np.true_divide, NONZERO, broad, plain="y"))
def true_divide_back0_values(solution, case):
    """The gradient of x / y with respect to x, with broadcasting or a plain number."""
    return backward(solution, "true_divide_back0", np.true_divide, 0)(*case)


true_divide_back1 = section.exercise(
    "true_divide_back1",
    hints=["Write x / y as x times a power of y. What is the derivative of that power?", *_LINEAR_HINTS],
    mistakes={
        "The sign is lost: a larger divisor makes a smaller quotient.": edit("-grad_out", "grad_out"),
        "Divides by y; by the quotient rule it is y squared.": edit("y**2", "y"),
        "The factor x is missing.": edit("-grad_out * x /", "-grad_out /"),
        _NO_SUM: edit("unbroadcast(-grad_out * x / y**2, y)", "-grad_out * x / y**2"),
    },
)


@true_divide_back1.check(points=0.5, case=binary(np.true_divide, NONZERO, broad, plain="x"))
def true_divide_back1_values(solution, case):
    """The gradient of x / y with respect to y, with broadcasting or a plain number."""
    return backward(solution, "true_divide_back1", np.true_divide, 1)(*case)


# %% add_, sub_
alphas = st.sampled_from([1.0, 0.5, -2.0])
_OTHER = "alpha * (other.array if isinstance(other, Tensor) else other)"
add_ = section.exercise(
    "add_",
    hints=[
        "Which of a = a + b and a += b changes the array that others hold?",
        "What may `other` be, and what does alpha do to it?",
    ],
    mistakes={
        "Makes a new array; whoever holds the old one does not see the change.": edit("array +=", "array = x.array +"),
        "Ignores alpha.": edit(_OTHER, "other.array if isinstance(other, Tensor) else other"),
        "Does not accept plain numbers.": edit("(other.array if isinstance(other, Tensor) else other)", "other.array"),
        "Returns nothing, so that calls cannot be chained.": edit("    return x", "    return None"),
    },
)


@add_.check(points=0.5, judge=near, case=binary(np.add), alpha=alphas)
def add_in_place(solution, case, alpha):
    """Adds alpha times the other tensor to the tensor's own array, and returns the tensor."""
    x = solution.Tensor(case.x.copy())
    held, returned = x.array, solution.add_(x, solution.Tensor(case.y), alpha=alpha)
    return numbers(returned), held.astype(float), numbers(x)


@add_.check(points=0.25, extra=True, judge=near, x=anything, number=whole)
def add_number_in_place(solution, x, number):
    """Adds a plain number, once where alpha is not given."""
    return numbers(solution.add_(solution.Tensor(x.copy()), number))


sub_ = section.exercise(
    "sub_",
    hints=["Can add_ do this for you?", "Which value of alpha turns adding into subtracting?"],
    mistakes={
        "Adds: the sign is lost.": edit("alpha=-alpha", "alpha=alpha"),
        "Ignores alpha.": edit("alpha=-alpha", "alpha=-1.0"),
    },
)


@sub_.check(points=0.5, judge=near, case=binary(np.subtract), alpha=alphas)
def sub_in_place(solution, case, alpha):
    """Subtracts alpha times the other tensor from the tensor's own array, and returns the tensor."""
    x = solution.Tensor(case.x.copy())
    held, returned = x.array, solution.sub_(x, solution.Tensor(case.y), alpha=alpha)
    return numbers(returned), held.astype(float), numbers(x)


@sub_.check(points=0.25, extra=True, judge=near, x=anything, number=whole)
def sub_number_in_place(solution, x, number):
    """Subtracts a plain number, once where alpha is not given."""
    return numbers(solution.sub_(solution.Tensor(x.copy()), number))


# %% maximum_back0, maximum_back1, relu
_HALF0, _HALF1 = "((x > y) + 0.5 * (x == y))", "((y > x) + 0.5 * (x == y))"
_MAXIMUM_HINTS = (
    "If x is clearly the larger one, what does a small change of y do to the result?",
    "Three cases: larger, smaller, equal. Can the factor of each be written with comparisons of whole arrays?",
)

_TIES = "At ties each side gets the whole gradient; together they get it twice."
maximum_back0 = section.exercise(
    "maximum_back0",
    hints=_MAXIMUM_HINTS,
    mistakes={
        _TIES: edit(_HALF0, "(x >= y)"),
        "At ties nobody gets the gradient.": edit(_HALF0, "(x > y)"),
        _NO_SUM: edit(f"unbroadcast(grad_out * {_HALF0}, x)", f"grad_out * {_HALF0}"),
    },
)
maximum_back0.call(
    "maximum_back0_values",
    "Gives x the gradient where x is larger, and half of it where both are equal.",
    points=0.5,
    case=binary(np.maximum, FEW),
)
maximum_back0.call(
    "maximum_back0_broadcast",
    "Returns the shape of x, with broadcasting or a plain number.",
    points=0.25,
    case=binary(np.maximum, FEW, broad, plain="y"),
)

maximum_back1 = section.exercise(
    "maximum_back1",
    hints=_MAXIMUM_HINTS,
    mistakes={
        _TIES: edit(_HALF1, "(y >= x)"),
        "At ties nobody gets the gradient.": edit(_HALF1, "(y > x)"),
        _NO_SUM: edit(f"unbroadcast(grad_out * {_HALF1}, y)", f"grad_out * {_HALF1}"),
    },
)
maximum_back1.call(
    "maximum_back1_values",
    "Gives y the gradient where y is larger, and half of it where both are equal.",
    points=0.5,
    case=binary(np.maximum, FEW),
)
maximum_back1.call(
    "maximum_back1_broadcast",
    "Returns the shape of y, with broadcasting or a plain number.",
    points=0.25,
    case=binary(np.maximum, FEW, broad, plain="x"),
)


def slopes_but_at_zero(observed, expected, inputs):
    """Judges relu's values and gradients; at zero any gradient from 0 to 1 times the incoming one will do."""
    case, gradient = inputs["case"], observed[1]
    if gradient.shape == case.x.shape:
        right = np.where(case.x == 0, gradient, expected[1])
        nearest = np.clip(np.nan_to_num(right), np.minimum(case.grad_out, 0), np.maximum(case.grad_out, 0))
        if near(right, nearest, inputs):
            return "at zero the gradient is not between 0 and 1 times the incoming one"
        expected = expected[0], right
    return near(observed, expected, inputs)


relu = section.exercise(
    "relu",
    hints=["Which of the operations you have compares two things?", "Must both of its arguments be tensors?"],
    mistakes={
        "Takes the absolute value: negative numbers become positive.": edit("maximum(x, 0.0)", "maximum(x, -x)"),
        "Computes outside the graph: the result has no recipe and no gradient comes back.": edit(
            "maximum(x, 0.0)", "Tensor(np.maximum(x.array, 0.0))"
        ),
    },
)


@relu.check(points=0.25, x=tied)
def relu_values(solution, x):
    """Returns the larger of x and zero."""
    return numbers(solution.relu(solution.Tensor(x)))


@relu.check(points=0.25, judge=slopes_but_at_zero, case=unary(np.abs, FEW))
def relu_gradient(solution, case):
    """Lets the gradient through where x is positive, and nowhere else."""
    x = solution.Tensor(case.x, requires_grad=True)
    out = solution.relu(x)
    out.backward(case.grad_out)
    return numbers(out), numbers(x.grad)


# %% _matmul2d, matmul2d_back0, matmul2d_back1
sizes = st.permutations([2, 3, 4]) | st.sampled_from([[2, 2, 2], [3, 3, 3]])
matrices = binary(np.matmul, pairs=sizes.map(lambda size: (size[:2], size[1:])))  # (n, k) and (k, m)
_matmul2d = section.exercise(
    "_matmul2d",
    hints=[
        "Which operator multiplies matrices in Python?",
        "Does elementwise multiplication fit the shapes (n, k) and (k, m)?",
    ],
    mistakes={
        "Multiplies elementwise.": edit("x @ y", "x * y"),
        "Multiplies in the wrong order.": edit("x @ y", "y @ x"),
    },
)
_matmul2d.call("matmul_values", "Multiplies two matrices.", points=0.25, case=matrices.map(lambda case: case[2:]))


_MATMUL_HINTS = (
    "Out[i, j] is a sum over k. In how many of these sums does one entry of x, or of y, take part?",
    "Which order and which transposes give the right shape? Check a square case by hand: shapes cannot help you there.",
)

matmul2d_back0 = section.exercise(
    "matmul2d_back0",
    hints=_MATMUL_HINTS,
    mistakes={
        "The right matrix is not transposed.": edit("y.T", "y"),
        "Multiplies in the wrong order.": edit("grad_out @ y.T", "y.T @ grad_out"),
    },
)
matmul2d_back0.call(
    "matmul_back0_values",
    "The gradient with respect to the left matrix, also where all matrices are square.",
    points=0.5,
    case=matrices,
)

matmul2d_back1 = section.exercise(
    "matmul2d_back1",
    hints=_MATMUL_HINTS,
    mistakes={
        "The left matrix is not transposed.": edit("x.T", "x"),
        "Multiplies in the wrong order.": edit("x.T @ grad_out", "grad_out @ x.T"),
    },
)
matmul2d_back1.call(
    "matmul_back1_values",
    "The gradient with respect to the right matrix, also where all matrices are square.",
    points=0.5,
    case=matrices,
)


# %% Parameter, Module
Parameter = section.exercise(
    "Parameter",
    hints=[
        "What does the constructor of Tensor need, and which of it does the given tensor have?",
        "How does a subclass call it?",
    ],
    mistakes={
        "Copies the array.": edit("tensor.array", "tensor.array.copy()"),
        "Never requires a gradient.": edit("tensor.array, requires_grad=requires_grad", "tensor.array"),
        "Requires a gradient even when told not to.": edit("requires_grad=requires_grad", "requires_grad=True"),
    },
)


@Parameter.check(points=0.25, x=anything, needed=flag)
def parameter_fields(solution, x, needed):
    """Is a tensor that requires a gradient, unless told otherwise, and has none yet."""
    chosen = solution.Parameter(solution.Tensor(x), requires_grad=needed)
    default = solution.Parameter(solution.Tensor(x))
    return [(isinstance(p, solution.Tensor), numbers(p), p.requires_grad, p.grad, p.recipe) for p in (chosen, default)]


@Parameter.check(points=0.25, x=anything, value=whole)
def parameter_shares(solution, x, value):
    """Shares the array of the tensor it is made from."""
    source = solution.Tensor(x.copy())
    parameter = solution.Parameter(source)
    source.array[...] = value
    return numbers(parameter)


names = st.sampled_from(["weight", "bias", "scale", "encoder", "head"])


def trees(depth=2, names=names):
    """Attributes of a module by name: numbers are parameters, dicts modules inside, text anything else."""
    part = whole | st.sampled_from(["relu", "mean"])
    if not depth:
        return st.dictionaries(names, part, max_size=2)
    return st.dictionaries(names, part | trees(depth - 1), min_size=1, max_size=2 * depth)


modules, small_modules = trees(), trees(1, st.sampled_from(["weight", "head"]))


def assembled(solution, tree):
    """A Module with these attributes."""
    module = solution.Module()
    for name, part in tree.items():
        if isinstance(part, dict):
            part = assembled(solution, part)
        elif not isinstance(part, str):
            part = solution.Parameter(solution.Tensor([float(part)]))
        setattr(module, name, part)
    return module


def described(part):
    """An attribute of an assembled module as data."""
    if part is None or isinstance(part, str):
        return part
    return "a module" if callable(part) else numbers(part)


_OWN = "dict.fromkeys(self._parameters.values())"
Module = section.exercise(
    "Module",
    hints=[
        "When does Python call __setattr__, and when __getattr__? One of them only after an ordinary lookup "
        "has failed.",
        "How does `super().__setattr__` store a value, and for which values do you want that?",
        "parameters() of a module can use parameters() of the modules inside it. What must happen to one met twice?",
    ],
    mistakes={
        "Lists a parameter that two modules share twice; an optimizer would move it twice.": [
            edit(f"found = {_OWN}", "found = list(self._parameters.values())"),
            edit("found.update(dict.fromkeys(module.parameters()))", "found += module.parameters()"),
        ],
        "Keeps parameters and modules among the ordinary attributes as well: every one is stored twice.": [
            edit("self._parameters[key] = val", "self._parameters[key] = self.__dict__[key] = val"),
            edit("self._modules[key] = val", "self._modules[key] = self.__dict__[key] = val"),
        ],
        "Ignores recurse and always goes into the modules inside.": edit("if recurse:", "if True:"),
        "Lists the modules at all depths; only those directly inside are asked for.": edit(
            "iter(self._modules.values())", "(m for d in self._modules.values() for m in (d, *d.modules()))"
        ),
        "Returns None for attributes that do not exist; it must raise.": edit(
            'raise AttributeError(f"{type(self).__name__} has no attribute {key!r}")', "return None"
        ),
        "A parameter stays in the list after its name was given to something else.": edit(
            "        else:\n            self._parameters.pop(key, None)\n", "        else:\n"
        ),
        "A name that is given anew stays in the table of what it meant before.": [
            edit("self._modules.pop(key, None)\n            self._parameters[key]", "self._parameters[key]"),
            edit("self._parameters.pop(key, None)\n            self._modules[key]", "self._modules[key]"),
            edit(
                "self._parameters.pop(key, None)\n            self._modules.pop(key, None)\n            super", "super"
            ),
        ],
    },
)


@Module.check(points=0.75, tree=modules)
def module_parameters(solution, tree):
    """Lists its own parameters and then those of the modules inside."""
    return [numbers(parameter) for parameter in assembled(solution, tree).parameters()]


@Module.check(points=0.25, tree=modules)
def module_own_parameters(solution, tree):
    """With recurse=False, lists its own parameters only."""
    return [numbers(parameter) for parameter in assembled(solution, tree).parameters(recurse=False)]


@Module.check(points=0.25, tree=modules)
def module_modules(solution, tree):
    """Lists the modules directly inside."""
    return [[numbers(p) for p in inside.parameters()] for inside in assembled(solution, tree).modules()]


@Module.check(points=0.25, tree=modules, absent=names)
def module_attributes(solution, tree, absent):
    """Finds attributes of every kind by name, and raises where there is none."""
    module = assembled(solution, tree)
    found = {name: described(getattr(module, name)) for name in tree}
    try:
        part = getattr(module, absent)
    except (AttributeError, KeyError):  # the one is Python's way, the other ARENA's
        return found, f"there is no {absent}"
    return found, described(part)


@Module.check(points=0.25, tree=modules)
def module_stores_once(solution, tree):
    """Keeps parameters and modules in their own places and not among the ordinary attributes as well."""
    module = assembled(solution, tree)
    return sorted(name for name in vars(module) if name in tree), list(module._parameters), list(module._modules)


@Module.check(points=0.25, tree=modules)
def module_repr(solution, tree):
    """Shows the modules inside, each as (name): and its class, at all depths."""
    return re.findall(r"\((\w+)\): (\w+)", repr(assembled(solution, tree)))


@Module.check(points=0.25, extra=True, tree=modules, name=names)
def module_shared(solution, tree, name):
    """Lists a parameter that is shared between modules once."""
    first, second = assembled(solution, tree), solution.Module()
    second.inside = first
    for position, parameter in enumerate(list(first.parameters())):
        setattr(second, f"{name}{position}", parameter)
    return sorted(parameter.item() for parameter in second.parameters())


@Module.check(points=0.25, extra=True, first=small_modules, second=small_modules)
def module_reassigned(solution, first, second):
    """Forgets what a name meant when something else is assigned to it."""
    module = assembled(solution, first)
    for name, part in vars(assembled(solution, second)).items():
        for key, value in part.items() if name in ("_parameters", "_modules") else [(name, part)]:
            setattr(module, key, value)
    found = {name: described(getattr(module, name)) for name in {**first, **second}}
    return found, sorted(parameter.item() for parameter in module.parameters()), len(list(module.modules()))


# %% Linear, ReLU, MLP
Layer = namedtuple("Layer", "x weight bias grad_out")
many = st.integers(150, 200)


@st.composite
def layers(draw):
    rows, wide, high = draw(st.permutations([1, 2, 3, 4]))[:3]
    return Layer(*(draw(arrays(shape)) for shape in ((rows, wide), (high, wide), (high,), (rows, high))))


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


Linear = section.exercise(
    "Linear",
    hints=[
        "Which shape must weight have so that (batch, in) becomes (batch, out) when it is transposed?",
        "Which type must weight and bias have so that parameters() finds them?",
        "Transpose with an operation that leaves a recipe. Which of yours does that?",
    ],
    mistakes={
        "Leaves the bias out.": edit("return out if self.bias is None else out + self.bias", "return out"),
        "Starts between 0 and the bound: no weight is negative.": edit(
            "(out_features, in_features).uniform_(-bound, bound)", "(out_features, in_features).uniform_(0.0, bound)"
        ),
        "Takes the bound from the number of outputs.": edit("bound = in_features**-0.5", "bound = out_features**-0.5"),
        "Starts with a bias of zero; the text asks for the same range as the weight's.": edit(
            "empty(out_features).uniform_(-bound, bound)", "zeros(out_features)"
        ),
        "Has a bias although it was asked not to.": edit(" if bias else None", ""),
        "Multiplies arrays, not tensors: no gradient reaches the parameters.": edit(
            "x @ self.weight.permute((1, 0))", "Tensor(x.array @ self.weight.array.T)"
        ),
    },
)


@Linear.check(points=0.5, layer=layers())
def linear_values(solution, layer):
    """Computes x @ weight.T + bias."""
    return numbers(linear(solution, layer)(solution.Tensor(layer.x)))


@Linear.check(points=0.25, layer=layers())
def linear_without_bias(solution, layer):
    """With bias=False, has a bias of None and adds none."""
    module = linear(solution, layer, with_bias=False)
    return numbers(module(solution.Tensor(layer.x))), module.bias is None


@Linear.check(points=0.5, layer=layers())
def linear_gradients(solution, layer):
    """Gives gradients to weight, bias and input."""
    module, x = linear(solution, layer), solution.Tensor(layer.x, requires_grad=True)
    module(x).backward(layer.grad_out)
    return gradients([module.weight, module.bias, x])


@Linear.check(points=0.25, examples=10, judge=spread_evenly, in_features=st.integers(2, 20), out_features=many)
def linear_start(solution, in_features, out_features):
    """Starts uniformly distributed between ±1/sqrt(in_features)."""
    module = solution.Linear(in_features, out_features)
    return [numbers(module.weight), numbers(module.bias)]


ReLU = section.exercise(
    "ReLU",
    hints=["There is a function of this name in small letters.", "What does calling a module do with its arguments?"],
    mistakes={"Hands its input on as it is.": edit("return relu(x)", "return x")},
)


@ReLU.check(points=0.25, x=tied)
def relu_module(solution, x):
    """Computes relu when it is called."""
    return numbers(solution.ReLU()(solution.Tensor(x)))


layouts = st.sampled_from([(784,), (28, 28), (1, 28, 28)])
pixels = st.lists(st.integers(0, 1), min_size=5, max_size=5)
signs = st.lists(st.integers(-1, 1), min_size=11, max_size=11)
MLP = section.exercise(
    "MLP",
    hints=[
        "Which shape does the first Linear expect, and which do images have?",
        "After which of the three layers does a ReLU stand?",
    ],
    mistakes={
        "Nothing nonlinear stands after the first layer.": edit("self.relu1(self.linear1(x))", "self.linear1(x)"),
        "Nothing nonlinear stands after the second layer.": edit("self.relu2(self.linear2(x))", "self.linear2(x)"),
        "ReLU stands after the logits as well: they lose their sign.": edit("self.output(x)", "relu(self.output(x))"),
    },
)


@MLP.check(points=0.75, examples=20, batch=st.integers(1, 3), layout=layouts, pixels=pixels, signs=signs)
def mlp_values(solution, batch, layout, pixels, signs):
    """Maps images to ten logits through two hidden layers of 64 with ReLU."""
    model = solution.MLP()
    for parameter in model.parameters():
        parameter.array[...] = np.resize(signs, parameter.shape)
    logits = model(solution.Tensor(np.resize(np.array(pixels, dtype=float), (batch, *layout))))
    return numbers(logits), sorted(parameter.shape for parameter in model.parameters())


# %% cross_entropy
Batch = namedtuple("Batch", "logits labels grad_out")


@st.composite
def batches(draw, values=WHOLE[:9]):
    rows, classes = draw(st.sampled_from([(2, 3), (1, 3), (3, 2), (4, 3), (3, 4), (2, 1)]))
    labels = arrays((rows,), range(classes), int)
    return draw(st.builds(Batch, arrays((rows, classes), values), labels, arrays((rows,), POSITIVE)))


HUGE = (0, 1, 999, 1000, -1000)
_OWN_LOGIT = "shifted[arange(0, len(logits)), true_labels]"
cross_entropy = section.exercise(
    "cross_entropy",
    hints=[
        "Start with logits in a small range. Which of your operations give log(sum(exp(...))) for each row?",
        "How do you read one entry of each row, another column in every row, with one index?",
        "What happens to the loss when 5 is added to all logits of a row? Which shift makes the largest exponent zero?",
    ],
    mistakes={
        "Exponents are not kept small: exp overflows for large logits.": edit(
            "highest = Tensor(logits.array.max(axis=1, keepdims=True))", "highest = Tensor(np.zeros((len(logits), 1)))"
        ),
        "Takes the mean over the rows; one loss for each row is asked for.": edit(
            f"log_total - {_OWN_LOGIT}", f"(log_total - {_OWN_LOGIT}).sum() / len(logits)"
        ),
        "Subtracts the highest logit of the whole batch: other rows may underflow.": edit("max(axis=1, ", "max("),
        "The sign is wrong: it grows with the probability of the true label.": edit(
            f"log_total - {_OWN_LOGIT}", f"{_OWN_LOGIT} - log_total"
        ),
        "Shifts the logits in the sum but not the true label's: the losses are off by the shift.": edit(
            "- shifted[arange", "- logits[arange"
        ),
        "Computes outside the graph: no gradient reaches the logits.": edit(
            "shifted = logits - highest", "shifted = Tensor((logits - highest).array)"
        ),
    },
)


@cross_entropy.check(points=0.75, judge=near, batch=batches())
def cross_entropy_values(solution, batch):
    """Returns one loss for each row."""
    return numbers(solution.cross_entropy(solution.Tensor(batch.logits), solution.Tensor(batch.labels)))


@cross_entropy.check(points=0.5, judge=near, batch=batches())
def cross_entropy_gradient(solution, batch):
    """Gives gradients to the logits."""
    logits = solution.Tensor(batch.logits, requires_grad=True)
    solution.cross_entropy(logits, solution.Tensor(batch.labels)).backward(batch.grad_out)
    return gradients([logits])


@cross_entropy.check(points=0.25, extra=True, judge=near, batch=batches(HUGE))
def cross_entropy_huge(solution, batch):
    """Stays finite where logits are near a thousand, and so do its gradients."""
    logits = solution.Tensor(batch.logits, requires_grad=True)
    losses = solution.cross_entropy(logits, solution.Tensor(batch.labels))
    losses.backward(batch.grad_out)
    return numbers(losses), gradients([logits])


# %% NoGrad, SGD
training = st.lists(alike.flatmap(lambda pair: st.tuples(*map(arrays, pair))), min_size=1, max_size=3)
rates = st.sampled_from([0.5, 0.25, 2.0])


def descend(solution, depth):
    """Whether tracking is on before, inside and after each of `depth` nested contexts."""
    seen = [solution.grad_tracking_enabled]
    if depth:
        with solution.NoGrad():
            seen += descend(solution, depth - 1)
    return [*seen, solution.grad_tracking_enabled]


_PUT_BACK = "= self.was_enabled"
NoGrad = section.exercise(
    "NoGrad",
    hints=[
        "What must be remembered on entering so that leaving can put it back?",
        "What does Python pass to __exit__ when an exception comes by, and what does the value it returns mean?",
    ],
    mistakes={
        "Always switches tracking on at the end, even inside another NoGrad.": edit(_PUT_BACK, "= True"),
        "Tracking stays off after an exception.": edit(_PUT_BACK, f"{_PUT_BACK} and exception[0] is None"),
        "Swallows exceptions.": edit(_PUT_BACK, f"{_PUT_BACK}\n        return True"),
        "Sets a local variable: without `global` the module's own does not change.": edit(
            "global grad_tracking_enabled\n        self.was_enabled = grad_tracking_enabled",
            "self.was_enabled = globals()['grad_tracking_enabled']",
        ),
    },
)


@NoGrad.check(points=0.5, examples=20, enabled=flag, depth=st.integers(1, 3))
def no_grad_nested(solution, enabled, depth):
    """Switches tracking off and puts it back as it was, also when nested."""
    with tracking(solution, enabled):
        return descend(solution, depth)


@NoGrad.check(points=0.25, examples=20, enabled=flag, message=st.integers(0, 99))
def no_grad_exception(solution, enabled, message):
    """Puts tracking back when an exception leaves the context, and lets the exception pass."""
    with tracking(solution, enabled):
        try:
            with solution.NoGrad():
                raise ArithmeticError(message)
        except ArithmeticError as error:
            return error.args, solution.grad_tracking_enabled


def parameters_of(solution, training):
    """Tensors with numbers and gradients, drawn in pairs."""
    params = [solution.Tensor(value.copy(), requires_grad=True) for value, _ in training]
    for param, (_, grad) in zip(params, training, strict=True):
        param.grad = solution.Tensor(grad)
    return params


_STEP = "sub_(param, param.grad, alpha=self.lr)"
SGD = section.exercise(
    "SGD",
    hints=[
        "How often may an iterator be gone through? What can you make of it in __init__?",
        "Should the update itself be part of the graph that the next backward pass walks?",
        "Which of your operations changes a tensor's own array?",
    ],
    mistakes={
        "zero_grad does nothing.": edit("param.grad = None", "pass"),
        "Gives the parameter a new array; whoever holds the old one does not see the step.": edit(
            _STEP, "param.array = param.array - self.lr * param.grad.array"
        ),
        "The step is recorded: the update is computed as a new tensor and the parameter stays.": [
            edit("with NoGrad():", "if True:"),
            edit(_STEP, "param = param - self.lr * param.grad"),
        ],
        "Moves along the gradient, so that the loss grows.": edit(_STEP, "add_(param, param.grad, alpha=self.lr)"),
        "Ignores the learning rate.": edit(", alpha=self.lr", ""),
        "Keeps the iterator it was given, which is used up after one pass.": edit("list(params)", "params"),
        "Fails for a parameter without a gradient.": edit("if param.grad is not None:", "if True:"),
    },
)


def stepped(optimizer, params, steps):
    for _ in range(steps):
        optimizer.step()
    return [numbers(param) for param in params]


@SGD.check(points=0.5, judge=near, training=training, lr=rates, steps=st.integers(1, 3))
def sgd_steps(solution, training, lr, steps):
    """Moves each parameter against its gradient by lr times as much."""
    params = parameters_of(solution, training)
    return stepped(solution.SGD(params, lr=lr), params, steps)


@SGD.check(points=0.25, judge=near, examples=20, training=training, lr=rates)
def sgd_iterator(solution, training, lr):
    """Moves them at every step, also where params is an iterator, which runs only once."""
    params = parameters_of(solution, training)
    return stepped(solution.SGD(iter(params), lr=lr), params, 2)


@SGD.check(points=0.25, judge=near, training=training, lr=rates)
def sgd_in_place(solution, training, lr):
    """Changes the parameters' own arrays, unrecorded, and leaves tracking as it was."""
    params = parameters_of(solution, training)
    held = [param.array for param in params]
    solution.SGD(params, lr=lr).step()
    recorded = [(param.requires_grad, param.recipe is None) for param in params]
    return [array.astype(float) for array in held], recorded, solution.grad_tracking_enabled


@SGD.check(points=0.5, judge=near, training=training, lr=rates)
def sgd_zero_grad(solution, training, lr):
    """After zero_grad a backward pass starts afresh."""
    params = parameters_of(solution, training)
    solution.SGD(params, lr=lr).zero_grad()
    for param, (_, grad) in zip(params, training, strict=True):
        solution.multiply(param, 3.0).backward(grad)
    return gradients(params)


@SGD.check(points=0.25, extra=True, judge=near, training=training, lr=rates)
def sgd_without_gradient(solution, training, lr):
    """Leaves a parameter that has no gradient where it is."""
    params = parameters_of(solution, training)
    params[0].grad = None
    solution.SGD(params, lr=lr).step()
    return [numbers(param) for param in params]
