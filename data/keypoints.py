"""Keypoints as people have them: files of several forms -> the joints of one person a picture, and back.

| form | file | joints in pixels of |
|---|---|---|
| pidm | text, 18 rows `x y` | the annotation frame (see data.pose) |
| csv | GFLA's and PATN's `name:keypoints_y:keypoints_x` | a 256 x 176 picture, or the annotation frame |
| openpose | JSON, "people" of 25 or 18 joints | the picture, or "canvas_height" x "canvas_width" |
| coco | JSON, "annotations" and "images", or a list of results, of 17 joints | the picture |
| rtmpose | JSON of RTMPose and DWPose: instances with "keypoints" and "keypoint_scores" | the picture |
"""

from pathlib import Path

import numpy as np

from data.keypoint_json import json_form, read_coco, read_openpose, read_rtmpose
from data.keypoint_values import Keypoints, marked, missing, numbers, parsed, text_of
from data.pose import FRAME, JOINTS, read_keypoints
from system.errors import InputError
from system.files import write_text

BORDER = 40  # Columns of the annotation frame to the left of its picture, and to the right.


def read(path, size=None, person=None, form=None):
    """Picture's name -> Keypoints, of a file of any form; the name is "" where the form has none.

    size: (H, W) of the picture, needed where the file does not tell it. person: which one to take, counted from 0; else
    the largest. form: one of FORMS; else it is known by the content. Raises InputError, naming the file.
    """
    return FORMS[form or form_of(path)](path, size, person)


def form_of(path):
    """The form of a keypoint file, by its content. Raises InputError where it is none of FORMS."""
    text = text_of(path)
    if text.lstrip()[:1] in ("{", "["):
        return json_form(path, parsed(path, text))
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.count(":") >= 2:
        return "csv"
    if len(first.split()) == 2:
        return "pidm"
    raise InputError(f"{path}: expected keypoints in one of the forms {', '.join(FORMS)}, got {first[:60]!r}")


def read_pidm(path, size=None, person=None):  # noqa: ARG001
    """Keypoints of a text file of 18 rows `x y` in the annotation frame."""
    return {"": _inside(read_keypoints(path))}


def write_pidm(path, keypoints):
    """Write that file for Keypoints."""
    text = "".join(f"{x:.18e} {y:.18e}\n" for x, y in to_annotation(keypoints))
    write_text(Path(path), text)


def to_annotation(keypoints):
    """Keypoints as an array of the annotation frame, which data.pose.annotation_to_image takes: float64 (18, 2)."""
    height, width = keypoints.size
    moved = keypoints.joints * [FRAME[1] / width, FRAME[0] / height] + [BORDER, 0]
    return marked(moved, ~missing(keypoints.joints))


def _inside(joints):
    """Keypoints from joints of the annotation frame."""
    inside = np.where(missing(joints)[:, None], -1, joints - [BORDER, 0])
    return Keypoints(inside, FRAME)


def read_csv(path, size=None, person=None):  # noqa: ARG001
    """Keypoints of GFLA's and PATN's tables, a row per picture: `name:keypoints_y:keypoints_x`, two lists of 18.

    The frame is that of a 256 x 176 picture, unless an x lies beyond it: then it is the annotation frame. With `size`
    it is a picture of that size, as Market-1501's are.
    """
    rows = {}
    for number, line in enumerate(text_of(path).splitlines(), 1):
        if line.strip() and not line.startswith("name:"):
            name, joints = _csv_row(f"{path}:{number}", line)
            if name in rows:
                raise InputError(f"{path}:{number}: expected each picture once, got {name} again")
            rows[name] = joints
    if not rows:
        raise InputError(f"{path}: expected rows `name:keypoints_y:keypoints_x`, got none")
    seen = np.concatenate([joints[~missing(joints)] for joints in rows.values()])
    height, width = size or FRAME
    right, bottom = seen.max(axis=0, initial=-1)
    wide = size is None and right >= width
    beyond = right >= width + (2 * BORDER if wide else 0) or (bottom < width <= right and right >= height - BORDER)
    if beyond or _lie(rows.values()):
        raise InputError(f"{path}: expected keypoints_y before keypoints_x, but these columns look swapped")
    return {name: _inside(joints) if wide else Keypoints(joints, (height, width)) for name, joints in rows.items()}


def _lie(people):
    """Whether most of three people or more lie on their sides: neck and hips are further apart in x than in y."""
    torsos = [joints[[8, 11]].mean(axis=0) - joints[1] for joints in people if not missing(joints)[[1, 8, 11]].any()]
    return len(torsos) > 2 and np.mean([abs(x) > abs(y) for x, y in torsos]) > 0.5


def _csv_row(where, line):
    fields = line.rsplit(":", 2)
    if len(fields) != 3:
        raise InputError(f"{where}: expected `name:keypoints_y:keypoints_x`, got {line[:60]!r}")
    y, x = (numbers(where, parsed(where, field), JOINTS) for field in fields[1:])
    joints = np.stack([x, y], axis=1)
    joints[(joints < 0).any(axis=1)] = -1
    return fields[0].strip(), joints


def looks_like(keypoints):
    """None where most joints lie on the picture; else a hint at the frame that they may be of, or an empty one."""
    height, width = keypoints.size
    joints = keypoints.joints[~missing(keypoints.joints)]
    border = np.array([width, height]) * BORDER / FRAME[1]
    if _share_within(joints, -border, np.array([width, height]) + border) >= 0.5:
        return None
    for name, (height, width, left) in FRAMES.items():
        if _share_within(joints, [left, 0], [left + width, height]) >= 0.5:
            return f"; they would fit {name}"
    return ""


def _share_within(joints, least, most):
    return ((joints >= least) & (joints < most)).all(axis=1).mean() if len(joints) else 1.0


FRAMES = {  # Height, width, columns to the left.
    "a picture of 128 x 64": (128, 64, 0),
    "a picture of 256 x 176": (*FRAME, 0),
    "the annotation frame (--form pidm)": (*FRAME, BORDER),
    "a picture of 1101 x 750": (1101, 750, 0),
}
FORMS = {
    "pidm": read_pidm,
    "csv": read_csv,
    "openpose": read_openpose,
    "coco": read_coco,
    "rtmpose": read_rtmpose,
}
