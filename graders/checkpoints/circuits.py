"""The checkpoint of `circuits`: a small network learns to add modulo p, late, and the learner sees by which waves.

It first knows its examples by heart; weight decay then makes it find a rule for all others. In the end nearly every
neuron is made of one frequency, which the learner's own transforms find. The evidence is the network and what the
learner's functions say of it: the deciding side runs the network itself on sums that it was not trained on, and has
transforms of its own to compare with.
"""

import numpy as np
import torch

from exercises.given.circuits_examples import basis
from graders.engine import Criterion, as_array, checkpoint, edit

P, WIDTH, HIDDEN, STEPS, SHOWN_EVERY = 31, 64, 128, 4000, 100
SEEN = 0.4  # of all pairs
SHOWN = 8  # neurons in the picture
WAVES = basis(P).double().numpy()  # (wave, number)


def data(seed):
    """Pairs of numbers in an order by chance: 40 % to learn from; the others are kept to try the network on."""
    pairs = torch.cartesian_prod(torch.arange(P), torch.arange(P))  # (P², 2)
    order = torch.randperm(P * P, generator=torch.Generator().manual_seed(seed))
    seen, unseen = pairs[order[: int(SEEN * P * P)]], pairs[order[int(SEEN * P * P) :]]
    return {"seen": seen, "unseen": unseen, "seed": seed}, unseen.numpy()


def network(evidence):
    """The embedding, and the activations of the neurons for all x and y, (P, P, HIDDEN)."""
    embedding = as_array(evidence, "embedding", P, WIDTH)
    reads = as_array(evidence, "W_in", WIDTH, HIDDEN), as_array(evidence, "b_in", HIDDEN)
    both = embedding[:, None] + embedding  # (P, P, WIDTH)
    return embedding, np.maximum(both @ reads[0] + reads[1], 0)


def frequencies(neurons):
    """The frequency of each neuron, and its share of the neuron's variance, (HIDDEN,) both."""
    squares = np.einsum("xyn,ix,jy->ijn", neurons - neurons.mean((0, 1)), WAVES, WAVES, optimize=True) ** 2
    parts = []
    for freq in range(1, P // 2 + 1):
        rows = [0, 2 * freq - 1, 2 * freq]
        parts.append(squares[rows][:, rows].sum((0, 1)))  # (HIDDEN,)
    return np.argmax(parts, axis=0) + 1, np.max(parts, axis=0) / np.maximum(squares.sum((0, 1)), 1e-9)


def score(evidence, unseen):
    """How many unseen sums are right, how pure neurons are, and whether what the learner's functions found is there."""
    embedding, neurons = network(evidence)
    logits = neurons @ as_array(evidence, "W_out", HIDDEN, P) + as_array(evidence, "b_out", P)  # (P, P, P)
    right = logits[unseen[:, 0], unseen[:, 1]].argmax(-1) == unseen.sum(1) % P
    _, share = frequencies(neurons)
    off = np.abs(as_array(evidence, "waves", P, WIDTH) - WAVES @ embedding).max()
    return [
        Criterion("accuracy on unseen sums", right.mean(), at_least=0.9),
        Criterion("share of a neuron that is one frequency, on average", share.mean(), at_least=0.6),
        Criterion(
            "largest error of your shares", np.abs(as_array(evidence, "share", HIDDEN) - share).max(), at_most=1e-2
        ),
        Criterion("largest error of your spectrum of the embedding", off, at_most=1e-2),
    ]


def picture(evidence):
    """Neurons as pictures, x down and y across, the strongest of each frequency: waves in x and y."""
    _, neurons = network(evidence)
    (which, _), spread = frequencies(neurons), neurons.std((0, 1))
    strongest = [max(np.flatnonzero(which == freq), key=lambda n: spread[n]) for freq in np.unique(which)]
    strongest = sorted(strongest, key=lambda n: -spread[n])[:SHOWN]
    strongest += [int(spread.argmax())] * (SHOWN - len(strongest))
    tiles = [np.pad(neurons[:, :, n] / max(neurons[:, :, n].max(), 1e-9), 1) for n in strongest]
    return np.concatenate([np.concatenate(tiles[: SHOWN // 2], axis=1), np.concatenate(tiles[SHOWN // 2 :], axis=1)])


@checkpoint(data=data, score=score, picture=picture, steps=2 * STEPS // SHOWN_EVERY)
def a_network_groks(solution, seen, unseen, seed):
    """A network with one hidden layer learns to add modulo 31 from two fifths of all sums. By step 100 it should know
    these by heart, and most others only later; if it never does, look elsewhere for how it works. Your
    make_fourier_basis, fft2d and find_neuron_freqs then show that most neurons are made of a single frequency: before
    training it is less than a fifth of each. The picture has eight neurons, as functions of x and y.
    """
    torch.manual_seed(seed)
    embedding = torch.nn.Parameter(torch.randn(P, WIDTH) / WIDTH**0.5)
    reads, writes = torch.nn.Linear(WIDTH, HIDDEN), torch.nn.Linear(HIDDEN, P)
    weights = [embedding, *reads.parameters(), *writes.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=3e-3, weight_decay=1.0, betas=(0.9, 0.98))
    sums = seen.sum(-1) % P
    for step in range(STEPS):
        logits = writes(reads(embedding[seen].sum(1)).relu())
        loss = torch.nn.functional.cross_entropy(logits, sums)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % SHOWN_EVERY == SHOWN_EVERY - 1:
            with torch.no_grad():
                guesses = writes(reads(embedding[unseen].sum(1)).relu()).argmax(-1)
            yield "sums it has learnt from", (logits.argmax(-1) == sums).float().mean().item()
            yield "sums it has not seen", (guesses == unseen.sum(-1) % P).float().mean().item()
    solution.fourier_basis, solution.p = solution.make_fourier_basis(P)[0], P
    embedding = embedding.detach()
    neurons = reads(embedding[:, None] + embedding).relu().detach()  # (P, P, HIDDEN)
    _, share = solution.find_neuron_freqs(solution.fft2d(neurons - neurons.mean((0, 1))))
    return {
        "embedding": embedding,
        "W_in": reads.weight.detach().T,
        "b_in": reads.bias.detach(),
        "W_out": writes.weight.detach().T,
        "b_out": writes.bias.detach(),
        "waves": solution.fft1d_given_dim(embedding, 0),
        "share": share,
    }


a_network_groks.mistake(
    "make_fourier_basis",
    "Waves go half as often as they should, and are not at right angles.",
    edit("2 * torch.pi * k", "torch.pi * k"),
)
a_network_groks.mistake(
    "make_fourier_basis",
    "Waves are not of length 1.",
    edit("basis / basis.norm(dim=1, keepdim=True)", "basis"),
)
a_network_groks.mistake(
    "find_neuron_freqs",
    "Terms are summed without being squared, and cancel.",
    edit("fourier_neuron_acts.square()", "fourier_neuron_acts"),
)
a_network_groks.mistake(
    "fft1d_given_dim",
    "The transform goes from waves to values.",
    edit("fourier_basis.T)", "fourier_basis)"),
)
