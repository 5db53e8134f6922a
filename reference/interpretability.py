"""What goes on inside a transformer: attention patterns, induction heads, circuits, patching and path patching.

You look at the values inside a small transformer while it runs, find the heads that let it continue a text by what it
has seen before, read their circuits off the weights, and find out by experiments which parts an answer depends on.

The model is `exercises/given/hooked.py`, which you can read in ten minutes. Heads are called "layer.head", numbered
from 0. A hook is a function hook_fn(value, hook) that is shown a value on its way: it may change it in place, or return
what is to take its place. Models with circuits that were set by hand are in `exercises/given/circuits_by_hand.py`: try
your tools on them. In what follows a cache is an ActivationCache, "seq" counts tokens, and axes called q and k are
those of queries (who looks) and keys (what is looked at).

Sources: Elhage et al. (2021), "A Mathematical Framework for Transformer Circuits", from here on MF; Wang et al. (2022),
"Interpretability in the Wild: a Circuit for Indirect Object Identification in GPT-2 small", from here on IOI.
"""

# %% Setup
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch as t
from jaxtyping import Float, Int
from torch import Tensor

from exercises.given.circuits_by_hand import IOIDataset, induction_model, ioi_model
from exercises.given.hooked import ActivationCache, FactoredMatrix, HookedTransformer, HookPoint, get_act_name

Tokens, Logits = Int[Tensor, "batch seq"], Float[Tensor, "batch seq d_vocab"]
Resid, Vectors = Float[Tensor, "batch seq d_model"], Float[Tensor, "batch seq head d_head"]
Pattern, Parts = Float[Tensor, "batch head q k"], Float[Tensor, "parts seq width"]
Matrix = Float[Tensor, "rows columns"]
Scores = Float[Tensor, "layers heads"]
Model, Cache = HookedTransformer, ActivationCache
Metric = Callable[[Logits], Any]  # makes one number of logits

model = induction_model()  # functions that take no model use this one
BOUND = 0.4  # of the score of a head that is to be named
seq_len = 10  # of each half of repeated tokens
rep_tokens = t.arange(seq_len).repeat(1, 3)[:, : 1 + 2 * seq_len]  # (1, 1 + 2 * seq_len); 0 begins texts
induction_score_store = t.zeros(model.cfg.n_layers, model.cfg.n_heads)


# %% Attention patterns
def get_log_probs(logits: Logits, tokens: Tokens) -> Float[Tensor, "batch seq-1"]:
    """The log-probability of each next token: that of tokens[:, i+1] by logits[:, i]. This one is done for you."""
    log_probs = logits[:, :-1].log_softmax(-1)  # (batch, seq-1, d_vocab)
    return log_probs.gather(2, tokens[:, 1:, None])[..., 0]  # (batch, seq-1)


def all_heads(model: Model) -> list[tuple[int, int]]:
    """Layer and number of each head of a model, in order. This one is done for you too."""
    return list(itertools.product(range(model.cfg.n_layers), range(model.cfg.n_heads)))


def current_attn_detector(cache: Cache) -> list[str]:
    """Find the heads that mostly look at the token they stand on.

    A head's score is the mean, over all queries, of the attention from a token to itself: the diagonal of its pattern.

    Args:
        cache: of a single text, without a batch axis: cache["pattern", layer] has the shape (heads, q, k). How many
            layers and heads there are is said by cache.model.cfg.n_layers and n_heads.

    Returns:
        The names "layer.head" of the heads with a score above 0.4, in order; no head in question is near that bound.

    >>> _, cache = model.run_with_cache(t.tensor([0, 3, 5, 3]), remove_batch_dim=True)
    >>> cache["pattern", 0][1].argmax(-1).tolist()  # head 0.1 looks at the token before
    [0, 0, 1, 2]
    """
    patterns = {f"{layer}.{head}": cache["pattern", layer][head] for layer, head in all_heads(cache.model)}
    return [name for name, pattern in patterns.items() if pattern.diagonal().mean() > BOUND]


def prev_attn_detector(cache: Cache) -> list[str]:
    """Find the heads that mostly look at the token before.

    A head's score is the mean attention from a token to the one before it. The first token has none, and is left out.

    What is given and returned is as in current_attn_detector.
    """
    patterns = {f"{layer}.{head}": cache["pattern", layer][head] for layer, head in all_heads(cache.model)}
    return [name for name, pattern in patterns.items() if pattern.diagonal(-1).mean() > BOUND]


def first_attn_detector(cache: Cache) -> list[str]:
    """Find the heads that mostly look at the first token of the text, where heads rest that have nothing to do.

    A head's score is the mean, over all queries, of the attention to the token at position 0.

    What is given and returned is as in current_attn_detector.
    """
    patterns = {f"{layer}.{head}": cache["pattern", layer][head] for layer, head in all_heads(cache.model)}
    return [name for name, pattern in patterns.items() if pattern[:, 0].mean() > BOUND]


# %% Induction heads
def generate_repeated_tokens(model: Model, seq_len: int, batch_size: int = 1) -> Int[Tensor, "batch_size 1+2*seq_len"]:
    """Make texts whose second half repeats the first: who foresees it has looked back.

    Args:
        model: its tokens are the numbers below model.cfg.d_vocab, and its texts begin with the token
            model.tokenizer.bos_token_id.
        seq_len: how many tokens are repeated.
        batch_size: how many texts.

    Returns:
        Tokens, int64, shape (batch_size, 1 + 2 * seq_len): in each row the token that begins texts, then seq_len tokens
        of which each is drawn independently and uniformly from all d_vocab, then the same seq_len tokens again.
    """
    prefix = t.full((batch_size, 1), model.tokenizer.bos_token_id)  # (batch, 1)
    half = t.randint(model.cfg.d_vocab, (batch_size, seq_len))  # (batch, seq_len)
    return t.cat([prefix, half, half], dim=1)  # (batch, 1 + 2 * seq_len)


def run_and_cache_model_repeated_tokens(
    model: Model, seq_len: int, batch_size: int = 1
) -> tuple[Tokens, Logits, Cache]:
    """Run a model on texts from generate_repeated_tokens, and keep all that happens inside.

    Returns:
        The tokens, (batch_size, 1 + 2 * seq_len), the logits of the model for them, and the cache of the same run, in
        this order. Whether the cache of a single text has a batch axis is left open.
    """
    tokens = generate_repeated_tokens(model, seq_len, batch_size)
    logits, cache = model.run_with_cache(tokens)
    return tokens, logits, cache


def induction_attn_detector(cache: Cache) -> list[str]:
    """Find the induction heads: those that, in a repeated text, look at the token after the one they have seen before.

    The text is that of generate_repeated_tokens, with 1 + 2 * seq_len tokens, and seq_len can be told from the size of
    the pattern. A token in the second half has stood seq_len places before; the one that followed it is one nearer, so
    these heads look seq_len - 1 places back. A head's score is the mean attention from each token to the one there.

    What is given and returned is as in current_attn_detector.

    Source: MF, "Induction heads"; Olsson et al. (2022), "In-context Learning and Induction Heads".
    """
    patterns = {f"{layer}.{head}": cache["pattern", layer][head] for layer, head in all_heads(cache.model)}
    return [name for name, pattern in patterns.items() if pattern.diagonal(1 - len(pattern) // 2).mean() > BOUND]


def induction_score_hook(pattern: Pattern, hook: HookPoint) -> None:
    """Note the induction score of each head of a layer, while the model runs.

    The score is the mean attention from each token to the one seq_len - 1 places before it, over all texts and tokens.
    It goes into induction_score_store[hook.layer()], which has a place for each head. `seq_len` and
    `induction_score_store` are names of this file (see Setup). Whether the two tokens count that have a token
    seq_len - 1 places before them but do not yet belong to the second half is left open.

    Args:
        pattern: shape (batch, heads, q, k), of texts with 1 + 2 * seq_len tokens. It must not be changed.
        hook: where it was seen; hook.layer() is the number of the layer.

    Returns:
        Nothing: what a hook returns takes the place of the pattern.
    """
    stripe = pattern.diagonal(1 - seq_len, -2, -1)  # (batch, head, seq_len + 2)
    induction_score_store[hook.layer()] = stripe.mean((0, 2))  # (head,)


# %% Attribution and ablation
def logit_attribution(
    embed: Float[Tensor, "seq d_model"],
    l1_results: Float[Tensor, "seq n_heads d_model"],
    l2_results: Float[Tensor, "seq n_heads d_model"],
    W_U: Float[Tensor, "d_model d_vocab"],
    tokens: Int[Tensor, "seq"],
) -> Float[Tensor, "seq-1 1+2*n_heads"]:
    """Split the logit of each next token into what the parts of a two-layer attention-only model contribute.

    What is unembedded is a sum, embed + all results, and unembedding is linear: so the logit is a sum too. Each part
    contributes its product with the column of W_U that belongs to the token.

    Args:
        embed: the embeddings of the tokens, shape (seq, d_model).
        l1_results, l2_results: what the heads of the first and the second layer write, (seq, n_heads, d_model).
        W_U: shape (d_model, d_vocab).
        tokens: shape (seq,). At position i the next token is tokens[i + 1]; the last position has none.

    Returns:
        Shape (seq - 1, 1 + 2 * n_heads), with the columns: embedding, heads of the first layer, heads of the second.

    >>> parts = t.ones(2, 1), 3 * t.ones(2, 1, 1), 5 * t.ones(2, 1, 1)
    >>> logit_attribution(*parts, W_U=t.tensor([[0.0, 2.0]]), tokens=t.tensor([0, 1])).tolist()
    [[2.0, 6.0, 10.0]]

    Source: MF, "The residual stream as output accumulator".
    """
    parts = t.cat([embed[:, None], l1_results, l2_results], dim=1)  # (seq, 1 + 2 * n_heads, d_model)
    return t.einsum("spd,ds->sp", parts[:-1], W_U[:, tokens[1:]])  # (seq-1, 1 + 2 * n_heads)


def head_zero_ablation_hook(z: Vectors, hook: HookPoint, head_index_to_ablate: int) -> Vectors | None:
    """Take one head out: set its z to 0 for all texts and tokens, and leave the other heads alone.

    Args:
        z: what each head has read, shape (batch, seq, n_heads, d_head). Changing it in place is meant.
        hook: where it was seen.
        head_index_to_ablate: which head.

    Returns:
        Nothing, if z was changed in place; otherwise what is to take its place.
    """
    z[:, :, head_index_to_ablate] = 0.0
    return z


def head_mean_ablation_hook(z: Vectors, hook: HookPoint, head_index_to_ablate: int) -> Vectors | None:
    """Take from one head what it knows of this text: at each position, set its z to the mean over the batch there.

    Zeros may be unlike anything the rest of the model has ever seen; means keep what is common to all texts.

    In place or not, as in head_zero_ablation_hook.

    Source: IOI, section 2, "Knockouts".
    """
    z[:, :, head_index_to_ablate] = z[:, :, head_index_to_ablate].mean(0)
    return z


def get_ablation_scores(
    model: Model, tokens: Tokens, ablation_function: Callable[..., Any] = head_zero_ablation_hook
) -> Scores:
    """How much worse a model foresees the second half of repeated tokens without each head: loss without it minus loss.

    The loss is the mean of -get_log_probs over the last seq_len - 1 tokens of all texts. (Means over the last seq_len
    or over all tokens are accepted too.) One head is ablated at a time. When you are done no hook may be left on the
    model, not even if the ablation function raises an exception, which you let through: run_with_hooks sees to that.

    Args:
        model: with any number of layers and heads.
        tokens: as from generate_repeated_tokens.
        ablation_function: such as head_zero_ablation_hook; called as a hook on each layer's z, with the keyword
            argument head_index_to_ablate.

    Returns:
        Shape (n_layers, n_heads); positive where the head is of use.
    """
    half = tokens.shape[1] // 2

    def loss(logits: Tensor) -> Tensor:
        return -get_log_probs(logits, tokens)[:, half + 1 :].mean()

    with_all = loss(model(tokens))
    scores = t.empty(model.cfg.n_layers, model.cfg.n_heads)
    for layer, head in all_heads(model):
        hooks = [(get_act_name("z", layer), partial(ablation_function, head_index_to_ablate=head))]
        scores[layer, head] = loss(model.run_with_hooks(tokens, fwd_hooks=hooks)) - with_all
    return scores


# %% Circuits: what the weights say
def full_ov_circuit(W_E: Matrix, W_V: Matrix, W_O: Matrix, W_U: Matrix) -> FactoredMatrix:
    """What a head says if it looks at a token: row i has the change of all logits when the token looked at is i.

        W_E W_V W_O W_U

    The weights are those of one head: W_E (d_vocab, d_model), W_V (d_model, d_head), W_O (d_head, d_model) and
    W_U (d_model, d_vocab).

    Returns:
        A FactoredMatrix of shape (d_vocab, d_vocab), (token looked at, token that is said). It keeps two thin factors:
        the whole product of a real vocabulary, of 50,000 tokens, would not fit into memory.

    Source: MF, "Splitting attention head terms into query-key and output-value circuits". (Its vectors are columns,
    here they are rows, so all orders are reversed.)
    """
    return FactoredMatrix(W_E @ W_V, W_O @ W_U)  # (d_vocab, d_head) times (d_head, d_vocab)


def top_1_acc(full_OV_circuit: FactoredMatrix, batch_size: int = 1000) -> float:
    """How well a head copies: the share of tokens looked at (rows) for which that token itself gets the highest logit.

    Args:
        full_OV_circuit: shape (d_vocab, d_vocab), (token looked at, token that is said).
        batch_size: only so many rows are computed at a time, to save memory; the last batch may be smaller.

    Returns:
        A number from 0 to 1.

    >>> top_1_acc(FactoredMatrix(t.tensor([[2.0], [-1.0]]), t.tensor([[3.0, 1.0]])))  # rows [6, 2] and [-3, -1]
    1.0
    """
    rows = t.arange(full_OV_circuit.ldim)  # (d_vocab,)
    right = [(full_OV_circuit[some].AB.argmax(1) == some).sum() for some in rows.split(batch_size)]
    return (sum(right) / len(rows)).item()


def pos_pattern(W_pos: Matrix, W_Q: Matrix, W_K: Matrix, d_head: int) -> Float[Tensor, "n_ctx n_ctx"]:
    """The pattern of a head that sees nothing but positions.

        softmax over k of  (W_pos W_Q)(W_pos W_K)^T / sqrt(d_head),  with -inf where k > q

    Args:
        W_pos: shape (n_ctx, d_model); W_Q, W_K: shape (d_model, d_head).
        d_head: a number.

    Returns:
        Shape (n_ctx, n_ctx), (q, k). No query sees what is to come, and each row sums to 1.
    """
    scores = (W_pos @ W_Q) @ (W_pos @ W_K).T / d_head**0.5  # (q, k)
    return scores.masked_fill(t.ones_like(scores, dtype=t.bool).triu(1), -t.inf).softmax(-1)


# %% Circuits: how heads compose
def decompose_qk_input(cache: Cache) -> Float[Tensor, "n_heads+2 seq d_model"]:
    """Split what the queries and keys of layer 1 are made from into its parts.

    In a two-layer attention-only model, whose positional embeddings are added to what queries and keys see, it is the
    sum of cache["embed"], cache["pos_embed"] and the results of the heads of layer 0 (biases and LayerNorm aside).

    Args:
        cache: of a single text, without a batch axis; cache["result", 0] has the shape (seq, n_heads, d_model).

    Returns:
        Shape (2 + n_heads, seq, d_model): embeddings, positional embeddings, then head after head.
    """
    parts = [cache["embed"], cache["pos_embed"], *cache["result", 0].unbind(1)]  # (seq, d_model) each
    return t.stack(parts)  # (2 + n_heads, seq, d_model)


def decompose_q(decomposed_qk_input: Parts, ind_head_index: int, model: Model) -> Parts:
    """What each part contributes to the queries of a head of layer 1: its product with W_Q of that head.

    b_Q belongs to no part and is left out. (Until 2024 ARENA's functions had no third argument, and used the file's
    model.)

    Returns:
        Shape (parts, seq, d_head).
    """
    return decomposed_qk_input @ model.W_Q[1, ind_head_index]


def decompose_k(decomposed_qk_input: Parts, ind_head_index: int, model: Model) -> Parts:
    """What each part contributes to the keys of a head of layer 1: its product with W_K of that head, without b_K.

    The shape is (parts, seq, d_head).
    """
    return decomposed_qk_input @ model.W_K[1, ind_head_index]


def decompose_attn_scores(
    decomposed_q: Parts, decomposed_k: Parts, model: Model
) -> Float[Tensor, "q_parts k_parts q k"]:
    """Split the attention scores of a head into what each pair of a part of the query and a part of the key
    contributes.

    A score is a product of two sums, so it is a sum over pairs. The products are not divided by sqrt(d_head), nor
    masked. For an induction head the pair (embedding, previous-token head) stands out: that is K-composition.

    Args:
        decomposed_q, decomposed_k: (parts, seq, d_head); the two need not have the same parts.
        model: the one they come from; you may not need it.

    Returns:
        Shape (query parts, key parts, q, k).
    """
    return t.einsum("aqe,bke->abqk", decomposed_q, decomposed_k)


def find_K_comp_full_circuit(model: Model, prev_token_head_index: int, ind_head_index: int) -> FactoredMatrix:  # noqa: N802
    """Where an induction head would like to look, if the previous-token head had looked at a token for the key.

        Q = W_E W_Q^ind      K = W_E W_V^prev W_O^prev W_K^ind      circuit = Q K^T

    Args:
        model: two layers; prev_token_head_index is a head of layer 0, ind_head_index one of layer 1.

    Returns:
        A FactoredMatrix of shape (d_vocab, d_vocab), (token of the query, token before the one of the key). It has one
        large number on its diagonal for each token: the head looks where the token before is the one that is here now.

    Source: MF, "Path expansion of attention scores QK circuit".
    """
    queries = model.W_E @ model.W_Q[1, ind_head_index]  # (d_vocab, d_head)
    moved = model.W_E @ model.W_V[0, prev_token_head_index] @ model.W_O[0, prev_token_head_index]  # (d_vocab, d_model)
    keys = moved @ model.W_K[1, ind_head_index]  # (d_vocab, d_head)
    return FactoredMatrix(queries, keys.T)


def get_comp_score(W_A: Matrix, W_B: Matrix) -> float:
    """How much of what A writes is what B reads: 0 if nothing is; what it is for random matrices, others are held
    against.

        ||W_A W_B|| / (||W_A|| ||W_B||),  where ||W|| is the root of the sum of all squared entries (Frobenius' norm)

    For K-composition A is W_V W_O of the earlier head, and B is (W_Q W_K^T)^T of the later one.

    Returns:
        The score, a number (or a tensor with one).

    >>> get_comp_score(t.tensor([[2.0, 0.0]]), t.tensor([[1.0], [0.0]]))
    1.0

    Source: MF, "Composition of heads", footnote on the fraction of norms.
    """
    return ((W_A @ W_B).norm() / (W_A.norm() * W_B.norm())).item()


def ablation_induction_score(prev_head_index: int, ind_head_index: int) -> float:
    """The induction score of a head of layer 1 while a head of layer 0 is taken out.

    If the one reads what the other writes, its score falls. Run `model` on `rep_tokens` with the z of the head of layer
    0 set to 0, and return the mean attention of the head of layer 1 from each token to the one seq_len - 1 places
    before, in the first text of the batch. `model`, `rep_tokens`, (batch, 1 + 2 * seq_len), and `seq_len` are names of
    this file. When you are done no hook may be left on the model.

    Returns:
        The score, a number (or a tensor with one).
    """
    scores = []

    def ablate(z: Tensor, hook: HookPoint) -> None:
        z[:, :, prev_head_index] = 0.0

    def note(pattern: Tensor, hook: HookPoint) -> None:
        scores.append(pattern[0, ind_head_index].diagonal(1 - seq_len).mean().item())

    model.run_with_hooks(rep_tokens, fwd_hooks=[(get_act_name("z", 0), ablate), (get_act_name("pattern", 1), note)])
    return scores[0]


# %% Indirect objects: "Ann and Bob went. Ann gave it to" is continued with the name that is not repeated
def logits_to_ave_logit_diff(logits: Logits, answer_tokens: Int[Tensor, "batch 2"], per_prompt: bool = False) -> Tensor:
    """By how much the right name's logit exceeds the wrong one's at the end of the text.

    Args:
        logits: shape (batch, seq, d_vocab); the last position predicts the name.
        answer_tokens: shape (batch, 2), in each row the right and the wrong token.
        per_prompt: whether to return the difference of each text, shape (batch,), or their mean, one number.

    >>> logits_to_ave_logit_diff(t.tensor([[[0.0, 9.0], [3.0, 1.0]]]), t.tensor([[0, 1]])).item()
    2.0
    """
    last = logits[:, -1]  # (batch, d_vocab)
    right, wrong = last.gather(1, answer_tokens).unbind(1)  # (batch,) each
    return right - wrong if per_prompt else (right - wrong).mean()


def residual_stack_to_logit_diff(
    residual_stack: Float[Tensor, "... batch d_model"],
    cache: Cache,
    logit_diff_directions: Float[Tensor, "batch d_model"],
) -> Float[Tensor, "..."]:
    """What each part of the residual stream at the last position contributes to the mean difference of logits.

    Each part goes through the final LayerNorm as it treated the sum in that run:
    cache.apply_ln_to_stack(residual_stack, layer=-1, pos_slice=-1). Then it is multiplied with the direction of each
    text, and the mean is taken over the batch.

    Args:
        residual_stack: shape (…, batch, d_model), with any number of axes for the parts, also none.
        cache: of the run from which they come.
        logit_diff_directions: for each text the column of W_U of the right token minus that of the wrong one.

    Returns:
        The shape of the axes before the batch.
    """
    scaled = cache.apply_ln_to_stack(residual_stack, pos_slice=-1)  # (…, batch, d_model)
    return (scaled * logit_diff_directions).sum(-1).mean(-1)  # (…)


def ioi_metric(
    logits: Logits, answer_tokens: Int[Tensor, "batch 2"], corrupted_logit_diff: float, clean_logit_diff: float
) -> Tensor:
    """How much of the performance is restored: 0 is that on corrupted texts, 1 that on clean ones.

        (d - corrupted_logit_diff) / (clean_logit_diff - corrupted_logit_diff),  d = logits_to_ave_logit_diff(logits, …)

    Nothing is cut off: below 0 and above 1 there are values too, and the clean difference need not be the larger one.

    Returns:
        One number, as a tensor.
    """
    restored = logits_to_ave_logit_diff(logits, answer_tokens) - corrupted_logit_diff
    return restored / (clean_logit_diff - corrupted_logit_diff)


# %% Activation patching: run on a corrupted text, put in one value of the clean run, and see how much is restored
def patch_residual_component(
    corrupted_residual_component: Resid, hook: HookPoint, pos: int, clean_cache: Cache
) -> Resid | None:
    """Replace the value at one position, for all texts, by what the clean run had there: clean_cache[hook.name].

    Changing the value in place is meant; clean_cache must stay as it is.

    Returns:
        Nothing, if it was changed in place; otherwise what is to take its place.
    """
    corrupted_residual_component[:, pos] = clean_cache[hook.name][:, pos]
    return corrupted_residual_component


def patch_head_vector(
    corrupted_head_vector: Vectors, hook: HookPoint, head_index: int, clean_cache: Cache
) -> Vectors | None:
    """Replace one head's value (q, k, v or z), for all texts and positions, by that of the clean run.

    In place or not, as in patch_residual_component; clean_cache[hook.name] must stay as it is.
    """
    corrupted_head_vector[:, :, head_index] = clean_cache[hook.name][:, :, head_index]
    return corrupted_head_vector


def get_act_patch_resid_pre(
    model: Model, corrupted_tokens: Tokens, clean_cache: Cache, patching_metric: Metric
) -> Float[Tensor, "n_layers seq"]:
    """Patch the residual stream before each layer, at one position at a time.

    Args:
        model: with any number of layers.
        corrupted_tokens: shape (batch, seq).
        clean_cache: of a run on clean texts of the same shape.
        patching_metric: takes logits, (batch, seq, d_vocab), and returns one number, such as ioi_metric does.

    Returns:
        Shape (n_layers, seq): what patching_metric says of the logits on the corrupted texts with resid_pre of that
        layer patched at that position only. No hook may be left on the model, not even if patching_metric raises.
    """
    results = t.empty(model.cfg.n_layers, corrupted_tokens.shape[1])
    for layer, pos in itertools.product(*map(range, results.shape)):
        hook_fn = partial(patch_residual_component, pos=pos, clean_cache=clean_cache)
        hooks = [(get_act_name("resid_pre", layer), hook_fn)]
        results[layer, pos] = patching_metric(model.run_with_hooks(corrupted_tokens, fwd_hooks=hooks))
    return results


def get_act_patch_attn_head_out_all_pos(
    model: Model, corrupted_tokens: Tokens, clean_cache: Cache, patching_metric: Metric
) -> Scores:
    """Patch what each head has read (z), at all positions at once, one head at a time.

    Returns:
        Shape (n_layers, n_heads): what patching_metric says of the logits. No hook may be left on the model, not even
        if patching_metric raises.
    """
    results = t.empty(model.cfg.n_layers, model.cfg.n_heads)
    for layer, head in all_heads(model):
        hooks = [(get_act_name("z", layer), partial(patch_head_vector, head_index=head, clean_cache=clean_cache))]
        results[layer, head] = patching_metric(model.run_with_hooks(corrupted_tokens, fwd_hooks=hooks))
    return results


# %% Path patching: only what goes from one head straight to another, and no other way
def is_z(name: str) -> bool:
    """Whether it is the name of a hook point for z: a condition that may take the place of a name. Done for you."""
    return name.endswith("hook_z")


def patch_or_freeze_head_vectors(
    orig_head_vector: Vectors, hook: HookPoint, new_cache: Cache, orig_cache: Cache, head_to_patch: tuple[int, int]
) -> Vectors | None:
    """Set one head's z to that of the new run, and freeze all others: set theirs to that of the original run.

    Args:
        orig_head_vector: z of a layer, (batch, seq, head, d_head). Changing it in place is meant.
        hook: where it was seen; hook.layer() says in which layer.
        new_cache, orig_cache: of the two runs; they must stay as they are.
        head_to_patch: (layer, head); in other layers all heads are frozen, also the one with that number.

    Returns:
        Nothing, if it was changed in place; otherwise what is to take its place.
    """
    orig_head_vector[...] = orig_cache[hook.name]
    if hook.layer() == head_to_patch[0]:
        orig_head_vector[:, :, head_to_patch[1]] = new_cache[hook.name][:, :, head_to_patch[1]]
    return orig_head_vector


def kept(model: Model, dataset: IOIDataset, cache: Cache | None) -> Cache:
    """The cache; if there is none, that of a run on the data set, with z of all layers. Done for you."""
    return model.run_with_cache(dataset.toks, names_filter=is_z)[1] if cache is None else cache


def get_path_patch_head_to_final_resid_post(
    model: Model,
    patching_metric: Metric,
    new_dataset: IOIDataset,
    orig_dataset: IOIDataset,
    new_cache: Cache | None = None,
    orig_cache: Cache | None = None,
) -> Scores:
    """The effect of each head on the logits along the direct path: not by way of other heads (but through MLPs).

    For each head: run on the original texts, with that head's z from the new texts and the z of all other heads frozen
    as on the original ones. What comes out of it are the logits to measure.

    Args:
        model: with any number of layers and heads.
        patching_metric: takes logits, returns one number.
        new_dataset, orig_dataset: their `toks` are tokens, (batch, seq).
        new_cache, orig_cache: of runs on those, with z of all layers; None: run yourself.

    Returns:
        Shape (n_layers, n_heads). No hook may be left on the model, not even if patching_metric raises.

    Source: IOI, section 3.1 and appendix B, with the residual stream after the last block as the receiver.
    """
    new_cache, orig_cache = kept(model, new_dataset, new_cache), kept(model, orig_dataset, orig_cache)
    results = t.empty(model.cfg.n_layers, model.cfg.n_heads)
    for sender in itertools.product(*map(range, results.shape)):
        freeze = partial(patch_or_freeze_head_vectors, new_cache=new_cache, orig_cache=orig_cache, head_to_patch=sender)
        results[sender] = patching_metric(model.run_with_hooks(orig_dataset.toks, fwd_hooks=[(is_z, freeze)]))
    return results


def patch_head_input(
    orig_activation: Vectors, hook: HookPoint, patched_cache: Cache, head_list: list[tuple[int, int]]
) -> Vectors | None:
    """Replace the value (q, k or v) of the heads (layer, head) in head_list, as far as they are in this layer, by
    patched_cache[hook.name]. In place or not; the cache must stay as it is.
    """
    heads = [head for layer, head in head_list if layer == hook.layer()]
    orig_activation[:, :, heads] = patched_cache[hook.name][:, :, heads]
    return orig_activation


def get_path_patch_head_to_heads(
    receiver_heads: list[tuple[int, int]],
    receiver_input: str,
    model: Model,
    patching_metric: Metric,
    new_dataset: IOIDataset,
    orig_dataset: IOIDataset,
    new_cache: Cache | None = None,
    orig_cache: Cache | None = None,
) -> Float[Tensor, "max_layer n_heads"]:
    """The effect of each head by way of the queries, keys or values of some later heads, the receivers.

    For each sender: first run as in get_path_patch_head_to_final_resid_post, and keep the receivers' input. Then run on
    the original texts with nothing changed but that input of the receivers, and measure those logits.

    Args:
        receiver_heads: (layer, head) each.
        receiver_input: "q", "k" or "v".
        model, patching_metric, new_dataset, orig_dataset, new_cache, orig_cache: as there.

    Returns:
        Shape (the highest layer of a receiver, n_heads): later heads cannot send anything. No hook may be left on the
        model, not even if patching_metric raises.

    >>> data, abc = IOIDataset(8), IOIDataset(8, abc=True)
    >>> metric = partial(logits_to_ave_logit_diff, answer_tokens=data.answer_tokens)
    >>> get_path_patch_head_to_heads([(2, 1)], "q", ioi_model(), metric, abc, data).round().tolist()  # without: 10
    [[10.0, 10.0], [-3.0, 10.0]]

    Source: IOI, section 3.2 and appendix B.
    """
    new_cache, orig_cache = kept(model, new_dataset, new_cache), kept(model, orig_dataset, orig_cache)
    inputs = [get_act_name(receiver_input, layer) for layer, _ in receiver_heads]
    results = t.empty(max(layer for layer, _ in receiver_heads), model.cfg.n_heads)
    for sender in itertools.product(*map(range, results.shape)):
        freeze = partial(patch_or_freeze_head_vectors, new_cache=new_cache, orig_cache=orig_cache, head_to_patch=sender)
        with model.hooks([(is_z, freeze)]):
            _, patched_cache = model.run_with_cache(orig_dataset.toks)
        receive = partial(patch_head_input, patched_cache=patched_cache, head_list=receiver_heads)
        hooks = [(name, receive) for name in inputs]
        results[sender] = patching_metric(model.run_with_hooks(orig_dataset.toks, fwd_hooks=hooks))
    return results
