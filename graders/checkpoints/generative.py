"""The checkpoint of `generative`: the learner's VAE draws digits, and the learner's losses and trainer make a GAN.

The evidence is what the networks make: reconstructions of unseen digits, new digits, points of the plane. A classifier
that is trained on the trusted side says whether the new digits look like digits.
"""

import math
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from graders.engine import Criterion, as_array, checkpoint, edit
from graders.engine.authoring.datasets import digits

EPOCHS, BATCH, LATENT, HIDDEN, BETA = 40, 32, 8, 128, 0.1
NEW, SIDE = 500, 8  # digits to be drawn from the prior; rows and columns of the picture
MODES, WIDTH, STEPS, SHOWN_EVERY, POINTS = 8, 0.05, 1000, 50, 1000  # of the ring of normal distributions, and its GAN


def data(seed):
    """Digits as (n, 1, 8, 8) tensors. The unseen ones are to be painted again; a classifier of digits is kept."""
    from sklearn.linear_model import LogisticRegression

    seen, unseen = digits(seed)
    classifier = LogisticRegression(C=5, max_iter=2000).fit(seen.images.reshape(-1, 64), seen.labels)
    given = {"images": torch.from_numpy(seen.images[:, None]), "unseen": torch.from_numpy(unseen.images[:, None])}
    return given, (unseen.images, classifier)


def score(evidence, kept):
    """How well images are painted again, how far the clouds are from the prior, what is drawn, which modes are hit."""
    unseen, classifier = kept
    error = np.square(as_array(evidence, "repainted", len(unseen), 1, 8, 8)[:, 0] - unseen).mean()
    mu, logsigma = (as_array(evidence, name, len(unseen), LATENT) for name in ("mu", "logsigma"))
    kl = ((mu**2 + np.exp(2 * logsigma) - 1) / 2 - logsigma).sum(1).mean()
    certainty = classifier.predict_proba(as_array(evidence, "drawn", NEW, 1, 8, 8).reshape(NEW, 64)).max(1).mean()
    points = as_array(evidence, "points", POINTS, 2)
    angles = np.arange(MODES) * 2 * math.pi / MODES
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    near = np.linalg.norm(points[:, None] - centres, axis=2) < 4 * WIDTH  # (point, mode)
    return [
        Criterion("error of repainted digits, of their variance", error / unseen.var(), at_most=0.30),
        Criterion("divergence from the prior, in nats", kl, at_least=3, at_most=20),
        Criterion("certainty of a classifier about new digits", certainty, at_least=0.70),
        Criterion("modes of the ring that the GAN hits", (near.mean(0) >= 0.02).sum(), at_least=6),
    ]


def picture(evidence):
    """The digits on a grid of latent vectors, side by side."""
    return evidence["grid"].reshape(SIDE, SIDE, 8, 8).swapaxes(1, 2).reshape(8 * SIDE, 8 * SIDE)


def learn_digits(solution, model, images):
    """Trains a VAE, and yields its loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(EPOCHS):
        losses = []
        for batch in torch.randperm(len(images)).split(BATCH):
            repainted, mu, logsigma = model(images[batch])
            loss = solution.elbo_loss(images[batch], repainted, mu, logsigma, BETA)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield "VAE", float(np.mean(losses))


def learn_ring(solution, trainer):
    """Trains a GAN on a ring of normal distributions, and yields the losses of both players."""
    for step in range(STEPS):
        angles = torch.randint(MODES, (128,)) * 2 * math.pi / MODES
        real = torch.stack([angles.cos(), angles.sin()], dim=1) + WIDTH * torch.randn(128, 2)
        fake = trainer.model.netG(torch.randn(128, LATENT))
        of_discriminator = trainer.training_step_discriminator(real, fake.detach())
        of_generator = trainer.training_step_generator(fake)
        if step % SHOWN_EVERY == SHOWN_EVERY - 1:
            yield "discriminator", of_discriminator.item()
            yield "generator", of_generator.item()


def players(solution):
    """A generator and a discriminator of points of the plane, with an optimizer for each."""
    rectifier = solution.LeakyReLU(0.2)
    generator = nn.Sequential(nn.Linear(LATENT, 128), rectifier, nn.Linear(128, 128), rectifier, nn.Linear(128, 2))
    layers = [nn.Linear(2, 128), rectifier, nn.Linear(128, 128), rectifier, nn.Linear(128, 1), nn.Flatten(0)]
    model = SimpleNamespace(netG=generator, netD=nn.Sequential(*layers, solution.Sigmoid()))
    optimizers = [torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.99)) for net in (model.netD, model.netG)]
    trainer = object.__new__(solution.DCGANTrainer)  # without __init__, which in some answers loads images
    vars(trainer).update(model=model, optD=optimizers[0], optG=optimizers[1], step=0)
    trainer.args = SimpleNamespace(clip_grad_norm=None, use_wandb=False)  # what ARENA's answers ask for
    return trainer


@checkpoint(data=data, score=score, steps=EPOCHS + 2 * STEPS // SHOWN_EVERY, picture=picture)
def networks_draw(solution, images, unseen):
    """Your VAE learns handwritten digits, repaints some that it has never seen, and draws new ones. Then a generator
    and a discriminator of points, trained by your DCGANTrainer, have to find a ring of eight clouds.
    """
    model = solution.VAE(LATENT, HIDDEN, img_size=8)
    yield from learn_digits(solution, model, images)
    trainer = players(solution)
    yield from learn_ring(solution, trainer)
    model.eval()
    with torch.no_grad():
        repainted, mu, logsigma = model(unseen)
        dims = tuple(mu.var(dim=0).topk(2).indices.tolist())  # those that say most
        return {
            "repainted": repainted,
            "mu": mu,
            "logsigma": logsigma,
            "drawn": model.decoder(torch.randn(NEW, LATENT)),
            "grid": model.decoder(solution.create_grid_of_latents(model, (-2, 2), SIDE, dims)),
            "points": trainer.model.netG(torch.randn(POINTS, LATENT)),
        }


networks_draw.mistake("elbo_loss", "Ignores the divergence.", edit(" + beta_kl * vae_kl(mu, logsigma)", ""))
networks_draw.mistake("VAE", "Decodes zeros.", edit("self.decoder(z)", "self.decoder(torch.zeros_like(z))"))
networks_draw.mistake(
    "DCGANTrainer",
    "The generator learns to help the discriminator.",
    edit("loss = generator_loss(self.model.netD(img_fake))", "loss = -generator_loss(self.model.netD(img_fake))"),
)
