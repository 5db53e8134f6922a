# triangle_ray_intersects: u and v are bounded each for itself; named: "Goes beyond the side opposite to A, where u + v is 1; u <= 1 and v <= 1 make a parallelogram."
# ruff: noqa: E501
import torch


def triangle_ray_intersects(A, B, C, O, D):  # noqa: E741, N803
    mat = torch.stack([-D, B - A, C - A], dim=1)
    if torch.linalg.det(mat).abs() < 1e-8:
        return False
    s, u, v = torch.linalg.solve(mat, O - A)
    return bool(s >= 0 and 0 <= u <= 1 and 0 <= v <= 1)
