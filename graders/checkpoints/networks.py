"""The checkpoint of `networks`: a small residual network, put together from the learner's layers.

The evidence is what it says of images whose labels the worker does not have, of all at once and one by one.
"""

import numpy as np
import torch

from graders.engine import Criterion, as_array, checkpoint, edit
from graders.engine.authoring.datasets import digits

EPOCHS, BATCH, RATE, ALONE = 5, 32, 3e-3, 50


def data(seed):
    """Digits as (n, 1, 8, 8) tensors; the labels of the unseen ones are kept."""
    seen, unseen = digits(seed)
    given = {
        "images": torch.from_numpy(seen.images[:, None]),
        "labels": torch.from_numpy(seen.labels),
        "unseen": torch.from_numpy(unseen.images[:, None]),
    }
    return given, unseen.labels


def score(evidence, labels):
    """Accuracy on the unseen digits, and whether an image's answer depends on its neighbours."""
    together = as_array(evidence, "together", len(labels), 10)
    alone = as_array(evidence, "alone", ALONE, 10)
    return [
        Criterion("accuracy on unseen digits", (together.argmax(1) == labels).mean(), at_least=0.95),
        Criterion("change of a logit in a batch of one", np.abs(together[:ALONE] - alone).max(), at_most=1e-3),
    ]


@checkpoint(data=data, score=score, steps=EPOCHS)
def a_residual_network_reads_digits(solution, images, labels, unseen):
    """A residual network of three of your blocks learns to read handwritten digits. Then it has to give the same
    answers for one image at a time, as a network in evaluation mode does.
    """
    model = solution.Sequential(
        solution.Conv2d(1, 16, kernel_size=3, padding=1),
        solution.BatchNorm2d(16),
        solution.ReLU(),
        solution.ResidualBlock(16, 16),
        solution.ResidualBlock(16, 32, first_stride=2),
        solution.ResidualBlock(32, 32),
        solution.AveragePool(),
        solution.Linear(32, 10),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    for epoch in range(EPOCHS):
        model.train()
        optimizer.param_groups[0]["lr"] = RATE * (1 - epoch / EPOCHS)  # smaller steps let it settle
        losses = []
        for batch in torch.randperm(len(images)).split(BATCH):
            loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield "loss", float(np.mean(losses))
    model.eval()
    with torch.no_grad():
        alone = torch.cat([model(image) for image in unseen[:ALONE].split(1)])
        return {"together": model(unseen), "alone": alone}


a_residual_network_reads_digits.mistake(
    "BatchNorm2d",
    "It takes mean and variance from the batch in evaluation too.",
    edit("if self.training:", "if True:"),
)
a_residual_network_reads_digits.mistake(
    "BatchNorm2d",
    "The running averages stay where they began, so evaluation normalises by the wrong numbers.",
    edit("self.running_mean += self.momentum *", "self.running_mean += 0 *"),
    edit("self.running_var += self.momentum *", "self.running_var += 0 *"),
)
a_residual_network_reads_digits.mistake(
    "AveragePool",
    "It averages over the channels and one axis of the image.",
    edit("dim=(2, 3)", "dim=(1, 2, 3)"),
)
