"""The flow network: where each target pixel comes from in the source image, at several strides (GFLA's estimator)."""

import torch
from torch import nn

from models.layers import IMAGE_CHANNELS, POSE_CHANNELS, conv3

WIDTH, MAX_WIDTH = 32, 256


class FlowNet(nn.Module):
    """Source image and both poses -> a flow and a mask at each attention stride."""

    def __init__(self, config):
        super().__init__()
        self.strides = sorted((attention.stride for attention in config.attention), reverse=True)
        depth = self.strides[0].bit_length() - 1
        widths = [min(WIDTH * 2**i, MAX_WIDTH) for i in range(depth)]  # At strides 2, 4, 8, ..
        inputs = IMAGE_CHANNELS + 2 * POSE_CHANNELS
        at_stride = {2 ** (i + 1): width for i, width in enumerate(widths)}

        self.down = nn.ModuleList(DownBlock(*pair) for pair in zip([inputs, *widths], widths, strict=False))
        self.heads = nn.ModuleDict({str(stride): FlowHead(at_stride[stride]) for stride in self.strides})
        self.up = nn.ModuleDict({str(s): UpBlock(at_stride[2 * s], at_stride[s]) for s in self.strides[1:]})
        self.skip = nn.ModuleDict({str(s): SkipBlock(at_stride[s]) for s in self.strides[1:]})

    def forward(self, source_image, source_pose, target_pose):
        """Two dictionaries by stride s: flows (B, 2, H/s, W/s), in pixels of that grid, and masks (B, 1, H/s, W/s)."""
        # Down.
        h = torch.cat([source_image, source_pose, target_pose], dim=1)  # (B, 43, H, W)
        features = {}
        for level, block in enumerate(self.down):
            h = block(h)
            features[2 ** (level + 1)] = h

        # Up, with a head at each stride.
        flows, masks = {}, {}
        for stride in self.strides:
            if stride != self.strides[0]:
                h = self.up[str(stride)](h) + self.skip[str(stride)](features[stride])
            flows[stride], masks[stride] = self.heads[str(stride)](h)
        return flows, masks


class DownBlock(nn.Sequential):
    """Normalise and convolve twice; the first convolution halves the size."""

    def __init__(self, in_channels, out_channels):
        super().__init__(
            *_norm_act(in_channels),
            nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1),
            *_norm_act(out_channels),
            conv3(out_channels, out_channels),
        )


class UpBlock(nn.Module):
    """Residual block whose two branches double the size by transposed convolutions."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.main = nn.Sequential(
            *_norm_act(in_channels),
            conv3(in_channels, out_channels),
            *_norm_act(out_channels),
            _double(out_channels, out_channels),
        )
        self.shortcut = _double(in_channels, out_channels)

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


class SkipBlock(nn.Sequential):
    """Carries the features of the way down over to the way up."""

    def __init__(self, channels):
        super().__init__(
            nn.LeakyReLU(0.1),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect"),
        )


class FlowHead(nn.Module):
    """Reads a flow and a mask off the features, in float32 under any precision: positions need their digits."""

    def __init__(self, channels):
        super().__init__()
        self.flow = conv3(channels, 2)
        self.mask = conv3(channels, 1)

    def forward(self, h):
        with torch.autocast(h.device.type, enabled=False):
            h = h.float()
            return self.flow(h), self.mask(h).sigmoid()


def _norm_act(channels):
    return nn.InstanceNorm2d(channels, affine=True), nn.LeakyReLU(0.1)


def _double(in_channels, out_channels):
    return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
