"""The checkpoint of `alignment`: a proxy reward is optimised too far, and an over-trained network is calibrated.

The evidence is the learner's curves and temperature. The deciding side lists every answer the toy can give, and so
knows the true curves; it has the labels of the digits that were held out.
"""

import itertools

import numpy as np
import torch

from graders.engine import Criterion, as_array, checkpoint, edit
from graders.engine.authoring.datasets import digits

# An answer is six tokens. Each is worth something, and a shout is worth less than nothing; but the proxy has a bug:
# from the third shout on it takes noise for quality.
LENGTH, SHOUT = 6, 4
PROBS = np.array([0.3, 0.25, 0.2, 0.13, 0.12])
WORTH = np.array([0.0, 1.0, 2.0, 3.0, -3.0])
BONUS = 12.0
SAMPLES, NS = 40_000, tuple(2**power for power in range(10))
FEW, WRONG, VALIDATION, HIDDEN, EPOCHS, RATE = 200, 40, 1000, 128, 3000, 0.5
BINS, SHOWN_EVERY = 10, 200
HEIGHT, WIDTH = 32, 72


def rewards(answers):
    """Proxy and gold of answers, (answer, token)."""
    gold = WORTH[answers].sum(axis=1)
    return gold + BONUS * ((answers == SHOUT).sum(axis=1) - 2).clip(min=0), gold


def truth():
    """Mean proxy and gold of the best of n, of all answers there are; of equal proxies any may be taken."""
    answers = np.array(list(itertools.product(range(len(PROBS)), repeat=LENGTH)))
    proxy, gold = rewards(answers)
    mass = PROBS[answers].prod(axis=1)
    levels, level = np.unique(proxy, return_inverse=True)
    share = np.bincount(level, weights=mass)
    mean_gold = np.bincount(level, weights=mass * gold) / share
    below = np.concatenate([[0.0], share.cumsum()]).clip(max=1.0)
    best = np.array([np.diff(below**n) for n in NS])  # (n, level)
    return best @ levels, best @ mean_gold


def data(seed):
    """Samples of answers with their rewards; digits to over-train on, to fit the temperature on, and held out.

    A fifth of those to over-train on have any labels: whoever learns them by heart is sure of nonsense.
    """
    rng = np.random.default_rng(seed)
    answers = rng.choice(len(PROBS), size=(SAMPLES, LENGTH), p=PROBS)
    proxy, gold = rewards(answers)
    proxy = proxy + rng.permutation(SAMPLES) * 1e-9  # no two are equal
    seen, unseen = digits(seed)
    images, labels = torch.from_numpy(seen.images.reshape(-1, 64)), torch.from_numpy(seen.labels)
    labels[:WRONG] = torch.from_numpy(rng.integers(10, size=WRONG))
    given = {
        "proxy": proxy,
        "gold": gold,
        "images": images[: FEW + VALIDATION],
        "labels": labels[: FEW + VALIDATION],
        "unseen": torch.from_numpy(unseen.images.reshape(-1, 64)),
    }
    return given, unseen.labels


def miscalibration(logits, labels):
    """The expected calibration error of softmax(logits)."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = weights / weights.sum(axis=1, keepdims=True)
    sure, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    bins = np.ceil(sure * BINS)
    return sum(abs((right - sure)[bins == each].sum()) for each in np.unique(bins)) / len(labels)


def score(evidence, labels):
    """The curves against the true ones, and the calibration of digits that were held out."""
    proxy, gold, kls = (as_array(evidence, name, len(NS)) for name in ("proxy", "gold", "kls"))
    true_proxy, true_gold = truth()
    true_kls = np.log(NS) - (np.array(NS) - 1) / NS
    logits = as_array(evidence, "logits", len(labels), 10)
    (temperature,) = as_array(evidence, "temperature", 1)
    before, after = miscalibration(logits, labels), miscalibration(logits / temperature, labels)
    moved = (logits / temperature).argmax(axis=1) != logits.argmax(axis=1)
    return [
        Criterion("proxy: smallest step up", np.diff(proxy).min(), at_least=0.05),
        Criterion("proxy: distance from the true curve", np.abs(proxy - true_proxy).max(), at_most=0.8),
        Criterion("gold: fall after its peak", 1 - gold[-1] / gold.max(), at_least=0.10),
        Criterion("gold: peak, in steps from the true one", abs(gold.argmax() - true_gold.argmax()), at_most=1),
        Criterion("KL: distance from the true ones", np.abs(kls - true_kls).max(), at_most=1e-6),
        Criterion("calibration error after / before", after / before, at_most=0.7),
        Criterion("answers that have changed", moved.sum(), at_most=0),
        Criterion("calibration error, and yours of it", difference_of_errors(evidence), at_most=1e-4),
    ]


def difference_of_errors(evidence):
    """How far the learner's calibration error is from ours, on digits whose labels the worker has."""
    logits, labels = as_array(evidence, "seen", VALIDATION, 10), as_array(evidence, "labels", VALIDATION)
    return abs(float(evidence["ece"]) - miscalibration(logits, labels))


def reward_against_kl(evidence):
    """Rewards, upwards, against the KL from the policy that draws the answers: gold bright, the proxy less so."""
    picture = np.zeros((HEIGHT, WIDTH))
    proxy, gold, kls = (np.asarray(evidence[name], dtype=float) for name in ("proxy", "gold", "kls"))
    across = np.linspace(kls.min(), kls.max(), 4 * WIDTH)
    columns = np.linspace(0, WIDTH - 1, 4 * WIDTH).round().astype(int)
    low, high = min(proxy.min(), gold.min()), max(proxy.max(), gold.max())
    for curve, bright in ((proxy, 0.4), (gold, 1.0)):
        heights = (np.interp(across, kls, curve) - low) / max(high - low, 1e-9)
        picture[((1 - heights) * (HEIGHT - 1)).round().astype(int), columns] = bright
    return picture


@checkpoint(data=data, score=score, steps=2 * len(NS) + EPOCHS // SHOWN_EVERY, picture=reward_against_kl)
def too_much_of_a_good_thing(solution, proxy, gold, images, labels, unseen):
    """Best of n by a proxy reward that has a bug. Your overoptimization_curve shows the proxy rising and rising, while
    what one really wanted has its peak and then falls: the picture is both against your KL. Then a network that has
    learned 200 digits by heart, a fifth of them with wrong labels, is far too sure of itself: your fit_temperature
    makes it honest on digits that it has never seen, and no answer changes.
    """
    evidence = {}
    curves = solution.overoptimization_curve(proxy, gold, list(NS))
    for name, curve in zip(("proxy", "gold"), curves, strict=True):
        evidence[name] = np.asarray(curve, dtype=float)
        for value in evidence[name]:
            yield name, float(value)
    evidence["kls"] = np.array([float(solution.best_of_n_kl(n)) for n in NS])
    first = (torch.randn(64, HIDDEN) / 8).requires_grad_()
    second = (torch.randn(HIDDEN, 10) / HIDDEN**0.5).requires_grad_()
    for epoch in range(1, EPOCHS + 1):
        out = (images[:FEW] @ first).relu() @ second
        loss = torch.nn.functional.cross_entropy(out, labels[:FEW])
        steps = torch.autograd.grad(loss, (first, second))
        with torch.no_grad():
            first -= RATE * steps[0]
            second -= RATE * steps[1]
        if epoch % SHOWN_EVERY == 0:
            yield "loss", loss.item()
    with torch.no_grad():
        held, evidence["logits"] = ((x @ first).relu() @ second for x in (images[FEW:], unseen))
    evidence["temperature"] = np.array([float(solution.fit_temperature(held, labels[FEW:]))])
    evidence["seen"], evidence["labels"] = held, labels[FEW:]
    probs = held.double().softmax(dim=1).numpy()
    evidence["ece"] = float(solution.expected_calibration_error(probs, labels[FEW:].numpy(), BINS))
    return evidence


too_much_of_a_good_thing.mistake(
    "overoptimization_curve",
    "It takes the best by gold, which nobody can see when choosing.",
    edit("np.argsort(proxy)]", "np.argsort(gold)]"),
)
too_much_of_a_good_thing.mistake(
    "overoptimization_curve",
    "It averages over the n best of all samples.",
    edit("np.exp(log_sets - (logs[count] - logs[n] - logs[count - n]))", "(i > count - n) / n"),
)
too_much_of_a_good_thing.mistake("fit_temperature", "It returns 1/T.", edit("2 / (low + high)", "(low + high) / 2"))
too_much_of_a_good_thing.mistake(
    "fit_temperature",
    "It fits to what the model says, not to the labels.",
    edit("labels[:, None]", "logits.argmax(dim=1)[:, None]"),
)
