"""A person in a pose before the camera: the picture, the keypoints, and the true flow between two poses."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data.figure.body import limbs_of
from data.figure.layers import layers_of
from data.figure.raster import ASPECT, CAMERA_PITCH, Camera, Mesh, grid_normals, grid_triangles, rasterise
from data.figure.skeleton import Skeleton, rotation, skeleton


@dataclass(frozen=True)
class Scene:
    """A posed mesh, the limbs it was made of, and the camera that looks at it."""

    layers: tuple
    limbs: dict
    bones: Skeleton
    mesh: Mesh
    camera: Camera

    def raster(self, size):
        """The visible surface on a grid of `size` (H, W)."""
        cuts = {i: layer.cut for i, layer in enumerate(self.layers) if layer.cut}
        return rasterise(self.mesh, self.camera.project(self.mesh.points, size), size, cuts)


@lru_cache(maxsize=8)
def scene(person, pose):
    """The Scene of an identity in a pose."""
    layers = _layers(person)
    bones = skeleton(person.build, pose)
    limbs = limbs_of(person.build, bones, person.hair.drop, person.lower.skirt)
    return Scene(layers, limbs, bones, _mesh(layers, limbs), _camera(bones, limbs, pose))


@lru_cache(maxsize=4)
def _layers(person):
    return layers_of(person)


def _mesh(layers, limbs):
    points, normals, surface, triangles, parts = [], [], [], [], []
    count = 0
    for i, layer in enumerate(layers):
        psi = np.linspace(-np.pi, np.pi, layer.columns + 1)
        offset = layer.offset(layer.u[:, None], psi[None]) if callable(layer.offset) else layer.offset
        grid = limbs[layer.limb].points(layer.u, psi, offset)
        points.append(grid.reshape(-1, 3))
        normals.append(grid_normals(grid).reshape(-1, 3))
        surface.append(np.stack(np.meshgrid(layer.u, psi, indexing="ij"), -1).reshape(-1, 2))
        triangles.append(grid_triangles(*grid.shape[:2]) + count)
        parts.append(np.full(len(triangles[-1]), i))
        count += len(points[-1])
    return Mesh(*(np.concatenate(x) for x in (points, normals, surface, triangles, parts)))


def _camera(bones, limbs, pose):
    turn = np.array([[1, 0, 0], [0, np.cos(CAMERA_PITCH), -np.sin(CAMERA_PITCH)],
                     [0, np.sin(CAMERA_PITCH), np.cos(CAMERA_PITCH)]]) @ rotation(pose.yaw)  # fmt: skip
    x, above, height = pose.window
    spine = turn @ (bones.pelvis + bones.neck) / 2
    crown = (limbs["head"].axis(23.0) @ turn.T)[0, 1]
    camera = Camera(turn, 0.0, crown + above, height)
    return Camera(turn, spine[0] + x - height * ASPECT / 2, camera.top, height)
