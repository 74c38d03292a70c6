"""The colour of each surface point of skin, hair and clothes: (u, psi) -> RGB (N, 3) in 0..1. The face: face.py."""

import numpy as np

from data.figure.cloth import lay, motif
from data.figure.skeleton import FOREARM, UPPER_ARM
from data.figure.surface import bell, step, turn

CHEST = 125.5  # Height of the middle of a printed motif.
RADII = {"torso": 14.0, "arm": 4.6, "leg": 7.6, "skirt": 19.0}  # Mean radius, for patterns, cm.


def flat(colour):
    """A paint of one colour."""
    return lambda u, _psi: np.repeat(np.array([colour]), len(u), 0)


def paint_arm(person, u, psi):
    """Skin with the lines between the fingers on the hand."""
    skin = np.array(person.skin)
    tip = (UPPER_ARM + FOREARM) * person.build.arms + 17.5
    across = np.cos(psi)
    lines = sum(bell(across - x, 0.05) for x in (-0.5, 0.0, 0.5)) * step(tip - u, 8.4, 7.0)
    nails = sum(bell(across - x, 0.12) for x in (-0.75, -0.25, 0.25, 0.75)) * bell(tip - u - 1.6, 0.6)
    colour = skin * (1 - 0.3 * np.clip(lines, 0, 1))[:, None]
    return colour + 0.08 * np.clip(nails, 0, 1)[:, None]


def paint_hair(colour, u, psi):
    """Strands along the limb."""
    waves = np.sin(31 * psi + 0.25 * u) + 0.6 * np.sin(53 * psi - 0.17 * u + 1.0)
    return np.array(colour) * (1 + 0.1 * waves)[:, None]


def paint_ear(person, u, psi):
    """Skin, darker in the hollow."""
    inner = bell(u - 0.3, 1.2) * bell(turn(np.abs(psi), np.pi / 2), 0.5)
    return np.array(person.skin) * (1 - 0.22 * inner)[:, None] * [1, 0.95, 0.94]


def shirt_edge(upper, u, psi):
    """Distance, cm, down from the neckline or the armhole of a shirt; negative where it has ended."""
    psi = np.abs(psi)
    top = 145.2 if upper.sleeve > 0 else 143.5
    if upper.neckline == "scoop" or upper.sleeve == 0:
        top = top - 10.0 * np.sqrt(np.clip(1 - (psi / 0.8) ** 2, 0, 1))
    elif upper.neckline == "vee":
        top = top - 11.0 * np.clip(1 - psi / 0.7, 0, 1)
    else:
        top = top - 3.0 * np.sqrt(np.clip(1 - (psi / 1.1) ** 2, 0, 1))
    if upper.sleeve == 0:
        top = np.minimum(top, 131.5 + 14.0 * step(np.abs(psi - np.pi / 2), 0.4, 0.58))
    return top - u


def paint_shirt(person, u, psi):
    """Cloth with the print on the chest, the trim at the edges, and buttons."""
    upper = person.upper
    colour = upper.cloth.paint(u, psi, RADII["torso"])
    if upper.cloth.motif:
        middle = CHEST - (2.0 if upper.neckline != "crew" else 0.0)
        x = psi * person.build.girth * (15.5 if person.build.woman else 18.5)
        colour = lay(colour, upper.cloth.colours[1], motif(upper.cloth.motif, x, u - middle) * (np.abs(psi) < 1.2))
    trim = step(shirt_edge(upper, u, psi), 1.6, 1.35)
    if upper.ease > 1:
        trim = np.maximum(trim, 0.35 * step(np.abs(u - upper.hem - 1.8), 0.3, 0.1))
    colour = lay(colour, upper.trim, trim)
    return _buttoned(colour, u, psi * 13) if upper.buttons else colour


def _buttoned(colour, u, x):
    """A button placket down the front; x (N,) is cm from its middle."""
    slit = 0.12 * step(np.abs(x), 0.25, 0.1)
    seams = 0.25 * step(np.abs(np.abs(x) - 1.5), 0.22, 0.08)
    colour = colour * (1 - np.maximum(slit, seams) * (u < 134))[:, None]
    return lay(colour, (0.93, 0.92, 0.9), step(np.hypot(x, (u + 4) % 8 - 4), 0.75, 0.55) * (u < 132))


def paint_sleeve(person, length, u, psi):
    """Cloth whose stripes go on from the chest, with a hem or a cuff."""
    upper = person.upper
    colour = upper.cloth.paint(137.5 - u, psi, RADII["arm"])
    wide = 1.6 if length < 45 else 4.2
    faint = 0.3 if upper.buttons and length >= 45 else 1.0
    return lay(colour, upper.trim, faint * step(length - u, wide, wide - 0.25))


def paint_trousers(person, length, side, u, psi):
    """Cloth with the outer seam, a stitched hem and a worn thigh."""
    colour = person.lower.cloth.paint(u, psi, RADII["leg"])
    seam = step(np.abs(turn(psi, -side * np.pi / 2)) * 6.5, 0.35, 0.15) * (u > 2)
    hem = 0.6 * step(np.abs(length - u - 2.2), 0.35, 0.15)
    worn = 0.12 * bell(turn(psi, 0), 0.5) * bell(u - 24, 14)
    return colour * (1 - 0.22 * np.maximum(seam, hem) + worn)[:, None]


def paint_seat(person, u, psi):
    """The upper part of trousers: fly and pockets before, patches behind, a belt."""
    colour = person.lower.cloth.paint(u, psi, RADII["torso"])
    x = np.abs(psi) * 15
    fly = step(np.abs(turn(psi, 0.03)) * 15, 0.3, 0.12) * (u > 88) * (np.abs(psi) < 1)
    slant = step(np.abs(x - 8.5 - (99 - u) * 0.8), 0.4, 0.15) * (u > 91) * (u < 100) * (np.abs(psi) < 1.6)
    back = np.abs(turn(np.abs(psi), np.pi - 0.5)) * 16
    patch = step(np.abs(np.maximum(back - 4.6, np.abs(u - 91) - 5.2)), 0.35, 0.12) * (np.abs(psi) > 1.8)
    colour = colour * (1 - 0.25 * np.maximum.reduce([fly, slant, patch]))[:, None]
    colour = lay(colour, person.lower.belt, step(u, 100.2, 100.4))
    buckle = step(np.maximum(np.abs(psi * 15) - 1.8, np.abs(u - 101.9) - 1.3), 0.15, -0.15)
    return lay(colour, (0.78, 0.74, 0.62), buckle)


def paint_skirt(person, u, psi):
    """Cloth with a waistband and a stitched hem."""
    lower = person.lower
    colour = lower.cloth.paint(102.0 - u, psi, RADII["skirt"])
    hem = step(np.abs(lower.skirt.length - u - 2.0), 0.35, 0.12)
    colour = lay(colour, lower.belt, step(u, 3.2, 3.0))
    return colour * (1 - 0.18 * hem)[:, None]


def paint_shoe(person, u, psi):
    """Leather, sole and laces."""
    leather, sole = person.shoes
    colour = lay(flat(leather)(u, psi), sole, step(np.cos(psi), -0.55, -0.65))
    laces = (np.abs(psi) < 0.45) * step(np.abs(u % 2.0 - 1.0), 0.35, 0.15) * (u > 2) * (u < 10.5) * (person.boots == 0)
    return lay(colour, sole, 0.6 * laces)
