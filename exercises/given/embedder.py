"""Sentences as vectors without a download, and answers in boxes, for the section `alignment`."""

import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np


class BagOfWords:
    """Counts words: a sentence's vector has a one for each of its words, at a place that the word's hash says.

    It knows nothing of meaning: "cut" and "remove" are strangers to it. Its vectors are not normalised.

    >>> BagOfWords(dims=8).encode(["so so", ""]).sum(axis=1).tolist()
    [2.0, 0.0]
    """

    def __init__(self, dims: int = 256, scale: float = 1.0) -> None:
        """Every word counts `scale`."""
        self.dims, self.scale = dims, scale

    def encode(self, sentences: str | Sequence[str], **options: Any) -> np.ndarray:
        """Vectors of float64, shape (sentences, dims), or (dims,) for a single one. Options are ignored."""
        if isinstance(sentences, str):
            return self.encode([sentences])[0]
        vectors = np.zeros((len(sentences), self.dims))
        for vector, sentence in zip(vectors, sentences, strict=True):
            for word in re.findall(r"\w+", sentence.lower()):
                vector[zlib.crc32(word.encode()) % self.dims] += self.scale
        return vectors


def extract_boxed_answers(text: str) -> list[str]:
    r"""What stands in the boxes of a text, as it stands there.

    >>> extract_boxed_answers(r"So it is \boxed{ 12 }.")
    [' 12 ']
    """
    return re.findall(r"\\boxed\{([^{}]*)\}", text)
