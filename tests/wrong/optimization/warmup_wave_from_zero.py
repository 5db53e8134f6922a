# WarmupCosine: the wave does not wait for the warm-up; named: "The wave begins at step 0, not where the warm-up ends: the rate jumps there."
# ruff: noqa
import math


def WarmupCosine(step, warmup, total, peak, floor):
    if step < warmup:
        return peak * step / warmup
    if step > total:
        return floor
    return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * step / total))
