"""Right answers that let libraries work: torch's, einops' and scikit-learn's ready-made parts."""

import numpy as np
import torch
from einops import rearrange, reduce, repeat
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.distributions import Bernoulli, Categorical, Uniform
from torch.nn import functional as F

from exercises.given.toys import THETA_INIT, Dictionary, Toy


def last_token_acts(acts, masks):
    places = torch.arange(masks.shape[1]).mul(masks.long()).amax(1)
    return acts.gather(1, repeat(places, "b -> b 1 d", d=acts.shape[2])).squeeze(1)


def mean_pool_acts(acts, masks):
    return torch.bmm(F.normalize(masks.to(acts.dtype), p=1, dim=1)[:, None], acts)[:, 0]


def get_pca_components(activations, k=2):
    return torch.from_numpy(PCA(k).fit(activations.numpy()).components_.T.copy())


class MMProbe(nn.Module):
    @classmethod
    def from_data(cls, acts, labels, device="cpu"):
        probe = cls()
        means = torch.stack([acts[labels == label].mean(0) for label in (0, 1)])
        probe.direction = means[1] - means[0]
        covariance = torch.cov((acts - means[labels]).T, correction=0)
        probe.both = torch.stack([probe.direction, torch.linalg.inv(covariance) @ probe.direction])
        return probe

    def forward(self, x, iid=False):
        return F.linear(x, self.both[int(iid)][None])[..., 0].sigmoid()

    def pred(self, x, iid=False):
        return self(x, iid).round()


class LRProbe:
    @staticmethod
    def from_data(acts, labels, C=0.1, device="cpu"):
        probe = LRProbe()
        probe.model = make_pipeline(StandardScaler(), LogisticRegression(C=C)).fit(acts.numpy(), labels.numpy())
        scale, fitted = probe.model[0].scale_, probe.model[1]
        probe.direction = F.normalize(torch.from_numpy(fitted.coef_[0] / scale).float(), dim=0)
        return probe

    def pred(self, x):
        return torch.from_numpy(self.model.predict(x.numpy()))


def compute_auroc(score_fn, acts_test, labels_test):
    return roc_auc_score(labels_test, score_fn(acts_test))


def compute_generalization_matrix(train_acts, train_labels, test_acts, test_labels, dataset_names, probe_cls):
    probes = [probe_cls.from_data(train_acts[name], train_labels[name]) for name in dataset_names]
    table = [
        [accuracy_score(test_labels[name], probe.pred(test_acts[name])) for name in dataset_names] for probe in probes
    ]
    return torch.tensor(table)


def make_intervention_hook(direction, scale, positions):
    def hook(module, inputs, output):
        hidden = output if isinstance(output, torch.Tensor) else output[0]
        hidden = hidden.index_add(
            1, torch.tensor(positions) % hidden.shape[1], scale * direction.expand(len(hidden), len(positions), -1)
        )
        return hidden if isinstance(output, torch.Tensor) else type(output)([hidden, *output[1:]])

    return hook


class DeceptionSteeringHook:
    def __init__(self, steering_vector, layer, steering_coef, apply_to_all_tokens=True):
        self.make = make_intervention_hook
        self.step = F.normalize(steering_vector, dim=-1)
        self.layer, self.coef, self.everywhere = layer, steering_coef, apply_to_all_tokens

    def enable(self, model):
        def hook(module, inputs, output):
            places = list(range(inputs[0].shape[1])) if self.everywhere else [-1]
            return self.make(self.step, self.coef, places)(module, inputs, output)

        self.handle = model.layers[self.layer].register_forward_hook(hook)

    def disable(self):
        self.handle.remove()


def head_causal_effects(z, z_mean, resid, W_O, W_U, answers):
    def gold(stream):
        return -F.cross_entropy((stream @ W_U).flatten(0, -2), answers, reduction="none")

    writes, means = torch.einsum("bhi,hid->hbd", z, W_O), torch.einsum("hi,hid->hd", z_mean, W_O)
    return torch.stack([(gold(resid - w + m) - gold(resid)).mean() for w, m in zip(writes, means)])


class ToyModel(Toy):
    def forward(self, features):
        gram = self.W.mT @ self.W
        return ((gram @ features[..., None])[..., 0] + self.b_final).relu()

    def generate_batch(self, batch_size):
        sample = torch.Size([batch_size])
        magnitude = Uniform(torch.zeros_like(self.feature_probability), torch.ones_like(self.feature_probability))
        return Bernoulli(self.feature_probability).sample(sample) * magnitude.sample(sample)

    def calculate_loss(self, out, batch):
        return reduce(self.importance * F.mse_loss(out, batch, reduction="none"), "b i f -> i", "mean").sum()


def generate_correlated_features(self, batch_size, n_correlated_pairs):
    p = self.feature_probability[:, :1].expand(-1, n_correlated_pairs)
    there = Bernoulli(p).sample(torch.Size([batch_size]))
    return rearrange(there * torch.rand(2, *there.shape), "pair b i k -> b i (k pair)")


def generate_anticorrelated_features(self, batch_size, n_anticorrelated_pairs):
    p = self.feature_probability[:, 0]
    cases = Categorical(torch.stack([p, p, 1 - 2 * p], dim=-1)).sample((batch_size, n_anticorrelated_pairs))
    there = F.one_hot(rearrange(cases, "b k i -> b i k"), 3)[..., :2]
    return (there * torch.rand(there.shape)).flatten(2)


class NeuronComputationModel(Toy):
    def __init__(self, cfg, *args, **kwargs):
        super().__init__(cfg, *args, **kwargs)
        del self.W
        self.W1 = nn.Parameter(torch.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features))
        self.W2 = nn.Parameter(torch.randn(cfg.n_inst, cfg.n_features, cfg.d_hidden))

    def forward(self, features):
        neurons = (self.W1 @ features[..., None]).relu()
        return ((self.W2 @ neurons)[..., 0] + self.b_final).relu()

    def generate_batch(self, batch_size):
        batch = torch.empty(batch_size, *self.b_final.shape).uniform_(-1, 1)
        return torch.where(torch.rand_like(batch) < self.feature_probability, batch, torch.tensor(0.0))

    def calculate_loss(self, out, batch):
        return reduce(self.importance * (out - batch.abs()) ** 2, "b i f -> i", "mean").sum()


def compute_dimensionality(W):
    unit = F.normalize(W, dim=1)
    shared = torch.einsum("ihf,ihg->ifg", unit, W).square().sum(-1)
    return (W.square().sum(1) / shared).nan_to_num(0)


class ToySAE(Dictionary):
    @property
    def W_dec_normalized(self):
        return F.normalize(self.W_dec, dim=-1)

    def generate_batch(self, batch_size):
        return torch.einsum("bif,idf->bid", self.model.generate_batch(batch_size), self.model.W)

    def encode(self, h, weights, bias):
        return torch.baddbmm(
            bias[:, None], rearrange(h - self.b_dec, "b i d -> i b d"), weights
        )  # (inst, batch, d_sae)

    def decode(self, acts, decoder, bias):
        return rearrange(torch.baddbmm(bias[:, None], acts, decoder), "i b d -> b i d")

    def out(self, h, acts, sparsity, aux=None):
        back = self.decode(acts, self.W_dec_normalized, self.b_dec)
        terms = {
            "L_reconstruction": F.mse_loss(back, h, reduction="none").mean(-1),
            "L_sparsity": reduce(sparsity, "i b s -> b i", "sum"),
        }
        loss = terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"]
        if aux is not None:
            terms["L_aux"] = aux
            loss = loss + aux
        return terms, reduce(loss, "b i -> i", "mean").sum(), rearrange(acts, "i b s -> b i s"), back

    def forward(self, h):
        acts = self.encode(h, self.W_enc, self.b_enc).relu()
        return self.out(h, acts, acts)


@torch.no_grad()
def resample_simple(self, frac_active_in_window, resample_scale):
    dead = frac_active_in_window.sum(0) == 0
    v = F.normalize(torch.randn(*dead.shape, self.cfg.d_in), dim=-1)
    self.W_dec.copy_(torch.where(dead[..., None], v, self.W_dec))
    self.W_enc.copy_(torch.where(dead[:, None], resample_scale * v.mT, self.W_enc))
    self.b_enc.masked_fill_(dead, 0)


@torch.no_grad()
def resample_advanced(self, frac_active_in_window, resample_scale, batch_size):
    h = self.generate_batch(batch_size)
    losses = self(h)[0]["L_reconstruction"].T  # (inst, batch)
    bad = losses.sum(1) > 0
    chosen = torch.multinomial(losses + (~bad)[:, None], self.cfg.d_sae, replacement=True)  # (inst, d_sae)
    picked = (h - self.b_dec).transpose(0, 1)[torch.arange(len(chosen))[:, None], chosen]
    v = F.normalize(picked, dim=-1)
    dead = (frac_active_in_window == 0).all(0) & bad[:, None]
    alive = (frac_active_in_window > 0).any(0)
    lengths = (self.W_enc.norm(dim=1) * alive).sum(1) / alive.sum(1)
    lengths = lengths.nan_to_num(1.0)[:, None, None]
    self.W_dec.copy_(torch.where(dead[..., None], v, self.W_dec))
    self.W_enc.copy_(torch.where(dead[:, None], resample_scale * lengths * v.mT, self.W_enc))
    self.b_enc.masked_fill_(dead, 0)


class GatedToySAE(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.W_gate, self.b_gate = self.W_enc, self.b_enc
        self.r_mag, self.b_mag = nn.Parameter(self.b_enc.detach() * 0), nn.Parameter(self.b_enc.detach() * 0)

    def forward(self, h):
        gate = self.encode(h, self.W_gate, self.b_gate)
        magnitude = self.encode(h, self.W_gate * self.r_mag.exp()[:, None], self.b_mag).relu()
        via_gate = self.decode(gate.relu(), self.W_dec_normalized.detach(), self.b_dec.detach())
        return self.out(h, magnitude * (gate > 0), gate.relu(), F.mse_loss(via_gate, h, reduction="none").sum(-1))


def rectangle(x, width=1.0):
    return torch.heaviside(width / 2 - x.abs(), torch.zeros(()))


class Heaviside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.save_for_backward(rectangle(z - theta, eps) / eps)
        return torch.heaviside(z - theta, torch.zeros(()))

    @staticmethod
    def backward(ctx, grad_output):
        (kernel,) = ctx.saved_tensors
        return None, reduce(-kernel * grad_output, "b ... -> ...", "sum"), None


class JumpReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        passing = z.gt(theta).to(z)
        ctx.save_for_backward(passing, theta * rectangle(z - theta, eps) / eps)
        return z * passing

    @staticmethod
    def backward(ctx, grad_output):
        passing, kernel = ctx.saved_tensors
        return grad_output * passing, reduce(-kernel * grad_output, "b ... -> ...", "sum"), None


class JumpReLUToySAE(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.log_theta = nn.Parameter(torch.full_like(self.b_enc, np.log(THETA_INIT)))

    def forward(self, h):
        z = self.encode(h, self.W_enc, self.b_enc).relu().transpose(0, 1)
        theta, eps = self.log_theta.exp(), self.cfg.ste_epsilon
        acts, counts = JumpReLU.apply(z, theta, eps), Heaviside.apply(z, theta, eps)
        return self.out(h, acts.transpose(0, 1), counts.transpose(0, 1))


def get_k_largest_indices(x, k, buffer=0, no_overlap=True):
    left = x.clone()
    left[:, :buffer] = left[:, x.shape[1] - buffer :] = -torch.inf
    if not no_overlap:
        return torch.stack(torch.unravel_index(left.flatten().topk(k).indices, x.shape), dim=1)
    found = []
    for _ in range(k):
        row, column = np.unravel_index(int(left.argmax()), x.shape)
        found.append((int(row), int(column)))
        left[row, max(column - buffer, 0) : column + buffer + 1] = -torch.inf
    return torch.tensor(found)


def index_with_buffer(x, indices, buffer=None):
    if buffer is None:
        return x[tuple(indices.T)]
    windows = x.unfold(1, 2 * buffer + 1, 1)  # (batch, start, window)
    starts = (indices[:, 1] - buffer).clamp(0, windows.shape[1] - 1)
    return windows[indices[:, 0], starts]


def steering_hook(activations, hook, sae, latent_idx, steering_coefficient):
    return torch.add(activations, sae.W_dec[latent_idx], alpha=steering_coefficient)


def ablate_sae_latent(sae_acts, hook, latent_idx=None, seq_pos=None):
    batch, seq, d_sae = sae_acts.shape
    rows = torch.ones(seq, dtype=torch.bool) if seq_pos is None else torch.arange(seq) == seq_pos
    columns = torch.ones(d_sae, dtype=torch.bool) if latent_idx is None else torch.arange(d_sae) == latent_idx
    return sae_acts.masked_fill(torch.outer(rows, columns), 0.0)
