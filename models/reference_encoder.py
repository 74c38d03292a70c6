"""The reference encoder: features of the source image, at the strides where the U-Net attends to them."""

from torch import nn

from models.layers import ResBlock, conv3


class ReferenceEncoder(nn.Module):
    """A stack of ResBlocks without time: the input side of the U-Net, over the source image."""

    def __init__(self, config):
        super().__init__()
        widths = [config.channels * multiplier for multiplier in config.channel_multipliers]
        self.strides = [2**level for level in range(len(widths))]
        self.used_strides = {attention.stride for attention in config.attention}
        self.stem = conv3(3, widths[0])
        self.levels = nn.ModuleList(
            nn.ModuleDict(
                {
                    "down": ResBlock(before, before, resample="down", dropout=config.dropout) if level else nn.Identity(),
                    "block1": ResBlock(before, width, dropout=config.dropout),
                    "block2": ResBlock(width, width, dropout=config.dropout),
                }
            )
            for level, (before, width) in enumerate(zip(widths[:1] + widths, widths, strict=False))
        )

    def forward(self, image):
        """image (B, 3, H, W) -> {stride: (first, second)}, both (B, C, H / stride, W / stride)."""
        features = {}
        h = self.stem(image)
        for stride, level in zip(self.strides, self.levels, strict=True):
            first = level["block1"](level["down"](h))
            h = level["block2"](first)
            if stride in self.used_strides:
                features[stride] = (first, h)
        return features
