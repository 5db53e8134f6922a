# %%
"""A submission of 2023 and 2024: Model, AutoEncoder with five outputs, methods in classes, hooks of TransformerLens."""

from dataclasses import dataclass
from typing import Optional, Union

from typing import Any

import einops
import numpy as np
import torch as t
import transformer_lens.utils as utils
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm
from transformer_lens import HookedTransformer
from transformer_lens.hook_points import HookPoint

device = t.device("cuda" if t.cuda.is_available() else "cpu")
MAIN = __name__ == "__main__"


@dataclass
class Config:
    n_instances: int
    n_features: int = 5
    n_hidden: int = 2
    n_correlated_pairs: int = 0
    n_anticorrelated_pairs: int = 0


class Model(nn.Module):
    W: Float[Tensor, "n_instances n_hidden n_features"]
    b_final: Float[Tensor, "n_instances n_features"]

    def __init__(
        self,
        config: Config,
        feature_probability: Optional[Union[float, Tensor]] = None,
        importance: Optional[Union[float, Tensor]] = None,
        device=device,
    ):
        super().__init__()
        self.config = config
        if feature_probability is None:
            feature_probability = t.ones(())
        if isinstance(feature_probability, float):
            feature_probability = t.tensor(feature_probability)
        self.feature_probability = feature_probability.to(device)
        if importance is None:
            importance = t.ones(())
        if isinstance(importance, float):
            importance = t.tensor(importance)
        self.importance = importance.to(device)
        self.W = nn.Parameter(t.empty((config.n_instances, config.n_hidden, config.n_features), device=device))
        nn.init.xavier_normal_(self.W)
        self.b_final = nn.Parameter(t.zeros((config.n_instances, config.n_features), device=device))

    def forward(self, features: Float[Tensor, "... instances features"]) -> Float[Tensor, "... instances features"]:
        hidden = einops.einsum(
            features, self.W, "... instances features, instances hidden features -> ... instances hidden"
        )
        out = einops.einsum(hidden, self.W, "... instances hidden, instances hidden features -> ... instances features")
        out = out + self.b_final
        return F.relu(out)

    def generate_batch(self, n_batch) -> Float[Tensor, "n_batch instances features"]:
        feat = t.rand((n_batch, self.config.n_instances, self.config.n_features), device=self.W.device)
        feat_seeds = t.rand((n_batch, self.config.n_instances, self.config.n_features), device=self.W.device)
        feat_is_present = feat_seeds <= self.feature_probability
        return t.where(feat_is_present, feat, t.zeros((), device=self.W.device))

    def generate_correlated_features(self, n_batch, n_correlated_pairs):
        feat = t.rand((n_batch, self.config.n_instances, 2 * n_correlated_pairs), device=self.W.device)
        feat_set_seeds = t.rand((n_batch, self.config.n_instances, n_correlated_pairs), device=self.W.device)
        feat_set_is_present = feat_set_seeds <= self.feature_probability
        feat_is_present = einops.repeat(feat_set_is_present, "b inst feats -> b inst (feats pair)", pair=2)
        return t.where(feat_is_present, feat, t.zeros((), device=self.W.device))

    def generate_anticorrelated_features(self, n_batch, n_anticorrelated_pairs):
        feat = t.rand((n_batch, self.config.n_instances, 2 * n_anticorrelated_pairs), device=self.W.device)
        feat_set_seeds = t.rand((n_batch, self.config.n_instances, n_anticorrelated_pairs), device=self.W.device)
        first_feat_seeds = t.rand((n_batch, self.config.n_instances, n_anticorrelated_pairs), device=self.W.device)
        feat_set_is_present = feat_set_seeds <= 2 * self.feature_probability
        first_feat_is_present = first_feat_seeds <= 0.5
        first_feats = t.where(feat_set_is_present & first_feat_is_present, feat[:, :, :n_anticorrelated_pairs], 0.0)
        second_feats = t.where(feat_set_is_present & ~first_feat_is_present, feat[:, :, n_anticorrelated_pairs:], 0.0)
        return einops.rearrange(
            t.concat([first_feats, second_feats], dim=-1), "b inst (pair feats) -> b inst (feats pair)", pair=2
        )

    def calculate_loss(self, out, batch) -> Float[Tensor, ""]:
        error = self.importance * ((batch - out) ** 2)
        loss = einops.reduce(error, "batch instances features -> instances", "mean").sum()
        return loss


class NeuronComputationModel(Model):
    def __init__(self, config, feature_probability=None, importance=None, device=device):
        super().__init__(config, feature_probability, importance, device)
        del self.W
        self.W1 = nn.Parameter(t.empty((config.n_instances, config.n_hidden, config.n_features), device=device))
        self.W2 = nn.Parameter(t.empty((config.n_instances, config.n_features, config.n_hidden), device=device))
        nn.init.xavier_normal_(self.W1)
        nn.init.xavier_normal_(self.W2)

    def forward(self, features):
        activations = F.relu(einops.einsum(features, self.W1, "... i f, i h f -> ... i h"))
        out = einops.einsum(activations, self.W2, "... i h, i f h -> ... i f")
        return F.relu(out + self.b_final)

    def generate_batch(self, n_batch):
        shape = (n_batch, self.config.n_instances, self.config.n_features)
        feat = 2 * t.rand(shape) - 1
        return feat * (t.rand(shape) <= self.feature_probability)

    def calculate_loss(self, out, batch):
        return (self.importance * (batch.abs() - out) ** 2).mean(dim=(0, 2)).sum()


def compute_dimensionality(W: Float[Tensor, "n_instances n_hidden n_features"]):
    W_norms = W.norm(dim=1, keepdim=True)
    numerator = W_norms.squeeze() ** 2
    W_normalized = t.where(W_norms > 0, W / W_norms, t.zeros_like(W))
    denominator = einops.einsum(W_normalized, W, "i h f1, i h f2 -> i f1 f2").pow(2).sum(-1)
    return t.where(denominator > 0, numerator / denominator, t.zeros_like(denominator))


# %%
@dataclass
class AutoEncoderConfig:
    n_instances: int
    n_input_ae: int
    n_hidden_ae: int
    l1_coeff: float = 0.5
    tied_weights: bool = False
    weight_normalize_eps: float = 1e-8


class AutoEncoder(nn.Module):
    W_enc: Float[Tensor, "n_instances n_input_ae n_hidden_ae"]
    W_dec: Float[Tensor, "n_instances n_hidden_ae n_input_ae"]
    b_enc: Float[Tensor, "n_instances n_hidden_ae"]
    b_dec: Float[Tensor, "n_instances n_input_ae"]

    def __init__(self, cfg: AutoEncoderConfig):
        super().__init__()
        self.cfg = cfg
        self.W_enc = nn.Parameter(nn.init.xavier_normal_(t.empty((cfg.n_instances, cfg.n_input_ae, cfg.n_hidden_ae))))
        if not (cfg.tied_weights):
            self.W_dec = nn.Parameter(
                nn.init.xavier_normal_(t.empty((cfg.n_instances, cfg.n_hidden_ae, cfg.n_input_ae)))
            )
        self.b_enc = nn.Parameter(t.zeros(cfg.n_instances, cfg.n_hidden_ae))
        self.b_dec = nn.Parameter(t.zeros(cfg.n_instances, cfg.n_input_ae))
        self.to(device)

    def forward(self, h: Float[Tensor, "batch_size n_instances n_hidden"]):
        h_cent = h - self.b_dec
        acts = einops.einsum(
            h_cent, self.W_enc, "batch_size n_instances i, n_instances i j -> batch_size n_instances j"
        )
        acts = F.relu(acts + self.b_enc)
        h_reconstructed = (
            einops.einsum(
                acts,
                (self.W_enc.transpose(-1, -2) if self.cfg.tied_weights else self.W_dec),
                "batch_size n_instances j, n_instances j i -> batch_size n_instances i",
            )
            + self.b_dec
        )
        l2_loss = (h_reconstructed - h).pow(2).mean(-1)
        l1_loss = acts.abs().sum(-1)
        loss = (self.cfg.l1_coeff * l1_loss + l2_loss).mean(0).sum()
        return l1_loss, l2_loss, loss, acts, h_reconstructed

    @t.no_grad()
    def normalize_decoder(self) -> None:
        """Normalizes the decoder weights to have unit norm. With tied weights, W_enc is normalized."""
        if self.cfg.tied_weights:
            self.W_enc.data = self.W_enc.data / self.W_enc.data.norm(dim=1, keepdim=True)
        else:
            self.W_dec.data = self.W_dec.data / self.W_dec.data.norm(dim=2, keepdim=True)

    @t.no_grad()
    def resample_simple(self, frac_active_in_window, resample_scale) -> None:
        dead = (frac_active_in_window < 1e-8).all(dim=0)
        for inst, feat in t.nonzero(dead).tolist():
            v = t.randn(self.b_dec.shape[1])
            v = v / v.norm()
            self.W_dec.data[inst, feat] = v
            self.W_enc.data[inst, :, feat] = v * resample_scale
            self.b_enc.data[inst, feat] = 0

    @t.no_grad()
    def resample_advanced(self, frac_active_in_window, resample_scale, batch_size) -> None:
        h = self.generate_batch(batch_size)
        l2_loss = self(h)[0]["L_reconstruction"]
        for inst in range(l2_loss.shape[1]):
            dead = (frac_active_in_window[:, inst] < 1e-8).all(dim=0)
            alive = t.nonzero(~dead).squeeze(1)
            probs = l2_loss[:, inst] / max(l2_loss[:, inst].sum().item(), 1e-8)
            if probs.sum() < 0.5:
                continue
            scale = self.W_enc.data[inst, :, alive].norm(dim=0).mean() if len(alive) else t.tensor(1.0)
            for feat in t.nonzero(dead).squeeze(1).tolist():
                i = t.multinomial(probs, 1).item()
                v = h[i, inst] - self.b_dec[inst]
                v = v / v.norm()
                self.W_dec.data[inst, feat] = v
                self.W_enc.data[inst, :, feat] = v * scale * resample_scale
                self.b_enc.data[inst, feat] = 0


def steering_hook(activations, hook: HookPoint, sae, latent_idx, steering_coefficient):
    activations += steering_coefficient * sae.W_dec[latent_idx]
    return activations


def ablate_sae_latent(sae_acts, hook: HookPoint, latent_idx=None, seq_pos=None):
    s = slice(None)
    sae_acts[:, s if seq_pos is None else seq_pos, s if latent_idx is None else latent_idx] = 0


def make_intervention_hook(direction, scale, positions):
    def hook_fn(resid: Float[Tensor, "batch pos d_model"], hook: HookPoint):
        resid[:, positions] += scale * direction
        return resid

    return hook_fn


class DeceptionSteeringHook:
    def __init__(self, steering_vector, layer, steering_coef, apply_to_all_tokens=True):
        self.v = steering_vector
        self.layer = layer
        self.coef = steering_coef
        self.all = apply_to_all_tokens

    def hook_fn(self, module, inputs, output):
        h = output if isinstance(output, Tensor) else output[0]
        where = h if self.all else h[:, -1:]
        where += self.coef * F.normalize(self.v, dim=0)

    def register(self, model):
        self.h = model.layers[self.layer].register_forward_hook(self.hook_fn)

    def remove(self):
        self.h.remove()


def last_token_acts(acts, masks):
    found = []
    for row, mask in zip(acts.unbind(), masks.tolist()):
        for place in range(len(mask)):
            if mask[place]:
                last = row[place]
        found.append(last)
    return t.stack(found)


def mean_pool_acts(acts, masks):
    found = []
    for row, mask in zip(acts.unbind(), masks.tolist()):
        tokens = [row[place] for place in range(len(mask)) if mask[place]]
        found.append(sum(tokens) / len(tokens) if tokens else t.zeros_like(row[0]))
    return t.stack(found)


def compute_auroc(score_fn, acts_test, labels_test):
    scores, labels = score_fn(acts_test).tolist(), labels_test.tolist()
    won = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, x in zip(scores, labels)
        for b, y in zip(scores, labels)
        if x and not y
    ]
    return sum(won) / len(won)


def compute_generalization_matrix(train_acts, train_labels, test_acts, test_labels, dataset_names, probe_cls):
    rows = []
    for a in dataset_names:
        row = []
        for b in dataset_names:
            said = probe_cls.from_data(train_acts[a], train_labels[a]).pred(test_acts[b]).tolist()
            right = [x == y for x, y in zip(said, test_labels[b].tolist())]
            row.append(sum(right) / len(right))
        rows.append(row)
    return t.tensor(rows)


def head_causal_effects(z, z_mean, resid, W_O, W_U, answers):
    def logprob(stream, answer):
        logits = stream @ W_U
        return logits[answer] - t.logsumexp(logits, 0)

    effects = t.zeros(z.shape[1])
    for head in range(z.shape[1]):
        for prompt in range(len(z)):
            rest = resid[prompt] - z[prompt, head] @ W_O[head]
            answer = answers[prompt]
            gain = logprob(rest + z_mean[head] @ W_O[head], answer) - logprob(resid[prompt], answer)
            effects[head] += gain / len(z)
    return effects


def index_with_buffer(x, indices, buffer=None):
    found = []
    for r, c in indices.tolist():
        if buffer is None:
            found.append(x[r, c])
            continue
        start = max(0, min(c - buffer, x.shape[1] - 2 * buffer - 1))
        found.append(x[r, start : start + 2 * buffer + 1])
    return t.stack(found)


class LRProbe:
    @staticmethod
    def from_data(acts, labels, C=0.1, device="cpu"):
        probe = LRProbe()
        probe.model = make_pipeline(StandardScaler(), LogisticRegression(C=C)).fit(acts.numpy(), labels.numpy())
        scale, fitted = probe.model[0].scale_, probe.model[1]
        probe.direction = F.normalize(t.from_numpy(fitted.coef_[0] / scale).float(), dim=0)
        return probe

    def pred(self, x):
        return t.from_numpy(self.model.predict(x.numpy()))


def rectangle(x, width=1.0):
    return t.heaviside(width / 2 - x.abs(), t.zeros(()))


def get_k_largest_indices(x, k, buffer=0, no_overlap=True):
    left = x.clone()
    left[:, :buffer] = left[:, x.shape[1] - buffer :] = -t.inf
    if not no_overlap:
        return t.stack(t.unravel_index(left.flatten().topk(k).indices, x.shape), dim=1)
    found = []
    for _ in range(k):
        row, column = np.unravel_index(int(left.argmax()), x.shape)
        found.append((int(row), int(column)))
        left[row, max(column - buffer, 0) : column + buffer + 1] = -t.inf
    return t.tensor(found)


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


class GatedToySAE(AutoEncoder):
    def __init__(self, cfg, model):
        super().__init__(cfg)
        self.model = model
        self.W_gate, self.b_gate = self.W_enc, self.b_enc
        self.r_mag = nn.Parameter(t.zeros_like(self.b_enc))
        self.b_mag = nn.Parameter(t.zeros_like(self.b_enc))

    def decoder(self):
        return self.W_enc.transpose(-1, -2) if self.cfg.tied_weights else self.W_dec

    def forward(self, h):
        h_cent = h - self.b_dec
        pre = einops.einsum(h_cent, self.W_gate, "b n i, n i j -> b n j")
        gate = pre + self.b_gate
        acts = t.heaviside(gate, t.zeros(())) * F.relu(t.exp(self.r_mag) * pre + self.b_mag)
        dec = self.decoder()
        back = einops.einsum(acts, dec, "b n j, n j i -> b n i") + self.b_dec
        frozen = einops.einsum(F.relu(gate), dec.detach(), "b n j, n j i -> b n i") + self.b_dec.detach()
        losses = {
            "L_reconstruction": (back - h).pow(2).mean(-1),
            "L_sparsity": F.relu(gate).sum(-1),
            "L_aux": (frozen - h).pow(2).mean(-1),
        }
        loss = losses["L_reconstruction"] + self.cfg.l1_coeff * losses["L_sparsity"] + losses["L_aux"]
        return losses, loss.mean(0).sum(), acts, back


class JumpReLUToySAE(AutoEncoder):
    decoder = GatedToySAE.decoder

    def __init__(self, cfg, model):
        super().__init__(cfg)
        self.log_theta = nn.Parameter(t.full_like(self.b_enc, 0.1).log())

    def forward(self, h):
        pre = einops.einsum(h - self.b_dec, self.W_enc, "b n i, n i j -> b n j") + self.b_enc
        z, theta = F.relu(pre), t.exp(self.log_theta)
        acts = JumpReLU.apply(z, theta, self.cfg.ste_epsilon)
        back = einops.einsum(acts, self.decoder(), "b n j, n j i -> b n i") + self.b_dec
        losses = {
            "L_reconstruction": (back - h).pow(2).mean(-1),
            "L_sparsity": Heaviside.apply(z, theta, self.cfg.ste_epsilon).sum(-1),
        }
        loss = losses["L_reconstruction"] + self.cfg.l1_coeff * losses["L_sparsity"]
        return losses, loss.mean(0).sum(), acts, back


if MAIN:
    model = Model(Config(n_instances=8), feature_probability=(20 ** -t.linspace(0, 1, 8))[:, None])
    for _ in tqdm(range(1000)):
        pass
