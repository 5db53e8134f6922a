"""Representations: what a network's activations say, how to push them, and how they hold more than they have room for.

An activation is a vector, and much of what a network knows lies along directions in the space of such vectors. You
begin by reading directions (probes, principal components) and by writing them (steering). Then you train toy models
that squeeze many features into few dimensions: superposition. At last you take the superposition apart again, with
sparse autoencoders: plain, gated, and with jumps. Sizes, parameters and a training loop lie in exercises/given/toys.py.

A direction is often right in several ways: with the other sign, at another length, in another order. Each text says
which freedom you have. Where it says nothing, there is none.
"""

# %% Setup
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import relu

from exercises.given.toys import THETA_INIT, Dictionary, Toy, ToyModelConfig, ToySAEConfig

Acts, Masks, Labels = Float[Tensor, "batch seq d"], Int[Tensor, "batch seq"], Int[Tensor, "n"]
ByName = dict[str, Tensor]  # tensors by the name of a data set
NEWTON_STEPS = 20  # more than are needed to find the minimum of a convex function
Features, Share, Scalar = Float[Tensor, "batch inst feats"], Float[Tensor, "window inst d_sae"], Float[Tensor, ""]
Explained = tuple[dict[str, Tensor], Scalar, Float[Tensor, "batch inst d_sae"], Float[Tensor, "batch inst d_in"]]


# %% From sequences to vectors
# A batch of texts has activations of shape (batch, seq, d). Texts differ in length, so short ones are padded, before or
# after; masks has a 1 for each real token and a 0 for each filler. What stands at fillers is noise.
def first_token_acts(acts: Acts, masks: Masks) -> Float[Tensor, "batch d"]:
    """The activation of each text's first real token. This one is done for you.

    >>> first_token_acts(torch.tensor([[[5.0], [6.0], [7.0]]]), torch.tensor([[0, 1, 1]]))
    tensor([[6.]])
    """
    first = masks.int().argmax(dim=1)  # (batch,), as argmax takes the first of several
    return acts[torch.arange(len(acts)), first]  # (batch, d)


def last_token_acts(acts: Acts, masks: Masks) -> Float[Tensor, "batch d"]:
    """The activation of each text's last real token, be the padding before or after the text.

    Args:
        acts: shape (batch, seq, d).
        masks: int or bool, shape (batch, seq); each text has at least one token.

    >>> last_token_acts(torch.tensor([[[5.0], [6.0], [7.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[6.]])
    """
    last = masks.shape[1] - 1 - masks.int().flip(1).argmax(dim=1)  # (batch,)
    return acts[torch.arange(len(acts)), last]  # (batch, d)


def mean_pool_acts(acts: Acts, masks: Masks) -> Float[Tensor, "batch d"]:
    """The mean activation of each text, over its real tokens. A text without any token has the mean 0.

    >>> mean_pool_acts(torch.tensor([[[5.0], [6.0], [7.0]]]), torch.tensor([[1, 1, 0]]))
    tensor([[5.5000]])
    """
    weights = masks.unsqueeze(-1).to(acts.dtype)  # (batch, seq, 1)
    return (acts * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)  # (batch, d)


# %% Reading directions
def get_pca_components(activations: Float[Tensor, "n d"], k: int = 2) -> Float[Tensor, "d k"]:
    """The k directions along which centred activations vary most, most first: the principal components.

    Subtract the mean of each dimension. The components are the eigenvectors of X^T X with the largest eigenvalues, or,
    what is the same and more accurate, the right singular vectors of X with the largest singular values.

    Args:
        activations: shape (n, d).
        k: at most n - 1 and d.

    Returns:
        Shape (d, k): orthonormal columns. Each may have either sign, and where several vary equally, any basis will do.

    >>> get_pca_components(torch.tensor([[9.0, 1.0], [9.0, 2.0], [9.0, 3.0]]), k=1).abs()
    tensor([[0.],
            [1.]])
    """
    centred = activations - activations.mean(dim=0)  # (n, d)
    _, _, components = torch.linalg.svd(centred)  # (d, d), one in each row
    return components[:k].T  # (d, k)


class MMProbe(nn.Module):
    """The mass-mean probe: its direction leads from the mean of the false statements to the mean of the true ones.

        direction = mean of acts with label 1 - mean of acts with label 0
        p(true) = sigmoid(x · direction), or with iid=True sigmoid(x · Σ⁻¹ direction)

    Σ is the covariance within the classes: each activation is centred by the mean of its own class, and Σ = (sum of
    the outer products of all centred activations) / n. For the inverse take torch.linalg.pinv. Σ⁻¹ turns the direction
    away from where both classes vary a lot.

    Source: Marks and Tegmark (2023), "The Geometry of Truth", section 5.
    """

    def __init__(self, direction: Float[Tensor, "d"], inv: Float[Tensor, "d d"]) -> None:  # given
        """Keeps the direction and Σ⁻¹."""
        super().__init__()
        self.direction, self.inv = nn.Parameter(direction), nn.Parameter(inv)

    @classmethod
    def from_data(cls, acts: Float[Tensor, "n d"], labels: Labels, device: Any = "cpu") -> "MMProbe":
        """Make a probe from activations and their labels, 0 or 1. The direction keeps its length."""
        true, false = acts[labels == 1], acts[labels == 0]
        direction = true.mean(dim=0) - false.mean(dim=0)  # (d,)
        centred = torch.cat([true - true.mean(dim=0), false - false.mean(dim=0)])  # (n, d)
        covariance = centred.T @ centred / len(acts)  # (d, d)
        return cls(direction, torch.linalg.pinv(covariance)).to(device)

    def forward(self, x: Float[Tensor, "... d"], iid: bool = False) -> Float[Tensor, "..."]:
        """The probability that each x is true, shape (...). x is not centred."""
        direction = self.inv @ self.direction if iid else self.direction
        return torch.sigmoid(x @ direction)

    def pred(self, x: Float[Tensor, "... d"], iid: bool = False) -> Float[Tensor, "..."]:
        """1.0 where the probability is above 1/2, else 0.0."""
        return self(x, iid).round()


class LRProbe(nn.Module):
    """A logistic regression on standardised activations, whose direction is one in the space of raw activations.

    Standardise: z = (x - mean) / std for each dimension, over all of acts. Find the w that makes smallest

        Σ_i log(1 + exp(-s_i z_i · w)) + |w|² / (2C)        s_i = 1 for label 1, and -1 for label 0

    which is sklearn's LogisticRegression(C=C) without an intercept; with one is as good, if the labels are balanced.
    As z · w = (x - mean) · (w / std), the direction among raw activations is w / std. Divide by std once only.

    The probe's attribute `direction` is w / std, or that times a positive number.
    """

    def __init__(self, direction: Float[Tensor, "d"], mean: Float[Tensor, "d"]) -> None:  # given
        """Keeps the direction and the mean."""
        super().__init__()
        self.direction, self.mean = direction, mean

    @classmethod
    def from_data(cls, acts: Float[Tensor, "n d"], labels: Labels, C: float = 0.1, device: Any = "cpu") -> "LRProbe":
        """Fit a probe to activations and their labels, 0 or 1. The smaller C, the shorter is w."""
        mean = acts.mean(dim=0)  # (d,)
        std = (acts - mean).square().mean(dim=0).sqrt()  # (d,)
        z, y = ((acts - mean) / std).double(), labels.double()  # (n, d), (n,)
        w = z.new_zeros(z.shape[1])  # (d,)
        for _ in range(NEWTON_STEPS):
            p = torch.sigmoid(z @ w)  # (n,)
            gradient = z.T @ (p - y) + w / C  # (d,)
            curvature = (z.T * (p * (1 - p))) @ z  # (d, d)
            curvature.diagonal().add_(1 / C)
            w = w - torch.linalg.solve(curvature, gradient)
        return cls(w.to(acts.dtype) / std, mean).to(device)

    def pred(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "..."]:
        """1.0 where x lies on the true side, (x - mean) · direction > 0, else 0.0."""
        return ((x - self.mean) @ self.direction > 0).to(x.dtype)


def compute_auroc(score_fn: Callable[[Tensor], Tensor], acts_test: Float[Tensor, "n d"], labels_test: Labels) -> float:
    """The probability that a positive example, drawn at random, scores higher than a negative one. Ties count one half.

    It is the area under the ROC curve: 1 for a perfect score, 1/2 for a useless one, and it needs no threshold.
    score_fn takes acts_test, shape (n, d), and returns a score for each, shape (n,). Labels are 0 and 1; both occur.

    >>> compute_auroc(lambda acts: acts[:, 0], torch.tensor([[1.0], [2.0], [2.0]]), torch.tensor([0, 0, 1]))
    0.75
    """
    scores = score_fn(acts_test)  # (n,)
    positive, negative = scores[labels_test == 1][:, None], scores[labels_test == 0]
    return ((positive > negative).float() + 0.5 * (positive == negative).float()).mean().item()


def compute_generalization_matrix(
    train_acts: ByName,
    train_labels: ByName,
    test_acts: ByName,
    test_labels: ByName,
    dataset_names: Sequence[str],
    probe_cls: Any,
) -> Float[Tensor, "train test"]:
    """Train a probe on each data set, and test it on every other. A direction that means something carries over.

    Args:
        dataset_names: which data sets, in the order of rows and columns; the dicts have their tensors by these names.
        probe_cls: a class with probe = probe_cls.from_data(acts, labels), and probe.pred(acts), shape (m,).

    Returns:
        Entry [i, j] is the accuracy, from 0 to 1, of a probe that was trained on data set i and is tested on j.
    """
    matrix = torch.empty(len(dataset_names), len(dataset_names))
    for row, trained in enumerate(dataset_names):
        probe = probe_cls.from_data(train_acts[trained], train_labels[trained])
        for column, tested in enumerate(dataset_names):
            matrix[row, column] = (probe.pred(test_acts[tested]) == test_labels[tested]).float().mean()
    return matrix


# %% Writing directions
# module.register_forward_hook(hook) has hook(module, inputs, output) called whenever the module has been run. What it
# returns takes the place of the output; None leaves the output as it is, changes in place included. It returns a handle
# with handle.remove(). A hook that is left behind goes on steering, and spoils every later experiment.
def make_intervention_hook(
    direction: Float[Tensor, "d"], scale: float, positions: Sequence[int]
) -> Callable[[Any, Any, Any], Any]:
    """Make a forward hook that adds scale · direction to the hidden states at some positions, in all of the batch.

    Args:
        direction: added at its own length: it is not normalised.
        positions: places along seq; negative ones count from the end.

    Returns:
        A hook(module, inputs, output). The output is a tensor of hidden states, shape (batch, seq, d), or a tuple that
        begins with one. It is changed in place, or comes back anew in the same form; what else is in the tuple stays.

    Source: Marks and Tegmark (2023), "The Geometry of Truth", section 6.
    """

    def hook(module: Any, inputs: Any, output: Any) -> None:
        hidden = output if isinstance(output, Tensor) else output[0]  # (batch, seq, d)
        hidden[:, positions] += scale * direction  # in place: nothing has to be returned

    return hook


class DeceptionSteeringHook:
    """Steers one layer of a model while it is enabled.

        hidden ← hidden + steering_coef · steering_vector / |steering_vector|

    so that steering_coef says how far, whatever the length of the vector. Hidden states are what model.layers[layer]
    returns, or the first entry of the tuple that it returns; shape (batch, seq, d).
    """

    def __init__(
        self, steering_vector: Float[Tensor, "d"], layer: int, steering_coef: float, apply_to_all_tokens: bool = True
    ) -> None:  # given
        """If not apply_to_all_tokens, only the last token is steered."""
        self.steering_vector, self.layer, self.steering_coef = steering_vector, layer, steering_coef
        self.apply_to_all_tokens, self.handle = apply_to_all_tokens, None

    def enable(self, model: Any) -> None:
        """Hang a hook on model.layers[self.layer], and keep the handle."""
        step = self.steering_coef * self.steering_vector / self.steering_vector.norm()  # (d,)
        places = slice(None) if self.apply_to_all_tokens else slice(-1, None)

        def hook(module: Any, inputs: Any, output: Any) -> None:
            hidden = output if isinstance(output, Tensor) else output[0]  # (batch, seq, d)
            hidden[:, places] += step

        self.handle = model.layers[self.layer].register_forward_hook(hook)

    def disable(self) -> None:
        """Take the hook away: the model is as it was."""
        self.handle.remove()


def head_causal_effects(
    z: Float[Tensor, "batch heads d_head"],
    z_mean: Float[Tensor, "heads d_head"],
    resid: Float[Tensor, "batch d"],
    W_O: Float[Tensor, "heads d_head d"],
    W_U: Float[Tensor, "d vocab"],
    answers: Int[Tensor, "batch"],
) -> Float[Tensor, "heads"]:
    """How much each attention head, by itself, brings the right answer back into prompts that hide the task.

    In place of its output z[b, h] a head is given z_mean[h], its mean over good prompts. It writes z W_O into the
    stream, so that resid[b] changes by the difference of the two writings; what else is in resid stays, the other heads
    included. The effect of a head is the mean over prompts of

        log p(answer) with the head replaced - log p(answer) as it was        p = softmax(resid W_U)

    Args:
        z: outputs of the heads at the last token of each corrupted prompt, before W_O.
        resid: the final residual stream there, which the heads have written to already.
        answers: the right token of each prompt.

    Source: Todd et al. (2023), "Function Vectors in Large Language Models", equations 3 and 4, with log probabilities.
    """
    change = torch.einsum("bhi,hid->bhd", z_mean - z, W_O)  # (batch, head, d)
    before = (resid @ W_U).log_softmax(dim=-1)  # (batch, vocab)
    after = ((resid.unsqueeze(1) + change) @ W_U).log_softmax(dim=-1)  # (batch, head, vocab)
    prompts = torch.arange(len(z))
    return (after[prompts, :, answers] - before[prompts, answers].unsqueeze(1)).mean(dim=0)  # (heads,)


# %% Superposition
# A toy model squeezes n_features numbers into d_hidden ones and takes them out again. If features are seldom there, it
# can keep more of them than it has dimensions: they interfere, but seldom meet. Shapes have an axis `inst`: instances
# are separate models, with their own W, b_final, feature_probability and importance.
class ToyModel(Toy):
    """Compress features to a few dimensions, and recover them by the same weights: superposition in its simplest form.

    Its attributes, from Toy: cfg (n_inst, n_features, d_hidden), W (inst, d_hidden, feats), and b_final,
    feature_probability and importance (inst, feats).

    Source: Elhage et al. (2022), "Toy Models of Superposition", section 2.
    """

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        """For each instance, ReLU(Wᵀ W x + b_final). The bias comes before the ReLU, and nothing else is nonlinear."""
        hidden = torch.einsum("...if,ihf->...ih", features, self.W)
        return relu(torch.einsum("...ih,ihf->...if", hidden, self.W) + self.b_final)

    def generate_batch(self, batch_size: int) -> Features:
        """Draw features. Each is there with its feature_probability, independently of all others; then it is uniformly
        distributed between 0 and 1. Otherwise it is 0.
        """
        presence, magnitude = torch.rand(2, batch_size, self.cfg.n_inst, self.cfg.n_features)
        return torch.where(presence < self.feature_probability, magnitude, 0.0)

    def calculate_loss(self, out: Features, batch: Features) -> Scalar:
        """Squared errors, times their feature's importance: the mean over batch and features, summed over instances."""
        return (self.importance * (out - batch).square()).mean(dim=(0, 2)).sum()


# Features may also come in pairs. `self` is a toy model; there all features of an instance i have the same probability,
# p = self.feature_probability[i, 0]. The number of instances is self.cfg.n_inst.
def generate_correlated_features(self: Toy, batch_size: int, n_correlated_pairs: int) -> Features:
    """Draw pairs of features that come together: with probability p both features of a pair are there, else both are 0.

    Features 2k and 2k + 1 are pair k. How large they are is drawn for each by itself, uniformly between 0 and 1. Pairs
    have nothing to do with each other.
    """
    presence = torch.rand(batch_size, self.cfg.n_inst, n_correlated_pairs).repeat_interleave(2, dim=-1)
    return torch.where(presence < self.feature_probability[:, :1], torch.rand_like(presence), 0.0)


def generate_anticorrelated_features(self: Toy, batch_size: int, n_anticorrelated_pairs: int) -> Features:
    """Draw pairs of features that never meet: each is there with probability p, at most 1/2, but never both of a pair.

    Features 2k and 2k + 1 are pair k. How large one is that is there is drawn uniformly between 0 and 1. Beware: if the
    second is to have probability p, and may come only where the first is not, then there it comes with p / (1 - p).
    """
    p = self.feature_probability[:, :1]
    place = torch.rand(batch_size, self.cfg.n_inst, n_anticorrelated_pairs) / p
    which = place.floor()  # (batch, inst, pairs): 0 for the first feature, 1 for the second, more for none
    presence = torch.stack([which == 0, which == 1], dim=-1).flatten(-2)  # (batch, inst, 2 pairs)
    return torch.where(presence, torch.rand(presence.shape), 0.0)


class NeuronComputationModel(Toy):
    """A toy model that computes something: the absolute value of each feature, with neurons and two matrices.

    Source: Elhage et al. (2022), "Toy Models of Superposition", section "Computation in Superposition".
    """

    def __init__(self, cfg: ToyModelConfig, *settings: Any, **named: Any) -> None:  # given
        """W1 (inst, d_hidden, feats) and W2 (inst, feats, d_hidden) take the place of W."""
        super().__init__(cfg, *settings, **named)
        del self.W
        self.W1 = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(cfg.n_inst, cfg.d_hidden, cfg.n_features)))
        self.W2 = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(cfg.n_inst, cfg.n_features, cfg.d_hidden)))

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        """For each instance, ReLU(W2 ReLU(W1 x) + b_final)."""
        neurons = relu(torch.einsum("...if,ihf->...ih", features, self.W1))
        return relu(torch.einsum("...ih,ifh->...if", neurons, self.W2) + self.b_final)

    def generate_batch(self, batch_size: int) -> Features:
        """As in ToyModel, but a feature that is there is uniformly distributed between -1 and 1."""
        presence, magnitude = torch.rand(2, batch_size, self.cfg.n_inst, self.cfg.n_features)
        return torch.where(presence < self.feature_probability, 2 * magnitude - 1, 0.0)

    def calculate_loss(self, out: Features, batch: Features) -> Scalar:
        """As in ToyModel, but out is to be the absolute value of the batch."""
        return (self.importance * (out - batch.abs()).square()).mean(dim=(0, 2)).sum()


def compute_dimensionality(W: Float[Tensor, "inst d_hidden feats"]) -> Float[Tensor, "inst feats"]:
    """Which share of a dimension each feature has for itself.

        D_f = |W_f|² / Σ_g (Ŵ_f · W_g)²        W_f: column f,  Ŵ_f: the same at length one,  g: all features, f too

    A feature alone on its axis has 1, two that share an axis in opposite directions 1/2 each, five in a pentagon 2/5.
    Instances are separate. A feature that is not represented at all, W_f = 0, has 0.

    >>> compute_dimensionality(torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 3.0]]]))
    tensor([[0.5000, 0.5000, 1.0000]])

    Source: Elhage et al. (2022), "Toy Models of Superposition", section "Feature Dimensionality".
    """
    overlaps = (W.mT @ W).square().sum(dim=-1)  # (inst, feats)
    lengths = W.square().sum(dim=1)  # (inst, feats), squared
    return lengths.square() / torch.where(overlaps > 0, overlaps, 1.0)


# %% Sparse autoencoders
# A hidden activation h is a sum of few features out of many. A sparse autoencoder has to say which: it writes h as a
# few of its d_sae latents, and each row of its decoder is to become the direction of one feature.
class ToySAE(Dictionary):
    """A sparse autoencoder with one layer of latents, for the hidden activations of a toy model.

    Its attributes, from Dictionary: cfg, model, W_enc (inst, d_in, d_sae), W_dec (inst, d_sae, d_in), which is W_enc
    transposed if cfg.tied_weights, b_enc (inst, d_sae) and b_dec (inst, d_in).

    Source: Bricken et al. (2023), "Towards Monosemanticity", section "Sparse Autoencoder Setup".
    """

    @property
    def W_dec_normalized(self) -> Float[Tensor, "inst d_sae d_in"]:  # noqa: N802
        """W_dec with each row, which belongs to one latent, divided by (its length + cfg.weight_normalize_eps)."""
        return self.W_dec / (self.W_dec.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps)

    def generate_batch(self, batch_size: int) -> Float[Tensor, "batch inst d_in"]:
        """Hidden activations of the model: W x for each x of self.model.generate_batch(batch_size), by self.model.W."""
        return torch.einsum("bif,ihf->bih", self.model.generate_batch(batch_size), self.model.W)

    def forward(self, h: Float[Tensor, "batch inst d_in"]) -> Explained:
        """Write h as a sum of a few directions.

            acts = ReLU((h - b_dec) W_enc + b_enc)            ĥ = acts W_dec_normalized + b_dec
            L_reconstruction = mean over d_in of (ĥ - h)²     L_sparsity = Σ of acts over the latents

        Returns:
            A dict of the two terms by these names, shape (batch, inst) each; the loss; acts; ĥ. The loss is
            L_reconstruction + cfg.sparsity_coeff · L_sparsity, its mean over the batch, summed over instances.
        """
        acts = relu(torch.einsum("bid,ids->bis", h - self.b_dec, self.W_enc) + self.b_enc)
        reconstructed = torch.einsum("bis,isd->bid", acts, self.W_dec_normalized) + self.b_dec
        terms = {"L_reconstruction": (reconstructed - h).square().mean(dim=-1), "L_sparsity": acts.sum(dim=-1)}
        loss = (terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"]).mean(dim=0).sum()
        return terms, loss, acts, reconstructed


# A latent that never fires gets no gradient, and stays dead. So now and then dead ones are made anew. `self` is a
# ToySAE. Change the numbers of its parameters (.data), not the parameters: an optimizer knows these.
def resample_simple(self: Dictionary, frac_active_in_window: Share, resample_scale: float) -> None:
    """Give each dead latent a random direction v of length 1, all directions equally probable, and a fresh start.

        row of W_dec ← v        column of W_enc ← resample_scale · v        b_enc ← 0

    Args:
        frac_active_in_window: in each of the last steps, the share of the batch for which a latent was active. It is
            dead if that is 0 in all of them. Latents that live are left alone.
    """
    dead = (frac_active_in_window == 0).all(dim=0)  # (inst, d_sae)
    drawn = torch.randn(int(dead.sum()), self.cfg.d_in)
    v = drawn / drawn.norm(dim=-1, keepdim=True)  # (dead, d_in)
    self.W_dec.data[dead] = v
    self.W_enc.data.mT[dead] = resample_scale * v
    self.b_enc.data[dead] = 0.0


def resample_advanced(self: Dictionary, frac_active_in_window: Share, resample_scale: float, batch_size: int) -> None:
    """Point dead latents at what is explained badly so far.

    Take h = self.generate_batch(batch_size) and its L_reconstruction, self(h)[0]["L_reconstruction"], shape (batch,
    inst). In each instance, draw for each dead latent an activation of the batch, with a probability proportional to
    its loss, or to the square of that: both are in use. With v = (h - b_dec) at length 1:

        row of W_dec ← v        column of W_enc ← v · resample_scale · (mean length of the columns of living latents)
        b_enc ← 0

    Args:
        frac_active_in_window, resample_scale: as for resample_simple. If no latent of an instance lives, the mean
            length counts as 1.
        batch_size: how many activations to choose from. An instance whose losses are all 0 is left alone.

    Source: Bricken et al. (2023), "Towards Monosemanticity", appendix "Neuron Resampling".
    """
    h = self.generate_batch(batch_size)  # (batch, inst, d_in)
    losses = self(h)[0]["L_reconstruction"].detach()  # (batch, inst)
    for inst, dead in enumerate((frac_active_in_window == 0).all(dim=0)):  # (d_sae,)
        if not dead.any() or losses[:, inst].max() == 0:
            continue
        chosen = losses[:, inst].square().multinomial(int(dead.sum()), replacement=True)  # (dead,)
        wanted = h[chosen, inst] - self.b_dec.data[inst]  # (dead, d_in)
        v = wanted / wanted.norm(dim=-1, keepdim=True)
        length = self.W_enc.data[inst][:, ~dead].norm(dim=0).mean() if not dead.all() else 1.0
        self.W_dec.data[inst, dead] = v
        self.W_enc.data[inst][:, dead] = (v * length * resample_scale).T  # (d_in, dead)
        self.b_enc.data[inst, dead] = 0.0


class GatedToySAE(ToySAE):
    """An autoencoder that asks twice: is the latent there (the gate), and how much of it (the magnitude)?

    An L1 penalty shrinks what it punishes. Here it only punishes the gates, so magnitudes come out at full size.

    Source: Rajamanoharan et al. (2024), "Improving Dictionary Learning with Gated Sparse Autoencoders", section 3.
    """

    def __init__(self, cfg: ToySAEConfig, model: nn.Module) -> None:  # given
        """W_gate and b_gate stand in the place of W_enc and b_enc; r_mag and b_mag have the shape of b_gate."""
        super().__init__(cfg, model)
        self.W_gate, self.b_gate = self.W_enc, self.b_enc
        self.r_mag, self.b_mag = (nn.Parameter(torch.zeros(cfg.n_inst, cfg.d_sae)) for _ in range(2))

    def forward(self, h: Float[Tensor, "batch inst d_in"]) -> Explained:
        """Write h as a sum of directions that are switched on or off.

            gate = (h - b_dec) W_gate + b_gate        W_mag = W_gate, the column of each latent times exp(r_mag)
            magnitude = ReLU((h - b_dec) W_mag + b_mag)
            acts = magnitude where gate > 0, else 0;  ĥ = acts W_dec_normalized + b_dec
            via_gate = ReLU(gate) W_dec_normalized + b_dec, in which W_dec and this b_dec get no gradient (.detach())

            L_reconstruction = mean over d_in of (ĥ - h)²        L_sparsity = Σ over latents of ReLU(gate)
            L_aux = Σ over d_in of (via_gate - h)²; the mean is as good

        W_dec with rows of length 1 is as good without normalising: the grader's have it.
        Returns the same as ToySAE; the loss is L_reconstruction + cfg.sparsity_coeff · L_sparsity + L_aux.
        """
        gate = torch.einsum("bid,ids->bis", h - self.b_dec, self.W_gate) + self.b_gate
        w_mag = self.W_gate * self.r_mag.exp().unsqueeze(1)  # (inst, d_in, d_sae)
        magnitude = relu(torch.einsum("bid,ids->bis", h - self.b_dec, w_mag) + self.b_mag)
        acts = torch.where(gate > 0, magnitude, 0.0)
        decoder = self.W_dec_normalized
        reconstructed = torch.einsum("bis,isd->bid", acts, decoder) + self.b_dec
        via_gate = torch.einsum("bis,isd->bid", relu(gate), decoder.detach()) + self.b_dec.detach()
        terms = {
            "L_reconstruction": (reconstructed - h).square().mean(dim=-1),
            "L_sparsity": relu(gate).sum(dim=-1),
            "L_aux": (via_gate - h).square().sum(dim=-1),
        }
        loss = terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"] + terms["L_aux"]
        return terms, loss.mean(dim=0).sum(), acts, reconstructed


# A jump has no slope that a threshold could learn from: moved a little, it changes nothing, except for numbers right at
# the jump. A straight-through estimator pretends that numbers nearby are at the jump. See torch.autograd.Function.
def rectangle(x: Float[Tensor, "..."], width: float = 1.0) -> Float[Tensor, "..."]:
    """The kernel: 1 where |x| < width / 2, else 0, as floats, in the shape of x."""
    return (x.abs() < width / 2).to(x.dtype)


class Heaviside(torch.autograd.Function):
    """H(z) = 1 where z > θ, else 0; with a pretended gradient for the threshold θ.

        dH/dz = 0        dH/dθ = -rectangle((z - θ) / ε) / ε

    Source: Rajamanoharan et al. (2024), "Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse
    Autoencoders", equation 12.
    """

    @staticmethod
    def forward(ctx: Any, z: Float[Tensor, "batch ..."], theta: Float[Tensor, "..."], eps: float) -> Tensor:
        """1.0 or 0.0 in the shape of z. Keep in ctx what backward needs."""
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return (z > theta).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, grad_output: Float[Tensor, "batch ..."]) -> tuple[Tensor | None, Tensor, None]:
        """The gradients of z (zeros, or None), of theta (summed over the batch, to its shape) and of eps (None)."""
        z, theta = ctx.saved_tensors
        slope = -rectangle((z - theta) / ctx.eps) / ctx.eps
        return None, (slope * grad_output).sum(dim=0), None


class JumpReLU(torch.autograd.Function):
    """J(z) = z where z > θ, else 0; with a pretended gradient for the threshold θ.

        dJ/dz = 1 where z > θ, else 0        dJ/dθ = -θ rectangle((z - θ) / ε) / ε

    Source: Rajamanoharan et al. (2024), "Jumping Ahead", equations 5 and 11.
    """

    @staticmethod
    def forward(ctx: Any, z: Float[Tensor, "batch ..."], theta: Float[Tensor, "..."], eps: float) -> Tensor:
        """J in the shape of z. Keep in ctx what backward needs."""
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return torch.where(z > theta, z, 0.0)

    @staticmethod
    def backward(ctx: Any, grad_output: Float[Tensor, "batch ..."]) -> tuple[Tensor, Tensor, None]:
        """The gradients of z, of theta (summed over the batch, to its shape) and of eps (None)."""
        z, theta = ctx.saved_tensors
        slope = -theta * rectangle((z - theta) / ctx.eps) / ctx.eps
        return torch.where(z > theta, grad_output, 0.0), (slope * grad_output).sum(dim=0), None


class JumpReLUToySAE(ToySAE):
    """An autoencoder whose latents have thresholds, and whose penalty counts active latents instead of adding them up.

    Source: Rajamanoharan et al. (2024), "Jumping Ahead", section 3.
    """

    def __init__(self, cfg: ToySAEConfig, model: nn.Module) -> None:  # given
        """log_theta has the shape of b_enc: a threshold is exp(log_theta), and so always positive."""
        super().__init__(cfg, model)
        self.log_theta = nn.Parameter(torch.full((cfg.n_inst, cfg.d_sae), THETA_INIT).log())

    def forward(self, h: Float[Tensor, "batch inst d_in"]) -> Explained:
        """Write h as a sum of directions that are above their thresholds. Use your JumpReLU and Heaviside.

            z = (h - b_dec) W_enc + b_enc                       θ = exp(log_theta)        ε = cfg.ste_epsilon
            acts = JumpReLU(z, θ, ε)                            ĥ = acts W_dec_normalized + b_dec
            L_reconstruction = mean over d_in of (ĥ - h)²       L_sparsity = Σ over latents of Heaviside(z, θ, ε)

        W_dec with rows of length 1 is as good without normalising: the grader's have it.
        Returns the same as ToySAE. The loss gives log_theta a gradient, through both terms. z may
        go through a ReLU: thresholds are positive, so that changes nothing.
        """
        z = torch.einsum("bid,ids->bis", h - self.b_dec, self.W_enc) + self.b_enc
        theta, eps = self.log_theta.exp(), self.cfg.ste_epsilon
        acts = JumpReLU.apply(z, theta, eps)
        reconstructed = torch.einsum("bis,isd->bid", acts, self.W_dec_normalized) + self.b_dec
        counts = Heaviside.apply(z, theta, eps).sum(dim=-1)
        terms = {"L_reconstruction": (reconstructed - h).square().mean(dim=-1), "L_sparsity": counts}
        loss = (terms["L_reconstruction"] + self.cfg.sparsity_coeff * counts).mean(dim=0).sum()
        return terms, loss, acts, reconstructed


# %% Looking at latents
# In a language model, latents have a value at each token: acts of shape (batch, seq, d_sae). What makes a latent fire?
# One looks at the tokens where it fires most, with some text around. What does it do? One steers by it, or removes it.
def get_k_largest_indices(
    x: Float[Tensor, "batch seq"], k: int, buffer: int = 0, no_overlap: bool = True
) -> Int[Tensor, "k 2"]:
    """The places (row, column) of the k largest numbers of x, largest first, that have enough text around them.

    The first and the last `buffer` columns are no candidates. With no_overlap, a place is passed over if one before it
    lies in the same row at a distance of at most buffer: their texts would show the same centre. All numbers of x
    differ, and there are k such places.

    >>> get_k_largest_indices(torch.tensor([[9.0, 3.0, 7.0, 6.0, 1.0, 8.0]]), k=2, buffer=1).tolist()
    [[0, 2], [0, 4]]
    """
    width = x.shape[1] - 2 * buffer
    order = x[:, buffer : buffer + width].flatten().argsort(descending=True)
    found: list[tuple[int, int]] = []
    for place in order.tolist():
        row, column = place // width, place % width + buffer
        near = any(row == r and abs(column - c) <= buffer for r, c in found)
        if len(found) < k and not (no_overlap and near):
            found.append((row, column))
    return torch.tensor(found)


def index_with_buffer(
    x: Float[Tensor, "batch seq"], indices: Int[Tensor, "k 2"], buffer: int | None = None
) -> Float[Tensor, "k *window"]:
    """What stands in x at some places (row, column), each with `buffer` neighbours on either side, or None.

    Returns:
        Shape (k,) if buffer is None, otherwise (k, 2 buffer + 1). At an end of a row the window is moved inside, so
        that it is as long as any; it does not reach into the next row or round to the other end. Rows are long enough.

    >>> index_with_buffer(torch.tensor([[5, 6, 7, 8]]), torch.tensor([[0, 3]]), buffer=1)
    tensor([[6, 7, 8]])
    """
    rows, columns = indices.unbind(dim=1)  # (k,) each
    if buffer is None:
        return x[rows, columns]
    centres = columns.clamp(buffer, x.shape[1] - 1 - buffer)  # (k,)
    return x[rows[:, None], centres[:, None] + torch.arange(-buffer, buffer + 1)]  # (k, window)


def steering_hook(activations: Acts, hook: Any, sae: Any, latent_idx: int, steering_coefficient: float) -> Acts:
    """A hook that steers by a latent: adds steering_coefficient times its row of sae.W_dec at all positions.

    sae.W_dec has the shape (d_sae, d). What is in the activations, (batch, seq, d), stays and is added to. `hook` says
    where it is called from, and is not needed. Returns a new tensor or the same one.
    """
    return activations + steering_coefficient * sae.W_dec[latent_idx]


def ablate_sae_latent(sae_acts: Acts, hook: Any, latent_idx: int | None = None, seq_pos: int | None = None) -> Acts:
    """A hook that sets latents to zero: one latent at one position, in all of the batch. None means all of them.

    sae_acts has the shape (batch, seq, d_sae). A latent_idx or seq_pos of 0 is the first one, not None. `hook` says
    where it is called from, and is not needed. Returns a new tensor or the same one.
    """
    latents = slice(None) if latent_idx is None else latent_idx
    sae_acts[:, slice(None) if seq_pos is None else seq_pos, latents] = 0.0
    return sae_acts
