# normalize_rows: the sum of absolute values is no length; named: "Divides by the sum of absolute values, not the root of squares."
# ruff: noqa: E501
def normalize_rows(matrix):
    return matrix / matrix.abs().sum(-1).unsqueeze(-1)
