"""A submission in the ways of ARENA's text of 2023: a mesh's distance along x, a solve that meets no parallel ray."""

import einops
import torch as t


def make_rays_1d(num_pixels: int, y_limit: float) -> t.Tensor:
    rays = t.zeros((num_pixels, 2, 3), dtype=t.float32)
    t.linspace(-y_limit, y_limit, num_pixels, out=rays[:, 1, 1])
    rays[:, 1, 0] = 1
    return rays


def intersect_ray_1d(ray: t.Tensor, segment: t.Tensor) -> bool:
    ray = ray[..., :2]
    segment = segment[..., :2]
    O, D = ray
    L_1, L_2 = segment
    mat = t.stack([D, L_1 - L_2], dim=-1)
    try:
        sol = t.linalg.solve(mat, L_1 - O)
    except RuntimeError:
        return False
    u, v = sol[0].item(), sol[1].item()
    return (u >= 0.0) and (v >= 0.0) and (v <= 1.0)


def intersect_rays_1d(rays: t.Tensor, segments: t.Tensor) -> t.Tensor:
    NR, NS = rays.size(0), segments.size(0)
    rays = einops.repeat(rays[..., :2], "nr p d -> nr ns p d", ns=NS)
    segments = einops.repeat(segments[..., :2], "ns p d -> nr ns p d", nr=NR)
    O, D = rays[:, :, 0], rays[:, :, 1]
    L_1, L_2 = segments[:, :, 0], segments[:, :, 1]
    mat = t.stack([D, L_1 - L_2], dim=-1)
    is_singular = t.linalg.det(mat).abs() < 1e-6
    mat[is_singular] = t.eye(2)
    sol = t.linalg.solve(mat, L_1 - O)
    u, v = sol[..., 0], sol[..., 1]
    return ((u >= 0) & (v >= 0) & (v <= 1) & ~is_singular).any(dim=-1)


def make_rays_2d(num_pixels_y: int, num_pixels_z: int, y_limit: float, z_limit: float) -> t.Tensor:
    ygrid = t.linspace(-y_limit, y_limit, num_pixels_y)
    zgrid = t.linspace(-z_limit, z_limit, num_pixels_z)
    rays = t.zeros((num_pixels_y * num_pixels_z, 2, 3), dtype=t.float32)
    rays[:, 1, 0] = 1
    rays[:, 1, 1] = einops.repeat(ygrid, "y -> (y z)", z=num_pixels_z)
    rays[:, 1, 2] = einops.repeat(zgrid, "z -> (y z)", y=num_pixels_y)
    return rays


def triangle_ray_intersects(A: t.Tensor, B: t.Tensor, C: t.Tensor, O: t.Tensor, D: t.Tensor) -> bool:
    s, u, v = t.linalg.solve(t.stack([-D, B - A, C - A], dim=1), O - A)
    return ((s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1)).item()


def raytrace_triangle(rays: t.Tensor, triangle: t.Tensor) -> t.Tensor:
    NR = rays.size(0)
    A, B, C = einops.repeat(triangle, "pts dims -> pts nr dims", nr=NR)
    O, D = rays.unbind(dim=1)
    mat = t.stack([-D, B - A, C - A], dim=-1)
    is_singular = t.linalg.det(mat).abs() < 1e-8
    mat[is_singular] = t.eye(3)
    s, u, v = t.linalg.solve(mat, O - A).unbind(dim=-1)
    return (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~is_singular


def hits_of_mesh(rays: t.Tensor, triangles: t.Tensor) -> t.Tensor:
    A, B, C = einops.repeat(triangles, "nt pts dims -> pts nr nt dims", nr=rays.size(0))
    O, D = einops.repeat(rays, "nr pts dims -> pts nr nt dims", nt=triangles.size(0))
    mat = t.stack([-D, B - A, C - A], dim=-1)
    is_singular = t.linalg.det(mat).abs() < 1e-8
    mat[is_singular] = t.eye(3)
    s, u, v = t.linalg.solve(mat, O - A).unbind(dim=-1)
    intersects = (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~is_singular
    return t.where(intersects, s * D[..., 0], float("inf"))


def raytrace_mesh(rays: t.Tensor, triangles: t.Tensor) -> t.Tensor:
    return einops.reduce(hits_of_mesh(rays, triangles), "nr nt -> nr", "min")


def rotation_matrix(theta: t.Tensor) -> t.Tensor:
    return t.tensor(
        [
            [t.cos(theta), 0.0, t.sin(theta)],
            [0.0, 1.0, 0.0],
            [-t.sin(theta), 0.0, t.cos(theta)],
        ]
    )


def raytrace_mesh_lambert(
    rays: t.Tensor, triangles: t.Tensor, light: t.Tensor, ambient_intensity: float
) -> t.Tensor:
    distances, nearest = hits_of_mesh(rays, triangles).min(dim=-1)
    A, B, C = triangles.unbind(dim=1)
    normals = t.cross(C - A, B - A, dim=1)
    normals /= normals.norm(dim=1, keepdim=True)
    per_triangle = einops.einsum(normals, light, "nt dims, dims -> nt").clamp(min=0)
    intensity = per_triangle[nearest] + ambient_intensity
    return t.where(distances.isfinite(), intensity, 0.0)
