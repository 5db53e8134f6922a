# intersect_rays_1d: the origins of the rays are left out; named: "Takes the ray to start at the origin of space; the right-hand side is L1 - O."
# ruff: noqa: E501
import torch


def intersect_rays_1d(rays, segments):
    n, m = len(rays), len(segments)
    directions = rays[:, None, 1, :2].expand(n, m, 2)
    starts = segments[None, :, 0, :2].expand(n, m, 2)
    ends = segments[None, :, 1, :2].expand(n, m, 2)
    matrices = torch.stack([directions, starts - ends], dim=-1)
    flat = torch.linalg.det(matrices).abs() < 1e-6
    matrices = torch.where(flat[..., None, None], torch.eye(2), matrices)
    u, v = torch.linalg.solve(matrices, starts).unbind(-1)
    return ((u >= 0) & (v >= 0) & (v <= 1) & ~flat).any(1)
