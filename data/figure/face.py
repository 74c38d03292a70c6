"""The painting of the face, and the hairline around it."""

import numpy as np

from data.figure.cloth import lay
from data.figure.head import EYE_ANGLE, EYE_HEIGHT
from data.figure.surface import bell, step

RADIUS = 8.2  # Turns an angle on the face into centimetres, roughly.
MOUTH_HEIGHT, MOUTH = 4.15, 2.8  # Place above the chin and half width, cm.


def hairline(psi, low_back=1.0, parting=None):
    """Height above the chin, cm, where hair begins around the head; `parting` is the angle where long hair divides."""
    front = 18.2 - 0.9 * bell(np.abs(psi) - 0.35, 0.3)
    if parting is not None:
        front = 20.3 - 5.5 * np.clip(np.abs(psi - parting) / 1.1, 0, 1) ** 1.2
    psi = np.abs(psi)
    temple = front + (13.5 - front) * step(psi, 0.62, 1.05)
    side = temple + (9.5 - temple) * step(psi, 1.12, 1.3)
    return side + (low_back - side) * step(psi, 1.72, 2.1)


def paint_face(person, u, psi):
    """Colour (N, 3) of the head at u (N,) cm above the chin and angle psi (N,): skin, features, beard and scalp."""
    skin, x = np.array(person.skin), psi * RADIUS
    colour = np.repeat(skin[None], len(u), 0)
    colour = lay(colour, skin * [1.0, 0.72, 0.7], 0.35 * bell(np.abs(x) - 4.3, 1.4) * bell(u - 7.0, 1.6))  # Cheeks.
    colour = lay(colour, skin * 0.35, 0.8 * bell(np.abs(x) - 0.65, 0.32) * bell(u - 6.25, 0.3))  # Nostrils.
    colour = lay(colour, skin * 0.72, 0.5 * bell(np.abs(x) - 1.35, 0.4) * bell(u - 7.0, 0.7))  # Wings of the nose.
    colour = lay(colour, skin * 0.8, 0.35 * bell(x, 1.2) * bell(u - 2.7, 0.4))  # Below the lower lip.
    colour = _eyes(person, colour, np.abs(x) - EYE_ANGLE * RADIUS, u - EYE_HEIGHT)
    if person.beard > 0:
        colour = lay(colour, np.array(person.hair.colour) * 0.8, person.beard * _beard(u, psi))
    colour = _mouth(person, colour, x, u - MOUTH_HEIGHT)
    if person.hair.style != "bald":
        colour = lay(colour, np.array(person.hair.colour) * 0.85, 0.9 * step(np.abs(psi), 1.9, 2.1) * step(u, 1, 3))
    return colour


def _eyes(person, colour, x, y):
    """Both eyes; x, y (N,) are cm from the middle of the nearer one, x outwards."""
    colour = lay(colour, np.array(person.skin) * 0.78, 0.4 * step(x**2 / 4 + (y - 0.3) ** 2 / 1.7, 1.3, 0.6))
    almond = np.abs(y) - 0.78 * (1 - np.clip(x / 1.62, -1, 1) ** 2)  # Negative inside.
    open_eye, r = step(almond, 0.1, -0.1) * (np.abs(x) < 1.7), np.hypot(x, y)
    colour = lay(colour, (0.93, 0.91, 0.9), open_eye)
    colour = lay(colour, person.iris, open_eye * step(r, 0.85, 0.7))
    colour = lay(colour, (0.05, 0.04, 0.04), open_eye * step(r, 0.45, 0.32))
    lid = 0.32 if person.build.woman else 0.2
    colour = lay(
        colour, (0.12, 0.08, 0.07), 0.9 * step(np.abs(almond), lid, lid * 0.4) * (y > -0.1) * (np.abs(x) < 1.9)
    )
    brow = np.abs(y - 2.15 + 0.16 * (x - 0.2) ** 2)
    return lay(colour, np.array(person.hair.colour) * 0.75, 0.85 * step(brow, 0.5, 0.22) * step(np.abs(x), 2.2, 1.9))


def _mouth(person, colour, x, y):
    """Lips that smile a little; x, y (N,) are cm from the middle of the mouth."""
    y = y - 0.07 * x**2
    full = 1 - (x / MOUTH) ** 2
    upper, lower = 0.6 * full + 0.12 * bell(np.abs(x) - 0.6, 0.4), -0.9 * full
    within = np.abs(x) < MOUTH
    colour = lay(colour, person.lips, 0.9 * step(np.maximum(y - upper, lower - y), 0.12, -0.12) * within)
    return lay(colour, np.array(person.lips) * 0.5, 0.8 * step(np.abs(y), 0.2, 0.05) * within)


def _beard(u, psi):
    """Coverage (N,) of jaw, chin and upper lip."""
    x = psi * RADIUS
    line = 2.3 + 7.0 * np.clip(np.abs(psi) / 1.3, 0, 1) ** 1.4
    jaw = step(u, line + 0.6, line - 0.6) * step(np.abs(psi), 1.6, 1.35)
    moustache = bell(u - 5.5 + 0.03 * x**2, 0.35) * step(np.abs(x), 3.4, 2.6)
    corners = bell(np.abs(x) - 3.3, 0.45) * step(u, 5.8, 5.0)
    return np.maximum.reduce([jaw, moustache, corners])
