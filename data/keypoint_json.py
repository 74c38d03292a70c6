"""Readers of the JSON that pose estimators write: OpenPose's, COCO's, RTMPose's and DWPose's. See data.keypoints."""

import itertools

import numpy as np

from data.keypoint_values import Keypoints, marked, missing, numbers, parsed, text_of
from system.errors import InputError

OPENPOSE_LEAST, COCO_LEAST = 0.05, 0.3  # Joints of lower scores are not seen.
# For each joint of COCO-18, where it stands in BODY_25, and in COCO-17; the neck is between the shoulders.
OF_BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
OF_COCO_17 = (
    *((0,), (5, 6), (6,), (8,), (10,), (5,), (7,), (9,), (12,)),
    *((14,), (16,), (11,), (13,), (15,), (2,), (1,), (4,), (3,)),
)


def json_form(path, content):
    """The form of a keypoint file's parsed JSON: openpose, coco or rtmpose. Raises InputError where it is none."""
    rows = content if isinstance(content, list) else content.get("annotations", content.get("instance_info"))
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    if isinstance(content, dict) and "people" in content:
        return "openpose"
    if "keypoint_scores" in first or "instances" in first or (isinstance(content, dict) and "instance_info" in content):
        return "rtmpose"
    if "image_id" in first or (isinstance(content, dict) and "annotations" in content):
        return "coco"
    raise InputError(f'{path}: expected JSON with "people", "annotations", "instance_info" or a list of people')


def read_openpose(path, size=None, person=None):
    """Keypoints of OpenPose's JSON, BODY_25 or COCO-18; "canvas_height" and "canvas_width" may tell the size.

    Coordinates that are all within [0, 1] are shares of the size.
    """
    content = parsed(path, text_of(path))
    people = content.get("people") if isinstance(content, dict) else None
    found = []
    for where, one in _entries(path, "people", people):
        rows = numbers(where, one.get("pose_keypoints_2d", one.get("pose_keypoints")), 75, 54).reshape(-1, 3)
        rows = rows[list(OF_BODY_25)] if len(rows) == 25 else rows
        found.append(marked(rows[:, :2], (rows[:, 2] >= OPENPOSE_LEAST) & (rows[:, :2] != 0).any(axis=1)))
    joints, size = chosen(path, found, person), _size(path, content, "canvas_") or _needed(path, size)
    if joints.max() <= 1:
        joints = np.where(missing(joints)[:, None], -1, joints * [size[1], size[0]])
    return {"": Keypoints(joints, size)}


def read_coco(path, size=None, person=None):
    """Keypoints of COCO's JSON, 17 joints: a data set with "images" and "annotations", or a list of results."""
    content = parsed(path, text_of(path))
    whole = isinstance(content, dict)
    images = {}
    for where, image in _entries(path, "images", content.get("images", []) if whole else []):
        images[_key(where, image, "id")] = image
    groups = {}
    for where, row in _entries(path, "annotations", content.get("annotations") if whole else content):
        rows = numbers(where, row.get("keypoints"), 51).reshape(-1, 3)
        marks = set(rows[:, 2]) <= {0, 1, 2}  # Labelled by hand: missing, hidden, seen.
        joints = from_coco_17(rows[:, :2], rows[:, 2] >= (1 if marks else COCO_LEAST))
        groups.setdefault(_key(where, row, "image_id"), []).append(joints)
    if not groups:
        raise InputError(f"{path}: expected people, got none")
    found = {}
    for key, people in groups.items():
        image = images.get(key, {})
        name = str(image.get("file_name", key))
        found[name] = Keypoints(chosen(path, people, person), _size(path, image, "") or _needed(path, size))
    return found


def read_rtmpose(path, size=None, person=None):
    """Keypoints of what RTMPose and DWPose write: instances of 17 joints, or of a whole body that begins with them."""
    content = parsed(path, text_of(path))
    instances = content.get("instance_info") if isinstance(content, dict) else content
    found = []
    for where, one in _entries(path, "instances", instances):
        if "instances" in one:
            raise InputError(f"{path}: expected the people of one picture, got those of a video")
        points = numbers(where, _flat(one.get("keypoints")), 34, 266).reshape(-1, 2)[:17]
        scores = numbers(where, one.get("keypoint_scores"), 17, 133)[:17]
        found.append(from_coco_17(points, scores >= COCO_LEAST))
    return {"": Keypoints(chosen(path, found, person), _needed(path, size))}


def _flat(points):
    """A list of pairs as one list; anything else as it is."""
    if isinstance(points, list) and all(isinstance(point, list) and len(point) == 2 for point in points):
        return list(itertools.chain(*points))
    return points


def _entries(path, name, entries):
    """(where, entry) of a list of dicts."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f'{path}: expected "{name}" to be a list of objects')
    return [(f"{path}: {name}[{number}]", entry) for number, entry in enumerate(entries)]


def _key(where, entry, name):
    if not isinstance(entry.get(name), (int, str)):
        raise InputError(f'{where}: expected "{name}", a number or a text')
    return entry[name]


def from_coco_17(points, seen):
    """COCO-18 joints of COCO-17 points (17, 2); a joint is seen where all are that it is the middle of."""
    middle = np.stack([points[list(of)].mean(axis=0) for of in OF_COCO_17])
    return marked(middle, np.array([seen[list(of)].all() for of in OF_COCO_17]))


def chosen(path, people, person):
    """The joints of person number `person`, or of the one whose joints take up the largest box."""
    if not people or all(missing(joints).all() for joints in people):
        raise InputError(f"{path}: expected people, got none")
    if person is None:
        return max(people, key=_extent)
    if person >= len(people):
        raise InputError(f"{path}: expected a person number {person}, got {len(people)}, counted from 0")
    return people[person]


def _extent(joints):
    seen = joints[~missing(joints)]
    return np.prod(np.ptp(seen, axis=0)) + 1e-9 * len(seen) if len(seen) else -1.0


def _size(path, entry, prefix) -> tuple[int, int] | None:
    """(H, W) that a JSON object tells, or None."""
    size = entry.get(f"{prefix}height"), entry.get(f"{prefix}width")
    if size == (None, None):
        return None
    if not all(type(value) is int and 0 < value < 1 << 16 for value in size):
        raise InputError(f"{path}: expected a height and a width, whole numbers, got {size}")
    return size


def _needed(path, size):
    if size is None:
        raise InputError(f"{path}: does not tell the size of the picture; it is needed")
    height, width = size
    return height, width
