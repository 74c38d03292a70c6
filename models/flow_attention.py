"""Flow attention with self-calibration (SCFM): the source's features, carried to where the flow says they go.

The flow network sees only the source and the poses. Inside the denoiser the picture itself tells where that flow is
wrong: a displacement predicted from the denoiser's features corrects it before the features are fetched.
"""

import torch
import torch.nn.functional as F
from torch import nn

from flow_ops import bilinear_warp, flow_local_attention, gaussian_warp, self_correlation
from models.layers import conv3, leaky_convs


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

    def forward(self, x, feature, flow, mask):
        """x, feature (B, C, H, W); flow (B, 2, H, W) in pixels; mask (B, 1, H, W). The residual to add to x."""
        flow = self.calibration(x, feature, flow) if self.calibration else flow
        return x * (1 - mask) + self.attention(x, feature, flow) * mask


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

    def forward(self, x, feature, flow):
        """The calibrated flow, (B, 2, H, W) in pixels."""
        # Confidence, from how far the warped source is from the picture.
        distance = (x.detach() - gaussian_warp(feature.detach(), flow.detach())).float().norm(dim=1, keepdim=True)
        centred = flow - flow.mean(dim=(2, 3), keepdim=True)
        error = self.error(torch.cat([distance, centred, x], dim=1))
        confidence = self.confidence(error).sigmoid()  # (B, 1, H, W)

        # Displacement, from how the picture resembles its own surroundings.
        correlation = F.leaky_relu(self_correlation(x, self.radius), 0.1)
        displacement = self.displacement(self.features(torch.cat([correlation, confidence], dim=1)))
        return gaussian_warp(flow, displacement)  # (B, 2, H, W)


class LocalAttention(nn.Module):
    """Attention of each pixel over the k x k samples of the source around its flow's end point."""

    def __init__(self, channels, hidden, kernel):
        super().__init__()
        self.channels = channels
        self.kernel = kernel
        # A single sample needs no weighing.
        self.to_hidden = nn.Conv2d(2 * channels, hidden, kernel) if kernel > 1 else None
        self.to_logits = nn.Conv2d(hidden, kernel**2, 1) if kernel > 1 else None

    def forward(self, x, feature, flow):
        """(B, C, H, W) of the source's features; arguments as in FlowAttention, the flow calibrated."""
        if self.kernel == 1:
            return bilinear_warp(feature, flow)
        return flow_local_attention(feature, flow, self._logits(x, feature, flow), self.kernel)

    def _logits(self, x, feature, flow):
        """A k x k kernel over the samples and the pixels they meet, without ever laying out the k^2 samples.

        The half over the samples is linear, so it is taken before the sampling: a convolution of the padded source
        features, read bilinearly along the flow.
        """
        k = self.kernel
        before, after = k // 2, k - 1 - k // 2
        weight_x, weight_feature = self.to_hidden.weight.split(self.channels, dim=1)

        around_x = F.conv2d(_replicate(x, before, after), weight_x, self.to_hidden.bias)  # (B, hidden, H, W)
        around_feature = F.conv2d(_replicate(feature, k - 1, k - 1), weight_feature)  # (B, hidden, H + k - 1, ..)
        hidden = around_x + bilinear_warp(around_feature, flow + after)
        return self.to_logits(F.leaky_relu(hidden, 0.1))  # (B, k^2, H, W)


def _replicate(x, before, after):
    return F.pad(x, [before, after, before, after], mode="replicate")
