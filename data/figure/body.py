"""The limbs of a body in a pose: torso, neck, arms, thumbs, legs, feet and the skirt around them. Head: see head.py."""

import numpy as np

from data.figure.head import head_limbs
from data.figure.skeleton import FOREARM, HAND, HIP, SHIN, THIGH, UPPER_ARM, WAIST
from data.figure.surface import STEP, Limb, bell, bent, profile, smooth, step, straight, turn, unit

SIDES = {"right": 0, "left": 1}

# Rows: place along the limb, half width, half depth, shift of the centre to the front; centimetres.
TORSO_WOMAN = (
    (79.5, 0.2, 0.2, 0.5), (80.5, 5, 4, 0), (82.5, 10.5, 7, -0.6), (85, 15, 9.4, -0.6), (89, 17, 10.8, -0.6),
    (95, 16, 10, -0.3), (100, 13.8, 8.8, 0), (105, 12.4, 8.1, 0.2), (111, 12.7, 8.3, 0.2), (118, 14, 9.1, 0.2),
    (125, 15, 9.4, 0), (131, 15.6, 9, -0.5), (136, 15.6, 8, -1), (139.5, 14.6, 6.9, -1.4), (142, 12.2, 6, -1.6),
    (144, 8, 5.3, -1.4), (146, 5.7, 5, -1.1), (149, 4.7, 4.7, -0.5), (152, 4.5, 4.6, 0),
    (154, 4, 4, 0.3), (155, 0.2, 0.2, 0.3),
)  # fmt: skip
TORSO_MAN = (
    (79.5, 0.2, 0.2, 0.5), (80.5, 5, 4, 0), (82.5, 10.5, 7, -0.6), (85, 14.6, 9.3, -0.5), (89, 15.8, 10.3, -0.3),
    (95, 15.4, 9.8, -0.1), (100, 14.6, 9.4, 0.2), (105, 14.2, 9.2, 0.3), (111, 14.8, 9.5, 0.3), (118, 16.2, 10.3, 0.3),
    (125, 17.6, 11, 0.1), (131, 18.4, 10.6, -0.4), (136, 18, 9.2, -1), (139.5, 16.6, 7.8, -1.4), (142, 14, 6.8, -1.6),
    (144.5, 9, 6.2, -1.4), (146.5, 6.8, 5.8, -1.1), (149, 5.7, 5.6, -0.5), (152, 5.3, 5.4, 0),
    (154, 4.5, 4.5, 0.3), (155, 0.2, 0.2, 0.3),
)  # fmt: skip
ARM = (
    (-9, 0.2, 0.2), (-8, 2.2, 2.2), (-5, 3.4, 3.5), (-2, 4.2, 4.5), (2, 4.8, 5), (7, 4.8, 5.1),
    (13, 4.3, 4.6), (20, 3.8, 4.1),
    (27, 3.6, 3.6), (32, 3.7, 3.9), (37, 3.7, 3.9), (45, 3, 3.1), (51, 2.3, 2.7), (53.5, 2.1, 2.6), (57, 2, 3.4),
    (61, 1.9, 4.1), (64, 1.7, 4), (67, 1.4, 3.5), (69.5, 1.1, 2.7), (70.6, 0.7, 1.6), (71, 0.1, 0.2),
)  # fmt: skip
LEG = (
    (-13, 0.2, 0.2), (-12, 4, 4.5), (-9, 6, 6), (-5, 7.6, 7.2, -0.6), (0, 8.5, 8.6, -0.6),
    (6, 8.6, 9.2, -0.2), (14, 8.1, 8.8), (24, 7, 7.7),
    (34, 5.9, 6.4), (41, 5.2, 5.6), (45, 5.1, 5.3), (49, 5, 5.1, -0.4), (55, 5.3, 5.6, -1.2), (61, 4.9, 5.2, -1.2),
    (69, 3.8, 4.1, -0.8), (76, 3.1, 3.4, -0.4), (80, 3.1, 3.6, -0.2), (83, 3.2, 3.8), (84.5, 2.6, 3), (85, 0.2, 0.2),
)  # fmt: skip
FOOT = (
    (-7, 0.2, 0.2, -1), (-6.4, 2.2, 2.6, -0.6), (-4.5, 3.1, 4, 0.4), (-1, 3.4, 4.8, 1.2), (4, 3.6, 4.4, 0.8),
    (9, 4.1, 3.3, -0.4), (13, 4.4, 2.6, -1.1), (16, 4, 2.2, -1.5), (18, 2.9, 1.8, -1.9), (19.2, 1.2, 0.9, -2.4),
    (19.5, 0.1, 0.1, -2.6),
)  # fmt: skip
THUMB = ((-1, 0.2, 0.2), (0, 1.3, 1.2), (3, 1.3, 1.2), (6, 1, 0.95), (7.4, 0.7, 0.7), (8, 0.1, 0.1))


def limbs_of(build, bones, hair_drop=0.0, skirt=None):
    """Name -> Limb for a body whose joints are `bones`; `hair_drop` cm of hair fall below the ears."""
    limbs = {"torso": _torso(build, bones)}
    for name, i in SIDES.items():
        limbs[f"{name} arm"] = _arm(build, bones, i)
        limbs[f"{name} thumb"] = _thumb(limbs[f"{name} arm"])
        limbs[f"{name} leg"] = _leg(build, bones, i)
        limbs[f"{name} foot"] = _foot(bones.legs[i][2], bones.feet[i])
    limbs |= head_limbs(build, bones, hair_drop)
    if skirt is not None:
        limbs["skirt"] = _skirt(limbs, bones, skirt)
    return limbs


def _torso(build, bones):
    u = np.arange(79.5, 155 + STEP / 2, STEP)
    height = u[:, None]
    low = bones.pelvis + bones.pelvis_frame[:, 1] * (height - HIP)
    high = bones.waist + bones.chest_frame[:, 1] * (height - WAIST)
    centre = smooth(np.where(height < WAIST, low, high), 16)
    blend = step(u, 94, 124)[:, None]
    side = unit((1 - blend) * bones.pelvis_frame[:, 0] + blend * bones.chest_frame[:, 0])
    front = unit(np.cross(side, unit(np.gradient(centre, axis=0))))
    a, b, shift = profile(u, TORSO_WOMAN if build.woman else TORSO_MAN, build.girth)
    chest, hips = build.shoulders / (16.2 if build.woman else 18.8), build.hips / 8.8
    a = a * (1 + (chest - 1) * step(u, 116, 130) * step(u, 147, 141)) * (1 + (hips - 1) * step(u, 104, 92))
    return Limb(u, centre + front * shift[:, None], side, front, a, b, _torso_bump(build.woman))


def _torso_bump(woman):
    bust, seat = (2.7, 1.8) if woman else (0.6, 1.3)

    def bump(u, psi):
        breasts = bell(turn(psi, 0.62), 0.36) + bell(turn(psi, -0.62), 0.36)
        seats = bell(turn(psi, np.pi - 0.5), 0.42) + bell(turn(psi, np.pi + 0.5), 0.42)
        return bust * breasts * bell(u - 124.5, 3.6) + seat * seats * bell(u - 87.5, 4.5)

    return bump


def _stretched(table, knots, factors):
    """The table with its first column stretched piece by piece: `factors` beyond each of `knots`, 1 before 0."""
    edges, total = np.array([0, *knots], float), [0.0]
    for i, factor in enumerate(factors):
        total.append(total[-1] + (edges[i + 1] - edges[i]) * factor)

    def place(u):
        return u if u < 0 else np.interp(u, edges, total)

    return tuple((place(row[0]), *row[1:]) for row in table)


def _arm(build, bones, i):
    """Comes out of the chest at the collar bone and rounds the shoulder."""
    joints = bones.arms[i]
    root = joints[0] + bones.chest_frame @ np.array([(9.0, -9.0)[i], 1.8, 0])
    table = _stretched(ARM, (UPPER_ARM, UPPER_ARM + FOREARM, 71), (build.arms, build.arms, HAND / (71 - 53.5)))
    factor = build.girth * (0.88 if build.woman else 1.1)
    upper, lower = joints[1] - joints[0], joints[2] - joints[1]
    return bent(joints, -9, np.cross(upper, lower), table, factor, bend=8, root=root)


def _thumb(arm):
    """Grows from the front edge of the palm and points along the hand."""
    u = np.array([arm.u[-1] - 15.5])
    origin = arm.points(u, np.zeros(1), -1.2)[0, 0]
    i = int(np.searchsorted(arm.u, u[0]))
    along = unit(arm.centre[i + 4] - arm.centre[i])
    tangent = unit(along + 0.45 * arm.front[i])
    front = unit(np.cross(arm.side[i], tangent))
    frame = np.stack([np.cross(tangent, front), tangent, front], 1)
    return straight(origin, frame, np.arange(-1, 8.25, 0.25), THUMB, softness=1.0)


def _leg(build, bones, i):
    """Comes down from within the pelvis; the knee points where the foot does."""
    joints, foot = bones.legs[i], bones.feet[i]
    root = joints[0] + bones.pelvis_frame @ np.array([(3.0, -3.0)[i], 12.0, 0])
    table = _stretched(LEG, (THIGH, THIGH + SHIN, 85), (build.legs, build.legs, 1))
    tip = joints[2] + unit(joints[2] - joints[1]) * 3
    side = -unit(np.cross(np.array([0, 1.0, 0]), foot[:, 2] * [1, 0, 1] + np.array([0, 0, 1.0])))
    return bent([*joints[:2], tip], -13, side, table, build.girth * (0.98 if build.woman else 0.95), bend=9, root=root)


def _foot(ankle, frame):
    """Along the sole: the tube's tangent is the foot's forward direction and its front the instep."""
    turned = np.stack([-frame[:, 0], frame[:, 2], frame[:, 1]], 1)
    origin = ankle - frame[:, 1] * 4.2
    return straight(origin, turned, np.arange(-7, 19.75, 0.25), FOOT, softness=1.5)


def _skirt(limbs, bones, skirt):
    """A tube from the waist to the hem that hangs straight down and holds both thighs. u: cm below the waist."""
    torso = limbs["torso"]
    u = np.arange(0, skirt.length + STEP / 2, STEP)
    height = WAIST - 2 - u
    inside = np.clip(height, 86, None)
    centre = np.stack([np.interp(inside, torso.u, x) for x in torso.centre.T], -1)
    hips = smooth(np.interp(np.clip(height, 89, None), torso.u, torso.a), 3)
    depth = smooth(np.interp(np.clip(height, 89, None), torso.u, torso.b), 3) + 1.2 * step(u, 4, 14)
    fall = np.clip(u - 14, 0, None)[:, None]
    centre = centre + np.array([0, -1.0, 0]) * np.clip(86 - height, 0, None)[:, None]
    a, b = hips + 0.9 + skirt.flare * fall[:, 0], depth + 0.9 + 0.8 * skirt.flare * fall[:, 0]
    centre, a, b = _around_legs(limbs, centre, a, b, step(u, 12, 26))
    centre = smooth(centre, 6)
    tangent = unit(np.gradient(centre, axis=0))
    side = unit(-bones.pelvis_frame[:, 0] - tangent * (tangent @ -bones.pelvis_frame[:, 0])[:, None])
    return Limb(u, centre, side, np.cross(side, tangent), smooth(a, 6), smooth(b, 6), None)


def _around_legs(limbs, centre, a, b, weight):
    """Shift and widen the rings so that both legs are inside."""
    at = []
    for name in SIDES:
        leg = limbs[f"{name} leg"]
        order = np.argsort(leg.centre[:, 1])
        spots = [np.interp(centre[:, 1], leg.centre[order, 1], leg.centre[order, i]) for i in (0, 2)]
        at.append((*spots, np.interp(centre[:, 1], leg.centre[order, 1], leg.b[order])))
    (x0, z0, r0), (x1, z1, r1) = at
    radius = np.maximum(r0, r1) + 1.2
    middle = np.stack([(x0 + x1) / 2, centre[:, 1], (z0 + z1) / 2], -1)
    centre = centre + weight[:, None] * (middle - centre)
    around = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    across = (x1 - x0)[:, None] / 2 + radius[:, None] * np.sin(around)  # One thigh; the other is its mirror image.
    along = (z1 - z0)[:, None] / 2 + radius[:, None] * np.cos(around)
    a = np.maximum(a, weight * np.abs(across).max(1))
    b = np.maximum(b, weight * np.abs(along).max(1))
    beyond = np.hypot(across / a[:, None], along / b[:, None]).max(1)
    grown = 1 + weight * (np.maximum(1, beyond) - 1)
    return centre, a * grown, b * grown
