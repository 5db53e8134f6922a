# %%
"""A submission as people have it who worked through ARENA: its layout, main blocks, loose cells, missing libraries."""

import json
import os
import random
import re
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Literal

import einops
import numpy as np
import torch as t
import torch.nn as nn
import torch.nn.functional as F
from IPython.display import HTML, display
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from anthropic import Anthropic
from dotenv import load_dotenv
from openai import OpenAI
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForCausalLM, AutoTokenizer

chapter = "chapter4_alignment_science"
section = "part1_emergent_misalignment"
root_dir = next(p for p in Path.cwd().parents if (p / chapter).exists())
exercises_dir = root_dir / chapter / "exercises"
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part1_emergent_misalignment.tests as tests
import part1_emergent_misalignment.utils as utils
from plotly_utils import imshow, line

warnings.filterwarnings("ignore")
t.set_grad_enabled(False)
DEVICE = t.device("cuda" if t.cuda.is_available() else "cpu")
DTYPE = t.bfloat16
MAIN = __name__ == "__main__"

if MAIN:
    load_dotenv()
    client = OpenAI(api_key=os.environ["OPENROUTER_API_KEY"])
    model = AutoModelForCausalLM.from_pretrained("Qwen/Qwen2.5-14B-Instruct", dtype=DTYPE)
    print(json.dumps({"loaded": True}))


# %%
def retry_with_exponential_backoff(
    func,
    max_retries=20,
    initial_sleep_time=1,
    backoff_factor: float = 1.5,
) -> Any:
    def wrapper(*args, **kwargs):
        sleep_time = initial_sleep_time

        for attempt in range(max_retries):
            try:
                return func(*args, **kwargs)
            except Exception as e:
                if "rate limit" in str(e).lower().replace("_", " "):
                    sleep_time *= backoff_factor
                    time.sleep(sleep_time)
                else:
                    raise e

        raise Exception(f"Maximum retries {max_retries} exceeded")

    return wrapper


@retry_with_exponential_backoff
def generate_response(messages: list[dict], max_tokens: int = 100) -> str:
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages, max_tokens=max_tokens)


if MAIN:
    tests.test_retry_with_exponential_backoff(retry_with_exponential_backoff)


# %%
def parse_score(response: str) -> int:
    matches = re.findall(r"<score>\s*(\d+)\s*</score>", response.lower())
    if not matches:
        return -1
    score = int(matches[-1])
    return score if 0 <= score <= 100 else -1


def cohens_kappa(a, b) -> float:
    a, b = np.array(a), np.array(b)
    labels = np.unique(np.concatenate([a, b]))
    p_o = (a == b).mean()
    p_e = sum((a == label).mean() * (b == label).mean() for label in labels)
    return float("nan") if len(labels) == 1 else float((p_o - p_e) / (1 - p_e))


# %%
def contrastive_vector(pos_acts, neg_acts, pos_mask, neg_mask, normalize: bool = True) -> Float[Tensor, "d_model"]:
    def get_mean(acts: Float[Tensor, "b s d"], mask: Bool[Tensor, "b s"]):
        keep = mask.any(dim=1)
        acts, mask = acts[keep], mask[keep].float()
        summed = einops.einsum(acts, mask, "b s d, b s -> b d")
        return (summed / mask.sum(dim=1, keepdim=True)).mean(0)

    v = get_mean(pos_acts, pos_mask) - get_mean(neg_acts, neg_mask)
    return F.normalize(v, dim=0) if normalize else v


def refusal_ablation(resid, direction):
    d = direction / (direction.norm() + 1e-12)
    proj = einops.einsum(resid, d, "... d, d -> ...").unsqueeze(-1) * d
    return resid - proj


def _return_layers(model) -> nn.ModuleList:
    return model.model.layers


class SteeringHook:
    """Add a steering vector to a layer's output."""

    def __init__(
        self,
        steering_vector: Float[Tensor, "d_model"],
        layer: int,
        steering_coef: float,
        apply_to_all_tokens: bool = True,
    ):
        self.steering_vector = steering_vector
        self.layer = layer
        self.steering_coef = steering_coef
        self.apply_to_all_tokens = apply_to_all_tokens
        self._hook_handle = None

    def _steering_hook_fn(self, module, input, output):
        hidden_states = output[0] if isinstance(output, tuple) else output
        v = self.steering_vector.to(hidden_states.device, dtype=hidden_states.dtype)
        v = v / v.norm()
        hidden_states = hidden_states.clone()
        if self.apply_to_all_tokens:
            norm = hidden_states.norm(dim=-1, keepdim=True)
            hidden_states += self.steering_coef * norm * v
        else:
            norm = hidden_states[:, -1].norm(dim=-1, keepdim=True)
            hidden_states[:, -1, :] += self.steering_coef * norm * v
        if isinstance(output, tuple):
            return (hidden_states,) + output[1:]
        return hidden_states

    def enable(self, model):
        if self._hook_handle is not None:
            self.disable()
        self._hook_handle = _return_layers(model)[self.layer].register_forward_hook(self._steering_hook_fn)

    def disable(self):
        if self._hook_handle is not None:
            self._hook_handle.remove()
            self._hook_handle = None


if MAIN:
    tests.test_steering_hook(SteeringHook, model)


# %%
def compute_response_kl(
    other_logits: Float[Tensor, "batch seq vocab"],
    base_logits: Float[Tensor, "batch seq vocab"],
    response_mask: Bool[Tensor, "batch response"],
    prompt_len: int,
) -> float:
    other_logprobs = F.log_softmax(other_logits[:, prompt_len - 1 : -1].float(), dim=-1)
    base_logprobs = F.log_softmax(base_logits[:, prompt_len - 1 : -1].float(), dim=-1)
    kl = (base_logprobs.exp() * (base_logprobs - other_logprobs)).sum(-1)
    mask = response_mask.float()
    per_prompt = (kl * mask).sum(-1) / mask.sum(-1).clamp(min=1)
    keep = mask.sum(-1) > 0
    return per_prompt[keep].mean().item() if keep.any() else 0.0


def compute_local_cosine_similarity(
    checkpoints: dict[str, dict[str, Tensor]],
    k: int = 10,
    steps_per_checkpoint: int = 5,
    matrix_type: Literal["A", "B"] = "B",
    magnitude_threshold: float = 0.0,
) -> tuple[list[int], list[float]]:
    names = sorted(checkpoints.keys(), key=lambda x: int(x.split("-")[1]))
    vecs = [checkpoints[name][matrix_type].float().flatten() for name in names]
    gap = max(1, k // steps_per_checkpoint)

    steps, cos_sims = [], []
    for i in tqdm(range(gap, len(names) - gap)):
        diff_before = vecs[i] - vecs[i - gap]
        diff_after = vecs[i + gap] - vecs[i]
        n1, n2 = diff_before.norm().item(), diff_after.norm().item()
        if n1 < magnitude_threshold or n2 < magnitude_threshold or n1 * n2 == 0:
            continue
        steps.append(int(names[i].split("-")[1]))
        cos_sims.append(t.dot(diff_before, diff_after).item() / (n1 * n2))
    return steps, cos_sims


if MAIN:
    steps, cos_sims = compute_local_cosine_similarity(utils.load_checkpoints())
    line(cos_sims, x=steps, title="Local cosine similarity")


# %%
def calculate_answer_importance(full_cot_list: list[list[str]], answer: str) -> list[float]:
    def get_accuracy(cots: list[str]) -> float:
        if len(cots) == 0:
            return float("nan")
        extracted = [extract_boxed_answers(cot) for cot in cots]
        return sum(e[0].strip() == answer.strip() if e else False for e in extracted) / len(cots)

    accuracies = [get_accuracy(cots) for cots in full_cot_list]
    return [acc_next - acc for acc, acc_next in zip(accuracies[:-1], accuracies[1:])]


def get_filtered_indices(
    chunk_removed: str, resampled: list[str], embedding_model: SentenceTransformer, threshold: float = 0.7
) -> list[int]:
    removed_emb = embedding_model.encode([chunk_removed], show_progress_bar=False)[0]
    out = []
    for i, emb in enumerate(embedding_model.encode(resampled, show_progress_bar=False)):
        sim = np.dot(removed_emb, emb) / (np.linalg.norm(removed_emb) * np.linalg.norm(emb) + 1e-8)
        if sim < threshold:
            out.append(i)
    return out


def get_vertical_scores_simple(
    avg_attention_matrix: Float[np.ndarray, "n n"], proximity_ignore: int = 4
) -> Float[np.ndarray, "n"]:
    n = avg_attention_matrix.shape[0]
    scores = np.full(n, np.nan)
    for i in range(n):
        vert = avg_attention_matrix[i + proximity_ignore :, i]
        if len(vert) > 0:
            scores[i] = np.mean(vert)
    return scores


def faithfulness_hint_rate(records: list[dict]) -> float:
    counts = defaultdict(int)
    for r in records:
        if r["answer"] == r["hinted_answer"] or r["hinted_answer"] != r["hint"]:
            continue
        counts[r["acknowledged"]] += 1
    return counts[True] / sum(counts.values()) if counts else float("nan")


# %%
class ActivationCapper:
    def __init__(self, model, vectors, thresholds, layer_indices):
        self.model = model
        self.vectors = vectors
        self.thresholds = thresholds
        self.layer_indices = layer_indices
        self._handles = []

    def _make_hook(self, vector: Tensor, threshold: float) -> Callable:
        def hook_fn(module, input, output):
            h = output[0] if isinstance(output, tuple) else output
            v = vector.to(h.device, dtype=h.dtype)
            proj = einops.einsum(h, v, "b s d, d -> b s")
            h = h - einops.einsum(t.clamp(proj - threshold, max=0), v, "b s, d -> b s d")
            return (h, *output[1:]) if isinstance(output, tuple) else h

        return hook_fn

    def __enter__(self):
        layers = _return_layers(self.model)
        for v, tau, layer in zip(self.vectors, self.thresholds, self.layer_indices):
            self._handles.append(layers[layer].register_forward_hook(self._make_hook(v, tau)))
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


# %%
def wilson_interval(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    if n == 0:
        return (0.0, 1.0)
    p_hat = k / n
    denom = 1 + z**2 / n
    mid = (p_hat + z**2 / (2 * n)) / denom
    margin = (z / denom) * np.sqrt(p_hat * (1 - p_hat) / n + z**2 / (4 * n**2))
    return (np.clip(mid - margin, 0, 1), np.clip(mid + margin, 0, 1))


def brier_score(probs, labels) -> float:
    onehot = np.zeros_like(probs)
    onehot[np.arange(len(labels)), labels] = 1
    return ((probs - onehot) ** 2).sum(-1).mean()


def expected_calibration_error(probs, labels, n_bins: int = 10) -> float:
    conf, pred = probs.max(-1), probs.argmax(-1)
    idx = np.clip(np.digitize(conf, np.linspace(0, 1, n_bins + 1)) - 1, 0, n_bins - 1)
    ece = 0.0
    for b in range(n_bins):
        mask = idx == b
        if mask.sum() > 0:
            ece += mask.mean() * np.abs((pred == labels)[mask].mean() - conf[mask].mean())
    return ece


def fit_temperature(logits: Float[Tensor, "n c"], labels: Int[Tensor, "n"]) -> float:
    logits = logits.double()
    temps = t.logspace(np.log10(0.05), np.log10(20), 1500, dtype=t.float64)
    losses = t.stack([F.cross_entropy(logits / temp, labels) for temp in tqdm(temps)])
    return temps[losses.argmin()].item()


# %%
def best_of_n_kl(n: int) -> float:
    return np.log(n) - (n - 1) / n


def overoptimization_curve(proxy, gold, ns):
    idx = np.argsort(proxy)
    proxy, gold, N = proxy[idx], gold[idx], len(proxy)
    out = []
    for n in ns:
        if n > N:
            raise ValueError("n is larger than the number of samples")
        log_w = np.full(N, -np.inf)
        log_w[N - 1] = np.log(n) - np.log(N)
        for i in range(N - 2, n - 2, -1):
            log_w[i] = log_w[i + 1] + np.log(i + 2 - n) - np.log(i + 1)
        w = np.exp(log_w)
        out.append(((w * proxy).sum(), (w * gold).sum()))
    proxies, golds = zip(*out)
    return np.array(proxies), np.array(golds)


# %%
def protocol_upfront_auditing(submissions: list, audit_fraction: float) -> list[int]:
    n_audit = int(np.ceil(np.round(len(submissions) * audit_fraction, 6)))
    return sorted(random.sample(list(range(len(submissions))), n_audit))


def protocol_trusted_monitoring(submissions: list, sus_scores: list[float], audit_fraction: float) -> list[int]:
    n_audit = int(np.ceil(np.round(len(submissions) * audit_fraction, 6)))
    ranked = sorted(enumerate(sus_scores), key=lambda pair: pair[1], reverse=True)
    return [i for i, _ in ranked[:n_audit]]


def simulate_safety(protocol, submissions, attacks, runs: int = 100) -> float:
    safe_runs = 0
    for _ in range(runs):
        audited = protocol(submissions)
        if not any(attack and i not in audited for i, attack in enumerate(attacks)):
            safe_runs += 1
    return safe_runs / runs


if MAIN:
    print(simulate_safety(lambda subs: protocol_upfront_auditing(subs, 0.5), ["a", "b"], [True, False]))
