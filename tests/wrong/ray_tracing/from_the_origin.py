# intersect_ray_1d: the origin of the ray is left out; named: "Takes the ray to start at the origin of space; the right-hand side is L1 - O."
# ruff: noqa: E501
import torch


def intersect_ray_1d(ray, segment):
    ray, segment = ray[:, :2], segment[:, :2]
    try:
        u, v = torch.linalg.solve(torch.stack([ray[1], segment[0] - segment[1]], dim=1), segment[0])
    except RuntimeError:
        return False
    return bool(u >= 0 and 0 <= v <= 1)
