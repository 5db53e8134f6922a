"""Windows by unfold, sums by torch.einsum and loops, modules named as in torchvision, gradients by torch.autograd.grad."""

import math

import torch
from torch import nn


class ReLU(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x, torch.zeros_like(x))


class Linear(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        reach = 1 / math.sqrt(in_features)
        if bias:
            self.bias = nn.Parameter(torch.zeros(out_features))
            nn.init.uniform_(self.bias, -reach, reach)
        else:
            self.register_parameter("bias", None)
        self.weight = nn.Parameter(nn.init.uniform_(torch.zeros(out_features, in_features), -reach, reach))

    def forward(self, x):
        return nn.functional.linear(x, self.weight, self.bias)


class Flatten(nn.Module):
    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.dims = start_dim, end_dim

    def forward(self, x):
        first, last = (axis + x.ndim if axis < 0 else axis for axis in self.dims)
        for _ in range(last - first):
            shape = list(x.shape)
            shape[first : first + 2] = [shape[first] * shape[first + 1]]
            x = x.contiguous().view(shape)
        return x.clone()


class SimpleMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Flatten(), Linear(784, 100), ReLU(), Linear(100, 10))

    def forward(self, x):
        return self.layers(x)


def evaluate(model, batches):
    before = model.training
    try:
        model.train(False)
        hits = []
        for inputs, labels in batches:
            with torch.no_grad():
                hits += (model(inputs).max(1).indices == labels).tolist()
        return sum(hits) / len(hits)
    finally:
        model.train(before)


def train_epoch(model, batches, lr):
    model.train(True)
    parameters = list(model.parameters())
    losses = []
    for inputs, labels in batches:
        log_probs = model(inputs).log_softmax(-1)
        loss = -log_probs.gather(1, labels[:, None]).mean()
        grads = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, grad in zip(parameters, grads):
            if grad is not None:
                parameter.data.sub_(grad, alpha=lr)
        losses.append(float(loss))
    return losses


def as_strided_trace(mat):
    return torch.as_strided(mat, (mat.shape[0],), (mat.stride()[0] + mat.stride()[1],), mat.storage_offset()).sum()


def as_strided_mv(mat, vec):
    return torch.stack([(row * vec).sum() for row in mat])


def as_strided_mm(matA, matB):
    return torch.stack([as_strided_mv(matA, column) for column in matB.unbind(1)], dim=1)


def conv1d_minimal_simple(x, weights):
    return x.unfold(0, weights.shape[0], 1) @ weights


def conv1d_minimal(x, weights):
    return conv1d(x, weights)


def conv2d_minimal(x, weights):
    return conv2d(x, weights)


def pad1d(x, left, right, pad_value):
    before = torch.full((*x.shape[:2], left), pad_value, dtype=x.dtype)
    after = torch.full((*x.shape[:2], right), pad_value, dtype=x.dtype)
    return torch.cat([before, x, after], dim=2)


def pad2d(x, left, right, top, bottom, pad_value):
    return nn.functional.pad(x, (left, right, top, bottom), value=pad_value)


def conv1d(x, weights, stride=1, padding=0):
    windows = pad1d(x, padding, padding, 0.0).unfold(2, weights.shape[2], stride)
    return torch.einsum("bcok,dck->bdo", windows, weights)


def force_pair(v):
    if isinstance(v, int):
        return v, v
    try:
        height, width = v
    except ValueError:
        raise ValueError("a pair has two numbers") from None
    return height, width


def conv2d(x, weights, stride=1, padding=0):
    (s, z), (p, q) = force_pair(stride), force_pair(padding)
    x = pad2d(x, q, q, p, p, 0.0)
    kernel_height, kernel_width = weights.shape[2:]
    rows = (x.shape[2] - kernel_height) // s + 1
    columns = (x.shape[3] - kernel_width) // z + 1
    out = 0
    for k in range(kernel_height):
        for l in range(kernel_width):
            shifted = x[:, :, k : k + s * (rows - 1) + 1 : s, l : l + z * (columns - 1) + 1 : z]
            out = out + torch.einsum("bchw,dc->bdhw", shifted, weights[:, :, k, l])
    return out


def maxpool2d(x, kernel_size, stride=None, padding=0):
    (height, width), (p, q) = force_pair(kernel_size), force_pair(padding)
    s, z = force_pair(stride or kernel_size)
    windows = pad2d(x, q, q, p, p, float("-inf")).unfold(2, height, s).unfold(3, width, z)
    return windows.flatten(4).max(-1).values


class Conv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.options = {"stride": stride, "padding": padding}
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def forward(self, x):
        return nn.functional.conv2d(x, self.weight, **self.options)


class MaxPool2d(nn.MaxPool2d):
    def __init__(self, kernel_size, stride=None, padding=1):
        super().__init__(kernel_size, stride, padding)


class Sequential(nn.Module):
    def __init__(self, *modules):
        super().__init__()
        for index, module in enumerate(modules):
            self.add_module(str(index), module)

    def __getitem__(self, index):
        return list(self.children())[index]

    def __setitem__(self, index, module):
        setattr(self, list(self._modules)[index], module)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x


class BatchNorm2d(nn.Module):
    def __init__(self, num_features, eps=1e-05, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.long))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.weight = nn.Parameter(torch.ones(num_features))

    def forward(self, x):
        if not self.training:
            return self.normalise(x, self.running_mean, self.running_var)
        var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        n = x.numel() // x.shape[1]
        self.running_mean.lerp_(mean.detach(), self.momentum)
        self.running_var.lerp_(var.detach() * n / (n - 1), self.momentum)
        self.num_batches_tracked.add_(1)
        return self.normalise(x, mean, var)

    def normalise(self, x, mean, var):
        channels_last = (x.movedim(1, -1) - mean) * torch.rsqrt(var + self.eps)
        return (channels_last * self.weight + self.bias).movedim(-1, 1)


class AveragePool(nn.Module):
    def forward(self, x):
        return x.flatten(2).mean(-1)


class ResidualBlock(nn.Module):
    def __init__(self, in_feats, out_feats, first_stride=1):
        super().__init__()
        self.conv1 = Conv2d(in_feats, out_feats, 3, first_stride, 1)
        self.bn1 = nn.BatchNorm2d(out_feats)
        self.conv2 = Conv2d(out_feats, out_feats, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(out_feats)
        self.downsample = None
        if (in_feats, 1) != (out_feats, first_stride):
            self.downsample = nn.Sequential(
                nn.Conv2d(in_feats, out_feats, 1, first_stride, bias=False), nn.BatchNorm2d(out_feats)
            )

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (out + (x if self.downsample is None else self.downsample(x))).relu()


class BlockGroup(nn.Sequential):
    def __init__(self, n_blocks, in_feats, out_feats, first_stride=1):
        super().__init__()
        for number in range(n_blocks):
            block = ResidualBlock(out_feats, out_feats) if number else ResidualBlock(in_feats, out_feats, first_stride)
            self.append(block)


class ResNet34(nn.Module):
    def __init__(
        self,
        n_blocks_per_group=(3, 4, 6, 3),
        out_features_per_group=(64, 128, 256, 512),
        first_strides_per_group=(1, 2, 2, 2),
        n_classes=1000,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels, self.groups = 64, len(n_blocks_per_group)
        for number in range(self.groups):
            features = out_features_per_group[number]
            group = BlockGroup(n_blocks_per_group[number], channels, features, first_strides_per_group[number])
            setattr(self, f"layer{number + 1}", group)
            channels = features
        self.fc = nn.Linear(channels, n_classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for number in range(self.groups):
            x = getattr(self, f"layer{number + 1}")(x)
        return self.fc(x.mean((-2, -1)))


def copy_weights(my_resnet, pretrained_resnet):
    with torch.no_grad():
        for mine, other in zip(my_resnet.state_dict().values(), pretrained_resnet.state_dict().values()):
            mine.copy_(other)
    return my_resnet


def predict(model, images):
    with torch.inference_mode():
        logits = model.train(False)(images)
        classes = logits.argmax(1)
        best = logits.gather(1, classes[:, None])[:, 0]
        return (best - logits.logsumexp(1)).exp(), classes


def hook_check_for_nan_output(module, input, output):
    if (output != output).sum() > 0:
        raise ValueError("NaN")


def add_hook(module):
    def hook(*arguments):
        return hook_check_for_nan_output(*arguments)

    module.register_forward_hook(hook)


def remove_hooks(module):
    for name, value in vars(module).items():
        if name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            while value:
                value.popitem()


class NanModule(nn.Module):
    def forward(self, x):
        return x * float("nan")


def freeze_all_but_head(model, n_classes):
    head = Linear(model.out_layers[-1].weight.size(1), n_classes)
    model.out_layers[-1] = head
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(parameter is own for own in head.parameters())
    for module in model.modules():
        module.training = module is head
    return model
