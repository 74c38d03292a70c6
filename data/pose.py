"""Keypoints and the pose maps drawn from them.

Keypoints are (18, 2) arrays of x y in OpenPose's COCO-18 order: 0 nose, 1 neck, 2-4 right arm, 5-7 left arm, 8-10 right
leg, 11-13 left leg, 14 right eye, 15 left eye, 16 right ear, 17 left ear. A missing joint is -1 -1. Files hold them in
the annotation frame: that of a 256 x 256 picture whose content is columns 40..215.
"""

import math

import cv2
import numpy as np

from config.errors import InputError

JOINTS = 18
# Joints that each limb joins: shoulders, arms, legs, then the head.
LIMBS = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7)),
    *((1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),
    *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
CHANNELS = 3 + len(LIMBS)
# One colour per joint; limb i has the colour of joint i.
COLOURS = (
    *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
    *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
    *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
)
THICKNESS = 4  # Radius of a joint's disc and half the width of a limb, in pixels.
LARGEST = 10_000  # Coordinates beyond this are not pixels of any photo.


def read_keypoints(path):
    """Keypoints of a text file of 18 rows `x y`: float64 (18, 2), in the annotation frame.

    Raises InputError, naming file and line, where the file is missing or is anything else.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = [(number, line.split()) for number, line in enumerate(file, 1) if line.strip()]
    except OSError as error:
        raise InputError(f"{path}: expected a keypoint file, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file of {JOINTS} rows `x y`") from error
    if len(lines) != JOINTS:
        last = lines[-1][0] if lines else 1
        raise InputError(f"{path}:{last}: expected {JOINTS} rows `x y`, got {len(lines)}")
    return np.array([_row(path, number, fields) for number, fields in lines])


def _row(path, number, fields):
    try:
        x, y = map(float, fields)
    except ValueError:
        raise InputError(f"{path}:{number}: expected two numbers `x y`, got {' '.join(fields)!r}") from None
    if not (abs(x) <= LARGEST and abs(y) <= LARGEST):  # Also refuses NaN.
        raise InputError(f"{path}:{number}: expected coordinates within +-{LARGEST}, got {' '.join(fields)!r}")
    return x, y


def annotation_to_image(keypoints, size, offset=(0, 0)):
    """Keypoints in pixels of an image of `size` (H, W), or of a crop of it that begins at row, column `offset`.

    (18, 2) in, a new float64 (18, 2) out. A joint with a coordinate of -1 is missing and becomes -1 -1; all others are
    present, wherever they land.
    """
    keypoints = np.asarray(keypoints, dtype=np.float64)
    (height, width), (top, left) = size, offset
    moved = np.stack([(keypoints[:, 0] - 40) * width / 176 - left, keypoints[:, 1] * height / 256 - top], axis=1)
    moved[(moved == -1).all(axis=1)] -= 1 / 1024  # Present at the very pixel that means missing; draws the same.
    moved[(keypoints == -1).any(axis=1)] = -1
    return moved


def pose_map(keypoints, size):
    """The network's view of a pose: float32 (20, H, W) in [0, 1], for keypoints (18, 2) in pixels of `size` (H, W).

    Channels 0-2 picture the skeleton, channels 3-19 hold the city-block distance to each limb: in units of 765 pixels,
    in steps of 3 pixels, and constant 1 where the limb is missing.
    """
    present = (np.asarray(keypoints) != -1).any(axis=1)
    joints = [tuple(map(float, joint)) for joint in keypoints]
    canvas = np.zeros((*size, 3), dtype=np.uint8)
    for joint, colour, drawn in zip(joints, COLOURS, present, strict=True):
        if drawn:
            cv2.circle(canvas, (int(joint[0]), int(joint[1])), THICKNESS, colour, thickness=-1)
    channels = np.full((CHANNELS, *size), 255, dtype=np.uint8)
    for i, (a, b) in enumerate(LIMBS):
        if present[a] and present[b]:
            polygon = _limb(joints[a], joints[b])
            painted = cv2.fillConvexPoly(canvas.copy(), polygon, COLOURS[i])
            canvas = cv2.addWeighted(canvas, 0.4, painted, 0.6, 0)
            channels[3 + i] = _distance(polygon, size)
    channels[:3] = canvas[..., ::-1].transpose(2, 0, 1)
    return channels.astype(np.float32) / 255


def _limb(a, b):
    """Outline of the ellipse around a limb from x y `a` to `b`: int32 (points, 2)."""
    dx, dy = a[0] - b[0], a[1] - b[1]
    centre = (int((a[0] + b[0]) / 2), int((a[1] + b[1]) / 2))
    axes = (int(math.hypot(dx, dy) / 2), THICKNESS)
    return cv2.ellipse2Poly(centre, axes, int(math.degrees(math.atan2(dy, dx))), 0, 360, 1)


def _distance(polygon, size):
    outside = np.full(size, 255, dtype=np.uint8)
    cv2.fillConvexPoly(outside, polygon, 0)
    distance = cv2.distanceTransform(outside, cv2.DIST_L1, 3)  # (H, W), pixels
    return np.clip(distance / 3, 0, 255).astype(np.uint8)
