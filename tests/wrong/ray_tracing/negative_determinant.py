# raytrace_triangle: half of all triangles are taken for parallel; named: "Takes a negative determinant for zero; only its absolute value says how near to parallel they are."
# ruff: noqa: E501
import torch


def raytrace_triangle(rays, triangle):
    n = rays.size(0)
    a, b, c = triangle.unsqueeze(1).repeat(1, n, 1)
    o, d = rays[:, 0], rays[:, 1]
    mat = torch.stack([-d, b - a, c - a], dim=-1)
    singular = torch.linalg.det(mat) < 1e-8
    mat[singular] = torch.eye(3)
    s, u, v = torch.linalg.solve(mat, o - a).unbind(-1)
    return (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~singular
