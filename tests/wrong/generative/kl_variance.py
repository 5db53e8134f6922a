# vae_kl: takes logsigma for the logarithm of the variance; named: "Takes logsigma for the logarithm of the variance; it is that of the standard deviation."
# ruff: noqa: E501
import torch


def vae_kl(mu, logsigma):
    return (-0.5 * torch.sum(1 + logsigma - mu**2 - logsigma.exp(), dim=1)).mean()
