# %%
"""A submission as people have it who worked through ARENA: its layout, test calls after each function, plots."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable

import einops
import plotly.express as px
import plotly.graph_objects as go
import torch as t
from IPython.display import display
from ipywidgets import interact
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

chapter = "chapter0_fundamentals"
section = "part1_ray_tracing"
root_dir = next(p for p in [Path.cwd(), *Path.cwd().parents])
exercises_dir = root_dir / chapter / "exercises"
section_dir = exercises_dir / section
if str(exercises_dir) not in sys.path:
    sys.path.append(str(exercises_dir))

import part1_ray_tracing.tests as tests
from part1_ray_tracing.utils import render_lines_with_plotly, setup_widget_fig_ray, setup_widget_fig_triangle
from plotly_utils import imshow

MAIN = __name__ == "__main__"


# %%
def make_rays_1d(num_pixels: int, y_limit: float) -> Tensor:
    rays = t.zeros((num_pixels, 2, 3), dtype=t.float32)
    t.linspace(-y_limit, y_limit, num_pixels, out=rays[:, 1, 1])
    rays[:, 1, 0] = 1
    return rays


rays1d = make_rays_1d(9, 10.0)
fig = render_lines_with_plotly(rays1d)

if MAIN:
    fig = setup_widget_fig_ray()
    display(fig)

    @interact(v=(0.0, 6.0, 0.01), seed=list(range(10)))
    def update(v=0.0, seed=0):
        t.manual_seed(seed)
        L_1, L_2 = t.rand(2, 2)
        fig.update_traces({"x": [L_1[0], L_2[0]], "y": [L_1[1], L_2[1]]}, 0)

    segments = t.tensor(
        [[[1.0, -12.0, 0.0], [1, -6.0, 0.0]], [[0.5, 0.1, 0.0], [0.5, 1.15, 0.0]], [[2, 12.0, 0.0], [2, 21.0, 0.0]]]
    )


# %%
def intersect_ray_1d(ray: Float[Tensor, "points dims"], segment: Float[Tensor, "points dims"]) -> bool:
    ray = ray[:, :2]  # z is always zero
    segment = segment[:, :2]
    O, D = ray
    L_1, L_2 = segment
    mat = t.stack([D, L_1 - L_2], dim=-1)
    vec = L_1 - O
    try:
        sol = t.linalg.solve(mat, vec)
    except RuntimeError:
        return False
    u = sol[0].item()
    v = sol[1].item()
    return (u >= 0.0) and (v >= 0.0) and (v <= 1.0)


tests.test_intersect_ray_1d(intersect_ray_1d)
tests.test_intersect_ray_1d_special_case(intersect_ray_1d)


def intersect_rays_1d(
    rays: Float[Tensor, "nrays 2 3"], segments: Float[Tensor, "nsegments 2 3"]
) -> Bool[Tensor, "nrays"]:
    NR = rays.size(0)
    NS = segments.size(0)
    rays = einops.repeat(rays[..., :2], "nrays p d -> nrays nsegments p d", nsegments=NS)
    segments = einops.repeat(segments[..., :2], "nsegments p d -> nrays nsegments p d", nrays=NR)
    O = rays[:, :, 0]
    D = rays[:, :, 1]
    L_1 = segments[:, :, 0]
    L_2 = segments[:, :, 1]
    assert O.shape == L_1.shape == (NR, NS, 2)

    mat = t.stack([D, L_1 - L_2], dim=-1)
    dets = t.linalg.det(mat)
    is_singular = dets.abs() < 1e-8
    assert is_singular.shape == (NR, NS)
    mat[is_singular] = t.eye(2)

    sol = t.linalg.solve(mat, L_1 - O)
    u = sol[..., 0]
    v = sol[..., 1]
    return ((u >= 0) & (v >= 0) & (v <= 1) & ~is_singular).any(dim=-1)


tests.test_intersect_rays_1d(intersect_rays_1d)
tests.test_intersect_rays_1d_special_case(intersect_rays_1d)


# %%
def make_rays_2d(num_pixels_y: int, num_pixels_z: int, y_limit: float, z_limit: float) -> Float[Tensor, "nrays 2 3"]:
    n_pixels = num_pixels_y * num_pixels_z
    ygrid = t.linspace(-y_limit, y_limit, num_pixels_y)
    zgrid = t.linspace(-z_limit, z_limit, num_pixels_z)
    rays = t.zeros((n_pixels, 2, 3), dtype=t.float32)
    rays[:, 1, 0] = 1
    rays[:, 1, 1] = einops.repeat(ygrid, "y -> (y z)", z=num_pixels_z)
    rays[:, 1, 2] = einops.repeat(zgrid, "z -> (y z)", y=num_pixels_y)
    return rays


rays_2d = make_rays_2d(10, 10, 0.3, 0.3)
render_lines_with_plotly(rays_2d)

# %%
Point = Float[Tensor, "points=3"]


def triangle_ray_intersects(A: Point, B: Point, C: Point, O: Point, D: Point) -> bool:
    mat = t.stack([-D, B - A, C - A], dim=-1)
    if t.linalg.det(mat).abs() < 1e-8:
        return False
    s, u, v = t.linalg.solve(mat, O - A)
    return ((s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1)).item()


tests.test_triangle_ray_intersects(triangle_ray_intersects)


def raytrace_triangle(
    rays: Float[Tensor, "nrays rayPoints=2 dims=3"], triangle: Float[Tensor, "trianglePoints=3 dims=3"]
) -> Bool[Tensor, "nrays"]:
    NR = rays.size(0)
    A, B, C = einops.repeat(triangle, "pts dims -> pts NR dims", NR=NR)
    assert A.shape == (NR, 3)
    O, D = rays.unbind(dim=1)
    mat: Float[Tensor, "NR 3 3"] = t.stack([-D, B - A, C - A], dim=-1)
    dets: Float[Tensor, "NR"] = t.linalg.det(mat)
    is_singular = dets.abs() < 1e-8
    mat[is_singular] = t.eye(3)
    vec = O - A
    sol: Float[Tensor, "NR 3"] = t.linalg.solve(mat, vec)
    s, u, v = sol.unbind(dim=-1)
    return (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~is_singular


A = t.tensor([1, 0.0, -0.5])
B = t.tensor([1, -0.5, 0.0])
C = t.tensor([1, 0.5, 0.5])
num_pixels_y = num_pixels_z = 15
y_limit = z_limit = 0.5
test_triangle = t.stack([A, B, C], dim=0)
rays2d = make_rays_2d(num_pixels_y, num_pixels_z, y_limit, z_limit)
intersects = raytrace_triangle(rays2d, test_triangle)
img = intersects.reshape(num_pixels_y, num_pixels_z).int()
imshow(img, origin="lower", width=600, title="Triangle (as intersected by rays)")

# %%
triangles = t.load(section_dir / "pikachu.pt", weights_only=True)


def raytrace_mesh(
    rays: Float[Tensor, "nrays rayPoints=2 dims=3"], triangles: Float[Tensor, "ntriangles trianglePoints=3 dims=3"]
) -> Float[Tensor, "nrays"]:
    NR = rays.size(0)
    NT = triangles.size(0)
    A, B, C = einops.repeat(triangles, "NT pts dims -> pts NR NT dims", NR=NR)
    O, D = einops.repeat(rays, "NR pts dims -> pts NR NT dims", NT=NT)
    mat = t.stack([-D, B - A, C - A], dim=-1)
    dets = t.linalg.det(mat)
    is_singular = dets.abs() < 1e-8
    mat[is_singular] = t.eye(3)
    vec = O - A
    s, u, v = t.linalg.solve(mat, vec).unbind(-1)
    intersects = (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~is_singular
    s[~intersects] = float("inf")
    return einops.reduce(s, "NR NT -> NR", "min")


num_pixels_y = 120
num_pixels_z = 120
rays = make_rays_2d(num_pixels_y, num_pixels_z, 1, 1)
rays[:, 0] = t.tensor([-2, 0.0, 0.0])
if MAIN:
    dists = raytrace_mesh(rays, triangles)
    intersects = t.isfinite(dists).view(num_pixels_y, num_pixels_z)
    px.imshow(dists.view(num_pixels_y, num_pixels_z), color_continuous_scale="viridis_r").show()


# %%
def rotation_matrix(theta: Float[Tensor, ""]) -> Float[Tensor, "rows cols"]:
    return t.tensor(
        [
            [t.cos(theta), 0.0, t.sin(theta)],
            [0.0, 1.0, 0.0],
            [-t.sin(theta), 0.0, t.cos(theta)],
        ]
    )


tests.test_rotation_matrix(rotation_matrix)


def raytrace_mesh_video(rays, triangles, rotation_matrix, raytrace_function: Callable, num_frames: int):
    result = []
    theta = t.tensor(2 * t.pi) / num_frames
    R = rotation_matrix(theta)
    for _ in tqdm(range(num_frames)):
        triangles = triangles @ R
        result.append(raytrace_function(rays, triangles))
        t.cuda.empty_cache()
    return t.stack(result, dim=0)


dists = raytrace_mesh_video(rays, triangles, rotation_matrix, raytrace_mesh, 50)


# %%
def raytrace_mesh_lambert(
    rays: Float[Tensor, "nrays points=2 dims=3"],
    triangles: Float[Tensor, "ntriangles points=3 dims=3"],
    light: Float[Tensor, "dims=3"],
    ambient_intensity: float,
    device: str = "cuda",
) -> Float[Tensor, "nrays"]:
    NR, NT = rays.size(0), triangles.size(0)
    triangles = triangles.to(device)
    rays = rays.to(device)
    light = light.to(device)
    A, B, C = einops.repeat(triangles, "NT pts dims -> pts NR NT dims", NR=NR)
    O, D = einops.repeat(rays, "NR pts dims -> pts NR NT dims", NT=NT)
    mat = t.stack([-D, B - A, C - A], dim=-1)
    is_singular = t.linalg.det(mat).abs() < 1e-8
    mat[is_singular] = t.eye(3).to(device)
    s, u, v = t.linalg.solve(mat, O - A).unbind(-1)
    intersects = (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~is_singular
    s[~intersects] = t.inf
    closest_distances, closest_triangles = s.min(dim=-1)

    normals = t.cross(triangles[:, 2] - triangles[:, 0], triangles[:, 1] - triangles[:, 0], dim=1)
    normals /= normals.norm(dim=1, keepdim=True)
    per_triangle = einops.einsum(normals, light, "nt dims, dims -> nt")
    per_triangle = t.where(per_triangle > 0, per_triangle, 0.0)
    intensity = per_triangle[closest_triangles] + ambient_intensity
    return t.where(closest_distances.isfinite(), intensity, 0.0)


ambient_intensity = 0.5
light = t.tensor([0.0, -1.0, 1.0])
for frame in range(3):
    display(raytrace_mesh_lambert(rays, triangles, light, ambient_intensity))
