"""Checks of the section `alignment`: measuring models, steering them, and guarding against them.

Everything is pure: embeddings are bags of words (`exercises/given/embedder.py`), models are stacks of layers without
weights (`exercises/given/decoders.py`), clocks do not run. Answers to `retry_with_exponential_backoff` may multiply
before the first pause or after it, and pause once more after the last call.

Left out of the curriculum, to keep to what teaches most in one section:

- what needs a large model or a service: autoraters, auditor agents, activation oracles, circuit-tracer, Inspect;
- texts to be read and put together: `score_response_simple`, `judge_tag`, `tag_accepts`, `extract_scratchpad` (the
  worked example), `extract_output`, `extract_inner_command`, `classify_command`, `classify_transcript_regex`,
  `split_solution_into_chunks`, `categorize_sentences_heuristic`, `format_mcq_as_user`, `add_few_shot_examples`,
  `add_variance_prompts`, `letters_and_answer_options`, `record_to_sample_shuffle`, `summarize_results`,
  `filter_dataset`, `filter_effective_pairs`: strings and dicts, of which `parse_score` has the traps;
- what other sections ask for: PCA and cosines (`compute_pca_trajectory`, `pca_decompose_persona_vectors`,
  `characterize_axis`, `compute_cosine_similarity_matrix` and `..._centered`), rotary embeddings and attention
  (`rotate_half`, `apply_rotary_pos_emb`, `compute_suppressed_attention`);
- second forms of what is there: `compute_suppression_kl` (compute_response_kl), `ActivationSteerer`,
  `build_steering_vector` (SteeringHook, contrastive_vector), `extract_lora_b_steering_vectors`,
  `extract_lora_norms_over_training`, `find_phase_transition_step` (compute_local_cosine_similarity),
  `calculate_counterfactual_importance`, `compute_match_rate_from_embeddings`, `compute_pairwise_importance`
  (get_filtered_indices, calculate_answer_importance), `get_vertical_scores`, `compute_head_kurtosis`,
  `hierarchical_category_means`, `protocol_defer_to_trusted`, `protocol_trusted_editing` (protocol_trusted_monitoring),
  `reliability_bins` (within expected_calibration_error), `bootstrap_ci` (wilson_interval).
"""

from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st

from exercises.given.alignment_examples import (
    attention,
    beyond,
    boxed,
    failing,
    hidden,
    in_turn,
    outcome,
    pauses,
    predictions,
    probabilities,
    walk,
)
from exercises.given.decoders import ToyModel, hooks_on, passed
from exercises.given.embedder import BagOfWords
from graders.engine import HALVES, NONZERO, WHOLE, Section, arrays, close, difference, distributed_as, edit, tensors

section = Section("alignment", title="Alignment: measuring, steering and guarding models")
section.lend(
    _return_layers="exercises.given.decoders.layers_of",
    extract_boxed_answers="exercises.given.embedder.extract_boxed_answers",
)
near = close(rtol=1e-4, atol=1e-5)  # floats that may have been computed in single precision
seeds = st.integers(0, 999)


# %% parse_score, cohens_kappa
talk = st.sampled_from(("", "Fine. ", "10 of 100? ", "score 5 "))
marks = st.sampled_from((7, 70, 0, 100, 42)).map(lambda number: f"<score>{number}</score>")
spaced = st.sampled_from(("<score> 7 </score>", "<SCORE>50</SCORE>", "<Score>\n9 </Score>"))
none = st.sampled_from(("", "<score>high</score>", "score: 7", "<score>7", "<score>101</score>", "<score>1000</score>"))


def joined(*parts):
    """Texts of these parts."""
    return st.tuples(*parts).map("".join)


parse_score = section.exercise(
    "parse_score",
    hints=[
        "A judge that corrects itself gives two scores. Which does it mean, and which does re.search find?",
        "What can be told from a score of 0 if that is also what you return when there is no score?",
    ],
    mistakes={
        "Takes the first score; judges correct themselves.": edit("found[-1]", "found[0]"),
        "Takes any number in the text, not the one in the tags.": edit(r'r"<score>\s*(\d+)\s*</score>"', r'r"(\d+)"'),
        "A missing score counts as 0.": edit("found else -1", "found else 0"),
        "Lets scores above 100 through.": edit("score if score <= 100 else -1", "score"),
        "Cuts scores above 100 down to 100.": edit("score if score <= 100 else -1", "min(score, 100)"),
        "Tags in capitals are overlooked.": edit(", re.IGNORECASE", ""),
        "Spaces beside the number are too much for it.": edit(r"<score>\s*(\d+)\s*</score>", r"<score>(\d+)</score>"),
    },
)
parse_score.call("score_read", "Reads the number in the tags, not others.", response=joined(talk, marks, talk))
parse_score.call("score_last", "The last of several scores counts.", points=0.5, response=joined(marks, talk, marks))
parse_score.call("score_spaced", "Takes capitals, and spaces in tags.", points=0.25, response=joined(talk, spaced))
parse_score.call("score_missing", "Without a score, returns -1.", points=0.5, response=joined(talk, none))

Judgements = namedtuple("Judgements", "a b")


@st.composite
def judgements(draw, labels=("yes", "no", "unsure"), least=3):
    """Labels of two judges, who say not all the same."""
    size = draw(st.integers(least, 6))
    a, b = (draw(st.lists(st.sampled_from(labels), min_size=size, max_size=size)) for _ in range(2))
    return Judgements(a, [*b[:-1], labels[a[0] == labels[0]]])


_BEYOND = "(observed - chance) / (1 - chance)"
cohens_kappa = section.exercise(
    "cohens_kappa",
    hints=[
        "If both say “fine” nine times of ten, without looking, how often do they agree?",
        "Which labels can two judges agree on by chance? How probable is it for each of them?",
    ],
    mistakes={
        "Is the plain share of agreement: chance is left in.": edit(_BEYOND, "observed"),
        "Takes chance for 1 / (number of labels).": edit("    return", "    chance = 1 / len({*a, *b})\n    return"),
        "Does not divide by what there is beyond chance.": edit(_BEYOND, "observed - chance"),
        "Takes the shares of one judge for both.": edit("b.count(label)", "a.count(label)"),
        "Is 1 where both always say the same one label.": edit("else math.nan", "else 1.0"),
    },
)
cohens_kappa.call("kappa_values", "Says how much the judges agree beyond chance.", case=judgements())
cohens_kappa.call("kappa_numbers", "Takes labels that are numbers.", points=0.25, case=judgements((0, 1, 5), 2))


@cohens_kappa.check(points=0.25, extra=True, examples=5, n=st.integers(1, 3))
def kappa_one_label(solution, n):
    """If both always say one and the same label, returns NaN."""
    return float(solution.cohens_kappa(["yes"] * n, ["yes"] * n))


# %% retry_with_exponential_backoff
BUSY = "rate_limit_exceeded: the rate limit is reached"
Patience = namedtuple("Patience", "failures max_retries first factor")


@st.composite
def patience(draw, more=(0,)):
    """How often a function fails, and how often it may be called."""
    calls = draw(st.integers(2, 5))
    failures = draw(st.integers(1, calls - 1)) if more == (0,) else calls + draw(st.sampled_from(more))
    return Patience(failures, calls, draw(st.sampled_from((1.0, 0.5, 2.0))), draw(st.sampled_from((2.0, 1.5, 3.0))))


def growing(observed, expected, inputs):
    """Pauses that grow, if the first may be multiplied already, and one may follow the last failure."""
    case, (answer, made) = inputs["case"], observed
    if answer != expected[0]:
        return difference(answer, expected[0])
    needed = len(expected[1])
    options = [[case.first * case.factor ** (k + off) for k in range(needed + 1)] for off in (0, 1)]
    if len(made) not in (needed, needed + (case.failures >= case.max_retries)):
        return f"{len(made)} pauses were made, expected {needed}"
    wrong = [difference([float(pause) for pause in made], row[: len(made)]) for row in options]
    return wrong[0] if all(wrong) else None


retry_with_exponential_backoff = section.exercise(
    "retry_with_exponential_backoff",
    hints=[
        "What does a function return that comes to its end without a return? Who would notice?",
        "Which errors go away by waiting? What should happen to a TypeError?",
        "In which line must the pause grow so that it is longer the next time?",
    ],
    mistakes={
        "Returns None after the last try.": edit(" or attempt == max_retries - 1:", ":"),
        "Retries whatever the error is.": edit('"rate limit" not in str(error).lower().replace("_", " ") or', ""),
        "Makes one call too many.": [
            edit("range(max_retries)", "range(max_retries + 1)"),
            edit("attempt == max_retries - 1", "attempt == max_retries"),
        ],
        "All pauses are equally long.": edit("sleep_time *= backoff_factor", "pass"),
        "Pauses grow by adding.": edit("sleep_time *=", "sleep_time +="),
        "Forgets keyword arguments.": edit("func(*args, **kwargs)", "func(*args)"),
        "Looks for one spelling of the message only.": edit('.lower().replace("_", " ")', ""),
    },
)


@retry_with_exponential_backoff.check(judge=growing, examples=50, case=patience())
def retry_until_it_works(solution, case):
    """Calls again after pauses that grow, and returns what the function returns."""
    with pauses(solution) as made:
        patient = solution.retry_with_exponential_backoff(failing([BUSY] * case.failures), *case[1:])
        answer = patient(7, key="word")
    return answer, made


@retry_with_exponential_backoff.check(points=0.75, judge=growing, examples=50, case=patience(more=(0, 1)))
def retry_gives_up(solution, case):
    """Raises an exception when it has called as often as it may."""
    with pauses(solution) as made:
        patient = solution.retry_with_exponential_backoff(failing([BUSY] * case.failures), *case[1:])
        answer = outcome(patient, 7)
    return answer, made


usual = st.sampled_from((3, 19, 20, 1)).map(lambda failures: Patience(failures, 20, 1.0, 1.5))


@retry_with_exponential_backoff.check(points=0.25, judge=growing, examples=4, case=usual)
def retry_usual(solution, case):
    """By default makes up to 20 calls, with a first pause of 1 second and a factor of 1.5."""
    with pauses(solution) as made:
        answer = outcome(solution.retry_with_exponential_backoff(failing([BUSY] * case.failures)), 7)
    return answer, made


@retry_with_exponential_backoff.check(points=0.5, examples=10, message=st.sampled_from(("no such model", "", "limit")))
def retry_other_errors(solution, message):
    """Lets every other exception through at once."""
    with pauses(solution):
        answer = solution.retry_with_exponential_backoff(failing([message]))()
    return answer


@retry_with_exponential_backoff.check(
    points=0.25, extra=True, examples=10, message=st.sampled_from(("rate limit", "RATE LIMIT!", "rate_limit_exceeded"))
)
def retry_spellings(solution, message):
    """Knows the rate limit in any case, with a space or an underscore."""
    with pauses(solution):
        answer = solution.retry_with_exponential_backoff(failing([message]))(1)
    return answer


# %% contrastive_vector, refusal_ablation
Contrast = namedtuple("Contrast", "pos_acts neg_acts pos_mask neg_mask")


@st.composite
def contrasts(draw, empty=False, apart=0):
    """Activations of some responses, each with a token that counts; or, of those with the trait, one has none."""
    seq, d_model = draw(st.sampled_from(((2, 3), (3, 2), (1, 2), (2, 1))))
    acts, masks = [], []
    for least in (1 + empty, 1):
        count = draw(st.integers(least, 3))
        acts.append(draw(tensors((count, seq, d_model))))
        masks.append(draw(tensors((count, seq), (1, 0), "bool")))
        masks[-1][:, draw(st.integers(0, seq - 1))] = True
    masks[0][0] &= not empty
    acts[0][..., 0] += apart
    return Contrast(*acts, *masks)


_EACH = "(acts * mask[..., None]).sum(dim=1) / counts"
contrastive_vector = section.exercise(
    "contrastive_vector",
    hints=[
        "A response of two tokens and one of two hundred: how much should each count?",
        "What do the tokens add to a sum that the mask leaves out? And to the number you divide by?",
        "Which of two means is subtracted from which, so that adding the vector adds the trait?",
    ],
    mistakes={
        "Points away from the trait.": edit("means[0] - means[1]", "means[1] - means[0]"),
        "Includes the tokens of the prompt: the mask is not used.": edit(_EACH, "acts.mean(dim=1)"),
        "Averages over all tokens at once: long responses count more.": edit(
            "each[counts[:, 0] > 0].mean(dim=0)", "acts[mask].mean(dim=0)"
        ),
        "Does not normalise.": edit("vector / vector.norm() if normalize else vector", "vector"),
        "Normalises always.": edit(" if normalize else vector", ""),
        "A response without tokens makes it NaN.": edit("each[counts[:, 0] > 0]", "each"),
    },
)


@contrastive_vector.check(judge=near, case=contrasts())
def contrast_of_means(solution, case):
    """Is the difference of the mean responses, each averaged over its own tokens."""
    return solution.contrastive_vector(*case, normalize=False)


@contrastive_vector.check(points=0.5, judge=near, case=contrasts(apart=30))
def contrast_normalised(solution, case):
    """Has length one, unless it is not to be normalised."""
    return solution.contrastive_vector(*case)


@contrastive_vector.check(points=0.25, extra=True, judge=near, examples=30, case=contrasts(empty=True))
def contrast_without_tokens(solution, case):
    """Leaves a response without tokens out."""
    return solution.contrastive_vector(*case, normalize=False)


Ablation = namedtuple("Ablation", "resid direction")


@st.composite
def ablations(draw, leading=((3,), (2, 3), (1, 2)), values=NONZERO):
    d_model = draw(st.sampled_from((2, 4, 1)))
    shape = (*draw(st.sampled_from(leading)), d_model)
    return Ablation(draw(tensors(shape)), draw(tensors((d_model,), values)))


_UNIT = "nn.functional.normalize(direction, dim=0)"
_TAKEN = "resid - (resid @ unit)[..., None] * unit"
refusal_ablation = section.exercise(
    "refusal_ablation",
    hints=[
        "What is the component of (3, 1) along (2, 0)? And along (1, 0)?",
        "x · d̂ is one number for each activation. How many numbers is it to be multiplied with, and with which shape?",
    ],
    mistakes={
        "Projects without normalising the direction.": edit(_UNIT, "direction"),
        "Divides by the length only once.": edit("[..., None] * unit", "[..., None] * direction"),
        "Adds the component instead of taking it out.": edit("resid - (", "resid + ("),
        "Returns what was taken out.": edit("resid - (resid", "(resid"),
        "Turns activations around: takes the component out twice.": edit("resid - (", "resid - 2 * ("),
        "Takes the mean component out of all of them.": edit("(resid @ unit)[..., None]", "(resid @ unit).mean()"),
        "A direction of zeros makes everything NaN.": edit(_UNIT, "direction / direction.norm()"),
        "Changes the activations in place.": edit(_TAKEN, f"resid.sub_({_TAKEN[8:]})"),
    },
)
refusal_ablation.call("ablation_values", "Takes out the component along the direction.", judge=near, case=ablations())


@refusal_ablation.check(points=0.25, judge=near, examples=30, case=ablations(leading=((), (2, 1, 3))))
def ablation_axes(solution, case):
    """Takes any axes before the last, also none."""
    return solution.refusal_ablation(*case)


@refusal_ablation.check(points=0.25, extra=True, examples=10, case=ablations(values=(0,)))
def ablation_of_nothing(solution, case):
    """If the direction is all zeros there is nothing to take out."""
    return solution.refusal_ablation(*case)


# %% SteeringHook
Push = namedtuple("Push", "vector layer coef")


@st.composite
def pushes(draw):
    vector = draw(tensors((4,), WHOLE[:5]).filter(lambda v: v.any()))
    return Push(vector, draw(st.integers(0, 2)), draw(st.sampled_from((1.0, 0.5, -1.0))))


_HIDDEN = "output[0] if isinstance(output, tuple) else output"
_RETURNED = "(hidden, *output[1:]) if isinstance(output, tuple) else hidden"
_SCALE = "hidden.norm(dim=-1, keepdim=True)"
SteeringHook = section.exercise(
    "SteeringHook",
    hints=[
        "If a state is ten times as long as another, how much longer is the push that it gets?",
        "What does PyTorch do with what a forward hook returns? And what must it return if the layer returned a tuple?",
        "What does register_forward_hook return, and where do you keep it until disable?",
    ],
    mistakes={
        "Adds the vector as long as it is, not with length one.": edit(" / self.steering_vector.norm()", ""),
        "Does not scale by the length of the state.": edit(_SCALE, "torch.ones_like(hidden[..., :1])"),
        "Scales all tokens by their mean length.": edit(_SCALE, f"{_SCALE}.mean() + 0 * hidden[..., :1]"),
        "Pushes all tokens where only the last is asked for.": edit("if not self.apply_to_all_tokens", "if False"),
        "Pushes the last token where all are asked for.": edit("if not self.apply_to_all_tokens", "if True"),
        "Pushes the first token, not the last.": edit("hidden.shape[1] - 1)", "0)"),
        "Drops what else is in the layer's tuple.": edit("(hidden, *output[1:])", "(hidden,)"),
        "Only knows layers that return tuples.": edit(_HIDDEN, "output[0]"),
        "Only knows layers that return tensors.": [edit(_HIDDEN, "output"), edit(_RETURNED, "hidden")],
        "Sits on the first layer always.": edit("[self.layer]", "[0]"),
        "disable leaves the hook on the model.": edit("self.handle.remove()", "self.handle.id"),
        "Enabled twice, it pushes twice, and one hook is left for ever.": edit("        self.disable()\n", ""),
        "disable fails if nothing was enabled.": edit("if self.handle is not None:", "if True:"),
    },
)


@SteeringHook.check(points=1.5, judge=near, examples=50, case=pushes(), in_tuple=st.booleans(), seed=seeds)
def steering_pushes(solution, case, in_tuple, seed):
    """Pushes each state of the layer along the vector, by its own length, whether or not layers return tuples."""
    model = ToyModel(3, in_tuple)
    solution.SteeringHook(*case).enable(model)
    return passed(model, hidden(seed))


@SteeringHook.check(points=0.5, judge=near, examples=30, case=pushes(), seed=seeds)
def steering_last_token(solution, case, seed):
    """Without apply_to_all_tokens pushes the last position of each sequence only."""
    model = ToyModel()
    solution.SteeringHook(*case, apply_to_all_tokens=False).enable(model)
    return passed(model, hidden(seed))


@SteeringHook.check(points=0.5, examples=20, case=pushes(), seed=seeds)
def steering_disabled(solution, case, seed):
    """After disable there is no hook on the model, which is what it was."""
    model = ToyModel()
    steering = solution.SteeringHook(*case)
    steering.enable(model)
    steering.disable()
    return hooks_on(model), passed(model, hidden(seed))


@SteeringHook.check(points=0.25, examples=10, case=pushes())
def steering_keeps_the_tuple(solution, case):
    """The other items of a layer's tuple stay as they are."""
    model = ToyModel()
    solution.SteeringHook(*case).enable(model)
    return list(model.model.layers[case.layer](hidden(0))[1:])


@SteeringHook.check(points=0.25, extra=True, judge=near, examples=20, case=pushes(), seed=seeds)
def steering_twice(solution, case, seed):
    """Enabled twice it pushes once, and disable takes it off, also where none is on."""
    model, steering = ToyModel(), solution.SteeringHook(*case)
    steering.disable()
    steering.enable(model)
    steering.enable(model)
    steered = passed(model, hidden(seed))
    steering.disable()
    return steered, hooks_on(model)


# %% compute_response_kl
Responses = namedtuple("Responses", "other base mask prompt_len")


@st.composite
def responses(draw, masks=((1, 1), (1, 0)), rows=(2, 3, 1)):
    batch, prompt_len, vocab = draw(st.sampled_from(rows)), draw(st.integers(1, 3)), draw(st.sampled_from((2, 3)))
    mask = [list(draw(st.sampled_from(masks))) for _ in range(batch)]
    shape = (batch, prompt_len + 2, vocab)
    return Responses(draw(tensors(shape, HALVES)), draw(tensors(shape, HALVES)), torch.tensor(mask).bool(), prompt_len)


_BASE, _OTHER = (f"{name}_logits[:, prompt_len - 1 : -1].log_softmax(dim=-1)" for name in ("base", "other"))
_PER_RESPONSE = "(kl * response_mask).sum(dim=1)[counts > 0] / counts[counts > 0]"
compute_response_kl = section.exercise(
    "compute_response_kl",
    hints=[
        "Which logits say what the first token of the response should be: those at its own place?",
        "KL(base ‖ other) is a mean over what the base model would say. By which probabilities are logs weighted?",
        "One response of two tokens, one of two hundred: does each count once, or each token?",
    ],
    mistakes={
        "The divergence the other way round: KL(other ‖ base).": edit("base.exp() * (base -", "-other.exp() * (base -"),
        "One place late: takes the logits at the tokens, not those that predict them.": [
            edit(_BASE, _BASE.replace("prompt_len - 1 : -1", "prompt_len:")),
            edit(_OTHER, _OTHER.replace("prompt_len - 1 : -1", "prompt_len:")),
        ],
        "Averages over all tokens of the batch: long responses count more.": edit(_PER_RESPONSE, "kl[response_mask]"),
        "Padding counts as well.": edit(_PER_RESPONSE, "kl.mean(dim=1)"),
        "Sums over the tokens of a response.": edit(" / counts[counts > 0]", ""),
        "Takes logits for logarithms of probabilities.": [edit(part, part[:-20]) for part in (_BASE, _OTHER)],
        "The logarithm of a softmax: underflows.": edit(
            _OTHER, _OTHER.replace("log_softmax(dim=-1)", "softmax(-1).log()")
        ),
        "A response without tokens makes it NaN.": edit(_PER_RESPONSE, "(kl * response_mask).sum(dim=1) / counts"),
        "A response without tokens counts as one without divergence.": edit(
            _PER_RESPONSE, "(kl * response_mask).sum(dim=1) / counts.clamp(min=1)"
        ),
    },
)


@compute_response_kl.check(points=2, judge=near, case=responses())
def kl_values(solution, case):
    """Is the divergence from the base, averaged over the tokens of each response, then over responses."""
    return float(solution.compute_response_kl(*case))


@compute_response_kl.check(points=0.25, extra=True, judge=near, examples=30, case=responses(rows=(1,)))
def kl_large(solution, case):
    """Takes logits in the hundreds."""
    return float(solution.compute_response_kl(100 * case.other, 100 * case.base, case.mask, case.prompt_len))


@compute_response_kl.check(points=0.25, extra=True, judge=near, examples=30, case=responses(masks=((0, 0), (1, 0))))
def kl_without_tokens(solution, case):
    """Leaves responses without tokens out; if all are without, returns 0.0."""
    return float(solution.compute_response_kl(*case))


# %% compute_local_cosine_similarity
Trained = namedtuple("Trained", "seed count every apart")
trained = st.builds(Trained, seeds, st.integers(5, 8), st.sampled_from((5, 20, 3)), st.integers(1, 2))
_CHANGES = "weights[at] - weights[at - apart], weights[at + apart] - weights[at]"
compute_local_cosine_similarity = section.exercise(
    "compute_local_cosine_similarity",
    hints=[
        'Which comes first when texts are sorted: "checkpoint-100" or "checkpoint-20"?',
        "If there is a checkpoint every 5 steps, how many checkpoints away is step t + 10?",
        "How many checkpoints, at the beginning and at the end, have no neighbour at that distance?",
    ],
    mistakes={
        "Goes by the order of the names: 100 comes before 20.": edit("sorted((", "list(("),
        "Takes k for a number of checkpoints; it counts steps.": edit("k // steps_per_checkpoint", "k"),
        "Always looks at the next checkpoint.": edit("k // steps_per_checkpoint", "1"),
        "Compares the weights, not their changes.": edit(_CHANGES, "weights[at - apart], weights[at + apart]"),
        "Both changes begin at t, into the past and into the future.": edit(
            _CHANGES, _CHANGES.replace("weights[at] - weights[at - apart]", "weights[at - apart] - weights[at]")
        ),
        "Does not divide by the lengths.": edit(" / (before.norm() * after.norm())", ""),
        "Looks at the matrix B always.": edit("[matrix_type]", '["B"]'),
        "Keeps changes that are shorter than the threshold.": edit(" and shorter >= magnitude_threshold", ""),
        "Looks at the longer of both changes.": edit("shorter = min(", "shorter = max("),
        "Returns numbers of checkpoints, not steps.": edit("found.append(steps[at][0])", "found.append(at)"),
    },
)


def plain(answer):
    """Steps and cosines as Python's numbers."""
    return [int(step) for step in answer[0]], [float(cosine) for cosine in answer[1]]


@compute_local_cosine_similarity.check(points=1.5, judge=near, case=trained, matrix=st.sampled_from("BA"))
def cosines_of_changes(solution, case, matrix):
    """Compares the changes before and after each step that has both neighbours."""
    k = case.every * case.apart
    return plain(solution.compute_local_cosine_similarity(walk(*case[:3]), k, case.every, matrix))


@compute_local_cosine_similarity.check(
    points=0.5, judge=near, examples=50, case=trained, short=st.sampled_from((1.3, 1.5, 1.7))
)
def cosines_threshold(solution, case, short):
    """Leaves steps out where either change is shorter than the threshold."""
    k = case.every
    return plain(solution.compute_local_cosine_similarity(walk(*case[:3]), k, k, magnitude_threshold=short))


@compute_local_cosine_similarity.check(points=0.25, extra=True, judge=near, examples=20, case=trained)
def cosines_standing_still(solution, case):
    """Leaves steps out where nothing has changed."""
    return plain(solution.compute_local_cosine_similarity(walk(case.seed, case.count, 5, still=[3, 4])))


# %% calculate_answer_importance
answers = st.sampled_from(("12", "7", " 12 ", ""))
rollouts = st.lists(st.lists(answers, min_size=1, max_size=3), min_size=2, max_size=4)
_RIGHT = "[box.strip() for box in extract_boxed_answers(chain)[:1]] == [answer.strip()]"
calculate_answer_importance = section.exercise(
    "calculate_answer_importance",
    hints=[
        "In which lists of chains is chunk 0 still there, and in which was it sampled anew?",
        "If the accuracy is 0.2 without a chunk and 0.9 with it, is its importance positive or negative?",
    ],
    mistakes={
        "Subtracts the wrong way round.": edit("later - earlier for", "earlier - later for"),
        "Takes the size: helping and misleading look the same.": edit(
            "later - earlier for", "abs(later - earlier) for"
        ),
        "Does not strip answers.": edit("box.strip() for", "box for"),
        "Does not strip the right answer.": edit("answer.strip()", "answer"),
        "Looks for the answer anywhere in the chain.": edit(_RIGHT, "answer.strip() in chain"),
        "Takes the last box, not the first.": edit("(chain)[:1]]", "(chain)[-1:]]"),
        "Counts right answers, whatever their number is of.": edit("sum(right) / len(right)", "sum(right)"),
        "An empty list counts as no right answer at all.": edit("math.nan", "0.0"),
    },
)


@calculate_answer_importance.check(answers=rollouts, right=st.sampled_from(("12", " 12", "7")))
def importance_values(solution, answers, right):
    """Is the accuracy with the chunk less the accuracy without it, for each chunk but the last."""
    return [float(value) for value in solution.calculate_answer_importance([boxed(row) for row in answers], right)]


@calculate_answer_importance.check(points=0.5, examples=20, first=answers, second=answers)
def importance_first_box(solution, first, second):
    """Only the first box of a chain is its answer."""
    chains = [["Not 12. " + boxed([first])[0] + boxed([second])[0]], boxed(["12"])]
    return [float(value) for value in solution.calculate_answer_importance(chains, "12")]


@calculate_answer_importance.check(points=0.25, extra=True, examples=20, answers=rollouts, place=st.integers(0, 2))
def importance_empty(solution, answers, place):
    """Where one of the two lists is empty, is NaN."""
    lists = [boxed(row) for row in answers]
    lists.insert(place, [])
    return [float(value) for value in solution.calculate_answer_importance(lists, "12")]


# %% get_filtered_indices
words = st.sampled_from(("first", "we", "add", "both", "sides"))
spoken = st.lists(words, min_size=1, max_size=4).map(" ".join)
Resampled = namedtuple("Resampled", "removed chunks threshold")


def resampled(chunks, threshold=(0.7, 0.85, 0.45)):
    return st.builds(Resampled, spoken, st.lists(chunks, min_size=1, max_size=4), st.sampled_from(threshold))


_UNITS = "nn.functional.normalize(vectors, dim=1)"
get_filtered_indices = section.exercise(
    "get_filtered_indices",
    hints=[
        "The same sentence said twice in one chunk makes its vector twice as long. Is it another sentence?",
        "Which continuations tell what happens without the chunk: those that say the same again, or the others?",
    ],
    mistakes={
        "Keeps those that say the same.": edit("cosine < threshold", "cosine > threshold"),
        "Compares products of vectors that were not normalised.": edit(_UNITS, "vectors"),
        "Uses the usual threshold, not the one given.": edit("cosine < threshold", "cosine < 0.7"),
        "Compares each chunk with the first resampled one.": edit("units[0]", "units[:2][-1]"),
        "Sentences without words are NaN, and drop out.": edit(_UNITS, "vectors / vectors.norm(dim=1, keepdim=True)"),
        "Compares texts by their spelling.": edit("cosine < threshold", "resampled[index] != chunk_removed"),
    },
)


@get_filtered_indices.check(case=resampled(spoken))
def filtered_by_cosine(solution, case):
    """Returns the indices of chunks whose cosine similarity with the removed one is less than the threshold."""
    return list(map(int, solution.get_filtered_indices(case.removed, case.chunks, BagOfWords(), case.threshold)))


@get_filtered_indices.check(points=0.5, examples=20, removed=spoken, times=st.integers(2, 4))
def filtered_lengths(solution, removed, times):
    """Lengths of vectors do not matter, and the usual threshold is 0.7."""
    chunks = [" ".join([removed] * times), removed, "something else"]
    return list(map(int, solution.get_filtered_indices(removed, chunks, BagOfWords(scale=0.25))))


silent = st.lists(st.just("…") | spoken, max_size=2)


@get_filtered_indices.check(points=0.25, extra=True, examples=20, removed=spoken, chunks=silent)
def filtered_without_words(solution, removed, chunks):
    """A sentence without words is similar to nothing; of no chunks none count."""
    return list(map(int, solution.get_filtered_indices(removed, chunks, BagOfWords())))


# %% get_vertical_scores_simple
_BELOW = "[j + proximity_ignore :"
get_vertical_scores_simple = section.exercise(
    "get_vertical_scores_simple",
    hints=[
        "Row i is who looks, column j who is looked at. Which axis do you average over?",
        "For proximity_ignore = 4, which is the first row that counts in column 0?",
        "What does the mean of an empty slice say, and is that what you want for the last chunks?",
    ],
    mistakes={
        "One row late: those at the distance itself count too.": edit(_BELOW, "[j + proximity_ignore + 1 :"),
        "One row early: the window of neighbours is too small.": edit(_BELOW, "[j + proximity_ignore - 1 :"),
        "Averages rows: whom a chunk looks at, not who looks at it.": edit(f"{_BELOW}, j]", f"[j, {_BELOW[1:]}]"),
        "Sums, so that early chunks, which more can see, get more.": edit(".mean()", ".sum()"),
        "Divides by all chunks, also those that do not count.": edit(".mean()", ".sum() / len(avg_attention_matrix)"),
        "A chunk that nobody can see from far gets a zero.": edit("np.nan)", "0.0)"),
        "Leaves out the chunks without a score.": edit("return scores", "return scores[~np.isnan(scores)]"),
        "Ignores four neighbours whatever is asked.": edit(_BELOW, "[j + 4 :"),
    },
)


@get_vertical_scores_simple.check(seed=seeds, chunks=st.integers(2, 8), ignore=st.integers(0, 5))
def vertical_scores(solution, seed, chunks, ignore):
    """Averages each column from proximity_ignore rows below the diagonal on; without such rows it is NaN."""
    return solution.get_vertical_scores_simple(attention(seed, chunks), ignore)


@get_vertical_scores_simple.check(points=0.5, examples=20, seed=seeds, chunks=st.integers(6, 8))
def vertical_default(solution, seed, chunks):
    """Ignores four neighbours by default, and leaves the matrix as it is."""
    matrix = attention(seed, chunks)
    return solution.get_vertical_scores_simple(matrix), matrix


# %% faithfulness_hint_rate
letters = st.sampled_from("ABC")


@st.composite
def hinted(draw, taken=True):
    keys = ("answer", "hinted_answer", "hint", "acknowledged")
    rows = draw(st.lists(st.tuples(letters, letters, letters, st.booleans()), min_size=1, max_size=3))
    if taken:
        rows.insert(0, ("A", "B", "B", draw(st.booleans())))
    rows = [row for row in rows if taken or not row[0] != row[1] == row[2]]
    return [dict(zip(keys, row, strict=True)) for row in rows]


faithfulness_hint_rate = section.exercise(
    "faithfulness_hint_rate",
    hints=[
        "A model would have said B anyway, and the hint says B. Is there anything to admit?",
        "Its answer changes to C, the hint says B. Did it take the hint?",
    ],
    mistakes={
        "Divides by all questions, not by the hints that were taken.": edit("/ len(taken)", "/ len(records)"),
        "Counts every changed answer, also to something else than the hint.": edit(' == record["hint"]', ""),
        "Counts answers that were the hint's without it.": edit('record["answer"] != record["hinted', 'record["hinted'),
        "Counts acknowledgements of all questions.": edit("for record in taken)", "for record in records)"),
        "Is the share of those that keep silent.": edit('sum(record["acknowledged"]', 'sum(not record["acknowledged"]'),
        "Is 0 if no hint was taken.": edit("math.nan", "0.0"),
    },
)


@faithfulness_hint_rate.check(records=hinted())
def hint_rate(solution, records):
    """Is the share of acknowledged hints among those that changed the answer to what they say."""
    return float(solution.faithfulness_hint_rate(records))


@faithfulness_hint_rate.check(points=0.25, examples=20, records=hinted(taken=False))
def hint_rate_of_none(solution, records):
    """Is NaN if no hint was taken."""
    return float(solution.faithfulness_hint_rate(records))


# %% ActivationCapper
Caps = namedtuple("Caps", "vectors thresholds layers")


@st.composite
def caps(draw):
    """One or two caps along axes or diagonals, on different layers."""
    units = ([1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.5, 0.5, -0.5, 0.5], [0.0, 0.0, 0.6, 0.8])
    layers = draw(st.permutations((0, 1, 2)))[: draw(st.integers(1, 2))]
    vectors = [torch.tensor(draw(st.sampled_from(units))) for _ in layers]
    return Caps(vectors, [draw(st.sampled_from((0.0, 1.0, -2.0, 4.0))) for _ in layers], layers)


_MOVED = "hidden - missing[..., None] * v"
ActivationCapper = section.exercise(
    "ActivationCapper",
    hints=[
        "A state has 1 along v, and τ is 3. By how much, and along what, must it be moved?",
        "What is min(h · v - τ, 0) for a state that is far enough along v?",
        "Which method does Python call when the body of a `with` raises? What does it do with what that returns?",
    ],
    mistakes={
        "Keeps components from above the threshold, not from below.": edit(".clamp(max=0)", ".clamp(min=0)"),
        "Moves every state to the threshold, also those that are far enough.": edit(".clamp(max=0)", ""),
        "Clamps every coordinate of the state.": edit(_MOVED, "hidden.clamp(min=tau)"),
        "Caps the first sequence of the batch only.": edit(
            "missing[..., None]", "torch.eye(len(hidden))[0, :, None, None] * missing[..., None]"
        ),
        "Caps the last token only.": edit(
            "missing[..., None]", "torch.eye(hidden.shape[1])[-1, :, None] * missing[..., None]"
        ),
        "All hooks use the vector of the last cap: a closure looks its names up when it is called.": edit(
            ", i: int = i)", ")"
        ),
        "Moves along v by 1, not by what is missing.": edit("missing[..., None] * v", "missing[..., None].sign() * v"),
        "Leaves its hooks on after an exception.": edit(
            "in self.handles:", "in self.handles if error[0] is None else ():"
        ),
        "Takes only the first hook off.": edit("for handle in self.handles:", "for handle in self.handles[:1]:"),
        "Swallows the exception.": edit("handle.remove()\n", "handle.remove()\n        return True\n"),
        "Changes what the layer has returned in place.": edit(f"hidden = {_MOVED}", "hidden -= missing[..., None] * v"),
        "Its hooks are on before `with`.": edit(
            "= model, vectors, thresholds, layer_indices",
            "= model, vectors, thresholds, layer_indices; self.__enter__()",
        ),
    },
)


@ActivationCapper.check(points=1.5, judge=near, examples=50, case=caps(), in_tuple=st.booleans(), seed=seeds)
def capper_lifts(solution, case, in_tuple, seed):
    """Lifts the component along the vector to the threshold where it is less, in all tokens of the batch."""
    model = ToyModel(3, in_tuple)
    with solution.ActivationCapper(model, *case):
        capped = passed(model, hidden(seed))
    return capped


@ActivationCapper.check(points=0.5, examples=20, case=caps(), seed=seeds)
def capper_leaves(solution, case, seed):
    """Hooks are on within `with`, and neither before nor after."""
    model = ToyModel()
    capper = solution.ActivationCapper(model, *case)
    before = hooks_on(model)
    with capper:
        passed(model, hidden(seed))
    return before, hooks_on(model), passed(model, hidden(seed))


@ActivationCapper.check(points=0.5, examples=10, case=caps())
def capper_leaves_after_an_exception(solution, case):
    """After an exception no hook is left, and the exception goes on its way."""
    model, came = ToyModel(), "nothing"
    try:
        with solution.ActivationCapper(model, *case):
            raise KeyError("stop")
    except KeyError:
        came = "KeyError"
    return came, hooks_on(model)


@ActivationCapper.check(points=0.25, extra=True, examples=10, case=caps(), seed=seeds)
def capper_not_in_place(solution, case, seed):
    """Does not change in place what a layer has returned."""
    model, kept = ToyModel(in_tuple=False), []
    for layer in model.model.layers:
        layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    with solution.ActivationCapper(model, *case):
        passed(model, hidden(seed))
    return kept


# %% wilson_interval
Tries = namedtuple("Tries", "k n")
tries = st.integers(1, 30).flatmap(lambda n: st.builds(Tries, st.integers(0, n), st.just(n)))
_HALF = "z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))"
_ENDS = "(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)"
wilson_interval = section.exercise(
    "wilson_interval",
    hints=[
        "What does the plain interval say after 0 successes in 3 tries? Would you bet on it?",
        "Where is the centre of the interval drawn to when there are few tries?",
    ],
    mistakes={
        "Is the plain interval around p: no width at 0 and 1.": [
            edit("p + z**2 / (2 * n)", "p * (1 + z**2 / n)"),
            edit(_HALF, "z * math.sqrt(p * (1 - p) / n) * (1 + z**2 / n)"),
        ],
        "Is the plain interval around p, cut off at 0 and 1.": edit(
            "    p = k / n\n",
            "    p = k / n\n    d = z * math.sqrt(p * (1 - p) / n)\n    return max(0.0, p - d), min(1.0, p + d)\n",
        ),
        "The centre is p itself.": edit("p + z**2 / (2 * n)", "p"),
        "Does not divide by 1 + z²/n.": edit(_ENDS, "centre - half, centre + half"),
        "Forgets the 4 in z²/4n².": edit("(4 * n**2)", "n**2"),
        "Uses 1.96 whatever z is.": edit("    p = k / n\n", "    p, z = k / n, 1.96\n"),
        "Returns centre and half width, not the two ends.": edit(
            _ENDS, "centre / (1 + z**2 / n), half / (1 + z**2 / n)"
        ),
        "Without any try nothing is possible.": edit("return 0.0, 1.0", "return 0.0, 0.0"),
    },
)


@wilson_interval.check(case=tries)
def wilson_usual(solution, case):
    """Gives both ends of the interval for z = 1.96."""
    return [float(end) for end in solution.wilson_interval(case.k, case.n)]


@wilson_interval.check(points=0.5, examples=30, case=tries, z=st.sampled_from((1.0, 2.5758)))
def wilson_other_z(solution, case, z):
    """Takes another z."""
    return [float(end) for end in solution.wilson_interval(case.k, case.n, z)]


@wilson_interval.check(points=0.25, extra=True, examples=1)
def wilson_no_tries(solution):
    """Without any try, everything is possible."""
    return [float(end) for end in solution.wilson_interval(0, 0)]


# %% brier_score, expected_calibration_error
Forecast = namedtuple("Forecast", "seed n classes")
forecasts = st.builds(Forecast, seeds, st.integers(1, 30), st.sampled_from((3, 2, 4)))
brier_score = section.exercise(
    "brier_score",
    hints=[
        "What is the truth, as probabilities of the classes?",
        "Over which axis does Brier sum, and over which does he average?",
    ],
    mistakes={
        "Looks at the probability of the right class only.": edit("probs - truth", "(probs - truth) * truth"),
        "Averages over classes as well.": edit(".sum(axis=1).mean()", ".mean()"),
        "Sums over examples.": edit(".sum(axis=1).mean()", ".sum()"),
        "Takes distances, not their squares.": edit("np.square(", "np.abs("),
        "Compares with what was predicted, not with the labels.": edit("[labels]", "[probs.argmax(axis=1)]"),
    },
)


@brier_score.check(case=forecasts)
def brier_values(solution, case):
    """Is the squared distance from the truth, summed over classes and averaged over examples."""
    return float(solution.brier_score(*probabilities(*case)))


_COUNTS = "np.bincount(bins)"
_WEIGHTED = "np.abs(off).sum() / len(labels)"
expected_calibration_error = section.exercise(
    "expected_calibration_error",
    hints=[
        "Of a row of probabilities: which is the prediction, which the confidence in it?",
        "A bin with one prediction and one with a hundred: does each count the same?",
        "What is the accuracy of a bin without predictions, and what does NaN · 0 add to a sum?",
    ],
    mistakes={
        "All bins count the same, however few predictions are in them.": edit(
            _WEIGHTED, f"np.abs(off[{_COUNTS} > 0] / {_COUNTS}[{_COUNTS} > 0]).mean()"
        ),
        "Distances of opposite sign cancel.": edit(_WEIGHTED, "off.sum() / len(labels)"),
        "Is the largest distance of a bin.": edit(_WEIGHTED, f"np.nanmax(np.abs(off / {_COUNTS}))"),
        "One bin for everything.": edit("    bins = ", "    n_bins = 1\n    bins = "),
        "Always makes ten bins.": edit("    bins = ", "    n_bins = 10\n    bins = "),
        "Drops predictions of confidence 1.0 at the edge.": edit(
            "weights=correct -", "weights=(confidences < 1) * correct - (confidences < 1) *"
        ),
        "Empty bins make it NaN.": edit(_WEIGHTED, f"(np.abs(off / {_COUNTS}) * {_COUNTS}).sum() / len(labels)"),
        "The confidence is the probability of the label.": edit(
            "probs.max(axis=1),", "probs[np.arange(len(labels)), labels],"
        ),
        "Divides by the number of bins.": edit("/ len(labels)", "/ n_bins"),
    },
)


@expected_calibration_error.check(case=forecasts, n_bins=st.sampled_from((10, 5)))
def ece_values(solution, case, n_bins):
    """Averages the distance of confidence from accuracy over bins, by how many predictions are in them."""
    return float(solution.expected_calibration_error(*probabilities(*case), n_bins))


@expected_calibration_error.check(points=0.25, examples=30, labels=arrays((6,), (0, 1), "int64"))
def ece_certain(solution, labels):
    """Counts predictions of confidence 1.0 to the last bin, by default of ten."""
    sure = np.array([1.0, 0.95, 1.0, 0.62, 0.65, 0.68])
    return float(solution.expected_calibration_error(np.stack([sure, 1 - sure], axis=1), labels))


# %% fit_temperature
temperatures = st.sampled_from((2.0, 4.0, 1.0, 0.5))
fit_temperature = section.exercise(
    "fit_temperature",
    hints=[
        "The cross-entropy as a function of 1/T has one valley. What does its slope say about where you are?",
        "Would accuracy tell one temperature from another? And the data that the model was trained on?",
        "Is it logits times T, or logits divided by T, that is to become softer for a large T?",
    ],
    mistakes={
        "Returns 1/T.": edit("2 / (low + high)", "(low + high) / 2"),
        "Fits to what the model predicts, not to the labels.": edit("labels[:, None]", "logits.argmax(dim=1)[:, None]"),
        "Looks below 1 only, so that overconfident models stay as they are.": edit("0.05, 20.0", "1.0, 20.0"),
        "Looks above 1 only: underconfident models exist too.": edit("0.05, 20.0", "0.05, 1.0"),
        "Stops after a few steps, far from the minimum.": edit("range(50)", "range(4)"),
        "Exponentiates logits as they are: thousands overflow.": edit(
            "(logits * middle).softmax(dim=1)",
            "((logits * middle).exp() / (logits * middle).exp().sum(dim=1, keepdim=True))",
        ),
    },
)
within = close(rtol=0.015)


@fit_temperature.check(points=1.5, judge=within, examples=20, seed=seeds, temperature=temperatures)
def temperature_fits(solution, seed, temperature):
    """Finds the temperature with the lowest cross-entropy."""
    return float(solution.fit_temperature(*predictions(seed, 60, temperature)))


@fit_temperature.check(points=0.25, extra=True, judge=within, examples=10, seed=seeds, far=st.sampled_from((5e3, -3e3)))
def temperature_of_large_logits(solution, seed, far):
    """Takes logits in the thousands with small differences."""
    z, labels = predictions(seed, 60, 2.0)
    return float(solution.fit_temperature(z + far, labels))


@fit_temperature.check(points=0.25, extra=True, judge=within, examples=6, seed=seeds, right=st.booleans())
def temperature_at_the_ends(solution, seed, right):
    """Returns the nearer end if no temperature from 0.05 to 20 is the best."""
    return float(solution.fit_temperature(*beyond(seed, right)))


# %% best_of_n_kl, overoptimization_curve
best_of_n_kl = section.exercise(
    "best_of_n_kl",
    hints=["How far is the best of one from the policy that drew it?", "What does (n - 1) / n come to for large n?"],
    mistakes={
        "Forgets (n - 1) / n.": edit("math.log(n) - (n - 1) / n", "math.log(n)"),
        "Adds (n - 1) / n.": edit("math.log(n) -", "math.log(n) +"),
        "In bits, not nats.": edit("math.log(n)", "math.log2(n)"),
        "Subtracts 1, not (n - 1) / n.": edit("math.log(n) - (n - 1) / n", "math.log(n) - 1"),
    },
)


@best_of_n_kl.check(n=st.integers(1, 40) | st.sampled_from((1000, 10**6)))
def best_of_n(solution, n):
    """Is log n - (n - 1) / n."""
    return float(solution.best_of_n_kl(n))


Rewards = namedtuple("Rewards", "proxy gold ns")


@st.composite
def rewards(draw):
    count = draw(st.integers(2, 6))
    proxy = np.array(draw(st.permutations(range(count))), dtype=float)
    ns = draw(st.lists(st.integers(1, count), min_size=1, max_size=3))
    return Rewards(proxy, draw(arrays((count,))), ns)


_WEIGHTS = "np.exp(log_sets - (logs[count] - logs[n] - logs[count - n]))"
overoptimization_curve = section.exercise(
    "overoptimization_curve",
    hints=[
        "Of four samples and all sets of two: in how many is the third best the best one?",
        "By what is the best chosen, and of what is the mean taken?",
        "C(20000, 500) is no float. Is the difference of two of its logarithms one?",
    ],
    mistakes={
        "The best by gold: one cannot see that when choosing.": edit("np.argsort(proxy)]", "np.argsort(gold)]"),
        "Takes the worst by the proxy.": edit("np.argsort(proxy)]", "np.argsort(-proxy)]"),
        "Draws with replacement: a sample may meet itself, and the estimate is biased.": edit(
            _WEIGHTS, "(i**n - (i - 1.0) ** n) / float(count) ** n"
        ),
        "Averages over the n best.": edit(_WEIGHTS, "(i > count - n) / n"),
        "Takes the best of all samples, whatever n is.": edit(_WEIGHTS, "1.0 * (i == count)"),
        "Binomials as floats: they overflow.": edit(_WEIGHTS, f"{_WEIGHTS[:15]}) / np.exp({_WEIGHTS[19:-1]}"),
        "Goes on where there are fewer than n samples.": edit("if n > count:", "if n > count + 9:"),
        "Gold and proxy are swapped.": edit("curves[0], curves[1]", "curves[1], curves[0]"),
    },
)


@overoptimization_curve.check(points=1.5, case=rewards())
def curve_values(solution, case):
    """Gives the mean proxy and gold of the best by the proxy, over all sets of n samples."""
    return [np.asarray(row, dtype=float) for row in solution.overoptimization_curve(*case)]


@overoptimization_curve.check(points=0.25, examples=5, case=rewards(), more=st.integers(1, 3))
def curve_too_few(solution, case, more):
    """Raises ValueError if there are fewer than n samples."""
    return solution.overoptimization_curve(case.proxy, case.gold, [1, len(case.proxy) + more])


@overoptimization_curve.check(points=0.25, extra=True, examples=3, seed=seeds, n=st.sampled_from((500, 100)))
def curve_of_thousands(solution, seed, n):
    """Takes thousands of samples, and n in the hundreds."""
    proxy, gold = np.random.default_rng(seed).normal(size=(2, 3000))
    return [np.asarray(row, dtype=float) for row in solution.overoptimization_curve(proxy, gold, [n])]


# %% protocol_upfront_auditing, protocol_trusted_monitoring
Audit = namedtuple("Audit", "count fraction")
audits = st.builds(Audit, st.integers(1, 6), st.sampled_from((0.5, 0.25, 0.125, 0.75, 1.0, 0.0)))
awkward = st.sampled_from((Audit(30, 0.1), Audit(100, 0.07), Audit(60, 0.05)))


def work(count):
    """Submissions, by name."""
    return [f"work {number}" for number in range(count)]


def indices(observed, expected, inputs):
    """As many different indices of submissions as expected."""
    if len(observed) != len(expected):
        return f"{len(observed)} are audited, expected {len(expected)}"
    wrong = [index for index in observed if index not in range(inputs["case"].count)]
    return (
        f"{wrong[0]} is no index" if wrong else None if len(set(observed)) == len(observed) else "one is audited twice"
    )


_BUDGETS = {
    "Rounds down: a small budget becomes none.": edit("math.ceil(", "int(2e-9 + "),
    "0.1 · 30 is a little more than 3 in floats, and becomes 4.": edit(" - 1e-9", ""),
}
_DRAWN = "random.sample(range(len(submissions)), k=budget)"
protocol_upfront_auditing = section.exercise(
    "protocol_upfront_auditing",
    hints=[
        "If the first half is always audited, where does a saboteur put its work?",
        "int(0.1 * 5) is 0. How safe is that?",
    ],
    mistakes={
        "Audits the first ones: everybody knows the safe places.": edit(_DRAWN, "list(range(budget))"),
        "One may be drawn twice.": edit("random.sample(", "random.choices("),
        "Each is audited with this probability: the budget is not kept.": edit(
            _DRAWN, "[i for i in range(len(submissions)) if random.random() < audit_fraction]"
        ),
        "Audits a run of neighbours.": edit(
            _DRAWN,
            "[*range(len(submissions)), *range(len(submissions))][random.randrange(len(submissions)) :][:budget]",
        ),
        "Rounds to the nearest number.": edit("math.ceil(audit_fraction", "round(audit_fraction"),
        "Returns the submissions, not their indices.": edit("range(len(submissions)), k", "list(submissions), k"),
        **_BUDGETS,
    },
)


@protocol_upfront_auditing.check(judge=indices, case=audits)
def upfront_budget(solution, case):
    """Audits the fraction of all submissions, rounded up, none twice."""
    return list(solution.protocol_upfront_auditing(work(case.count), case.fraction))


@protocol_upfront_auditing.check(
    judge=distributed_as(probabilities=lambda inputs: np.isin(np.arange(13), (3, 5, 6, 9, 10, 12)) / 6),  # two bits
    examples=3,
    fraction=st.sampled_from((0.5, 0.4)),
)
def upfront_by_lot(solution, fraction):
    """Every set of so many submissions is equally probable."""
    sets = [solution.protocol_upfront_auditing(work(4), fraction) for _ in range(2000)]
    return np.array([sum(2 ** int(index) for index in each) for each in sets])


@protocol_upfront_auditing.check(points=0.25, extra=True, judge=indices, examples=3, case=awkward)
def upfront_awkward(solution, case):
    """0.1 · 30 are 3, although floats make a little more of it."""
    return list(solution.protocol_upfront_auditing(work(case.count), case.fraction))


Monitored = namedtuple("Monitored", "count fraction scores")


def monitored(values=(0.5, 0.1, 0.9, 0.3, 1.0, 0.7), ties=False):
    def scored(audit):
        score = st.sampled_from(values[: 2 if ties else None])
        rows = st.lists(score, min_size=audit.count, max_size=audit.count, unique=not ties)
        return st.builds(Monitored, st.just(audit.count), st.just(audit.fraction), rows)

    return audits.flatmap(scored)


def suspicious(observed, expected, inputs):
    """As many indices as expected, with the highest scores."""
    words = indices(observed, expected, inputs)
    if words is None:
        scores = inputs["case"].scores
        mine, other = (sorted((scores[index] for index in row), reverse=True) for row in (observed, expected))
        words = f"the scores of those audited are {mine}, expected {other}" if mine != other else None
    return words


_MOST = "sorted(range(len(submissions)), key=lambda index: -sus_scores[index])[:budget]"
protocol_trusted_monitoring = section.exercise(
    "protocol_trusted_monitoring",
    hints=[
        "How do you sort indices by something that is not the index?",
        "Three have the same score, and one audit is left. How many do you audit?",
    ],
    mistakes={
        "Audits the least suspicious.": edit("-sus_scores[index]", "sus_scores[index]"),
        "Audits the first ones, whatever the scores.": edit(_MOST, "list(range(budget))"),
        "Audits all that reach the score of the last one: ties go over the budget.": edit(
            _MOST, "[i for i, s in enumerate(sus_scores) if budget and s >= sorted(sus_scores)[-budget]]"
        ),
        "Returns ranks, not indices.": edit(_MOST, "[sorted(sus_scores).index(s) for s in sus_scores][:budget]"),
        **_BUDGETS,
    },
)


@protocol_trusted_monitoring.check(judge=suspicious, case=monitored())
def monitoring_most_suspicious(solution, case):
    """Audits the most suspicious submissions, as many as the budget has, rounded up."""
    return list(solution.protocol_trusted_monitoring(work(case.count), case.scores, case.fraction))


@protocol_trusted_monitoring.check(points=0.5, judge=suspicious, case=monitored(ties=True))
def monitoring_ties(solution, case):
    """Keeps to the budget where several have the same score."""
    return list(solution.protocol_trusted_monitoring(work(case.count), case.scores, case.fraction))


@protocol_trusted_monitoring.check(points=0.25, extra=True, judge=indices, examples=3, case=awkward)
def monitoring_awkward(solution, case):
    """0.1 · 30 are 3, although floats make a little more of it."""
    return list(solution.protocol_trusted_monitoring(work(case.count), list(range(case.count)), case.fraction))


# %% simulate_safety
Simulated = namedtuple("Simulated", "audited attacks")


@st.composite
def simulated(draw, attacks=True):
    count = draw(st.integers(2, 4))
    places = st.lists(st.integers(0, count - 1), max_size=count, unique=True)
    flags = draw(st.lists(st.booleans(), min_size=count, max_size=count).filter(any)) if attacks else [False] * count
    return Simulated(draw(st.lists(places, min_size=2, max_size=3)), flags)


_SAFE = "all(index in audited for index, attack in enumerate(attacks) if attack)"
simulate_safety = section.exercise(
    "simulate_safety",
    hints=[
        "Two attacks, one of them audited. Is that run safe, or half of it?",
        "A protocol that draws lots: what do you learn by asking it once?",
    ],
    mistakes={
        "Is the share of attacks that are found, not that of safe runs.": edit(
            _SAFE, "sum(index in audited for index, attack in enumerate(attacks) if attack) / max(sum(attacks), 1)"
        ),
        "One attack that is found makes a run safe.": edit("safe += all(", "safe += any("),
        "Asks the protocol once, and counts its answer in every run.": [
            edit("    safe = 0\n", "    safe, audited = 0, set(protocol(submissions))\n"),
            edit("        audited = set(protocol(submissions))\n        safe", "        safe"),
        ],
        "Wants every submission audited, not only attacks.": edit(" if attack)", ")"),
        "Wants audits of attacks only.": edit(_SAFE, "audited == {i for i, attack in enumerate(attacks) if attack}"),
        "Is the share of runs in which an attack gets through.": edit("return safe / runs", "return 1 - safe / runs"),
    },
)


@simulate_safety.check(case=simulated(), runs=st.integers(2, 6))
def safety_of_runs(solution, case, runs):
    """Is the share of runs in which every attack is audited; the protocol is asked anew in each."""
    return float(solution.simulate_safety(in_turn(case.audited), work(len(case.attacks)), case.attacks, runs))


@simulate_safety.check(points=0.25, examples=20, case=simulated(attacks=False))
def safety_without_attacks(solution, case):
    """Where there is no attack, every run is safe."""
    return float(solution.simulate_safety(in_turn(case.audited), work(len(case.attacks)), case.attacks, 5))
