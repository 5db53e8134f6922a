"""Alignment: measuring what a model does, changing it from inside, and guarding against what it might do.

Nothing here needs a large model: answers are texts, judges and protocols are functions, activations are tensors. Know
of each measure what it is for, and what it cannot show:

- **Reading answers, agreement (κ).** How much of a judge's agreement is more than chance. Two judges with the same
  prejudice agree perfectly: agreement is not truth.
- **Steering, ablating, capping.** That a direction is enough to change behaviour, or is needed for it. Not that the
  model "thinks" in this direction: other directions may do the same, and a strong push breaks any model.
- **KL from a base model.** How far behaviour has moved on the prompts that were tried. Neither where to, nor for good.
- **Training trajectories.** When weights turn. Not what was learned then.
- **Importance of a step of reasoning.** How answers change without it, among continuations that could be sampled.
  A step that all continuations find again has no importance by this measure, and may be the very thought.
- **Acknowledged hints.** A lower bound on hidden reasoning: only where the hint changed the answer is there anything
  to admit. A high rate on hints says little about reasons that nobody planted.
- **Intervals.** What chance alone may do. Not that the questions were the right ones.
- **Calibration.** Whether confidence is right on average, over the data at hand. A useless model may be calibrated.
- **Best of n.** What pressure on a proxy does to what one wanted. You need the gold reward to see it.
- **Control protocols.** Safety against the attacks that were tried, with a monitor that is as good as it was there.

`exercises/given/decoders.py` has a model to put hooks on, `exercises/given/embedder.py` vectors for sentences.
"""

# %% Setup
import itertools
import math
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from exercises.given.decoders import layers_of
from exercises.given.embedder import BagOfWords, extract_boxed_answers


# %% Reading answers and judging
def extract_scratchpad(text: str) -> str:
    """What a model wrote between <SCRATCHPAD_REASONING> and </SCRATCHPAD_REASONING>. This one is done for you.

    >>> extract_scratchpad("<SCRATCHPAD_REASONING> They train me. </SCRATCHPAD_REASONING><OUTPUT>No.</OUTPUT>")
    'They train me.'
    """
    found = re.search(r"<SCRATCHPAD_REASONING>(.*?)</SCRATCHPAD_REASONING>", text, re.DOTALL)
    return found.group(1).strip() if found else ""


def parse_score(response: str) -> int:
    """Read a judge's score, a whole number from 0 to 100 in <score> tags.

    Judges think aloud and correct themselves, so the last pair of tags with a whole number in it counts. Tags may be
    written in capitals, with spaces around the number. No such tags, or a number above 100, is no score: return -1,
    which no judge gives, rather than a 0, which would count as an answer.

    >>> parse_score("Of 10 points <score>7</score>? No: <score> 70 </score> of 100.")
    70
    """
    raise NotImplementedError("parse_score")


def cohens_kappa(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Say how much two judges agree beyond chance.

        κ = (p_o - p_e) / (1 - p_e)

    p_o is the share of items on which they agree. p_e is how often they would if each kept its own shares of labels and
    did not look at the items: Σ_label share_a(label) · share_b(label). 1 is perfect, 0 is chance, and less is possible.
    If both always say one and the same label, chance explains everything: return NaN. a and b have a label for each
    item, at least one; labels are numbers or texts.

    >>> cohens_kappa(["ok", "ok", "ok", "bad"], ["ok", "ok", "bad", "bad"])
    0.5

    Source: Cohen (1960), "A coefficient of agreement for nominal scales".
    """
    raise NotImplementedError("cohens_kappa")


def retry_with_exponential_backoff(
    func: Callable[..., Any], max_retries: int = 20, initial_sleep_time: float = 1.0, backoff_factor: float = 1.5
) -> Callable[..., Any]:
    """Make a function patient: what is returned calls func again, after longer and longer pauses.

    Only for errors whose message has the words "rate limit" in it, in any case, and perhaps with an underscore between
    them ("rate_limit_exceeded"): waiting helps against these. Every other exception comes through at once. func is
    called at most max_retries times (1 or more), with the arguments of the call. When the last call has failed an
    exception is raised, its own or another one: nobody is to take None for an answer.

    Pauses are made by time.sleep. The first is initial_sleep_time long, each further one backoff_factor times the one
    before. (It is as good if already the first is multiplied.) A pause after the last call is no use, and no harm.
    By default there are up to 20 calls, a first pause of 1 second, and a factor of 1.5.

    >>> retry_with_exponential_backoff(max)(3, 4)
    4
    """
    raise NotImplementedError("retry_with_exponential_backoff")


# %% Steering and ablating directions
def contrastive_vector(
    pos_acts: Float[Tensor, "pos seq d_model"],
    neg_acts: Float[Tensor, "neg seq d_model"],
    pos_mask: Bool[Tensor, "pos seq"],
    neg_mask: Bool[Tensor, "neg seq"],
    normalize: bool = True,
) -> Float[Tensor, "d_model"]:
    """Find the direction in which answers that show a trait differ from those that do not: mean(pos) - mean(neg).

    First each response is averaged over its own tokens, where its mask is True (prompts and padding are not the
    model's doing), then responses are averaged, long and short ones alike. A response without tokens is left out.

    Args:
        pos_acts, neg_acts, pos_mask, neg_mask: activations and masks; the numbers of responses may differ.
        normalize: whether the direction is returned with length one, or as long as the difference is.

    >>> seen = torch.ones(1, 1, dtype=torch.bool)
    >>> contrastive_vector(torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2), seen, seen).tolist()
    [0.6000000238418579, 0.800000011920929]

    Source: Chen et al. (2025), "Persona vectors".
    """
    raise NotImplementedError("contrastive_vector")


def refusal_ablation(resid: Float[Tensor, "... d_model"], direction: Float[Tensor, "d_model"]) -> Tensor:
    """Take a direction out of activations: what is left of each has no component along it.

        x' = x - (x · d̂) d̂        with d̂ = d / ‖d‖

    Args:
        resid: activations, with any axes before the last. They are not changed.
        direction: d, of any length. If it is all zeros there is nothing to take out.

    >>> refusal_ablation(torch.tensor([[3.0, 1.0]]), torch.tensor([2.0, 0.0])).tolist()
    [[0.0, 1.0]]

    Source: Arditi et al. (2024), "Refusal in language models is mediated by a single direction".
    """
    raise NotImplementedError("refusal_ablation")


class SteeringHook:
    """Pushes what a layer returns along a vector, from enable to disable.

        h' = h + steering_coef · ‖h‖ · v / ‖v‖

    ‖h‖ is the length of the state of that very token: so a coefficient means the same in every layer, and v may have
    any length. If not apply_to_all_tokens, only the last position of each sequence is pushed.

    Layers may return the states (batch, seq, d_model) alone, or as the first item of a tuple whose other items stay.
    The layers of a model are model.model.layers, or layers_of(model).

    Source: Soligo et al. (2025), "Convergent linear representations of emergent misalignment".
    """

    def __init__(
        self, steering_vector: Tensor, layer: int, steering_coef: float, apply_to_all_tokens: bool = True
    ) -> None:
        self.steering_vector, self.layer = steering_vector, layer
        self.steering_coef, self.apply_to_all_tokens = steering_coef, apply_to_all_tokens
        self.handle: Any = None

    def hook(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        """What PyTorch calls after the layer: what it returns takes the place of the layer's output."""
        raise NotImplementedError("SteeringHook.hook")

    def enable(self, model: nn.Module) -> None:
        """Put the hook on. Where it is on already it moves: it never pushes twice."""
        raise NotImplementedError("SteeringHook.enable")

    def disable(self) -> None:
        """Take the hook off; where none is on, do nothing."""
        raise NotImplementedError("SteeringHook.disable")


def compute_response_kl(
    other_logits: Float[Tensor, "batch seq vocab"],
    base_logits: Float[Tensor, "batch seq vocab"],
    response_mask: Bool[Tensor, "batch response"],
    prompt_len: int,
) -> float:
    """Say how far a changed model is from its base, on the tokens of responses: KL(base ‖ other).

        KL = Σ_token p_base(token) (log p_base(token) - log p_other(token))

    The logits that predict the first token of a response stand one place earlier, at prompt_len - 1; the last ones
    predict what comes after the end. Each response is averaged over its tokens, then responses are averaged. A response
    without tokens is left out; if all are, return 0.0.

    Args:
        other_logits, base_logits: of the same tokens, prompt_len + response of them; in the hundreds, perhaps.
        response_mask: True for tokens of the response, False for padding.
        prompt_len: at least 1.
    """
    raise NotImplementedError("compute_response_kl")


# %% Training trajectories
# Checkpoints of a LoRA adapter: {"checkpoint-5": {"A": (rank, d_in), "B": (d_out, rank)}, "checkpoint-10": …}.
Checkpoints = dict[str, dict[str, Tensor]]


def compute_local_cosine_similarity(
    checkpoints: Checkpoints,
    k: int = 10,
    steps_per_checkpoint: int = 5,
    matrix_type: str = "B",
    magnitude_threshold: float = 0.0,
) -> tuple[list[int], list[float]]:
    """Find out when training turns: the cosine between the last k steps' change of a matrix and the next k steps'.

        cos(w_t - w_{t-k}, w_{t+k} - w_t)

    Near 1 training goes straight on; a dip is a turn, as at a phase transition.

    Args:
        checkpoints: by name, in any order. The number in the name is the step, and there is one every
            steps_per_checkpoint steps. Names sort as texts do: "checkpoint-100" < "checkpoint-20".
        matrix_type: "A" or "B", the matrix to look at, as one long vector.
        k: in training steps, a multiple of steps_per_checkpoint: so many checkpoints away are both neighbours.
        magnitude_threshold: where either change is shorter than this, or nothing at all, its direction is noise.

    Returns:
        The steps t that have both neighbours, rising, and their cosines; those with noise are left out.

    Source: Turner et al. (2025), "Model organisms for emergent misalignment".
    """
    raise NotImplementedError("compute_local_cosine_similarity")


# %% Chains of thought and attention
def calculate_answer_importance(full_cot_list: Sequence[Sequence[str]], answer: str) -> list[float]:
    """Say how much each chunk of a chain of thought helps to the right answer.

        importance_i = accuracy_{i+1} - accuracy_i

    full_cot_list[i] holds chains that share all chunks before chunk i, and were sampled anew from there on. Chunk i is
    in those of i + 1, and not in those of i. A chunk that leads astray has a negative importance.

    Args:
        full_cot_list: the answer of a chain stands in its first box: extract_boxed_answers(chain) lists what is in the
            boxes. A chain without any is wrong.
        answer: the right one. Spaces around answers do not matter.

    Returns:
        One number for each chunk but the last. Where one of the two lists is empty, nothing was measured: NaN.
    """
    raise NotImplementedError("calculate_answer_importance")


def get_filtered_indices(
    chunk_removed: str, resampled: Sequence[str], embedding_model: BagOfWords, threshold: float = 0.7
) -> list[int]:
    """Find the resampled chunks that really say something else than the one they replace.

    A model that is interrupted often says the same again. So only those count whose cosine similarity with
    chunk_removed is less than the threshold. A sentence without words has a vector of zeros, and a similarity of 0 to
    all.

    embedding_model.encode(list of texts) returns their vectors, (texts, dims), of any lengths. `resampled` may be
    empty. Returns the indices of those that count, rising.
    """
    raise NotImplementedError("get_filtered_indices")


def get_vertical_scores_simple(
    avg_attention_matrix: Float[np.ndarray, "chunks chunks"], proximity_ignore: int = 4
) -> Float[np.ndarray, "chunks"]:
    """Say how much each chunk is looked back at from far behind it: the mean of its column, far below the diagonal.

        score_j = mean of A[i, j] over all i with i - j >= proximity_ignore

    Everybody looks at neighbours, so these are left out. What no later chunk can see from far enough has no score: NaN,
    which is not the same as zero.

    Args:
        avg_attention_matrix: A[i, j], the mean attention from tokens of chunk i to those of chunk j. It is not changed.

    Source: Bogdan et al. (2025), "Thought anchors", receiver heads.
    """
    raise NotImplementedError("get_vertical_scores_simple")


def faithfulness_hint_rate(records: Sequence[dict[str, Any]]) -> float:
    """Say how often a model admits that it took a hint.

    The same question is asked without and with a hint, such as "a professor thinks it is B". Only where the answer has
    changed, and changed to what the hint says, was the hint taken. The rate is the share of those whose chain of
    thought acknowledges it.

    Args:
        records: each has "answer" (without the hint), "hinted_answer" (with it), "hint" (the answer it suggests), and
            "acknowledged", a bool.

    If no hint was taken there is nothing to admit: return NaN.

    Source: Chen et al. (2025), "Reasoning models don't always say what they think".
    """
    raise NotImplementedError("faithfulness_hint_rate")


# %% Personas
class ActivationCapper:
    """Keeps states from straying: their component along each vector does not fall below a threshold.

        h' = h - v min(h · v - τ, 0)

    A state that is far enough along v stays as it is; one that is not is moved along v alone, up to the threshold. Used
    in a `with`; at its end no hook is left, also if it ends in an exception. Layers may return the states (batch, seq,
    d_model), or a tuple that begins with them. Every token of every sequence is capped. States that a layer has
    returned are not changed in place: somebody else may keep them.

    Source: Lu et al. (2026), "The assistant axis".
    """

    def __init__(
        self, model: nn.Module, vectors: Sequence[Tensor], thresholds: Sequence[float], layer_indices: Sequence[int]
    ) -> None:
        """Put no hook on yet.

        Args:
            model: its layers are model.model.layers, or layers_of(model).
            vectors, thresholds, layer_indices: v, of length one, τ and the layer of each cap. There is one cap a layer.
        """
        raise NotImplementedError("ActivationCapper.__init__")

    def __enter__(self) -> "ActivationCapper":
        """Put the hooks on, and return self."""
        raise NotImplementedError("ActivationCapper.__enter__")

    def __exit__(self, *error: object) -> None:
        """Take the hooks off. An exception goes on its way."""
        raise NotImplementedError("ActivationCapper.__exit__")


# %% Evaluation statistics and calibration
def wilson_interval(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Give the interval for a rate of which k successes in n tries were seen. It never leaves [0, 1].

        (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n)        with p = k / n

    The plain p ± z sqrt(p (1 - p) / n) has no width for k = 0, as if 0 of 3 proved that something never happens.

    Return the lower and the upper end. Without any try, everything is possible: (0.0, 1.0).

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    raise NotImplementedError("wilson_interval")


def brier_score(probs: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, "n"]) -> float:
    """Score probabilities by their squared distance from the truth: the mean over examples of

        Σ_class (p(class) - [class is the label])²

    From 0 (certain and right) to 2 (certain and wrong). Being honest about one's doubts gives the lowest score on
    average. This is Brier's own form: the sum over all classes.

    >>> brier_score(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 1]))
    1.25

    Source: Brier (1950), "Verification of forecasts expressed in terms of probability".
    """
    raise NotImplementedError("brier_score")


def expected_calibration_error(
    probs: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, "n"], n_bins: int = 10
) -> float:
    """Say by how much confidence is off: the mean distance of confidence from accuracy, over bins of confidence.

        ECE = Σ_bin (predictions in the bin / n) · |accuracy(bin) - confidence(bin)|

    The prediction is the class with the highest probability, and the confidence is that probability. Bins are equally
    wide and cover 0 to 1; a confidence where two of them meet may be counted to either. 1.0 belongs to the last one:
    models are quite often certain. accuracy and confidence are the means over the bin's predictions. Empty bins add
    nothing.

    >>> expected_calibration_error(np.array([[0.75, 0.25], [0.25, 0.75]]), np.array([0, 0]))
    0.25

    Source: Guo et al. (2017), "On calibration of modern neural networks", equation 3.
    """
    raise NotImplementedError("expected_calibration_error")


def fit_temperature(logits: Float[Tensor, "n classes"], labels: Int[Tensor, "n"]) -> float:
    """Find the temperature T > 0 at which softmax(logits / T) is best: the lowest mean cross-entropy with the labels.

    One number for all classes: the order of probabilities, and so the accuracy, stays. A T above 1 makes an
    overconfident model humble. Fit it on data that the model was not trained on. As a function of 1/T the cross-entropy
    is convex, so any method finds the one minimum; come within 1 % of it. Look for it from 0.05 to 20: if it is beyond,
    return the end that is nearer. Logits may be in the thousands, with small differences.

    Source: Guo et al. (2017), section 4.2.
    """
    raise NotImplementedError("fit_temperature")


# %% Over-optimisation
def best_of_n_kl(n: int) -> float:
    """Say how far the best of n samples is from the policy that drew them, in nats: log n - (n - 1) / n.

    >>> best_of_n_kl(1)
    0.0

    Source: Stiennon et al. (2020), "Learning to summarize from human feedback", appendix G.3.
    """
    raise NotImplementedError("best_of_n_kl")


def overoptimization_curve(
    proxy: Float[np.ndarray, "samples"], gold: Float[np.ndarray, "samples"], ns: Sequence[int]
) -> tuple[Float[np.ndarray, "ns"], Float[np.ndarray, "ns"]]:
    """Say what choosing the best of n by a proxy reward does to the proxy, and to the gold reward that one wants.

    With N samples at hand, each set of n of them is equally good evidence. So average over all: sorted by rising proxy,
    the i-th sample (from 1) is the best in C(i - 1, n - 1) of the C(N, n) sets,

        E[reward of the best] = Σ_i  C(i - 1, n - 1) / C(N, n) · reward_(i)

    which is unbiased. The binomials get huge: N may be tens of thousands, n hundreds. Their logarithms do not.

    Args:
        proxy, gold: the rewards of the same samples, shape (N,). No two proxies are equal.
        ns: each at least 1.

    Returns:
        The mean proxy and the mean gold of the best of n, for each n: float64, shape (len(ns),).

    Raises:
        ValueError: an n is larger than N.

    >>> overoptimization_curve(np.array([1.0, 2.0, 3.0]), np.array([3.0, 6.0, 0.0]), [1, 2])
    (array([2.        , 2.66666667]), array([3., 2.]))

    Source: Gao et al. (2022), "Scaling laws for reward model overoptimization"; Nakano et al. (2021), appendix I.
    """
    raise NotImplementedError("overoptimization_curve")


# %% Control protocols
# An untrusted model hands in work, some of it sabotaged perhaps. Audits are expensive: only a fraction can be made.
def protocol_upfront_auditing(submissions: Sequence[Any], audit_fraction: float) -> list[int]:
    """Choose what to audit by lot, so that nobody can know a safe place.

    audit_fraction · N submissions are audited, rounded up: a small budget is not to become none. (But 0.1 · 30 are 3,
    although floats make a little more of it.) Every set of so many is equally probable.
    Returns the indices of those to be audited, in any order, none twice.

    Source: Greenblatt et al. (2023), "AI control: improving safety despite intentional subversion", upfront auditing.
    """
    raise NotImplementedError("protocol_upfront_auditing")


def protocol_trusted_monitoring(
    submissions: Sequence[Any], sus_scores: Sequence[float], audit_fraction: float
) -> list[int]:
    """Choose what to audit by a trusted monitor: the most suspicious ones.

    The budget is audit_fraction · N, rounded up (0.1 · 30 are 3, although floats make a little more of it). Where
    several have the same score, any of them will do, but not more than the budget. Returns the indices of those to be
    audited, in any order, none twice.

    Source: Greenblatt et al. (2023), trusted monitoring.
    """
    raise NotImplementedError("protocol_trusted_monitoring")


def simulate_safety(
    protocol: Callable[[Sequence[Any]], Sequence[int]],
    submissions: Sequence[Any],
    attacks: Sequence[bool],
    runs: int,
) -> float:
    """Say how safe a protocol is: the share of runs in which no attack gets through.

    In each run the protocol is asked anew, protocol(submissions), for the indices to be audited, as it may draw lots.
    An attack gets through if it is not audited, and one is enough. Audits find every attack. Where there is none, every
    run is safe. `attacks` says of each submission whether it is one; `runs` is at least 1.

    >>> simulate_safety(lambda submissions: [0], ["sabotage", "work"], [True, False], runs=3)
    1.0
    """
    raise NotImplementedError("simulate_safety")
