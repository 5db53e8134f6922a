# %%
"""A submission as people have it who worked through ARENA's chapters on probes, SAEs and superposition: its layout."""

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Literal

import einops
import numpy as np
import torch
import torch as t
import torch.nn as nn
import torch.nn.functional as F
import wandb
from IPython.display import HTML, display
from jaxtyping import Float, Int
from rich import print as rprint
from sae_lens import SAE, HookedSAETransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.distributions.categorical import Categorical
from tqdm.auto import tqdm
from transformer_lens.hook_points import HookPoint

device = t.device("mps" if t.backends.mps.is_available() else "cuda" if t.cuda.is_available() else "cpu")

chapter = "chapter1_transformer_interp"
section = "part54_toy_models_of_superposition_and_saes"
root_dir = next(p for p in Path.cwd().parents if (p / chapter).exists())
exercises_dir = root_dir / chapter / "exercises"
section_dir = exercises_dir / section
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part54_toy_models_of_superposition_and_saes.tests as tests
import part54_toy_models_of_superposition_and_saes.utils as utils
from plotly_utils import imshow, line

MAIN = __name__ == "__main__"


# %% probes
def last_token_acts(acts: Tensor, masks: Tensor) -> Tensor:
    out = []
    for a, m in zip(acts, masks):
        out.append(a[m.bool()][-1])
    return t.stack(out)


def mean_pool_acts(acts: Tensor, masks: Tensor) -> Tensor:
    m = masks.float().unsqueeze(-1)
    return (acts * m).sum(1) / m.sum(1).clamp(min=1e-9)


def get_pca_components(activations: Float[Tensor, "n d"], k: int = 2) -> Float[Tensor, "d k"]:
    X = activations - activations.mean(dim=0, keepdim=True)
    cov = X.T @ X / (X.shape[0] - 1)
    eigenvalues, eigenvectors = t.linalg.eigh(cov)
    sorted_indices = t.argsort(eigenvalues, descending=True)
    return eigenvectors[:, sorted_indices][:, :k]


class MMProbe(t.nn.Module):
    def __init__(self, direction: Tensor, covariance: Tensor | None = None, inv: Tensor | None = None, atol=1e-3):
        super().__init__()
        self.direction = t.nn.Parameter(direction, requires_grad=False)
        if inv is None:
            self.inv = t.nn.Parameter(t.linalg.pinv(covariance, hermitian=True, atol=atol), requires_grad=False)
        else:
            self.inv = t.nn.Parameter(inv, requires_grad=False)

    def forward(self, x: Tensor, iid: bool = False) -> Tensor:
        if iid:
            return t.nn.Sigmoid()(x @ self.inv @ self.direction)
        return t.nn.Sigmoid()(x @ self.direction)

    def pred(self, x: Tensor, iid: bool = False) -> Tensor:
        return self(x, iid=iid).round()

    @staticmethod
    def from_data(acts: Tensor, labels: Tensor, device: str = "cpu") -> "MMProbe":
        pos_acts, neg_acts = acts[labels == 1], acts[labels == 0]
        pos_mean, neg_mean = pos_acts.mean(0), neg_acts.mean(0)
        direction = pos_mean - neg_mean
        centered_data = t.cat([pos_acts - pos_mean, neg_acts - neg_mean], 0)
        covariance = centered_data.T @ centered_data / acts.shape[0]
        return MMProbe(direction, covariance=covariance).to(device)


class LRProbe(t.nn.Module):
    def __init__(self, d_in: int):
        super().__init__()
        self.net = t.nn.Sequential(t.nn.Linear(d_in, 1, bias=True), t.nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).squeeze(-1)

    def pred(self, x: Tensor) -> Tensor:
        return self(x).round()

    @property
    def direction(self) -> Tensor:
        return self.net[0].weight.data[0]

    @staticmethod
    def from_data(acts: Tensor, labels: Tensor, C: float = 0.1, device: str = "cpu") -> "LRProbe":
        scaler = StandardScaler()
        X = scaler.fit_transform(acts.cpu().float().numpy())
        lr = LogisticRegression(C=C, random_state=42, fit_intercept=True, max_iter=1000)
        lr.fit(X, labels.cpu().numpy())
        probe = LRProbe(acts.shape[-1])
        weight = lr.coef_[0] / scaler.scale_
        probe.net[0].weight.data = t.tensor(weight, dtype=t.float32).unsqueeze(0)
        probe.net[0].bias.data = t.tensor(lr.intercept_ - weight @ scaler.mean_, dtype=t.float32)
        return probe.to(device)


def compute_auroc(score_fn: Callable, acts_test: Tensor, labels_test: Tensor) -> float:
    scores = score_fn(acts_test)
    return roc_auc_score(labels_test.cpu().numpy(), scores.detach().cpu().numpy())


def compute_generalization_matrix(train_acts, train_labels, test_acts, test_labels, dataset_names, probe_cls) -> Tensor:
    n = len(dataset_names)
    acc_matrix = t.zeros(n, n)
    for i, train_name in enumerate(dataset_names):
        probe = probe_cls.from_data(train_acts[train_name], train_labels[train_name], device="cpu")
        for j, test_name in enumerate(dataset_names):
            preds = probe.pred(test_acts[test_name])
            acc_matrix[i, j] = (preds == test_labels[test_name]).float().mean().item()
    return acc_matrix


# %% steering
def make_intervention_hook(direction: Tensor, scale: float, positions: list[int]):
    def hook_fn(module, input, output):
        hidden_states = output[0] if isinstance(output, tuple) else output
        for pos in positions:
            hidden_states[:, pos, :] += scale * direction.to(hidden_states.device, dtype=hidden_states.dtype)
        return (hidden_states, *output[1:]) if isinstance(output, tuple) else hidden_states

    return hook_fn


class DeceptionSteeringHook:
    def __init__(self, steering_vector, layer: int, steering_coef: float, apply_to_all_tokens: bool = True):
        self.steering_vector = steering_vector / steering_vector.norm()
        self.layer = layer
        self.steering_coef = steering_coef
        self.apply_to_all_tokens = apply_to_all_tokens
        self._handle = None

    def _steering_hook_fn(self, module, input, output):
        hidden_states = output[0] if isinstance(output, tuple) else output
        if self.apply_to_all_tokens:
            hidden_states = hidden_states + self.steering_coef * self.steering_vector
        else:
            hidden_states[:, -1, :] = hidden_states[:, -1, :] + self.steering_coef * self.steering_vector
        return (hidden_states, *output[1:]) if isinstance(output, tuple) else hidden_states

    def enable(self, model) -> None:
        layer = model.model.layers[self.layer]
        self._handle = layer.register_forward_hook(self._steering_hook_fn)

    def disable(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


def head_causal_effects(z, z_mean, resid, W_O, W_U, answers):
    logprobs = (resid @ W_U).log_softmax(-1)
    effects = []
    for head in range(z.shape[1]):
        patched = resid - z[:, head] @ W_O[head] + z_mean[head] @ W_O[head]
        patched_logprobs = (patched @ W_U).log_softmax(-1)
        effects.append((patched_logprobs - logprobs)[range(len(z)), answers].mean())
    return t.stack(effects)


# %% toy models
def linear_lr(step, steps):
    return 1 - (step / steps)


def constant_lr(*_):
    return 1.0


@dataclass
class ToyModelConfig:
    n_inst: int
    n_features: int = 5
    d_hidden: int = 2
    n_correlated_pairs: int = 0
    n_anticorrelated_pairs: int = 0
    feat_mag_distrib: Literal["unif", "normal"] = "unif"


class ToyModel(nn.Module):
    W: Float[Tensor, "inst d_hidden feats"]
    b_final: Float[Tensor, "inst feats"]

    def __init__(
        self,
        cfg: ToyModelConfig,
        feature_probability: float | Tensor = 0.01,
        importance: float | Tensor = 1.0,
        device=device,
    ):
        super(ToyModel, self).__init__()
        self.cfg = cfg
        if isinstance(feature_probability, float):
            feature_probability = t.tensor(feature_probability)
        self.feature_probability = feature_probability.to(device).broadcast_to((cfg.n_inst, cfg.n_features))
        if isinstance(importance, float):
            importance = t.tensor(importance)
        self.importance = importance.to(device).broadcast_to((cfg.n_inst, cfg.n_features))
        self.W = nn.Parameter(nn.init.xavier_normal_(t.empty((cfg.n_inst, cfg.d_hidden, cfg.n_features))))
        self.b_final = nn.Parameter(t.zeros((cfg.n_inst, cfg.n_features)))
        self.to(device)

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        h = einops.einsum(features, self.W, "... inst feats, inst hidden feats -> ... inst hidden")
        out = einops.einsum(h, self.W, "... inst hidden, inst hidden feats -> ... inst feats")
        return F.relu(out + self.b_final)

    def generate_batch(self, batch_size: int) -> Float[Tensor, "batch inst feats"]:
        batch_shape = (batch_size, self.cfg.n_inst, self.cfg.n_features)
        feat_mag = t.rand(batch_shape, device=self.W.device)
        feat_seeds = t.rand(batch_shape, device=self.W.device)
        return t.where(feat_seeds <= self.feature_probability, feat_mag, 0.0)

    def calculate_loss(self, out, batch) -> Float[Tensor, ""]:
        error = self.importance * ((batch - out) ** 2)
        return einops.reduce(error, "batch inst feats -> inst", "mean").sum()

    def optimize(self, batch_size: int = 1024, steps: int = 5_000, log_freq: int = 50, lr: float = 1e-3):
        optimizer = t.optim.Adam(self.parameters(), lr=lr)
        progress_bar = tqdm(range(steps))
        for step in progress_bar:
            optimizer.zero_grad()
            batch = self.generate_batch(batch_size)
            loss = self.calculate_loss(self(batch), batch)
            loss.backward()
            optimizer.step()
            if step % log_freq == 0:
                progress_bar.set_postfix(loss=loss.item() / self.cfg.n_inst)


tests.test_model(ToyModel)
tests.test_generate_batch(ToyModel)

if MAIN:
    cfg = ToyModelConfig(n_inst=8, n_features=5, d_hidden=2)
    importance = 0.9 ** t.arange(cfg.n_features)
    feature_probability = 50 ** -t.linspace(0, 1, cfg.n_inst)
    model = ToyModel(cfg=cfg, device=device, importance=importance, feature_probability=feature_probability[:, None])
    model.optimize()
    utils.plot_features_in_2d(model.W, colors=model.importance)


# %%
def generate_correlated_features(
    self: ToyModel, batch_size: int, n_correlated_pairs: int
) -> Float[Tensor, "batch inst 2*n_correlated_pairs"]:
    assert t.all(self.feature_probability == self.feature_probability[:, [0]])
    p = self.feature_probability[:, [0]]  # shape (n_inst, 1)
    feat_mag = t.rand((batch_size, self.cfg.n_inst, 2 * n_correlated_pairs), device=self.W.device)
    feat_set_seeds = t.rand((batch_size, self.cfg.n_inst, n_correlated_pairs), device=self.W.device)
    feat_set_is_present = feat_set_seeds <= p
    feat_is_present = einops.repeat(feat_set_is_present, "batch inst feats -> batch inst (feats pair)", pair=2)
    return t.where(feat_is_present, feat_mag, 0.0)


def generate_anticorrelated_features(
    self: ToyModel, batch_size: int, n_anticorrelated_pairs: int
) -> Float[Tensor, "batch inst 2*n_anticorrelated_pairs"]:
    assert t.all(self.feature_probability == self.feature_probability[:, [0]])
    p = self.feature_probability[:, [0]]  # shape (n_inst, 1)
    assert p.max().item() <= 0.5, "For anticorrelated features, must have 2p < 1"
    feat_mag = t.rand((batch_size, self.cfg.n_inst, 2 * n_anticorrelated_pairs), device=self.W.device)
    even_feat_seeds, odd_feat_seeds = t.rand(
        (2, batch_size, self.cfg.n_inst, n_anticorrelated_pairs), device=self.W.device
    )
    even_feat_is_present = even_feat_seeds <= p
    odd_feat_is_present = (even_feat_seeds > p) & (odd_feat_seeds <= p / (1 - p))
    feat_is_present = einops.rearrange(
        [even_feat_is_present, odd_feat_is_present], "pair batch inst feats -> batch inst (feats pair)"
    )
    return t.where(feat_is_present, feat_mag, 0.0)


def generate_uncorrelated_features(self: ToyModel, batch_size: int, n_uncorrelated: int) -> Tensor:
    if n_uncorrelated == self.cfg.n_features:
        p = self.feature_probability
    else:
        assert t.all(self.feature_probability == self.feature_probability[:, [0]])
        p = self.feature_probability[:, [0]]
    feat_mag = t.rand((batch_size, self.cfg.n_inst, n_uncorrelated), device=self.W.device)
    feat_seeds = t.rand((batch_size, self.cfg.n_inst, n_uncorrelated), device=self.W.device)
    return t.where(feat_seeds <= p, feat_mag, 0.0)


def generate_batch(self: ToyModel, batch_size: int) -> Float[Tensor, "batch inst feats"]:
    n_uncorrelated = self.cfg.n_features - 2 * self.cfg.n_correlated_pairs - 2 * self.cfg.n_anticorrelated_pairs
    data = []
    if self.cfg.n_correlated_pairs > 0:
        data.append(self.generate_correlated_features(batch_size, self.cfg.n_correlated_pairs))
    if self.cfg.n_anticorrelated_pairs > 0:
        data.append(self.generate_anticorrelated_features(batch_size, self.cfg.n_anticorrelated_pairs))
    if n_uncorrelated > 0:
        data.append(self.generate_uncorrelated_features(batch_size, n_uncorrelated))
    return t.cat(data, dim=-1)


ToyModel.generate_correlated_features = generate_correlated_features
ToyModel.generate_anticorrelated_features = generate_anticorrelated_features
ToyModel.generate_uncorrelated_features = generate_uncorrelated_features
ToyModel.generate_batch = generate_batch


# %%
class NeuronModel(ToyModel):
    def forward(self, features):
        activations = F.relu(
            einops.einsum(features, self.W, "... inst feats, inst d_hidden feats -> ... inst d_hidden")
        )
        return F.relu(
            einops.einsum(activations, self.W, "... inst d_hidden, inst d_hidden feats -> ... inst feats")
            + self.b_final
        )


tests.test_neuron_model(NeuronModel)


class NeuronComputationModel(ToyModel):
    W1: Float[Tensor, "inst d_hidden feats"]
    W2: Float[Tensor, "inst feats d_hidden"]
    b_final: Float[Tensor, "inst feats"]

    def __init__(
        self,
        cfg: ToyModelConfig,
        feature_probability: float | Tensor = 1.0,
        importance: float | Tensor = 1.0,
        device=device,
    ):
        super(ToyModel, self).__init__()
        self.cfg = cfg
        if isinstance(feature_probability, float):
            feature_probability = t.tensor(feature_probability)
        self.feature_probability = feature_probability.to(device).broadcast_to((cfg.n_inst, cfg.n_features))
        if isinstance(importance, float):
            importance = t.tensor(importance)
        self.importance = importance.to(device).broadcast_to((cfg.n_inst, cfg.n_features))
        self.W1 = nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.d_hidden, cfg.n_features))))
        self.W2 = nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.n_features, cfg.d_hidden))))
        self.b_final = nn.Parameter(t.zeros((cfg.n_inst, cfg.n_features)))
        self.to(device)

    def forward(self, features: Float[Tensor, "... inst feats"]) -> Float[Tensor, "... inst feats"]:
        activations = F.relu(
            einops.einsum(features, self.W1, "... inst feats, inst d_hidden feats -> ... inst d_hidden")
        )
        return F.relu(
            einops.einsum(activations, self.W2, "... inst d_hidden, inst feats d_hidden -> ... inst feats")
            + self.b_final
        )

    def generate_batch(self, batch_size: int) -> Tensor:
        feat_mag = 2 * t.rand((batch_size, self.cfg.n_inst, self.cfg.n_features), device=self.W1.device) - 1
        feat_seeds = t.rand((batch_size, self.cfg.n_inst, self.cfg.n_features), device=self.W1.device)
        return t.where(feat_seeds <= self.feature_probability, feat_mag, 0.0)

    def calculate_loss(self, out, batch) -> Tensor:
        error = self.importance * ((batch.abs() - out) ** 2)
        return einops.reduce(error, "batch inst feats -> inst", "mean").sum()


@torch.inference_mode()
def compute_dimensionality(W: Float[Tensor, "n_inst d_hidden n_features"]) -> Float[Tensor, "n_inst n_features"]:
    W_norms = W.norm(dim=1, keepdim=True)
    numerator = W_norms.squeeze() ** 2
    W_normalized = W / (W_norms + 1e-8)
    denominator = einops.einsum(W_normalized, W, "i h f1, i h f2 -> i f1 f2").pow(2).sum(-1)
    return numerator / (denominator + 1e-8)


# %% SAEs
@dataclass
class ToySAEConfig:
    n_inst: int
    d_in: int
    d_sae: int
    sparsity_coeff: float = 0.2
    weight_normalize_eps: float = 1e-8
    tied_weights: bool = False
    ste_epsilon: float = 0.01


class ToySAE(nn.Module):
    W_enc: Float[Tensor, "inst d_in d_sae"]
    _W_dec: Float[Tensor, "inst d_sae d_in"] | None
    b_enc: Float[Tensor, "inst d_sae"]
    b_dec: Float[Tensor, "inst d_in"]

    def __init__(self, cfg: ToySAEConfig, model: ToyModel) -> None:
        super(ToySAE, self).__init__()

        assert cfg.d_in == model.cfg.d_hidden, "Model's hidden dim doesn't match SAE input dim"
        self.cfg = cfg
        self.model = model.requires_grad_(False)
        self.model.W.data[1:] = self.model.W.data[0]
        self.model.b_final.data[1:] = self.model.b_final.data[0]

        self.W_enc = nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.d_in, cfg.d_sae))))
        self._W_dec = (
            None
            if self.cfg.tied_weights
            else nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.d_sae, cfg.d_in))))
        )
        self.b_enc = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae))
        self.b_dec = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_in))
        self.to(device)

    @property
    def W_dec(self) -> Float[Tensor, "inst d_sae d_in"]:
        return self._W_dec if self._W_dec is not None else self.W_enc.transpose(-1, -2)

    @property
    def W_dec_normalized(self) -> Float[Tensor, "inst d_sae d_in"]:
        """Returns decoder weights, normalized over the autoencoder input dimension."""
        return self.W_dec / (self.W_dec.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps)

    def generate_batch(self, batch_size: int) -> Float[Tensor, "batch inst d_in"]:
        return einops.einsum(
            self.model.generate_batch(batch_size), self.model.W, "batch inst feats, inst d_in feats -> batch inst d_in"
        )

    def forward(self, h: Float[Tensor, "batch inst d_in"]):
        h_cent = h - self.b_dec
        acts_pre = (
            einops.einsum(h_cent, self.W_enc, "batch inst d_in, inst d_in d_sae -> batch inst d_sae") + self.b_enc
        )
        acts_post = F.relu(acts_pre)
        h_reconstructed = (
            einops.einsum(acts_post, self.W_dec_normalized, "batch inst d_sae, inst d_sae d_in -> batch inst d_in")
            + self.b_dec
        )
        L_reconstruction = (h_reconstructed - h).pow(2).mean(-1)
        L_sparsity = acts_post.abs().sum(-1)
        loss_dict = {"L_reconstruction": L_reconstruction, "L_sparsity": L_sparsity}
        loss = (L_reconstruction + self.cfg.sparsity_coeff * L_sparsity).mean(0).sum()
        return loss_dict, loss, acts_post, h_reconstructed


tests.test_sae_init(ToySAE)


# %%
@t.no_grad()
def resample_simple(
    self: ToySAE, frac_active_in_window: Float[Tensor, "window inst d_sae"], resample_scale: float
) -> None:
    is_dead = (frac_active_in_window < 1e-8).all(dim=0)
    n_dead = is_dead.int().sum().item()
    replacement_values = t.randn((n_dead, self.cfg.d_in), device=self.W_enc.device)
    replacement_values_normalized = replacement_values / (
        replacement_values.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps
    )
    self.W_dec.data[is_dead] = replacement_values_normalized
    self.W_enc.data.transpose(-1, -2)[is_dead] = resample_scale * replacement_values_normalized
    self.b_enc.data[is_dead] = 0.0


@t.no_grad()
def resample_advanced(self: ToySAE, frac_active_in_window, resample_scale: float, batch_size: int) -> None:
    h = self.generate_batch(batch_size)
    l2_loss = self.forward(h)[0]["L_reconstruction"]
    for instance in range(self.cfg.n_inst):
        is_dead = (frac_active_in_window[:, instance] < 1e-8).all(dim=0)
        dead_latents = t.nonzero(is_dead).squeeze(-1)
        n_dead = dead_latents.numel()
        if n_dead == 0:
            continue
        l2_loss_instance = l2_loss[:, instance]
        if l2_loss_instance.max() < 1e-6:
            continue
        distn = Categorical(probs=l2_loss_instance.pow(2) / l2_loss_instance.pow(2).sum())
        replacement_indices = distn.sample((n_dead,))
        replacement_values = (h - self.b_dec)[replacement_indices, instance]
        replacement_values_normalized = replacement_values / (
            replacement_values.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps
        )
        W_enc_norm_alive_mean = self.W_enc[instance, :, ~is_dead].norm(dim=0).mean().item() if (~is_dead).any() else 1.0
        self.b_enc.data[instance, dead_latents] = 0.0
        self.W_dec.data[instance, dead_latents, :] = replacement_values_normalized
        self.W_enc.data[instance, :, dead_latents] = (
            replacement_values_normalized.T * W_enc_norm_alive_mean * resample_scale
        )


ToySAE.resample_simple = resample_simple
ToySAE.resample_advanced = resample_advanced
tests.test_resample_simple(ToySAE)


# %%
class GatedToySAE(ToySAE):
    W_gate: Float[Tensor, "inst d_in d_sae"]
    b_gate: Float[Tensor, "inst d_sae"]
    r_mag: Float[Tensor, "inst d_sae"]
    b_mag: Float[Tensor, "inst d_sae"]

    def __init__(self, cfg: ToySAEConfig, model: ToyModel):
        super(ToySAE, self).__init__()
        self.cfg = cfg
        self.model = model.requires_grad_(False)
        self.model.W.data[1:] = self.model.W.data[0]
        self.model.b_final.data[1:] = self.model.b_final.data[0]
        self._W_dec = (
            None
            if self.cfg.tied_weights
            else nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.d_sae, cfg.d_in))))
        )
        self.b_dec = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_in))
        self.W_gate = nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.d_in, cfg.d_sae))))
        self.b_gate = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae))
        self.r_mag = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae))
        self.b_mag = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae))
        self.to(device)

    @property
    def W_dec(self) -> Float[Tensor, "inst d_sae d_in"]:
        return self._W_dec if self._W_dec is not None else self.W_gate.transpose(-1, -2)

    @property
    def W_mag(self) -> Float[Tensor, "inst d_in d_sae"]:
        return self.r_mag.exp().unsqueeze(1) * self.W_gate

    def forward(self, h: Float[Tensor, "batch inst d_in"]):
        h_cent = h - self.b_dec
        gating_pre_activation = (
            einops.einsum(h_cent, self.W_gate, "batch inst d_in, inst d_in d_sae -> batch inst d_sae") + self.b_gate
        )
        active_features = (gating_pre_activation > 0).float()
        magnitude_pre_activation = (
            einops.einsum(h_cent, self.W_mag, "batch inst d_in, inst d_in d_sae -> batch inst d_sae") + self.b_mag
        )
        feature_magnitudes = F.relu(magnitude_pre_activation)
        acts_post = active_features * feature_magnitudes
        h_reconstructed = (
            einops.einsum(acts_post, self.W_dec, "batch inst d_sae, inst d_sae d_in -> batch inst d_in") + self.b_dec
        )
        gating_post_activation = F.relu(gating_pre_activation)
        via_gate_reconstruction = (
            einops.einsum(
                gating_post_activation, self.W_dec.detach(), "batch inst d_sae, inst d_sae d_in -> batch inst d_in"
            )
            + self.b_dec.detach()
        )
        loss_dict = {
            "L_reconstruction": (h_reconstructed - h).pow(2).mean(-1),
            "L_sparsity": gating_post_activation.sum(-1),
            "L_aux": (via_gate_reconstruction - h).pow(2).sum(-1),
        }
        loss = loss_dict["L_reconstruction"] + self.cfg.sparsity_coeff * loss_dict["L_sparsity"] + loss_dict["L_aux"]
        assert sorted(loss_dict.keys()) == ["L_aux", "L_reconstruction", "L_sparsity"]
        return loss_dict, loss.mean(0).sum(), acts_post, h_reconstructed


def rectangle(x: Tensor, width: float = 1.0) -> Tensor:
    return (x.abs() < width / 2).float()


class Heaviside(t.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, theta: Tensor, eps: float) -> Tensor:
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return (z > theta).float()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, None]:
        (z, theta) = ctx.saved_tensors
        eps = ctx.eps
        grad_z = 0.0 * grad_output
        grad_theta = -(1.0 / eps) * rectangle((z - theta) / eps) * grad_output
        grad_theta_agg = grad_theta.sum(dim=0)
        return grad_z, grad_theta_agg, None


class JumpReLU(t.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, theta: Tensor, eps: float) -> Tensor:
        ctx.save_for_backward(z, theta)
        ctx.eps = eps
        return z * (z > theta).float()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor, None]:
        (z, theta) = ctx.saved_tensors
        eps = ctx.eps
        grad_z = (z > theta).float() * grad_output
        grad_theta = -(theta / eps) * rectangle((z - theta) / eps) * grad_output
        grad_theta_agg = grad_theta.sum(dim=0)
        return grad_z, grad_theta_agg, None


THETA_INIT = 0.1


class JumpReLUToySAE(ToySAE):
    log_theta: Float[Tensor, "inst d_sae"]

    def __init__(self, cfg: ToySAEConfig, model: ToyModel):
        super(ToySAE, self).__init__()
        self.cfg = cfg
        self.model = model.requires_grad_(False)
        self.model.W.data[1:] = self.model.W.data[0]
        self.model.b_final.data[1:] = self.model.b_final.data[0]
        self._W_dec = (
            None
            if self.cfg.tied_weights
            else nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.d_sae, cfg.d_in))))
        )
        self.b_dec = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_in))
        self.W_enc = nn.Parameter(nn.init.kaiming_uniform_(t.empty((cfg.n_inst, cfg.d_in, cfg.d_sae))))
        self.b_enc = nn.Parameter(t.zeros(cfg.n_inst, cfg.d_sae))
        self.log_theta = nn.Parameter(t.full((cfg.n_inst, cfg.d_sae), t.log(t.tensor(THETA_INIT))))
        self.to(device)

    @property
    def theta(self) -> Float[Tensor, "inst d_sae"]:
        return self.log_theta.exp()

    def forward(self, h: Float[Tensor, "batch inst d_in"]):
        h_cent = h - self.b_dec
        acts_pre = (
            einops.einsum(h_cent, self.W_enc, "batch inst d_in, inst d_in d_sae -> batch inst d_sae") + self.b_enc
        )
        acts_relu = F.relu(acts_pre)
        acts_post = JumpReLU.apply(acts_relu, self.theta, self.cfg.ste_epsilon)
        h_reconstructed = (
            einops.einsum(acts_post, self.W_dec, "batch inst d_sae, inst d_sae d_in -> batch inst d_in") + self.b_dec
        )
        loss_dict = {
            "L_reconstruction": (h_reconstructed - h).pow(2).mean(-1),
            "L_sparsity": Heaviside.apply(acts_relu, self.theta, self.cfg.ste_epsilon).sum(-1),
        }
        loss = (loss_dict["L_reconstruction"] + self.cfg.sparsity_coeff * loss_dict["L_sparsity"]).mean(0).sum()
        return loss_dict, loss, acts_post, h_reconstructed


# %% interp with SAEs
gpt2 = HookedSAETransformer.from_pretrained("gpt2-small", device=device)


def get_k_largest_indices(
    x: Float[Tensor, "batch seq"], k: int, buffer: int = 0, no_overlap: bool = True
) -> Int[Tensor, "k 2"]:
    assert buffer * 2 < x.size(1), "Buffer is too large for the sequence length"
    if buffer > 0:
        x = x[:, buffer:-buffer]
    indices = x.flatten().argsort(-1, descending=True)
    rows = indices // x.size(1)
    cols = indices % x.size(1) + buffer
    if no_overlap:
        unique_indices = t.empty((0, 2), device=x.device).long()
        while len(unique_indices) < k:
            unique_indices = t.cat((unique_indices, t.tensor([[rows[0], cols[0]]], device=x.device)))
            is_overlapping_mask = (rows == rows[0]) & ((cols - cols[0]).abs() <= buffer)
            rows = rows[~is_overlapping_mask]
            cols = cols[~is_overlapping_mask]
        return unique_indices
    return t.stack((rows, cols), dim=1)[:k]


def index_with_buffer(x: Float[Tensor, "batch seq"], indices: Int[Tensor, "k 2"], buffer: int | None = None) -> Tensor:
    rows, cols = indices.unbind(dim=-1)
    if buffer is not None:
        rows = einops.repeat(rows, "k -> k buffer", buffer=buffer * 2 + 1)
        cols[cols < buffer] = buffer
        cols[cols > x.size(1) - buffer - 1] = x.size(1) - buffer - 1
        cols = einops.repeat(cols, "k -> k buffer", buffer=buffer * 2 + 1) + t.arange(-buffer, buffer + 1)
    return x[rows, cols]


def steering_hook(
    activations: Float[Tensor, "batch pos d_in"],
    hook: HookPoint,
    sae: SAE,
    latent_idx: int,
    steering_coefficient: float,
) -> Tensor:
    return activations + steering_coefficient * sae.W_dec[latent_idx]


def ablate_sae_latent(
    sae_acts: Tensor, hook: HookPoint, latent_idx: int | None = None, seq_pos: int | None = None
) -> Tensor:
    if seq_pos is None and latent_idx is None:
        sae_acts[:] = 0.0
    elif seq_pos is None:
        sae_acts[:, :, latent_idx] = 0.0
    elif latent_idx is None:
        sae_acts[:, seq_pos, :] = 0.0
    else:
        sae_acts[:, seq_pos, latent_idx] = 0.0
    return sae_acts


if MAIN:
    with gpt2.hooks(fwd_hooks=[("blocks.7.hook_resid_pre", partial(steering_hook, latent_idx=20115))]):
        print(gpt2.generate("When I look at myself in the mirror, I see"))
