"""Files of the release's form, for tests."""

import sys
import types

import torch

from config.schema import ModelConfig
from models.pose_transfer import PoseTransferModel
from models.release.convert import release_shapes


def hollow_weights():
    """All tensors of the release by name, in their shapes, each with the memory of one number."""
    used, unused = release_shapes(PoseTransferModel.empty(ModelConfig()).state_dict())
    shapes = used | {name: shape for group in unused.values() for name, shape in group.items()}
    return {
        name: torch.zeros((), dtype=torch.int64 if name.endswith("num_batches_tracked") else None).expand(shape)
        for name, shape in shapes.items()
    }


def write_release(path, ema, model=None):
    """A file as the release writes it, with an object of a class that cannot be found again."""
    module = types.ModuleType("authors_config")
    vars(module)["DiffusionConfig"] = type("DiffusionConfig", (), {"__module__": module.__name__})
    sys.modules[module.__name__] = module
    try:
        conf = module.DiffusionConfig()
        torch.save({"model": model or ema, "ema": ema, "scheduler": {"last_epoch": 1}, "conf": conf}, path)
    finally:
        del sys.modules[module.__name__]
    return path
