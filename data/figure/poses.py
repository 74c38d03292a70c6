"""Poses that people take for a photograph: presets of arms and legs, varied by a seed."""

import numpy as np

from data.figure.skeleton import Pose

VIEWS = ("front", "side", "back", "full", "additional")

# Degrees: (out, forward) of upper arm, forearm, hand.
ARMS = {
    "hang": (11, -4, 5, 12, 2, 14),
    "relaxed": (18, -6, 4, 16, -4, 18),
    "open": (27, -4, 16, 16, 10, 20),
    "akimbo": (44, -20, -46, 16, -12, 40),
    "pocket": (24, -16, -9, 20, -12, 16),
    "belly": (14, 2, -48, 46, -55, 62),
    "behind": (24, -26, -32, -12, -45, -12),
    "forward": (9, 14, 6, 46, 0, 60),
    "backward": (10, -24, 8, -6, 4, 2),
    "hair": (78, 4, -44, 176, -62, 176),
}
ARM_PAIRS = (
    ("hang", "hang"), ("relaxed", "relaxed"), ("relaxed", "hang"), ("akimbo", "relaxed"), ("akimbo", "akimbo"),
    ("pocket", "pocket"), ("pocket", "relaxed"), ("belly", "hang"), ("open", "relaxed"), ("behind", "behind"),
    ("forward", "backward"), ("hair", "relaxed"), ("hair", "akimbo"), ("open", "open"), ("belly", "akimbo"),
)  # fmt: skip
# Degrees: (out, forward) of thigh and shin, then the turn of the foot.
LEGS = {
    "straight": (4, 1, 3, -3, 10),
    "wide": (9, 2, 7, -3, 16),
    "weight": (1, 0, 0, -3, 8),
    "free": (9, 12, 5, -10, 22),
    "step": (3, 18, 2, 4, 6),
    "trail": (3, -9, 2, -26, 8),
    "crossed": (-6, 9, -7, -2, 12),
}
LEG_PAIRS = (("straight", "straight"), ("wide", "wide"), ("weight", "free"), ("step", "trail"), ("weight", "crossed"))
YAWS = {"front": (-18, 18), "side": (50, 80), "back": (165, 195), "full": (-28, 28), "additional": (-30, 30)}


def pose(seed, index, number, view):
    """Pose number `number` of person `index`, seen from `view` (one of VIEWS). The same numbers give the same pose."""
    rng = np.random.default_rng([seed, index, 1 + number])
    arms = [ARMS[name] for name in ARM_PAIRS[rng.integers(len(ARM_PAIRS))]]
    legs = [LEGS[name] for name in LEG_PAIRS[rng.integers(len(LEG_PAIRS))]]
    if rng.random() < 0.5:
        arms.reverse()
    if rng.random() < 0.5:
        legs.reverse()
    yaw = rng.uniform(*YAWS[view]) * (rng.choice([-1, 1]) if view == "side" else 1)
    uneven = 4.0 * np.sign(legs[0][1] - legs[1][1]) * (legs[0] != legs[1])  # The hip sinks over the free leg.
    facing = np.clip(-yaw * 0.35, -25, 25) if view == "side" else 0.0
    return Pose(
        view=view,
        yaw=float(yaw),
        twist=float(rng.normal(0, 5)),
        lean=float(rng.normal(1, 1.5)),
        tilt=float(uneven + rng.normal(0, 0.8)),
        sway=float(rng.normal(0, 1.5)),
        head=(float(facing + rng.normal(0, 9)), float(rng.normal(2, 3)), float(rng.normal(0, 3))),
        arms=(_jitter(rng, arms[0], 3.0), _jitter(rng, arms[1], 3.0)),
        legs=(_jitter(rng, legs[0], 1.0), _jitter(rng, legs[1], 1.0)),
        window=_window(rng, view),
    )


def _jitter(rng, angles, spread):
    return tuple(float(angle + x) for angle, x in zip(angles, rng.normal(0, spread, len(angles)), strict=True))


def _window(rng, view):
    """Where the camera's window lies: x of its middle from the spine, room above the head, height; cm."""
    height = {"full": (192, 206), "additional": (96, 116)}.get(view, (130, 196))
    return float(rng.normal(0, 2.5)), float(rng.uniform(4, 10)), float(rng.uniform(*height))
