"""What the denoiser is told of the source; nothing in it depends on the time t."""

import dataclasses

import torch
import torch.nn.functional as F


@dataclasses.dataclass(frozen=True)
class Condition:
    """One source image for each sample. The first three are by stride s."""

    features: dict  # Two maps of the reference encoder, each (B, C, H/s, W/s).
    flows: dict  # (B, 2, H/s, W/s), x first, in pixels of that grid. Empty without model.flow.
    masks: dict  # (B, 1, H/s, W/s): how much comes along the flow. Empty without model.flow.
    keep: torch.Tensor | None = None  # (B,): samples that are conditioned at all; None: all of them.
    # What flow attention takes from the above, by its place in the denoiser; for calls without gradients. To be emptied
    # where another field is replaced.
    sites: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Two source images for each sample, for the same target pose: of what flow attention brings, a share of each."""

    first: Condition
    second: Condition
    share: torch.Tensor  # (B, 1, H, W) in [0, 1]: how much comes from the second one.
    keep = None  # As of a Condition.

    def share_of(self, x):
        """The share at the grid of x (B, C, h, w), in its type: (B, 1, h, w)."""
        return F.interpolate(self.share, size=x.shape[2:], mode="area").to(x.dtype)
