"""Body proportions, poses, and the joints and frames that follow from them."""

from dataclasses import dataclass

import numpy as np

HIP, WAIST, SHOULDER, NECK_TOP = 90.0, 104.0, 136.8, 147.5  # Heights of an average standing figure, cm.
UPPER_ARM, FOREARM, HAND = 28.5, 25.0, 17.5
THIGH, SHIN, ANKLE = 43.0, 39.0, 8.0


@dataclass(frozen=True)
class Build:
    """What differs between two bodies of one stature."""

    woman: bool
    girth: float  # Factor on every cross-section.
    shoulders: float  # Half the distance between the shoulder joints, cm.
    hips: float  # Half the distance between the hip joints, cm.
    legs: float  # Factor on the leg bones.
    arms: float  # Factor on the arm bones.
    head: float  # Factor on the head.


@dataclass(frozen=True)
class Pose:
    """Joint angles in degrees and the camera's window in centimetres.

    An arm is (out, forward) of the upper arm, the forearm and the hand; a leg is (out, forward) of thigh and shin, then
    the turn of the foot. `out` leans away from the body's middle, `forward` swings from straight down to the front.
    """

    view: str
    yaw: float  # 0 faces the camera, 90 shows the person's right side.
    twist: float  # Turn of the chest on the pelvis.
    lean: float  # Chest forward.
    tilt: float  # Pelvis raised on the left.
    sway: float  # Chest to the person's left.
    head: tuple[float, float, float]  # Yaw, pitch, roll on the chest.
    arms: tuple[tuple[float, ...], tuple[float, ...]]  # Right, left.
    legs: tuple[tuple[float, ...], tuple[float, ...]]  # Right, left.
    window: tuple[float, float, float]  # Centre x relative to the spine, top above the head, height.


@dataclass(frozen=True)
class Skeleton:
    """Joints in the person's frame, (3,) each, and (3, 3) frames whose columns are left, up, forward."""

    pelvis: np.ndarray
    waist: np.ndarray
    neck: np.ndarray
    skull: np.ndarray  # Where the head turns.
    pelvis_frame: np.ndarray
    chest_frame: np.ndarray
    head_frame: np.ndarray
    arms: tuple[np.ndarray, np.ndarray]  # Right, left: (4, 3) shoulder, elbow, wrist, finger tips.
    legs: tuple[np.ndarray, np.ndarray]  # Right, left: (3, 3) hip, knee, ankle.
    feet: tuple[np.ndarray, np.ndarray]  # Right, left: (3, 3) frames.


def rotation(yaw=0.0, pitch=0.0, roll=0.0):
    """(3, 3) rotation, degrees: roll tips to the right, pitch bows forward, then yaw turns to the left."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    bow = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    tip = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return turn @ bow @ tip


def direction(out, forward, side):
    """Unit vector of a bone; `side` is -1 for the right and +1 for the left."""
    out, forward = np.radians([out, forward])
    return np.array([side * np.sin(out), -np.cos(out) * np.cos(forward), np.cos(out) * np.sin(forward)])


def _chain(start, lengths, angles, side, frame):
    joints = [start]
    for length, pair in zip(lengths, zip(angles[0::2], angles[1::2], strict=False), strict=False):
        joints.append(joints[-1] + frame @ direction(*pair, side) * length)
    return np.array(joints)


def _foot_frame(leg, side):
    """Flat on the ground, but toes down where the shin leans far back."""
    shin_forward, turn = leg[3], leg[4]
    return rotation(side * turn) @ rotation(pitch=max(0.0, -shin_forward - 14.0))


def skeleton(build, pose):
    """Joints of a standing figure whose lower foot is on the ground, y = 0."""
    pelvis_frame = rotation(roll=pose.tilt)
    chest_frame = pelvis_frame @ rotation(pose.twist, pose.lean, -pose.sway - pose.tilt)
    legs = []
    for side, leg in zip((-1, 1), pose.legs, strict=True):
        hip = pelvis_frame @ np.array([side * build.hips, 0, 0])
        legs.append(_chain(hip, (THIGH * build.legs, SHIN * build.legs), leg[:4], side, np.eye(3)))
    feet = _foot_frame(pose.legs[0], -1), _foot_frame(pose.legs[1], 1)
    drop = [leg[2][1] - ANKLE - 14.0 * max(0.0, -frame[1, 2]) for leg, frame in zip(legs, feet, strict=True)]
    pelvis = np.array([0.0, -min(drop), 0.0])
    waist = pelvis + pelvis_frame @ np.array([0, WAIST - HIP, 0])
    arms = []
    for side, arm in zip((-1, 1), pose.arms, strict=True):
        shoulder = waist + chest_frame @ np.array([side * build.shoulders, SHOULDER - WAIST, -1.0])
        bones = (UPPER_ARM * build.arms, FOREARM * build.arms, HAND)
        arms.append(_chain(shoulder, bones, arm, side, chest_frame))
    return Skeleton(
        pelvis=pelvis,
        waist=waist,
        neck=waist + chest_frame @ np.array([0, SHOULDER - WAIST, -1.0]),
        skull=waist + chest_frame @ np.array([0, NECK_TOP - WAIST, 0.5]),
        pelvis_frame=pelvis_frame,
        chest_frame=chest_frame,
        head_frame=chest_frame @ rotation(*pose.head),
        arms=tuple(arms),
        legs=tuple(leg + pelvis for leg in legs),
        feet=feet,
    )
