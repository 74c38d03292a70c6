"""Keypoints and the pose maps drawn from them.

Keypoints are (18, 2) arrays of x y in OpenPose's COCO-18 order: 0 nose, 1 neck, 2-4 right arm, 5-7 left arm, 8-10 right
leg, 11-13 left leg, 14 right eye, 15 left eye, 16 right ear, 17 left ear. A missing joint is -1 -1. Files hold them in
the annotation frame: that of a 256 x 256 picture whose content is columns 40..215.
"""

import math

import cv2
import numpy as np

from system.errors import InputError

JOINT_NAMES = (
    *("nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist"),
    *("right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle"),
    *("right eye", "left eye", "right ear", "left ear"),
)
JOINTS = len(JOINT_NAMES)
TORSO = [2, 5, 8, 11]  # Shoulders and hips: an image that lacks one takes part in no pair.
FRAME = (256, 176)  # Height and width of the picture in the annotation frame.
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
    return pose_levels(keypoints, size).astype(np.float32) / 255


def pose_levels(keypoints, size):
    """The same in levels: uint8 (20, H, W), which is 255 times the pose map.

    What a limb changes near itself is drawn in its bounding box; its distances beyond the box follow from those within.
    """
    present = (np.asarray(keypoints) != -1).any(axis=1)
    joints = [tuple(map(float, joint)) for joint in keypoints]
    canvas = np.zeros((*size, 3), dtype=np.uint8)
    for joint, colour, drawn in zip(joints, COLOURS, present, strict=True):
        if drawn:
            cv2.circle(canvas, (int(joint[0]), int(joint[1])), THICKNESS, colour, thickness=-1)
    levels = np.full((CHANNELS, *size), 255, dtype=np.uint8)
    outside = np.full(size, 255, dtype=np.uint8)
    for i, (a, b) in enumerate(LIMBS):
        if present[a] and present[b]:
            polygon = _limb(joints[a], joints[b])
            if box := _box(polygon, size):
                _paint(canvas, polygon, box, COLOURS[i])
                _measure(outside, polygon, box, levels[3 + i])
    levels[:3] = cv2.split(canvas)[::-1]
    return levels


def _limb(a, b):
    """Outline of the ellipse around a limb from x y `a` to `b`: int32 (points, 2)."""
    dx, dy = a[0] - b[0], a[1] - b[1]
    centre = (int((a[0] + b[0]) / 2), int((a[1] + b[1]) / 2))
    axes = (int(math.hypot(dx, dy) / 2), THICKNESS)
    return cv2.ellipse2Poly(centre, axes, int(math.degrees(math.atan2(dy, dx))), 0, 360, 1)


def _box(polygon, size):
    """Slices of the rows and columns that a polygon takes up on a canvas of `size`; None where it lies beside it."""
    left, top, width, height = cv2.boundingRect(polygon)
    rows = slice(max(top, 0), min(top + height, size[0]))
    columns = slice(max(left, 0), min(left + width, size[1]))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _paint(canvas, polygon, box, colour):
    """Blend a polygon into the canvas (H, W, 3). Pixels beside it need no blending: 0.4 c + 0.6 c rounds to c."""
    before = canvas[box].copy()
    cv2.fillConvexPoly(canvas, polygon, colour)
    canvas[box] = cv2.addWeighted(before, 0.4, canvas[box], 0.6, 0)


def _measure(outside, polygon, box, levels):
    """Fill `levels` (H, W) with a third of the city-block distance to a polygon. `outside` (H, W) is 255, and stays so.

    From a place beyond the box, the way leads by the nearest place in the box.
    """
    cv2.fillConvexPoly(outside, polygon, 0)
    if outside[box].all():  # It touches the canvas with a corner of its box alone.
        return
    distance = cv2.distanceTransform(outside[box], cv2.DIST_L1, 3).astype(np.uint16)  # Pixels, of the box.
    outside[box] = 255

    # To the left and the right, then above and below.
    (rows, columns), (height, width) = box, levels.shape
    distance = cv2.copyMakeBorder(distance, 0, 0, columns.start, width - columns.stop, cv2.BORDER_REPLICATE)
    distance += _steps_beyond(columns, width)
    distance = cv2.copyMakeBorder(distance, rows.start, height - rows.stop, 0, 0, cv2.BORDER_REPLICATE)
    distance += _steps_beyond(rows, height)[:, None]  # (H, W)
    cv2.convertScaleAbs(distance, levels, 1 / 3, -1 / 3)  # To the nearest level, of (d - 1) / 3: d / 3 truncated.


def _steps_beyond(places, length):
    """How far each of `length` places in a row is from the slice `places`: uint16 (length,)."""
    steps = np.zeros(length, dtype=np.uint16)
    steps[: places.start] = np.arange(places.start, 0, -1)
    steps[places.stop :] = np.arange(1, length - places.stop + 1)
    return steps
