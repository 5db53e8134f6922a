"""Real data without a download, for the checkpoints: what is trained on, and what stays in the trusted process."""

from typing import NamedTuple

import numpy as np

_UNSEEN = 500  # of the 1797 digits


class Digits(NamedTuple):
    """Handwritten digits, 8 x 8 pixels: images (n, 8, 8) of float32 from 0 to 1, labels (n,) of int64 from 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


def digits(seed: int) -> tuple[Digits, Digits]:
    """Scikit-learn's digits in an order that follows from `seed`: 1297 to train on, and 500 that are kept unseen.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    images = (found.images[order] / 16).astype(np.float32)
    labels = found.target[order].astype(np.int64)
    return Digits(images[_UNSEEN:], labels[_UNSEEN:]), Digits(images[:_UNSEEN], labels[:_UNSEEN])
