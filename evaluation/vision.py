"""torchvision, and what is built on it: to be imported from here.

PyPI's torchvision is built for CUDA. Beside a torch without CUDA its operators cannot be loaded, and importing it fails
where it describes two of them, although no network here needs any.
"""

import contextlib
import importlib.util
from pathlib import Path

import torch

MISSED = ("nms", "qnms")  # Box operators that torchvision's Python code names.


def _declare_operators():
    """Declare MISSED where torchvision's library cannot be loaded. It lasts as long as the Library returned."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    try:
        for library in Path(found.origin).parent.glob("_C*"):
            torch.ops.load_library(library)
            return None
    except OSError:
        pass
    declaration = torch.library.Library("torchvision", "DEF")
    for name in MISSED:
        declaration.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return declaration


_declaration = _declare_operators()

from pytorch_fid.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2  # noqa: E402
from torchmetrics.functional.image.lpips import _LPIPS  # noqa: E402
from torchmetrics.image.fid import FrechetInceptionDistance  # noqa: E402
from torchmetrics.image.kid import poly_mmd  # noqa: E402
from torchvision.models import inception_v3  # noqa: E402

__all__ = [
    "_LPIPS",
    "FIDInceptionA",
    "FIDInceptionC",
    "FIDInceptionE_1",
    "FIDInceptionE_2",
    "FrechetInceptionDistance",
    "device",
    "inception_v3",
    "inference",
    "poly_mmd",
]


def device():
    """Where networks run: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def inference():
    """No gradients, and float32 throughout: TF32 would move the features by more than some methods differ."""
    matmul = torch.backends.cuda.matmul
    before, matmul.allow_tf32 = matmul.allow_tf32, False
    try:
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        matmul.allow_tf32 = before
