# project_onto_frequency: takes sums over two waves, not three; named: "Takes the rows of the frequency only, and leaves the constant out."
# ruff: noqa: E501
import torch

fourier_basis = None


def project_onto_direction(batch_vecs, v):
    return torch.einsum("n...,n,m->m...", batch_vecs, v, v)


def fourier_2d_basis_term(i, j):
    return fourier_basis[i][:, None] * fourier_basis[j][None, :]


def project_onto_frequency(batch_vecs, freq):
    out = torch.zeros_like(batch_vecs)
    for i in [2 * freq - 1, 2 * freq]:
        for j in [2 * freq - 1, 2 * freq]:
            out = out + project_onto_direction(batch_vecs, fourier_2d_basis_term(i, j).flatten())
    return out
