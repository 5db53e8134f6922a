"""Checks of the section `representations`: probes, steering, superposition, sparse autoencoders.

Models are filled with halves, none of them 0, by helpers with a seed (`exercises/given/representations_examples.py`):
so biases are seen, weights are never printed, and axes differ in size. What a direction is free in is granted by the
judge: principal components in their signs and, where variances are equal, in their rotation (`spans`); the direction
of a logistic regression in its length (`points_like`). What is left to chance is judged by its distribution.

Where editions of the curriculum differ, all are right: ToyModel and Model, ToySAE, SAE and AutoEncoder (which returns
five things, and has a method that normalises its decoder), methods inside or outside of their classes, probabilities
with one column, hooks that take tuples or hidden states, a penalty of gates by sum or mean, latents drawn by loss or
squared loss. Vectors that steer have length 1, and so have the hidden states, in all checks that count: there editions
that normalise agree with those that do not.

Left out, as the section would be too long: `attention_probe_forward` (attention is taught in `transformer`),
`generate_uncorrelated_features` (ToyModel.generate_batch), `NeuronModel` (NeuronComputationModel with one matrix),
`DoubleDescentModel.dimensionality` (compute_dimensionality for rows), and, not in the curriculum,
`cosine_similarity_controls`, `activation_addition` (a difference) and `task_vector` (last_token_acts, and a mean).
`ICLDataset` makes prompts for a large language model; `calculate_h`, `intervene_with_h`, `calculate_fn_vector`,
`calculate_fn_vectors_and_intervene` and `calculate_and_apply_steering_vector` run one. `head_causal_effects` is what is
left of them without. That a resampled latent needs a fresh state in Adam is left out: no signature has the optimizer.
"""

from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st

from exercises.given.representations_examples import (
    changed,
    clusters,
    explained,
    fired,
    halves,
    hidden,
    hooked,
    jump,
    latents,
    lossy,
    majorities,
    method,
    pairs,
    rows,
    sae,
    slopes,
    steered,
    toy,
    units,
    weights,
)
from graders.engine import WHOLE, Section, close, difference, distributed_as, edit, tensors

section = Section("representations", title="Probes, steering, superposition and sparse autoencoders")
near = close(rtol=1e-3, atol=1e-4)  # several products in single precision, in any order
seeds = st.integers(0, 999)
few = st.sampled_from((1, 3))  # instances
batches = st.sampled_from((2, 6))
NONE = st.none()


# %% last_token_acts, mean_pool_acts
@st.composite
def texts(draw, sides=(0, 1), least=1, dtype="int64"):
    """Activations of padded texts. Padding lies before or after them, by turns if both sides are allowed."""
    batch, seq, d = draw(st.sampled_from(((2, 4, 3), (3, 2, 1), (1, 4, 2), (3, 4, 1))))
    masks = torch.zeros(batch, seq, dtype=getattr(torch, dtype))
    for row in masks:
        length = draw(st.integers(least, seq))
        start = draw(st.sampled_from(sides)) * (seq - length)
        row[start : start + length] = 1
    return draw(tensors((batch, seq, d))), masks


last_token_acts = section.exercise(
    "last_token_acts",
    hints=[
        "Where is the last real token if the padding comes after the text? And if it comes before?",
        "The worked neighbour finds the first 1 of each row. What becomes of the last 1 if the row is turned round?",
    ],
    mistakes={
        "Takes the number of tokens for the place: padding may come first.": edit(
            "shape[1] - 1 - masks.int().flip(1).argmax(dim=1)", "long().sum(dim=1) - 1"
        ),
        "Takes the last place, also where it is padding.": edit("shape[1] - 1 - masks", "shape[1] - 1 - 0 * masks"),
        "Takes the first real token.": edit("shape[1] - 1 - masks.int().flip(1", "int("),
    },
)
last_token_acts.call(
    "last_before_padding", "Takes the last real token where padding comes after the text.", case=texts((0,))
)
last_token_acts.call("last_after_padding", "Takes the last real token wherever the padding is.", case=texts((1, 0)))
last_token_acts.call(
    "last_bool", "Takes masks of truth values.", points=0.25, extra=True, examples=20, case=texts(dtype="bool")
)

mean_pool_acts = section.exercise(
    "mean_pool_acts",
    hints=[
        "A text of 2 tokens is padded to 10. By which number is the sum divided?",
        "What should be multiplied by the mask before it is summed? And what shape must the mask have for that?",
    ],
    mistakes={
        "Averages over padding too.": edit("acts * weights", "acts + 0 * weights"),
        "Divides by the length of the padded text.": edit("weights.sum(dim=1).clamp(min=1)", "acts.shape[1]"),
        "Returns the sum.": edit(" / weights.sum(dim=1).clamp(min=1)", ""),
        "Divides zero by zero for a text without tokens.": edit(".clamp(min=1)", ""),
    },
)
mean_pool_acts.call(
    "mean_of_tokens", "Averages over the real tokens of each text, and over nothing else.", case=texts()
)
mean_pool_acts.call(
    "mean_of_none", "Gives 0 for a text without tokens.", points=0.25, extra=True, examples=30, case=texts(least=0)
)


# %% get_pca_components
def spans(observed, expected, inputs):
    """Orthonormal columns that explain as much as the reference's, one by one: signs, and bases of ties, are free."""
    if np.shape(observed) != np.shape(expected):
        return f"shape {np.shape(observed)}, expected {np.shape(expected)}"
    found, wanted = np.asarray(observed, dtype=float), np.asarray(expected, dtype=float)
    if not np.isfinite(found).all() or np.abs(found.T @ found - np.eye(found.shape[1])).max() > 1e-3:
        return "the columns are not orthonormal"
    acts = clusters(inputs["seed"], 12, 4).acts.double().numpy()
    centred = acts - acts.mean(axis=0)
    mine, theirs = (np.square(centred @ each).sum(axis=0) for each in (found, wanted))
    worst = int(np.abs(mine - theirs).argmax())
    if abs(mine[worst] - theirs[worst]) <= 1e-3 * max(theirs.max(), 1.0):
        return None
    told = f"component {worst} explains a sum of squares of {mine[worst]:.4g}, expected {theirs[worst]:.4g}"
    return f"{told} (its sign does not matter)"


get_pca_components = section.exercise(
    "get_pca_components",
    hints=[
        "The cloud may lie far from 0. What has to be done first, so that its place does not count as variation?",
        "Of the three factors of a singular value decomposition, which has one vector for each dimension of the data?",
        "In which order do svd and eigh return singular values and eigenvalues?",
    ],
    mistakes={
        "Does not centre: the first component points at the mean.": edit(" - activations.mean(dim=0)", ""),
        "Centres each activation, not each dimension.": edit("mean(dim=0)  # ", "mean(dim=1, keepdim=True)  # "),
        "Returns the components as rows.": edit("components[:k].T  # (", "components[:k]  # ("),
        "Takes the smallest components: eigh has them first.": edit(" components[:k", " components.flip(0)[:k"),
        "Takes the columns of Vᵀ for components; its rows are.": edit("components[:k].T  #", "components[:, :k]  #"),
    },
)


@get_pca_components.check(points=1.5, judge=spans, seed=seeds, k=st.sampled_from(([1], [3], [])))
def pca_components(solution, seed, k):
    """Gives the k directions, by default 2, of largest variance as orthonormal columns (either sign will do)."""
    return solution.get_pca_components(clusters(seed, 12, 4).acts + 9, *k)


# %% MMProbe, LRProbe
MMProbe = section.exercise(
    "MMProbe",
    hints=[
        "Which two means is the direction the difference of, and which comes first?",
        "A dimension in which both clusters are wide says little. Does Σ or Σ⁻¹ make it count less?",
        "If all activations were centred by one common mean, what would the distance of the clusters do to Σ?",
    ],
    mistakes={
        "Points from true to false.": edit("return cls(direction,", "return cls(-direction,"),
        "Centres by the mean of all, not of each class.": edit(
            "torch.cat([true - true.mean(dim=0), false - false.mean(dim=0)]", "acts - acts.mean(dim=0"
        ),
        "Does not centre at all.": edit("[true - true.mean(dim=0), false - false.mean(dim=0)]", "[true, false]"),
        "Does not invert Σ.": edit("torch.linalg.pinv(covariance)", "covariance"),
        "Ignores iid.": edit("inv @ self.direction if iid else self.", ""),
        "Uses the covariance always.": edit(" iid else", " True else"),
        "Returns logits, not probabilities.": edit("torch.sigmoid(x @ direction)", "x @ direction"),
        "Calls true what is above 0: every probability is.": edit("iid).round()", "iid).ceil()"),
        "Normalises the direction.": edit("return cls(direction,", "return cls(direction / direction.norm(),"),
    },
)


@MMProbe.check(seed=seeds, scale=st.sampled_from((0.5, 0.25)))
def mm_probability(solution, seed, scale):
    """Gives the sigmoid of x · direction, where the direction leads from the false mean to the true one."""
    acts, labels = clusters(seed)
    probe = solution.MMProbe.from_data(scale * acts, labels)
    return probe.direction.detach(), probe(halves(seed, 5, 3) / 4).detach()


@MMProbe.check(judge=near, seed=seeds)
def mm_covariance(solution, seed):
    """With iid=True, multiplies the direction by the inverse of the covariance within the classes."""
    acts, labels = clusters(seed)
    return solution.MMProbe.from_data(acts, labels)(halves(seed, 5, 3) / 8, iid=True).detach()


@MMProbe.check(points=0.5, seed=seeds)
def mm_prediction(solution, seed):
    """Predicts 1 where the probability is above 1/2, else 0, with and without the covariance."""
    acts, labels = clusters(seed)
    probe, x = solution.MMProbe.from_data(acts, labels), halves(seed, 9, 3)
    return probe.pred(x).detach() * 1.0, probe.pred(x, iid=True).detach() * 1.0


def points_like(observed, expected, inputs):
    """The same direction, at any positive length."""
    if np.shape(observed) != np.shape(expected):
        return f"shape {np.shape(observed)}, expected {np.shape(expected)}"
    cosine = float(observed @ expected / max(np.linalg.norm(observed) * np.linalg.norm(expected), 1e-12))
    return None if cosine > 0.998 else f"its cosine with the expected direction is {cosine:.3f} (any length would do)"


def mostly(observed, expected, inputs):
    """Zeros and ones that agree, but for a point at the edge: answers may stop at slightly different weights."""
    if np.shape(observed) != np.shape(expected) or not np.isin(observed, (0, 1)).all():
        return difference(observed, expected)
    wrong = int((observed != expected).sum())
    return None if wrong <= len(expected) // 50 else f"{wrong} of {len(expected)} predictions differ"


LRProbe = section.exercise(
    "LRProbe",
    hints=[
        "w says how to weigh standardised numbers. If a dimension has a std of 10, how are its raw numbers weighed?",
        "What does pred have to do to raw activations so that your direction fits them?",
        "Any way to the minimum will do: sklearn.linear_model.LogisticRegression, torch.optim.LBFGS, Newton's method.",
    ],
    mistakes={
        "The direction is one among standardised activations.": edit("dtype) / std", "dtype)"),
        "Divides by std twice.": edit("dtype) / std", "dtype) / std**2"),
        "Multiplies by std, where it should divide.": edit("acts.dtype) / ", "acts.dtype) * "),
        "Does not standardise: wide dimensions are punished less.": edit("(acts - mean) / std", "acts - mean"),
        "Takes C for the weight of the penalty; it is its inverse.": [
            edit("+ w / C  #", "+ w * C  #"),
            edit("add_(1 / C)", "add_(C)"),
        ],
        "Labels are reversed: the direction points at what is false.": edit(" labels.double", " 1 - labels.double"),
        "Predicts without the mean of the activations.": edit("(x - self.mean)", "x"),
    },
)
strengths = st.sampled_from((0.1, 1.0, 0.02))


@LRProbe.check(judge=points_like, examples=40, seed=seeds, C=strengths)
def lr_direction(solution, seed, C):  # noqa: N803
    """Finds the direction in the space of raw activations (any positive length will do)."""
    acts, labels = clusters(seed)
    direction = solution.LRProbe.from_data(acts, labels, C).direction
    return torch.as_tensor(direction).detach().double().flatten()


@LRProbe.check(judge=mostly, examples=40, seed=seeds)
def lr_prediction(solution, seed):
    """Predicts on which side of the boundary raw activations lie; C is 0.1 by default."""
    acts, labels = clusters(seed)
    probe = solution.LRProbe.from_data(acts + 10, labels)
    return probe.pred(clusters(seed + 1, 60).acts + 10).detach() * 1.0


# %% compute_auroc, compute_generalization_matrix
Scored = namedtuple("Scored", "acts labels")


@st.composite
def scored(draw):
    labels = draw(st.permutations([0, 1, *draw(st.lists(st.integers(0, 1), min_size=1, max_size=3))]))
    values = draw(st.sampled_from(((0.0, 1.0), (0.0, 1.0, -1.0, 2.0, -2.0, 3.0))))  # often ties, or seldom
    acts = draw(st.lists(st.sampled_from(values), min_size=len(labels), max_size=len(labels)))
    return Scored(acts, labels)


compute_auroc = section.exercise(
    "compute_auroc",
    hints=[
        "Pair every positive example with every negative one. In which pairs is the positive one ahead?",
        "How do you compare each of m numbers with each of n at once? Which shapes do they need?",
    ],
    mistakes={
        "Ties count nothing.": edit(" + 0.5 * (positive == negative).float()", ""),
        "Ties count in full.": edit("() + 0.5 * (positive", "() + 1.0 * (positive"),
        "Counts pairs where the negative example is ahead.": edit("positive > negative", "positive < negative"),
        "Compares the examples one by one, not every pair.": edit("1][:, None], scores", "1][:1], scores"),
    },
)


@compute_auroc.check(points=1.5, case=scored())
def auroc_value(solution, case):
    """Gives the share of pairs in which the positive example scores higher; ties count one half."""
    acts = torch.tensor(case.acts)[:, None]
    return float(solution.compute_auroc(lambda x: x[..., 0], acts, torch.tensor(case.labels)))


@st.composite
def data_sets(draw):
    count = draw(st.integers(1, 3))
    return tuple([draw(st.lists(st.integers(0, 1), min_size=2, max_size=4)) for _ in range(count)] for _ in range(2))


compute_generalization_matrix = section.exercise(
    "compute_generalization_matrix",
    hints=[
        "How many probes are trained in all, for three data sets? How often is each of them tested?",
        "Which index says what a probe was trained on?",
    ],
    mistakes={
        "Rows and columns are exchanged: training belongs to the rows.": edit("row, column", "column, row"),
        "Tests on the training data.": [
            edit("test_acts[tested]", "train_acts[tested]"),
            edit("test_labels[tested]", "train_labels[tested]"),
        ],
        "Returns the number of right answers.": edit("float().mean()", "float().sum()"),
    },
)


@compute_generalization_matrix.check(case=data_sets())
def generalization(solution, case):
    """Has the accuracy of a probe in the row of what it was trained on, and the column of what it is tested on."""
    matrix = solution.compute_generalization_matrix(*majorities(*case))
    return torch.as_tensor(matrix).float()


# %% make_intervention_hook, DeceptionSteeringHook
scales = st.sampled_from((2.0, -1.0, 0.5, 3.0))
places = st.sampled_from(([0], [2], [-1], [0, 2], [1, -1], [3, 0, 1]))
make_intervention_hook = section.exercise(
    "make_intervention_hook",
    hints=[
        "When does your hook run, and what is `output` then, if the layer returns a tuple?",
        "What must a hook return so that the change is seen, if it has made a new tensor?",
        "Which of the three axes do positions belong to?",
    ],
    mistakes={
        "Changes the first text of the batch only.": edit("hidden[:, positions]", "hidden[0, positions]"),
        "Changes all positions.": edit("hidden[:, positions]", "hidden[:, :]"),
        "Ignores the scale.": edit(" scale * direction", " direction"),
        "Puts the direction in the place of what is there.": edit("positions] += scale", "positions] = scale"),
        "Normalises the direction.": edit("+= scale * direction", "+= scale * direction / direction.norm()"),
        "Fails, or is wrong, where the output is no tuple.": edit("output if isinstance(output, Tensor) else ", ""),
    },
)


@make_intervention_hook.check(seed=seeds, scale=scales, positions=places, batch=st.integers(1, 3))
def intervention_adds(solution, seed, scale, positions, batch):
    """Adds scale · direction (here of length 1) at these positions in all of the batch, and leaves the rest."""
    hook = solution.make_intervention_hook(units(seed, 3), scale, positions)
    return hooked(hook, halves(seed, batch, 4, 3))


@make_intervention_hook.check(points=0.5, extra=True, examples=40, seed=seeds, scale=scales, positions=places)
def intervention_length(solution, seed, scale, positions):
    """Adds the direction at its own length, also where the output is no tuple."""
    hook = solution.make_intervention_hook(halves(seed, 3), scale, positions)
    return hooked(hook, halves(seed + 1, 2, 4, 3), True)


DeceptionSteeringHook = section.exercise(
    "DeceptionSteeringHook",
    hints=[
        "What does register_forward_hook return, and which of your methods needs it later?",
        "How long is v / |v|? And coef times that?",
        "For the last token alone: which slice along which axis keeps all three axes?",
    ],
    mistakes={
        "The hook is left behind when it is disabled.": edit("handle.remove()", "handle = None"),
        "Steers the layer after.": edit(
            "model.layers[self.layer].", "model.layers[(self.layer + 1) % len(model.layers)]."
        ),
        "Only ever steers the last token.": edit("slice(None) if self.apply_to_all_tokens else ", ""),
        "Always steers all tokens.": edit(" if self.apply_to_all_tokens else slice(-1, None)", ""),
        "Adds the vector at its own length.": edit(" / self.steering_vector.norm()", ""),
        "Fails, or is wrong, where the output is no tuple.": edit("output if isinstance(output, Tensor) else ", ""),
    },
)


@DeceptionSteeringHook.check(points=1.5, seed=seeds, layer=st.integers(0, 2), coef=scales, everywhere=st.booleans())
def steering_enabled(solution, seed, layer, coef, everywhere):
    """Steers all tokens of one layer, or the last one, while it is enabled; afterwards the model is as it was."""
    hook = solution.DeceptionSteeringHook(units(seed, 3), layer, coef, everywhere)
    return steered(hook, units(seed + 1, 2, 4, 3))


@DeceptionSteeringHook.check(points=0.5, extra=True, examples=40, judge=near, seed=seeds, coef=scales)
def steering_length(solution, seed, coef):
    """Goes as far as the coefficient says, whatever the lengths are, also where layers return no tuple."""
    hook = solution.DeceptionSteeringHook(halves(seed, 3), 0, coef)
    return steered(hook, halves(seed + 1, 2, 4, 3), plain=True)


# %% head_causal_effects
Heads = namedtuple("Heads", "z z_mean resid W_O W_U answers")


def heads(seed, batch):
    """Three heads of two dimensions that write into a stream of four; five tokens."""
    shapes = ((batch, 3, 2), (3, 2), (batch, 4), (3, 2, 4), (4, 5))
    drawn = [halves(seed + number, *shape) / (2 if number == 4 else 1) for number, shape in enumerate(shapes)]
    return Heads(*drawn, (halves(seed + 5, batch).abs() * 2).long())


head_causal_effects = section.exercise(
    "head_causal_effects",
    hints=[
        "The stream is a sum. If one summand is replaced by another, by how much does the sum change?",
        "Each head is replaced in a run of its own. How many streams are there then, and along which axis do they lie?",
        "Which two log probabilities are subtracted, and what is averaged?",
    ],
    mistakes={
        "Adds the mean output without taking the head's own away.": edit(" z_mean - z, W_O", " z_mean + 0 * z, W_O"),
        "Takes the difference the wrong way round.": edit(", z_mean - z, ", ", z - z_mean, "),
        "Replaces all heads at once.": edit(", W_O)  #", ", W_O).sum(dim=1, keepdim=True).expand(-1, len(W_O), -1)  #"),
        "Returns the log probability with the head replaced, not what it has gained.": edit(" before[", " 0 * before["),
        "Subtracts logits, not log probabilities.": [
            edit("(resid @ W_U).log_softmax(dim=-1)", "resid @ W_U"),
            edit("@ W_U).log_softmax(dim=-1)  # (batch, head, vocab)", "@ W_U)"),
        ],
        "Replaces heads by their mean over the corrupted prompts.": edit('bhd", z_mean - z', 'bhd", z.mean(dim=0) - z'),
    },
)


@head_causal_effects.check(points=1.5, judge=near, seed=seeds, batch=batches)
def causal_effects(solution, seed, batch):
    """Gives each head the log probability that the right answer gains if the head alone is replaced."""
    return solution.head_causal_effects(*heads(seed, batch))


# %% ToyModel
_MISTAKES_OF_LOSSES = {
    "Averages over instances too: each gets a smaller gradient, the more there are.": edit("dim=(0, 2)).sum(", ""),
    "Sums over features and averages over the batch.": edit("mean(dim=(0, 2)).sum", "sum(dim=(1, 2)).mean"),
    "All features matter equally.": edit("self.importance * ", ""),
}
_MISTAKES_OF_BATCHES = {
    "Presence is inverted: rare features are frequent.": edit("presence < self", "presence >= self"),
    "All features have the first one's probability.": edit(".feature_probability", ".feature_probability[:, :1]"),
    "All instances have the probabilities of the first.": edit(".feature_probability", ".feature_probability[:1]"),
}
ToyModel = section.exercise(
    "ToyModel",
    aliases={"Model": "W"},
    hints=[
        "Each instance has its own W. Which axes are summed on the way down, and which on the way up?",
        "A bias after the ReLU could lift all outputs, but could it hide small interference?",
        "To draw features takes two random numbers for each: what does each of them decide?",
    ],
    mistakes={
        "Adds the bias after the ReLU.": edit(" + self.b_final)", ") + self.b_final"),
        "Leaves the bias out.": edit(") + self.b_final)", "))"),
        "There is no ReLU at the end.": edit("return relu(", "return ("),
        "All instances have the first one's weights.": edit("features, self.W)", "features, 0 * self.W + self.W[:1])"),
        "Two axes have one name: einsum multiplies two sums.": edit("if,ihf", "if,ihg"),
        "Mixes up instances and batch: every instance sees the features of all.": edit(".if,ihf", ".jf,ihf"),
        "Importance weighs the error before it is squared.": edit("batch).square())", "batch)).square()"),
        **_MISTAKES_OF_LOSSES,
        **_MISTAKES_OF_BATCHES,
    },
)


@ToyModel.check(seed=seeds, inst=few, batch=batches)
def toy_forward(solution, seed, inst, batch):
    """Computes ReLU(Wᵀ W x + b_final) for each instance, with biases that are not zero."""
    return toy(solution.ToyModel, seed, inst)(halves(seed, batch, inst, 4)).detach()


@ToyModel.check(seed=seeds, inst=few, batch=batches)
def toy_loss(solution, seed, inst, batch):
    """Averages squared errors times importance over batch and features, and sums over instances."""
    model = toy(solution.ToyModel, seed, inst, importance=halves(seed, inst, 4).abs())
    return float(model.calculate_loss(halves(seed + 1, batch, inst, 4), halves(seed + 2, batch, inst, 4)))


SAMPLES = 3000
present = st.tuples(*[st.lists(st.sampled_from((0.125, 0.5, 0.75, 0.25)), min_size=4, max_size=4)] * 2)


def presences(inputs):
    """The probabilities that a feature is absent, or there: (column, category)."""
    table = np.array(inputs["p"]).reshape(-1)
    return np.stack([1 - table, table], axis=1)


def uniform(inputs):
    return lambda x: np.clip(x, 0, 1)


_TWICE = ("feature 0", "feature 1", "feature 2", "feature 3", "feature 0 of the next call")


@ToyModel.check(points=0.5, judge=distributed_as(probabilities=presences), examples=5, p=present)
def toy_presence(solution, p):
    """Draws each feature of each instance with its own probability; those that are absent are 0."""
    return (toy(solution.ToyModel, 0, 2, probability=p).generate_batch(SAMPLES) != 0).int()


@ToyModel.check(points=0.5, judge=distributed_as(cdf=uniform, columns=_TWICE), examples=2, seed=seeds)
def toy_magnitude(solution, seed):
    """Features that are there are uniformly distributed between 0 and 1, and drawn anew for each batch."""
    model = toy(solution.ToyModel, seed, 1, probability=1.0)
    drawn, again = model.generate_batch(SAMPLES)[:, 0], model.generate_batch(SAMPLES)[:, 0]
    return torch.cat([drawn, again[:, :1]], dim=1)


# %% Features in pairs
rates = st.permutations((0.25, 0.5, 0.125)).map(lambda order: order[:2])


def constellations(drawn):
    """Of each pair: 0 for nothing, 1 and 2 for one alone, 3 and 4 for both, the larger first or second, 5 for equal."""
    first, second = drawn[..., ::2].flatten(1), drawn[..., 1::2].flatten(1)
    both = 3 + (first < second).int() + 2 * (first == second).int()
    return torch.where((first != 0) & (second != 0), both, (first != 0).int() + 2 * (second != 0).int())


def together(inputs):
    return np.repeat([[1 - p, 0, 0, p / 2, p / 2, 0] for p in inputs["p"]], 3, axis=0)


def never_together(inputs):
    return np.repeat([[1 - 2 * p, p, p, 0, 0, 0] for p in inputs["p"]], 3, axis=0)


def magnitudes(drawn, first=1000):
    """Of each feature of the first instance, as many numbers that are not 0, and of the next draw."""
    return torch.stack([column[column != 0][:first] for column in drawn[:, 0].T], dim=1)


_FIRST_INSTANCE = {
    "All instances have the probability of the first.": edit("probability[:, :1]", "probability[:1, :1]")
}
generate_correlated_features = section.exercise(
    "generate_correlated_features",
    hints=[
        "How many decisions on presence are there for three pairs? And how many magnitudes?",
        "Features 2k and 2k + 1 are neighbours. Does your way to repeat decisions put copies side by side?",
    ],
    mistakes={
        "Pairs are k and k + n; the neighbours 2k and 2k + 1 should be.": edit(
            ".repeat_interleave(2, dim=-1)", ".repeat(1, 1, 2)"
        ),
        "Both features of a pair get the same magnitude.": edit("), 0", "[..., ::2]).repeat_interleave(2, dim=-1), 0"),
        "Each feature decides for itself: nothing is correlated.": edit("(presence <", "(torch.rand_like(presence) <"),
        "Presence is inverted: rare pairs are frequent.": edit("presence < self", "presence >= self"),
        **_FIRST_INSTANCE,
    },
)


@generate_correlated_features.check(judge=distributed_as(probabilities=together), examples=5, p=rates)
def correlated_presence(solution, p):
    """Both features of a pair are there, of different size, or neither."""
    return constellations(pairs(method(solution, "generate_correlated_features"), p, SAMPLES, 3))


@generate_correlated_features.check(points=0.5, judge=distributed_as(cdf=uniform), examples=3, p=rates)
def correlated_magnitude(solution, p):
    """Features that are there are uniformly distributed between 0 and 1, each by itself."""
    return magnitudes(pairs(method(solution, "generate_correlated_features"), p, 20 * SAMPLES, 2))


generate_anticorrelated_features = section.exercise(
    "generate_anticorrelated_features",
    hints=[
        "How probable is it that one of the two is there, whichever it is?",
        "One random number for each pair can decide between three cases. Which are they, and how probable is each?",
    ],
    mistakes={
        "One of the two comes with probability p: each with p / 2 only.": edit("pairs) / p", "pairs) / p * 2"),
        "The second comes with p where the first is absent: p (1 - p) in all.": edit(
            "which == 1]", "(which == 1) & (torch.rand_like(which) < 1 - p)]"
        ),
        "Both features decide for themselves, and may meet.": edit("which == 1]", "torch.rand_like(which) < p]"),
        "Where the first is absent, the second is there.": edit("which == 1]", "which != 0]"),
        "The second is never there.": edit("which == 1]", "which < 0]"),
        "Pairs are k and k + n; the neighbours 2k and 2k + 1 should be.": [
            edit("torch.stack([", "torch.cat(["),
            edit("dim=-1).flatten(-2)", "dim=-1)"),
        ],
        **_FIRST_INSTANCE,
    },
)


@generate_anticorrelated_features.check(judge=distributed_as(probabilities=never_together), examples=5, p=rates)
def anticorrelated_presence(solution, p):
    """Each feature of a pair is there with probability p, and never both."""
    return constellations(pairs(method(solution, "generate_anticorrelated_features"), p, SAMPLES, 3))


@generate_anticorrelated_features.check(points=0.5, judge=distributed_as(cdf=uniform), examples=3, p=rates)
def anticorrelated_magnitude(solution, p):
    """Features that are there are uniformly distributed between 0 and 1."""
    return magnitudes(pairs(method(solution, "generate_anticorrelated_features"), p, 20 * SAMPLES, 2))


# %% NeuronComputationModel, compute_dimensionality
def symmetric(inputs):
    """Uniform between -1 and 1. So is, by Archimedes, each coordinate of a random direction in three dimensions."""
    return lambda x: np.clip((x + 1) / 2, 0, 1)


NeuronComputationModel = section.exercise(
    "NeuronComputationModel",
    hints=[
        "W1 and W2 have their last two axes in opposite order. Which letters stand for them?",
        "|x| = ReLU(x) + ReLU(-x). So why must features be negative now and then?",
        "What does the loss compare out with: the batch, or what is to be computed from it?",
    ],
    mistakes={
        "Neurons do not go through a ReLU.": edit(
            'relu(torch.einsum("...if,ihf->...ih", features, self.W1)',
            'torch.einsum("...if,ihf->...ih", features, self.W1',
        ),
        "Leaves the bias out.": edit(" + self.b_final)", ")"),
        "Features are positive only.": edit("2 * magnitude - 1", "magnitude"),
        **_MISTAKES_OF_BATCHES,
        "Compares with the features, not with their absolute values.": edit("batch.abs()", "batch"),
        **_MISTAKES_OF_LOSSES,
    },
)


@NeuronComputationModel.check(points=0.75, seed=seeds, inst=few, batch=batches)
def computation_forward(solution, seed, inst, batch):
    """Computes ReLU(W2 ReLU(W1 x) + b_final) for each instance, with biases that are not zero."""
    return toy(solution.NeuronComputationModel, seed, inst)(halves(seed, batch, inst, 4)).detach()


@NeuronComputationModel.check(points=0.75, seed=seeds, inst=few, batch=batches)
def computation_loss(solution, seed, inst, batch):
    """Compares with the absolute values of the batch, weighed by importance, and sums over instances."""
    model = toy(solution.NeuronComputationModel, seed, inst, importance=halves(seed, inst, 4).abs())
    return float(model.calculate_loss(halves(seed + 1, batch, inst, 4), halves(seed + 2, batch, inst, 4)))


@NeuronComputationModel.check(points=0.25, judge=distributed_as(probabilities=presences), examples=3, p=present)
def computation_presence(solution, p):
    """Draws each feature of each instance with its own probability; those that are absent are 0."""
    return (toy(solution.NeuronComputationModel, 0, 2, probability=p).generate_batch(SAMPLES) != 0).int()


@NeuronComputationModel.check(points=0.25, judge=distributed_as(cdf=symmetric), examples=2, seed=seeds)
def computation_magnitude(solution, seed):
    """Features that are there are uniformly distributed between -1 and 1."""
    return toy(solution.NeuronComputationModel, seed, 1, probability=1.0).generate_batch(SAMPLES)[:, 0]


@st.composite
def columns(draw, zero=False):
    """Weights (inst, d_hidden, feats) whose columns are not 0, or with `zero` one column of which is."""
    inst, d_hidden, feats = draw(st.sampled_from(((2, 3, 4), (3, 2, 5), (1, 2, 3), (2, 4, 3))))
    W = draw(tensors((inst, d_hidden, feats), WHOLE[:7]))  # noqa: N806
    W[:, 0] += 10
    if zero:
        W[:, :, draw(st.integers(0, feats - 1))] = 0
    return W / draw(st.sampled_from((1, 32)))


compute_dimensionality = section.exercise(
    "compute_dimensionality",
    hints=[
        "Which product of W with itself has all dot products of features with features?",
        "In the denominator one of the two vectors has length 1. Can that length be divided out after the sum?",
        "Work the example out by hand: what does the first feature share with the second, and what with the third?",
    ],
    mistakes={
        "The numerator is the length, not its square.": edit("lengths.square() ", "lengths**1.5 "),
        "Both vectors of the denominator have length 1.": edit(
            "return lengths.square() / torch.where(overlaps > 0, overlaps, 1.0",
            "unit = W / lengths.sqrt().unsqueeze(1)\n    return lengths / (unit.mT @ unit).square().sum(dim=-1",
        ),
        "Does not square the overlaps.": edit("square().sum(dim=-1", "sum(dim=-1) * W.square().sum(dim=1).sqrt("),
        "Leaves the feature itself out of the sum.": edit("=-1)  # ", "=-1) - W.square().sum(dim=1).square() / 2  # "),
        "Divides zero by zero.": edit("torch.where(overlaps > 0, overlaps, 1.0)", "overlaps"),
    },
)
compute_dimensionality.call("dimensionality", "Gives each feature its share of a dimension.", judge=near, W=columns())
compute_dimensionality.call(
    "dimensionality_of_nothing",
    "Gives 0 for a feature that is not there.",
    points=0.25,
    extra=True,
    W=columns(zero=True),
)


# %% ToySAE
_MISTAKES_OF_SAES = {
    "Does not subtract b_dec before it encodes.": edit(" - self.b_dec", ""),
    "Does not add b_dec to what it decodes.": edit(" + self.b_dec", ""),
    "Leaves b_enc out.": edit(" + self.b_enc", ""),
    "Averages the loss over instances too.": edit(".mean(dim=0).sum()", ".mean()"),
    "Sums the loss over the batch.": edit("mean(dim=0).", ""),
    "Sums the squared error over d_in; the text takes the mean.": edit("square().mean", "square().sum"),
    "The coefficient of sparsity is missing.": edit("self.cfg.sparsity_coeff * ", ""),
}
ToySAE = section.exercise(
    "ToySAE",
    aliases={"SAE": "W_enc", "AutoEncoder": "W_enc"},
    hints=[
        "A latent is a direction that is read and a direction that is written. Which axis of W_dec is the latter?",
        "b_dec is where the activations' centre lies. Where does it come off, and where is it put back?",
        "Without normalising, how could the autoencoder make its penalty small and its reconstruction good at once?",
    ],
    mistakes={
        **_MISTAKES_OF_SAES,
        "There is no ReLU.": edit("= relu(torch", "= (torch"),
        "Decodes with a decoder that is not normalised.": edit("W_dec_normalized)", "W_dec)"),
        "Normalises the columns of W_dec, not its rows.": edit("dim=-1, keepdim", "dim=-2, keepdim"),
        "Divides the decoder by d_in, not by lengths.": edit(
            "(self.W_dec.norm(dim=-1, keepdim=True) + self.cfg.weight_normalize_eps)", "self.W_dec.shape[-1]"
        ),
        "Hands back features, not hidden activations.": edit(
            'torch.einsum("bif,ihf->bih", self.model.generate_batch(batch_size), self.model.W',
            "self.model.generate_batch(batch_size",
        ),
        "Hands back zeros in the right shape.": edit("batch_size), self", "batch_size), 0 * self"),
        "Averages sparsity over the latents; the text takes the sum.": edit("sum(dim", "mean(dim"),
        "Puts the coefficient into the loss_dict already.": edit(" acts.sum", " self.cfg.sparsity_coeff * acts.sum"),
    },
)


@ToySAE.check(points=0.5, judge=near, seed=seeds, inst=few, tied=st.booleans())
def sae_decoder(solution, seed, inst, tied):
    """Divides each row of the decoder by its length, also if it is the transposed encoder."""
    return rows(sae(solution.ToySAE, seed, inst, tied_weights=tied)).detach()


@ToySAE.check(points=0.5, seed=seeds, inst=few, batch=batches)
def sae_batch(solution, seed, inst, batch):
    """Generates the hidden activations of the model's batch."""
    return hidden(sae(solution.ToySAE, seed, inst), solution.ToySAE, seed, inst, batch).detach()


@ToySAE.check(judge=near, seed=seeds, inst=few, batch=batches)
def sae_forward(solution, seed, inst, batch):
    """Encodes and decodes with both biases, which are not zero here, and a normalised decoder."""
    out = explained(sae(solution.ToySAE, seed, inst), halves(seed, batch, inst, 2))
    return out.acts.detach(), out.reconstructed.detach()


@ToySAE.check(judge=near, seed=seeds, inst=few, tied=st.booleans(), coeff=st.sampled_from((0.5, 2.0)))
def sae_loss(solution, seed, inst, tied, coeff):
    """Returns both terms of the loss; they are added with the coefficient, averaged, and summed over instances."""
    made = sae(solution.ToySAE, seed, inst, unit=tied, tied_weights=tied, sparsity_coeff=coeff)
    out = explained(made, halves(seed, 4, inst, 2))
    return {name: term.detach() for name, term in out.terms.items()}, out.loss.detach()


# %% resample_simple, resample_advanced
@st.composite
def living(draw, inst=2, none=False):
    """Of five latents, those that live, for each instance."""
    return [sorted(draw(st.permutations(range(5)))[: draw(st.integers(0 if none else 1, 5))]) for _ in range(inst)]


def fresh(made, alive, scale):
    """How long new rows are, what new columns are besides `scale` times them, biases, and all that lives."""
    after = weights(made)
    dead = torch.ones_like(after.b_enc, dtype=torch.bool)
    for inst, row in enumerate(alive):
        dead[inst, row] = False
    lengths = torch.where(dead, after.W_dec.norm(dim=-1), 1.0)
    beside = torch.where(dead.unsqueeze(-1), after.W_enc.mT - scale * after.W_dec, 0.0)
    encoder, decoder = (torch.where(dead.unsqueeze(-1), 0.0, now) for now in (after.W_enc.mT, after.W_dec))
    return {
        "lengths": lengths, "beside": beside, "b_enc": after.b_enc, "b_dec": after.b_dec, "living": (encoder, decoder)
    }  # fmt: skip


_MISTAKES_OF_RESAMPLING = {
    "Takes a latent for dead if it has rested in a single step of the window.": edit("all(dim", "any(dim"),
    "Resamples the living and leaves the dead.": edit("window == 0)", "window.amax(dim=0)[None] > 0)"),
}
resample_simple = section.exercise(
    "resample_simple",
    aliases=["resample_neurons_simple"],
    hints=[
        "A latent was active in one step of ten. Is it dead? Over which axis do you ask, all or any?",
        "W_dec has latents in the middle axis, W_enc in the last. How do you make one mask fit both?",
        "Which distribution has no favourite direction?",
    ],
    mistakes={
        **_MISTAKES_OF_RESAMPLING,
        "New directions do not have length 1.": edit("drawn / drawn.norm(dim=-1, keepdim=True)", "drawn"),
        "The encoder is not scaled.": edit("resample_scale * ", ""),
        "The decoder is scaled too.": edit("data[dead] = v", "data[dead] = resample_scale * v"),
        "The bias of the encoder is left as it is.": edit("self.b_enc.data[dead] = 0.0", "pass"),
        "All biases of the encoder are set to 0, also of living latents.": edit("data[dead] = 0.", "data[:] = 0."),
        "Directions point into one corner only.": edit("torch.randn(int", "torch.rand(int"),
    },
)


@resample_simple.check(judge=near, seed=seeds, alive=living(none=True), scale=st.sampled_from((0.5, 0.25, 2.0)))
def simple_revives(solution, seed, alive, scale):
    """Gives dead latents rows of length 1, columns that are scaled copies, and no bias; leaves the living alone."""
    made = lossy(seed, 2, [0, 1])
    method(solution, "resample_simple", "ToySAE")(made, fired(alive), scale)
    return fresh(made, alive, scale)


@resample_simple.check(
    points=0.5,
    judge=distributed_as(cdf=symmetric, columns=("first coordinate", "second coordinate", "third coordinate")),
    examples=2,
    seed=seeds,
)
def simple_directions(solution, seed):
    """Draws directions of which none is more probable than another, for each latent anew."""
    made = lossy(seed, 1, [0], latents=SAMPLES)
    method(solution, "resample_simple", "ToySAE")(made, fired([[]], SAMPLES), 1.0)
    return made.W_dec.detach()[0]


resample_advanced = section.exercise(
    "resample_advanced",
    aliases=["resample_neurons_advanced"],
    hints=[
        "What is the loss of each activation in each instance, and what do you have to call for it?",
        "torch.multinomial takes weights. How many indices do you need, and may one come twice?",
        "How long should the new columns of the encoder be, beside those of latents that live?",
    ],
    mistakes={
        **_MISTAKES_OF_RESAMPLING,
        "Does not subtract b_dec from the activations.": edit(" - self.b_dec.data[inst]", ""),
        "Draws all activations alike, whatever their loss.": edit("losses[:, inst].square(", "torch.ones(len(h)"),
        "Always takes the activation of the largest loss.": edit(
            "square().multinomial(int(dead.sum()), replacement=True", "argmax().expand(int(dead.sum())"
        ),
        "Takes activations of the first instance.": edit("chosen, inst", "chosen, 0"),
        "New directions do not have length 1.": edit("wanted / wanted.norm(dim=-1, keepdim=True)", "wanted"),
        "Ignores how long the columns of living latents are.": edit(" length * resample_scale", " resample_scale"),
        "The scale is missing.": edit(" * resample_scale", ""),
        "The bias of the encoder is left as it is.": edit("self.b_enc.data[inst, dead] = 0.0", "pass"),
        "Fails where no latent lives: the mean of nothing is NaN.": edit(" if not dead.all() else 1.0", ""),
        "Moves latents, or fails, where nothing is lost.": edit(" or losses[:, inst].max() == 0", ""),
    },
)


@resample_advanced.check(
    judge=near,
    seed=seeds,
    alive=living(),
    worst=st.permutations(range(6)).map(lambda order: order[:2]),
    scale=st.sampled_from((0.5, 0.25)),
)
def advanced_revives(solution, seed, alive, worst, scale):
    """Points dead latents at the one activation that has a loss, seen from b_dec, and scales their columns."""
    made = lossy(seed, 2, worst)
    method(solution, "resample_advanced", "ToySAE")(made, fired(alive), scale, 6)
    return weights(made)


def by_loss(observed, expected, inputs):
    """Two of six activations have the same loss, so each is drawn half of the time."""
    return distributed_as(probabilities=lambda inputs: [0.5, 0.5])(observed, expected, inputs)


@resample_advanced.check(points=0.5, judge=by_loss, examples=2, seed=seeds)
def advanced_draws(solution, seed):
    """Draws an activation for each dead latent, in proportion to the loss: of two that are equal, either half of the
    time.
    """
    made = lossy(seed, 1, [0], latents=SAMPLES)
    made.losses[3] = made.losses[0]
    made.h[0], made.h[3] = torch.tensor([9.0, 0, 0]), torch.tensor([-9.0, 0, 0])
    method(solution, "resample_advanced", "ToySAE")(made, fired([[0]], SAMPLES), 1.0, 6)
    return (made.W_dec.detach()[0, 1:, 0] > 0).int()


@resample_advanced.check(points=0.5, extra=True, judge=near, examples=20, seed=seeds, zero=st.booleans())
def advanced_ends(solution, seed, zero):
    """Counts the mean length as 1 where no latent lives, and leaves all as it is where nothing is lost."""
    made = lossy(seed, 2, [1, 4], zero)
    method(solution, "resample_advanced", "ToySAE")(made, fired([[], []]), 0.5, 6)
    return weights(made)


# %% GatedToySAE
def gates(observed, expected, inputs):
    """The terms and the loss; the auxiliary term may be a mean over d_in where the reference has the sum."""
    terms, loss = expected
    if difference(observed, expected, rtol=1e-3, atol=1e-4) is None:
        return None
    mean = terms["L_aux"] / 2
    other = ({**terms, "L_aux": mean}, loss - (terms["L_aux"] - mean).mean(axis=0).sum())
    return difference(observed, other, rtol=1e-3, atol=1e-4) and difference(observed, expected, rtol=1e-3, atol=1e-4)


GatedToySAE = section.exercise(
    "GatedToySAE",
    hints=[
        "Two questions are asked of the same projection. Which parameters does each add or multiply?",
        "A gate is 0 or 1 and has no slope. Which of the three terms lets W_gate learn when to open?",
        "Which of the terms should be able to move the decoder, and which only look through it?",
    ],
    mistakes={
        "Magnitudes pass where the gate is closed.": edit("torch.where(gate > 0, magnitude, 0.0)", "magnitude"),
        "The latents are gates, without magnitudes.": edit("torch.where(gate > 0, magnitude, 0.0", "relu(gate"),
        "r_mag is not exponentiated.": edit("r_mag.exp()", "r_mag"),
        "Magnitudes may be negative: their ReLU is missing.": edit("magnitude = relu(", "magnitude = ("),
        "Punishes magnitudes, not gates: they shrink again.": edit("relu(gate).", "acts."),
        "Punishes closed gates too: the ReLU is missing.": edit("relu(gate).", "gate."),
        "The auxiliary term trains the decoder as well.": edit("decoder.detach()", "decoder"),
        "The auxiliary term is left out of the loss.": edit(' + terms["L_aux"]', ""),
        "The auxiliary term looks at the latents, not at the gates.": edit("relu(gate),", "acts,"),
        "The bias is missing in the auxiliary reconstruction.": edit(" + self.b_dec.detach()", ""),
        "Does not subtract b_dec before it opens gates.": edit(" - self.b_dec, self", ", self"),
        "The coefficient of sparsity is missing.": edit("self.cfg.sparsity_coeff * ", ""),
        "Averages the loss over instances too.": edit("loss.mean(dim=0).sum()", "loss.mean()"),
    },
)


@GatedToySAE.check(judge=near, seed=seeds, inst=few, batch=batches)
def gated_forward(solution, seed, inst, batch):
    """Lets magnitudes through where the gate is open, and decodes them; no bias is zero here."""
    out = explained(sae(solution.GatedToySAE, seed, inst, unit=True), halves(seed, batch, inst, 2))
    return out.acts.detach(), out.reconstructed.detach()


@GatedToySAE.check(judge=gates, seed=seeds, inst=few, tied=st.booleans())
def gated_loss(solution, seed, inst, tied):
    """Returns the three terms, and adds them: the penalty is one of gates, and gates alone reconstruct too."""
    out = explained(sae(solution.GatedToySAE, seed, inst, unit=True, tied_weights=tied), halves(seed, 4, inst, 2))
    return {name: term.detach() for name, term in out.terms.items()}, out.loss.detach()


@GatedToySAE.check(points=0.5, judge=near, seed=seeds)
def gated_frozen(solution, seed):
    """The auxiliary term gives no gradient to the decoder, and none to b_dec but through the gates."""
    made = sae(solution.GatedToySAE, seed, 2, unit=True)
    decoder, bias = slopes(made, explained(made, halves(seed, 3, 2, 2)).terms["L_aux"].sum(), "W_dec", "b_dec")
    return decoder, torch.nn.functional.normalize(bias, dim=-1)


# %% rectangle, Heaviside, JumpReLU, JumpReLUToySAE
rectangle = section.exercise(
    "rectangle",
    hints=[
        "How far from 0 does an interval of this width reach, if 0 is its middle?",
        "A comparison of tensors gives truth values. How do you make numbers of them?",
    ],
    mistakes={
        "Reaches a whole width to either side.": edit(" < width / 2).", " < width)."),
        "Ignores the width.": edit(" < width / 2).", " < 0.5)."),
    },
)


@rectangle.check(points=0.5, x=tensors((5,)), width=st.sampled_from((5.0, 9.0, 1.0, 13.0)))
def rectangle_values(solution, x, width):
    """Is 1 within half a width of 0, and 0 elsewhere, as floats; the width is 1 by default."""
    return solution.rectangle(x, width), solution.rectangle(x / 8)


near_jumps = tuple(number / 4 for number in range(-2, 3))


@st.composite
def jumps(draw):
    """Some z at most 1/2 from their thresholds; none stands where the kernel begins or ends."""
    batch, size = draw(st.sampled_from(((3, 2), (2, 3), (1, 2))))
    theta = draw(st.lists(st.sampled_from((0.5, 1.0, 1.5, 0.25)), min_size=size, max_size=size))
    offsets = draw(tensors((batch, size), near_jumps))
    z = (offsets + torch.tensor(theta)).tolist()
    return z, theta, draw(st.sampled_from((0.75, 0.25))), draw(tensors((batch, size), (1, 2, -1, 3))).tolist()


_MISTAKES_OF_JUMPS = {
    "The gradient of the threshold has the wrong sign.": edit("slope = -", "slope = "),
    "The kernel is wide, but is not divided by eps again.": edit("eps) / ctx.eps", "eps)"),
    "The kernel has a width of 1, whatever eps is.": edit("(z - theta) / ctx.eps", "z - theta"),
    "The kernel lies around 0, not around the threshold.": edit("rectangle((z - theta) ", "rectangle(z "),
    "Ignores the gradient that comes in.": edit("(slope * grad_output)", "slope"),
    "Averages the threshold's gradient over the batch.": edit(".sum(dim", ".mean(dim"),
}
Heaviside = section.exercise(
    "Heaviside",
    hints=[
        "If the threshold rises a little, do more numbers pass or fewer? What does that say of the sign?",
        "One threshold serves a whole batch. What becomes of the gradients that come from each example?",
        "backward returns as many things as forward takes besides ctx. What is there to say of a plain number?",
    ],
    mistakes={
        **_MISTAKES_OF_JUMPS,
        "Returns z where it passes: that is JumpReLU.": edit("(z > theta).to(z.dtype", "torch.where(z > theta, z, 0.0"),
        "The kernel's gradient goes to z as well.": edit(" None, (slope", " -slope * grad_output, (slope"),
        "Multiplies by theta, as in JumpReLU.": edit("slope = -rectangle", "slope = -theta * rectangle"),
    },
)


@Heaviside.check(points=1.5, case=jumps())
def heaviside_values(solution, case):
    """Is 1 where z is above its threshold; gives the threshold a gradient from numbers near it, and z none."""
    return jump(solution.Heaviside, *case)


JumpReLU = section.exercise(
    "JumpReLU",
    hints=[
        "Where z passes, J is z itself. What is its slope there, and what is it elsewhere?",
        "How high is the jump at the threshold? Compare with Heaviside, whose jump is 1 high.",
    ],
    mistakes={
        **_MISTAKES_OF_JUMPS,
        "No gradient comes through to z.": edit("torch.where(z > theta, grad_output, 0.0)", "None"),
        "Gradients come to z wherever it is.": edit("torch.where(z > theta, grad_output, 0.0)", "grad_output"),
        "theta is missing: this is the gradient of Heaviside.": edit("-theta * rectangle", "-rectangle"),
        "Subtracts the threshold from what passes.": edit("theta, z, 0.0)", "theta, z - theta, 0.0)"),
    },
)


@JumpReLU.check(points=1.5, case=jumps())
def jumprelu_values(solution, case):
    """Is z above its threshold; gives z a gradient there, and the threshold one from numbers near it."""
    return jump(solution.JumpReLU, *case)


JumpReLUToySAE = section.exercise(
    "JumpReLUToySAE",
    hints=[
        "The parameter is a logarithm. What do you do to get a threshold?",
        "ToySAE adds latents up. What is added up here, and which function of yours makes it?",
    ],
    mistakes={
        **_MISTAKES_OF_SAES,
        "Takes the logarithm for the threshold.": edit("log_theta.exp()", "log_theta"),
        "Adds the latents up, where it should count them.": edit("Heaviside.apply(z, theta, eps)", "acts"),
        "Averages the counts over latents; the text takes the sum.": edit("sum(dim", "mean(dim"),
        "Counts without the pretended gradient.": edit("Heaviside.apply(z, theta, eps", "(z > theta).float("),
        "Latents have no thresholds.": edit("JumpReLU.apply(z, theta, eps)", "z"),
    },
)


@JumpReLUToySAE.check(points=1.5, judge=near, seed=seeds, inst=few, batch=batches, tied=st.booleans())
def jump_forward(solution, seed, inst, batch, tied):
    """Lets latents through that are above their thresholds, decodes them, and counts them in the penalty."""
    made = sae(solution.JumpReLUToySAE, seed, inst, unit=True, tied_weights=tied)
    terms, *others = explained(made, halves(seed, batch, inst, 2))
    return {name: term.detach() for name, term in terms.items()}, [other.detach() for other in others]


@JumpReLUToySAE.check(points=0.5, judge=near, seed=seeds)
def jump_thresholds(solution, seed):
    """The loss gives thresholds a gradient, from numbers within ste_epsilon / 2, through both terms."""
    made = sae(solution.JumpReLUToySAE, seed, 2, unit=True)
    return slopes(made, explained(made, halves(seed, 6, 2, 2)).loss, "log_theta")


# %% get_k_largest_indices, index_with_buffer
@st.composite
def ranked(draw):
    """Numbers that all differ, and as many places as there surely are."""
    buffer, apart = draw(st.integers(0, 2)), draw(st.booleans())
    batch, width = draw(st.sampled_from(((2, 4), (3, 1), (1, 5))))
    size = batch * (width + 2 * buffer)
    x = torch.tensor(draw(st.permutations(range(size)))).float().reshape(batch, -1)
    most = batch * -(-width // (2 * buffer + 1)) if apart else batch * width
    settings = (buffer,) if buffer else ()  # both are the defaults where they are left out
    return x, draw(st.integers(1, most)), *(settings if apart else (buffer, False))


get_k_largest_indices = section.exercise(
    "get_k_largest_indices",
    hints=[
        "If x is flattened, how do you get row and column back from one index?",
        "After you have cut columns off the front, what do the columns that are left have to be called?",
        "Which places does the one you have just taken rule out?",
    ],
    mistakes={
        "Columns are counted from where the buffer ends.": edit("width + buffer", "width"),
        "Places at the ends of rows are candidates too.": [
            edit("x.shape[1] - 2 * buffer", "x.shape[1]"),
            edit("x[:, buffer : buffer + width]", "x"),
            edit("place % width + buffer", "place % width"),
        ],
        "Leaves the buffer out at the end of rows.": edit("] - 2 * buffer", "] - buffer"),
        "A buffer of 0 leaves nothing: x[:, 0:-0] is empty.": edit(" : buffer + width", ":-buffer"),
        "Overlaps are not passed over.": edit("not (no_overlap and near)", "True"),
        "Places in other rows are passed over too.": edit("row == r and ", ""),
        "A place at a distance of exactly the buffer is taken.": edit(" c) <= buffer ", " c) < buffer "),
        "Takes the smallest numbers.": edit("descending=True", ""),
    },
)


get_k_largest_indices.call(
    "largest_places",
    "Finds the places of the largest numbers, away from the ends and, with no_overlap, from each other.",
    points=1.5,
    case=ranked(),
)

Windows = namedtuple("Windows", "x indices")


@st.composite
def windows(draw):
    batch, seq = draw(st.sampled_from(((2, 5), (3, 6), (1, 5))))
    x = torch.arange(batch * seq).float().reshape(batch, seq) + draw(st.integers(0, 9))
    places = draw(st.lists(st.tuples(st.integers(0, batch - 1), st.integers(0, seq - 1)), min_size=1, max_size=3))
    return Windows(x, places)


index_with_buffer = section.exercise(
    "index_with_buffer",
    hints=[
        "Indexing by two tensors pairs them element by element. Which shapes give k windows of 2 buffer + 1?",
        "At column 0 with a buffer of 2, where must the middle of the window lie so that all of it is inside?",
    ],
    mistakes={
        "Windows at the front wrap round to the end: negative indices count from there.": edit("(buffer, x", "(max=x"),
        "Repeats the last number where the window is cut off.": edit(
            "centres[:, None] + torch.arange(-buffer, buffer +",
            "(columns[:, None] + torch.arange(-buffer, buffer + 1)).clamp(0, x.shape[1] -",
        ),
        "The window lacks its last number: arange leaves its end out.": edit("buffer + 1)]  ", "buffer)]  "),
        "Takes every row with every window.": edit(" x[rows[:, None", " x[rows[:1, None"),
        "Takes a buffer of 0 for none at all.": edit("buffer is None:", "not buffer:"),
    },
)


@index_with_buffer.check(points=1.5, case=windows(), buffer=NONE | st.integers(1, 2))
def index_windows(solution, case, buffer):
    """Gives the numbers at the places or, with a buffer, windows, which are moved inside at the ends of rows."""
    return solution.index_with_buffer(case.x, torch.tensor(case.indices), buffer)


@index_with_buffer.check(points=0.25, extra=True, examples=20, case=windows())
def index_zero(solution, case):
    """A buffer of 0 makes windows of one number: shape (k, 1)."""
    return solution.index_with_buffer(case.x, torch.tensor(case.indices), 0)


# %% steering_hook, ablate_sae_latent
steering_hook = section.exercise(
    "steering_hook",
    hints=[
        "What does a latent write into the activations, and which row of which matrix is that?",
        "At which positions is it added, and what stays of what was there?",
    ],
    mistakes={
        "Puts the direction in the place of the activations.": edit(" activations +", " 0 * activations +"),
        "Steers the mean over the batch.": edit("activations +", "0 * activations + activations.mean(dim=0) +"),
    },
)


@steering_hook.check(seed=seeds, d=st.sampled_from((3, 5)), latent=st.integers(0, 3), coefficient=scales)
def steering_adds(solution, seed, d, latent, coefficient):
    """Adds the latent's row of the decoder, times the coefficient, at all positions."""
    x, autoencoder = halves(seed, 2, 4, d), latents(seed + 1, d)
    settings = {"sae": autoencoder, "latent_idx": latent, "steering_coefficient": coefficient}
    return changed(solution.steering_hook, x, **settings)


ablate_sae_latent = section.exercise(
    "ablate_sae_latent",
    hints=[
        "Which axis is the latent's, which the position's? Which index means all of an axis?",
        "Is `if latent_idx:` true for the first latent?",
    ],
    mistakes={
        "Takes latent 0 for None.": edit("latent_idx is None", "not latent_idx"),
        "Takes position 0 for None.": edit("seq_pos is None", "not seq_pos"),
        "Ablates the first text of the batch only.": edit("sae_acts[:, slice", "sae_acts[:1, slice"),
        "Ablates all positions, whatever seq_pos is.": edit("slice(None) if seq_pos is None else seq_pos", ":"),
        "Ablates all latents, whatever latent_idx is.": edit("seq_pos, latents] =", "seq_pos, :] ="),
    },
)
first = st.integers(0, 2)


@ablate_sae_latent.check(points=1.5, seed=seeds, latent=NONE | first, position=NONE | first)
def ablate_values(solution, seed, latent, position):
    """Sets one latent at one position to zero, the first ones included, and no others; None means all."""
    return changed(solution.ablate_sae_latent, halves(seed, 2, 4, 3), latent_idx=latent, seq_pos=position)
