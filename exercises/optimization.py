"""Optimisers, schedules and data-parallel training.

A gradient says which way is down. What to make of it is the business of this file: how far to step, what to remember of
earlier gradients, how to change the learning rate over time, and how several workers share the work of one step.
You write SGD, RMSprop, Adam and AdamW, schedules and clipping, and at last the messages between workers that
`torch.distributed` is made of. Names are those of PyTorch wherever it has the same thing.

An optimizer of ours keeps its parameters in `params` and its learning rate in `lr`; the one with parameter groups keeps
both in `param_groups`, as those of PyTorch do. Nothing here needs `torch.optim`.
"""

# %% Setup
import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from exercises.given.workers import dist, run_workers

Fn = Callable[[Tensor, Tensor], Tensor]  # a function of two numbers, such as a landscape to walk down


# %% Walking downhill
def find_minimum(fn: Callable[[Tensor], Tensor], x: Float[Tensor, ""], lr: float = 0.1, n_iters: int = 100) -> Tensor:
    """Gradient descent on a function of one number. This one is done for you; read it before you write the next.

    The step is taken in no_grad, as it is no part of the function, and in place, as x is to move rather than to be
    replaced. backward() adds to x.grad: without the last line each step would go along the sum of all gradients so far.

    >>> find_minimum(lambda x: (x - 3) ** 2, torch.tensor(0.0, requires_grad=True))
    tensor(3.0000)
    """
    for _ in range(n_iters):
        fn(x).backward()
        with torch.no_grad():
            x -= lr * x.grad
        x.grad = None
    return x.detach()


def opt_fn_with_sgd(
    fn: Fn, xy: Float[Tensor, "2"], lr: float = 0.001, momentum: float = 0.98, n_iters: int = 100
) -> Float[Tensor, "n_iters 2"]:
    """Minimise a function of two numbers by gradient descent with momentum, and note where it has been.

        v = momentum · v + gradient      starting with v = 0
        xy = xy - lr · v

    A heavy ball rolls down: it keeps most of its velocity v from step to step, so that gradients which agree add up and
    gradients which alternate cancel.

    Args:
        fn: called as fn(x, y) with two 0-d tensors; returns a 0-d tensor.
        xy: the starting point, with requires_grad. It may be moved. Its grad is None at first.
        lr, momentum: as above. n_iters: the number of rows. Defaults are those of the signature.

    Returns:
        The points, without gradient: row 0 is the starting point, row i the point after i steps. One row more, for the
        point after the last step, is accepted too.

    >>> opt_fn_with_sgd(lambda x, y: x**2 + y, torch.tensor([4.0, 0.0], requires_grad=True), 0.25, 0.5, n_iters=3)
    tensor([[ 4.0000,  0.0000],
            [ 2.0000, -0.2500],
            [ 0.0000, -0.6250]])

    Source: Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning", section 2,
    with the learning rate taken out of v, as PyTorch has it.
    """
    raise NotImplementedError("opt_fn_with_sgd")


# %% Optimizers
# All of them are used alike: made once from the parameters (any iterable of tensors, also a generator, which runs only
# once), then for each batch loss.backward(), step(), zero_grad(). A step changes the parameters in place, since the
# model holds the same tensors, and records nothing. It takes the learning rate that stands in lr at the time, so that a
# schedule can change it. A parameter whose grad is None stays where it is.
class SGD:
    """Gradient descent with momentum and weight decay.

        g = gradient + weight_decay · p
        b = momentum · b + g             starting with b = 0, one buffer for each parameter
        p = p - lr · b

    Weight decay adds the gradient of weight_decay / 2 · |p|² to that of the loss.

    >>> p = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([p], lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     p.grad = torch.tensor([2.0])
    ...     optimizer.step()
    >>> p  # 1 - 0.5 · 2 - 0.5 · 3
    tensor([-1.5000], requires_grad=True)

    Source: torch.optim.SGD without dampening and Nesterov's variant.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        """Keep the parameters for all later steps, in `params`, the learning rate in `lr`, and what a step needs.

        `params` is any iterable, also one that runs only once.
        """
        raise NotImplementedError("SGD.__init__")

    def zero_grad(self) -> None:
        """Forget all gradients, so that the next backward pass starts afresh. None and zero are both accepted."""
        raise NotImplementedError("SGD.zero_grad")

    def step(self) -> None:
        """Move every parameter that has a gradient, in place, with the learning rate that stands in `lr` now.

        One whose grad is None stays where it is, whatever momentum and decay would do.
        """
        raise NotImplementedError("SGD.step")


class RMSprop:
    """Divides each gradient by the root of a running mean of its own squares.

        g = gradient + weight_decay · p
        v = alpha · v + (1 - alpha) · g²                 starting with v = 0
        b = momentum · b + g / (sqrt(v) + eps)           starting with b = 0
        p = p - lr · b

    So every number moves about lr a step, be its gradients a million or a millionth.

    Source: Tieleman and Hinton (2012), lecture 6.5 of "Neural Networks for Machine Learning"; torch.optim.RMSprop.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        """Keep the parameters, in `params`, the learning rate in `lr`, and what a step needs.

        `params` is any iterable, also one that runs only once. Defaults are those of the signature.
        """
        raise NotImplementedError("RMSprop.__init__")

    def zero_grad(self) -> None:
        """Forget all gradients."""
        raise NotImplementedError("RMSprop.zero_grad")

    def step(self) -> None:
        """Move every parameter that has a gradient, in place, with the learning rate that stands in `lr` now.

        One whose grad is None stays where it is, whatever momentum and decay would do.
        """
        raise NotImplementedError("RMSprop.step")


class Adam:
    """Momentum for the gradient and for its square, both corrected for having started at zero.

        g = gradient + weight_decay · p
        m = beta1 · m + (1 - beta1) · g                  starting with m = 0
        v = beta2 · v + (1 - beta2) · g²                 starting with v = 0
        p = p - lr · m̂ / (sqrt(v̂) + eps)                 where m̂ = m / (1 - beta1^t), v̂ = v / (1 - beta2^t)

    t counts the steps: it is 1 in the first one, where m̂ is g itself.

    >>> p = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> p.grad = torch.tensor([1000.0, -0.001])
    >>> Adam([p], lr=0.25).step()
    >>> p
    tensor([0.7500, 1.2500], requires_grad=True)

    Source: Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
    ) -> None:
        """Keep the parameters, in `params`, the learning rate in `lr`, and what a step needs.

        `params` is any iterable, also one that runs only once. Defaults are those of the signature.
        """
        raise NotImplementedError("Adam.__init__")

    def zero_grad(self) -> None:
        """Forget all gradients."""
        raise NotImplementedError("Adam.zero_grad")

    def step(self) -> None:
        """Move every parameter that has a gradient, in place, with the learning rate that stands in `lr` now.

        One whose grad is None stays where it is, whatever momentum and decay would do.
        """
        raise NotImplementedError("Adam.step")


class AdamW(Adam):
    """Adam with decoupled weight decay: the decay stays out of the gradient, and so of m and v.

        p = p - lr · weight_decay · p
        and then a step of Adam, on the gradient of the loss alone

    In Adam, decay is divided by sqrt(v) like everything else, so weights with large gradients hardly decay. Here all
    weights shrink at one rate. You may build on your Adam or start anew.

    Source: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", algorithm 2; as in torch.optim.AdamW,
    the decay is multiplied by lr.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
    ) -> None:
        """Keep the parameters, in `params`, the learning rate in `lr`, and what a step needs.

        `params` is any iterable, also one that runs only once. Defaults are those of the signature.
        """
        raise NotImplementedError("AdamW.__init__")

    def step(self) -> None:
        """Move every parameter that has a gradient, in place, with the learning rate that stands in `lr` now.

        One whose grad is None stays where it is, whatever momentum and decay would do.
        """
        raise NotImplementedError("AdamW.step")


def opt_fn(
    fn: Fn, xy: Float[Tensor, "2"], optimizer_class: type, optimizer_hyperparams: dict[str, Any], n_iters: int = 100
) -> Float[Tensor, "n_iters 2"]:
    """Minimise a function of two numbers by any optimizer, and note where it has been.

    Args:
        fn: called as fn(x, y) with two 0-d tensors; returns a 0-d tensor.
        xy: the starting point, with requires_grad. It may be moved. Its grad is None at first.
        optimizer_class: such as SGD; made from a list of the one parameter and the hyperparameters by keyword, it has
            step() and zero_grad().
        optimizer_hyperparams: such as {"lr": 0.1}. It stays as it is.
        n_iters: the number of rows; 100 unless given.

    Returns:
        The points, without gradient: row 0 is the starting point, row i the point after i steps. One row more, for the
        point after the last step, is accepted too.
    """
    raise NotImplementedError("opt_fn")


# %% Parameter groups
# Elsewhere this class is simply a second SGD. Names in a file must differ, so it is SGDGroups here; a file of yours
# that has a single SGD which knows groups is graded under either name.
class SGDGroups:
    """SGD whose parameters come in groups, each with settings of its own. For finetuning: small steps for pretrained
    layers, large ones for a new head.

    A group is a dict with the parameters under "params" and any of "lr", "momentum" and "weight_decay". What a group
    leaves out comes from the keyword arguments, and what these leave out is 0; only an lr must be said somewhere. The
    step is that of SGD.

    >>> body, head = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    >>> optimizer = SGDGroups([{"params": [body]}, {"params": [head], "lr": 0.5}], lr=0.25, momentum=0.9)
    >>> [(group["lr"], group["momentum"]) for group in optimizer.param_groups]
    [(0.25, 0.9), (0.5, 0.9)]

    Source: torch.optim.SGD, "Per-parameter options".
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], **kwargs: float) -> None:
        """Keep the groups, complete, in a list of new dicts called `param_groups`.

        Args:
            params: one or more groups, or plain parameters, which make one group; either may be an iterator, also a
                group's "params". The dicts that you are given stay as they are.
            kwargs: lr, momentum and weight_decay for groups that do not say their own.

        Raises:
            ValueError: a group has no lr, or a parameter comes twice, be it in two groups or in one.
        """
        raise NotImplementedError("SGDGroups.__init__")

    def zero_grad(self) -> None:
        """Forget all gradients."""
        raise NotImplementedError("SGDGroups.zero_grad")

    def step(self) -> None:
        """Move every parameter that has a gradient, in place, with the settings that its group has now.

        One whose grad is None stays where it is.
        """
        raise NotImplementedError("SGDGroups.step")


# %% Learning rate schedules
# A scheduler changes its optimizer's learning rate. It is made with the optimizer, which changes nothing yet; then its
# step() is called once an epoch.
def rate_holders(optimizer: Any) -> list[dict[str, Any]]:
    """The dicts whose "lr" a scheduler is to change: an optimizer's groups or, if it has none, its own attributes.

    >>> optimizer = SGD([torch.zeros(1)], lr=1.0)
    >>> rate_holders(optimizer)[0]["lr"] = 0.5
    >>> optimizer.lr
    0.5
    """
    return getattr(optimizer, "param_groups", None) or [vars(optimizer)]


class ExponentialLR:
    """After n steps the learning rate is gamma^n times what it was; in every group, if there are groups.

    Source: torch.optim.lr_scheduler.ExponentialLR.
    """

    def __init__(self, optimizer: Any, gamma: float) -> None:
        """Keep the optimizer, whose learning rate is in `param_groups` if it has them and else in `lr`."""
        raise NotImplementedError("ExponentialLR.__init__")

    def step(self) -> None:
        """An epoch has passed."""
        raise NotImplementedError("ExponentialLR.step")


class StepLR:
    """The learning rate is multiplied by gamma at every step_size-th step: stairs, all of one length.

    In every group, if there are groups; gamma is 0.1 unless given.

        step_size = 2, gamma = 0.5, after 0, 1, 2, … steps:   1, 1, 1/2, 1/2, 1/4, …

    Source: torch.optim.lr_scheduler.StepLR.
    """

    def __init__(self, optimizer: Any, step_size: int, gamma: float = 0.1) -> None:
        """Keep the optimizer, as in ExponentialLR."""
        raise NotImplementedError("StepLR.__init__")

    def step(self) -> None:
        """An epoch has passed."""
        raise NotImplementedError("StepLR.step")


class MultiStepLR:
    """The learning rate is multiplied by gamma when the number of steps reaches a milestone.

    In every group, if there are groups; gamma is 0.1 unless given.

        milestones = [1, 3], gamma = 0.5, after 0, 1, 2, … steps:   1, 1/2, 1/2, 1/4, 1/4, …

    Source: torch.optim.lr_scheduler.MultiStepLR.
    """

    def __init__(self, optimizer: Any, milestones: Sequence[int], gamma: float = 0.1) -> None:
        """Keep the optimizer, as in ExponentialLR. Milestones are positive, rise, and may be none."""
        raise NotImplementedError("MultiStepLR.__init__")

    def step(self) -> None:
        """An epoch has passed."""
        raise NotImplementedError("MultiStepLR.step")


def WarmupCosine(step: int, warmup: int, total: int, peak: float, floor: float) -> float:  # noqa: N802
    """The learning rate of a step: up a straight line, then down half a wave. What most transformers are trained with.

    It rises evenly from 0 at step 0 to peak at step warmup. From there it follows half a period of a cosine, from peak
    to floor at step total, half of the way down in the middle. After that it stays at floor.

    Early gradients are large and Adam's averages still poor, hence the warm-up; small last steps let training settle.

    Args:
        step: 0 or more. warmup: 0 or more; with 0, step 0 is at the peak. total: more than warmup.
        peak, floor: learning rates.

    >>> [WarmupCosine(step, 2, 6, 1.0, 0.0) for step in (0, 1, 2, 4, 6, 7)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]

    Source: Loshchilov and Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5, without
    restarts.
    """
    raise NotImplementedError("WarmupCosine")


# %% Clipping
def clip_grad_norm(params: Iterable[Tensor], max_norm: float) -> Float[Tensor, ""]:
    """Shorten the gradient to at most max_norm, in place, and keep its direction.

    The gradients of all parameters count as one long vector: one factor for all. A gradient that is short enough stays
    as it is; it is never made longer.

    Args:
        params: parameters. Their grad tensors are changed, not replaced; those whose grad is None are skipped.
        max_norm: positive.

    Returns:
        The norm of the whole gradient before clipping, as a 0-d tensor or a number; zero if there is no gradient.

    >>> p, q = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    >>> p.grad, q.grad = torch.tensor([30.0]), torch.tensor([-40.0])
    >>> clip_grad_norm([p, q], max_norm=25.0), p.grad, q.grad
    (tensor(50.), tensor([15.]), tensor([-20.]))

    Source: Pascanu et al. (2013), "On the difficulty of training recurrent neural networks", algorithm 1.
    """
    raise NotImplementedError("clip_grad_norm")


# %% Searching hyperparameters
@dataclass
class TrainingArgs:
    """What a training run may be told."""

    epochs: int = 3
    learning_rate: float = 0.001
    batch_size: int = 128
    weight_decay: float = 0.0


# What to try, in the format of Weights & Biases. One in two runs has no weight decay at all: a range of logarithms has
# no zero in it.
sweep_config = {
    "method": "random",
    "metric": {"name": "accuracy", "goal": "maximize"},
    "parameters": {
        "learning_rate": {"min": 1e-4, "max": 1e-1, "distribution": "log_uniform_values"},
        "batch_size": {"values": [32, 64, 128, 256]},
        "weight_decay": {"min": 1e-4, "max": 1e-2, "distribution": "log_uniform_values"},
        "weight_decay_bool": {"values": [True, False]},
    },
}


def sample_parameters(parameters: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Draw one value for each parameter of a sweep, independently of each other.

    Which learning rate is best is known to within a factor, not a difference. So a learning rate is drawn such that
    its logarithm is uniform: between 0.0001 and 0.1 each power of ten gets a third of the runs. Drawn uniformly, nine
    in ten would be above 0.01.

    Args:
        parameters: by name, one of
            {"values": [...]}: each equally likely;
            {"min": low, "max": high, "distribution": "uniform"}: a float between low and high;
            {"min": low, "max": high, "distribution": "log_uniform_values"}: a float between low and high, both
            positive, whose logarithm is uniformly distributed.

    Returns:
        By name, what was drawn.

    Source: Bergstra and Bengio (2012), "Random Search for Hyper-Parameter Optimization".
    """
    raise NotImplementedError("sample_parameters")


def update_args(args: TrainingArgs, sampled_parameters: dict[str, Any]) -> TrainingArgs:
    """Put what was drawn for a run into its arguments.

    Args:
        args: change it or make a new one, as you like.
        sampled_parameters: learning_rate, batch_size, weight_decay and weight_decay_bool. Where the last is False,
            there is to be no weight decay: 0.0, whatever was drawn for it.

    Returns:
        The arguments, with the others as they were.

    >>> update_args(TrainingArgs(), dict(learning_rate=0.1, batch_size=32, weight_decay=0.5, weight_decay_bool=False))
    TrainingArgs(epochs=3, learning_rate=0.1, batch_size=32, weight_decay=0.0)
    """
    raise NotImplementedError("update_args")


# %% Many workers: averaging gradients
def average_grads(grads_per_rank: Sequence[Sequence[Tensor | None]]) -> list[Tensor | None]:
    """The gradient of a large batch from the gradients of its equal parts.

    In data-parallel training each worker (its number is called its rank) has a copy of the model and a part of the
    batch. The loss is a mean over examples, so if all parts are of one size, the mean of the workers' gradients is the
    gradient of the whole batch: everyone takes the step that one large machine would have taken.

    Args:
        grads_per_rank: for each rank, a gradient for each parameter, in one order. A gradient is None where the
            parameter had no part in that rank's loss, which means zero. There is at least one rank.

    Returns:
        The mean gradient of each parameter, in new tensors; None where every rank has None.

    >>> average_grads([[torch.tensor([1.0, 2.0]), None], [torch.tensor([5.0, 0.0]), None]])
    [tensor([3., 1.]), None]
    """
    raise NotImplementedError("average_grads")


# %% Many workers: messages
# The group is in exercises/given/workers.py: run_workers starts one, and `dist` stands for torch.distributed.
# Every rank calls the same function, each with its own tensor, all of one shape and dtype. What it has to do depends on
# its rank. Two calls are there:
#     dist.send(tensor, dst)     send a copy to rank dst, and go on
#     dist.recv(tensor, src)     wait for the next message from rank src and copy it into tensor
# dist.isend and dist.irecv return at once, something whose wait() ends when the message is sent or has been received.
# Every message that is sent must be received. If everyone waits, dist.recv raises Deadlock: a real group would hang.
# The worked neighbour first.
def shift(tensor: Tensor, rank: int, world_size: int) -> None:
    """Replace every rank's tensor by that of the rank before it; rank 0 gets that of the last. It is done for you.

    >>> run_workers(shift, [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0])])
    [tensor([3.]), tensor([1.]), tensor([2.])]
    """
    if world_size > 1:
        dist.send(tensor, (rank + 1) % world_size)
        dist.recv(tensor, (rank - 1) % world_size)


def broadcast(tensor: Tensor, rank: int, world_size: int, src: int = 0) -> None:
    """Copy the tensor of rank src to all ranks, in place. This is how every worker gets the same initial weights.

    Unless told otherwise, src is rank 0.

    >>> run_workers(broadcast, [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0])], src=1)
    [tensor([2.]), tensor([2.]), tensor([2.])]
    """
    raise NotImplementedError("broadcast")


def reduce(tensor: Tensor, rank: int, world_size: int, dst: int = 0, op: str = "sum") -> None:
    """Put the sum, or with op="mean" the mean, of all ranks' tensors into that of rank dst, in place.

    The tensors of the other ranks stay as they are. Unless told otherwise, dst is rank 0.

    >>> run_workers(reduce, [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([6.0])], dst=2, op="mean")
    [tensor([1.]), tensor([2.]), tensor([3.])]
    """
    raise NotImplementedError("reduce")


def all_reduce(tensor: Tensor, rank: int, world_size: int, op: str = "sum") -> None:
    """Put the sum, or with op="mean" the mean, of all ranks' tensors into every one of them, in place.

    Called on each gradient after backward(), with op="mean", it turns a training loop into a data-parallel one.

    >>> run_workers(all_reduce, [torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([6.0])])
    [tensor([9.]), tensor([9.]), tensor([9.])]
    """
    raise NotImplementedError("all_reduce")


def ring_all_reduce(tensor: Tensor, rank: int, world_size: int, op: str = "sum") -> None:
    """all_reduce without a rank in the middle that has to receive and send everything: around a ring, in chunks.

    Every rank sends to one neighbour only and receives from the other. The tensor is cut into world_size chunks, whose
    sizes differ by one at most. In the first world_size - 1 rounds a rank sends one chunk on, and adds the one it
    receives to its own: each chunk travels around once and gathers a sum on its way. Then every rank has one chunk
    that is complete. In as many rounds more, the complete chunks go around and replace the others.

    So where the size divides evenly, every rank sends 2 (world_size - 1) / world_size times the size of the tensor,
    however many ranks there are. With op="mean", the mean takes the place of the sum.

    Args:
        tensor: of any shape, also with fewer elements than there are ranks, or not contiguous. Changed in place.

    Source: Patarasuk and Yuan (2009), "Bandwidth optimal all-reduce algorithms for clusters of workstations".
    """
    raise NotImplementedError("ring_all_reduce")
