# as_strided_trace: takes the matrix for contiguous; named: "Assumes that the matrix is contiguous; its own strides tell how it lies in memory."
# ruff: noqa: E501
def as_strided_trace(mat):
    n = mat.shape[0]
    return mat.as_strided((n,), (n + 1,)).sum()
