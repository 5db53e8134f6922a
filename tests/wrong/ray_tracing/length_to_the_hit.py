# raytrace_mesh: the way is measured in units of space; named: "Multiplies by the length of the direction; the distance is the s of O + s D."
# ruff: noqa: E501
import torch


def raytrace_mesh(rays, triangles):
    best = torch.full((len(rays),), float("inf"))
    for i, (o, d) in enumerate(rays):
        for a, b, c in triangles:
            mat = torch.stack([-d, b - a, c - a], dim=1)
            if torch.linalg.det(mat).abs() < 1e-8:
                continue
            s, u, v = torch.linalg.solve(mat, o - a)
            if s >= 0 and u >= 0 and v >= 0 and u + v <= 1:
                best[i] = min(best[i], (s * d).norm())
    return best
