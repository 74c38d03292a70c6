"""Keypoints from a photo alone: RTMO (Lu et al., CVPR 2024), run from its ONNX file by rtmlib and ONNX Runtime.

Neither is needed elsewhere, nor is the file fetched by itself: `bash setup.sh --pose` installs the one, `find_model`
says where the other is looked for.
"""

import contextlib
import importlib
import importlib.util
import io
import os
from pathlib import Path

import numpy as np

from data.keypoint_json import COCO_LEAST, chosen, from_coco_17
from data.keypoint_values import Keypoints
from system.errors import InputError

MODEL = "rtmo-m_16xb16-600e_body7-640x640-39e78cc4_20231211"
SOURCE = f"https://download.openmmlab.com/mmpose/v1/projects/rtmo/onnx_sdk/{MODEL}.zip"
LEAST = 0.3  # Score of a person.


def find_model(path=None):
    """The model's file: `path`, or that of rtmlib's cache. Raises InputError, saying where to get it."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "rtmlib"
    found = Path(path or Path(home).expanduser() / "hub/checkpoints" / f"{MODEL}.onnx")
    if not found.is_file():
        raise InputError(
            f"--detect-pose: expected RTMO's model as {found}, got no such file; {SOURCE} holds it as end2end.onnx"
        )
    return found


def can_detect():
    """Whether what runs the model, and the model's file, are there."""
    try:
        return find_model().is_file() and importlib.util.find_spec("rtmlib") is not None
    except InputError:
        return False


class PoseDetector:
    """Finds the people of photos. Raises InputError where `path` is no model that can be used."""

    def __init__(self, path):
        try:
            rtmlib = importlib.import_module("rtmlib")
        except ImportError as error:
            raise InputError(f"--detect-pose: needs {error.name}; `bash setup.sh --pose` installs it") from error
        self.path = path
        with contextlib.redirect_stdout(io.StringIO()), self._failing("expected an ONNX model"):
            self.model = rtmlib.RTMO(str(path), score_thr=LEAST)
            *_, height, width = self.model.session.get_inputs()[0].shape
        if len(self.model.session.get_outputs()) != 2:
            raise InputError(f"{path}: expected RTMO's two outputs, boxes and keypoints")
        if isinstance(height, int) and isinstance(width, int):
            self.model.model_input_size = (height, width)

    def __call__(self, image, where, person=None):
        """The Keypoints of an RGB photo. person: which one to take, counted from 0; else the largest.

        Raises InputError, beginning with `where`, if nobody is found.
        """
        with self._failing(f"expected a model with RTMO's inputs and outputs; it failed for {where}"):
            points, scores = self._found(np.asarray(image)[:, :, ::-1])  # (people, 17, 2), (people, 17)
            people = [from_coco_17(own, seen >= COCO_LEAST) for own, seen in zip(points, scores, strict=True)]
        return Keypoints(chosen(where, people, person), image.size[::-1])

    def _found(self, image):
        padded, ratio = self.model.preprocess(image)
        outputs = self.model.inference(padded)
        if not outputs[0].shape[1]:
            return [], []
        return self.model.postprocess(outputs, ratio, self.model.nms_thr, self.model.score_thr)

    @contextlib.contextmanager
    def _failing(self, words):
        """A `with` block that turns what ONNX Runtime and rtmlib raise, which is anything, into an InputError."""
        try:
            yield
        except Exception as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise InputError(f"{self.path}: {words} ({type(error).__name__}: {reason})") from error
