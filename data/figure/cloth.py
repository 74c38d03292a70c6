"""Cloth: colours and patterns fixed to the surface of a body part, in centimetres."""

from dataclasses import dataclass

import numpy as np

from data.figure.surface import step

EDGE = 0.12  # Softness of a pattern's edges, cm.


@dataclass(frozen=True)
class Cloth:
    """A woven pattern. Colours are RGB in 0..1: the ground, then the pattern or the print."""

    kind: str  # plain, stripes, pinstripes, checks, dots, blocks.
    colours: tuple[tuple[float, float, float], ...]
    period: float = 6.0  # cm.
    motif: str = ""  # Printed on the chest: star, heart, disc, ring, bars or empty.

    def paint(self, along, psi, radius):
        """Colour (N, 3) at `along` (N,) cm on a tube of the given mean radius, at angle psi (N,)."""
        around = max(1, round(2 * np.pi * radius / self.period))
        cell_x, cell_y = psi / (2 * np.pi) * around, along / self.period
        soft = EDGE / self.period
        ground = np.repeat(np.array(self.colours[:1]), len(psi), 0)
        return lay(ground, self.colours[1], _PATTERNS[self.kind](cell_x, cell_y, soft))


def lay(colour, paint, weight):
    """Paint, RGB, over colours (N, 3) with opacity `weight` (N,)."""
    return colour + np.asarray(weight)[:, None] * (np.asarray(paint) - colour)


def _band(cell, share, soft):
    """1 in the middle `share` of each unit interval."""
    return step(np.abs(cell % 1 - 0.5), share / 2 + soft, share / 2 - soft)


_PATTERNS = {
    "plain": lambda x, _y, _soft: np.zeros_like(x),
    "stripes": lambda _x, y, soft: _band(y, 0.42, soft),
    "pinstripes": lambda x, _y, soft: _band(x, 0.3, soft),
    "checks": lambda x, y, soft: 0.5 * _band(x, 0.5, soft) + 0.5 * _band(y, 0.5, soft),
    "dots": lambda x, y, soft: step(
        np.minimum(np.hypot(x % 1 - 0.5, y % 1 - 0.5), np.hypot((x + 0.5) % 1 - 0.5, (y + 0.5) % 1 - 0.5)),
        0.23 + soft,
        0.23 - soft,
    ),
    "blocks": lambda _x, y, soft: step(y, 19.0 - soft, 19.0 + soft),
}


def motif(kind, x, y):
    """Coverage (N,) of a printed shape of about 12 cm at x, y cm from its middle, y up."""
    r, angle = np.hypot(x, y), np.arctan2(x, y)
    if kind == "disc":
        distance = r - 5.6
    elif kind == "ring":
        distance = np.abs(r - 4.6) - 1.5
    elif kind == "star":
        wedge = np.abs((angle + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
        distance = r * (np.cos(wedge) + 1.376 * np.sin(wedge)) - 6.5  # Edges from radius 6.5 to 2.9.
    elif kind == "heart":
        px, py = np.abs(x) / 5.8, (y + 0.8) / 5.8
        distance = 3.4 * ((px**2 + py**2 - 0.62) ** 3 - 1.15 * px**2 * py**3)
        return step(distance, 0.06, -0.06)
    elif kind == "bars":
        distance = np.maximum(np.abs(np.abs(y) - 2.6) - 1.3, np.abs(x) - 6.5)
    else:  # "letter": a bold E.
        stem = np.maximum(np.abs(x + 3.0) - 1.2, np.abs(y) - 5.4)
        arms = np.maximum(np.abs(np.abs(np.abs(y) - 2.1) - 2.1) - 1.15, np.abs(x - 0.2) - 4.2)
        distance = np.minimum(stem, np.where(np.abs(y) > 1.2, arms, np.maximum(arms, x - 2.6)))
    return step(distance, EDGE, -EDGE)
