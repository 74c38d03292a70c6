"""The head's limbs - skull, ears, hair - and the painting of the face."""

import numpy as np

from data.figure.surface import bell, bent, step, straight, turn, unit

CHIN = 1.5  # Height of the chin above the point where the head turns, cm.

HEAD = (
    (-4, 4.2, 4.4, -1.2), (-1.5, 4.4, 5, -0.6), (0, 4.5, 6.1, 1.2), (1.5, 5, 7.2, 1.5), (4, 5.9, 8.3, 1),
    (7, 6.7, 9, 0.3), (10, 7.2, 9.3, -0.2), (13, 7.5, 9.6, -0.6), (16, 7.5, 9.7, -0.8), (18.5, 6.9, 9, -0.9),
    (20.5, 5.7, 7.5, -1), (21.8, 4.2, 5.6, -1), (22.7, 2.3, 3.2, -1), (23, 0.1, 0.1, -1),
)  # fmt: skip
EAR = (
    (-3.2, 0.1, 0.1),
    (-2.8, 0.5, 0.9),
    (-1, 0.8, 1.4),
    (1, 0.9, 1.9),
    (2.4, 0.7, 1.6),
    (3.1, 0.3, 0.7),
    (3.3, 0.1, 0.1),
)
BALL = (
    (-4.6, 0.2, 0.2),
    (-4.2, 1.9, 1.9),
    (-3, 3.5, 3.5),
    (0, 4.6, 4.6),
    (3, 3.5, 3.5),
    (4.2, 1.9, 1.9),
    (4.6, 0.2, 0.2),
)
EYE_ANGLE, EYE_HEIGHT, NOSE_HEIGHT, EAR_HEIGHT = 0.43, 11.0, 7.2, 9.0


def head_limbs(build, bones, hair_drop):
    """Limbs of the head: u of "head" is the height above the chin."""
    frame, origin = bones.head_frame, bones.skull + bones.head_frame[:, 1] * CHIN * build.head
    u = np.arange(-4, 23.01, 0.25)
    head = straight(origin, frame, u, HEAD, 1.0, 1.5, face_bump)
    head = _scaled(head, origin, build.head)
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
    return type(limb)(limb.u, centre, limb.side, limb.front, limb.a * factor, limb.b * factor, limb.bump)


def face_bump(u, psi):
    """Nose, brow, eye sockets, lips and chin, in cm outwards."""
    ridge = step(u, 11.6, 7.3) * step(u, 5.9, 6.9)
    nose = (0.4 + 1.7 * ridge) * bell(psi, 0.12 + 0.05 * step(u, 10, 7)) * step(u, 12.5, 10) * step(u, 5.7, 6.7)
    sockets = -0.45 * (bell(turn(psi, 0.42), 0.18) + bell(turn(psi, -0.42), 0.18)) * bell(u - 10.8, 1.3)
    lips = 0.45 * bell(psi, 0.24) * bell(u - 4.1, 0.9)
    chin = 0.5 * bell(psi, 0.3) * bell(u - 1, 1.0)
    return nose + sockets + lips + chin


def _fall(head, bones, drop):
    """Hair that hangs behind the face: u is cm below the top of the tube, at the height of the crown's curve."""
    top = head.axis(19.0)[0]
    down = -bones.head_frame[:, 1]
    nape = top + down * 21 - bones.head_frame[:, 2] * 1.0
    end = nape + (-bones.chest_frame[:, 1]) * max(drop, 1.0)
    total = 21 + max(drop, 1.0)
    back = -bones.chest_frame[:, 2]
    table = (
        (0, 5.5, 6.0, -1.6), (3, 7.6, 7.2, -3.3), (8, 8.5, 6.8, -4.2), (14, 8.6, 6.2, -4.5), (18, 8.6, 5.6, -4.6),
        (total - 6, 8.6 + 0.05 * drop, 4.8, -5.2), (total - 1.5, 7.8, 3.6, -5.6), (total, 5.5, 1.5, -5.8),
    )  # fmt: skip
    side = -bones.chest_frame[:, 0]
    fall = bent([top, nape, end + back * 0.12 * drop], 0, side, table, head.a.max() / 7.5, bend=10, softness=3)
    return fall


def _tail(head, bones):
    start = head.points(np.array([16.0]), np.array([np.pi]), -0.5)[0, 0]
    back, down = -bones.head_frame[:, 2], -bones.chest_frame[:, 1]
    joints = [start, start + unit(back + 0.3 * down) * 5, start + unit(back) * 6.5 + down * 24]
    table = (
        (0, 1.6, 1.6),
        (2, 1.7, 1.7),
        (6, 2.9, 2.6),
        (14, 3.2, 2.8),
        (22, 2.5, 2.2),
        (28, 1.2, 1.1),
        (30, 0.3, 0.3),
    )
    return bent(joints, 0, -bones.head_frame[:, 0], table, bend=6, softness=1.5)


def hairline(psi, low_back=1.0, parting=None):
    """Height above the chin, cm, where hair begins around the head; `parting` is the angle where long hair divides."""
    front = 18.2 - 0.9 * bell(np.abs(psi) - 0.35, 0.3)
    if parting is not None:
        front = 20.3 - 5.5 * np.clip(np.abs(psi - parting) / 1.1, 0, 1) ** 1.2
    psi = np.abs(psi)
    temple = front + (13.5 - front) * step(psi, 0.62, 1.05)
    side = temple + (9.5 - temple) * step(psi, 1.12, 1.3)
    return side + (low_back - side) * step(psi, 1.72, 2.1)


def paint_face(u, psi, person):
    """Colour (N, 3) in 0..1 of the points u (N,) cm above the chin, psi (N,)."""
    colour = np.repeat(np.array(person.skin)[None], len(u), 0)
    x = psi * 8.2  # Roughly centimetres across the face.
    eye_x, eye_y = EYE_ANGLE * 8.2, EYE_HEIGHT
    dx, dy = np.abs(x) - eye_x, u - eye_y

    def lay(mask, paint, amount=1.0):
        nonlocal colour
        weight = (amount * mask)[:, None]
        colour = colour * (1 - weight) + np.asarray(paint) * weight

    skin = np.array(person.skin)
    lay(bell(np.abs(x) - 4.3, 1.4) * bell(u - 7.0, 1.6), skin * [1.0, 0.72, 0.7], 0.35)  # Cheeks.
    lay(step(dx**2 / 4 + (dy - 0.3) ** 2 / 1.7, 1.3, 0.6), skin * 0.78, 0.4)  # Eye sockets.
    almond = np.abs(dy) - 0.78 * (1 - np.clip(dx / 1.62, -1, 1) ** 2)
    lay(step(almond, 0.1, -0.1) * (np.abs(dx) < 1.7), (0.93, 0.91, 0.9))
    lay(step(np.hypot(dx, dy), 0.85, 0.7) * step(almond, 0.08, -0.08), person.iris)
    lay(step(np.hypot(dx, dy), 0.45, 0.32) * step(almond, 0.08, -0.08), (0.05, 0.04, 0.04))
    lid = 0.2 if not person.build.woman else 0.32
    lay(step(np.abs(almond), lid, lid * 0.4) * (dy > -0.1) * (np.abs(dx) < 1.9), (0.12, 0.08, 0.07), 0.9)
    brow = np.abs(u - (13.15 - 0.16 * (dx - 0.2) ** 2))
    lay(step(brow, 0.5, 0.22) * step(np.abs(dx), 2.2, 1.9), np.array(person.hair.colour) * 0.75, 0.85)
    lay(bell(np.abs(x) - 0.65, 0.32) * bell(u - 6.25, 0.3), skin * 0.35, 0.8)  # Nostrils.
    lay(bell(np.abs(x) - 1.35, 0.4) * bell(u - 7.0, 0.7), skin * 0.72, 0.5)  # Wings of the nose.
    lip = person.lips
    half = 2.8
    seam = 4.15 + 0.07 * x**2
    upper = seam + 0.6 * (1 - (x / half) ** 2) + 0.12 * bell(np.abs(x) - 0.6, 0.4)
    lower = seam - 0.9 * (1 - (x / half) ** 2)
    inside = step(np.maximum(u - upper, lower - u), 0.12, -0.12) * (np.abs(x) < half)
    lay(inside, lip, 0.9)
    lay(step(np.abs(u - seam), 0.2, 0.05) * (np.abs(x) < half), np.array(lip) * 0.5, 0.8)
    lay(bell(x, 1.2) * bell(u - 2.7, 0.4), skin * 0.8, 0.35)  # Below the lip.
    if person.beard > 0:
        line = 2.3 + 7.0 * np.clip(np.abs(psi) / 1.3, 0, 1) ** 1.4
        jaw = step(u, line + 0.6, line - 0.6) * step(np.abs(psi), 1.6, 1.35)
        moustache = bell(u - 5.5 + 0.03 * x**2, 0.35) * step(np.abs(x), 3.4, 2.6)
        sides = bell(np.abs(x) - 3.3, 0.45) * step(u, 5.8, 5.0)
        lay(np.maximum.reduce([jaw, sides, moustache]) * (1 - inside), np.array(person.hair.colour) * 0.8, person.beard)
    scalp = step(np.abs(psi), 1.9, 2.1) * step(u, 1, 3)
    lay(scalp, np.array(person.hair.colour) * 0.85, 0.0 if person.hair.style == "bald" else 0.9)
    return colour
