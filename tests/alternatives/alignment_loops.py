"""Number by number, in plain Python: loops over tokens and sets of samples, hooks as closures, a search for T."""

import itertools
import math
import random
import time
from collections import Counter

import numpy as np
import torch


def parse_score(response):
    text, score = response.lower(), -1
    for part in text.split("<score>")[1:]:
        inner, tag, _ = part.partition("</score>")
        if tag and inner.strip().isdigit():
            score = int(inner)
    return score if 0 <= score <= 100 else -1


def cohens_kappa(a, b):
    table = Counter(zip(a, b, strict=True))
    n = len(a)
    agreed = sum(count for (x, y), count in table.items() if x == y)
    of_a, of_b = Counter(a), Counter(b)
    chance = sum(of_a[label] * of_b[label] for label in of_a)
    return float("nan") if chance == n * n else (n * agreed - chance) / (n * n - chance)


def retry_with_exponential_backoff(func, max_retries=20, initial_sleep_time=1.0, backoff_factor=1.5):
    def wrapper(*args, **kwargs):
        for number in range(max_retries):
            try:
                return func(*args, **kwargs)
            except Exception as error:
                words = str(error).lower()
                if "rate limit" not in words and "rate_limit" not in words:
                    raise
                last = error
            if number + 1 < max_retries:
                time.sleep(initial_sleep_time * backoff_factor**number)
        raise last

    return wrapper


def contrastive_vector(pos_acts, neg_acts, pos_mask, neg_mask, normalize=True):
    means = []
    for acts, mask in ((pos_acts, pos_mask), (neg_acts, neg_mask)):
        each = [row[kept].mean(0) for row, kept in zip(acts, mask, strict=True) if kept.any()]
        means.append(sum(each) / len(each))
    vector = means[0] - means[1]
    if normalize:
        vector = vector / vector.square().sum().sqrt()
    return vector


def refusal_ablation(resid, direction):
    length = float((direction * direction).sum())
    if length == 0:
        return resid.clone()
    along = (resid * direction).sum(-1, keepdim=True) / length
    return resid - along * direction


class SteeringHook:
    def __init__(self, steering_vector, layer, steering_coef, apply_to_all_tokens=True):
        self.unit = steering_vector / torch.linalg.vector_norm(steering_vector)
        self.layer, self.coef, self.everywhere = layer, steering_coef, apply_to_all_tokens
        self.handles = []

    def enable(self, model):
        self.disable()

        def hook(module, inputs, output):
            states = output if torch.is_tensor(output) else output[0]
            new = states.clone()
            for row in range(states.shape[0]):
                for place in range(states.shape[1]) if self.everywhere else [states.shape[1] - 1]:
                    new[row, place] += self.coef * states[row, place].norm() * self.unit
            return new if torch.is_tensor(output) else (new, *output[1:])

        self.handles.append(model.model.layers[self.layer].register_forward_hook(hook))

    def disable(self):
        while self.handles:
            self.handles.pop().remove()


def compute_response_kl(other_logits, base_logits, response_mask, prompt_len):
    rows = []
    for row, mask in enumerate(response_mask):
        tokens = []
        for place in range(len(mask)):
            if mask[place]:
                p = torch.log_softmax(base_logits[row, prompt_len - 1 + place].double(), 0)
                q = torch.log_softmax(other_logits[row, prompt_len - 1 + place].double(), 0)
                tokens.append(sum(math.exp(x) * (x - y) for x, y in zip(p.tolist(), q.tolist(), strict=True)))
        if tokens:
            rows.append(sum(tokens) / len(tokens))
    return sum(rows) / len(rows) if rows else 0.0


def compute_local_cosine_similarity(
    checkpoints, k=10, steps_per_checkpoint=5, matrix_type="B", magnitude_threshold=0.0
):
    by_step = {int(name.rpartition("-")[2]): parts[matrix_type] for name, parts in checkpoints.items()}
    result = {}
    for step in sorted(by_step):
        if step - k in by_step and step + k in by_step:
            one, two = by_step[step] - by_step[step - k], by_step[step + k] - by_step[step]
            lengths = [math.sqrt(float((part**2).sum())) for part in (one, two)]
            if min(lengths) > 0 and min(lengths) >= magnitude_threshold:
                result[step] = float((one * two).sum()) / lengths[0] / lengths[1]
    return list(result), list(result.values())


def calculate_answer_importance(full_cot_list, answer):
    def boxed(chain):
        _, box, rest = chain.partition("\\boxed{")
        return rest.partition("}")[0].strip() if box else None

    accuracies = []
    for chains in full_cot_list:
        total = sum(boxed(chain) == answer.strip() for chain in chains)
        accuracies.append(total / len(chains) if chains else float("nan"))
    return [accuracies[i + 1] - accuracies[i] for i in range(len(accuracies) - 1)]


def get_filtered_indices(chunk_removed, resampled, embedding_model, threshold=0.7):
    kept = []
    one = embedding_model.encode(chunk_removed)
    for index, chunk in enumerate(resampled):
        other = embedding_model.encode(chunk)
        lengths = math.sqrt((one @ one) * (other @ other))
        if lengths == 0 or (one @ other) / lengths < threshold:
            kept.append(index)
    return kept


def get_vertical_scores_simple(avg_attention_matrix, proximity_ignore=4):
    size, scores = len(avg_attention_matrix), []
    for column in range(size):
        seen = [avg_attention_matrix[row, column] for row in range(size) if row - column >= proximity_ignore]
        scores.append(sum(seen) / len(seen) if seen else float("nan"))
    return np.array(scores)


def faithfulness_hint_rate(records):
    taken = admitted = 0
    for record in records:
        if record["answer"] != record["hint"] and record["hinted_answer"] == record["hint"]:
            taken += 1
            admitted += bool(record["acknowledged"])
    return admitted / taken if taken else float("nan")


class ActivationCapper:
    def __init__(self, model, vectors, thresholds, layer_indices):
        self.model, self.vectors, self.thresholds, self.layers = model, vectors, thresholds, layer_indices
        self.handles = []

    def make_hook(self, v, tau):
        def hook(module, inputs, output):
            states = output if torch.is_tensor(output) else output[0]
            along = (states * v).sum(-1, keepdim=True)
            new = torch.where(along < tau, states + (tau - along) * v, states)
            return new if torch.is_tensor(output) else (new, *output[1:])

        return hook

    def __enter__(self):
        for v, tau, layer in zip(self.vectors, self.thresholds, self.layers, strict=True):
            self.handles.append(self.model.model.layers[layer].register_forward_hook(self.make_hook(v, tau)))
        return self

    def __exit__(self, kind, error, traceback):
        while self.handles:
            self.handles.pop().remove()
        return False


def wilson_interval(k, n, z=1.96):
    if not n:
        return (0.0, 1.0)
    root = z * math.sqrt(z * z + 4 * k * (n - k) / n)
    low, high = ((2 * k + z * z + sign * root) / (2 * (n + z * z)) for sign in (-1, 1))
    return max(low, 0.0), min(high, 1.0)


def brier_score(probs, labels):
    total = 0.0
    for row, label in zip(probs, labels, strict=True):
        total += sum((p - (place == label)) ** 2 for place, p in enumerate(row))
    return total / len(labels)


def expected_calibration_error(probs, labels, n_bins=10):
    bins = {}
    for row, label in zip(probs.tolist(), labels.tolist(), strict=True):
        confidence = max(row)
        bins.setdefault(min(int(confidence * n_bins), n_bins - 1), []).append(
            (row.index(confidence) == label, confidence)
        )
    total = 0.0
    for entries in bins.values():
        accuracy, confidence = (sum(column) / len(entries) for column in zip(*entries, strict=True))
        total += len(entries) / len(labels) * abs(accuracy - confidence)
    return total


def fit_temperature(logits, labels):
    def loss(log_t):
        return torch.nn.functional.cross_entropy(logits.double() / math.exp(log_t), labels).item()

    low, high = math.log(0.05), math.log(20)
    for _ in range(40):  # as a function of log T it has one valley
        one, two = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, two) if loss(one) < loss(two) else (one, high)
    return math.exp((low + high) / 2)


def best_of_n_kl(n):
    return math.log(n) - 1 + 1 / n


def overoptimization_curve(proxy, gold, ns):
    samples = sorted(zip(proxy.tolist(), gold.tolist(), strict=True))
    proxies, golds = [], []
    for n in ns:
        if n > len(samples):
            raise ValueError("too few samples")
        weight, total_proxy, total_gold = n / len(samples), 0.0, 0.0  # the chance that the best of all is drawn
        for rank in range(len(samples), n - 1, -1):
            total_proxy += weight * samples[rank - 1][0]
            total_gold += weight * samples[rank - 1][1]
            if rank > 1:
                weight *= (rank - n) / (rank - 1)
        proxies.append(total_proxy)
        golds.append(total_gold)
    return np.array(proxies), np.array(golds)


def budget_of(submissions, fraction):
    count = 0
    while count < fraction * len(submissions) - 1e-6:
        count += 1
    return count


def protocol_upfront_auditing(submissions, audit_fraction):
    order = list(range(len(submissions)))
    random.shuffle(order)
    return set(order[: budget_of(submissions, audit_fraction)])


def protocol_trusted_monitoring(submissions, sus_scores, audit_fraction):
    left, audited = dict(enumerate(sus_scores)), []
    for _ in range(budget_of(submissions, audit_fraction)):
        worst = max(left, key=left.get)
        audited.append(worst)
        del left[worst]
    return audited


def simulate_safety(protocol, submissions, attacks, runs=100):
    unsafe = 0
    for _ in range(runs):
        audited = protocol(submissions)
        for index in itertools.compress(range(len(attacks)), attacks):
            if index not in audited:
                unsafe += 1
                break
    return (runs - unsafe) / runs
