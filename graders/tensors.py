"""Checks of the section `tensors`: shapes, indexing, einsum, and softmax with logits of any size.

Inputs are small whole numbers, so that right answers are nearly exact, and their axes differ in size, so that mixed-up
axes show. Logits come in three regimes: ordinary, thousands apart, and with -inf. No row has its largest score twice.
The ray tracing of the same chapter is a section of its own.
"""

from collections import namedtuple

import numpy as np
import torch
from hypothesis import strategies as st

from graders.engine import NONZERO, POSITIVE, WHOLE, Section, arrays, close, distributed_as, edit, shapes, tensors

section = Section("tensors", title="Tensors: shapes, indexing, einsum and stable softmax")
SMALL = WHOLE[:9]  # exponentials of these lose nothing in float32
INF = float("inf")
sizes = st.sampled_from((2, 3, 1, 4, 5))

# A logit near 1000 is known to 6e-5, half a step of float32, and so is its logarithm of a probability near one.
roughly = close(atol=1e-3)


# %% Inputs
Picked = namedtuple("Picked", "source indexes")  # something, and what to pick from it
Factors = namedtuple("Factors", "left right")
Heads = namedtuple("Heads", "q k")
Labelled = namedtuple("Labelled", "scores labels")
matrix_shapes = shapes(2, sizes=(2, 3, 1, 4, 5), least=2)


def matrices(values=WHOLE):
    """Matrices with more or fewer rows than columns, never as many."""
    return matrix_shapes.flatmap(lambda shape: tensors(shape, values))


def indices(shape, count):
    """Indices of `count` things; some come twice and others not at all."""
    return tensors(shape, range(count), "int64")


@st.composite
def days(draw, dtype="float32"):
    """Temperatures of one to four weeks, no week with seven equal days."""
    weeks = draw(tensors((draw(st.integers(1, 4)), 7), tuple(range(10, 30)), dtype))
    weeks[:, 3] = torch.where((weeks == weeks[:, :1]).all(dim=1), 9, weeks[:, 3])
    return weeks.reshape(-1)


@st.composite
def picked_rows(draw, axis=0):
    """A matrix, and indices along one of its axes; there are neither as many as rows nor as columns."""
    rows, columns, count = draw(shapes(3, sizes=(2, 3, 1, 4, 5), least=3))
    return Picked(draw(tensors((rows, columns))), draw(indices((count,), (rows, columns)[axis])))


@st.composite
def picked_in_rows(draw):
    """A matrix, and for each row indices of its columns."""
    rows, columns, count = draw(shapes(3, sizes=(2, 3, 1, 4, 5), least=3))
    return Picked(draw(tensors((rows, columns))), draw(indices((rows, count), columns)))


@st.composite
def purchases(draw, count=None):
    """Prices in quarters, which add up exactly, and the items that were bought."""
    prices = draw(tensors((draw(sizes),), tuple(price / 4 for price in POSITIVE)))
    return Picked(prices, draw(indices((draw(sizes) if count is None else count,), len(prices))))


@st.composite
def located(draw, rank):
    """A tensor of `rank` axes, and coordinates of elements in it; there are not as many of them as axes."""
    shape = draw(shapes(rank, sizes=(2, 3, 4, 5), least=rank))
    count = draw(st.sampled_from([size for size in (2, 1, 3, 5) if size != rank]))
    coords = [draw(indices((count,), size)) for size in shape]
    return Picked(draw(tensors(shape)), torch.stack(coords, dim=1))


@st.composite
def logits(draw, values=SMALL, apart=(0,)):
    """Logits. Beside its own value each element gets one of `apart`, and so does each row as a whole."""
    rows, columns = draw(matrix_shapes)
    own = draw(tensors((rows, columns), values)) + draw(tensors((rows, columns), apart))
    return own + draw(tensors((rows, 1), apart))


@st.composite
def ruled_out(draw):
    """Logits of which some, but never a whole row, are -inf."""
    matrix = draw(matrices((0, -INF, 1, 2)))
    return torch.where((matrix == -INF).all(dim=1, keepdim=True), 0.0, matrix)


FAR = (0, 1000, -1000, 200)


@st.composite
def labelled(draw, matrices):
    """Scores, and a class for each of their rows."""
    scores = draw(matrices)
    return Labelled(scores, draw(indices((scores.shape[0],), scores.shape[1])))


@st.composite
def ranked(draw):
    """Scores without ties: each row is an order of its classes."""
    shape = draw(matrix_shapes)
    return torch.from_numpy(draw(arrays(shape, range(100))).argsort(axis=1).astype(np.float32))


@st.composite
def factors(draw, left, right):
    """Two arrays whose axes have the given letters; equal letters are equal sizes."""
    names = "".join(dict.fromkeys(left + right))
    size = dict(zip(names, draw(shapes(len(names), sizes=(2, 3, 1, 4, 5), least=len(names))), strict=True))
    shape_of = [tuple(size[name] for name in axes) for axes in (left, right)]
    return Factors(*(draw(arrays(shape)) for shape in shape_of))


@st.composite
def heads(draw, same_length):
    batch, queries, keys, head, width = draw(shapes(5, sizes=(1, 2, 3, 4, 5), least=5))
    keys = queries if same_length else keys
    return Heads(draw(tensors((batch, queries, head, width))), draw(tensors((batch, keys, head, width))))


# %% rearrange_1, rearrange_2
_DOWN = "The numbers go down the columns; they should go along the rows."
_REARRANGE_HINTS = (
    "Read the numbers row by row. Which range are they?",
    "Which axis counts fastest when a tensor is reshaped, and which one in the wanted result?",
)

rearrange_1 = section.exercise(
    "rearrange_1",
    hints=_REARRANGE_HINTS,
    mistakes={
        _DOWN: edit("reshape(3, 2)", "reshape(2, 3).T"),
        "Counts in floating point; whole numbers are asked for.": edit("(3, 9)", "(3.0, 9.0)"),
    },
)
rearrange_1.call("rearrange_1_constant", "Is [[3, 4], [5, 6], [7, 8]].", points=0.25)

rearrange_2 = section.exercise(
    "rearrange_2",
    hints=_REARRANGE_HINTS,
    mistakes={_DOWN: edit("reshape(2, 3)", "reshape(3, 2).T"), "Starts at zero.": edit("(1, 7)", "(6)")},
)
rearrange_2.call("rearrange_2_constant", "Is [[1, 2, 3], [4, 5, 6]].", points=0.25)


# %% temperatures_average
temperatures_average = section.exercise(
    "temperatures_average",
    hints=[
        "If the days were written as a table with one week a line, which of its axes would you average over?",
        "Which shape has as many rows as there are weeks? One size may be left to torch.",
        "What does torch say to the mean of whole numbers, and what can be done before?",
    ],
    mistakes={
        "Takes every n-th day for a week; its days stand next to each other.": edit("(-1, 7)", "(7, -1).T"),
        "Averages each day of the week over all weeks.": edit("mean(dim=1)", "mean(dim=0)"),
        "Works for two weeks only; there may be any number of them.": [
            edit("reshape(-1, 7)", "reshape(2, 7)"),
            edit(".float()", ""),  # as most such answers are; on an example of whole numbers both fail
        ],
        "Works for three weeks only; there may be any number of them.": [
            edit("reshape(-1, 7)", "reshape(3, 7)"),
            edit(".float()", ""),
        ],
        "Fails on whole numbers, which have no mean in torch.": edit(".float()", ""),
        "Rounds the averages of whole numbers down to whole numbers.": edit(".float().mean(dim=1)", ".sum(dim=1) // 7"),
        "Averages over all days at once.": edit("mean(dim=1)", "mean()"),
    },
)
temperatures_average.call("average_of_weeks", "Averages each week by itself.", points=0.75, examples=50, temps=days())
temperatures_average.call(
    "average_of_whole_numbers",
    "Averages whole numbers too; the averages are float32.",
    points=0.25,
    extra=True,
    examples=30,
    temps=days("int64"),
)


# %% temperatures_differences
temperatures_differences = section.exercise(
    "temperatures_differences",
    hints=[
        "Which average does day 8 need, and which day 6? In which order must seven copies of each stand?",
        "Or leave the days as a table of weeks: which shape must the averages have to be stretched along a week?",
    ],
    mistakes={
        "Repeats the averages as a whole: days meet those of other weeks.": edit("repeat_interleave(7)", "repeat(7)"),
        "Subtracts the average of all days.": edit("temperatures_average(temps).repeat_interleave(7)", "temps.mean()"),
        "Subtracts the other way round; a warm day should be positive.": edit(
            "temps - temperatures_average(temps).repeat_interleave(7)",
            "temperatures_average(temps).repeat_interleave(7) - temps",
        ),
        "Keeps the weeks as an axis; the result has the shape of temps.": edit(
            "temps - temperatures_average(temps).repeat_interleave(7)",
            "temps.reshape(-1, 7) - temperatures_average(temps)[:, None]",
        ),
    },
)
temperatures_differences.call(
    "differences_from_the_week", "Subtracts from every day the average of its own week.", temps=days()
)


# %% temperatures_normalized
temperatures_normalized = section.exercise(
    "temperatures_normalized",
    hints=[
        "The upper half of the fraction you have already. What must the lower one look like to be divided by?",
        "By which number does torch's std divide the squares, and by which var of numpy? Which one is asked for?",
    ],
    mistakes={
        "Divides the squares by 7; the sample standard deviation divides by 6.": edit(
            "std(dim=1)", "std(dim=1, correction=0)"
        ),
        "Divides by the deviation of all days, not of each week.": edit(".std(dim=1).repeat_interleave(7)", ".std()"),
        "Divides by the variance.": edit("std(dim=1)", "var(dim=1)"),
        "Does not subtract the averages.": edit("temperatures_differences(temps) /", "temps /"),
        "Repeats the deviations as a whole: days meet those of other weeks.": edit("repeat_interleave(7)", "repeat(7)"),
        "Fails on whole numbers, which torch takes no deviation of.": edit(".float()", ""),
    },
)
temperatures_normalized.call(
    "normalized_by_the_week", "Divides by the sample standard deviation of each week.", points=1.25, temps=days()
)
temperatures_normalized.call(
    "normalized_whole_numbers",
    "Normalises whole numbers too; the result is float32.",
    points=0.25,
    extra=True,
    examples=30,
    temps=days("int64"),
)


# %% normalize_rows, cos_sim_matrix
normalize_rows = section.exercise(
    "normalize_rows",
    hints=[
        "Shapes are lined up at their ends. To what does (m,) line up in (m, n)?",
        "Which shape stretches along a row, and how does a reduction keep the axis it reduced?",
    ],
    mistakes={
        "Gives the columns length one instead of the rows.": edit("dim=1", "dim=0"),
        "The lengths have lost their axis and line up with the columns.": edit(", keepdim=True", ""),
        "Divides by the sum of absolute values, not the root of squares.": edit("norm(dim=1", "norm(p=1, dim=1"),
        "The root is missing: divides by the squared length.": edit("matrix.norm", "matrix.square().sum"),
    },
)
normalize_rows.call("rows_of_length_one", "Divides each row by its own length.", matrix=matrices(NONZERO))
normalize_rows.call(
    "rows_of_a_square",
    "Normalises rows and not columns where there are as many of them.",
    points=0.5,
    examples=50,
    matrix=sizes.flatmap(lambda size: tensors((size, size), NONZERO)),
)

cos_sim_matrix = section.exercise(
    "cos_sim_matrix",
    hints=[
        "What is the cosine of two vectors of length one?",
        "Element (i, j) is an inner product of row i and row j. Which matrix product has these as its elements?",
    ],
    mistakes={
        "Normalises one side of the product only.": edit("rows @ rows.T", "rows @ matrix.T"),
        "Compares columns: the shape is (n, n).": edit("rows @ rows.T", "rows.T @ rows"),
        "Gives inner products without dividing by the lengths.": edit("normalize_rows(matrix)", "matrix"),
    },
)
cos_sim_matrix.call("cosines_of_rows", "Gives the cosine between every two rows.", matrix=matrices(NONZERO))


# %% collect_rows, collect_columns
collect_rows = section.exercise(
    "collect_rows",
    hints=[
        "How do you pick one row? What happens with a tensor of indices in its place?",
        "Which axis of the matrix is replaced, and which shape results?",
    ],
    mistakes={"Picks columns.": edit("matrix[row_indexes]", "matrix[:, row_indexes]")},
)
collect_rows.call("rows_picked", "Picks the rows in the order asked for.", points=0.5, examples=50, case=picked_rows())

collect_columns = section.exercise(
    "collect_columns",
    hints=[
        "How do you say that an axis is to be kept whole?",
        "What shape do you get, and does each picked column still stand upright?",
    ],
    mistakes={
        "Picks rows.": edit("matrix[:, column_indexes]", "matrix[column_indexes]"),
        "Puts the columns below each other, as rows.": edit("matrix[:, column_indexes]", "matrix.T[column_indexes]"),
    },
)
collect_columns.call(
    "columns_picked",
    "Picks the columns in the order asked for, side by side.",
    points=0.5,
    examples=50,
    case=picked_rows(axis=1),
)


# %% total_price_indexing, total_price_gather
_EVERYTHING = "Adds up all prices, whatever was bought."
_ONCE = "Counts once what was bought twice."
_TENSOR = "Returns a tensor; a Python float is asked for."
total_price_indexing = section.exercise(
    "total_price_indexing",
    hints=["What is prices[items], and which shape has it?", "How does a tensor of one number become a Python number?"],
    mistakes={
        _EVERYTHING: edit("prices[items]", "prices"),
        _TENSOR: edit(".item()", ""),
        _ONCE: edit("prices[items]", "prices[items.unique()]"),
    },
)
total_price_indexing.call(
    "total_by_indexing",
    "Adds up the prices of what was bought, as a float.",
    points=0.75,
    examples=50,
    case=purchases(),
)
total_price_indexing.call(
    "nothing_by_indexing", "Nothing costs 0.0.", points=0.25, extra=True, examples=10, case=purchases(count=0)
)

total_price_gather = section.exercise(
    "total_price_gather",
    hints=[
        "gather asks for the axis whose index is looked up. How many axes has prices?",
        "What must the second argument say about each element of the result?",
    ],
    mistakes={
        _EVERYTHING: edit("prices.gather(0, items)", "prices"),
        _TENSOR: edit(".item()", ""),
        _ONCE: edit("items)", "items.unique())"),
    },
)
total_price_gather.call(
    "total_by_gather", "Adds up the prices of what was bought, as a float.", points=0.75, examples=50, case=purchases()
)
total_price_gather.call(
    "nothing_by_gather", "Nothing costs 0.0.", points=0.25, extra=True, examples=10, case=purchases(count=0)
)


# %% gather_2d
gather_2d = section.exercise(
    "gather_2d",
    hints=[
        "In out[i, j] = matrix[i, indexes[i, j]], which of the two indices stays and which one is looked up?",
        "With plain indexing you would need the row numbers too. Which shape must they have to go along with (m, k)?",
    ],
    mistakes={
        "Looks up the index of the row instead of the column's.": edit("gather(1,", "gather(0,"),
        "Picks every row's columns from all rows: the shape is (m, m, k).": edit(".gather(1, indexes)", "[:, indexes]"),
    },
)
gather_2d.call("gathers_in_rows", "Picks from each row the columns that are asked for there.", case=picked_in_rows())


# %% integer_array_indexing
integer_array_indexing = section.exercise(
    "integer_array_indexing",
    hints=[
        "For a matrix you could write matrix[rows, columns]. What are rows and columns in terms of coords?",
        "x[a, b] is x[(a, b)]. How do you make such a tuple of any length?",
        "Going through a tensor gives its slices along the first axis. Which axis of coords should be first?",
    ],
    mistakes={
        "Uses all coordinates as indices of the first axis: no tuple.": edit("tuple(coords.T)", "coords % len(matrix)"),
        "Takes one element's coordinates for indices along one axis.": edit("coords.T", "coords"),
        "Looks at two coordinates only, whatever the number of axes.": edit(
            "tuple(coords.T)", "coords[:, 0], coords[:, 1]"
        ),
    },
)
integer_array_indexing.call(
    "elements_of_a_matrix", "Looks up elements of a matrix.", points=0.5, examples=50, case=located(2)
)
integer_array_indexing.call(
    "elements_of_other_ranks",
    "Looks up elements of tensors with one, three or four axes.",
    points=0.5,
    examples=50,
    case=located(1) | located(3) | located(4),
)


# %% classifier_accuracy
classifier_accuracy = section.exercise(
    "classifier_accuracy",
    hints=[
        "Which class does the classifier choose for one example? Along which axis do you look?",
        "You have a True for each right answer. How does a share come out of these, and what is the mean of "
        "truth values?",
    ],
    mistakes={
        "Looks for each class's best example, not each example's best class.": edit("argmax(dim=1)", "argmax(dim=0)"),
        "Counts the right answers without dividing.": edit(".mean()", ".sum()"),
        "Averages truth values, which torch refuses.": edit(".float()", ""),
        "Divides whole numbers and drops the rest.": edit(".float().mean()", ".sum() // len(scores)"),
        "Returns a Python float instead of a tensor.": edit(".mean()", ".mean().item()"),
    },
)
classifier_accuracy.call(
    "share_of_right_answers", "Gives the share of examples whose true class scores highest.", case=labelled(ranked())
)


# %% sample_distribution
SAMPLES = 10_000


def drawn_with(inputs):
    """Probabilities that sum to one, of those a check drew."""
    probs = np.asarray(inputs["probs"], dtype=np.float64)
    return probs / probs.sum()


as_probable = distributed_as(probabilities=drawn_with)
# Zeros are never in front: a uniform number of exactly 0 (one in 2^24) would tell `>` from `>=`, and no more than that.
# Beside a zero, probabilities are powers of two: their sums are exact, so that nothing can come out by rounding.
uneven = st.permutations([0.1, 0.2, 0.3, 0.4])
with_zeros = st.sampled_from(
    [(0.5, 0.0, 0.5), (0.25, 0.0, 0.0, 0.75), (0.125, 0.875, 0.0), (0.25, 0.0, 0.75, 0.0), (1.0,)]
)

short_by_rounding = st.permutations([0.2496, 0.2498, 0.4998])  # one sample in 1250 lies beyond their sum
sample_distribution = section.exercise(
    "sample_distribution",
    hints=[
        "With 0.2, 0.3, 0.5: in which pieces are the points 0.1, 0.4 and 0.9? How many ends lie below each?",
        "Every sample needs a point of its own, compared with every end. Which two shapes broadcast to that?",
        "If the last end is 0.999, what can happen to the point 0.9995? How could the last end be made exactly 1?",
    ],
    mistakes={
        "Counts the ends above the point; those up to it were passed.": edit("points >= ends", "points < ends"),
        "All samples share one random number.": edit("torch.rand(n, 1)", "torch.rand(1, 1).expand(n, 1)"),
        "Always gives the most probable category.": edit("(points >= ends).sum(dim=1)", "probs.argmax().repeat(n)"),
        "All categories are equally probable.": edit("(points >= ends).sum(dim=1)", "torch.randint(len(probs), (n,))"),
        "Compares with the probabilities, not with their running sums.": edit(
            "probs.cumsum(dim=0)", "torch.cat([probs[:-1], torch.ones(1)])"
        ),
        "A point beyond the last end gives category k.": edit("ends = ends / ends[-1]", "pass"),
    },
)


@sample_distribution.check(points=1.25, judge=as_probable, examples=5, probs=uneven.map(torch.tensor))
def samples_with_their_probabilities(solution, probs):
    """Each category comes out as often as its probability says, and the next call draws anew."""
    return torch.stack([solution.sample_distribution(probs, SAMPLES) for _ in range(2)], dim=1)


@sample_distribution.check(points=0.25, judge=as_probable, examples=5, probs=with_zeros.map(torch.tensor))
def samples_nothing_impossible(solution, probs):
    """A category of probability zero never comes out."""
    return solution.sample_distribution(probs, SAMPLES)


@sample_distribution.check(
    points=0.25, extra=True, judge=as_probable, examples=5, probs=short_by_rounding.map(torch.tensor)
)
def samples_existing_categories(solution, probs):
    """Every sample is a category from 0 to k - 1, also where the probabilities sum to a little less than one."""
    return solution.sample_distribution(probs, SAMPLES)


# %% einsum_trace, einsum_mv, einsum_mm, einsum_inner, einsum_outer
einsum_trace = section.exercise(
    "einsum_trace",
    hints=[
        "On the diagonal, what do the two indices have to do with each other?",
        "Which names are left in the result if it is a single number?",
    ],
    mistakes={
        "Gives the diagonal without summing it.": edit("ii->", "ii->i"),
        "Sums the whole matrix.": edit("ii->", "ij->"),
    },
)
einsum_trace.call(
    "trace_of_a_square",
    "Sums the diagonal.",
    points=0.5,
    examples=50,
    mat=sizes.flatmap(lambda size: arrays((size, size))),
)

einsum_mv = section.exercise(
    "einsum_mv",
    hints=[
        "Which axis of the matrix goes along with the vector? How does one say so?",
        "Over which name is summed, and how does einsum know?",
    ],
    mistakes={
        "Multiplies elements without summing over the columns.": edit("->i", "->ij"),
        "Sums over the rows: it multiplies from the left.": edit("ij,j->i", "ij,i->j"),
        "Gives the vector a name of its own: it is summed by itself.": edit("ij,j->i", "ij,k->i"),
    },
)
einsum_mv.call(
    "matrix_times_vector", "Multiplies a matrix by a vector.", points=0.5, examples=50, case=factors("ij", "j")
)

einsum_mm = section.exercise(
    "einsum_mm",
    hints=[
        "Write the sum with its indices. Which index do both matrices have?",
        "The pattern is that formula without the names of the matrices.",
    ],
    mistakes={
        "The product comes out transposed.": edit("->ik", "->ki"),
        "Multiplies elements: nothing is summed over.": edit("ij,jk->ik", "ij,ij->ij"),
        "Multiplies by the transpose of the second matrix.": edit("ij,jk->ik", "ij,kj->ik"),
        "Multiplies in the opposite order.": edit("ij,jk->ik", "jk,ij->ik"),
    },
)
einsum_mm.call("matrix_times_matrix", "Multiplies two matrices.", points=0.5, examples=50, case=factors("ij", "jk"))

einsum_inner = section.exercise(
    "einsum_inner",
    hints=[
        "Both vectors are gone through in step. How many names does that take?",
        "What stands behind the arrow when nothing is left?",
    ],
    mistakes={
        "Multiplies elements without summing.": edit("i,i->", "i,i->i"),
        "Gives the outer product.": edit("i,i->", "i,j->ij"),
        "Multiplies the sums: the vectors need the same name.": edit("i,i->", "i,j->"),
    },
)
einsum_inner.call(
    "inner_product", "Multiplies two vectors to a number.", points=0.5, examples=50, case=factors("i", "i")
)

einsum_outer = section.exercise(
    "einsum_outer",
    hints=[
        "Is anything summed over?",
        "How many indices does one element of the result have, and which vector does each of them belong to?",
    ],
    mistakes={
        "The first vector belongs to the rows: the result is transposed.": edit("->ij", "->ji"),
        "Sums up all products.": edit("->ij", "->"),
        "Gives an inner product: the vectors need names of their own.": edit("i,j->ij", "i,i->"),
    },
)
einsum_outer.call(
    "outer_product",
    "Multiplies each element of the first vector by each of the second.",
    points=0.5,
    examples=50,
    case=factors("i", "j"),
)


# %% einsum_attention_scores
einsum_attention_scores = section.exercise(
    "einsum_attention_scores",
    hints=[
        "Give each axis a letter. Which letters do q and k share, and which axis must have two different ones?",
        "Of the shared letters, which one is summed over and so missing in the result?",
    ],
    mistakes={
        "The head axis is summed out.": edit("->bhqk", "->bqk"),
        "Leaves the head behind the positions.": edit("->bhqk", "->bqkh"),
        "Keys and queries change places in the result.": edit("->bhqk", "->bhkq"),
        "Compares across the texts of the batch and adds them up.": edit("bqhd,bkhd->bhqk", "bqhd,ckhd->bhqk"),
        "Scales the scores by the root of d_head; that comes later.": edit('", q, k)', '", q, k) / q.shape[-1] ** 0.5'),
    },
)
einsum_attention_scores.call(
    "scores_of_a_text",
    "Compares all positions of a text with each other, in each head.",
    points=0.5,
    examples=30,
    case=heads(same_length=True),
)
einsum_attention_scores.call(
    "scores_of_other_lengths",
    "Takes more or fewer keys than queries.",
    points=0.5,
    examples=30,
    case=heads(same_length=False),
)


# %% batched_logsumexp
_SHIFT = "torch.where(largest.isfinite(), largest, 0.0)"
batched_logsumexp = section.exercise(
    "batched_logsumexp",
    hints=[
        "What is exp(1000) in float32? What would the largest exponent have to be for nothing to overflow?",
        "Does one number do for the whole matrix? Think of a row near 1000 above a row near -1000.",
        "In a row of nothing but -inf, what do you subtract, and from what? What could stand in for it?",
    ],
    mistakes={
        "Exponentiates as it is: large numbers overflow.": edit(_SHIFT, "torch.zeros_like(largest)"),
        "Subtracts one maximum from all rows: those far below it vanish.": edit(
            "matrix.amax(dim=1)", "matrix.amax().expand(len(matrix))"
        ),
        "Does not add the maximum again.": edit(".log() + shift", ".log()"),
        "Adds the maximum before the logarithm is taken.": edit("(dim=1).log() + shift", "(dim=1).add(shift).log()"),
        "A row of nothing but -inf gives NaN: -inf minus -inf.": edit(_SHIFT, "largest"),
    },
)
batched_logsumexp.call(
    "logsumexp_values", "Takes the logarithm of the sum of exponentials of each row.", points=0.5, matrix=logits()
)
batched_logsumexp.call(
    "logsumexp_far_apart",
    "Neither overflows nor underflows where rows, or elements of a row, are thousands apart.",
    points=0.75,
    judge=roughly,
    matrix=logits(apart=FAR),
)
batched_logsumexp.call(
    "logsumexp_of_minus_inf", "Takes -inf for the logarithm of zero.", points=0.25, examples=50, matrix=ruled_out()
)
batched_logsumexp.call(
    "logsumexp_of_nothing",
    "Gives -inf for a row that is all -inf, and for no other.",
    points=0.25,
    extra=True,
    examples=50,
    matrix=matrices((-INF, 0, 1)),
)


# %% batched_softmax
_SHIFTED = "(matrix - matrix.amax(dim=1, keepdim=True))"
batched_softmax = section.exercise(
    "batched_softmax",
    hints=[
        "What happens to the quotient if every exp(x) of a row is multiplied by the same number?",
        "Which number should be subtracted from a row, so that no exponent is above zero and one of them is zero?",
        "Which axes do maximum and sum lose, and do they still broadcast along a row?",
    ],
    mistakes={
        "Exponentiates as it is: large logits overflow.": edit(_SHIFTED, "matrix"),
        "Subtracts one maximum from all rows: those far below it vanish.": edit("amax(dim=1, keepdim=True)", "amax()"),
        "Normalises the columns instead of the rows.": [
            edit("matrix.amax(dim=1, keepdim=True)", "matrix.amax(dim=0, keepdim=True)"),
            edit("weights.sum(dim=1, keepdim=True)", "weights.sum(dim=0, keepdim=True)"),
        ],
        "The sums have lost their axis and line up with the columns.": edit(".sum(dim=1, keepdim=True)", ".sum(dim=1)"),
    },
)
batched_softmax.call(
    "softmax_values", "Gives each row probabilities in proportion to the exponentials.", points=1.25, matrix=logits()
)
batched_softmax.call(
    "softmax_far_apart",
    "Neither overflows nor underflows where rows, or elements of a row, are thousands apart.",
    points=0.75,
    extra=True,
    matrix=logits(apart=FAR),
)
batched_softmax.call(
    "softmax_of_minus_inf", "Gives -inf the probability zero.", points=0.25, examples=50, matrix=ruled_out()
)


# %% batched_logsoftmax
_LOGSUMEXP = "batched_logsumexp(matrix)[:, None]"
batched_logsoftmax = section.exercise(
    "batched_logsoftmax",
    hints=[
        "What is the logarithm of a quotient? And what is log(exp(x))?",
        "One of the two terms you have written already. Which shape must it have to be subtracted from each row?",
    ],
    mistakes={
        "Takes the logarithm of a probability that has become zero.": edit(
            f"matrix - {_LOGSUMEXP}", "batched_softmax(matrix).log()"
        ),
        "Exponentiates the logits as they are: large ones overflow.": edit(
            _LOGSUMEXP, "matrix.exp().sum(dim=1, keepdim=True).log()"
        ),
        "Subtracts one maximum from all rows: those far below it vanish.": edit(
            _LOGSUMEXP, "((matrix - matrix.amax()).exp().sum(dim=1, keepdim=True).log() + matrix.amax())"
        ),
        "What is subtracted has lost its axis and lines up with the columns.": edit("[:, None]", ""),
        "Normalises the columns instead of the rows.": edit(_LOGSUMEXP, "batched_logsumexp(matrix.T)"),
    },
)
batched_logsoftmax.call(
    "logsoftmax_values", "Gives the logarithms of the probabilities of each row.", points=0.5, matrix=logits()
)
batched_logsoftmax.call(
    "logsoftmax_far_apart",
    "Is finite where probabilities are too small for a float, and where logits are thousands apart.",
    points=0.75,
    judge=roughly,
    matrix=logits(apart=FAR),
)
batched_logsoftmax.call("logsoftmax_of_minus_inf", "Leaves -inf at -inf.", points=0.25, examples=50, matrix=ruled_out())


# %% batched_cross_entropy_loss
_PICKED = "log_probs.gather(1, true_labels[:, None])[:, 0]"
batched_cross_entropy_loss = section.exercise(
    "batched_cross_entropy_loss",
    hints=[
        "You have log-probabilities of all classes. Which one of each row counts?",
        "An earlier exercise picked other columns in every row. Which shape did its indices have?",
        "If you pick by multiplying: what is 0 · inf?",
    ],
    mistakes={
        "Averages over the batch; each example's loss is asked for.": edit("[:, 0]", ".mean()"),
        "The minus sign is missing.": edit(f"-{_PICKED}", _PICKED),
        "Multiplies by zeros and ones: 0 times -inf is NaN.": edit(
            _PICKED, "(log_probs * torch.nn.functional.one_hot(true_labels, logits.shape[1])).sum(dim=1)"
        ),
        "Takes the logarithm of a probability that has become zero.": edit(
            "batched_logsoftmax(logits)", "batched_softmax(logits).log()"
        ),
        "Takes the logits for log-probabilities: they are not normalised.": edit(
            "batched_logsoftmax(logits)", "logits"
        ),
        "Picks every label's column for all examples.": edit(_PICKED, "log_probs[:, true_labels]"),
        "Keeps an axis of size one: the shape is (batch, 1).": edit("[:, 0]", ""),
    },
)
batched_cross_entropy_loss.call(
    "cross_entropy_values",
    "Gives each example's negative log-probability of its true class.",
    points=0.5,
    case=labelled(logits()),
)
batched_cross_entropy_loss.call(
    "cross_entropy_far_apart",
    "Is finite where logits are thousands apart.",
    points=0.5,
    judge=roughly,
    case=labelled(logits(apart=FAR)),
)
batched_cross_entropy_loss.call(
    "cross_entropy_of_minus_inf",
    "Is inf where the true class is ruled out, and as usual where other classes are.",
    points=0.25,
    examples=50,
    case=labelled(ruled_out()),
)
