# conv_transpose1d_minimal: does not flip the kernel; named: "The kernel is not flipped: a window meets the numbers of a copy from the last to the first."
# ruff: noqa: E501
from torch.nn import functional


def conv_transpose1d_minimal(x, weights):
    k = weights.shape[-1]
    return functional.conv1d(functional.pad(x, (k - 1, k - 1)), weights.permute(1, 0, 2))
