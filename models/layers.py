"""The blocks that several networks are built from."""

import math
from itertools import pairwise

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from models.norm import NormSiLU
from models.plain import is_plain

IMAGE_CHANNELS, POSE_CHANNELS = 3, 20
CHANNELS_IN_A_ROW = 128  # Of a sum in float32; see convolved3.


class Recomputable(nn.Module):
    """A part that, with `recompute`, keeps only its input for the backward pass, which computes the rest again.

    It is called by position.
    """

    recompute = False

    def __call__(self, *inputs):
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(super().__call__, *inputs, use_reentrant=False)
        return super().__call__(*inputs)


class ResBlock(Recomputable):
    """Residual block, modulated by the time embedding where there is one, optionally changing the resolution.

    (B, in_channels, H, W) -> (B, out_channels, H', W') with H' = H, 2 H ("up") or H / 2 ("down").
    """

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
        self.norm_in = NormSiLU(in_channels)
        self.conv_in = conv3(in_channels, out_channels)
        self.modulation = nn.Linear(time_channels, 2 * out_channels) if time_channels else None
        self.norm_out = NormSiLU(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = conv3(out_channels, out_channels)
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

        # Zero: every block starts as its skip.
        zero_(self.conv_out)

    def forward(self, x, time=None, skip=None):
        """time: (B, time_channels), or (1, ..) for all samples alike. skip: a map whose channels follow those of x.

        A skip of half as many samples belongs to the first half of x and to the second; see `models.unet`.
        """
        h, x = self._convolved_in(x, skip)  # (B, out_channels, H', W'), both
        modulation = None
        if self.modulation is not None:
            assert time is not None
            modulation = self.modulation(F.silu(time))
            modulation = modulation if len(modulation) == 1 else _repeated(modulation, len(h))
        return _added(self.conv_out(self.dropout(self.norm_out(h, modulation))), x)

    def _convolved_in(self, x, skip):
        """conv_in of the normalised input, and the input on the block's own skip."""
        if skip is not None and len(skip) < len(x):
            return self._convolved_in_halves(x, skip)
        x = x if skip is None else torch.cat([x, skip], dim=1)
        h = self.norm_in(x)
        if isinstance(self.resample, nn.Upsample) and not is_plain():
            return upsampled_conv3(h, self.conv_in), self.resample(x)
        return self.conv_in(self.resample(h)), self.skip(self.resample(x))

    def _convolved_in_halves(self, x, skip):
        """The same, with what follows from the skip alone computed once for both halves of x.

        Convolutions are linear in their input channels. A group that lies across the seam belongs to x.
        """
        assert isinstance(self.skip, nn.Conv2d)  # The channels of a skip are more than go out.
        seam = self.norm_in.whole_groups(x.shape[1])
        across = seam - x.shape[1]
        x = torch.cat([x, _repeated(skip[:, :across], len(x))], dim=1) if across else x
        skip = skip[:, across:]
        h = convolved3(self.norm_in(x, channels=slice(seam)), self.conv_in.weight[:, :seam], self.conv_in.bias)
        of_skip = self.norm_in(skip, channels=slice(seam, None))
        h = _added_to_halves(h, convolved3(of_skip, self.conv_in.weight[:, seam:]))
        x = F.conv2d(x, self.skip.weight[:, :seam], self.skip.bias)
        return h, _added_to_halves(x, F.conv2d(skip, self.skip.weight[:, seam:]))


def _repeated(x, count):
    """x (B, ..) for `count` samples, B after B."""
    return x if len(x) == count else x.repeat(count // len(x), *[1] * (x.dim() - 1))


def upsampled_conv3(x, conv):
    """A 3 x 3 convolution of x upsampled to twice its size (nearest): (B, C, H, W) -> (B, C', 2 H, 2 W).

    Neighbours that the upsampling made equal meet several taps of the kernel, whose sum can be taken beforehand: what
    remains is four 2 x 2 convolutions, one for each phase of the output, or a transposed 4 x 4 one of stride 2.
    """
    weight = _phases(_phases(conv.weight, 2), 3)  # (C', C, 4, 4)
    return F.conv_transpose2d(x, weight.transpose(0, 1), conv.bias, stride=2, padding=1)


def _phases(weight, axis):
    """Three taps along an axis -> the four of the transposed convolution."""
    first, middle, last = weight.unbind(axis)
    return torch.stack([last, middle + last, first + middle, first], dim=axis)


def _added(x, y):
    """x + y, in the memory of x where no gradient needs it: x must be a result that nothing else holds."""
    return x + y if torch.is_grad_enabled() or is_plain() else x.add_(y)


def _added_to_halves(x, half):
    """x (2 B, ..) plus half (B, ..) on both halves, as `_added`."""
    return _added(x.unflatten(0, (-1, len(half))), half).flatten(0, 1)


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


class Conv3(nn.Conv2d):
    """A 3 x 3 convolution that keeps the size."""

    def forward(self, x):
        return convolved3(x, self.weight, self.bias)


def conv3(in_channels, out_channels):
    """A Conv3 of those widths."""
    return Conv3(in_channels, out_channels, 3, padding=1)


def convolved3(x, weight, bias=None):
    """F.conv2d(x, weight, bias, padding=1), with the digits of float32 also where its many channels are last.

    On CPUs such a convolution adds all products of a pixel in one row; sums of parts of the channels err less.
    """
    exact = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if not exact or is_plain() or torch.is_grad_enabled():
        return F.conv2d(x, weight, bias, padding=1)
    (first, *others), weights = x.split(CHANNELS_IN_A_ROW, dim=1), weight.split(CHANNELS_IN_A_ROW, dim=1)
    h = F.conv2d(first, weights[0], bias, padding=1)
    for part, of_part in zip(others, weights[1:], strict=True):
        h += F.conv2d(part, of_part, padding=1)
    return h


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
        tracked = dict(self.named_buffers())
        assert self.momentum is not None
        tracked["num_batches_tracked"] += 1
        tracked["running_mean"].lerp_(mean, self.momentum)
        tracked["running_var"].lerp_(variance * count / max(count - 1, 1), self.momentum)


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
