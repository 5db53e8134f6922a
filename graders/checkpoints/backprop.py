"""The checkpoint of `backprop`: a network that learns with nothing but the learner's own engine.

The evidence is the weights. The images that they are tried on never reach the worker.
"""

import numpy as np

from graders.engine import Criterion, as_array, checkpoint, edit
from graders.engine.authoring.datasets import Digits, digits

EPOCHS, BATCH, HIDDEN, RATE = 20, 32, 64, 0.2


def data(seed):
    """Digits as rows of 64 pixels; the unseen ones are kept."""
    seen, unseen = digits(seed)
    return {"images": seen.images.reshape(-1, 64).astype(np.float64), "labels": seen.labels}, unseen


def score(evidence, unseen: Digits):
    """The accuracy of the trained weights on unseen digits."""
    hidden = unseen.images.reshape(-1, 64) @ as_array(evidence, "weight1", HIDDEN, 64).T + as_array(
        evidence, "bias1", HIDDEN
    )
    logits = np.maximum(hidden, 0) @ as_array(evidence, "weight2", 10, HIDDEN).T + as_array(evidence, "bias2", 10)
    return [Criterion("accuracy on unseen digits", (logits.argmax(1) == unseen.labels).mean(), at_least=0.90)]


@checkpoint(data=data, score=score, steps=EPOCHS)
def learns_to_read_digits(solution, images, labels):
    """A network of 64, 64 and 10 units learns to read handwritten digits, with your engine alone: your Tensor records
    what is computed, your backprop finds the gradients, your SGD steps along them.
    """

    class Network(solution.Module):
        def __init__(self):
            super().__init__()
            self.linear1 = solution.Linear(64, HIDDEN)
            self.relu = solution.ReLU()
            self.linear2 = solution.Linear(HIDDEN, 10)

        def forward(self, x):
            return self.linear2(self.relu(self.linear1(x)))

    network = Network()
    optimizer = solution.SGD(network.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        order = np.random.permutation(len(images))
        losses = []
        for batch in np.array_split(order, len(order) // BATCH):
            optimizer.zero_grad()
            logits = network(solution.Tensor(images[batch]))
            loss = solution.cross_entropy(logits, solution.Tensor(labels[batch])).sum() / len(batch)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.array))
        yield "loss", np.mean(losses)
    return {
        "weight1": network.linear1.weight.array,
        "bias1": network.linear1.bias.array,
        "weight2": network.linear2.weight.array,
        "bias2": network.linear2.bias.array,
    }


learns_to_read_digits.mistake(
    "SGD",
    "Gradients are never reset, so every step follows all the gradients there have been.",
    edit("            param.grad = None", "            param.grad = param.grad"),
)
learns_to_read_digits.mistake(
    "matmul2d_back1",
    "The gradient of a layer's weights is left out.",
    edit("x.T @ grad_out", "0 * (x.T @ grad_out)"),
)
