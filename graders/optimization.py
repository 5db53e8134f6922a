"""Checks of the section `optimization`: optimizers, schedules, clipping, and tensors sent between workers.

Nothing is trained. Optimizers are handed drawn gradients, and all of their way over several steps is compared. What a
formula asks for shows best away from the usual settings, so eps is often large and betas are far from one.

Of the curriculum, ResNetFinetuner is left out: without pretrained weights nothing remains of it but `evaluate` and
`train_epoch` of the section `networks`. sweep_config is given, and `sample_parameters` asks for what it is used for.
DistResNetTrainer is `average_grads`, with `broadcast` and `all_reduce`. The second SGD is `SGDGroups`, as names in a
file must differ; answers that define SGD twice are graded by the second one under both names.
"""

import math
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from exercises.given.workers import dist, run_workers
from graders.engine import NONZERO, Section, distributed_as, edit, tensors

section = Section("optimization", title="Optimisers, schedules and data-parallel training")
rates = st.sampled_from((0.5, 0.25, 1.0, 0.125))
fractions = st.sampled_from((0.5, 0.25, 0.75))

Walk = namedtuple("Walk", "xy slope lr momentum n_iters")  # slope: of the quadratic bowl, in either direction
walks = st.builds(Walk, tensors((2,), NONZERO), tensors((2,), (1, 2, 3)), rates, fractions, st.integers(1, 5))


def bowl(walk):
    return lambda x, y: (walk.slope[0] * x**2 + x * y + walk.slope[1] * y**2) / 4


def rows(points, n_iters):
    """The points without the last one, if that after the last step is among them."""
    return points[:n_iters] if len(points) == n_iters + 1 else points


_NOTE = "points.append(xy.detach().clone())\n"
_NOT_COPIED = "Stores the tensor itself, not a copy: it goes on moving, and all rows show where it ends."
_NO_START = "The rows begin after the first step; the starting point is missing."
opt_fn_with_sgd = section.exercise(
    "opt_fn_with_sgd",
    hints=[
        "What does a list hold after you have appended the same tensor five times?",
        "Which comes first in a round: noting the point or moving it? Look at what row 0 is to be.",
        "backward() adds to the gradient. Who takes away what the round before has left?",
    ],
    mistakes={
        _NOT_COPIED: edit(".clone()", ""),
        _NO_START: [edit(f"        {_NOTE}", ""), edit("= None\n", f"= None\n        {_NOTE}")],
        "Gradients of all steps pile up in xy.grad.": edit("        xy.grad = None\n", ""),
        "Momentum is ignored.": edit("momentum * velocity + xy.grad", "xy.grad"),
        "Weighs the gradient with 1 - momentum; the whole gradient is added.": edit("+ xy", "+ (1 - momentum) * xy"),
        "Walks uphill.": edit("xy -= lr * velocity", "xy += lr * velocity"),
        "The rows still belong to the graph.": edit(".detach()", ""),
    },
)


@opt_fn_with_sgd.check(walk=walks)
def opt_fn_with_sgd_values(solution, walk):
    """Goes down with momentum and returns the points, the starting point first."""
    xy = walk.xy.clone().requires_grad_()
    points = solution.opt_fn_with_sgd(bowl(walk), xy, lr=walk.lr, momentum=walk.momentum, n_iters=walk.n_iters)
    return rows(points, walk.n_iters)


@opt_fn_with_sgd.check(points=0.5, examples=20, walk=walks)
def opt_fn_with_sgd_returns_data(solution, walk):
    """Returns numbers that need no gradient, and has the defaults of its signature."""
    points = solution.opt_fn_with_sgd(lambda x, y: 2 * x + 3 * y, walk.xy.clone().requires_grad_())
    return points.requires_grad, rows(points.detach(), 100)


# %% What checks of optimizers share
Descent = namedtuple("Descent", "start grads")  # start: (3,); grads: (steps, 3)
descent = st.builds(Descent, tensors((3,)), st.integers(1, 4).flatmap(lambda steps: tensors((steps, 3))))
longer_descent = descent.filter(lambda descent: len(descent.grads) > 1)


def pieces(row):
    """Three numbers as a vector of two and a 0-d tensor."""
    return [row[:-1].clone(), row[-1].clone()]


def parameters(start=(0.0, 0.0, 0.0)):
    return [nn.Parameter(piece) for piece in pieces(torch.as_tensor(start))]


def with_grads(params, grads):
    """The parameters, each with its gradient."""
    for param, grad in zip(params, grads, strict=True):
        param.grad = grad
    return params


def moves(optimizer, params, grads):
    """Takes a step for each row of gradients; a row of parameters for each step."""
    rows = []
    for row in grads:
        with_grads(params, pieces(row))
        optimizer.step()
        rows.append(torch.cat([param.detach().flatten() for param in params]))
    return torch.stack(rows)


def way(optimizer_class, descent, **options):
    """The way of the parameters, with an optimizer that has these options."""
    params = parameters(descent.start)
    return moves(optimizer_class(params, **options), params, descent.grads)


def keeping(optimizer_class, descent, **options):
    """What stands in the parameters' memory after steps, and the gradients of a backward pass after zero_grad."""
    params = parameters(descent.start)
    memory = [param.detach() for param in params]
    optimizer = optimizer_class(iter(params), **options)
    moves(optimizer, params, descent.grads)
    optimizer.zero_grad()
    for param in params:
        (3 * param).sum().backward()
    return memory, [param.grad for param in params], [param.is_leaf for param in params]


def skipping(optimizer_class, descent, **options):
    """Where the parameters are after steps in which the first of them has no gradient."""
    params = parameters(descent.start)
    optimizer = optimizer_class(params, **options)
    for row in descent.grads:
        params[1].grad = row[-1].clone()
        optimizer.step()
    return [param.detach() for param in params]


def faintly(optimizer_class, descent):
    """How far the default settings move parameters whose gradients are about as small as eps."""
    return way(optimizer_class, descent._replace(grads=descent.grads * 1e-8)) - descent.start


def rate_holders(optimizer):
    return getattr(optimizer, "param_groups", None) or [vars(optimizer)]


def slowing(optimizer_class, descent, later, **options):
    """The way of the parameters where the learning rate is changed after the first step."""
    params = parameters(descent.start)
    optimizer = optimizer_class(params, **options)
    first = moves(optimizer, params, descent.grads[:1])
    for holder in rate_holders(optimizer):
        holder["lr"] = later
    return torch.cat([first, moves(optimizer, params, descent.grads[1:])])


_IGNORES_NONE = "Fails for a parameter without a gradient."
_COMMON = {
    "Keeps the iterator it was given, which is used up after one pass.": [
        edit("self.params = list(params)", "self.params = params"),
        edit("in self.state:", "in (entry for entry, _ in zip(self.state, self.params)):"),
    ],
    "zero_grad does nothing.": edit("param.grad = None", "pass"),
    _IGNORES_NONE: edit("if param.grad is not None:", "if True:"),
    "Takes a missing gradient for zero: the parameter decays and goes on with its momentum.": [
        edit("if param.grad is not None:", "if True:"),
        edit("grad = param.grad +", "grad = (0 if param.grad is None else param.grad) +"),
    ],
}
_REBOUND = "Gives the parameter new memory; a model that shares the old memory does not see the step."
_NO_DECAY = edit(" + self.weight_decay * param", "")
SGD = section.exercise(
    "SGD",
    hints=[
        "How often may an iterator be gone through? What can you make of it in __init__?",
        "Each parameter has a buffer of its own. Which shape has it, and what is in it before the first step?",
        "`p = p - x` and `p -= x` differ: which of them changes the tensor that the model holds?",
    ],
    mistakes={
        **_COMMON,
        "Weighs the gradient with 1 - momentum: an average. Here the whole gradient is added.": edit(
            "add_(grad)", "add_((1 - self.momentum) * grad)"
        ),
        "The learning rate is kept inside the buffer; old gradients count with the rate of their time.": [
            edit("add_(grad)", "add_(self.lr * grad)"),
            edit("self.lr * buffer", "buffer"),
        ],
        _REBOUND: edit("param -=", "param.data = param -"),
        "Computes new tensors and leaves the parameters alone.": edit("param -=", "param = param -"),
        "Weight decay is not part of what momentum remembers.": [
            _NO_DECAY,
            edit("* buffer", "* (buffer + self.weight_decay * param)"),
        ],
        "Weight decay has the wrong sign: weights grow.": edit("+ self.weight_decay", "- self.weight_decay"),
        "Walks uphill.": edit("param -=", "param +="),
        "Nesterov's variant: looks one step ahead. Plain momentum is asked for.": edit(
            "* buffer", "* (grad + self.momentum * buffer)"
        ),
    },
)


@SGD.check(points=0.5, examples=30, descent=descent, lr=rates)
def sgd_steps(solution, descent, lr):
    """Moves each parameter against its gradient by lr times as much."""
    return way(solution.SGD, descent, lr=lr)


@SGD.check(examples=50, descent=descent, lr=rates, momentum=fractions)
def sgd_momentum(solution, descent, lr, momentum):
    """With momentum, steps along what is left of earlier gradients too."""
    return way(solution.SGD, descent, lr=lr, momentum=momentum)


@SGD.check(examples=50, descent=descent, lr=rates, momentum=fractions | st.just(0.0), weight_decay=fractions)
def sgd_weight_decay(solution, descent, lr, momentum, weight_decay):
    """With weight decay, adds weight_decay · p to the gradient, before momentum."""
    return way(solution.SGD, descent, lr=lr, momentum=momentum, weight_decay=weight_decay)


@SGD.check(points=0.5, examples=30, descent=descent, lr=rates)
def sgd_in_place(solution, descent, lr):
    """Takes any iterable of parameters, changes them in place, and forgets gradients with zero_grad."""
    return keeping(solution.SGD, descent, lr=lr)


@SGD.check(points=0.5, extra=True, examples=30, descent=longer_descent, lr=rates)
def sgd_rate_changes(solution, descent, lr):
    """Steps with the learning rate that it has now, also along earlier gradients."""
    return slowing(solution.SGD, descent, lr, lr=1.0, momentum=0.5)


@SGD.check(points=0.25, extra=True, examples=20, descent=descent)
def sgd_without_gradient(solution, descent):
    """Leaves a parameter that has no gradient where it is."""
    return skipping(solution.SGD, descent, lr=0.5, momentum=0.5, weight_decay=0.5)


_DIVIDED = " / (square.sqrt() + self.eps)"
_SQUARES = "\n                    square.mul_(self.alpha).add_((1 - self.alpha) * grad**2)"
RMSprop = section.exercise(
    "RMSprop",
    hints=[
        "Two memories for each parameter: of what is each, and in which order are they brought up to date?",
        "If a gradient is always 4, what does v come near to, and how far does each step go?",
        "Is eps added to v or to its root? With eps = 0.5 the difference is plain to see.",
    ],
    mistakes={
        **_COMMON,
        "eps stands inside the root.": edit("(square.sqrt() + self.eps)", "(square + self.eps).sqrt()"),
        "The root is missing.": edit("square.sqrt()", "square"),
        "Adds up the squares without letting old ones fade.": edit("square.mul_(self.alpha)", "square"),
        "alpha and 1 - alpha are mixed up.": edit(
            "(self.alpha).add_((1 - self.alpha)", "(1 - self.alpha).add_(self.alpha"
        ),
        "Remembers raw gradients and scales them afterwards; momentum is of scaled gradients.": [
            edit(_DIVIDED, ""),
            edit("* buffer", f"* buffer{_DIVIDED}"),
        ],
        "Weight decay is added after the scaling.": [
            _NO_DECAY,
            edit("self.eps)", "self.eps) + self.weight_decay * param"),
        ],
        "Divides by the root from before this gradient.": [edit(_SQUARES, ""), edit("* buffer", f"* buffer{_SQUARES}")],
        _REBOUND: edit("param -=", "param.data = param -"),
    },
)


@RMSprop.check(examples=50, descent=descent, lr=rates, alpha=fractions | st.just(0.99))
def rmsprop_steps(solution, descent, lr, alpha):
    """Divides each gradient by the root of a running mean of its squares."""
    return way(solution.RMSprop, descent, lr=lr, alpha=alpha)


@RMSprop.check(points=0.5, examples=30, descent=descent, lr=rates, eps=fractions)
def rmsprop_eps(solution, descent, lr, eps):
    """Adds eps to the root, however large eps is."""
    return way(solution.RMSprop, descent, lr=lr, alpha=0.5, eps=eps)


@RMSprop.check(examples=50, descent=descent, weight_decay=fractions | st.just(0.0), momentum=fractions)
def rmsprop_momentum(solution, descent, weight_decay, momentum):
    """With momentum, remembers scaled gradients; weight decay comes before all else."""
    return way(solution.RMSprop, descent, lr=0.5, alpha=0.5, weight_decay=weight_decay, momentum=momentum)


@RMSprop.check(points=0.5, examples=30, descent=descent, lr=rates)
def rmsprop_in_place(solution, descent, lr):
    """Takes any iterable of parameters, changes them in place, and forgets gradients with zero_grad."""
    return keeping(solution.RMSprop, descent, lr=lr)


@RMSprop.check(points=0.25, extra=True, examples=20, descent=longer_descent, lr=rates)
def rmsprop_rate_changes(solution, descent, lr):
    """Steps with the learning rate that it has now."""
    return slowing(solution.RMSprop, descent, lr, lr=1.0, alpha=0.5, momentum=0.5)


@RMSprop.check(points=0.25, examples=20, descent=descent)
def rmsprop_defaults(solution, descent):
    """Has the defaults of its signature."""
    return faintly(solution.RMSprop, descent)


@RMSprop.check(points=0.25, extra=True, examples=20, descent=descent)
def rmsprop_without_gradient(solution, descent):
    """Leaves a parameter that has no gradient where it is."""
    return skipping(solution.RMSprop, descent, weight_decay=0.5)


betas = st.sampled_from(((0.5, 0.75), (0.75, 0.5), (0.9, 0.999), (0.25, 0.5)))
Adam = section.exercise(
    "Adam",
    hints=[
        "In the first step m is (1 - beta1) times the gradient. By what must it be divided to give the gradient?",
        "How many steps have been taken when two parameters have each been moved once?",
        "Where does eps stand: inside the root, before the correction, or after both?",
    ],
    mistakes={
        **_COMMON,
        "No correction: the first steps are too short or too long, as both means start at zero.": [
            edit(" / (1 - self.beta1**self.t)", ""),
            edit(" / (1 - self.beta2**self.t)", ""),
        ],
        "Only the mean is corrected, not the mean of squares.": edit(" / (1 - self.beta2**self.t)", ""),
        "Counts steps from 0: the first correction divides by zero.": [
            edit("        self.t += 1\n", ""),
            edit("self.eps)", "self.eps)\n        self.t += 1"),
        ],
        "Counts a step for each parameter instead of one for all.": [
            edit("        self.t += 1\n", ""),
            edit("mean.mul_", "self.t += 1\n                    mean.mul_"),
        ],
        "eps is added before the correction.": [
            edit("square_hat = square / (1 - self.beta2**self.t)", "root = (square.sqrt() + self.eps)"),
            edit("(square_hat.sqrt() + self.eps)", "(root / (1 - self.beta2**self.t) ** 0.5)"),
        ],
        "eps stands inside the root.": edit("(square_hat.sqrt() + self.eps)", "(square_hat + self.eps).sqrt()"),
        "The root is missing.": edit("square_hat.sqrt()", "square_hat"),
        "The two betas are mixed up.": edit("self.beta1, self.beta2 = betas", "self.beta2, self.beta1 = betas"),
        "Weight decay goes past the means, as in AdamW; in Adam it is part of the gradient.": [
            _NO_DECAY,
            edit("mean_hat =", "param *= 1 - self.lr * self.weight_decay\n                    mean_hat ="),
        ],
        _REBOUND: edit("param -=", "param.data = param -"),
    },
)


@Adam.check(examples=50, descent=descent, lr=rates, betas=betas)
def adam_steps(solution, descent, lr, betas):
    """Divides the corrected mean by the root of the corrected mean of squares."""
    return way(solution.Adam, descent, lr=lr, betas=betas)


@Adam.check(points=0.5, examples=30, descent=descent, lr=rates, eps=fractions)
def adam_eps(solution, descent, lr, eps):
    """Adds eps to the root of the corrected mean of squares."""
    return way(solution.Adam, descent, lr=lr, betas=(0.5, 0.75), eps=eps)


@Adam.check(points=0.5, examples=30, descent=descent, lr=rates, weight_decay=fractions)
def adam_weight_decay(solution, descent, lr, weight_decay):
    """With weight decay, adds weight_decay · p to the gradient before all else."""
    return way(solution.Adam, descent, lr=lr, betas=(0.5, 0.75), weight_decay=weight_decay)


@Adam.check(points=0.5, examples=30, descent=descent, lr=rates)
def adam_in_place(solution, descent, lr):
    """Takes any iterable of parameters, changes them in place, and forgets gradients with zero_grad."""
    return keeping(solution.Adam, descent, lr=lr)


@Adam.check(points=0.25, extra=True, examples=20, descent=longer_descent, lr=rates)
def adam_rate_changes(solution, descent, lr):
    """Steps with the learning rate that it has now."""
    return slowing(solution.Adam, descent, lr, lr=1.0)


@Adam.check(points=0.25, examples=20, descent=descent)
def adam_defaults(solution, descent):
    """Has the defaults of its signature."""
    return faintly(solution.Adam, descent)


@Adam.check(points=0.25, extra=True, examples=20, descent=descent)
def adam_without_gradient(solution, descent):
    """Leaves a parameter that has no gradient where it is."""
    return skipping(solution.Adam, descent, weight_decay=0.5)


_IN_GRADIENT = edit("lr, betas, eps", "lr, betas, eps, weight_decay")
AdamW = section.exercise(
    "AdamW",
    hints=[
        "If the gradient is zero throughout, where is a parameter after ten steps?",
        "What should m and v know of weight decay? Take the decay out of Adam's first line: where does it go instead?",
    ],
    mistakes={
        "Decay is part of the gradient: this is Adam.": [_IN_GRADIENT, edit("= weight_decay", "= 0.0")],
        "Decay is not scaled by the learning rate.": edit("self.lr * self.decay", "self.decay"),
        "Decays twice: once by itself, once in the gradient.": _IN_GRADIENT,
        "Decay makes parameters grow.": edit("1 - self.lr * self.decay", "1 + self.lr * self.decay"),
        "Decay is left out.": edit("param *= 1 - self.lr * self.decay", "pass"),
        "Shrinks a parameter that has no gradient.": edit("if param.grad is not None:", "if True:"),
        "Shrinks the parameter after Adam's step, and so the step too.": [
            edit("        super().step()", ""),
            edit("with torch", "super().step()\n        with torch"),
        ],
    },
)


@AdamW.check(examples=50, descent=descent, lr=rates, betas=betas, weight_decay=fractions)
def adamw_decay(solution, descent, lr, betas, weight_decay):
    """Shrinks parameters by lr · weight_decay, apart from the gradient's means."""
    return way(solution.AdamW, descent, lr=lr, betas=betas, weight_decay=weight_decay)


@AdamW.check(points=0.5, examples=30, descent=descent, lr=rates, betas=betas, eps=fractions)
def adamw_without_decay(solution, descent, lr, betas, eps):
    """Without weight decay, does what Adam does."""
    return way(solution.AdamW, descent, lr=lr, betas=betas, eps=eps, weight_decay=0.0)


@AdamW.check(points=0.5, examples=30, descent=descent, lr=rates)
def adamw_in_place(solution, descent, lr):
    """Takes any iterable of parameters, changes them in place, and forgets gradients with zero_grad."""
    return keeping(solution.AdamW, descent, lr=lr, weight_decay=0.5)


@AdamW.check(points=0.25, extra=True, examples=20, descent=longer_descent, lr=rates)
def adamw_rate_changes(solution, descent, lr):
    """Steps and decays with the learning rate that it has now."""
    return slowing(solution.AdamW, descent, lr, lr=1.0, weight_decay=0.25)


@AdamW.check(points=0.25, examples=20, descent=descent)
def adamw_defaults(solution, descent):
    """Has the defaults of its signature."""
    return faintly(solution.AdamW, descent)


@AdamW.check(points=0.25, extra=True, examples=20, descent=descent)
def adamw_without_gradient(solution, descent):
    """Leaves a parameter that has no gradient where it is; it does not decay either."""
    return skipping(solution.AdamW, descent, weight_decay=0.5)


class Sloth:
    """Gradient descent on the learning rate's way down; says what it was made with."""

    def __init__(self, params, lr, fade=1.0):
        (self.param,) = params
        self.lr, self.fade = lr, fade

    def zero_grad(self):
        self.param.grad = None

    def step(self):
        self.lr *= self.fade
        with torch.no_grad():
            self.param -= self.lr * self.param.grad


opt_fn = section.exercise(
    "opt_fn",
    hints=[
        "Which lines of opt_fn_with_sgd did an optimizer's work? Everything else stays.",
        "How does a dict become keyword arguments?",
    ],
    mistakes={
        _NOT_COPIED: edit(".clone()", ""),
        _NO_START: [edit(f"        {_NOTE}", ""), edit(".zero_grad()\n", f".zero_grad()\n        {_NOTE}")],
        "Gradients of all steps pile up.": edit("        optimizer.zero_grad()\n", ""),
        "Forgets the gradient before the step can use it.": edit(
            "optimizer.step()\n        optimizer.zero_grad()", "xy.grad.zero_()\n        optimizer.step()"
        ),
        "Makes a new optimizer in each round, which has forgotten the rounds before.": edit(
            "fn(xy", "optimizer = optimizer_class([xy], **optimizer_hyperparams)\n        fn(xy"
        ),
        "Only the learning rate reaches the optimizer.": edit(
            "**optimizer_hyperparams", 'lr=optimizer_hyperparams["lr"]'
        ),
        "Takes hyperparameters out of the dict it was given.": edit("**", 'lr=optimizer_hyperparams.pop("lr"), **'),
        "The rows still belong to the graph.": edit(".detach()", ""),
    },
)


@opt_fn.check(walk=walks)
def opt_fn_values(solution, walk):
    """Lets the optimizer step once an iteration and returns the points, the starting point first."""
    xy = walk.xy.clone().requires_grad_()
    points = solution.opt_fn(bowl(walk), xy, Sloth, {"lr": walk.lr, "fade": walk.momentum}, n_iters=walk.n_iters)
    return rows(points, walk.n_iters)


@opt_fn.check(points=0.5, examples=20, walk=walks)
def opt_fn_hyperparams(solution, walk):
    """Leaves the dict of hyperparameters as it is, and returns numbers that need no gradient."""
    options = {"lr": walk.lr}
    points = solution.opt_fn(lambda x, y: 2 * x + 3 * y, walk.xy.clone().requires_grad_(), Sloth, options)
    return options, points.requires_grad, rows(points.detach(), 100)


settings = {"momentum": fractions, "weight_decay": fractions}
groupings = st.lists(st.fixed_dictionaries({}, optional={"lr": rates, **settings}), min_size=1, max_size=2)
defaults = st.fixed_dictionaries({"lr": rates}, optional=settings)
lr_or_not = st.fixed_dictionaries({}, optional={"lr": rates})
members = st.just([1]) | st.sampled_from(([0, 1], [1, 1]))  # of a second group; parameter 0 is in the first


def with_params(groups, params):
    """The groups with two parameters: both in one group, or one in each of two."""
    shares = [params] if len(groups) == 1 else [params[:1], params[1:]]
    return [{"params": iter(share), **group} for group, share in zip(groups, shares, strict=True)]


_MERGED = '{"momentum": 0.0, "weight_decay": 0.0, **kwargs, **group, "params": list(group["params"])}'
SGDGroups = section.exercise(
    "SGDGroups",
    aliases={"SGD": "'params'"},
    hints=[
        "Three sources say what momentum is: the default, a keyword, the group. Which wins? In which order "
        "do you merge?",
        "Whether plain parameters or groups came: what does the first element tell? How do you look at it in "
        "an iterator?",
        "`param in a_list` compares tensors with ==. What does that give? What tells two tensors apart instead?",
    ],
    mistakes={
        "Keyword arguments overrule what a group says for itself.": edit("**kwargs, **group", "**group, **kwargs"),
        "The defaults overrule what groups and keyword arguments say.": edit(
            _MERGED, '{**kwargs, **group, "momentum": 0.0, "weight_decay": 0.0, "params": list(group["params"])}'
        ),
        "Settings of one group pass on to the next.": edit(_MERGED, f"{_MERGED}\n            kwargs = {{**settings}}"),
        "Fills in the caller's own dicts.": edit(
            f"settings = {_MERGED}", f"group.update({_MERGED})\n            settings = group"
        ),
        "A group without a learning rate is not refused.": edit('"lr" not in settings', "False"),
        "Looks for a second occurrence within a group only.": edit(
            "settings =", "seen = set()\n            settings ="
        ),
        "A parameter that comes twice is not refused.": edit("if id(param) in seen:", "if False:"),
        "Keeps a group's iterator, which is used up after one pass.": edit('list(group["params"])', 'group["params"]'),
        "Only the first group is moved.": edit(":\n                for param,", "[:1]:\n                for param,"),
        "zero_grad does nothing.": edit("param.grad = None", "pass"),
        _IGNORES_NONE: edit("if param.grad is not None:", "if True:"),
    },
)


@SGDGroups.check(examples=50, descent=descent, groups=groupings, defaults=defaults)
def groups_have_settings(solution, descent, groups, defaults):
    """Steps with each group's own settings, and with the keyword arguments where a group says nothing."""
    params = parameters(descent.start)
    return moves(solution.SGDGroups(with_params(groups, params), **defaults), params, descent.grads)


def one_group(solution):
    return lambda params, **options: solution.SGDGroups([{"params": params}], **options)


@SGDGroups.check(points=0.5, examples=30, descent=descent, defaults=defaults)
def groups_in_place(solution, descent, defaults):
    """Changes parameters in place, and forgets gradients with zero_grad."""
    return keeping(one_group(solution), descent, **defaults)


@SGDGroups.check(points=0.25, extra=True, examples=30, descent=descent, defaults=defaults)
def groups_plain(solution, descent, defaults):
    """Takes plain parameters, also from an iterator, as one group."""
    return way(lambda params, **options: solution.SGDGroups(iter(params), **options), descent, **defaults)


@SGDGroups.check(points=0.5, examples=30, descent=longer_descent, groups=groupings, defaults=defaults, lr=rates)
def groups_are_kept(solution, descent, groups, defaults, lr):
    """Keeps complete groups in param_groups, and steps with the settings they have now."""
    params = parameters(descent.start)
    optimizer = solution.SGDGroups(with_params(groups, params), **defaults)
    first = moves(optimizer, params, descent.grads[:1])
    kept = [(float(group["lr"]), float(group["momentum"]), len(group["params"])) for group in optimizer.param_groups]
    optimizer.param_groups[-1]["lr"] = lr
    return kept, first, moves(optimizer, params, descent.grads[1:])


@SGDGroups.check(points=0.5, examples=50, descent=descent, members=members, lr=lr_or_not, defaults=lr_or_not)
def groups_refused(solution, descent, members, lr, defaults):
    """Raises ValueError where a group has no learning rate or a parameter comes twice, and only there."""
    params = parameters(descent.start)
    groups = [{"params": params[:1], "lr": 0.5}, {"params": [params[at] for at in members], **lr}]
    try:
        optimizer = solution.SGDGroups(groups, **defaults)
    except (ValueError, AssertionError):  # which older answers raise
        return "refused"
    return moves(optimizer, params, descent.grads)


@SGDGroups.check(points=0.25, extra=True, examples=20, groups=groupings, defaults=defaults)
def groups_stay(solution, groups, defaults):
    """Leaves the dicts that it was given as they are."""
    groups = with_params(groups, parameters())
    solution.SGDGroups(groups, **defaults)
    return [{**group, "params": "params" in group} for group in groups]


@SGDGroups.check(points=0.25, extra=True, examples=20, descent=descent)
def groups_without_gradient(solution, descent):
    """Leaves a parameter that has no gradient where it is."""
    return skipping(one_group(solution), descent, lr=0.5, momentum=0.5, weight_decay=0.5)


# %% Schedulers
class Dial:
    """An optimizer's learning rate, under both names that it may have: `lr`, and that of its one group."""

    def __init__(self, lr):
        self.lr = lr
        self.param_groups = [vars(self)]


def readings(optimizer, make, epochs):
    """The optimizer's learning rates at first, and after each step of the scheduler that is made for it."""
    scheduler, rows = make(optimizer), []
    for epoch in range(epochs + 1):
        if epoch:
            scheduler.step()
        rows.append([holder["lr"] for holder in rate_holders(optimizer)])
    return rows


def every_holder(make, lrs, epochs):
    """The readings of an optimizer with groups, and of one without."""
    optimizers = SimpleNamespace(param_groups=[{"lr": lr} for lr in lrs]), SimpleNamespace(lr=lrs[0])
    return tuple(readings(optimizer, make, epochs) for optimizer in optimizers)


gammas = st.sampled_from((0.5, 0.1, 0.9, 2.0))
epochs = st.integers(1, 9)
several_rates = st.lists(rates, min_size=2, max_size=3)
_FIRST_GROUP = {"Changes the first group only.": edit("holders(self.optimizer)", "holders(self.optimizer)[:1]")}
ExponentialLR = section.exercise(
    "ExponentialLR",
    hints=[
        "If the rate is 1 and gamma is 1/2, what is it after three steps? From what does each step start?",
        "There is a function above that finds the places where an optimizer keeps its rates.",
    ],
    mistakes={
        "Subtracts gamma instead of multiplying by it.": edit("*= self.gamma", "-= self.gamma"),
        "Takes the power of gamma and multiplies the rate that has already fallen: it falls twice over.": [
            edit("= gamma", "= gamma\n        self.steps = 0"),
            edit("for holder", "self.steps += 1\n        for holder"),
            edit("*= self.gamma", "*= self.gamma**self.steps"),
        ],
        "Changes the learning rate before the first step.": edit("gamma = gamma", "gamma = gamma\n        self.step()"),
        "Sets all groups to the rate of the first.": edit(
            "*= self.gamma",
            '= holder["lr"] * self.gamma if holder is rate_holders(self.optimizer)[0]'
            ' else rate_holders(self.optimizer)[0]["lr"]',
        ),
        **_FIRST_GROUP,
    },
)


@ExponentialLR.check(points=1.25, examples=50, lr=rates, gamma=gammas, epochs=epochs)
def exponential_values(solution, lr, gamma, epochs):
    """Multiplies the learning rate by gamma at each step."""
    return readings(Dial(lr), lambda optimizer: solution.ExponentialLR(optimizer, gamma=gamma), epochs)


@ExponentialLR.check(points=0.5, extra=True, examples=30, lrs=several_rates, gamma=gammas)
def exponential_holders(solution, lrs, gamma):
    """Changes the rate of every group, and `lr` itself where there are no groups."""
    return every_holder(lambda optimizer: solution.ExponentialLR(optimizer, gamma=gamma), lrs, 2)


_FALLS = "Takes the power for all steps so far and multiplies the rate that has already fallen: it falls twice over."
_OFF_BY_ONE = {
    "Falls one step too early.": edit("self.steps = 0", "self.steps = 1"),
    "Falls one step too late.": edit("self.steps = 0", "self.steps = -1"),
    **_FIRST_GROUP,
}
StepLR = section.exercise(
    "StepLR",
    hints=[
        "Write down the rates after 0, 1, 2, 3 and 4 steps for step_size 2. After which steps does it fall?",
        "What does the scheduler have to remember from one step to the next?",
    ],
    mistakes={
        _FALLS: [
            edit("self.steps % self.step_size == 0", "True"),
            edit("*= self.gamma", "*= self.gamma ** (self.steps // self.step_size)"),
        ],
        "Falls at each step once step_size is reached.": edit("steps % self.step_size == 0", "steps >= self.step_size"),
        "Falls once only.": edit("self.steps % self.step_size == 0", "self.steps == self.step_size"),
        **_OFF_BY_ONE,
    },
)


@StepLR.check(points=1.25, examples=50, lr=rates, step_size=st.integers(1, 4), gamma=gammas, epochs=epochs)
def step_values(solution, lr, step_size, gamma, epochs):
    """Multiplies the learning rate by gamma at every step_size-th step."""
    return readings(Dial(lr), lambda optimizer: solution.StepLR(optimizer, step_size, gamma=gamma), epochs)


@StepLR.check(points=0.5, extra=True, examples=30, lrs=several_rates, step_size=st.integers(1, 3))
def step_holders(solution, lrs, step_size):
    """Changes the rate of every group, and `lr` itself where there are no groups; gamma is 0.1 unless given."""
    return every_holder(lambda optimizer: solution.StepLR(optimizer, step_size), lrs, 4)


milestones = st.lists(st.integers(1, 8), max_size=3, unique=True).map(sorted)
MultiStepLR = section.exercise(
    "MultiStepLR",
    hints=[
        "What is different from StepLR? Only when the rate falls.",
        "After how many calls of step() has milestone 1 been reached: none or one?",
    ],
    mistakes={
        _FALLS: [
            edit("self.steps in self.milestones", "True"),
            edit("*= self.gamma", "*= self.gamma ** sum(self.steps >= milestone for milestone in self.milestones)"),
        ],
        "Takes milestones for distances from one fall to the next.": edit(
            "in self.milestones", "in [sum(self.milestones[: i + 1]) for i in range(len(self.milestones))]"
        ),
        "Falls at multiples of the first milestone.": edit(
            "self.steps in self.milestones", "self.milestones and self.steps % self.milestones[0] == 0"
        ),
        **_OFF_BY_ONE,
    },
)


@MultiStepLR.check(points=1.25, examples=50, lr=rates, milestones=milestones, gamma=gammas, epochs=epochs)
def multi_step_values(solution, lr, milestones, gamma, epochs):
    """Multiplies the learning rate by gamma at each milestone."""
    return readings(Dial(lr), lambda optimizer: solution.MultiStepLR(optimizer, milestones, gamma=gamma), epochs)


@MultiStepLR.check(points=0.5, extra=True, examples=30, lrs=several_rates, milestones=milestones, epochs=epochs)
def multi_step_holders(solution, lrs, milestones, epochs):
    """Changes the rate of every group, and `lr` itself where there are no groups; gamma is 0.1 unless given."""
    return every_holder(lambda optimizer: solution.MultiStepLR(optimizer, milestones), lrs, epochs)


Schedule = namedtuple("Schedule", "step warmup total peak floor")


@st.composite
def schedules(draw, part):
    warmup = draw(st.integers(1 if part == "rise" else 0, 6))
    total = warmup + draw(st.integers(2 if part == "fall" else 1, 8))
    low, high = {"rise": (0, warmup), "fall": (warmup, total), "end": (total, total + 4)}[part]
    peak = draw(st.sampled_from((1.0, 0.5, 3.0)))
    return Schedule(draw(st.integers(low, high)), warmup, total, peak, draw(st.sampled_from((0.0, 0.125, 0.25))))


_SHARE = "(step - warmup) / (total - warmup)"
_WAVE = "(1 + math.cos(math.pi * progress)) / 2"
WarmupCosine = section.exercise(
    "WarmupCosine",
    hints=[
        "How large a share of the way down has been walked at a step? It is 0 at warmup and 1 at total.",
        "Cosine goes from 1 to -1 while its argument goes from 0 to π. How do you make that go from 1 to 0?",
        "What is the share after step total, and what should it be?",
    ],
    mistakes={
        "The wave begins at step 0, not where the warm-up ends: the rate jumps there.": edit(_SHARE, "step / total"),
        "After step total the wave goes on, and the rate rises again.": edit(f"min({_SHARE}, 1.0)", _SHARE),
        "Falls to zero, not to the floor.": edit("floor + (peak - floor)", "peak"),
        "The floor is added to a wave of full height.": edit("floor + (peak - floor)", "floor + peak"),
        "Rises from the floor, not from 0.": edit("return peak * step /", "return floor + (peak - floor) * step /"),
        "Counts steps from one while it warms up.": edit("peak * step /", "peak * (step + 1) /"),
        "Falls along a straight line.": edit(_WAVE, "(1 - progress)"),
        "Falls along a quarter of a wave: steeply at the end.": edit(_WAVE, "math.cos(math.pi / 2 * progress)"),
    },
)
WarmupCosine.call(
    "warmup_rises", "Rises evenly from 0 to the peak while it warms up.", points=0.5, case=schedules("rise")
)
WarmupCosine.call(
    "cosine_falls", "Falls from peak to floor along half a wave, also without warm-up.", case=schedules("fall")
)
WarmupCosine.call(
    "stays_at_the_floor", "Stays at the floor from step total on.", points=0.5, examples=50, case=schedules("end")
)

limits = st.sampled_from((1.0, 2.0, 5.0, 0.5, 10.0, 20.0))
_SCALE = "grad.mul_(max_norm / norm)"
clip_grad_norm = section.exercise(
    "clip_grad_norm",
    hints=[
        "How long is a vector that is put together from one of length 3 and one of length 4?",
        "By which factor must a gradient of norm 50 be multiplied to have norm 5? When must you not multiply at all?",
    ],
    mistakes={
        "Clips each parameter's gradient by itself: the direction changes.": edit(
            _SCALE, "grad.mul_(min(1.0, max_norm / max(grad.norm().item(), 1e-12)))"
        ),
        "Adds up the norms of the parameters' gradients; their squares add up.": edit(
            "square().sum() for grad in grads), start=torch.tensor(0.0)).sqrt()",
            "norm() for grad in grads), start=torch.tensor(0.0))",
        ),
        "Makes short gradients longer.": edit("if norm > max_norm:", "if norm > 0:"),
        "Limits each number by itself instead of the norm.": edit(_SCALE, "grad.clamp_(-max_norm, max_norm)"),
        "Returns the norm after clipping.": edit("return norm", "return norm.clamp(max=max_norm)"),
        "Forgets the root.": edit(".sqrt()", ""),
        "Gives parameters new gradients; whoever holds the old ones does not see it.": [
            edit("grads =", "params = list(params)\n    grads ="),
            edit("for grad in grads:\n", "for param in params:\n"),
            edit(_SCALE, "param.grad = None if param.grad is None else param.grad * max_norm / norm"),
        ],
        "Divides by the norm: whatever max_norm is, the result has length one.": edit(_SCALE, "grad.div_(norm)"),
        _IGNORES_NONE: edit(" if param.grad is not None", ""),
    },
)


@clip_grad_norm.check(grad=tensors((3,)), max_norm=limits)
def clips_the_gradient(solution, grad, max_norm):
    """Shortens all gradients by one factor where they are longer than max_norm, and only there."""
    params = with_grads(parameters(), pieces(grad))
    solution.clip_grad_norm(params, max_norm)
    return [param.grad for param in params]


@clip_grad_norm.check(points=0.5, examples=50, grad=tensors((3,)), max_norm=limits)
def clip_returns_the_norm(solution, grad, max_norm):
    """Returns the norm before clipping."""
    return float(solution.clip_grad_norm(with_grads(parameters(), pieces(grad)), max_norm))


@clip_grad_norm.check(points=0.5, examples=30, grad=tensors((3,)), max_norm=limits)
def clips_in_place(solution, grad, max_norm):
    """Takes any iterable of parameters, and changes the gradients' own memory."""
    grads = pieces(grad)
    solution.clip_grad_norm(iter(with_grads(parameters(), grads)), max_norm)
    return grads


@clip_grad_norm.check(points=0.25, extra=True, examples=30, grad=st.none() | tensors((2,)), max_norm=limits)
def clip_without_gradient(solution, grad, max_norm):
    """Skips parameters that have no gradient; if none has one, the norm is zero."""
    params = with_grads(parameters(), [grad if grad is None else grad.clone(), None])
    return float(solution.clip_grad_norm(params, max_norm)), [param.grad for param in params]


# %% Searching hyperparameters
def between(low, high, distribution="uniform"):
    return {"min": low, "max": high, "distribution": distribution}


@st.composite
def sweeps(draw):
    low, values = draw(st.sampled_from((0.5, 0.0625, 2.0))), draw(st.permutations((1, 2, 4, 8)))
    learning_rates = between(low, low * draw(st.sampled_from((1000.0, 100.0))), "log_uniform_values")
    ranges = {"lr": learning_rates, "decay": {**learning_rates}, "dropout": between(-low, low)}
    return {**ranges, "layers": {"values": values}, "heads": {"values": values[:2]}}


@st.composite
def decided(draw):
    """One parameter of each kind, each with a single value that may come out."""
    names, value = draw(st.permutations(("lr", "layers", "dropout", "name"))), draw(st.sampled_from((1.0, 0.5, 4.0)))
    lists = {"values": [int(value * 8)]}, {"values": [f"size {value}"]}
    ranges = between(value, value, "log_uniform_values"), between(-value, -value)
    return dict(zip(names, (*lists, *ranges), strict=True))


_LOG = 'math.exp(random.uniform(math.log(options["min"]), math.log(options["max"])))'
_EVENLY = 'random.uniform(options["min"], options["max"])'
sample_parameters = section.exercise(
    "sample_parameters",
    hints=[
        "Draw evenly between log(min) and log(max). What takes you back from a logarithm?",
        "Which key tells a list of values from a range?",
    ],
    mistakes={
        "Draws the learning rate itself evenly: small ones hardly ever come.": edit(_LOG, _EVENLY),
        "Draws exponents from the limits themselves, without taking their logarithms.": edit(
            _LOG, f"math.exp({_EVENLY})"
        ),
        "Draws every range by its logarithm.": edit('options["distribution"] == "uniform"', "False"),
        "Always takes the first value.": edit('random.choice(options["values"])', 'options["values"][0]'),
        "The last value never comes.": edit('(options["values"])', '(options["values"][:-1] or options["values"])'),
        "One random number decides all: parameters are not independent.": [
            edit("drawn = {}", "drawn = {}\n    once = random.random()"),
            edit('random.choice(options["values"])', 'options["values"][int(once * len(options["values"]))]'),
            edit(_LOG, 'options["min"] * (options["max"] / options["min"]) ** once'),
        ],
    },
)


@sample_parameters.check(judge=distributed_as(), examples=5, seconds=20, parameters=sweeps())
def samples_spread_as_they_should(solution, parameters):
    """Draws values evenly, ranges evenly or by their logarithms, and each parameter independently."""
    draws = [solution.sample_parameters(parameters) for _ in range(3000)]
    columns = np.array([list(map(float, (d["lr"], d["dropout"], d["layers"], d["heads"]))) for d in draws])
    pairs = [[math.log(d["lr"] / d["decay"]), d["layers"] + d["heads"] / 16] for d in draws]
    return np.concatenate([columns, np.array(pairs)], axis=1)


@sample_parameters.check(points=0.5, examples=20, parameters=decided())
def samples_every_parameter(solution, parameters):
    """Returns one value for each name, of the kind that stands in its list."""
    drawn = solution.sample_parameters(parameters)
    return {name: drawn[name].item() if hasattr(drawn[name], "item") else drawn[name] for name in sorted(drawn)}


@dataclass
class Args:
    epochs: int = 3
    learning_rate: float = 0.001
    batch_size: int = 128
    weight_decay: float = 0.0


decay = {"weight_decay": fractions, "weight_decay_bool": st.booleans()}
sampled = st.fixed_dictionaries({"learning_rate": rates, "batch_size": st.sampled_from((32, 64, 256)), **decay})
_SWITCH = ' if sampled_parameters["weight_decay_bool"] else 0.0'
update_args = section.exercise(
    "update_args",
    hints=[
        "Three of the four names are also names of arguments. What is the fourth for?",
        "Is the weight decay 0.0 after the call where the switch is False, whatever stood there before?",
    ],
    mistakes={
        "Takes the weight decay that was drawn, also where it is switched off.": edit(_SWITCH, ""),
        "Where weight decay is switched off, the old one stays.": edit("else 0.0", "else args.weight_decay"),
        "Switches weight decay the wrong way round.": [
            edit("else 0.0", 'else sampled_parameters["weight_decay"]'),
            edit('sampled_parameters["weight_decay"] if', "0.0 if"),
        ],
        "Returns nothing.": edit("return args", "return None"),
        "Starts from the defaults: what the arguments were told before is lost.": edit(
            "args.learning_rate", "args = type(args)()\n    args.learning_rate"
        ),
    },
)


@update_args.check(examples=50, epochs=st.integers(1, 9), decay=st.sampled_from((0.0, 0.125)), sampled=sampled)
def updates_arguments(solution, epochs, decay, sampled):
    """Returns arguments with what was drawn, no weight decay where that is switched off, and the rest as it was."""
    return vars(solution.update_args(Args(epochs=epochs, weight_decay=decay), sampled))


# %% Many workers
def by_rank(present):
    """For one to five ranks the gradients of two parameters, of shapes (2,) and (), as far as they are `present`."""
    grads = st.tuples(tensors((2,)), tensors(()), present, present)
    one_rank = grads.map(lambda drawn: [drawn[0] if drawn[2] else None, drawn[1] if drawn[3] else None])
    return st.lists(one_rank, min_size=1, max_size=5)


average_grads = section.exercise(
    "average_grads",
    hints=[
        "The outer list goes by rank, the result by parameter. What swaps the two levels of a list of lists?",
        "Two ranks, gradients 4 and None: what would the gradient of the whole batch be?",
    ],
    mistakes={
        "Adds gradients up: the step grows with the number of ranks.": edit(" / len(grads)", ""),
        "Averages over the ranks that have a gradient; the others count too, with zero.": edit("(grads)", "(present)"),
        "Adds up in the gradients of the first rank, which are not its own to change.": edit(
            "averages.append(torch.stack(present).sum(dim=0)",
            "for grad in present[1:]:\n            present[0].add_(grad)\n        averages.append(present[0]",
        ),
        "Averages over all numbers of a gradient.": edit(".sum(dim=0)", ".sum()"),
        "Averages over the parameters of each rank instead of the ranks for each parameter.": edit(
            "zip(*grads_per_rank, strict=True)", "grads_per_rank"
        ),
        "Returns zero where nobody has a gradient.": edit("if present else None", "if present else torch.tensor(0.0)"),
        "Fails where a gradient is missing.": edit(" if grad is not None", ""),
    },
)


@average_grads.check(examples=50, grads=by_rank(st.just(True)))
def averages_over_ranks(solution, grads):
    """Returns the mean gradient of each parameter, in new tensors."""
    return list(solution.average_grads(grads))


@average_grads.check(points=0.5, examples=50, grads=by_rank(st.booleans()))
def averages_missing_gradients(solution, grads):
    """Counts a missing gradient as zero, and returns None where all are missing."""
    return list(solution.average_grads(grads))


Team = namedtuple("Team", "tensors root")  # tensors: one for each rank


@st.composite
def teams(draw, sizes, evenly=False):
    world_size, shape = draw(st.sampled_from((2, 3, 1, 4, 5))), draw(st.sampled_from(sizes))
    shape = (world_size, *shape) if evenly else shape
    return Team(list(draw(tensors((world_size, *shape)))), draw(st.integers(0, world_size - 1)))


team = teams(((), (2,), (3,), (2, 2), (2, 3)))
even_team = teams(((1,), (2,), ()), evenly=True)
matrices = teams(((2, 3), (3, 2)))
broadcast = section.exercise(
    "broadcast",
    hints=[
        "All ranks run the same lines. What tells a worker whether it is to send or to receive?",
        "How many messages must be sent in a group of four, and who does not need one?",
    ],
    mistakes={
        "Sends what rank 0 has, whatever src is.": edit("if rank == src:", "src = 0\n    if rank == src:"),
        "Receives into a new tensor and leaves its own as it is.": edit("tensor, src", "torch.empty_like(tensor), src"),
        "The source sends a message to itself.": edit("if other != src:", "if True:"),
        "Sends to every rank but the last.": edit("range(world_size)", "range(world_size - 1)"),
        "Everyone receives before the source has sent anything: a deadlock.": edit(
            "if rank", "if world_size > 1:\n        dist.recv(tensor, src)\n    if rank"
        ),
    },
)


@broadcast.check(examples=60, team=team)
def broadcast_values(solution, team):
    """Gives every rank the tensor of the rank src, in place, for any src and any number of ranks."""
    return run_workers(solution.broadcast, team.tensors, src=team.root)


@broadcast.check(points=0.25, examples=20, team=team)
def broadcast_default(solution, team):
    """Takes rank 0 for src unless told otherwise."""
    return run_workers(solution.broadcast, team.tensors)


_MEAN = '    if op == "mean":\n        tensor /= world_size'
reduce = section.exercise(
    "reduce",
    hints=[
        "Where does rank dst put a message while its own numbers are still needed?",
        "Who knows the sum, and so who alone can divide it?",
    ],
    mistakes={
        "Collects at rank 0, whatever dst is.": edit("if rank != dst:", "dst = 0\n    if rank != dst:"),
        "Forgets op: the mean is a sum.": edit(_MEAN, ""),
        "Every rank divides its own tensor, also those that are to stay as they are.": edit(
            "return", 'if op == "mean":\n            tensor /= world_size\n        return'
        ),
        "Divides after each addition.": [
            edit(_MEAN, ""),
            edit("+= received", '+= received\n            if op == "mean":\n                tensor /= world_size'),
        ],
        "Receives into the tensor itself: what was in it is lost.": edit("= torch.empty_like(tensor)\n", "= tensor\n"),
        "Makes a new sum and leaves the tensor as it is.": edit("tensor += received", "tensor = tensor + received"),
        "Waits for a message from itself: a deadlock.": edit("if other != dst:", "if True:"),
        "Divides by the number of messages, one less than there are ranks.": edit(
            "tensor /= world_size", "tensor /= max(world_size - 1, 1)"
        ),
    },
)


@reduce.check(examples=60, team=team)
def reduce_sum(solution, team):
    """Puts the sum into the tensor of the rank dst; the others stay as they are."""
    return run_workers(solution.reduce, team.tensors, dst=team.root)


@reduce.check(points=0.5, examples=30, team=team)
def reduce_mean(solution, team):
    """With op="mean", puts the mean there."""
    return run_workers(solution.reduce, team.tensors, dst=team.root, op="mean")


@reduce.check(points=0.25, examples=20, team=team)
def reduce_default(solution, team):
    """Takes rank 0 for dst unless told otherwise."""
    return run_workers(solution.reduce, team.tensors)


all_reduce = section.exercise(
    "all_reduce",
    hints=[
        "Two functions that you have, one after the other, do it. Which rank has to be the same in both?",
        "If the first of the two gives a mean, what is left to divide?",
    ],
    mistakes={
        "Only rank 0 gets the result.": edit("broadcast(tensor, rank, world_size)", "pass"),
        "Forgets op: the mean is a sum.": edit(", op=op", ""),
        "Divides twice: the reduction has done it, and every rank does it again.": edit(
            "tensor, rank, world_size)", 'tensor, rank, world_size)\n    if op == "mean":\n        tensor /= world_size'
        ),
        "Collects at one rank and hands out from another.": edit(", world_size, op=", ", world_size, world_size - 1, "),
    },
)


@all_reduce.check(examples=60, team=team)
def all_reduce_sum(solution, team):
    """Puts the sum into the tensor of every rank."""
    return run_workers(solution.all_reduce, team.tensors)


@all_reduce.check(points=0.5, examples=30, team=team)
def all_reduce_mean(solution, team):
    """With op="mean", puts the mean there."""
    return run_workers(solution.all_reduce, team.tensors, op="mean")


def traffic(world_size):
    """For each rank: how many numbers it sent, and to how many ranks."""
    sent = [[(dst, size) for src, dst, size in dist.sent if src == rank] for rank in range(world_size)]
    return [(sum(size for _, size in messages), len({dst for dst, _ in messages})) for messages in sent]


_PASSED_ON = """
    passed, received = flat.clone(), flat.clone()
    for _ in range(world_size - 1):
        dist.send(passed, right)
        dist.recv(received, left)
        passed = received.clone()
        flat += received
    tensor.copy_(flat.view_as(tensor) / (world_size if op == "mean" else 1))
    return"""
_NEIGHBOURS = "(rank + 1) % world_size, (rank - 1) % world_size\n"
ring_all_reduce = section.exercise(
    "ring_all_reduce",
    hints=[
        "Draw three ranks and three chunks. If in round 0 rank r sends chunk r, which chunk does it receive, "
        "and which one should it send next?",
        "After the first half, which chunk of a rank is complete? That one is sent first in the second half.",
        "In what do the halves differ? Once a received chunk is added, once it replaces. And into how many pieces is a "
        "tensor of two elements cut for five ranks?",
    ],
    mistakes={
        "Forgets op: the mean is a sum.": edit(_MEAN, ""),
        "Divides what it has before the first round and the sum at the end: twice.": edit(
            "right, left", 'if op == "mean":\n        tensor /= world_size\n    right, left'
        ),
        "Sends whole tensors to a rank in the middle: no ring, and one rank does all the work.": edit(
            f"right, left = {_NEIGHBOURS}",
            "all_reduce(tensor, rank, world_size, op)\n    return\n    right, left = 0, 0\n",
        ),
        "Passes whole tensors around: every rank sends world_size / 2 times as much as it has to.": edit(
            "flat = tensor.flatten()", f"flat = tensor.flatten(){_PASSED_ON}"
        ),
        "Stops after the first half: every rank has one chunk of the sum, the rest is unfinished.": edit(
            "world_size - 1):\n        dist.send(chunks[(rank - step +", "0):\n        dist.send(chunks[(rank - step +"
        ),
        "Hands out the wrong chunk first: one that is not complete.": [
            edit("step + 1)", "step)"),
            edit("step) % world_size], left)", "step - 1) % world_size], left)"),
        ],
        "Goes one round too many: what is complete already is added to once more.": edit(
            " - 1):\n        dist.send(chunks[(rank - step)", "):\n        dist.send(chunks[(rank - step)"
        ),
        "Cuts the tensor with chunk(), which may give fewer pieces than there are ranks.": edit(
            "flat.tensor_split(world_size)", "flat.chunk(world_size)"
        ),
        "Everyone receives before anyone has sent: a deadlock.": edit(
            _NEIGHBOURS, f"{_NEIGHBOURS}    if world_size > 1:\n        dist.recv(torch.empty_like(tensor), left)\n"
        ),
        "Works on a copy where no view can be had, and never writes it back.": edit(
            "    tensor.copy_(flat.view_as(tensor))\n", ""
        ),
    },
)


@ring_all_reduce.check(examples=60, team=team | even_team)
def ring_sum(solution, team):
    """Puts the sum into the tensor of every rank, whatever its size and the number of ranks."""
    return run_workers(solution.ring_all_reduce, team.tensors)


@ring_all_reduce.check(points=0.5, examples=30, team=team | even_team)
def ring_mean(solution, team):
    """With op="mean", puts the mean there."""
    return run_workers(solution.ring_all_reduce, team.tensors, op="mean")


@ring_all_reduce.check(examples=30, team=even_team)
def ring_traffic(solution, team):
    """Each rank sends to one other rank only, and no more than two rounds of chunks."""
    results = run_workers(solution.ring_all_reduce, team.tensors)
    return results, traffic(len(team.tensors))


@ring_all_reduce.check(points=0.25, extra=True, examples=20, team=matrices)
def ring_of_views(solution, team):
    """Works in place on tensors that are not contiguous."""
    return run_workers(solution.ring_all_reduce, [tensor.T for tensor in team.tensors])
