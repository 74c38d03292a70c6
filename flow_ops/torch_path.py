"""The operations on torch's own, for every device and type; arguments and results are those of `flow_ops.ops`.

All warps are sums over n x n neighbouring taps, which `F.embedding_bag` gathers and weighs without storing the samples.
"""

import torch
import torch.nn.functional as F

from flow_ops import reference
from flow_ops.reference import GAUSSIAN_SIGMA, positions


def bilinear_warp(source, flow):
    """Four taps."""
    flow = _precise(flow)
    top, left, down, right = _corner(flow)
    weights = _outer(torch.stack([1 - down, down], dim=1), torch.stack([1 - right, right], dim=1))
    return _weighted_taps(source, top, left, weights)


def gaussian_warp(source, flow):
    """Sixteen taps, their weights separable."""
    flow = _precise(flow)
    top, left, down, right = _corner(flow)
    taps = torch.arange(-1, 3, device=flow.device, dtype=flow.dtype)[:, None, None]
    weights_y, weights_x = (
        torch.softmax(-((fraction[:, None] - taps) ** 2) / (2 * GAUSSIAN_SIGMA**2), dim=1) for fraction in (down, right)
    )
    return _weighted_taps(source, top - 1, left - 1, _outer(weights_y, weights_x))


def flow_local_attention(source, flow, logits, kernel):
    """The samples share pixels: (k + 1)^2 taps."""
    flow, logits = _precise(flow), _precise(logits)
    top, left, down, right = _corner(flow)
    shares = logits.softmax(dim=1).unflatten(1, (kernel, kernel)) / kernel**2  # (B, k, k, H, W)

    # The k x k bilinear samples share (k + 1) x (k + 1) pixels: each pixel's weight is the sum over its samples.
    down, right = down[:, None, None], right[:, None, None]
    shares = F.pad(shares * (1 - down), (0, 0, 0, 0, 0, 0, 0, 1)) + F.pad(shares * down, (0, 0, 0, 0, 0, 0, 1, 0))
    shares = F.pad(shares * (1 - right), (0, 0, 0, 0, 0, 1)) + F.pad(shares * right, (0, 0, 0, 0, 1, 0))
    return _weighted_taps(source, top - kernel // 2, left - kernel // 2, shares)


def self_correlation(x, radius, stride):
    """As its definition."""
    return reference.self_correlation(_precise(x), radius, stride).type_as(x)


def _precise(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _corner(flow):
    """The integer position above and left of each end point, and what remains of it down and right, each (B, H, W)."""
    y, x = positions(flow)
    top, left = y.floor(), x.floor()
    return top, left, y - top, x - left


def _outer(weights_y, weights_x):
    """(B, n, H, W) per axis -> (B, n, n, H, W)."""
    return weights_y[:, :, None] * weights_x[:, None]


def _weighted_taps(source, top, left, weights):
    """Sum over taps a, b of weights[:, a, b] times `source` at (top + a, left + b), indices clamped to the border."""
    batch, channels, height, width = source.shape
    taps = weights.shape[1]
    rows, columns = _tap_indices(top, taps, height), _tap_indices(left, taps, width)
    first = torch.arange(batch, device=source.device)[:, None, None, None, None] * (height * width)
    index = first + rows[:, :, None] * width + columns[:, None]  # (B, n, n, H, W)

    table = _precise(source).permute(0, 2, 3, 1).reshape(-1, channels)
    index, weights = (x.permute(0, 3, 4, 1, 2).reshape(-1, taps**2) for x in (index, weights))  # (B H W, n^2)
    out = F.embedding_bag(index, table, per_sample_weights=weights.type_as(table), mode="sum")  # (B H W, C)
    return out.view(batch, *top.shape[1:], channels).permute(0, 3, 1, 2).type_as(source)


def _tap_indices(start, taps, size):
    """Indices start .. start + taps - 1 clamped into [0, size): (B, H, W) -> (B, taps, H, W). NaN becomes 0."""
    offsets = torch.arange(taps, device=start.device, dtype=start.dtype)[:, None, None]
    return (start[:, None] + offsets).nan_to_num().clamp(0, size - 1).long()
