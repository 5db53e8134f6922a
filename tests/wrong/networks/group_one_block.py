# BlockGroup: puts one and the same block into the list again and again; named: "Repeats one and the same block; each has weights of its own."
# ruff: noqa: E501
import torch
from torch import nn


class ResidualBlock(nn.Module):
    def __init__(self, in_feats, out_feats, first_stride=1):
        super().__init__()
        self.left = nn.Sequential(
            nn.Conv2d(in_feats, out_feats, 3, first_stride, 1, bias=False),
            nn.BatchNorm2d(out_feats),
            nn.ReLU(),
            nn.Conv2d(out_feats, out_feats, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out_feats),
        )
        self.right = nn.Identity()
        if in_feats != out_feats or first_stride > 1:
            self.right = nn.Sequential(
                nn.Conv2d(in_feats, out_feats, 1, first_stride, bias=False), nn.BatchNorm2d(out_feats)
            )

    def forward(self, x):
        return torch.relu(self.left(x) + self.right(x))


class BlockGroup(nn.Module):
    def __init__(self, n_blocks, in_feats, out_feats, first_stride=1):
        super().__init__()
        same = ResidualBlock(out_feats, out_feats)
        self.blocks = nn.Sequential(ResidualBlock(in_feats, out_feats, first_stride), *[same] * (n_blocks - 1))

    def forward(self, x):
        return self.blocks(x)
