"""Limbs as tubes: an elliptic section carried along a curve. A surface point keeps its (u, psi) in every pose."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STEP = 0.5  # Spacing of the samples of a curve, cm.


@dataclass(frozen=True)
class Limb:
    """A tube sampled at u (N,), cm along it.

    A point is centre + side (a + offset) sin(psi) + front (b + offset) cos(psi): psi = 0 is the front. The frame is
    right-handed: front = side x tangent.
    """

    u: np.ndarray
    centre: np.ndarray  # (N, 3)
    side: np.ndarray  # (N, 3)
    front: np.ndarray  # (N, 3)
    a: np.ndarray  # (N,) half width along `side`.
    b: np.ndarray  # (N,) half depth along `front`.
    bump: Callable | None = None  # (u, psi) -> offset in cm.

    def points(self, u, psi, offset=0.0):
        """Points (M, K, 3) of the grid u (M,) x psi (K,), moved outwards by `offset` cm (scalar or (M, K))."""
        centre, side, front = (_interpolate(u, self.u, x)[:, None] for x in (self.centre, self.side, self.front))
        if self.bump is not None:
            offset = offset + self.bump(u[:, None], psi[None])
        a = np.maximum(np.interp(u, self.u, self.a)[:, None] + offset, 0)
        b = np.maximum(np.interp(u, self.u, self.b)[:, None] + offset, 0)
        return centre + side * (a * np.sin(psi))[..., None] + front * (b * np.cos(psi))[..., None]

    def axis(self, u):
        """Points (M, 3) of the curve at u (M,)."""
        return _interpolate(np.atleast_1d(u), self.u, self.centre)


def _interpolate(u, knots, values):
    return np.stack([np.interp(u, knots, channel) for channel in values.T], -1)


def smooth(values, width):
    """Values (N, ...) sampled every STEP, averaged over `width` cm with the ends extended in a straight line."""
    reach = max(1, round(width / STEP / 2))
    ramp = np.arange(1, reach + 1).reshape(-1, *[1] * (values.ndim - 1))
    before = values[0] + (values[0] - values[1]) * ramp[::-1]
    after = values[-1] + (values[-1] - values[-2]) * ramp
    padded = np.concatenate([before, values, after]).reshape(len(values) + 2 * reach, -1)
    total = np.cumsum(np.concatenate([np.zeros((1, padded.shape[1])), padded]), 0)
    mean = (total[2 * reach + 1 :] - total[: -2 * reach - 1]) / (2 * reach + 1)
    return mean.reshape(values.shape)


def unit(vectors):
    """Vectors (..., 3) scaled to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def profile(u, table, factor=1.0, softness=3.0):
    """Half axes a, b (N,) and the shift of the centre (N,) from rows (u, a, b[, shift]), with soft transitions."""
    rows = np.array([(*row, 0.0)[:4] for row in table])
    columns = [smooth(np.interp(u, rows[:, 0], rows[:, i]), softness) for i in (1, 2, 3)]
    return columns[0] * factor, columns[1] * factor, columns[2] * factor


def bent(joints, start, side, table, factor=1.0, bend=7.0, softness=3.0, bump=None, root=None):
    """A limb along `joints` (J, 3) with rounded bends; u = 0 at the first joint, `start` at the tube's beginning.

    Before the first joint the limb comes from the direction of `root` (3,), or straight. `side` (3,) is the side
    direction of the first bone; the smallest rotation from that bone's direction carries it to the other places.
    """
    joints = np.asarray(joints, float)
    origin = 2 * joints[0] - joints[1] if root is None else root
    joints = np.concatenate([joints[:1] + unit(origin - joints[0]) * -start, joints])
    knots = np.concatenate([[start], start + np.cumsum(np.linalg.norm(np.diff(joints, axis=0), axis=1))])
    u = np.arange(start, knots[-1] + STEP / 2, STEP)
    centre = smooth(_interpolate(u, knots, joints), bend)
    tangent = unit(np.gradient(centre, axis=0))
    bone = unit(joints[2] - joints[1])
    side = unit(side - bone * (side @ bone))
    side = side - ((tangent @ side) / np.maximum(1 + tangent @ bone, 0.05))[:, None] * (bone + tangent)
    front = unit(np.cross(side, tangent))
    a, b, shift = profile(u, table, factor, softness)
    centre = centre + front * shift[:, None]
    return Limb(u, centre, np.cross(tangent, front), front, a, b, bump)


def straight(origin, frame, u, table, factor=1.0, softness=2.0, bump=None):
    """A limb along the second column of `frame` (3, 3) through `origin` (3,), u measured from there."""
    a, b, shift = profile(u, table, factor, softness)
    ones = np.ones((len(u), 1))
    centre = origin + frame[:, 1] * u[:, None] + frame[:, 2] * shift[:, None]
    return Limb(u, centre, ones * frame[:, 0], ones * frame[:, 2], a, b, bump)


def bell(x, width):
    """A Gaussian bump of height 1."""
    return np.exp(-0.5 * (x / width) ** 2)


def step(x, low, high):
    """0 below `low`, 1 above `high`, smooth between; `low` may exceed `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def turn(psi, centre):
    """psi - centre, brought to -pi .. pi."""
    return (psi - centre + np.pi) % (2 * np.pi) - np.pi


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


def grid(low, high, spacing):
    """Evenly spaced values from `low` to `high`, both included, about `spacing` apart."""
    return np.linspace(low, high, max(2, round((high - low) / spacing) + 1))
