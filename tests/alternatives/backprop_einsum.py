"""A submission that leans on einsum, float32 sums in other orders, and containers of its own: tables, counters, closures."""

from __future__ import annotations

import contextlib
import functools
import types
from collections import ChainMap, Counter, deque, namedtuple

import numpy as np
import numpy.typing as npt

Arr = np.ndarray
grad_tracking_enabled: bool = True
_AXES = "abcdefghijklmnop"


def log_back(grad_out: npt.NDArray, out: npt.NDArray, x: npt.NDArray) -> npt.NDArray:
    return np.reciprocal(x) * grad_out


def unbroadcast(broadcasted: npt.NDArray, original: npt.NDArray) -> npt.NDArray:
    every = _AXES[: broadcasted.ndim]
    aligned = every[broadcasted.ndim - original.ndim :]
    kept = "".join(axis for axis, size in zip(aligned, original.shape) if size != 1)
    return np.einsum(f"{every}->{kept}", broadcasted).reshape(original.shape)


def _binary(slope):
    """The backward functions of an elementwise operation from its two slopes."""

    def back(which):
        def back_fn(grad_out, out, x, y):
            x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
            local = slope(x, y)[which]
            return unbroadcast(np.multiply(local, grad_out), (x, y)[which])

        return back_fn

    return back(0), back(1)


multiply_back0, multiply_back1 = _binary(lambda x, y: (y, x))
add_back0, add_back1 = _binary(lambda x, y: (1.0, 1.0))
subtract_back0, subtract_back1 = _binary(lambda x, y: (1.0, -1.0))
true_divide_back0, true_divide_back1 = _binary(lambda x, y: (1 / y, -x / (y * y)))
maximum_back0, maximum_back1 = _binary(lambda x, y: ((1 + np.sign(x - y)) / 2, (1 + np.sign(y - x)) / 2))


def forward_and_back(a, b, c):
    a_, b_, c_ = (Tensor(array, requires_grad=True) for array in (a, b, c))
    result = log(a_ * b_ * log(c_))
    result.backward(np.ones(result.shape))
    return a_.grad.array, b_.grad.array, c_.grad.array


Recipe = namedtuple("Recipe", "func args kwargs parents")


class BackwardFuncLookup(dict):
    def add_back_func(self, forward_fn, arg_position, back_fn):
        self[arg_position, forward_fn] = back_fn

    def get_back_func(self, forward_fn, arg_position):
        return self[arg_position, forward_fn]


BACK_FUNCS = BackwardFuncLookup()


def differentiable(*back_fns):
    """Registers the backward functions of a forward function, position by position."""

    def register(forward_fn):
        for position, back_fn in enumerate(back_fns):
            BACK_FUNCS.add_back_func(forward_fn, position, back_fn)
        return wrap_forward_fn(forward_fn)

    return register


class Tensor:
    __slots__ = ("__dict__", "array", "grad", "recipe", "requires_grad")
    __array_priority__ = 100

    def __init__(self, array, requires_grad=False):
        self.array, self.requires_grad, self.grad, self.recipe = np.asarray(array), requires_grad, None, None

    shape = property(lambda self: self.array.shape)
    is_leaf = property(lambda self: self.recipe is None)
    __hash__ = object.__hash__
    __len__ = lambda self: len(self.array)
    __neg__ = lambda self: negative(self)
    __add__ = lambda self, other: add(self, other)
    __sub__ = lambda self, other: subtract(self, other)
    __mul__ = __rmul__ = lambda self, other: multiply(self, other)
    __truediv__ = lambda self, other: true_divide(self, other)
    __matmul__ = lambda self, other: matmul(self, other)
    __getitem__ = lambda self, index: getitem(self, index)
    __eq__ = lambda self, other: eq(self, other)
    item = lambda self: self.array.item()
    permute = lambda self, axes: permute(self, axes)

    def backward(self, end_grad=None):
        backprop(self, end_grad if end_grad is None else Tensor(end_grad))


def tensor(array, requires_grad=False):
    return Tensor(array, requires_grad)


def wrap_forward_fn(numpy_func, is_differentiable=True):
    @functools.wraps(numpy_func)
    def tensor_func(*args, **kwargs):
        plain = [getattr(arg, "array", arg) for arg in args]
        named = {name: getattr(value, "array", value) for name, value in kwargs.items()}
        out = Tensor(numpy_func(*plain, **named))
        if grad_tracking_enabled and is_differentiable:
            parents = {i: arg for i, arg in enumerate(args) if isinstance(arg, Tensor) and arg.requires_grad}
            if parents:
                out.requires_grad, out.recipe = True, Recipe(numpy_func, tuple(plain), named, parents)
        return out

    return tensor_func


log = log_forward = differentiable(log_back)(np.log)
multiply = multiply_forward = differentiable(multiply_back0, multiply_back1)(np.multiply)
add = differentiable(add_back0, add_back1)(np.add)
subtract = differentiable(subtract_back0, subtract_back1)(np.subtract)
true_divide = differentiable(true_divide_back0, true_divide_back1)(np.true_divide)
maximum = differentiable(maximum_back0, maximum_back1)(np.maximum)
eq = wrap_forward_fn(np.equal, False)


def topological_sort(node, get_children):
    """Kahn's algorithm from the root, which has no parents, then turned round."""
    children, fringe = {}, deque([node])
    while fringe:
        current = fringe.popleft()
        if current not in children:
            children[current] = tuple(dict.fromkeys(get_children(current)))
            fringe += children[current]
    users = Counter(child for below in children.values() for child in below)
    if users[node]:
        raise ValueError("the root is its own descendant")
    ready, order = deque([node]), deque()
    while ready:
        current = ready.popleft()
        order.appendleft(current)
        for child in children[current]:
            users[child] -= 1
            if not users[child]:
                ready.append(child)
    if len(order) < len(children):
        raise ValueError("there are nodes that wait for each other")
    return list(order)


def sorted_computational_graph(tensor):
    return list(reversed(topological_sort(tensor, lambda t: t.recipe.parents.values() if t.recipe else ())))


def backprop(end_node, end_grad=None):
    """Pulls: each tensor asks its users, visited before, for its gradient."""
    order = sorted_computational_graph(end_node)
    users = {id(tensor): [] for tensor in order}
    for tensor in order:
        for position, parent in tensor.recipe.parents.items() if tensor.recipe else ():
            users[id(parent)].append((tensor, position))
    start = np.ones(end_node.shape) if end_grad is None else end_grad.array
    known = {}
    for tensor in order:
        parts = [start] if tensor is end_node else []
        for user, position in users[id(tensor)]:
            func, args, kwargs, _ = user.recipe
            parts.append(BACK_FUNCS.get_back_func(func, position)(known[id(user)], user.array, *args, **kwargs))
        known[id(tensor)] = functools.reduce(np.add, parts)
        if tensor.is_leaf and tensor.requires_grad:
            before = 0.0 if tensor.grad is None else tensor.grad.array
            tensor.grad = Tensor(before + known[id(tensor)])


def negative_back(grad_out, out, x):
    return np.negative(grad_out)


def exp_back(grad_out, out, x):
    return np.einsum("...,...->...", grad_out, out)


def reshape_back(grad_out, out, x, new_shape):
    return np.ravel(grad_out).reshape(x.shape)


def permute_back(grad_out, out, x, axes):
    source = "".join(_AXES[axis % x.ndim] for axis in axes)
    return np.einsum(f"{source}->{_AXES[: x.ndim]}", grad_out)


negative = differentiable(negative_back)(np.negative)
exp = differentiable(exp_back)(np.exp)
reshape = differentiable(reshape_back)(np.reshape)
permute = differentiable(permute_back)(np.transpose)


def _sum(x, dim=None, keepdim=False):
    axes = range(x.ndim) if dim is None else np.atleast_1d(dim) % x.ndim
    left = "".join(_AXES[axis] for axis in range(x.ndim) if axis not in axes)
    total = np.einsum(f"{_AXES[: x.ndim]}->{left}", x)
    return np.expand_dims(total, tuple(axes)) if keepdim else total


def sum_back(grad_out, out, x, dim=None, keepdim=False):
    axes = range(x.ndim) if dim is None else np.atleast_1d(dim) % x.ndim
    grad = np.asarray(grad_out)
    if not keepdim:
        for axis in sorted(axes):
            grad = np.expand_dims(grad, int(axis))
    return grad * np.ones(x.shape)


sum = differentiable(sum_back)(_sum)


def coerce_index(index):
    match index:
        case tuple():
            return (*map(coerce_index, index),)
        case Tensor():
            return index.array
        case _:
            return index


def _getitem(x, index):
    return np.ndarray.__getitem__(x, coerce_index(index))


def getitem_back(grad_out, out, x, index):
    """A matrix of ones and zeros says which place each gradient belongs to."""
    places = np.ravel(np.arange(x.size).reshape(x.shape)[coerce_index(index)])
    return np.einsum("g,gp->p", np.ravel(grad_out), np.eye(x.size)[places]).reshape(x.shape)


getitem = differentiable(getitem_back)(_getitem)


def add_(x, other, alpha=1.0):
    np.copyto(x.array, x.array + np.multiply(getattr(other, "array", other), alpha))
    return x


def sub_(x, other, alpha=1.0):
    return add_(x, multiply(other, -1.0) if isinstance(other, Tensor) else -other, alpha)


def relu(x):
    return multiply(x, Tensor((x.array >= 0).astype(float)))  # slope one at zero


def _matmul2d(x, y):
    return np.einsum("nk,km->nm", x, y)


def matmul2d_back0(grad_out, out, x, y):
    return np.einsum("nm,km->nk", grad_out, y)


def matmul2d_back1(grad_out, out, x, y):
    return np.einsum("nm,nk->km", grad_out, x)


matmul = differentiable(matmul2d_back0, matmul2d_back1)(_matmul2d)


class Parameter(Tensor):
    def __init__(self, tensor, requires_grad=True):
        super().__init__(tensor.array, requires_grad)


class Module:
    def __init__(self):
        vars(self).update(_parameters={}, _modules={})

    def modules(self):
        yield from self._modules.values()

    def parameters(self, recurse=True):
        tables = [{id(p): p for p in self._parameters.values()}]
        if recurse:
            tables += [{id(p): p for p in module.parameters()} for module in self.modules()]
        return ChainMap(*tables[::-1]).values() if len(tables) == 1 else _in_order(tables)

    def __setattr__(self, key, val):
        with contextlib.suppress(AttributeError):
            delattr(self, key)
        home = {True: self._parameters, False: self._modules}[isinstance(val, Parameter)]
        if isinstance(val, (Parameter, Module)):
            home[key] = val
        else:
            vars(self)[key] = val

    def __delattr__(self, key):
        for table in (vars(self), self._parameters, self._modules):
            if key in table:
                del table[key]
                return
        raise AttributeError(key)

    def __getattr__(self, key):
        found = {**self._parameters, **self._modules}
        if key not in found:
            raise AttributeError(key)
        return found[key]

    def __call__(self, x):
        return self.forward(x)

    def __repr__(self):
        inside = ", ".join(f"({name}): {module}" for name, module in self._modules.items())
        return f"{self.__class__.__name__}({inside})"


def _in_order(tables):
    merged = {}
    for table in tables:
        for key, parameter in table.items():
            merged.setdefault(key, parameter)
    return iter(merged.values())


class Linear(Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        draw = functools.partial(np.random.uniform, -(in_features**-0.5), in_features**-0.5)
        self.weight = Parameter(Tensor(draw((out_features, in_features))))
        self.bias = Parameter(Tensor(draw(out_features))) if bias else None

    def forward(self, x):
        product = permute(matmul(self.weight, permute(x, (1, 0))), (1, 0))
        return product if self.bias is None else add(self.bias, product)


class ReLU(Module):
    forward = staticmethod(relu)


class MLP(Module):
    def __init__(self):
        super().__init__()
        self.last = Linear(64, 10)  # made first: the order of parameters is free
        self.first, self.second = Linear(784, 64), Linear(64, 64)

    def forward(self, x):
        flat = reshape(x, (len(x), -1))
        return self.last(relu(self.second(relu(self.first(flat)))))


def cross_entropy(logits, true_labels):
    one_hot = Tensor(np.eye(logits.shape[1])[true_labels.array])
    shifted = logits - Tensor(np.max(logits.array, axis=1)[:, None])
    return add(log(sum(exp(shifted), dim=1)), sum(multiply(shifted, -one_hot), dim=1))


class NoGrad(contextlib.ContextDecorator):
    def __init__(self):
        self.history = []

    def __enter__(self):
        global grad_tracking_enabled
        self.history.append(grad_tracking_enabled)
        grad_tracking_enabled = False
        return self

    def __exit__(self, *_: types.TracebackType | None):
        global grad_tracking_enabled
        grad_tracking_enabled = self.history.pop()


class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = tuple(params), lr

    def zero_grad(self):
        [setattr(param, "grad", None) for param in self.params]

    @NoGrad()
    def step(self):
        for param in filter(lambda param: param.grad is not None, self.params):
            np.subtract(param.array, self.lr * param.grad.array, out=param.array)
