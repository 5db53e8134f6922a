"""One ray and one triangle at a time, in Python's own numbers. There is no `device`, as in older editions."""

import math

import torch

Vector = tuple[float, ...]


def minus(a: Vector, b: Vector) -> Vector:
    return tuple(x - y for x, y in zip(a, b))


def dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b))


def cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def steps(limit: float, count: int) -> list[float]:
    return [-limit + 2 * limit * i / (count - 1) for i in range(count)]


def make_rays_1d(num_pixels, y_limit):
    return torch.tensor([[[0.0, 0.0, 0.0], [1.0, y, 0.0]] for y in steps(y_limit, num_pixels)])


def intersect_ray_1d(ray, segment):
    (ox, oy, _), (dx, dy, _) = ray.tolist()
    (ax, ay, _), (bx, by, _) = segment.tolist()
    sx, sy = bx - ax, by - ay
    area = dx * sy - dy * sx
    if area == 0:
        return False
    u = ((ax - ox) * sy - (ay - oy) * sx) / area
    v = ((ax - ox) * dy - (ay - oy) * dx) / area
    return u >= 0 and 0 <= v <= 1


def intersect_rays_1d(rays, segments):
    return torch.tensor([any(intersect_ray_1d(ray, segment) for segment in segments) for ray in rays])


def make_rays_2d(num_pixels_y, num_pixels_z, y_limit, z_limit):
    rays = []
    for y in steps(y_limit, num_pixels_y):
        for z in steps(z_limit, num_pixels_z):
            rays.append([[0.0, 0.0, 0.0], [1.0, y, z]])
    return torch.tensor(rays)


def distance(ray, triangle):
    """Möller and Trumbore's way: the distance, or inf."""
    origin, direction = map(tuple, ray.tolist())
    a, b, c = map(tuple, triangle.tolist())
    first, second = minus(b, a), minus(c, a)
    p = cross(direction, second)
    det = dot(first, p)
    if abs(det) < 1e-9:
        return math.inf
    off = minus(origin, a)
    u = dot(off, p) / det
    if u < 0 or u > 1:
        return math.inf
    q = cross(off, first)
    v = dot(direction, q) / det
    if v < 0 or u + v > 1:
        return math.inf
    s = dot(second, q) / det
    return s if s >= 0 else math.inf


def triangle_ray_intersects(A, B, C, O, D):
    return distance(torch.stack([O, D]), torch.stack([A, B, C])) < math.inf


def raytrace_triangle(rays, triangle):
    return torch.tensor([distance(ray, triangle) < math.inf for ray in rays])


def raytrace_mesh(rays, triangles):
    return torch.tensor([min(distance(ray, triangle) for triangle in triangles) for ray in rays])


def rotation_matrix(theta):
    out = torch.eye(3)
    out[0, 0] = out[2, 2] = math.cos(theta)
    out[0, 2] = math.sin(theta)
    out[2, 0] = -math.sin(theta)
    return out


def raytrace_mesh_lambert(rays, triangles, light, ambient_intensity):
    shades = []
    for ray in rays:
        far, _, triangle = min((distance(ray, triangle), i, triangle) for i, triangle in enumerate(triangles))
        shade = 0.0
        if far < math.inf:
            a, b, c = map(tuple, triangle.tolist())
            normal = cross(minus(c, a), minus(b, a))
            shade = ambient_intensity + max(0.0, dot(normal, light.tolist()) / math.sqrt(dot(normal, normal)))
        shades.append(shade)
    return torch.tensor(shades)
