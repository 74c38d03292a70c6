"""The denoising U-Net: slim at high resolution, flow attention at low, MSFF on the skips in between."""

import dataclasses
from typing import Any

import torch
from torch import nn

from models.condition import Mixture
from models.flow_attention import FlowAttention, UnwarpedFeature
from models.layers import IMAGE_CHANNELS, POSE_CHANNELS, Recomputable, ResBlock, TimeEmbedding, conv3, zero_
from models.msff import MSFF
from models.norm import NormSiLU
from models.plain import is_plain, laid_out


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
                return UnwarpedFeature()
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
        self.norm_out = NormSiLU(widths[0])
        self.conv_out = conv3(widths[0], 2 * IMAGE_CHANNELS)
        self.deep_strides = strides[slim:]

        # Zero: the first prediction is no noise at all.
        zero_(self.conv_out)

    def forward(self, x_t, t, target_pose, condition, both=False):
        """x_t (B, 3, H, W), t (B,) or (1,), target_pose (B, 20, H, W), condition or None -> (B, 6, H, W), calibrated.

        both: the predictions with the condition, then those without, (2 B, 6, H, W). What comes before the first flow
        attention, the same for both, is computed once.
        calibrated: stride -> the flows (B, 2, H, W) of that grid that self-calibration made of the condition's, from
        each flow attention in turn.
        """
        time, branches = self.time(t), Branches(condition, len(x_t), both)
        calibrated = {}

        # Input side, slim levels: their first maps go on as they are, and fused as skips.
        h = self.stem(laid_out(torch.cat([x_t, target_pose], dim=1)))
        slim_skips = []
        for level in self.slim_in:
            first, h = level(h, time)
            slim_skips.append(first)
        slim_skips = self.fusion(slim_skips)

        # Input side, deep levels.
        deep_skips = []
        for stride, level in zip(self.deep_strides, self.deep_in, strict=True):
            *skips, flow = level(h, time, branches, stride)
            calibrated[stride] = [flow]
            deep_skips.append(skips)
            h = skips[-1]

        # Middle.
        h, flow = self.middle(h, time, branches, self.deep_strides[-1])
        calibrated[self.deep_strides[-1]].append(flow)

        # Output side.
        for stride, level, skips in reversed(list(zip(self.deep_strides, self.deep_out, deep_skips, strict=True))):
            h, flow = level(h, skips, time, branches, stride)
            calibrated[stride].append(flow)
        for level, skip in reversed(list(zip(self.slim_out, slim_skips, strict=True))):
            h = level(h, skip, time)
        present = {stride: flows for stride, flows in calibrated.items() if flows[0] is not None}
        return self.conv_out(self.norm_out(h)), present

    def prepare(self, condition):
        """The Site of each flow attention, by its place, for `Condition.sites`: what sampling need not repeat."""
        sites = {}
        for stride, before, after in zip(self.deep_strides, self.deep_in, self.deep_out, strict=True):
            sites |= before.prepare(condition, stride) | after.prepare(condition, stride)  # pyright: ignore[reportCallIssue]
        return sites | self.middle.prepare(condition, self.deep_strides[-1])


class SlimInput(Recomputable):
    """Comes down a stride, and widens where the width changes; nothing else."""

    def __init__(self, before, width, is_first, options):
        super().__init__()
        self.down = None if is_first else ResBlock(before, before, resample="down", **options)
        self.widen = ResBlock(before, width, **options) if width != before else None

    def forward(self, h, time):
        """The level's first map, which is its skip, and what goes on."""
        first = self.down(h, time) if self.down else h
        return first, self.widen(first, time) if self.widen else first


class AttendingLevel(Recomputable):
    """A part of the U-Net with flow attention in it."""

    place, feature = "", 0  # What its sites are called, and which of the stride's two reference features they take.
    attention: FlowAttention | UnwarpedFeature

    def prepare(self, condition, stride):
        """{place: Site} for a condition."""
        return {f"{self.place}{stride}": self._site(condition, stride)}

    def attend(self, h, branches, stride):
        """h plus what flow attention adds, for the samples that are conditioned, and the calibrated flow or None."""
        condition = branches.condition
        if condition is None:
            return h, None
        conditioned, rest = branches.apart(h)
        residual, flow = self._fetched(conditioned, condition, stride)
        return branches.together(conditioned, residual, rest), flow

    def _fetched(self, x, condition, stride):
        """What flow attention would add to x, and the calibrated flow; of a Mixture, that of its first condition."""
        if isinstance(condition, Mixture):
            (first, flow), (second, _) = (self._fetched(x, of, stride) for of in (condition.first, condition.second))
            return torch.lerp(first, second, condition.share_of(first)), flow
        prepared = condition.sites and not (torch.is_grad_enabled() or is_plain())
        site = condition.sites[f"{self.place}{stride}"] if prepared else self._site(condition, stride)
        return self.attention(x, site)

    def _site(self, condition, stride):
        flow, mask = condition.flows.get(stride), condition.masks.get(stride)
        return self.attention.prepare(condition.features[stride][self.feature], flow, mask)


@dataclasses.dataclass(frozen=True)
class Branches:
    """The condition of a forward pass, and which of its samples it is for."""

    condition: Any  # A Condition or a Mixture, or None.
    count: int  # Samples, each branch counted once.
    both: bool  # Whether they are predicted with the condition and without it.

    def apart(self, h):
        """The samples that are conditioned, and those that are not: the same ones before the first flow attention."""
        return h.chunk(2) if len(h) > self.count else (h, h)

    def together(self, conditioned, residual, rest):
        """The samples to go on with: what keeps its condition gains the residual."""
        keep = self.condition.keep
        conditioned = conditioned + (residual if keep is None else residual * keep[:, None, None, None])
        return torch.cat([conditioned, rest]) if self.both else conditioned


class DeepInput(AttendingLevel):
    """Comes down a stride, then two ResBlocks, with flow attention after the second."""

    place, feature = "in", 1

    def __init__(self, before, width, attention, options):
        super().__init__()
        self.down = ResBlock(before, before, resample="down", **options)
        self.block1 = ResBlock(before, width, **options)
        self.block2 = ResBlock(width, width, **options)
        self.attention = attention

    def forward(self, h, time, branches, stride):
        """The three skips of the level, of which the last one goes on, and the calibrated flow."""
        first = self.down(h, time)
        second = self.block1(first, time)
        third, flow = self.attend(self.block2(second, time), branches, stride)
        return first, second, third, flow


class Middle(AttendingLevel):
    """ResBlock, flow attention, ResBlock at the largest stride."""

    place, feature = "middle", 1

    def __init__(self, width, attention, options):
        super().__init__()
        self.block1 = ResBlock(width, width, **options)
        self.attention = attention
        self.block2 = ResBlock(width, width, **options)

    def forward(self, h, time, branches, stride):
        """What goes on, and the calibrated flow."""
        h, flow = self.attend(self.block1(h, time), branches, stride)
        return self.block2(h, time), flow


class DeepOutput(AttendingLevel):
    """Three ResBlocks that take the level's skips from last to first, attention after the second, then up a stride."""

    place, feature = "out", 0

    def __init__(self, after, before, width, attention, options):
        super().__init__()
        self.block1 = ResBlock(after + width, width, **options)
        self.block2 = ResBlock(width + width, width, **options)
        self.attention = attention
        self.block3 = ResBlock(width + before, width, **options)
        self.up = ResBlock(width, width, resample="up", **options)

    def forward(self, h, skips, time, branches, stride):
        """What goes on, and the calibrated flow."""
        first, second, third = skips
        h = self.block1(h, time, third)
        h, flow = self.attend(self.block2(h, time, second), branches, stride)
        h = self.block3(h, time, first)
        return self.up(h, time), flow


class SlimOutput(Recomputable):
    """Narrows where the width changes, takes the level's fused skip, then comes up a stride."""

    def __init__(self, after, before, width, is_first, options):
        super().__init__()
        self.narrow = ResBlock(after, width, **options) if after != width else None
        self.block = ResBlock(width + before, width, **options)
        self.up = None if is_first else ResBlock(width, width, resample="up", **options)

    def forward(self, h, skip, time):
        if self.narrow:
            h = self.narrow(h, time)
        h = self.block(h, time, skip)
        return self.up(h, time) if self.up else h
