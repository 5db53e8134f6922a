"""A careful beginner's submission: one window, channel or example at a time, slices and sums, its own parts throughout."""

import math
import random

import torch
from torch import Tensor, nn


class ReLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        out = x.clone()
        out[x < 0] = 0
        return out


class Linear(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.bias = None
        bound = 1 / math.sqrt(in_features)
        if bias:
            self.bias = nn.Parameter(torch.tensor([random.uniform(-bound, bound) for _ in range(out_features)]))
        rows = []
        for _ in range(out_features):
            rows.append([random.uniform(-bound, bound) for _ in range(in_features)])
        self.weight = nn.Parameter(torch.tensor(rows))

    def forward(self, x):
        outputs = []
        for o in range(self.out_features):
            output = (x * self.weight[o]).sum(dim=-1)
            if self.bias is not None:
                output = output + self.bias[o]
            outputs.append(output)
        return torch.stack(outputs, dim=-1)


class Flatten(nn.Module):
    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x):
        start, end = self.start_dim, self.end_dim
        if start < 0:
            start += len(x.shape)
        if end < 0:
            end += len(x.shape)
        shape = []
        merged = 1
        for axis in range(len(x.shape)):
            if axis < start or axis > end:
                shape.append(x.shape[axis])
            else:
                merged *= x.shape[axis]
                if axis == end:
                    shape.append(merged)
        return x.reshape(shape)


class SimpleMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList()
        self.layers.append(Flatten())
        self.layers.append(Linear(28 * 28, 100))
        self.layers.append(ReLU())
        self.layers.append(Linear(100, 10))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def evaluate(model, batches):
    modes = {}
    for module in model.modules():
        modes[module] = module.training
    model.eval()
    right = 0
    total = 0
    for inputs, labels in batches:
        with torch.no_grad():
            logits = model(inputs)
        for row, label in zip(logits.tolist(), labels.tolist()):
            if row.index(max(row)) == label:
                right += 1
            total += 1
    for module, training in modes.items():
        module.training = training
    return right / total


def train_epoch(model, batches, lr):
    model.train()
    losses = []
    for inputs, labels in batches:
        for parameter in model.parameters():
            parameter.grad = None
        logits = model(inputs)
        loss = 0
        for i in range(len(labels)):
            shifted = logits[i] - logits[i].max()
            loss = loss + shifted.exp().sum().log() - shifted[labels[i]]
        loss = loss / len(labels)
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.copy_(parameter - lr * parameter.grad)
        losses.append(loss.item())
    return losses


def as_strided_trace(mat):
    total = mat.new_zeros(())
    for i in range(mat.shape[0]):
        total = total + mat[i, i]
    return total


def as_strided_mv(mat, vec):
    out = mat.new_zeros(mat.shape[0])
    for i in range(mat.shape[0]):
        for j in range(mat.shape[1]):
            out[i] += mat[i, j] * vec[j]
    return out


def as_strided_mm(matA, matB):
    out = matA.new_zeros(matA.shape[0], matB.shape[1])
    for i in range(matA.shape[0]):
        for k in range(matB.shape[1]):
            for j in range(matA.shape[1]):
                out[i, k] += matA[i, j] * matB[j, k]
    return out


def conv1d_minimal_simple(x, weights):
    kernel_width = len(weights)
    out = x.new_zeros(len(x) - kernel_width + 1)
    for i in range(len(out)):
        for k in range(kernel_width):
            out[i] += x[i + k] * weights[k]
    return out


def conv1d_minimal(x, weights):
    batch, in_channels, width = x.shape
    out_channels, _, kernel_width = weights.shape
    out = x.new_zeros(batch, out_channels, width - kernel_width + 1)
    for b in range(batch):
        for o in range(out_channels):
            for c in range(in_channels):
                out[b, o] += conv1d_minimal_simple(x[b, c], weights[o, c])
    return out


def conv2d_minimal(x, weights):
    batch, _, height, width = x.shape
    out_channels, _, kernel_height, kernel_width = weights.shape
    out = x.new_zeros(batch, out_channels, height - kernel_height + 1, width - kernel_width + 1)
    for b in range(batch):
        for o in range(out_channels):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    window = x[b, :, i : i + kernel_height, j : j + kernel_width]
                    out[b, o, i, j] = (window * weights[o]).sum()
    return out


def pad1d(x, left, right, pad_value):
    batch, in_channels, width = x.shape
    out = torch.zeros(batch, in_channels, left + width + right, dtype=x.dtype)
    out[:, :] = pad_value
    for i in range(width):
        out[:, :, left + i] = x[:, :, i]
    return out


def pad2d(x, left, right, top, bottom, pad_value):
    batch, in_channels, height, width = x.shape
    out = torch.zeros(batch, in_channels, top + height + bottom, left + width + right, dtype=x.dtype)
    out[:, :] = pad_value
    for i in range(height):
        for j in range(width):
            out[:, :, top + i, left + j] = x[:, :, i, j]
    return out


def conv1d(x, weights, stride=1, padding=0):
    padded = pad1d(x, padding, padding, 0.0)
    out_channels, _, kernel_width = weights.shape
    columns = []
    start = 0
    while start + kernel_width <= padded.shape[2]:
        window = padded[:, :, start : start + kernel_width]
        columns.append(torch.stack([(window * weights[o]).sum(dim=(1, 2)) for o in range(out_channels)], dim=1))
        start += stride
    return torch.stack(columns, dim=2)


def force_pair(v):
    if not isinstance(v, tuple):
        return (v, v)
    if len(v) == 2:
        return v
    raise ValueError("not a number and not a pair: " + str(v))


def conv2d(x, weights, stride=1, padding=0):
    stride_height, stride_width = force_pair(stride)
    pad_height, pad_width = force_pair(padding)
    padded = pad2d(x, pad_width, pad_width, pad_height, pad_height, 0.0)
    height, width = padded.shape[2:]
    out_channels, _, kernel_height, kernel_width = weights.shape
    rows = []
    for top in range(0, height - kernel_height + 1, stride_height):
        row = []
        for left in range(0, width - kernel_width + 1, stride_width):
            window = padded[:, :, top : top + kernel_height, left : left + kernel_width]
            outputs = []
            for o in range(out_channels):
                outputs.append((window * weights[o]).sum(dim=(1, 2, 3)))
            row.append(torch.stack(outputs, dim=1))
        rows.append(torch.stack(row, dim=2))
    return torch.stack(rows, dim=2)


def maxpool2d(x, kernel_size, stride=None, padding=0):
    """Nothing is padded: a window is what of it lies on the image."""
    if stride is None:
        stride = kernel_size
    kernel_height, kernel_width = force_pair(kernel_size)
    stride_height, stride_width = force_pair(stride)
    pad_height, pad_width = force_pair(padding)
    height, width = x.shape[2:]
    rows = []
    for top in range(-pad_height, height + pad_height - kernel_height + 1, stride_height):
        row = []
        for left in range(-pad_width, width + pad_width - kernel_width + 1, stride_width):
            window = x[:, :, max(top, 0) : top + kernel_height, max(left, 0) : left + kernel_width]
            row.append(window.amax(dim=(2, 3)))
        rows.append(torch.stack(row, dim=2))
    return torch.stack(rows, dim=2)


class Conv2d(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0):
        super().__init__()
        self.stride = stride
        self.padding = padding
        bound = 1 / math.sqrt(in_channels * kernel_size * kernel_size)
        numbers = torch.rand(out_channels, in_channels, kernel_size, kernel_size)
        self.weight = nn.Parameter((2 * numbers - 1) * bound)

    def forward(self, x):
        return conv2d(x, self.weight, self.stride, self.padding)


class MaxPool2d(nn.Module):
    def __init__(self, kernel_size, stride=None, padding=1):
        super().__init__()
        self.arguments = (kernel_size, stride, padding)

    def forward(self, x):
        return maxpool2d(x, *self.arguments)


class Sequential(nn.Module):
    def __init__(self, *modules):
        super().__init__()
        self.length = len(modules)
        for i in range(self.length):
            setattr(self, str(i), modules[i])

    def name_of(self, index):
        if index < 0:
            index += self.length
        if not 0 <= index < self.length:
            raise IndexError(index)
        return str(index)

    def __getitem__(self, index):
        return getattr(self, self.name_of(index))

    def __setitem__(self, index, module):
        setattr(self, self.name_of(index), module)

    def forward(self, x):
        for i in range(self.length):
            x = self[i](x)
        return x


class BatchNorm2d(nn.Module):
    def __init__(self, num_features: int, eps: float = 1e-05, momentum: float = 0.1):
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.weight = nn.Parameter(torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        channels = []
        for c in range(x.shape[1]):
            channel = x[:, c]
            if self.training:
                n = channel.numel()
                mean = channel.sum() / n
                squares = ((channel - mean) ** 2).sum()
                var = squares / n
                self.keep_running(c, mean.item(), squares.item() / max(n - 1, 1))
            else:
                mean = self.running_mean[c]
                var = self.running_var[c]
            normalised = (channel - mean) / torch.sqrt(var + self.eps)
            channels.append(normalised * self.weight[c] + self.bias[c])
        if self.training:
            self.num_batches_tracked = self.num_batches_tracked + 1
        return torch.stack(channels, dim=1)

    def keep_running(self, c, mean, var):
        self.running_mean[c] = (1 - self.momentum) * self.running_mean[c] + self.momentum * mean
        self.running_var[c] = (1 - self.momentum) * self.running_var[c] + self.momentum * var


class AveragePool(nn.Module):
    def forward(self, x):
        total = 0
        for i in range(x.shape[2]):
            for j in range(x.shape[3]):
                total = total + x[:, :, i, j]
        return total / (x.shape[2] * x.shape[3])


class ResidualBlock(nn.Module):
    def __init__(self, in_feats: int, out_feats: int, first_stride: int = 1):
        super().__init__()
        self.left = nn.ModuleList()
        self.left.append(Conv2d(in_feats, out_feats, 3, first_stride, 1))
        self.left.append(BatchNorm2d(out_feats))
        self.left.append(ReLU())
        self.left.append(Conv2d(out_feats, out_feats, 3, 1, 1))
        self.left.append(BatchNorm2d(out_feats))
        self.right = nn.ModuleList()
        if in_feats != out_feats or first_stride != 1:
            self.right.append(Conv2d(in_feats, out_feats, 1, first_stride))
            self.right.append(BatchNorm2d(out_feats))

    def forward(self, x):
        left = x
        for layer in self.left:
            left = layer(left)
        right = x
        for layer in self.right:
            right = layer(right)
        return ReLU()(left + right)


class BlockGroup(nn.Module):
    def __init__(self, n_blocks: int, in_feats: int, out_feats: int, first_stride: int = 1):
        super().__init__()
        self.blocks = nn.ModuleList()
        for number in range(n_blocks):
            if number == 0:
                self.blocks.append(ResidualBlock(in_feats, out_feats, first_stride))
            else:
                self.blocks.append(ResidualBlock(out_feats, out_feats))

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class ResNet34(nn.Module):
    def __init__(
        self,
        n_blocks_per_group=(3, 4, 6, 3),
        out_features_per_group=(64, 128, 256, 512),
        first_strides_per_group=(1, 2, 2, 2),
        n_classes=1000,
    ):
        super().__init__()
        self.in_layers = nn.ModuleList([Conv2d(3, 64, 7, 2, 3), BatchNorm2d(64), ReLU(), MaxPool2d(3, 2, 1)])
        self.residual_layers = nn.ModuleList()
        channels = 64
        for i in range(len(n_blocks_per_group)):
            out_features = out_features_per_group[i]
            group = BlockGroup(n_blocks_per_group[i], channels, out_features, first_strides_per_group[i])
            self.residual_layers.append(group)
            channels = out_features
        self.out_layers = nn.ModuleList([AveragePool(), Linear(channels, n_classes)])

    def forward(self, x):
        for layers in (self.in_layers, self.residual_layers, self.out_layers):
            for layer in layers:
                x = layer(x)
        return x


def copy_weights(my_resnet, pretrained_resnet):
    my_names = list(my_resnet.state_dict())
    values = list(pretrained_resnet.state_dict().values())
    copies = {}
    for i in range(len(my_names)):
        copies[my_names[i]] = values[i].clone()
    my_resnet.load_state_dict(copies)
    return my_resnet


def predict(model, images):
    model.eval()
    with torch.no_grad():
        logits = model(images)
    probabilities = []
    classes = []
    for row in logits:
        powers = torch.exp(row - row.max())
        shares = powers / powers.sum()
        best = 0
        for c in range(len(shares)):
            if shares[c] > shares[best]:
                best = c
        probabilities.append(shares[best])
        classes.append(best)
    return torch.stack(probabilities), torch.tensor(classes)


def hook_check_for_nan_output(module, input, output):
    for number in output.flatten().tolist():
        if math.isnan(number):
            raise ValueError("NaN came out of " + type(module).__name__)


def add_hook(module):
    module.register_forward_hook(hook_check_for_nan_output)


def remove_hooks(module):
    for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks):
        for key in list(hooks):
            del hooks[key]


class NanModule(nn.Module):
    def forward(self, x):
        zeros = torch.zeros_like(x)
        return zeros / zeros


def freeze_all_but_head(model, n_classes):
    for module in model.modules():
        module.training = False
    for parameter in model.parameters():
        parameter.requires_grad = False
    old = model.out_layers[-1]
    model.out_layers[-1] = Linear(old.weight.shape[1], n_classes)
    return model
