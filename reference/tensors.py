"""Tensors: shapes, indexing, einsum and stable softmax.

Most of the work in a neural network's code is to get numbers to the right place. Here you practise the moves that all
later sections use: cut an axis in two, divide every row by something of its own, pick elements by a tensor of indices,
say a sum of products with einsum, and exponentiate without overflowing. None of them needs a loop. `einops` is welcome
everywhere and needed nowhere.
"""

# %% Setup
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


# %% Shapes
# A tensor is a row of numbers in memory and a shape that says how to read it. `reshape` leaves the row as it is and
# reads it anew, the last axis fastest. To put numbers in another order takes a transpose.
def rearrange_0() -> Int[Tensor, "2 3"]:
    """Make [[0, 2, 4], [1, 3, 5]], int64, without writing it out. This one is done for you; read it first.

    The numbers go down the columns. Reading 0 to 5 row by row into three rows of two, then transposing, does that.

    >>> rearrange_0().tolist()
    [[0, 2, 4], [1, 3, 5]]
    """
    pairs = torch.arange(6).reshape(3, 2)  # (column of the result, row of the result)
    return pairs.T  # (2, 3)


def rearrange_1() -> Int[Tensor, "3 2"]:
    """Make this tensor, int64, from torch.arange and a change of shape:

        [[3, 4],
         [5, 6],
         [7, 8]]

    Writing the numbers out would do here and nowhere else: the point is to see which axis counts fastest.

    Returns:
        The tensor, shape (3, 2).
    """
    return torch.arange(3, 9).reshape(3, 2)


def rearrange_2() -> Int[Tensor, "2 3"]:
    """Make this tensor, int64, from torch.arange and a change of shape:

        [[1, 2, 3],
         [4, 5, 6]]

    Returns:
        The tensor, shape (2, 3).
    """
    return torch.arange(1, 7).reshape(2, 3)


def temperatures_average(temps: Float[Tensor, "days"] | Int[Tensor, "days"]) -> Float[Tensor, "weeks"]:
    """Average the daily temperatures of each week.

    The days of a week stand next to each other: week w is days 7w to 7w + 6.

    Args:
        temps: one temperature a day, shape (days,), a multiple of 7. It holds float32, or whole numbers (int64), as a
            cheap thermometer gives them: their average is seldom whole.

    Returns:
        The averages, float32, shape (weeks,) with weeks = days / 7.

    >>> temperatures_average(torch.tensor([1, 2, 3, 4, 5, 6, 7, 20, 20, 20, 20, 20, 20, 27]))
    tensor([ 4., 21.])
    """
    weeks = temps.reshape(-1, 7)  # (week, day of the week)
    return weeks.float().mean(dim=1)  # (week,)


def temperatures_differences(temps: Float[Tensor, "days"]) -> Float[Tensor, "days"]:
    """Say of every day how much warmer it was than its week on average.

    To subtract, the averages must have a shape that fits: either as many of them as there are days, in the right
    order, or an axis of size one that broadcasting can stretch.

    Args:
        temps: one temperature a day, float32, shape (days,), a multiple of 7.

    Returns:
        temps minus the average of the week each day is in, shape (days,).

    >>> temperatures_differences(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))
    tensor([-3., -2., -1.,  0.,  1.,  2.,  3.])
    """
    return temps - temperatures_average(temps).repeat_interleave(7)  # (days,)


def temperatures_normalized(temps: Float[Tensor, "days"] | Int[Tensor, "days"]) -> Float[Tensor, "days"]:
    """Say of every day how many standard deviations of its week it was warmer than its week on average.

        (temperature - average of its week) / standard deviation of its week

    It is the sample standard deviation, which divides the squares by 7 - 1: the average was estimated from the same
    seven days, and that makes them look closer to it than they are. torch's `std` does so unless told otherwise, and
    numpy's does not.

    Args:
        temps: one temperature a day, float32 or int64, shape (days,), a multiple of 7. No week has seven equal days.

    Returns:
        The normalised temperatures, float32, shape (days,).

    >>> temperatures_normalized(torch.tensor([0.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0]))[3]  # 6 / sqrt(7)
    tensor(2.2678)

    Source: Bessel's correction.
    """
    weeks = temps.reshape(-1, 7).float()  # (week, day of the week)
    return temperatures_differences(temps) / weeks.std(dim=1).repeat_interleave(7)  # (days,)


def normalize_rows(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "m n"]:
    """Divide every row by its length, so that all rows get length one.

    The length is the Euclidean norm, the root of the sum of squares. A row keeps its direction and its signs.

    Args:
        matrix: float32, shape (m, n). No row is all zeros.

    Returns:
        The rows of length one, shape (m, n).

    >>> normalize_rows(torch.tensor([[3.0, -4.0], [0.0, 2.0]]))
    tensor([[ 0.6000, -0.8000],
            [ 0.0000,  1.0000]])
    """
    return matrix / matrix.norm(dim=1, keepdim=True)  # (m, n) / (m, 1)


def cos_sim_matrix(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "m m"]:
    """Compare every row with every row by the cosine of the angle between them.

        cos(a, b) = a · b / (|a| |b|)

    It is 1 for rows of one direction, 0 for rows at a right angle, -1 for opposite ones, whatever their lengths. This
    is how one asks whether two embeddings mean similar things.

    Args:
        matrix: float32, shape (m, n). No row is all zeros.

    Returns:
        The cosines, shape (m, m): element (i, j) compares row i with row j.

    >>> cos_sim_matrix(torch.tensor([[1.0, 0.0], [0.0, 2.0], [-5.0, 0.0]]))
    tensor([[ 1.,  0., -1.],
            [ 0.,  1.,  0.],
            [-1.,  0.,  1.]])
    """
    rows = normalize_rows(matrix)  # (m, n)
    return rows @ rows.T  # (m, m)


# %% Picking by index
# A tensor of whole numbers can stand where one whole number can: `x[i]` picks once for every number in `i`, and the
# result takes the shape of `i` in place of the axis that was picked from.
def collect_rows(matrix: Float[Tensor, "m n"], row_indexes: Int[Tensor, "k"]) -> Float[Tensor, "k n"]:
    """Pick rows. It is what an embedding does with tokens.

    Args:
        matrix: float32, shape (m, n).
        row_indexes: int64, shape (k,), from 0 to m - 1, in any order; a row may be wanted often or never.

    Returns:
        The rows in the order of row_indexes, shape (k, n).

    >>> collect_rows(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 1, 0])).tolist()
    [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
    """
    return matrix[row_indexes]  # (k, n)


def collect_columns(matrix: Float[Tensor, "m n"], column_indexes: Int[Tensor, "k"]) -> Float[Tensor, "m k"]:
    """Pick columns.

    Args:
        matrix: float32, shape (m, n).
        column_indexes: int64, shape (k,), from 0 to n - 1, in any order; a column may be wanted often or never.

    Returns:
        The columns in the order of column_indexes, side by side, shape (m, k).

    >>> collect_columns(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 1, 0])).tolist()
    [[2.0, 2.0, 1.0], [4.0, 4.0, 3.0]]
    """
    return matrix[:, column_indexes]  # (m, k)


def total_price_indexing(prices: Float[Tensor, "kinds"], items: Int[Tensor, "bought"]) -> float:
    """Add up what a customer pays, with an index into the prices.

    Args:
        prices: the price of each kind of item, float32, shape (kinds,).
        items: the kinds that were bought, int64, shape (bought,). What was bought twice stands there twice; nothing at
            all may have been bought.

    Returns:
        The sum, as a Python float and not as a tensor.

    >>> total_price_indexing(torch.tensor([0.5, 1.0, 1.5]), torch.tensor([0, 0, 2]))
    2.5
    """
    return prices[items].sum().item()


def total_price_gather(prices: Float[Tensor, "kinds"], items: Int[Tensor, "bought"]) -> float:
    """Add up what a customer pays, this time with `torch.gather`.

    Along an axis `dim`, gather replaces the index on that axis by one that it looks up. With a single axis:

        out[i] = prices[items[i]]

    which is nothing new yet. The next exercise has two axes.

    Args:
        prices: the price of each kind of item, float32, shape (kinds,).
        items: the kinds that were bought, int64, shape (bought,); possibly none.

    Returns:
        The sum, as a Python float.

    >>> total_price_gather(torch.tensor([0.5, 1.0, 1.5]), torch.tensor([0, 0, 2]))
    2.5
    """
    return prices.gather(0, items).sum().item()


def gather_2d(matrix: Float[Tensor, "m n"], indexes: Int[Tensor, "m k"]) -> Float[Tensor, "m k"]:
    """Pick other columns in every row.

        out[i, j] = matrix[i, indexes[i, j]]

    Each row has choices of its own: so a loss looks up the score of every example's true class, and Q-learning the
    value of every taken action.

    Args:
        matrix: float32, shape (m, n).
        indexes: int64, shape (m, k), from 0 to n - 1; k may be larger or smaller than n.

    Returns:
        The picked numbers, shape (m, k).

    >>> gather_2d(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.tensor([[0, 0], [2, 1]])).tolist()
    [[1.0, 1.0], [6.0, 5.0]]

    Source: PyTorch documentation, `torch.gather`.
    """
    return matrix.gather(1, indexes)  # (m, k)


def integer_array_indexing(matrix: Float[Tensor, "*axes"], coords: Int[Tensor, "batch rank"]) -> Float[Tensor, "batch"]:
    """Look up single elements by their coordinates, in a tensor of any number of axes.

        out[b] = matrix[coords[b, 0], coords[b, 1], …, coords[b, rank - 1]]

    Indices on several axes, one tensor of them for each axis, are read in step: the first of each, the second of each
    and so on. The coordinates here come the other way round, one row for each element.

    Args:
        matrix: float32, with one or more axes; rank is their number.
        coords: int64, shape (batch, rank).

    Returns:
        The elements, shape (batch,).

    >>> integer_array_indexing(torch.arange(6.0).reshape(2, 3), torch.tensor([[0, 1], [1, 2]]))
    tensor([1., 5.])

    Source: numpy user guide, "Integer array indexing".
    """
    return matrix[tuple(coords.T)]  # (batch,)


# %% Comparing and counting
def classifier_accuracy(
    scores: Float[Tensor, "batch classes"], true_classes: Int[Tensor, "batch"]
) -> Float[Tensor, ""]:
    """Say which share of the examples a classifier gets right: those whose true class has the highest score.

    Among equal highest scores, any may count as the classifier's choice.

    Args:
        scores: float32, shape (batch, classes).
        true_classes: int64, shape (batch,).

    Returns:
        The share between 0 and 1, a float32 tensor without axes.

    >>> classifier_accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]]), torch.tensor([1, 0, 1, 1]))
    tensor(0.7500)
    """
    chosen = scores.argmax(dim=1)  # (batch,)
    return (chosen == true_classes).float().mean()  # ()


def sample_distribution(probs: Float[Tensor, "k"], n: int) -> Int[Tensor, "n"]:
    """Draw n independent samples of the categories 0 to k - 1, from nothing but uniform random numbers.

    Lay the probabilities end to end on the way from 0 to 1. A uniform number between 0 and 1 falls into the piece of
    category i with probability probs[i]. Which piece is it? Count the ends of pieces that lie at or below it.

    Sums of floating-point numbers are inexact: the last end may come out a little below 1, and a number may fall
    beyond it. That must not give a category k, which does not exist.

    Args:
        probs: float32, shape (k,), not negative; their sum is within 0.001 of one. A category of probability zero
            never comes out.
        n: number of samples.

    Returns:
        The samples, int64, shape (n,).

    >>> sample_distribution(torch.tensor([0.0, 1.0, 0.0]), 4)
    tensor([1, 1, 1, 1])

    Source: Devroye, "Non-Uniform Random Variate Generation" (1986), section III.2, "The inversion method".
    """
    ends = probs.cumsum(dim=0)  # (category,)
    ends = ends / ends[-1]
    points = torch.rand(n, 1)  # (sample, 1), from 0 up to but not including 1
    return (points >= ends).sum(dim=1)  # (sample, category) -> (sample,)


# %% einsum
# `np.einsum("ij,jk->ik", a, b)` names the axes of its inputs and those of its result. It multiplies elements with equal
# names and sums over every name that the result does not have. There is nothing else to it. np.einsum, torch.einsum
# and einops.einsum (with long names, and the pattern last) are the same idea.
def einsum_row_sums(mat: Float[np.ndarray, "i j"]) -> Float[np.ndarray, "i"]:
    """Sum each row. This one is done for you: j is not in the result, so it is summed over.

    >>> einsum_row_sums(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([3., 7.])
    """
    return np.einsum("ij->i", mat)  # (i,)


def einsum_trace(mat: Float[np.ndarray, "i i"]) -> float:
    """Sum the diagonal, as `np.trace` does.

    A name that stands twice in one input means the same index on both axes.

    Args:
        mat: shape (i, i).

    Returns:
        The sum, a number.

    >>> float(einsum_trace(np.array([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    return np.einsum("ii->", mat)


def einsum_mv(mat: Float[np.ndarray, "i j"], vec: Float[np.ndarray, "j"]) -> Float[np.ndarray, "i"]:
    """Multiply a matrix by a vector: out[i] = Σ_j mat[i, j] vec[j].

    Args:
        mat: shape (i, j).
        vec: shape (j,).

    Returns:
        The product, shape (i,).

    >>> einsum_mv(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 1.0]))
    array([12., 34.])
    """
    return np.einsum("ij,j->i", mat, vec)


def einsum_mm(mat1: Float[np.ndarray, "i j"], mat2: Float[np.ndarray, "j k"]) -> Float[np.ndarray, "i k"]:
    """Multiply two matrices: out[i, k] = Σ_j mat1[i, j] mat2[j, k].

    Args:
        mat1: shape (i, j).
        mat2: shape (j, k).

    Returns:
        The product, shape (i, k).

    >>> einsum_mm(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0], [1.0]])).tolist()
    [[12.0], [34.0]]
    """
    return np.einsum("ij,jk->ik", mat1, mat2)


def einsum_inner(vec1: Float[np.ndarray, "i"], vec2: Float[np.ndarray, "i"]) -> float:
    """Multiply two vectors to a number: Σ_i vec1[i] vec2[i].

    Args:
        vec1, vec2: shape (i,).

    Returns:
        The inner product, a number.

    >>> float(einsum_inner(np.array([1.0, 2.0]), np.array([10.0, 1.0])))
    12.0
    """
    return np.einsum("i,i->", vec1, vec2)


def einsum_outer(vec1: Float[np.ndarray, "i"], vec2: Float[np.ndarray, "j"]) -> Float[np.ndarray, "i j"]:
    """Multiply each element of one vector by each of another: out[i, j] = vec1[i] vec2[j].

    Args:
        vec1: shape (i,).
        vec2: shape (j,).

    Returns:
        The outer product, shape (i, j).

    >>> einsum_outer(np.array([1.0, 2.0]), np.array([10.0, 1.0])).tolist()
    [[10.0, 1.0], [20.0, 2.0]]
    """
    return np.einsum("i,j->ij", vec1, vec2)


def einsum_attention_scores(
    q: Float[Tensor, "batch seq_q head d_head"], k: Float[Tensor, "batch seq_k head d_head"]
) -> Float[Tensor, "batch head seq_q seq_k"]:
    """Compare every query with every key, for each text of a batch and each attention head by itself.

        out[b, h, i, j] = Σ_d q[b, i, h, d] k[b, j, h, d]

    These are the scores of a transformer before they are scaled and masked, which is not done here. The inputs come as
    a linear layer leaves them, with the head after the position. By matrix products this takes two transposes, and
    einsum needs none.

    Args:
        q: queries, float32, shape (batch, seq_q, head, d_head).
        k: keys, float32, shape (batch, seq_k, head, d_head).

    Returns:
        The scores, shape (batch, head, seq_q, seq_k).

    >>> q = torch.tensor([1.0, 2.0]).reshape(1, 1, 2, 1)  # one query, of two heads
    >>> k = torch.tensor([[3.0, 4.0], [5.0, 6.0]]).reshape(1, 2, 2, 1)  # two keys
    >>> einsum_attention_scores(q, k).tolist()
    [[[[3.0, 5.0]], [[8.0, 12.0]]]]

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.
    """
    return torch.einsum("bqhd,bkhd->bhqk", q, k)


# %% The softmax family, with logits of any size
# In float32, exp(89) is inf and exp(-104) is 0. Logits of trained models go further than that. The way out is always
# the same: subtract something before the exponential that can be put back after it.
def batched_logsumexp(matrix: Float[Tensor, "batch n"]) -> Float[Tensor, "batch"]:
    """Take the logarithm of the sum of exponentials of each row, without overflowing.

        log Σ_j exp(x_j) = c + log Σ_j exp(x_j - c)        for any c

    It behaves like a soft maximum: a little above the largest element. Write it from exp, sum and log; calling
    torch.logsumexp teaches nothing.

    Args:
        matrix: float32, shape (batch, n) with n > 0. Rows may be thousands apart, and so may the elements of one row.
            Elements may be -inf, which stands for log 0, and so may whole rows.

    Returns:
        The result for each row, shape (batch,). It is -inf for a row that is all -inf.

    >>> batched_logsumexp(torch.tensor([[0.0, 0.0], [1000.0, 1000.0]]))  # log 2, and 1000 + log 2
    tensor([6.9315e-01, 1.0007e+03])

    Source: Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax functions".
    """
    largest = matrix.amax(dim=1)  # (batch,)
    shift = torch.where(largest.isfinite(), largest, 0.0)  # -inf minus -inf would be NaN
    return (matrix - shift[:, None]).exp().sum(dim=1).log() + shift  # (batch, n) -> (batch,)


def batched_softmax(matrix: Float[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
    """Turn each row of logits into probabilities, without overflowing.

        softmax(x)_i = exp(x_i) / Σ_j exp(x_j)

    Adding a number to a whole row changes nothing in the quotient. That is a freedom to make use of.

    Args:
        matrix: logits, float32, shape (batch, n) with n > 0. Rows may be thousands apart, and so may the elements of
            one row. Elements may be -inf, which have probability 0, but not all of a row.

    Returns:
        Probabilities that sum to one in each row, shape (batch, n).

    >>> batched_softmax(torch.tensor([[0.0, 0.0], [1000.0, 0.0]]))
    tensor([[0.5000, 0.5000],
            [1.0000, 0.0000]])
    """
    weights = (matrix - matrix.amax(dim=1, keepdim=True)).exp()  # (batch, n)
    return weights / weights.sum(dim=1, keepdim=True)  # (batch, n) / (batch, 1)


def batched_logsoftmax(matrix: Float[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
    """Take the logarithm of the softmax of each row, where the softmax itself may be too small for a float.

    A probability of exp(-200) is 0 in float32, and its logarithm would be -inf and not -200. So do not go through the
    probability: simplify log(softmax(x)_i) on paper first.

    Args:
        matrix: logits, float32, shape (batch, n) with n > 0. Rows may be thousands apart, and so may the elements of
            one row. Elements may be -inf, but not all of a row.

    Returns:
        Log-probabilities, shape (batch, n). Those of -inf are -inf.

    >>> batched_logsoftmax(torch.tensor([[0.0, -200.0]]))
    tensor([[   0., -200.]])
    """
    return matrix - batched_logsumexp(matrix)[:, None]  # (batch, n) - (batch, 1)


def batched_cross_entropy_loss(
    logits: Float[Tensor, "batch classes"], true_labels: Int[Tensor, "batch"]
) -> Float[Tensor, "batch"]:
    """Measure for each example how surprised the classifier is by the true class.

        loss_b = -log softmax(logits_b)[label_b]

    It is near 0 where the true class was thought certain, and large where it was thought unlikely.

    Args:
        logits: float32, shape (batch, classes). They may be thousands apart. Elements may be -inf, for a class that is
            ruled out, but not all of a row.
        true_labels: int64, shape (batch,).

    Returns:
        The loss of each example, not their average, shape (batch,). It is inf where the true class was ruled out.

    >>> batched_cross_entropy_loss(torch.tensor([[0.0, 0.0], [0.0, 200.0]]), torch.tensor([1, 0]))
    tensor([  0.6931, 200.0000])
    """
    log_probs = batched_logsoftmax(logits)  # (batch, classes)
    return -log_probs.gather(1, true_labels[:, None])[:, 0]  # (batch, 1) -> (batch,)
