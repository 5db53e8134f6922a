"""Checks of the section `generative`: activations, transposed convolutions, a VAE and a GAN.

Networks are filled in the order in which their submodules are registered, whatever these are called, and with zero for
the biases that the text leaves open. What is random is judged by its distribution; nothing is trained.

Of the curriculum, the trainers of autoencoders are `autoencoder_loss` and `elbo_loss`, which are all that is particular
about their steps. Of DCGANTrainer the two steps are left, handed small networks and a plain optimizer; it is made
without __init__, so that answers whose __init__ loads images are graded too. MNIST and CelebA need downloads.
"""

from collections import namedtuple
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from graders.engine import HALVES, NONZERO, Section, close, distributed_as, edit, shapes, tensors

section = Section("generative", title="Generative models: VAEs and GANs")

# ARENA's answers import these from their answers to earlier parts.
section.lend(Conv2d="torch.nn.Conv2d", Linear="torch.nn.Linear", BatchNorm2d="torch.nn.BatchNorm2d")
section.lend(ReLU="torch.nn.ReLU", Sequential="torch.nn.Sequential", force_pair="torch.nn.modules.utils._pair")
section.lend(conv1d_minimal="torch.nn.functional.conv1d", conv2d_minimal="torch.nn.functional.conv2d")

near = close(rtol=1e-4, atol=1e-5)  # a few functions in single precision
deep = close(rtol=1e-3, atol=1e-4)  # many layers in single precision, in any order of summation
seeds = st.integers(0, 999)
wholes = shapes(3, least=1).flatmap(tensors)
halves = shapes(3, least=1).flatmap(lambda shape: tensors(shape, HALVES))
three = st.permutations((1, 2, 3))  # for axes of different sizes


# %% What probes share
def noise(seed, *shape):
    """Numbers between -1 and 1."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def fill(module, seed, biased=2):
    """Gives parameters and buffers numbers that depend on their kind, shape and order, not on the modules' names.

    Layers whose weight has more than `biased` axes may have a bias or not, so theirs is zero.
    """
    state, sources = module.state_dict(), {}
    for name, value in state.items():
        owner, _, kind = name.rpartition(".")
        if kind == "bias" and state[f"{owner}.weight"].ndim > biased:
            value.zero_()
        elif value.is_floating_point():
            source = sources.setdefault((kind, value.shape), torch.Generator().manual_seed(seed))
            drawn = 2 * torch.rand(value.shape, generator=source) - 1
            if value.ndim > 1:
                drawn *= (6 / value[0].numel()) ** 0.5  # keeps what passes through ReLUs at its size
            elif kind in ("weight", "running_var"):
                drawn = 1 + drawn / 2
            value.copy_(drawn)
    return module


def sizes(module):
    """The shapes of all weights of layers, in an order that does not depend on the modules' names."""
    return sorted(tuple(parameter.shape) for parameter in module.parameters() if parameter.ndim > 1)


def slopes(function, *inputs, **options):
    """What flows back to the inputs from a sum in which each number of the output has a weight of its own."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    out = function(*inputs, **options)
    (out * torch.arange(1.0, 1 + out.numel()).view(out.shape)).sum().backward()
    return [x.grad for x in inputs]


# %% LeakyReLU, Sigmoid, Tanh
FAR = (0, 1, -1, 100, -100, 1000, -1000)

LeakyReLU = section.exercise(
    "LeakyReLU",
    hints=[
        "Which of two numbers does it return, element by element, and what decides?",
        "torch.where takes a condition and two tensors. Which are they?",
    ],
    mistakes={
        "The slope is on the positive side; it is negative numbers that become small.": edit(
            "x > 0, x, self.negative_slope * x", "x > 0, self.negative_slope * x, x"
        ),
        "Makes negative numbers positive: they keep their sign, only their size changes.": edit(
            "self.negative_slope * x)", "-self.negative_slope * x)"
        ),
        "Replaces negative numbers by the slope itself.": edit("self.negative_slope * x", "-0.01"),
        "Ignores the slope it was given.": edit("negative_slope * x", "negative_slope * 0 * x"),
        "Changes its input in place; the caller's tensor has to stay.": edit(
            "torch.where(x > 0, x, self.negative_slope * x)", "nn.functional.leaky_relu_(x, self.negative_slope)"
        ),
        "Cuts the graph: no gradient comes through.": edit("x > 0, x,", "x > 0, x.detach(),"),
    },
)


@LeakyReLU.check(points=0.5, x=wholes, negative_slope=st.sampled_from((0.5, 0.25, 0.0, 1.0)))
def leaky_values(solution, x, negative_slope):
    """Multiplies negative numbers by the slope, and lets others through, in a new tensor."""
    return solution.LeakyReLU(negative_slope)(x)


@LeakyReLU.check(points=0.25, examples=20, x=tensors((4,)))
def leaky_default(solution, x):
    """Has a slope of 0.01 by default."""
    return solution.LeakyReLU()(100 * x)


@LeakyReLU.check(points=0.25, examples=20, x=tensors((4,), NONZERO), negative_slope=st.sampled_from((0.5, 0.25)))
def leaky_gradient(solution, x, negative_slope):
    """Lets the whole gradient through where the input is positive, and a part of it elsewhere."""
    return slopes(solution.LeakyReLU(negative_slope), x)


_SIGMOID = "torch.exp(-torch.logaddexp(torch.zeros_like(x), -x))"
Sigmoid = section.exercise(
    "Sigmoid",
    hints=[
        "Write it as e^(-a). What is a?",
        "What is log(1 + e^(-x)), said with logaddexp? Look at Softplus.",
        "Where one of the two exponentials overflows, what is the other?",
    ],
    mistakes={
        "e^x / (1 + e^x) is infinity divided by infinity for large x: NaN.": edit(_SIGMOID, "x.exp() / (1 + x.exp())"),
        "The value of 1 / (1 + e^(-x)) is right for large -x, but on the way back its gradient is NaN.": edit(
            _SIGMOID, "1 / (1 + (-x).exp())"
        ),
        "Falls where it should rise: the sign of x is wrong.": edit(", -x)", ", x)"),
        "Clamps its input: where it does, the value is a little off and no gradient comes through.": edit(
            _SIGMOID, "torch.sigmoid(x.clamp(-3, 3))"
        ),
        "Cuts the graph: no gradient comes through.": edit(", -x)", ", -x.detach())"),
        "Returns its logarithm.": edit(_SIGMOID, "-torch.logaddexp(torch.zeros_like(x), -x)"),
    },
)


@Sigmoid.check(points=0.75, judge=near, x=halves)
def sigmoid_values(solution, x):
    """Computes 1 / (1 + e^(-x)), element by element."""
    return solution.Sigmoid()(x)


@Sigmoid.check(points=0.25, judge=near, examples=20, x=tensors((4,), HALVES))
def sigmoid_gradient(solution, x):
    """Has the right gradient."""
    return slopes(solution.Sigmoid(), x)


@Sigmoid.check(points=0.5, judge=near, examples=30, x=tensors((3,), FAR))
def sigmoid_far(solution, x):
    """Is right for numbers so large that their exponential overflows."""
    return solution.Sigmoid()(x)


@Sigmoid.check(points=0.25, extra=True, judge=near, examples=30, x=tensors((3,), FAR))
def sigmoid_far_gradient(solution, x):
    """Has the right gradient there too, which is zero and not NaN."""
    return slopes(solution.Sigmoid(), x)


_TANH = "2 * torch.exp(-torch.logaddexp(torch.zeros_like(x), -2 * x)) - 1"
Tanh = section.exercise(
    "Tanh",
    hints=[
        "Multiply numerator and denominator by e^(-x). For which x is that safe?",
        "What is (1 + tanh(x)) / 2, as a fraction of exponentials? You have written that function.",
    ],
    mistakes={
        "(e^x - e^(-x)) / (e^x + e^(-x)) is infinity divided by infinity for large x: NaN.": edit(
            _TANH, "(x.exp() - (-x).exp()) / (x.exp() + (-x).exp())"
        ),
        "The value of 2 / (1 + e^(-2x)) - 1 is right for large -x, but on the way back its gradient is NaN.": edit(
            _TANH, "2 / (1 + (-2 * x).exp()) - 1"
        ),
        "Rises half as fast as it should: x is not doubled in the exponent.": edit("-2 * x", "-x"),
        "Runs from 0 to 1, not from -1 to 1.": edit(_TANH, "torch.sigmoid(2 * x)"),
        "Falls where it should rise: the sign of x is wrong.": edit("-2 * x", "2 * x"),
        "Cuts the graph: no gradient comes through.": edit("-2 * x", "-2 * x.detach()"),
        "Clips x to between -1 and 1, which is only roughly a tanh.": edit(_TANH, "x.clamp(-1, 1)"),
    },
)


@Tanh.check(points=1.0, judge=near, x=halves)
def tanh_values(solution, x):
    """Computes the hyperbolic tangent, element by element."""
    return solution.Tanh()(x)


@Tanh.check(points=0.5, judge=near, examples=20, x=tensors((4,), HALVES))
def tanh_gradient(solution, x):
    """Has the right gradient."""
    return slopes(solution.Tanh(), x)


@Tanh.check(points=0.5, extra=True, judge=near, examples=30, x=tensors((3,), FAR))
def tanh_far(solution, x):
    """Is right for numbers so large that their exponential overflows."""
    return solution.Tanh()(x)


@Tanh.check(points=0.25, extra=True, judge=near, examples=30, x=tensors((3,), FAR))
def tanh_far_gradient(solution, x):
    """Has the right gradient there too, which is zero and not NaN."""
    return slopes(solution.Tanh(), x)


# %% Transposed convolutions
Convolution = namedtuple("Convolution", "x weights stride padding")  # x: (batch, in, …); weights: (in, out, …)


@st.composite
def convolutions(draw, sizes, axes):
    """Along one axis or two, which are of different sizes; what is left after padding has at least one number."""
    batch, in_channels, out_channels = draw(three)
    image, kernel, stride = (draw(st.permutations(sizes))[:axes] for _ in range(3))
    most = (min(k - 1, (s * (n - 1) + k - 1) // 2) for s, n, k in zip(stride, image, kernel, strict=True))
    padding = [draw(st.integers(0, size)) for size in most]
    x, weights = draw(tensors((batch, in_channels, *image))), draw(tensors((in_channels, out_channels, *kernel)))
    return Convolution(x, weights, *(pair[0] if axes == 1 else tuple(pair) for pair in (stride, padding)))


rows, pictures = convolutions((2, 1, 3, 4), 1), convolutions((1, 2, 3), 2)
kernels = rows.map(lambda row: row[:2])  # input and weights alone
_NOT_FLIPPED = "The kernel is not flipped: a window meets the numbers of a copy from the last to the first."
_OUT_FIRST = "Takes weights as (out_channels, in_channels); here the input channels come first."
conv_transpose1d_minimal = section.exercise(
    "conv_transpose1d_minimal",
    hints=[
        "Write out[2] of the example as a sum. Which numbers of x meet which of the kernel, and in what order?",
        "How many windows must there be? How many zeros at each end make as many?",
        "conv1d wants weights as (out, in, kernel), and runs through x and kernel in the same direction.",
    ],
    mistakes={
        _NOT_FLIPPED: edit("weights.flip(2)", "weights"),
        _OUT_FIRST: edit(".transpose(0, 1)", ""),
        "Flips the channels along with the kernel; only the order along the width turns round.": edit(
            "flip(2)", "flip(0, 1, 2)"
        ),
        "Makes the input narrower, as a plain convolution does; the output is wider by kernel_width - 1.": edit(
            "weights.shape[2] - 1", "0"
        ),
        "One zero too many at each end: kernel_width - 1 of them let the first window end on the first number.": edit(
            "weights.shape[2] - 1", "weights.shape[2]"
        ),
        "Adds zeros at one end only.": edit("(border, border)", "(border, 0)"),
    },
)
conv_transpose1d_minimal.call(
    "transpose_minimal", "Lays down a copy of the kernel for each number of the input, and adds them up.", case=kernels
)


@conv_transpose1d_minimal.check(points=0.5, examples=30, case=kernels)
def transpose_minimal_gradients(solution, case):
    """Gives gradients to input and weights."""
    return slopes(solution.conv_transpose1d_minimal, *case)


fractional_stride_1d = section.exercise(
    "fractional_stride_1d",
    hints=["How many gaps are there between n numbers?", "Slices may have a step, also on the left of an assignment."],
    mistakes={
        "Adds zeros after the last number as well; they stand between numbers only.": edit("(width - 1) + 1", "width"),
        "Puts `stride` zeros between neighbours, one too many: the numbers are to be `stride` steps apart.": [
            edit("stride * (width - 1) + 1", "(stride + 1) * (width - 1) + 1"),
            edit("::stride]", ":: stride + 1]"),
        ],
        "Repeats each number instead of putting zeros between.": edit(
            "    return spread", "    return x.repeat_interleave(stride, dim=2)[:, :, : spread.shape[2]]"
        ),
        "Takes every stride-th number, as a convolution does; here the row becomes wider.": edit(
            "    return spread", "    return x[:, :, ::stride]"
        ),
    },
)
strides = rows.map(lambda row: (row.x, row.stride))
fractional_stride_1d.call(
    "spread_values", "Puts stride - 1 zeros between neighbours, and none at the ends.", points=0.75, case=strides
)
inputs = rows.map(lambda row: row.x)
fractional_stride_1d.call(
    "spread_default", "Has a stride of 1 by default, which changes nothing.", points=0.25, examples=20, x=inputs
)

_KEPT = "full[:, :, padding : full.shape[2] - padding]"
conv_transpose1d = section.exercise(
    "conv_transpose1d",
    hints=[
        "Draw copies of a kernel of 3, with a stride of 2. Which function sets the numbers of x apart like this?",
        "Take the full result. Which numbers of it go?",
        "If you pad instead: how many zeros made the full result, and how many fewer are needed?",
    ],
    mistakes={
        "Strides like a convolution, so that the output shrinks; here a stride makes it wider.": edit(
            "(fractional_stride_1d(x, stride), weights)", "(x, weights)[:, :, ::stride]"
        ),
        "Adds zeros at the ends; padding belongs to the convolution that goes back, so here numbers go.": edit(
            _KEPT, "nn.functional.pad(full, (padding, padding))"
        ),
        "Takes `padding` numbers of the input away, not of the output.": [
            edit("(x, stride)", "(x[:, :, padding : x.shape[2] - padding], stride)"),
            edit(_KEPT, "full"),
        ],
        "Takes numbers away at the beginning only; `padding` of them go at each end.": edit(
            _KEPT, "full[:, :, padding:]"
        ),
        "Ignores padding.": edit(_KEPT, "full"),
        "Ignores the stride.": edit("fractional_stride_1d(x, stride)", "x"),
    },
)
unpadded = rows.map(lambda row: row[:3])
conv_transpose1d.call("transpose_stride", "Sets the copies of the kernel `stride` apart.", points=0.5, case=unpadded)
conv_transpose1d.call(
    "transpose_padding", "Takes away `padding` numbers at each end, after the stride has done its work.", case=rows
)
conv_transpose1d.call(
    "transpose_default", "Has a stride of 1 and no padding by default.", points=0.25, examples=20, case=kernels
)

fractional_stride_2d = section.exercise(
    "fractional_stride_2d",
    hints=[
        "Which axis do rows lie along, and which stride is theirs?",
        "What changes in your function for one axis if there are two?",
    ],
    mistakes={
        "The strides of height and width are swapped.": [
            edit("stride_h * (height - 1) + 1, stride_w *", "stride_w * (height - 1) + 1, stride_h *"),
            edit("::stride_h, ::stride_w", "::stride_w, ::stride_h"),
        ],
        "Adds zeros after the last row and column as well; they stand between neighbours only.": edit(
            "stride_h * (height - 1) + 1, stride_w * (width - 1) + 1", "stride_h * height, stride_w * width"
        ),
        "Uses the stride of the height for the width as well.": [
            edit("stride_w * (width - 1) + 1", "stride_h * (width - 1) + 1"),
            edit("::stride_h, ::stride_w", "::stride_h, ::stride_h"),
        ],
        "Repeats pixels instead of putting zeros between.": edit(
            "    return spread",
            "    rows = x.repeat_interleave(stride_h, dim=2)[:, :, : spread.shape[2]]\n"
            "    return rows.repeat_interleave(stride_w, dim=3)[:, :, :, : spread.shape[3]]",
        ),
    },
)
fractional_stride_2d.call(
    "spread_picture",
    "Puts stride_h - 1 rows of zeros between rows, and stride_w - 1 columns between columns.",
    case=pictures.map(lambda picture: (picture.x, *picture.stride)),
)

conv_transpose2d = section.exercise(
    "conv_transpose2d",
    hints=[
        "What did you do along one axis? Each step of it has a twin for two.",
        "Which axes of weights are flipped, and which two change places?",
        "pad counts axes from the last: columns come first.",
    ],
    mistakes={
        _NOT_FLIPPED: edit("weights.flip(2, 3)", "weights"),
        "Flips the kernel along one of its axes only.": edit("weights.flip(2, 3)", "weights.flip(3)"),
        _OUT_FIRST: edit(".transpose(0, 1)", ""),
        "The strides of height and width are swapped; a pair is (height, width).": edit(
            "stride_height, stride_width = force_pair", "stride_width, stride_height = force_pair"
        ),
        "The paddings of height and width are swapped; a pair is (height, width).": edit(
            "pad_height, pad_width = force_pair", "pad_width, pad_height = force_pair"
        ),
        "Hands rows and columns to pad in the wrong order: it takes the last axis first.": edit(
            "(left, left, top, top)", "(top, top, left, left)"
        ),
        "Adds padding to the output; it belongs to the convolution that goes back, so here pixels go.": [
            edit("- 1 - pad_height", "- 1 + pad_height"),
            edit("- 1 - pad_width", "- 1 + pad_width"),
        ],
        "Ignores padding.": [edit("- 1 - pad_height", "- 1"), edit("- 1 - pad_width", "- 1")],
    },
)
conv_transpose2d.call(
    "transpose_picture",
    "Lays down a copy of the kernel for each pixel, with a stride and a padding for each axis.",
    case=pictures,
)


@conv_transpose2d.check(points=0.5, examples=30, picture=pictures, stride=st.integers(1, 3))
def transpose_picture_number(solution, picture, stride):
    """Takes a number in place of a pair, and has no padding by default."""
    return solution.conv_transpose2d(picture.x, picture.weights, stride=stride)


@conv_transpose2d.check(points=0.5, examples=30, case=st.sampled_from([(4, 1), (3, 1), (2, 0)]), seed=seeds)
def transpose_picture_gradients(solution, case, seed):
    """Takes a number as padding, has a stride of 1 by default, and gives gradients to input and weights."""
    kernel, padding = case
    x, weights = noise(seed, 2, 3, 2, 3), noise(seed, 3, 1, kernel, kernel)
    return slopes(solution.conv_transpose2d, x, weights, padding=padding)


Layer = namedtuple("Layer", "in_channels out_channels kernel")
layers = three.map(lambda s: Layer(s[0], s[1], (s[2], s[1])))
squares = st.sampled_from([(2, 2, 0), (4, 2, 1), (3, 1, 1), (1, 1, 0)])  # kernel, stride, padding
_START = "torch.empty(in_channels, out_channels, height, width).uniform_(-bound, bound)"
ConvTranspose2d = section.exercise(
    "ConvTranspose2d",
    hints=[
        "Which of its arguments does forward need, and where are they kept until then?",
        "force_pair makes a pair of a number. Of how many numbers does weight consist?",
        "How does a module learn that a tensor is to be trained?",
    ],
    mistakes={
        "The bound follows from the input channels; the text takes those of the output.": edit(
            "(out_channels *", "(in_channels *"
        ),
        "The bound lacks the square root.": edit("** -0.5", "** -1.0"),
        "No weight is negative at the start.": edit("(-bound, bound)", "(0.0, bound)"),
        "Starts normally distributed; the text asks for a uniform distribution.": edit(
            "uniform_(-bound, bound)", "normal_(0.0, bound)"
        ),
        "weight has the output channels first, as in a convolution; here they come second.": edit(
            "torch.empty(in_channels, out_channels,", "torch.empty(out_channels, in_channels,"
        ),
        "weight is a plain tensor: it is not registered, so no optimizer ever sees it.": edit(
            f"nn.Parameter({_START})", _START
        ),
        "Ignores stride and padding.": edit(", self.stride, self.padding", ""),
        "Stride and padding are handed on in the wrong order.": edit(".stride, self.padding", ".padding, self.stride"),
    },
)


@ConvTranspose2d.check(points=0.25, examples=20, case=layers)
def layer_parameters(solution, case):
    """Has one parameter, called weight, of the shape in the text."""
    return {name: tuple(weight.shape) for name, weight in solution.ConvTranspose2d(*case).named_parameters()}


@ConvTranspose2d.check(points=0.75, picture=pictures)
def layer_values(solution, picture):
    """Is the transposed convolution with a parameter called weight, for pairs as kernel, stride and padding."""
    weight = picture.weights
    layer = solution.ConvTranspose2d(*weight.shape[:2], tuple(weight.shape[2:]), picture.stride, picture.padding)
    layer.load_state_dict({"weight": weight})
    return layer(picture.x).detach()


@ConvTranspose2d.check(points=0.5, examples=20, case=squares, seed=seeds)
def layer_gradients(solution, case, seed):
    """Takes numbers for these as well, and gives the weight a gradient."""
    kernel_size, stride, padding = case
    layer = solution.ConvTranspose2d(3, 2, kernel_size, stride=stride, padding=padding)
    layer.load_state_dict({"weight": noise(seed, 3, 2, kernel_size, kernel_size)})
    slopes(layer, noise(seed, 1, 3, 2, 3))
    return {name: parameter.grad for name, parameter in layer.named_parameters()}


@ConvTranspose2d.check(points=0.25, examples=10, seed=seeds)
def layer_defaults(solution, seed):
    """Has a stride of 1 and no padding by default."""
    layer = solution.ConvTranspose2d(2, 1, 2)
    layer.load_state_dict({"weight": noise(seed, 2, 1, 2, 2)})
    return layer(noise(seed + 1, 1, 2, 2, 3)).detach()


@ConvTranspose2d.check(points=0.5, judge=distributed_as(), examples=5, case=layers)
def layer_start(solution, case):
    """Starts uniformly distributed between ±1/sqrt(out_channels · kernel_height · kernel_width), anew in each layer."""
    layers = [solution.ConvTranspose2d(20_000, case.out_channels, case.kernel) for _ in range(2)]
    return torch.stack([layer.weight[:, 0, 0, 0] for layer in layers], dim=1).detach()


# %% Autoencoder
def coder(kind, latent_dim_size, hidden_dim_size, seed, **size):
    """A filled autoencoder. What the decoder makes its first image of is symmetric in height and width, since it is a
    matter of taste which of the two comes first there.
    """
    model, small = fill(kind(latent_dim_size, hidden_dim_size, **size), seed), size.get("img_size", 28) // 4
    for value in model.decoder.state_dict().values():
        if len(value) == 32 * small * small:
            value += value.view(32, small, small, -1).transpose(1, 2).reshape(value.shape)
    return model


Coder = namedtuple("Coder", "latent_dim_size hidden_dim_size seed")
coders = st.builds(Coder, st.integers(2, 4), st.integers(5, 9), seeds)
_CODE = "nn.Linear(hidden_dim_size, latent_dim_size),\n"
_PAINT = "ConvTranspose2d(16, 1, kernel_size=4, stride=2, padding=1),\n"
Autoencoder = section.exercise(
    "Autoencoder",
    hints=[
        "How large is the image after each convolution, and how many channels has it? And after the flattening?",
        "nn.Flatten and nn.Unflatten change shapes. Which shape does the first transposed convolution want?",
        "Write the encoder's layers in a column and read them upwards.",
    ],
    mistakes={
        "A ReLU follows the last layer of the encoder; latent numbers may have any sign.": edit(
            _CODE, f"{_CODE}            nn.ReLU(),\n"
        ),
        "A ReLU follows the last layer of the decoder; where it is zero, no gradient gets back.": edit(
            _PAINT, f"{_PAINT}            nn.ReLU(),\n"
        ),
        "A sigmoid follows the last layer: pixels need not lie between 0 and 1, as normalised images do not.": edit(
            _PAINT, f"{_PAINT}            nn.Sigmoid(),\n"
        ),
        "Nothing nonlinear stands between the two linear layers of the encoder.": edit(
            f"            nn.ReLU(),\n            {_CODE}", f"            {_CODE}"
        ),
        "Returns the latent vectors, not the images.": edit("self.decoder(self.encoder(x))", "self.encoder(x)"),
        "Takes all images for 28 x 28, whatever img_size says.": edit("img_size // 4", "7"),
    },
)


@Autoencoder.check(judge=deep, examples=15, case=coders)
def encoder_values(solution, case):
    """Encodes images of 28 x 28 pixels through the layers of the text, to latent numbers of any sign."""
    model = coder(solution.Autoencoder, *case)
    return model.encoder(noise(case.seed, 2, 1, 28, 28)).detach(), sizes(model.encoder)


@Autoencoder.check(judge=deep, examples=15, case=coders)
def decoder_values(solution, case):
    """Decodes latent vectors the same way back, to pixels of any sign."""
    model = coder(solution.Autoencoder, *case)
    return model.decoder(noise(case.seed, 2, case.latent_dim_size)).detach(), sizes(model.decoder)


@Autoencoder.check(points=0.5, judge=deep, examples=10, case=coders)
def coder_forward(solution, case):
    """Encodes, then decodes; remembers latent_dim_size."""
    model = coder(solution.Autoencoder, *case)
    return model(noise(case.seed, 3, 1, 28, 28)).detach(), model.latent_dim_size


@Autoencoder.check(points=0.5, extra=True, judge=deep, examples=10, case=coders, img_size=st.sampled_from((8, 12)))
def coder_small(solution, case, img_size):
    """Is made for images of another size with img_size."""
    model = coder(solution.Autoencoder, *case, img_size=img_size)
    return model(noise(case.seed, 2, 1, img_size, img_size)).detach(), sizes(model)


def pixelwise(weight):
    """Multiplies an image by a number: a reconstruction of sorts."""
    model = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(model.weight, weight)
    return model


images, factors = tensors((2, 1, 3, 4)), st.sampled_from((0.5, -1.0, 2.0))
autoencoder_loss = section.exercise(
    "autoencoder_loss",
    hints=["There are no labels. What is the right answer for an image?", "Over how many numbers is the mean?"],
    mistakes={
        "Compares with zero, not with the image: a model that paints everything black would be best.": edit(
            "(model(img) - img)", "model(img)"
        ),
        "Sums over pixels; the text asks for their mean.": edit(".mean()", ".sum()"),
        "Sums over the pixels of an image and averages over images; the mean is over both.": edit(
            ".mean()", ".sum(dim=(1, 2, 3)).mean()"
        ),
        "Takes absolute errors, not squared ones.": edit(".square()", ".abs()"),
        "Takes the root of the mean.": edit(".mean()", ".mean().sqrt()"),
        "Is a number without a graph: nothing can be learned from it.": edit(".mean()", ".mean().detach()"),
    },
)


@autoencoder_loss.check(points=0.75, judge=near, examples=50, img=images, weight=factors)
def coder_loss(solution, img, weight):
    """Averages the squared error over all pixels of all images."""
    return solution.autoencoder_loss(pixelwise(weight), img).detach()


@autoencoder_loss.check(points=0.25, judge=near, examples=20, img=images, weight=factors)
def coder_loss_gradient(solution, img, weight):
    """Belongs to the graph: gradients flow to the model's parameters."""
    model = pixelwise(weight)
    solution.autoencoder_loss(model, img).backward()
    return model.weight.grad


# %% Variational autoencoder
Cloud = namedtuple("Cloud", "mu logsigma")  # mu: (batch, latent); logsigma: (batch, latent)
_LOGS = (0, 1, -1, 0.5, -0.5, 2, -2)
clouds = three.flatmap(lambda s: st.builds(Cloud, tensors(s[:2], HALVES), tensors(s[:2], _LOGS)))
_OF_VARIANCE = "Takes logsigma for the logarithm of the variance; it is that of the standard deviation."
_KL = "(mu.square() + (2 * logsigma).exp() - 1) / 2 - logsigma"
vae_kl = section.exercise(
    "vae_kl",
    hints=[
        "What is sigma^2, said with logsigma?",
        "Try mu = 0 and logsigma = 0. What must come out?",
        "The latent numbers of one image are drawn independently. Do their divergences add up or average out?",
    ],
    mistakes={
        "The sign is wrong: a divergence is never negative.": edit(_KL, f"-({_KL})"),
        "Averages over the latent axis; the divergences of independent numbers add up.": edit("kl.sum(dim=1).", "kl."),
        "Sums over images; the text asks for their mean.": edit(".sum(dim=1).mean()", ".sum()"),
        _OF_VARIANCE: edit(_KL, "(mu.square() + logsigma.exp() - 1 - logsigma) / 2"),
        "Takes logsigma for sigma itself.": edit("(2 * logsigma).exp()", "logsigma.square()"),
        "Forgets to halve the squares.": edit(" / 2 - logsigma", " - logsigma"),
        "Halves log sigma as well: it is half of the logarithm of the variance already.": edit(_KL, f"{_KL} / 2"),
        "Forgets the means.": edit("mu.square() + ", ""),
    },
)
vae_kl.call(
    "kl_values", "Sums the divergence over the latent axis and averages it over images.", judge=near, case=clouds
)


@vae_kl.check(points=0.5, judge=near, examples=30, cloud=clouds)
def kl_gradients(solution, cloud):
    """Gives gradients to mu and logsigma."""
    return slopes(solution.vae_kl, *cloud)


Bound = namedtuple("Bound", "img img_reconstructed mu logsigma")  # (batch, channels, 2, 3) and (batch, latent)
bounds = three.flatmap(
    lambda s: st.builds(Bound, *[tensors((*s[::2], 2, 3), HALVES)] * 2, *[tensors(s[:2], _LOGS[:5])] * 2)
)
elbo_loss = section.exercise(
    "elbo_loss",
    hints=[
        "Over which axes is the error of one image summed, and over which is the mean?",
        "You have a function for the second term. Is it a mean over images already?",
    ],
    mistakes={
        "Ignores beta_kl.": edit("beta_kl * vae_kl", "vae_kl"),
        "Ignores the divergence.": edit(" + beta_kl * vae_kl(mu, logsigma)", ""),
        "Rewards divergence, by a wrong sign.": edit("+ beta_kl * vae_kl", "- beta_kl * vae_kl"),
        "Averages over pixels; next to a KL of the whole image the error would hardly count.": edit(".sum", ".mean"),
        "Sums the errors of all images; the text asks for their mean.": edit("error.mean()", "error.sum()"),
        "beta_kl multiplies the error, not the divergence.": edit(
            "error.mean() + beta_kl * vae_kl", "beta_kl * error.mean() + vae_kl"
        ),
    },
)
elbo_loss.call(
    "elbo_values",
    "Adds the squared error of a whole image and beta_kl times its divergence, and averages over images.",
    judge=near,
    case=st.builds(lambda bound, beta_kl: (*bound, beta_kl), bounds, st.sampled_from((0.5, 2.0, 0.0))),
)


@elbo_loss.check(points=0.5, judge=near, examples=20, case=bounds)
def elbo_gradients(solution, case):
    """Gives gradients to reconstruction, mu and logsigma; beta_kl is 0.1 by default."""
    return slopes(lambda *inputs: solution.elbo_loss(case.img, *inputs), *case[1:])


def hush(model, latent_dim_size):
    """Makes the clouds of a VAE so narrow that z is mu."""
    for value in model.encoder.state_dict().values():
        if len(value) == 2 * latent_dim_size:
            value[latent_dim_size:] = -30 if value.ndim == 1 else 0
    return model


def normal(mean=0.0, std=1.0):
    """The distribution that a judge is to expect, whatever the inputs are."""
    return lambda inputs: lambda x: torch.special.ndtr(torch.from_numpy((x - mean) / std)).numpy()


_DRAW = "logsigma.exp() * torch.randn_like(mu)"
VAE = section.exercise(
    "VAE",
    hints=[
        "How many numbers does the encoder say of an image, and how are they divided into two?",
        "How many epsilons does a batch need? randn_like takes the shape of another tensor.",
        "Which operations lead from mu and logsigma to z, and does each of them have a gradient?",
    ],
    mistakes={
        _OF_VARIANCE: edit("logsigma.exp()", "(logsigma / 2).exp()"),
        "Multiplies epsilon by logsigma, not by sigma.": edit("logsigma.exp()", "logsigma"),
        "Ignores sigma: every cloud has a spread of one.": edit("logsigma.exp() * ", ""),
        "Draws one epsilon for the whole batch; each image needs its own.": edit("randn_like(mu", "randn(mu.shape[1]"),
        "Draws one epsilon for all latent numbers of an image; each needs its own.": edit(
            "torch.randn_like(mu)", "torch.randn(len(mu), 1)"
        ),
        "Draws epsilon from 0 to 1 with equal probability; it is standard normal.": edit(".randn_like", ".rand_like"),
        "Draws from the cloud as such, which has no gradient; mu and sigma never learn from the image.": edit(
            f"mu + {_DRAW}", "torch.normal(mu, logsigma.exp())"
        ),
        "Cuts sigma off from the graph: it never learns from the image.": edit("logsigma.exp", "logsigma.exp().detach"),
        "Decodes mu, not z.": edit("self.decoder(z)", "self.decoder(mu)"),
        "Returns mu for z: nothing is drawn.": edit(f"mu + {_DRAW}", "mu"),
        "The first half of the encoder's output is logsigma; the text has mu first.": edit(
            "mu, logsigma = self.encoder(x)", "logsigma, mu = self.encoder(x)"
        ),
        "mu and logsigma take turns in the encoder's output; each is one half of it.": edit(
            "self.encoder(x).chunk(2, dim=1)", "self.encoder(x).unflatten(1, (-1, 2)).unbind(2)"
        ),
        "Decodes zeros.": edit("self.decoder(z)", "self.decoder(torch.zeros_like(z))"),
        "Takes all images for 28 x 28.": [
            edit("2 * latent_dim_size, hidden_dim_size, img_size", "2 * latent_dim_size, hidden_dim_size"),
            edit("(latent_dim_size, hidden_dim_size, img_size)", "(latent_dim_size, hidden_dim_size)"),
        ],
    },
)


@VAE.check(judge=deep, examples=15, case=coders)
def vae_clouds(solution, case):
    """Encodes images to mu, then logsigma, through the layers of the text."""
    model = coder(solution.VAE, *case)
    z, mu, logsigma = model.sample_latent_vector(noise(case.seed, 2, 1, 28, 28))
    return mu.detach(), logsigma.detach(), z.shape, model.latent_dim_size, sizes(model)


@VAE.check(points=1.5, judge=distributed_as(cdf=normal()), examples=3, seconds=20, seed=seeds)
def vae_samples(solution, seed):
    """Draws z as mu + sigma · epsilon: (z - mu) / sigma is standard normal; so is the difference of two, over √2."""
    model = coder(solution.VAE, 3, 8, seed)
    z, mu, logsigma = model.sample_latent_vector(noise(seed, 4, 1, 28, 28).repeat(250, 1, 1, 1))
    epsilon = ((z - mu) / logsigma.exp()).detach()  # (1000, 3)
    return torch.cat([epsilon, (epsilon[:, :1] - epsilon[:, 1:]) / 2**0.5], dim=1)


@VAE.check(judge=deep, examples=10, seed=seeds)
def vae_gradient(solution, seed):
    """Gradients flow from z to mu and to logsigma (whose part is random, and is taken off to see that of mu)."""
    model = coder(solution.VAE, 3, 8, seed)
    x = noise(seed, 2, 1, 28, 28).requires_grad_()
    z, mu, logsigma = model.sample_latent_vector(x)
    (z - (z - mu).detach() * logsigma).sum().backward()
    return x.grad


@VAE.check(judge=deep, examples=15, case=coders)
def vae_forward(solution, case):
    """Decodes z, and returns mu and logsigma with the images (here sigma is nearly zero)."""
    model = hush(coder(solution.VAE, *case), case.latent_dim_size)
    painted, mu, logsigma = model(noise(case.seed, 2, 1, 28, 28))
    return painted.detach(), mu.detach(), logsigma.detach()


@VAE.check(points=0.5, judge=distributed_as(), examples=2, seconds=20, seed=seeds)
def vae_forward_samples(solution, seed):
    """Decodes what it has drawn, not mu (here pixels of 500 reconstructions of an image)."""
    model = coder(solution.VAE, 2, 8, seed)
    painted = model(noise(seed, 1, 1, 28, 28).repeat(500, 1, 1, 1))[0].detach()
    blur = torch.rand(500, 1, 1)  # where ReLUs leave a pixel at one value again and again, rounding must not count
    return painted[:, 0, 8::8, 8::8] + blur


@VAE.check(points=0.5, extra=True, judge=deep, examples=10, case=coders, img_size=st.sampled_from((8, 12)))
def vae_small(solution, case, img_size):
    """Is made for images of another size with img_size."""
    model = hush(coder(solution.VAE, *case, img_size=img_size), case.latent_dim_size)
    painted, mu, _ = model(noise(case.seed, 2, 1, img_size, img_size))
    return painted.detach(), mu.detach(), sizes(model)


Grid = namedtuple("Grid", "latent_dim_size interpolation_range n_points dims")
ends = st.sampled_from([(1.0, 4.0), (-1.0, 2.0), (3.0, 1.0)])
sides = st.integers(2, 4)
grids = sides.flatmap(lambda size: st.permutations(range(size))).flatmap(
    lambda dims: st.builds(Grid, st.just(len(dims)), ends, sides, st.just(tuple(dims[:2])))
)


def latent(latent_dim_size):
    """As much of an autoencoder as a grid of latent vectors needs."""
    model = nn.ModuleDict({"decoder": nn.Linear(latent_dim_size, 1)})
    model.latent_dim_size = latent_dim_size
    return model


create_grid_of_latents = section.exercise(
    "create_grid_of_latents",
    hints=[
        "With (row, column, latent) as axes: what do you assign to grid[:, :, dims[0]], and of what shape is it?",
        "A vector of n numbers broadcasts along rows. How does it broadcast along columns?",
    ],
    mistakes={
        "The axes are swapped: dims[0] is that from row to row.": [
            edit("grid[:, :, dims[0]] = points[:, None]", "grid[:, :, dims[0]] = points"),
            edit("grid[:, :, dims[1]] = points", "grid[:, :, dims[1]] = points[:, None]"),
        ],
        "The other dimensions are random; they are zero.": edit("torch.zeros(", "torch.randn("),
        "The other dimensions are one; they are zero.": edit("torch.zeros(", "torch.ones("),
        "Walks along the diagonal only: both dimensions grow together.": edit("= points[:, None]", "= points"),
        "Keeps rows and columns apart; all vectors stand in one row.": edit(".flatten(0, 1)", ""),
        "Ignores dims: it is always the first two dimensions.": [edit(":, dims[0]", ":, 0"), edit(", dims[1]", ", 1")],
    },
)


@create_grid_of_latents.check(grid=grids)
def grid_values(solution, grid):
    """Lays a grid over two dimensions, row by row, the first of them the same along a row; all others are zero."""
    model, ends = latent(grid.latent_dim_size), grid.interpolation_range
    return solution.create_grid_of_latents(model, interpolation_range=ends, n_points=grid.n_points, dims=grid.dims)


@create_grid_of_latents.check(points=0.25, examples=5, latent_dim_size=st.integers(2, 4))
def grid_default(solution, latent_dim_size):
    """Has 11 x 11 points from -1 to 1 in the first two dimensions by default."""
    return solution.create_grid_of_latents(latent(latent_dim_size))


# %% GAN
Config = namedtuple("Config", "latent_dim_size img_size img_channels hidden_channels")
configs = st.sampled_from(
    [Config(3, 16, 2, [3, 4]), Config(2, 16, 1, [3]), Config(2, 8, 3, [4, 2]), Config(3, 16, 1, [2, 3, 5])]
)

_LAST = "ConvTranspose2d(channels, img_channels, 4, 2, 1), Tanh()"
Generator = section.exercise(
    "Generator",
    hints=[
        "For 64 pixels and three hidden channels: list the shapes from (batch, 100) to (batch, 3, 64, 64).",
        "Each block takes the channels of the one before. Which variable remembers them in your loop?",
        "Which layers have no batch norm after them, and which one no ReLU?",
    ],
    mistakes={
        "A batch norm follows the last convolution: images can no longer differ in brightness.": edit(
            _LAST, _LAST.replace(" Tanh", " nn.BatchNorm2d(img_channels), Tanh")
        ),
        "No batch norm follows the linear layer.": edit("            nn.BatchNorm2d(channels),\n", ""),
        "No batch norm stands between the convolutions.": edit("nn.BatchNorm2d(out_channels), nn.ReLU()", "nn.ReLU()"),
        "Takes hidden_channels in the order in which they are listed; the generator works from the last to "
        "the first.": [
            edit("*later, channels = hidden_channels", "channels, *later = hidden_channels"),
            edit("reversed(later)", "later"),
        ],
        "Reverses the caller's list in place: a discriminator made of it afterwards gets the wrong order.": [
            edit("*later, channels =", "hidden_channels.reverse()\n        channels, *later ="),
            edit("reversed(later)", "later"),
        ],
        "No Tanh: pixels leave the range from -1 to 1.": edit(_LAST, _LAST.removesuffix(", Tanh()")),
        "Ends with a Sigmoid: pixels run from 0 to 1, not from -1 to 1.": edit(_LAST, _LAST.replace("Tanh", "Sigmoid")),
        "LeakyReLU stands between the convolutions; that is the discriminator's.": edit(
            "nn.BatchNorm2d(out_channels), nn.ReLU()]", "nn.BatchNorm2d(out_channels), LeakyReLU(0.2)]"
        ),
        "The first image is always 4 x 4; it follows from img_size.": edit(
            "img_size // 2 ** len(hidden_channels)", "4"
        ),
    },
)


@Generator.check(points=1.5, judge=deep, examples=20, config=configs, seed=seeds)
def generator_values(solution, config, seed):
    """Makes images out of noise through the layers of the text."""
    model = fill(solution.Generator(**config._asdict()), seed, biased=1).eval()
    return model(noise(seed, 2, config.latent_dim_size)).detach(), sizes(model)


@Generator.check(points=0.5, judge=deep, examples=10, config=configs, seed=seeds)
def generator_training(solution, config, seed):
    """Normalises by the batch in training mode, and lets gradients through."""
    x = noise(seed, 4, config.latent_dim_size).requires_grad_()
    images = fill(solution.Generator(**config._asdict()), seed, biased=1).train()(x)
    (images * noise(seed, *images.shape)).sum().backward()
    return images.detach(), x.grad


@Generator.check(points=0.25, examples=1, latent_dim_size=st.just(100))
def generator_default(solution, latent_dim_size):
    """Makes images of 3 x 64 x 64 out of 100 numbers by default, with 128, 256 and 512 channels in between."""
    return sizes(solution.Generator()), sizes(solution.Generator(latent_dim_size))


_BLOCK = "[convolution, nn.BatchNorm2d(out_channels), LeakyReLU(0.2)]"
Discriminator = section.exercise(
    "Discriminator",
    hints=[
        "List the shapes from (batch, 3, 64, 64) to (batch,).",
        "How many numbers does an image consist of when it reaches the linear layer?",
        "Which convolution has no batch norm after it?",
    ],
    mistakes={
        "A batch norm follows the first convolution: it hides how bright images are.": edit(
            "4, 2, 1), LeakyReLU(0.2)]", "4, 2, 1), nn.BatchNorm2d(channels), LeakyReLU(0.2)]"
        ),
        "No batch norm follows the later convolutions.": edit(_BLOCK, "[convolution, LeakyReLU(0.2)]"),
        "Batch norm and LeakyReLU are swapped: the norm comes first.": edit(
            _BLOCK, "[convolution, LeakyReLU(0.2), nn.BatchNorm2d(out_channels)]"
        ),
        "LeakyReLUs have their default slope of 0.01; the text has 0.2.": [
            edit("4, 2, 1), LeakyReLU(0.2)", "4, 2, 1), LeakyReLU()"),
            edit(_BLOCK, _BLOCK.replace("0.2", "")),
        ],
        "ReLU stands for LeakyReLU: where it is zero, the generator gets no gradient.": [
            edit("4, 2, 1), LeakyReLU(0.2)", "4, 2, 1), nn.ReLU()"),
            edit(_BLOCK, _BLOCK.replace("LeakyReLU(0.2)", "nn.ReLU()")),
        ],
        "Takes hidden_channels from the last to the first, as the generator does.": edit(
            "channels, *later = hidden_channels", "channels, *later = hidden_channels[::-1]"
        ),
        "No Sigmoid: what comes out is no probability.": edit(", classifier, Sigmoid()", ", classifier"),
        "Returns (batch, 1), with an axis of size one left over.": edit(".squeeze(1)", ""),
        "squeeze() takes every axis of size one away, for a single image that of the batch too.": edit("(1)", "()"),
    },
)


@Discriminator.check(points=1.5, judge=deep, examples=20, config=configs, seed=seeds)
def discriminator_values(solution, config, seed):
    """Says probabilities of images through the layers of the text (here flattened)."""
    model = fill(solution.Discriminator(*config[1:]), seed, biased=1).eval()
    images = noise(seed, 2, config.img_channels, config.img_size, config.img_size)
    return model(images).detach().flatten(), sizes(model)


@Discriminator.check(points=0.5, judge=deep, examples=10, config=configs, seed=seeds)
def discriminator_training(solution, config, seed):
    """Normalises by the batch in training mode, and lets gradients through."""
    model = fill(solution.Discriminator(*config[1:]), seed, biased=1).train()
    images = noise(seed, 3, config.img_channels, config.img_size, config.img_size)
    return model(images).detach().flatten(), slopes(model, images)


@Discriminator.check(points=0.25, judge=deep, examples=10, seed=seeds, batch=st.integers(2, 3))
def discriminator_shape(solution, seed, batch):
    """Returns one axis, that of the batch."""
    return fill(solution.Discriminator(8, 1, [2, 3]), seed, biased=1).eval()(noise(seed, batch, 1, 8, 8)).detach()


@Discriminator.check(points=0.25, extra=True, judge=deep, examples=10, seed=seeds)
def discriminator_alone(solution, seed):
    """Returns this axis for a single image too."""
    return fill(solution.Discriminator(8, 1, [2, 3]), seed, biased=1).eval()(noise(seed, 1, 1, 8, 8)).detach()


@Discriminator.check(points=0.25, examples=1, img_size=st.just(64))
def discriminator_default(solution, img_size):
    """Judges images of 3 x 64 x 64 by default, with 128, 256 and 512 channels in between."""
    return sizes(solution.Discriminator()), sizes(solution.Discriminator(img_size))


DCGAN = section.exercise(
    "DCGAN",
    hints=[
        "Which of the four arguments does each of the two networks need, and in what order?",
        "What makes a submodule of a network?",
    ],
    mistakes={
        "The names of the two networks are swapped.": [
            edit("self.netD = ", "self.netG = "),
            edit("self.netG = Generator", "self.netD = Generator"),
        ],
        "The generator gets hidden_channels reversed; it reverses them itself.": edit(
            ", img_size, img_channels, hidden_channels", ", img_size, img_channels, hidden_channels[::-1]"
        ),
        "The generator ignores what it should be like, and has its default sizes.": edit(
            "Generator(latent_dim_size, img_size, img_channels, hidden_channels)", "Generator()"
        ),
        "Forgets latent_dim_size, which says how much noise to draw.": edit(
            "        self.latent_dim_size = latent_dim_size\n", ""
        ),
    },
)


@DCGAN.check(points=0.5, examples=15, config=configs)
def dcgan_parts(solution, config):
    """Has a generator netG and a discriminator netD for the same images, and remembers latent_dim_size."""
    model = solution.DCGAN(**config._asdict())
    return sizes(model.netG), sizes(model.netD), model.latent_dim_size


@DCGAN.check(points=0.25, judge=deep, examples=15, config=configs, seed=seeds)
def dcgan_values(solution, config, seed):
    """The discriminator judges what the generator makes."""
    model = solution.DCGAN(**config._asdict()).eval()
    fill(model.netD, seed, biased=1)  # one by one: either may be registered first
    fill(model.netG, seed + 1, biased=1)
    images = model.netG(noise(seed, 2, config.latent_dim_size))
    return images.detach(), model.netD(images).flatten().detach()


@DCGAN.check(points=0.25, examples=1, latent_dim_size=st.just(100))
def dcgan_default(solution, latent_dim_size):
    """Has the defaults of both."""
    return sizes(solution.DCGAN()), sizes(solution.DCGAN(latent_dim_size))


def candidates(solution, kind, *sizes):
    """A layer of torch, and one of each class of the submission whose name ends like it."""
    layers = [getattr(nn, kind)(*sizes)]
    for name, found in list(vars(solution).items()):
        if name.endswith(kind) and isinstance(found, type) and issubclass(found, nn.Module):
            with suppress(Exception):  # it is not written yet
                layers.append(found(*sizes))
    return layers


def started(solution, seed, **kinds):
    """The layers that initialize_weights draws anew, one of each kind: torch's, or the submission's own."""
    layers = {kind: candidates(solution, kind, *sizes) for kind, sizes in kinds.items()}
    model = fill(nn.Sequential(*(nn.Sequential(*both) for both in layers.values())), seed)
    for weight in [layer.weight for both in layers.values() for layer in both]:
        nn.init.constant_(weight, 9)  # of a layer that is drawn anew, hardly a number stays at it
    solution.initialize_weights(model)
    return [next((layer for layer in both if (layer.weight != 9).any()), both[0]) for both in layers.values()]


initialize_weights = section.exercise(
    "initialize_weights",
    hints=[
        "Which method of nn.Module visits all modules, at any depth?",
        "How do you tell a batch norm from a convolution?",
        "torch.nn.init has functions that draw into a parameter.",
    ],
    mistakes={
        "Looks at the model's own children only; layers stand deeper.": edit("model.modules()", "model.children()"),
        "Weights of batch norms get mean 0: all that goes through is multiplied by about nothing.": edit("1.0", "0.0"),
        "Biases of batch norms stay as they were; they become zero.": edit(
            "            nn.init.zeros_(module.bias)\n", ""
        ),
        "Biases of batch norms become one; they become zero.": edit("zeros_", "ones_"),
        "Leaves batch norms as they were.": edit(
            "nn.init.normal_(module.weight, mean=1.0, std=0.02)\n            nn.init.zeros_(module.bias)", "continue"
        ),
        "Forgets transposed convolutions.": edit("nn.Conv2d, ConvTranspose2d", "nn.Conv2d"),
        "Forgets linear layers.": edit("nn.Linear, ", ""),
        "Takes 0.02 for the variance of weights; it is their standard deviation.": edit(
            "mean=0.0, std=0.02", "mean=0.0, std=0.02**0.5"
        ),
        "Draws weights uniformly; they are normal.": edit(
            "nn.init.normal_(module.weight, mean=0.0, std=0.02)", "nn.init.uniform_(module.weight, -0.02, 0.02)"
        ),
    },
)


@initialize_weights.check(judge=distributed_as(cdf=normal(std=0.02)), examples=3, seconds=20, seed=seeds)
def starts_layers(solution, seed):
    """Weights of linear layers, convolutions and transposed convolutions have mean 0 and standard deviation 0.02."""
    layers = started(solution, seed, Linear=(100, 100), Conv2d=(25, 25, 4), ConvTranspose2d=(25, 25, 4))
    return torch.stack([layer.weight.detach().flatten() for layer in layers], dim=1)


@initialize_weights.check(points=0.5, judge=distributed_as(cdf=normal(1, 0.02)), examples=3, seconds=20, seed=seeds)
def starts_norms(solution, seed):
    """Weights of batch norms are normal: mean 1, standard deviation 0.02."""
    (norm,) = started(solution, seed, BatchNorm2d=(10_000,))
    return norm.weight.detach()


@initialize_weights.check(points=0.5, examples=10, seconds=20, seed=seeds)
def starts_biases(solution, seed):
    """Biases of batch norms are zero; running averages stay."""
    (norm,) = started(solution, seed, BatchNorm2d=(2,))
    return norm.bias.detach(), norm.running_mean, norm.running_var


# %% Losses and steps
EIGHTHS = tuple(number / 8 for number in (4, 2, 6, 1, 7, 3, 5))
Verdict = namedtuple("Verdict", "d_real d_fake")  # d_real: (real,); d_fake: (fake,)
sure = tensors((2,), (1, 0, 0.5))
verdicts = three.flatmap(lambda s: st.builds(Verdict, tensors(s[:1], EIGHTHS), tensors(s[1:2], EIGHTHS)))


def large_or_small(observed, expected, inputs):
    """A judge: all is finite, and the loss is large where the reference's is; the text leaves open how large."""
    numbers = [np.asarray(number, dtype=np.float64) for number in observed]
    if not all(np.isfinite(number).all() for number in numbers):
        return "it is not finite"
    if (numbers[0] > 4) != (expected[0] > 4):
        return f"the loss is {numbers[0]:.3g}, expected a {'large' if expected[0] > 4 else 'small'} number"
    return None


discriminator_loss = section.exercise(
    "discriminator_loss",
    hints=[
        "What should d_real be at best, and what is its logarithm then?",
        "A logarithm of zero is -inf. From which probability on does it not matter how small it is?",
    ],
    mistakes={
        "The labels are swapped: it wants to say 0 of real images and 1 of fake ones.": [
            edit("d_real.clamp", "(1 - d_real).clamp"),
            edit("(1 - d_fake).clamp", "d_fake.clamp"),
        ],
        "The sign is wrong: this is to be maximised.": edit("-of_real - of_fake", "of_real + of_fake"),
        "Wants to call fake images real as well.": edit("of_fake = (1 - d_fake)", "of_fake = d_fake"),
        "Leaves fake images out.": edit("-of_real - of_fake", "-of_real"),
        "Leaves real images out.": edit("-of_real - of_fake", "-of_fake"),
        "Halves the loss; the text adds the two means.": edit("-of_real - of_fake", "-(of_real + of_fake) / 2"),
        "Takes one mean over all images together; each kind has its own.": edit(
            "-of_real - of_fake", "-2 * (of_real * len(d_real) + of_fake * len(d_fake)) / (len(d_real) + len(d_fake))"
        ),
        "Takes the logarithm of zero where the discriminator is sure and wrong.": [
            edit("d_real.clamp(min=SMALLEST)", "d_real"),
            edit("(1 - d_fake).clamp(min=SMALLEST)", "(1 - d_fake)"),
        ],
    },
)
discriminator_loss.call(
    "detective_loss",
    "Wants to say 1 of real images and 0 of fake ones; means are taken over each kind.",
    judge=near,
    case=verdicts,
)


@discriminator_loss.check(points=0.5, judge=near, examples=30, verdict=verdicts)
def detective_gradients(solution, verdict):
    """Gives gradients to both arguments."""
    return slopes(solution.discriminator_loss, *verdict)


@discriminator_loss.check(points=0.25, extra=True, judge=large_or_small, examples=30, d_real=sure, d_fake=sure)
def detective_sure(solution, d_real, d_fake):
    """Is finite, and has finite gradients, where the discriminator says exactly 0 or 1."""
    loss = solution.discriminator_loss(d_real, d_fake)
    return [loss.item(), *slopes(solution.discriminator_loss, d_real, d_fake)]


generator_loss = section.exercise(
    "generator_loss",
    hints=[
        "What should d_fake be at best, for the generator?",
        "Compare the slopes of log d and of log(1 - d) near d = 0. From which is more to be learned?",
    ],
    mistakes={
        "Minimises log(1 - d_fake): right in the game, but without a gradient where every fake is seen through.": edit(
            "-d_fake.clamp", "(1 - d_fake).clamp"
        ),
        "The sign is wrong: it makes fakes that are found out.": edit("-d_fake.clamp", "d_fake.clamp"),
        "Wants the discriminator to say 0 of fakes, as the discriminator does.": edit("-d_fake", "-(1 - d_fake)"),
        "Sums over images; the text asks for their mean.": edit(".mean()", ".sum()"),
        "Takes the logarithm of zero where a fake is seen through.": edit(".clamp(min=SMALLEST)", ""),
    },
)
fakes = verdicts.map(lambda verdict: verdict.d_fake)
generator_loss.call("forger_loss", "Wants the discriminator to say 1 of fake images.", judge=near, d_fake=fakes)


@generator_loss.check(points=0.25, judge=near, examples=30, d_fake=fakes)
def forger_gradients(solution, d_fake):
    """Gives gradients to its argument."""
    return slopes(solution.generator_loss, d_fake)


@generator_loss.check(points=0.25, extra=True, judge=large_or_small, examples=30, d_fake=sure)
def forger_caught(solution, d_fake):
    """Is finite, and has finite gradients, where the discriminator says exactly 0 or 1."""
    return [solution.generator_loss(d_fake).item(), *slopes(solution.generator_loss, d_fake)]


class Descent:
    """Plain gradient descent."""

    def __init__(self, network, lr):
        self.parameters, self.lr = list(network.parameters()), lr

    def zero_grad(self, set_to_none=True):
        for parameter in self.parameters:
            parameter.grad = None

    def step(self):
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.data -= self.lr * parameter.grad


def trainer(solution, seed):
    """A trainer made without __init__, which in some answers loads images. Its generator makes three numbers of two."""
    made = object.__new__(solution.DCGANTrainer)
    detective = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid(), nn.Flatten(0))
    made.model = fill(nn.ModuleDict({"netG": nn.Linear(2, 3), "netD": detective}), seed)
    made.optD, made.optG = Descent(made.model.netD, 0.5), Descent(made.model.netG, 0.25)
    made.args, made.step = SimpleNamespace(clip_grad_norm=None, use_wandb=False), 0  # what ARENA's answers ask for
    return made


def numbers(trainer):
    return {name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()}


Round = namedtuple("Round", "img_real noise seed")  # img_real: (real, 3); noise: (fake, 2)
QUARTERS = (0.25, -0.25, 0.5, -0.5, 0.75, -0.75)  # no discriminator is too sure of these
rounds = st.builds(Round, tensors((2, 3), QUARTERS), tensors((3, 2), QUARTERS), seeds)
DCGANTrainer = section.exercise(
    "DCGANTrainer",
    hints=[
        "What stands in the discriminator's gradients after the generator's step, and who takes it away?",
        "In the discriminator's step, how far back does backward() go, and where should it end?",
        "Both steps have four lines: a loss, zero_grad, backward, step. Of which networks?",
    ],
    mistakes={
        "Sends gradients of the discriminator's step back into the generator: the fakes are not detached.": edit(
            "self.model.netD(img_fake.detach())", "self.model.netD(img_fake)"
        ),
        "The discriminator's gradients are not set to zero: those of the generator's step are still there.": edit(
            "        self.optD.zero_grad()\n", ""
        ),
        "The generator's gradients are not set to zero: those of all steps pile up.": edit(
            "        self.optG.zero_grad()\n", ""
        ),
        "The generator's step moves the discriminator, which then learns to be deceived.": edit(
            "self.optG.step()", "self.optD.step()"
        ),
        "The discriminator's step moves the generator.": edit("self.optD.step()", "self.optG.step()"),
        "Real and fake images are swapped in the discriminator's loss.": edit(
            ".netD(img_real), self.model.netD(img_fake.detach())", ".netD(img_fake.detach()), self.model.netD(img_real)"
        ),
        "The generator wants its images to be found out, as the discriminator does.": edit(
            "generator_loss(self.model.netD(img_fake))", "generator_loss(1 - self.model.netD(img_fake))"
        ),
        "The generator climbs down log(1 - d): right in the game, but without a gradient where it matters.": edit(
            "generator_loss(self.model.netD(img_fake))", "-generator_loss(1 - self.model.netD(img_fake))"
        ),
        "The generator's step cuts its own images off from the graph, and so moves nothing.": edit(
            "self.model.netD(img_fake))\n        self.optG", "self.model.netD(img_fake.detach()))\n        self.optG"
        ),
        "The discriminator's step sets gradients to zero after backward, so that none are left.": edit(
            "self.optD.zero_grad()\n        loss.backward()\n", "loss.backward()\n        self.optD.zero_grad()\n"
        ),
    },
)


@DCGANTrainer.check(judge=near, examples=20, case=rounds)
def step_of_detective(solution, case):
    """The discriminator's step moves its parameters down its loss, and returns that; the generator stays."""
    made = trainer(solution, case.seed)
    for parameter in made.model.netG.parameters():
        parameter.grad = torch.ones_like(parameter)  # as the generator's last step has left them
    loss = made.training_step_discriminator(case.img_real, made.model.netG(case.noise).detach())
    return float(loss), numbers(made)


@DCGANTrainer.check(judge=near, examples=20, case=rounds)
def step_of_forger(solution, case):
    """The generator's step moves its parameters down its loss, and returns that; the discriminator stays."""
    made = trainer(solution, case.seed)
    loss = made.training_step_generator(made.model.netG(case.noise))
    return float(loss), numbers(made)


@DCGANTrainer.check(judge=deep, examples=20, case=rounds)
def steps_in_turn(solution, case):
    """In several rounds, no step is moved by gradients that another left behind."""
    made, seen = trainer(solution, case.seed), []
    for _ in range(3):
        img_fake = made.model.netG(case.noise)
        made.training_step_discriminator(case.img_real, img_fake.detach())
        made.training_step_generator(img_fake)
        seen.append(numbers(made))
    return seen


@DCGANTrainer.check(points=0.5, extra=True, judge=near, examples=20, case=rounds)
def step_detached(solution, case):
    """The discriminator's step sends no gradients to the generator, and leaves its graph for the generator's step."""
    made = trainer(solution, case.seed)
    img_fake = made.model.netG(case.noise)
    made.training_step_discriminator(case.img_real, img_fake)
    grads = [parameter.grad for parameter in made.model.netG.parameters()]
    made.training_step_generator(img_fake)
    return grads, numbers(made)
