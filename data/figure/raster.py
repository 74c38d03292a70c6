"""Triangle meshes and their orthographic rasterisation with a depth buffer, vectorised over triangles."""

from dataclasses import dataclass

import numpy as np

CAMERA_PITCH = np.radians(5.0)  # The camera looks down a little.
ASPECT = 176 / 256  # Width over height of the camera's window; an image of another shape is that window squeezed.
SPANS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 512, 4096)  # Bounding boxes are padded to one of these, pixels.


@dataclass(frozen=True)
class Mesh:
    """Parts of a body as one triangle list. The numbering depends on the person only, not on the pose."""

    points: np.ndarray  # (V, 3) cm.
    normals: np.ndarray  # (V, 3) unit length, outwards.
    surface: np.ndarray  # (V, 2) u in cm, psi in radians.
    triangles: np.ndarray  # (T, 3), counter-clockwise from outside.
    parts: np.ndarray  # (T,) index of the part.


@dataclass(frozen=True)
class Camera:
    """An orthographic window of `height` cm; `left` and `top` are its edges after the turn by `turn` (3, 3)."""

    turn: np.ndarray
    left: float
    top: float
    height: float

    def project(self, points, size):
        """Points (..., 3) in cm to x, y in pixels (pixel centres are integers) and depth towards the viewer, cm."""
        seen = points @ self.turn.T
        x = (seen[..., 0] - self.left) / (self.height * ASPECT) * size[1] - 0.5
        y = (self.top - seen[..., 1]) / self.height * size[0] - 0.5
        return np.stack([x, y, seen[..., 2]], -1)

    def pixels_per_cm(self, size):
        """Pixels of an image of `size` (H, W) per centimetre, across and down."""
        return size[1] / (self.height * ASPECT), size[0] / self.height


@dataclass(frozen=True)
class Raster:
    """The visible surface on an (H, W) grid. P pixels are covered."""

    size: tuple[int, int]
    pixels: np.ndarray  # (P,) flat index of the covered pixels, ascending.
    triangles: np.ndarray  # (P,) index into the mesh.
    weights: np.ndarray  # (P, 3) barycentric.
    depth: np.ndarray  # (P,) cm towards the viewer.

    def gather(self, mesh, values):
        """Vertex values (V, C) interpolated at the covered pixels, (P, C)."""
        return np.einsum("pk,pkc->pc", self.weights, values[mesh.triangles[self.triangles]])

    def spread(self, values, fill):
        """Values (P, ...) of covered pixels on the whole grid, (H, W, ...)."""
        out = np.full((self.size[0] * self.size[1], *values.shape[1:]), fill, values.dtype)
        out[self.pixels] = values
        return out.reshape(*self.size, *values.shape[1:])


def rasterise(mesh, screen, size, cuts):
    """Rasterise vertices `screen` (V, 3), as `Camera.project` gives them, to a Raster.

    `cuts` maps a part to a function (u, psi) -> bool that keeps a surface point; parts without one are kept whole.
    """
    corners = screen[mesh.triangles]  # (T, 3, 3)
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]  # Negative when facing us: y points down.
    low = np.maximum(np.ceil(_over_corners(np.minimum, corners)), 0).astype(int)
    high = np.minimum(np.floor(_over_corners(np.maximum, corners)), [size[1] - 1, size[0] - 1]).astype(int)
    chosen = np.flatnonzero((area < -1e-9) & (high >= low).all(1))
    span = (high - low)[chosen].max(1, initial=0) + 1
    bucket = np.searchsorted(SPANS, span)
    found = [
        _cover(chosen[bucket == i], SPANS[i], corners, edge1, edge2, area, low, size)
        for i in np.unique(bucket)
    ]  # fmt: skip
    if not found:
        return Raster(size, *(np.zeros(shape) for shape in ((0,), (0,), (0, 3), (0,))))
    triangles, pixels, weights = (np.concatenate(x) for x in zip(*found, strict=True))
    keep = _uncut(mesh, triangles, weights, cuts)
    triangles, pixels, weights = triangles[keep], pixels[keep], weights[keep]
    depth = np.einsum("nk,nk->n", weights, corners[triangles, :, 2])
    return _nearest(size, triangles, pixels, weights, depth)


def _over_corners(function, corners):
    return function(function(corners[:, 0, :2], corners[:, 1, :2]), corners[:, 2, :2])


def _cover(chosen, span, corners, edge1, edge2, area, low, size):
    """Pixel centres inside triangles whose bounding box starts at `low` and is at most `span` wide and high."""
    oy, ox = (x.reshape(-1) for x in np.mgrid[:span, :span])
    x = low[chosen, 0, None] + ox
    y = low[chosen, 1, None] + oy  # (N, span^2)
    dx, dy = x - corners[chosen, 0, 0, None], y - corners[chosen, 0, 1, None]
    scale = 1 / area[chosen, None]
    w1 = (dx * edge2[chosen, 1, None] - dy * edge2[chosen, 0, None]) * scale
    w2 = (dy * edge1[chosen, 0, None] - dx * edge1[chosen, 1, None]) * scale
    inside = (w1 >= -1e-9) & (w2 >= -1e-9) & (w1 + w2 <= 1 + 1e-9) & (x < size[1]) & (y < size[0])
    row, column = np.nonzero(inside)
    w1, w2 = w1[row, column], w2[row, column]
    pixels = y[row, column] * size[1] + x[row, column]
    return chosen[row], pixels, np.stack([1 - w1 - w2, w1, w2], -1)


def _uncut(mesh, triangles, weights, cuts):
    keep = np.ones(len(triangles), bool)
    parts = mesh.parts[triangles]
    for part, cut in cuts.items():
        at = np.flatnonzero(parts == part)
        u, psi = np.einsum("nk,nkc->cn", weights[at], mesh.surface[mesh.triangles[triangles[at]]])
        keep[at] = cut(u, psi)
    return keep


def _nearest(size, triangles, pixels, weights, depth):
    front = np.full(size[0] * size[1], -np.inf)
    np.maximum.at(front, pixels, depth)
    at = np.flatnonzero(depth == front[pixels])
    winner = np.full(len(front), -1)
    winner[pixels[at]] = at
    pixels = np.flatnonzero(winner >= 0)
    winner = winner[pixels]
    return Raster(size, pixels, triangles[winner], weights[winner], depth[winner])


def grid_triangles(rows, columns):
    """Triangles (2 (rows - 1) (columns - 1), 3) of a grid of vertices whose columns turn to the left."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    right, up = corner + 1, corner + columns
    return np.concatenate([np.stack([corner, right, up], 1), np.stack([right, up + 1, up], 1)])


def grid_normals(points):
    """Unit normals (M, K, 3) of a closed tube's grid, whose last column repeats the first."""
    along = np.gradient(points, axis=0)
    ring = np.concatenate([points[:, -2:-1], points, points[:, 1:2]], 1)
    around = ring[:, 2:] - ring[:, :-2]
    normal = np.cross(around, along)
    return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
