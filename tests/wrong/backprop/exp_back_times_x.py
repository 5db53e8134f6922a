# exp_back: the derivative is taken to be x; named: "Multiplies by x; the derivative of exp(x) is exp(x)."
# ruff: noqa
def exp_back(grad_out, out, x):
    return x * grad_out
