"""The head's limbs: skull with nose and lips, ears, and hair that hangs or is tied. Its painting: face.py."""

from dataclasses import replace

import numpy as np

from data.figure.surface import bell, bent, step, straight, turn, unit

CHIN = 1.5  # Height of the chin above the point where the head turns, cm.

HEAD = (
    (-4, 4.2, 4.4, -1.2), (-1.5, 4.4, 5, -0.6), (0, 4.5, 6.1, 1.2), (1.5, 5, 7.2, 1.5), (4, 5.9, 8.3, 1),
    (7, 6.7, 9, 0.3), (10, 7.2, 9.3, -0.2), (13, 7.5, 9.6, -0.6), (16, 7.5, 9.7, -0.8), (18.5, 6.9, 9, -0.9),
    (20.5, 5.7, 7.5, -1), (21.8, 4.2, 5.6, -1), (22.7, 2.3, 3.2, -1), (23, 0.1, 0.1, -1),
)  # fmt: skip
EAR = (
    (-3.2, 0.1, 0.1), (-2.8, 0.5, 0.9), (-1, 0.8, 1.4), (1, 0.9, 1.9), (2.4, 0.7, 1.6), (3.1, 0.3, 0.7),
    (3.3, 0.1, 0.1),
)  # fmt: skip
BALL = (
    (-4.6, 0.2, 0.2), (-4.2, 1.9, 1.9), (-3, 3.5, 3.5), (0, 4.6, 4.6), (3, 3.5, 3.5), (4.2, 1.9, 1.9),
    (4.6, 0.2, 0.2),
)  # fmt: skip
TAIL = (
    (0, 1.6, 1.6), (2, 1.7, 1.7), (6, 2.9, 2.6), (14, 3.2, 2.8), (22, 2.5, 2.2), (28, 1.2, 1.1), (30, 0.3, 0.3),
)  # fmt: skip
EYE_ANGLE, EYE_HEIGHT, NOSE_HEIGHT, EAR_HEIGHT = 0.43, 11.0, 7.2, 9.0


def head_limbs(build, bones, hair_drop):
    """Limbs of the head: u of "head" is the height above the chin."""
    frame, origin = bones.head_frame, bones.skull + bones.head_frame[:, 1] * CHIN * build.head
    u = np.arange(-4, 23.01, 0.25)
    head = _scaled(straight(origin, frame, u, HEAD, 1.0, 1.5, face_bump), origin, build.head)
    limbs = {"head": head}
    for name, side in (("right", -1), ("left", 1)):
        spot = head.points(np.array([EAR_HEIGHT]), np.array([side * 1.66]), 0.35)[0, 0]
        limbs[f"{name} ear"] = straight(spot, frame, np.arange(-3.2, 3.31, 0.1), EAR, build.head, 0.6)
    knot = head.points(np.array([17.0]), np.array([np.pi]), 1.6)[0, 0]
    limbs["bun"] = straight(knot, frame, np.arange(-4.6, 4.61, 0.2), BALL, build.head * 0.95, 1.0)
    limbs["tail"] = _tail(head, bones)
    if hair_drop > 0:
        limbs["fall"] = _fall(head, bones, hair_drop)
    return limbs


def _scaled(limb, origin, factor):
    centre = origin + (limb.centre - origin) * factor
    return replace(limb, centre=centre, a=limb.a * factor, b=limb.b * factor)


def face_bump(u, psi):
    """Nose, brow, eye sockets, lips and chin, in cm outwards."""
    ridge = step(u, 11.6, 7.3) * step(u, 5.9, 6.9)
    nose = (0.4 + 1.7 * ridge) * bell(psi, 0.12 + 0.05 * step(u, 10, 7)) * step(u, 12.5, 10) * step(u, 5.7, 6.7)
    sockets = -0.45 * (bell(turn(psi, 0.42), 0.18) + bell(turn(psi, -0.42), 0.18)) * bell(u - 10.8, 1.3)
    lips = 0.45 * bell(psi, 0.24) * bell(u - 4.1, 0.9)
    chin = 0.5 * bell(psi, 0.3) * bell(u - 1, 1.0)
    return nose + sockets + lips + chin


def _fall(head, bones, drop):
    """Hair that hangs behind the face; u is cm below the top of the tube, just under the crown."""
    total = 21 + drop
    top = head.axis(19.0)[0]
    nape = top - bones.head_frame[:, 1] * 21 - bones.head_frame[:, 2]
    end = nape - bones.chest_frame[:, 1] * drop
    back, side = -bones.chest_frame[:, 2], -bones.chest_frame[:, 0]
    table = (
        (0, 5.5, 6.0, -1.6), (3, 7.6, 7.2, -3.3), (8, 8.5, 6.8, -4.2), (14, 8.6, 6.2, -4.5), (18, 8.6, 5.6, -4.6),
        (total - 6, 8.6 + 0.05 * drop, 4.8, -5.2), (total - 1.5, 7.8, 3.6, -5.6), (total, 5.5, 1.5, -5.8),
    )  # fmt: skip
    return bent([top, nape, end + back * 0.12 * drop], 0, side, table, head.a.max() / 7.5, bend=10)


def _tail(head, bones):
    start = head.points(np.array([16.0]), np.array([np.pi]), -0.5)[0, 0]
    back, down = -bones.head_frame[:, 2], -bones.chest_frame[:, 1]
    joints = [start, start + unit(back + 0.3 * down) * 5, start + unit(back) * 6.5 + down * 24]
    return bent(joints, 0, -bones.head_frame[:, 0], TAIL, bend=6, softness=1.5)
