"""What the operations of `flow_ops.ops` compute, written as plainly as their definitions.

Slow, and free with memory: the fast paths are tested against these. Arguments, units and results are those of the
functions of the same names in `flow_ops.ops`.
"""

import torch
import torch.nn.functional as F

GAUSSIAN_SIGMA = 2.0


def positions(flow):
    """Where each pixel of the flow's grid points to: y and x, each (B, H, W), in pixels."""
    height, width = flow.shape[2:]
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    return flow[:, 1] + rows[:, None], flow[:, 0] + columns


def read(source, y, x):
    """The pixels of `source` (B, C, H', W') at integers y, x (B, H, W), clamped to the border: (B, C, H, W)."""
    channels, height, width = source.shape[1:]
    index = y.clamp(0, height - 1).long() * width + x.clamp(0, width - 1).long()
    index = index.flatten(1)[:, None].expand(-1, channels, -1)
    return source.flatten(2).gather(2, index).unflatten(2, y.shape[1:])


def bilinear_warp(source, flow):
    """Four corners, weighted by the unclamped position."""
    y, x = positions(flow)
    top, left = y.floor(), x.floor()
    down, right = (y - top)[:, None], (x - left)[:, None]
    return (
        (1 - down) * (1 - right) * read(source, top, left)
        + (1 - down) * right * read(source, top, left + 1)
        + down * (1 - right) * read(source, top + 1, left)
        + down * right * read(source, top + 1, left + 1)
    )


def gaussian_warp(source, flow):
    """Sixteen taps around the end point, weighted by a Gaussian of their distance to it."""
    y, x = positions(flow)
    total, weight_sum = 0, 0
    for i in range(-1, 3):
        for j in range(-1, 3):
            tap_y, tap_x = y.floor() + i, x.floor() + j
            squared = (y - tap_y) ** 2 + (x - tap_x) ** 2
            weight = torch.exp(-squared / (2 * GAUSSIAN_SIGMA**2))[:, None]
            total = total + weight * read(source, tap_y, tap_x)
            weight_sum = weight_sum + weight
    return total / weight_sum


def window(kernel):
    """Offsets (dy, dx) of the k x k window, row by row; an even window reaches further up and left."""
    reach = range(-(kernel // 2), kernel - kernel // 2)
    return [(i, j) for i in reach for j in reach]


def flow_local_attention(source, flow, logits, kernel):
    """The k^2 bilinear samples, each weighted by its softmax share, over k^2."""
    weights = logits.softmax(dim=1)
    total = 0
    for n, (i, j) in enumerate(window(kernel)):
        offset = flow.new_tensor([j, i])[None, :, None, None]
        total = total + weights[:, n, None] * bilinear_warp(source, flow + offset)
    return total / kernel**2


def self_correlation(x, radius, stride=2):
    """Each displacement in turn: the mean over channels of x times its shifted self, zero outside."""
    height, width = x.shape[2:]
    reach = radius // 2
    padded = F.pad(x, [reach * stride] * 4)
    shifts = [(i * stride, j * stride) for i in range(2 * reach + 1) for j in range(2 * reach + 1)]
    return torch.stack([(x * padded[:, :, i : i + height, j : j + width]).mean(dim=1) for i, j in shifts], dim=1)
