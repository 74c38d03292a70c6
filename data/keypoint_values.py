"""What the readers of keypoint files share: the type they give, and text, JSON and numbers that may be anything."""

import json
from typing import NamedTuple

import numpy as np

from data.pose import LARGEST
from system.errors import InputError

LARGEST_FILE = 1 << 30  # Bytes.


class Keypoints(NamedTuple):
    """One person in one picture."""

    joints: np.ndarray  # float64 (18, 2): x y in pixels, in COCO-18 order; -1 -1 where not seen.
    size: tuple[int, int]  # Height and width of the picture that these are pixels of.


def missing(joints):
    """Which joints are not seen: bool (18,)."""
    return (joints == -1).any(axis=1)


def marked(points, seen):
    """Points (18, 2) as joints: -1 -1 where not seen, and a little beside that where seen there."""
    joints = np.where((points == -1).any(axis=1, keepdims=True), points - 1 / 1024, points)
    return np.where(seen[:, None], joints, -1.0)


def text_of(path):
    """The text of a file. Raises InputError."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise InputError(f"{path}: expected a keypoint file, got more than {LARGEST_FILE >> 20} MiB")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: expected a keypoint file, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a keypoint file, which is text") from error


def parsed(where, text):
    """JSON text as Python values. Raises InputError, beginning with `where`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: expected JSON ({str(error)[:100]}), got {text.strip()[:40]!r}") from error


def numbers(where, values, *lengths):
    """A list of numbers as a float64 array. Raises InputError where it is anything else, or of none of the lengths."""
    if not isinstance(values, list) or len(values) not in lengths:
        found = f"{len(values)} values" if isinstance(values, list) else repr(values)[:40]
        raise InputError(f"{where}: expected {' or '.join(map(str, lengths))} numbers, got {found}")
    if not all(type(value) in (int, float) and abs(value) <= LARGEST for value in values):  # Also refuses NaN.
        raise InputError(f"{where}: expected numbers within +-{LARGEST}")
    return np.array(values, dtype=np.float64)
