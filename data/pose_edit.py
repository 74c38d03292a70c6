"""Poses made of poses: between two, along several, in a picture of another size; and whether one can be drawn."""

import numpy as np

from data.keypoint_values import Keypoints, marked, missing
from data.pose import JOINTS, LIMBS
from system.errors import InputError

FEWEST_JOINTS = 6
SLIMMEST = 4  # The longer side of a picture over the shorter one.
PARENTS = {joint: parent for parent, joint in LIMBS}  # The neck has none.
ORDER = (1, *PARENTS)  # A joint stands after its parent.
ROOT = JOINTS  # Where the skeleton begins: at the neck where that is seen.
TURNED = (2, 5, 14, 15, 16, 17)  # Shoulders, eyes, ears: they change sides when a body turns round.


def check_pose(keypoints, where):
    """Raise InputError, beginning with `where`, for too few joints on the picture, no limb, and a very slim picture."""
    joints, (height, width) = keypoints.joints, keypoints.size
    check_shape(keypoints.size, where)
    seen = ((joints >= 0) & (joints < [width, height])).all(axis=1)
    if seen.sum() < FEWEST_JOINTS:
        raise InputError(f"{where}: expected at least {FEWEST_JOINTS} joints on the picture, got {seen.sum()}")
    if not any(seen[a] and seen[b] for a, b in LIMBS):
        raise InputError(f"{where}: expected two joints of one limb on the picture, got {seen.sum()} of none")


def check_shape(size, where):
    """Raise InputError, beginning with `where`, for a picture of a size (H, W) whose sides differ too much."""
    if max(size) > SLIMMEST * min(size):
        shape = "{} x {}".format(*size)
        raise InputError(f"{where}: expected a picture up to {SLIMMEST} times as long as wide, got {shape}")


def placed(keypoints, size):
    """The same figure in a picture of `size` (H, W): scaled by the heights, centred across, of the same proportions."""
    scale = size[0] / keypoints.size[0]
    border = (size[1] - keypoints.size[1] * scale) / 2
    return Keypoints(marked(keypoints.joints * scale + [border, 0], ~missing(keypoints.joints)), tuple(size))


def frames_between(poses, count):
    """`count` Keypoints, two or more, evenly spaced in time along two or more poses, ends included.

    They are of the first pose's size.
    """
    poses = [placed(pose, poses[0].size) for pose in poses]
    places = [divmod(frame * (len(poses) - 1), count - 1) for frame in range(count)]
    return [interpolated(poses[i], poses[min(i + 1, len(poses) - 1)], rest / (count - 1)) for i, rest in places]


def interpolated(first, last, share):
    """Keypoints a share in [0, 1] of the way from `first` to `last`, in a picture of the first one's size.

    Limbs turn, the shorter way round, and change their lengths evenly; so the skeleton neither shrinks nor breaks as it
    would if the joints moved straight. Only shoulders, eyes and ears that turn by more than 90 degrees do move straight
    past their parent: the body turns round. The neck moves straight; where one pose lacks it, the middle of the joints
    that both have does. The result has the joints of the pose that is nearer in time. One that the other lacks stands
    off its nearest ancestor that both have as in its own pose, but for the figure's size. Each pose has a joint at
    least.
    """
    last = placed(last, first.size)
    if share in (0, 1):
        return last if share else first
    seen = [~missing(pose.joints) for pose in (first, last)]
    both, nearer = seen[0] & seen[1], int(share >= 0.5)
    points = np.array([_rooted(pose.joints, both) for pose in (first, last)])  # (2, 19)
    anchors = [_anchor(joint, both) for joint in range(JOINTS)]
    limbs = points[:, :ROOT] - points[:, anchors]  # (2, 18)
    lengths = np.abs(limbs[:, both]).sum(axis=1)
    growth = _mix(lengths[0], lengths[1], share) / lengths[nearer] if lengths[nearer] else 1.0
    moved = np.append(np.zeros(JOINTS), _mix(points[0, ROOT], points[1, ROOT], share))
    for joint in ORDER:
        limb = _turned(joint, *limbs[:, joint], share) if both[joint] else limbs[nearer, joint] * growth
        moved[joint] = moved[anchors[joint]] + limb
    joints = np.stack([moved.real, moved.imag], axis=1)[:ROOT]
    return Keypoints(marked(joints, seen[nearer]), first.size)


def _rooted(joints, both):
    """Joints (18, 2) and the root, as x + iy: complex (19,)."""
    points = joints @ (1, 1j)
    shared = both if both.any() else ~missing(joints)
    return np.append(points, points[1] if both[1] else points[shared].mean())


def _anchor(joint, both):
    """The nearest ancestor of a joint that both poses have, or ROOT."""
    parent = PARENTS.get(joint, ROOT)
    return parent if parent == ROOT or both[parent] else _anchor(parent, both)


def _turned(joint, first, last, share):
    """A limb to `joint` between two, all complex: x + iy."""
    turn = last * first.conjugate()
    if joint in TURNED and turn.real < 0:
        return _mix(first, last, share)
    angle = np.angle(first or last) + share * np.angle(turn)
    return _mix(abs(first), abs(last), share) * np.exp(1j * angle)


def _mix(first, last, share):
    return (1 - share) * first + share * last
