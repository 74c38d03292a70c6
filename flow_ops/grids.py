"""Flows between grids of different sizes."""

import torch.nn.functional as F


def resize_flow(flow, size):
    """A flow on another grid: nearest values, scaled to that grid's pixels. (B, 2, H, W) -> (B, 2, *size)."""
    if flow.shape[2:] == size:
        return flow
    scale = flow.new_tensor([size[1] / flow.shape[3], size[0] / flow.shape[2]])[:, None, None]
    return F.interpolate(flow, size=size) * scale
