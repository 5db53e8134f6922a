"""Right answers of one who writes loops: sums number by number, one instance, one latent, one text at a time."""

import math
import random

import torch
from torch import nn

from exercises.given.toys import THETA_INIT, Dictionary, Toy


def last_token_acts(acts, masks):
    found = []
    for row, mask in zip(acts.unbind(), masks.tolist()):
        for place in range(len(mask)):
            if mask[place]:
                last = row[place]
        found.append(last)
    return torch.stack(found)


def mean_pool_acts(acts, masks):
    found = []
    for row, mask in zip(acts.unbind(), masks.tolist()):
        tokens = [row[place] for place in range(len(mask)) if mask[place]]
        found.append(sum(tokens) / len(tokens) if tokens else torch.zeros_like(row[0]))
    return torch.stack(found)


def get_pca_components(activations, k=2):
    x = (activations - activations.mean(0)).double()
    c, found = x.T @ x, []
    for _ in range(k):  # power iteration, and what was found is taken away
        v = torch.ones(x.shape[1], dtype=x.dtype) + torch.arange(x.shape[1])
        for _ in range(600):
            v = c @ v
            for u in found:
                v = v - (u @ v) * u
            v = v / v.norm()
        found.append(v)
    return torch.stack(found, dim=1).float()


class MMProbe:
    def __init__(self, direction, covariance):
        self.direction, self.covariance = direction, covariance

    @staticmethod
    def from_data(acts, labels, device="cpu"):
        means = [acts[labels == label].mean(0) for label in (0, 1)]
        covariance = torch.zeros(acts.shape[1], acts.shape[1])
        for act, label in zip(acts, labels.tolist()):
            away = act - means[label]
            covariance += torch.outer(away, away) / len(acts)
        return MMProbe(means[1] - means[0], covariance)

    def __call__(self, x, iid=False):
        return 1 / (1 + torch.exp(-self.logit(x, iid)))

    forward = __call__

    def logit(self, x, iid):
        return x @ (torch.linalg.solve(self.covariance, self.direction) if iid else self.direction)

    def pred(self, x, iid=False):
        return (self.logit(x, iid) > 0).float()


class LRProbe:
    @classmethod
    def from_data(cls, acts, labels, C=0.1, device="cpu"):
        probe = cls()
        mean, std = acts.mean(0), acts.std(0)
        z, s = ((acts - mean) / std).double(), (2 * labels - 1).double()
        w = torch.zeros(z.shape[1], dtype=torch.float64)
        rate = 1 / (z.square().sum().item() / 4 + 1 / C)
        for _ in range(4000):  # gradient descent
            slope = w / C
            slope = slope - ((s / (1 + torch.exp(s * (z @ w))))[:, None] * z).sum(0)
            w = w - rate * slope
        probe.direction = w.float() / std
        probe.bias = -(mean * probe.direction).sum()
        return probe

    def pred(self, x):
        return torch.tensor([float(each @ self.direction + self.bias > 0) for each in x])


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
    return torch.tensor(rows)


def make_intervention_hook(direction, scale, positions):
    def hook(module, inputs, output):
        hidden = output if torch.is_tensor(output) else output[0]
        for text in hidden:
            for place in positions:
                text[place] += scale * direction

    return hook


class DeceptionSteeringHook:
    def __init__(self, steering_vector, layer, steering_coef, apply_to_all_tokens=True):
        self.step = steering_coef * steering_vector / math.sqrt(sum(x * x for x in steering_vector.tolist()))
        self.layer, self.everywhere = layer, apply_to_all_tokens

    def enable(self, model):
        self.model, self.old = model.layers[self.layer], model.layers[self.layer].forward

        def forward(hidden):
            out = self.old(hidden)
            hidden = out if torch.is_tensor(out) else out[0]
            for text in hidden:
                for place in range(len(text)) if self.everywhere else [-1]:
                    text[place] += self.step
            return out

        self.model.forward = forward

    def disable(self):
        self.model.forward = self.old


def head_causal_effects(z, z_mean, resid, W_O, W_U, answers):
    def logprob(stream, answer):
        logits = stream @ W_U
        return logits[answer] - torch.logsumexp(logits, 0)

    effects = torch.zeros(z.shape[1])
    for head in range(z.shape[1]):
        for prompt in range(len(z)):
            rest = resid[prompt] - z[prompt, head] @ W_O[head]
            answer = answers[prompt]
            gain = logprob(rest + z_mean[head] @ W_O[head], answer) - logprob(resid[prompt], answer)
            effects[head] += gain / len(z)
    return effects


class ToyModel(Toy):
    def forward(self, features):
        out = []
        for i in range(self.cfg.n_inst):
            out.append(torch.relu(features[..., i, :] @ self.W[i].T @ self.W[i] + self.b_final[i]))
        return torch.stack(out, dim=-2)

    def generate_batch(self, batch_size):
        batch = torch.rand(batch_size, self.cfg.n_inst, self.cfg.n_features)
        return batch * torch.bernoulli(self.feature_probability.expand(batch.shape))

    def calculate_loss(self, out, batch):
        return sum((self.importance[i] * (out[:, i] - batch[:, i]) ** 2).mean() for i in range(self.cfg.n_inst))


def generate_correlated_features(self, batch_size, n_correlated_pairs):
    batch = torch.zeros(batch_size, self.cfg.n_inst, 2 * n_correlated_pairs)
    for i in range(self.cfg.n_inst):
        for k in range(n_correlated_pairs):
            there = (torch.rand(batch_size) < self.feature_probability[i, 2 * k]).float()
            batch[:, i, 2 * k] = there * torch.rand(batch_size)
            batch[:, i, 2 * k + 1] = there * torch.rand(batch_size)
    return batch


def generate_anticorrelated_features(self, batch_size, n_anticorrelated_pairs):
    batch = torch.zeros(batch_size, self.cfg.n_inst, 2 * n_anticorrelated_pairs)
    for i in range(self.cfg.n_inst):
        p = float(self.feature_probability[i, 0])
        for k in range(n_anticorrelated_pairs):
            cases = torch.multinomial(torch.tensor([1 - 2 * p, p, p]), batch_size, replacement=True)
            for which in (0, 1):
                batch[:, i, 2 * k + which] = torch.where(cases == which + 1, torch.rand(batch_size), 0.0)
    return batch


class NeuronComputationModel(Toy):
    def __init__(self, cfg, *args, **kwargs):
        super().__init__(cfg, *args, **kwargs)
        del self.W
        self.W1 = nn.Parameter(torch.randn(cfg.n_inst, cfg.d_hidden, cfg.n_features))
        self.W2 = nn.Parameter(torch.randn(cfg.n_inst, cfg.n_features, cfg.d_hidden))

    def forward(self, features):
        out = []
        for i in range(self.cfg.n_inst):
            neurons = torch.relu(features[..., i, :] @ self.W1[i].T)
            out.append(torch.relu(neurons @ self.W2[i].T + self.b_final[i]))
        return torch.stack(out, dim=-2)

    def generate_batch(self, batch_size):
        batch = torch.empty(batch_size, self.cfg.n_inst, self.cfg.n_features).uniform_(-1, 1)
        return batch * torch.bernoulli(self.feature_probability.expand(batch.shape))

    def calculate_loss(self, out, batch):
        n_inst, n_features = self.importance.shape
        return (self.importance * (batch.abs() - out).pow(2)).sum() / (len(batch) * n_features)


def compute_dimensionality(W):
    found = torch.zeros(W.shape[0], W.shape[2])
    for i, w in enumerate(W):
        for f in range(w.shape[1]):
            length = float(w[:, f].norm())
            if length:
                shared = sum(float(w[:, f] @ w[:, g] / length) ** 2 for g in range(w.shape[1]))
                found[i, f] = length**2 / shared
    return found


def _one_by_one(x, weights):
    return torch.stack([x[:, i] @ weights[i] for i in range(len(weights))], dim=1)


def _finish(self, terms, extra, acts, h_hat):
    per_row = terms["L_reconstruction"] + self.cfg.sparsity_coeff * terms["L_sparsity"] + extra
    return terms, sum(per_row[:, i].mean() for i in range(self.cfg.n_inst)), acts, h_hat


class ToySAE(Dictionary):
    @property
    def W_dec_normalized(self):
        return nn.functional.normalize(self.W_dec, dim=2)

    def generate_batch(self, batch_size):
        return _one_by_one(self.model.generate_batch(batch_size), self.model.W.mT)

    def forward(self, h):
        acts = torch.relu(_one_by_one(h - self.b_dec, self.W_enc) + self.b_enc)
        h_hat = _one_by_one(acts, self.W_dec_normalized) + self.b_dec
        terms = {"L_reconstruction": ((h_hat - h) ** 2).mean(2), "L_sparsity": acts.sum(2)}
        return _finish(self, terms, 0, acts, h_hat)


def resample_simple(self, frac_active_in_window, resample_scale):
    with torch.no_grad():
        for i in range(self.cfg.n_inst):
            for latent in range(self.cfg.d_sae):
                if frac_active_in_window[:, i, latent].max() < 1e-8:
                    v = torch.randn(self.cfg.d_in)
                    v /= v.norm()
                    self.W_dec[i, latent] = v
                    self.W_enc[i, :, latent] = resample_scale * v
                    self.b_enc[i, latent] = 0


def resample_advanced(self, frac_active_in_window, resample_scale, batch_size):
    with torch.no_grad():
        h = self.generate_batch(batch_size)
        terms, *_ = self(h)
        for i in range(self.cfg.n_inst):
            losses = terms["L_reconstruction"][:, i].tolist()
            living, dead = [], []
            for latent in range(self.cfg.d_sae):
                (living if frac_active_in_window[:, i, latent].max() > 1e-8 else dead).append(latent)
            if not any(losses):
                continue
            length = sum(float(self.W_enc[i, :, latent].norm()) for latent in living) / len(living) if living else 1.0
            for latent in dead:
                random.seed(int(torch.randint(10**9, ())))
                v = h[random.choices(range(len(h)), losses)[0], i] - self.b_dec[i]
                v = v / v.norm()
                self.W_dec[i, latent] = v
                self.W_enc[i, :, latent] = resample_scale * length * v
                self.b_enc[i, latent] = 0


class GatedToySAE(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.W_gate, self.b_gate = self.W_enc, self.b_enc
        self.r_mag = nn.Parameter(torch.zeros_like(self.b_enc))
        self.b_mag = nn.Parameter(torch.zeros_like(self.b_enc))

    def forward(self, h):
        projected = _one_by_one(h - self.b_dec, self.W_gate)
        gate = projected + self.b_gate
        acts = (gate > 0) * torch.relu(projected * self.r_mag.exp() + self.b_mag)
        h_hat = _one_by_one(acts, self.W_dec_normalized) + self.b_dec
        with torch.no_grad():
            decoder, centre = self.W_dec_normalized.clone(), self.b_dec.clone()
        aux = ((_one_by_one(torch.relu(gate), decoder) + centre - h) ** 2).mean(2)
        terms = {"L_reconstruction": ((h_hat - h) ** 2).mean(2), "L_sparsity": torch.relu(gate).sum(2), "L_aux": aux}
        return _finish(self, terms, aux, acts, h_hat)


def rectangle(x, width=1.0):
    return torch.tensor([float(-width / 2 < each < width / 2) for each in x.flatten().tolist()]).reshape(x.shape)


class Heaviside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.kept = z, theta, eps
        return (z > theta).float()

    @staticmethod
    def backward(ctx, grad_output):
        z, theta, eps = ctx.kept
        near = rectangle(z - theta, eps)
        return torch.zeros_like(z), sum(-near[i] / eps * grad_output[i] for i in range(len(z))), None


class JumpReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, theta, eps):
        ctx.kept = z, theta, eps
        return z * (z > theta)

    @staticmethod
    def backward(ctx, grad_output):
        z, theta, eps = ctx.kept
        near = rectangle(z - theta, eps)
        return grad_output * (z > theta), -theta / eps * (near * grad_output), None  # autograd sums over the batch


class JumpReLUToySAE(ToySAE):
    def __init__(self, cfg, model):
        super().__init__(cfg, model)
        self.log_theta = nn.Parameter(torch.full_like(self.b_enc, math.log(THETA_INIT)))

    def forward(self, h):
        z = torch.relu(_one_by_one(h - self.b_dec, self.W_enc) + self.b_enc)
        acts = JumpReLU.apply(z, self.log_theta.exp(), self.cfg.ste_epsilon)
        h_hat = _one_by_one(acts, self.W_dec_normalized) + self.b_dec
        counts = Heaviside.apply(z, self.log_theta.exp(), self.cfg.ste_epsilon).sum(2)
        terms = {"L_reconstruction": ((h_hat - h) ** 2).mean(2), "L_sparsity": counts}
        return _finish(self, terms, 0, acts, h_hat)


def get_k_largest_indices(x, k, buffer=0, no_overlap=True):
    batch, seq = x.shape
    places = [(r, c) for r in range(batch) for c in range(buffer, seq - buffer)]
    found = []
    while len(found) < k:
        r, c = max(places, key=lambda place: x[place].item())
        found.append([r, c])
        places.remove((r, c))
        if no_overlap:
            places = [place for place in places if place[0] != r or abs(place[1] - c) > buffer]
    return torch.tensor(found)


def index_with_buffer(x, indices, buffer=None):
    found = []
    for r, c in indices.tolist():
        if buffer is None:
            found.append(x[r, c])
            continue
        start = max(0, min(c - buffer, x.shape[1] - 2 * buffer - 1))
        found.append(x[r, start : start + 2 * buffer + 1])
    return torch.stack(found)


def steering_hook(activations, hook, sae, latent_idx, steering_coefficient):
    for text in activations:
        for token in text:
            token += steering_coefficient * sae.W_dec[latent_idx]
    return activations


def ablate_sae_latent(sae_acts, hook, latent_idx=None, seq_pos=None):
    batch, seq, d_sae = sae_acts.shape
    for text in sae_acts:
        for place in range(seq) if seq_pos is None else [seq_pos]:
            for latent in range(d_sae) if latent_idx is None else [latent_idx]:
                text[place, latent] = 0
    return sae_acts
