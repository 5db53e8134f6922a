# log_back: divides by the wrong one; named: "Divides by the output log(x), not by the input x."
# ruff: noqa
def log_back(grad_out, out, x):
    dlog = 1 / out
    return grad_out * dlog
