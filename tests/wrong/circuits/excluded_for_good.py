# excl_loss: what is away stays away; named: "Takes frequencies away for good, not one at a time."
import torch

fourier_basis = all_data = test_logits = None  # set from outside


def fourier_2d_basis_term(i, j):
    return torch.outer(fourier_basis[i], fourier_basis[j])


def get_trig_sum_directions(k):
    c, s = 2 * k - 1, 2 * k
    term = fourier_2d_basis_term
    return (term(c, c) - term(s, s)) / 2**0.5, (term(s, c) + term(c, s)) / 2**0.5


def excl_loss(model, key_freqs):
    logits = model(all_data)[:, -1, :-1]
    losses = []
    for freq in key_freqs:
        for direction in get_trig_sum_directions(freq):
            direction = direction.flatten()
            logits = logits - torch.outer(direction, direction @ logits)
        losses.append(test_logits(logits, mode="train").item())
    return losses
