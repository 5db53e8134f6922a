# find_neuron_freqs: forgets that frequencies begin with 1; named: "Counts frequencies from 0."
import torch


def find_neuron_freqs(fourier_neuron_acts):
    energy = fourier_neuron_acts.pow(2)
    blocks = []
    for k in range(1, (energy.shape[0] + 1) // 2):
        at = torch.tensor([0, 2 * k - 1, 2 * k])
        blocks.append(energy[at[:, None], at].sum(dim=(0, 1)))
    blocks = torch.stack(blocks)
    return blocks.argmax(0), blocks.amax(0) / energy.sum(dim=(0, 1))
