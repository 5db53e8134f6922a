"""Ray tracing: batched linear algebra that draws a picture.

From an eye at the origin, one ray goes out through every pixel of a screen that stands in front of it at x = 1. Where
does each ray first meet something? One ray and one triangle make a small system of linear equations. Thousands of rays
and hundreds of triangles make a batch of them, and what you practise is to solve a batch at once: with an axis for the
rays, an axis for the triangles, and no loop.

Everything is float32. x points away from the eye, y and z span the screen. The shapes are always these:

    rays        (ray, 2, 3)         [origin, direction]; the ray is every point origin + u · direction with u >= 0
    segments    (segment, 2, 3)     [one end, other end]
    triangles   (triangle, 3, 3)    [corner, corner, corner]
"""

# %% Setup
import torch
from jaxtyping import Bool, Float
from torch import Tensor


# %% To look at
# These are for you to draw with; nothing in them is to be done.
def picture(values: Float[Tensor, "pixels"] | Bool[Tensor, "pixels"], height: int, width: int) -> str:
    """Draw one character for each pixel, from " " over "." to "@": the larger a value, the brighter.

    What is 0, False or not finite stays empty. To see distances with what is near in bright, draw 1 / distances.

    Args:
        values: one for each pixel, none of them negative, shape (height * width,), a row of the picture after the
            other, the lowest first: the order of `make_rays_2d`.
        height, width: of the picture in pixels. A character is about twice as high as wide, so each is drawn twice.

    Returns:
        The lines of the picture, to be printed.

    >>> print(picture(torch.tensor([1.0, 2.0, 3.0, 4.0, float("inf"), 0.0]), 3, 2))
    <BLANKLINE>
    **@@
    ..--
    """
    shown = torch.where(values.isfinite(), values.float(), 0.0)  # (pixel,)
    lit = shown[shown > 0]
    if len(lit) == 0:
        return "\n" * (height - 1)
    least, most = lit.min(), lit.max()
    step = torch.where(most > least, 7 * (shown - least) / (most - least), 7.0).round().int()  # 0 to 7
    cells = ["  " if value == 0 else 2 * ".:-=+*#@"[at] for value, at in zip(shown, step, strict=True)]
    rows = ["".join(cells[start : start + width]) for start in range(0, height * width, width)]
    return "\n".join(row.rstrip() for row in reversed(rows))


def cube() -> Float[Tensor, "triangle=12 3 3"]:
    """The cube with corners at plus and minus one half. Corners go counter-clockwise as seen from outside.

    >>> cube().shape
    torch.Size([12, 3, 3])
    """
    square = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    face = torch.cat([torch.full((4, 1), 0.5), square], dim=1)  # (4, 3), at x = 1/2
    face = face[torch.tensor([[0, 1, 2], [0, 2, 3]])]  # (2, 3, 3)
    faces = torch.cat([face.roll(turn, dims=2) for turn in range(3)])  # (6, 3, 3), at x, y and z = 1/2
    return torch.cat([faces, -faces.flip(1)])  # (12, 3, 3); mirrored at the origin, corners change their sense


def icosphere(subdivisions: int) -> Float[Tensor, "triangle 3 3"]:
    """A sphere of radius one around the origin, made of 20 * 4 ** subdivisions nearly equal triangles.

    It starts as an icosahedron. Each time, every triangle is cut into four at the middles of its sides, which are
    pushed out to the sphere. All corners lie on the sphere, and go counter-clockwise as seen from outside.

    >>> icosphere(2).shape
    torch.Size([320, 3, 3])
    """
    golden = (1 + 5**0.5) / 2
    corners = torch.tensor([[0.0, y, z] for y in (-1, 1) for z in (-golden, golden)], dtype=torch.float64)
    corners = torch.cat([corners.roll(turn, dims=1) for turn in range(3)])  # (12, 3), neighbours are 2 apart
    triples = corners[torch.combinations(torch.arange(12), 3)]  # (220, 3, 3)
    sides = (triples - triples.roll(1, dims=1)).norm(dim=2)  # (220, 3)
    triangles = triples[(sides < 2.1).all(dim=1)]  # (20, 3, 3)
    inward = torch.linalg.det(triangles) < 0
    triangles[inward] = triangles[inward].flip(1)
    for _ in range(subdivisions):
        a, b, c = (triangles / triangles.norm(dim=2, keepdim=True)).unbind(dim=1)  # (triangle, 3) each
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        pieces = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        triangles = torch.cat([torch.stack(piece, dim=1) for piece in pieces])
    return (triangles / triangles.norm(dim=2, keepdim=True)).float()


# %% Rays in a plane
# First in two dimensions: the screen is a row of pixels along y, and z is 0 throughout. Where a ray meets a segment,
# both are at the same point:
#
#     O + u D = L1 + v (L2 - L1)        with u >= 0 (on the ray) and 0 <= v <= 1 (on the segment)
#
# These are two equations, for x and for y, with two unknowns.
def points_along(rays: Float[Tensor, "ray 2 3"], u: Float[Tensor, "ray"]) -> Float[Tensor, "ray 3"]:
    """Say where each ray is after u times its direction. This one is done for you; read it first.

    The axis of size two holds origin and direction: `unbind` takes it apart. u has one number a ray, and an axis of
    size one makes it stretch along x, y and z.

    >>> points_along(torch.tensor([[[0.0, 0.0, 1.0], [1.0, 2.0, 0.0]]]), torch.tensor([3.0]))
    tensor([[3., 6., 1.]])
    """
    origins, directions = rays.unbind(dim=1)  # (ray, 3) each
    return origins + u[:, None] * directions  # (ray, 3) + (ray, 1) * (ray, 3)


def make_rays_1d(num_pixels: int, y_limit: float) -> Float[Tensor, "num_pixels 2 3"]:
    """Send one ray from the origin through each pixel of a row.

    The pixels are the points (1, y, 0) with y from -y_limit to y_limit, evenly spaced, both ends included.

    Args:
        num_pixels: number of pixels, at least 2.
        y_limit: the y of the last pixel, positive.

    Returns:
        Origin and direction of each ray, in the order of growing y, float32, shape (num_pixels, 2, 3). A direction goes
        from the origin just as far as the pixel; it does not have length one.

    >>> make_rays_1d(3, 10.0)[:, 1].tolist()  # the directions
    [[1.0, -10.0, 0.0], [1.0, 0.0, 0.0], [1.0, 10.0, 0.0]]
    """
    rays = torch.zeros(num_pixels, 2, 3)
    rays[:, 1, 0] = 1
    rays[:, 1, 1] = torch.linspace(-y_limit, y_limit, num_pixels)
    return rays


def intersect_ray_1d(ray: Float[Tensor, "2 3"], segment: Float[Tensor, "2 3"]) -> bool:
    """Say whether a ray meets a segment, both in the plane z = 0.

        O + u D = L1 + v (L2 - L1)

    Bring the unknowns u and v to one side and you have a matrix of two columns, which `torch.linalg.solve` takes. It
    finds where the two *lines* meet. The ray is half of a line and the segment a piece of one.

    Where ray and segment are parallel, or one of them has no length, there is no single solution, and
    `torch.linalg.solve` raises `torch.linalg.LinAlgError`. That counts as no hit, also where one lies on the other.

    Args:
        ray: origin O and direction D, shape (2, 3); z is 0.
        segment: its ends L1 and L2, shape (2, 3); z is 0.

    Returns:
        True or False. The ends belong to the segment, and the origin to the ray.

    >>> segment = torch.tensor([[1.0, -1.0, 0.0], [1.0, 2.0, 0.0]])
    >>> intersect_ray_1d(torch.tensor([[0.0, 0.0, 0.0], [2.0, 1.0, 0.0]]), segment)  # at (1, 1/2, 0)
    True
    >>> intersect_ray_1d(torch.tensor([[0.0, 0.0, 0.0], [-2.0, 1.0, 0.0]]), segment)  # goes the other way
    False
    """
    origin, direction = ray[:, :2]  # (2,) each: x and y
    start, end = segment[:, :2]
    try:
        u, v = torch.linalg.solve(torch.stack([direction, start - end], dim=1), start - origin)
    except torch.linalg.LinAlgError:
        return False
    return bool((u >= 0) & (v >= 0) & (v <= 1))


def intersect_rays_1d(rays: Float[Tensor, "ray 2 3"], segments: Float[Tensor, "segment 2 3"]) -> Bool[Tensor, "ray"]:
    """Say of each ray whether it meets any of the segments.

    Every ray with every segment makes one system of equations. Give the rays an axis for the segments and the segments
    one for the rays, and broadcasting pairs them: the matrices get the shape (ray, segment, 2, 2).

    `torch.linalg.solve` raises if a single matrix of the batch is singular. Find these first, put a harmless matrix in
    their place, and see to it that they count as no hit in the end. Those that rounding leaves *nearly* singular do no
    harm: ray and segment then meet so far away that it is not on the segment. What lies behind the origin of a ray is
    not on it.

    Args:
        rays: shape (ray, 2, 3); z is 0.
        segments: shape (segment, 2, 3), at least one; z is 0.

    Returns:
        Whether each ray meets a segment, bool, shape (ray,). The ends belong to the segments, and the origin to the
        ray.

    >>> rays = make_rays_1d(3, 1.0)  # down, straight on, up
    >>> segments = torch.tensor([[[2.0, 1.0, 0.0], [2.0, 3.0, 0.0]], [[2.0, 3.0, 0.0], [4.0, 3.0, 0.0]]])
    >>> intersect_rays_1d(rays, segments)  # the middle ray is parallel to the second segment
    tensor([False, False,  True])
    """
    origins, directions = rays[:, None, :, :2].unbind(dim=2)  # (ray, 1, 2) each
    starts, ends = segments[None, :, :, :2].unbind(dim=2)  # (1, segment, 2) each
    columns = torch.broadcast_tensors(directions, starts - ends)
    matrices = torch.stack(columns, dim=-1)  # (ray, segment, 2, 2)
    parallel = torch.linalg.det(matrices) == 0  # (ray, segment)
    matrices[parallel] = torch.eye(2)
    u, v = torch.linalg.solve(matrices, starts - origins).unbind(dim=-1)  # (ray, segment) each
    return ((u >= 0) & (v >= 0) & (v <= 1) & ~parallel).any(dim=1)  # (ray, segment) -> (ray,)


# %% Rays in space
def make_rays_2d(num_pixels_y: int, num_pixels_z: int, y_limit: float, z_limit: float) -> Float[Tensor, "pixels 2 3"]:
    """Send one ray from the origin through each pixel of a screen.

    The pixels are the points (1, y, z) with y from -y_limit to y_limit and z from -z_limit to z_limit, evenly spaced,
    all ends included. z runs fastest: first come all pixels of the lowest y.

    Args:
        num_pixels_y, num_pixels_z: number of pixels along y and z, at least 2 each.
        y_limit, z_limit: y and z of the last pixel, positive.

    Returns:
        Origin and direction of each ray, float32, shape (num_pixels_y * num_pixels_z, 2, 3).

    >>> make_rays_2d(2, 3, 1.0, 5.0)[:, 1].tolist()  # the directions
    [[1.0, -1.0, -5.0], [1.0, -1.0, 0.0], [1.0, -1.0, 5.0], [1.0, 1.0, -5.0], [1.0, 1.0, 0.0], [1.0, 1.0, 5.0]]
    """
    rays = torch.zeros(num_pixels_y, num_pixels_z, 2, 3)
    rays[:, :, 1, 0] = 1
    rays[:, :, 1, 1] = torch.linspace(-y_limit, y_limit, num_pixels_y)[:, None]  # (y, 1)
    rays[:, :, 1, 2] = torch.linspace(-z_limit, z_limit, num_pixels_z)  # (z,)
    return rays.flatten(0, 1)  # (y, z, 2, 3) -> (pixel, 2, 3)


def triangle_ray_intersects(
    A: Float[Tensor, "3"],
    B: Float[Tensor, "3"],
    C: Float[Tensor, "3"],
    O: Float[Tensor, "3"],  # noqa: E741
    D: Float[Tensor, "3"],
) -> bool:
    """Say whether a ray meets a triangle.

    From corner A, walk some way along each of the two sides that start there:

        A + u (B - A) + v (C - A)        with u >= 0, v >= 0 and u + v <= 1

    reaches every point of the triangle once. Set that equal to the point O + s D of the ray: three equations, for x, y
    and z, with the three unknowns s, u and v.

    A triangle behind the origin, where s is negative, is not hit. A ray that is parallel to the plane of the triangle
    does not hit it, also where it lies in the plane. Nor is a triangle ever hit whose corners lie on one line.

    Args:
        A, B, C: the corners, shape (3,).
        O: the origin of the ray, shape (3,).
        D: its direction, shape (3,).

    Returns:
        True or False. Sides and corners belong to the triangle, and the origin to the ray.

    >>> A, B, C = torch.tensor([[2.0, 0.0, 0.0], [2.0, 4.0, 0.0], [2.0, 0.0, 4.0]])
    >>> triangle_ray_intersects(A, B, C, torch.zeros(3), torch.tensor([2.0, 1.0, 1.0]))  # u = v = 1/4
    True
    >>> triangle_ray_intersects(A, B, C, torch.zeros(3), torch.tensor([2.0, 3.0, 3.0]))  # u = v = 3/4
    False

    Source: Möller and Trumbore 1997, "Fast, minimum storage ray/triangle intersection", section 2.
    """
    try:
        s, u, v = torch.linalg.solve(torch.stack([-D, B - A, C - A], dim=1), O - A)
    except torch.linalg.LinAlgError:
        return False
    return bool((s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1))


def raytrace_triangle(rays: Float[Tensor, "ray 2 3"], triangle: Float[Tensor, "3 3"]) -> Bool[Tensor, "ray"]:
    """Say of each ray whether it meets the triangle.

    The same equations for many rays: a batch of matrices, of which only one column depends on the ray. A triangle
    behind the origin of a ray is not hit. Rays that are parallel to the triangle must not spoil the others, and a
    triangle whose corners lie on one line is never hit. Nor may the caller's rays and triangle change: what `expand`
    and einops.repeat return may be a view of them.

    Args:
        rays: shape (ray, 2, 3).
        triangle: its corners, shape (3, 3).

    Returns:
        Whether each ray meets it, bool, shape (ray,). Sides and corners belong to the triangle, and the origin to
        the ray.

    >>> rays = make_rays_2d(2, 2, 1.0, 1.0)
    >>> triangle = torch.tensor([[2.0, 1.0, 1.0], [2.0, 4.0, 1.0], [2.0, 1.0, 4.0]])
    >>> raytrace_triangle(rays, triangle)  # y and z are both positive for the last ray only
    tensor([False, False, False,  True])
    """
    origins, directions = rays.unbind(dim=1)  # (ray, 3) each
    a, b, c = triangle  # (3,) each
    columns = torch.broadcast_tensors(-directions, b - a, c - a)
    matrices = torch.stack(columns, dim=-1)  # (ray, 3, 3)
    parallel = torch.linalg.det(matrices) == 0  # (ray,)
    matrices[parallel] = torch.eye(3)
    s, u, v = torch.linalg.solve(matrices, origins - a).unbind(dim=-1)  # (ray,) each
    return (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~parallel


def raytrace_mesh(rays: Float[Tensor, "ray 2 3"], triangles: Float[Tensor, "triangle 3 3"]) -> Float[Tensor, "ray"]:
    """Measure how far each ray goes until it first meets a triangle.

    The distance is the s of O + s D: how many times the direction fits between the origin and the hit. It is *not*
    multiplied by the length of D, nor by its x. For a ray from `make_rays_2d`, whose D has an x of 1, it is therefore
    the depth of the hit, its x: a wall that stands parallel to the screen is equally far away everywhere.

    A hit behind the origin (s < 0) is none, however near it is. Triangles that are parallel to a ray, or whose corners
    lie on one line, are not hit and spoil no other distance. Sides and corners belong to a triangle, and the origin to
    the ray.

    Args:
        rays: shape (ray, 2, 3).
        triangles: shape (triangle, 3, 3), at least one.

    Returns:
        The smallest s >= 0 at which each ray meets a triangle, inf where it meets none, float32, shape (ray,).

    >>> wall = torch.tensor([[[6.0, -9.0, -9.0], [6.0, 9.0, -9.0], [6.0, 0.0, 18.0]]])  # at x = 6
    >>> rays = torch.zeros(4, 2, 3)  # from the origin
    >>> rays[:, 1] = torch.tensor([[1.0, 0.0, 0.0], [3.0, 0.0, 4.0], [1.0, 9.0, 0.0], [-1.0, 0.0, 0.0]])
    >>> raytrace_mesh(rays, wall)  # the second hit is 2 D away, which is a length of 10
    tensor([6., 2., inf, inf])
    """
    origins, directions = rays[:, None].unbind(dim=2)  # (ray, 1, 3) each
    a, b, c = triangles[None].unbind(dim=2)  # (1, triangle, 3) each
    columns = torch.broadcast_tensors(-directions, b - a, c - a)
    matrices = torch.stack(columns, dim=-1)  # (ray, triangle, 3, 3)
    parallel = torch.linalg.det(matrices) == 0  # (ray, triangle)
    matrices[parallel] = torch.eye(3)
    s, u, v = torch.linalg.solve(matrices, origins - a).unbind(dim=-1)  # (ray, triangle) each
    hit = (s >= 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & ~parallel
    return torch.where(hit, s, torch.inf).amin(dim=1)  # (ray, triangle) -> (ray,)


# %% Turning and light
def rotation_matrix(theta: Float[Tensor, ""]) -> Float[Tensor, "3 3"]:
    """Make the matrix that turns a point about the y axis, by an angle theta.

                                        cos θ    0    sin θ
        R p = turned point,      R  =     0      1      0
                                       -sin θ    0    cos θ

    A quarter turn carries the z axis into the x axis, and the x axis into the negative z axis. To turn a mesh, whose
    points are rows, multiply it by the transpose: `triangles @ R.T`.

    Args:
        theta: the angle in radians, a float32 tensor without axes.

    Returns:
        The matrix, float32, shape (3, 3).

    >>> rotation_matrix(torch.tensor(0.1)) @ torch.tensor([0.0, 0.0, 1.0])
    tensor([0.0998, 0.0000, 0.9950])
    """
    cos, sin = theta.cos().item(), theta.sin().item()
    return torch.tensor([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def raytrace_mesh_lambert(
    rays: Float[Tensor, "ray 2 3"],
    triangles: Float[Tensor, "triangle 3 3"],
    light: Float[Tensor, "3"],
    ambient_intensity: float,
    device: str = "cpu",
) -> Float[Tensor, "ray"]:
    """Say how bright each ray finds the surface that it meets first.

    A matt surface looks equally bright from everywhere. What counts is how squarely the light falls on it:

        n = (B - A) x (C - A), divided by its length        the normal: at a right angle to the triangle
        brightness = ambient_intensity + max(0, -n · light)

    n points to where the corners A, B, C are seen to go round counter-clockwise, the outside of a closed mesh. Light
    that travels against n falls on the outside; light that travels with n comes from behind and adds nothing.

    Args:
        rays: shape (ray, 2, 3).
        triangles: shape (triangle, 3, 3), at least one.
        light: the direction in which the light travels, of length one, shape (3,).
        ambient_intensity: light that comes from everywhere, and reaches every surface.
        device: where to compute; "cpu" will do.

    Returns:
        The brightness of the first triangle on each ray, 0 where there is none, float32, shape (ray,). Triangles hide
        what is behind them but throw no shadow.

    >>> wall = torch.tensor([[[6.0, -9.0, -9.0], [6.0, 0.0, 9.0], [6.0, 9.0, -9.0]]])  # its outside faces the eye
    >>> rays = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> raytrace_mesh_lambert(rays, wall, torch.tensor([0.8, 0.0, -0.6]), 0.1)  # the second ray meets nothing
    tensor([0.9000, 0.0000])

    Source: Lambert 1760, "Photometria"; the law of the cosine.
    """
    rays, triangles, light = (tensor.to(device) for tensor in (rays, triangles, light))
    each = [raytrace_mesh(rays, triangle[None]) for triangle in triangles]  # a triangle is a mesh of one
    distance, nearest = torch.stack(each, dim=1).min(dim=1)  # (ray, triangle) -> (ray,) each
    a, b, c = triangles.unbind(dim=1)  # (triangle, 3) each
    normals = torch.linalg.cross(b - a, c - a)  # (triangle, 3)
    normals = normals / normals.norm(dim=1, keepdim=True)
    brightness = ambient_intensity + (-normals @ light).clamp(min=0)  # (triangle,)
    return torch.where(distance.isfinite(), brightness[nearest], 0.0)  # (ray,)


# %% What you see
def look(height: int = 24, width: int = 36) -> str:
    """Draw a lit sphere and a turned cube with your functions. `python` with this file's path prints it."""
    rays = make_rays_2d(height, width, 0.5, 0.75)
    turned = cube() @ rotation_matrix(torch.tensor(0.6)).T
    triangles = torch.cat(
        [icosphere(1) + torch.tensor([4.0, 0.1, -0.9]), 1.5 * turned + torch.tensor([4.0, -0.2, 1.3])]
    )
    return picture(raytrace_mesh_lambert(rays, triangles, torch.tensor([0.6, -0.64, 0.48]), 0.2), height, width)


if __name__ == "__main__":
    print(look())
