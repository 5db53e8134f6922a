"""A checkpoint for the tests of the engine: numbers are halved until they are small."""

import numpy as np

from graders.engine import Criterion, as_array, checkpoint, edit

STEPS = 6


def data(seed):
    """The numbers to start from, and where they end."""
    start = np.random.default_rng(seed).integers(1, 9, (2, 3)).astype(float)
    return {"start": start}, start / 2**STEPS


def score(evidence, end):
    """How far they are from where they should be."""
    return [
        Criterion("distance from the end", np.abs(as_array(evidence, "numbers", 2, 3) - end).max(), at_most=1e-9),
        Criterion("sum of the rows", as_array(evidence, "sums", 2).min(), at_least=0, at_most=1),
    ]


@checkpoint(data=data, score=score, steps=STEPS, picture=lambda evidence: evidence["numbers"])
def numbers_shrink(solution, start):
    """Six times your halve makes numbers small, and your row_sums adds up what is left."""
    numbers = start
    for _ in range(STEPS):
        numbers = solution.halve(numbers)
        yield "largest", float(np.max(numbers))
    return {"numbers": numbers, "sums": solution.row_sums(numbers)}


numbers_shrink.mistake("halve", "Takes a quarter.", edit("x / 2", "x / 4"))
numbers_shrink.mistake("row_sums", "Counts.", edit("matrix.sum(axis=1)", "0 * matrix.sum(axis=1) + 3"))
