"""Pose maps as they are defined, drawn on whole canvases: what data.pose.pose_levels must equal."""

import math

import cv2
import numpy as np

from data.pose import COLOURS, LIMBS


def reference_levels(keypoints, size):
    """uint8 (20, H, W) for keypoints (18, 2) in pixels of `size` (H, W), missing ones -1 -1."""
    present = [tuple(joint) != (-1, -1) for joint in keypoints]
    canvas = np.zeros((*size, 3), dtype=np.uint8)
    for i, (x, y) in enumerate(keypoints):
        if present[i]:
            cv2.circle(canvas, (int(x), int(y)), 4, COLOURS[i], thickness=-1)
    distances = []
    for i, (a, b) in enumerate(LIMBS):
        if present[a] and present[b]:
            polygon = limb_polygon(keypoints[a], keypoints[b])
            painted = cv2.fillConvexPoly(canvas.copy(), polygon, COLOURS[i])
            canvas = cv2.addWeighted(canvas, 0.4, painted, 0.6, 0)
            distances.append(distance_levels(polygon, size))
        else:
            distances.append(np.full(size, 255, dtype=np.uint8))
    skeleton = canvas[:, :, ::-1].transpose(2, 0, 1)
    return np.concatenate([skeleton, np.stack(distances)])


def limb_polygon(a, b):
    """Outline of the ellipse around a limb, from x y to x y: int32 (points, 2)."""
    (xa, ya), (xb, yb) = a, b
    centre = (int((xa + xb) / 2), int((ya + yb) / 2))
    length = math.hypot(xa - xb, ya - yb)
    angle = int(math.degrees(math.atan2(ya - yb, xa - xb)))
    return np.array(cv2.ellipse2Poly(centre, (int(length / 2), 4), angle, 0, 360, 1))


def distance_levels(polygon, size):
    """uint8 (H, W): a third of the city-block distance to the filled polygon."""
    outside = cv2.fillConvexPoly(np.full(size, 255, dtype=np.uint8), polygon, 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L1, 3)
    return np.clip(distance / 3, 0, 255).astype(np.uint8)
