"""Checks of the section `circuits`: brackets, Fourier transforms of modular addition, and a board game.

Models are tiny and follow from a drawn seed (exercises/given/circuits_examples.py), so that a call that is shown has no
weights in it. Names that answers read from their file (model, p, fourier_basis, F0_index …) are set for each call.

Of this part of the curriculum nothing is left out. `LinearProbeTrainer`, which differs from edition to edition, is two
functions here: the loss of a batch and the loop around it.
"""

from collections import namedtuple

import torch
from hypothesis import strategies as st

from exercises.given.circuits_examples import (
    Data,
    adder,
    angles,
    asked,
    batches,
    games,
    hooks_left,
    looks,
    metric,
    neurons,
    noise,
    plain,
    summed,
    texts,
    tokens,
    told,
    toy,
    trained,
    waved,
)  # fmt: skip
from exercises.given.circuits_models import AdditionModel, BracketTokenizer, board_probe, board_stream, bracket_model
from graders.engine import WHOLE, Section, close, difference, edit, tensors

section = Section("circuits", title="Toy circuits: brackets, modular addition, a board game")
section.lend(
    HookedTransformer="exercises.given.hooked.HookedTransformer",
    HookedTransformerConfig="exercises.given.hooked.HookedTransformerConfig",
    ActivationCache="exercises.given.hooked.ActivationCache",
    HookPoint="exercises.given.hooked.HookPoint",
    get_act_name="exercises.given.hooked.get_act_name",
    to_numpy="exercises.given.hooked.to_numpy",
    get_device="exercises.given.circuits_examples.get_device",
    utils="exercises.given.hooked",
    LinearRegression="exercises.given.circuits_models.LinearRegression",
    SimpleTokenizer="exercises.given.circuits_models.BracketTokenizer",
    OthelloBoardState="exercises.given.othello.OthelloBoardState",
)
near = close(rtol=1e-4, atol=1e-5)  # sums of a few products in single precision
deep = close(rtol=1e-3, atol=1e-4)  # three layers in single precision
seeds = st.integers(0, 999)
layers = st.integers(0, 2)
heads = st.integers(0, 1)
few = st.integers(1, 3)
low = st.integers(1, 2)  # frequencies
small = st.sampled_from((5, 7))
odd = st.sampled_from((3, 5, 7))

# %% Brackets: the task
anything = st.text("()", max_size=8)


@st.composite
def balanced(draw):
    """Balanced brackets."""
    inner = st.recursive(
        st.just(""), lambda child: st.tuples(child, child).map(lambda two: f"({two[0]}){two[1]}"), max_leaves=6
    )
    return draw(inner)


almost = st.one_of(balanced().map(lambda text: text + "("), balanced().map(lambda text: f"({text}"))
brackets = st.one_of(anything, balanced(), balanced().map(lambda text: text[::-1]), almost)
is_balanced_forloop = section.exercise(
    "is_balanced_forloop",
    hints=[
        'Read "())(" aloud, counting up and down. At which sign do you know the answer?',
        "What does the count have to be at the end, and what must it never have been?",
    ],
    mistakes={
        "Only compares how many open and how many close.": edit("if depth < 0:", "if False:"),
        "Only looks whether too many close; some may stay open.": edit("return depth == 0", "return True"),
        "Takes the brackets the wrong way round.": edit('sign == "("', 'sign == ")"'),
        "Calls no brackets at all unbalanced.": edit("return depth == 0", 'return depth == 0 and parens != ""'),
    },
)
is_balanced_forloop.call("reads_brackets", "Says whether brackets are balanced.", parens=brackets)
is_balanced_forloop.call(
    "reads_no_brackets", "Says that no brackets at all are balanced.", points=0.25, parens=st.just("")
)

is_balanced_vectorized = section.exercise(
    "is_balanced_vectorized",
    hints=[
        "Which tensor of five numbers, with tokens in its square brackets, gives +1, -1 and 0 where they belong?",
        "Which function of torch makes all sums up to a position at once?",
    ],
    mistakes={
        "Only compares how many open and how many close.": edit(" & (depth >= 0).all()", ""),
        "Only looks whether too many close; some may stay open.": edit("(depth[-1] == 0) & ", ""),
        "Counts pads as if they closed brackets.": edit("0, 0, 0, 1, -1", "0, -1, 0, 1, -1"),
        "Counts the end as if it closed a bracket.": edit("0, 0, 0, 1, -1", "0, 0, -1, 1, -1"),
        "Takes the brackets the wrong way round.": edit("1, -1]", "-1, 1]"),
    },
)


@is_balanced_vectorized.check(parens=brackets, pads=st.integers(0, 2), end=st.booleans())
def reads_tokens(solution, parens, pads, end):
    """Says whether the brackets among tokens are balanced, whether an end and pads follow them or not."""
    return bool(solution.is_balanced_vectorized(tokens(parens, pads, end)))


is_balanced_vectorized_return_both = section.exercise(
    "is_balanced_vectorized_return_both",
    hints=[
        "Coming from the right, which bracket may come first, and which is a failure at once?",
        "torch has flip for reading backwards. Which axis are the positions, and which are the texts?",
    ],
    mistakes={
        "Reads from left to right.": edit("change.flip(-1).cumsum", "change.cumsum"),
        "The second answer says where there is no failure.": edit("(elevation > 0).any", "(elevation <= 0).all"),
        "The first answer says where there is no failure.": edit("!= 0", "== 0"),
        "Looks for elevations below zero: those above zero fail here.": edit("elevation > 0", "elevation < 0"),
        "Counts pads as if they closed brackets.": edit("0, 0, 0, 1, -1", "0, -1, 0, 1, -1"),
        "Counts along the texts of the batch, and not along each text.": edit("cumsum(-1)", "cumsum(0)"),
        "Has both failures in the wrong order.": [
            edit("elevation[:, -1] != 0, (elevation > 0).any(-1)", "(elevation > 0).any(-1), elevation[:, -1] != 0")
        ],
    },
)


@is_balanced_vectorized_return_both.check(toks=st.integers(1, 4).flatmap(lambda b: tensors((b, 5), range(5), "int64")))
def tells_failures_apart(solution, toks):
    """Says of each text, read from the right, whether it ends off zero and whether it goes above."""
    total, negative = solution.is_balanced_vectorized_return_both(toks)
    return total, negative


_TALL = '"(" * (length // 2) + ")" * (length // 2)'
tallest_balanced_bracket = section.exercise(
    "tallest_balanced_bracket",
    hints=[
        "Where do all closing brackets stand, if the depth is to be greatest?",
        "How many of the brackets open? What does Python make of a text times a number?",
    ],
    mistakes={
        "Opens and closes again at once, which stays low.": edit(_TALL, '"()" * (length // 2)'),
        "Makes as many pairs as there should be brackets.": edit(_TALL, '"(" * length + ")" * length'),
    },
)
tallest_balanced_bracket.call(
    "goes_deepest", "Opens all before it closes any.", points=0.5, length=st.integers(1, 8).map(lambda n: 2 * n)
)
tallest_balanced_bracket.call("goes_nowhere", "Is empty for a length of 0.", points=0.25, extra=True, length=st.just(0))


# %% Brackets: looking inside
add_perma_hooks_to_mask_pad_tokens = section.exercise(
    "add_perma_hooks_to_mask_pad_tokens",
    hints=[
        "Scores do not know which token is where. Which hook point does, and how does it pass that on?",
        "Which axis of (batch, head, query, key) are pads to be hidden on? What score makes softmax give 0?",
    ],
    mistakes={
        "Masks pads as queries, not as keys.": edit("[:, None, None]", "[:, None, :, None]"),
        "Hooks are not permanent: reset_hooks takes them away.": [
            edit('add_perma_hook("hook_tokens"', 'add_hook("hook_tokens"'),
            edit("add_perma_hook(lambda", "add_hook(lambda"),
        ],
        "Masks the first block only.": edit('name.endswith("hook', 'name.endswith("0.attn.hook'),
        "Takes token 1 for the pad, whatever it is told.": edit("tokens == pad_token", "tokens == 1"),
        "Masks what is no pad.": edit("tokens == pad_token", "tokens != pad_token"),
        "Sets scores to 0, which is no mask.": edit("-torch.inf", "0.0"),
    },
)


@add_perma_hooks_to_mask_pad_tokens.check(
    judge=deep, examples=20, seed=seeds, pad_token=st.sampled_from((1, 4)), layer=layers
)
def looks_at_no_pad(solution, seed, pad_token, layer):
    """Has no query look at a pad, in any block and in later runs, also after reset_hooks."""
    return looks(solution.add_perma_hooks_to_mask_pad_tokens, seed, pad_token, layer)


names = st.sampled_from(
    ("hook_embed", "blocks.0.hook_resid_mid", "blocks.1.attn.hook_pattern", "blocks.2.mlp.hook_post")
)
_RUN = "_, cache = model.run_with_cache(toks, names_filter=lambda name: name in wanted)"
_HOOKED = """cache = {}
    for name in wanted:
        model.add_hook(name, lambda value, hook: cache.update({hook.name: value}))
    model(toks)"""
get_activations = section.exercise(
    "get_activations",
    hints=[
        "run_with_cache returns two things. Which one do you need?",
        "What should come back for one name, and what for a list of one name? isinstance tells them apart.",
    ],
    mistakes={
        "Returns the cache for a single name too.": edit("cache[names] if isinstance(names, str) else cache", "cache"),
        "Returns a list of tensors, without their names.": edit("else cache", "else [cache[name] for name in wanted]"),
        "Leaves its hooks on the model.": edit(_RUN, _HOOKED),
    },
)


@get_activations.check(judge=deep, examples=20, seed=seeds, name=names)
def one_activation(solution, seed, name):
    """Gives the tensor that goes through a single hook point."""
    return solution.get_activations(toy(seed), texts(seed, 1, 2).toks, name)


@get_activations.check(judge=deep, points=0.5, examples=20, seed=seeds, names=st.lists(names, min_size=1, max_size=3))
def several_activations(solution, seed, names):
    """Gives what goes through several hook points, by their names."""
    found = solution.get_activations(toy(seed), texts(seed, 1, 2).toks, names)
    return {name: found[name] for name in names}


@get_activations.check(points=0.25, examples=5, seed=seeds, name=names)
def leaves_no_hooks(solution, seed, name):
    """Leaves no hook on the model."""
    model = toy(seed)
    shape = solution.get_activations(model, texts(seed).toks, name).shape
    return hooks_left(model), tuple(shape)


@get_activations.check(points=0.25, judge=near, examples=20, parens=anything)
def size_of_elevation(solution, parens):
    """Shows in a model by hand which neuron sees too many "(", and which too many ")"."""
    return solution.get_activations(bracket_model(), tokens(parens)[None], "blocks.0.mlp.hook_post")


_PLACE = "'pre' if norm == 'ln1' else 'mid'"
LN_hook_names = section.exercise(
    "LN_hook_names",
    hints=[
        "layernorm.hook_normalized.name says which LayerNorm it is. Print it for several.",
        "What does a block's second LayerNorm read: the stream before attention, or after it?",
    ],
    mistakes={
        "Takes the stream at the start of the block for ln2 too.": edit(_PLACE, "'pre'"),
        "Takes the stream after the block for ln2, not before it.": edit("else 'mid'", "else 'post'"),
        "Takes the first block's stream for ln_final.": edit("{model.cfg.n_layers - 1}", "0"),
    },
)


@LN_hook_names.check(examples=10, layer=layers, norm=st.sampled_from(("ln1", "ln2")))
def names_in_blocks(solution, layer, norm):
    """Names the points before and after the LayerNorms of a block."""
    model = toy(0)
    return tuple(told(solution.LN_hook_names, getattr(model.blocks[layer], norm), model=model))


@LN_hook_names.check(points=0.5)
def names_at_the_end(solution):
    """Names the points before and after the final LayerNorm."""
    model = toy(0)
    return tuple(told(solution.LN_hook_names, model.ln_final, model=model))


get_ln_fit = section.exercise(
    "get_ln_fit",
    hints=[
        "What comes before a LayerNorm, and what after it? Which of your functions say and fetch it?",
        "fit wants a matrix with an example in each row. Which axes of (batch, seq, d_model) are examples?",
        "Position 0 is a position. What does `if seq_pos:` make of it?",
    ],
    mistakes={
        "Takes position 0 for no position.": edit("if seq_pos is None", "if not seq_pos"),
        "Fits what comes before by what comes after.": edit("(before, after))", "(after, before))"),
        "Uses the first text only.": edit("[:, at].reshape", "[:1, at].reshape"),
        "Uses all positions, whichever is asked for.": edit(" if seq_pos is None else seq_pos", ""),
        "Fits without an intercept.": edit("fit = LinearRegression()", "fit = LinearRegression(False)"),
    },
)
fitted = close(rtol=1e-2, atol=3e-3)  # least squares in single precision, as sklearn has it


@get_ln_fit.check(judge=fitted, examples=10, seed=seeds, name=st.sampled_from(("ln1", "ln2", "ln_final")))
def fits_all_positions(solution, seed, name):
    """Fits what a LayerNorm does at all positions, and says how well."""
    model = toy(seed)
    norm = model.ln_final if name == "ln_final" else getattr(model.blocks[1], name)
    fit, r2 = told(solution.get_ln_fit, model, texts(seed, 12, 6), norm, model=model)
    return torch.tensor(fit.coef_).float(), torch.tensor(fit.intercept_).float(), float(r2)


@get_ln_fit.check(points=0.5, judge=fitted, examples=10, seed=seeds, layer=st.integers(1, 2), seq_pos=st.integers(0, 2))
def fits_a_position(solution, seed, layer, seq_pos):
    """Fits what it does at one position, also the first."""
    model = toy(seed)
    fit, r2 = told(solution.get_ln_fit, model, texts(seed, 40, 3), model.blocks[layer].ln1, seq_pos, model=model)
    return torch.tensor(fit.coef_).float(), float(r2)


_COLUMNS = "model.W_U[:, 0] - model.W_U[:, 1]"
get_post_final_ln_dir = section.exercise(
    "get_post_final_ln_dir",
    hints=[
        "Which logit says unbalanced?",
        "A logit is a product with a column of W_U. What is the difference of two such products?",
    ],
    mistakes={
        "Has the sign of balanced less unbalanced.": edit(_COLUMNS, "model.W_U[:, 1] - model.W_U[:, 0]"),
        "Takes rows of W_U; answers are its columns.": edit(_COLUMNS, "model.W_U[0] - model.W_U[1]"),
        "Takes the first column only.": edit(_COLUMNS, "model.W_U[:, 0]"),
        "Makes its length 1.": edit(_COLUMNS, f"torch.nn.functional.normalize({_COLUMNS}, dim=0)"),
    },
)


@get_post_final_ln_dir.check(points=0.5, judge=near, examples=10, seed=seeds)
def direction_of_unbalanced(solution, seed):
    """Is the column of unbalanced less that of balanced."""
    return solution.get_post_final_ln_dir(toy(seed))


_L = "torch.as_tensor(fit.coef_).float().T"
get_pre_final_ln_dir = section.exercise(
    "get_pre_final_ln_dir",
    hints=[
        "If y = L x, what is y · d as a product with x?",
        "Which axis of coef_ is what comes before the LayerNorm?",
    ],
    mistakes={
        "Multiplies by L where its transpose is needed.": edit(_L, _L.removesuffix(".T")),
        "Fits all positions, where the answer is read at the first.": edit(", seq_pos=0", ""),
        "Fits position 1.": edit("seq_pos=0", "seq_pos=1"),
        "Returns the direction after the LayerNorm.": edit(f"{_L} @ ", ""),
    },
)


@get_pre_final_ln_dir.check(judge=fitted, examples=10, seed=seeds)
def followed_to_before(solution, seed):
    """Follows the direction of unbalanced back through the last LayerNorm, at position 0."""
    return asked(solution.get_pre_final_ln_dir, plain(seed), texts(seed, 40, 3))


get_out_by_components = section.exercise(
    "get_out_by_components",
    hints=[
        "hook_result has (batch, seq, head, d_model). Which axis is to be first?",
        "How many components do three layers of two heads make? What is their order?",
    ],
    mistakes={
        "Leaves the positions out of the embeddings.": edit('cache["embed"] + cache["pos_embed"]', 'cache["embed"]'),
        "Takes the stream after a block, not what its MLP adds.": edit('"mlp_out"', '"resid_post"'),
        "Has the MLP of a block before its heads.": edit(
            "torch.cat(parts)",
            "torch.cat([parts[0], *(part for pair in zip(parts[2::2], parts[1::2]) for part in pair)])",
        ),
        "Adds b_O to each head, and it is of no single one.": edit(
            'cache["result", layer].permute(2, 0, 1, 3)',
            'cache["result", layer].permute(2, 0, 1, 3) + model.b_O[layer]',
        ),
    },
)


@get_out_by_components.check(points=1.5, judge=deep, examples=20, seed=seeds, layers=few, heads=few)
def parts_of_the_stream(solution, seed, layers, heads):
    """Gives what embeddings, heads and MLPs add to the stream, in the order of the model."""
    return asked(solution.get_out_by_components, toy(seed, layers, heads), texts(seed))


_OV = "model.W_V[layer, head] @ model.W_O[layer, head]"
get_WOV = section.exercise(  # noqa: N816
    "get_WOV",
    hints=[
        "What are the shapes of one head's W_V and W_O?",
        "Which of the two matrices reads from the stream, and which writes to it? What shape has their product?",
    ],
    mistakes={
        "Has it transposed: what is written is along the first axis.": edit(_OV, f"({_OV}).T"),
        "Takes head for layer.": edit(_OV, "model.W_V[head, layer % 2] @ model.W_O[head, layer % 2]"),
        "Takes the queries' weights.": edit("W_V[", "W_Q["),
        "Sums over all heads.": edit(_OV, "(model.W_V[layer] @ model.W_O[layer]).sum(0)"),
    },
)


@get_WOV.check(points=0.5, judge=near, examples=20, seed=seeds, layer=layers, head=heads)
def read_and_written(solution, seed, layer, head):
    """Multiplies the matrix that reads with the one that writes."""
    return asked(solution.get_WOV, toy(seed), layer, head)


get_pre_20_dir = section.exercise(
    "get_pre_20_dir",
    hints=[
        "In which order does x go through L, W_OV and the final direction? Which of them is transposed?",
        "At which position does the LayerNorm of block 2 work on what head 2.0 looks at?",
    ],
    mistakes={
        "Fits position 0, where the head does not look.": edit("seq_pos=1", "seq_pos=0"),
        "Takes the LayerNorm of the MLP.": edit("blocks[2].ln1", "blocks[2].ln2"),
        "Takes head 2.1.": edit("get_WOV(model, 2, 0)", "get_WOV(model, 2, 1)"),
        "Takes W_OV transposed.": edit("get_WOV(model, 2, 0)", "get_WOV(model, 2, 0).T"),
        "Multiplies by L where its transpose is needed.": edit(_L, _L.removesuffix(".T")),
        "Takes it after the last LayerNorm.": edit("pre_final_ln_dir(model, data)", "post_final_ln_dir(model)"),
    },
)
rough = close(rtol=2e-2, atol=2e-2)  # two such fits, and sums of 8 products of them


@get_pre_20_dir.check(judge=rough, examples=10, seed=seeds)
def followed_through_a_head(solution, seed):
    """Follows the direction back through head 2.0 and the LayerNorm before it, at position 1."""
    return asked(solution.get_pre_20_dir, plain(seed), texts(seed, 40, 3))


get_out_by_neuron = section.exercise(
    "get_out_by_neuron",
    hints=[
        "A neuron's activation is a number for each text and position. What does it multiply to become a vector?",
        "Position 0 is a position. What does `if seq:` make of it?",
    ],
    mistakes={
        "Takes activations before the activation function.": edit('cache["post", layer]', 'cache["pre", layer]'),
        "Takes position 0 for no position.": edit("if seq is not None:", "if seq:"),
        "Takes the weights of the first layer, whatever the layer.": edit("model.W_out[layer]", "model.W_out[0]"),
        "Takes the weights neurons read with.": edit("model.W_out[layer]", "model.W_in[layer].T"),
        "Adds b_out, which is of no neuron.": edit("model.W_out[layer]", "model.W_out[layer] + model.b_out[layer]"),
    },
)


@get_out_by_neuron.check(judge=deep, examples=20, seed=seeds, layer=layers)
def neurons_everywhere(solution, seed, layer):
    """Gives what each neuron adds at all positions."""
    return asked(solution.get_out_by_neuron, toy(seed), texts(seed), layer)


@get_out_by_neuron.check(points=0.5, judge=deep, examples=20, seed=seeds, layer=layers, seq=st.integers(0, 3))
def neurons_at_a_position(solution, seed, layer, seq):
    """Gives what each neuron adds at one position, also the first."""
    return asked(solution.get_out_by_neuron, toy(seed), texts(seed), layer, seq)


@get_out_by_neuron.check(points=0.25, judge=near, examples=20, parens=anything)
def neurons_by_hand(solution, parens):
    """Shows in a model by hand that both neurons write to the same dimension, one at a time."""
    return asked(solution.get_out_by_neuron, bracket_model(), Data(tokens(parens)[None]), 0, 0)


get_out_by_neuron_in_20_dir = section.exercise(
    "get_out_by_neuron_in_20_dir",
    hints=[
        "What does a neuron write at position 1, and how much of that is along a direction?",
        "Which axis is summed over, and which two are left? Which of them comes first?",
    ],
    mistakes={
        "Looks at position 0.": edit("seq=1", "seq=0"),
        "Takes neurons of the first layer, whatever the layer.": edit("data, layer, seq", "data, 0, seq"),
        "Takes the direction before the last LayerNorm.": edit("get_pre_20_dir(", "get_pre_final_ln_dir("),
        "Sums over texts.": edit("(model, data)).T", "(model, data)).sum(0)"),
    },
)


@get_out_by_neuron_in_20_dir.check(judge=rough, examples=10, seed=seeds, layer=layers)
def neurons_along_a_direction(solution, seed, layer):
    """Gives how far each neuron writes along that direction at position 1, for each text."""
    found = asked(solution.get_out_by_neuron_in_20_dir, plain(seed), texts(seed, 40, 3), layer)
    return found.T if tuple(found.shape) == (40, 6) else found


get_attn_probs = section.exercise(
    "get_attn_probs",
    hints=[
        "What is the name of the hook point after the softmax?",
        "Its value is (batch, head, query, key). Which axis disappears?",
    ],
    mistakes={
        "Takes scores, before the softmax.": edit('cache["pattern", layer]', 'cache["attn_scores", layer]'),
        "Takes the first layer, whatever the layer.": edit('"pattern", layer', '"pattern", 0'),
        "Takes the head for a text.": edit("[:, head]", "[head]"),
        "Has keys before queries.": edit("[:, head]", "[:, head].mT"),
        "Keeps an axis for the head.": edit("[:, head]", "[:, [head]]"),
    },
)


@get_attn_probs.check(points=0.5, judge=deep, examples=20, seed=seeds, layer=layers, head=heads)
def where_a_head_looks(solution, seed, layer, head):
    """Gives for each text where one head looks, query by query."""
    return asked(solution.get_attn_probs, toy(seed), texts(seed, 3), layer, head)


cos_sim_with_MLP_weights = section.exercise(  # noqa: N816
    "cos_sim_with_MLP_weights",
    hints=[
        "W_in of a layer is (d_model, neuron). Over which axis is a neuron's length?",
        "What if v is twice as long: does the angle change?",
    ],
    mistakes={
        "Does not divide by the length of v.": edit("(v.norm() * W_in.norm(dim=0))", "W_in.norm(dim=0)"),
        "Does not divide by the lengths of the neurons' weights.": edit("(v.norm() * W_in.norm(dim=0))", "v.norm()"),
        "Divides by the length of all weights together.": edit("W_in.norm(dim=0)", "W_in.norm()"),
        "Divides rows of W_in by their lengths; neurons are its columns.": edit(
            "v @ W_in / (v.norm() * W_in.norm(dim=0))", "v @ (W_in / W_in.norm(dim=1, keepdim=True)) / v.norm()"
        ),
        "Takes the weights neurons write with.": edit("model.W_in[layer]", "model.W_out[layer].T"),
        "Normalises the caller's direction in place.": edit(
            "return v @ W_in / (v.norm() *", "v /= v.norm()\n    return v @ W_in / (1.0 *"
        ),
    },
)


@cos_sim_with_MLP_weights.check(
    judge=near, examples=30, seed=seeds, layer=layers, scale=st.sampled_from((1.0, 0.5, 20.0))
)
def angles_of_neurons(solution, seed, layer, scale):
    """Gives the cosine of the direction with what each neuron reads, however long the direction is."""
    v = scale * noise(seed + 1, 8)
    kept = v.clone()
    return asked(solution.cos_sim_with_MLP_weights, toy(seed), v, layer), v - kept


def about_one_over_d(observed, expected, inputs):
    """Accepts means within 6 standard deviations (false alarm below 1e-6 for 20 calls) that differ by call."""
    if not isinstance(observed, tuple) or len(observed) != 2:
        return difference(observed, expected)
    d = len(inputs["v"])
    share, spread = 1 / d, (2 * (d - 1) / (d * d * (d + 2)) / 20000) ** 0.5
    for value in observed:
        if not isinstance(value, float) or not abs(value - share) <= 6 * spread:
            return f"the mean square of cosines should be about {share:.4f}, and is {value}"
    return "two calls give exactly the same number; each should draw anew" if observed[0] == observed[1] else None


avg_squared_cos_sim = section.exercise(
    "avg_squared_cos_sim",
    hints=[
        "Why do numbers from a normal distribution have no favourite direction, and numbers from a cube do?",
        "A cosine divides by two lengths. Of what is the mean taken: of it, or of its square?",
    ],
    mistakes={
        "Draws numbers between 0 and 1: all directions point to one side.": edit("torch.randn", "torch.rand"),
        "Does not square the cosines, which cancel then.": edit("cosines.square()", "cosines"),
        "Takes sizes of cosines, not squares.": edit("cosines.square()", "cosines.abs()"),
        "Does not divide by the lengths of what it draws.": edit("(drawn.norm(dim=1) * v.norm())", "v.norm()"),
        "Does not divide by the length of v.": edit("(drawn.norm(dim=1) * v.norm())", "drawn.norm(dim=1)"),
        "Squares the mean, instead of averaging squares.": edit("cosines.square().mean()", "cosines.mean().square()"),
    },
)


directions = st.sampled_from(([2.0, 0, 0], [3.0, 4.0, 0, 0], [0.0, 0.5]))


@avg_squared_cos_sim.check(judge=about_one_over_d, examples=10, v=directions)
def chance_angles(solution, v):
    """Comes near 1 / d_model for directions drawn by chance, anew in each call."""
    return tuple(float(solution.avg_squared_cos_sim(torch.tensor(v), 20000)) for _ in range(2))


_QK = 'cache["q", layer][0], cache["k", layer][0]'
get_q_and_k_for_given_input = section.exercise(
    "get_q_and_k_for_given_input",
    hints=[
        "tokenize gives a batch of one text. What is to become of that axis?",
        "Which two hook points have queries and keys of a layer?",
    ],
    mistakes={
        "Returns keys and queries in the wrong order.": edit(_QK, 'cache["k", layer][0], cache["q", layer][0]'),
        "Keeps the axis of the batch.": edit(_QK, _QK.replace("[0]", "")),
        "Takes the first layer, whatever the layer.": edit(_QK, _QK.replace("layer", "0")),
        "Returns values for keys.": edit('cache["k", layer]', 'cache["v", layer]'),
    },
)


@get_q_and_k_for_given_input.check(points=0.5, judge=deep, examples=20, seed=seeds, parens=anything, layer=layers)
def queries_and_keys(solution, seed, parens, layer):
    """Gives the queries and keys of a layer for one text."""
    return tuple(asked(solution.get_q_and_k_for_given_input, toy(seed), BracketTokenizer(), parens, layer))


hook_fn_patch_qk = section.exercise(
    "hook_fn_patch_qk",
    hints=[
        "Head 0 is a head. What does `if head_idx:` make of it?",
        "Which axis of (batch, seq, head, d_head) is the head's?",
    ],
    mistakes={
        "Takes head 0 for no head, and patches all of them.": edit("if head_idx is None:", "if not head_idx:"),
        "Patches all heads, whichever is asked for.": edit("if head_idx is None:", "if True:"),
        "Leaves all heads as they are where none is named.": edit("value[:] = new_value", "pass"),
    },
)


@hook_fn_patch_qk.check(examples=30, seed=seeds, head_idx=st.sampled_from((0, 1, 2, None)), batched=st.booleans())
def patches_heads(solution, seed, head_idx, batched):
    """Puts new values in the place of one head's, or of all."""
    value, new = noise(seed, 2, 4, 3, 2), noise(seed + 1, *([2] * batched), 4, 3, 2)
    out = solution.hook_fn_patch_qk(value, None, new, head_idx)
    return value if out is None else out


# %% Modular addition: Fourier transforms
make_fourier_basis = section.exercise(
    "make_fourier_basis",
    hints=[
        "How many waves are there for p = 5? How many are cosines?",
        "What is the length of a row of ones? Of cos(2πkx/p) over all x?",
    ],
    mistakes={
        "Rows are not of length 1.": edit("basis / basis.norm(dim=1, keepdim=True)", "basis"),
        "The constant is divided by the length of the others.": edit(
            "basis.norm(dim=1, keepdim=True)", "(p / 2) ** 0.5"
        ),
        "Has sines before cosines.": edit("[angle.cos(), angle.sin()]", "[angle.sin(), angle.cos()]"),
        "Forgets the factor 2: waves go half as often.": edit("2 * torch.pi * k", "torch.pi * k"),
        "Has waves along columns.": edit(
            "return basis / basis.norm(dim=1, keepdim=True)", "return (basis / basis.norm(dim=1, keepdim=True)).T"
        ),
        "Begins with frequency 0 instead of 1.": edit("2 * torch.pi * k", "2 * torch.pi * (k - 1)"),
        "Has all cosines first.": edit("stack(rows)", "stack(rows[:1] + rows[1::2] + rows[2::2])"),
        "Divides columns by their lengths, not rows.": edit("dim=1", "dim=0"),
    },
)


@make_fourier_basis.check(judge=near, examples=10, p=st.sampled_from((3, 5, 7, 9, 11)))
def waves_of_length_one(solution, p):
    """Has the constant, then cosine and sine of each frequency, all of length 1."""
    return solution.make_fourier_basis(p)[0].float()


@make_fourier_basis.check(points=0.25, examples=10, p=st.sampled_from((3, 5, 7)))
def names_of_waves(solution, p):
    """Names the rows, "Const", "cos 1", "sin 1" and so on."""
    return [name.lower() for name in solution.make_fourier_basis(p)[1]]


@make_fourier_basis.check(points=0.25, extra=True, judge=close(rtol=1e-3, atol=1e-4), examples=1)
def waves_of_113(solution):
    """Has these waves for p = 113 as well: there its rows are still at right angles."""
    basis = solution.make_fourier_basis(113)[0].float()
    return basis @ basis.T


fft1d = section.exercise(
    "fft1d",
    hints=[
        "Each wave is a row of fourier_basis. With what is it multiplied and summed?",
        "Does it work for one vector, and for (2, 3, p)?",
    ],
    mistakes={
        "Goes back from waves to values: the basis is the wrong way round.": edit("fourier_basis.T", "fourier_basis"),
        "Transforms along the first axis, not the last.": edit("x @ fourier_basis.T", "fourier_basis @ x"),
    },
)
Values = namedtuple("Values", "p x")


@st.composite
def values(draw, *axes):
    """Values along one axis of p, with other axes before it."""
    p = draw(odd)
    return Values(p, draw(tensors((*axes, p), WHOLE)))


lines = st.one_of(values(), values(2), values(2, 4))


@fft1d.check(judge=near, examples=60, case=lines)
def waves_of_values(solution, case):
    """Says how much of each wave there is, along the last axis."""
    return waved(solution.fft1d, case.p, case.x)


_TERM = "fourier_basis[i][:, None] * fourier_basis[j]"
fourier_2d_basis_term = section.exercise(
    "fourier_2d_basis_term",
    hints=[
        "Which shapes must two vectors have, so that their product is a matrix?",
        "Along which axis should the wave i go?",
    ],
    mistakes={
        "Has it transposed.": edit(_TERM, "fourier_basis[i] * fourier_basis[j][:, None]"),
        "Takes columns of the basis.": edit(_TERM, "fourier_basis[:, i, None] * fourier_basis[:, j]"),
        "Adds the waves, where they should be multiplied.": edit("[:, None] * ", "[:, None] + "),
    },
)


@fourier_2d_basis_term.check(judge=near, examples=40, p=odd, i=st.integers(0, 2), j=st.integers(0, 2))
def term_of_two_waves(solution, p, i, j):
    """Multiplies wave i along the first axis with wave j along the second."""
    return waved(solution.fourier_2d_basis_term, p, i, j).reshape(p, p)


fft2d = section.exercise(
    "fft2d",
    hints=[
        "It is fft1d along x, and then along y. Which einsum does both?",
        "What becomes of axes after the first two?",
    ],
    mistakes={
        "Has the waves of x and y in the wrong order.": edit("-> i j ...", "-> j i ..."),
        "Transforms along the first axis only.": edit(
            'einsum(tensor, fourier_basis, fourier_basis, "x y ..., i x, j y -> i j ...")',
            'einsum(tensor, fourier_basis, "x y ..., i x -> i y ...")',
        ),
        "Goes back from waves to values: the basis is the wrong way round.": edit("i x, j y", "x i, y j"),
    },
)
planes = odd.flatmap(lambda p: st.sampled_from(((), (2,), (4, 2))).flatmap(lambda more: tensors((p, p, *more), WHOLE)))


@fft2d.check(judge=near, examples=40, tensor=planes)
def waves_of_planes(solution, tensor):
    """Says how much of each pair of waves there is, along the first two axes."""
    return waved(solution.fft2d, len(tensor), tensor)


fft1d_given_dim = section.exercise(
    "fft1d_given_dim",
    hints=[
        "What would you write for a matrix and its first axis?",
        "Which axis does fft1d work on? How do you bring another one there, and back?",
    ],
    mistakes={
        "Always works on the last axis.": edit(
            "(tensor.transpose(dim, -1) @ fourier_basis.T).transpose(dim, -1)", "tensor @ fourier_basis.T"
        ),
        "Does not bring the axis back to its place.": edit("fourier_basis.T).transpose(dim, -1)", "fourier_basis.T)"),
        "Goes back from waves to values: the basis is the wrong way round.": edit("fourier_basis.T)", "fourier_basis)"),
    },
)
Along = namedtuple("Along", "tensor dim")


@st.composite
def along(draw, negative=False):
    """Values along any axis."""
    p, dim = draw(odd), draw(st.integers(0, 2))
    shape = [2, 4, 1]
    shape[dim] = p
    return Along(draw(tensors(tuple(shape), WHOLE)), dim - 3 if negative else dim)


@fft1d_given_dim.check(judge=near, examples=40, case=along())
def waves_along_an_axis(solution, case):
    """Transforms along the axis it is told, and leaves all axes where they are."""
    return waved(solution.fft1d_given_dim, case.tensor.shape[case.dim], case.tensor, case.dim)


@fft1d_given_dim.check(points=0.25, extra=True, judge=near, examples=20, case=along(negative=True))
def waves_along_an_axis_from_the_end(solution, case):
    """Does so for axes that are counted from the end."""
    return waved(solution.fft1d_given_dim, case.tensor.shape[case.dim], case.tensor, case.dim)


project_onto_direction = section.exercise(
    "project_onto_direction",
    hints=[
        "What single number says how far a vector goes along v?",
        "That number is no vector yet. What makes it one, with n along the first axis?",
    ],
    mistakes={
        "Returns how far vectors go along v.": edit('einsum(along, v, "..., n -> n ...")', "along"),
        "Returns what is at right angles to v.": edit("return einsum", "return batch_vecs - einsum"),
        "Is right only where v has length 1.": edit(" / v.dot(v)", ""),
    },
)
_LONG = st.sampled_from(([2.0, 0, 0], [3.0, 0, 4.0]))
_UNIT = [[1.0, 0, 0], [0.6, 0, 0.8], [0.0, -1.0, 0], [0.0, -0.6, 0.8]]
vectors = st.sampled_from(((3,), (3, 2), (3, 3), (3, 4, 2))).flatmap(lambda shape: tensors(shape, WHOLE))


@project_onto_direction.check(judge=near, examples=40, batch_vecs=vectors, v=st.sampled_from(_UNIT))
def parts_along_unit(solution, batch_vecs, v):
    """Gives what of each vector lies along a direction of length 1."""
    return solution.project_onto_direction(batch_vecs, torch.tensor(v))


@project_onto_direction.check(points=0.25, extra=True, judge=near, examples=20, batch_vecs=vectors, v=_LONG)
def parts_along_any(solution, batch_vecs, v):
    """Does so for directions of any length."""
    return solution.project_onto_direction(batch_vecs, torch.tensor(v))


project_onto_frequency = section.exercise(
    "project_onto_frequency",
    hints=[
        "Which three rows of the basis belong to frequency 2? Into how many terms do they combine?",
        "How do you add up projections onto directions at right angles?",
    ],
    mistakes={
        "Takes the rows of the frequency only, and leaves the constant out.": [
            edit("[0, 2 * freq - 1, 2 * freq]", "[2 * freq - 1, 2 * freq]"),
            edit("reshape(9", "reshape(4"),
        ],
        "Is one row off: frequency k has row 2k - 1.": edit(
            "[0, 2 * freq - 1, 2 * freq]", "[0, 2 * freq - 2, 2 * freq - 1]"
        ),
        "Takes three of the nine terms: those with i = j.": edit(
            '"i x, j y -> i j x y").reshape(9, -1)', '"i x, i y -> i x y").reshape(3, -1)'
        ),
    },
)


@project_onto_frequency.check(
    points=1.5, judge=near, examples=30, seed=seeds, p=small, freq=low, more=st.sampled_from(((), (2,), (2, 3)))
)
def parts_of_a_frequency(solution, seed, p, freq, more):
    """Keeps of functions of x and y the nine terms of one frequency."""
    return waved(solution.project_onto_frequency, p, noise(seed, p * p, *more), freq)


_PAIR = "cosines / 2**0.5, sines / 2**0.5"
get_trig_sum_directions = section.exercise(
    "get_trig_sum_directions",
    hints=[
        "Which products of cosines and sines make the cosine of a sum, and with which signs?",
        "What is the length of a sum of two vectors of length 1 at right angles?",
    ],
    mistakes={
        "Has the cosine of x - y.": edit("fourier_2d_basis_term(cos, cos) - ", "fourier_2d_basis_term(cos, cos) + "),
        "Has the sine of x - y.": edit("fourier_2d_basis_term(sin, cos) + ", "fourier_2d_basis_term(sin, cos) - "),
        "Does not divide by the length √2.": edit(_PAIR, "cosines, sines"),
        "Divides by 2, the square of the length.": edit(_PAIR, "cosines / 2, sines / 2"),
        "Is one row off: the cosine of frequency k is in row 2k - 1.": edit("2 * k - 1, 2 * k", "2 * k - 2, 2 * k - 1"),
        "Returns the sine first.": edit(_PAIR, "sines / 2**0.5, cosines / 2**0.5"),
    },
)


@get_trig_sum_directions.check(judge=near, examples=20, p=st.sampled_from((5, 7, 9)), k=st.integers(1, 2))
def waves_of_a_sum(solution, p, k):
    """Gives cosine and sine of x + y for a frequency, of length 1."""
    return tuple(wave.reshape(p, p) for wave in waved(solution.get_trig_sum_directions, p, k))


find_neuron_freqs = section.exercise(
    "find_neuron_freqs",
    hints=[
        "Which nine terms belong to a frequency? How do you pick rows, and then columns?",
        "max along an axis gives the largest and where it is. With which number do frequencies begin?",
    ],
    mistakes={
        "Counts frequencies from 0.": edit("which + 1", "which"),
        "Sums terms without squaring them.": edit("fourier_neuron_acts.square()", "fourier_neuron_acts"),
        "Leaves the constant rows out.": edit("[0, 2 * freq - 1, 2 * freq]", "[2 * freq - 1, 2 * freq]"),
        "Is one row off: frequency k has row 2k - 1.": edit(
            "2 * freq - 1, 2 * freq]", "2 * freq, (2 * freq + 1) % len(squares)]"
        ),
        "Takes three of the nine terms: those with i = j.": edit("[rows][:, rows].sum((0, 1))", "[rows, rows].sum(0)"),
        "Gives the sum of squares, not its share of all.": edit("most / squares.sum((0, 1))", "most"),
        "Returns shares first.": edit("which + 1, most / squares.sum((0, 1))", "most / squares.sum((0, 1)), which + 1"),
    },
)


strong = st.lists(st.integers(1, 4), min_size=2, max_size=3)


@find_neuron_freqs.check(judge=near, examples=30, seed=seeds, p=st.sampled_from((11, 13)), strong=strong)
def frequencies_of_neurons(solution, seed, p, strong):
    """Names each neuron's frequency, and its share of the neuron's variance."""
    return tuple(waved(solution.find_neuron_freqs, p, neurons(seed, p, strong)))


# %% Modular addition: progress measures
fourier_embed = section.exercise(
    "fourier_embed",
    hints=[
        "Which axis of W_E are the numbers x? Which row is none of them?",
        "After the transform there is a vector of d_model for each wave. What is its squared length?",
    ],
    mistakes={
        "Transforms back: takes the basis the wrong way round.": edit("(fourier_basis @", "(fourier_basis.T @"),
        "Gives lengths, not their squares.": edit(".square().sum(1)", ".norm(dim=1)"),
        "Sums over waves, not over d_model.": edit(".sum(1)", ".sum(0)"),
        "Leaves out the first number, and not the sign =.": edit("W_E[:-1]", "W_E[1:]"),
    },
)


@fourier_embed.check(points=0.5, judge=near, examples=20, seed=seeds, p=small)
def waves_of_an_embedding(solution, seed, p):
    """Gives for each wave the sum of squares of what the embedding has of it."""
    return waved(solution.fourier_embed, p, adder(seed, p))


embed_SVD = section.exercise(  # noqa: N816
    "embed_SVD",
    hints=[
        "torch.linalg has the decomposition W_E = U diag(S) Vᵀ. Which of the three is asked for?",
        "How many directions does an embedding of two frequencies need? Try AdditionModel(11, (2, 5)).",
    ],
    mistakes={
        "Gives squares of the singular values.": edit("model.W_E)", "model.W_E).square()"),
        "Gives the vectors U.": edit("torch.linalg.svdvals(model.W_E)", "torch.linalg.svd(model.W_E)[0]"),
        "Has the smallest first.": edit("model.W_E)", "model.W_E).flip(0)"),
    },
)


@embed_SVD.check(points=0.25, judge=near, examples=20, seed=seeds, p=small)
def directions_of_an_embedding(solution, seed, p):
    """Gives the singular values of the embedding, the largest first."""
    values = torch.as_tensor(solution.embed_SVD(adder(seed, p)))
    return values[values > 1e-4]


_ALONG = "project_onto_direction(logits, "
excl_loss = section.exercise(
    "excl_loss",
    hints=[
        "Which of (p², 3, p + 1) do you keep? Which axis of what is left do directions in x and y belong to?",
        "Does the second frequency find the logits as the model gave them, or without the first?",
    ],
    mistakes={
        "Takes away only the cosine.": edit(f" - {_ALONG}sin)", ""),
        "Takes away only the sine.": edit(f" - {_ALONG}cos)", ""),
        "Keeps only what is along.": edit("logits - project_onto_direction(logits, cos) - ", f"{_ALONG}cos) + "),
        "Takes frequencies away for good, not one at a time.": edit("without = logits", "logits = without = logits"),
        "Gives the loss of all pairs.": edit('without, mode="train"', "without"),
        "Gives the loss of pairs the model was not trained on.": edit('without, mode="train"', 'without, mode="test"'),
        "Reads the logits at the first position.": edit("[:, -1, :-1]", "[:, 0, :-1]"),
        "Leaves the answer 0 out, and not the sign =.": edit("[:, -1, :-1]", "[:, -1, 1:]"),
    },
)


@excl_loss.check(judge=near, examples=20, seed=seeds, p=small, key_freqs=st.sampled_from(([1], [2], [1, 2], [2, 1])))
def loss_without_a_frequency(solution, seed, p, key_freqs):
    """Gives the loss without each frequency, one at a time."""
    return [float(loss) for loss in summed(solution.excl_loss, p, seed, adder(seed, p), key_freqs)]


@excl_loss.check(points=0.25, judge=near, examples=10, seed=seeds)
def loss_by_hand(solution, seed):
    """Shows of a model by hand which frequencies it needs, and that it does without others."""
    return [float(loss) for loss in summed(solution.excl_loss, 7, seed, AdditionModel(7, (1, 3)), [1, 2, 3])]


tensor_trig_ratio = section.exercise(
    "tensor_trig_ratio",
    hints=[
        "Which hook points have neurons before and after the activation function? Which position counts?",
        "Directions have length 1 and are at right angles. What is the variance along one of them?",
    ],
    mistakes={
        "Does not subtract means.": edit("values = values - values.mean(0)", "values = values * 1.0"),
        "Subtracts means over neurons, not over pairs.": edit("values.mean(0)", "values.mean(1, keepdim=True)"),
        "Takes neurons after the activation function throughout.": edit('mode.removeprefix("neuron_")', '"post"'),
        "Reads the first position.": edit("0][:, -1]", "0][:, 0]"),
        "Sums sizes, not squares.": edit("(waves @ values).square()", "(waves @ values).abs()"),
        "Takes the first key frequency only.": edit("in key_freqs", "in key_freqs[:1]"),
        "Divides by a variance that is a mean, where a sum stands above it.": edit(
            "values.square().sum(0)", "values.var(0)"
        ),
    },
)


@tensor_trig_ratio.check(
    judge=deep, examples=20, seed=seeds, p=small, mode=st.sampled_from(("neuron_pre", "neuron_post", "logit"))
)
def share_of_waves(solution, seed, p, mode):
    """Gives the share of each neuron's or logit's variance that is waves of key frequencies."""
    return torch.as_tensor(summed(solution.tensor_trig_ratio, p, seed, adder(seed, p), mode))


@tensor_trig_ratio.check(points=0.25, extra=True, examples=1)
def no_such_mode(solution):
    """Raises ValueError for a mode that is none."""
    return torch.as_tensor(summed(solution.tensor_trig_ratio, 5, 0, adder(0, 5), "neuron"))


# %% A board game
get_board_states_and_legal_moves = section.exercise(
    "get_board_states_and_legal_moves",
    hints=[
        "When does a game begin anew, and with what?",
        "board.get_valid_moves() is a list of numbers from 0 to 63. Which row and column is number 19?",
    ],
    mistakes={
        "Plays all games on one board.": [
            edit("    for game, squares", "    board = OthelloBoardState()\n    for game, squares"),
            edit("        board = OthelloBoardState()\n        for move", "        for move"),
        ],
        "Writes the board down before the move, not after it.": [
            edit("            board.umpire(square)\n", ""),
            edit("[board.get_valid_moves()] = 1", "[board.get_valid_moves()] = 1\n            board.umpire(square)"),
        ],
        "Has rows and columns in the wrong order.": edit("board.state)", "board.state).T"),
        "Has legal moves before each move, not after it.": [
            edit("board.umpire(square)", "valid = board.get_valid_moves()\n            board.umpire(square)"),
            edit("[board.get_valid_moves()]", "[valid]"),
        ],
    },
)


@get_board_states_and_legal_moves.check(examples=15, seed=seeds, count=st.integers(1, 3), moves=st.integers(1, 4))
def boards_after_moves(solution, seed, count, moves):
    """Gives the board after each move of each game, and where one may move then."""
    states, legal, *_ = solution.get_board_states_and_legal_moves(games(seed, count, moves))
    return states.int(), legal.int().sum((2, 3)), legal.nonzero().tolist()


probe_loss = section.exercise(
    "probe_loss",
    hints=[
        "Write the einsum: which axes do the stream and the probe share, and which are left?",
        "Over which axes do you take means, and over which sums? What do squares have in common with games?",
        "In Python, how do you pick every second move, beginning with 0, or with 1?",
    ],
    mistakes={
        "Has the wrong sign: training makes the probe worse.": edit("return -(", "return ("),
        "Swaps even and odd moves.": [edit("0, :, ::2", "0, :, 1::2"), edit("1, :, 1::2", "1, :, ::2")],
        "Trains all modes on all moves.": [edit("0, :, ::2", "0, :, :"), edit("1, :, 1::2", "1, :, :")],
        "Forgets the probe of all moves.": edit(" + log_probs[2].mean()", ""),
        "Takes the mean over squares.": edit(".sum((-1, -2, -3))", ".mean((-1, -2, -3))"),
        "Takes logits for log-probabilities.": edit(".log_softmax(-1)", ""),
        "Has the softmax over squares, not over options.": edit(".log_softmax(-1)", ".log_softmax(-2)"),
        "Lets no gradient through.": edit("logits.log_softmax", "logits.detach().log_softmax"),
    },
)
boards = st.integers(2, 5).flatmap(lambda moves: tensors((2, moves, 2, 3), range(3), "int64"))


@probe_loss.check(judge=near, examples=30, seed=seeds, states=boards)
def loss_of_a_probe(solution, seed, states):
    """Sums over squares and modes, averages over games and the moves of a mode."""
    resid, probe = noise(seed, 2, states.shape[1], 4), noise(seed + 1, 3, 4, 2, 3, 3)
    return solution.probe_loss(resid, probe, states)


@probe_loss.check(points=0.5, judge=near, examples=20, seed=seeds, states=boards)
def gradient_of_a_probe(solution, seed, states):
    """Lets the gradient through to the probe."""
    resid, probe = noise(seed, 2, states.shape[1], 4), noise(seed + 1, 3, 4, 2, 3, 3).requires_grad_()
    solution.probe_loss(resid, probe, states).backward()
    return probe.grad


_EPOCH = "    for _ in range(epochs):\n"
_ORDER = "torch.randperm(len(resid))"
train_linear_probe = section.exercise(
    "train_linear_probe",
    hints=[
        "How do you draw an order of the numbers from 0 to n - 1, and cut it into pieces of one size?",
        "What does backward do with a gradient that is there already?",
        "How many steps are there in all, for 12 games, batches of 4 and 5 epochs? How often is an order drawn?",
    ],
    mistakes={
        "Gradients are never reset: a step is made by all earlier batches too.": edit("optimizer.zero_grad()", "0"),
        "Steps before it has the gradient of the batch.": [
            edit(
                "            optimizer.zero_grad()\n",
                "            optimizer.step()\n            optimizer.zero_grad()\n",
            ),
            edit("loss.backward()\n            optimizer.step()", "loss.backward()"),
        ],
        "Draws games with repetition: some never have their turn.": edit(
            _ORDER, "torch.randint(len(resid), (len(resid),))"
        ),
        "Takes games in the order in which they stand.": edit(_ORDER, "torch.arange(len(resid))"),
        "Draws one order for all epochs.": [
            edit(_EPOCH, f"    order = {_ORDER}\n{_EPOCH}"),
            edit(f"in {_ORDER}", "in order"),
        ],
        "Makes one step in each epoch, by all games.": edit("split(batch_size)", "split(len(resid))"),
    },
)


@train_linear_probe.check(judge=near, examples=20, seed=seeds, games=few, epochs=few)
def losses_of_training(solution, seed, games, epochs):
    """Makes a step by the gradient of each batch, and says the loss before it."""
    return trained(solution.train_linear_probe, seed, games, epochs)


@train_linear_probe.check(points=0.5, examples=10, games=st.sampled_from((4, 2, 6)), batch_size=low, epochs=few)
def games_of_batches(solution, games, batch_size, epochs):
    """Gives each game its turn once in each epoch, as many at a time as it is told."""
    steps = batches(solution.train_linear_probe, games, batch_size, epochs)
    return [len(step) for step in steps], sorted(game for step in steps[: games // batch_size] for game in step)


def in_any_order(observed, expected, inputs):
    """Accepts two orders that differ, by chance: false alarm below 1e-8, as 12 games have 5e8 orders."""
    steps = [step[0] for step in observed] if all(len(step) == 1 for step in observed) else []
    first, second = steps[:12], steps[12:]
    if sorted(first) != sorted(second) or sorted(first) != list(range(12)):
        return "each of two epochs should have all twelve games, one in each step"
    if first in (sorted(first), sorted(first, reverse=True)):
        return "games have their turn in the order in which they stand"
    return "both epochs have the same order" if first == second else None


@train_linear_probe.check(points=0.5, judge=in_any_order, examples=1)
def orders_of_epochs(solution):
    """Draws another order for each epoch."""
    return batches(solution.train_linear_probe, 12, 1, 2)


probe_accuracies = section.exercise(
    "probe_accuracies",
    hints=[
        "Of which axis is the largest logit asked for? What is its place?",
        "Which two axes are averaged, so that row and column are left?",
    ],
    mistakes={
        "Gives one number for the whole board.": edit(".mean((0, 1))", ".mean()"),
        "Looks for the largest logit among columns, not among options.": edit(".argmax(-1)", ".argmax(-2)"),
        "Averages over the board, for each game and move.": edit(".mean((0, 1))", ".mean((2, 3))"),
        "Counts where it is right, without dividing.": edit(".mean((0, 1))", ".sum((0, 1))"),
        "Gives the share of wrong guesses.": edit("guesses == states", "guesses != states"),
    },
)


@probe_accuracies.check(points=0.5, examples=30, seed=seeds, states=boards)
def where_a_probe_is_right(solution, seed, states):
    """Gives for each square the share of games and moves at which the probe is right."""
    resid, probe = noise(seed, 2, states.shape[1], 4), noise(seed + 1, 4, 2, 3, 3)
    return solution.probe_accuracies(resid, probe, states)


by_hand = tensors((1, 2, 4, 4), (-1, 0, 1), "int64")


@probe_accuracies.check(points=0.25, examples=20, boards=by_hand, shown=low)
def a_board_by_hand(solution, boards, shown):
    """Is right everywhere for a stream and a probe made by hand, unless another board is asked for."""
    return solution.probe_accuracies(board_stream(boards), board_probe(), boards * shown % 3)


apply_scale = section.exercise(
    "apply_scale",
    hints=[
        "How much of resid[0, pos] is along the direction? What must be taken away so that -scale times that is left?",
        "Does the answer change with the length of flip_dir? Should it?",
    ],
    mistakes={
        "Takes scale times the part away: scale 1 then removes it.": edit("-= (scale + 1)", "-= scale"),
        "Does not bring the direction to length 1.": edit("flip_dir / flip_dir.norm()", "flip_dir"),
        "Changes all positions.": edit(
            "resid[0, pos] -= (scale + 1) * (resid[0, pos] @ u) * u",
            "resid -= (scale + 1) * (resid @ u)[..., None] * u",
        ),
        "Adds where it should take away.": edit("-= (scale", "+= (scale"),
        "Normalises the caller's direction in place.": edit(
            "u = flip_dir / flip_dir.norm()", "u = flip_dir.div_(flip_dir.norm())"
        ),
    },
)


scales, sizes = st.sampled_from((1, 0, 2, 0.5, -1)), st.sampled_from((1.0, 3.0))


@apply_scale.check(judge=near, examples=40, seed=seeds, scale=scales, pos=st.integers(0, 3), length=sizes)
def turns_around(solution, seed, scale, pos, length):
    """Leaves -scale times the part along the direction, at one position, and the direction as it is."""
    resid, flip_dir = noise(seed, 1, 4, 3), length * noise(seed + 1, 3)
    kept = flip_dir.clone()
    return solution.apply_scale(resid, flip_dir, scale, pos), flip_dir - kept


def mistakes_of_angles(name, right, wrong, verb):
    """Mistakes that both exercises about a neuron's squares share; `right` are its weights, `wrong` the others."""
    return {
        **_BOARD,
        "Does not bring the neuron's weights to length 1.": edit(f"{name} / {name}.norm()", name),
        f"Takes the weights the neuron {verb} with.": edit(right, wrong),
    }


_BOARD = {
    "Does not bring the probe's directions to length 1.": edit("probe / probe.norm(dim=0)", "probe"),
    "Divides the probe by the length of all directions together.": edit("probe.norm(dim=0)", "probe.norm()"),
    "Has rows and columns in the wrong order.": edit("-> row col", "-> col row"),
    "Normalises the caller's probe in place.": edit("probe / probe.norm(dim=0)", "probe.div_(probe.norm(dim=0))"),
}
_READS, _WRITES = "model.W_in[layer, :, neuron]", "model.W_out[layer, neuron]"
calculate_neuron_input_weights = section.exercise(
    "calculate_neuron_input_weights",
    hints=[
        "Which axis of W_in counts neurons?",
        "A probe has a direction for each square. Over which axis is its length?",
    ],
    mistakes=mistakes_of_angles("w_in", _READS, _WRITES, "writes"),
)


@calculate_neuron_input_weights.check(judge=near, examples=15, seed=seeds, layer=layers, neuron=st.integers(0, 5))
def squares_read(solution, seed, layer, neuron):
    """Gives the cosine of what the neuron reads with each square's direction."""
    return angles(solution.calculate_neuron_input_weights, seed, layer, neuron)


calculate_neuron_output_weights = section.exercise(
    "calculate_neuron_output_weights",
    hints=[
        "Which axis of W_out counts neurons?",
        "What is the same as for the weights a neuron reads with, and what is not?",
    ],
    mistakes=mistakes_of_angles("w_out", _WRITES, _READS, "reads"),
)


@calculate_neuron_output_weights.check(judge=near, examples=15, seed=seeds, layer=layers, neuron=st.integers(0, 5))
def squares_written(solution, seed, layer, neuron):
    """Gives the cosine of what the neuron writes with each square's direction."""
    return angles(solution.calculate_neuron_output_weights, seed, layer, neuron)


patching_metric = section.exercise(
    "patching_metric",
    hints=[
        "For which log-probability should it be 1, for which 0? Draw the line through both.",
        "Are logits log-probabilities already?",
    ],
    mistakes={
        "Takes the logit for the log-probability.": edit(".log_softmax(-1)", ""),
        "Takes the probability, without a logarithm.": edit(".log_softmax(-1)", ".softmax(-1)"),
        "Is 1 for the corrupted game and 0 for the original.": edit(
            "(log_probs[F0_index] - corrupted_F0_log_prob)", "(original_F0_log_prob - log_probs[F0_index])"
        ),
        "Looks at the first position, not the last.": edit("[0, -1]", "[0, 0]"),
        "Does not divide by what corrupting has changed.": edit(
            "F0_index] - corrupted_F0_log_prob) / (original_F0_log_prob - corrupted_F0_log_prob)",
            "F0_index] - corrupted_F0_log_prob)",
        ),
    },
)


likely = st.sampled_from((-0.5, 0.0))
unlikely = st.sampled_from((-2.5, -8.5))
logits = tensors((1, 3, 2), WHOLE)
far = tensors((1, 3, 2), (-1000.0, 0.0, 1000.0))
moves = st.integers(0, 1)


@patching_metric.check(judge=near, examples=40, patched_logits=logits, move=moves, original=likely, corrupted=unlikely)
def brought_back(solution, patched_logits, move, original, corrupted):
    """Is 1 for the original log-probability of the move, 0 for the corrupted one, and in proportion between."""
    return metric(solution.patching_metric, patched_logits, move, original, corrupted)


@patching_metric.check(points=0.25, extra=True, judge=near, examples=20, patched_logits=far, move=moves)
def brought_back_far(solution, patched_logits, move):
    """Is right for logits that are thousands apart."""
    return metric(solution.patching_metric, patched_logits, move, -0.5, -2.5)
