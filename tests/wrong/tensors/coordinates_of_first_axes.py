# integer_array_indexing: made for matrices; named: "Looks at two coordinates only, whatever the number of axes."
def integer_array_indexing(matrix, coords):
    rows, columns = coords[:, 0], coords[:, 1]
    return matrix[rows, columns]
