"""The skeleton editor of the web page: a pose drawn over its photo, whose joints a person drags.

The component is static HTML; assets/skeleton_editor.js draws into it, after assets/skeleton_pose.js.
"""

import json
from pathlib import Path

import gradio as gr
import numpy as np

from app.components import Unstubbed
from data.keypoint_values import Keypoints, marked, missing, numbers
from data.pose import COLOURS, JOINT_NAMES, JOINTS, LARGEST, LIMBS
from system.errors import InputError

ASSETS = Path(__file__).parent / "assets"
SMALLEST_SIDE, LARGEST_SIDE = 16, 8192  # Pixels that a frame can be high and wide.
SKELETON = {"names": JOINT_NAMES, "limbs": LIMBS, "colours": COLOURS, "largest": LARGEST}  # What the script knows.


class SkeletonEditor(gr.HTML, metaclass=Unstubbed):
    """A skeleton over a photo, to be moved joint by joint.

    value: {"size": [H, W], "joints": 18 times [x, y] in pixels, or null where hidden}, or None: nothing to edit yet.
    photo: the URL or data URL of the picture under the skeleton, or "".

    A handler sets the value by returning it, the photo by gr.update(photo=...), or both by one gr.update. An update
    without a photo leaves it as it is, until the editor is hidden and shown anew. `input` fires when a person changed
    the skeleton, `change` when Python did too.
    """

    def __init__(self, label, elem_id, value=None, photo="", **kwargs):
        super().__init__(
            value,
            label=label,
            elem_id=elem_id,
            photo=photo,
            html_template=_asset("skeleton_editor.html"),
            css_template=_asset("skeleton_editor.css"),
            js_on_load=_script(),
            apply_default_css=False,
            container=True,
            **kwargs,
        )

    def preprocess(self, payload):
        """What the browser sent; None where nothing is shown."""
        return payload or None  # The browser has "" for None.

    def api_info(self):
        """What the value is, for clients of the API."""
        return {"type": "object", "description": f"size: [H, W]; joints: {JOINTS} times [x, y] in pixels, or null"}

    def example_payload(self):
        """A value, for the API's documentation."""
        return {"size": [256, 176], "joints": [[88, 128]] * JOINTS}


def _asset(name):
    return (ASSETS / name).read_text(encoding="utf-8")


def _script():
    parts = (f"const SKELETON = {json.dumps(SKELETON)};", _asset("skeleton_pose.js"), _asset("skeleton_editor.js"))
    return "\n".join(parts)


def to_value(keypoints):
    """Keypoints as an editor's value. Coordinates are rounded to hundredths of a pixel, as the editor's own are."""
    joints = np.round(keypoints.joints, 2).tolist()
    hidden = missing(keypoints.joints)
    return {
        "size": [int(side) for side in keypoints.size],
        "joints": [None if gone else joint for joint, gone in zip(joints, hidden, strict=True)],
    }


def to_keypoints(value, where):
    """An editor's value, which may come from any client, as Keypoints. Raises InputError, beginning with `where`."""
    if not isinstance(value, dict) or set(value) != {"size", "joints"}:
        raise InputError(f"{where}: expected a skeleton of a size and joints, got {repr(value)[:40]}")
    return Keypoints(_joints(value["joints"], where), _size(value["size"], where))


def _size(size, where):
    whole = isinstance(size, list) and len(size) == 2 and all(type(side) is int for side in size)
    if not whole or min(size) < SMALLEST_SIDE or max(size) > LARGEST_SIDE:
        expected = f"a size of two whole numbers from {SMALLEST_SIDE} to {LARGEST_SIDE}"
        raise InputError(f"{where}: expected {expected}, got {repr(size)[:40]}")
    return tuple(size)


def _joints(joints, where):
    if not isinstance(joints, list) or len(joints) != JOINTS:
        raise InputError(f"{where}: expected {JOINTS} joints, got {repr(joints)[:40]}")
    seen = np.array([joint is not None for joint in joints])
    points = [
        (-1, -1) if joint is None else numbers(f"{where}: {name}", joint, 2)
        for name, joint in zip(JOINT_NAMES, joints, strict=True)
    ]
    return marked(np.array(points, dtype=np.float64), seen)
