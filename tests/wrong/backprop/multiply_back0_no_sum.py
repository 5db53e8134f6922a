# multiply_back0: broadcasting is forgotten; named: "Broadcasting is not undone: the gradient keeps the shape of the result."
# ruff: noqa
def multiply_back0(grad_out, out, x, y):
    return y * grad_out
