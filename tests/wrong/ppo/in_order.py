# get_minibatch_indices: never shuffles; named: "Divides in order, without shuffling."
import numpy as np


def get_minibatch_indices(rng, batch_size, minibatch_size):
    assert batch_size % minibatch_size == 0
    return [np.arange(start, start + minibatch_size) for start in range(0, batch_size, minibatch_size)]
