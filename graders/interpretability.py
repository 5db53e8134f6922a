"""Checks of the section `interpretability`: attention patterns, induction heads, circuits, patching and path patching.

Models are tiny and follow from a drawn seed (`exercises/given/interpretability_examples.py`), so that a call that is
shown has no weights in it. Where editions of the curriculum differ all are right: older functions take the model, or
the cache, from names of their file, which are set for each call (`told`); hooks may edit in place or return; the loss
of ablation scores may be that of all tokens, or of the last n or n - 1; the induction stripe may have two entries more.

Left out of the curriculum, each because an exercise that is here teaches the same: `get_log_probs` (given; an exercise
of `transformer`), `get_batched_comp_scores` and `generate_single_random_comp_score` (get_comp_score, in a loop),
`ioi_metric_2` (ioi_metric, with another zero), `get_act_patch_block_every`, `patch_attn_patterns` and
`get_act_patch_attn_head_all_pos_every` (loops and hooks that are here, for more names), a QK circuit of its own
(find_K_comp_full_circuit has one in it), `get_copying_scores` and `get_attn_scores` (top_1_acc and the detectors, for
GPT-2's names), and the ablation of whole circuits by mean values, `get_heads_and_posns_to_keep`, `hook_fn_mask_z`,
`compute_means_by_template` and `get_minimality_score`: mostly bookkeeping for one data set; head_mean_ablation_hook
has what is new in them.
"""

import functools
from collections import namedtuple

import numpy as np
import torch as t
from hypothesis import strategies as st

from exercises.given.interpretability_examples import (
    WORDS,
    copier,
    double,
    fails,
    giving,
    hooks_after,
    noise,
    parts,
    patching,
    path_patching,
    patterns,
    ran,
    repeated,
    run,
    silence,
    stripes,
    texts,
    through,
    told,
    toy,
    whole,
)
from graders.engine import Section, close, difference, distributed_as, edit

section = Section("interpretability", title="What goes on inside a transformer")

# Names of TransformerLens, and names that older answers mention in their definitions or expect around them.
section.lend(
    HookedTransformer="exercises.given.hooked.HookedTransformer",
    HookedTransformerConfig="exercises.given.hooked.HookedTransformerConfig",
    ActivationCache="exercises.given.hooked.ActivationCache",
    FactoredMatrix="exercises.given.hooked.FactoredMatrix",
    HookPoint="exercises.given.hooked.HookPoint",
    get_act_name="exercises.given.hooked.get_act_name",
    to_numpy="exercises.given.hooked.to_numpy",
    utils="exercises.given.hooked",
    model="exercises.given.interpretability_examples.UNSET",
    gpt2_small="exercises.given.interpretability_examples.UNSET",
    cfg="exercises.given.interpretability_examples.UNSET",
    rep_tokens="exercises.given.interpretability_examples.UNSET",
    rep_cache="exercises.given.interpretability_examples.UNSET",
    answer_tokens="exercises.given.interpretability_examples.UNSET",
    logit_diff_directions="exercises.given.interpretability_examples.UNSET",
    clean_logit_diff="exercises.given.interpretability_examples.UNSET",
    corrupted_logit_diff="exercises.given.interpretability_examples.UNSET",
    ioi_average_logit_diff="exercises.given.interpretability_examples.UNSET",
    abc_average_logit_diff="exercises.given.interpretability_examples.UNSET",
    ioi_dataset="exercises.given.interpretability_examples.UNSET",
    abc_dataset="exercises.given.interpretability_examples.UNSET",
    ioi_cache="exercises.given.interpretability_examples.UNSET",
    abc_cache="exercises.given.interpretability_examples.UNSET",
    NAMES="exercises.given.interpretability_examples.UNSET",
    CIRCUIT="exercises.given.interpretability_examples.UNSET",
    SEQ_POS_TO_KEEP="exercises.given.interpretability_examples.UNSET",
)

seeds = st.integers(0, 999)
few = st.integers(0, 2)  # one of three heads, or of the positions of a text


# %% Attention patterns
def rows(letters, size=12):
    """What the heads of a layer look at, a letter each, the plainest first."""
    return st.text(letters, min_size=size, max_size=size)


other = st.lists(rows(".cpfi", 3), min_size=3, max_size=3)  # three layers of three heads
far = other.map(lambda layers: [heads.replace("i", "l") for heads in layers])  # from the bound, at the first token
_NAMES = 'patterns = {f"{layer}.{head}"'
_ALL = "in all_heads(cache.model)}"
_COMMON_OF_DETECTORS = {
    "Names a head by its number first, and the layer after it.": edit(_NAMES, 'patterns = {f"{head}.{layer}"'),
    "Takes two layers of twelve heads for granted.": edit(_ALL, "in itertools.product(range(2), range(12))}"),
    "Looks at the first layer only.": edit(_ALL, "in all_heads(cache.model) if layer == 0}"),
}
current_attn_detector = section.exercise(
    "current_attn_detector",
    hints=[
        "Which entries of a pattern, (q, k), say how much each token looks at itself?",
        "A tensor has a method for its diagonals. How many numbers does it give, and which of them is the score?",
    ],
    mistakes={
        "Takes the diagonal beside the main one: that is the previous token.": edit(".diagonal()", ".diagonal(-1)"),
        "Divides by more than the number of queries.": edit("pattern.diagonal()", "pattern"),
        **_COMMON_OF_DETECTORS,
    },
)


@current_attn_detector.check(examples=30, one=rows(".cpf"), two=rows(".cpf"))
def finds_heads_at_the_token_itself(solution, one, two):
    """Names the heads whose attention is mostly on the token they stand on."""
    return sorted(told(solution.current_attn_detector, patterns(one, two)))


@current_attn_detector.check(points=0.25, extra=True, examples=20, layers=other)
def finds_heads_at_the_token_itself_anywhere(solution, layers):
    """Takes the numbers of layers and heads from the model of the cache."""
    return sorted(told(solution.current_attn_detector, patterns(*layers)))


prev_attn_detector = section.exercise(
    "prev_attn_detector",
    hints=[
        "Query 5 looks at key 4. Is that entry above or below the diagonal of a pattern (q, k)?",
        "How many tokens have one before them? Of so many entries the mean is to be taken.",
    ],
    mistakes={
        "Takes the diagonal above the main one: no token sees the next.": edit(".diagonal(-1)", ".diagonal(1)"),
        "Takes the main diagonal: that is the token itself.": edit(".diagonal(-1)", ".diagonal()"),
        **_COMMON_OF_DETECTORS,
    },
)


@prev_attn_detector.check(examples=30, one=rows(".pcf"), two=rows(".pcf"))
def finds_heads_at_the_token_before(solution, one, two):
    """Names the heads whose attention is mostly on the token before."""
    return sorted(told(solution.prev_attn_detector, patterns(one, two)))


@prev_attn_detector.check(points=0.25, extra=True, examples=20, layers=other)
def finds_heads_at_the_token_before_anywhere(solution, layers):
    """Takes the numbers of layers and heads from the model of the cache."""
    return sorted(told(solution.prev_attn_detector, patterns(*layers)))


first_attn_detector = section.exercise(
    "first_attn_detector",
    hints=[
        "In a pattern (q, k), which row or which column says how much all tokens look at token 0?",
        "What does the other one of the two say? Which sums to 1 for every head?",
    ],
    mistakes={
        "Takes the first row: that is where the first token looks.": edit("pattern[:, 0]", "pattern[0]"),
        "Only asks where the last token looks.": edit("pattern[:, 0].mean()", "pattern[-1].argmax() == 0 and 1"),
        **_COMMON_OF_DETECTORS,
    },
)


@first_attn_detector.check(examples=30, one=rows(".fcpl"), two=rows(".fcpl"))
def finds_heads_at_the_first_token(solution, one, two):
    """Names the heads whose attention is mostly on the first token."""
    return sorted(told(solution.first_attn_detector, patterns(one, two)))


@first_attn_detector.check(points=0.25, extra=True, examples=20, layers=far)
def finds_heads_at_the_first_token_anywhere(solution, layers):
    """Takes the numbers of layers and heads from the model of the cache."""
    return sorted(told(solution.first_attn_detector, patterns(*layers)))


# %% Induction heads
sizes = st.sampled_from(((5, 2), (3, 1), (1, 4), (4,)))  # seq_len, and maybe batch_size


def repeats(observed, expected, inputs):
    """Each row: the token that begins texts, a half, and the same half again."""
    if observed.shape != expected.shape or observed.dtype != expected.dtype:
        return difference(observed, expected)
    half = inputs["sizes"][0]
    if (observed[:, 0] != 2).any():
        return f"the texts begin with {observed[:, 0].tolist()}; model.tokenizer.bos_token_id is 2"
    if (observed < 0).any() or (observed >= len(WORDS)).any():
        return f"there are tokens that the model does not have; model.cfg.d_vocab is {len(WORDS)}"
    return difference(observed[:, 1 + half :], observed[:, 1 : 1 + half]) and "the second half is not the first"


generate_repeated_tokens = section.exercise(
    "generate_repeated_tokens",
    hints=[
        "How many tokens have to be drawn for a text with seq_len = 3, and how long is it in the end?",
        "torch.cat joins three tensors along the axis of the tokens. What are their shapes?",
        "Where does the model say how many tokens there are, and with which one its texts begin?",
    ],
    mistakes={
        "The second half is drawn anew.": edit("half, half]", "half, t.randint_like(half, 7)]"),
        "There is no token in front that begins the text.": edit("[prefix, half, half]", "[half, half]"),
        "Begins every text with token 0.": edit("1), model.tokenizer.bos_token_id", "1), 0"),
        "Repeats three times.": edit("[prefix, half, half]", "[prefix, half, half, half]"),
        "Repeats the beginning too.": edit("[prefix, half, half]", "[prefix, half, prefix, half]"),
        "All texts of the batch are the same.": edit("(batch_size, seq_len))", "(1, seq_len)).repeat(batch_size, 1)"),
        "Draws from fewer tokens than there are.": edit("randint(model.cfg.d_vocab", "randint(model.cfg.d_vocab - 1"),
        "Draws one token for a whole text.": edit("(batch_size, seq_len))", "(batch_size, 1)).repeat(1, seq_len)"),
    },
)


@generate_repeated_tokens.check(judge=repeats, examples=20, seed=seeds, sizes=sizes)
def repeats_the_first_half(solution, seed, sizes):
    """Begins with the token that begins texts, and says the same seq_len tokens twice."""
    return told(solution.generate_repeated_tokens, toy(seed), *sizes)


@generate_repeated_tokens.check(
    judge=distributed_as(probabilities=lambda inputs: [1 / 7] * 7, columns=("one text", "the next text")),
    examples=3,
    seed=seeds,
)
def draws_uniformly(solution, seed):
    """Draws each token of the first half from all tokens, uniformly, and for each text anew."""
    return told(solution.generate_repeated_tokens, toy(seed), 500, 2)[:, 1:501].T


def from_one_run(observed, expected, inputs):
    """Tokens that repeat themselves, and what the model makes of these very tokens."""
    tokens, *found = map(np.asarray, observed)
    words = repeats(tokens, np.asarray(expected[0]), inputs)
    if words:
        return f"tokens: {words}"
    logits, cache = toy(inputs["seed"]).run_with_cache(t.from_numpy(tokens))
    return difference(found, [logits.numpy(), cache["pattern", 1].numpy()])


run_and_cache_model_repeated_tokens = section.exercise(
    "run_and_cache_model_repeated_tokens",
    hints=[
        "Which method of the model returns the logits and the cache of one run?",
        "For which tokens? In which order are the three things to be returned?",
    ],
    mistakes={
        "Returns the logits first, and the tokens after them.": edit("return tokens, logits", "return logits, tokens"),
        "The cache is of another run, on other tokens.": edit(
            "    return tokens",
            "    cache = model.run_with_cache((tokens + 1) % model.cfg.d_vocab)[1]\n    return tokens",
        ),
        "Mixes up seq_len and batch_size.": edit("model, seq_len, batch_size)\n", "model, batch_size, seq_len)\n"),
    },
)


@run_and_cache_model_repeated_tokens.check(judge=from_one_run, examples=20, seed=seeds, sizes=sizes)
def runs_on_repeated_tokens(solution, seed, sizes):
    """Returns tokens that repeat themselves, the model's logits for them, and the cache of the same run."""
    tokens, logits, cache = told(solution.run_and_cache_model_repeated_tokens, toy(seed), *sizes)
    return tokens, logits, cache["pattern", 1].reshape(len(tokens), 3, *tokens.shape[1:], -1)


induction_attn_detector = section.exercise(
    "induction_attn_detector",
    hints=[
        "A text with seq_len = 3: 0 a b c a b c. The second a is at position 4. What followed the first a, and where?",
        "From position 4 to that one: how many places is it back? And for the second b?",
        "A pattern has 1 + 2 * seq_len rows. So how long was the half?",
    ],
    mistakes={
        "Looks seq_len places back, at the same token.": edit(
            "diagonal(1 - len(pattern) // 2)", "diagonal(-(len(pattern) // 2))"
        ),
        "Looks seq_len - 2 places back.": edit("diagonal(1 - len", "diagonal(2 - len"),
        "Takes seq_len = 50 for granted.": edit("len(pattern) // 2)", "50)"),
        **_COMMON_OF_DETECTORS,
    },
)


@induction_attn_detector.check(examples=30, one=rows(".ircp"), two=rows(".ircp"))
def finds_induction_heads(solution, one, two):
    """Names the heads that look seq_len - 1 places back in a repeated text (here seq_len is 50)."""
    return sorted(told(solution.induction_attn_detector, patterns(one, two, size=101), seq_len=50))


@induction_attn_detector.check(
    points=0.25,
    extra=True,
    examples=20,
    layers=other,
    half=st.integers(30, 40),
)
def finds_induction_heads_anywhere(solution, layers, half):
    """Tells seq_len from the size of the pattern, and the numbers of layers and heads from the model of the cache."""
    return sorted(told(solution.induction_attn_detector, patterns(*layers, size=1 + 2 * half), seq_len=50))


_STRIPE = "pattern.diagonal(1 - seq_len, -2, -1)"
_STORE = "induction_score_store[hook.layer()] = stripe.mean((0, 2))"
induction_score_hook = section.exercise(
    "induction_score_hook",
    hints=[
        "The pattern has four axes here. diagonal takes two of them, dim1 and dim2, and puts what it finds where?",
        "How many scores does one call have to write, and to which row of the store?",
        "What happens to the pattern if a hook returns something?",
    ],
    mistakes={
        "Looks seq_len places back, at the same token.": edit(_STRIPE, "pattern.diagonal(-seq_len, -2, -1)"),
        "Looks seq_len - 2 places back.": edit(_STRIPE, "pattern.diagonal(2 - seq_len, -2, -1)"),
        "Takes the first text only.": edit(_STORE, "induction_score_store[hook.layer()] = stripe[0].mean(1)"),
        "Takes the smallest over the batch.": edit("stripe.mean((0, 2))", "stripe.amin(0).mean(1)"),
        "Counts how often the attention is above a half.": edit("stripe.mean(", "(stripe > 0.5).float().mean("),
        "Divides by all tokens.": edit("stripe.mean((0, 2))", "stripe.sum((0, 2)) / pattern[:, 0, 0].numel()"),
        "All heads get the same score, their mean.": edit("stripe.mean((0, 2))", "stripe.mean()"),
        "Always writes to layer 0.": edit("store[hook.layer()] =", "store[0] ="),
        "Returns something in the place of the pattern.": edit(_STORE, _STORE + "\n    return pattern * stripe.mean()"),
    },
)


@induction_score_hook.check(examples=20, seed=seeds, layer=st.integers(0, 1))
def stores_induction_scores(solution, seed, layer):
    """Stores the mean attention seq_len - 1 places back, for each head, in the row of its layer; returns nothing."""
    store = t.zeros(2, 12)
    hook_fn = functools.partial(told, solution.induction_score_hook, induction_score_store=store, seq_len=50)
    pattern = through(hook_fn, f"blocks.{layer}.attn.hook_pattern", stripes(seed, 50))
    return store, pattern[0, :, -1]


@induction_score_hook.check(points=0.25, extra=True, examples=20, seed=seeds, half=st.integers(3, 9))
def stores_induction_scores_of_any_length(solution, seed, half):
    """Takes the length of the half from the name seq_len, and any number of heads."""
    store = t.zeros(2, 3)
    hook_fn = functools.partial(told, solution.induction_score_hook, induction_score_store=store, seq_len=half)
    through(hook_fn, "blocks.1.attn.hook_pattern", stripes(seed, half, heads=3))
    return store


# %% Attribution and ablation
Parts = namedtuple("Parts", "seed seq heads")
parted = st.builds(Parts, seeds, st.integers(2, 5), st.integers(1, 4))
logit_attribution = section.exercise(
    "logit_attribution",
    hints=[
        "Logits at position i predict token i + 1. Which rows of the parts have one, and which column of W_U is its?",
        "How many parts are there at each position? Join them along an axis of their own before you multiply.",
        "einsum with s for the position, p for the part and d for d_model: which letters are left?",
    ],
    mistakes={
        "Takes the logits of the tokens themselves, not of the next ones.": edit("tokens[1:]", "tokens[:-1]"),
        "Shifts the parts as well: position i + 1 does not predict token i + 1.": edit("parts[:-1]", "parts[1:]"),
        "The two layers are in the wrong order.": edit("l1_results, l2_results], dim", "l2_results, l1_results], dim"),
        "The embedding stands in the middle.": edit("[embed[:, None], l1_results", "[l1_results, embed[:, None]"),
        "Subtracts the mean logit.": edit("W_U[:, tokens[1:]]", "(W_U - W_U.mean(1, keepdim=True))[:, tokens[1:]]"),
    },
)


@logit_attribution.check(points=1.5, case=parted)
def attributes_logits(solution, case):
    """Multiplies each part, at each position, with the column of W_U of the next token."""
    return solution.logit_attribution(*parts(*case))


Z = "blocks.0.attn.hook_z"
_ZERO = "z[:, :, head_index_to_ablate] = 0.0"
_HEAD_OF_Z = "z[:, :, head_index_to_ablate] ="
_ABLATES = {
    "Takes the axis of the positions for that of the heads.": edit(_HEAD_OF_Z, "z[:, head_index_to_ablate] ="),
    "Ablates at the last position only.": edit(_HEAD_OF_Z, "z[:, -1, head_index_to_ablate] ="),
    "Ablates in the first text of the batch only.": edit(_HEAD_OF_Z, "z[0, :, head_index_to_ablate] ="),
}
head_zero_ablation_hook = section.exercise(
    "head_zero_ablation_hook",
    hints=[
        "Which of the four axes of z is that of the heads? How do you say “all of the axes before it”?",
        "A hook that returns nothing keeps what was changed in place. What if you assign to the name z itself?",
    ],
    mistakes={
        "Changes a copy and does not return it: nothing happens.": [
            edit(_ZERO, "z = z.clone()\n    " + _ZERO),
            edit("    return z", ""),
        ],
        "Silences all heads.": edit("z[:, :, head_index_to_ablate]", "z[...]"),
        **_ABLATES,
    },
    aliases=["head_ablation_hook"],
)


@head_zero_ablation_hook.check(examples=30, seed=seeds, head=st.integers(0, 3))
def silences_a_head(solution, seed, head):
    """Sets the z of one head to 0, for all texts and tokens, and leaves the others alone."""
    return through(solution.head_zero_ablation_hook, Z, noise(seed, 2, 3, 4, 5), head)


_MEAN = "z[:, :, head_index_to_ablate].mean(0)"
head_mean_ablation_hook = section.exercise(
    "head_mean_ablation_hook",
    hints=[
        "z of one head has the axes text, position, d_head. Over which of them is the mean to be taken?",
        "The mean has one axis less than what it replaces. Does that fit, and along which axis is it repeated?",
    ],
    mistakes={
        "Takes the mean over the positions as well.": edit(_MEAN, "z[:, :, head_index_to_ablate].mean((0, 1))"),
        "Takes the mean over the positions of each text.": edit(_MEAN, _MEAN.replace("0", "1, keepdim=True")),
        "Takes the mean over all heads.": edit(_MEAN, "z.mean((0, 2))"),
        "Takes the mean over d_head as well.": edit(_MEAN, _MEAN.replace("0", "(0, 2), keepdim=True")),
        "Sets the head to 0.": edit(_MEAN, "0.0"),
    },
)


@head_mean_ablation_hook.check(examples=30, seed=seeds, head=st.integers(0, 3))
def keeps_the_mean_of_a_head(solution, seed, head):
    """Sets the z of one head, at each position, to its mean over the batch there, and leaves the others alone."""
    return through(solution.head_mean_ablation_hook, Z, noise(seed, 2, 3, 4, 5), head)


def one_of_the_losses(observed, expected, inputs):
    """The loss may be that of the last n - 1 tokens, of the last n, or of all."""
    ablate = {"silence": silence, "double": double}[inputs.get("ablation", "silence")]
    model, tokens = toy(inputs["seed"]), repeated(inputs["seed"], inputs["half"])
    losses = []
    for hooks in (
        [],
        *(
            [(f"blocks.{layer}.attn.hook_z", functools.partial(ablate, head_index_to_ablate=head))]
            for layer in range(2)
            for head in range(3)
        ),
    ):
        log_probs = model.run_with_hooks(tokens, fwd_hooks=hooks)[:, :-1].log_softmax(-1)
        losses.append(-log_probs.gather(2, tokens[:, 1:, None])[..., 0])  # (batch, seq-1)
    for last in (inputs["half"] - 1, inputs["half"], tokens.shape[1] - 1):
        with_all, *without = (float(loss[:, -last:].mean()) for loss in losses)
        scores = t.tensor(without).reshape(2, 3) - with_all
        if difference(np.asarray(observed), scores.numpy(), rtol=1e-3, atol=1e-4) is None:
            return None
    return difference(observed, expected, rtol=1e-3, atol=1e-4)


_LEFT = "The hooks stay on the model, and act on all later runs too."
_FORGETS = edit("fwd_hooks=hooks)", "fwd_hooks=hooks, reset_hooks_end=False)")
get_ablation_scores = section.exercise(
    "get_ablation_scores",
    hints=[
        "What is the loss with all heads? When do you need it, and how often do you have to compute it?",
        "functools.partial makes a hook of two arguments of an ablation function of three.",
        "A table of 2 layers and 3 heads: after how many runs is it filled? Which hooks may be there in each of them?",
    ],
    mistakes={
        "The sign is wrong: a head that is of use gets a negative score.": [
            edit("= loss(model.run", "= with_all - loss(model.run"),
            edit("fwd_hooks=hooks)) - with_all", "fwd_hooks=hooks))"),
        ],
        "Returns the loss without the head; the loss with all heads is not subtracted.": edit(" - with_all", ""),
        "Takes the loss of the first half, where nothing is repeated yet.": edit("[:, half + 1 :]", "[:, : half - 1]"),
        "Always ablates with zeros.": edit("partial(ablation_function", "partial(head_zero_ablation_hook"),
        "Always ablates in layer 0.": edit('get_act_name("z", layer)', 'get_act_name("z", 0)'),
        _LEFT: _FORGETS,
    },
)


@get_ablation_scores.check(points=1.5, judge=one_of_the_losses, examples=20, seed=seeds, half=st.integers(3, 5))
def scores_ablations(solution, seed, half):
    """Measures by how much the loss on the second half grows if each head is silenced by itself."""
    names = {"seq_len": half, "head_ablation_hook": silence, "head_zero_ablation_hook": silence}
    return told(solution.get_ablation_scores, toy(seed), repeated(seed, half), silence, **names)


@get_ablation_scores.check(
    points=0.5, judge=one_of_the_losses, examples=10, seed=seeds, half=st.integers(3, 5), ablation=st.just("double")
)
def scores_other_ablations(solution, seed, half, ablation):
    """Uses the ablation function that it is given."""
    names = {"seq_len": half, "head_ablation_hook": double}
    return told(solution.get_ablation_scores, toy(seed), repeated(seed, half), double, **names)


@get_ablation_scores.check(points=0.5, extra=True, examples=6, seed=seeds, ablate=st.sampled_from(("silence", "fails")))
def ablations_leave_no_hook(solution, seed, ablate):
    """Leaves no hook on the model, also if the ablation function raises an exception."""
    ablate = fails if ablate == "fails" else silence
    names = {"seq_len": 4, "head_ablation_hook": ablate}
    return hooks_after(solution.get_ablation_scores, toy(seed), repeated(seed, 4), ablate, **names)


# %% Circuits: what the weights say
full_ov_circuit = section.exercise(
    "full_ov_circuit",
    hints=[
        "Follow one token: row of W_E, what the head reads of it, what it writes, what that does to the logits.",
        "A FactoredMatrix takes two matrices, A and B. Where do you cut the product of four so that both are thin?",
    ],
    mistakes={
        "Transposed: rows are what is said.": edit("(W_E @ W_V, W_O @ W_U)", "((W_O @ W_U).T, (W_E @ W_V).T)"),
        "Forgets the unembedding.": edit("W_O @ W_U", "W_O @ W_E.T"),
        "The factors are as wide as the residual stream.": edit("W_E @ W_V, W_O @ W_U", "W_E @ W_V @ W_O, W_U"),
    },
)


@full_ov_circuit.check(examples=30, seed=seeds, head=few)
def multiplies_an_ov_circuit(solution, seed, head):
    """Is the product of W_E, W_V, W_O and W_U: (token looked at, token that is said)."""
    model = toy(seed)
    return whole(solution.full_ov_circuit(model.W_E, model.W_V[0, head], model.W_O[0, head], model.W_U))


@full_ov_circuit.check(points=0.5, examples=10, seed=seeds)
def keeps_an_ov_circuit_thin(solution, seed):
    """Keeps two factors that are as thin as d_head."""
    model = toy(seed)
    return tuple(solution.full_ov_circuit(model.W_E, model.W_V[0, 1], model.W_O[0, 1], model.W_U).A.shape)


top_1_acc = section.exercise(
    "top_1_acc",
    hints=[
        "For which row should the largest logit be in which column?",
        "A FactoredMatrix can be indexed with a tensor of row numbers. What does .AB of that cost?",
        "The last batch may be smaller. Do you average over tokens, or over batches?",
    ],
    mistakes={
        "Looks for the largest in each column.": edit("full_OV_circuit[some]", "full_OV_circuit.T[some]"),
        "Averages over batches; the last may be smaller.": edit(
            "/ len(rows)", "/ len(right) / min(batch_size, len(rows))"
        ),
        "Counts the tokens that are copied, and does not divide.": edit("sum(right) / len(rows)", "sum(right)"),
        "Compares with the place in the batch.": edit("== some).sum()", "== t.arange(len(some))).sum()"),
        "Leaves out the last batch.": edit("(batch_size)]", "(batch_size)[: max(1, len(rows) // batch_size)]]"),
    },
)


@top_1_acc.check(examples=50, seed=seeds)
def counts_copied_tokens(solution, seed):
    """Is the share of rows whose largest entry is on the diagonal."""
    return float(told(solution.top_1_acc, copier(seed)))


@top_1_acc.check(points=0.5, examples=50, seed=seeds, batch_size=st.integers(1, 9))
def counts_copied_tokens_in_batches(solution, seed, batch_size):
    """Gives the same for any size of the batches; the last one may be smaller."""
    return float(told(solution.top_1_acc, copier(seed), batch_size))


_MASK = ".masked_fill(t.ones_like(scores, dtype=t.bool).triu(1), -t.inf)"
_SCORES = "(W_pos @ W_Q) @ (W_pos @ W_K).T / d_head**0.5"
pos_pattern = section.exercise(
    "pos_pattern",
    hints=[
        "What are the queries and the keys of a head that sees nothing but W_pos?",
        "In which order do these come: scale, mask, softmax? What has to be in the mask so that softmax makes it 0?",
    ],
    mistakes={
        "Does not divide by sqrt(d_head).": edit(" / d_head**0.5", ""),
        "Divides by d_head.": edit("d_head**0.5", "d_head"),
        "No mask: queries see what is to come.": edit(".triu(1)", ".triu(99)"),
        "The mask hides the token itself too.": edit(".triu(1)", ".triu(0).index_fill(0, t.tensor(0), False)"),
        "The mask hides what has been, not what is to come.": edit(".triu(1)", ".tril(-1)"),
        "Keys and queries are mixed up.": edit(_SCORES, "(W_pos @ W_K) @ (W_pos @ W_Q).T / d_head**0.5"),
        "softmax over the queries.": edit("softmax(-1)", "softmax(0)"),
        "The mask comes after the softmax.": [edit(_MASK, ""), edit(".softmax(-1)", ".softmax(-1).tril()")],
    },
)


@pos_pattern.check(examples=30, seed=seeds, n_ctx=st.integers(2, 6), d_head=st.integers(2, 3))
def pattern_of_positions(solution, seed, n_ctx, d_head):
    """Is the softmax of scaled and masked products of queries and keys that are made of positions."""
    return solution.pos_pattern(
        noise(seed, n_ctx, 4), 2 * noise(seed + 1, 4, d_head), noise(seed + 2, 4, d_head), d_head
    )


# %% Circuits: how heads compose
decompose_qk_input = section.exercise(
    "decompose_qk_input",
    hints=[
        "Which parts has the sum that layer 1 makes its queries and keys from? How many are there with n heads?",
        'cache["result", 0] has the axes position, head, d_model. Which one is to be the first?',
    ],
    mistakes={
        "Forgets the positional embeddings.": edit('cache["embed"], cache["pos_embed"], ', 'cache["embed"], '),
        "Positions come first.": edit('[cache["embed"], cache["pos_', '[cache["pos_embed"], cache["'),
        "Takes the results of layer 1.": edit('*cache["result", 0', '*cache["result", 1'),
        "Cuts the results by position, not by head.": edit(".unbind(1)", ".unbind(0)"),
        "Takes the model's own cache of other tokens.": edit('"pos_embed"], *cache', '"pos_embed"] * 0, *cache'),
    },
)


@decompose_qk_input.check(examples=20, seed=seeds)
def parts_of_the_input(solution, seed):
    """Lists embeddings, positional embeddings, and the results of the heads of layer 0."""
    return told(solution.decompose_qk_input, ran(seed))


Decomposed = namedtuple("Decomposed", "seed parts seq")
decomposed = st.builds(Decomposed, seeds, st.integers(2, 5), st.integers(1, 3))
_OTHER_HEADS = {
    "Takes the weights of layer 0.": edit("[1, ind_head_index]", "[0, ind_head_index]"),
    "Takes the weights of the first head.": edit("[1, ind_head_index]", "[1, 0]"),
}
decompose_q = section.exercise(
    "decompose_q",
    hints=[
        "Queries are linear in the input: what does each part of the input become by itself?",
        "W_Q has the axes layer, head, d_model, d_head. Which two of them are fixed here?",
    ],
    mistakes={
        "Takes W_K.": edit("model.W_Q", "model.W_K"),
        "Adds the bias to every part.": edit("index]", "index] + model.b_Q[1, ind_head_index]"),
        **_OTHER_HEADS,
    },
)


@decompose_q.check(examples=30, case=decomposed, head=few)
def parts_of_queries(solution, case, head):
    """Multiplies each part with W_Q of a head of layer 1."""
    return told(solution.decompose_q, noise(*case, 8), head, toy(case.seed))


decompose_k = section.exercise(
    "decompose_k",
    hints=[
        "What is different from decompose_q?",
        "W_K has the axes layer, head, d_model, d_head. Which two of them are fixed here?",
    ],
    mistakes={
        "Takes W_Q.": edit("model.W_K", "model.W_Q"),
        "Adds the bias to every part.": edit("index]", "index] + model.b_K[1, ind_head_index]"),
        **_OTHER_HEADS,
    },
)


@decompose_k.check(examples=30, case=decomposed, head=few)
def parts_of_keys(solution, case, head):
    """Multiplies each part with W_K of a head of layer 1."""
    return told(solution.decompose_k, noise(*case, 8), head, toy(case.seed))


decompose_attn_scores = section.exercise(
    "decompose_attn_scores",
    hints=[
        "How many pairs are there of 5 parts of the query and 4 parts of the key? How many scores has each?",
        "einsum: give all four axes that stay a letter of their own, and d_head the one that is summed.",
    ],
    mistakes={
        "Query and key are mixed up.": edit('"aqe,bke->abqk"', '"aqe,bke->bakq"'),
        "The axes are in another order: positions first.": edit("->abqk", "->qkab"),
        "Adds up the parts of the key.": edit('"aqe,bke->abqk"', '"aqe,bke->aqk"'),
        "Multiplies the sums over d_head.": edit("bke->", "bkf->"),
    },
)


@decompose_attn_scores.check(examples=30, seed=seeds, q_parts=st.integers(2, 4), k_parts=st.integers(2, 4))
def parts_of_scores(solution, seed, q_parts, k_parts):
    """Multiplies each part of each query with each part of each key."""
    return told(solution.decompose_attn_scores, noise(seed, q_parts, 3, 4), noise(seed + 1, k_parts, 3, 4), toy(0))


find_K_comp_full_circuit = section.exercise(  # noqa: N816
    "find_K_comp_full_circuit",
    hints=[
        "How is a key made, if head `prev` has looked at the token? Which four weights is that, in order?",
        "In which layer is each of the two heads?",
        "FactoredMatrix(A, B) stands for A @ B. What has to be done with K, (d_vocab, d_head)?",
    ],
    mistakes={
        "The previous-token head stands on the side of the query: that is Q-composition.": [
            edit("keys = moved @ model", "keys = model.W_E @ model"),
            edit("    return F", "    queries = moved @ model.W_Q[1, ind_head_index]\n    return F"),
        ],
        "Transposed: rows are the tokens of keys.": edit("(queries, keys.T)", "(keys, queries.T)"),
        "Leaves out the previous-token head.": edit("keys = moved @", "keys = model.W_E @"),
        "The two heads are mixed up.": edit("model.W_V[0, prev_token_head_index]", "model.W_V[0, ind_head_index]"),
        "Takes both heads from layer 0.": edit("model.W_K[1,", "model.W_K[0,"),
    },
)


@find_K_comp_full_circuit.check(points=1.5, examples=30, seed=seeds, prev=few, ind=few)
def composes_keys(solution, seed, prev, ind):
    """Is the product of the queries of all tokens with keys made of what the previous-token head has moved."""
    return whole(solution.find_K_comp_full_circuit(toy(seed), prev, ind))


get_comp_score = section.exercise(
    "get_comp_score",
    hints=[
        "Which norm is meant: the root of the sum of squares, or the largest singular value?",
        "What happens to the score if all of W_A is doubled?",
    ],
    mistakes={
        "Takes the spectral norm, the largest singular value.": [
            edit("(W_A @ W_B).norm()", "t.linalg.matrix_norm(W_A @ W_B, 2)"),
            edit("(W_A.norm() * W_B.norm())", "(t.linalg.matrix_norm(W_A, 2) * t.linalg.matrix_norm(W_B, 2))"),
        ],
        "Does not divide by the norms.": edit(" / (W_A.norm() * W_B.norm())", ""),
        "Divides by one of the norms only.": edit("(W_A.norm() * W_B.norm())", "W_A.norm()"),
        "Divides by the sum of the norms.": edit("W_A.norm() * W_B.norm()", "W_A.norm() + W_B.norm()"),
        "Multiplies in the wrong order.": edit("(W_A @ W_B).norm()", "(W_B @ W_A).norm()"),
        "Forgets the roots: the squares of norms.": edit(".item()", ".item() ** 2"),
    },
)


@get_comp_score.check(examples=50, seed=seeds, middle=st.integers(1, 4))
def scores_composition(solution, seed, middle):
    """Is the Frobenius norm of the product, divided by those of the factors."""
    return float(solution.get_comp_score(noise(seed, 3, middle), 2 * noise(seed + 1, middle, 3)))


ablation_induction_score = section.exercise(
    "ablation_induction_score",
    hints=[
        "Two hooks in one run: one takes out a head of layer 0, the other looks at a pattern of layer 1. How does the "
        "second one tell you what it has seen?",
        "A list outside of the hook, or hook.ctx: both can be read after the run.",
        "Which diagonal of the pattern did induction_attn_detector take?",
    ],
    mistakes={
        "Ablates nothing.": edit('[(get_act_name("z", 0), ablate), (', "[("),
        "The two heads are mixed up.": [
            edit("z[:, :, prev_head_index]", "z[:, :, ind_head_index]"),
            edit("pattern[0, ind_head_index]", "pattern[0, prev_head_index]"),
        ],
        "Looks at the pattern of layer 0.": edit('get_act_name("pattern", 1)', 'get_act_name("pattern", 0)'),
        "Looks seq_len places back.": edit("diagonal(1 - seq_len)", "diagonal(-seq_len)"),
        _LEFT: edit("note)])", "note)], reset_hooks_end=False)"),
    },
)


@ablation_induction_score.check(examples=20, seed=seeds, prev=few, ind=few)
def ablates_what_induction_needs(solution, seed, prev, ind):
    """Is the induction score of a head of layer 1 while a head of layer 0 is silenced."""
    names = {"model": toy(seed), "rep_tokens": repeated(seed, 4, batch=1), "seq_len": 4}
    return float(told(solution.ablation_induction_score, prev, ind, **names))


@ablation_induction_score.check(points=0.25, extra=True, examples=5, seed=seeds)
def induction_score_leaves_no_hook(solution, seed):
    """Leaves no hook on the model."""
    model = toy(seed)
    told(solution.ablation_induction_score, 0, 1, model=model, rep_tokens=repeated(seed, 4, batch=1), seq_len=4)
    return [name for name, point in model.hook_dict.items() if point.fwd_hooks]


# %% Indirect objects
Answers = namedtuple("Answers", "seed answer_tokens")


@st.composite
def answered(draw, least=2):
    """A seed for logits, and for each text the right and the wrong token."""
    pairs = st.lists(st.integers(0, 4), min_size=2, max_size=2, unique=True)
    return Answers(draw(seeds), draw(st.lists(pairs, min_size=least, max_size=max(least, 1) + (least > 1))))


logits_to_ave_logit_diff = section.exercise(
    "logits_to_ave_logit_diff",
    hints=[
        "Which position of the logits predicts the name, the last one of the text or the one before it?",
        "gather picks, from each row, the columns that another tensor names. What is the shape of that tensor here?",
    ],
    mistakes={
        "Looks one position too early.": edit("logits[:, -1]", "logits[:, -2]"),
        "Takes the mean over all positions.": edit("logits[:, -1]", "logits.mean(1)"),
        "The wrong name's logit minus the right one's.": [
            edit("right - wrong if", "wrong - right if"),
            edit("(right - wrong).mean()", "(wrong - right).mean()"),
        ],
        "Subtracts probabilities, not logits.": edit("logits[:, -1]", "logits[:, -1].softmax(-1)"),
        "Sums over the batch.": edit(".mean()", ".sum()"),
        "per_prompt is the wrong way round.": edit("if per_prompt", "if not per_prompt"),
    },
)


@logits_to_ave_logit_diff.check(examples=50, case=answered())
def mean_difference_of_logits(solution, case):
    """Is the mean, over the texts, of the right token's logit minus the wrong one's at the last position."""
    return solution.logits_to_ave_logit_diff(
        noise(case.seed, len(case.answer_tokens), 3, 5), t.tensor(case.answer_tokens)
    )


@logits_to_ave_logit_diff.check(points=0.5, examples=50, case=answered())
def difference_of_logits_of_each_text(solution, case):
    """With per_prompt=True there is one difference for each text."""
    logits = noise(case.seed, len(case.answer_tokens), 3, 5)
    return solution.logits_to_ave_logit_diff(logits, t.tensor(case.answer_tokens), per_prompt=True)


@logits_to_ave_logit_diff.check(points=0.25, extra=True, examples=10, case=answered(least=1))
def difference_of_logits_of_one_text(solution, case):
    """With per_prompt=True and a single text the shape is (1,)."""
    return solution.logits_to_ave_logit_diff(noise(case.seed, 1, 3, 5), t.tensor(case.answer_tokens), per_prompt=True)


_LN = "scaled = cache.apply_ln_to_stack(residual_stack, pos_slice=-1)"
residual_stack_to_logit_diff = section.exercise(
    "residual_stack_to_logit_diff",
    hints=[
        "What does the final LayerNorm do to a sum, and what can it then do to each of its parts?",
        "With the shape (…, batch, d_model): over which axis is the product summed, and over which one averaged?",
    ],
    mistakes={
        "Leaves the LayerNorm out.": edit(_LN, "scaled = residual_stack"),
        "Normalizes each part by its own scale.": edit(
            _LN, "scaled = t.layer_norm(residual_stack, residual_stack.shape[-1:])"
        ),
        "Takes the scale of the first position.": edit(_LN, _LN.replace("slice=-1", "slice=0")),
        "Takes the LayerNorm of layer 0.": edit(_LN, _LN.replace("pos_", "layer=0, pos_")),
        "Sums over the batch.": edit(".sum(-1).mean(-1)", ".sum(-1).sum(-1)"),
        "Divides by the size of the batch twice.": edit(".mean(-1)", ".mean(-1) / len(logit_diff_directions)"),
        "Takes the mean over d_model too.": edit(".sum(-1).mean(-1)", ".mean(-1).mean(-1)"),
    },
)


@residual_stack_to_logit_diff.check(examples=20, seed=seeds, axes=st.sampled_from(((3,), (), (2, 3))))
def contributions_to_the_difference(solution, seed, axes):
    """Applies the final LayerNorm to each part, multiplies with the directions, and averages over the texts."""
    cache = toy(seed, mlp=True).run_with_cache(texts(seed))[1]
    return told(solution.residual_stack_to_logit_diff, noise(seed, *axes, 2, 8), cache, noise(seed + 1, 2, 8))


Metric = namedtuple("Metric", "corrupted clean")
metrics = st.builds(Metric, st.sampled_from((-1.0, 0.5)), st.sampled_from((2.0, 3.5)))
ioi_metric = section.exercise(
    "ioi_metric",
    hints=[
        "What has the metric to be if the difference of logits is just the corrupted one? And if it is the clean one?",
        "Which straight line goes through these two points?",
    ],
    mistakes={
        "The wrong way round: 0 is the clean performance.": edit("return restored /", "return 1 - restored /"),
        "Corrupted texts have -1, and clean ones 0.": edit("return restored /", "return -1 + restored /"),
        "Divides by the clean difference alone.": edit(
            "return restored / (clean_logit_diff - corrupted_logit_diff)", "return restored / clean_logit_diff"
        ),
        "Takes minus the clean difference for the corrupted one.": edit(
            "    restored =", "    corrupted_logit_diff = -clean_logit_diff\n    restored ="
        ),
        "Takes the absolute value of the denominator.": edit("return restored / (", "return restored / abs("),
        "Cuts off what is below 0 and above 1.": edit(
            "return restored / (clean_logit_diff - corrupted_logit_diff)",
            "return (restored / (clean_logit_diff - corrupted_logit_diff)).clamp(0, 1)",
        ),
    },
)


@ioi_metric.check(examples=50, case=answered(), metric=metrics)
def restored_share(solution, case, metric):
    """Is 0 for the corrupted difference of logits, 1 for the clean one, and linear, also beyond."""
    logits, answers = 3 * noise(case.seed, len(case.answer_tokens), 3, 5), t.tensor(case.answer_tokens)
    return float(
        solution.ioi_metric(logits, answers, corrupted_logit_diff=metric.corrupted, clean_logit_diff=metric.clean)
    )


@ioi_metric.check(points=0.25, extra=True, examples=20, case=answered())
def restored_share_upside_down(solution, case):
    """The clean difference may be the smaller one."""
    logits, answers = noise(case.seed, len(case.answer_tokens), 3, 5), t.tensor(case.answer_tokens)
    return float(solution.ioi_metric(logits, answers, corrupted_logit_diff=1.0, clean_logit_diff=-1.0))


# %% Activation patching
_NO_COPY = "Changes a copy and does not return it: nothing happens."
_PATCHES = {
    "Patches all positions.": edit("[:, pos] = clean_cache[hook.name][:, pos]", "[:] = clean_cache[hook.name]"),
    "Takes the axis of the texts for that of the positions.": edit(
        "[:, pos] = clean_cache[hook.name][:, pos]", "[pos] = clean_cache[hook.name][pos]"
    ),
}
RESID = "blocks.1.hook_resid_pre"
patch_residual_component = section.exercise(
    "patch_residual_component",
    hints=[
        "Under which name does the cache have the clean value of this very hook point?",
        "Which axis is that of the positions? All texts are patched alike.",
    ],
    mistakes={
        **_PATCHES,
        "Takes the clean value of layer 0 everywhere.": edit(
            "= clean_cache[hook.name]", '= clean_cache["resid_pre", 0]'
        ),
        "Writes the corrupted value into the clean run.": edit(
            "component[:, pos] = clean_cache[hook.name][:, pos]",
            "component[:, pos]\n    clean_cache[hook.name][:, pos] = corrupted_residual_component[:, pos]",
        ),
        _NO_COPY: [
            edit("    corrupted_residual_component[:, pos] =", "    corrupted_residual_component.clone()[:, pos] ="),
        ],
        "Adds the clean value to the corrupted one.": edit("[:, pos] = clean", "[:, pos] += clean"),
    },
)


@patch_residual_component.check(examples=30, seed=seeds, pos=few)
def patches_a_position(solution, seed, pos):
    """Puts the clean value in at one position, in all texts; the clean run stays as it is."""
    cache = run(seed, "hook_resid_pre", (3, 3, 4))
    named = {"pos": pos, "clean_cache": cache}
    return through(solution.patch_residual_component, RESID, noise(seed + 2, 3, 3, 4), **named), cache[RESID]


Z1 = "blocks.1.attn.hook_z"
patch_head_vector = section.exercise(
    "patch_head_vector",
    hints=[
        "Which axis of q, k, v and z is that of the heads?",
        "What changes from patch_residual_component, and what stays?",
    ],
    mistakes={
        "Patches all heads.": edit(
            "vector[:, :, head_index] = clean_cache[hook.name][:, :, head_index]", "vector[:] = clean_cache[hook.name]"
        ),
        "Takes the axis of the positions for that of the heads.": edit(
            "vector[:, :, head_index] = clean_cache[hook.name][:, :, head_index]",
            "vector[:, head_index] = clean_cache[hook.name][:, head_index]",
        ),
        "Patches the last position only.": edit(
            "vector[:, :, head_index] = clean_cache[hook.name][:, :, head_index]",
            "vector[:, -1, head_index] = clean_cache[hook.name][:, -1, head_index]",
        ),
        _NO_COPY: edit(
            "    corrupted_head_vector[:, :, head_index] =", "    corrupted_head_vector.clone()[:, :, head_index] ="
        ),
    },
)


@patch_head_vector.check(examples=30, seed=seeds, head=few, value=st.sampled_from(("hook_z", "hook_q")))
def patches_a_head(solution, seed, head, value):
    """Puts the clean value of one head in, in all texts and at all positions; the clean run stays as it is."""
    name, cache = f"blocks.1.attn.{value}", run(seed, value, (2, 3, 3, 2))
    named = {"head_index": head, "clean_cache": cache}
    return through(solution.patch_head_vector, name, noise(seed + 2, 2, 3, 3, 2), **named), cache[name]


_CLOSE = close(rtol=1e-3, atol=1e-4)  # sums of many float32
_BY_ITSELF = "The metric is that of the file; the one that is given is not used."
_METRIC = edit("patching_metric(model.run", "t.mean(model.run")
get_act_patch_resid_pre = section.exercise(
    "get_act_patch_resid_pre",
    hints=[
        "On which tokens does the model run, the clean or the corrupted ones? Where do clean values come in?",
        "partial makes a hook of patch_residual_component. Which two of its arguments are known in the loop?",
        "How many runs are needed for 2 layers and 4 positions, and what is patched in each of them?",
    ],
    mistakes={
        "Layers and positions are mixed up in the table.": edit("    return results", "    return results.T"),
        "Patches the stream after the layer: resid_post.": edit('"resid_pre"', '"resid_post"'),
        "Always patches in layer 0.": edit('get_act_name("resid_pre", layer)', 'get_act_name("resid_pre", 0)'),
        "Always patches the last position.": edit("pos=pos", "pos=-1"),
        _BY_ITSELF: _METRIC,
        _LEFT: _FORGETS,
    },
)


@get_act_patch_resid_pre.check(points=1.5, judge=_CLOSE, examples=10, seed=seeds)
def patches_positions_of_layers(solution, seed):
    """Is what the metric says with resid_pre of each layer patched at each position, one at a time."""
    return told(solution.get_act_patch_resid_pre, *patching(seed))


@get_act_patch_resid_pre.check(points=0.5, extra=True, examples=4, seed=seeds, broken=st.booleans())
def patching_positions_leaves_no_hook(solution, seed, broken):
    """Leaves no hook on the model, also if the metric raises an exception."""
    return hooks_after(solution.get_act_patch_resid_pre, *patching(seed, broken))


get_act_patch_attn_head_out_all_pos = section.exercise(
    "get_act_patch_attn_head_out_all_pos",
    hints=[
        "What changes from get_act_patch_resid_pre: the table, the hook, the name of the hook point?",
        "Which of q, k, v, z is what a head has read?",
    ],
    mistakes={
        "Layers and heads are mixed up in the table.": edit("    return results", "    return results.T"),
        "Patches the values, not what was read of them.": edit('"z"', '"v"'),
        "Always patches in layer 0.": edit('get_act_name("z", layer)', 'get_act_name("z", 0)'),
        "Always patches the first head.": edit("head_index=head", "head_index=0"),
        _BY_ITSELF: _METRIC,
        _LEFT: _FORGETS,
    },
)


@get_act_patch_attn_head_out_all_pos.check(judge=_CLOSE, examples=10, seed=seeds)
def patches_heads(solution, seed):
    """Is what the metric says with z of each head patched at all positions, one at a time."""
    return told(solution.get_act_patch_attn_head_out_all_pos, *patching(seed))


@get_act_patch_attn_head_out_all_pos.check(points=0.25, extra=True, examples=4, seed=seeds, broken=st.booleans())
def patching_heads_leaves_no_hook(solution, seed, broken):
    """Leaves no hook on the model, also if the metric raises an exception."""
    return hooks_after(solution.get_act_patch_attn_head_out_all_pos, *patching(seed, broken))


# %% Path patching
Sender = namedtuple("Sender", "layer head")
senders = st.builds(Sender, st.integers(0, 1), few)
_FROZEN = "orig_head_vector[...] = orig_cache[hook.name]"
_NEW = "orig_head_vector[:, :, head_to_patch[1]] = new_cache[hook.name][:, :, head_to_patch[1]]"
patch_or_freeze_head_vectors = section.exercise(
    "patch_or_freeze_head_vectors",
    hints=[
        "What do all heads but one have to be, whatever comes in?",
        "In which layer is the one? What about the head with the same number in another layer?",
        "If you start from what the cache has, and change that in place: what is in the cache afterwards?",
    ],
    mistakes={
        "Does not freeze: other heads are left as they come. That is activation patching.": edit(_FROZEN, "pass"),
        "Patches the head with that number in every layer.": edit("if hook.layer() == head_to_patch[0]:", "if True:"),
        "Leaves the head with that number free in other layers.": edit(
            "    " + _FROZEN,
            "    rest = [head for head in range(orig_head_vector.shape[2]) if head != head_to_patch[1]]\n"
            "    orig_head_vector[:, :, rest] = orig_cache[hook.name][:, :, rest]",
        ),
        "New and original run are mixed up.": [
            edit(_FROZEN, _FROZEN.replace("orig_cache", "new_cache")),
            edit(_NEW, _NEW.replace("new_cache", "orig_cache")),
        ],
        "Changes the cache of the original run.": edit(
            "    " + _FROZEN, "    orig_head_vector = orig_cache[hook.name]"
        ),
        "Takes the axis of the positions for that of the heads.": edit(_NEW, _NEW.replace("[:, :, h", "[:, h")),
    },
)


@patch_or_freeze_head_vectors.check(points=1.5, examples=30, seed=seeds, sender=senders, layer=st.integers(0, 1))
def patches_one_and_freezes_the_rest(solution, seed, sender, layer):
    """Sets one head to the new run's z and all others to the original run's; both caches stay as they are."""
    name, new, orig = f"blocks.{layer}.attn.hook_z", run(seed, shape=(2, 3, 3, 2)), run(seed + 2, shape=(2, 3, 3, 2))
    named = {"new_cache": new, "orig_cache": orig, "head_to_patch": tuple(sender)}
    z = through(solution.patch_or_freeze_head_vectors, name, noise(seed + 4, 2, 3, 3, 2), **named)
    return z, new[name], orig[name]


_PATHS = {
    "Original and new texts are mixed up.": edit(
        "new_cache=new_cache, orig_cache=orig_cache, head", "new_cache=orig_cache, orig_cache=new_cache, head"
    ),
    "Runs on the new texts; only one head's z is to come from them.": edit(
        "model.run_with_hooks(orig_dataset.toks", "model.run_with_hooks(new_dataset.toks"
    ),
    _BY_ITSELF: _METRIC,
}
get_path_patch_head_to_final_resid_post = section.exercise(
    "get_path_patch_head_to_final_resid_post",
    hints=[
        "Three runs: which texts does each see? Two of them only fill caches.",
        "If all heads are frozen or patched, what can still change in the residual stream?",
        "A condition, such as is_z, may take the place of the name of a hook point: one hook for all layers.",
    ],
    mistakes={
        "Does not freeze the other heads: that is activation patching.": edit(
            "fwd_hooks=[(is_z, freeze)]",
            'fwd_hooks=[(get_act_name("z", sender[0]), partial(patch_head_vector, head_index=sender[1], '
            "clean_cache=new_cache))]",
        ),
        "Freezes the MLPs as well: then nothing of what they add is measured.": edit(
            "fwd_hooks=[(is_z, freeze)]",
            'fwd_hooks=[(is_z, freeze), (lambda name: "mlp_out" in name, lambda value, hook: orig_cache[hook.name])]',
        ),
        "Layers and heads are mixed up in the table.": edit("    return results", "    return results.T"),
        **_PATHS,
        _LEFT: edit("(is_z, freeze)]", "(is_z, freeze)], reset_hooks_end=False"),
    },
)


@get_path_patch_head_to_final_resid_post.check(points=2, judge=_CLOSE, examples=10, seed=seeds)
def follows_paths_to_the_end(solution, seed):
    """Is what the metric says with one head's z from the new texts, and all others frozen."""
    return told(solution.get_path_patch_head_to_final_resid_post, *path_patching(seed))


@get_path_patch_head_to_final_resid_post.check(points=0.25, extra=True, judge=_CLOSE, examples=5, seed=seeds)
def follows_paths_without_caches(solution, seed):
    """Makes the caches itself where they are None."""
    return told(solution.get_path_patch_head_to_final_resid_post, *path_patching(seed, caches=False))


@get_path_patch_head_to_final_resid_post.check(points=0.25, extra=True, examples=4, seed=seeds, broken=st.booleans())
def following_paths_leaves_no_hook(solution, seed, broken):
    """Leaves no hook on the model, also if the metric raises an exception."""
    return hooks_after(solution.get_path_patch_head_to_final_resid_post, *path_patching(seed, broken=broken))


heads = st.lists(st.builds(Sender, st.just(1), few), min_size=1, max_size=2, unique=True)
_GIVEN = "orig_activation[:, :, heads] = patched_cache[hook.name][:, :, heads]"
patch_head_input = section.exercise(
    "patch_head_input",
    hints=[
        "Which of the heads in the list are in the layer of this hook?",
        "A list of numbers picks several heads at once. What does an empty list pick?",
    ],
    mistakes={
        "Patches the heads with these numbers in every layer.": edit(" if layer == hook.layer()]", "]"),
        "Patches only the first head of the list.": edit("hook.layer()]", "hook.layer()][:1]"),
        "Patches all heads.": edit(_GIVEN, "orig_activation[:] = patched_cache[hook.name]"),
        "Takes the axis of the positions for that of the heads.": edit(_GIVEN, _GIVEN.replace("[:, :, ", "[:, ")),
        _NO_COPY: edit(_GIVEN, "orig_activation.clone()[:, :, heads] = patched_cache[hook.name][:, :, heads]"),
    },
)


@patch_head_input.check(examples=50, seed=seeds, heads=heads, other=few, layer=st.integers(1, 1) | st.integers(0, 1))
def patches_inputs(solution, seed, heads, other, layer):
    """Puts in the value of the heads in the list that are in this layer; the cache stays as it is."""
    name, cache = f"blocks.{layer}.attn.hook_k", run(seed, "hook_k", (2, 3, 3, 2))
    named = {"patched_cache": cache, "head_list": [*map(tuple, heads), (0, other)]}
    return through(solution.patch_head_input, name, noise(seed + 2, 2, 3, 3, 2), **named), cache[name]


_KEEPS = "        with model.hooks([(is_z, freeze)]):\n"
get_path_patch_head_to_heads = section.exercise(
    "get_path_patch_head_to_heads",
    hints=[
        "Two runs for each sender. What does the first one have to find out, and what does the second one change?",
        "Which layers can send something to a head of layer 2? So how many rows has the table?",
        "Inside of `with model.hooks([…]):` run_with_cache keeps what the hooks have made of it.",
    ],
    mistakes={
        "Does not freeze the other heads in the first run.": edit(
            _KEEPS,
            "        freeze = partial(patch_head_vector, head_index=sender[1], clean_cache=new_cache)\n"
            '        with model.hooks([(get_act_name("z", sender[0]), freeze)]):\n',
        ),
        "Measures a run in which all heads are frozen.": edit(
            "[(name, receive) for name in inputs]", "[(is_z, freeze)]"
        ),
        "Always patches the queries.": edit("get_act_name(receiver_input, layer)", 'get_act_name("q", layer)'),
        "Takes the receivers of one layer only.": edit("for name in inputs]", "for name in inputs[:1]]"),
        "Patches all heads in the layers of the receivers.": edit(
            "head_list=receiver_heads)",
            "head_list=list(itertools.product(range(model.cfg.n_layers), range(model.cfg.n_heads))))",
        ),
        "The table has a row for the layer of the receiver too.": edit(
            "t.empty(max(layer for layer, _ in receiver_heads), ",
            "t.zeros(1 + max(layer for layer, _ in receiver_heads), ",
        ),
        **_PATHS,
        _LEFT: _FORGETS,
    },
)
receivers = st.sampled_from(([(1, 0)], [(1, 2), (1, 0)], [(1, 1), (2, 0)], [(2, 2)]))
inputs_of_heads = st.sampled_from(("q", "k", "v"))


@get_path_patch_head_to_heads.check(
    points=2, judge=_CLOSE, examples=10, seed=seeds, receivers=receivers, value=inputs_of_heads
)
def follows_paths_to_heads(solution, seed, receivers, value):
    """Is what the metric says if only the receivers' input changes, by what one head sends straight to them."""
    return told(solution.get_path_patch_head_to_heads, receivers, value, *path_patching(seed, layers=3))


@get_path_patch_head_to_heads.check(
    points=0.25, extra=True, judge=_CLOSE, examples=5, seed=seeds, value=inputs_of_heads
)
def follows_paths_to_heads_without_caches(solution, seed, value):
    """Makes the caches itself where they are None."""
    return told(solution.get_path_patch_head_to_heads, [(1, 0)], value, *path_patching(seed, caches=False))


@get_path_patch_head_to_heads.check(points=0.25, extra=True, examples=4, seed=seeds, broken=st.booleans())
def following_paths_to_heads_leaves_no_hook(solution, seed, broken):
    """Leaves no hook on the model, also if the metric raises an exception."""
    function, arguments = solution.get_path_patch_head_to_heads, path_patching(seed, broken=broken)
    return hooks_after(function, [(1, 0)], "q", *arguments)


@get_path_patch_head_to_heads.check(points=0.5, judge=_CLOSE, examples=3, value=inputs_of_heads)
def follows_paths_of_a_circuit(solution, value):
    """Finds, in the circuit for indirect objects, by which input of the name mover the S-inhibition head speaks."""
    return told(solution.get_path_patch_head_to_heads, [(2, 1)], value, *giving())
