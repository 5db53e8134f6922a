# maximum_back0: both sides get all of it at ties; named: "At ties each side gets the whole gradient; together they get it twice."
# ruff: noqa
import numpy as np


def unbroadcast(broadcasted, original):
    while broadcasted.ndim > original.ndim:
        broadcasted = broadcasted.sum(axis=0)
    for axis in range(original.ndim):
        if original.shape[axis] == 1:
            broadcasted = broadcasted.sum(axis=axis, keepdims=True)
    return broadcasted


def maximum_back0(grad_out, out, x, y):
    return unbroadcast(np.where(x >= y, grad_out, 0.0), x)
