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
        return x.clamp(min=0)


class Linear(nn.Module):
    """An affine map of the last axis: x W^T + b."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        """Make the parameters `weight`, (out_features, in_features), and `bias`, (out_features,), or None if not bias.

        Both start uniformly distributed between -1/sqrt(in_features) and 1/sqrt(in_features), so that outputs are about
        as large as inputs, however wide the layer is. Registered as nn.Parameter, both get gradients.

        Source: torch.nn.Linear; He et al. (2015), "Delving Deep into Rectifiers", section 2.2.
        """
        super().__init__()
        bound = in_features**-0.5
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Float[Tensor, "... in_features"]) -> Float[Tensor, "... out_features"]:
        """Any number of axes may stand before the last one."""
        out = x @ self.weight.T  # (..., out_features)
        return out if self.bias is None else out + self.bias


class Flatten(nn.Module):
    """Merges neighbouring axes into one, in the order in which their elements stand.

    >>> Flatten()(torch.zeros(2, 3, 4)).shape, Flatten(0, 1)(torch.zeros(2, 3, 4)).shape
    (torch.Size([2, 12]), torch.Size([6, 4]))
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        """Merge the axes from start_dim to end_dim, both included; -1 is the last. By default all but the batch."""
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """x with the axes merged. It may be non-contiguous, and need not have more axes than those."""
        start = self.start_dim % x.ndim
        end = self.end_dim % x.ndim
        return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


class SimpleMLP(nn.Module):
    """A classifier of 28 x 28 images: Flatten, Linear to 100, ReLU, Linear to 10 logits."""

    def __init__(self) -> None:
        """Make the layers. Four parameters in all; the order in which you assign them is that of the data."""
        super().__init__()
        self.flatten = Flatten()
        self.linear1 = Linear(28 * 28, 100)
        self.relu = ReLU()
        self.linear2 = Linear(100, 10)

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch 10"]:
        """Logits, of any sign: softmax is left to the loss."""
        hidden = self.relu(self.linear1(self.flatten(x)))  # (batch, 100)
        return self.linear2(hidden)  # (batch, 10)


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
    was_training = model.training
    model.eval()
    right = total = 0
    with torch.no_grad():
        for inputs, labels in batches:
            right += (model(inputs).argmax(dim=-1) == labels).sum().item()
            total += len(labels)
    model.train(was_training)
    return right / total


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
    model.train()
    losses = []
    for inputs, labels in batches:
        loss = nn.functional.cross_entropy(model(inputs), labels)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter -= lr * parameter.grad
        losses.append(loss.item())
    return losses


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
    return mat.as_strided((len(mat),), (sum(mat.stride()),)).sum()  # the diagonal: (n,)


def as_strided_mv(mat: Float[Tensor, "i j"], vec: Float[Tensor, " j"]) -> Float[Tensor, " i"]:
    """The product of a matrix and a vector, with as_strided, an elementwise product and a sum.

        out[i] = sum_j mat[i, j] vec[j]

    Broadcasting would repeat vec in every row for you. Say it with a stride instead. Both may be slices or transposed:
    go by their own strides.

    >>> as_strided_mv(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([10.0, 1.0]))
    tensor([12., 34.])
    """
    rows = vec.as_strided(mat.shape, (0, vec.stride(0)))  # (i, j): vec in every row
    return (mat * rows).sum(dim=1)  # (i,)


def as_strided_mm(matA: Float[Tensor, "i j"], matB: Float[Tensor, "j k"]) -> Float[Tensor, "i k"]:
    """The product of two matrices: both laid out over (i, j, k) with as_strided, multiplied, and summed over j.

        out[i, k] = sum_j matA[i, j] matB[j, k]

    Both may be slices or transposed: go by their own strides.

    >>> as_strided_mm(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    size = (*matA.shape, matB.shape[1])  # (i, j, k)
    a = matA.as_strided(size, (*matA.stride(), 0))
    b = matB.as_strided(size, (0, *matB.stride()))
    return (a * b).sum(dim=1)  # (i, k)


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
    (step,) = x.stride()
    output_width = len(x) - len(weights) + 1
    windows = x.as_strided((output_width, len(weights)), (step, step))  # (output_width, kernel_width)
    return einsum(windows, weights, "out kernel, kernel -> out")


def conv1d_minimal(
    x: Float[Tensor, "batch in_channels width"], weights: Float[Tensor, "out_channels in_channels kernel_width"]
) -> Float[Tensor, "batch out_channels output_width"]:
    """Convolution along a row with channels: every output channel has a kernel for every input channel.

        out[b, o, i] = sum over c and k of x[b, c, i + k] weights[o, c, k]

    Every image of the batch goes through the same kernels. x may be transposed: go by its own strides.
    """
    batch, in_channels, width = x.shape
    kernel_width = weights.shape[2]
    by_batch, by_channel, step = x.stride()
    size = (batch, in_channels, width - kernel_width + 1, kernel_width)
    windows = x.as_strided(size, (by_batch, by_channel, step, step))  # (batch, in_channels, output_width, kernel_width)
    return einsum(windows, weights, "b ic out kernel, oc ic kernel -> b oc out")


def conv2d_minimal(
    x: Float[Tensor, "batch in_channels height width"],
    weights: Float[Tensor, "out_channels in_channels kernel_height kernel_width"],
) -> Float[Tensor, "batch out_channels output_height output_width"]:
    """Convolution of images: the same with two axes to walk along, and a window for each of them.

        out[b, o, i, j] = sum over c, k and l of x[b, c, i + k, j + l] weights[o, c, k, l]

    Neither images nor kernels need be square, and x may be transposed: go by its own strides.
    """
    batch, in_channels, height, width = x.shape
    kernel_height, kernel_width = weights.shape[2:]
    by_batch, by_channel, by_row, by_column = x.stride()
    size = (batch, in_channels, height - kernel_height + 1, width - kernel_width + 1, kernel_height, kernel_width)
    windows = x.as_strided(size, (by_batch, by_channel, by_row, by_column, by_row, by_column))
    return einsum(windows, weights, "b ic oh ow kh kw, oc ic kh kw -> b oc oh ow")


def pad1d(
    x: Float[Tensor, "batch in_channels width"], left: int, right: int, pad_value: float
) -> Float[Tensor, "batch in_channels padded_width"]:
    """A new tensor with x in the middle, `left` times pad_value before it and `right` times after it, dtype of x.

    >>> pad1d(torch.tensor([[[1.0, 2.0]]]), 1, 2, -5.0)
    tensor([[[-5.,  1.,  2., -5., -5.]]])
    """
    batch, in_channels, width = x.shape
    padded = x.new_full((batch, in_channels, left + width + right), pad_value)
    padded[:, :, left : left + width] = x
    return padded


def pad2d(
    x: Float[Tensor, "batch in_channels height width"], left: int, right: int, top: int, bottom: int, pad_value: float
) -> Float[Tensor, "batch in_channels padded_height padded_width"]:
    """The same for images, in the dtype of x. left and right are columns, top and bottom are rows: beware.

    >>> pad2d(torch.ones(1, 1, 1, 1), 2, 0, 0, 1, 0.0).tolist()
    [[[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]]
    """
    batch, in_channels, height, width = x.shape
    padded = x.new_full((batch, in_channels, top + height + bottom, left + width + right), pad_value)
    padded[:, :, top : top + height, left : left + width] = x
    return padded


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
    padded = pad1d(x, padding, padding, 0)
    batch, in_channels, width = padded.shape
    kernel_width = weights.shape[2]
    by_batch, by_channel, step = padded.stride()
    size = (batch, in_channels, (width - kernel_width) // stride + 1, kernel_width)
    windows = padded.as_strided(size, (by_batch, by_channel, stride * step, step))
    return einsum(windows, weights, "b ic out kernel, oc ic kernel -> b oc out")


def force_pair(v: IntOrPair) -> Pair:
    """(v, v) for a number, and v itself for a tuple of two.

    Raises:
        ValueError: v is a tuple of another length.
    """
    pair = v if isinstance(v, tuple) else (v, v)
    if len(pair) != 2:
        raise ValueError(f"expected a number or a pair, not {v}")
    return pair


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
    stride_height, stride_width = force_pair(stride)
    pad_height, pad_width = force_pair(padding)
    padded = pad2d(x, pad_width, pad_width, pad_height, pad_height, 0)
    batch, in_channels, height, width = padded.shape
    kernel_height, kernel_width = weights.shape[2:]
    output_height = (height - kernel_height) // stride_height + 1
    output_width = (width - kernel_width) // stride_width + 1
    by_batch, by_channel, by_row, by_column = padded.stride()
    windows = padded.as_strided(
        (batch, in_channels, output_height, output_width, kernel_height, kernel_width),
        (by_batch, by_channel, stride_height * by_row, stride_width * by_column, by_row, by_column),
    )
    return einsum(windows, weights, "b ic oh ow kh kw, oc ic kh kw -> b oc oh ow")


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
    kernel_height, kernel_width = force_pair(kernel_size)
    stride_height, stride_width = force_pair(kernel_size if stride is None else stride)
    pad_height, pad_width = force_pair(padding)
    padded = pad2d(x, pad_width, pad_width, pad_height, pad_height, -torch.inf)
    batch, channels, height, width = padded.shape
    output_height = (height - kernel_height) // stride_height + 1
    output_width = (width - kernel_width) // stride_width + 1
    by_batch, by_channel, by_row, by_column = padded.stride()
    windows = padded.as_strided(
        (batch, channels, output_height, output_width, kernel_height, kernel_width),
        (by_batch, by_channel, stride_height * by_row, stride_width * by_column, by_row, by_column),
    )
    return windows.amax(dim=(4, 5))  # (batch, channels, output_height, output_width)


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
        super().__init__()
        self.stride = stride
        self.padding = padding
        size = (out_channels, in_channels, kernel_size, kernel_size)
        bound = (in_channels * kernel_size * kernel_size) ** -0.5
        self.weight = nn.Parameter(torch.empty(size).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "batch in_channels height width"]) -> Tensor:
        """The convolution, shape (batch, out_channels, output_height, output_width)."""
        return conv2d(x, self.weight, self.stride, self.padding)


class MaxPool2d(nn.Module):
    """maxpool2d as a layer. Beware of a difference to torch: padding is 1 unless another is given, as in ARENA."""

    def __init__(self, kernel_size: IntOrPair, stride: IntOrPair | None = None, padding: IntOrPair = 1) -> None:
        """Remember the arguments of maxpool2d. A stride of None means that of the kernel's size."""
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """The largest number of each window, shape (batch, channels, output_height, output_width)."""
        return maxpool2d(x, self.kernel_size, self.stride, self.padding)


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
        super().__init__()
        for index, module in enumerate(modules):
            self._modules[str(index)] = module

    def __getitem__(self, index: int) -> nn.Module:
        """The module at this place; -1 is the last."""
        return self._modules[str(index % len(self._modules))]

    def __setitem__(self, index: int, module: nn.Module) -> None:
        """Put another module at this place; -1 is the last."""
        self._modules[str(index % len(self._modules))] = module

    def forward(self, x: Tensor) -> Tensor:
        """Send x through all modules."""
        for module in self._modules.values():
            x = module(x)
        return x


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
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        """The normalised x. `self.training` says which mode this is."""
        mean, var = self.running_mean, self.running_var  # (channels,)
        if self.training:
            mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
            with torch.no_grad():
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (x.var(dim=(0, 2, 3)) - self.running_var)
                self.num_batches_tracked += 1
        scale = self.weight / (var + self.eps).sqrt()
        shift = self.bias - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]  # (channels, 1, 1) broadcasts over batch, height, width


class AveragePool(nn.Module):
    """The mean of each channel over the whole image: an image of any size becomes a vector."""

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels"]:
        """The means, without the axes they were taken over."""
        return x.mean(dim=(2, 3))


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
        super().__init__()
        self.left = Sequential(
            Conv2d(in_feats, out_feats, kernel_size=3, stride=first_stride, padding=1),
            BatchNorm2d(out_feats),
            ReLU(),
            Conv2d(out_feats, out_feats, kernel_size=3, padding=1),
            BatchNorm2d(out_feats),
        )
        self.right = Sequential()
        if first_stride != 1 or in_feats != out_feats:
            self.right = Sequential(
                Conv2d(in_feats, out_feats, kernel_size=1, stride=first_stride), BatchNorm2d(out_feats)
            )
        self.relu = ReLU()

    def forward(self, x: Float[Tensor, "batch in_feats height width"]) -> Tensor:
        """Shape (batch, out_feats, height / first_stride, width / first_stride), rounded up."""
        return self.relu(self.left(x) + self.right(x))


class BlockGroup(nn.Module):
    """n_blocks residual blocks in a row, each with weights of its own. Only the first changes the shape."""

    def __init__(self, n_blocks: int, in_feats: int, out_feats: int, first_stride: int = 1) -> None:
        """Make the blocks. The first goes from in_feats to out_feats with first_stride, all others keep both.

        first_stride is 1 unless another is given.
        """
        super().__init__()
        rest = [ResidualBlock(out_feats, out_feats) for _ in range(n_blocks - 1)]
        self.blocks = Sequential(ResidualBlock(in_feats, out_feats, first_stride), *rest)

    def forward(self, x: Float[Tensor, "batch in_feats height width"]) -> Tensor:
        """Send x through all blocks."""
        return self.blocks(x)


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
        super().__init__()
        self.in_layers = Sequential(
            Conv2d(3, 64, kernel_size=7, stride=2, padding=3),
            BatchNorm2d(64),
            ReLU(),
            MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        in_features_per_group = (64, *out_features_per_group[:-1])
        groups = zip(
            n_blocks_per_group, in_features_per_group, out_features_per_group, first_strides_per_group, strict=True
        )
        self.residual_layers = Sequential(*(BlockGroup(*group) for group in groups))
        self.out_layers = Sequential(AveragePool(), Linear(out_features_per_group[-1], n_classes))

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch n_classes"]:
        """Logits, of any sign."""
        x = self.residual_layers(self.in_layers(x))  # (batch, features, height / 32, width / 32) by default
        return self.out_layers(x)  # (batch, n_classes)


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
    names = my_resnet.state_dict().keys()
    values = pretrained_resnet.state_dict().values()
    my_resnet.load_state_dict(dict(zip(names, values, strict=True)))
    return my_resnet


def predict(
    model: nn.Module, images: Float[Tensor, "batch rgb height width"]
) -> tuple[Float[Tensor, " batch"], Int[Tensor, " batch"]]:
    """The most probable class of each image, and its probability.

    Probabilities are the softmax of the model's logits, (batch, classes). The model works in evaluation mode, or the
    answer for an image would depend on its neighbours, and no gradient is recorded.

    Returns:
        (probabilities, classes), two tensors of shape (batch,). The classes alone are accepted too.
    """
    model.eval()
    with torch.no_grad():
        probabilities = model(images).softmax(dim=-1)  # (batch, classes)
    best, classes = probabilities.max(dim=-1)  # (batch,), (batch,)
    return best, classes


def hook_check_for_nan_output(module: nn.Module, input: tuple[Tensor, ...], output: Tensor) -> None:
    """Raise if a module's output has a NaN in it. This is the form of a forward hook, which runs after every forward.

    Registered with every module, it tells where a NaN came up first. Infinities pass. It returns None, so that the
    output stays as it is.

    Raises:
        ValueError: an element of output is NaN.
    """
    if output.isnan().any():
        raise ValueError(f"NaN in the output of {module}")


def add_hook(module: nn.Module) -> None:
    """Register hook_check_for_nan_output as a forward hook of this module; model.apply(add_hook) visits all inside it.

    >>> layer = Linear(1, 1)
    >>> add_hook(layer); len(layer._forward_hooks)
    1
    """
    module.register_forward_hook(hook_check_for_nan_output)


def remove_hooks(module: nn.Module) -> None:
    """Remove all hooks of this module, whoever registered them: forward, forward-pre and backward ones.

    They live in its dicts `_forward_hooks`, `_forward_pre_hooks` and `_backward_hooks`. model.apply(remove_hooks)
    visits all modules; a hook left behind would go on working, unseen.
    """
    module._forward_hooks.clear()
    module._forward_pre_hooks.clear()
    module._backward_hooks.clear()


class NanModule(nn.Module):
    """Returns NaN everywhere, to see the hooks at work."""

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """A new tensor of NaN, with shape and dtype of x."""
        return torch.full_like(x, torch.nan)


def freeze_all_but_head(model: nn.Module, n_classes: int) -> nn.Module:
    """Prepare a trained network for another task: keep what it has learned, replace its last layer, train that alone.

    The last module of `model.out_layers` is a linear layer with `weight` (classes, features). A new Linear from as many
    features to n_classes, with a bias, takes its place. Every other parameter is frozen: requires_grad is False. Batch
    norms are frozen only in evaluation mode, as no gradient moves their running averages: all modules but the new one
    are put into it.

    Returns:
        model itself.
    """
    model.requires_grad_(False)
    model.eval()
    features = model.out_layers[-1].weight.shape[1]
    model.out_layers[-1] = Linear(features, n_classes)
    return model
