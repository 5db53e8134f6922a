"""Backpropagation from scratch: an autograd engine in numpy.

In small steps you build what stands behind `loss.backward()`: gradients of single operations, a record of which
operations made a tensor, a walk backwards through that record, and on top of it layers, a loss and an optimizer. Numpy
is all it takes. Names are those of PyTorch wherever it has the same thing.
"""

# %% Setup
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Arr = np.ndarray

grad_tracking_enabled = True  # while this is False, no operation leaves a record of itself


# %% Backward functions of single operations
# A backward function answers one question: the loss L changes by grad_out per unit of an operation's output; by how
# much does it change per unit of one of its inputs? It gets grad_out (dL/dout, shape of out), the output out, and then
# the arguments of the forward call. It returns dL/dinput, which always has the shape of that input.
def sqrt_back(grad_out: Arr, out: Arr, x: Arr) -> Arr:
    """Backward of out = sqrt(x): dL/dx. This one is done for you; read it before you write the next.

    Chain rule: dL/dx = dL/dout · dout/dx, and dout/dx = 1 / (2 sqrt(x)). The root is already known: it is `out`.

    >>> sqrt_back(np.array([1.0, 8.0]), np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    array([0.5, 2. ])
    """
    return grad_out / (2 * out)


def log_back(grad_out: Arr, out: Arr, x: Arr) -> Arr:
    """Backward of out = log(x), the natural logarithm: dL/dx = dL/dout · 1/x.

    Args:
        grad_out, out, x: dL/dout, log(x) and the positive x, of one shape. Not every backward function needs out.

    Returns:
        dL/dx, shape of x.

    >>> log_back(np.array([1.0, 3.0]), np.log([2.0, 4.0]), np.array([2.0, 4.0]))
    array([0.5 , 0.75])
    """
    raise NotImplementedError("log_back")


def unbroadcast(broadcasted: Arr, original: Arr) -> Arr:
    """Sum `broadcasted` down to the shape of `original`: the backward of numpy's broadcasting.

    Broadcasting uses one number in many places. Moving it moves all of them, so its gradient is the sum over the
    places. There are two ways to be copied: an axis was put in front, or an axis of size one was stretched (and is
    there still). Where nothing was broadcast, nothing changes. An axis may have been stretched to no elements at all;
    the sum of nothing is zero.

    Args:
        broadcasted: a gradient, shape of the broadcast result.
        original: the array before broadcasting. Only its shape matters.

    Returns:
        The summed gradient, shape of original.

    >>> unbroadcast(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.zeros((2, 1))).tolist()
    [[6.0], [15.0]]

    Source: numpy user guide, "Broadcasting".
    """
    raise NotImplementedError("unbroadcast")


def multiply_back0(grad_out: Arr, out: Arr, x: Arr, y: Arr | float) -> Arr:
    """Backward of out = x · y, elementwise with broadcasting, with respect to the array x. y may be a plain number.

    Returns dL/dx, shape of x, also where x was broadcast against y.

    >>> multiply_back0(np.array([1.0, 10.0]), np.array([6.0, 8.0]), np.array([2.0]), np.array([3.0, 4.0]))
    array([43.])
    """
    raise NotImplementedError("multiply_back0")


def multiply_back1(grad_out: Arr, out: Arr, x: Arr | float, y: Arr) -> Arr:
    """Backward of out = x · y with respect to y: dL/dy, shape of y. Here x may be a plain number.

    >>> multiply_back1(np.array([1.0, 10.0]), np.array([4.0, 6.0]), 2.0, np.array([2.0, 3.0]))
    array([ 2., 20.])
    """
    raise NotImplementedError("multiply_back1")


def forward_and_back(a: Arr, b: Arr, c: Arr) -> tuple[Arr, Arr, Arr]:
    """Run a small graph forwards and then, by hand, backwards.

        d = a · b        e = log(c)        f = d · e        g = log(f)

    Go from g back to the inputs with the functions above, each fed with the gradient that a later one returned: that is
    all of backpropagation. It starts with dg/dg, one everywhere. A formula worked out on paper fails once the arrays
    broadcast.

    Args:
        a, b: positive arrays. c: numbers above one. Their shapes broadcast together.

    Returns:
        (dg/da, dg/db, dg/dc), gradients of the sum of g, each of the shape of its own input.

    >>> da, db, dc = forward_and_back(np.array([2.0, 4.0]), np.array([5.0]), np.array([np.e]))
    >>> da, db  # b counts twice, once for each element of a
    (array([0.5 , 0.25]), array([0.4]))
    """
    raise NotImplementedError("forward_and_back")


# %% Remembering which function undoes which
class BackwardFuncLookup:
    """Finds the backward function for argument number `arg_position` of `forward_fn`; every such pair has its own.

    >>> lookup = BackwardFuncLookup()
    >>> lookup.add_back_func(np.log, 0, log_back)
    >>> lookup.get_back_func(np.log, 0) is log_back
    True
    """

    def __init__(self) -> None:
        """Start with no functions; two lookups know nothing of each other."""
        raise NotImplementedError("BackwardFuncLookup.__init__")

    def add_back_func(self, forward_fn: Callable, arg_position: int, back_fn: Callable) -> None:
        """Remember `back_fn` for argument `arg_position` (counted from 0), in place of any earlier one."""
        raise NotImplementedError("BackwardFuncLookup.add_back_func")

    def get_back_func(self, forward_fn: Callable, arg_position: int) -> Callable:
        """Return what was registered for the pair.

        Raises:
            KeyError: nothing was. Better loud here than a wrong gradient later.
        """
        raise NotImplementedError("BackwardFuncLookup.get_back_func")


BACK_FUNCS = BackwardFuncLookup()
BACK_FUNCS.add_back_func(np.sqrt, 0, sqrt_back)
BACK_FUNCS.add_back_func(np.log, 0, log_back)
BACK_FUNCS.add_back_func(np.multiply, 0, multiply_back0)
BACK_FUNCS.add_back_func(np.multiply, 1, multiply_back1)


# %% Tensors and their recipes (given)
@dataclass(frozen=True)
class Recipe:
    """How a tensor was made, kept so that it can be undone."""

    func: Callable  # the numpy function that was called
    args: tuple  # its positional arguments, tensors replaced by their arrays
    kwargs: dict[str, Any]  # its keyword arguments
    parents: dict[int, "Tensor"]  # argument position -> the tensor that stood there


class Tensor:
    """An array that remembers how it was made. Its methods are short names for functions that you write."""

    __array_ufunc__ = None  # so that `array * tensor` asks the tensor how to multiply

    def __init__(self, array: Arr | list, requires_grad: bool = False) -> None:
        self.array = array if isinstance(array, Arr) else np.array(array)
        self.requires_grad = requires_grad
        self.grad: Tensor | None = None
        self.recipe: Recipe | None = None

    # fmt: off
    def __neg__(self): return negative(self)
    def __add__(self, other): return add(self, other)
    def __radd__(self, other): return add(other, self)
    def __sub__(self, other): return subtract(self, other)
    def __rsub__(self, other): return subtract(other, self)
    def __mul__(self, other): return multiply(self, other)
    def __rmul__(self, other): return multiply(other, self)
    def __truediv__(self, other): return true_divide(self, other)
    def __rtruediv__(self, other): return true_divide(other, self)
    def __matmul__(self, other): return matmul(self, other)
    def __rmatmul__(self, other): return matmul(other, self)
    def __eq__(self, other): return eq(self, other)  # elementwise, as in torch
    def __hash__(self): return id(self)  # by identity, so that tensors can be keys and members of sets
    def __getitem__(self, index): return getitem(self, index)
    def __len__(self): return len(self.array)
    def __bool__(self): return bool(self.item())
    def __repr__(self): return f"Tensor({self.array!r}, requires_grad={self.requires_grad})"
    def __iadd__(self, other): return add_(self, other)
    def __isub__(self, other): return sub_(self, other)
    def add_(self, other, alpha=1.0): return add_(self, other, alpha=alpha)
    def sub_(self, other, alpha=1.0): return sub_(self, other, alpha=alpha)
    def log(self): return log(self)
    def exp(self): return exp(self)
    def sum(self, dim=None, keepdim=False): return sum(self, dim=dim, keepdim=keepdim)
    def reshape(self, new_shape): return reshape(self, new_shape)
    def permute(self, axes): return permute(self, axes)
    def maximum(self, other): return maximum(self, other)
    def relu(self): return relu(self)
    def argmax(self, dim=None): return Tensor(np.argmax(self.array, axis=dim))
    def item(self): return self.array.item()
    def size(self, dim=None): return self.shape if dim is None else self.shape[dim]
    # fmt: on

    def uniform_(self, low: float, high: float) -> "Tensor":
        """Fill this tensor, in place, with random numbers between low and high."""
        self.array[...] = np.random.uniform(low, high, self.array.shape)
        return self

    def backward(self, end_grad: "Arr | Tensor | None" = None) -> None:
        """Add dL/dleaf to the `grad` of every leaf behind this tensor; `end_grad` is dL/dself."""
        backprop(self, Tensor(end_grad) if isinstance(end_grad, Arr) else end_grad)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def is_leaf(self) -> bool:
        """True for tensors that no recorded operation made: inputs and parameters."""
        return self.recipe is None or not self.requires_grad


def tensor(array: Arr | list, requires_grad: bool = False) -> Tensor:
    """A tensor of these numbers."""
    return Tensor(array, requires_grad=requires_grad)


def empty(*shape: int) -> Tensor:
    """A tensor whose numbers are whatever stood in memory."""
    return Tensor(np.empty(shape))


def zeros(*shape: int) -> Tensor:
    """A tensor of zeros."""
    return Tensor(np.zeros(shape))


def rand(*shape: int) -> Tensor:
    """A tensor of random numbers between 0 and 1."""
    return Tensor(np.random.rand(*shape))


def arange(start: int, end: int, step: int = 1) -> Tensor:
    """A tensor of the numbers from start up to, but not including, end."""
    return Tensor(np.arange(start, end, step))


# %% Forward functions that leave a record
def log_forward(x: Tensor) -> Tensor:
    """Natural logarithm of a tensor, leaving a recipe behind.

    The result requires a gradient if x does and the module's `grad_tracking_enabled` is True at the time of the call.
    Only then does it get a recipe: Recipe(np.log, args, kwargs, parents), where args are the arrays np.log was called
    with and parents says which tensor stood at which position. Otherwise the recipe stays None: a record nobody needs
    would only use up memory.

    Args:
        x: positive tensor of any shape.

    Returns:
        A new tensor, shape of x.

    >>> log_forward(Tensor([1.0], requires_grad=True)).recipe.args
    (array([1.]),)
    """
    raise NotImplementedError("log_forward")


def multiply_forward(a: Tensor | float, b: Tensor | float) -> Tensor:
    """Elementwise product with broadcasting, leaving a recipe for np.multiply. One factor may be a plain number.

    A number has no gradient and is nobody's parent, yet it takes its place among the arguments: in 2 · x the tensor x
    is argument 1. The keys of parents count arguments, not tensors.

    Returns:
        A new tensor of the broadcast shape. It requires a gradient, and has a recipe, if tracking is on and a or b
        requires one.

    >>> list(multiply_forward(2.0, Tensor([5.0], requires_grad=True)).recipe.parents)
    [1]
    """
    raise NotImplementedError("multiply_forward")


def wrap_forward_fn(numpy_func: Callable, is_differentiable: bool = True) -> Callable:
    """Turn any numpy function into one that takes tensors, returns a tensor and leaves a recipe.

    The two functions before differ in little more than the numpy function they call. Write the common part once.

    Args:
        numpy_func: gets the arrays of the tensors, and everything else as it is, by position and by keyword.
        is_differentiable: False for functions like np.equal: their results never require a gradient.

    Returns:
        tensor_func(*args, **kwargs) -> Tensor. Its result requires a gradient, and has a recipe for numpy_func, if
        tracking is on at the time of the call, numpy_func is differentiable, and a positional argument requires a
        gradient. A keyword argument may be a tensor too: numpy gets its array, and no gradient flows to it.

    >>> wrap_forward_fn(np.sum)(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0).array
    array([4., 6.])
    """
    raise NotImplementedError("wrap_forward_fn")


log = wrap_forward_fn(np.log)
multiply = wrap_forward_fn(np.multiply)
eq = wrap_forward_fn(np.equal, is_differentiable=False)


# %% Backpropagation
def topological_sort(node: Any, get_children: Callable[[Any], Iterable]) -> list:
    """List everything reachable from `node`, each once, children before those who have them. `node` comes last.

    A gradient may be passed on only when it is complete, that is after everyone who uses the node was visited. Such an
    order exists exactly if there is no cycle. Two ways to one node (a diamond) are no cycle. Any valid order will do.
    Go on from each node once: the ways to it may be too many to walk them all. Graphs may be thousands of nodes deep,
    deeper than Python's calls can be nested.

    Args:
        node: where to start. Nodes are hashable. Beware of `in` with a list: tensors compare elementwise under `==`.
        get_children: the children of a node; there may be none, or the same one twice.

    Raises:
        ValueError: a cycle can be reached from node.

    >>> topological_sort("shirt", {"shirt": ["cotton", "dye"], "cotton": [], "dye": ["cotton"]}.get)
    ['cotton', 'dye', 'shirt']

    Source: Tarjan (1976), "Edge-disjoint spanning trees and depth-first search".
    """
    raise NotImplementedError("topological_sort")


def sorted_computational_graph(tensor: Tensor) -> list[Tensor]:
    """List all tensors that `tensor` was made from: itself first, and each before the tensors it was made from.

    What topological_sort calls children are here the parents in a tensor's recipe. Backpropagation starts at the
    result, so the order runs the other way round.

    >>> x = Tensor([2.0], requires_grad=True)
    >>> y = multiply(x, x)
    >>> [t is y for t in sorted_computational_graph(y)]
    [True, False]
    """
    raise NotImplementedError("sorted_computational_graph")


def backprop(end_node: Tensor, end_grad: Tensor | None = None) -> None:
    """Compute the gradients of all leaves behind `end_node` and add them to their `grad`.

    Visit the tensors from the result backwards. Each has by then been given a gradient by everyone who used it; their
    sum is its own. To each parent that requires a gradient it gives what the backward function for (recipe.func,
    position) returns, called with (grad_out, out, *recipe.args, **recipe.kwargs). Other parents are passed over: no
    backward function is asked for them. One may return the very array that it was given, so beware of adding in place.
    There may be thousands of operations one after the other.

    Args:
        end_node: the result, usually a loss.
        end_grad: dL/dend_node, shape of end_node. Without it, end_node has a single element and the gradient is one.

    Returns:
        Nothing. A leaf that requires a gradient has it added to `grad`, a Tensor of its own shape, where None counts as
        zero: so a second call adds a second time. All other tensors keep the grad they had. No array but these is
        changed.

    >>> x = Tensor([2.0, 5.0], requires_grad=True)
    >>> backprop(multiply(x, x), Tensor([1.0, 10.0]))
    >>> x.grad.array
    array([  4., 100.])

    Source: Baydin et al. (2018), "Automatic Differentiation in Machine Learning: a Survey", section 3.2.
    """
    raise NotImplementedError("backprop")


# %% More operations: one argument
def negative_back(grad_out: Arr, out: Arr, x: Arr) -> Arr:
    """Backward of out = -x: dL/dx, shape of x.

    >>> negative_back(np.array([1.0, -2.0]), np.array([3.0, 4.0]), np.array([-3.0, -4.0]))
    array([-1.,  2.])
    """
    raise NotImplementedError("negative_back")


negative = wrap_forward_fn(np.negative)
BACK_FUNCS.add_back_func(np.negative, 0, negative_back)


def exp_back(grad_out: Arr, out: Arr, x: Arr) -> Arr:
    """Backward of out = exp(x): dL/dx, shape of x. The exponential is its own derivative.

    >>> exp_back(np.array([3.0]), np.array([1.0]), np.array([0.0]))
    array([3.])
    """
    raise NotImplementedError("exp_back")


exp = wrap_forward_fn(np.exp)
BACK_FUNCS.add_back_func(np.exp, 0, exp_back)


def reshape_back(grad_out: Arr, out: Arr, x: Arr, new_shape: tuple[int, ...]) -> Arr:
    """Backward of out = x.reshape(new_shape): dL/dx, shape of x. Every number goes back to where it came from.

    >>> reshape_back(np.array([1.0, 2.0]), np.array([5.0, 6.0]), np.array([[5.0], [6.0]]), (2,)).tolist()
    [[1.0], [2.0]]
    """
    raise NotImplementedError("reshape_back")


reshape = wrap_forward_fn(np.reshape)
BACK_FUNCS.add_back_func(np.reshape, 0, reshape_back)


def permute_back(grad_out: Arr, out: Arr, x: Arr, axes: tuple[int, ...]) -> Arr:
    """Backward of out = np.transpose(x, axes), where axis i of out is axis axes[i] of x: dL/dx, shape of x.

    A permutation is undone by its inverse. Swapping two axes is its own inverse, which hides mistakes: try three axes
    in a circle. Axes may be counted from the end, -1 being the last.

    >>> permute_back(np.zeros((4, 2, 3)), np.zeros((4, 2, 3)), np.zeros((2, 3, 4)), (2, 0, 1)).shape
    (2, 3, 4)
    """
    raise NotImplementedError("permute_back")


permute = wrap_forward_fn(np.transpose)
BACK_FUNCS.add_back_func(np.transpose, 0, permute_back)


def _sum(x: Arr, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Arr:
    """Sum over `dim`: an axis, a tuple of axes, or all if None. With keepdim the summed axes stay, with size one.

    This is np.sum with PyTorch's names for the arguments. Axes may be counted from the end.

    >>> _sum(np.array([[1.0, 2.0], [3.0, 4.0]]), dim=-1, keepdim=True).tolist()
    [[3.0], [7.0]]
    """
    raise NotImplementedError("_sum")


def sum_back(grad_out: Arr, out: Arr, x: Arr, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Arr:
    """Backward of out = _sum(x, dim, keepdim): dL/dx, shape of x.

    Every number that went into a sum gets the gradient of that sum. Without keepdim the summed axes are gone from
    grad_out and must first come back, each in its place. A gradient of all ones cannot tell you whether they did. If
    dim is None and keepdim False, grad_out is a single number. As in _sum, dim may be a tuple of axes, and axes may be
    counted from the end.

    >>> sum_back(np.array([1.0, 2.0]), np.array([7.0, 9.0]), np.array([[3.0, 4.0], [5.0, 4.0]]), dim=1).tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """
    raise NotImplementedError("sum_back")


sum = wrap_forward_fn(_sum)
BACK_FUNCS.add_back_func(_sum, 0, sum_back)


# %% More operations: indexing
Index = Any  # what numpy takes between square brackets, with tensors allowed where arrays are


def coerce_index(index: Index) -> Index:
    """Replace tensors in an index by their arrays, be it a tensor or a tuple with tensors among its members.

    Everything else (numbers, slices, arrays, None, Ellipsis) stays as it is.

    >>> coerce_index((Tensor([0, 1]), 2))
    (array([0, 1]), 2)
    """
    raise NotImplementedError("coerce_index")


def _getitem(x: Arr, index: Index) -> Arr:
    """Return x[index] for an array x and an index that may hold tensors.

    >>> _getitem(np.array([5.0, 6.0, 7.0]), (Tensor([2, 0]),))
    array([7., 5.])
    """
    raise NotImplementedError("_getitem")


def getitem_back(grad_out: Arr, out: Arr, x: Arr, index: Index) -> Arr:
    """Backward of out = _getitem(x, index): dL/dx, shape of x.

    Gradients go back to the places that were read, all others get zero. A place that was read several times gets the
    sum. Beware: `a[[0, 0]] += 1` adds one, not two; np.add.at is there for this.

    Args:
        grad_out, out, x: dL/dout, x[index] and the array x.
        index: whole numbers, slices, index arrays, a boolean mask, or a tuple of these; arrays may come as tensors.

    >>> getitem_back(np.array([1.0, 2.0, 4.0]), np.array([6.0, 6.0, 5.0]), np.array([5.0, 6.0]), (np.array([1, 1, 0]),))
    array([4., 3.])
    """
    raise NotImplementedError("getitem_back")


getitem = wrap_forward_fn(_getitem)
BACK_FUNCS.add_back_func(_getitem, 0, getitem_back)


# %% More operations: two arguments
def add_back0(grad_out: Arr, out: Arr, x: Arr, y: Arr | float) -> Arr:
    """Backward of out = x + y, with broadcasting, with respect to x: dL/dx, shape of x.

    >>> add_back0(np.array([1.0, 2.0]), np.array([4.0, 5.0]), np.array([3.0]), np.array([1.0, 2.0]))
    array([3.])
    """
    raise NotImplementedError("add_back0")


def add_back1(grad_out: Arr, out: Arr, x: Arr | float, y: Arr) -> Arr:
    """Backward of out = x + y with respect to y: dL/dy, shape of y. Here x may be a plain number."""
    raise NotImplementedError("add_back1")


def subtract_back1(grad_out: Arr, out: Arr, x: Arr | float, y: Arr) -> Arr:
    """Backward of out = x - y with respect to y: dL/dy, shape of y. x may be a plain number.

    For x it is the same as in x + y.
    """
    raise NotImplementedError("subtract_back1")


def true_divide_back0(grad_out: Arr, out: Arr, x: Arr, y: Arr | float) -> Arr:
    """Backward of out = x / y with respect to x: dL/dx, shape of x. y may be a plain number."""
    raise NotImplementedError("true_divide_back0")


def true_divide_back1(grad_out: Arr, out: Arr, x: Arr | float, y: Arr) -> Arr:
    """Backward of out = x / y with respect to y: dL/dy, shape of y. x may be a plain number.

    A larger divisor makes a smaller quotient.

    >>> true_divide_back1(np.array([1.0, 1.0]), np.array([3.0, 8.0]), np.array([6.0, 8.0]), np.array([2.0, 1.0]))
    array([-1.5, -8. ])
    """
    raise NotImplementedError("true_divide_back1")


add = wrap_forward_fn(np.add)
subtract = wrap_forward_fn(np.subtract)
true_divide = wrap_forward_fn(np.true_divide)
BACK_FUNCS.add_back_func(np.add, 0, add_back0)
BACK_FUNCS.add_back_func(np.add, 1, add_back1)
BACK_FUNCS.add_back_func(np.subtract, 0, add_back0)
BACK_FUNCS.add_back_func(np.subtract, 1, subtract_back1)
BACK_FUNCS.add_back_func(np.true_divide, 0, true_divide_back0)
BACK_FUNCS.add_back_func(np.true_divide, 1, true_divide_back1)


def add_(x: Tensor, other: Tensor | float, alpha: float = 1.0) -> Tensor:
    """Add alpha · other to x in place and return x. Optimizers update parameters this way.

    In place means: the numbers in x's own array change, and whoever else holds that array sees it. No recipe is left,
    so backward through results computed from x before would use wrong numbers. Keep it for moments when no backward
    pass is pending. `other` may be a plain number as well.

    >>> x = Tensor([1.0, 2.0])
    >>> add_(x, Tensor([10.0, 20.0]), alpha=0.5) is x, x.array
    (True, array([ 6., 12.]))
    """
    raise NotImplementedError("add_")


def sub_(x: Tensor, other: Tensor | float, alpha: float = 1.0) -> Tensor:
    """Subtract alpha · other from x in place and return x; everything else as in add_."""
    raise NotImplementedError("sub_")


def maximum_back0(grad_out: Arr, out: Arr, x: Arr, y: Arr | float) -> Arr:
    """Backward of out = maximum(x, y), elementwise with broadcasting, with respect to x: dL/dx, shape of x.

    y may be a plain number. The gradient goes to the larger one. Where both are equal the maximum has a kink and no
    derivative; our convention gives half to each side, so that together they get all of it.

    >>> maximum_back0(np.array([1.0, 4.0]), np.array([5.0, 7.0]), np.array([5.0, 7.0]), np.array([4.0, 7.0]))
    array([1., 2.])
    """
    raise NotImplementedError("maximum_back0")


def maximum_back1(grad_out: Arr, out: Arr, x: Arr | float, y: Arr) -> Arr:
    """Backward of out = maximum(x, y) with respect to y: dL/dy, shape of y. Here x may be a plain number.

    The gradient goes to the larger one, and half of it to each side where both are equal.
    """
    raise NotImplementedError("maximum_back1")


maximum = wrap_forward_fn(np.maximum)
BACK_FUNCS.add_back_func(np.maximum, 0, maximum_back0)
BACK_FUNCS.add_back_func(np.maximum, 1, maximum_back1)


def relu(x: Tensor) -> Tensor:
    """The larger of x and zero, elementwise, as an operation of the graph: gradients flow back where x is positive.

    At x = 0 any gradient between 0 and 1 is accepted; torch has 0.
    """
    raise NotImplementedError("relu")


def _matmul2d(x: Arr, y: Arr) -> Arr:
    """Matrix product of two matrices: (n, k) times (k, m) is (n, m)."""
    raise NotImplementedError("_matmul2d")


def matmul2d_back0(grad_out: Arr, out: Arr, x: Arr, y: Arr) -> Arr:
    """Backward of out = x @ y with respect to x: dL/dx, shape of x.

    Write out[i, j] as a sum over k and ask which outputs x[i, k] has a part in. Shapes leave one choice only, unless
    some agree.

    Args:
        grad_out, out: shape (n, m). x: shape (n, k). y: shape (k, m).

    >>> matmul2d_back0(np.array([[10.0]]), np.array([[11.0]]), np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[30., 40.]])
    """
    raise NotImplementedError("matmul2d_back0")


def matmul2d_back1(grad_out: Arr, out: Arr, x: Arr, y: Arr) -> Arr:
    """Backward of out = x @ y with respect to y: dL/dy, shape (k, m). Shapes as in matmul2d_back0."""
    raise NotImplementedError("matmul2d_back1")


matmul = wrap_forward_fn(_matmul2d)
BACK_FUNCS.add_back_func(_matmul2d, 0, matmul2d_back0)
BACK_FUNCS.add_back_func(_matmul2d, 1, matmul2d_back1)


# %% Networks
class Parameter(Tensor):
    """A tensor that is to be trained. Being of this type is what lets a Module find it."""

    def __init__(self, tensor: Tensor, requires_grad: bool = True) -> None:
        """Share the array of `tensor`; a parameter is a leaf with no gradient yet."""
        raise NotImplementedError("Parameter.__init__")

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Module:
    """A part of a network. It knows its parameters and the modules inside it, because they are assigned as attributes.

    >>> model = Module()
    >>> model.scale = Parameter(Tensor([1.0]))
    >>> len(list(model.parameters()))
    1
    """

    def __init__(self) -> None:
        self.__dict__["_modules"] = {}  # straight into __dict__, since our own __setattr__ looks into both of them
        self.__dict__["_parameters"] = {}

    def modules(self) -> Iterator["Module"]:
        """The modules directly inside this one, in the order of their assignment."""
        raise NotImplementedError("Module.modules")

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and then, if recurse, those of the modules inside it, and so on downwards.

        A parameter that two modules share comes once: an optimizer that met it twice would take two steps.
        """
        raise NotImplementedError("Module.parameters")

    def __setattr__(self, key: str, val: Any) -> None:
        """Keep a Parameter in `_parameters` and a Module in `_modules`, by name and there only; all else as usual.

        A name means one thing at a time: what it meant before is forgotten, also if that was of another kind.
        """
        raise NotImplementedError("Module.__setattr__")

    def __getattr__(self, key: str) -> "Parameter | Module":
        """Find a parameter or module by name. Python asks here only after it has found no ordinary attribute.

        Raises:
            AttributeError: there is none of this name.
        """
        raise NotImplementedError("Module.__getattr__")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def __repr__(self) -> str:
        """The class name and, for each module inside, a line `(name): ` with its own repr, indented."""
        raise NotImplementedError("Module.__repr__")


class Linear(Module):
    """An affine map of rows: out = x @ weight.T + bias. Gradients flow back to x, weight and bias."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """Make `weight`, shape (out_features, in_features), and `bias`, shape (out_features,) or, if not bias, None.

        Both start uniformly distributed between -1/sqrt(in_features) and 1/sqrt(in_features), so that outputs are about
        as large as inputs, however wide the layer is.

        Source: torch.nn.Linear.
        """
        raise NotImplementedError("Linear.__init__")

    def forward(self, x: Tensor) -> Tensor:
        """Map x, shape (batch, in_features), to shape (batch, out_features)."""
        raise NotImplementedError("Linear.forward")


class ReLU(Module):
    """relu as a module, so that it can stand between layers."""

    def forward(self, x: Tensor) -> Tensor:
        """relu(x), shape of x."""
        raise NotImplementedError("ReLU.forward")


class MLP(Module):
    """A classifier of 28 x 28 images: two hidden layers of 64 with ReLU after each, then 10 logits."""

    def __init__(self) -> None:
        """Make the layers; they have six parameters in all."""
        raise NotImplementedError("MLP.__init__")

    def forward(self, x: Tensor) -> Tensor:
        """Map images, (batch, 28, 28), (batch, 1, 28, 28) or (batch, 784), to logits, (batch, 10), of any sign."""
        raise NotImplementedError("MLP.forward")


# %% Training
def cross_entropy(logits: Tensor, true_labels: Tensor) -> Tensor:
    """The loss of each row: minus the log of the probability that softmax gives to its true label.

        loss[i] = log(sum_j exp(logits[i, j])) - logits[i, true_labels[i]]

    No mean is taken. Gradients flow back to the logits. exp(1000) overflows; but adding one number to all logits of a
    row does not change its loss, and the right one keeps every exponent harmless. It may be treated as a constant: its
    gradient is zero.

    Args:
        logits: shape (batch, classes).
        true_labels: whole numbers from 0 to classes - 1, shape (batch,).

    Returns:
        Losses, shape (batch,), with a recipe that leads back to the logits.

    >>> cross_entropy(Tensor([[0.0, 0.0, 1000.0]]), Tensor([1])).array
    array([1000.])

    Source: torch.nn.functional.cross_entropy with reduction="none".
    """
    raise NotImplementedError("cross_entropy")


class NoGrad:
    """A context in which no operation is recorded: `with NoGrad(): ...`.

    Afterwards `grad_tracking_enabled` is again what it was before; inside another NoGrad that is False. This holds as
    well when an exception leaves the context, which it goes on doing: it is not swallowed.

    >>> with NoGrad():
    ...     multiply(Tensor([1.0], requires_grad=True), 2.0).requires_grad
    False
    """

    def __enter__(self) -> None:
        """Switch tracking off and remember what it was."""
        raise NotImplementedError("NoGrad.__enter__")

    def __exit__(self, *exception: object) -> None:
        """Put back what it was."""
        raise NotImplementedError("NoGrad.__exit__")


class SGD:
    """Stochastic gradient descent: p becomes p - lr · dL/dp.

    >>> p = Parameter(Tensor([1.0]))
    >>> optimizer = SGD([p], lr=0.5)
    >>> multiply(p, p).backward()
    >>> optimizer.step(); p.array
    array([0.])
    """

    def __init__(self, params: Iterable[Parameter], lr: float) -> None:
        """Keep the parameters for all later steps. `params` may be an iterator, which runs only once."""
        raise NotImplementedError("SGD.__init__")

    def zero_grad(self) -> None:
        """Forget all gradients, so that the next backward pass starts afresh: else they would pile up."""
        raise NotImplementedError("SGD.zero_grad")

    def step(self) -> None:
        """Move every parameter against its gradient, in place and unrecorded. One without a gradient stays."""
        raise NotImplementedError("SGD.step")
