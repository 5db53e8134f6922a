# permute_back: goes forwards once more; named: "Permutes forwards once more, by axes and not by their inverse."
# ruff: noqa
import numpy as np


def permute_back(grad_out, out, x, axes):
    return np.transpose(grad_out, axes)
