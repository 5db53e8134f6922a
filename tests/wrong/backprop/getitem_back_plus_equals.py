# getitem_back: places that are read twice get one gradient; named: "Adds with += or assigns: of a place read several times only the last gradient arrives."
# ruff: noqa
import numpy as np


def getitem_back(grad_out, out, x, index):
    grad_x = np.zeros(x.shape)
    grad_x[index] += grad_out
    return grad_x
