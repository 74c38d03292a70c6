"""The two losses that train the flow itself (Ren et al., GFLA): sampling correctness and affine regularisation."""

import torch
import torch.nn.functional as F
from torch import nn

from flow_ops import gaussian_warp, resize_flow

LARGEST_DISTANCE = 765  # Pixels that 1 stands for in the distances of a pose map.
LIMB_REACH = 0.08  # Distance at which closeness is 1/e, in image heights.
FAINT = 1e-3  # Norm of the closeness to all limbs, below which a place far from them has no features of this kind.


class FlowLoss(nn.Module):
    """Both losses over all strides. It holds no weights to train."""

    def __init__(
        self,
        extractor,        # Image -> list of feature maps, one per stride, finest first.
        kernels,          # Window of the affine regularisation by stride, finest first.
        limb_weight=0.0,  # Of the closeness to each limb, as features beside those of the image; these have 1.
    ):  # fmt: skip
        super().__init__()
        self.extractor, self.kernels, self.limb_weight = extractor, kernels, limb_weight

    def forward(self, flows, source, target):
        """Two scalars: correctness and affine regularisation, summed over strides.

        flows: a list by stride, over which the mean is taken; source and target: what `features` returned of them.
        """
        correctness = affine = 0
        for (stride, kernel), a, b in zip(self.kernels.items(), source, target, strict=True):
            count = len(flows[stride])
            for flow in (flow.float() for flow in flows[stride]):
                correctness = correctness + sampling_correctness(resize_flow(flow, a.shape[2:]), a, b) / count
                affine = affine + affine_regularisation(flow, kernel) / count
        return correctness, affine

    @torch.no_grad()
    def features(self, image, pose):
        """What correctness compares: a map per stride, of an image (B, 3, H, W) in [-1, 1], pose map (B, 20, H, W)."""
        with torch.autocast(image.device.type, enabled=False):
            return self._features(image, pose)

    def _features(self, image, pose):
        maps = self.extractor(image)
        if not self.limb_weight:
            return maps
        limbs = limb_closeness(pose)
        return [
            torch.cat([F.normalize(x, dim=1), self.limb_weight * F.normalize(y, dim=1, eps=FAINT)], dim=1)
            for x in maps
            for y in [F.adaptive_avg_pool2d(limbs, x.shape[2:])]
        ]


def limb_closeness(pose):
    """A pose map (B, 20, H, W) -> (B, 17, H, W), in [0, 1]: 1 on a limb, less with the distance, about 0 without it.

    So a place of the body is known by how near its limbs are, also where the cloth has one colour.
    """
    pixels = pose[:, 3:] * LARGEST_DISTANCE
    return torch.exp(-pixels / (LIMB_REACH * pose.shape[2]))


class PixelFeatures(nn.Module):
    """3 x 3 patches of the image, average-pooled to each stride: a flow can be trained with no weights at hand.

    Light and dark parts are channels of their own, so that features are never negative, as those of VGG's ReLUs: the
    correctness divides by a similarity.
    """

    def __init__(self, strides):
        super().__init__()
        self.strides = strides

    def forward(self, image):
        """(B, 3, H, W) -> a list of (B, 54, H/s, W/s)."""
        halves = torch.cat([image.relu(), (-image).relu()], dim=1)
        pooled = [F.avg_pool2d(halves, stride) for stride in self.strides]
        return [F.unfold(F.pad(x, [1] * 4, mode="replicate"), 3).unflatten(2, x.shape[2:]) for x in pooled]


def sampling_correctness(flow, source, target):
    """How far the warped source features are from the most similar ones there are, in [0, 1 - 1/e] (GFLA, eq. 2).

    flow: (B, 2, H, W) in pixels; source, target: features (B, C, H, W). A scalar.
    """
    similarity = F.cosine_similarity(target, gaussian_warp(source, flow), dim=1).flatten(1)  # (B, HW)
    target, source = (F.normalize(x.flatten(2), dim=1) for x in (target, source))
    best = (target.transpose(1, 2) @ source).amax(dim=2)  # (B, HW)
    return (-similarity / (best + 1e-8)).exp().mean() - torch.exp(similarity.new_tensor(-1.0))


def affine_regularisation(flow, kernel):
    """How far the flow's end points in each k x k window are from an affine map of it (GFLA, eq. 4).

    flow: (B, 2, H, W) in pixels. A scalar: squared residuals, summed over a window and both axes, mean over windows.
    """
    height, width = flow.shape[2:]
    columns = torch.arange(width, device=flow.device).expand(height, -1)
    rows = torch.arange(height, device=flow.device)[:, None].expand(-1, width)
    ends = flow + torch.stack([columns, rows])  # (B, 2, H, W)
    # An affine map is fitted as well around any origin; a window's own makes small numbers of large coordinates.
    windows = F.unfold(ends, kernel).unflatten(1, (2, kernel**2))  # (B, 2, k^2, windows)
    windows = windows - windows.mean(dim=2, keepdim=True)
    residual = torch.einsum("pq,bcqn->bcpn", _affine_residual(kernel).to(flow), windows)
    return residual.square().sum(dim=(1, 2)).mean()


def _affine_residual(kernel):
    """A (A^T A)^-1 A^T - I for the window's positions A = [row, column, 1]: what an affine map cannot explain."""
    rows, columns = torch.meshgrid(*[torch.arange(kernel, dtype=torch.float64)] * 2, indexing="ij")
    design = torch.stack([rows.flatten(), columns.flatten(), torch.ones(kernel**2, dtype=torch.float64)], dim=1)
    return design @ torch.linalg.pinv(design) - torch.eye(kernel**2, dtype=torch.float64)
