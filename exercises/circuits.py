"""Toy circuits: small models of which every step can be understood, and the tools with which one does.

Three models. The first says whether brackets are balanced; you take apart what its heads and neurons write. The
second adds modulo p, and does so with cosines and sines: you write the Fourier transform that shows it. The third plays
a board game and keeps the board in its residual stream, as directions which a probe has found.

Models are HookedTransformers (exercises/given/hooked.py). Shapes are named so: batch, seq, d_model, head, d_head,
neuron. The names `model`, `p`, `fourier_basis` and the like below stand for what you work with; the grader sets them
for each call.
"""

# %% Setup
from typing import Any

import torch
from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from exercises.given.circuits_examples import Data, adder, basis, texts, tokens, toy
from exercises.given.circuits_models import AdditionModel, BracketTokenizer, LinearRegression, Sums, bracket_model
from exercises.given.hooked import ActivationCache, HookedTransformer, HookPoint
from exercises.given.othello import OthelloBoardState

model = toy(0)  # the grader sets it for each call, and these:
p = 5
fourier_basis = basis(p)  # (p, p), a row for each basis vector
sums = Sums(p)
all_data = sums.all_data  # (p², 3): x, y and the sign "=", which is token p
test_logits = sums.test_logits  # the loss of logits (p², p): mode "train" is about pairs a model was trained on
key_freqs = [1, 2]
F0_index, original_F0_log_prob, corrupted_F0_log_prob = 0, -1.0, -3.0  # noqa: N816

by_hand, text = bracket_model(), Data(tokens("(()")[None])  # for examples: all weights are known; toks are (1, 5)


# %% Brackets: the task
def count_open(parens: str) -> int:
    """How many brackets open. It is done for you, to show the form."""
    return parens.count("(")


def is_balanced_forloop(parens: str) -> bool:
    """Whether each bracket has its partner, by reading from left to right.

    Count up at each "(" and down at each ")". The brackets are balanced if the count is never negative, and zero in the
    end. Both are needed: ")(" ends at zero as well.

    Args:
        parens: brackets "(" and ")" and nothing else. Of none at all, "", all have a partner.

    Returns:
        True or False.

    >>> is_balanced_forloop("(())()"), is_balanced_forloop("())(")
    (True, False)

    Source: the task of ARENA's "Balanced Bracket Classifier"; Dyck (1882) words.
    """
    raise NotImplementedError("is_balanced_forloop")


def is_balanced_vectorized(tokens: Int[Tensor, "seq"]) -> bool:
    """The same for tokens, without a loop: as a model has to do it, which sees all positions at once.

    Args:
        tokens: int64, (seq,): 0 start, 1 pad, 2 end, 3 "(", 4 ")". Only brackets count, wherever others stand, such as
            pads after the end. There is at least one token.

    Returns:
        True or False, or a tensor of one truth value.

    >>> is_balanced_vectorized(torch.tensor([0, 3, 4, 2, 1]))
    True

    What to look out for: a table with an entry for each kind of token says how the depth changes there.
    """
    raise NotImplementedError("is_balanced_vectorized")


def is_balanced_vectorized_return_both(
    toks: Int[Tensor, "batch seq"],
) -> tuple[Bool[Tensor, "batch"], Bool[Tensor, "batch"]]:
    """In which of two ways each text fails, read from right to left, as the model turns out to do.

        elevation_i = (number of "(") - (number of ")") among positions i, i + 1, …, the last
        total failure: the elevation at the first position is not zero
        negative failure: the elevation is above zero anywhere: more open on the right than close there

    Args:
        toks: int64, (batch, seq), tokens as above. Pads and other tokens that are no brackets change nothing.

    Returns:
        (total failure, negative failure), a truth value for each text, (batch,) both. Neither is a condition for the
        other: a text may fail in one way, in both, or in none.

    >>> is_balanced_vectorized_return_both(torch.tensor([[0, 4, 3, 2], [0, 4, 4, 2]]))  # ")(" and "))"
    (tensor([False,  True]), tensor([ True, False]))
    """
    raise NotImplementedError("is_balanced_vectorized_return_both")


def tallest_balanced_bracket(length: int) -> str:
    """The balanced text of that length which goes deepest: all brackets open before the first closes.

    Returns:
        As many "(" as ")", length in all: it is even, and not negative.

    >>> tallest_balanced_bracket(6)
    '((()))'
    """
    raise NotImplementedError("tallest_balanced_bracket")


# %% Brackets: looking inside
def add_perma_hooks_to_mask_pad_tokens(model: HookedTransformer, pad_token: int) -> HookedTransformer:
    """Lets no head look at a pad, in any run from now on.

    The hook point "hook_tokens" sees the tokens, (batch, seq); each block's "attn.hook_attn_scores" sees the scores,
    (batch, head, query, key), before their softmax. A hook may keep something for others in hook.ctx, a dict.

    Args:
        model: hooks are added to it which model.reset_hooks() does not remove: model.add_perma_hook adds such.
        pad_token: which token is a pad. Each text has a token that is none.

    Returns:
        The model. In its patterns no query looks at a key that is a pad; pads as queries are of no importance, and look
        where others do. Each run goes by its own tokens.

    >>> masked = add_perma_hooks_to_mask_pad_tokens(bracket_model(), pad_token=1)  # its head looks everywhere alike
    >>> masked.run_with_cache(torch.tensor([[0, 3, 4, 2, 1]]))[1]["pattern", 0][0, 0, 0]
    tensor([0.2500, 0.2500, 0.2500, 0.2500, 0.0000])
    """
    raise NotImplementedError("add_perma_hooks_to_mask_pad_tokens")


def get_activations(
    model: HookedTransformer, toks: Int[Tensor, "batch seq"], names: str | list[str]
) -> Tensor | ActivationCache:
    """What goes through one hook point, or through several, while the model reads.

    Args:
        model: any HookedTransformer. No hook of yours is left on it.
        toks: (batch, seq).
        names: of a hook point, such as "blocks.0.hook_resid_pre"; or a list of such names.

    Returns:
        For one name its tensor; for a list the values by their names, a cache or a dict.

    >>> get_activations(by_hand, text.toks, "blocks.0.mlp.hook_post")[0, 0]  # one more opens than closes, of 5 tokens
    tensor([0.2000, 0.0000])
    """
    raise NotImplementedError("get_activations")


def LN_hook_names(layernorm: nn.Module) -> tuple[str, str]:  # noqa: N802
    """The hook points just before and just after a LayerNorm of the global `model`.

    Before it is the residual stream: resid_pre for the ln1 of a block, resid_mid for its ln2, and the resid_post of the
    last block for ln_final. After it is its own hook_normalized.

    Args:
        layernorm: of `model`; it knows the name of its point hook_normalized. The model has three blocks.

    Returns:
        Both names in full.

    >>> LN_hook_names(model.blocks[1].ln2)
    ('blocks.1.hook_resid_mid', 'blocks.1.ln2.hook_normalized')
    """
    raise NotImplementedError("LN_hook_names")


def get_ln_fit(
    model: HookedTransformer, data: Any, layernorm: nn.Module, seq_pos: int | None = None
) -> tuple[LinearRegression, float]:
    """The straight map that does most nearly what a LayerNorm does, and how nearly.

    A LayerNorm divides by a length, so it is no linear map. But where all lengths are alike, it nearly is; then a
    direction after it can be followed to before it.

    Args:
        model: the global `model` is the same one.
        data: data.toks are the tokens, (batch, seq).
        layernorm: of the model. Its points before and after are those of your LN_hook_names.
        seq_pos: a position, which may be 0; None for all positions of all texts, each an example.

    Returns:
        (fit, r²): LinearRegression().fit(inputs, outputs), with an intercept, for arrays (example, d_model); fit.coef_
        is (d_model after, d_model before). r² is fit.score(inputs, outputs), 1 if it does the same.

    >>> fit, r2 = get_ln_fit(model, text, model.ln_final)
    >>> fit.coef_.shape, round(r2, 3)  # five examples do not suffice to see a fit of eight numbers fail
    ((8, 8), 1.0)
    """
    raise NotImplementedError("get_ln_fit")


# %% Brackets: what the parts write
def get_post_final_ln_dir(model: HookedTransformer) -> Float[Tensor, "d_model"]:
    """The direction after the last LayerNorm along which the model grows surer that a text is unbalanced.

    Logit 0 says unbalanced, logit 1 balanced: the direction is the first column of W_U less the second, so that

        logit_0 - logit_1 = ln_final(x) · direction + (a constant)

    Args:
        model: with W_U of shape (d_model, 2).

    Returns:
        (d_model,), not normalised.

    >>> get_post_final_ln_dir(by_hand)
    tensor([ 0.,  0., 16.,  0.])
    """
    raise NotImplementedError("get_post_final_ln_dir")


def get_pre_final_ln_dir(model: HookedTransformer, data: Any) -> Float[Tensor, "d_model"]:
    """The direction of get_post_final_ln_dir before the last LayerNorm, at position 0, where the answer is read.

    With L the coef_ of your get_ln_fit for ln_final at position 0, ln_final(x) is about L x and a constant, so that

        direction = Lᵀ post          post = get_post_final_ln_dir(model)

    and ln_final(x) · post is about x · direction and a constant.

    Args:
        model: its LayerNorms have w = 1 and b = 0. The global `model` is the same one.
        data: data.toks are the tokens, (batch, seq).

    Returns:
        (d_model,), float32.

    >>> get_pre_final_ln_dir(model, texts(0, 40)).shape
    torch.Size([8])
    """
    raise NotImplementedError("get_pre_final_ln_dir")


def get_out_by_components(model: HookedTransformer, data: Any) -> Float[Tensor, "component batch seq d_model"]:
    """What each part of the model adds to the residual stream.

    In the order of the model: the embeddings (of token and position, summed: one component), then for each block each
    of its heads, then its MLP. With the b_O of all blocks they sum to the stream before the final LayerNorm: b_O is of
    no single head, and is left out.

    Args:
        model: any number of blocks and heads.
        data: data.toks are the tokens, (batch, seq).

    Returns:
        (1 + n_layers · (n_heads + 1), batch, seq, d_model).

    >>> get_out_by_components(by_hand, text)[:, 0, 1]  # at "(": embeddings, the head, and the MLP
    tensor([[1.0000, 0.0000, 0.0000, 0.0000],
            [0.0000, 0.2000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.2000, 0.0000]])
    """
    raise NotImplementedError("get_out_by_components")


def get_WOV(model: HookedTransformer, layer: int, head: int) -> Float[Tensor, "d_model d_model"]:  # noqa: N802
    """What a head makes of the stream where it looks: x @ W_OV is what it writes, biases aside.

        W_OV = W_V W_O

    Args:
        model: its weights W_V are (layer, head, d_model, d_head), its W_O (layer, head, d_head, d_model).

    Returns:
        (d_model, d_model), what is read along the first axis.

    >>> get_WOV(by_hand, 0, 0)[:2]  # what is read in dimension 0 is written to dimension 1
    tensor([[0., 1., 0., 0.],
            [0., 0., 0., 0.]])

    Source: Elhage et al. (2021), "A Mathematical Framework for Transformer Circuits".
    """
    raise NotImplementedError("get_WOV")


def get_pre_20_dir(model: HookedTransformer, data: Any) -> Float[Tensor, "d_model"]:
    """The direction before block 2 along which position 1 makes head 2.0 say that a text is unbalanced.

    The head looks from position 0 at position 1. What stands there goes through the LayerNorm ln1 of block 2, which is
    about L (get_ln_fit at position 1), and through W_OV (get_WOV), and adds to the direction d of get_pre_final_ln_dir:

        direction = Lᵀ W_OV d

    Args:
        model, data: as for get_pre_final_ln_dir; the model has three blocks.

    Returns:
        (d_model,), float32.

    >>> get_pre_20_dir(model, texts(0, 40)).shape
    torch.Size([8])
    """
    raise NotImplementedError("get_pre_20_dir")


def get_out_by_neuron(
    model: HookedTransformer, data: Any, layer: int, seq: int | None = None
) -> Float[Tensor, "batch *seq neuron d_model"]:
    """What each neuron of an MLP adds to the residual stream: its activation, times its row of W_out.

        out[b, s, n] = post[b, s, n] · W_out[n]          post: after the activation function

    Args:
        model: any.
        data: data.toks are the tokens, (batch, seq).
        layer: of the MLP.
        seq: a position, which may be 0; None for all of them.

    Returns:
        (batch, seq, neuron, d_model), or (batch, neuron, d_model) for one position. b_out, which is of no neuron, is
        left out.

    >>> get_out_by_neuron(by_hand, text, layer=0, seq=0)  # a neuron in each row
    tensor([[[0.0000, 0.0000, 0.2000, 0.0000],
             [0.0000, 0.0000, 0.0000, 0.0000]]])
    """
    raise NotImplementedError("get_out_by_neuron")


def get_out_by_neuron_in_20_dir(model: HookedTransformer, data: Any, layer: int) -> Float[Tensor, "neuron batch"]:
    """How much each neuron writes along get_pre_20_dir at position 1: which neurons tell head 2.0 that a text fails.

    Returns:
        The product of that direction with what get_out_by_neuron has for a neuron of the layer and a text, (neuron,
        batch); or (batch, neuron).

    >>> get_out_by_neuron_in_20_dir(model, texts(0, 40), layer=0).shape
    torch.Size([6, 40])
    """
    raise NotImplementedError("get_out_by_neuron_in_20_dir")


def get_attn_probs(model: HookedTransformer, data: Any, layer: int, head: int) -> Float[Tensor, "batch query key"]:
    """Where a head of any model looks while it reads data.toks, (batch, seq): its pattern, after the softmax.

    Returns:
        (batch, query, key), each row with the sum 1.

    >>> get_attn_probs(by_hand, text, layer=0, head=0)[0, 0]
    tensor([0.2000, 0.2000, 0.2000, 0.2000, 0.2000])
    """
    raise NotImplementedError("get_attn_probs")


def cos_sim_with_MLP_weights(  # noqa: N802
    model: HookedTransformer, v: Float[Tensor, "d_model"], layer: int
) -> Float[Tensor, "neuron"]:
    """How much each neuron looks in a direction: the cosine of the angle between v and the weights it reads by.

        out[n] = v · W_in[:, n] / (|v| |W_in[:, n]|)

    Args:
        model: its W_in are (layer, d_model, neuron).
        v: (d_model,), of any length but 0; it is not changed.
        layer: of the MLP.

    Returns:
        (neuron,), from -1 to 1.

    >>> cos_sim_with_MLP_weights(by_hand, torch.tensor([0.0, 5.0, 0.0, 0.0]), layer=0)
    tensor([ 1., -1.])
    """
    raise NotImplementedError("cos_sim_with_MLP_weights")


def avg_squared_cos_sim(v: Float[Tensor, "d_model"], n_samples: int = 1000) -> float:
    """What to compare cosines with: the mean of their squares between v and directions drawn by chance.

    Draw n_samples directions, each direction equally likely, as normally distributed numbers have it, and average the
    squares of their cosines with v. About 1 / d_model comes out, whatever v is; the next call draws anew.

    Args:
        v: (d_model,), of any length but 0.
        n_samples: how many directions.

    Returns:
        A number, or a tensor of one.

    >>> round(avg_squared_cos_sim(torch.ones(10), 10_000), 2)
    0.1
    """
    raise NotImplementedError("avg_squared_cos_sim")


def get_q_and_k_for_given_input(
    model: HookedTransformer, tokenizer: BracketTokenizer, parens: str, layer: int
) -> tuple[Float[Tensor, "seq head d_head"], Float[Tensor, "seq head d_head"]]:
    """The queries and keys of a layer for one text, to be put into another run.

    Args:
        tokenizer: tokenizer.tokenize(parens) are the tokens of the brackets, (1, seq), with a start and an end.

    Returns:
        Queries and keys, (seq, head, d_head) each, without an axis for the batch.

    >>> queries, keys = get_q_and_k_for_given_input(model, BracketTokenizer(), "()", layer=0)
    >>> queries.shape, keys.shape
    (torch.Size([4, 2, 4]), torch.Size([4, 2, 4]))
    """
    raise NotImplementedError("get_q_and_k_for_given_input")


def hook_fn_patch_qk(
    value: Float[Tensor, "batch seq head d_head"],
    hook: HookPoint,
    new_value: Float[Tensor, "... seq head d_head"],
    head_idx: int | None = None,
) -> Float[Tensor, "batch seq head d_head"] | None:
    """A hook that puts other queries (or keys) in the place of those of one head, or of all.

    Args:
        value: what went through the hook point; it may be changed in place.
        hook: the hook point. It is not needed.
        new_value: what is to be seen instead, of the same shape, or without the batch axis: then it is for all texts.
        head_idx: which head, which may be 0; None for all of them.

    Returns:
        The new value; or None, if value was changed in place.

    >>> hook_fn_patch_qk(torch.zeros(1, 1, 2, 3), None, torch.ones(1, 2, 3), head_idx=0)
    tensor([[[[1., 1., 1.],
              [0., 0., 0.]]]])
    """
    raise NotImplementedError("hook_fn_patch_qk")


# %% Modular addition: Fourier transforms
def make_fourier_basis(p: int) -> tuple[Float[Tensor, "p p"], list[str]]:
    """The waves of which all functions on 0, 1, …, p - 1 are made, each of length 1, at right angles to all others.

        row 0:       constant
        row 2k - 1:  cos(2π k x / p)
        row 2k:      sin(2π k x / p)          k = 1, …, (p - 1) / 2, each divided by its length

    Args:
        p: odd.

    Returns:
        The basis, float32, (p, p), a row for each wave and a column for each x; and a list with the names of the rows:
        "Const", "cos 1", "sin 1", "cos 2", …

    >>> make_fourier_basis(3)
    (tensor([[ 0.5774,  0.5774,  0.5774],
            [ 0.8165, -0.4082, -0.4082],
            [ 0.0000,  0.7071, -0.7071]]), ['Const', 'cos 1', 'sin 1'])

    Source: Nanda et al. (2023), "Progress Measures for Grokking via Mechanistic Interpretability", section 4.
    """
    raise NotImplementedError("make_fourier_basis")


def fft1d(x: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
    """How much of each wave is in a function on 0, …, p - 1.

        out[…, k] = Σ_n fourier_basis[k, n] · x[…, n]

    Args:
        x: values, (…, p): any number of axes, also none, before the last. The global `fourier_basis` is (p, p).

    Returns:
        Shape of x, with waves where values were.

    >>> fft1d(3 * fourier_basis[2]).abs().round()  # three times the third wave, and no other
    tensor([0., 0., 3., 0., 0.])
    """
    raise NotImplementedError("fft1d")


def fourier_2d_basis_term(i: int, j: int) -> Float[Tensor, "p p"]:
    """The wave i along the first axis times the wave j along the second: functions of x and y are made of such terms.

        out[x, y] = fourier_basis[i, x] · fourier_basis[j, y]

    Returns:
        (p, p), x along the first axis; i and j are rows of the global `fourier_basis`, (p, p).

    >>> fourier_2d_basis_term(0, 1)[:2, :3]  # constant in x
    tensor([[ 0.2828,  0.0874, -0.2288],
            [ 0.2828,  0.0874, -0.2288]])
    """
    raise NotImplementedError("fourier_2d_basis_term")


def fft2d(tensor: Float[Tensor, "p p ..."]) -> Float[Tensor, "p p ..."]:
    """How much of each pair of waves is in a function of two numbers, such as the activations of neurons for x + y.

        out[i, j, …] = Σ_x Σ_y fourier_basis[i, x] · fourier_basis[j, y] · tensor[x, y, …]

    Args:
        tensor: (p, p, …): values at each x and y, then any number of other axes, also none.

    Returns:
        Shape of tensor: waves in place of x and y, the other axes as they are.

    >>> fft2d(fourier_2d_basis_term(1, 3)).round().nonzero()
    tensor([[1, 3]])
    """
    raise NotImplementedError("fft2d")


def fft1d_given_dim(tensor: Float[Tensor, "..."], dim: int) -> Float[Tensor, "..."]:
    """The transform of fft1d along one axis, which need not be the last; all axes stay where they are.

    Args:
        tensor: of p values along the axis dim. It is not changed.
        dim: which axis; negative ones count from the end.

    Returns:
        Shape of tensor.

    >>> fft1d_given_dim(fourier_basis[[2, 4]].T, dim=0).round().nonzero()  # a function in each column
    tensor([[2, 0],
            [4, 1]])
    """
    raise NotImplementedError("fft1d_given_dim")


def project_onto_direction(batch_vecs: Float[Tensor, "n ..."], v: Float[Tensor, "n"]) -> Float[Tensor, "n ..."]:
    """What of each vector lies along v.

        out = v (v · vector) / (v · v)

    Args:
        batch_vecs: (n, …): vectors along the first axis, as many as the other axes say, also one.
        v: (n,), of length 1: v · v is 1 then. Best be right for any other length but 0 as well.

    Returns:
        Shape of batch_vecs.

    >>> project_onto_direction(torch.tensor([3.0, 5.0]), torch.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    raise NotImplementedError("project_onto_direction")


def project_onto_frequency(batch_vecs: Float[Tensor, "p*p ..."], freq: int) -> Float[Tensor, "p*p ..."]:
    """What of functions of x and y is made of one frequency.

    The sum of the projections onto the nine terms of fourier_2d_basis_term(i, j), flattened, for which both i and j are
    one of: the constant (row 0), the cosine (row 2 freq - 1) and the sine (row 2 freq) of that frequency.

    Args:
        batch_vecs: (p², …): the value at x and y is in row p · x + y.
        freq: from 1 to (p - 1) / 2.

    Returns:
        Shape of batch_vecs.

    >>> one, two = fourier_2d_basis_term(1, 0).flatten(), fourier_2d_basis_term(3, 0).flatten()
    >>> torch.allclose(project_onto_frequency(one + two, freq=1), one, atol=1e-6)
    True

    Source: Nanda et al. (2023), section 5.
    """
    raise NotImplementedError("project_onto_frequency")


def get_trig_sum_directions(k: int) -> tuple[Float[Tensor, "p p"], Float[Tensor, "p p"]]:
    """The waves of frequency k in the sum x + y, as functions of x and y: what a network that adds computes.

        cos(x + y) = cos x cos y - sin x sin y
        sin(x + y) = sin x cos y + cos x sin y          angles 2π k x / p

    made of the terms of fourier_2d_basis_term, whose rows 2k - 1 and 2k are cosine and sine.

    Args:
        k: from 1 to (p - 1) / 2.

    Returns:
        (cosine, sine), (p, p) each, x along the first axis, of length 1: terms are at right angles, so that the sum of
        two has the length √2 before it is divided.

    >>> cosine, sine = get_trig_sum_directions(1)
    >>> cosine[0, 3], cosine[1, 2]  # 0 + 3 and 1 + 2 are the same sum
    (tensor(-0.2288), tensor(-0.2288))
    """
    raise NotImplementedError("get_trig_sum_directions")


def find_neuron_freqs(
    fourier_neuron_acts: Float[Tensor, "p p neuron"],
) -> tuple[Int[Tensor, "neuron"], Float[Tensor, "neuron"]]:
    """Which frequency each neuron is mostly made of, and what share of its variance that is.

    To a frequency belong the nine terms (i, j) for which i and j are each one of 0, 2 freq - 1 and 2 freq, as in
    project_onto_frequency. The share is the sum of their squares divided by that of all terms.

    Args:
        fourier_neuron_acts: fft2d of activations from which the mean was subtracted: the term (0, 0) is 0. No neuron
            is 0 throughout.

    Returns:
        (frequencies from 1 on, shares), (neuron,) both.

    >>> terms = torch.zeros(5, 5, 1)
    >>> terms[3, 0], terms[1, 2] = 3.0, 4.0  # of frequency 2, and of frequency 1
    >>> find_neuron_freqs(terms)
    (tensor([1]), tensor([0.6400]))
    """
    raise NotImplementedError("find_neuron_freqs")


# %% Modular addition: progress measures
def fourier_embed(model: Any) -> Float[Tensor, "p"]:
    """How much of the embedding is in each wave: for each the sum of squares over d_model.

        out[k] = Σ_d (Σ_x fourier_basis[k, x] · W_E[x, d])²

    Args:
        model: model.W_E, which is model.embed.W_E too, is (p + 1, d_model): the last row, that of "=", does not count.

    Returns:
        (p,).

    >>> fourier_embed(AdditionModel(5, (2,))).round(decimals=4).abs()
    tensor([0.0000, 0.0000, 0.0000, 2.5000, 2.5000])
    """
    raise NotImplementedError("fourier_embed")


def embed_SVD(model: Any) -> Float[Tensor, "rank"]:  # noqa: N802
    """The singular values of the embedding, model.W_E: how many directions it needs, and how much each.

    Returns:
        The singular values, the largest first; those that are 0 may be left out. "=" is embedded as 0 here.

    >>> embed_SVD(AdditionModel(5, (2,)))[:2]  # a cosine and a sine, each with the length √(5/2)
    tensor([1.5811, 1.5811])
    """
    raise NotImplementedError("embed_SVD")


def excl_loss(model: Any, key_freqs: list[int]) -> list[float]:
    """The loss when all that the logits say by one frequency is taken away: it grows if the model has need of it.

    For each frequency the logits, as functions of x and y, lose their projections onto both of its
    get_trig_sum_directions; the others stay. The loss is then test_logits(logits, mode="train"): of pairs it was
    trained on, which a model that had learnt them by heart would go on to know.

    Args:
        model: model(all_data) are logits, (p², 3, p + 1), for the global all_data. The last position counts, and all
            tokens but the last, which is "=".
        key_freqs: frequencies, which are taken away one at a time.

    Returns:
        A loss for each of them.

    >>> [round(loss, 2) for loss in excl_loss(AdditionModel(5, (2,)), [1, 2])]  # without 2 it can only guess: ln 5
    [0.85, 1.61]

    Source: Nanda et al. (2023), section 5.1, "excluded loss".
    """
    raise NotImplementedError("excl_loss")


def tensor_trig_ratio(model: HookedTransformer, mode: str) -> Float[Tensor, "index"]:
    """What share of the variance of neurons, or of logits, over all x and y are waves in x + y of the key frequencies.

        share[n] = Σ_w (w · v_n)² / (v_n · v_n)          v_n = (values of n for all pairs) - their mean

    From each neuron its mean over all pairs is subtracted. The sum is over w, both of the get_trig_sum_directions of
    each of the global key_freqs, flattened.

    Args:
        model: of one block; it reads the global all_data, (p², 3).
        mode: "neuron_pre" or "neuron_post" for neurons before or after their activation function, or "logit"; always
            at the last position, and of logits all but the last, which is that of "=".

    Returns:
        (neuron,) or (p,).

    Raises:
        ValueError: mode is something else.

    >>> tensor_trig_ratio(adder(0, 5), "logit").shape
    torch.Size([5])
    """
    raise NotImplementedError("tensor_trig_ratio")


# %% A board game
def get_board_states_and_legal_moves(
    games_square: Int[Tensor, "game move"],
) -> tuple[Int[Tensor, "game move 8 8"], Int[Tensor, "game move 8 8"]]:
    """What the board is like after each move, and where one may move next.

    Args:
        games_square: games of Othello from its start, (game, move): each move is a square, 8 row + col.

    Returns:
        (states, legal), (game, move, 8, 8) both. States are those of a board: 1 black, -1 white, 0 empty. Legal is 1
        where the one whose turn it is may move after that move, else 0. A third value, such as texts about both, may
        follow.

    >>> states, legal = get_board_states_and_legal_moves(torch.tensor([[19]]))  # black to row 2, column 3
    >>> states[0, 0, 2:5, 3], legal[0, 0].nonzero().tolist()
    (tensor([1, 1, 1], dtype=torch.int32), [[2, 2], [2, 4], [4, 2]])

    What to look out for: a game is played on an OthelloBoardState() of its own; board.umpire makes a move, and
    board.state and board.get_valid_moves() tell what has become of it.
    """
    raise NotImplementedError("get_board_states_and_legal_moves")


def probe_loss(
    resid: Float[Tensor, "game move d_model"],
    linear_probe: Float[Tensor, "mode d_model row col option"],
    states: Int[Tensor, "game move row col"],
) -> Float[Tensor, ""]:
    """The loss with which a linear probe learns to read a board from the residual stream.

    A probe's product with the stream is a logit for each square and option. There are three probes, the modes: 0 learns
    from even moves (the first is 0), 1 from odd ones, 2 from all: black moves at even ones and white at odd ones, and
    models keep what is mine and what is theirs, so that the first two mean opposite things by the same direction.

        loss = Σ_mode mean over games and the mode's moves of Σ_squares -log p(right option)

    Args:
        resid: (game, move, d_model); there are at least two moves.
        linear_probe: (mode, d_model, row, col, option).
        states: which option is right, from 0 on, int64, (game, move, row, col).

    Returns:
        A tensor of one number, of which the gradient reaches linear_probe.

    >>> states = torch.zeros(1, 2, 1, 2, dtype=torch.int64)  # two squares
    >>> probe_loss(torch.zeros(1, 2, 4), torch.zeros(3, 4, 1, 2, 3), states)  # 3 modes · 2 squares · ln 3
    tensor(6.5917)
    """
    raise NotImplementedError("probe_loss")


def train_linear_probe(
    linear_probe: Float[Tensor, "mode d_model row col option"],
    optimizer: torch.optim.Optimizer,
    resid: Float[Tensor, "game move d_model"],
    states: Int[Tensor, "game move row col"],
    batch_size: int,
    epochs: int,
) -> list[float]:
    """Trains the probes by probe_loss.

    In each epoch all games have their turn once, batch_size of them at a time, in an order that is drawn anew for each
    epoch. Each batch makes one step of the optimizer, by the gradient of that batch and no other.

    Args:
        linear_probe: as for probe_loss; it is a leaf that requires its gradient, and what is trained.
        optimizer: of linear_probe, such as torch.optim.AdamW([linear_probe], lr=1e-2).
        resid, states: as for probe_loss, of all games.
        batch_size: how many games; it divides their number.
        epochs: how often each game has its turn.

    Returns:
        The loss of each batch, before the step that it makes: epochs · games / batch_size numbers.

    >>> probe = torch.zeros(3, 1, 1, 1, 2, requires_grad=True)
    >>> resid, states = torch.ones(1, 2, 1), torch.ones(1, 2, 1, 1, dtype=torch.int64)
    >>> losses = train_linear_probe(probe, torch.optim.SGD([probe], lr=1.0), resid, states, batch_size=1, epochs=2)
    >>> [round(loss, 4) for loss in losses]  # 3 modes · ln 2, then 3 · ln(1 + 1 / e)
    [2.0794, 0.9398]

    Source: Nanda, Lee and Wattenberg (2023), section 2; the loop of ARENA's LinearProbeTrainer.
    """
    raise NotImplementedError("train_linear_probe")


def probe_accuracies(
    resid: Float[Tensor, "game move d_model"],
    probe: Float[Tensor, "d_model row col option"],
    states: Int[Tensor, "game move row col"],
) -> Float[Tensor, "row col"]:
    """On which squares a probe is right: the share of games and moves at which its largest logit is the right option.

    Args:
        resid, states: as for probe_loss, and probe is one of its modes.

    Returns:
        Float, (row, col), from 0 to 1.

    >>> resid, probe = torch.tensor([[[1.0], [-1.0]]]), torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    >>> probe_accuracies(resid, probe, torch.ones(1, 2, 1, 1).long())  # it says 1, then 0
    tensor([[0.5000]])
    """
    raise NotImplementedError("probe_accuracies")


def apply_scale(
    resid: Float[Tensor, "1 seq d_model"], flip_dir: Float[Tensor, "d_model"], scale: float, pos: int
) -> Float[Tensor, "1 seq d_model"]:
    """Turns around what the model believes of a square: the part of its stream along a direction.

        a = resid[0, pos] · u,   u = flip_dir / |flip_dir|
        resid[0, pos] becomes resid[0, pos] - (scale + 1) a u

    so that the part along u was a, and is -scale · a then. Scale 1 mirrors it, scale -1 changes nothing, 0 removes it.

    Args:
        resid: (1, seq, d_model). It may be changed in place.
        flip_dir: (d_model,), of any length but 0. It is not changed.
        scale: how large the part is afterwards.
        pos: the position; the others stay as they are.

    Returns:
        The stream with the change.

    >>> apply_scale(torch.tensor([[[3.0, 4.0]]]), torch.tensor([0.0, 2.0]), scale=1, pos=0)
    tensor([[[ 3., -4.]]])

    Source: Nanda, Lee and Wattenberg (2023), "Emergent Linear Representations in World Models", section 3.
    """
    raise NotImplementedError("apply_scale")


def calculate_neuron_input_weights(
    model: HookedTransformer, probe: Float[Tensor, "d_model row col"], layer: int, neuron: int
) -> Float[Tensor, "row col"]:
    """Which squares of the board a neuron looks at: the cosines of its weights W_in with the probe's directions.

    Args:
        model: its W_in are (layer, d_model, neuron).
        probe: a direction for each square, (d_model, row, col), of any lengths but 0; it is not changed.
        layer, neuron: which neuron.

    Returns:
        (row, col), from -1 to 1. The board is 8 by 8.

    >>> probe = 5 * torch.eye(4)[:, None, :2]  # of a board with two squares: dimension 0 and dimension 1
    >>> calculate_neuron_input_weights(by_hand, probe, layer=0, neuron=1)
    tensor([[ 0., -1.]])
    """
    raise NotImplementedError("calculate_neuron_input_weights")


def calculate_neuron_output_weights(
    model: HookedTransformer, probe: Float[Tensor, "d_model row col"], layer: int, neuron: int
) -> Float[Tensor, "row col"]:
    """Which squares of the board a neuron writes about: the cosines of its weights W_out with the probe's directions.

    Args:
        model: its W_out are (layer, neuron, d_model).
        probe, layer, neuron: as for calculate_neuron_input_weights; the probe is not changed.

    Returns:
        (row, col), from -1 to 1.

    >>> probe = 5 * torch.eye(4)[:, None, 1:3]  # of a board with two squares: dimension 1 and dimension 2
    >>> calculate_neuron_output_weights(by_hand, probe, layer=0, neuron=1)
    tensor([[0., 1.]])
    """
    raise NotImplementedError("calculate_neuron_output_weights")


def patching_metric(patched_logits: Float[Tensor, "1 seq d_vocab"]) -> Float[Tensor, ""]:
    """How far patching has brought a move back: 1 as likely as in the original game, 0 as in the corrupted one.

        (log p(move) - corrupted_F0_log_prob) / (original_F0_log_prob - corrupted_F0_log_prob)

    where log p is the log-softmax of the logits at the last position, and the move is the global F0_index.

    Args:
        patched_logits: (1, seq, d_vocab). They may be thousands apart.

    Returns:
        A number, or a tensor of one. It may be beyond 0 and 1.

    >>> patching_metric(torch.zeros(1, 1, 2))  # (-0.6931 + 3) / (-1 + 3)
    tensor(1.1534)
    """
    raise NotImplementedError("patching_metric")
