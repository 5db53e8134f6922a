# normalize_rows: the lengths are those of the columns; named: "Gives the columns length one instead of the rows."
def normalize_rows(matrix):
    lengths = (matrix**2).sum(0) ** 0.5
    return matrix / lengths
