"""Checks of the section `networks`: from a linear layer to a residual network.

Inputs are small whole numbers, so that sums are exact, and axes differ in size, so that mixed-up axes show. Layers are
graded with weights that are loaded by their documented names. Whole networks are filled in the order in which their
submodules are registered, whatever these are called.

Of the curriculum, `train` on MNIST is left out; `evaluate` and `train_epoch` ask for its parts, on data that are handed
over. `get_resnet_for_feature_extraction` needs pretrained weights; `freeze_all_but_head` stands for it.
"""

import copy
from collections import OrderedDict, namedtuple

import torch
from hypothesis import strategies as st
from torch import nn

from graders.engine import NONZERO, POSITIVE, WHOLE, Section, close, difference, distributed_as, edit, shapes, tensors

section = Section("networks", title="Convolutional networks from scratch")

deep = close(rtol=1e-3, atol=1e-4)  # many layers in single precision, in any order of summation
seeds = st.integers(0, 999)
few = st.integers(1, 4)


# %% What checks share
def shuffled(*sizes, axes=None, **options):
    """Tensors whose axes have these sizes in any order, or the first few of that order."""
    return st.permutations(sizes).flatmap(lambda order: tensors(tuple(order[:axes]), **options))


def related(kind, shapes):
    """Named tuples of tensors whose shapes follow from four sizes, all of them different."""
    found = st.permutations((1, 2, 3, 4)).map(lambda order: shapes(*order))
    return found.flatmap(lambda each: st.builds(kind, *map(tensors, each)))


def noise(seed, *shape):
    """Numbers between -0.5 and 0.5."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 0.5


def fill(module, seed):
    """Gives parameters and buffers numbers that depend on their kind, shape and order, not on the modules' names."""
    sources = {}
    for name, value in module.state_dict().items():
        kind = (name.rpartition(".")[2], value.shape)
        source = sources.setdefault(kind, torch.Generator().manual_seed(seed))
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=source) + (0.5 if "var" in name else -0.5))
    return module


def loaded(module, **state):
    module.load_state_dict(state)
    return module


def sizes(module):
    """The shapes of all parameters, in an order that does not depend on the modules' names."""
    return sorted(tuple(parameter.shape) for parameter in module.parameters())


def computed(module, seed, *shape):
    """What a module that was filled makes of noise in evaluation mode, and the shapes of its parameters."""
    return fill(module, seed).eval()(noise(seed + 1, *shape)).detach(), sizes(module)


def numbers(module):
    return {name: parameter.detach() for name, parameter in module.named_parameters()}


def gradients(module):
    return {name: parameter.grad for name, parameter in module.named_parameters()}


class Watched(nn.Module):
    """Returns its inputs as logits; notes whether it was in training mode, and whether gradients were recorded."""

    def __init__(self):
        super().__init__()
        self.modes, self.recorded = [], []

    def forward(self, x):
        self.modes.append(self.training)
        self.recorded.append(torch.is_grad_enabled())
        return x.flatten(1)


# %% Layers
ReLU = section.exercise(
    "ReLU",
    hints=[
        "Which of two numbers does it return, element by element?",
        "Which torch functions return the larger of a tensor and a number, without changing the tensor?",
    ],
    mistakes={
        "Cuts the graph: no gradient comes through.": edit("x.clamp(min=0)", "x.detach().clamp(min=0)"),
        "Changes its input in place.": edit("x.clamp(min=0)", "x.clamp_(min=0)"),
        "Lets a part of negative numbers through.": edit("x.clamp(min=0)", "x.maximum(0.01 * x)"),
        "Takes the absolute value.": edit("x.clamp(min=0)", "x.abs()"),
    },
)


@ReLU.check(points=0.5, x=shapes(3, least=1).flatmap(tensors))
def relu_values(solution, x):
    """Replaces negative numbers by zero, in a new tensor."""
    return solution.ReLU()(x)


@ReLU.check(points=0.5, examples=30, x=tensors((2, 3), NONZERO))
def relu_gradient(solution, x):
    """Lets the gradient through where the input is positive, and only there."""
    x = x.clone().requires_grad_()
    solution.ReLU()(x).sum().backward()
    return x.grad


Affine = namedtuple("Affine", "x weight bias")  # weight: (out, in)
affine = related(Affine, lambda batch, d_in, d_out, _: ((batch, d_in), (d_out, d_in), (d_out,)))
of_a_vector = related(Affine, lambda d_in, d_out, *_: ((d_in,), (d_out, d_in), (d_out,)))
of_sequences = related(Affine, lambda batch, seq, d_in, d_out: ((batch, seq, d_in), (d_out, d_in), (d_out,)))


def linear(solution, case):
    d_out, d_in = case.weight.shape
    return loaded(solution.Linear(d_in, d_out), weight=case.weight, bias=case.bias)


two_layers = distributed_as(columns=("weight", "bias", "weight of the next layer", "bias of the next layer"))
_WEIGHT = "torch.empty(out_features, in_features).uniform_(-bound, bound)"
_BIAS = "torch.empty(out_features).uniform_(-bound, bound)"
Linear = section.exercise(
    "Linear",
    hints=[
        "weight is (out, in) and x is (..., in). Which product leaves (..., out)?",
        "How does a module learn that a tensor is to be trained?",
        "torch.rand lies in [0, 1). How do you stretch and move that to [-bound, bound)?",
    ],
    mistakes={
        "Starts at zero: all outputs stay equal, as they get the same gradients.": edit(
            _WEIGHT, "torch.zeros(out_features, in_features)"
        ),
        "The bound is 1/in, not 1/sqrt(in).": edit("in_features**-0.5", "in_features**-1.0"),
        "The bound follows from the outputs.": edit("in_features**-0.5", "out_features**-0.5"),
        "The bound is sqrt(6/in): right for other networks, and not what the text asks for.": edit(
            "in_features**-0.5", "(6 / in_features) ** 0.5"
        ),
        "The bound of the bias follows from the outputs; it is that of the weight.": edit(
            _BIAS, "torch.empty(out_features).uniform_(-(out_features**-0.5), out_features**-0.5)"
        ),
        "No weight is negative at the start.": edit(_WEIGHT, _WEIGHT.replace("-bound", "0.0")),
        "Starts normally distributed; the text asks for a uniform distribution.": edit(
            _WEIGHT, "torch.randn(out_features, in_features) * bound"
        ),
        "The bias starts at zero; the text asks for the same range as the weight's.": edit(
            _BIAS, "torch.zeros(out_features)"
        ),
        "Takes two axes only.": edit("x @ self.weight.T", "torch.mm(x, self.weight.T)"),
        "The bias is a plain tensor: it is not registered, so no optimizer ever sees it.": edit(
            f"nn.Parameter({_BIAS})", _BIAS
        ),
        "Has a bias although it was asked not to.": edit(" if bias else None", ""),
        "Leaves the bias out.": edit("return out if self.bias is None else out + self.bias", "return out"),
        "Never calls super().__init__(), so that no parameter can be registered.": edit("super().__init__()", "pass"),
    },
)


@Linear.check(case=affine)
def linear_values(solution, case):
    """Computes x W^T + b with parameters called weight and bias."""
    return linear(solution, case)(case.x)


@Linear.check(points=0.5, case=affine)
def linear_without_bias(solution, case):
    """With bias=False, has a bias of None and one parameter."""
    d_out, d_in = case.weight.shape
    layer = loaded(solution.Linear(d_in, d_out, bias=False), weight=case.weight)
    return layer(case.x), layer.bias


@Linear.check(points=0.25, case=of_a_vector | of_sequences)
def linear_axes(solution, case):
    """Takes any number of axes before the last one."""
    return linear(solution, case)(case.x)


@Linear.check(points=0.5, examples=30, case=affine)
def linear_gradients(solution, case):
    """Gives gradients to weight and bias."""
    layer = linear(solution, case)
    layer(case.x).square().sum().backward()
    return gradients(layer)


@Linear.check(points=0.75, judge=two_layers, examples=5, in_features=st.integers(2, 12))
def linear_start(solution, in_features):
    """Weights and bias start uniformly distributed between ±1/sqrt(in_features), and anew in each layer."""
    layers = [solution.Linear(in_features, 20_000) for _ in range(2)]
    return torch.stack([part for layer in layers for part in (layer.weight[:, 0], layer.bias)], dim=1).detach()


Flattening = namedtuple("Flattening", "x start_dim end_dim")


@st.composite
def flattenings(draw, negative=False):
    x = draw(shapes(4, least=1).flatmap(tensors))
    start = draw(st.integers(0, x.ndim - 1))
    end = draw(st.integers(start, x.ndim - 1))
    if negative:
        return Flattening(x, start - draw(st.sampled_from((0, x.ndim))), end - x.ndim)
    return Flattening(x, start, end)


_FLAT = "x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])"
Flatten = section.exercise(
    "Flatten",
    hints=[
        "Which axes of the shape stay in front, which behind?",
        "What number makes -1 and 3 the same axis of a tensor of four?",
        "view and reshape differ when memory is not contiguous. Which do you need?",
    ],
    mistakes={
        "Assumes that memory is contiguous: view fails.": edit("x.reshape(", "x.view("),
        "Takes end_dim as excluded.": edit("x.shape[end + 1 :]", "x.shape[end:]"),
        "A negative end_dim is off by one.": edit(
            "self.end_dim % x.ndim", "self.end_dim if self.end_dim >= 0 else self.end_dim + x.ndim - 1"
        ),
        "Takes a negative end_dim for the end of a slice.": edit("self.end_dim % x.ndim", "self.end_dim"),
        "Returns the right shape with zeros in it.": edit(_FLAT, f"torch.zeros_like({_FLAT})"),
    },
)


@Flatten.check(points=0.5, x=shapes(4, least=2).flatmap(tensors))
def flatten_default(solution, x):
    """Merges all axes but the first by default, in the order of the elements."""
    return solution.Flatten()(x)


@Flatten.check(points=0.25, case=flattenings())
def flatten_axes(solution, case):
    """Merges the axes from start_dim to end_dim, both included."""
    return solution.Flatten(case.start_dim, case.end_dim)(case.x)


@Flatten.check(points=0.25, case=flattenings(negative=True))
def flatten_negative(solution, case):
    """Takes negative numbers for axes counted from the last."""
    return solution.Flatten(case.start_dim, case.end_dim)(case.x)


@Flatten.check(points=0.25, examples=30, x=shapes(4, least=3).flatmap(tensors))
def flatten_transposed(solution, x):
    """Flattens a transposed, and so non-contiguous, tensor."""
    return solution.Flatten()(x.transpose(0, 2))


_LOGITS = "self.linear2(hidden)"
SimpleMLP = section.exercise(
    "SimpleMLP",
    hints=[
        "What shape does an image have when it reaches the first linear layer?",
        "Of which sign may logits be, and what would a ReLU after them do?",
    ],
    mistakes={
        "ReLU stands after the logits as well: they lose their sign.": edit(_LOGITS, f"self.relu({_LOGITS})"),
        "Nothing nonlinear stands between the two linear layers.": edit(
            "self.relu(self.linear1(self.flatten(x)))", "self.linear1(self.flatten(x))"
        ),
        "Returns probabilities, not logits.": edit(_LOGITS, f"{_LOGITS}.softmax(dim=-1)"),
    },
)


@SimpleMLP.check(judge=deep, examples=10, seed=seeds, batch=st.integers(1, 3))
def mlp_values(solution, seed, batch):
    """Maps images to ten logits of any sign, through a hidden layer of 100 with ReLU."""
    return computed(solution.SimpleMLP(), seed, batch, 1, 28, 28)


# %% Training
@st.composite
def labelled(draw, features, values=WHOLE, apart=0.0):
    """Batches of different sizes, with labels from 0 to 2; feature i is i · `apart` more than a whole number."""
    counts = draw(st.permutations((1, 2, 4)))[: draw(st.integers(1, 3))]
    labels = [draw(tensors((count,), (0, 1, 2), "int64")) for count in counts]
    return [(draw(tensors((len(each), features), values)) + apart * torch.arange(features), each) for each in labels]


scored = labelled(3, apart=0.25)  # logits, none of them equal in one row
evaluate = section.exercise(
    "evaluate",
    hints=[
        "Two batches, of 4 examples all right and of 1 wrong: is the accuracy 0.5?",
        "Which attribute of a module tells its mode, and which method takes a mode?",
    ],
    mistakes={
        "Averages the accuracies of batches, though they differ in size.": [
            edit("(dim=-1) == labels).sum().item()", "(-1) == labels).float().mean()"),
            edit("+= len(labels)", "+= 1"),
            edit("right / total", "float(right / total)"),
        ],
        "Leaves the model in training mode.": edit("    model.eval()\n", ""),
        "Records gradients that nobody needs.": edit("with torch.no_grad():", "if True:"),
        "Leaves the model in evaluation mode.": edit("model.train(was_training)", "model.eval()"),
        "Always ends in training mode.": edit("model.train(was_training)", "model.train()"),
        "Returns the number of right answers.": edit("right / total", "float(right)"),
    },
)


@evaluate.check(batches=scored)
def evaluate_accuracy(solution, batches):
    """Returns the share of right answers over all examples, however the batches divide them."""
    return solution.evaluate(Watched(), batches)


@evaluate.check(points=0.5, examples=20, batches=scored, training=st.booleans())
def evaluate_modes(solution, batches, training):
    """Works in evaluation mode, and puts the mode back afterwards."""
    model = Watched().train(training)
    solution.evaluate(model, batches)
    return model.modes, model.training


@evaluate.check(points=0.25, extra=True, examples=20, batches=scored)
def evaluate_no_gradients(solution, batches):
    """Records no gradients."""
    model = Watched()
    solution.evaluate(model, batches)
    return model.recorded


Training = namedtuple("Training", "weight bias batches lr")
lrs = st.sampled_from((0.5, 0.25, 0.125))
trainings = st.builds(Training, tensors((3, 2), WHOLE[:5]), tensors((3,), WHOLE[:5]), labelled(2, WHOLE[:7]), lrs)


def classifier(case):
    return loaded(nn.Linear(2, 3), weight=case.weight, bias=case.bias)


train_epoch = section.exercise(
    "train_epoch",
    hints=[
        "backward adds to what is in grad. What was in it before this batch?",
        "Should the step itself be recorded for a later backward pass?",
        "Does `p = p - step` change the model's parameter, or only what your name p stands for?",
    ],
    mistakes={
        "Gradients of all batches pile up.": edit("        model.zero_grad()\n", ""),
        "Moves along the gradient: the loss grows.": edit("parameter -= lr", "parameter += lr"),
        "Makes a new tensor of each step; the model keeps its old parameters.": edit("-= lr *", "= parameter - lr *"),
        "Stays in evaluation mode if that is how the model came.": edit("    model.train()\n", ""),
        "The loss is the sum over the batch, not the mean.": edit("), labels)", '), labels, reduction="sum")'),
        "Fails for a parameter without a gradient.": edit("if parameter.grad is not None:", "if True:"),
        "Returns tensors, not floats.": edit("loss.item()", "loss.detach()"),
    },
)


@train_epoch.check(judge=deep, seconds=20, case=trainings)
def train_steps(solution, case):
    """Takes one step for each batch, in the model's own parameters, and returns the losses before the steps."""
    model = classifier(case)
    own = list(model.parameters())
    losses = solution.train_epoch(model, case.batches, case.lr)
    return losses, numbers(model), [parameter.detach() for parameter in own]


@train_epoch.check(points=0.5, judge=deep, seconds=20, case=trainings)
def train_again(solution, case):
    """Gradients from before the call take no part in it."""
    model = classifier(case)
    model(torch.ones(2)).square().sum().backward()
    solution.train_epoch(model, case.batches, case.lr)
    return numbers(model)


@train_epoch.check(points=0.25, judge=deep, examples=20, seconds=20, case=trainings)
def train_mode(solution, case):
    """Computes in training mode."""
    model = nn.Sequential(classifier(case), Watched()).eval()
    solution.train_epoch(model, case.batches, case.lr)
    return model[1].modes


@train_epoch.check(points=0.25, extra=True, judge=deep, examples=20, seconds=20, case=trainings)
def train_unused(solution, case):
    """Leaves a parameter where it is if the loss does not depend on it, so that it has no gradient."""
    model = classifier(case)
    model.unused = nn.Parameter(case.bias)
    solution.train_epoch(model, case.batches, case.lr)
    return numbers(model)


# %% Strides
Product = namedtuple("Product", "mat other")  # other: a vector or a matrix
by_vector = related(Product, lambda i, j, *_: ((i, j), (j,)))
by_matrix = related(Product, lambda i, j, k, _: ((i, j), (j, k)))
to_slice_by_vector = related(Product, lambda i, j, *_: ((2 * j, i + 1), (2 * j,)))
to_slice_by_matrix = related(Product, lambda i, j, k, _: ((2 * j, i + 1), (k, 2 * j)))
_OWN_STRIDES = "Do your strides still hold for a transposed matrix? Take them from stride()."
as_strided_trace = section.exercise(
    "as_strided_trace",
    hints=["A step down and a step to the right: how far is that in memory?", _OWN_STRIDES],
    mistakes={
        "Assumes that the matrix is contiguous; its own strides tell how it lies in memory.": edit(
            "sum(mat.stride())", "len(mat) + 1"
        ),
        "Walks down the first column.": edit("sum(mat.stride())", "mat.stride(0)"),
        "Starts at the beginning of memory, not where the slice starts.": edit("mat.stride()),)", "mat.stride()),), 0"),
    },
)
as_strided_trace.call("trace_values", "Adds up the diagonal.", points=0.5, mat=few.flatmap(lambda n: tensors((n, n))))


@as_strided_trace.check(points=0.5, mat=few.flatmap(lambda n: tensors((2 * n, n + 1))))
def trace_sliced(solution, mat):
    """Adds up the diagonal of a slice that is not contiguous."""
    return solution.as_strided_trace(mat[::2, 1:])


as_strided_mv = section.exercise(
    "as_strided_mv",
    hints=["Which stride stays at the same number, step after step?", _OWN_STRIDES],
    mistakes={
        "Assumes that the vector is contiguous.": edit("(0, vec.stride(0))", "(0, 1)"),
        "Sums over the rows.": edit("dim=1", "dim=0"),
        "Returns the products without the sum.": edit("(mat * rows).sum(dim=1)", "mat * rows"),
    },
)
as_strided_mv.call("mv_values", "Multiplies a matrix by a vector.", points=0.5, case=by_vector)


@as_strided_mv.check(points=0.5, case=to_slice_by_vector)
def mv_sliced(solution, case):
    """Multiplies slices that are not contiguous."""
    return solution.as_strided_mv(case.mat[::2, 1:].T, case.other[::2])


as_strided_mm = section.exercise(
    "as_strided_mm",
    hints=["Which of i, j and k does each matrix not depend on?", _OWN_STRIDES],
    mistakes={
        "Assumes that the first matrix is contiguous.": edit("(*matA.stride(), 0)", "(matA.shape[1], 1, 0)"),
        "Assumes that the second matrix is contiguous.": edit("(0, *matB.stride())", "(0, matB.shape[1], 1)"),
        "Sums over the wrong axis.": edit("dim=1", "dim=2"),
    },
)
as_strided_mm.call("mm_values", "Multiplies two matrices.", points=0.5, case=by_matrix)


@as_strided_mm.check(points=0.5, case=to_slice_by_matrix)
def mm_sliced(solution, case):
    """Multiplies slices that are not contiguous."""
    return solution.as_strided_mm(case.mat[::2, 1:].T, case.other[:, ::2].T)


# %% Convolution
Kernel = namedtuple("Kernel", "x weights")
Conv = namedtuple("Conv", "x weights stride padding")
rows = related(Kernel, lambda kernel, places, *_: ((kernel + places - 1,), (kernel,)))
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def convs(draw, axes, turned=False, moved=False):
    """Inputs and kernels with `axes` axes beside batch and channels; `turned`: their last two axes are to be swapped.

    With `moved`, a stride and padding: whole numbers for one axis, or for both by chance.
    """
    batch, inside, outside = draw(st.permutations((1, 2, 3)))
    kernel = draw(st.permutations((1, 2, 3)))[:axes]
    size = [k + more for k, more in zip(kernel, draw(st.permutations((0, 1, 2, 3))), strict=False)]
    x, weights = draw(tensors((batch, inside, *size))), draw(tensors((outside, inside, *kernel)))
    x = x.mT.contiguous() if turned else x
    if not moved:
        return Kernel(x, weights)
    if axes == 1 or draw(st.booleans()):
        return Conv(x, weights, draw(st.integers(1, 3)), draw(st.integers(0, 2)))
    return Conv(x, weights, draw(pairs), draw(st.permutations((0, 1, 2)).map(lambda order: tuple(order[:2]))))


_CONTIGUOUS = "Assumes that the input is contiguous; its own strides tell how it lies in memory."
_PLACES = "How many places are there for a kernel of 3 on a row of 5?"
_STEPS = "One step to the next window, one step inside a window: how far is each in memory?"
_FLIPPED = "Turns the kernel round; deep learning's convolution does not."
_ONE_WINDOW = "The last window is missing: the width is off by one."
conv1d_minimal_simple = section.exercise(
    "conv1d_minimal_simple",
    hints=[_PLACES, _STEPS, "Which axis of the windows is summed against the kernel?"],
    mistakes={
        _FLIPPED: edit("einsum(windows, weights,", "einsum(windows, weights.flip(0),"),
        _CONTIGUOUS: edit("(step, step))", "(1, 1))"),
        _ONE_WINDOW: edit("len(x) - len(weights) + 1", "len(x) - len(weights)"),
    },
)
conv1d_minimal_simple.call(
    "simple_values", "Slides the kernel over the row, without turning it round.", points=0.5, case=rows
)


@conv1d_minimal_simple.check(points=0.5, case=rows)
def simple_sliced(solution, case):
    """Convolves every second number of a row, which is not contiguous."""
    return solution.conv1d_minimal_simple(case.x.repeat_interleave(2)[::2], case.weights)


conv1d_minimal = section.exercise(
    "conv1d_minimal",
    hints=[_PLACES, _STEPS, "Which axes does the output not have? Those are summed."],
    mistakes={
        _FLIPPED: edit("einsum(windows, weights,", "einsum(windows, weights.flip(2),"),
        _CONTIGUOUS: edit("= x.stride()", "= in_channels * width, width, 1"),
        _ONE_WINDOW: edit("width - kernel_width + 1", "width - kernel_width"),
        "Takes the first input channel only; the output is a sum over all.": edit(
            "windows, weights,", "windows[:, :1], weights[:, :1],"
        ),
    },
)
conv1d_minimal.call(
    "minimal1d_values", "Convolves every image of a batch, and sums over the input channels.", case=convs(1)
)


@conv1d_minimal.check(points=0.5, case=convs(1, turned=True))
def minimal1d_transposed(solution, case):
    """Convolves a transposed input, which is not contiguous."""
    return solution.conv1d_minimal(case.x.mT, case.weights)


conv2d_minimal = section.exercise(
    "conv2d_minimal",
    hints=[
        "Windows have six axes: which?",
        "Two of them walk along the rows, two along the columns. What are their strides?",
    ],
    mistakes={
        _FLIPPED: edit("einsum(windows, weights,", "einsum(windows, weights.flip(2, 3),"),
        _CONTIGUOUS: edit("= x.stride()", "= in_channels * height * width, height * width, width, 1"),
        "The kernel is transposed.": edit("kh kw, oc ic kh kw ->", "kh kw, oc ic kw kh ->"),
        "The last row of windows is missing: the height is off by one.": edit("- kernel_height + 1", "- kernel_height"),
        "Rows and columns are mixed up inside the windows.": edit(", by_row, by_column)", ", by_column, by_row)"),
    },
)
conv2d_minimal.call("minimal2d_values", "Convolves images; neither they nor the kernels need be square.", case=convs(2))


@conv2d_minimal.check(points=0.5, case=convs(2, turned=True))
def minimal2d_transposed(solution, case):
    """Convolves transposed images, which are not contiguous."""
    return solution.conv2d_minimal(case.x.mT, case.weights)


Padding1d = namedtuple("Padding1d", "x left right pad_value")
Padding2d = namedtuple("Padding2d", "x left right top bottom pad_value")


@st.composite
def paddings(draw, axes, dtype="float32"):
    x, sides = draw(shuffled(1, 2, 3, 4, axes=axes + 2, dtype=dtype)), draw(st.permutations((0, 1, 2, 3)))
    value = float(draw(st.sampled_from(WHOLE[:5])))
    return Padding1d(x, *sides[:2], value) if axes == 1 else Padding2d(x, *sides, value)


_PAD_HINTS = (
    "How large is the result, and where in it does x begin?",
    "Which method of x makes a new tensor of its dtype, filled with a number?",
)
_PAD_MISTAKES = {
    "Always pads with zeros.": edit(", pad_value)\n    padded[", ", 0.0)\n    padded["),
    "Loses the dtype of x: the result has torch's default.": edit("x.new_full(", "torch.full("),
}
pad1d = section.exercise(
    "pad1d",
    hints=_PAD_HINTS,
    mistakes={**_PAD_MISTAKES, "Left and right are mixed up.": edit("left : left + width", "right : right + width")},
)
pad1d.call(
    "pad1d_values", "Puts the value as often as asked for before and after each row.", points=0.5, case=paddings(1)
)
pad1d.call("pad1d_dtype", "Keeps double precision.", points=0.25, extra=True, examples=20, case=paddings(1, "float64"))

pad2d = section.exercise(
    "pad2d",
    hints=_PAD_HINTS,
    mistakes={
        **_PAD_MISTAKES,
        "Top and bottom are mixed up.": edit("top : top + height", "bottom : bottom + height"),
        "Left and right are mixed up.": edit("left : left + width", "right : right + width"),
        "Rows and columns are mixed up: left and right pad the height.": [
            edit("top + height + bottom, left + width + right", "left + height + right, top + width + bottom"),
            edit("top : top + height, left : left + width", "left : left + height, top : top + width"),
        ],
    },
)
pad2d.call(
    "pad2d_values", "Puts the value as often as asked for on each of the four sides.", points=0.75, case=paddings(2)
)
pad2d.call("pad2d_dtype", "Keeps double precision.", points=0.25, extra=True, examples=20, case=paddings(2, "float64"))

moved1d = convs(1, moved=True)
_COUNT = "Counts windows by (size + 1) // stride instead of size // stride + 1."
conv1d = section.exercise(
    "conv1d",
    hints=[
        "Pad first. Which of the windows' axes does a stride concern?",
        "Width 6, kernel 3, stride 2: list the places where the kernel starts.",
    ],
    mistakes={
        "Steps inside the windows are stretched.": edit("stride * step, step", "step, stride * step"),
        "Pads on the left only.": edit("pad1d(x, padding, padding, 0)", "pad1d(x, padding, 0, 0)"),
        "Moves on by one, whatever the stride.": edit("stride * step", "step"),
        _COUNT: edit("(width - kernel_width) // stride + 1", "(width - kernel_width + 1) // stride"),
        "Pads without need: half the padding would do.": edit("padding, padding, 0", "padding // 2, padding // 2, 0"),
        _FLIPPED: edit("einsum(windows, weights,", "einsum(windows, weights.flip(2),"),
    },
)
conv1d.call(
    "conv1d_values", "Pads with zeros on both sides and moves the kernel on by the stride.", points=0.75, case=moved1d
)
conv1d.call(
    "conv1d_defaults", "Has a stride of one and no padding by default.", points=0.25, examples=30, case=convs(1)
)


@conv1d.check(points=0.25, extra=True, case=convs(1, turned=True, moved=True))
def conv1d_transposed(solution, case):
    """Convolves a transposed input, which is not contiguous."""
    return solution.conv1d(*case._replace(x=case.x.mT))


digits = st.integers(-9, 9)
no_pairs = st.lists(digits, max_size=4).filter(lambda found: len(found) != 2).map(tuple)
force_pair = section.exercise(
    "force_pair",
    hints=["How do you tell a tuple from a number?", "What is the length of what you return?"],
    mistakes={
        "Doubles a pair as well.": edit("v if isinstance(v, tuple) else (v, v)", "(v, v)"),
        "Lets tuples of any length pass.": edit("if len(pair) != 2:", "if False:"),
    },
)
force_pair.call(
    "pair_values", "Doubles a number and leaves a pair as it is.", points=0.25, v=digits | st.tuples(digits, digits)
)
force_pair.call("pair_lengths", "Raises ValueError for a tuple that is no pair.", points=0.25, examples=20, v=no_pairs)

conv2d = section.exercise(
    "conv2d",
    hints=[
        "Which of the six axes of the windows does a stride concern?",
        "pad2d takes columns first, a pair has the height first. Which goes where?",
    ],
    mistakes={
        "Takes the pair of strides as (width, height).": edit(
            "stride_height, stride_width =", "stride_width, stride_height ="
        ),
        "Takes the pair of paddings as (width, height).": edit("pad_height, pad_width =", "pad_width, pad_height ="),
        "Steps inside the windows are stretched.": edit(
            "stride_height * by_row, stride_width * by_column, by_row, by_column",
            "by_row, by_column, stride_height * by_row, stride_width * by_column",
        ),
        _COUNT: edit("(height - kernel_height) // stride_height + 1", "(height - kernel_height + 1) // stride_height"),
        _FLIPPED: edit("einsum(windows, weights,", "einsum(windows, weights.flip(2, 3),"),
    },
)
conv2d.call(
    "conv2d_values", "Pads and strides, by one number or by a pair of (height, width).", case=convs(2, moved=True)
)
conv2d.call(
    "conv2d_defaults", "Has a stride of one and no padding by default.", points=0.25, examples=30, case=convs(2)
)


@conv2d.check(points=0.25, extra=True, examples=50, case=convs(2, turned=True, moved=True))
def conv2d_transposed(solution, case):
    """Convolves transposed images, which are not contiguous."""
    return solution.conv2d(*case._replace(x=case.x.mT))


Pooling = namedtuple("Pooling", "x kernel_size stride padding")


@st.composite
def poolings(draw, values=WHOLE, padded=False):
    """Images and windows that fit; padding is at most half a window, so that none lies outside the image."""
    x = draw(tensors((*draw(st.permutations((1, 2))), *draw(st.permutations((3, 4, 5)))[:2]), values))
    windows = st.sampled_from(((2, 3), (3, 2), (2, 1), (1, 2), (3, 3)))
    kernel = draw(windows if padded else windows | st.integers(1, 3))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel) if padded else 0
    return Pooling(x, kernel, draw(st.none() | st.integers(1, 3) | pairs), padding)


negative_poolings = poolings([-number for number in POSITIVE], padded=True)
maxpool2d = section.exercise(
    "maxpool2d",
    hints=[
        "The windows are those of conv2d. What becomes of them here?",
        "Which number is never larger than any other?",
    ],
    mistakes={
        "Pads with zeros, which win over negative numbers.": edit("-torch.inf", "0.0"),
        "Has a stride of one unless another is given.": edit("kernel_size if stride is None", "1 if stride is None"),
        "Takes the pair of the kernel as (width, height).": edit(
            "kernel_height, kernel_width =", "kernel_width, kernel_height ="
        ),
        "Takes the pair of paddings as (width, height).": edit("pad_height, pad_width =", "pad_width, pad_height ="),
        "Averages instead.": edit("windows.amax(", "windows.mean("),
    },
)
maxpool2d.call(
    "pool_values",
    "Returns the largest number of each window; without a stride, windows stand side by side.",
    case=poolings(),
)
maxpool2d.call(
    "pool_negative", "Padding never wins, also where all numbers are negative.", points=0.5, case=negative_poolings
)


@maxpool2d.check(points=0.25, examples=30, x=shuffled(2, 3, 4, 5))
def pool_defaults(solution, x):
    """Has no padding by default, and windows side by side."""
    return solution.maxpool2d(x, 2)


@maxpool2d.check(points=0.25, extra=True, examples=30, x=shuffled(2, 3, 4, 5))
def pool_transposed(solution, x):
    """Takes transposed images, which are not contiguous."""
    return solution.maxpool2d(x.mT, 2)


@st.composite
def square_convs(draw):
    batch, inside, outside, kernel = draw(st.permutations((1, 2, 3, 4)))
    x = draw(tensors((batch, inside, kernel + draw(st.integers(0, 2)), kernel + 1)))
    return Conv(x, draw(tensors((outside, inside, kernel, kernel))), draw(st.integers(1, 3)), draw(st.integers(0, 2)))


_FAN = "(in_channels * kernel_size * kernel_size) ** -0.5"
Conv2d = section.exercise(
    "Conv2d",
    hints=[
        "How many products are added up for one number of the output?",
        "Which layout do the weights of conv2d have?",
    ],
    mistakes={
        "The start depends on the channels alone.": edit(_FAN, "in_channels**-0.5"),
        "The bound is 1/n, not 1/sqrt(n).": edit(_FAN, _FAN.replace("-0.5", "-1.0")),
        "The bound is sqrt(6/n): right for other networks, and not what the text asks for.": edit(
            _FAN, f"6**0.5 * {_FAN}"
        ),
        "Never calls super().__init__(), so that no parameter can be registered.": edit("super().__init__()", "pass"),
        "No weight is negative at the start.": edit("uniform_(-bound, bound)", "uniform_(0, bound)"),
        "Starts at zero.": edit("torch.empty(size).uniform_(-bound, bound)", "torch.zeros(size)"),
        "The weight is laid out with the input channels first.": [
            edit("= (out_channels, in_channels", "= (in_channels, out_channels"),
            edit("self.weight,", "self.weight.transpose(0, 1),"),
        ],
        "Forgets the padding.": edit(", self.stride, self.padding", ", self.stride"),
    },
)


@Conv2d.check(case=square_convs())
def conv_layer_values(solution, case):
    """Convolves with its stride and padding; the only parameter is called weight."""
    outside, inside, kernel, _ = case.weights.shape
    layer = solution.Conv2d(inside, outside, kernel, stride=case.stride, padding=case.padding)
    loaded(layer, weight=case.weights)(case.x).square().sum().backward()
    return layer(case.x).detach(), gradients(layer)


@Conv2d.check(points=0.25, examples=20, case=square_convs())
def conv_layer_defaults(solution, case):
    """Has a stride of one and no padding by default."""
    outside, inside, kernel, _ = case.weights.shape
    return loaded(solution.Conv2d(inside, outside, kernel), weight=case.weights)(case.x).detach()


@Conv2d.check(points=0.5, judge=distributed_as(), examples=5, in_channels=few, kernel_size=st.integers(2, 4))
def conv_layer_start(solution, in_channels, kernel_size):
    """Starts uniformly distributed between ±1/sqrt(n), with n inputs to each output, and anew in each layer."""
    layers = [solution.Conv2d(in_channels, 20_000, kernel_size) for _ in range(2)]
    return torch.cat([layer.weight[:, 0, 0, :2] for layer in layers], dim=1).detach()


MaxPool2d = section.exercise(
    "MaxPool2d",
    hints=["Which function does the work?", "Is the default padding of the layer that of the function?"],
    mistakes={
        "Ignores the stride.": edit("self.stride, self.padding)", "None, self.padding)"),
        "Has no padding by default, as in torch.": edit("padding: IntOrPair = 1", "padding: IntOrPair = 0"),
        "Ignores the padding.": edit("self.stride, self.padding)", "self.stride)"),
    },
)


@MaxPool2d.check(points=0.5, case=poolings(padded=True))
def pool_layer_values(solution, case):
    """Pools with its kernel, stride and padding."""
    return solution.MaxPool2d(case.kernel_size, stride=case.stride, padding=case.padding)(case.x)


@MaxPool2d.check(points=0.25, examples=30, x=tensors((1, 2, 4, 5)), kernel_size=st.integers(2, 3))
def pool_layer_defaults(solution, x, kernel_size):
    """Has a stride of the kernel's size and, unlike torch, a padding of one by default."""
    return solution.MaxPool2d(kernel_size)(x)


class Step(nn.Module):
    """Twice the input and a number more, so that the order of steps matters."""

    def __init__(self, number):
        super().__init__()
        self.number = nn.Parameter(torch.tensor(float(number)))

    def forward(self, x):
        return 2 * x + self.number


steps = st.lists(st.integers(0, 9), min_size=1, max_size=4)
_PLACE = "self._modules[str(index % len(self._modules))]"
_ROW = "self.__dict__['_modules'] = {}\n        self.row = dict(zip(map(str, range(len(modules))), modules))"
Sequential = section.exercise(
    "Sequential",
    hints=[
        "Where does nn.Module keep the modules inside it, and under which kind of key?",
        "Which number between 0 and 3 does -1 mean in a row of four?",
    ],
    mistakes={
        "Keeps the modules in a plain list, where parameters() does not look.": [
            edit("for index, module in enumerate(modules):\n            self._modules[str(index)] = module", _ROW),
            edit(f"return {_PLACE}", "return self.row[str(index % len(self.row))]"),
            edit(f"{_PLACE} =", "self.row[str(index % len(self.row))] ="),
            edit("self._modules.values()", "self.row.values()"),
        ],
        "Does not find modules counted from the end.": edit(f"return {_PLACE}", "return self._modules[str(index)]"),
        "A module put at -1 is added at the end instead of replacing the last.": edit(
            f"{_PLACE} =", "self._modules[str(index)] ="
        ),
        "Runs through the modules from the last.": edit("self._modules.values()", "reversed(self._modules.values())"),
        "Gives every module the first input.": [edit("x = module", "y = module"), edit("return x", "return y")],
    },
)


@Sequential.check(points=0.5, numbers=steps, x=tensors((2,)))
def sequential_values(solution, numbers, x):
    """Sends its input through all modules, in their order."""
    return solution.Sequential(*map(Step, numbers))(x).detach()


@Sequential.check(points=0.5, numbers=steps)
def sequential_names(solution, numbers):
    """Registers the modules as "0", "1" and so on, so that their parameters are found."""
    return {name: value.detach() for name, value in solution.Sequential(*map(Step, numbers)).named_parameters()}


@Sequential.check(points=0.25, numbers=steps)
def sequential_get(solution, numbers):
    """Finds modules by their place, counted from either end."""
    model = solution.Sequential(*map(Step, numbers))
    return [model[at].number.detach() for at in range(-len(numbers), len(numbers))]


@Sequential.check(points=0.5, numbers=steps, at=st.integers(-4, 3), x=tensors((2,)))
def sequential_set(solution, numbers, at, x):
    """Replaces a module at a place, counted from either end."""
    model = solution.Sequential(*map(Step, numbers))
    place = at % len(numbers) - (len(numbers) if at < 0 else 0)
    model[place] = Step(10)
    return model(x).detach(), {name: value.detach() for name, value in model.named_parameters()}


Norm = namedtuple("Norm", "x state")


@st.composite
def norms(draw, smallest=2):
    channels, height, width = draw(st.permutations((1, 2, 3)))
    x = draw(tensors((draw(st.integers(smallest, 4)), channels, height, width))) + torch.arange(width) / 4
    rows = {"weight": NONZERO, "bias": WHOLE, "running_mean": WHOLE, "running_var": POSITIVE}
    state = {name: draw(tensors((channels,), values)) for name, values in rows.items()}
    return Norm(x, {**state, "num_batches_tracked": draw(tensors((), range(10), "int64"))})


def norm(solution, case, **options):
    return loaded(solution.BatchNorm2d(case.x.shape[1], **options), **case.state)


def buffers(layer):
    """The buffers, the count of batches as a number: its dtype has a check of its own."""
    return {name: value.detach().clone() if value.ndim else int(value) for name, value in layer.named_buffers()}


def either_variance(observed, expected, inputs):
    """Accepts a running variance made from the unbiased (torch) or from the biased variance of the batch."""
    words = difference(observed, expected)
    case, before = inputs["case"], 1 - inputs["momentum"]
    if words is None or not isinstance(expected, dict):
        return words
    n = case.x.size / case.x.shape[1]
    kept = before * case.state["running_var"]
    biased = {**expected, "running_var": kept + (expected["running_var"] - kept) * ((n - 1) / n)}
    return words if difference(observed, biased) else None


_NEW_MEAN = "self.running_mean += self.momentum * (mean - self.running_mean)"
_NEW_VAR = "self.running_var += self.momentum * (x.var(dim=(0, 2, 3)) - self.running_var)"
BatchNorm2d = section.exercise(
    "BatchNorm2d",
    hints=[
        "For each channel one mean: over which axes?",
        "What of all this is saved with the model but not trained? How is that registered?",
        "What may the answer for one image depend on in evaluation mode?",
    ],
    mistakes={
        "The running variance is never updated.": edit(_NEW_VAR, "pass"),
        "The running mean is never updated.": edit(_NEW_MEAN, "pass"),
        "The running averages keep the graph of every batch.": edit("with torch.no_grad():", "if True:"),
        "Training batches are not counted.": edit("self.num_batches_tracked += 1", "pass"),
        "Counts batches with a float; the text asks for an int64.": edit("torch.tensor(0)", "torch.tensor(0.0)"),
        "Ignores weight and bias.": [edit("self.weight /", "1 /"), edit("self.bias - mean", "-mean")],
        "Evaluation uses the batch, not the running averages.": edit("        if self.training:", "        if True:"),
        "Evaluation normalises rightly, yet moves the running averages.": [
            edit("(mean -", "(x.mean(dim=(0, 2, 3)) -"),
            edit("\n            with torch.no_grad():", "\n        if True:\n            with torch.no_grad():"),
        ],
        "Momentum is reversed: the old average should have the larger share.": [
            edit("self.momentum * (mean", "(1 - self.momentum) * (mean"),
            edit("self.momentum * (x", "(1 - self.momentum) * (x"),
        ],
        "The running averages are parameters: an optimizer would train them.": [
            edit('register_buffer("running_mean", ', "running_mean = nn.Parameter("),
            edit('register_buffer("running_var", ', "running_var = nn.Parameter("),
        ],
        "The running averages are plain tensors: they are not saved with the state.": [
            edit(
                'register_buffer("running_mean", torch.zeros(num_features)', "running_mean = torch.zeros(num_features"
            ),
            edit('register_buffer("running_var", torch.ones(num_features)', "running_var = torch.ones(num_features"),
        ],
        "Normalises by the unbiased variance; in training it is the biased one.": edit("=False", "=True"),
        "Adds eps to the root, not below it.": edit("(var + self.eps).sqrt()", "(var.sqrt() + self.eps)"),
        "Treats mean and variance of the batch as constants: the gradient misses their share.": edit(
            "x.mean(dim=(0, 2, 3)), x", "x.detach().mean(dim=(0, 2, 3)), x.detach()"
        ),
    },
)


@BatchNorm2d.check(points=0.5, examples=10, num_features=st.integers(1, 9))
def norm_start(solution, num_features):
    """Starts with the parameters and buffers that the text names."""
    layer = solution.BatchNorm2d(num_features)
    return numbers(layer), buffers(layer)


@BatchNorm2d.check(points=0.25, extra=True, examples=5, num_features=st.integers(1, 9))
def norm_counter(solution, num_features):
    """Counts batches with an int64 tensor."""
    return str(solution.BatchNorm2d(num_features).num_batches_tracked.dtype)


@BatchNorm2d.check(judge=deep, examples=50, case=norms())
def norm_training(solution, case):
    """In training mode, normalises by mean and biased variance of the batch, then scales and shifts."""
    return norm(solution, case).train()(case.x).detach()


@BatchNorm2d.check(judge=either_variance, examples=50, case=norms(), momentum=st.sampled_from((0.5, 0.25, 0.125)))
def norm_running(solution, case, momentum):
    """In training mode, moves the running mean and variance (of either kind) by momentum, and counts the batch."""
    layer = norm(solution, case, momentum=momentum).train()
    layer(case.x)
    return buffers(layer)


@BatchNorm2d.check(judge=deep, examples=50, case=norms(smallest=1), eps=st.sampled_from((0.5, 1.0)))
def norm_evaluation(solution, case, eps):
    """In evaluation mode, normalises by the running mean and variance, and changes nothing."""
    layer = norm(solution, case, eps=eps).eval()
    return layer(case.x).detach(), buffers(layer)


@BatchNorm2d.check(points=0.5, judge=deep, examples=30, case=norms(), seed=seeds)
def norm_gradients(solution, case, seed):
    """Gradients flow to input, weight and bias, through mean and variance of the batch as well."""
    layer = norm(solution, case, eps=0.5).train()
    x = case.x.clone().requires_grad_()
    (layer(x) * noise(seed, *x.shape)).sum().backward()
    return x.grad, gradients(layer)


@BatchNorm2d.check(points=0.25, extra=True, examples=10, case=norms())
def norm_graph(solution, case):
    """The running averages are cut off from the graph: else every batch since the start would be kept in memory."""
    layer = norm(solution, case).train()
    layer(case.x.clone().requires_grad_())
    return layer.running_mean.shape, [value.requires_grad for value in layer.buffers()]


@BatchNorm2d.check(points=0.25, judge=deep, examples=20, seed=seeds)
def norm_defaults(solution, seed):
    """Has eps 1e-05 and momentum 0.1 by default."""
    layer, x = solution.BatchNorm2d(1).train(), 0.003 * noise(seed, 2, 1, 3, 4)
    return layer(x).detach(), layer.running_mean.detach() * 1e5


AveragePool = section.exercise(
    "AveragePool",
    hints=["Which two axes of four are gone in the result?", "Can mean take several axes at once?"],
    mistakes={
        "Keeps height and width as axes of size one.": edit("dim=(2, 3)", "dim=(2, 3), keepdim=True"),
        "Averages over the channels as well.": edit("dim=(2, 3)", "dim=(1, 2, 3)"),
        "Sums instead.": edit("x.mean(", "x.sum("),
    },
)


@AveragePool.check(points=0.5, x=shuffled(1, 2, 3, 4))
def average_values(solution, x):
    """Returns the mean of each channel over height and width, and drops these axes."""
    return solution.AveragePool()(x)


# %% Residual networks
striding = st.sampled_from(((1, 2, 2), (2, 3, 2), (2, 2, 2), (3, 2, 3)))  # channels before and after, stride
widening = st.sampled_from(((1, 2, 1), (3, 2, 1)))
_ADDED = "self.relu(self.left(x) + self.right(x))"
_CHANGED = "first_stride != 1 or in_feats != out_feats"
ResidualBlock = section.exercise(
    "ResidualBlock",
    hints=[
        "When can x not be added to the output of the convolutions as it is?",
        "How many ReLUs has the block, and where does the last one stand: before or after the sum?",
    ],
    mistakes={
        "Ignores the left branch.": edit(_ADDED, "self.relu(self.right(x))"),
        "The skip connection is missing.": edit(_ADDED, "self.relu(self.left(x))"),
        "ReLU comes before the addition.": edit(_ADDED, "self.relu(self.left(x)) + self.right(x)"),
        "The ReLU at the end is missing.": edit(_ADDED, "self.left(x) + self.right(x)"),
        "Builds a 1x1 convolution although the shape stays.": edit(_CHANGED, "True"),
        "Does not think of channels that change while the stride is one.": edit(_CHANGED, "first_stride != 1"),
        "Does not think of a stride where the channels stay.": edit(_CHANGED, "in_feats != out_feats"),
        "No batch norm follows the 1x1 convolution.": edit(", BatchNorm2d(out_feats)\n", "\n"),
        "No ReLU stands between the two convolutions.": edit("            ReLU(),\n", ""),
    },
)


@ResidualBlock.check(judge=deep, examples=20, feats=few, seed=seeds)
def block_keeping(solution, feats, seed):
    """Adds its input to what the two convolutions made of it, then applies ReLU."""
    return computed(solution.ResidualBlock(feats, feats), seed, 2, feats, 3, 4)


@ResidualBlock.check(judge=deep, examples=20, case=striding, seed=seeds)
def block_striding(solution, case, seed):
    """Brings the input to the new shape with a strided 1x1 convolution and a batch norm of its own."""
    return computed(solution.ResidualBlock(*case), seed, 2, case[0], 5, 6)


@ResidualBlock.check(points=0.25, judge=deep, examples=10, case=widening, seed=seeds)
def block_widening(solution, case, seed):
    """Does so as well where only the number of channels changes."""
    return computed(solution.ResidualBlock(*case), seed, 2, case[0], 3, 4)


@ResidualBlock.check(points=0.5, judge=deep, examples=10, seed=seeds, first_stride=st.integers(1, 2))
def block_training(solution, seed, first_stride):
    """Normalises by the batch in training mode, and lets gradients through both branches."""
    block = fill(solution.ResidualBlock(2, 2, first_stride), seed).train()
    x = noise(seed + 1, 4, 2, 5, 6).requires_grad_()
    out = block(x)
    (out * noise(seed + 2, *out.shape)).sum().backward()
    return out.detach(), x.grad


blocks = st.sampled_from(((2, 2, 1), (2, 3, 2), (1, 2, 2), (3, 3, 1), (1, 3, 1)))
BlockGroup = section.exercise(
    "BlockGroup",
    hints=[
        "With which shape does the second block start?",
        "How many blocks stand behind the first, if there are n in all?",
    ],
    mistakes={
        "Every block strides; only the first should.": edit("out_feats) for", "out_feats, first_stride) for"),
        "Later blocks start from in_feats again.": edit("out_feats, out_feats) for", "in_feats, out_feats) for"),
        "Has one block too many.": edit("range(n_blocks - 1)", "range(n_blocks)"),
        "Repeats one and the same block; each has weights of its own.": edit(
            " for _ in range(n_blocks - 1)]", "] * (n_blocks - 1)"
        ),
    },
)


@BlockGroup.check(judge=deep, examples=20, n_blocks=st.integers(1, 3), case=blocks, seed=seeds)
def group_values(solution, n_blocks, case, seed):
    """Only the first of its blocks changes channels and size."""
    return computed(solution.BlockGroup(n_blocks, *case), seed, 2, case[0], 5, 6)


@BlockGroup.check(points=0.25, judge=deep, examples=10, n_blocks=st.integers(1, 3), seed=seeds)
def group_defaults(solution, n_blocks, seed):
    """Keeps the size by default."""
    return computed(solution.BlockGroup(n_blocks, 2, 2), seed, 1, 2, 3, 4)


groups = st.sampled_from(([1], [2], [1, 2]))  # how many blocks are in each
ResNet34 = section.exercise(
    "ResNet34",
    hints=[
        "How many channels leave the stem, and how many leave each group?",
        "What turns (batch, channels, height, width) into (batch, channels)?",
        "Compare the number of your parameters with the paper's: 21.8 million for 1000 classes. Which layer "
        "is missing?",
    ],
    mistakes={
        "The stem has no max pooling.": edit("            MaxPool2d(kernel_size=3, stride=2, padding=1),\n", ""),
        "The stem has no batch norm.": edit("            BatchNorm2d(64),\n", ""),
        "The stem has no ReLU.": edit("            ReLU(),\n", ""),
        "Every group starts from 64 channels, not from those of the group before.": edit(
            "(64, *out_features_per_group[:-1])", "(64,) * len(out_features_per_group)"
        ),
        "No group strides.": edit("BlockGroup(*group)", "BlockGroup(*group[:3])"),
        "Is made for four groups, however many there are in the three sequences.": edit(
            "(64, *out_features_per_group[:-1])", "[64, *(out_features_per_group[i] for i in range(3))]"
        ),
        "Has 1000 classes, whatever n_classes says.": edit("[-1], n_classes)", "[-1], 1000)"),
        "Returns probabilities, not logits.": edit("self.out_layers(x)", "self.out_layers(x).softmax(dim=-1)"),
    },
)


@ResNet34.check(points=1.5, judge=deep, examples=8, seconds=20, blocks=groups, n_classes=st.integers(2, 4), seed=seeds)
def resnet_values(solution, blocks, n_classes, seed):
    """Computes the logits, here with few groups, each starting from the channels of the one before."""
    model = solution.ResNet34(blocks, [64, 5][: len(blocks)], [1, 2][: len(blocks)], n_classes)
    return computed(model, seed, 2, 3, 17, 24)


@ResNet34.check(points=0.5, examples=1, seconds=20, n_classes=st.just(10))
def resnet_of_34(solution, n_classes):
    """Has the 34 layers of the paper by default, with as many parameters."""
    return sizes(solution.ResNet34(n_classes=n_classes))


@ResNet34.check(points=0.5, judge=close(rtol=1e-2, atol=1e-2), examples=1, seconds=20, seed=seeds)
def resnet_defaults(solution, seed):
    """Strides in three of the four groups by default, and has 1000 classes (here with logits scaled to at most one)."""
    logits = fill(solution.ResNet34(), seed).eval()(noise(seed, 1, 3, 40, 48)).detach()
    return logits / logits.abs().max()


# %% Using a trained network
def nets(width, seed):
    """Two networks of the same layers under different names."""
    plain = nn.Sequential(nn.Conv2d(2, width, 2), nn.BatchNorm2d(width), nn.ReLU(), nn.Linear(3, 3))
    named = nn.ModuleDict(zip(("stem", "norm", "activation", "head"), copy.deepcopy(plain), strict=True))
    return fill(plain, seed), fill(named, seed + 1)


copy_weights = section.exercise(
    "copy_weights",
    hints=[
        "Names differ. What do the two state dicts have in common?",
        "Which names does load_state_dict want, and whose values shall stand under them?",
    ],
    mistakes={
        "Forgets the buffers: the running averages of batch norms stay as they were.": edit(
            "my_resnet.load_state_dict(dict(zip(names, values, strict=True)))",
            "torch.nn.utils.vector_to_parameters(torch.nn.utils.parameters_to_vector(pretrained_resnet.parameters()), "
            "my_resnet.parameters())",
        ),
        "Copies in the wrong direction.": edit(
            "names =", "my_resnet, pretrained_resnet = pretrained_resnet, my_resnet\n    names ="
        ),
        "Takes tensors by the alphabet of their names; only the order of registration is the same.": edit(
            "pretrained_resnet.state_dict().values()",
            "[value for _, value in sorted(pretrained_resnet.state_dict().items())]",
        ),
        "Shares the pretrained network's tensors instead of copying their numbers.": edit("))", ")), assign=True"),
        "Returns nothing.": edit("    return my_resnet", "    return None"),
    },
)


@copy_weights.check(points=0.75, examples=20, width=few, seed=seeds)
def copy_values(solution, width, seed):
    """Copies parameters and buffers in their order, and returns the network it was given first."""
    mine, other = nets(width, seed)
    other["norm"].num_batches_tracked += seed
    returned = solution.copy_weights(mine, other)
    return list(mine.state_dict().values()), list(other.state_dict().values()), list(returned.state_dict())


@copy_weights.check(points=0.25, examples=20, width=few, seed=seeds)
def copy_apart(solution, width, seed):
    """Copies numbers: the two networks share no memory afterwards."""
    mine, other = nets(width, seed)
    solution.copy_weights(mine, other)
    for value in other.state_dict().values():
        value.zero_()
    return list(mine.state_dict().values())


def classes_may_do(observed, expected, inputs):
    """Accepts the classes alone, as ARENA's edition of 2023/24 has them."""
    return difference(observed, expected[1:] if len(observed) == 1 else expected)


logits = shuffled(1, 2, 3, 4, axes=2, values=WHOLE[:9])
images = logits.map(lambda x: (x + torch.arange(x.shape[1]) / 8)[:, None, None, :])  # no two pixels of one are equal
predict = section.exercise(
    "predict",
    hints=[
        "Which function makes probabilities of logits, and over which axis do they add up to one?",
        "max along an axis returns two things. Which?",
    ],
    mistakes={
        "Returns logits, not probabilities.": edit(".softmax(dim=-1)", ""),
        "Takes the softmax over the batch.": edit("softmax(dim=-1)", "softmax(dim=0)"),
        "Leaves the model in training mode.": edit("    model.eval()\n", ""),
        "Records gradients that nobody needs.": edit("with torch.no_grad():", "if True:"),
        "Returns the classes first.": edit("return best, classes", "return classes, best"),
        "Returns the least probable class.": edit("probabilities.max(", "probabilities.min("),
    },
)


@predict.check(judge=classes_may_do, images=images)
def predict_values(solution, images):
    """Returns for each image the largest probability and its class (or the classes alone)."""
    found = solution.predict(Watched(), images)
    return [found] if torch.is_tensor(found) else list(found)


@predict.check(points=0.5, examples=20, images=images)
def predict_modes(solution, images):
    """Works in evaluation mode."""
    model = Watched()
    solution.predict(model, images)
    return model.modes


@predict.check(points=0.25, extra=True, examples=20, images=images)
def predict_no_gradients(solution, images):
    """Records no gradients."""
    model = Watched()
    solution.predict(model, images)
    return model.recorded


ODD = (0.0, 1.0, float("inf"), float("nan"), -float("inf"))
all_nan = shapes(2).flatmap(lambda shape: tensors(shape, (float("nan"),)))
hook_check_for_nan_output = section.exercise(
    "hook_check_for_nan_output",
    hints=["Is NaN equal to NaN?", "Which tensor method tells NaN from infinity, element by element?"],
    mistakes={
        "Raises for infinities as well.": edit("output.isnan()", "output.isfinite().logical_not()"),
        "Compares with NaN by ==, which is never true.": edit("output.isnan()", "(output == torch.nan)"),
        "Raises only if all elements are NaN.": edit(".any()", ".all()"),
    },
)


@hook_check_for_nan_output.check(points=0.5, output=shapes(2).flatmap(lambda shape: tensors(shape, ODD)))
def nan_found(solution, output):
    """Raises ValueError if any element is NaN, else returns None; infinities pass."""
    return solution.hook_check_for_nan_output(nn.Identity(), (output,), output), output


@hook_check_for_nan_output.check(points=0.25, examples=30, output=all_nan)
def nan_everywhere(solution, output):
    """Raises as well if all elements are NaN."""
    return solution.hook_check_for_nan_output(nn.Identity(), (output,), output), output


class Cure(nn.Module):
    """Makes zero of NaN."""

    def forward(self, x):
        return x.nan_to_num()


def chain(number):
    """Modules one inside the other; the last hides a NaN that the one before may make."""
    return nn.Sequential(nn.Sequential(Step(1), Step(number)), Cure()).requires_grad_(False)


add_hook = section.exercise(
    "add_hook",
    hints=["Which method of nn.Module registers a function that sees the output?", "Who visits the modules inside?"],
    mistakes={
        "Registers nothing.": [edit("module.register_forward_hook(", ""), edit("nan_output)", "nan_output")],
        "Registers on all modules inside: apply, which visits these too, would do it many times.": edit(
            "module.", "for module in module.modules():\n        module."
        ),
        "Registers a hook that runs before forward.": edit("register_forward_hook", "register_forward_pre_hook"),
    },
)


@add_hook.check(points=0.5, number=st.sampled_from(ODD), x=tensors((2,)))
def hook_applied(solution, number, x):
    """Applied to a model, finds a NaN inside it that the output does not show."""
    model = chain(number)
    model.apply(solution.add_hook)
    return model(x)


@add_hook.check(points=0.25, examples=20, x=tensors((2,)))
def hook_alone(solution, x):
    """Registers on the module itself, and leaves those inside it alone."""
    model = chain(float("nan"))
    solution.add_hook(model)
    return model(x)


kinds = st.lists(st.sampled_from(["forward", "forward_pre", "full_backward"]), max_size=4)
_BACKWARD = "    module._backward_hooks.clear()"
remove_hooks = section.exercise(
    "remove_hooks",
    hints=["How many kinds of hooks does a module keep, and in which dicts?", "How is a dict emptied?"],
    mistakes={
        "Removes forward hooks only.": edit(f"    module._forward_pre_hooks.clear()\n{_BACKWARD}", ""),
        "Leaves backward hooks behind.": edit(_BACKWARD, ""),
        "Leaves forward hooks behind.": edit("    module._forward_hooks.clear()\n", ""),
        "Removes those of the modules inside as well; apply visits these by itself.": edit(
            "module._forward_hooks", "for module in module.modules():\n        module._forward_hooks"
        ),
    },
)


@remove_hooks.check(points=0.75, examples=20, kinds=kinds, x=tensors((2,)))
def hooks_removed(solution, kinds, x):
    """Removes forward, forward-pre and backward hooks, and leaves those of modules inside alone."""
    seen, model = [], nn.Sequential(nn.Identity())
    for kind in kinds:
        getattr(model, f"register_{kind}_hook")(lambda *_, kind=kind: seen.append(kind))
        getattr(model[0], f"register_{kind}_hook")(lambda *_, kind=kind: seen.append(f"inner {kind}"))
    solution.remove_hooks(model)
    model(x.clone().requires_grad_()).sum().backward()
    return sorted(seen), x


floats = shapes(3).flatmap(lambda shape: tensors(shape, dtype="float64") | tensors(shape))
NanModule = section.exercise(
    "NanModule",
    hints=["What is any number plus NaN?", "Which torch function makes a filled tensor like another one?"],
    mistakes={
        "Returns a single NaN.": edit("full_like(x, ", "tensor("),
        "Returns infinities.": edit("torch.nan", "torch.inf"),
        "Loses the dtype of its input.": edit("full_like(x,", "full(x.shape,"),
    },
)


@NanModule.check(points=0.25, examples=30, x=floats)
def nan_module(solution, x):
    """Returns NaN everywhere, with shape and dtype of its input."""
    return solution.NanModule()(x)


def trained(features, n_classes, seed):
    """A small network with a body and out_layers."""
    body = nn.Sequential(nn.Conv2d(1, features, 2), nn.BatchNorm2d(features))
    out_layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, n_classes))
    return fill(nn.Sequential(OrderedDict(body=body, out_layers=out_layers)), seed)


Task = namedtuple("Task", "features old_classes n_classes seed")
tasks = st.builds(lambda sizes, seed: Task(*sizes[:3], seed), st.permutations((1, 2, 3, 4)), seeds)
_HEAD = "    model.out_layers[-1] = Linear(features, n_classes)\n"
freeze_all_but_head = section.exercise(
    "freeze_all_but_head",
    hints=[
        "What comes first: making the new layer, or freezing everything there is?",
        "Which numbers of the network change without any gradient, and in which mode?",
    ],
    mistakes={
        "Makes the new layer before freezing, so that nothing is left to train.": edit(
            _HEAD, f"{_HEAD}    model.requires_grad_(False)\n"
        ),
        "Freezes nothing.": edit("    model.requires_grad_(False)\n", ""),
        "Batch norms go on moving their running averages.": edit("    model.eval()\n", ""),
        "Keeps the old last layer.": edit(_HEAD, "    model.out_layers[-1].requires_grad_(True)\n"),
        "Takes the number of old classes for that of features.": edit("weight.shape[1]", "weight.shape[0]"),
    },
)


@freeze_all_but_head.check(points=0.75, examples=20, case=tasks)
def head_replaced(solution, case):
    """Puts a new linear layer in the last place; its parameters alone are to be trained."""
    model = solution.freeze_all_but_head(trained(case.features, case.old_classes, case.seed), case.n_classes)
    return {name: (parameter.requires_grad, parameter.shape) for name, parameter in model.named_parameters()}


@freeze_all_but_head.check(points=0.5, judge=deep, examples=20, case=tasks)
def body_stays(solution, case):
    """Running averages stay as they are when images go through; the body computes what it did."""
    model = trained(case.features, case.old_classes, case.seed)
    returned = solution.freeze_all_but_head(model, case.n_classes)
    features = model.body(noise(case.seed, 2, 1, 3, 4))
    return features.detach(), dict(model.body.state_dict()), returned(noise(case.seed, 2, 1, 3, 4)).shape
