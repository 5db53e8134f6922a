"""The checkpoint of `optimization`: the learner's optimisers train a network, and three workers train one together.

The evidence is weights. The trusted side tries them on images that the worker has never had, and takes the steps of
the three workers itself, as one.
"""

import numpy as np
import torch

from exercises.given.workers import dist, run_workers
from graders.engine import Criterion, as_array, checkpoint, edit
from graders.engine.authoring.datasets import digits

EPOCHS, BATCH, WORKERS, STEPS = 20, 32, 3, 10
OPTIMIZERS = {"RMSprop": 3e-3, "Adam": 3e-3, "AdamW": 3e-3}  # and their learning rates
RATE, MOMENTUM = 0.1, 0.9  # of the SGD that the workers use


def data(seed):
    """Digits as rows of 64 pixels; the unseen ones are kept, and the weights that one worker alone comes to."""
    seen, unseen = digits(seed)
    given = {"images": torch.from_numpy(seen.images.reshape(-1, 64)), "labels": torch.from_numpy(seen.labels)}
    given["start"] = [parameter.detach() for parameter in network().parameters()]
    return given, (unseen, alone(**given))


def network():
    """A network of 64, 64 and 10 units."""
    return torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))


def gradients(model, images, labels):
    """The gradient of the mean loss of a batch by each parameter."""
    return torch.autograd.grad(torch.nn.functional.cross_entropy(model(images), labels), list(model.parameters()))


def started(start):
    """A network with the given weights."""
    model = network()
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), start, strict=True):
            parameter.copy_(value)
    return model


def flat(tensors):
    """All numbers of some tensors in one axis."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def part(step, rank=None):
    """The examples of a step: those of one worker, or of all."""
    whole = torch.arange(step * WORKERS * BATCH, (step + 1) * WORKERS * BATCH)
    return whole if rank is None else whole[rank * BATCH : (rank + 1) * BATCH]


def alone(images, labels, start):
    """The weights that a single worker comes to with the batches of all three."""
    model = started(start)
    speeds = [torch.zeros_like(value) for value in start]
    for step in range(STEPS):
        chosen = part(step)
        found = gradients(model, images[chosen], labels[chosen])
        with torch.no_grad():
            for parameter, speed, gradient in zip(model.parameters(), speeds, found, strict=True):
                parameter -= RATE * speed.mul_(MOMENTUM).add_(gradient)
    return flat(model.parameters()).numpy()


def score(evidence, kept):
    """Accuracies on the unseen digits, and how far the workers are from one that does everything alone."""
    unseen, expected = kept
    criteria = []
    for name in OPTIMIZERS:
        weights = torch.from_numpy(as_array(evidence, name, len(expected))).float()
        sizes = [value.numel() for value in network().parameters()]
        shapes = [value.shape for value in network().parameters()]
        model = started([piece.view(shape) for piece, shape in zip(weights.split(sizes), shapes, strict=True)])
        logits = model(torch.from_numpy(unseen.images.reshape(-1, 64))).detach().numpy()
        accuracy = (logits.argmax(1) == unseen.labels).mean()
        criteria.append(Criterion(f"accuracy on unseen digits, {name}", accuracy, at_least=0.93))
    apart = np.abs(as_array(evidence, "together", WORKERS, len(expected)) - expected).max()
    return [*criteria, Criterion("three workers, apart from one", apart, at_most=1e-5)]


@checkpoint(data=data, score=score, steps=len(OPTIMIZERS) * EPOCHS + STEPS)
def trains_networks(solution, images, labels, start):
    """Your RMSprop, Adam and AdamW each teach a network to read handwritten digits. Then three workers share the
    batches of a training run with your SGD and all_reduce, and have to end where one worker alone would.
    """
    evidence = {}
    for name, rate in OPTIMIZERS.items():
        model = started(start)
        optimizer = getattr(solution, name)(model.parameters(), lr=rate)
        for _ in range(EPOCHS):
            losses = []
            for batch in torch.randperm(len(images)).split(BATCH):
                loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            yield name, float(np.mean(losses))
        evidence[name] = flat(model.parameters())

    solution.dist = dist
    models = [started(start) for _ in range(WORKERS)]
    optimizers = [solution.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM) for model in models]
    for step in range(STEPS):
        losses = []
        for rank, model in enumerate(models):
            loss = torch.nn.functional.cross_entropy(model(images[part(step, rank)]), labels[part(step, rank)])
            optimizers[rank].zero_grad()
            loss.backward()
            losses.append(loss.item())
        mean = run_workers(
            solution.all_reduce, [flat(p.grad for p in model.parameters()) for model in models], op="mean"
        )
        for model, optimizer, gradient in zip(models, optimizers, mean, strict=True):
            pieces = gradient.split([parameter.numel() for parameter in model.parameters()])
            for parameter, piece in zip(model.parameters(), pieces, strict=True):
                parameter.grad = piece.view_as(parameter)
            optimizer.step()
        yield "three workers", float(np.mean(losses))
    evidence["together"] = torch.stack([flat(model.parameters()) for model in models])
    return evidence


trains_networks.mistake(
    "Adam",
    "Gradients are never reset, so every step follows all the gradients there have been.",
    edit("            param.grad = None", "            param.grad = param.grad"),
)
trains_networks.mistake(
    "all_reduce",
    "The gradients are added up, whatever was asked for.",
    edit("reduce(tensor, rank, world_size, op=op)", "reduce(tensor, rank, world_size)"),
)
trains_networks.mistake(
    "RMSprop",
    "The gradient is divided by the mean of its squares, not by the root.",
    edit("square.sqrt() + self.eps", "square + self.eps"),
)
