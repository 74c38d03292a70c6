"""The reference encoder: features of the source image, at the strides where the U-Net attends to them."""

from torch import nn

from models.layers import IMAGE_CHANNELS, Recomputable, ResBlock, conv3
from models.plain import laid_out


class ReferenceEncoder(nn.Module):
    """A stack of ResBlocks without time: the input side of the U-Net, over the source image."""

    def __init__(self, config):
        super().__init__()
        widths = [config.channels * multiplier for multiplier in config.channel_multipliers]
        self.strides = [2**level for level in range(len(widths))]
        self.used_strides = {attention.stride for attention in config.attention}
        self.stem = conv3(IMAGE_CHANNELS, widths[0])
        self.levels = nn.ModuleList(
            Level(before, width, level == 0, config.dropout)
            for level, (before, width) in enumerate(zip(widths[:1] + widths, widths, strict=False))
        )

    def forward(self, image):
        """image (B, 3, H, W) -> {stride: (first, second)}, both (B, C, H / stride, W / stride)."""
        features = {}
        h = self.stem(laid_out(image))
        for stride, level in zip(self.strides, self.levels, strict=True):
            first, h = level(h)
            if stride in self.used_strides:
                features[stride] = (first, h)
        return features


class Level(Recomputable):
    """Comes down a stride, then two ResBlocks."""

    def __init__(self, before, width, is_first, dropout):
        super().__init__()
        self.down = None if is_first else ResBlock(before, before, resample="down", dropout=dropout)
        self.block1 = ResBlock(before, width, dropout=dropout)
        self.block2 = ResBlock(width, width, dropout=dropout)

    def forward(self, h):
        """The outputs of both ResBlocks."""
        first = self.block1(self.down(h) if self.down else h)
        return first, self.block2(first)
