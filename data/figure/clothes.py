"""Clothes as layers over the limbs: how far each keeps from the body, where it ends, how it folds."""

from functools import partial

import numpy as np

from data.figure.body import LEG
from data.figure.paint import (
    flat,
    paint_seat,
    paint_shirt,
    paint_shoe,
    paint_skirt,
    paint_sleeve,
    paint_trousers,
    shirt_edge,
)
from data.figure.skeleton import FOREARM, UPPER_ARM
from data.figure.surface import Layer, bell, grid, step


def upper_layers(person):
    """Shirt and sleeves."""
    upper, build = person.upper, person.build
    offset = partial(_shirt_ease, upper)
    layers = [
        Layer("shirt", "torso", grid(upper.hem, 150, 1.2), 64, partial(paint_shirt, person), offset, _worn(upper))
    ]
    if upper.sleeve > 0:
        length = min(upper.sleeve, (UPPER_ARM + FOREARM) * build.arms - 1)
        paint = partial(paint_sleeve, person, length)
        for side in ("right", "left"):
            offset = partial(_sleeve_ease, upper, length)
            layers.append(Layer(f"{side} sleeve", f"{side} arm", grid(-8.9, length, 1.2), 32, paint, offset))
    return layers


def _worn(upper):
    return lambda u, psi: shirt_edge(upper, u, psi) > 0


def _shirt_ease(upper, u, psi):
    folds = 0.22 * np.sin(0.55 * u + 2.0 * np.sin(psi)) * bell(u - 104, 9) * np.abs(np.sin(psi))
    drape = 0.35 * np.sin(5 * psi + 0.05 * u) * step(u, upper.hem + 18, upper.hem)
    loose = (upper.ease - 0.6) * step(u, 140, 126) + (upper.ease > 1) * (2.6 * step(u, 90, 82) + 1.3 * step(u, 103, 95))
    waist = 0.0 if upper.ease < 1 else 1.5 * bell(u - 104, 8)  # Loose shirts bridge the waist.
    return 0.6 + loose + folds + waist + (drape if upper.ease > 1 else 0.0)


def _sleeve_ease(upper, length, u, psi):
    wide = 1.3 * step(u, 2, length) if length < 30 else 0.5 * step(u, 0, 20)
    folds = 0.2 * np.sin(0.75 * u + 2.5 * np.sin(psi + 0.04 * u)) * bell(u - UPPER_ARM, 7) if length > 30 else 0.0
    cuff = -0.45 * step(u, length - 5, length - 3) if length > 45 else 0.0
    return (0.7 + 0.25 * (upper.ease > 1)) * step(u, -7, -1) - 0.3 * step(u, -4, -9) + wide + folds + cuff


def trouser_layers(person):
    """Seat and legs of trousers or shorts."""
    lower = person.lower
    length = lower.length * person.build.legs
    offset = partial(_trouser_ease, lower, length)
    paint = partial(paint_trousers, person, length)
    layers = [Layer("seat", "torso", grid(79.5, 103.5, 1.2), 48, partial(paint_seat, person), _seat_ease)]
    for side in ("right", "left"):
        mirrored = partial(paint, -1 if side == "right" else 1)
        layers.append(Layer(f"{side} trouser", f"{side} leg", grid(-12.9, length, 1.8), 32, mirrored, offset))
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


def skirt_layers(person):
    """A skirt, or the skirt of a dress."""
    skirt = person.lower.skirt
    offset = partial(_pleats, skirt)
    paint = partial(paint_skirt, person)
    return [Layer("skirt", "skirt", grid(0, skirt.length, 1.5), 120, paint, offset)]


def _pleats(skirt, u, psi):
    hang = step(u, 10, skirt.length)
    return skirt.pleats * hang * (0.6 * np.cos(14 * psi + 0.6 * np.sin(2 * psi)) + 0.4 * np.cos(9 * psi + 1.0)) + 0.3


def shoe_layers(person):
    """Shoes, and the shafts of boots."""
    layers = []
    for side in ("right", "left"):
        paint = partial(paint_shoe, person)
        layers.append(Layer(f"{side} shoe", f"{side} foot", grid(-7, 19.5, 0.9), 32, paint, 0.25, None, 0.25))
        if person.boots:
            low = 84 * person.build.legs
            shaft = grid(low - person.boots, low, 1.2)
            layers.append(Layer(f"{side} boot", f"{side} leg", shaft, 24, flat(person.shoes[0]), 0.6, None, 0.25))
    return layers
