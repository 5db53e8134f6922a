"""The reference of `optimization` against torch.optim and its schedulers, and what its group of workers promises."""

import doctest
import inspect
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from exercises.given.workers import Deadlock, dist, run_workers
from graders.engine.authoring.material import Material
from graders.engine.course import Course

MATERIAL = Material(Course(), "optimization")
opt = MATERIAL.reference_module
ours = settings(database=None, deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**20)
rates = st.sampled_from((0.001, 0.01, 0.1, 0.5))
fractions = st.sampled_from((0.0, 0.1, 0.5, 0.9))


# %% Optimizers
def parameters(seed: int) -> list[nn.Parameter]:
    torch.manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in ((2, 3), (3,), ())]


def way(optimizer: Any, params: list[nn.Parameter], seed: int, steps: int = 6) -> list[Tensor]:
    """All parameters after each of some steps; the last parameter never has a gradient."""
    noise = torch.Generator().manual_seed(seed)
    points = []
    for _ in range(steps):
        optimizer.zero_grad()
        for param in params[:-1]:
            param.grad = torch.randn(param.shape, generator=noise, dtype=torch.float64)
        optimizer.step()
        points.append(torch.cat([param.detach().flatten() for param in params]))
    return points


def assert_same_way(name: str, seed: int, **options: Any) -> None:
    mine, theirs = parameters(seed), parameters(seed)
    one = way(getattr(opt, name)(iter(mine), **options), mine, seed)
    other = way(getattr(torch.optim, name)(theirs, **options), theirs, seed)
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@ours
@given(seeds, rates, fractions, fractions)
def test_sgd_is_that_of_torch(seed: int, lr: float, momentum: float, weight_decay: float) -> None:
    assert_same_way("SGD", seed, lr=lr, momentum=momentum, weight_decay=weight_decay)


@ours
@given(seeds, rates, fractions, fractions, fractions, st.sampled_from((1e-8, 0.1)))
def test_rmsprop_is_that_of_torch(
    seed: int, lr: float, alpha: float, momentum: float, weight_decay: float, eps: float
) -> None:
    assert_same_way("RMSprop", seed, lr=lr, alpha=alpha, momentum=momentum, weight_decay=weight_decay, eps=eps)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@ours
@given(seeds, rates, st.tuples(fractions, fractions), fractions, st.sampled_from((1e-8, 0.1)))
def test_adam_and_adamw_are_those_of_torch(
    name: str, seed: int, lr: float, betas: tuple[float, float], weight_decay: float, eps: float
) -> None:
    assert_same_way(name, seed, lr=lr, betas=betas, weight_decay=weight_decay, eps=eps)


@pytest.mark.parametrize("name", ["RMSprop", "Adam"])
def test_defaults_are_those_of_torch(name: str) -> None:
    assert_same_way(name, 0)
    mine = inspect.signature(getattr(opt, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    for parameter in list(mine)[1:]:
        assert mine[parameter].default == theirs[parameter].default


@ours
@given(
    seeds, st.lists(st.fixed_dictionaries({}, optional={"lr": rates, "momentum": fractions}), min_size=3, max_size=3)
)
def test_groups_are_those_of_torch(seed: int, groups: list[dict[str, float]]) -> None:
    ways = []
    for make in (opt.SGDGroups, torch.optim.SGD):
        params = parameters(seed)
        given_groups = [{"params": [param], **group} for param, group in zip(params, groups, strict=True)]
        ways.append(way(make(given_groups, lr=0.25, weight_decay=0.1), params, seed))
    torch.testing.assert_close(*ways, rtol=1e-9, atol=1e-12)


def test_groups_refuse_what_torch_refuses() -> None:
    p, q = parameters(0)[:2]
    for groups in ([{"params": [p], "lr": 0.1}, {"params": [p, q], "lr": 0.1}],):
        for make in (opt.SGDGroups, torch.optim.SGD):
            with pytest.raises(ValueError, match="param"):
                make(groups)
    with pytest.raises(ValueError, match="learning rate"):
        opt.SGDGroups([{"params": [p], "lr": 0.1}, {"params": [q]}])


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_functions_are_minimised_along_the_way_of_torch(momentum: float) -> None:
    def fn(x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(x) * y + x**2 + 0.5 * y**2

    start, theirs = torch.tensor([1.5, -2.0]), torch.tensor([1.5, -2.0], requires_grad=True)
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=momentum)
    points = []
    for _ in range(7):
        points.append(theirs.detach().clone())
        optimizer.zero_grad()
        fn(theirs[0], theirs[1]).backward()
        optimizer.step()
    mine = opt.opt_fn_with_sgd(fn, start.clone().requires_grad_(), 0.1, momentum, 7)
    general = opt.opt_fn(fn, start.clone().requires_grad_(), opt.SGD, {"lr": 0.1, "momentum": momentum}, 7)
    torch.testing.assert_close(mine, torch.stack(points))
    torch.testing.assert_close(general, torch.stack(points))


# %% Schedules and clipping
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ExponentialLR", {"gamma": 0.7}),
        ("StepLR", {"step_size": 3, "gamma": 0.5}),
        ("StepLR", {"step_size": 1}),
        ("MultiStepLR", {"milestones": [1, 4, 5], "gamma": 0.5}),
        ("MultiStepLR", {"milestones": []}),
    ],
)
def test_schedulers_are_those_of_torch(name: str, options: dict[str, Any]) -> None:
    def optimizer() -> torch.optim.Optimizer:
        p, q, _ = parameters(0)
        return torch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.3}], lr=1.0)

    mine, theirs, single = optimizer(), optimizer(), opt.SGD(parameters(0), lr=1.0)
    schedulers = [getattr(opt, name)(mine, **options), getattr(opt, name)(single, **options)]
    schedulers.append(getattr(torch.optim.lr_scheduler, name)(theirs, **options))
    for _ in range(8):
        expected = [group["lr"] for group in theirs.param_groups]
        assert [group["lr"] for group in mine.param_groups] == pytest.approx(expected)
        assert single.lr == pytest.approx(expected[0])
        theirs.step()
        for scheduler in schedulers:
            scheduler.step()


def test_the_wave_after_warm_up_is_that_of_torch() -> None:
    optimizer = torch.optim.SGD(parameters(0), lr=2.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9, eta_min=0.25)
    for step in range(4, 14):
        assert opt.WarmupCosine(step, 4, 13, 2.0, 0.25) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert [opt.WarmupCosine(step, 4, 13, 2.0, 0.25) for step in (0, 1, 13, 99)] == [0.0, 0.5, 0.25, 0.25]


@ours
@given(seeds, st.sampled_from((0.1, 1.0, 2.5, 100.0)))
def test_clipping_is_that_of_torch(seed: int, max_norm: float) -> None:
    mine, theirs = parameters(seed), parameters(seed)
    for params in (mine, theirs):
        for param in params[:-1]:
            param.grad = param.detach().clone()
    norms = opt.clip_grad_norm(iter(mine), max_norm), nn.utils.clip_grad_norm_(theirs, max_norm)
    torch.testing.assert_close(*norms, check_dtype=False)
    for one, other in zip(mine[:-1], theirs[:-1], strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=0)


# %% Sweeps
def test_learning_rates_spread_evenly_over_powers_of_ten() -> None:
    drawn = [opt.sample_parameters(opt.sweep_config["parameters"]) for _ in range(3000)]
    for low in (-4, -3, -2):
        share = sum(low <= math.log10(run["learning_rate"]) < low + 1 for run in drawn) / len(drawn)
        assert share == pytest.approx(1 / 3, abs=0.05)
    args = opt.update_args(opt.TrainingArgs(epochs=7), drawn[0])
    assert (args.epochs, args.batch_size) == (7, drawn[0]["batch_size"])


# %% Workers
Task = Callable[..., None]


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 7), (0, 2)])
def test_reductions_are_sums_and_means(world_size: int, shape: tuple[int, ...]) -> None:
    tensors = [torch.randn(shape, dtype=torch.float64) for _ in range(world_size)]
    total = torch.stack(tensors).sum(dim=0)
    for op, expected in (("sum", total), ("mean", total / world_size)):
        for function in (opt.all_reduce, opt.ring_all_reduce):
            for result in run_workers(function, tensors, op=op):
                torch.testing.assert_close(result, expected)
        for root in range(world_size):
            reduced = run_workers(opt.reduce, tensors, dst=root, op=op)
            torch.testing.assert_close(reduced, [*tensors[:root], expected, *tensors[root + 1 :]])
    for root in range(world_size):
        torch.testing.assert_close(run_workers(opt.broadcast, tensors, src=root), [tensors[root]] * world_size)


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_the_ring_sends_as_little_as_its_text_says(world_size: int) -> None:
    tensors = [torch.ones(world_size * 6) for _ in range(world_size)]
    run_workers(opt.ring_all_reduce, tensors)
    for rank in range(world_size):
        sent = [(dst, size) for src, dst, size in dist.sent if src == rank]
        assert {dst for dst, _ in sent} == {(rank + 1) % world_size}
        assert sum(size for _, size in sent) == 2 * (world_size - 1) * 6


def waits_for_ever(tensor: Tensor, rank: int, world_size: int) -> None:
    dist.recv(tensor, (rank + 1) % world_size)


def ends_early(tensor: Tensor, rank: int, world_size: int) -> None:
    if rank:
        dist.recv(tensor, 0)


def fails_at_the_end(tensor: Tensor, rank: int, world_size: int) -> None:
    if rank == world_size - 1:
        raise ArithmeticError("of the last rank")
    dist.recv(tensor, rank + 1)


def is_not_heard(tensor: Tensor, rank: int, world_size: int) -> None:
    if rank:
        dist.send(tensor, 0)


def talks_to_itself(tensor: Tensor, rank: int, world_size: int) -> None:
    dist.send(tensor, rank)


def expects_another_shape(tensor: Tensor, rank: int, world_size: int) -> None:
    dist.send(tensor, (rank + 1) % world_size)
    dist.recv(tensor[:1], (rank - 1) % world_size)


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        (waits_for_ever, Deadlock, "rank 0 waits for a message that rank 1 never sends"),
        (ends_early, Deadlock, "rank 1 waits for a message that rank 0 never sends"),
        (fails_at_the_end, ArithmeticError, "of the last rank"),
        (is_not_heard, RuntimeError, "rank 0 never received a message that rank 1 sent"),
        (talks_to_itself, ValueError, "rank 0 sends a message to itself"),
        (expects_another_shape, ValueError, "rank 0 got shape .2,. where it has .1,."),
    ],
)
def test_what_would_hang_is_an_error(task: Task, error: type[Exception], words: str) -> None:
    before = threading.active_count()
    for _ in range(20):  # threads meet in another order each time
        with pytest.raises(error, match=words):
            run_workers(task, [torch.zeros(2) for _ in range(3)])
    assert threading.active_count() == before
    assert run_workers(opt.shift, [torch.tensor(1.0), torch.tensor(2.0)]) == [2.0, 1.0]


def test_workers_leave_what_they_were_given() -> None:
    tensors = [torch.tensor([1.0]), torch.tensor([2.0])]
    run_workers(opt.all_reduce, tensors)
    assert tensors == [1.0, 2.0]


def test_a_data_parallel_step_is_that_of_the_whole_batch() -> None:
    torch.manual_seed(0)
    inputs, targets = torch.randn(12, 4, dtype=torch.float64), torch.randn(12, 2, dtype=torch.float64)
    start = torch.randn(2, 4, dtype=torch.float64)

    def gradient(part: slice) -> Tensor:
        weight = start.clone().requires_grad_()
        nn.functional.mse_loss(inputs[part] @ weight.T, targets[part]).backward()
        assert weight.grad is not None
        return weight.grad

    parts = [gradient(slice(rank * 4, rank * 4 + 4)) for rank in range(3)]
    whole = gradient(slice(None))
    torch.testing.assert_close(opt.average_grads([[part] for part in parts]), [whole])
    for result in run_workers(opt.ring_all_reduce, parts, op="mean"):
        torch.testing.assert_close(result, whole)


# %% Texts
def test_examples_in_the_texts_are_right() -> None:
    failed, tried = doctest.testmod(opt)
    assert tried > 25
    assert failed == 0


def test_hints_are_short_and_there_for_every_exercise() -> None:
    section = MATERIAL.section
    assert set(section.hints) == set(section.exercises)
    for hints in section.hints.values():
        assert len(hints) >= 2
        assert all(len(hint.split()) < 60 for hint in hints)
