"""Convolutional networks from scratch.

You build a residual network out of parts you wrote: first linear layers and a small training loop, then convolution
and pooling made from nothing but strides, then batch normalisation and residual blocks. PyTorch gives tensors and
gradients, and `nn.Module` to hold the parts together. Names are those of PyTorch wherever it has the same thing.

Where an exercise says so, its parameters and buffers must have the names given: the grader loads weights by them.
"""

# %% Setup
from collections.abc import Iterable, Sequence

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor, nn

Pair = tuple[int, int]
IntOrPair = int | Pair  # one number for both axes, or (height, width)


# %% Layers
# A module keeps its parameters as attributes: assigning an nn.Parameter registers it under that name, so that
# parameters() and state_dict() find it. What to compute is said in forward; you call the module, and it calls forward.
class Shift(nn.Module):
    """Adds a learned number to each feature. This one is done for you; read it before you write the next."""

    def __init__(self, features: int) -> None:
        """Make `bias`, shape (features,), zero."""
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Float[Tensor, "... features"]) -> Float[Tensor, "... features"]:
        """x + bias, shape of x."""
        return x + self.bias


class ReLU(nn.Module):
    """The rectifier: the larger of x and zero, elementwise. Without it two linear layers would be one.

    The gradient comes through where x is positive, and only there.

    >>> ReLU()(torch.tensor([-2.0, 3.0]))
    tensor([0., 3.])
    """

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """A new tensor, shape of x; x stays. At x = 0 any gradient between 0 and 1 is accepted; torch has 0."""
        raise NotImplementedError("ReLU.forward")


class Linear(nn.Module):
    """An affine map of the last axis: x W^T + b."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """Make the parameters `weight`, (out_features, in_features), and `bias`, (out_features,), or None if not bias.

        Both start uniformly distributed between -1/sqrt(in_features) and 1/sqrt(in_features), so that outputs are about
        as large as inputs, however wide the layer is. Registered as nn.Parameter, both get gradients.

        Source: torch.nn.Linear; He et al. (2015), "Delving Deep into Rectifiers", section 2.2.
        """
        raise NotImplementedError("Linear.__init__")

    def forward(self, x: Float[Tensor, "... in_features"]) -> Float[Tensor, "... out_features"]:
        """Any number of axes may stand before the last one."""
        raise NotImplementedError("Linear.forward")


class Flatten(nn.Module):
    """Merges neighbouring axes into one, in the order in which their elements stand.

    >>> Flatten()(torch.zeros(2, 3, 4)).shape, Flatten(0, 1)(torch.zeros(2, 3, 4)).shape
    (torch.Size([2, 12]), torch.Size([6, 4]))
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        """Merge the axes from start_dim to end_dim, both included; -1 is the last. By default all but the batch."""
        raise NotImplementedError("Flatten.__init__")

    def forward(self, x: Tensor) -> Tensor:
        """x with the axes merged. It may be non-contiguous, and need not have more axes than those."""
        raise NotImplementedError("Flatten.forward")


class SimpleMLP(nn.Module):
    """A classifier of 28 x 28 images: Flatten, Linear to 100, ReLU, Linear to 10 logits."""

    def __init__(self) -> None:
        """Make the layers. Four parameters in all; the order in which you assign them is that of the data."""
        raise NotImplementedError("SimpleMLP.__init__")

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch 10"]:
        """Logits, of any sign: softmax is left to the loss."""
        raise NotImplementedError("SimpleMLP.forward")


# %% Training
Batches = Iterable[tuple[Float[Tensor, "batch ..."], Int[Tensor, " batch"]]]  # inputs and labels


def evaluate(model: nn.Module, batches: Batches) -> float:
    """Accuracy: the share of examples, over all batches together, whose largest logit is that of the label.

    The last batch is often smaller, so the mean of the batches' accuracies is something else. The model works in
    evaluation mode and without recording gradients; afterwards it is in the mode in which it was before.

    Args:
        model: maps inputs to logits, shape (batch, classes).
        batches: pairs of inputs and labels, one example or more in all.

    Returns:
        A float from 0 to 1.
    """
    raise NotImplementedError("evaluate")


def train_epoch(model: nn.Module, batches: Batches, lr: float) -> list[float]:
    """Take one step of gradient descent for each batch: p becomes p - lr · dL/dp, in place.

    L is the mean cross-entropy of the batch (nn.functional.cross_entropy is there), computed in training mode.
    Gradients of an earlier batch, or from before the call, take no part; a parameter that the loss does not depend on
    stays.

    Args:
        model: maps inputs to logits, shape (batch, classes). It is changed, and left in training mode.
        batches: pairs of inputs and labels.
        lr: the learning rate.

    Returns:
        The loss of each batch, taken before its step, as floats.
    """
    raise NotImplementedError("train_epoch")


# %% Strides
# A tensor is a row of numbers in memory and a rule for walking through it: one step along axis i goes stride()[i] far.
# x.as_strided(size, stride) lays another rule over the same numbers, without copying any. Strides may repeat, or be
# zero. It does not look whether the rule makes sense, so always start from x.stride(): a transpose or a slice has other
# strides than its shape suggests.
def as_strided_transpose(mat: Float[Tensor, "i j"]) -> Float[Tensor, "j i"]:
    """The transpose of a matrix: rows are walked along as columns were. This one is done for you.

    >>> as_strided_transpose(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).tolist()
    [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    """
    rows, columns = mat.shape
    by_row, by_column = mat.stride()
    return mat.as_strided((columns, rows), (by_column, by_row))  # (j, i)


def as_strided_trace(mat: Float[Tensor, "n n"]) -> Float[Tensor, ""]:
    """The sum of the diagonal, with as_strided and one sum. The matrix may be a slice: go by its own strides.

    >>> as_strided_trace(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    raise NotImplementedError("as_strided_trace")


def as_strided_mv(mat: Float[Tensor, "i j"], vec: Float[Tensor, " j"]) -> Float[Tensor, " i"]:
    """The product of a matrix and a vector, with as_strided, an elementwise product and a sum.

        out[i] = sum_j mat[i, j] vec[j]

    Broadcasting would repeat vec in every row for you. Say it with a stride instead. Both may be slices or transposed:
    go by their own strides.

    >>> as_strided_mv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 1.0]))
    tensor([12., 34.])
    """
    raise NotImplementedError("as_strided_mv")


def as_strided_mm(matA: Float[Tensor, "i j"], matB: Float[Tensor, "j k"]) -> Float[Tensor, "i k"]:
    """The product of two matrices: both laid out over (i, j, k) with as_strided, multiplied, and summed over j.

        out[i, k] = sum_j matA[i, j] matB[j, k]

    Both may be slices or transposed: go by their own strides.

    >>> as_strided_mm(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    raise NotImplementedError("as_strided_mm")


# %% Convolution from strides
# What deep learning calls convolution slides the kernel over the input without turning it round: cross-correlation. Lay
# out all windows under the kernel with as_strided, then sum their products with the kernel: einsum does both at once.
def conv1d_minimal_simple(
    x: Float[Tensor, " width"], weights: Float[Tensor, " kernel_width"]
) -> Float[Tensor, " output_width"]:
    """Convolution of one row of numbers: out[i] = sum_k x[i + k] weights[k], for every i where the kernel fits.

    x may be a slice, such as every second number of a longer row: go by its own strides.

    >>> conv1d_minimal_simple(torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([10.0, 1.0]))
    tensor([12., 23., 34.])

    Source: torch.nn.functional.conv1d.
    """
    raise NotImplementedError("conv1d_minimal_simple")


def conv1d_minimal(
    x: Float[Tensor, "batch in_channels width"], weights: Float[Tensor, "out_channels in_channels kernel_width"]
) -> Float[Tensor, "batch out_channels output_width"]:
    """Convolution along a row with channels: every output channel has a kernel for every input channel.

        out[b, o, i] = sum over c and k of x[b, c, i + k] weights[o, c, k]

    Every image of the batch goes through the same kernels. x may be transposed: go by its own strides.
    """
    raise NotImplementedError("conv1d_minimal")


def conv2d_minimal(
    x: Float[Tensor, "batch in_channels height width"],
    weights: Float[Tensor, "out_channels in_channels kernel_height kernel_width"],
) -> Float[Tensor, "batch out_channels output_height output_width"]:
    """Convolution of images: the same with two axes to walk along, and a window for each of them.

        out[b, o, i, j] = sum over c, k and l of x[b, c, i + k, j + l] weights[o, c, k, l]

    Neither images nor kernels need be square, and x may be transposed: go by its own strides.
    """
    raise NotImplementedError("conv2d_minimal")


def pad1d(
    x: Float[Tensor, "batch in_channels width"], left: int, right: int, pad_value: float
) -> Float[Tensor, "batch in_channels padded_width"]:
    """A new tensor with x in the middle, `left` times pad_value before it and `right` times after it, dtype of x.

    >>> pad1d(torch.tensor([[[1.0, 2.0]]]), 1, 2, -5.0)
    tensor([[[-5.,  1.,  2., -5., -5.]]])
    """
    raise NotImplementedError("pad1d")


def pad2d(
    x: Float[Tensor, "batch in_channels height width"], left: int, right: int, top: int, bottom: int, pad_value: float
) -> Float[Tensor, "batch in_channels padded_height padded_width"]:
    """The same for images, in the dtype of x. left and right are columns, top and bottom are rows: beware.

    >>> pad2d(torch.ones(1, 1, 1, 1), 2, 0, 0, 1, 0.0).tolist()
    [[[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]]
    """
    raise NotImplementedError("pad2d")


def conv1d(
    x: Float[Tensor, "batch in_channels width"],
    weights: Float[Tensor, "out_channels in_channels kernel_width"],
    stride: int = 1,
    padding: int = 0,
) -> Float[Tensor, "batch out_channels output_width"]:
    """Convolution that pads x with `padding` zeros on both sides and moves the kernel on by `stride` at a time.

        out[b, o, i] = sum over c and k of padded[b, c, stride · i + k] weights[o, c, k]

    The last numbers are left over where the kernel does not fit once more. Steps inside a window stay one. Unless they
    are given, stride is 1 and padding 0. A transposed x gives the same numbers.

    Source: torch.nn.functional.conv1d.
    """
    raise NotImplementedError("conv1d")


def force_pair(v: IntOrPair) -> Pair:
    """(v, v) for a number, and v itself for a tuple of two.

    Raises:
        ValueError: v is a tuple of another length.
    """
    raise NotImplementedError("force_pair")


def conv2d(
    x: Float[Tensor, "batch in_channels height width"],
    weights: Float[Tensor, "out_channels in_channels kernel_height kernel_width"],
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
) -> Float[Tensor, "batch out_channels output_height output_width"]:
    """Convolution of images with stride and zero padding; a pair is (height, width), a number stands for both.

    Unless they are given, stride is 1 and padding 0. A transposed x gives the same numbers.

    Source: torch.nn.functional.conv2d.
    """
    raise NotImplementedError("conv2d")


def maxpool2d(
    x: Float[Tensor, "batch channels height width"],
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
) -> Float[Tensor, "batch channels output_height output_width"]:
    """The largest number of each window. A pair is (height, width); without a stride, windows stand side by side.

    Padding must never win, also where all numbers are negative: it is no number of the image. Without it, nothing is
    padded. x may be transposed.

    >>> maxpool2d(torch.tensor([[[[1.0, 5.0, 2.0, 3.0]]]]), (1, 2))
    tensor([[[[5., 3.]]]])

    Source: torch.nn.functional.max_pool2d.
    """
    raise NotImplementedError("maxpool2d")


# %% Layers for images
# From here on use your own functions or, if you prefer speed, torch's: nn.functional.conv2d and max_pool2d.
class Conv2d(nn.Module):
    """Convolution of images with a learned square kernel and without a bias: a batch norm follows, which has one."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0
    ) -> None:
        """Make the parameter `weight`, shape (out_channels, in_channels, kernel_size, kernel_size).

        It starts uniformly distributed between ±1/sqrt(n), where n is the number of inputs that one output adds up.
        It is the only parameter. Stride and padding are those of conv2d, 1 and 0 unless others are given.

        Source: torch.nn.Conv2d.
        """
        raise NotImplementedError("Conv2d.__init__")

    def forward(self, x: Float[Tensor, "batch in_channels height width"]) -> Tensor:
        """The convolution, shape (batch, out_channels, output_height, output_width)."""
        raise NotImplementedError("Conv2d.forward")


class MaxPool2d(nn.Module):
    """maxpool2d as a layer. Beware of a difference to torch: padding is 1 unless another is given, as in ARENA."""

    def __init__(self, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 1) -> None:
        """Remember the arguments of maxpool2d. A stride of None means that of the kernel's size."""
        raise NotImplementedError("MaxPool2d.__init__")

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """The largest number of each window, shape (batch, channels, output_height, output_width)."""
        raise NotImplementedError("MaxPool2d.forward")


class Sequential(nn.Module):
    """Modules in a row: each gets what the one before it returns.

    They are registered under the names "0", "1" and so on, as in torch.nn.Sequential. A plain list as an attribute
    would hide them: parameters() looks into modules that are registered, not into lists. `self._modules`, a dict from
    name to module, or add_module(name, module) register under a name that is no identifier.

    >>> [name for name, _ in Sequential(Linear(1, 2), ReLU(), Linear(2, 1)).named_parameters()]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *modules: nn.Module) -> None:
        """Register the modules in their order."""
        raise NotImplementedError("Sequential.__init__")

    def __getitem__(self, index: int) -> nn.Module:
        """The module at this place; -1 is the last."""
        raise NotImplementedError("Sequential.__getitem__")

    def __setitem__(self, index: int, module: nn.Module) -> None:
        """Put another module at this place; -1 is the last."""
        raise NotImplementedError("Sequential.__setitem__")

    def forward(self, x: Tensor) -> Tensor:
        """Send x through all modules."""
        raise NotImplementedError("Sequential.forward")


class BatchNorm2d(nn.Module):
    """Normalises each channel to mean 0 and variance 1, then scales and shifts it by learned numbers.

        out = (x - mean) / sqrt(var + eps) · weight + bias

    Training takes mean and variance from the batch, over all axes but the channels, dividing by the number n of what is
    summed (the biased variance). It also keeps running averages of both, which evaluation uses instead, so that the
    answer for one image does not depend on the others. After each training batch

        running becomes (1 - momentum) · running + momentum · of this batch

    Gradients flow through mean and variance of the batch, but not through the running averages. For running_var torch
    takes the unbiased variance, divided by n - 1, others the biased one: either is accepted. Evaluation changes
    nothing.

    Source: Ioffe and Szegedy (2015), "Batch Normalization", Algorithms 1 and 2; torch.nn.BatchNorm2d.
    """

    def __init__(self, num_features: int, eps: float = 1e-05, momentum: float = 0.1) -> None:
        """Make parameters `weight` (one) and `bias` (zero), and the buffers `running_mean` (zero), `running_var` (one),
        all (num_features,), and `num_batches_tracked`, an int64 tensor without axes that counts training batches.

        Buffers belong to the state but are not trained: see register_buffer. eps is 1e-05 and momentum 0.1 unless
        others are given.
        """
        raise NotImplementedError("BatchNorm2d.__init__")

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        """The normalised x. `self.training` says which mode this is."""
        raise NotImplementedError("BatchNorm2d.forward")


class AveragePool(nn.Module):
    """The mean of each channel over the whole image: an image of any size becomes a vector."""

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels"]:
        """The means, without the axes they were taken over."""
        raise NotImplementedError("AveragePool.forward")


# %% Residual networks
# The grader fills your networks with weights in the order in which their submodules are registered (which is that of
# state_dict()), each by its kind and shape: submodules may have names of your own, their order may not differ.
class ResidualBlock(nn.Module):
    """Two convolutions that learn what to change about their input, rather than the output as a whole.

        out = ReLU(left(x) + right(x))

        left:  Conv 3x3 (first_stride, padding 1), BatchNorm, ReLU, Conv 3x3 (stride 1, padding 1), BatchNorm
        right: x itself or, where left changes the shape, Conv 1x1 (first_stride), BatchNorm

    Source: He et al. (2016), "Deep Residual Learning for Image Recognition", figure 2 and section 3.3, option B.
    """

    def __init__(self, in_feats: int, out_feats: int, first_stride: int = 1) -> None:
        """Make the layers, those of left first. right has none where neither stride nor channels change the shape."""
        raise NotImplementedError("ResidualBlock.__init__")

    def forward(self, x: Float[Tensor, "batch in_feats height width"]) -> Tensor:
        """Shape (batch, out_feats, height / first_stride, width / first_stride), rounded up."""
        raise NotImplementedError("ResidualBlock.forward")


class BlockGroup(nn.Module):
    """n_blocks residual blocks in a row, each with weights of its own. Only the first changes the shape."""

    def __init__(self, n_blocks: int, in_feats: int, out_feats: int, first_stride: int = 1) -> None:
        """Make the blocks. The first goes from in_feats to out_feats with first_stride, all others keep both.

        first_stride is 1 unless another is given.
        """
        raise NotImplementedError("BlockGroup.__init__")

    def forward(self, x: Float[Tensor, "batch in_feats height width"]) -> Tensor:
        """Send x through all blocks."""
        raise NotImplementedError("BlockGroup.forward")


class ResNet34(nn.Module):
    """A residual network for images; with the default arguments it is the one of 34 layers.

        in_layers:       Conv 7x7 from 3 to 64 channels (stride 2, padding 3), BatchNorm, ReLU, MaxPool 3x3 (stride 2,
                         padding 1)
        residual_layers: a BlockGroup for each entry of the three sequences; the first starts from 64 channels
        out_layers:      AveragePool, Linear from the last group's channels to n_classes

    Source: He et al. (2016), "Deep Residual Learning for Image Recognition", table 1.
    """

    def __init__(
        self,
        n_blocks_per_group: Sequence[int] = (3, 4, 6, 3),
        out_features_per_group: Sequence[int] = (64, 128, 256, 512),
        first_strides_per_group: Sequence[int] = (1, 2, 2, 2),
        n_classes: int = 1000,
    ) -> None:
        """Make the layers, in the order of the data. Each group starts from the channels the one before ended with."""
        raise NotImplementedError("ResNet34.__init__")

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch n_classes"]:
        """Logits, of any sign."""
        raise NotImplementedError("ResNet34.forward")


# %% Using a trained network
def copy_weights(my_resnet: nn.Module, pretrained_resnet: nn.Module) -> nn.Module:
    """Copy all numbers of one network into another of the same layers whose names differ.

    state_dict() lists parameters and buffers in the order in which they were registered. It is the same in both, so the
    first goes to the first and so on. The running averages of batch norms are no parameters and must come along.

    Args:
        my_resnet: is changed. Copies, not the pretrained network's own tensors: changing these later changes nothing.
        pretrained_resnet: stays as it is.

    Returns:
        my_resnet itself.
    """
    raise NotImplementedError("copy_weights")


def predict(
    model: nn.Module, images: Float[Tensor, "batch rgb height width"]
) -> tuple[Float[Tensor, " batch"], Int[Tensor, " batch"]]:
    """The most probable class of each image, and its probability.

    Probabilities are the softmax of the model's logits, (batch, classes). The model works in evaluation mode, or the
    answer for an image would depend on its neighbours, and no gradient is recorded.

    Returns:
        (probabilities, classes), two tensors of shape (batch,). The classes alone are accepted too.
    """
    raise NotImplementedError("predict")


def hook_check_for_nan_output(module: nn.Module, input: tuple[Tensor, ...], output: Tensor) -> None:
    """Raise if a module's output has a NaN in it. This is the form of a forward hook, which runs after every forward.

    Registered with every module, it tells where a NaN came up first. Infinities pass. It returns None, so that the
    output stays as it is.

    Raises:
        ValueError: an element of output is NaN.
    """
    raise NotImplementedError("hook_check_for_nan_output")


def add_hook(module: nn.Module) -> None:
    """Register hook_check_for_nan_output as a forward hook of this module; model.apply(add_hook) visits all inside it.

    >>> layer = Linear(1, 1)
    >>> add_hook(layer); len(layer._forward_hooks)
    1
    """
    raise NotImplementedError("add_hook")


def remove_hooks(module: nn.Module) -> None:
    """Remove all hooks of this module, whoever registered them: forward, forward-pre and backward ones.

    They live in its dicts `_forward_hooks`, `_forward_pre_hooks` and `_backward_hooks`. model.apply(remove_hooks)
    visits all modules; a hook left behind would go on working, unseen.
    """
    raise NotImplementedError("remove_hooks")


class NanModule(nn.Module):
    """Returns NaN everywhere, to see the hooks at work."""

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """A new tensor of NaN, with shape and dtype of x."""
        raise NotImplementedError("NanModule.forward")


def freeze_all_but_head(model: nn.Module, n_classes: int) -> nn.Module:
    """Prepare a trained network for another task: keep what it has learned, replace its last layer, train that alone.

    The last module of `model.out_layers` is a linear layer with `weight` (classes, features). A new Linear from as many
    features to n_classes, with a bias, takes its place. Every other parameter is frozen: requires_grad is False. Batch
    norms are frozen only in evaluation mode, as no gradient moves their running averages: all modules but the new one
    are put into it.

    Returns:
        model itself.
    """
    raise NotImplementedError("freeze_all_but_head")
