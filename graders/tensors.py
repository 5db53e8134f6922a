"""Checks of the section `tensors`: shapes, indexing, einsum, and softmax with logits of any size.

Inputs are small whole numbers, so that right answers are nearly exact, and their axes differ in size, so that mixed-up
axes show. Logits come in three regimes: ordinary, thousands apart, and with -inf. No row has its largest score twice.
The ray tracing of the same chapter is a section of its own.
"""

from typing import NamedTuple

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.engine import NONZERO, POSITIVE, WHOLE, Section, arrays, close, distributed_as, edit, shapes, tensors

section = Section("tensors", title="Tensors: shapes, indexing, einsum and stable softmax")

SMALL = WHOLE[:9]  # exponentials of these lose nothing in float32
INF = float("inf")
sizes = st.sampled_from((2, 3, 1, 4, 5))

# A logit near 1000 is known to 6e-5, half a step of float32, and so is its logarithm of a probability near one.
roughly = close(atol=1e-3)


# %% Inputs
class Picked(NamedTuple):  # something, and what to pick from it
    source: torch.Tensor
    indexes: torch.Tensor


class Factors(NamedTuple):
    left: np.ndarray
    right: np.ndarray


class Heads(NamedTuple):
    q: torch.Tensor
    k: torch.Tensor


class Labelled(NamedTuple):
    scores: torch.Tensor
    labels: torch.Tensor


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
@section.check("rearrange_1", points=0.25)
def rearrange_1_constant(solution):
    """Is [[3, 4], [5, 6], [7, 8]]."""
    return solution.rearrange_1()


@section.check("rearrange_2", points=0.25)
def rearrange_2_constant(solution):
    """Is [[1, 2, 3], [4, 5, 6]]."""
    return solution.rearrange_2()


_DOWN = "The numbers go down the columns; they should go along the rows."
section.mistake("rearrange_1", _DOWN, edit("reshape(3, 2)", "reshape(2, 3).T"))
section.mistake("rearrange_1", "Counts in floating point; whole numbers are asked for.", edit("(3, 9)", "(3.0, 9.0)"))
section.mistake("rearrange_2", _DOWN, edit("reshape(2, 3)", "reshape(3, 2).T"))
section.mistake("rearrange_2", "Starts at zero.", edit("(1, 7)", "(6)"))
_REARRANGE_HINTS = (
    "Read the numbers row by row. Which range are they?",
    "Which axis counts fastest when a tensor is reshaped, and which one in the wanted result?",
)
section.hint("rearrange_1", *_REARRANGE_HINTS)
section.hint("rearrange_2", *_REARRANGE_HINTS)


# %% temperatures_average
@section.check("temperatures_average", points=0.5, examples=50)
@given(temps=days())
def average_of_weeks(solution, temps):
    """Averages each week by itself."""
    return solution.temperatures_average(temps)


@section.check("temperatures_average", points=0.25, examples=30)
@given(temps=days("int64"))
def average_of_whole_numbers(solution, temps):
    """Averages whole numbers too; the averages are float32."""
    return solution.temperatures_average(temps)


section.mistake(
    "temperatures_average",
    "Takes every n-th day for a week; its days stand next to each other.",
    edit("temps.reshape(-1, 7)", "temps.reshape(7, -1).T"),
)
section.mistake(
    "temperatures_average", "Averages each day of the week over all weeks.", edit("mean(dim=1)", "mean(dim=0)")
)
section.mistake("temperatures_average", "Fails on whole numbers, which have no mean in torch.", edit(".float()", ""))
section.mistake(
    "temperatures_average",
    "Rounds the averages of whole numbers down to whole numbers.",
    edit("weeks.float().mean(dim=1)", "weeks.sum(dim=1) // 7"),
)
section.mistake("temperatures_average", "Averages over all days at once.", edit("mean(dim=1)", "mean()"))
section.hint(
    "temperatures_average",
    "If the days were written as a table with one week a line, which of its axes would you average over?",
    "Which shape has as many rows as there are weeks? One size may be left to torch.",
    "What does torch say to the mean of whole numbers, and what can be done before?",
)


# %% temperatures_differences
@section.check("temperatures_differences")
@given(temps=days())
def differences_from_the_week(solution, temps):
    """Subtracts from every day the average of its own week."""
    return solution.temperatures_differences(temps)


section.mistake(
    "temperatures_differences",
    "Repeats the averages as a whole: days meet those of other weeks.",
    edit("repeat_interleave(7)", "repeat(7)"),
)
section.mistake(
    "temperatures_differences",
    "Subtracts the average of all days.",
    edit("temperatures_average(temps).repeat_interleave(7)", "temps.mean()"),
)
section.mistake(
    "temperatures_differences",
    "Subtracts the other way round; a warm day should be positive.",
    edit(
        "temps - temperatures_average(temps).repeat_interleave(7)",
        "temperatures_average(temps).repeat_interleave(7) - temps",
    ),
)
section.mistake(
    "temperatures_differences",
    "Keeps the weeks as an axis; the result has the shape of temps.",
    edit(
        "temps - temperatures_average(temps).repeat_interleave(7)",
        "temps.reshape(-1, 7) - temperatures_average(temps)[:, None]",
    ),
)
section.hint(
    "temperatures_differences",
    "Which average does day 8 need, and which day 6? In which order must seven copies of each stand?",
    "Or leave the days as a table of weeks: which shape must the averages have to be stretched along a week?",
)


# %% temperatures_normalized
@section.check("temperatures_normalized")
@given(temps=days())
def normalized_by_the_week(solution, temps):
    """Divides by the sample standard deviation of each week."""
    return solution.temperatures_normalized(temps)


@section.check("temperatures_normalized", points=0.25, examples=30)
@given(temps=days("int64"))
def normalized_whole_numbers(solution, temps):
    """Normalises whole numbers too; the result is float32."""
    return solution.temperatures_normalized(temps)


section.mistake(
    "temperatures_normalized",
    "Divides the squares by 7; the sample standard deviation divides by 6.",
    edit("std(dim=1)", "std(dim=1, correction=0)"),
)
section.mistake(
    "temperatures_normalized",
    "Divides by the deviation of all days, not of each week.",
    edit("weeks.std(dim=1).repeat_interleave(7)", "weeks.std()"),
)
section.mistake("temperatures_normalized", "Divides by the variance.", edit("std(dim=1)", "var(dim=1)"))
section.mistake(
    "temperatures_normalized", "Does not subtract the averages.", edit("temperatures_differences(temps) /", "temps /")
)
section.mistake(
    "temperatures_normalized",
    "Repeats the deviations as a whole: days meet those of other weeks.",
    edit("repeat_interleave(7)", "repeat(7)"),
)
section.mistake(
    "temperatures_normalized", "Fails on whole numbers, which torch takes no deviation of.", edit(".float()", "")
)
section.hint(
    "temperatures_normalized",
    "The upper half of the fraction you have already. What must the lower one look like to be divided by?",
    "By which number does torch's std divide the squares, and by which var of numpy? Which one is asked for?",
)


# %% normalize_rows, cos_sim_matrix
@section.check("normalize_rows")
@given(matrix=matrices(NONZERO))
def rows_of_length_one(solution, matrix):
    """Divides each row by its own length."""
    return solution.normalize_rows(matrix)


@section.check("normalize_rows", points=0.5, examples=50)
@given(matrix=sizes.flatmap(lambda size: tensors((size, size), NONZERO)))
def rows_of_a_square(solution, matrix):
    """Normalises rows and not columns where there are as many of them."""
    return solution.normalize_rows(matrix)


section.mistake("normalize_rows", "Gives the columns length one instead of the rows.", edit("dim=1", "dim=0"))
section.mistake(
    "normalize_rows", "The lengths have lost their axis and line up with the columns.", edit(", keepdim=True", "")
)
section.mistake(
    "normalize_rows",
    "Divides by the sum of absolute values, not the root of squares.",
    edit("norm(dim=1", "norm(p=1, dim=1"),
)
section.mistake(
    "normalize_rows",
    "The root is missing: divides by the squared length.",
    edit("matrix.norm(dim=1, keepdim=True)", "matrix.square().sum(dim=1, keepdim=True)"),
)
section.hint(
    "normalize_rows",
    "Shapes are lined up at their ends. To what does (m,) line up in (m, n)?",
    "Which shape stretches along a row, and how does a reduction keep the axis it reduced?",
)


@section.check("cos_sim_matrix")
@given(matrix=matrices(NONZERO))
def cosines_of_rows(solution, matrix):
    """Gives the cosine between every two rows."""
    return solution.cos_sim_matrix(matrix)


section.mistake("cos_sim_matrix", "Normalises one side of the product only.", edit("rows @ rows.T", "rows @ matrix.T"))
section.mistake("cos_sim_matrix", "Compares columns: the shape is (n, n).", edit("rows @ rows.T", "rows.T @ rows"))
section.mistake(
    "cos_sim_matrix", "Gives inner products without dividing by the lengths.", edit("normalize_rows(matrix)", "matrix")
)
section.hint(
    "cos_sim_matrix",
    "What is the cosine of two vectors of length one?",
    "Element (i, j) is an inner product of row i and row j. Which matrix product has these as its elements?",
)


# %% collect_rows, collect_columns
@section.check("collect_rows", points=0.5, examples=50)
@given(case=picked_rows())
def rows_picked(solution, case):
    """Picks the rows in the order asked for."""
    return solution.collect_rows(case.source, case.indexes)


@section.check("collect_columns", points=0.5, examples=50)
@given(case=picked_rows(axis=1))
def columns_picked(solution, case):
    """Picks the columns in the order asked for, side by side."""
    return solution.collect_columns(case.source, case.indexes)


section.mistake("collect_rows", "Picks columns.", edit("matrix[row_indexes]", "matrix[:, row_indexes]"))
section.mistake("collect_columns", "Picks rows.", edit("matrix[:, column_indexes]", "matrix[column_indexes]"))
section.mistake(
    "collect_columns",
    "Puts the columns below each other, as rows.",
    edit("matrix[:, column_indexes]", "matrix.T[column_indexes]"),
)
section.hint(
    "collect_rows",
    "How do you pick one row? What happens with a tensor of indices in its place?",
    "Which axis of the matrix is replaced, and which shape results?",
)
section.hint(
    "collect_columns",
    "How do you say that an axis is to be kept whole?",
    "What shape do you get, and does each picked column still stand upright?",
)


# %% total_price_indexing, total_price_gather
@section.check("total_price_indexing", points=0.5, examples=50)
@given(case=purchases())
def total_by_indexing(solution, case):
    """Adds up the prices of what was bought, as a float."""
    return solution.total_price_indexing(case.source, case.indexes)


@section.check("total_price_indexing", points=0.25, examples=10)
@given(case=purchases(count=0))
def nothing_by_indexing(solution, case):
    """Nothing costs 0.0."""
    return solution.total_price_indexing(case.source, case.indexes)


@section.check("total_price_gather", points=0.5, examples=50)
@given(case=purchases())
def total_by_gather(solution, case):
    """Adds up the prices of what was bought, as a float."""
    return solution.total_price_gather(case.source, case.indexes)


@section.check("total_price_gather", points=0.25, examples=10)
@given(case=purchases(count=0))
def nothing_by_gather(solution, case):
    """Nothing costs 0.0."""
    return solution.total_price_gather(case.source, case.indexes)


_EVERYTHING = "Adds up all prices, whatever was bought."
_TENSOR = "Returns a tensor; a Python float is asked for."
_ONCE = "Counts once what was bought twice."
section.mistake("total_price_indexing", _EVERYTHING, edit("prices[items]", "prices"))
section.mistake("total_price_indexing", _TENSOR, edit(".item()", ""))
section.mistake("total_price_indexing", _ONCE, edit("prices[items]", "prices[items.unique()]"))
section.mistake("total_price_gather", _EVERYTHING, edit("prices.gather(0, items)", "prices"))
section.mistake("total_price_gather", _TENSOR, edit(".item()", ""))
section.mistake("total_price_gather", _ONCE, edit("items)", "items.unique())"))
section.hint(
    "total_price_indexing",
    "What is prices[items], and which shape has it?",
    "How does a tensor of one number become a Python number?",
)
section.hint(
    "total_price_gather",
    "gather asks for the axis whose index is looked up. How many axes has prices?",
    "What must the second argument say about each element of the result?",
)


# %% gather_2d
@section.check("gather_2d")
@given(case=picked_in_rows())
def gathers_in_rows(solution, case):
    """Picks from each row the columns that are asked for there."""
    return solution.gather_2d(case.source, case.indexes)


section.mistake("gather_2d", "Looks up the index of the row instead of the column's.", edit("gather(1,", "gather(0,"))
section.mistake(
    "gather_2d",
    "Picks every row's columns from all rows: the shape is (m, m, k).",
    edit("matrix.gather(1, indexes)", "matrix[:, indexes]"),
)
section.hint(
    "gather_2d",
    "In out[i, j] = matrix[i, indexes[i, j]], which of the two indices stays and which one is looked up?",
    "With plain indexing you would need the row numbers too. Which shape must they have to go along with (m, k)?",
)


# %% integer_array_indexing
@section.check("integer_array_indexing", points=0.5, examples=50)
@given(case=located(2))
def elements_of_a_matrix(solution, case):
    """Looks up elements of a matrix."""
    return solution.integer_array_indexing(case.source, case.indexes)


@section.check("integer_array_indexing", points=0.5, examples=50)
@given(case=located(1) | located(3) | located(4))
def elements_of_other_ranks(solution, case):
    """Looks up elements of tensors with one, three or four axes."""
    return solution.integer_array_indexing(case.source, case.indexes)


section.mistake(
    "integer_array_indexing",
    "Uses all coordinates as indices of the first axis: no tuple.",
    edit("matrix[tuple(coords.T)]", "matrix[coords % len(matrix)]"),
)
section.mistake(
    "integer_array_indexing", "Takes one element's coordinates for indices along one axis.", edit("coords.T", "coords")
)
section.mistake(
    "integer_array_indexing",
    "Looks at two coordinates only, whatever the number of axes.",
    edit("tuple(coords.T)", "coords[:, 0], coords[:, 1]"),
)
section.hint(
    "integer_array_indexing",
    "For a matrix you could write matrix[rows, columns]. What are rows and columns in terms of coords?",
    "x[a, b] is x[(a, b)]. How do you make such a tuple of any length?",
    "Going through a tensor gives its slices along the first axis. Which axis of coords should be first?",
)


# %% classifier_accuracy
@section.check("classifier_accuracy")
@given(case=labelled(ranked()))
def share_of_right_answers(solution, case):
    """Gives the share of examples whose true class scores highest."""
    return solution.classifier_accuracy(case.scores, case.labels)


section.mistake(
    "classifier_accuracy",
    "Looks for each class's best example, not each example's best class.",
    edit("argmax(dim=1)", "argmax(dim=0)"),
)
section.mistake("classifier_accuracy", "Counts the right answers without dividing.", edit(".mean()", ".sum()"))
section.mistake("classifier_accuracy", "Averages truth values, which torch refuses.", edit(".float()", ""))
section.mistake(
    "classifier_accuracy",
    "Divides whole numbers and drops the rest.",
    edit("(chosen == true_classes).float().mean()", "(chosen == true_classes).sum() // len(scores)"),
)
section.mistake("classifier_accuracy", "Returns a Python float instead of a tensor.", edit(".mean()", ".mean().item()"))
section.hint(
    "classifier_accuracy",
    "Which class does the classifier choose for one example? Along which axis do you look?",
    "You have a True for each right answer. How does a share come out of these, and what is the mean of truth values?",
)


# %% sample_distribution
SAMPLES = 10_000


def drawn_with(inputs):
    """Probabilities that sum to one, of those a check drew."""
    probs = np.asarray(inputs["probs"], dtype=np.float64)
    return probs / probs.sum()


# Zeros are never in front: a uniform number of exactly 0 (one in 2^24) would tell `>` from `>=`, and no more than that.
# Beside a zero, probabilities are powers of two: their sums are exact, so that nothing can come out by rounding.
uneven = st.permutations([0.1, 0.2, 0.3, 0.4])
with_zeros = st.sampled_from(
    [(0.5, 0.0, 0.5), (0.25, 0.0, 0.0, 0.75), (0.125, 0.875, 0.0), (0.25, 0.0, 0.75, 0.0), (1.0,)]
)
short_by_rounding = st.permutations([0.2496, 0.2498, 0.4998])  # one sample in 1250 lies beyond their sum


@section.check("sample_distribution", points=1, judge=distributed_as(probabilities=drawn_with), examples=5)
@given(probs=uneven.map(torch.tensor))
def samples_with_their_probabilities(solution, probs):
    """Each category comes out as often as its probability says."""
    return solution.sample_distribution(probs, SAMPLES)


@section.check("sample_distribution", points=0.25, judge=distributed_as(probabilities=drawn_with), examples=5)
@given(probs=with_zeros.map(torch.tensor))
def samples_nothing_impossible(solution, probs):
    """A category of probability zero never comes out."""
    return solution.sample_distribution(probs, SAMPLES)


@section.check("sample_distribution", points=0.25, judge=distributed_as(probabilities=drawn_with), examples=5)
@given(probs=short_by_rounding.map(torch.tensor))
def samples_existing_categories(solution, probs):
    """Every sample is a category from 0 to k - 1, also where the probabilities sum to a little less than one."""
    return solution.sample_distribution(probs, SAMPLES)


section.mistake(
    "sample_distribution",
    "Counts the ends above the point; those up to it were passed.",
    edit("points >= ends", "points < ends"),
)
section.mistake(
    "sample_distribution",
    "All samples share one random number.",
    edit("torch.rand(n, 1)", "torch.rand(1, 1).expand(n, 1)"),
)
section.mistake(
    "sample_distribution",
    "Always gives the most probable category.",
    edit("(points >= ends).sum(dim=1)", "probs.argmax().repeat(n)"),
)
section.mistake(
    "sample_distribution",
    "All categories are equally probable.",
    edit("(points >= ends).sum(dim=1)", "torch.randint(len(probs), (n,))"),
)
section.mistake(
    "sample_distribution",
    "Compares with the probabilities, not with their running sums.",
    edit("probs.cumsum(dim=0)", "torch.cat([probs[:-1], torch.ones(1)])"),
)
section.mistake(
    "sample_distribution", "A point beyond the last end gives category k.", edit("ends = ends / ends[-1]", "pass")
)
section.hint(
    "sample_distribution",
    "With 0.2, 0.3, 0.5: in which pieces are the points 0.1, 0.4 and 0.9? How many ends lie below each?",
    "Every sample needs a point of its own, compared with every end. Which two shapes broadcast to that?",
    "If the last end is 0.999, what can happen to the point 0.9995? How could the last end be made exactly 1?",
)


# %% einsum_trace, einsum_mv, einsum_mm, einsum_inner, einsum_outer
@section.check("einsum_trace", points=0.5, examples=50)
@given(mat=sizes.flatmap(lambda size: arrays((size, size))))
def trace_of_a_square(solution, mat):
    """Sums the diagonal."""
    return solution.einsum_trace(mat)


section.mistake("einsum_trace", "Gives the diagonal without summing it.", edit("ii->", "ii->i"))
section.mistake("einsum_trace", "Sums the whole matrix.", edit("ii->", "ij->"))
section.hint(
    "einsum_trace",
    "On the diagonal, what do the two indices have to do with each other?",
    "Which names are left in the result if it is a single number?",
)


@section.check("einsum_mv", points=0.5, examples=50)
@given(case=factors("ij", "j"))
def matrix_times_vector(solution, case):
    """Multiplies a matrix by a vector."""
    return solution.einsum_mv(case.left, case.right)


section.mistake("einsum_mv", "Multiplies elements without summing over the columns.", edit("->i", "->ij"))
section.mistake("einsum_mv", "Sums over the rows: it multiplies from the left.", edit("ij,j->i", "ij,i->j"))
section.mistake("einsum_mv", "Gives the vector a name of its own: it is summed by itself.", edit("ij,j->i", "ij,k->i"))
section.hint(
    "einsum_mv",
    "Which axis of the matrix goes along with the vector? How does one say so?",
    "Over which name is summed, and how does einsum know?",
)


@section.check("einsum_mm", points=0.5, examples=50)
@given(case=factors("ij", "jk"))
def matrix_times_matrix(solution, case):
    """Multiplies two matrices."""
    return solution.einsum_mm(case.left, case.right)


section.mistake("einsum_mm", "The product comes out transposed.", edit("->ik", "->ki"))
section.mistake("einsum_mm", "Multiplies elements: nothing is summed over.", edit("ij,jk->ik", "ij,ij->ij"))
section.mistake("einsum_mm", "Multiplies by the transpose of the second matrix.", edit("ij,jk->ik", "ij,kj->ik"))
section.mistake("einsum_mm", "Multiplies in the opposite order.", edit("ij,jk->ik", "jk,ij->ik"))
section.hint(
    "einsum_mm",
    "Write the sum with its indices. Which index do both matrices have?",
    "The pattern is that formula without the names of the matrices.",
)


@section.check("einsum_inner", points=0.5, examples=50)
@given(case=factors("i", "i"))
def inner_product(solution, case):
    """Multiplies two vectors to a number."""
    return solution.einsum_inner(case.left, case.right)


section.mistake("einsum_inner", "Multiplies elements without summing.", edit("i,i->", "i,i->i"))
section.mistake("einsum_inner", "Gives the outer product.", edit("i,i->", "i,j->ij"))
section.mistake("einsum_inner", "Multiplies the sums: the vectors need the same name.", edit("i,i->", "i,j->"))
section.hint(
    "einsum_inner",
    "Both vectors are gone through in step. How many names does that take?",
    "What stands behind the arrow when nothing is left?",
)


@section.check("einsum_outer", points=0.5, examples=50)
@given(case=factors("i", "j"))
def outer_product(solution, case):
    """Multiplies each element of the first vector by each of the second."""
    return solution.einsum_outer(case.left, case.right)


section.mistake("einsum_outer", "The first vector belongs to the rows: the result is transposed.", edit("->ij", "->ji"))
section.mistake("einsum_outer", "Sums up all products.", edit("->ij", "->"))
section.mistake(
    "einsum_outer", "Gives an inner product: the vectors need names of their own.", edit("i,j->ij", "i,i->")
)
section.hint(
    "einsum_outer",
    "Is anything summed over?",
    "How many indices does one element of the result have, and which vector does each of them belong to?",
)


# %% einsum_attention_scores
@section.check("einsum_attention_scores", points=0.5, examples=30)
@given(case=heads(same_length=True))
def scores_of_a_text(solution, case):
    """Compares all positions of a text with each other, in each head."""
    return solution.einsum_attention_scores(case.q, case.k)


@section.check("einsum_attention_scores", points=0.5, examples=30)
@given(case=heads(same_length=False))
def scores_of_other_lengths(solution, case):
    """Takes more or fewer keys than queries."""
    return solution.einsum_attention_scores(case.q, case.k)


section.mistake("einsum_attention_scores", "The head axis is summed out.", edit("->bhqk", "->bqk"))
section.mistake("einsum_attention_scores", "Leaves the head behind the positions.", edit("->bhqk", "->bqkh"))
section.mistake("einsum_attention_scores", "Keys and queries change places in the result.", edit("->bhqk", "->bhkq"))
section.mistake(
    "einsum_attention_scores",
    "Compares across the texts of the batch and adds them up.",
    edit("bqhd,bkhd->bhqk", "bqhd,ckhd->bhqk"),
)
section.mistake(
    "einsum_attention_scores",
    "Scales the scores by the root of d_head; that comes later.",
    edit('torch.einsum("bqhd,bkhd->bhqk", q, k)', 'torch.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5'),
)
section.hint(
    "einsum_attention_scores",
    "Give each axis a letter. Which letters do q and k share, and which axis must have two different ones?",
    "Of the shared letters, which one is summed over and so missing in the result?",
)


# %% batched_logsumexp
@section.check("batched_logsumexp", points=0.5)
@given(matrix=logits())
def logsumexp_values(solution, matrix):
    """Takes the logarithm of the sum of exponentials of each row."""
    return solution.batched_logsumexp(matrix)


@section.check("batched_logsumexp", points=0.75, judge=roughly)
@given(matrix=logits(apart=FAR))
def logsumexp_far_apart(solution, matrix):
    """Neither overflows nor underflows where rows, or elements of a row, are thousands apart."""
    return solution.batched_logsumexp(matrix)


@section.check("batched_logsumexp", points=0.25, examples=50)
@given(matrix=matrices((-INF, 0, 1)))
def logsumexp_of_minus_inf(solution, matrix):
    """Takes -inf for the logarithm of zero, also where a whole row is."""
    return solution.batched_logsumexp(matrix)


_SHIFT = "torch.where(largest.isfinite(), largest, 0.0)"
section.mistake(
    "batched_logsumexp", "Exponentiates as it is: large numbers overflow.", edit(_SHIFT, "torch.zeros_like(largest)")
)
section.mistake(
    "batched_logsumexp",
    "Subtracts one maximum from all rows: those far below it vanish.",
    edit("matrix.amax(dim=1)", "matrix.amax().expand(len(matrix))"),
)
section.mistake("batched_logsumexp", "Does not add the maximum again.", edit(".log() + shift", ".log()"))
section.mistake(
    "batched_logsumexp",
    "Adds the maximum before the logarithm is taken.",
    edit(".sum(dim=1).log() + shift", ".sum(dim=1).add(shift).log()"),
)
section.mistake("batched_logsumexp", "A row of nothing but -inf gives NaN: -inf minus -inf.", edit(_SHIFT, "largest"))
section.hint(
    "batched_logsumexp",
    "What is exp(1000) in float32? What would the largest exponent have to be for nothing to overflow?",
    "Does one number do for the whole matrix? Think of a row near 1000 above a row near -1000.",
    "In a row of nothing but -inf, what do you subtract, and from what? What could stand in for it?",
)


# %% batched_softmax
@section.check("batched_softmax", points=0.5)
@given(matrix=logits())
def softmax_values(solution, matrix):
    """Gives each row probabilities in proportion to the exponentials."""
    return solution.batched_softmax(matrix)


@section.check("batched_softmax", points=0.75)
@given(matrix=logits(apart=FAR))
def softmax_far_apart(solution, matrix):
    """Neither overflows nor underflows where rows, or elements of a row, are thousands apart."""
    return solution.batched_softmax(matrix)


@section.check("batched_softmax", points=0.25, examples=50)
@given(matrix=ruled_out())
def softmax_of_minus_inf(solution, matrix):
    """Gives -inf the probability zero."""
    return solution.batched_softmax(matrix)


_SHIFTED = "(matrix - matrix.amax(dim=1, keepdim=True))"
section.mistake("batched_softmax", "Exponentiates as it is: large logits overflow.", edit(_SHIFTED, "matrix"))
section.mistake(
    "batched_softmax",
    "Subtracts one maximum from all rows: those far below it vanish.",
    edit("matrix.amax(dim=1, keepdim=True)", "matrix.amax()"),
)
section.mistake(
    "batched_softmax",
    "Normalises the columns instead of the rows.",
    edit("matrix.amax(dim=1, keepdim=True)", "matrix.amax(dim=0, keepdim=True)"),
    edit("weights.sum(dim=1, keepdim=True)", "weights.sum(dim=0, keepdim=True)"),
)
section.mistake(
    "batched_softmax",
    "The sums have lost their axis and line up with the columns.",
    edit("weights.sum(dim=1, keepdim=True)", "weights.sum(dim=1)"),
)
section.hint(
    "batched_softmax",
    "What happens to the quotient if every exp(x) of a row is multiplied by the same number?",
    "Which number should be subtracted from a row, so that no exponent is above zero and one of them is zero?",
    "Which axes do maximum and sum lose, and do they still broadcast along a row?",
)


# %% batched_logsoftmax
@section.check("batched_logsoftmax", points=0.5)
@given(matrix=logits())
def logsoftmax_values(solution, matrix):
    """Gives the logarithms of the probabilities of each row."""
    return solution.batched_logsoftmax(matrix)


@section.check("batched_logsoftmax", points=0.75, judge=roughly)
@given(matrix=logits(apart=FAR))
def logsoftmax_far_apart(solution, matrix):
    """Is finite where probabilities are too small for a float, and where logits are thousands apart."""
    return solution.batched_logsoftmax(matrix)


@section.check("batched_logsoftmax", points=0.25, examples=50)
@given(matrix=ruled_out())
def logsoftmax_of_minus_inf(solution, matrix):
    """Leaves -inf at -inf."""
    return solution.batched_logsoftmax(matrix)


_LOGSUMEXP = "batched_logsumexp(matrix)[:, None]"
section.mistake(
    "batched_logsoftmax",
    "Takes the logarithm of a probability that has become zero.",
    edit(f"matrix - {_LOGSUMEXP}", "batched_softmax(matrix).log()"),
)
section.mistake(
    "batched_logsoftmax",
    "Exponentiates the logits as they are: large ones overflow.",
    edit(_LOGSUMEXP, "matrix.exp().sum(dim=1, keepdim=True).log()"),
)
section.mistake(
    "batched_logsoftmax",
    "Subtracts one maximum from all rows: those far below it vanish.",
    edit(_LOGSUMEXP, "((matrix - matrix.amax()).exp().sum(dim=1, keepdim=True).log() + matrix.amax())"),
)
section.mistake(
    "batched_logsoftmax", "What is subtracted has lost its axis and lines up with the columns.", edit("[:, None]", "")
)
section.mistake(
    "batched_logsoftmax", "Normalises the columns instead of the rows.", edit(_LOGSUMEXP, "batched_logsumexp(matrix.T)")
)
section.hint(
    "batched_logsoftmax",
    "What is the logarithm of a quotient? And what is log(exp(x))?",
    "One of the two terms you have written already. Which shape must it have to be subtracted from each row?",
)


# %% batched_cross_entropy_loss
@section.check("batched_cross_entropy_loss", points=0.5)
@given(case=labelled(logits()))
def cross_entropy_values(solution, case):
    """Gives each example's negative log-probability of its true class."""
    return solution.batched_cross_entropy_loss(case.scores, case.labels)


@section.check("batched_cross_entropy_loss", points=0.5, judge=roughly)
@given(case=labelled(logits(apart=FAR)))
def cross_entropy_far_apart(solution, case):
    """Is finite where logits are thousands apart."""
    return solution.batched_cross_entropy_loss(case.scores, case.labels)


@section.check("batched_cross_entropy_loss", points=0.25, examples=50)
@given(case=labelled(ruled_out()))
def cross_entropy_of_minus_inf(solution, case):
    """Is inf where the true class is ruled out, and as usual where other classes are."""
    return solution.batched_cross_entropy_loss(case.scores, case.labels)


_PICKED = "log_probs.gather(1, true_labels[:, None])[:, 0]"
section.mistake(
    "batched_cross_entropy_loss",
    "Averages over the batch; each example's loss is asked for.",
    edit("[:, 0]", ".mean()"),
)
section.mistake("batched_cross_entropy_loss", "The minus sign is missing.", edit(f"-{_PICKED}", _PICKED))
section.mistake(
    "batched_cross_entropy_loss",
    "Multiplies by zeros and ones: 0 times -inf is NaN.",
    edit(_PICKED, "(log_probs * torch.nn.functional.one_hot(true_labels, logits.shape[1])).sum(dim=1)"),
)
section.mistake(
    "batched_cross_entropy_loss",
    "Takes the logarithm of a probability that has become zero.",
    edit("batched_logsoftmax(logits)", "batched_softmax(logits).log()"),
)
section.mistake(
    "batched_cross_entropy_loss",
    "Takes the logits for log-probabilities: they are not normalised.",
    edit("batched_logsoftmax(logits)", "logits"),
)
section.mistake(
    "batched_cross_entropy_loss",
    "Picks every label's column for all examples.",
    edit(_PICKED, "log_probs[:, true_labels]"),
)
section.mistake("batched_cross_entropy_loss", "Keeps an axis of size one: the shape is (batch, 1).", edit("[:, 0]", ""))
section.hint(
    "batched_cross_entropy_loss",
    "You have log-probabilities of all classes. Which one of each row counts?",
    "An earlier exercise picked other columns in every row. Which shape did its indices have?",
    "If you pick by multiplying: what is 0 · inf?",
)
