# average_grads: who has no gradient is not counted; named: "Averages over the ranks that have a gradient; the others count too, with zero."
# ruff: noqa
import torch


def average_grads(grads_per_rank):
    n_params = len(grads_per_rank[0])
    result = []
    for i in range(n_params):
        found = [grads[i] for grads in grads_per_rank if grads[i] is not None]
        result.append(torch.stack(found).mean(0) if found else None)
    return result
