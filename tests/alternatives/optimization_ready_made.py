"""What PyTorch has ready-made, under the names of the exercises; the rest is written down as short as it goes."""

import copy
import math
import random

import torch
import torch.distributed as dist
from torch.optim import SGD, Adam, RMSprop


class AdamW(torch.optim.AdamW):
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)


class SGDGroups(SGD):
    def __init__(self, params, **kwargs):
        params = [dict(group) if isinstance(group, dict) else group for group in params]
        if isinstance(params[0], dict) and not all("lr" in {**kwargs, **group} for group in params):
            raise ValueError("no lr")
        super().__init__(params, **kwargs)
        if any(len(set(group["params"])) < len(group["params"]) for group in self.param_groups):
            raise ValueError("twice")


def opt_fn_with_sgd(fn, xy, lr=0.001, momentum=0.98, n_iters=100):
    return opt_fn(fn, xy, SGD, {"lr": lr, "momentum": momentum}, n_iters)


def opt_fn(fn, xy, optimizer_class, optimizer_hyperparams, n_iters=100):
    optimizer, path = optimizer_class([xy], **optimizer_hyperparams), xy.new_empty(n_iters, 2)
    for row in path:
        row.copy_(xy.detach())
        optimizer.zero_grad()
        fn(*xy).backward()
        optimizer.step()
    return path


class _Factors:
    """Multiplies what the learning rate is at the time, so that it gets along with other schedulers."""

    def __init__(self, optimizer, factor):
        self.optimizer, self.factor, self.epoch = optimizer, factor, 0

    def step(self):
        before, self.epoch = self.factor(self.epoch), self.epoch + 1
        change = self.factor(self.epoch) / before
        if hasattr(self.optimizer, "param_groups"):
            for group in self.optimizer.param_groups:
                group["lr"] *= change
        else:
            self.optimizer.lr *= change


def ExponentialLR(optimizer, gamma):
    return _Factors(optimizer, lambda epoch: gamma**epoch)


def StepLR(optimizer, step_size, gamma=0.1):
    return _Factors(optimizer, lambda epoch: gamma ** (epoch // step_size))


def MultiStepLR(optimizer, milestones, gamma=0.1):
    return _Factors(optimizer, lambda epoch: gamma ** sum(milestone <= epoch for milestone in milestones))


def WarmupCosine(step, warmup, total, peak, floor):
    rising = peak * step / max(warmup, 1)
    angle = math.pi * (step - warmup) / (total - warmup)
    falling = floor + (peak - floor) * math.cos(angle / 2) ** 2
    return floor if step >= total else rising if step < warmup else falling


def clip_grad_norm(params, max_norm):
    return torch.nn.utils.clip_grad_norm_(params, max_norm)


def sample_parameters(parameters):
    found = {}
    for name, options in parameters.items():
        if "values" in options:
            found[name] = random.choice(options["values"])
        elif options["distribution"] == "log_uniform_values":
            found[name] = math.exp(random.uniform(math.log(options["min"]), math.log(options["max"])))
        else:
            found[name] = random.uniform(options["min"], options["max"])
    return found


def update_args(args, sampled_parameters):
    changed = copy.copy(args)
    for name, value in sampled_parameters.items():
        if hasattr(changed, name):
            setattr(changed, name, value)
    changed.weight_decay = sampled_parameters["weight_decay"] * sampled_parameters["weight_decay_bool"]
    return changed


def average_grads(grads_per_rank):
    means = []
    for grads in zip(*grads_per_rank):
        known = [grad for grad in grads if grad is not None]
        means.append(sum(known) / len(grads) if known else None)
    return means


def broadcast(tensor, rank, world_size, src=0):
    others = [other for other in range(world_size) if other != src]
    dist.recv(tensor, src) if rank != src else [dist.send(tensor, other) for other in others]


def reduce(tensor, rank, world_size, dst=0, op="sum"):
    if rank != dst:
        return dist.send(tensor, dst)
    parts = [tensor.clone(), *(torch.empty_like(tensor) for _ in range(world_size - 1))]
    for part, other in zip(parts[1:], (other for other in range(world_size) if other != dst)):
        dist.recv(part, other)
    torch.sum(torch.stack(parts), dim=0, out=tensor)
    return tensor.div_(world_size if op == "mean" else 1)


def all_reduce(tensor, rank, world_size, op="sum"):
    root = world_size - 1
    reduce(tensor, rank, world_size, root, op)
    broadcast(tensor, rank, world_size, root)


def ring_all_reduce(tensor, rank, world_size, op="sum"):
    after, before = (rank + 1) % world_size, (rank + world_size - 1) % world_size
    pieces = [piece.clone() for piece in tensor.reshape(-1).tensor_split(world_size)]
    for turn in range(2 * (world_size - 1)):
        leaving, coming = (rank - turn) % world_size, (rank - turn - 1) % world_size
        dist.send(pieces[leaving], after)
        received = torch.empty_like(pieces[coming])
        dist.recv(received, before)
        pieces[coming] = pieces[coming] + received if turn < world_size - 1 else received
    whole = torch.cat(pieces).reshape(tensor.shape)
    tensor.copy_(whole / world_size if op == "mean" else whole)
