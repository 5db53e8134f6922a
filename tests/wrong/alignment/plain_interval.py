# wilson_interval: is the normal approximation, cut to [0, 1]; named: "Is the plain interval around p, cut off at 0 and 1."
# ruff: noqa: E501
import math


def wilson_interval(k, n, z=1.96):
    if n == 0:
        return 0.0, 1.0
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n)
    return max(0.0, p - half), min(1.0, p + half)
