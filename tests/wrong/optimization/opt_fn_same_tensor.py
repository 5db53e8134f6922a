# opt_fn_with_sgd: the list holds one tensor many times; named: "Stores the tensor itself, not a copy: it goes on moving, and all rows show where it ends."
# ruff: noqa
import torch


def opt_fn_with_sgd(fn, xy, lr=0.001, momentum=0.98, n_iters=100):
    optimizer = torch.optim.SGD([xy], lr=lr, momentum=momentum)
    rows = []
    for _ in range(n_iters):
        rows.append(xy.detach())
        out = fn(xy[0], xy[1])
        out.backward()
        optimizer.step()
        optimizer.zero_grad()
    return torch.stack(rows)
