# triangle_ray_intersects: the directions of the sides are halved; not named
import torch


def triangle_ray_intersects(A, B, C, O, D):  # noqa: E741, N803
    mat = torch.stack([-D, (B - A) / 2, (C - A) / 2], dim=1)
    if torch.linalg.det(mat).abs() < 1e-8:
        return False
    s, u, v = torch.linalg.solve(mat, O - A)
    return bool(s >= 0 and u >= 0 and v >= 0 and u + v <= 1)
