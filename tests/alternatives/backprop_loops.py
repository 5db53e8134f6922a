"""A submission in explicit loops, recursion and lists, with its own way of storing everything."""

import math

import numpy as np

Arr = np.ndarray
grad_tracking_enabled = True


def log_back(grad_out, out, x):
    result = np.empty_like(x)
    for place in np.ndindex(x.shape):
        result[place] = grad_out[place] * (1.0 / x[place])
    return result


def unbroadcast(broadcasted, original):
    result = np.zeros(original.shape)
    surplus = broadcasted.ndim - original.ndim
    for place in np.ndindex(broadcasted.shape):
        home = tuple(0 if size == 1 else i for i, size in zip(place[surplus:], original.shape))
        result[home] += broadcasted[place]
    return result


def multiply_back0(grad_out, out, x, y):
    return unbroadcast(np.broadcast_to(y, grad_out.shape) * grad_out, x)


def multiply_back1(grad_out, out, x, y):
    return multiply_back0(grad_out, out, y, x)


def forward_and_back(a, b, c):
    d = a * b
    e = np.log(c)
    f = d * e
    g = np.log(f)
    dg = np.ones(g.shape)
    df = log_back(dg, g, f)
    de = multiply_back1(df, f, d, e)
    dc = log_back(de, e, c)
    dd = multiply_back0(df, f, d, e)
    db = multiply_back1(dd, d, a, b)
    da = multiply_back0(dd, d, a, b)
    return (da, db, dc)


class Recipe:
    def __init__(self, func, args, kwargs, parents):
        self.func, self.args, self.kwargs, self.parents = func, args, kwargs, parents


class Tensor:
    def __init__(self, array, requires_grad=False):
        self.array = np.array(array) if not isinstance(array, np.ndarray) else array
        self.requires_grad = requires_grad
        self.grad = None
        self.recipe = None

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return eq(self, other)

    def __getitem__(self, index):
        return getitem(self, index)

    def __len__(self):
        return self.array.shape[0]

    @property
    def shape(self):
        return self.array.shape

    def item(self):
        return self.array.item()

    def backward(self, end_grad=None):
        backprop(self, end_grad)


class BackwardFuncLookup:
    def __init__(self):
        self.rows = []

    def add_back_func(self, forward_fn, arg_position, back_fn):
        self.rows.insert(0, (forward_fn, arg_position, back_fn))

    def get_back_func(self, forward_fn, arg_position):
        for function, position, back in self.rows:
            if function is forward_fn and position == arg_position:
                return back
        raise KeyError((forward_fn, arg_position))


BACK_FUNCS = BackwardFuncLookup()
BACK_FUNCS.add_back_func(np.log, 0, log_back)
BACK_FUNCS.add_back_func(np.multiply, 0, multiply_back0)
BACK_FUNCS.add_back_func(np.multiply, 1, multiply_back1)


def _result(function, array, arguments, plain, options, differentiable=True):
    result = Tensor(array)
    if not grad_tracking_enabled or not differentiable:
        return result
    parents = {}
    for position, argument in enumerate(arguments):
        if isinstance(argument, Tensor) and argument.requires_grad:  # others never get a gradient anyway
            parents[position] = argument
    if parents:
        result.requires_grad = True
        result.recipe = Recipe(function, plain, options, parents)
    return result


def log_forward(x):
    return _result(np.log, np.log(x.array), [x], (x.array,), {})


def multiply_forward(a, b):
    plain = []
    for factor in (a, b):
        if isinstance(factor, Tensor):
            plain.append(factor.array)
        else:
            plain.append(factor)
    return _result(np.multiply, plain[0] * plain[1], [a, b], tuple(plain), {})


def wrap_forward_fn(numpy_func, is_differentiable=True):
    def tensor_func(*args, **kwargs):
        plain = []
        for argument in args:
            plain.append(argument.array if isinstance(argument, Tensor) else argument)
        for name in list(kwargs):
            if isinstance(kwargs[name], Tensor):
                kwargs[name] = kwargs[name].array
        array = numpy_func(*plain, **kwargs)
        return _result(numpy_func, array, args, tuple(plain), kwargs, is_differentiable)

    return tensor_func


log = wrap_forward_fn(np.log)
multiply = wrap_forward_fn(np.multiply)
eq = wrap_forward_fn(np.equal, is_differentiable=False)


class Cycle(ValueError):
    pass


def topological_sort(node, get_children):
    """Rounds of looking for nodes whose children are all listed."""
    reachable, fringe = {}, [node]
    while fringe:
        one = fringe.pop()
        if one not in reachable:
            reachable[one] = list(get_children(one))
            fringe.extend(reachable[one])
    waiting = {one: len(set(children)) for one, children in reachable.items()}
    users = {one: set() for one in reachable}
    for one, children in reachable.items():
        for child in children:
            users[child].add(one)
    listed = [one for one in reachable if waiting[one] == 0]
    for one in listed:
        for user in users[one]:
            waiting[user] -= 1
            if waiting[user] == 0:
                listed.append(user)
    if len(listed) != len(reachable):
        raise Cycle("round and round")
    return listed


def sorted_computational_graph(tensor):
    found = topological_sort(tensor, lambda one: [] if not one.recipe else one.recipe.parents.values())
    found.reverse()
    return found


def backprop(end_node, end_grad=None):
    if end_grad is None:
        start = np.ones(end_node.shape)
    else:
        start = end_grad.array if isinstance(end_grad, Tensor) else end_grad
    received = {id(end_node): [start]}
    for node in sorted_computational_graph(end_node):
        if id(node) not in received:
            continue
        total = np.zeros(node.shape)
        for part in received[id(node)]:
            total = total + part
        if node.recipe is None:
            if node.requires_grad:
                node.grad = Tensor(total if node.grad is None else total + node.grad.array)
            continue
        for position in node.recipe.parents:
            back = BACK_FUNCS.get_back_func(node.recipe.func, position)
            part = back(total, node.array, *node.recipe.args, **node.recipe.kwargs)
            received.setdefault(id(node.recipe.parents[position]), []).append(part)


def negative_back(grad_out, out, x):
    return grad_out * -1


def exp_back(grad_out, out, x):
    return np.exp(x) * grad_out


negative = wrap_forward_fn(np.negative)
exp = wrap_forward_fn(np.exp)
BACK_FUNCS.add_back_func(np.negative, 0, negative_back)
BACK_FUNCS.add_back_func(np.exp, 0, exp_back)


def reshape_back(grad_out, out, x, new_shape):
    result = np.empty(x.shape)
    for place, value in zip(np.ndindex(x.shape), grad_out.flat):
        result[place] = value
    return result


def permute_back(grad_out, out, x, axes):
    inverse = [0] * len(axes)
    for position, axis in enumerate(axes):
        inverse[axis] = position
    return grad_out.transpose(inverse)


reshape = wrap_forward_fn(np.reshape)
permute = wrap_forward_fn(np.transpose)
BACK_FUNCS.add_back_func(np.reshape, 0, reshape_back)
BACK_FUNCS.add_back_func(np.transpose, 0, permute_back)


def _axes(x, dim):
    if dim is None:
        return tuple(range(x.ndim))
    if isinstance(dim, int):
        dim = (dim,)
    return tuple(axis + x.ndim if axis < 0 else axis for axis in dim)


def _sum(x, dim=None, keepdim=False):
    axes = _axes(x, dim)
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    result = np.zeros(shape)
    for place in np.ndindex(x.shape):
        result[tuple(0 if axis in axes else i for axis, i in enumerate(place))] += x[place]
    return result if keepdim else result.reshape([size for axis, size in enumerate(x.shape) if axis not in axes])


def sum_back(grad_out, out, x, dim=None, keepdim=False):
    axes = _axes(x, dim)
    kept = np.reshape(grad_out, [1 if axis in axes else size for axis, size in enumerate(x.shape)])
    result = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        result[place] = kept[tuple(0 if axis in axes else i for axis, i in enumerate(place))]
    return result


sum = wrap_forward_fn(_sum)
BACK_FUNCS.add_back_func(_sum, 0, sum_back)


def coerce_index(index):
    if isinstance(index, Tensor):
        return index.array
    if isinstance(index, tuple):
        parts = []
        for part in index:
            parts.append(part.array if isinstance(part, Tensor) else part)
        return tuple(parts)
    return index


def _getitem(x, index):
    return x[coerce_index(index)]


def getitem_back(grad_out, out, x, index):
    """Reads the places' own numbers through the same index, and adds them one by one."""
    places = np.arange(x.size).reshape(x.shape)[coerce_index(index)]
    flat = np.zeros(x.size)
    for place, value in zip(np.ravel(places), np.ravel(grad_out)):
        flat[place] += value
    return flat.reshape(x.shape)


getitem = wrap_forward_fn(_getitem)
BACK_FUNCS.add_back_func(_getitem, 0, getitem_back)


def add_back0(grad_out, out, x, y):
    return unbroadcast(grad_out, x)


def add_back1(grad_out, out, x, y):
    return unbroadcast(grad_out, y)


def subtract_back0(grad_out, out, x, y):
    return unbroadcast(grad_out, x)


def subtract_back1(grad_out, out, x, y):
    return -unbroadcast(grad_out, y)


def true_divide_back0(grad_out, out, x, y):
    return unbroadcast(grad_out * (1 / y), x)


def true_divide_back1(grad_out, out, x, y):
    return unbroadcast(-grad_out * out / y, y)


add = wrap_forward_fn(np.add)
subtract = wrap_forward_fn(np.subtract)
true_divide = wrap_forward_fn(np.true_divide)
BACK_FUNCS.add_back_func(np.add, 0, add_back0)
BACK_FUNCS.add_back_func(np.add, 1, add_back1)
BACK_FUNCS.add_back_func(np.subtract, 0, subtract_back0)
BACK_FUNCS.add_back_func(np.subtract, 1, subtract_back1)
BACK_FUNCS.add_back_func(np.true_divide, 0, true_divide_back0)
BACK_FUNCS.add_back_func(np.true_divide, 1, true_divide_back1)


def add_(x, other, alpha=1.0):
    other = np.broadcast_to(other.array if isinstance(other, Tensor) else other, x.shape)
    for place in np.ndindex(x.shape):
        x.array[place] = x.array[place] + alpha * other[place]
    return x


def sub_(x, other, alpha=1.0):
    other = np.broadcast_to(other.array if isinstance(other, Tensor) else other, x.shape)
    for place in np.ndindex(x.shape):
        x.array[place] = x.array[place] - alpha * other[place]
    return x


def _share(mine, other):
    return 1.0 if mine > other else 0.5 if mine == other else 0.0


_shares = np.vectorize(_share, otypes=[float])


def maximum_back0(grad_out, out, x, y):
    return unbroadcast(grad_out * _shares(x, y), x)


def maximum_back1(grad_out, out, x, y):
    return unbroadcast(grad_out * _shares(y, x), y)


maximum = wrap_forward_fn(np.maximum)
BACK_FUNCS.add_back_func(np.maximum, 0, maximum_back0)
BACK_FUNCS.add_back_func(np.maximum, 1, maximum_back1)


def _positive_part(x):
    return np.where(x > 0, x, 0.0)


def _positive_part_back(grad_out, out, x):
    return np.where(x > 0, grad_out, 0.0)  # zero at zero


relu = wrap_forward_fn(_positive_part)
BACK_FUNCS.add_back_func(_positive_part, 0, _positive_part_back)


def _matmul2d(x, y):
    (n, k), m = x.shape, y.shape[1]
    result = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            result[i, j] = math.fsum(x[i, l] * y[l, j] for l in range(k))
    return result


def matmul2d_back0(grad_out, out, x, y):
    return np.array([[math.fsum(row * column) for column in y] for row in grad_out])


def matmul2d_back1(grad_out, out, x, y):
    return np.array([[math.fsum(left * right) for right in grad_out.T] for left in x.T])


def _affine(x, weight, bias):
    return np.array([[row @ line for line in weight] for row in x]) + bias


def _affine_back0(grad_out, out, x, weight, bias):
    return grad_out @ weight


def _affine_back1(grad_out, out, x, weight, bias):
    return grad_out.T @ x


def _affine_back2(grad_out, out, x, weight, bias):
    return grad_out.sum(axis=0)


matmul = wrap_forward_fn(_matmul2d)
affine = wrap_forward_fn(_affine)
BACK_FUNCS.add_back_func(_matmul2d, 0, matmul2d_back0)
BACK_FUNCS.add_back_func(_matmul2d, 1, matmul2d_back1)
BACK_FUNCS.add_back_func(_affine, 0, _affine_back0)
BACK_FUNCS.add_back_func(_affine, 1, _affine_back1)
BACK_FUNCS.add_back_func(_affine, 2, _affine_back2)


class Parameter(Tensor):
    def __init__(self, tensor, requires_grad=True):
        Tensor.__init__(self, tensor.array, requires_grad)


class Module:
    def __init__(self):
        object.__setattr__(self, "_parameters", {})
        object.__setattr__(self, "_modules", {})

    def modules(self):
        return list(self._modules.values())

    def parameters(self, recurse=True):
        seen = []
        for parameter in self._parameters.values():
            if not any(parameter is other for other in seen):
                seen.append(parameter)
        for module in self.modules() if recurse else []:
            for parameter in module.parameters():
                if not any(parameter is other for other in seen):
                    seen.append(parameter)
        return seen

    def __setattr__(self, key, val):
        for table in (vars(self), self._parameters, self._modules):
            if key in table:
                del table[key]
        if isinstance(val, Parameter):
            self._parameters[key] = val
        elif isinstance(val, Module):
            self._modules[key] = val
        else:
            object.__setattr__(self, key, val)

    def __getattr__(self, key):
        if key in vars(self).get("_parameters", {}):
            return self._parameters[key]
        if key in vars(self).get("_modules", {}):
            return self._modules[key]
        raise AttributeError(key)

    def __call__(self, *args):
        return self.forward(*args)

    def __repr__(self):
        return self._shown(0)

    def _shown(self, depth):
        text = self.__class__.__name__ + "("
        for name, module in self._modules.items():
            text += "\n" + "    " * (depth + 1) + "(" + name + "): " + module._shown(depth + 1)
        return text + ")"


class Linear(Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        size = 1 / math.sqrt(in_features)
        self.weight = Parameter(Tensor(np.random.default_rng().uniform(-size, size, (out_features, in_features))))
        self.bias = None
        if bias:
            self.bias = Parameter(Tensor(np.random.default_rng().uniform(-size, size, out_features)))

    def forward(self, x):
        return affine(x, self.weight, 0.0 if self.bias is None else self.bias)


class ReLU(Module):
    def forward(self, x):
        return relu(x)


class MLP(Module):
    def __init__(self):
        super().__init__()
        self.layers = Module()
        sizes = [784, 64, 64, 10]
        for number in range(3):
            setattr(self.layers, f"layer{number}", Linear(sizes[number], sizes[number + 1]))

    def forward(self, x):
        x = reshape(x, (x.shape[0], 784))
        for number, layer in enumerate(self.layers.modules()):
            x = layer(x)
            if number < 2:
                x = relu(x)
        return x


def _row_losses(logits, labels):
    losses = []
    for row, label in zip(logits, labels):
        top = max(row)
        losses.append(math.log(math.fsum(math.exp(v - top) for v in row)) + top - row[label])
    return np.array(losses)


def _row_losses_back(grad_out, out, logits, labels):
    result = np.zeros(logits.shape)
    for i, (row, label) in enumerate(zip(logits, labels)):
        exponentials = np.exp(row - np.max(row))
        result[i] = exponentials / np.sum(exponentials)
        result[i, label] -= 1
        result[i] *= grad_out[i]
    return result


cross_entropy = wrap_forward_fn(_row_losses)
BACK_FUNCS.add_back_func(_row_losses, 0, _row_losses_back)


class NoGrad:
    def __enter__(self):
        global grad_tracking_enabled
        self.before, grad_tracking_enabled = grad_tracking_enabled, False

    def __exit__(self, kind, error, trace):
        global grad_tracking_enabled
        grad_tracking_enabled = self.before
        return False


class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = [*params], lr

    def zero_grad(self):
        for p in self.params:
            p.grad = None if p.grad is None else Tensor(np.zeros(p.shape))

    def step(self):
        for p in self.params:
            if p.grad is not None:
                p.array[...] = p.array - self.lr * p.grad.array
