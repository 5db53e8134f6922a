"""The checkpoint of `ray_tracing`: a sphere of triangles, as the learner's functions see it.

Of a sphere it is known where each ray meets it and how bright it is there, so the picture can be measured.
"""

import inspect

import numpy as np
import torch

from graders.engine import Criterion, as_array, checkpoint, edit

PIXELS, LIMIT, STRIPS = 64, 0.5, 16  # along either axis; of the last pixel; parts that are computed one by one
CENTRE, LIGHT, AMBIENT, TURN = (3.0, 0.0, 0.0), (0.6, -0.64, 0.48), 0.1, 0.5
SUBDIVISIONS = 3
BULGE = 1 / 0.9978  # so that as much of the triangles is outside of a sphere of radius one as inside


def data(seed):
    """A sphere around the origin, and where the rays meet one around CENTRE: distance, and normal of the surface."""
    across = np.linspace(-LIMIT, LIMIT, PIXELS)
    y, z = (axis.ravel() for axis in np.meshgrid(across, across, indexing="ij"))
    rays = np.stack([np.ones_like(y), y, z], axis=1)  # (ray, 3)
    along, length = rays @ CENTRE, (rays**2).sum(1)
    with np.errstate(invalid="ignore"):
        distance = (along - np.sqrt(along**2 - length * (np.dot(CENTRE, CENTRE) - 1))) / length  # NaN: it goes past
    normals = distance[:, None] * rays - CENTRE
    return {"triangles": torch.from_numpy(BULGE * sphere()).float()}, (distance, normals)


def sphere():
    """An icosahedron whose triangles are divided by four, and pushed out to radius one, several times."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)])
    corners = np.concatenate([np.roll(corners, shift, axis=1) for shift in range(3)])  # (12, 3), neighbours 2 apart
    near = np.isclose(np.linalg.norm(corners[:, None] - corners, axis=2), 2)
    faces = [
        (i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] and near[j, k] and near[i, k]
    ]
    triangles = corners[np.array(faces)]  # (20, 3, 3)
    for _ in range(SUBDIVISIONS):
        triangles /= np.linalg.norm(triangles, axis=2, keepdims=True)
        a, b, c = triangles.swapaxes(0, 1)
        parts = ((a, a + b, c + a), (a + b, b, b + c), (c + a, b + c, c), (a + b, b + c, c + a))
        triangles = np.concatenate([np.stack(part, axis=1) for part in parts])
    triangles /= np.linalg.norm(triangles, axis=2, keepdims=True)
    outwards = np.einsum(
        "ti,ti->t", np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), triangles[:, 0]
    )
    triangles[outwards < 0] = triangles[outwards < 0][:, ::-1]  # counter-clockwise, seen from outside
    return triangles


def score(evidence, kept):
    """The outline, the depth and the light, next to those of the sphere that the triangles stand for."""
    distance, normals = kept
    seen = as_array(evidence, "distance", PIXELS**2)
    hit, there = np.isfinite(seen), np.isfinite(distance)
    both = hit & there
    brightness = AMBIENT + np.clip(-normals @ LIGHT, 0, None)
    apart = np.abs(as_array(evidence, "brightness", PIXELS**2) - brightness)
    return [
        Criterion("outline: what is common, of what either has", both.sum() / (hit | there).sum(), at_least=0.99),
        Criterion("depth: mean error", np.abs(seen - distance)[both].mean() if both.any() else np.nan, at_most=0.003),
        Criterion("light: mean error", apart[both].mean() if both.any() else np.nan, at_most=0.025),
    ]


def picture(evidence):
    """What the learner sees: rows from the top."""
    return evidence["brightness"].reshape(PIXELS, PIXELS)[::-1]


@checkpoint(data=data, score=score, steps=STRIPS, picture=picture)
def a_sphere_is_seen(solution, triangles):
    """Your functions look at a sphere of 1280 triangles, turned and lit from the side: 64 x 64 rays, and what each
    meets. Its outline, its depth and its light have to be those of a sphere.
    """
    turned = triangles @ solution.rotation_matrix(torch.tensor(TURN)).T + torch.tensor(CENTRE)
    rays = solution.make_rays_2d(PIXELS, PIXELS, LIMIT, LIMIT)
    place = {"device": "cpu"} if "device" in inspect.signature(solution.raytrace_mesh_lambert).parameters else {}
    distances, brightnesses = [], []
    for strip in rays.chunk(STRIPS):
        distances.append(solution.raytrace_mesh(strip, turned))
        brightnesses.append(solution.raytrace_mesh_lambert(strip, turned, torch.tensor(LIGHT), AMBIENT, **place))
        yield "share of rays that meet it", distances[-1].isfinite().float().mean().item()
    return {"distance": torch.cat(distances), "brightness": torch.cat(brightnesses)}


a_sphere_is_seen.mistake(
    "raytrace_mesh",
    "Takes triangles for parallelograms.",
    edit(" & (u + v <= 1)", " & (u <= 1) & (v <= 1)"),
)
a_sphere_is_seen.mistake(
    "raytrace_mesh_lambert", "Light from behind makes a surface darker than dark.", edit(".clamp(min=0)", "")
)
a_sphere_is_seen.mistake(
    "make_rays_2d", "The rays go to the edge of the first quadrant only.", edit("-y_limit, y", "0, y")
)
