"""Group normalisation, modulation and SiLU as one step."""

import torch
import torch.nn.functional as F
from torch import nn

from models.plain import is_plain

MOST_GROUPS, SMALLEST_GROUP = 32, 4
BLOCK = 2**20  # Values whose squares are added up at a time.


class NormSiLU(nn.GroupNorm):
    """Group normalisation with 32 groups, an optional modulation, and SiLU; computed in float32 under any precision.

    Narrow maps have fewer groups, of four channels: a channel normalised by itself forgets its mean, and with it the
    brightness of the picture.
    """

    def __init__(self, channels):
        super().__init__(min(MOST_GROUPS, channels // SMALLEST_GROUP), channels)

    def forward(self, x, modulation=None, channels=slice(None)):
        """silu(normalised x, times 1 + scale, plus shift), (B, C, H, W).

        modulation: scale, then shift, (B, 2 C), or (1, 2 C) for all samples alike. channels: those of this norm that x
        holds, whole groups of them.
        """
        weight, bias = self.weight[channels].float(), self.bias[channels].float()
        groups = self.num_groups * x.shape[1] // self.num_channels
        if is_plain() or (torch.is_grad_enabled() and torch.compiler.is_compiling()):
            return norm_silu(x, weight, bias, modulation, groups, self.eps)
        weight, bias = weight[None], bias[None]
        if modulation is not None:  # Two affine maps in a row are one.
            scale, shift = modulation.float().chunk(2, dim=1)
            weight, bias = weight * (1 + scale), bias * (1 + scale) + shift  # (B or 1, C)
        if torch.is_grad_enabled():
            return _NormSiLU.apply(x, weight, bias, groups, self.eps)
        h = x.float()
        scale, shift, _ = _standardising(h, groups, self.eps)
        h = torch.addcmul(_map(shift * weight + bias), h, _map(scale * weight))
        return F.silu(h, inplace=True).type_as(x)

    def whole_groups(self, channels):
        """The number of channels up to the end of the group in which channel number `channels` - 1 stands."""
        size = self.num_channels // self.num_groups
        return -(-channels // size) * size


def norm_silu(x, weight, bias, modulation, groups, eps):
    """What NormSiLU computes, step by step; weight and bias are (C,)."""
    h = F.group_norm(x.float(), groups, weight, bias, eps)
    if modulation is not None:
        scale, shift = modulation.float()[:, :, None, None].chunk(2, dim=1)
        h = h * (1 + scale) + shift
    return F.silu(h).type_as(x)


class _NormSiLU(torch.autograd.Function):
    """silu(normalised x * weight + bias), weight and bias (B or 1, C).

    Of its maps only the normalised one is kept for the backward pass: the others follow from it.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, groups, eps):
        normalised, rstd = _normalised(x, groups, eps)  # (B, C, H, W), (B, groups)
        h = torch.addcmul(_map(bias), normalised, _map(weight))
        ctx.save_for_backward(normalised.type_as(x), rstd, weight, bias)
        return F.silu(h, inplace=True).type_as(x)

    @staticmethod
    def backward(ctx, gradient):
        kept, rstd, weight, bias = ctx.saved_tensors
        normalised = kept.float()
        h = torch.addcmul(_map(bias), normalised, _map(weight))
        gradient = torch.ops.aten.silu_backward.grad_input(gradient.float(), h, grad_input=h)
        of_bias = gradient.sum(dim=(2, 3))  # (B, C)
        of_weight = (gradient * normalised).sum(dim=(2, 3))

        # What the mean and the deviation of a group take out of it: two sums over it, which these already are.
        size = kept[0, 0].numel() * kept.shape[1] // rstd.shape[1]
        along_one, along_normalised = ((weight * y).unflatten(1, (rstd.shape[1], -1)) for y in (of_bias, of_weight))
        means = [(y.sum(dim=2, keepdim=True) / size).expand_as(y).flatten(1) for y in (along_one, along_normalised)]
        rstd = rstd[:, :, None].expand_as(along_one).flatten(1)  # (B, C), each a group's
        of_x = torch.addcmul(_map(-means[0] * rstd), gradient, _map(weight * rstd))
        of_x.addcmul_(normalised, _map(-means[1] * rstd))
        if len(weight) == 1:
            of_weight, of_bias = of_weight.sum(dim=0, keepdim=True), of_bias.sum(dim=0, keepdim=True)
        return of_x.type_as(kept), of_weight, of_bias, None, None


def _normalised(x, groups, eps):
    """x normalised in float32, laid out as x is, and 1 / deviation of each group (B, groups)."""
    x = x.float()
    scale, shift, rstd = _standardising(x, groups, eps)
    return torch.addcmul(_map(shift), x, _map(scale)), rstd


def _standardising(x, groups, eps):
    """Scale and shift (B, C) that normalise x in float32, and 1 / deviation of each group (B, groups)."""
    variance, mean = (moments if x.device.type == "cpu" else moments_at_once)(x, groups)  # (B, groups), both
    rstd = torch.rsqrt(variance + eps)
    scale, shift = (y.repeat_interleave(x.shape[1] // groups, dim=1) for y in (rstd, -mean * rstd))
    return scale, shift, rstd


def moments_at_once(x, groups):
    """Variance and mean of each group of x (B, C, H, W): (B, groups), both. One kernel on a GPU, slow elsewhere."""
    return torch.var_mean(x.unflatten(1, (groups, -1)), dim=(2, 3, 4), correction=0)


def moments(x, groups):
    """The same, in about the time of reading x twice where its channels are last.

    Torch's own normalisation of such maps adds up a whole group in one row, and loses two digits of large ones. Its
    sums are cascades, so they keep them; a block of rows at a time, the squares stay in the cache. Where a mean is a
    hundred times the deviation, three digits of the variance are left.
    """
    total = squares = x.new_zeros(())  # (B, C) from the first block on.
    for block in x.split(max(1, BLOCK // x[:, :, 0].numel()), dim=2):
        total = total + block.sum(dim=(2, 3))
        squares = squares + block.square().sum(dim=(2, 3))
    count = x[0].numel() // groups
    mean, mean_square = (y.unflatten(1, (groups, -1)).sum(dim=2) / count for y in (total, squares))
    return (mean_square - mean.square()).clamp(min=0), mean


def _map(x):
    """(B, C) -> (B, C, 1, 1)."""
    return x[:, :, None, None]
