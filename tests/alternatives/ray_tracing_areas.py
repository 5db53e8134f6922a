"""No system is solved: determinants as areas and volumes. Dividing by 0 gives inf or NaN, of which no hit comes."""

import torch
from einops import rearrange, repeat


def make_rays_1d(num_pixels, y_limit):
    y = torch.linspace(-1, 1, num_pixels) * y_limit
    directions = torch.stack([torch.ones_like(y), y, torch.zeros_like(y)], dim=1)
    return torch.stack([torch.zeros_like(directions), directions], dim=1)


def _area(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def intersect_rays_1d(rays, segments):
    origin, direction = rearrange(rays, "r p d -> p r 1 d")
    start, end = rearrange(segments, "s p d -> p 1 s d")
    whole = _area(direction, end - start)
    u = _area(start - origin, end - start) / whole
    v = _area(start - origin, direction) / whole
    return ((u >= 0) & (v >= 0) & (v <= 1)).any(dim=1)


def intersect_ray_1d(ray, segment):
    return intersect_rays_1d(ray[None], segment[None]).item()


def make_rays_2d(num_pixels_y, num_pixels_z, y_limit, z_limit):
    pixels = torch.cartesian_prod(
        torch.ones(1),
        torch.linspace(-y_limit, y_limit, num_pixels_y),
        torch.linspace(-z_limit, z_limit, num_pixels_z),
    )
    return torch.nn.functional.pad(pixels[:, None], (0, 0, 1, 0))


def _volume(a, b, c):
    return (torch.linalg.cross(*torch.broadcast_tensors(a, b)) * c).sum(dim=-1)


def _distances(rays, triangles):
    """Distance of every triangle on every ray, inf for none, from the shares of the corners in the volume."""
    origin, direction = rearrange(rays, "r p d -> p r 1 d")
    a, b, c = rearrange(triangles, "t p d -> p 1 t d") - origin
    shares = torch.stack([_volume(b, c, direction), _volume(c, a, direction), _volume(a, b, direction)])
    whole = _volume(b - a, c - a, direction)
    inside = (shares / whole >= 0).all(dim=0)
    along = _volume(b - a, c - a, a) / whole
    return torch.where(inside & (along >= 0), along, torch.inf)


def triangle_ray_intersects(A, B, C, O, D):
    return _distances(torch.stack([O, D])[None], torch.stack([A, B, C])[None]).isfinite().item()


def raytrace_triangle(rays, triangle):
    return _distances(rays, triangle[None])[:, 0].isfinite()


def raytrace_mesh(rays, triangles):
    return _distances(rays, triangles).min(dim=1).values


def rotation_matrix(theta):
    """The exponential of the generator of turns about y."""
    turn = torch.zeros(3, 3, dtype=torch.float64)
    turn[0, 2], turn[2, 0] = 1, -1
    return torch.linalg.matrix_exp(turn * theta).float()


def raytrace_mesh_lambert(rays, triangles, light, ambient_intensity, device="cuda"):
    distances = _distances(rays.to(device), triangles.to(device))
    a, b, c = triangles.unbind(dim=1)
    normals = torch.nn.functional.normalize(torch.linalg.cross(c - b, a - b))
    shade = repeat(ambient_intensity + (-normals @ light).relu(), "t -> r t", r=len(rays))
    shown = shade.gather(1, distances.argmin(dim=1, keepdim=True))[:, 0]
    return shown * distances.isfinite().any(dim=1)
