"""The checkpoint of `tensors`: softmax regression, the smallest thing that learns, from the section's functions alone.

The evidence is the weights. The images that they are tried on never reach the worker.
"""

import numpy as np
import torch

from graders.engine import Criterion, as_array, checkpoint, edit
from graders.engine.authoring.datasets import Digits, digits

STEPS, RATE = 200, 1.0


def data(seed):
    """Digits as rows of 64 pixels and a one for the bias; the unseen ones are kept."""
    seen, unseen = digits(seed)
    return {"images": with_one(seen), "labels": seen.labels}, unseen


def with_one(found: Digits):
    """The images as rows of pixels, (n, 65), of which the last is always 1."""
    rows = found.images.reshape(-1, 64).astype(np.float64)
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def score(evidence, unseen):
    """The accuracy of the trained weights on unseen digits."""
    logits = with_one(unseen) @ as_array(evidence, "weights", 65, 10)
    return [Criterion("accuracy on unseen digits", (logits.argmax(1) == unseen.labels).mean(), at_least=0.90)]


@checkpoint(data=data, score=score, steps=2 * STEPS)
def learns_by_softmax_regression(solution, images, labels):
    """Ten rows of weights learn to read handwritten digits by your functions alone. einsum_mm makes the logits,
    batched_softmax the probabilities, and their difference from the truth is the gradient of your cross-entropy.
    """
    weights = np.zeros((65, 10))
    true = torch.from_numpy(labels)
    truth = np.eye(10)[labels]  # (batch, 10), one in the column of the label
    for _ in range(STEPS):
        logits = torch.from_numpy(solution.einsum_mm(images, weights))  # (batch, 10)
        gradient = solution.batched_softmax(logits).numpy() - truth  # of each example's loss by its logits
        weights = weights - RATE * solution.einsum_mm(images.T, gradient) / len(images)
        yield "loss", float(solution.batched_cross_entropy_loss(logits, true).mean())
        yield "accuracy", float(solution.classifier_accuracy(logits, true))
    return {"weights": weights}


learns_by_softmax_regression.mistake(
    "batched_softmax",
    "The exponentials are divided by the sums of the columns.",
    edit("weights / weights.sum(dim=1, keepdim=True)", "weights / weights.sum(dim=0, keepdim=True)"),
)
learns_by_softmax_regression.mistake(
    "batched_softmax",
    "The exponentials are not divided by anything.",
    edit("weights / weights.sum(dim=1, keepdim=True)", "weights"),
)
