# collect_columns: the picked columns become rows; named: "Puts the columns below each other, as rows."
import torch


def collect_columns(matrix, column_indexes):
    return torch.stack([matrix[:, index] for index in column_indexes])
