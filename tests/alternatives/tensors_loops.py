"""A submission in explicit loops, lists and Python numbers, with no reshaping, gathering or einsum in it."""

import math

import numpy as np
import torch
from torch import Tensor


def rearrange_1():
    return torch.tensor([[3 + 2 * row + column for column in range(2)] for row in range(3)])


def rearrange_2():
    return torch.tensor([list(range(1, 4)), list(range(4, 7))])


def week_of(temps, week):
    return [float(temp) for temp in temps[7 * week : 7 * week + 7]]


def temperatures_average(temps):
    return torch.tensor([sum(week_of(temps, week)) / 7 for week in range(len(temps) // 7)])


def temperatures_differences(temps):
    out = []
    for day in range(len(temps)):
        week = week_of(temps, day // 7)
        out.append(float(temps[day]) - sum(week) / 7)
    return torch.tensor(out)


def temperatures_normalized(temps):
    out = []
    for day in range(len(temps)):
        week = week_of(temps, day // 7)
        average = sum(week) / 7
        deviation = math.sqrt(sum((temp - average) ** 2 for temp in week) / 6)
        out.append((float(temps[day]) - average) / deviation)
    return torch.tensor(out)


def normalize_rows(matrix: Tensor) -> Tensor:
    rows = []
    for row in matrix.tolist():
        length = math.hypot(*row)
        rows.append([number / length for number in row])
    return torch.tensor(rows)


def cos_sim_matrix(matrix):
    rows = matrix.tolist()
    return torch.tensor(
        [[sum(a * b for a, b in zip(x, y)) / math.hypot(*x) / math.hypot(*y) for y in rows] for x in rows]
    )


def collect_rows(matrix, row_indexes):
    return torch.stack([matrix[row] for row in row_indexes.tolist()])


def collect_columns(matrix, column_indexes):
    return torch.tensor([[row[column] for column in column_indexes.tolist()] for row in matrix.tolist()])


def total_price_indexing(prices, items):
    total = 0.0
    for item in items:
        total += prices[item].item()
    return total


def total_price_gather(prices, items):
    return math.fsum(prices.tolist()[item] for item in items.tolist())


def gather_2d(matrix, indexes):
    out = torch.empty(indexes.shape)
    for i in range(indexes.shape[0]):
        for j in range(indexes.shape[1]):
            out[i, j] = matrix[i, indexes[i, j]]
    return out


def integer_array_indexing(matrix, coords):
    out = []
    for place in coords.tolist():
        element = matrix
        for coordinate in place:
            element = element[coordinate]
        out.append(element)
    return torch.stack(out)


def classifier_accuracy(scores, true_classes):
    right = 0
    for row, label in zip(scores.tolist(), true_classes.tolist()):
        right += row.index(max(row)) == label
    return torch.tensor(right / len(scores))


def sample_distribution(probs, n):
    total = sum(probs.tolist())
    samples = []
    for point in np.random.default_rng().random(n).tolist():
        category, end = 0, probs[0].item() / total
        while point >= end and category < len(probs) - 1:
            category += 1
            end += probs[category].item() / total
        samples.append(category)
    return torch.tensor(samples)


def einsum_trace(mat):
    total = 0.0
    for i in range(len(mat)):
        total += mat[i, i]
    return float(total)


def einsum_mv(mat, vec):
    return np.array([einsum_inner(row, vec) for row in mat])


def einsum_mm(mat1, mat2):
    return np.array([[einsum_inner(row, column) for column in mat2.T] for row in mat1])


def einsum_inner(vec1, vec2):
    return sum(float(a) * float(b) for a, b in zip(vec1, vec2, strict=True))


def einsum_outer(vec1, vec2):
    out = np.zeros((len(vec1), len(vec2)))
    for place in np.ndindex(out.shape):
        out[place] = vec1[place[0]] * vec2[place[1]]
    return out


def einsum_attention_scores(q, k):
    batch, queries, heads, _ = q.shape
    out = torch.zeros(batch, heads, queries, k.shape[1])
    for b in range(batch):
        for h in range(heads):
            out[b, h] = q[b, :, h] @ k[b, :, h].T
    return out


def row_logsumexp(row):
    largest = max(row)
    if largest == -math.inf:
        return largest
    return largest + math.log(sum(math.exp(x - largest) for x in row))


def batched_logsumexp(matrix):
    return torch.tensor([row_logsumexp(row) for row in matrix.tolist()])


def batched_softmax(matrix):
    rows = []
    for row in matrix.tolist():
        whole = row_logsumexp(row)
        rows.append([math.exp(x - whole) for x in row])
    return torch.tensor(rows)


def batched_logsoftmax(matrix):
    return torch.tensor([[x - row_logsumexp(row) for x in row] for row in matrix.tolist()])


def batched_cross_entropy_loss(logits, true_labels):
    rows = zip(logits.tolist(), true_labels.tolist())
    return torch.tensor([row_logsumexp(row) - row[label] for row, label in rows])
