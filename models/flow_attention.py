"""Flow attention with self-calibration (SCFM): the source's features, carried to where the flow says they go.

The flow network sees only the source and the poses. Inside the denoiser the picture itself tells where that flow is
wrong: a displacement predicted from the denoiser's features corrects it before the features are fetched.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn

from flow_ops import bilinear_warp, flow_local_attention, gaussian_warp, self_correlation
from models.layers import conv3, leaky_convs
from models.plain import laid_out


@dataclasses.dataclass(frozen=True)
class Site:
    """What flow attention in one place of the denoiser takes from the source; nothing in it depends on t or x."""

    feature: torch.Tensor  # (B, C, H, W), of the reference encoder.
    flow: torch.Tensor | None = None  # (B, 2, H, W) in pixels.
    mask: torch.Tensor | None = None  # (B, 1, H, W): how much comes along the flow.
    warped: torch.Tensor | None = None  # The feature along the flow, without a gradient. For calibration.
    centred: torch.Tensor | None = None  # The flow less its mean. For calibration.
    keys: torch.Tensor | None = None  # The half of the logits' hidden layer that reads the feature.


class FlowAttention(nn.Module):
    """Calibrate the flow, attend to the source along it, blend by the mask."""

    def __init__(
        self,
        channels,         # Of the denoiser's and of the reference features.
        hidden,           # Width of the calibration and of the attention's logits.
        kernel,           # Side k of the attention window.
        radius,           # Reach of the self-correlation.
        calibrated=True,  # Whether the flow is corrected first.
    ):  # fmt: skip
        super().__init__()
        self.calibration = SelfCalibration(channels, hidden, radius) if calibrated else None
        self.attention = LocalAttention(channels, hidden, kernel)

    def prepare(self, feature, flow, mask):
        """The Site of a feature, its flow and its mask."""
        warped = centred = None
        if self.calibration:
            warped = gaussian_warp(feature.detach(), flow.detach())
            centred = flow - flow.mean(dim=(2, 3), keepdim=True)
        return Site(feature, flow, mask, warped, centred, self.attention.keys(feature))

    def forward(self, x, site):
        """The residual to add to x (B, C, H, W), and the calibrated flow (B, 2, H, W) or None."""
        calibrated = self.calibration(x, site) if self.calibration else None
        flow = site.flow if calibrated is None else calibrated
        return x * (1 - site.mask) + self.attention(x, flow, site) * site.mask, calibrated


class UnwarpedFeature(nn.Module):
    """In place of FlowAttention where there is no flow: the source's features are the residual, as they stand."""

    def prepare(self, feature, flow, mask):  # noqa: ARG002
        """The Site of a feature."""
        return Site(feature)

    def forward(self, x, site):  # noqa: ARG002
        return site.feature, None


class SelfCalibration(nn.Module):
    """Corrects a flow by what the denoiser already sees."""

    def __init__(self, channels, hidden, radius):
        super().__init__()
        self.radius = radius
        displacements = (2 * (radius // 2) + 1) ** 2
        half, quarter = hidden // 2, hidden // 4
        self.error = leaky_convs(channels + 3, hidden, hidden, half, half, quarter, quarter)
        self.confidence = conv3(quarter, 1)
        self.features = leaky_convs(displacements + 1, hidden, half, quarter)
        self.displacement = nn.Conv2d(quarter, 2, 5, padding=2)

    def forward(self, x, site):
        """The calibrated flow, (B, 2, H, W) in pixels."""
        # Confidence, from how far the warped source is from the picture.
        distance = (x.detach() - site.warped).float().norm(dim=1, keepdim=True)
        error = self.error(laid_out(torch.cat([distance, site.centred, x], dim=1)))
        confidence = self.confidence(error).sigmoid()  # (B, 1, H, W)

        # Displacement, from how the picture resembles its own surroundings.
        correlation = F.leaky_relu(self_correlation(x, self.radius), 0.1)
        displacement = self.displacement(self.features(laid_out(torch.cat([correlation, confidence], dim=1))))
        return gaussian_warp(site.flow, displacement)  # (B, 2, H, W)


class LocalAttention(nn.Module):
    """Attention of each pixel over the k x k samples of the source around its flow's end point."""

    def __init__(self, channels, hidden, kernel):
        super().__init__()
        self.channels = channels
        self.kernel = kernel
        if kernel > 1:  # A single sample needs no weighing.
            self.to_hidden = nn.Conv2d(2 * channels, hidden, kernel)
            self.to_logits = nn.Conv2d(hidden, kernel**2, 1)

    def forward(self, x, flow, site):
        """(B, C, H, W) of the source's features, along the calibrated flow (B, 2, H, W)."""
        if self.kernel == 1:
            return bilinear_warp(site.feature, flow)
        return flow_local_attention(site.feature, flow, self.logits(x, flow, site.keys), self.kernel)

    def keys(self, feature):
        """What the logits need of the source's features: (B, hidden, H + k - 1, W + k - 1); None for a single sample.

        A k x k kernel reads the samples and the pixels they meet. Its half over the samples is linear, so it is taken
        before the sampling, and the k^2 samples are never laid out: a convolution of the padded features, read
        bilinearly along the flow.
        """
        if self.kernel == 1:
            return None
        _, weight_feature = self.to_hidden.weight.split(self.channels, dim=1)
        return F.conv2d(_replicate(feature, self.kernel - 1, self.kernel - 1), weight_feature)

    def logits(self, x, flow, keys):
        """The logits of the k^2 samples around each end point of the flow, (B, k^2, H, W)."""
        before, after = self.kernel // 2, self.kernel - 1 - self.kernel // 2
        weight_x, _ = self.to_hidden.weight.split(self.channels, dim=1)
        around_x = F.conv2d(_replicate(x, before, after), weight_x, self.to_hidden.bias)  # (B, hidden, H, W)
        hidden = around_x + bilinear_warp(keys, flow + after)
        return self.to_logits(F.leaky_relu(hidden, 0.1))


def _replicate(x, before, after):
    return F.pad(x, [before, after, before, after], mode="replicate")
