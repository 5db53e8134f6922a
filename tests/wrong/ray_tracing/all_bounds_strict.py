# intersect_ray_1d: no end belongs to anything; named: "All bounds are strict; the ends belong to the segment and the origin to the ray."
# ruff: noqa: E501
import torch


def intersect_ray_1d(ray, segment):
    o, d = ray[0, :2], ray[1, :2]
    p, q = segment[0, :2], segment[1, :2]
    mat = torch.stack([d, p - q], dim=-1)
    if torch.linalg.det(mat).abs() < 1e-8:
        return False
    u, v = torch.linalg.solve(mat, p - o)
    return (u > 0 and v > 0 and v < 1).item()
