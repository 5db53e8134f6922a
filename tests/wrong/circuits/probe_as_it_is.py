# calculate_neuron_output_weights: normalises the neuron only; named: "Does not bring the probe's directions to length 1."
# ruff: noqa: E501
import torch


def calculate_neuron_output_weights(model, probe, layer, neuron):
    w = model.W_out[layer, neuron]
    w = w / w.norm()
    return torch.einsum("d,drc->rc", w, probe)
