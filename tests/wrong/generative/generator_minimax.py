# generator_loss: that of the game; named: "Minimises log(1 - d_fake): right in the game, but without a gradient where every fake is seen through."
# ruff: noqa: E501
import torch


def generator_loss(d_fake):
    return torch.log(1 - d_fake + 1e-12).mean()
