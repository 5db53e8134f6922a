"""The checkpoint of `representations`: the learner's toy model arranges features in a plane, more if they are rare, and
the learner's autoencoder finds the twenty directions from which activations of ten dimensions were made.

The evidence are weights. The deciding side tries the toy models on features of its own, and it alone has the twenty
directions: what the worker is given are activations.
"""

import numpy as np
import torch

from exercises.given.toys import Toy, ToyModelConfig, ToySAEConfig
from graders.engine import Criterion, as_array, checkpoint, edit

FEATS, PROBABILITIES = 5, (1.0, 0.6, 0.4, 0.25, 0.15, 0.05, 0.05, 0.05)  # of the instances; the last three count
STEPS, BATCH, RATE, SHOWN_EVERY = 1500, 256, 1e-2, 50
LATENTS, D_IN, SPARSITY, SAE_STEPS, KEPT = 20, 10, 0.02, 2500, 40_000
RESAMPLED, WINDOW = (500, 1000), 100  # steps at which dead latents are made anew, and how many show that they are dead
SIDE = 48  # dots of a picture of one instance


def data(seed):
    """Activations: sums of rare features along twenty directions, which are kept, and features to try models on."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(LATENTS, D_IN))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    features = rng.random((KEPT, LATENTS)) * (rng.random((KEPT, LATENTS)) < 0.05)
    rare = rng.random((5000, FEATS)) * (rng.random((5000, FEATS)) < PROBABILITIES[-1])
    given = {"activations": torch.tensor(features @ directions, dtype=torch.float32), "seed": seed}
    return given, (directions, rare)


def score(evidence, kept):
    """How long the columns of W are, how well rare features come back, and how near latents are to the directions."""
    directions, rare = kept
    W = as_array(evidence, "W", len(PROBABILITIES), 2, FEATS)  # noqa: N806
    bias = as_array(evidence, "b_final", len(PROBABILITIES), FEATS)
    lost = []
    for weights, b in zip(W[-3:], bias[-3:], strict=True):
        out = np.maximum(rare @ weights.T @ weights + b, 0)
        lost.append(np.square(out - rare).mean() / np.square(rare).mean())
    best = len(PROBABILITIES) - 3 + int(np.argmin(lost))
    decoder = as_array(evidence, "decoder", LATENTS, D_IN)
    decoder = decoder / np.maximum(np.linalg.norm(decoder, axis=1, keepdims=True), 1e-9)
    found = (directions @ decoder.T).max(axis=1)
    return [
        Criterion("norm of the third feature at probability 1", lengths(W[0])[2], at_most=0.6),
        Criterion("norm of the fifth feature at probability 0.05", lengths(W[best])[4], at_least=0.6),
        Criterion("what is lost of them, of their square", min(lost), at_most=0.30),
        Criterion("mean cosine of directions with their latent", found.mean(), at_least=0.93),
        Criterion("share of directions found (cosine >= 0.95)", (found >= 0.95).mean(), at_least=0.65),
    ]


def lengths(weights):
    """The lengths of the columns, the longest first."""
    return np.sort(np.linalg.norm(weights, axis=0))[::-1]


def geometry(evidence):
    """The features of each instance as lines from the centre, in a circle of radius 1: from features that are always
    there, top left, to rare ones, bottom right.
    """
    W = np.asarray(evidence["W"], dtype=float)  # noqa: N806
    across, up = np.meshgrid(np.linspace(-1.3, 1.3, SIDE), np.linspace(1.3, -1.3, SIDE))
    pictures = []
    for weights in W:
        picture = 0.3 * (np.abs(np.hypot(across, up) - 1) < 0.03)
        for x, y in weights.T:
            length = np.hypot(x, y)
            if length > 0.05:
                along = np.clip((across * x + up * y) / length**2, 0, 1)  # of the line's nearest point
                away = np.hypot(across - along * x, up - along * y)
                picture = np.maximum(picture, np.clip(1.6 - away / 0.045, 0, 1))
                picture = np.maximum(picture, np.hypot(across - x, up - y) < 0.1)
        pictures.append(picture)
    return np.concatenate([np.concatenate(pictures[:4], axis=1), np.concatenate(pictures[4:], axis=1)])


class Measured(Toy):
    """A toy model of which nothing is known but its hidden activations: they are its features."""

    def __init__(self, activations):
        super().__init__(ToyModelConfig(1, D_IN, D_IN))
        self.W.data[0], self.activations = torch.eye(D_IN), activations

    def generate_batch(self, batch_size):
        return self.activations[torch.randint(len(self.activations), (batch_size,))].unsqueeze(1)


def loss_of(model, batch):
    """The loss of a toy model, or of an autoencoder, and how often latents are active. Answers of 2023 return five
    things, and normalise their decoder after each step.
    """
    if hasattr(model, "normalize_decoder"):
        model.normalize_decoder()
    out = model(batch)
    if isinstance(out, torch.Tensor):
        return model.calculate_loss(out, batch), None
    return out[-3], (out[-2] > 1e-8).float().mean(dim=0)


def trained(model, steps, name, batches, revive=None):
    """Trains, and yields the loss now and then; the rate falls to zero."""
    optimizer, shares = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=RATE), []
    for step in range(steps):
        if revive and step in RESAMPLED:
            revive(model, torch.stack(shares[-WINDOW:]))
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
        loss, share = loss_of(model, batches(BATCH))
        shares.append(share)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % SHOWN_EVERY == SHOWN_EVERY - 1:
            yield name, loss.item()


@checkpoint(data=data, score=score, steps=(STEPS + SAE_STEPS) // SHOWN_EVERY, picture=geometry)
def features_in_superposition(solution, activations, seed):
    """Your ToyModel learns to keep five features in a plane: two, if they are always there, and all five, if they are
    rare. Then your ToySAE, helped by resample_simple, has to find the 20 directions from which activations of 10
    dimensions were made. The picture shows where the features of each toy model lie.
    """
    torch.manual_seed(seed)
    cfg = ToyModelConfig(len(PROBABILITIES), FEATS, 2)
    probability = torch.tensor(PROBABILITIES)[:, None].repeat(1, FEATS)
    importance = torch.where(probability > 0.1, 0.7, 0.95) ** torch.arange(FEATS)
    toy = solution.ToyModel(cfg, probability, importance)
    yield from trained(toy, STEPS, "toy models", toy.generate_batch)
    measured = Measured(activations)
    settings = ToySAEConfig(1, D_IN, LATENTS, sparsity_coeff=SPARSITY)
    try:
        sae = solution.ToySAE(settings, measured)
    except TypeError:  # an answer of 2023, which knows no model
        sae = solution.ToySAE(settings)
    batches = getattr(sae, "generate_batch", measured.generate_batch)
    resample = solution.resample_simple if hasattr(solution, "resample_simple") else type(sae).resample_simple
    yield from trained(sae, SAE_STEPS, "autoencoder", batches, lambda sae, shares: resample(sae, shares, 0.5))
    return {"W": toy.W.detach(), "b_final": toy.b_final.detach(), "decoder": sae.W_dec.detach()[0]}


features_in_superposition.mistake(
    "ToyModel", "There is no ReLU: interference cannot be taken away.", edit("return relu(", "return (")
)
features_in_superposition.mistake(
    "ToyModel",
    "Presence is inverted: rare features are frequent.",
    edit("presence < self.feature_probability", "presence >= self.feature_probability"),
)
features_in_superposition.mistake(
    "ToySAE", "Latents are not punished at all.", edit("self.cfg.sparsity_coeff * ", "0.0 * ")
)
features_in_superposition.mistake(
    "ToySAE",
    "The decoder is not normalised: it grows while latents shrink.",
    edit("acts, self.W_dec_normalized)", "acts, self.W_dec)"),
)
