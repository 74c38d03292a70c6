"""Which surfaces a person is made of: skin, hair, clothes and shoes, each a layer over a limb with its own paint."""

from functools import partial

import numpy as np

from data.figure.clothes import shoe_layers, skirt_layers, trouser_layers, upper_layers
from data.figure.face import hairline, paint_face
from data.figure.paint import flat, paint_arm, paint_ear, paint_hair
from data.figure.skeleton import FOREARM, UPPER_ARM
from data.figure.surface import Layer, grid, step


def layers_of(person):
    """All layers of an identity, a tuple of Layer. Their order and grids do not depend on the pose."""
    lower = skirt_layers(person) if person.lower.skirt else trouser_layers(person)
    return (*_skin(person), *_head(person), *upper_layers(person), *shoe_layers(person), *lower)


def _skin(person):
    skin = flat(person.skin)
    build = person.build
    reach = UPPER_ARM * build.arms + FOREARM * build.arms
    thigh = 9 if person.lower.skirt else -13  # Under a skirt the hip is never seen.
    layers = [Layer("torso", "torso", grid(79.5, 155, 1.5), 48, skin)]
    for side in ("right", "left"):
        layers.append(Layer(f"{side} arm", f"{side} arm", grid(-9, reach + 17.5, 1.2), 24, partial(paint_arm, person)))
        layers.append(Layer(f"{side} thumb", f"{side} thumb", grid(-1, 8, 0.7), 12, skin))
        layers.append(Layer(f"{side} leg", f"{side} leg", grid(thigh, 84, 2.0), 28, skin))
    return layers


def _head(person):
    layers = [Layer("head", "head", grid(-4, 23, 0.6), 72, partial(paint_face, person))]
    ear = partial(paint_ear, person)
    layers += [Layer(f"{side} ear", f"{side} ear", grid(-3.2, 3.3, 0.5), 14, ear) for side in ("right", "left")]
    return layers + _hair(person.hair)


def _hair(hair):
    paint, layers = partial(paint_hair, hair.colour), []
    if hair.style != "bald":
        bulk = {"short": 1.3, "crop": 0.8, "bun": 0.8, "tail": 0.8}.get(hair.style, 1.5)
        low = {"short": 2.5, "crop": 3.5, "bun": 3.0, "tail": 3.5}.get(hair.style, 6.0)
        cut, bulk = partial(_hair_cut, low, hair.parting), partial(_hair_bulk, bulk, low, hair.parting)
        layers.append(Layer("hair", "head", grid(1, 23, 0.6), 72, paint, bulk, cut, 0.3))
    if hair.style in ("long", "bob"):
        layers.append(Layer("fall", "fall", grid(0, 21 + hair.drop, 1.2), 48, paint, _strands, None, 0.3))
    if hair.style == "bun":
        layers.append(Layer("bun", "bun", grid(-4.6, 4.6, 0.6), 28, paint, 0.0, None, 0.3))
    if hair.style == "tail":
        layers.append(Layer("tail", "tail", grid(0, 30, 1.2), 24, paint, _strands, None, 0.3))
    return layers


def _hair_bulk(bulk, low, parting, u, psi):
    """Thickness that ends in nothing at the hairline, also where that rises steeply."""
    line = np.maximum.reduce([hairline(psi + shift, low, parting) for shift in (-0.2, -0.1, 0.0, 0.1, 0.2)])
    return bulk * np.sqrt(step(u - line, -0.2, 3.5)) + 0.1


def _hair_cut(low, parting, u, psi):
    return u > hairline(psi, low, parting) + 0.2 * np.sin(9 * psi) * np.sin(23 * psi)


def _strands(u, psi):
    return 0.22 * np.sin(11 * psi + 0.12 * u) * step(u, 2, 10)
