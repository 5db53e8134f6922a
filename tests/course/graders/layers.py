"""Grades the second section for the tests of the engine."""

from typing import NamedTuple

import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.engine import Section, distributed_as, edit

section = Section("layers", title="Layers and samples")


class Affine(NamedTuple):
    x: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor


def tensors(*shape):
    size = torch.Size(shape).numel()
    return st.lists(st.integers(-5, 5), min_size=size, max_size=size).map(lambda v: torch.tensor(v).float().view(shape))


@st.composite
def affine(draw):
    batch, d_in, d_out = draw(st.permutations([1, 2, 3]))
    return Affine(draw(tensors(batch, d_in)), draw(tensors(d_out, d_in)), draw(tensors(d_out)))


@section.check("Scale")
@given(x=tensors(2, 3), weight=tensors(3))
def scales_features(solution, x, weight):
    """Multiplies each feature by its weight."""
    layer = solution.Scale(3)
    layer.load_state_dict({"weight": weight})
    return layer(x)


@section.check("Scale")
@given(x=tensors(2, 3))
def weight_gets_its_gradient(solution, x):
    """The weight is a parameter, and gets its gradient."""
    layer = solution.Scale(3)
    layer(x).sum().backward()
    return {name: parameter.grad for name, parameter in layer.named_parameters()}


section.mistake(
    "Scale",
    "The weight is a plain tensor, so no optimiser ever sees it.",
    edit("nn.Parameter(torch.ones(features))", "torch.ones(features)"),
)


@section.check("Affine", points=2)
@given(case=affine())
def applies_weight_and_bias(solution, case):
    """Computes x W^T + b."""
    layer = solution.Affine(case.x.shape[1], len(case.bias))
    layer.load_state_dict({"weight": case.weight, "bias": case.bias})
    return layer(case.x)


@section.check("Affine", judge=distributed_as(), examples=5)
@given(d_in=st.integers(2, 9))
def weights_start_uniform(solution, d_in):
    """The weights start uniformly distributed within ±1/sqrt(in)."""
    return torch.cat([solution.Affine(d_in, 2000).weight.detach().flatten() for _ in range(5)])


section.mistake("Affine", "The bound is 1/in, not 1/sqrt(in).", edit("d_in**-0.5", "d_in**-1"))
section.mistake("Affine", "The weights are drawn from [0, bound).", edit("uniform_(-bound, bound)", "uniform_(0, bound)"))


def drawn_with(inputs):
    return inputs["probs"]


@section.check("sample_rows", judge=distributed_as(probabilities=drawn_with), examples=5)
@given(probs=st.permutations([0.1, 0.2, 0.7, 0.0]).map(torch.tensor))
def samples_with_the_probabilities(solution, probs):
    """Each category comes out as often as its probability says."""
    return solution.sample_rows(probs, 20_000)


section.mistake(
    "sample_rows",
    "The categories are drawn uniformly.",
    edit("torch.multinomial(probs, n, replacement=True)", "torch.randint(len(probs), (n,))"),
)
