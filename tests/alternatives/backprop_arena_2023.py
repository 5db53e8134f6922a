# %%
"""As the edition of 2023 has it: no extras. Recursion, tensors alone in an index, sums that are given in place."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np
from torch.utils.data import DataLoader
from tqdm import tqdm

chapter = "chapter0_fundamentals"
section = "part4_backprop"
exercises_dir = Path(f"{os.getcwd().split(chapter)[0]}/{chapter}/exercises").resolve()
section_dir = exercises_dir / section
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part4_backprop.tests as tests
from part4_backprop.utils import get_mnist, visualize
from plotly_utils import line

MAIN = __name__ == "__main__"

Arr = np.ndarray
grad_tracking_enabled = True


# %%
def log_back(grad_out: Arr, out: Arr, x: Arr) -> Arr:
    return grad_out / x


if MAIN:
    tests.test_log_back(log_back)


# %%
def unbroadcast(broadcasted: Arr, original: Arr) -> Arr:
    # remove leading axes until the ranks agree
    while broadcasted.ndim > original.ndim:
        broadcasted = broadcasted.sum(axis=0)
    for axis, (have, want) in enumerate(zip(broadcasted.shape, original.shape)):
        if want == 1 and have > 1:
            broadcasted = broadcasted.sum(axis=axis, keepdims=True)
    return broadcasted


if MAIN:
    tests.test_unbroadcast(unbroadcast)


# %%
def multiply_back0(grad_out: Arr, out: Arr, x: Arr, y: Union[Arr, float]) -> Arr:
    if not isinstance(y, Arr):
        y = np.array(y)
    return unbroadcast(grad_out * y, x)


def multiply_back1(grad_out: Arr, out: Arr, x: Union[Arr, float], y: Arr) -> Arr:
    if not isinstance(x, Arr):
        x = np.array(x)
    return unbroadcast(grad_out * x, y)


if MAIN:
    tests.test_multiply_back(multiply_back0, multiply_back1)
    tests.test_multiply_back_float(multiply_back0, multiply_back1)


# %%
def forward_and_back(a: Arr, b: Arr, c: Arr) -> tuple[Arr, Arr, Arr]:
    d = a * b
    e = np.log(c)
    f = d * e
    g = np.log(f)

    dg_df = log_back(np.ones_like(g), g, f)
    dg_dd = multiply_back0(dg_df, f, d, e)
    dg_de = multiply_back1(dg_df, f, d, e)
    dg_da = multiply_back0(dg_dd, d, a, b)
    dg_db = multiply_back1(dg_dd, d, a, b)
    dg_dc = log_back(dg_de, e, c)
    return (dg_da, dg_db, dg_dc)


if MAIN:
    tests.test_forward_and_back(forward_and_back)


# %%
@dataclass(frozen=True)
class Recipe:
    func: Callable
    args: tuple
    kwargs: dict[str, Any]
    parents: dict[int, "Tensor"]


class BackwardFuncLookup:
    def __init__(self) -> None:
        self.back_funcs: defaultdict[Callable, dict[int, Callable]] = defaultdict(dict)

    def add_back_func(self, forward_fn: Callable, arg_position: int, back_fn: Callable) -> None:
        self.back_funcs[forward_fn][arg_position] = back_fn

    def get_back_func(self, forward_fn: Callable, arg_position: int) -> Callable:
        return self.back_funcs[forward_fn][arg_position]


if MAIN:
    BACK_FUNCS = BackwardFuncLookup()
    BACK_FUNCS.add_back_func(np.log, 0, log_back)
    BACK_FUNCS.add_back_func(np.multiply, 0, multiply_back0)
    BACK_FUNCS.add_back_func(np.multiply, 1, multiply_back1)

    assert BACK_FUNCS.get_back_func(np.log, 0) == log_back
    print("Tests passed - BackwardFuncLookup works")


# %%
class Tensor:
    array: Arr
    requires_grad: bool
    grad: Optional["Tensor"]
    recipe: Optional[Recipe]

    def __init__(self, array: Union[Arr, list], requires_grad=False):
        self.array = array if isinstance(array, Arr) else np.array(array)
        if self.array.dtype == np.float64:
            self.array = self.array.astype(np.float32)
        self.requires_grad = requires_grad
        self.grad = None
        self.recipe = None

    def __neg__(self) -> "Tensor":
        return negative(self)

    def __add__(self, other) -> "Tensor":
        return add(self, other)

    def __radd__(self, other) -> "Tensor":
        return add(other, self)

    def __sub__(self, other) -> "Tensor":
        return subtract(self, other)

    def __rsub__(self, other) -> "Tensor":
        return subtract(other, self)

    def __mul__(self, other) -> "Tensor":
        return multiply(self, other)

    def __rmul__(self, other) -> "Tensor":
        return multiply(other, self)

    def __truediv__(self, other) -> "Tensor":
        return true_divide(self, other)

    def __rtruediv__(self, other) -> "Tensor":
        return true_divide(other, self)

    def __matmul__(self, other) -> "Tensor":
        return matmul(self, other)

    def __eq__(self, other) -> "Tensor":
        return eq(self, other)

    def __repr__(self) -> str:
        return f"Tensor({repr(self.array)}, requires_grad={self.requires_grad})"

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError
        return self.array.shape[0]

    def __hash__(self) -> int:
        return id(self)

    def __getitem__(self, index) -> "Tensor":
        return getitem(self, index)

    def add_(self, other: "Tensor", alpha: float = 1.0) -> "Tensor":
        add_(self, other, alpha=alpha)
        return self

    def sub_(self, other: "Tensor", alpha: float = 1.0) -> "Tensor":
        sub_(self, other, alpha=alpha)
        return self

    def sum(self, dim=None, keepdim=False) -> "Tensor":
        return sum(self, dim=dim, keepdim=keepdim)

    def log(self) -> "Tensor":
        return log(self)

    def exp(self) -> "Tensor":
        return exp(self)

    def reshape(self, new_shape) -> "Tensor":
        return reshape(self, new_shape)

    def permute(self, dims) -> "Tensor":
        return permute(self, dims)

    def maximum(self, other) -> "Tensor":
        return maximum(self, other)

    def relu(self) -> "Tensor":
        return relu(self)

    def item(self):
        return self.array.item()

    def argmax(self, dim=None, keepdim=False) -> "Tensor":
        return Tensor(np.argmax(self.array, axis=dim, keepdims=keepdim))

    def backward(self, end_grad: Union[Arr, "Tensor", None] = None) -> None:
        if isinstance(end_grad, Arr):
            end_grad = Tensor(end_grad)
        return backprop(self, end_grad)

    def size(self, dim: Optional[int] = None):
        return self.shape if dim is None else self.shape[dim]

    @property
    def shape(self):
        return self.array.shape

    @property
    def ndim(self):
        return self.array.ndim

    @property
    def is_leaf(self):
        return not (self.requires_grad and self.recipe and self.recipe.parents)

    def __bool__(self):
        if self.array.size != 1:
            raise RuntimeError("bool value of Tensor with more than one value is ambiguous")
        return bool(self.item())


def empty(*shape: int) -> Tensor:
    return Tensor(np.empty(shape))


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape))


def arange(start: int, end: int, step=1) -> Tensor:
    return Tensor(np.arange(start, end, step=step))


def tensor(array: Arr, requires_grad=False) -> Tensor:
    return Tensor(array, requires_grad=requires_grad)


# %%
def log_forward(x: Tensor) -> Tensor:
    array = np.log(x.array)
    requires_grad = grad_tracking_enabled and (x.requires_grad or (x.recipe is not None))
    out = Tensor(array, requires_grad)
    out.recipe = Recipe(func=np.log, args=(x.array,), kwargs={}, parents={0: x}) if requires_grad else None
    return out


if MAIN:
    log = log_forward
    tests.test_log(Tensor, log_forward)
    tests.test_log_no_grad(Tensor, log_forward)
    a = Tensor([1], requires_grad=True)
    grad_tracking_enabled = False
    b = log_forward(a)
    grad_tracking_enabled = True
    assert not b.requires_grad, "should not require grad if grad tracking globally disabled"


# %%
def multiply_forward(a: Union[Tensor, int], b: Union[Tensor, int]) -> Tensor:
    assert isinstance(a, Tensor) or isinstance(b, Tensor)
    arg_a = a.array if isinstance(a, Tensor) else a
    arg_b = b.array if isinstance(b, Tensor) else b
    out = Tensor(arg_a * arg_b)
    out.requires_grad = grad_tracking_enabled and any(isinstance(x, Tensor) and x.requires_grad for x in (a, b))
    if out.requires_grad:
        parents = {i: x for i, x in enumerate([a, b]) if isinstance(x, Tensor)}
        out.recipe = Recipe(np.multiply, (arg_a, arg_b), {}, parents)
    return out


if MAIN:
    multiply = multiply_forward
    tests.test_multiply(Tensor, multiply_forward)


# %%
def wrap_forward_fn(numpy_func: Callable, is_differentiable=True) -> Callable:
    def tensor_func(*args: Any, **kwargs: Any) -> Tensor:
        arg_arrays = tuple([(a.array if isinstance(a, Tensor) else a) for a in args])
        out_arr = numpy_func(*arg_arrays, **kwargs)

        requires_grad = False
        if grad_tracking_enabled and is_differentiable:
            requires_grad = any([(isinstance(a, Tensor) and a.requires_grad) for a in args])
        out = Tensor(out_arr, requires_grad)
        if requires_grad:
            parents = {idx: a for idx, a in enumerate(args) if isinstance(a, Tensor)}
            out.recipe = Recipe(numpy_func, arg_arrays, kwargs, parents)
        return out

    return tensor_func


def _sum(x: Arr, dim=None, keepdim=False) -> Arr:
    return np.sum(x, axis=dim, keepdims=keepdim)


if MAIN:
    log = wrap_forward_fn(np.log)
    multiply = wrap_forward_fn(np.multiply)
    eq = wrap_forward_fn(np.equal, is_differentiable=False)
    sum = wrap_forward_fn(_sum)

    tests.test_sum(Tensor)
    a = Tensor(np.array([[0, 1, 2], [3, 4, 5]]), requires_grad=True)
    print(a.sum(0))


# %%
class Node:
    def __init__(self, *children):
        self.children = list(children)


def get_children(node: Node) -> list[Node]:
    return node.children


def topological_sort(node: Node, get_children: Callable) -> list[Node]:
    result: list[Node] = []
    perm: set[Node] = set()
    temp: set[Node] = set()

    def visit(cur: Node):
        if cur in perm:
            return
        if cur in temp:
            raise ValueError("Not a DAG!")
        temp.add(cur)
        for child in get_children(cur):
            visit(child)
        temp.remove(cur)
        perm.add(cur)
        result.append(cur)

    visit(node)
    return result


if MAIN:
    tests.test_topological_sort_linked_list(topological_sort)
    tests.test_topological_sort_cyclic(topological_sort)


# %%
def sorted_computational_graph(tensor: Tensor) -> list[Tensor]:
    def get_parents(tensor: Tensor) -> list[Tensor]:
        if tensor.recipe is None:
            return []
        return list(tensor.recipe.parents.values())

    return topological_sort(tensor, get_parents)[::-1]


if MAIN:
    a = Tensor([1], requires_grad=True)
    b = Tensor([2], requires_grad=True)
    c = Tensor([3], requires_grad=True)
    d = a * b
    e = c.log()
    f = d * e
    g = f.log()
    name_lookup = {a: "a", b: "b", c: "c", d: "d", e: "e", f: "f", g: "g"}
    print([name_lookup[t] for t in sorted_computational_graph(g)])


# %%
def backprop(end_node: Tensor, end_grad: Optional[Tensor] = None) -> None:
    end_grad_arr = np.ones_like(end_node.array) if end_grad is None else end_grad.array
    grads: dict[Tensor, Arr] = {end_node: end_grad_arr}

    for node in sorted_computational_graph(end_node):
        outgrad = grads.pop(node, None)
        if outgrad is None:
            continue
        if node.is_leaf:
            if node.requires_grad:
                if node.grad is None:
                    node.grad = Tensor(outgrad.copy())
                else:
                    node.grad.array = node.grad.array + outgrad
            continue
        for argnum, parent in node.recipe.parents.items():
            back_fn = BACK_FUNCS.get_back_func(node.recipe.func, argnum)
            in_grad = back_fn(outgrad, node.array, *node.recipe.args, **node.recipe.kwargs)
            if parent not in grads:
                grads[parent] = in_grad
            else:
                grads[parent] += in_grad


if MAIN:
    tests.test_backprop(Tensor)
    tests.test_backprop_branching(Tensor)


# %%
def negative_back(grad_out: Arr, out: Arr, x: Arr) -> Arr:
    return np.full_like(x, -1.0) * grad_out


def exp_back(grad_out: Arr, out: Arr, x: Arr) -> Arr:
    return out * grad_out


def reshape_back(grad_out: Arr, out: Arr, x: Arr, new_shape: tuple) -> Arr:
    return np.reshape(grad_out, x.shape)


def permute_back(grad_out: Arr, out: Arr, x: Arr, axes: tuple) -> Arr:
    return np.transpose(grad_out, np.argsort(axes))


def sum_back(grad_out: Arr, out: Arr, x: Arr, dim=None, keepdim=False):
    if not isinstance(grad_out, Arr):
        grad_out = np.array(grad_out)
    if dim is None:
        return np.full(x.shape, grad_out.item())
    if not keepdim:
        shape = list(x.shape)
        shape[dim] = 1
        grad_out = grad_out.reshape(shape)
    return np.broadcast_to(grad_out, x.shape)


if MAIN:
    negative = wrap_forward_fn(np.negative)
    exp = wrap_forward_fn(np.exp)
    reshape = wrap_forward_fn(np.reshape)
    permute = wrap_forward_fn(np.transpose)

    BACK_FUNCS.add_back_func(np.negative, 0, negative_back)
    BACK_FUNCS.add_back_func(np.exp, 0, exp_back)
    BACK_FUNCS.add_back_func(np.reshape, 0, reshape_back)
    BACK_FUNCS.add_back_func(np.transpose, 0, permute_back)
    BACK_FUNCS.add_back_func(_sum, 0, sum_back)

    tests.test_negative_back(Tensor)
    tests.test_permute_back(Tensor)


# %%
Index = Union[int, tuple[int, ...], tuple[Arr], tuple[Tensor]]


def coerce_index(index: Index):
    if isinstance(index, tuple) and all(isinstance(i, Tensor) for i in index):
        return tuple([i.array for i in index])
    return index


def _getitem(x: Arr, index: Index) -> Arr:
    return x[coerce_index(index)]


def getitem_back(grad_out: Arr, out: Arr, x: Arr, index: Index):
    new_grad_out = np.full_like(x, 0)
    np.add.at(new_grad_out, coerce_index(index), grad_out)
    return new_grad_out


if MAIN:
    getitem = wrap_forward_fn(_getitem)
    BACK_FUNCS.add_back_func(_getitem, 0, getitem_back)
    tests.test_coerce_index(coerce_index, Tensor)
    tests.test_getitem_int(Tensor)

# %%
if MAIN:
    add = wrap_forward_fn(np.add)
    subtract = wrap_forward_fn(np.subtract)
    true_divide = wrap_forward_fn(np.true_divide)

    BACK_FUNCS.add_back_func(np.add, 0, lambda grad_out, out, x, y: unbroadcast(grad_out, x))
    BACK_FUNCS.add_back_func(np.add, 1, lambda grad_out, out, x, y: unbroadcast(grad_out, y))
    BACK_FUNCS.add_back_func(np.subtract, 0, lambda grad_out, out, x, y: unbroadcast(grad_out, x))
    BACK_FUNCS.add_back_func(np.subtract, 1, lambda grad_out, out, x, y: unbroadcast(-grad_out, y))
    BACK_FUNCS.add_back_func(np.true_divide, 0, lambda grad_out, out, x, y: unbroadcast(grad_out / y, x))
    BACK_FUNCS.add_back_func(np.true_divide, 1, lambda grad_out, out, x, y: unbroadcast(grad_out * (-x / y**2), y))

    tests.test_add_broadcasted(Tensor)


# %%
def add_(x: Tensor, other: Tensor, alpha: float = 1.0) -> Tensor:
    np.add(x.array, other.array * alpha, out=x.array)
    return x


def sub_(x: Tensor, other: Tensor, alpha: float = 1.0) -> Tensor:
    np.subtract(x.array, other.array * alpha, out=x.array)
    return x


def maximum_back0(grad_out: Arr, out: Arr, x: Arr, y: Arr):
    wins = np.where(x == y, 0.5, np.where(x > y, 1.0, 0.0))
    return unbroadcast(grad_out * wins, x)


def maximum_back1(grad_out: Arr, out: Arr, x: Arr, y: Arr):
    wins = np.where(x == y, 0.5, np.where(x < y, 1.0, 0.0))
    return unbroadcast(grad_out * wins, y)


if MAIN:
    maximum = wrap_forward_fn(np.maximum)
    BACK_FUNCS.add_back_func(np.maximum, 0, maximum_back0)
    BACK_FUNCS.add_back_func(np.maximum, 1, maximum_back1)
    tests.test_maximum(Tensor)


def relu(x: Tensor) -> Tensor:
    return maximum(x, 0.0)


# %%
def _matmul2d(x: Arr, y: Arr) -> Arr:
    return x @ y


def matmul2d_back0(grad_out: Arr, out: Arr, x: Arr, y: Arr) -> Arr:
    return grad_out @ y.T


def matmul2d_back1(grad_out: Arr, out: Arr, x: Arr, y: Arr) -> Arr:
    return x.T @ grad_out


if MAIN:
    matmul = wrap_forward_fn(_matmul2d)
    BACK_FUNCS.add_back_func(_matmul2d, 0, matmul2d_back0)
    BACK_FUNCS.add_back_func(_matmul2d, 1, matmul2d_back1)
    tests.test_matmul2d(Tensor)


# %%
class Parameter(Tensor):
    def __init__(self, tensor: Tensor, requires_grad=True):
        return super().__init__(tensor.array, requires_grad=requires_grad)

    def __repr__(self):
        return f"Parameter containing:\n{super().__repr__()}"


class Module:
    _modules: dict[str, "Module"]
    _parameters: dict[str, Parameter]

    def __init__(self):
        self._modules = {}
        self._parameters = {}

    def modules(self):
        return self.__dict__["_modules"].values()

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        found = [*self.__dict__["_parameters"].values()]
        if recurse:
            for mod in self.modules():
                found += mod.parameters(recurse=True)
        return iter(found)

    def __setattr__(self, key: str, val: Any) -> None:
        if isinstance(val, Parameter):
            self._parameters[key] = val
        elif isinstance(val, Module):
            self._modules[key] = val
        else:
            super().__setattr__(key, val)

    def __getattr__(self, key: str) -> Union[Parameter, "Module"]:
        if key in self.__dict__["_parameters"]:
            return self.__dict__["_parameters"][key]
        if key in self.__dict__["_modules"]:
            return self.__dict__["_modules"][key]
        raise KeyError(key)

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self):
        raise NotImplementedError("Subclasses must implement forward!")

    def __repr__(self):
        inner = [f"  ({k}): " + repr(m).replace("\n", "\n  ") for k, m in self._modules.items()]
        return self.__class__.__name__ + "(" + "".join("\n" + i for i in inner) + ("\n)" if inner else ")")


if MAIN:

    class TestInnerModule(Module):
        def __init__(self):
            super().__init__()
            self.param1 = Parameter(Tensor([1.0]))

    mod = TestInnerModule()
    assert list(mod.parameters()) == [mod.param1]
    print(mod)


# %%
class Linear(Module):
    weight: Parameter
    bias: Optional[Parameter]

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        sf = in_features**-0.5
        self.weight = Parameter(sf * Tensor(2 * np.random.rand(out_features, in_features) - 1))
        if bias:
            self.bias = Parameter(sf * Tensor(2 * np.random.rand(out_features) - 1))
        else:
            self.bias = None

    def forward(self, x: Tensor) -> Tensor:
        out = x @ self.weight.permute((1, 0))
        if self.bias is not None:
            out = out + self.bias
        return out


class ReLU(Module):
    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


class MLP(Module):
    def __init__(self):
        super().__init__()
        self.linear1 = Linear(28 * 28, 64)
        self.linear2 = Linear(64, 64)
        self.relu1 = ReLU()
        self.relu2 = ReLU()
        self.output = Linear(64, 10)

    def forward(self, x):
        x = x.reshape((x.shape[0], 28 * 28))
        x = self.relu1(self.linear1(x))
        x = self.relu2(self.linear2(x))
        return self.output(x)


if MAIN:
    tests.test_linear(Linear, Tensor)
    tests.test_mlp(MLP, Tensor)


# %%
def cross_entropy(logits: Tensor, true_labels: Tensor) -> Tensor:
    n_batch, n_class = logits.shape
    true = logits[arange(0, n_batch), true_labels]
    return log(exp(logits).sum(1)) - true


if MAIN:
    tests.test_cross_entropy(Tensor, cross_entropy)


# %%
class NoGrad:
    was_enabled: bool

    def __enter__(self):
        global grad_tracking_enabled
        self.was_enabled = grad_tracking_enabled
        grad_tracking_enabled = False

    def __exit__(self, type, value, traceback):
        global grad_tracking_enabled
        grad_tracking_enabled = self.was_enabled


# %%
class SGD:
    def __init__(self, params: Iterable[Parameter], lr: float):
        self.params = list(params)
        self.lr = lr
        self.b = [None for _ in self.params]

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        with NoGrad():
            for p in self.params:
                assert isinstance(p.grad, Tensor)
                p.add_(p.grad, -self.lr)


# %%
def train(model: MLP, train_loader: DataLoader, optimizer: SGD, epoch: int, train_loss_list: Optional[list] = None):
    for data, target in tqdm(train_loader):
        optimizer.zero_grad()
        output = model(Tensor(data.numpy()))
        loss = cross_entropy(output, Tensor(target.numpy())).sum() / len(output)
        loss.backward()
        optimizer.step()


if MAIN:
    train_loader, test_loader = get_mnist(20)
    visualize(train_loader)
    num_epochs = 5
    model = MLP()
    start = time.time()
    train_loss_list = []
    optimizer = SGD(model.parameters(), 0.01)
    for epoch in range(num_epochs):
        train(model, train_loader, optimizer, epoch, train_loss_list)
        optimizer.step()
    line(train_loss_list, yaxis_range=[0, max(train_loss_list) + 0.1])
    print(f"Completed in {time.time() - start: .2f}s")
