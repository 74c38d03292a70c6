"""Levels, the bytes that loaders hand over, and the floats that networks see."""

import torch


def to_device(batch, device) -> dict:
    """The batch, or the item, with its tensors on `device`, and levels there as what networks see.

    uint8 images (.., 3, H, W) RGB become float32 in [-1, 1], and uint8 pose maps (.., 20, H, W) float32 in [0, 1], by
    their names: bit for bit data.images.to_tensor and data.pose.pose_map.
    """
    return {
        name: _floats(name, value.to(device, non_blocking=True)) if torch.is_tensor(value) else value
        for name, value in batch.items()
    }


def _floats(name, values):
    if values.dtype != torch.uint8:
        return values
    return pose_floats(values) if name.endswith("_pose") else image_floats(values)


def image_floats(levels):
    """RGB levels -> float32 in [-1, 1], of the same shape."""
    return _divided(levels, 127.5).sub_(1)


def pose_floats(levels):
    """Levels of a pose map -> float32 in [0, 1], of the same shape."""
    return _divided(levels, 255)


def _divided(levels, number):
    # By a tensor: CUDA multiplies by the reciprocal of a plain number, which rounds otherwise than a division.
    floats = levels.float()
    return floats.div_(floats.new_full((), number))
