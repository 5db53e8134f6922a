"""Checks of the section `transformer`: GPT-2's layers, training, sampling, beam search and a cache of keys and values.

Modules of a tiny model are made with drawn sizes and filled by the documented names of their parameters with numbers
that follow from a seed (exercises/given/transformer_examples.py). Beside the values there are laws that hold for every
right model: nothing looks ahead, heads may change places, texts do not mix, a cache changes nothing, a wide beam finds
the best of all texts. What is drawn is judged by its distribution; logits never come sorted. Right answers to all
editions pass: exercises/given/transformer_editions.py has what it takes. Left out are what loads GPT-2 or a data set.
"""

import itertools
import math
from collections import namedtuple
from statistics import NormalDist

import numpy as np
import torch
from hypothesis import strategies as st

from exercises.given.transformer_editions import accuracy, search, trainer, training_step
from exercises.given.transformer_examples import (
    SHAPES,
    Line,
    ToyModel,
    build,
    chosen,
    completions,
    make,
    many,
    noise,
    read,
    slopes,
    start,
)
from exercises.given.transformers import CharTokenizer, KVCache
from graders.engine import HALVES, WHOLE, Section, close, difference, distributed_as, edit, tensors

section = Section("transformer", title="A transformer from scratch")
section.lend(
    cfg="exercises.given.transformer_editions.cfg",
    Config="exercises.given.transformers.Config",
    tokenizer="exercises.given.transformer_editions.tokenizer",
    model="exercises.given.transformer_editions.model",
    reference_gpt2="exercises.given.transformer_editions.reference_gpt2",
    dataset_dict="exercises.given.transformer_editions.dataset_dict",
    gelu_new="exercises.given.transformer_editions.gelu_new",
    utils="exercises.given.transformer_editions.utils",
    pl="exercises.given.lightning",
    LightningModule="exercises.given.lightning.LightningModule",
)
near = close(rtol=1e-4, atol=1e-5)  # a few functions in single precision
deep = close(rtol=1e-3, atol=1e-4)  # many layers in single precision, in any order of summation
rough = close(rtol=1e-3, atol=1e-3)  # numbers near 1000 are known to 6e-5 in single precision
seeds = st.integers(0, 99)
ranges = st.sampled_from((0.02, 0.5, 1.0, 3.0))
_WIDE = "Starts with a standard deviation of 1; cfg.init_range says how wide."


# %% Inputs and judges that several exercises share
Text = namedtuple("Text", "tokens sizes")
Stream = namedtuple("Stream", "shape sizes")  # of noise: (batch, seq, d_model); of the module it flows through


@st.composite
def texts(draw, least=1, **fixed):
    """Tokens, and the sizes of a module that reads them; there are not as many texts as tokens in each."""
    batch, length = draw(st.permutations((1, 2, 3, 4, 5)))[:2]
    sizes = {"seed": draw(seeds), "d_vocab": draw(st.integers(2, 7)), **fixed}
    return Text(draw(tensors((batch, max(length, least)), range(sizes["d_vocab"]), "int64")), sizes)


@st.composite
def streams(draw, *names):
    """No two of the sizes of the stream are equal, and no two of those of the module."""
    sizes = dict(zip(("d_model", *names), draw(st.permutations(range(2, 6))), strict=False))
    return Stream((*draw(st.permutations((1, 2, 3)))[:2], sizes["d_model"]), sizes)


models = st.integers(1, 3).flatmap(lambda n_layers: texts(d_vocab=7, n_layers=n_layers))


def started(observed, expected, inputs):
    """Accepts weights from a normal distribution with a deviation of init_range, and the reference's biases."""
    if not isinstance(expected, tuple) or not isinstance(observed, tuple):
        return difference(observed, expected)
    words = difference(observed[1], expected[1])
    return words or _normal(observed[0], expected[0], inputs)


_normal = distributed_as(cdf=lambda inputs: np.vectorize(NormalDist(0, inputs["init_range"]).cdf))


# %% LayerNorm
Norm = namedtuple("Norm", "x sizes")


@st.composite
def norms(draw, values=WHOLE):
    """Streams that are not all the same number, and an eps that counts."""
    batch, seq, d_model = draw(st.sampled_from(((1, 2, 3), (2, 1, 3), (3, 1, 2), (1, 3, 2))))
    sizes = {"d_model": d_model, "layer_norm_eps": draw(st.sampled_from((0.5, 2.0, 1.0)))}
    return Norm(draw(tensors((batch, seq, d_model), values)), sizes)


LayerNorm = section.exercise(
    "LayerNorm",
    hints=[
        "How many means does an input of shape (2, 5, 64) have? Which shape must they have to be subtracted?",
        "By which number do torch's var and std divide the squares, unless told otherwise?",
        "Where in the formula does eps stand, and where does its value come from?",
    ],
    mistakes={
        "Divides the squares by d_model - 1: the variance is their mean.": edit(
            "centred.square().mean(", "residual.var("
        ),
        "Adds eps to the root, not below it.": [edit("(variance +", "(variance.sqrt() +"), edit("eps).sqrt()", "eps)")],
        "Has no eps.": edit("(variance + self.cfg.layer_norm_eps)", "variance"),
        "Has an eps of its own, and not the one in self.cfg.": edit("self.cfg.layer_norm_eps", "1e-5"),
        "Normalises over the positions.": [
            edit("al.mean(dim=-", "al.mean(dim="),
            edit("().mean(dim=-", "().mean(dim="),
        ],
        "Forgets to scale and shift by w and b.": edit(" * self.w + self.b", ""),
        "Treats mean and variance as constants: the gradient misses their share.": [
            edit("residual.mean(", "residual.detach().mean("),
            edit("centred.square()", "centred.detach().square()"),
        ],
        "Takes the mean of squares less the square of the mean, which cancel where numbers are large.": edit(
            "centred.square().mean(dim=-1, keepdim=True)",
            "residual.square().mean(dim=-1, keepdim=True) - residual.mean(dim=-1, keepdim=True).square()",
        ),
    },
)


@LayerNorm.check(judge=near, case=norms())
def norm_values(solution, case):
    """Normalises each position by its mean and variance, with eps below the root, then scales and shifts."""
    return build(solution.LayerNorm, **case.sizes)(case.x).detach()


@LayerNorm.check(points=0.25, examples=5, d_model=st.integers(1, 5))
def norm_start(solution, d_model):
    """Starts with w of ones and b of zeros."""
    layer = make(solution.LayerNorm, d_model=d_model)
    return layer.w.detach(), layer.b.detach()


@LayerNorm.check(points=0.5, judge=deep, examples=30, case=norms())
def norm_gradients(solution, case):
    """Gives gradients to the stream, through mean and variance as well, and to w and b."""
    layer, x = build(solution.LayerNorm, **case.sizes), case.x.clone().requires_grad_()
    (layer(x) * noise(0, *x.shape)).sum().backward()
    return x.grad, layer.w.grad, layer.b.grad


@LayerNorm.check(points=0.25, judge=near, examples=20, extra=True, number=st.sampled_from(HALVES), seed=seeds)
def norm_of_equal_numbers(solution, number, seed):
    """Makes b of a position whose numbers are all equal."""
    return build(solution.LayerNorm, seed, d_model=3)(torch.full((1, 1, 3), number)).detach()


@LayerNorm.check(points=0.25, judge=rough, examples=30, extra=True, case=norms(WHOLE[:5]))
def norm_far(solution, case):
    """Is right for numbers near 1000."""
    return build(solution.LayerNorm, **case.sizes)(case.x + 1000).detach()


# %% Embed, PosEmbed
Embed = section.exercise(
    "Embed",
    hints=[
        "What does a matrix give you if you put a tensor of whole numbers in its square brackets?",
        "Which axis of W_E do tokens count?",
    ],
    mistakes={
        "Looks up columns; W_E has a row for each token.": edit("W_E[tokens]", "W_E.T[tokens % len(self.W_E.T)]"),
        "Takes a size from elsewhere, such as GPT-2's, and not from cfg.": edit("cfg.d_vocab, cfg", "50257, cfg"),
        _WIDE: edit(" * cfg.init_range", ""),
    },
)


@Embed.check(points=0.5, examples=50, case=texts(d_model=3))
def embed_values(solution, case):
    """Looks up the row of W_E of each token."""
    return build(solution.Embed, **case.sizes)(case.tokens).detach()


@Embed.check(points=0.25, judge=started, examples=3, init_range=ranges)
def embed_start(solution, init_range):
    """Starts normally distributed with a standard deviation of cfg.init_range."""
    return start(solution.Embed, d_vocab=2000, d_model=3, init_range=init_range)


PosEmbed = section.exercise(
    "PosEmbed",
    hints=[
        "Which rows of W_pos does a text of three tokens need? Does it matter which tokens they are?",
        "The rows have the shape (seq, d_model). What makes one for each text of them, without copying?",
    ],
    mistakes={
        "Looks tokens up, not positions.": edit("self.W_pos[:seq]", "self.W_pos[tokens]"),
        "Returns all n_ctx rows, however short the text is.": edit("self.W_pos[:seq]", "self.W_pos"),
        _WIDE: edit(" * cfg.init_range", ""),
    },
)


@PosEmbed.check(points=0.5, examples=50, case=texts())
def positions(solution, case):
    """Looks up the row of each position, the same for each text."""
    return build(solution.PosEmbed, **case.sizes)(case.tokens).detach() + torch.zeros(*case.tokens.shape, 6)


@PosEmbed.check(points=0.25, judge=started, examples=3, init_range=ranges)
def positions_start(solution, init_range):
    """Starts normally distributed with a standard deviation of cfg.init_range."""
    return start(solution.PosEmbed, n_ctx=2000, d_model=3, init_range=init_range)


# %% Attention
Scores = namedtuple("Scores", "attn_scores d_head")


@st.composite
def scores(draw, square=True):
    """Scores of queries and keys, zeros among them; each query sees one that is not."""
    heads, queries, keys = draw(st.permutations((2, 3, 1, 4)))[:3]
    values = draw(tensors((1, heads, queries, queries if square else keys), WHOLE[:7]))
    values[..., 0] += values[..., 0] == 0
    return Scores(values, draw(st.sampled_from((4, 16))))


def masked_softmax(observed, expected, inputs):
    """Accepts scores that are masked, and ones that are scaled by the root of d_head as well."""
    words = difference(observed, expected)
    if words is None or not isinstance(expected, np.ndarray):
        return words
    case = inputs["case"]
    powers = np.exp(np.asarray(case.attn_scores) / math.sqrt(case.d_head)) * np.tri(*case.attn_scores.shape[-2:])
    scaled = 0 * expected + (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return words if difference(observed, scaled) else None


_MASKED = "torch.where(is_later, self.IGNORE, attn_scores)"
_SOFTMAX = "self.apply_causal_mask(scores).softmax(dim=-1)"
Attention = section.exercise(
    "Attention",
    hints=[
        "x is (batch, seq, d_model) and W_Q is (head, d_model, d_head). Which axis is summed over, and which has q?",
        "A query asks all keys, and its answers add up to one. Along which axis of (batch, head, query, key)?",
        "Which number makes a probability of zero, once it has gone through softmax? torch.triu finds the places.",
    ],
    mistakes={
        "Does not divide the scores by the root of d_head.": edit("scores / self.cfg.d_head**0.5", "scores"),
        "Divides the scores by the root of d_model, not of d_head.": edit("cfg.d_head**", "cfg.d_model**"),
        "Takes a size from elsewhere, such as GPT-2's 64, and not from self.cfg.": edit("self.cfg.d_head**0.5", "8"),
        "Takes softmax over the queries, not over the keys.": edit("softmax(dim=-1)", "softmax(dim=-2)"),
        "Takes softmax over the heads, as torch does if it is told no dim.": edit("softmax(dim=-1)", "softmax(dim=1)"),
        "Masks after softmax: what is left does not add up to one.": edit(_SOFTMAX, "scores.softmax(dim=-1).tril()"),
        "Queries and keys are swapped: each key asks the queries.": edit('head query key")', 'head query key").mT'),
        "Adds b_O once for each head, and not once.": edit("out + self.b_O", "out + self.b_O * self.cfg.n_heads"),
        "Leaves out the biases of queries, keys and values.": [edit(f" + self.b_{name}", "") for name in "QKV"],
        "Looks ahead: no score is left out.": edit(_MASKED, "attn_scores"),
        "Leaves out the diagonal too: a position should see itself.": edit("diagonal=1", "diagonal=0"),
        "Leaves out what came before, not what is to come.": edit(".triu(diagonal=1)", ".tril(diagonal=-1)"),
        "Puts 0 where IGNORE should stand: softmax makes something of it.": edit("self.IGNORE, attn", "0.0, attn"),
        "Masks by value: scores of zero get lost, wherever they stand.": edit(
            "is_later, s", "attn_scores.tril() == 0, s"
        ),
        "Multiplies by the mask and adds IGNORE times its opposite: zero times -inf is NaN.": edit(
            _MASKED, "attn_scores * ~is_later + self.IGNORE * is_later"
        ),
        "Makes the mask as if there were as many keys as queries.": edit("ones(queries, keys", "ones(queries, queries"),
        _WIDE: [
            edit(
                f"self.W_{name} = nn.Parameter(torch.randn(inwards) * cfg.init_range",
                f"self.W_{name} = nn.Parameter(torch.randn(inwards)",
            )
            for name in "QKV"
        ],
    },
)


@Attention.check(points=0.75, judge=masked_softmax, case=scores())
def mask_values(solution, case):
    """The causal mask leaves out the keys after each query, and no others: seen after softmax."""
    return make(solution.Attention, d_head=case.d_head).apply_causal_mask(case.attn_scores.clone()).softmax(dim=-1)


@Attention.check(points=0.25, judge=masked_softmax, examples=30, extra=True, case=scores(square=False))
def mask_oblong(solution, case):
    """The causal mask does so too where there are more keys than queries, or fewer."""
    return make(solution.Attention, d_head=case.d_head).apply_causal_mask(case.attn_scores.clone()).softmax(dim=-1)


@Attention.check(points=1.5, judge=deep, examples=50, case=streams("n_heads", "d_head"))
def attention_values(solution, case):
    """Adds up what all heads move, each by its own queries, keys and values."""
    return build(solution.Attention, **case.sizes)(noise(1, *case.shape)).detach()


@Attention.check(points=0.5, judge=deep, examples=20, case=streams("n_heads", "d_head"))
def attention_causal(solution, case):
    """Does not look ahead: what comes after the first position changes nothing there."""
    attention, x, other = build(solution.Attention, **case.sizes), noise(1, *case.shape), noise(2, *case.shape)
    other[:, 0] = x[:, 0]
    return attention(x)[:, 0].detach(), attention(other)[:, 0].detach()


@Attention.check(points=0.25, judge=deep, examples=20, case=streams("n_heads", "d_head"))
def attention_heads(solution, case):
    """The heads may change places."""
    attention = build(solution.Attention, **case.sizes)
    for name, parameter in attention.named_parameters():
        if "n_heads" in SHAPES.get(name, ()):
            parameter.data = parameter.data.flip(0)
    return attention(noise(1, *case.shape)).detach()


@Attention.check(points=0.5, judge=deep, examples=20, case=streams("n_heads", "d_head"))
def attention_gradients(solution, case):
    """Gives gradients to the stream and to all parameters: of these, the lengths are shown."""
    attention, x = build(solution.Attention, **case.sizes), noise(1, *case.shape).requires_grad_()
    (attention(x) * noise(2, *case.shape)).sum().backward()
    return x.grad, slopes(attention)


@Attention.check(points=0.25, judge=started, examples=3, init_range=ranges)
def attention_start(solution, init_range):
    """Weights start normally distributed with a standard deviation of cfg.init_range, biases at zero."""
    return start(solution.Attention, n_heads=10, d_model=20, d_head=30, init_range=init_range)


# %% MLP
MLP = section.exercise(
    "MLP",
    hints=[
        "Which product of (batch, seq, d_model) and (d_model, d_mlp) leaves (batch, seq, d_mlp)?",
        "Which two forms of GELU are there, and which one is given above?",
    ],
    mistakes={
        "Uses the exact GELU; GPT-2 has the one with a tanh.": edit("= gelu_new(", "= nn.functional.gelu("),
        "Uses ReLU.": edit("= gelu_new(", "= torch.relu("),
        "Leaves b_in out.": edit("@ self.W_in + self.b_in", "@ self.W_in"),
        "Leaves b_out out.": edit("@ self.W_out + self.b_out", "@ self.W_out"),
        "Adds its input: that is left to the block.": edit("return hidden @", "return normalized_resid_mid + hidden @"),
        _WIDE: edit("torch.randn(cfg.d_model, cfg.d_mlp) * cfg.init_range", "torch.randn(cfg.d_model, cfg.d_mlp)"),
    },
)


@MLP.check(judge=near, examples=50, case=streams("d_mlp"))
def mlp_values(solution, case):
    """Puts gelu_new between two maps with biases."""
    return build(solution.MLP, **case.sizes)(2 * noise(1, *case.shape)).detach()


@MLP.check(points=0.25, judge=started, examples=3, init_range=ranges)
def mlp_start(solution, init_range):
    """Weights start normally distributed with a standard deviation of cfg.init_range, biases at zero."""
    return start(solution.MLP, d_model=60, d_mlp=100, init_range=init_range)


# %% TransformerBlock
_MID, _POST = "resid_pre + self.attn(self.ln1(resid_pre))", "resid_mid + self.mlp(self.ln2(resid_mid))"
TransformerBlock = section.exercise(
    "TransformerBlock",
    hints=[
        "What does ln1 normalise: the stream itself, or what attention reads of it?",
        "Does the MLP know what attention has added?",
    ],
    mistakes={
        "Normalises after adding; here the norm stands before each part, and the stream is left alone.": [
            edit(_MID, "self.ln1(resid_pre + self.attn(resid_pre))"),
            edit(_POST, "self.ln2(resid_mid + self.mlp(resid_mid))"),
        ],
        "The MLP reads the stream as it was before attention.": edit("self.ln2(resid_mid)", "self.ln2(resid_pre)"),
        "Forgets what attention has added.": edit("return resid_mid +", "return resid_pre +"),
        "Attention replaces the stream instead of adding to it.": edit("resid_pre + self", "self"),
        "The MLP replaces the stream instead of adding to it.": edit("return resid_mid +", "return"),
        "Attention reads the stream without a norm.": edit("self.attn(self.ln1(resid_pre))", "self.attn(resid_pre)"),
        "The MLP reads the stream without a norm.": edit("self.mlp(self.ln2(resid_mid))", "self.mlp(resid_mid)"),
        "Uses the first norm twice.": edit("self.ln2(resid_mid)", "self.ln1(resid_mid)"),
    },
)


@TransformerBlock.check(examples=30, x=tensors((1, 2, 3)))
def block_composed(solution, x):
    """Puts its parts together: each reads the stream through its own norm, and adds to it."""
    block = make(solution.TransformerBlock)
    block.ln1, block.attn, block.ln2, block.mlp = Line(2), Line(3), Line(5), Line(7)
    return block(x)


@TransformerBlock.check(points=0.5, judge=deep, examples=20, seed=seeds, seq=st.integers(2, 5))
def block_values(solution, seed, seq):
    """Works with your norms, attention and MLP."""
    return build(solution.TransformerBlock, seed)(noise(1, 1, seq, 6)).detach()


# %% Unembed
Unembed = section.exercise(
    "Unembed",
    hints=[
        "Which axis of the input is summed over, and which one takes its place?",
        "Is there a parameter that you have made and not used?",
    ],
    mistakes={
        "Leaves b_U out.": edit(" @ self.W_U + self.b_U", " @ self.W_U"),
        _WIDE: edit(" * cfg.init_range", ""),
    },
)


@Unembed.check(points=0.75, judge=near, examples=50, case=streams("d_vocab"))
def unembed_values(solution, case):
    """Makes a logit for each token, with a weight and a bias."""
    return build(solution.Unembed, **case.sizes)(noise(1, *case.shape)).detach()


@Unembed.check(points=0.25, judge=started, examples=3, init_range=ranges)
def unembed_start(solution, init_range):
    """Weights start normally distributed with a standard deviation of cfg.init_range, biases at zero."""
    return start(solution.Unembed, d_model=60, d_vocab=100, init_range=init_range)


# %% DemoTransformer
_BLOCKS = "nn.ModuleList(TransformerBlock(cfg) for _ in range(cfg.n_layers))"
_LOGITS = "self.unembed(self.ln_final(residual))"
DemoTransformer = section.exercise(
    "DemoTransformer",
    hints=[
        "What do Embed and PosEmbed give you, and what is done with the two?",
        "Does each block get what the one before made of it? Has each its own weights?",
        "What stands between the last block and the unembedding?",
    ],
    mistakes={
        "Forgets the last norm.": edit("self.ln_final(residual)", "residual"),
        "Forgets the positions.": edit(" + self.pos_embed(tokens)", ""),
        "Layers share one block's weights.": edit(_BLOCKS, "nn.ModuleList([TransformerBlock(cfg)] * cfg.n_layers)"),
        "Keeps the blocks in a plain list, where parameters() does not look.": edit("nn.ModuleList(", "list("),
        "Has 12 layers, as GPT-2 has, and not as many as cfg asks for.": edit("range(cfg.n_layers)", "range(12)"),
        "Returns probabilities; logits are asked for.": edit(_LOGITS, f"{_LOGITS}.softmax(dim=-1)"),
    },
)


@DemoTransformer.check(judge=near, examples=20, tokens=tensors((2, 3), range(7), "int64"))
def model_composed(solution, tokens):
    """Adds the embeddings, and sends the sum through the blocks in order, the last norm and the unembedding."""
    model = make(solution.DemoTransformer, n_layers=2)
    model.embed, model.pos_embed = (torch.nn.Embedding.from_pretrained(noise(seed, 7, 6)) for seed in (1, 2))
    model.blocks, model.ln_final, model.unembed = torch.nn.ModuleList([Line(2), Line(3)]), Line(5), Line(7)
    return model(tokens)


@DemoTransformer.check(points=0.75, judge=deep, examples=20, case=models)
def model_values(solution, case):
    """Computes logits with your parts, and as many layers as cfg asks for, each with weights of its own."""
    return build(solution.DemoTransformer, **case.sizes)(case.tokens).detach()


@DemoTransformer.check(points=0.25, judge=deep, examples=20, case=models, token=st.integers(0, 6))
def model_causal(solution, case, token):
    """Does not look ahead: another last token changes no logits before it."""
    model, other = build(solution.DemoTransformer, **case.sizes), case.tokens.clone()
    other[:, -1] = token
    return model(case.tokens)[:, :-1].detach(), model(other)[:, :-1].detach()


@DemoTransformer.check(points=0.25, judge=deep, examples=20, case=models)
def model_alone(solution, case):
    """Has the same logits for a text whether it is alone or among others."""
    model = build(solution.DemoTransformer, **case.sizes)
    return torch.cat([model(text) for text in case.tokens.split(1)]).detach()


@DemoTransformer.check(points=0.25, examples=5, n_layers=st.integers(1, 3))
def model_parameters(solution, n_layers):
    """Registers all of its parts under the names that the text gives them, and keeps cfg."""
    model = make(solution.DemoTransformer, n_layers=n_layers)
    names = sorted(name for name, _ in model.named_parameters() if name.rpartition(".")[2] in SHAPES)
    return names, model.cfg.n_layers


# %% get_log_probs
Said = namedtuple("Said", "logits tokens")


@st.composite
def said(draw, values=HALVES):
    tokens, sizes = draw(texts(2))
    return Said(draw(tensors((*tokens.shape, sizes["d_vocab"]), values)), tokens)


far = said((0, 1000, -1000))
_GATHERED = "log_probs.gather(-1, tokens[:, 1:, None])[:, :, 0]"
get_log_probs = section.exercise(
    "get_log_probs",
    hints=[
        "Two tokens: which of the two positions' logits were about a token that you know?",
        "gather looks up an index along one axis. Which axis, and how many axes must the index have?",
    ],
    mistakes={
        "Asks each position about its own token; its logits are about the next.": edit("1:, None]", ":-1, None]"),
        "Asks positions about the token before.": [edit(":-1].log", "1:].log"), edit("1:, None", ":-1, None")],
        "Takes softmax over the positions.": edit("log_softmax(dim=-1)", "log_softmax(dim=1)"),
        "Takes softmax over the texts, as torch does if it is told no dim.": edit("softmax(dim=-1)", "softmax(dim=0)"),
        "Returns logits: they are no logarithms of probabilities yet.": edit(".log_softmax(dim=-1)", ""),
        "Returns probabilities, not their logarithms.": edit("log_softmax(", "softmax("),
        "The sign is wrong: logarithms of probabilities are negative.": edit(_GATHERED, f"-{_GATHERED}"),
        "Keeps an axis of size one at the end.": edit("[:, :, 0]", ""),
        "Takes the log of softmax, -inf where that is 0.": edit("log_softmax(dim=-1)", "softmax(dim=-1).log()"),
    },
)
get_log_probs.call("log_probs_values", "Looks up the log-probability of each next token.", judge=near, case=said())
get_log_probs.call(
    "log_probs_far", "Is right for logits that are thousands apart.", points=0.25, judge=rough, extra=True, case=far
)


@get_log_probs.check(points=0.25, examples=10, extra=True, case=said())
def log_probs_of_one(solution, case):
    """Has nothing to say of a text of one token: the shape is (batch, 0)."""
    return solution.get_log_probs(case.logits[:, :1], case.tokens[:, :1])


# %% TransformerTrainer
Training = namedtuple("Training", "batches d_vocab seed")


@st.composite
def trainings(draw):
    """Batches that differ in size, of texts of d_vocab different tokens."""
    d_vocab = draw(st.integers(2, 4))
    shapes = draw(st.permutations(((1, 2), (2, 3), (3, 4))))[: draw(st.integers(1, 3))]
    return Training([draw(tensors(shape, range(d_vocab), "int64")) for shape in shapes], d_vocab, draw(seeds))


TransformerTrainer = section.exercise(
    "TransformerTrainer",
    aliases=("LitTransformer",),
    hints=[
        "backward adds to what is in grad. What was in it before this batch?",
        "Which token does the argmax at position i stand for, and where do you find the one that came?",
        "Two batches, of 30 tokens all right and of 2 wrong: is the accuracy 0.5?",
    ],
    mistakes={
        "Gradients of all batches pile up.": edit("        self.optimizer.zero_grad()\n", ""),
        "Makes no step.": edit("        self.optimizer.step()\n", ""),
        "Takes tokens from elsewhere, and not from the batch that it is handed.": edit(
            '= batch["tokens"]\n        loss', '= self.train_loader[0]["tokens"]\n        loss'
        ),
        "The sign is wrong: the likelihood falls.": edit("loss = -get_log_probs", "loss = get_log_probs"),
        "The loss is the sum over all tokens, not the mean.": edit("tokens).mean()", "tokens).sum()"),
        "Shifts tokens that get_log_probs shifts again.": edit("(tokens), tokens)", "(tokens)[:, :-1], tokens[:, 1:])"),
        "Compares with the token at the position, not the next one.": edit('["tokens"][:, 1:]', '["tokens"][:, :-1]'),
        "Averages the shares of batches, though they differ in size.": [
            edit("(foreseen == actual).sum().item()", "(foreseen == actual).float().mean().item()"),
            edit("total += actual.numel()", "total += 1"),
        ],
        "Records gradients that nobody needs.": edit("with torch.no_grad():", "if True:"),
        "Leaves the model in evaluation mode.": edit("        self.model.train(was_training)\n", ""),
    },
)


@TransformerTrainer.check(judge=deep, examples=30, case=trainings())
def trainer_steps(solution, case):
    """A training step returns the loss of its batch, and goes down by the gradients of this batch alone."""
    model = ToyModel(case.seed, case.d_vocab)
    made = trainer(solution.TransformerTrainer, model, case.batches)
    return [training_step(made, batch) for batch in made.train_loader], model.table.detach()


@TransformerTrainer.check(judge=near, examples=50, case=trainings())
def trainer_accuracy(solution, case):
    """Evaluation returns the share of next tokens that are foreseen, over all batches together."""
    return accuracy(trainer(solution.TransformerTrainer, ToyModel(case.seed, case.d_vocab), case.batches))


@TransformerTrainer.check(points=0.25, examples=10, extra=True, case=trainings(), training=st.booleans())
def trainer_modes(solution, case, training):
    """Evaluation works in evaluation mode without recording gradients, and puts the mode back."""
    model = ToyModel(case.seed, case.d_vocab).train(training)
    accuracy(trainer(solution.TransformerTrainer, model, case.batches))
    return sorted(model.modes), model.training


# %% TransformerSampler
Drawing = namedtuple("Drawing", "logits k top_p")
Asked = namedtuple("Asked", "input_ids logits options")
Speech = namedtuple("Speech", "prompt length seed")


@st.composite
def unsorted(draw, least=3):
    """Logits, no two of them equal, and not in order."""
    size = draw(st.integers(least, 6))
    order = draw(st.permutations(range(size)).filter(lambda order: order != sorted(order, reverse=True)))
    return torch.tensor([number / 2 for number in order])


@st.composite
def drawings(draw):
    """Unsorted logits, a number of them, and a share that the sum of their probabilities crosses, and does not meet."""
    logits = draw(unsorted())
    k, probabilities = draw(st.integers(1, len(logits))), np.sort(chances(logits))[::-1]
    return Drawing(logits, k, round(float(probabilities[:k].sum() - probabilities[k - 1] / 2), 3))


@st.composite
def asked(draw, **fixed):
    """Options of sample_next_token, some of them together, or those that are fixed."""
    logits, options = draw(unsorted(least=4)), {}
    if draw(st.booleans()):
        options["temperature"] = draw(st.sampled_from((0.5, 2.0)))
    if draw(st.booleans()):
        options["frequency_penalty"] = draw(st.sampled_from((0.5, 2.0, -1.0)))
    if choice := draw(st.sampled_from(("top_k", "top_p", None))):
        options[choice] = draw(st.integers(1, 3)) if choice == "top_k" else draw(st.sampled_from((0.3, 0.7, 0.9)))
    return Asked(draw(tensors((4,), range(len(logits)), "int64")), logits, fixed or options)


def chances(logits):
    """The probabilities of softmax."""
    powers = np.exp(np.asarray(logits, np.float64) - np.asarray(logits, np.float64).max())
    return powers / powers.sum()


def of_kept(probabilities, kept):
    """The probabilities of tokens if only the `kept` likeliest may come."""
    ranks = np.argsort(np.argsort(-probabilities))
    left = np.where(ranks < kept, probabilities, 0.0)
    return left / left.sum()


def nucleus(probabilities, top_p, least=1):
    """The probabilities of tokens in the nucleus."""
    ordered = np.sort(probabilities)[::-1]
    return of_kept(probabilities, max(int((np.cumsum(ordered) - ordered < top_p).sum()), least))


def penalised(case):
    """The logits after temperature and penalty."""
    logits, counts = np.asarray(case.logits, np.float64), np.bincount(case.input_ids, minlength=len(case.logits))
    return logits / case.options.get("temperature", 1.0) - case.options.get("frequency_penalty", 0.0) * counts


def is_clear(case):
    """Whether no rounding decides which tokens are kept."""
    ordered = np.sort(penalised(case))[::-1]
    return min(-np.diff(ordered)) > 0.01 and min(abs(np.cumsum(chances(ordered)) - case.options.get("top_p", 0))) > 0.01


def asked_chances(inputs):
    options, probabilities = inputs["case"].options, chances(penalised(inputs["case"]))
    if "top_p" in options:
        return nucleus(probabilities, options["top_p"])
    return of_kept(probabilities, options.get("top_k", len(probabilities)))


@st.composite
def speeches(draw, least=0, most=12, alphabet="abc", longest=6):
    """A prompt, and how many tokens are to follow it."""
    return Speech(draw(st.text(alphabet, min_size=1, max_size=longest)), draw(st.integers(least, most)), draw(seeds))


def next_chances(inputs):
    """The probabilities of what the toy model says after a prompt; in numpy, as torch may hang in a forked judge."""
    case = inputs["case"]
    places = ["abcd".index(letter) for letter in case.prompt]
    row = sum((token + 1) * (place + 3) ** 2 for place, token in enumerate(places)) % ToyModel.ROWS
    return chances(ToyModel(case.seed, 4).table.detach().numpy()[row])


drawn = distributed_as(probabilities=asked_chances)
cold = asked(temperature=0.5, frequency_penalty=1.25, top_k=1)
STRANGE = [{"temperature": -1.0}, {"top_k": -1}, {"top_p": 1.5}, {"top_p": -0.5}, {"top_k": 1, "top_p": 0.5}]
SOUND = [{"top_p": 1.0}, {"top_k": 1}, {"temperature": 0.0}]
said_next = distributed_as(probabilities=next_chances)
basic = distributed_as(probabilities=lambda inputs: chances(inputs["logits"]))
top_k = distributed_as(probabilities=lambda inputs: of_kept(chances(inputs["case"].logits), inputs["case"].k))
top_p = distributed_as(
    probabilities=lambda inputs: nucleus(chances(inputs["case"].logits), inputs["case"].top_p, inputs.get("least", 1))
)
tied = distributed_as(probabilities=lambda inputs: chances([2.0, 1.0]))  # of the best, and of one of several others
_BASIC = "torch.multinomial(logits.softmax(dim=-1), num_samples=1).item()"
_TOP_K = "token_ids[TransformerSampler.sample_basic(top_logits)].item()"
_TOP_P = "token_ids[TransformerSampler.sample_basic(logits[token_ids[:n_kept]])].item()"
_COLD = "        logits = TransformerSampler.apply_temperature(logits, temperature)\n"
_PENALTY = "        logits = TransformerSampler.apply_frequency_penalty(input_ids, logits, frequency_penalty)\n"
TransformerSampler = section.exercise(
    "TransformerSampler",
    hints=[
        "topk and sort return two things. Which of them says where a number stood before?",
        "Of probabilities 0.5, 0.3 and 0.2, which does a top_p of 0.6 keep? What tells the last of them from the next?",
        "In sample: which of the logits are about the next token, and which tokens may the model be shown?",
    ],
    mistakes={
        "Takes the likeliest token where it should draw one.": edit(_BASIC, "logits.argmax().item()"),
        "Takes logits for probabilities: softmax is missing.": edit("logits.softmax(dim=-1), num", "logits, num"),
        "Draws the same each time: a generator is set back at every call.": edit(
            "num_samples=1)", "num_samples=1, generator=torch.Generator().manual_seed(0))"
        ),
        "Multiplies by the temperature: high ones should flatten.": edit("return logits / t", "return logits * t"),
        "Divides the logits in place.": edit("return logits / temperature", "return logits.div_(temperature)"),
        "Takes the penalty once from each token that came.": edit("(logits))  #", "(logits)).clamp(max=1)  #"),
        "Counts only up to the largest token that came: bincount without minlength.": edit("minlength=len(logits)", ""),
        "Takes the penalty off in place.": edit("logits - freq_penalty * counts", "logits.sub_(freq_penalty * counts)"),
        "Top k says the rank, not the token.": edit(_TOP_K, "TransformerSampler.sample_basic(top_logits)"),
        "Top k draws k tokens; one is asked for.": edit(
            _TOP_K, "token_ids[torch.multinomial(top_logits.softmax(dim=-1), k)]"
        ),
        "Top k sets the other logits to 0, where they are as likely as any logit of 0.": edit(
            _TOP_K, "TransformerSampler.sample_basic(torch.zeros_like(logits).scatter(0, token_ids, top_logits))"
        ),
        "Top k keeps all tokens that are as likely as the last, more than k of them.": edit(
            "logits.topk(k)", "logits.topk(int((logits >= logits.topk(k).values[-1]).sum()))"
        ),
        "Top p says the rank, not the token.": edit(
            _TOP_P, "TransformerSampler.sample_basic(logits[token_ids[:n_kept]])"
        ),
        "Top p leaves out the token with which the sum crosses top_p.": edit("< top_p).sum())", "< top_p).sum()) - 1"),
        "Top p adds probabilities up in the order of tokens, not from the likeliest on.": edit(
            "logits.argsort(descending=True)", "torch.arange(len(logits))"
        ),
        "Top p compares tokens with top_p, not probabilities.": edit("(likelier < top_p)", "(token_ids < top_p)"),
        "Top p ignores min_tokens_to_keep.": edit(", min_tokens_to_keep)\n", ", 1)\n"),
        "A temperature of 0 is not greedy, but divides by zero.": edit("if temperature == 0:", "if False:"),
        "sample_next_token ignores the temperature.": edit(_COLD, ""),
        "sample_next_token ignores the penalty.": edit(_PENALTY, ""),
        "The penalty comes before the temperature.": [edit(_COLD, ""), edit(_PENALTY, _PENALTY + _COLD)],
        "sample_next_token ignores top_k.": edit("        if top_k:", "        if False:"),
        "sample_next_token ignores top_p.": edit("        if top_p:", "        if False:"),
        "Options that make no sense are taken.": [
            edit("if temperature < 0 or top_k < 0 or not 0 <= top_p <= 1:", "if False:"),
            edit("if top_k and top_p:", "if False:"),
        ],
        "Text is drawn without the options that were asked for.": edit(", **kwargs)\n", ")\n"),
        "Shows the model the whole text, though it takes n_ctx tokens only.": edit("-self.cfg.n_ctx :]", ":]"),
        "Shows the model the first n_ctx tokens, and not the last.": edit("-self.cfg.n_ctx :]", ": self.cfg.n_ctx]"),
        "Never stops at the end-of-text token, or takes its text for its number.": edit("if token ==", 'if "token" =='),
        "Takes the logits at the first position.": edit(":])[0, -1]", ":])[0, 0]"),
        "A penalty counts the new tokens only.": edit("token(input_ids, l", "token(input_ids[len(prompt) :], l"),
        "The model stays in training mode.": edit("        self.model.eval()\n", ""),
    },
)


@TransformerSampler.check(points=0.25, examples=30, logits=unsorted())
def greedy(solution, logits):
    """Greedy search says the token with the largest logit."""
    return int(solution.TransformerSampler.greedy_search(logits))


@TransformerSampler.check(points=0.25, examples=30, extra=True, logits=tensors((4,), (1, 0)))
def greedy_ties(solution, logits):
    """Greedy search says any of several that are equally large."""
    return logits[int(solution.TransformerSampler.greedy_search(logits))]


@TransformerSampler.check(points=0.5, judge=basic, examples=5, logits=unsorted())
def basic_draws(solution, logits):
    """Basic sampling draws from softmax(logits), anew each time."""
    return many(lambda: solution.TransformerSampler.sample_basic(logits))


@TransformerSampler.check(points=0.25, examples=20, extra=True, size=st.integers(2, 4), token=st.integers(0, 3))
def basic_far(solution, size, token):
    """Basic sampling is right for logits of -inf, and for ones that are thousands apart."""
    far, barred = torch.full((size,), -1000.0), torch.full((size,), -torch.inf)
    far[token % size], barred[token % size] = 1000.0, 1.0
    return [int(solution.TransformerSampler.sample_basic(logits)) for logits in (far, barred)]


@TransformerSampler.check(points=0.5, logits=tensors((3,)), temperature=st.sampled_from((0.5, 2.0, 4.0, 0.001)))
def temperature_values(solution, logits, temperature):
    """The temperature divides the logits, in a new tensor."""
    return solution.TransformerSampler.apply_temperature(logits, temperature)


Penalty = namedtuple("Penalty", "input_ids logits freq_penalty")
penalties = st.builds(Penalty, tensors((4,), (0, 1, 2, 3), "int64"), tensors((5,)), st.sampled_from((0.5, 2.0, -1.0)))


@TransformerSampler.check(points=0.5, case=penalties)
def penalty_values(solution, case):
    """The frequency penalty is taken off for each time that a token came."""
    return solution.TransformerSampler.apply_frequency_penalty(case.input_ids, case.logits.clone(), case.freq_penalty)


@TransformerSampler.check(points=0.25, examples=20, extra=True, case=penalties)
def penalty_apart(solution, case):
    """The frequency penalty leaves the logits that it is given as they were."""
    return solution.TransformerSampler.apply_frequency_penalty(*case)


@TransformerSampler.check(points=0.75, judge=top_k, examples=8, case=drawings())
def top_k_draws(solution, case):
    """Top k draws one of the k likeliest tokens, in proportion; the token, and not its rank."""
    return many(lambda: solution.TransformerSampler.sample_top_k(case.logits, case.k))


@TransformerSampler.check(points=0.25, judge=tied, examples=3, extra=True, shift=st.integers(0, 3))
def top_k_ties(solution, shift):
    """Top k keeps k where more are equally likely: seen is how often the best comes (0) or another (1)."""
    logits = torch.tensor([2.0, 1.0, 1.0, 1.0]).roll(shift)
    return many(lambda: int(logits[int(solution.TransformerSampler.sample_top_k(logits, 2))] < 2), times=1000)


@TransformerSampler.check(judge=top_p, examples=8, case=drawings())
def top_p_draws(solution, case):
    """Top p draws from the nucleus, with the token that crosses top_p in it."""
    return many(lambda: solution.TransformerSampler.sample_top_p(case.logits, case.top_p))


@TransformerSampler.check(points=0.25, judge=top_p, examples=5, case=drawings(), least=st.integers(2, 3))
def top_p_least(solution, case, least):
    """Top p keeps min_tokens_to_keep tokens or more."""
    return many(lambda: solution.TransformerSampler.sample_top_p(case.logits, case.top_p, least))


@TransformerSampler.check(points=0.25, examples=20, case=asked())
def next_greedy(solution, case):
    """The next token is the likeliest at a temperature of 0, whatever else is asked for."""
    options = {**case.options, "temperature": 0.0}
    return int(solution.TransformerSampler.sample_next_token(case.input_ids, case.logits, **options))


@TransformerSampler.check(points=0.75, judge=drawn, examples=10, case=asked().filter(is_clear))
def next_draws(solution, case):
    """The next token is drawn with temperature, penalty, top k or top p, as is asked for."""
    return many(lambda: solution.TransformerSampler.sample_next_token(case.input_ids, case.logits, **case.options))


@TransformerSampler.check(points=0.25, examples=50, case=cold.filter(is_clear))
def next_order(solution, case):
    """The temperature comes before the penalty (here with a top_k of 1, which leaves no chance)."""
    return int(solution.TransformerSampler.sample_next_token(case.input_ids, case.logits, **case.options))


@TransformerSampler.check(points=0.25, examples=20, extra=True, logits=unsorted(), t=st.sampled_from((0.001, 0.002)))
def next_cold(solution, logits, t):
    """The next token is the likeliest at temperatures near 0."""
    return int(solution.TransformerSampler.sample_next_token(torch.tensor([0]), logits, temperature=t))


@TransformerSampler.check(points=0.25, examples=20, extra=True, options=st.sampled_from(STRANGE + SOUND))
def next_refuses(solution, options):
    """Options that make no sense are refused, and no others."""
    try:
        solution.TransformerSampler.sample_next_token(torch.tensor([0]), torch.tensor([1.0, 2.0]), **options)
    except (ValueError, AssertionError):
        return "refused"
    return "taken"


@TransformerSampler.check(points=0.5, examples=30, case=speeches())
def speech_greedy(solution, case):
    """Text goes on from the prompt, token by token, with the options that are given (here a temperature of 0)."""
    sampler = solution.TransformerSampler(ToyModel(case.seed, 3), CharTokenizer("abc"))
    return sampler.sample(case.prompt, max_tokens_generated=case.length, temperature=0.0)


@TransformerSampler.check(points=0.25, examples=3, case=speeches())
def speech_default(solution, case):
    """Text gets 100 more tokens unless told otherwise."""
    sampler = solution.TransformerSampler(ToyModel(case.seed, 3, 200), CharTokenizer("abc"))
    return sampler.sample(case.prompt, temperature=0.0)


@TransformerSampler.check(points=0.5, examples=30, case=speeches(20, 20))
def speech_ends(solution, case):
    """Text stops at the end-of-text token."""
    sampler = solution.TransformerSampler(ToyModel(case.seed, 4), CharTokenizer("abc|", "|"))
    return sampler.sample(case.prompt, max_tokens_generated=case.length, temperature=0.0).removesuffix("|")


@TransformerSampler.check(points=0.5, examples=30, case=speeches(), n_ctx=st.integers(2, 4))
def speech_long(solution, case, n_ctx):
    """The model is shown the last n_ctx tokens of a text, where there are more."""
    sampler = solution.TransformerSampler(ToyModel(case.seed, 3, n_ctx), CharTokenizer("abc"))
    return sampler.sample(case.prompt, max_tokens_generated=case.length, temperature=0.0)


@TransformerSampler.check(points=0.25, examples=30, case=speeches(1, 5, "ab", 8))
def speech_penalty(solution, case):
    """A penalty counts all tokens of a text, those of the prompt too."""
    sampler = solution.TransformerSampler(ToyModel(case.seed, 4), CharTokenizer("abcd"))
    return sampler.sample(case.prompt, max_tokens_generated=case.length, frequency_penalty=2.0, top_k=1)


@TransformerSampler.check(points=0.5, judge=said_next, examples=4, case=speeches(1, 1))
def speech_draws(solution, case):
    """Text is drawn from the model's distribution, anew each time; seen is how often each of four letters is added."""
    sampler = solution.TransformerSampler(ToyModel(case.seed, 4), CharTokenizer("abcd"))
    return many(lambda: "abcd".index(sampler.sample(case.prompt, max_tokens_generated=1)[-1]))


@TransformerSampler.check(points=0.25, examples=5, extra=True, case=speeches(3, 3))
def speech_modes(solution, case):
    """Text is made in evaluation mode and without recording gradients."""
    model = ToyModel(case.seed, 3)
    solution.TransformerSampler(model, CharTokenizer("abc")).sample(case.prompt, max_tokens_generated=case.length)
    return sorted(model.modes)


# %% Beams
Beginnings = namedtuple("Beginnings", "logprob_sums tokens k seed")
Repeating = namedtuple("Repeating", "logprobs tokens n k")


@st.composite
def beginnings(draw, vocabulary=5, most=4, beams=(2, 4)):
    """Beams of equal length, no two of them equal, and how many are to be kept; log-probabilities are not in order."""
    length = draw(st.integers(1, most))
    rows = st.lists(st.integers(0, vocabulary - 1), min_size=length, max_size=length)
    tokens = draw(st.lists(rows, min_size=beams[0], max_size=beams[1], unique_by=tuple))
    sums = torch.tensor([-number / 2 for number in draw(st.permutations(range(1, 9)))[: len(tokens)]])
    return Beginnings(sums, torch.tensor(tokens), draw(st.integers(1, 2)), draw(seeds))


@st.composite
def repeating(draw, least=2, most=4, size=1):
    """Beams of few tokens, which repeat, and log-probabilities of the next, no two equal in one row."""
    length = draw(st.integers(2, 6))
    tokens = draw(tensors((size, length), (0, 1, 2), "int64"))
    rows = [draw(st.permutations(range(1, 6))) for _ in range(size)]  # of 5 tokens, 2 are always free
    return Repeating(-torch.tensor(rows) / 2, tokens, draw(st.integers(least, most)), draw(st.integers(1, 2)))


_TOPK = "logprobs.masked_fill(repeats, -torch.inf).topk(k, dim=-1)"
_BEST = "self[self.logprob_sums.topk(k).indices]"
_PARTED = "best[~has_ended], best[has_ended]"
Beams = section.exercise(
    "Beams",
    hints=[
        "Two beams, k = 2: which four come of it? Does repeat or repeat_interleave put copies of one side by side?",
        "A text of 5 tokens, n = 3: where can a run of three begin? Which two of it are compared with the last two?",
        "First find the k best of all beams. Only then ask which of these have ended.",
    ],
    mistakes={
        "Does not look at the last run of tokens.": edit("range(len(tokens) - n + 1)", "range(len(tokens) - n)"),
        "Does not keep tokens from repeating.": edit("repeats[beam, ngram[-1]] = True", "pass"),
        "Strikes what other beams said there, too.": edit("ngram[-1]] =", "self.tokens[:, start + n - 1]] ="),
        "Forbids all tokens that came before.": edit("if ngram[:-1] == tokens[len(tokens) - n + 1 :]:", "if True:"),
        "Takes [-(n - 1):] for the last tokens: all for n = 1.": edit("[len(tokens) - n + 1 :]", "[-(n - 1) :]"),
        "Chooses the k tokens first, and then strikes those that repeat: fewer than k are left.": edit(
            f"return {_TOPK}",
            "top = logprobs.topk(k, dim=-1)\n"
            "        return top.values.masked_fill(repeats.gather(1, top.indices), -torch.inf), top.indices",
        ),
        "Renormalises over the k tokens that are kept; probabilities are those among all tokens.": edit(
            "self.logprob_sums[:, None] + new_logprobs", "self.logprob_sums[:, None] + new_logprobs.log_softmax(dim=-1)"
        ),
        "Forgets how likely the beam was so far.": edit("self.logprob_sums[:, None] + new_logprobs", "new_logprobs"),
        "Adds logits, which are no logarithms of probabilities.": edit("[:, -1].log_softmax(dim=-1)", "[:, -1]"),
        "Takes the model's logits at the first position.": edit("(self.tokens)[:, -1]", "(self.tokens)[:, 0]"),
        "Copies all beams in a row: tokens meet other beginnings.": edit("repeat_interleave(k, dim=0)", "repeat(k, 1)"),
        "Does not hand no_repeat_ngram_size on.": edit("(logprobs, no_repeat_ngram_size, k)", "(logprobs, None, k)"),
        "Keeps k beams that go on, beside those that have ended; both share the k places.": [
            edit(_BEST, "self[self.logprob_sums.argsort(descending=True)]"),
            edit(_PARTED, "best[~has_ended][slice(k)], best[has_ended]"),
        ],
        "Loses the beams that have ended.": edit(_PARTED, "best[~has_ended], best[has_ended][slice(0)]"),
        "Goes on with beams that have ended.": edit(_PARTED, "best, best[has_ended]"),
        "Keeps the first k beams, whatever their log-probabilities.": edit(_BEST, "self[slice(k)]"),
    },
)


@Beams.check(points=0.75, case=repeating())
def topk_non_repeating(solution, case):
    """Of the tokens that repeat no run of n, the k likeliest are chosen."""
    beams = solution.Beams(None, None, torch.zeros(len(case.tokens)), case.tokens)
    return chosen(*beams.get_topk_non_repeating(case.logprobs.clone(), case.n, case.k))


@Beams.check(points=0.25, examples=30, extra=True, case=repeating(1, 1))
def topk_all_different(solution, case):
    """No token comes twice where n is 1."""
    beams = solution.Beams(None, None, torch.zeros(len(case.tokens)), case.tokens)
    return chosen(*beams.get_topk_non_repeating(case.logprobs.clone(), case.n, case.k))


@Beams.check(points=0.25, extra=True, case=repeating(size=3))
def topk_of_each_beam(solution, case):
    """Of several beams each may say what would repeat something in another."""
    beams = solution.Beams(None, None, torch.zeros(len(case.tokens)), case.tokens)
    return chosen(*beams.get_topk_non_repeating(case.logprobs.clone(), case.n, case.k))


@Beams.check(judge=near, examples=50, case=beginnings())
def beams_generate(solution, case):
    """Each beam goes on in k ways; the log-probability of the new token, among all tokens, is added."""
    beams = solution.Beams(ToyModel(case.seed, 5), CharTokenizer("abcd|", "|"), case.logprob_sums, case.tokens)
    return completions(beams.generate(case.k))


@Beams.check(points=0.25, judge=near, examples=30, case=beginnings(vocabulary=3, most=6, beams=(1, 1)))
def beams_generate_new(solution, case):
    """No run of two tokens comes twice in a beam where that is asked for."""
    beams = solution.Beams(ToyModel(case.seed, 6), CharTokenizer("abcde|", "|"), case.logprob_sums, case.tokens)
    return completions(beams.generate(case.k, 2))


@Beams.check(case=beginnings(vocabulary=2))
def beams_filter(solution, case):
    """The k best of all beams are kept: those that go on, and those that have ended, which take places among the k."""
    beams = solution.Beams(None, CharTokenizer("|a", "|"), case.logprob_sums, case.tokens)
    return [completions(found) for found in beams.filter(case.k)]


# %% beam_search
Search = namedtuple("Search", "prompt wanted beams length seed")


@st.composite
def searches(draw, least=1, most=5):
    """A prompt, how many texts are wanted, how many beams there are, and how many tokens are to follow."""
    beams, prompt = draw(st.integers(1, 3)), draw(st.text("abc", min_size=1, max_size=3))
    return Search(prompt, draw(st.integers(1, beams)), beams, draw(st.integers(least, most)), draw(seeds))


def exhaustive(observed, expected, inputs):
    """Accepts nothing but the best of all texts, which are few enough to look at."""
    case, found = inputs["case"], []
    for first, second in itertools.product("abcd", repeat=2):
        after = [next_chances({"case": case._replace(prompt=case.prompt + more)}) for more in ("", first)]
        total = math.log(after[0]["abcd".index(first)] * after[1]["abcd".index(second)])
        found.append((total, case.prompt + first + second))
    return difference(observed, sorted(found, reverse=True)[: case.wanted], rtol=1e-4, atol=1e-4)


beam_search = section.exercise(
    "beam_search",
    aliases={"TransformerSampler": "def beam_search"},
    hints=[
        "What is the only beam before the first step, and its log-probability?",
        "After filter, which beams go on, and what becomes of the others?",
        "When is there nothing left to look for, though max_new_tokens is not reached?",
    ],
    mistakes={
        "Goes on with one beam only, which is greedy search.": edit(".filter(num_beams)", ".filter(1)"),
        "Goes on with each beam in its best way only, though the best of all ways may come of one beam.": edit(
            "generate(num_beams,", "generate(num_beams if len(beams.tokens) == 1 else 1,"
        ),
        "Forgets the beams that have ended.": edit("        found += ended.logprobs_and_completions\n", ""),
        "Stops as soon as one has ended, whatever is asked for.": edit("len(found) >= num_return_sequences:", "found:"),
        "Does not hand no_repeat_ngram_size on.": edit("(num_beams, no_repeat_ngram_size)", "(num_beams)"),
        "Returns all beams, not as many as are asked for.": edit("completions)[:num_return_sequences]", "completions)"),
        "Begins with a log-probability of 1; the logarithm of 1 is 0.": edit("torch.zeros(1)", "torch.ones(1)"),
    },
)


@beam_search.check(judge=near, examples=30, case=searches())
def search_values(solution, case):
    """Goes on with num_beams beams, and returns the best with their log-probabilities."""
    model, tokenizer = ToyModel(case.seed, 5), CharTokenizer("abcde")
    return search(solution, model, tokenizer, case.prompt, case.wanted, case.beams, case.length)


@beam_search.check(judge=exhaustive, points=0.5, examples=20, case=searches(2, 2))
def search_wide(solution, case):
    """Finds the best texts of all with as many beams as tokens in the vocabulary, for two new ones."""
    return search(solution, ToyModel(case.seed, 4), CharTokenizer("abcd"), case.prompt, case.wanted, 4, case.length)


@beam_search.check(points=0.5, judge=near, examples=50, case=searches(5, 5))
def search_ends(solution, case):
    """Puts beams aside that have ended, and stops when there are as many as are asked for; else others fill up."""
    model, tokenizer = ToyModel(case.seed, 3), CharTokenizer("ab|", "|")
    return search(solution, model, tokenizer, "ab", case.wanted, case.beams, case.length)


@beam_search.check(points=0.25, judge=near, examples=20, case=searches(4, 6))
def search_new(solution, case):
    """Lets no run of two tokens come twice where it is asked to (here with one beam)."""
    return search(solution, ToyModel(case.seed, 5), CharTokenizer("abcde"), case.prompt, 1, 1, case.length, 2)


@beam_search.check(points=0.25, examples=5, extra=True, case=searches(2, 2))
def search_modes(solution, case):
    """Works in evaluation mode and without recording gradients."""
    model = ToyModel(case.seed, 5)
    search(solution, model, CharTokenizer("abcde"), case.prompt, case.wanted, case.beams, case.length)
    return sorted(model.modes)


# %% attention_with_cache, forward_with_cache
Pieces = namedtuple("Pieces", "shape pieces")  # shape: (batch, seq, heads, d_head) of keys
Cut = namedtuple("Cut", "tokens pieces sizes")


@st.composite
def cuts(draw, seq):
    """How a text is cut into pieces."""
    left, found = draw(st.integers(*seq)), []
    while left:
        found.append(draw(st.integers(1, left)))
        left -= found[-1]
    return found


@st.composite
def pieces(draw):
    batch, heads, d_head = draw(st.permutations((1, 2, 3)))
    found = draw(cuts((1, 5)))
    return Pieces((batch, sum(found), heads, d_head), found)


_LATER = "diagonal=total - new + 1"
_CACHED = "torch.cat([cache.k, k_new], dim=1)"
attention_with_cache = section.exercise(
    "attention_with_cache",
    hints=[
        "With 5 positions in the cache and 2 new ones: which shape have the scores, and which one of them is left out?",
        "Write that mask down. By how much does its triangle move to the right when the cache grows by one?",
    ],
    mistakes={
        "Masks as if the new positions began at 0: they see too little of the cache.": edit(_LATER, "diagonal=1"),
        "New positions see all new ones, those after them too.": edit(_LATER, "diagonal=total"),
        "A new position does not see itself.": edit(_LATER, "diagonal=total - new"),
        "Puts new keys before the old ones.": edit(_CACHED, "torch.cat([k_new, cache.k], dim=1)"),
        "Ignores the cache.": edit("k = k_new if cache", "cache = None\n    k = k_new if cache"),
        "Returns the new keys and values only.": edit("return z, KVCache(k, v)", "return z, KVCache(k_new, v_new)"),
        "Grows the cache that it was given; other texts may go on from it.": edit(
            "    _, _, new, total =",
            "    if cache is not None:\n        cache.k.set_(k)\n        cache.v.set_(v)\n    _, _, new, total =",
        ),
    },
)


@attention_with_cache.check(judge=deep, examples=50, case=pieces())
def cache_pieces(solution, case):
    """Gives the same however a text is cut into pieces, and keeps the keys and values of all of them."""
    found, cache = [], None
    for q, k, v in zip(*(part.split(case.pieces, dim=1) for part in noise(1, 3, *case.shape)), strict=True):
        z, cache = solution.attention_with_cache(q, k, v, cache)
        found.append(z)
    return torch.cat(found, dim=1), tuple(cache)


@attention_with_cache.check(points=0.5, judge=deep, examples=30, case=pieces())
def cache_branches(solution, case):
    """Leaves the cache as it is, so that two texts may go on from it."""
    cache = KVCache(*noise(0, 2, *case.shape))
    return [solution.attention_with_cache(*noise(seed, 3, *case.shape), cache)[0] for seed in (1, 2)]


@st.composite
def cut_texts(draw):
    """Texts that are cut into pieces, and the sizes of a model that reads them."""
    found, sizes = draw(cuts((1, 5))), {"seed": draw(seeds), "n_layers": draw(st.integers(1, 3))}
    return Cut(draw(tensors((draw(st.integers(1, 2)), sum(found)), range(7), "int64")), found, sizes)


_ROWS = "model.pos_embed.W_pos[past : past + tokens.shape[1]]"
forward_with_cache = section.exercise(
    "forward_with_cache",
    hints=[
        "Go through the forward of your model line by line. Which lines look at one position only, and need no change?",
        "At which position stands the first of the new tokens? What in the cache tells you?",
        "How many caches are there in a model of 12 layers?",
    ],
    mistakes={
        "Positions start at 0 again with every piece.": edit(_ROWS, "model.pos_embed.W_pos[: tokens.shape[1]]"),
        "All layers share the first one's cache.": edit("else cache[layer])", "else cache[0])"),
        "Ignores the cache.": edit("None if cache is None else cache[layer]", "None"),
        "The caches that come back hold the new tokens only.": edit("append(kept)", "append(KVCache(k, v))"),
        "Changes the list of caches that it was given; other texts may go on from it.": [
            edit("longer = []", "longer = [None] * len(model.blocks) if cache is None else cache"),
            edit("longer.append(kept)", "longer[layer] = kept"),
        ],
        "Forgets the biases of queries, keys and values.": [edit(f" + attn.b_{name}", "") for name in "QKV"],
        "Forgets b_O.": edit("        residual = residual + attn.b_O\n", ""),
        "Attention reads the stream without a norm.": edit("block.ln1(residual)", "residual"),
    },
)


@forward_with_cache.check(points=1.5, judge=deep, examples=20, case=cut_texts())
def forward_pieces(solution, case):
    """Has the logits that the model has without a cache, however a text is cut into pieces."""
    model = build(solution.DemoTransformer, **case.sizes)
    return read(solution.forward_with_cache, model, case.tokens, case.pieces)[0]


@forward_with_cache.check(points=0.5, judge=deep, examples=20, case=cut_texts())
def forward_branches(solution, case):
    """Leaves the caches as they are, so that two texts may go on from them."""
    model = build(solution.DemoTransformer, **case.sizes)
    _, cache = solution.forward_with_cache(model, case.tokens, None)
    return [solution.forward_with_cache(model, token, cache)[0].detach() for token in case.tokens.split(1, dim=1)]
