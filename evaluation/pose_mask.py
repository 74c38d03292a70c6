"""The surroundings of a pose, where masked protocols look (Zhu et al., Progressive Pose Attention Transfer, 2019)."""

import numpy as np
from skimage.draw import disk, polygon
from skimage.morphology import dilation, erosion

from data.pairs import keypoint_path
from data.pose import annotation_to_image, read_keypoints

# Pairs of joints that a bar connects, counted from 1 as in PATN.
LIMBS = (
    *((2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14)),
    *((2, 1), (1, 15), (15, 17), (1, 16), (16, 18), (2, 17), (2, 18), (9, 12), (12, 6), (9, 3), (17, 18)),
)
RADIUS = 4  # Of a joint's disc, and half the width of a bar, in pixels.
SQUARE = np.ones((5, 5), dtype=bool)  # Closes what lies between.


def pose_mask(keypoints, size):
    """bool (H, W), true around the pose, for keypoints (18, 2) in pixels of `size` (H, W), missing ones -1 -1."""
    present = (keypoints != -1).any(axis=1)
    points = np.rint(keypoints[:, ::-1])  # (18, 2), row and column
    mask = np.zeros(size, dtype=bool)
    for first, second in LIMBS:
        if present[first - 1] and present[second - 1]:
            mask[_bar(points[first - 1], points[second - 1], size)] = True
    for point in points[present]:
        mask[disk(point, RADIUS, shape=size)] = True
    return erosion(dilation(mask, SQUARE), SQUARE)


def _bar(start, end, size):
    """Rows and columns of the pixels of a rectangle from one point to another."""
    length = np.hypot(*(end - start))
    if length == 0:
        return disk(start, RADIUS, shape=size)
    row, column = (end - start) * RADIUS / length
    across = np.array([-column, row])
    corners = np.array([start + across, start - across, end - across, end + across])
    return polygon(corners[:, 0], corners[:, 1], shape=size)


def target_mask(root, size, result):
    """The mask of the target pose of a Result, at `size`. Raises InputError where its keypoints cannot be read."""
    keypoints = read_keypoints(keypoint_path(root, result.target_image))
    return pose_mask(annotation_to_image(keypoints, size), size)
