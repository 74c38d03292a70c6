"""How far a set of generated pictures is from a set of real ones, by their Inception features: arrays (N, D)."""

import numpy as np
import torch
from torch import nn

from evaluation import vision
from evaluation.networks import NotComputed

SUBSETS, SUBSET = 100, 1000  # Of KID.
BLOCK = 2048  # Features whose distances are computed together.
FID_ROUNDING = 1e-3  # Below zero: roots of eigenvalues near zero are right to half of the digits.
ROUNDING = 1e-12  # Of a squared distance, relative to the squared lengths.


def fid(real, generated):
    """Frechet inception distance (Heusel et al., 2017), in float64 by torchmetrics."""
    _need(2, real, generated)
    if len(real) + len(generated) < real.shape[1]:
        real, generated = _within_their_span(real, generated)
    metric = vision.FrechetInceptionDistance(_Features(real.shape[1]))
    for features, is_real in ((real, True), (generated, False)):
        for block in _blocks(features):
            metric.update(block, real=is_real)
    distance = metric.compute().item()
    return 0.0 if -FID_ROUNDING < distance < 0 else distance


def kid(real, generated, subsets=SUBSETS, subset=SUBSET):
    """Kernel inception distance (Binkowski et al., 2018): mean and standard deviation over random subsets.

    Each is of `subset` images, or of as many as the smaller set has; the same ones each time.
    """
    _need(2, real, generated)
    subset = min(subset, len(real), len(generated))
    random = torch.Generator().manual_seed(0)

    def draw(features):
        chosen = torch.randperm(len(features), generator=random)[:subset].numpy()
        return torch.from_numpy(features[chosen]).double()

    values = [vision.poly_mmd(draw(real), draw(generated)).item() for _ in range(subsets)]
    return float(np.mean(values)), float(np.std(values))


def precision_recall(real, generated, k=3):
    """Improved precision and recall (Kynkaanniemi et al., 2019).

    Precision is the share of generated pictures that lie no farther from some real one than that one's k-th nearest
    real neighbour does; recall is the same with the sets exchanged.
    """
    _need(k + 1, real, generated)
    centre = torch.from_numpy(real.mean(0, dtype=np.float64))  # Shorter vectors: less rounding.
    real, generated = _Centred(real, centre), _Centred(generated, centre)
    precision = _covered(generated, real, _radii(real, k))
    return precision, _covered(real, generated, _radii(generated, k))


def _within_their_span(*sets):
    """Few features in an orthonormal basis of what they span: distances and covariances stay, as smaller matrices."""
    sets = [features.astype(np.float64) for features in sets]
    basis = np.linalg.qr(np.concatenate(sets).T).Q  # (D, M + N)
    return [features @ basis for features in sets]


class _Features(nn.Module):
    """What torchmetrics takes for a network: hands features through."""

    def __init__(self, width):
        super().__init__()
        self.num_features = width

    def forward(self, features):
        return features


class _Centred:
    """Features less a point, in float64, block by block."""

    def __init__(self, features, centre):
        self.features, self.centre = features, centre

    def __iter__(self):
        for block in _blocks(self.features):
            yield (block - self.centre).to(vision.device())


def _need(least, *sets):
    count = min(map(len, sets))
    if count < least:
        raise NotComputed(f"needs {least} images of each kind, there are {count}")


def _blocks(features):
    for start in range(0, len(features), BLOCK):
        yield torch.from_numpy(features[start : start + BLOCK]).double()


def _squared_distances(a, b):
    """(M, D), (N, D) -> (M, N). What rounding leaves of a distance of zero is made zero."""
    lengths = a.square().sum(1)[:, None] + b.square().sum(1)  # (M, N)
    squared = torch.addmm(lengths, a, b.T, alpha=-2)
    return squared.masked_fill_(squared < ROUNDING * lengths, 0)


def _radii(points, k):
    """Squared distance of each point to its k-th nearest other one, by blocks."""
    radii = []
    for block in points:
        nearest = block.new_empty(len(block), 0)
        for others in points:
            nearest = torch.cat([nearest, _squared_distances(block, others)], 1)
            nearest = nearest.topk(min(k + 1, nearest.shape[1]), largest=False).values  # Itself is one of them.
        radii.append(nearest.amax(1))
    return radii


def _covered(points, centres, radii):
    """The share of the points that lie within the radius of any of the centres."""
    covered = [
        torch.stack([(_squared_distances(block, c) <= r).any(1) for c, r in zip(centres, radii, strict=True)]).any(0)
        for block in points
    ]
    return torch.cat(covered).double().mean().item()
