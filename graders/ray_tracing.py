"""Checks of the section `ray_tracing`: rays, segments, triangles, a mesh, and light.

Scenes are made backwards: first the point that a ray meets, then the ray or the triangle around it. So it is known how
far inside or outside every hit is, and all coordinates are sums of a few powers of two, which float32 holds exactly.
Rays that pass another segment or triangle too close to its edge are left out. Edges, and rays parallel to a triangle,
have checks of their own, in scenes where every right way of computing gives exact results.

Left out of ARENA's exercises: `raytrace_mesh_video` and `raytrace_mesh_gpu`, which call `raytrace_mesh` for each frame
and on another device and compute nothing new, and the loading of a mesh, for which `icosphere` and `cube` are given.
"""

import inspect
from collections import namedtuple

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st

from graders.engine import WHOLE, Section, arrays, close, edit, tensors

section = Section("ray_tracing", title="Ray tracing: batched linear algebra that draws a picture")
MARGIN = 0.01  # a thousand times what float32 may be off by in these scenes
NEAR = WHOLE[:7]  # coordinates
BEHIND = (-1.0, 1.0, -0.5, -2.0, 2.0)  # how many directions away something is; negative is behind the origin
AHEAD = (1.0, 2.0, 0.5, 4.0)


# %% Inputs
Case = namedtuple("Case", "ray segment")  # one ray and one segment
Flat = namedtuple("Flat", "rays segments")
Meeting = namedtuple("Meeting", "A B C O D")  # one triangle and one ray, as five points
Aimed = namedtuple("Aimed", "rays triangle")
Scene = namedtuple("Scene", "rays triangles")
Lit = namedtuple("Lit", "rays triangles light ambient")
Screen = namedtuple("Screen", "num_pixels_y num_pixels_z y_limit z_limit")


def picks(draw, table, count):
    """`count` entries of a table along its first axis."""
    return np.array(table)[draw(arrays((count,), range(len(table)), np.int64))]


def single(values):
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


limits = st.sampled_from((1.0, 10.0, 0.5, 2.5, 3.0))
pixels = st.integers(2, 6)


@st.composite
def screens(draw, square=False):
    """A screen; its limits differ, and so do its numbers of pixels unless it is square."""
    rows, columns = draw(st.permutations((2, 3, 4, 5)))[:2]
    y_limit, z_limit = draw(st.permutations((1.0, 10.0, 0.5, 2.5)))[:2]
    return Screen(rows, rows if square else columns, y_limit, z_limit)


# %% Inputs in a plane
PLANE = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 3), (-1, 0), (0, -2), (-1, 2), (-3, -1))
ON = (0.5, 0.25, 0.75)  # where on a segment
BESIDE = (1.25, -0.25, 1.5, -1.0)

# Multiples of these by powers of two, and only these, are parallel to the last bit in whatever way it is computed.
STRAIGHT = ((1, 0), (0, 1), (1, 1), (1, -1), (0, -1), (-1, 0))


def cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def in_space(origins, others):
    """Points of a plane, in pairs, as tensors with z = 0."""
    pairs = np.stack([origins, others], axis=-2)
    return single(np.concatenate([pairs, np.zeros((*pairs.shape[:-1], 1))], axis=-1))


@st.composite
def cases(draw, u=AHEAD, v=ON + BESIDE, directions=PLANE, sides=PLANE):
    """A ray whose line meets that of a segment after `u` directions and at the share `v` of the segment."""
    start = picks(draw, NEAR, 2)
    direction, side = picks(draw, directions, 1)[0], picks(draw, sides, 1)[0]
    if cross(direction, side) == 0:
        direction = np.array([-side[1], side[0]])
    meeting = start + draw(st.sampled_from(v)) * side
    ray = in_space(meeting - draw(st.sampled_from(u)) * direction, direction)
    return Case(ray, in_space(start, start + side))


# Sides along an axis, of a power of two: in whichever order one computes, nothing is rounded.
edge_cases = st.one_of(
    cases((1.0, 0.0, 2.0, -1.0), (0.0, 1.0, 0.5, 1.25, -0.25), ((1, 0), (1, 1), (1, -1), (2, 1)), ((0, 4), (0, -2))),
    cases((1.0, 0.0, 2.0, -1.0), (0.0, 1.0, 0.5, 1.25, -0.25), ((0, 1), (1, 1), (-1, 1), (1, 2)), ((4, 0), (-2, 0))),
)


@st.composite
def parallel_cases(draw):
    """A ray and a segment that are parallel, on one line or not, or of which one has no length."""
    side = picks(draw, STRAIGHT, 1)[0]
    direction, shift = draw(st.sampled_from((1, -1, 2, 0))) * side, np.array([-side[1], side[0]])
    origin = picks(draw, NEAR, 2)
    start = origin + draw(st.sampled_from((1, -1, 2))) * side + draw(st.sampled_from((0, 1, -1))) * shift
    length = draw(st.sampled_from((2, 1, 4))) if direction.any() else 2
    return Case(in_space(origin, direction), in_space(start, start + length * side))


def meetings_in_plane(rays, segments):
    """u and v of every ray with every segment, shape (ray, segment), and whether they are parallel."""
    origins, directions = rays[:, None, 0], rays[:, None, 1]
    starts, sides = segments[None, :, 0], segments[None, :, 1] - segments[None, :, 0]
    det = cross(directions, sides)
    safe = np.where(det == 0, 1, det)
    return cross(starts - origins, sides) / safe, cross(starts - origins, directions) / safe, det == 0


def unclear(parallel, *signed):
    """Of each ray, whether for some partner it is a close call: numbers that make a hit if all are positive."""
    least = np.minimum.reduce(signed)
    return ((np.abs(least) < MARGIN) & ~parallel).any(axis=1)


@st.composite
def flat_scenes(draw, u=AHEAD, v=ON + BESIDE, straight=False):
    """Rays and segments, of different numbers. Each ray is aimed at one of the segments, in front of it or not.

    Straight scenes have parallels in them: the first ray and the last segment, and others. In those that are not,
    no ray runs along a segment.
    """
    count, number = draw(st.permutations((2, 3, 1, 4, 5)))[:2]
    table = STRAIGHT if straight else PLANE
    starts, sides = picks(draw, NEAR, 2 * number).reshape(-1, 2), 2 * picks(draw, table, number)
    at = draw(arrays((count,), range(number), np.int64))
    directions = picks(draw, table, count)
    across = np.stack([-sides[at, 1], sides[at, 0]], axis=1) / 2
    directions = np.where((cross(directions, sides[at]) == 0)[:, None], across, directions)
    points = starts[at] + picks(draw, v, count)[:, None] * sides[at]
    rays = np.stack([points - picks(draw, u, count)[:, None] * directions, directions], axis=1)
    segments = np.stack([starts, starts + sides], axis=1)
    if straight:
        beside = rays[0, 0] + draw(st.sampled_from((1, -1))) * directions[0] + draw(st.sampled_from((0, 1, 2, -1)))
        length = draw(st.sampled_from((2, 1, 0)))
        more = np.stack([beside, beside + length * directions[0]])
        segments = np.concatenate([segments, more[None]])
    along, share, parallel = meetings_in_plane(rays, segments)
    rays = rays[~unclear(parallel & (straight | (share != 0)), along, share, 1 - share)]
    assume(len(rays))
    return Flat(in_space(rays[:, 0], rays[:, 1]), in_space(segments[:, 0], segments[:, 1]))


# %% Inputs in space
INSIDE = ((0.25, 0.25), (0.5, 0.25), (0.25, 0.5), (0.125, 0.125))  # u and v
OUTSIDE = ((0.75, 0.75), (-0.25, 0.5), (0.5, -0.25), (0.75, 0.5), (-0.5, -0.25), (1.5, -0.25), (-0.25, 1.5))
EDGES = (
    (0.0, 0.5),
    (0.5, 0.0),
    (0.5, 0.5),
    (0.0, 0.0),
    (1.0, 0.0),
    (0.0, 1.0),
    (-0.25, 0.5),
    (0.5, -0.25),
    (0.75, 0.5),
)

_TILTED = (((0, 4, 0), (0, 0, 4)), ((1, 4, 0), (0, 0, 4)), ((-1, 3, 1), (1, -1, 4)), ((2, 3, 1), (-1, 2, 4)))

# B - A and C - A of triangles that face each of the axes, upright and tilted, of either sense.
SIDES = np.array([np.roll(pair, turn, axis=1) for pair in _TILTED for turn in range(3)])
SIDES = np.concatenate([SIDES, SIDES[:, ::-1]])
UPRIGHT = SIDES[:3]  # triangle i stands at a right angle to axis i
SPACE = (
    (1, 0, 0),
    (1, 1, 0),
    (1, 0, -1),
    (0, 1, 0),
    (0, 0, 1),
    (1, 2, 1),
    (2, -1, 1),
    (-1, 1, 2),
    (0, -2, 1),
    (-2, 0, 0),
)


# As those of `make_rays_2d`: with an x of 1, so that s is the depth in which editions of the curriculum measure.
OUTWARD = ((1, 0, 0), (1, 1, 0), (1, 0, -1), (1, 0, 1), (1, 2, 1), (1, -1, 2), (1, -0.5, 0.5), (1, -2, 0))


def meetings(rays, triangles):
    """s, u, v and the determinant of every ray with every triangle, shape (ray, triangle), by Cramer's rule."""
    origins, directions = rays[:, None, 0], rays[:, None, 1]
    a = triangles[None, :, 0]
    first, second = triangles[None, :, 1] - a, triangles[None, :, 2] - a
    normals, off = np.cross(first, second), origins - a
    det = -(directions * normals).sum(axis=2)
    safe = np.where(det == 0, 1, det)
    turned = np.cross(directions, off)
    return (off * normals).sum(2) / safe, -(second * turned).sum(2) / safe, (first * turned).sum(2) / safe, det


def clear(rays, triangles, apart=0.0):
    """The rays that make no close call with any triangle, nor meet two at distances less than `apart` from each other.

    A ray that runs in the plane of a triangle is a close call too unless that stands at a right angle to an axis.
    """
    s, u, v, det = meetings(rays, triangles)
    sides = triangles[:, 1:] - triangles[:, :1]
    upright = (sides == 0).all(axis=1).any(axis=1) | (np.cross(sides[:, 0], sides[:, 1]) == 0).all(axis=1)
    close_call = unclear((det == 0) & (upright | (s != 0)), s, u, v, 1 - u - v)
    hits = np.sort(np.where((np.minimum.reduce([s, u, v, 1 - u - v]) > 0) & (det != 0), s, np.inf), axis=1)
    with np.errstate(invalid="ignore"):
        together = (np.diff(hits, axis=1) < apart).any(axis=1)
    rays = rays[~close_call & ~together]
    assume(len(rays))
    return rays


def across(directions, sides, table):
    """The directions, but for each that is parallel to the triangle the first of the table that is not."""
    normal = np.cross(*sides)
    first = np.array(table)[(np.array(table) @ normal != 0).argmax()]
    return np.where((directions @ normal == 0)[:, None], first, directions)


def aimed(draw, count, triangle, s, uv, table=SPACE):
    """Rays whose lines meet the plane of a triangle after s directions and at the given u and v."""
    sides = triangle[1:] - triangle[:1]
    directions = across(picks(draw, table, count), sides, table)
    points = triangle[0] + picks(draw, uv, count) @ sides
    return np.stack([points - picks(draw, s, count)[:, None] * directions, directions], axis=1)


def placed(draw, sides=SIDES):
    corner = picks(draw, NEAR, 3)
    return np.concatenate([corner[None], corner + picks(draw, sides, 1)[0]])


@st.composite
def meeting(draw, s=AHEAD, uv=INSIDE + OUTSIDE):
    triangle = placed(draw)
    ray = aimed(draw, 1, triangle, s, uv)[0]
    return Meeting(*single(triangle), *single(ray))


STEEP = ((1, 0, 0), (1, 0.5, 0), (1, -1, 0.5), (2, 1, -1), (-1, 0.5, 0.5))  # to be turned towards an axis


@st.composite
def on_edges(draw, count=1, outward=False):
    """A triangle at a right angle to an axis, with sides of a power of two, and rays to its edges and off them.

    Nothing is rounded in such a scene, in whichever order one computes. Rays that go outward have an x of 1.
    """
    axis = 0 if outward else draw(st.integers(0, 2))
    triangle = placed(draw, UPRIGHT[axis : axis + 1])
    directions = np.roll(picks(draw, STEEP[:3] if outward else STEEP, count), axis, axis=1)
    points = triangle[0] + picks(draw, EDGES, count) @ (triangle[1:] - triangle[:1])
    origins = points - picks(draw, (1.0, 0.0, 2.0, -1.0), count)[:, None] * directions
    return np.stack([origins, directions], axis=1), triangle


def flat_rays(draw, triangle, axis, count, outward=False):
    """Rays parallel to a triangle that stands at a right angle to an axis; some lie in its plane, some go nowhere."""
    directions = np.roll(picks(draw, ((0, 1, 0), (0, 1, 1), (0, -1, 2), (0, 0, 1), (0, 0, 0)), count), axis, axis=1)
    if outward:
        directions[:, 0] = 1
    off = np.roll(
        picks(draw, ((-1, 1, 1), (0, 1, 1), (0, -1, 1), (1, 1, 1), (1, 3, 2), (0, 1, -2)), count), axis, axis=1
    )
    return np.stack([triangle[0] + off, directions], axis=1)


THIN = (((1, 2, 0), (2, 4, 0)), ((1, 1, 1), (0, 0, 0)), ((0, 0, 0), (0, 2, 0)), ((0, 0, 0), (0, 0, 0)))


@st.composite
def with_parallels(draw, hits=2, outward=False):
    """A triangle, and rays of which one or two are parallel to it, between others that may hit it."""
    axis = draw(st.integers(1 if outward else 0, 2))
    triangle = placed(draw, UPRIGHT[axis : axis + 1])
    rays = [
        aimed(draw, hits, triangle, AHEAD, INSIDE + OUTSIDE, OUTWARD if outward else SPACE),
        flat_rays(draw, triangle, axis, draw(st.integers(1, 2)), outward),
    ]
    rays = np.concatenate(rays)
    return rays[draw(st.permutations(range(len(rays))))], triangle


@st.composite
def thin(draw):
    """A triangle whose corners lie on one line, and rays that pass it."""
    triangle = placed(draw, THIN)
    directions = picks(draw, SPACE, 2)
    origins = triangle[0] - directions + picks(draw, ((0, 0, 0), (1, 1, 1), (0, 1, 2)), 2)
    return np.stack([origins, directions], axis=1), triangle


def to_meeting(scene):
    rays, triangle = scene
    return Meeting(*single(triangle), *single(rays[0]))


def to_aimed(scene):
    return Aimed(*map(single, scene))


def to_scene(scene):
    rays, triangle = scene
    return Scene(single(rays), single(triangle[None]))


@st.composite
def aimed_scenes(draw, s=AHEAD, uv=INSIDE + OUTSIDE, table=SPACE):
    triangle = placed(draw)
    return Aimed(single(aimed(draw, draw(st.sampled_from((2, 1, 4, 5))), triangle, s, uv, table)), single(triangle))


def built(draw, s=AHEAD, uv=INSIDE, apart=0.0, numbers=(2, 3, 1, 4), table=OUTWARD):
    """Rays and triangles. All rays are aimed at the first triangle, and the others are put in the way of some ray."""
    count, number = draw(st.permutations(numbers))[:2]
    triangles = [placed(draw)]
    rays = aimed(draw, count, triangles[0], s, uv, table)
    sides, at = picks(draw, SIDES, number - 1), draw(arrays((number - 1,), range(count), np.int64))
    away, shares = picks(draw, s, number - 1) * 0.75, picks(draw, uv, number - 1)
    for (origin, direction), pair, distance, share in zip(rays[at], sides, away, shares, strict=True):
        if not direction @ np.cross(*pair):
            pair = UPRIGHT[np.abs(direction).argmax()]
        corner = origin + distance * direction - share @ pair
        triangles.append(np.concatenate([corner[None], corner + pair]))
    order = draw(st.permutations(range(number)))
    triangles = np.array(triangles)[order]
    return clear(rays, triangles, apart), triangles


@st.composite
def scenes(draw, s=AHEAD, uv=INSIDE, table=OUTWARD):
    return Scene(*map(single, built(draw, s, uv, table=table)))


@st.composite
def single_triangles(draw):
    """Rays and a mesh of one triangle."""
    scene = draw(aimed_scenes(uv=INSIDE + OUTSIDE[:2], table=OUTWARD))
    return Scene(scene.rays, scene.triangle[None])


@st.composite
def scenes_with_parallels(draw):
    """Triangles at right angles to axes, or with all corners on a line, and rays parallel to some of them."""
    rays, triangle = draw(with_parallels(hits=3, outward=True))
    others = [placed(draw, UPRIGHT) for _ in range(draw(st.integers(0, 1)))] + [placed(draw, THIN)]
    triangles = np.array([triangle, *others])[draw(st.permutations(range(1 + len(others))))]
    return Scene(single(clear(rays, triangles)), single(triangles))


LIGHTS = np.array([np.roll(way, turn) for way in ((1, 0, 0), (0.6, 0.8, 0), (0.6, -0.8, 0)) for turn in range(3)])
LIGHTS = np.concatenate([LIGHTS, -LIGHTS])


@st.composite
def lit(draw, s=AHEAD, uv=INSIDE + OUTSIDE[:1]):
    """Rays, triangles that are not met at equal distances, and a light of length one."""
    rays, triangles = built(draw, s, uv, apart=0.1)
    ambient = draw(st.sampled_from((0.25, 0.5, 0.0, 1.0)))
    return Lit(single(rays), single(triangles), single(picks(draw, LIGHTS, 1)[0]), ambient)


# %% make_rays_1d
make_rays_1d = section.exercise(
    "make_rays_1d",
    hints=[
        "Of the six numbers of a ray, which are the same for all rays, and which of them are 0?",
        "Start from zeros. What does `rays[:, 1, 0]` pick, and of which shape must be what you put there?",
    ],
    mistakes={
        "The last pixel is missing: y reaches y_limit, which numpy's endpoint=False or arange leave out.": edit(
            "torch.linspace(-y_limit, y_limit, num_pixels)", "torch.linspace(-y_limit, y_limit, num_pixels + 1)[:-1]"
        ),
        "The directions have an x of 0; the screen stands at x = 1.": edit("rays[:, 1, 0] = 1", "pass"),
        "The y of the pixels stand in z as well; z is 0.": edit("rays[:, 1, 1] =", "rays[:, 1, 2] = rays[:, 1, 1] ="),
        "The y of the pixels stand in z; they belong in y.": edit("rays[:, 1, 1] =", "rays[:, 1, 2] ="),
        "The pixels lie between -1 and 1, whatever the limit.": edit("(-y_limit, y_limit,", "(-1, 1,"),
        "Starts at y = 0 instead of -y_limit.": edit("linspace(-y_limit", "linspace(0"),
        "Goes from y_limit down; y should grow.": edit("(-y_limit, y_limit,", "(y_limit, -y_limit,"),
        "Origin and direction have changed places; the origin comes first.": edit("return rays", "return rays.flip(1)"),
        "Brings the directions to length one; their x should be 1.": edit(
            "\n    return rays", "\n    rays[:, 1] = rays[:, 1] / rays[:, 1].norm(dim=1, keepdim=True)\n    return rays"
        ),
        "All rays start at x = 1, on the screen; they start at the origin.": edit("rays[:, 1, 0] =", "rays[:, :, 0] ="),
    },
)
make_rays_1d.call(
    "rays_in_a_row",
    "Sends rays from the origin to evenly spaced points at x = 1, from -y_limit to y_limit.",
    examples=40,
    num_pixels=pixels,
    y_limit=limits,
)


# %% intersect_ray_1d
_MEETS = {
    "Hits segments behind the origin: u must not be negative.": edit("(u >= 0) & ", ""),
    "Looks at the whole line beyond the second end: v <= 1 is missing.": edit(" & (v <= 1)", ""),
    "Looks at the whole line before the first end: v >= 0 is missing.": edit(" & (v >= 0)", ""),
    "Leaves the second end of a segment out; it belongs to it.": edit("(v <= 1", "(v < 1"),
    "Leaves the first end of a segment out; it belongs to it.": edit("(v >= 0", "(v > 0"),
    "Leaves the origin out; it belongs to the ray.": edit("(u >= 0", "(u > 0"),
    "All bounds are strict; the ends belong to the segment and the origin to the ray.": [
        edit("(u >= 0", "(u > 0"),
        edit("(v >= 0", "(v > 0"),
        edit("(v <= 1", "(v < 1"),
    ],
}
_AT_ORIGIN = "Takes the ray to start at the origin of space; the right-hand side is L1 - O."
_NEGATIVE = "Takes a negative determinant for zero; only its absolute value says how near to parallel they are."
intersect_ray_1d = section.exercise(
    "intersect_ray_1d",
    hints=[
        "Bring u and v to the left and what is known to the right. By which vector is u multiplied, and by which v?",
        "A matrix times (u, v) is u times its first column plus v times its second. How do you stack vectors "
        "as columns?",
        "The solution says where two endless lines meet. What must hold of u, and what of v?",
    ],
    mistakes={
        **_MEETS,
        _AT_ORIGIN: edit("start - origin)", "start)"),
        _NEGATIVE: edit(
            "    try:\n",
            "    if torch.linalg.det(torch.stack([direction, start - end], dim=1)) < 1e-6:\n"
            "        return False\n    try:\n",
        ),
        "Ends the ray at u = 1; its direction only says which way it goes, without end.": edit(
            "(u >= 0)", "(u >= 0) & (u <= 1)"
        ),
        "Fails where ray and segment are parallel: the system of equations has no single solution.": edit(
            "except torch.linalg.LinAlgError", "except ZeroDivisionError"
        ),
        "Takes a parallel ray for a hit, also where it never meets the segment.": edit("return False", "return True"),
        "Puts the two vectors into the rows of the matrix; they are its columns.": edit("dim=1)", "dim=0)"),
        "Takes the second point of the ray for a point on it; it is a direction.": edit(
            "stack([direction,", "stack([direction - origin,"
        ),
        "The second column has the wrong sign: v (L2 - L1) changes it on its way to the other side.": edit(
            "start - end]", "end - start]"
        ),
    },
)


@intersect_ray_1d.check(case=cases())
def meets_the_segment(solution, case):
    """Says whether the ray goes through the segment or passes it."""
    return bool(solution.intersect_ray_1d(case.ray, case.segment))


@intersect_ray_1d.check(points=0.5, examples=50, case=cases(u=BEHIND, v=ON))
def segment_behind(solution, case):
    """Does not hit a segment behind its origin."""
    return bool(solution.intersect_ray_1d(case.ray, case.segment))


@intersect_ray_1d.check(points=0.5, examples=50, case=st.one_of(parallel_cases(), cases(v=ON)))
def parallel_to_the_segment(solution, case):
    """Takes a ray that is parallel to the segment for no hit, without raising."""
    return bool(solution.intersect_ray_1d(case.ray, case.segment))


@intersect_ray_1d.check(points=0.25, examples=60, case=edge_cases)
def ends_of_the_segment(solution, case):
    """Counts the ends of the segment as hits, and a segment through the origin of the ray."""
    return bool(solution.intersect_ray_1d(case.ray, case.segment))


# %% intersect_rays_1d
intersect_rays_1d = section.exercise(
    "intersect_rays_1d",
    hints=[
        "If there is a matrix for each ray and each segment, which shape do all of them have? And the "
        "right-hand sides?",
        "How do you give the rays an axis of size one for the segments? torch.stack does not broadcast; what does?",
        "How does one see from a matrix that it is singular? What can you put in its place, and what must "
        "you remember?",
    ],
    mistakes={
        **_MEETS,
        _AT_ORIGIN: edit("starts - origins)", "starts + 0 * origins)"),
        _NEGATIVE: edit("torch.linalg.det(matrices) == 0", "torch.linalg.det(matrices) < 1e-6"),
        "Asks whether a ray meets all segments; one is enough.": edit(".any(dim=1)", ".all(dim=1)"),
        "Says of each segment whether any ray meets it; each ray is asked for.": edit(".any(dim=1)", ".any(dim=0)"),
        "Keeps the axis of the segments; one answer for each ray is asked for.": edit(".any(dim=1)", ""),
        "Fails if a single ray is parallel to a segment: solve raises for the whole batch.": edit(
            "torch.linalg.det(matrices) == 0", "torch.zeros(matrices.shape[:2], dtype=torch.bool)"
        ),
        "Takes what the stand-in for a singular matrix gives for a hit; parallel is no hit.": edit(" & ~parallel", ""),
        "Gives a ray up that is parallel to one of the segments; it may meet others.": edit(
            "& ~parallel).any(dim=1)", "& ~parallel).any(dim=1) & ~parallel.any(dim=1)"
        ),
        "Mends parallel rays in the caller's own tensor; work on a copy.": edit(
            "matrices[parallel] =", "rays[parallel.any(dim=1), 1] = torch.ones(3)\n    matrices[parallel] ="
        ),
    },
)
intersect_rays_1d.call(
    "rays_meet_segments", "Says of each ray whether it meets any of the segments.", case=flat_scenes()
)
intersect_rays_1d.call(
    "segments_behind",
    "Does not hit segments behind the origin of a ray.",
    points=0.5,
    examples=60,
    case=flat_scenes(u=BEHIND, v=ON),
)
intersect_rays_1d.call(
    "parallels_among_segments",
    "Lets parallel segments, or one without length, spoil neither other segments nor other rays.",
    points=0.75,
    examples=60,
    case=flat_scenes(straight=True),
)
intersect_rays_1d.call(
    "ends_of_segments",
    "Counts the ends of a segment as hits, and a segment through the origin of the ray.",
    points=0.25,
    examples=60,
    case=edge_cases.map(lambda case: Flat(case.ray[None], case.segment[None])),
)


# %% make_rays_2d
_Y_LINE = "torch.linspace(-y_limit, y_limit, num_pixels_y)[:, None]"
_Z_LINE = "torch.linspace(-z_limit, z_limit, num_pixels_z)"
make_rays_2d = section.exercise(
    "make_rays_2d",
    hints=[
        "For 2 values of y and 3 of z, write down the y of all six pixels in order, and then their z. Which "
        "repeats how?",
        "Or fill a tensor of shape (y, z, 2, 3): along which of its axes does each row of numbers run? Then "
        "join two axes.",
    ],
    mistakes={
        "Lets y run fastest; z does.": edit("return rays.flatten(0, 1)", "return rays.swapaxes(0, 1).flatten(0, 1)"),
        "y and z have changed places in the directions.": [
            edit("rays[:, :, 1, 1] =", "rays[:, :, 1, 2] ="),
            edit("rays[:, :, 1, 2] = torch.linspace(-z", "rays[:, :, 1, 1] = torch.linspace(-z"),
        ],
        "The limits of y and z have changed places.": [
            edit("linspace(-y_limit, y_limit,", "linspace(-z_limit, z_limit,"),
            edit(_Z_LINE, "torch.linspace(-y_limit, y_limit, num_pixels_z)"),
        ],
        "The pixels lie between -1 and 1, whatever the limits.": [
            edit("(-y_limit, y_limit,", "(-1, 1,"),
            edit("(-z_limit, z_limit,", "(-1, 1,"),
        ],
        "Right for square screens only: the number of pixels along y is used for z too.": edit(
            _Z_LINE, "torch.linspace(-z_limit, z_limit, num_pixels_y)"
        ),
        "Keeps an axis for y and one for z; all pixels stand in one.": edit("return rays.flatten(0, 1)", "return rays"),
        "The last y is missing: the pixels reach up to y_limit.": edit(
            _Y_LINE, "torch.linspace(-y_limit, y_limit, num_pixels_y + 1)[:-1, None]"
        ),
        "The last z is missing: the pixels reach up to z_limit.": edit(
            _Z_LINE, "torch.linspace(-z_limit, z_limit, num_pixels_z + 1)[:-1]"
        ),
        "The directions have an x of 0; the screen stands at x = 1.": edit("rays[:, :, 1, 0] = 1", "pass"),
    },
)
make_rays_2d.call(
    "rays_of_a_screen",
    "Sends rays through a screen that has more pixels along one axis than along the other.",
    examples=40,
    case=screens(),
)
make_rays_2d.call(
    "rays_of_a_square",
    "Orders the pixels of a square screen with z fastest.",
    points=0.5,
    examples=30,
    case=screens(square=True),
)


# %% triangle_ray_intersects
_HITS = {
    "Hits triangles behind the origin: s must not be negative.": edit("(s >= 0) & ", ""),
    "Goes beyond the side opposite to A, where u + v is 1; u <= 1 and v <= 1 make a parallelogram.": edit(
        "(u + v <= 1)", "(u <= 1) & (v <= 1)"
    ),
    "Goes too far on one side: u must not be negative.": edit("(u >= 0) & ", ""),
    "Goes too far on one side: v must not be negative.": edit("(v >= 0) & ", ""),
    "Leaves the side opposite to A out; it belongs to the triangle.": edit("(u + v <= 1", "(u + v < 1"),
    "Leaves the origin out; it belongs to the ray.": edit("(s >= 0", "(s > 0"),
    "All bounds are strict; sides and corners belong to the triangle, and the origin to the ray.": [
        edit("(s >= 0", "(s > 0"),
        edit("(u >= 0", "(u > 0"),
        edit("(v >= 0", "(v > 0"),
        edit("(u + v <= 1", "(u + v < 1"),
    ],
}
_FROM_ORIGIN = "Takes the ray to start at the origin of space; the right-hand side is O - A."
triangle_ray_intersects = section.exercise(
    "triangle_ray_intersects",
    hints=[
        "Bring everything with s, u and v to one side. By which three vectors are they multiplied, and what stays?",
        "Draw the points with u = 0, with v = 0 and with u + v = 1. Where is u = v = 3/4?",
        "What does torch.linalg.solve do where the ray is parallel to the triangle?",
    ],
    mistakes={
        **_HITS,
        _FROM_ORIGIN: edit("O - A)", "-A)"),
        _NEGATIVE: edit(
            "    try:\n",
            "    if torch.linalg.det(torch.stack([-D, B - A, C - A], dim=1)) < 1e-6:\n        return False\n    try:\n",
        ),
        "Fails where the ray is parallel to the triangle: the matrix is singular.": edit(
            "except torch.linalg.LinAlgError", "except ZeroDivisionError"
        ),
        "Takes a parallel ray for a hit.": edit("return False", "return True"),
        "Puts the vectors into the rows of the matrix; they are its columns.": edit("dim=1", "dim=0"),
        "The column of D has the wrong sign: s D changes it on its way to the other side.": edit("[-D,", "[D,"),
        "The second side starts at B; both start at A.": edit("C - A]", "C - B]"),
        "Takes the corners B and C for the sides; these are B - A and C - A.": edit("B - A, C - A", "B, C"),
    },
)


@triangle_ray_intersects.check(points=1.5, case=meeting())
def meets_the_triangle(solution, case):
    """Says whether the ray goes through the triangle or passes it, on any side."""
    return bool(solution.triangle_ray_intersects(case.A, case.B, case.C, case.O, case.D))


@triangle_ray_intersects.check(points=0.5, examples=50, case=meeting(s=BEHIND, uv=INSIDE))
def triangle_behind(solution, case):
    """Does not hit a triangle behind its origin."""
    return bool(solution.triangle_ray_intersects(case.A, case.B, case.C, case.O, case.D))


@triangle_ray_intersects.check(
    points=0.5, extra=True, examples=60, case=st.one_of(with_parallels(hits=1), thin()).map(to_meeting)
)
def parallel_to_the_triangle(solution, case):
    """Takes a ray that is parallel to the triangle for no hit, without raising; and so any ray to a thin triangle."""
    return bool(solution.triangle_ray_intersects(case.A, case.B, case.C, case.O, case.D))


@triangle_ray_intersects.check(points=0.25, examples=60, case=on_edges().map(to_meeting))
def edges_of_the_triangle(solution, case):
    """Counts sides and corners as hits, and a triangle through the origin of the ray."""
    return bool(solution.triangle_ray_intersects(case.A, case.B, case.C, case.O, case.D))


# %% raytrace_triangle
_HITS_OF_MANY = {
    **_HITS,
    _FROM_ORIGIN: edit("origins - a)", "0 * origins - a)"),
    _NEGATIVE: edit("torch.linalg.det(matrices) == 0", "torch.linalg.det(matrices) < 1e-6"),
    "Fails if a single ray is parallel: solve raises for the whole batch.": edit(
        "torch.linalg.det(matrices) == 0", "torch.zeros(matrices.shape[:-2], dtype=torch.bool)"
    ),
    "Takes what the stand-in for a singular matrix gives for a hit; parallel is no hit.": edit(" & ~parallel", ""),
}
raytrace_triangle = section.exercise(
    "raytrace_triangle",
    hints=[
        "Two of the three columns are the same for all rays. How do they get an axis for the rays?",
        "One singular matrix makes solve raise for all. Which matrix could stand in, and what must its rays answer?",
        "With an axis for the rays in front, along which axis do you stack the columns?",
    ],
    mistakes={
        **_HITS_OF_MANY,
        "Gives up all rays if one of them is parallel.": edit("& ~parallel", "& ~parallel.any()"),
        "Mends parallel rays in the caller's own tensor; work on a copy.": edit(
            "matrices[parallel] =", "rays[parallel, 1] = torch.ones(3)\n    matrices[parallel] ="
        ),
        "The column of the directions has the wrong sign.": edit("(-directions,", "(directions,"),
        "Puts the vectors into the rows of the matrices; they are columns.": edit("columns, dim=-1", "columns, dim=1"),
    },
)
raytrace_triangle.call(
    "rays_meet_the_triangle", "Says of each ray whether it goes through the triangle.", case=aimed_scenes()
)
raytrace_triangle.call(
    "triangle_behind_rays",
    "Does not hit the triangle behind the origin of a ray.",
    points=0.5,
    examples=50,
    case=aimed_scenes(s=BEHIND, uv=INSIDE),
)
raytrace_triangle.call(
    "parallels_among_rays",
    "Lets rays that are parallel to the triangle not spoil the others; a thin triangle is never hit.",
    points=0.75,
    examples=60,
    case=st.one_of(with_parallels(), thin()).map(to_aimed),
)
raytrace_triangle.call(
    "edges_of_one_triangle",
    "Counts sides and corners as hits, and a triangle through the origin of the ray.",
    points=0.25,
    examples=40,
    case=on_edges(count=4).map(to_aimed),
)


# %% raytrace_mesh
raytrace_mesh = section.exercise(
    "raytrace_mesh",
    hints=[
        "You did it for many rays and one triangle. Where do the rays and where do the triangles need one axis more?",
        "Of s, u and v, which one is the distance? Which number can stand for it, without a hit, and never wins?",
        "Which hits must not take part when the smallest is looked for?",
    ],
    mistakes={
        **_HITS_OF_MANY,
        "Gives the distance of the farthest triangle; the nearest hides the others.": edit(
            "(hit, s, torch.inf).amin(dim=1)", "(hit, s, -torch.inf).amax(dim=1).where(hit.any(dim=1), torch.inf)"
        ),
        "Multiplies by the length of the direction; the distance is the s of O + s D.": edit(
            "torch.where(hit, s, torch.inf)", "torch.where(hit, s * directions.norm(dim=2), torch.inf)"
        ),
        "Multiplies by the x of the direction; the distance is the s of O + s D.": edit(
            "torch.where(hit, s, torch.inf)", "torch.where(hit, s * directions[..., 0], torch.inf)"
        ),
        "Gives the x of the hit, which is s only for rays that start at x = 0 with a direction whose x is 1.": edit(
            ".where(hit, s, torch.inf)", ".where(hit, (origins + s[..., None] * directions)[..., 0], torch.inf)"
        ),
        "Gives 0 where a ray meets nothing; inf is asked for.": [
            edit("s, torch.inf)", "s, torch.inf)"),
            edit(".amin(dim=1)", ".amin(dim=1).where(hit.any(dim=1), 0.0)"),
        ],
        "Gives for each triangle the nearest ray; each ray is asked for.": edit(".amin(dim=1)", ".amin(dim=0)"),
        "Gives the distance of the first triangle in the list that is hit, not of the nearest.": edit(
            ".amin(dim=1)", ".gather(1, hit.int().argmax(dim=1, keepdim=True))[:, 0]"
        ),
        "Takes the nearest triangle plane and asks only then whether that triangle is hit.": edit(
            "torch.where(hit, s, torch.inf).amin(dim=1)",
            "torch.where(hit.gather(1, (nearest := s.where((s >= 0) & ~parallel, torch.inf).argmin(dim=1, "
            "keepdim=True))), s.gather(1, nearest), torch.inf)[:, 0]",
        ),
        "Mends parallel rays in the caller's own tensor; work on a copy.": edit(
            "matrices[parallel] =", "rays[parallel.any(dim=1), 1] = torch.ones(3)\n    matrices[parallel] ="
        ),
    },
)
raytrace_mesh.call(
    "distances_to_a_triangle",
    "Gives how many times the direction fits up to the only triangle, inf where a ray passes it.",
    points=0.5,
    examples=50,
    case=single_triangles(),
)
raytrace_mesh.call(
    "distances_to_the_nearest",
    "Gives the distance to the nearest of the triangles that a ray goes through.",
    case=scenes(uv=INSIDE + OUTSIDE),
)
raytrace_mesh.call(
    "triangles_behind",
    "Overlooks triangles behind the origin of a ray, however near they are.",
    points=0.5,
    examples=60,
    case=scenes(s=BEHIND),
)
raytrace_mesh.call(
    "parallels_in_a_mesh",
    "Lets parallel rays and thin triangles spoil no other distance.",
    points=0.5,
    examples=60,
    case=scenes_with_parallels(),
)
raytrace_mesh.call(
    "edges_in_a_mesh",
    "Counts sides and corners as hits, and a triangle through the origin of the ray, at distance 0.",
    points=0.25,
    examples=40,
    case=on_edges(count=4, outward=True).map(to_scene),
)
raytrace_mesh.call(
    "distances_along_any_direction",
    "Measures in directions, also where their x is not 1.",
    points=0.5,
    extra=True,
    examples=50,
    case=scenes(table=SPACE),
)


# %% rotation_matrix
rotation_matrix = section.exercise(
    "rotation_matrix",
    hints=[
        "The columns of a matrix are where it carries the x, y and z axis. Where does the y axis go?",
        "After a turn by 0, sin is 0 and cos is 1. Which matrix must it be? And after a quarter turn?",
    ],
    mistakes={
        "Turns the other way: the signs of the two sines have changed places.": edit(
            "sin], [0, 1, 0], [-sin", "-sin], [0, 1, 0], [sin"
        ),
        "Takes the angle for degrees; it is in radians.": edit(
            "theta.cos().item(), theta.sin().item()", "theta.deg2rad().cos().item(), theta.deg2rad().sin().item()"
        ),
        "Turns about the z axis; the y axis is asked for.": edit(
            "[[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]", "[[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]"
        ),
        "Turns about the x axis; the y axis is asked for.": edit(
            "[[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]", "[[1, 0, 0], [0, cos, -sin], [0, sin, cos]]"
        ),
        "Flattens y to zero; it should stay what it is.": edit("[0, 1, 0]", "[0, 0, 0]"),
        "Both sines have the same sign, so lengths change; one is negative.": edit("[-sin,", "[sin,"),
        "Sine and cosine have changed places.": edit("cos, sin =", "sin, cos ="),
    },
)
rotation_matrix.call(
    "turns_by_an_angle",
    "Turns about the y axis by the angle, in radians, z towards x.",
    points=0.5,
    examples=30,
    theta=tensors((), (1, 0.5, 0.1, 2, -1, -0.25, 3, 10)),
)
rotation_matrix.call(
    "turns_by_quarters",
    "Makes quarter turns, and leaves everything in place by an angle of 0.",
    points=0.25,
    examples=10,
    theta=tensors((), tuple(np.pi / 2 * quarter for quarter in (1, 0, 2, -1, 3))),
)


# %% raytrace_mesh_lambert
def shade(lambert, scene):
    """Answers of some editions compute on "cuda" unless told otherwise, others know no device."""
    device = {"device": "cpu"} if "device" in inspect.signature(lambert).parameters else {}
    return lambert(scene.rays, scene.triangles, scene.light, scene.ambient, **device)


def back_to_front(scene):
    return scene._replace(triangles=scene.triangles.flip(1))  # A, B, C become C, B, A


as_it_is = close()


def from_either_side(observed, expected, inputs):
    """Editions differ in which side of a triangle is the outside, which has a check of its own."""
    words = as_it_is(observed, expected, inputs)
    if isinstance(observed, list) and as_it_is(observed[::-1], expected, inputs) is None:
        return None
    return words


_LIGHT, _SHOWN = "(-normals @ light).clamp(min=0)", "torch.where(distance.isfinite(), brightness[nearest], 0.0)"
raytrace_mesh_lambert = section.exercise(
    "raytrace_mesh_lambert",
    hints=[
        "How bright is each triangle, and which one does each ray meet first? Only one of the questions "
        "needs the rays.",
        "`min` along an axis gives two things. What can you do with the second one?",
        "What does argmin say of a ray that meets nothing at all?",
    ],
    mistakes={
        "The normals are not of length one: large triangles become brighter.": edit(
            "normals / normals.norm(dim=1, keepdim=True)", "normals"
        ),
        "Light from behind takes brightness away; it adds nothing.": edit(".clamp(min=0)", ""),
        "Light from behind counts as if it came from the front; it adds nothing.": edit(
            _LIGHT, "(normals @ light).abs()"
        ),
        "Cuts off at 0 only after the ambient light is added, which then makes up for light from behind.": edit(
            f"ambient_intensity + {_LIGHT}", "(ambient_intensity - normals @ light).clamp(min=0)"
        ),
        "Lights the wrong side: light that travels against the normal falls on the outside.": edit(
            "(-normals @ light)", "(normals @ light)"
        ),
        "Where a ray meets nothing there is no ambient light either: the brightness is 0.": edit(
            _SHOWN, "torch.where(distance.isfinite(), brightness[nearest], ambient_intensity)"
        ),
        "Shows the first triangle where a ray meets nothing: argmin of nothing but inf is 0.": edit(
            _SHOWN, "brightness[nearest]"
        ),
        "The ambient light is missing.": edit("brightness = ambient_intensity + (", "brightness = ("),
        "Multiplies by the ambient light; it is added.": edit("= ambient_intensity + (", "= ambient_intensity * ("),
        "Shows the farthest triangle that a ray meets instead of the nearest.": edit(
            ".min(dim=1)", ".where(torch.stack(each, dim=1).isfinite(), -torch.inf).max(dim=1)"
        ),
        "Adds up all triangles along a ray; the nearest hides the others.": edit(
            _SHOWN, "(brightness * torch.stack(each, dim=1).isfinite()).sum(dim=1)"
        ),
        "Gives the brightness of every triangle; that of what each ray meets is asked for.": edit(_SHOWN, "brightness"),
    },
)


@raytrace_mesh_lambert.check(points=1.25, examples=60, judge=from_either_side, scene=lit())
def brightness_of_surfaces(solution, scene):
    """Adds to the ambient light as much as falls on the one side of the triangle; 0 where a ray meets nothing."""
    return [shade(solution.raytrace_mesh_lambert, case) for case in (scene, back_to_front(scene))]


@raytrace_mesh_lambert.check(points=0.5, examples=60, judge=from_either_side, scene=lit(s=BEHIND, uv=INSIDE))
def brightness_of_the_nearest(solution, scene):
    """Shows the nearest triangle in front of the eye, and none that is hidden or behind it."""
    return [shade(solution.raytrace_mesh_lambert, case) for case in (scene, back_to_front(scene))]


@raytrace_mesh_lambert.check(points=0.25, extra=True, examples=40, scene=lit(uv=INSIDE))
def outside_is_lit(solution, scene):
    """Lights the side from which the corners go round counter-clockwise, if the light travels towards it."""
    return [shade(solution.raytrace_mesh_lambert, case) for case in (scene, back_to_front(scene))]
