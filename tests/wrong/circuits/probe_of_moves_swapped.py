# probe_loss: trains the probe of even moves on odd ones; named: "Swaps even and odd moves."
from torch.nn import functional


def probe_loss(resid, linear_probe, states):
    total = 0
    for probe, moves in zip(linear_probe, (slice(1, None, 2), slice(0, None, 2), slice(None)), strict=True):
        logits = (resid[:, moves] @ probe.flatten(1)).unflatten(-1, probe.shape[1:])
        each = functional.cross_entropy(logits.movedim(-1, 1), states[:, moves], reduction="none")
        total = total + each.sum(dim=(2, 3)).mean()
    return total
