"""The denoising U-Net: slim at high resolution, flow attention at low, MSFF on the skips in between."""

import torch
import torch.nn.functional as F
from torch import nn

from models.flow_attention import FlowAttention
from models.layers import IMAGE_CHANNELS, POSE_CHANNELS, GroupNorm, ResBlock, TimeEmbedding, conv3, zero_
from models.msff import MSFF


class UNet(nn.Module):
    """Noisy image, time, target pose and the source's condition -> noise prediction and variance interpolation."""

    def __init__(self, config):
        super().__init__()
        widths = [config.channels * multiplier for multiplier in config.channel_multipliers]
        before = [widths[0], *widths[:-1]]  # Width of what enters each level.
        after = [*widths[1:], widths[-1]]  # Width of what comes up to each level.
        attention = {level.stride: level for level in config.attention}
        slim = len(widths) - len(attention)
        strides = [2**level for level in range(len(widths))]
        options = {"time_channels": 4 * config.channels, "dropout": config.dropout}

        def attend(stride, width):
            level = attention[stride]
            if not config.flow:
                return None
            return FlowAttention(width, config.channels, level.kernel, level.radius, config.self_calibration)

        self.time = TimeEmbedding(config.channels)
        self.stem = conv3(IMAGE_CHANNELS + POSE_CHANNELS, widths[0])
        self.slim_in = nn.ModuleList(SlimInput(before[i], widths[i], i == 0, options) for i in range(slim))
        self.deep_in = nn.ModuleList(
            DeepInput(before[i], widths[i], attend(strides[i], widths[i]), options) for i in range(slim, len(widths))
        )
        self.middle = Middle(widths[-1], attend(strides[-1], widths[-1]), options)
        self.deep_out = nn.ModuleList(
            DeepOutput(after[i], before[i], widths[i], attend(strides[i], widths[i]), options)
            for i in range(slim, len(widths))
        )
        self.slim_out = nn.ModuleList(SlimOutput(after[i], before[i], widths[i], i == 0, options) for i in range(slim))
        fused = (config.image_size, config.token_stride, before[:slim], strides[:slim], config.dropout)
        self.fusion = MSFF(*fused) if config.msff else nn.Identity()
        self.norm_out = GroupNorm(widths[0])
        self.conv_out = conv3(widths[0], 2 * IMAGE_CHANNELS)
        self.deep_strides = strides[slim:]

        # Zero: the first prediction is no noise at all.
        zero_(self.conv_out)

    def forward(self, x_t, t, target_pose, condition):
        """x_t (B, 3, H, W), t (B,), target_pose (B, 20, H, W), condition or None -> (B, 6, H, W)."""
        time = self.time(t)

        # Input side, slim levels: their first maps go on as they are, and fused as skips.
        h = self.stem(torch.cat([x_t, target_pose], dim=1))
        slim_skips = []
        for level in self.slim_in:
            first, h = level(h, time)
            slim_skips.append(first)
        slim_skips = self.fusion(slim_skips)

        # Input side, deep levels.
        deep_skips = []
        for stride, level in zip(self.deep_strides, self.deep_in, strict=True):
            skips = level(h, time, condition, stride)
            deep_skips.append(skips)
            h = skips[-1]

        # Middle.
        h = self.middle(h, time, condition, self.deep_strides[-1])

        # Output side.
        for stride, level, skips in reversed(list(zip(self.deep_strides, self.deep_out, deep_skips, strict=True))):
            h = level(h, skips, time, condition, stride)
        for level, skip in reversed(list(zip(self.slim_out, slim_skips, strict=True))):
            h = level(h, skip, time)
        return self.conv_out(F.silu(self.norm_out(h)))


class SlimInput(nn.Module):
    """Comes down a stride, and widens where the width changes; nothing else."""

    def __init__(self, before, width, is_first, options):
        super().__init__()
        self.down = None if is_first else ResBlock(before, before, resample="down", **options)
        self.widen = ResBlock(before, width, **options) if width != before else None

    def forward(self, h, time):
        """The level's first map, which is its skip, and what goes on."""
        first = self.down(h, time) if self.down else h
        return first, self.widen(first, time) if self.widen else first


class DeepInput(nn.Module):
    """Comes down a stride, then two ResBlocks, with flow attention after the second."""

    def __init__(self, before, width, attention, options):
        super().__init__()
        self.down = ResBlock(before, before, resample="down", **options)
        self.block1 = ResBlock(before, width, **options)
        self.block2 = ResBlock(width, width, **options)
        self.attention = attention

    def forward(self, h, time, condition, stride):
        """The three skips of the level; the last one goes on."""
        first = self.down(h, time)
        second = self.block1(first, time)
        third = attended(self.attention, self.block2(second, time), condition, stride, feature=1)
        return first, second, third


class Middle(nn.Module):
    """ResBlock, flow attention, ResBlock at the largest stride."""

    def __init__(self, width, attention, options):
        super().__init__()
        self.block1 = ResBlock(width, width, **options)
        self.attention = attention
        self.block2 = ResBlock(width, width, **options)

    def forward(self, h, time, condition, stride):
        h = attended(self.attention, self.block1(h, time), condition, stride, feature=1)
        return self.block2(h, time)


class DeepOutput(nn.Module):
    """Three ResBlocks that take the level's skips from last to first, attention after the second, then up a stride."""

    def __init__(self, after, before, width, attention, options):
        super().__init__()
        self.block1 = ResBlock(after + width, width, **options)
        self.block2 = ResBlock(width + width, width, **options)
        self.attention = attention
        self.block3 = ResBlock(width + before, width, **options)
        self.up = ResBlock(width, width, resample="up", **options)

    def forward(self, h, skips, time, condition, stride):
        first, second, third = skips
        h = self.block1(torch.cat([h, third], dim=1), time)
        h = self.block2(torch.cat([h, second], dim=1), time)
        h = attended(self.attention, h, condition, stride, feature=0)
        h = self.block3(torch.cat([h, first], dim=1), time)
        return self.up(h, time)


class SlimOutput(nn.Module):
    """Narrows where the width changes, takes the level's fused skip, then comes up a stride."""

    def __init__(self, after, before, width, is_first, options):
        super().__init__()
        self.narrow = ResBlock(after, width, **options) if after != width else None
        self.block = ResBlock(width + before, width, **options)
        self.up = None if is_first else ResBlock(width, width, resample="up", **options)

    def forward(self, h, skip, time):
        if self.narrow:
            h = self.narrow(h, time)
        h = self.block(torch.cat([h, skip], dim=1), time)
        return self.up(h, time) if self.up else h


def attended(attention, h, condition, stride, feature):
    """h plus the flow attention's residual, for the samples that keep their condition.

    Without flow attention the reference features are the residual, as they stand.
    """
    if condition is None:
        return h
    residual = condition.features[stride][feature]
    if attention is not None:
        residual = attention(h, residual, condition.flows[stride], condition.masks[stride])
    if condition.keep is not None:
        residual = residual * condition.keep[:, None, None, None]
    return h + residual
