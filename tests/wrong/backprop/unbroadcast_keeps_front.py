# unbroadcast: the axes put in front are summed and stay; named: "Sums over axes put in front but keeps them, with size one; the original has no such axes."
# ruff: noqa
import numpy as np


def unbroadcast(broadcasted, original):
    n_new = broadcasted.ndim - original.ndim
    for axis in range(n_new):
        broadcasted = broadcasted.sum(axis=axis, keepdims=True)
    for axis, size in enumerate(original.shape):
        if size == 1:
            broadcasted = broadcasted.sum(axis=axis + n_new, keepdims=True)
    return np.asarray(broadcasted)
