"""The keypoints that a careful annotator would mark in a picture of a scene."""

import numpy as np

from data.figure.head import EAR_HEIGHT, EYE_ANGLE, EYE_HEIGHT, NOSE_HEIGHT

MISSING = -1.0
MARGIN = 2.0  # Something hides a joint when it lies this much nearer to the camera, cm.
FACE = (  # COCO number, height above the chin, angle: nose, eyes, ears; the right one first.
    (0, NOSE_HEIGHT, 0.0), (14, EYE_HEIGHT, -EYE_ANGLE), (15, EYE_HEIGHT, EYE_ANGLE),
    (16, EAR_HEIGHT, -1.62), (17, EAR_HEIGHT, 1.62),
)  # fmt: skip
EARS = (16, 17)
TRUNK = {"torso", "head"}
HIPS = {"torso", "skirt", "right leg", "left leg"}


def find_keypoints(view, raster):
    """COCO-18 keypoints float64 (18, 2), x y in pixels of the raster's grid; outside, hidden or turned away: -1 -1."""
    parts = raster.spread(view.mesh.parts[raster.triangles], -1)
    names = np.array([*(_group(layer.limb) for layer in view.layers), ""])
    seen, front = names[parts], raster.spread(raster.depth, -np.inf)
    points = np.full((18, 2), MISSING)
    for number, point, own in (*_body_joints(view), *_face_points(view)):
        x, y, depth = view.camera.project(point, raster.size)
        if not (-0.49 < x < raster.size[1] - 0.51 and -0.49 < y < raster.size[0] - 0.51):
            continue
        at = round(y), round(x)
        hidden = seen[at] not in own and front[at] > depth + MARGIN
        if seen[at] and not hidden:
            points[number] = x, y
    return points


def _body_joints(view):
    """(COCO number, point (3,), names of the limbs that may lie before it)."""
    bones = view.bones
    yield 1, bones.neck, TRUNK
    for i, (side, shoulder, hip) in enumerate((("right", 2, 8), ("left", 5, 11))):
        arm, leg = f"{side} arm", f"{side} leg"
        yield shoulder, bones.arms[i][0], {arm} | TRUNK
        yield shoulder + 1, _on_axis(view.limbs[arm], bones.arms[i][1]), {arm}
        yield shoulder + 2, bones.arms[i][2], {arm}
        yield hip, bones.legs[i][0], HIPS
        yield hip + 1, _on_axis(view.limbs[leg], bones.legs[i][1]), {leg, "skirt"}
        yield hip + 2, bones.legs[i][2], {leg, "skirt"}


def _face_points(view):
    """The same for the points of the face that are turned to the camera; ears show a little from behind."""
    head = view.limbs["head"]
    for number, u, psi in FACE:
        point = head.points(np.array([u]), np.array([psi]))[0, 0]
        outwards = view.camera.turn @ (point - head.axis(u)[0])
        if outwards[2] > (-1.5 if number in EARS else 0.5):
            yield number, point, {"head"}


def _on_axis(limb, joint):
    """The point of the rounded limb's axis that lies nearest to a joint."""
    return limb.centre[np.argmin(np.linalg.norm(limb.centre - joint, axis=1))]


def _group(limb):
    """The limb that a smaller one belongs to: thumbs to arms, feet to legs, ears and hair to the head."""
    side, _, rest = limb.partition(" ")
    if rest in ("arm", "thumb"):
        return f"{side} arm"
    if rest in ("leg", "foot"):
        return f"{side} leg"
    return limb if limb in ("torso", "skirt") else "head"
