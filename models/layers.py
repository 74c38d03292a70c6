"""The blocks that several networks are built from."""

import math
from itertools import pairwise

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

IMAGE_CHANNELS, POSE_CHANNELS = 3, 20
MOST_GROUPS, SMALLEST_GROUP = 32, 4


class GroupNorm(nn.GroupNorm):
    """Group normalisation with 32 groups, computed in float32 under any precision.

    Narrow maps have fewer groups, of four channels: a channel normalised by itself forgets its mean, and with it the
    brightness of the picture.
    """

    def __init__(self, channels):
        super().__init__(min(MOST_GROUPS, channels // SMALLEST_GROUP), channels)

    def forward(self, x):
        return F.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps).type_as(x)


class ResBlock(nn.Module):
    """Residual block, modulated by the time embedding where there is one, optionally changing the resolution.

    (B, in_channels, H, W) -> (B, out_channels, H', W') with H' = H, 2 H ("up") or H / 2 ("down").
    `recompute` keeps only its input for the backward pass, which computes the rest again.
    """

    recompute = False

    def __init__(
        self,
        in_channels,
        out_channels,
        time_channels=None,  # Size of the time embedding; None: no modulation.
        resample=None,       # None, "up" (nearest) or "down" (average).
        dropout=0.0,
    ):  # fmt: skip
        super().__init__()
        self.resample = {None: nn.Identity(), "up": nn.Upsample(scale_factor=2), "down": nn.AvgPool2d(2)}[resample]
        self.norm_in = GroupNorm(in_channels)
        self.conv_in = conv3(in_channels, out_channels)
        self.modulation = nn.Linear(time_channels, 2 * out_channels) if time_channels else None
        self.norm_out = GroupNorm(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = conv3(out_channels, out_channels)
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

        # Zero: every block starts as its skip.
        zero_(self.conv_out)

    def forward(self, x, time=None):
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self._compute, x, time, use_reentrant=False)
        return self._compute(x, time)

    def _compute(self, x, time):
        h = F.silu(self.norm_in(x))
        h, x = self.resample(h), self.resample(x)
        h = self.norm_out(self.conv_in(h))  # (B, out_channels, H', W')
        if self.modulation is not None:
            scale, shift = self.modulation(F.silu(time))[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        h = self.conv_out(self.dropout(F.silu(h)))
        return self.skip(x) + h


class TimeEmbedding(nn.Module):
    """Sinusoidal embedding of t (B,), cosines first, through two linear layers: (B, 4 * channels)."""

    def __init__(self, channels):
        super().__init__()
        self.linear_in = nn.Linear(channels, 4 * channels)
        self.linear_out = nn.Linear(4 * channels, 4 * channels)
        half = channels // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, t):
        angles = t.float()[:, None] * self.frequencies
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)  # (B, channels)
        return self.linear_out(F.silu(self.linear_in(waves)))


def conv3(in_channels, out_channels):
    """A 3 x 3 convolution that keeps the size."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def leaky_convs(*channels):
    """3 x 3 convolutions through the given widths, each followed by LeakyReLU(0.1)."""
    return nn.Sequential(*(layer for pair in pairwise(channels) for layer in (conv3(*pair), nn.LeakyReLU(0.1))))


def zero_(layer):
    """Set a layer's parameters to zero, in place."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class SyncedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes together.

    What nn.SyncBatchNorm does, on any device: that one refuses a CPU.
    """

    def forward(self, x):
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(x)
        mean = MeanOverProcesses.apply(x.float().mean(dim=(0, 2, 3)))
        centred = x.float() - mean[:, None, None]
        variance = MeanOverProcesses.apply(centred.square().mean(dim=(0, 2, 3)))
        self._track(mean.detach(), variance.detach(), x.numel() // x.shape[1] * dist.get_world_size())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).type_as(x)

    @torch.no_grad()
    def _track(self, mean, variance, count):
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / max(count - 1, 1), self.momentum)


class MeanOverProcesses(torch.autograd.Function):
    """The mean of a tensor over all processes; its gradient is the mean of theirs."""

    @staticmethod
    def forward(_, x):
        return _mean(x)

    @staticmethod
    def backward(_, gradient):
        return _mean(gradient)


def _mean(x):
    x = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(x)
    return x / dist.get_world_size()
