# make_fourier_basis: divides all rows by √(p / 2); named: "The constant is divided by the length of the others."
import torch


def make_fourier_basis(p):
    basis = torch.ones(p, p)
    names = ["Const"]
    for i in range(1, p // 2 + 1):
        basis[2 * i - 1] = torch.cos(2 * torch.pi * torch.arange(p) * i / p)
        basis[2 * i] = torch.sin(2 * torch.pi * torch.arange(p) * i / p)
        names += [f"cos {i}", f"sin {i}"]
    return basis / (p / 2) ** 0.5, names
