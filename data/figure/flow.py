"""The true flow between two pictures of one person: each visible surface point is followed from one to the other."""

import numpy as np

from data.figure.scene import scene

FINE = 2  # The source's depth is looked up on a grid this many times finer.
TOLERANCE = 0.5  # Depth, cm, by which a point may lie behind what the source shows there.


def true_flow(person, target_pose, source_pose, size):
    """Where each target pixel's surface point lies in the source picture.

    Returns the flow, float32 (2, H, W) in pixels of that grid, x first, so that source position = target pixel + flow,
    and `visible`, bool (H, W): the pixel shows a point of body or cloth that the source picture shows too. The flow of
    a surface point that the source hides is still where it would be; on the backdrop it is 0.
    """
    target, source = scene(person, target_pose), scene(person, source_pose)
    raster = target.raster(size)
    points = source.camera.project(source.mesh.points, size)
    there = raster.gather(source.mesh, points)  # (P, 3)
    y, x = np.divmod(raster.pixels, size[1])
    flow = raster.spread((there[:, :2] - np.stack([x, y], -1)).astype(np.float32), 0)
    visible = raster.spread(_seen(source, target.mesh.parts[raster.triangles], raster, there, size), False)
    return np.ascontiguousarray(flow.transpose(2, 0, 1)), visible


def _seen(source, parts, raster, there, size):
    """Whether the source shows the surface points `there` (P, 3) of the given parts (P,), bool (P,)."""
    fine = source.raster((size[0] * FINE, size[1] * FINE))
    depth = fine.spread(fine.depth, -np.inf)
    owner = fine.spread(source.mesh.parts[fine.triangles], -1)
    inside = (there[:, :2] >= 0).all(1) & (there[:, 0] <= size[1] - 1) & (there[:, 1] <= size[0] - 1)
    spot = np.round((there[:, :2] + 0.5) * FINE - 0.5).astype(int)
    x, y = np.clip(spot[:, 0], 0, fine.size[1] - 1), np.clip(spot[:, 1], 0, fine.size[0] - 1)
    slope, facing = _slope(source, raster, size)
    near = depth[y, x] - there[:, 2] < TOLERANCE + slope / FINE
    return inside & facing & near & (owner[y, x] == parts)


def _slope(source, raster, size):
    """Of the target's triangles in the source: change of depth over one pixel, cm, and whether they face the camera."""
    corners = source.camera.project(source.mesh.points, size)[source.mesh.triangles[raster.triangles]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    steep = np.abs(normal[:, :2]).sum(1) / np.maximum(np.abs(normal[:, 2]), 1e-9)
    return np.minimum(steep, 4.0), normal[:, 2] < 0
