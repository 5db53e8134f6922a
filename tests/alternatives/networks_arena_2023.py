# %%
"""A submission in the shape of ARENA's edition of 2023/24: predict returns classes alone, layers are named in words."""

import os
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional, Union

import einops
import numpy as np
import torch as t
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from jaxtyping import Float, Int
from torch import Tensor
from torchvision import datasets, models, transforms
from tqdm.notebook import tqdm

chapter = "chapter0_fundamentals"
exercises_dir = Path(f"{os.getcwd().split(chapter)[0]}/{chapter}/exercises").resolve()
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part2_cnns.tests as tests
from plotly_utils import line

MAIN = __name__ == "__main__"
device = t.device("cuda" if t.cuda.is_available() else "cpu")


# %%
class ReLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return t.maximum(x, t.tensor([0.0]))


if MAIN:
    tests.test_relu(ReLU)


class Linear(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias=True):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        scale = 1 / np.sqrt(in_features)
        weight = scale * (2 * t.rand(out_features, in_features) - 1)
        self.weight = nn.Parameter(weight)
        if bias:
            self.bias = nn.Parameter(scale * (2 * t.rand(out_features) - 1))
        else:
            self.bias = None

    def forward(self, x: Tensor) -> Tensor:
        x = einops.einsum(x, self.weight, "... i, o i -> ... o")
        if self.bias is not None:
            x += self.bias
        return x

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


class Flatten(nn.Module):
    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: t.Tensor) -> t.Tensor:
        shape = input.shape
        start = self.start_dim if self.start_dim >= 0 else self.start_dim + len(shape)
        end = self.end_dim if self.end_dim >= 0 else len(shape) + self.end_dim
        middle = t.prod(t.tensor(shape[start : end + 1])).item()
        return t.reshape(input, tuple(shape[:start]) + (middle,) + tuple(shape[end + 1 :]))


class SimpleMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = Flatten()
        self.linear1 = Linear(in_features=28 * 28, out_features=100)
        self.relu = ReLU()
        self.linear2 = Linear(in_features=100, out_features=10)

    def forward(self, x: t.Tensor) -> t.Tensor:
        return self.linear2(self.relu(self.linear1(self.flatten(x))))


# %%
@dataclass
class SimpleMLPTrainingArgs:
    batch_size: int = 64
    epochs: int = 3
    learning_rate: float = 1e-3


def evaluate(model, batches):
    training = model.training
    model.eval()
    num_correct, num_total = 0, 0
    with t.inference_mode():
        for img, label in batches:
            predictions = t.argmax(model(img.to(device)), dim=1)
            num_correct += int((predictions == label.to(device)).sum())
            num_total += len(img)
    if training:
        model.train()
    return num_correct / num_total


def train_epoch(model, batches, lr):
    loss_list = []
    optimizer = t.optim.SGD(model.parameters(), lr=lr)
    model.train()
    for imgs, labels in tqdm(batches) if MAIN else batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(imgs.to(device)), labels.to(device))
        loss.backward()
        optimizer.step()
        loss_list.append(loss.item())
    return loss_list


# %%
def as_strided_trace(mat: Float[Tensor, "i j"]) -> Float[Tensor, ""]:
    stride = mat.stride()
    assert len(stride) == 2, f"matrix should have size 2"
    assert mat.size(0) == mat.size(1), "matrix should be square"
    return mat.as_strided((mat.size(0),), (stride[0] + stride[1],)).sum()


def as_strided_mv(mat: Float[Tensor, "i j"], vec: Float[Tensor, "j"]) -> Float[Tensor, "i"]:
    sizeM, strideM = mat.shape, mat.stride()
    strideV = vec.stride()
    vec_expanded = vec.as_strided(sizeM, (0, strideV[0]))
    return (mat * vec_expanded).sum(dim=1)


def as_strided_mm(matA: Float[Tensor, "i j"], matB: Float[Tensor, "j k"]) -> Float[Tensor, "i k"]:
    assert matA.shape[1] == matB.shape[0]
    dim0, dim1, dim2 = matA.shape[0], matA.shape[1], matB.shape[1]
    expandedA = matA.as_strided((dim0, dim1, dim2), (matA.stride(0), matA.stride(1), 0))
    expandedB = matB.as_strided((dim0, dim1, dim2), (0, matB.stride(0), matB.stride(1)))
    return (expandedA * expandedB).sum(dim=1)


def conv1d_minimal_simple(x: Float[Tensor, "w"], weights: Float[Tensor, "kw"]) -> Float[Tensor, "ow"]:
    w, kw = x.size(0), weights.size(0)
    s = x.stride(0)
    return einops.einsum(x.as_strided(size=(w - kw + 1, kw), stride=(s, s)), weights, "ow kw, kw -> ow")


def conv1d_minimal(x, weights):
    b, ic, w = x.shape
    oc, ic2, kw = weights.shape
    assert ic == ic2
    sb, sic, sw = x.stride()
    x_new = x.as_strided((b, ic, w - kw + 1, kw), (sb, sic, sw, sw))
    return einops.einsum(x_new, weights, "b ic ow kw, oc ic kw -> b oc ow")


def conv2d_minimal(x, weights):
    b, ic, h, w = x.shape
    oc, ic2, kh, kw = weights.shape
    sb, sic, sh, sw = x.stride()
    x_new = x.as_strided((b, ic, h - kh + 1, w - kw + 1, kh, kw), (sb, sic, sh, sw, sh, sw))
    return einops.einsum(x_new, weights, "b ic oh ow kh kw, oc ic kh kw -> b oc oh ow")


def pad1d(x: t.Tensor, left: int, right: int, pad_value: float) -> t.Tensor:
    B, C, W = x.shape
    output = x.new_full(size=(B, C, left + W + right), fill_value=pad_value)
    output[..., left : left + W] = x
    return output


def pad2d(x: t.Tensor, left: int, right: int, top: int, bottom: int, pad_value: float) -> t.Tensor:
    B, C, H, W = x.shape
    output = x.new_full(size=(B, C, top + H + bottom, left + W + right), fill_value=pad_value)
    output[..., top : top + H, left : left + W] = x
    return output


def conv1d(x, weights, stride: int = 1, padding: int = 0):
    x_padded = pad1d(x, left=padding, right=padding, pad_value=0)
    b, ic, w = x_padded.shape
    oc, _, kw = weights.shape
    ow = 1 + (w - kw) // stride
    sb, sic, sw = x_padded.stride()
    return einops.einsum(
        x_padded.as_strided((b, ic, ow, kw), (sb, sic, sw * stride, sw)), weights, "b ic ow kw, oc ic kw -> b oc ow"
    )


IntOrPair = Union[int, tuple[int, int]]
Pair = tuple[int, int]


def force_pair(v: IntOrPair) -> Pair:
    """Convert v to a pair of int, if it isn't already."""
    if isinstance(v, tuple):
        if len(v) != 2:
            raise ValueError(v)
        return (int(v[0]), int(v[1]))
    elif isinstance(v, int):
        return (v, v)
    raise ValueError(v)


def conv2d(x, weights, stride: IntOrPair = 1, padding: IntOrPair = 0):
    sh, sw = force_pair(stride)
    ph, pw = force_pair(padding)
    x_padded = pad2d(x, left=pw, right=pw, top=ph, bottom=ph, pad_value=0)
    b, ic, h, w = x_padded.shape
    oc, _, kh, kw = weights.shape
    oh, ow = 1 + (h - kh) // sh, 1 + (w - kw) // sw
    s0, s1, s2, s3 = x_padded.stride()
    x_new = x_padded.as_strided((b, ic, oh, ow, kh, kw), (s0, s1, s2 * sh, s3 * sw, s2, s3))
    return einops.einsum(x_new, weights, "b ic oh ow kh kw, oc ic kh kw -> b oc oh ow")


def maxpool2d(x, kernel_size: IntOrPair, stride: Optional[IntOrPair] = None, padding: IntOrPair = 0):
    if stride is None:
        stride = kernel_size
    sh, sw = force_pair(stride)
    ph, pw = force_pair(padding)
    kh, kw = force_pair(kernel_size)
    x_padded = pad2d(x, left=pw, right=pw, top=ph, bottom=ph, pad_value=-t.inf)
    b, ic, h, w = x_padded.shape
    oh, ow = 1 + (h - kh) // sh, 1 + (w - kw) // sw
    s0, s1, s2, s3 = x_padded.stride()
    return t.amax(x_padded.as_strided((b, ic, oh, ow, kh, kw), (s0, s1, s2 * sh, s3 * sw, s2, s3)), dim=(-1, -2))


if MAIN:
    tests.test_maxpool2d(maxpool2d)


# %%
class Conv2d(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        kernel_height = kernel_width = kernel_size
        sf = 1 / np.sqrt(in_channels * kernel_width * kernel_height)
        self.weight = nn.Parameter(sf * (2 * t.rand(out_channels, in_channels, kernel_height, kernel_width) - 1))

    def forward(self, x: Tensor) -> Tensor:
        return t.nn.functional.conv2d(x, self.weight, stride=self.stride, padding=self.padding)

    def extra_repr(self) -> str:
        keys = ["in_channels", "out_channels", "kernel_size", "stride", "padding"]
        return ", ".join([f"{key}={getattr(self, key)}" for key in keys])


class MaxPool2d(nn.Module):
    def __init__(self, kernel_size: int, stride: int | None = None, padding: int = 1):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding)


class Sequential(nn.Module):
    _modules: dict[str, nn.Module]

    def __init__(self, *modules: nn.Module):
        super().__init__()
        for index, mod in enumerate(modules):
            self.add_module(str(index), mod)

    def __getitem__(self, index: int) -> nn.Module:
        index %= len(self._modules)
        return self._modules[str(index)]

    def __setitem__(self, index: int, module: nn.Module) -> None:
        index %= len(self._modules)
        self._modules[str(index)] = module

    def forward(self, x: Tensor) -> Tensor:
        for mod in self._modules.values():
            x = mod(x)
        return x


class BatchNorm2d(nn.Module):
    running_mean: Float[Tensor, "num_features"]
    running_var: Float[Tensor, "num_features"]
    num_batches_tracked: Int[Tensor, ""]

    def __init__(self, num_features: int, eps=1e-05, momentum=0.1):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(t.ones(num_features))
        self.bias = nn.Parameter(t.zeros(num_features))
        self.register_buffer("running_mean", t.zeros(num_features))
        self.register_buffer("running_var", t.ones(num_features))
        self.register_buffer("num_batches_tracked", t.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean = x.mean(dim=(0, 2, 3))
            var = x.var(dim=(0, 2, 3), unbiased=False)
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean.detach()
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * x.var(dim=(0, 2, 3), unbiased=True).detach()
            self.num_batches_tracked += 1
        else:
            mean = self.running_mean
            var = self.running_var
        reshape = lambda x: einops.rearrange(x, "channels -> 1 channels 1 1")
        x_normed = (x - reshape(mean)) / (reshape(var) + self.eps).sqrt()
        return x_normed * reshape(self.weight) + reshape(self.bias)


class AveragePool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return t.mean(x, dim=(2, 3))


class ResidualBlock(nn.Module):
    def __init__(self, in_feats: int, out_feats: int, first_stride=1):
        super().__init__()
        is_shape_preserving = (first_stride == 1) and (in_feats == out_feats)
        self.left = Sequential(
            Conv2d(in_feats, out_feats, kernel_size=3, stride=first_stride, padding=1),
            BatchNorm2d(out_feats),
            ReLU(),
            Conv2d(out_feats, out_feats, kernel_size=3, stride=1, padding=1),
            BatchNorm2d(out_feats),
        )
        self.right = (
            nn.Identity()
            if is_shape_preserving
            else Sequential(
                Conv2d(in_feats, out_feats, kernel_size=1, stride=first_stride),
                BatchNorm2d(out_feats),
            )
        )
        self.relu = ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x_left = self.left(x)
        x_right = self.right(x)
        return self.relu(x_left + x_right)


class BlockGroup(nn.Module):
    def __init__(self, n_blocks: int, in_feats: int, out_feats: int, first_stride=1):
        super().__init__()
        self.blocks = Sequential(
            ResidualBlock(in_feats, out_feats, first_stride),
            *[ResidualBlock(out_feats, out_feats) for _ in range(n_blocks - 1)],
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class ResNet34(nn.Module):
    def __init__(
        self,
        n_blocks_per_group=[3, 4, 6, 3],
        out_features_per_group=[64, 128, 256, 512],
        first_strides_per_group=[1, 2, 2, 2],
        n_classes=1000,
    ):
        super().__init__()
        out_feats0 = 64
        self.n_blocks_per_group = n_blocks_per_group
        self.out_features_per_group = out_features_per_group
        self.first_strides_per_group = first_strides_per_group
        self.n_classes = n_classes
        self.in_layers = Sequential(
            Conv2d(3, out_feats0, kernel_size=7, stride=2, padding=3),
            BatchNorm2d(out_feats0),
            ReLU(),
            MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        residual_layers = []
        for i in range(len(n_blocks_per_group)):
            residual_layers.append(
                BlockGroup(
                    n_blocks=n_blocks_per_group[i],
                    in_feats=[64, *self.out_features_per_group][i],
                    out_feats=self.out_features_per_group[i],
                    first_stride=self.first_strides_per_group[i],
                )
            )
        self.residual_layers = Sequential(*residual_layers)
        self.out_layers = Sequential(AveragePool(), Linear(out_features_per_group[-1], n_classes))

    def forward(self, x: Tensor) -> Tensor:
        post_first_conv_block = self.in_layers(x)
        post_resnet_blocks = self.residual_layers(post_first_conv_block)
        return self.out_layers(post_resnet_blocks)


my_resnet = ResNet34()

if MAIN:
    target_resnet = models.resnet34()
    print(my_resnet, target_resnet)


# %%
def copy_weights(my_resnet: ResNet34, pretrained_resnet: "models.resnet.ResNet") -> ResNet34:
    mydict = my_resnet.state_dict()
    pretraineddict = pretrained_resnet.state_dict()
    assert len(mydict) == len(pretraineddict), "Mismatching state dictionaries."
    state_dict_to_load = {
        mykey: pretrainedvalue
        for (mykey, myvalue), (pretrainedkey, pretrainedvalue) in zip(mydict.items(), pretraineddict.items())
    }
    my_resnet.load_state_dict(state_dict_to_load)
    return my_resnet


@t.inference_mode()
def predict(model, images: t.Tensor) -> t.Tensor:
    model.eval()
    return model(images).argmax(dim=1)


class NanModule(nn.Module):
    def forward(self, x):
        return t.full_like(x, float("nan"))


def hook_check_for_nan_output(module: nn.Module, input: tuple[Tensor], output: Tensor) -> None:
    if t.isnan(output).any():
        raise ValueError(f"NaN output from {module}")


def add_hook(module: nn.Module) -> None:
    module.register_forward_hook(hook_check_for_nan_output)


def remove_hooks(module: nn.Module) -> None:
    module._backward_hooks.clear()
    module._forward_hooks.clear()
    module._forward_pre_hooks.clear()


def freeze_all_but_head(model, n_classes):
    model.eval()
    for param in model.parameters():
        param.requires_grad = False
    model.out_layers[-1] = Linear(model.out_layers[-1].weight.shape[-1], n_classes)
    return model
