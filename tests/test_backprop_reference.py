"""The reference of `backprop` against central differences and torch, and what the section's strategies promise."""

import doctest
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graders.engine.authoring.material import find
from graders.engine.course import Course

MATERIAL = find(Course(), "backprop")
bp = MATERIAL.reference_module
ours = settings(database=None, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


def grader() -> Any:
    """The grader file's own names, through one of its functions."""
    return inspect.unwrap(MATERIAL.section.checks["sorts_graphs"].probe).__globals__


# %% Random programs
class Step(NamedTuple):
    operation: str
    operands: tuple[int, ...]
    options: tuple[Any, ...]


class Program(NamedTuple):
    leaves: list[np.ndarray]
    steps: list[Step]
    weights: np.ndarray  # of the elements of the last result, in the sum that is differentiated


# Each keeps numbers small and away from kinks, so that differences are exact to many digits and no logarithm fails.
BINARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "add": (lambda x, y: x + y, torch.add),
    "subtract": (lambda x, y: x - y, torch.subtract),
    "multiply": (lambda x, y: x * y, torch.multiply),
    "divide": (lambda x, y: x / (y * y + 1.0), lambda x, y: x / (y * y + 1.0)),
    "maximum": (lambda x, y: x.maximum(y), torch.maximum),
    "matmul": (lambda x, y: x @ y, torch.matmul),
}
UNARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "negative": (lambda x: -x, torch.negative),
    "shrink": (lambda x: 0.25 * x, lambda x: 0.25 * x),
    "exp": (lambda x: (x / (x * x + 1.0)).exp(), lambda x: torch.exp(x / (x * x + 1.0))),
    "log": (lambda x: (x * x + 1.0).log(), lambda x: torch.log(x * x + 1.0)),
    "relu": (lambda x: x.relu(), torch.relu),
    "flatten": (lambda x: x.reshape((-1,)), lambda x: x.reshape(-1)),
    "sum": (
        lambda x, dim, keepdim: x.sum(dim, keepdim=keepdim),
        lambda x, dim, keepdim: x.sum() if dim is None else x.sum(dim, keepdim=keepdim),
    ),
    "permute": (lambda x, axes: x.permute(axes), lambda x, axes: x.permute(axes)),
    "getitem": (lambda x, places: x[bp.tensor(np.array(places)),], lambda x, places: x[torch.tensor(places)]),
}


def fits(operation: str, x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    """Whether the operation accepts operands of these shapes."""
    if operation == "matmul":
        return len(x) == len(y) == 2 and x[1] == y[0]
    try:
        return len(np.broadcast_shapes(x, y)) <= 3
    except ValueError:
        return False


@st.composite
def unary_steps(draw: Any, number: int, shape: tuple[int, ...]) -> Step:
    name = draw(st.sampled_from([name for name in UNARY if shape or name not in ("permute", "getitem", "flatten")]))
    options: tuple[Any, ...] = ()
    if name == "sum":
        dim = draw(st.none() | st.integers(-len(shape), len(shape) - 1)) if shape else None
        options = (dim, dim is not None and draw(st.booleans()))
    elif name == "permute":
        options = (tuple(draw(st.permutations(range(len(shape))))),)
    elif name == "getitem":
        options = (draw(st.lists(st.integers(-shape[0], shape[0] - 1), min_size=1, max_size=4)),)
    return Step(name, (number,), options)


@st.composite
def programs(draw: Any) -> Program:
    """One to eight operations on up to three leaves; any tensor made before may be used again."""
    shapes = draw(st.lists(st.sampled_from([(), (3,), (2, 3), (3, 2), (1, 3), (2, 1), (3, 3)]), min_size=1, max_size=3))
    numbers = st.integers(-200, 200).map(lambda n: n / 97)  # irregular, so that ties and kinks are not met
    leaves = [
        np.array(draw(st.lists(numbers, min_size=n, max_size=n, unique=True))).reshape(shape)
        for shape in shapes
        for n in [int(np.prod(shape))]
    ]
    tensors = [bp.tensor(leaf) for leaf in leaves]
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 8))):
        pairs = [
            (name, i, j)
            for name in BINARY
            for i, x in enumerate(tensors)
            for j, y in enumerate(tensors)
            if fits(name, x.shape, y.shape)
        ]
        if draw(st.booleans()):
            name, i, j = draw(st.sampled_from(pairs))
            step = Step(name, (i, j), ())
        else:
            number = draw(st.integers(0, len(tensors) - 1))
            step = draw(unary_steps(number, tensors[number].shape))
        steps.append(step)
        tensors.append(applied(step, tensors, 0))
    end = tensors[-1]
    weights = draw(st.lists(st.integers(-3, 3), min_size=end.array.size, max_size=end.array.size))
    return Program(leaves, steps, np.array(weights, dtype=float).reshape(end.shape))


def applied(step: Step, tensors: list[Any], side: int) -> Any:
    """The result of a step with our operations (side 0) or torch's (side 1)."""
    operations = BINARY if step.operation in BINARY else UNARY
    return operations[step.operation][side](*(tensors[number] for number in step.operands), *step.options)


def played(program: Program, leaves: list[Any], side: int) -> list[Any]:
    """The leaves and the result of every step."""
    tensors = list(leaves)
    for step in program.steps:
        tensors.append(applied(step, tensors, side))
    return tensors


def gradients(program: Program) -> list[np.ndarray]:
    """The reference's gradients of the weighted sum of the last result; zeros for leaves that it does not depend on."""
    leaves = [bp.tensor(leaf.copy(), requires_grad=True) for leaf in program.leaves]
    played(program, leaves, 0)[-1].backward(program.weights)
    return [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.array for leaf in leaves]


def has_kinks(program: Program) -> bool:
    """Whether a maximum or relu has to decide between (almost) equal numbers."""
    tensors = played(program, [bp.tensor(leaf) for leaf in program.leaves], 0)
    for step in program.steps:
        operands = [tensors[number].array for number in step.operands]
        if step.operation == "maximum" and np.abs(operands[0] - operands[1]).min() < 1e-4:
            return True
        if step.operation == "relu" and np.abs(operands[0]).min() < 1e-4:
            return True
    return False


@ours
@given(programs())
def test_gradients_are_those_of_torch(program: Program) -> None:
    leaves = [torch.tensor(leaf, requires_grad=True) for leaf in program.leaves]
    end = played(program, leaves, 1)[-1]
    assert played(program, [bp.tensor(leaf) for leaf in program.leaves], 0)[-1].array == pytest.approx(
        end.detach().numpy()
    )
    if has_kinks(program):
        return
    if end.requires_grad:
        end.backward(torch.tensor(program.weights))
    for mine, leaf in zip(gradients(program), leaves, strict=True):
        expected = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-9 * (1 + np.abs(expected).max()))


@ours
@given(programs())
def test_gradients_are_central_differences(program: Program) -> None:
    if has_kinks(program):
        return
    h = 1e-5

    def value(leaves: list[np.ndarray]) -> float:
        return float((program.weights * played(program, [bp.tensor(leaf) for leaf in leaves], 0)[-1].array).sum())

    for number, gradient in enumerate(gradients(program)):
        size = 1 + np.abs(gradient).max()
        for place in np.ndindex(gradient.shape):
            moved = []
            for step in (-2 * h, -h, h, 2 * h):
                leaves = [leaf.copy() for leaf in program.leaves]
                leaves[number][place] += step
                moved.append(value(leaves))
            slope = (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h)
            if abs(slope) < 1e6:  # beyond that the difference has lost its digits
                assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-5 * size + 1e-9 * abs(moved[0]) / h)


def test_random_programs_reach_every_operation_depth_and_sharing() -> None:
    drawn: list[Program] = []

    @settings(ours, max_examples=300, derandomize=True, phases=[Phase.generate])
    @given(programs())
    def collect(program: Program) -> None:
        drawn.append(program)

    collect()
    steps = [step for program in drawn for step in program.steps]
    assert {step.operation for step in steps} == {*BINARY, *UNARY}
    assert {len(program.steps) for program in drawn} == set(range(1, 9))
    assert any(len(set(step.operands)) < len(step.operands) for step in steps)
    assert sum(map(has_kinks, drawn)) < len(drawn) / 2


# %% Single pieces against torch
@ours
@given(st.integers(1, 4), st.integers(1, 5), st.data())
def test_cross_entropy_is_that_of_torch(rows: int, classes: int, data: st.DataObject) -> None:
    numbers = st.sampled_from([-1000.0, -3.0, 0.0, 0.5, 2.0, 999.0, 1000.0])
    logits = np.array(data.draw(st.lists(numbers, min_size=rows * classes, max_size=rows * classes))).reshape(
        rows, classes
    )
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)))
    mine, theirs = bp.tensor(logits, requires_grad=True), torch.tensor(logits, requires_grad=True)
    losses = bp.cross_entropy(mine, bp.tensor(labels))
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(labels), reduction="none")
    np.testing.assert_allclose(losses.array, expected.detach().numpy(), rtol=1e-12)
    losses.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(mine.grad.array, theirs.grad.numpy(), atol=1e-12)


def test_a_network_trains_like_torchs() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.random((8, 28, 28)), rng.integers(0, 10, 8)
    mine = bp.MLP()
    theirs = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(784, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    ).double()
    for parameter, source in zip(theirs.parameters(), mine.parameters(), strict=True):
        parameter.data[...] = torch.tensor(source.array)
    optimizers = bp.SGD(mine.parameters(), lr=0.1), torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(5):
        for optimizer in optimizers:
            optimizer.zero_grad()
        (bp.cross_entropy(mine(bp.tensor(images)), bp.tensor(labels)).sum() / len(labels)).backward()
        torch.nn.functional.cross_entropy(theirs(torch.tensor(images)), torch.tensor(labels)).backward()
        for optimizer in optimizers:
            optimizer.step()
    for parameter, expected in zip(mine.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(parameter.array, expected.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_linear_starts_like_torchs() -> None:
    mine, theirs = bp.Linear(50, 400), torch.nn.Linear(50, 400)
    for parameter, other in ((mine.weight, theirs.weight), (mine.bias, theirs.bias)):
        assert parameter.shape == tuple(other.shape)
        assert np.abs(parameter.array).max() <= 50**-0.5
        assert parameter.array.std() == pytest.approx((50 * 3) ** -0.5, rel=0.2)


def test_examples_in_the_texts_are_right() -> None:
    failed, tried = doctest.testmod(bp)
    assert tried > 40
    assert failed == 0


# %% What the strategies promise
def test_array_shapes_have_axes_of_different_sizes() -> None:
    for shape in grader()["SHAPES"]:
        assert len(set(shape)) == len(shape)
        assert np.prod(shape) <= 24


@ours
@given(st.data())
def test_stretched_shapes_broadcast_to_the_shape_they_came_from(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([shape for shape in grader()["SHAPES"] if len(shape) > 1 and 1 not in shape]))
    first, second = data.draw(grader()["stretched"](shape, both=data.draw(st.booleans())))
    assert np.broadcast_shapes(first, second) == shape


@ours
@given(st.data())
def test_broadcasts_can_have_been_made_by_broadcasting(data: st.DataObject) -> None:
    pair = data.draw(grader()["broadcasts"]())
    assert np.broadcast_to(pair.original, pair.broadcasted.shape).shape == pair.broadcasted.shape


@ours
@given(st.data())
def test_graphs_have_cycles_only_where_asked_for(data: st.DataObject) -> None:
    graph = data.draw(grader()["graphs"]())
    assert bp.topological_sort(graph.start, lambda node: graph.children[node])[-1] == graph.start


def test_cyclic_graphs_are_about_as_frequent_as_others() -> None:
    kinds = []

    @settings(database=None, deadline=None, max_examples=200, derandomize=True)
    @given(grader()["graphs"](cyclic=True))
    def collect(graph: Any) -> None:
        try:
            bp.topological_sort(graph.start, lambda node: graph.children[node])
            kinds.append("acyclic")
        except ValueError:
            kinds.append("cyclic")

    collect()
    assert min(kinds.count("acyclic"), kinds.count("cyclic")) >= len(kinds) * 0.15


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ([2, 1, 0], None),
        ([1, 2, 0], "node 1 stands before its child 2: [1, 2, 0]"),
        ([2, 0], "node 1 is missing: [2, 0]"),
        ([2, 2, 1, 0], "a node comes twice: [2, 2, 1, 0]"),
        ([3, 2, 1, 0], "node 3 is not reachable: [3, 2, 1, 0]"),
        ([], "node 0 is missing: []"),
        ([2.0, 1, 0], "something in it is no node of the graph"),
    ],
)
def test_orders_are_judged_by_what_they_are(order: list, words: str | None) -> None:
    assert grader()["out_of_order"](order, [2, 1, 0], [[1, 2], [2], [], []]) == words


@pytest.mark.parametrize(("slope", "right"), [(0.0, True), (0.5, True), (1.0, True), (1.5, False), (-0.1, False)])
def test_relu_may_have_any_slope_from_zero_to_one_at_zero(slope: float, right: bool) -> None:
    unary = grader()["Unary"]
    case = unary(np.array([3.0, -2.0, 0.0, 4.0]), np.zeros(4), np.array([0.0, 0.0, 0.0, 2.0]))
    observed = (np.array([0.0, 0.0, 0.0, 2.0]), np.array([3.0 * slope, -2.0 * slope, 0.0, 4.0]))
    expected = (observed[0], np.array([1.5, -1.0, 0.0, 4.0]))
    words = grader()["slopes_but_at_zero"](observed, expected, {"case": case})
    assert (words is None) == right
    wrong = (observed[0], observed[1] + np.array([0.0, 0.0, 0.0, 1.0]))
    assert grader()["slopes_but_at_zero"](wrong, expected, {"case": case}) is not None


@pytest.mark.parametrize(
    ("weights", "right"),
    [
        (np.random.default_rng(0).uniform(-0.5, 0.5, (100, 4)), True),
        (np.random.default_rng(0).uniform(0, 0.5, (100, 4)), False),
        (np.random.default_rng(0).uniform(-0.6, 0.6, (100, 4)), False),
        (np.random.default_rng(0).uniform(-0.5, 0.5, (4, 100)), False),
        (np.zeros((100, 4)), False),
        (np.full((100, 4), np.nan), False),
    ],
)
def test_first_weights_are_judged_by_their_distribution(weights: np.ndarray, right: bool) -> None:
    bias = np.random.default_rng(1).uniform(-0.5, 0.5, 100)
    words = grader()["spread_evenly"]([weights, bias], [np.zeros((100, 4)), bias], {"in_features": 4})
    assert (words is None) == right
