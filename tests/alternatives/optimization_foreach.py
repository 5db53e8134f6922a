"""All parameters as lists in torch._foreach calls, state by parameter, schedules over closures, workers in chains and trees."""

import math
from bisect import bisect_right
from typing import Any, Callable, Sequence

import torch
from torch import Tensor

from exercises.given.workers import dist

def _trajectory(fn, xy, n_iters, advance):
    point = xy.detach().clone()
    rows = torch.empty(n_iters, 2)
    for number in range(n_iters):
        rows[number] = point
        leaf = point.clone().requires_grad_()
        (grad,) = torch.autograd.grad(fn(*leaf.unbind()), leaf)
        point = advance(point, grad)
    return rows


def opt_fn_with_sgd(fn, xy, lr=0.001, momentum=0.98, n_iters=100):
    grads = []

    def advance(point, grad):
        grads.append(grad)
        weights = [momentum**age for age in range(len(grads))][::-1]
        return point - lr * sum(weight * old for weight, old in zip(weights, grads))

    return _trajectory(fn, xy, n_iters, advance)


class _Optimizer:
    def __init__(self, params):
        self.params = [*params]
        self.state = {}

    def zero_grad(self):
        for p in self.params:
            p.grad = torch.zeros_like(p)

    def memory(self, params, name):
        return [self.state.setdefault((name, id(p)), torch.zeros_like(p)) for p in params]

    def step(self):
        with torch.no_grad():
            params = [p for p in self.params if p.grad is not None]
            if params:
                self.update(params, [p.grad for p in params])


class SGD(_Optimizer):
    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0):
        super().__init__(params)
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay

    def update(self, params, grads):
        buffers = self.memory(params, "b")
        torch._foreach_mul_(buffers, self.momentum)
        torch._foreach_add_(buffers, grads)
        torch._foreach_add_(buffers, params, alpha=self.weight_decay)
        torch._foreach_add_(params, buffers, alpha=-self.lr)


class RMSprop(_Optimizer):
    def __init__(self, params, lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0):
        super().__init__(params)
        self.lr, self.alpha, self.eps = lr, alpha, eps
        self.weight_decay, self.momentum = weight_decay, momentum

    def update(self, params, grads):
        grads = torch._foreach_add(grads, params, alpha=self.weight_decay)
        squares, buffers = self.memory(params, "v"), self.memory(params, "b")
        torch._foreach_mul_(squares, self.alpha)
        torch._foreach_addcmul_(squares, grads, grads, 1 - self.alpha)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_add_(roots, self.eps)
        torch._foreach_mul_(buffers, self.momentum)
        torch._foreach_addcdiv_(buffers, grads, roots)
        torch._foreach_add_(params, buffers, alpha=-self.lr)


class _AdamLike(_Optimizer):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0):
        super().__init__(params)
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.left = [1.0, 1.0]

    def update(self, params, grads):
        grads = self.decay(params, grads)
        self.left = [left * beta for left, beta in zip(self.left, self.betas)]
        means, squares = self.memory(params, "m"), self.memory(params, "v")
        torch._foreach_lerp_(means, grads, 1 - self.betas[0])
        torch._foreach_lerp_(squares, torch._foreach_mul(grads, grads), 1 - self.betas[1])
        for p, mean, square in zip(params, means, squares):
            root = (square / (1 - self.left[1])).sqrt() + self.eps
            p.addcdiv_(mean, root, value=-self.lr / (1 - self.left[0]))


class Adam(_AdamLike):
    def decay(self, params, grads):
        return torch._foreach_add(grads, params, alpha=self.weight_decay)


class AdamW(_AdamLike):
    def decay(self, params, grads):
        torch._foreach_mul_(params, 1 - self.lr * self.weight_decay)
        return list(grads)


def opt_fn(fn, xy, optimizer_class, optimizer_hyperparams, n_iters=100):
    moving = xy.detach().clone().requires_grad_()
    optimizer = optimizer_class(params=iter([moving]), **optimizer_hyperparams)
    rows = []
    while len(rows) < n_iters:
        rows.append(moving.tolist())
        optimizer.zero_grad()
        fn(moving[0], moving[1]).backward()
        optimizer.step()
    return torch.tensor(rows)


class SGDGroups:
    def __init__(self, params, **kwargs):
        params = list(params)
        if not params or isinstance(params[0], torch.Tensor):
            params = [{"params": params}]
        self.param_groups = []
        for given in params:
            group = {"params": list(given["params"])}
            for name, default in (("lr", None), ("momentum", 0.0), ("weight_decay", 0.0)):
                group[name] = given.get(name, kwargs.get(name, default))
            if group["lr"] is None:
                raise ValueError("no lr")
            self.param_groups.append(group)
        everything = [id(p) for group in self.param_groups for p in group["params"]]
        if len(everything) > len(set(everything)):
            raise ValueError("twice")
        self.optimizers = [SGD(group["params"], 0.0) for group in self.param_groups]

    def zero_grad(self):
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self):
        for group, optimizer in zip(self.param_groups, self.optimizers):
            optimizer.lr, optimizer.momentum = group["lr"], group["momentum"]
            optimizer.weight_decay = group["weight_decay"]
            optimizer.step()


class _Scheduler:
    def __init__(self, optimizer, factors):
        self.optimizer, self.factors = optimizer, factors

    def step(self):
        factor = next(self.factors)
        try:
            for group in self.optimizer.param_groups:
                group["lr"] = factor * group["lr"]
        except AttributeError:
            self.optimizer.lr = factor * self.optimizer.lr


def _forever(factor_of):
    count = 0
    while True:
        count += 1
        yield factor_of(count)


class ExponentialLR(_Scheduler):
    def __init__(self, optimizer, gamma):
        super().__init__(optimizer, _forever(lambda count: gamma))


class StepLR(_Scheduler):
    def __init__(self, optimizer, step_size, gamma=0.1):
        super().__init__(optimizer, _forever(lambda count: 1.0 if count % step_size else gamma))


class MultiStepLR(_Scheduler):
    def __init__(self, optimizer, milestones, gamma=0.1):
        def level(count):
            return bisect_right(milestones, count)

        super().__init__(optimizer, _forever(lambda count: gamma ** (level(count) - level(count - 1))))


def WarmupCosine(step, warmup, total, peak, floor):
    if step < warmup:
        return peak - peak * (warmup - step) / warmup
    share = 1 - min(step - warmup, total - warmup) / (total - warmup)  # left to go
    return floor + (peak - floor) * 0.5 * (1 - math.cos(math.pi * share))


def clip_grad_norm(params, max_norm):
    grads = []
    for p in params:
        if p.grad is not None:
            grads.append(p.grad)
    total = math.sqrt(sum(float((grad * grad).sum()) for grad in grads))
    for grad in grads:
        grad.copy_(grad * min(1.0, max_norm / total if total else 1.0))
    return torch.tensor(total)


def sample_parameters(parameters):
    def draw(values=None, min=None, max=None, distribution=None):
        if values is not None:
            return values[int(torch.randint(len(values), ()))]
        if distribution == "uniform":
            return min + (max - min) * torch.rand((), dtype=torch.float64).item()
        exponent = torch.empty((), dtype=torch.float64).uniform_(math.log10(min), math.log10(max) or 1e-300)
        return 10 ** exponent.item()

    return {name: draw(**options) for name, options in parameters.items()}


def update_args(args, sampled_parameters):
    rest = dict(sampled_parameters)
    rest["weight_decay"] *= float(rest.pop("weight_decay_bool"))
    for name, value in rest.items():
        setattr(args, name, value)
    return args


def average_grads(grads_per_rank):
    result = []
    for number in range(len(grads_per_rank[0])):
        shape = next((row[number] for row in grads_per_rank if row[number] is not None), None)
        if shape is None:
            result.append(None)
            continue
        column = [torch.zeros_like(shape) if row[number] is None else row[number] for row in grads_per_rank]
        result.append(torch.stack(column).mean(0))
    return tuple(result)


def broadcast(tensor, rank, world_size, src=0):
    """A binary tree, whose nodes are numbered from the source on."""
    place = (rank - src) % world_size
    if place:
        dist.recv(tensor, ((place - 1) // 2 + src) % world_size)
    for child in (2 * place + 1, 2 * place + 2):
        if child < world_size:
            dist.send(tensor, (child + src) % world_size)


def reduce(tensor, rank, world_size, dst=0, op="sum"):
    """A chain that ends at the destination."""
    place = (rank - dst) % world_size
    total = tensor.clone()
    if place + 1 < world_size:
        part = torch.zeros_like(total)
        dist.recv(part, (rank + 1) % world_size)
        total = total + part
    if place:
        dist.send(total, (rank - 1) % world_size)
    else:
        tensor.copy_(total / world_size if op == "mean" else total)


def all_reduce(tensor, rank, world_size, op="sum"):
    """Everyone tells everyone."""
    others = [other for other in range(world_size) if other != rank]
    for other in others:
        dist.send(tensor, other)
    received = [torch.empty_like(tensor) for _ in others]
    for other, part in zip(others, received):
        dist.recv(part, other)
    total = torch.stack([tensor, *received]).sum(0)
    tensor.copy_(total / world_size if op == "mean" else total)


def ring_all_reduce(tensor, rank, world_size, op="sum"):
    """Neighbours of even and odd rank take turns; numbers are dealt out to chunks like cards."""
    flat = tensor.reshape(-1).clone()
    piles = [torch.arange(len(flat))[start::world_size] for start in range(world_size)]

    def swap(send, receive):
        part = torch.zeros(len(piles[receive]), dtype=flat.dtype)
        if rank % 2 == 0:
            dist.send(flat[piles[send]], (rank + 1) % world_size)
            dist.recv(part, (rank - 1) % world_size)
        else:
            dist.recv(part, (rank - 1) % world_size)
            dist.send(flat[piles[send]], (rank + 1) % world_size)
        return part

    for back in range(world_size - 1):
        send, receive = (rank - back) % world_size, (rank - back - 1) % world_size
        flat[piles[receive]] += swap(send, receive)
    for back in range(-1, world_size - 2):
        send, receive = (rank - back) % world_size, (rank - back - 1) % world_size
        flat[piles[receive]] = swap(send, receive)
    tensor.copy_((flat / world_size if op == "mean" else flat).view(tensor.shape))
