"""Which surfaces a person is made of: skin, cloth, shoes and hair, each a layer over a limb with its own paint."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from data.figure.body import LEG
from data.figure.cloth import motif
from data.figure.head import hairline, paint_face
from data.figure.skeleton import FOREARM, UPPER_ARM
from data.figure.surface import bell, step, turn

CHEST = 125.5  # Height of the middle of a printed motif.
RADII = {"torso": 14.0, "arm": 4.6, "leg": 7.6, "skirt": 19.0, "head": 8.0}  # Mean radius, for patterns, cm.


@dataclass(frozen=True)
class Layer:
    """One surface: the grid u (M,) x `columns` angles over a limb, `offset` cm away from it."""

    name: str
    limb: str
    u: np.ndarray
    columns: int
    paint: Callable  # (u, psi) -> colour (N, 3).
    offset: Callable | float = 0.0  # (u, psi) -> cm, for u (M, 1) and psi (1, K).
    cut: Callable | None = None  # (u, psi) -> bool, True where the surface exists.
    gloss: float = 0.0


def layers_of(person):
    """All layers of an identity, a tuple of Layer. Their order and grids do not depend on the pose."""
    layers = [*_skin(person), *_head(person), *_upper(person), *_feet(person)]
    layers += _skirt(person) if person.lower.skirt else _trousers(person)
    return tuple(layers)


def _grid(low, high, spacing):
    return np.linspace(low, high, max(2, round((high - low) / spacing) + 1))


def _flat(colour):
    colour = np.array(colour)
    return lambda u, _psi: np.repeat(colour[None], len(u), 0)


def _skin(person):
    flat = _flat(person.skin)
    build = person.build
    reach = UPPER_ARM * build.arms + FOREARM * build.arms
    layers = [Layer("torso", "torso", _grid(79.5, 155, 1.5), 48, flat)]
    for side in ("right", "left"):
        layers.append(
            Layer(f"{side} arm", f"{side} arm", _grid(-9, reach + 17.5, 1.2), 24, partial(_paint_arm, person))
        )
        layers.append(Layer(f"{side} thumb", f"{side} thumb", _grid(-1, 8, 0.7), 12, flat))
        layers.append(Layer(f"{side} leg", f"{side} leg", _grid(-13, 84, 2.0), 28, flat))
    return layers


def _paint_arm(person, u, psi):
    """Skin with the lines between the fingers on the hand."""
    skin = np.array(person.skin)
    tip = (UPPER_ARM + FOREARM) * person.build.arms + 17.5
    across = np.cos(psi)
    lines = sum(bell(across - x, 0.05) for x in (-0.5, 0.0, 0.5)) * step(tip - u, 8.4, 7.0)
    nails = sum(bell(across - x, 0.12) for x in (-0.75, -0.25, 0.25, 0.75)) * bell(tip - u - 1.6, 0.6)
    colour = skin * (1 - 0.3 * np.clip(lines, 0, 1))[:, None]
    return colour + 0.08 * np.clip(nails, 0, 1)[:, None]


def _head(person):
    hair, colour = person.hair, person.hair.colour
    paint = partial(_paint_hair, colour)
    layers = [Layer("head", "head", _grid(-4, 23, 0.6), 72, partial(paint_face, person=person))]
    ear = partial(_paint_ear, person)
    layers += [Layer(f"{side} ear", f"{side} ear", _grid(-3.2, 3.3, 0.5), 14, ear) for side in ("right", "left")]
    if hair.style != "bald":
        bulk = {"short": 1.3, "crop": 0.8, "bun": 0.8, "tail": 0.8}.get(hair.style, 1.5)
        low = {"short": 2.5, "crop": 3.5, "bun": 3.0, "tail": 3.5}.get(hair.style, 6.0)
        cut = partial(_hair_cut, low, hair.parting)
        layers.append(
            Layer("hair", "head", _grid(1, 23, 0.6), 72, paint, partial(_hair_bulk, bulk, low, hair.parting), cut, 0.3)
        )
    if hair.style in ("long", "bob"):
        layers.append(Layer("fall", "fall", _grid(0, 21 + max(hair.drop, 1.0), 1.2), 48, paint, _strands, None, 0.3))
    if hair.style == "bun":
        layers.append(Layer("bun", "bun", _grid(-4.6, 4.6, 0.6), 28, paint, 0.0, None, 0.3))
    if hair.style == "tail":
        layers.append(Layer("tail", "tail", _grid(0, 30, 1.2), 24, paint, _strands, None, 0.3))
    return layers


def _hair_bulk(bulk, low, parting, u, psi):
    """Thickness that ends in nothing at the hairline, also where that rises steeply."""
    line = np.maximum.reduce([hairline(psi + shift, low, parting) for shift in (-0.2, -0.1, 0.0, 0.1, 0.2)])
    return bulk * np.sqrt(step(u - line, -0.2, 3.5)) + 0.1


def _hair_cut(low, parting, u, psi):
    return u > hairline(psi, low, parting) + 0.2 * np.sin(9 * psi) * np.sin(23 * psi)


def _strands(u, psi):
    return 0.22 * np.sin(11 * psi + 0.12 * u) * step(u, 2, 10)


def _paint_hair(colour, u, psi):
    waves = np.sin(31 * psi + 0.25 * u) + 0.6 * np.sin(53 * psi - 0.17 * u + 1.0)
    return np.array(colour) * (1 + 0.1 * waves)[:, None]


def _paint_ear(person, u, psi):
    inner = bell(u - 0.3, 1.2) * bell(turn(np.abs(psi), np.pi / 2), 0.5)
    return np.array(person.skin) * (1 - 0.22 * inner)[:, None] * [1, 0.95, 0.94]


def _upper(person):
    upper, build = person.upper, person.build
    top = partial(_neckline, upper)
    offset = partial(_shirt_ease, upper)
    cut = partial(_below, top, upper.sleeve == 0)
    layers = [Layer("shirt", "torso", _grid(upper.hem, 150, 1.2), 64, partial(_paint_shirt, person), offset, cut)]
    if upper.sleeve > 0:
        length = min(upper.sleeve, (UPPER_ARM + FOREARM) * build.arms - 1)
        paint = partial(_paint_sleeve, person, length)
        for side in ("right", "left"):
            offset = partial(_sleeve_ease, upper, length)
            layers.append(Layer(f"{side} sleeve", f"{side} arm", _grid(-8.9, length, 1.2), 32, paint, offset))
    return layers


def _neckline(upper, psi):
    """Height on the torso at which the shirt ends, around the neck."""
    psi = np.abs(psi)
    base = 145.2 if upper.sleeve > 0 else 143.5
    if upper.neckline == "scoop" or upper.sleeve == 0:
        return base - 10.0 * np.sqrt(np.clip(1 - (psi / 0.8) ** 2, 0, 1))
    if upper.neckline == "vee":
        return base - 11.0 * np.clip(1 - psi / 0.7, 0, 1)
    return base - 3.0 * np.sqrt(np.clip(1 - (psi / 1.1) ** 2, 0, 1))


def _below(top, sleeveless, u, psi):
    inside = u < top(psi)
    if sleeveless:
        beside = np.abs(np.abs(psi) - np.pi / 2)
        inside &= u < 131.5 + 14.0 * step(beside, 0.4, 0.58)
    return inside


def _shirt_ease(upper, u, psi):
    folds = 0.22 * np.sin(0.55 * u + 2.0 * np.sin(psi)) * bell(u - 104, 9) * np.abs(np.sin(psi))
    drape = 0.35 * np.sin(5 * psi + 0.05 * u) * step(u, upper.hem + 18, upper.hem)
    loose = (upper.ease - 0.6) * step(u, 140, 126) + (upper.ease > 1) * (2.6 * step(u, 90, 82) + 1.3 * step(u, 103, 95))
    waist = 0.0 if upper.ease < 1 else 1.5 * bell(u - 104, 8)  # Loose shirts bridge the waist.
    return 0.6 + loose + folds + waist + (drape if upper.ease > 1 else 0.0)


def _paint_shirt(person, u, psi):
    upper = person.upper
    colour = upper.cloth.paint(u, psi, RADII["torso"])
    if upper.cloth.motif:
        middle = CHEST - (2.0 if upper.neckline != "crew" else 0.0)
        x = psi * person.build.girth * (15.5 if person.build.woman else 18.5)
        cover = motif(upper.cloth.motif, x, u - middle) * (np.abs(psi) < 1.2)
        colour = colour + cover[:, None] * (np.array(upper.cloth.colours[1]) - colour)
    edge = _neckline(upper, psi) - u
    if upper.sleeve == 0:
        beside = np.abs(np.abs(psi) - np.pi / 2)
        edge = np.minimum(edge, 131.5 + 14.0 * step(beside, 0.4, 0.58) - u)
    trim = step(edge, 1.6, 1.35)
    if upper.ease > 1:
        trim = np.maximum(trim, 0.35 * step(np.abs(u - upper.hem - 1.8), 0.3, 0.1))
    colour = colour + trim[:, None] * (np.array(upper.trim) - colour)
    if upper.buttons:
        front = step(np.abs(psi) * 13, 0.25, 0.1) * (u < 134)
        colour = colour * (1 - 0.25 * step(np.abs(np.abs(psi) * 13 - 1.5), 0.22, 0.08) * (u < 134))[:, None]
        button = step(np.hypot(psi * 13, (u + 4) % 8 - 4), 0.75, 0.55) * (u < 132)
        colour = colour * (1 - 0.12 * front)[:, None]
        colour = colour + button[:, None] * (np.array([0.93, 0.92, 0.9]) - colour)
    return colour


def _sleeve_ease(upper, length, u, psi):
    wide = 1.3 * step(u, 2, length) if length < 30 else 0.5 * step(u, 0, 20)
    folds = 0.2 * np.sin(0.75 * u + 2.5 * np.sin(psi + 0.04 * u)) * bell(u - UPPER_ARM, 7) if length > 30 else 0.0
    cuff = -0.45 * step(u, length - 5, length - 3) if length > 45 else 0.0
    return (0.7 + 0.25 * (upper.ease > 1)) * step(u, -7, -1) - 0.3 * step(u, -4, -9) + wide + folds + cuff


def _paint_sleeve(person, length, u, psi):
    upper = person.upper
    along = u * 0.0 + (137.5 - u)  # Stripes go on from the chest.
    colour = upper.cloth.paint(along, psi, RADII["arm"])
    cuff = step(length - u, 1.6 if length < 45 else 4.2, 1.35 if length < 45 else 3.95)
    return colour + cuff[:, None] * (np.array(upper.trim) - colour) * (1.0 if length < 45 or not upper.buttons else 0.3)


def _trousers(person):
    lower = person.lower
    length = lower.length * person.build.legs
    offset = partial(_trouser_ease, lower, length)
    paint = partial(_paint_trousers, person, length)
    layers = [Layer("seat", "torso", _grid(79.5, 103.5, 1.2), 48, partial(_paint_seat, person), _seat_ease)]
    for side in ("right", "left"):
        mirrored = partial(paint, -1 if side == "right" else 1)
        layers.append(Layer(f"{side} trouser", f"{side} leg", _grid(-12.9, length, 1.8), 32, mirrored, offset))
    return layers


def _seat_ease(u, _psi):
    return 0.5 + 0.9 * step(u, 101, 93) * step(u, 80, 85)


def _trouser_ease(lower, length, u, psi):
    """At least `lower.width` wide from the thigh down; creases behind and before the knee and at the hem."""
    place, radius = np.array([row[:2] for row in LEG]).T
    ease = 0.5 + np.maximum(0, lower.width - np.interp(u, place, radius)) * step(u, 4, 30)
    knee = 0.18 * np.sin(0.8 * u + 2.6 * np.cos(psi + 0.03 * u)) * bell(u - 43, 8)
    hem = 0.22 * np.sin(1.1 * u + 2.5 * np.sin(psi + 0.05 * u)) * bell(u - length + 3, 6) * (length > 60)
    top = 0.2 * np.sin(0.8 * u + 2.5 * np.sin(psi)) * bell(u - 4, 5)
    return ease + knee + hem + top


def _paint_trousers(person, length, side, u, psi):
    colour = person.lower.cloth.paint(u, psi, RADII["leg"])
    seam = step(np.abs(turn(psi, -side * np.pi / 2)) * 6.5, 0.35, 0.15) * (u > 2)
    hem = 0.6 * step(np.abs(length - u - 2.2), 0.35, 0.15)
    worn = 0.12 * bell(turn(psi, 0), 0.5) * bell(u - 24, 14)
    return colour * (1 - 0.22 * np.maximum(seam, hem) + worn)[:, None]


def _paint_seat(person, u, psi):
    colour = person.lower.cloth.paint(u, psi, RADII["torso"])
    x = np.abs(psi) * 15
    fly = step(np.abs(turn(psi, 0.03)) * 15, 0.3, 0.12) * (u > 88) * (np.abs(psi) < 1)
    slant = step(np.abs(x - 8.5 - (99 - u) * 0.8), 0.4, 0.15) * (u > 91) * (u < 100) * (np.abs(psi) < 1.6)
    back = np.abs(turn(np.abs(psi), np.pi - 0.5)) * 16
    patch = step(np.abs(np.maximum(back - 4.6, np.abs(u - 91) - 5.2)), 0.35, 0.12) * (np.abs(psi) > 1.8)
    colour = colour * (1 - 0.25 * np.maximum.reduce([fly, slant, patch]))[:, None]
    belt = step(u, 100.2, 100.4)
    colour = colour + belt[:, None] * (np.array(person.lower.belt) - colour)
    buckle = step(np.maximum(np.abs(psi * 15) - 1.8, np.abs(u - 101.9) - 1.3), 0.15, -0.15)
    return colour + buckle[:, None] * (np.array([0.78, 0.74, 0.62]) - colour)


def _skirt(person):
    skirt = person.lower.skirt
    offset = partial(_pleats, skirt)
    paint = partial(_paint_skirt, person)
    return [Layer("skirt", "skirt", _grid(0, skirt.length, 1.5), 120, paint, offset)]


def _pleats(skirt, u, psi):
    hang = step(u, 10, skirt.length)
    return skirt.pleats * hang * (0.6 * np.cos(14 * psi + 0.6 * np.sin(2 * psi)) + 0.4 * np.cos(9 * psi + 1.0)) + 0.3


def _paint_skirt(person, u, psi):
    lower = person.lower
    colour = lower.cloth.paint(102.0 - u, psi, RADII["skirt"])
    band = step(u, 3.2, 3.0)
    hem = step(np.abs(lower.skirt.length - u - 2.0), 0.35, 0.12)
    colour = colour + band[:, None] * (np.array(lower.belt) - colour)
    return colour * (1 - 0.18 * hem)[:, None]


def _feet(person):
    layers = []
    for side in ("right", "left"):
        paint = partial(_paint_shoe, person)
        layers.append(Layer(f"{side} shoe", f"{side} foot", _grid(-7, 19.5, 0.9), 32, paint, 0.25, None, 0.25))
        if person.boots:
            low = 84 * person.build.legs
            shaft = _grid(low - person.boots, low, 1.2)
            layers.append(Layer(f"{side} boot", f"{side} leg", shaft, 24, _flat(person.shoes[0]), 0.6, None, 0.25))
    return layers


def _paint_shoe(person, u, psi):
    leather, sole = (np.array(c) for c in person.shoes)
    low = step(np.cos(psi), -0.55, -0.65)
    colour = leather + low[:, None] * (sole - leather)
    laces = (np.abs(psi) < 0.45) * step(np.abs(u % 2.0 - 1.0), 0.35, 0.15) * (u > 2) * (u < 10.5) * (person.boots == 0)
    return colour + 0.6 * laces[:, None] * (sole - colour)
