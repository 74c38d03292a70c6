"""The picture of a scene: paint, light and backdrop."""

import cv2
import numpy as np

from data.figure.joints import MISSING, find_keypoints
from data.figure.scene import scene

LIGHT = np.array([-0.42, 0.52, 0.74]) / np.linalg.norm([0.42, 0.52, 0.74])  # From the upper left.
FINE = 512  # Pictures are drawn at least this high, and at least twice as fine as asked, then averaged down.


def picture(person, pose, size, shaded=True):
    """The image uint8 (H, W, 3) RGB and the keypoints (18, 2) of a person in a pose.

    Without shading the image shows the bare paint of each surface point over a plain backdrop.
    """
    fine = max(2, FINE // size[0])
    view = scene(person, pose)
    raster = view.raster((size[0] * fine, size[1] * fine))
    colour = _paint(view, raster)
    if shaded:
        colour = colour * _light(view, raster)
        image = _backdrop(person, view, raster)
    else:
        image = np.full((raster.size[0] * raster.size[1], 3), 1.0, np.float32)
    image[raster.pixels] = np.clip(colour, 0, 1)
    image = cv2.resize(image.reshape(*raster.size, 3), size[::-1], interpolation=cv2.INTER_AREA)
    points = find_keypoints(view, raster)
    present = points[:, 0] >= 0
    points[present] = (points[present] + 0.5) / fine - 0.5
    inside = (points >= 0).all(1) & (points[:, 0] <= size[1] - 1) & (points[:, 1] <= size[0] - 1)
    return np.round(image * 255).astype(np.uint8), np.where(inside[:, None], points, MISSING)


def _paint(view, raster):
    surface = raster.gather(view.mesh, view.mesh.surface)
    parts = view.mesh.parts[raster.triangles]
    colour = np.zeros((len(parts), 3))
    for i in np.unique(parts):
        at = parts == i
        colour[at] = view.layers[i].paint(surface[at, 0], surface[at, 1])
    return colour


def _light(view, raster):
    """Factor (P, 3) of a soft light from one side, with darker edges and creases and a warm tint in the shade."""
    normal = raster.gather(view.mesh, view.mesh.normals) @ view.camera.turn.T
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    diffuse = np.clip(0.5 + 0.5 * normal @ LIGHT, 0, 1) ** 1.3
    rim = 0.86 + 0.14 * np.clip(normal[:, 2] * 2.2, 0, 1)
    shade = (0.5 + 0.6 * diffuse) * rim * (1 - _occlusion(view, raster) * np.clip(1.4 * normal[:, 2], 0, 1))
    gloss = np.array([layer.gloss for layer in view.layers])[view.mesh.parts[raster.triangles]]
    half = LIGHT + np.array([0, 0, 1])
    shine = gloss * np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 14
    return shade[:, None] ** np.array([0.88, 1.0, 1.08]) * (1 + 1.2 * shine[:, None])


def _occlusion(view, raster):
    """How much of the neighbourhood lies in front of each covered pixel, 0..0.45."""
    depth = raster.spread(raster.depth.astype(np.float32), -np.inf)
    small = depth[::2, ::2]
    covered = np.isfinite(small).astype(np.float32)
    pixels_per_cm = small.shape[0] / view.camera.height
    dark = np.zeros(small.shape, np.float32)
    for reach, strength in ((1.6, 0.30), (5.0, 0.26)):
        sigma = reach * pixels_per_cm
        weight = cv2.GaussianBlur(covered, (0, 0), sigma) + 1e-3
        mean = cv2.GaussianBlur(np.where(covered > 0, small, 0), (0, 0), sigma) / weight
        dark += strength * np.clip((mean - np.where(covered > 0, small, 0)) / (1.1 * reach), 0, 1) * covered
    dark = cv2.resize(dark, raster.size[::-1], interpolation=cv2.INTER_LINEAR)
    return dark.reshape(-1)[raster.pixels]


def _backdrop(person, view, raster):
    """A studio wall with a soft gradient and the figure's shadow on the floor, float32 (H W, 3)."""
    height, width = raster.size[0] // 2, raster.size[1] // 2
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    glow = 1 - 0.09 * ((x / width - 0.42) ** 2 + 0.8 * (y / height - 0.35) ** 2)
    across, along = view.camera.pixels_per_cm((height, width))
    for joints, foot in zip(view.bones.legs, view.bones.feet, strict=True):
        ground = (joints[2] + foot[:, 2] * 5) * [1, 0, 1] + [0, 0.5, 0]
        centre = view.camera.project(ground, (height, width))
        for strength, wide, high in ((0.13, 19, 4.5), (0.22, 9, 2.2)):
            dx, dy = (x - centre[0]) / (wide * across), (y - centre[1]) / (high * along)
            glow *= 1 - strength * np.exp(-(dx**2)) * np.exp(-(dy**2))
    glow = cv2.resize(glow, raster.size[::-1], interpolation=cv2.INTER_LINEAR)
    return (np.array(person.backdrop, np.float32) * glow[..., None]).reshape(-1, 3)
