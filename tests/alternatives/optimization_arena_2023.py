"""As the edition of 2023 has it: every parameter has a gradient, schedules change `lr`, n_iters rows."""

import math
import random
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

def opt_fn_with_sgd(fn, xy, lr=0.001, momentum=0.98, n_iters=100):
    assert xy.requires_grad
    xys = torch.zeros((n_iters, 2))
    optimizer = SGD([xy], lr=lr, momentum=momentum)
    for i in range(n_iters):
        xys[i] = xy.detach()
        out = fn(xy[0], xy[1])
        out.backward()
        optimizer.step()
        optimizer.zero_grad()
    return xys


class SGD:
    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0):
        self.params = list(params)
        self.lr = lr
        self.mu = momentum
        self.lmda = weight_decay
        self.b = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for param in self.params:
            param.grad = None

    @torch.inference_mode()
    def step(self):
        for i, (b, param) in enumerate(zip(self.b, self.params)):
            g = param.grad
            if self.lmda != 0:
                g = g + self.lmda * param
            if self.mu != 0:
                g = self.mu * b + g
            self.b[i] = g
            param -= self.lr * g


class RMSprop:
    def __init__(self, params, lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0):
        self.params = list(params)
        self.lr = lr
        self.eps = eps
        self.mu = momentum
        self.lmda = weight_decay
        self.alpha = alpha
        self.b = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    @torch.inference_mode()
    def step(self):
        for i, (p, b, v) in enumerate(zip(self.params, self.b, self.v)):
            new_g = p.grad + self.lmda * p
            self.v[i] = self.alpha * v + (1 - self.alpha) * new_g.pow(2)
            ratio = new_g / (self.v[i].sqrt() + self.eps)
            if self.mu > 0:
                self.b[i] = self.mu * b + ratio
                p -= self.lr * self.b[i]
            else:
                p -= self.lr * ratio


class Adam:
    decoupled = False

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0):
        self.params = list(params)
        self.lr = lr
        self.beta1, self.beta2 = betas
        self.eps = eps
        self.lmda = weight_decay
        self.t = 1
        self.m = [torch.zeros_like(p) for p in self.params]
        self.v = [torch.zeros_like(p) for p in self.params]

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()

    @torch.inference_mode()
    def step(self):
        for i, (p, m, v) in enumerate(zip(self.params, self.m, self.v)):
            g = p.grad
            if self.lmda != 0 and not self.decoupled:
                g = g + self.lmda * p
            if self.decoupled:
                p -= p * self.lr * self.lmda
            self.m[i] = self.beta1 * m + (1 - self.beta1) * g
            self.v[i] = self.beta2 * v + (1 - self.beta2) * g.pow(2)
            m_hat = self.m[i] / (1 - self.beta1**self.t)
            v_hat = self.v[i] / (1 - self.beta2**self.t)
            p -= self.lr * m_hat / (v_hat.sqrt() + self.eps)
        self.t += 1


class AdamW(Adam):
    decoupled = True


def opt_fn(fn, xy, optimizer_class, optimizer_hyperparams, n_iters=100):
    assert xy.requires_grad
    optimizer = optimizer_class([xy], **optimizer_hyperparams)
    xy_list = [xy.detach().clone()]
    for _ in range(n_iters):
        fn(xy[0], xy[1]).backward()
        optimizer.step()
        optimizer.zero_grad()
        xy_list.append(xy.detach().clone())
    return torch.stack(xy_list[:n_iters])


class SGD:
    def __init__(self, params, *args, **kwargs):
        for name, value in zip(("lr", "momentum", "weight_decay"), args):
            kwargs[name] = value
        params = list(params)
        if not all(isinstance(group, dict) for group in params):
            params = [{"params": params}]
        defaults = dict(momentum=0.0, weight_decay=0.0)
        self.param_groups = []
        known = set()
        for param_group in params:
            param_group = {**defaults, **kwargs, **param_group}
            assert "lr" in param_group, "a group does not say lr"
            param_group["params"] = list(param_group["params"])
            param_group["gs"] = [torch.zeros_like(p) for p in param_group["params"]]
            self.param_groups.append(param_group)
            for param in param_group["params"]:
                assert param not in known, "a parameter comes twice"
                known.add(param)

    def zero_grad(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    @torch.inference_mode()
    def step(self):
        for group in self.param_groups:
            lmda, lr, mu = group["weight_decay"], group["lr"], group["momentum"]
            for j, (p, g) in enumerate(zip(group["params"], group["gs"])):
                group["gs"][j] = mu * g + p.grad + lmda * p
                p -= lr * group["gs"][j]


class ExponentialLR:
    def __init__(self, optimizer, gamma):
        self.optimizer = optimizer
        self.gamma = gamma

    def step(self):
        self.optimizer.lr *= self.gamma


class StepLR:
    def __init__(self, optimizer, step_size, gamma=0.1):
        self.optimizer = optimizer
        self.step_size = step_size
        self.gamma = gamma
        self.n_steps = 0

    def step(self):
        self.n_steps += 1
        if self.n_steps % self.step_size == 0:
            self.optimizer.lr *= self.gamma


class MultiStepLR:
    def __init__(self, optimizer, milestones, gamma=0.1):
        self.optimizer = optimizer
        self.milestones = milestones
        self.gamma = gamma
        self.n_steps = 0

    def step(self):
        self.n_steps += 1
        if self.n_steps in self.milestones:
            self.optimizer.lr *= self.gamma


def WarmupCosine(step, warmup, total, peak, floor):
    if step >= total:
        return floor
    if step >= warmup:
        return floor + (peak - floor) * math.cos((step - warmup) / (total - warmup) * math.pi / 2) ** 2
    return step / warmup * peak


def clip_grad_norm(params, max_norm):
    params = list(params)
    total = torch.linalg.vector_norm(torch.cat([p.grad.reshape(-1) for p in params]))
    factor = torch.clamp(max_norm / (total + 1e-6), max=1.0)
    for p in params:
        p.grad *= factor
    return total


@dataclass
class TrainingArgs:
    epochs: int = 3
    learning_rate: float = 0.001
    batch_size: int = 128
    weight_decay: float = 0.0


def sample_parameters(parameters):
    result = {}
    for name, spec in parameters.items():
        if spec.get("distribution") == "log_uniform_values":
            result[name] = spec["min"] * (spec["max"] / spec["min"]) ** random.random()
        elif spec.get("distribution") == "uniform":
            result[name] = spec["min"] + (spec["max"] - spec["min"]) * random.random()
        else:
            result[name] = spec["values"][random.randrange(len(spec["values"]))]
    return result


def update_args(args, sampled_parameters):
    gate = sampled_parameters["weight_decay_bool"]
    return replace(
        args,
        learning_rate=sampled_parameters["learning_rate"],
        batch_size=sampled_parameters["batch_size"],
        weight_decay=sampled_parameters["weight_decay"] if gate else 0.0,
    )


def average_grads(grads_per_rank):
    world_size = len(grads_per_rank)
    total = [None for _ in grads_per_rank[0]]
    for grads in grads_per_rank:
        for i, grad in enumerate(grads):
            if grad is not None:
                total[i] = grad / world_size + (0 if total[i] is None else total[i])
    return total


def broadcast(tensor, rank, world_size, src=0):
    if rank == src:
        for other_rank in range(world_size):
            if other_rank != src:
                dist.send(tensor, dst=other_rank)
    else:
        received_tensor = torch.zeros_like(tensor)
        dist.recv(received_tensor, src=src)
        tensor.copy_(received_tensor)


def reduce(tensor, rank, world_size, dst=0, op="sum"):
    if rank != dst:
        dist.send(tensor, dst=dst)
    else:
        for other_rank in range(world_size):
            if other_rank != dst:
                received_tensor = torch.zeros_like(tensor)
                dist.recv(received_tensor, src=other_rank)
                tensor += received_tensor
        if op == "mean":
            tensor /= world_size


def all_reduce(tensor, rank, world_size, op="sum"):
    reduce(tensor, rank, world_size, dst=0, op=op)
    broadcast(tensor, rank, world_size, src=0)


def ring_all_reduce(tensor, rank, world_size, op="sum"):
    if world_size == 1:
        return
    flat = tensor.clone().contiguous().view(-1)
    bounds = [len(flat) * i // world_size for i in range(world_size + 1)]
    to, source = (rank - 1) % world_size, (rank + 1) % world_size
    current = rank
    for half in ("gather", "spread"):
        for _ in range(world_size - 1):
            dist.send(flat[bounds[current] : bounds[current + 1]], dst=to)
            current = (current + 1) % world_size
            mine = flat[bounds[current] : bounds[current + 1]]
            theirs = torch.zeros_like(mine)
            dist.recv(theirs, src=source)
            if half == "gather":
                mine += theirs
            else:
                mine.copy_(theirs)
        if half == "gather" and op == "mean":
            flat[bounds[current] : bounds[current + 1]] /= world_size
    tensor.copy_(flat.reshape(tensor.shape))
