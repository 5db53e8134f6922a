"""Grades the second section for the tests of the engine."""

from typing import NamedTuple

import torch
from hypothesis import strategies as st

from graders.engine import Section, distributed_as, edit

section = Section("layers", title="Layers and samples")


class Layer(NamedTuple):
    x: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor


def tensors(*shape):
    size = torch.Size(shape).numel()
    return st.lists(st.integers(-5, 5), min_size=size, max_size=size).map(lambda v: torch.tensor(v).float().view(shape))


@st.composite
def layers(draw):
    batch, d_in, d_out = draw(st.permutations([1, 2, 3]))
    return Layer(draw(tensors(batch, d_in)), draw(tensors(d_out, d_in)), draw(tensors(d_out)))


Scale = section.exercise(
    "Scale",
    mistakes={
        "The weight is a plain tensor, so no optimiser ever sees it.": edit(
            "nn.Parameter(torch.ones(features))", "torch.ones(features)"
        )
    },
)


@Scale.check(x=tensors(2, 3), weight=tensors(3))
def scales_features(solution, x, weight):
    """Multiplies each feature by its weight."""
    layer = solution.Scale(3)
    layer.load_state_dict({"weight": weight})
    return layer(x)


@Scale.check(x=tensors(2, 3))
def weight_gets_its_gradient(solution, x):
    """The weight is a parameter, and gets its gradient."""
    layer = solution.Scale(3)
    layer(x).sum().backward()
    return {name: parameter.grad for name, parameter in layer.named_parameters()}


Affine = section.exercise(
    "Affine",
    mistakes={
        "The bound is 1/in, not 1/sqrt(in).": edit("d_in**-0.5", "d_in**-1"),
        "The weights are drawn from [0, bound).": edit("uniform_(-bound, bound)", "uniform_(0, bound)"),
    },
)


@Affine.check(points=2, case=layers())
def applies_weight_and_bias(solution, case):
    """Computes x W^T + b."""
    layer = solution.Affine(case.x.shape[1], len(case.bias))
    layer.load_state_dict({"weight": case.weight, "bias": case.bias})
    return layer(case.x)


@Affine.check(judge=distributed_as(), examples=5, d_in=st.integers(2, 9))
def weights_start_uniform(solution, d_in):
    """The weights start uniformly distributed within ±1/sqrt(in)."""
    return torch.cat([solution.Affine(d_in, 2000).weight.detach().flatten() for _ in range(5)])


def drawn_with(inputs):
    return inputs["probs"]


sample_rows = section.exercise(
    "sample_rows",
    mistakes={
        "The categories are drawn uniformly.": edit(
            "torch.multinomial(probs, n, replacement=True)", "torch.randint(len(probs), (n,))"
        )
    },
)


@sample_rows.check(
    judge=distributed_as(probabilities=drawn_with),
    examples=5,
    probs=st.permutations([0.1, 0.2, 0.7, 0.0]).map(torch.tensor),
)
def samples_with_the_probabilities(solution, probs):
    """Each category comes out as often as its probability says."""
    return solution.sample_rows(probs, 20_000)
