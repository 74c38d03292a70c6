"""LPIPS of generated pictures against their target photos."""

import numpy as np
import torch

from evaluation.batches import read_batches
from evaluation.pictures import network_input, read_picture


def lpips_distances(network, results, protocol, size, mask=None):
    """The distance of each result's `generated` from its `target`: float64 (N,).

    network: an LPIPS. size: (H, W) of the protocol's pictures. mask(result): bool (H, W), what is to be compared; the
    rest is black in both pictures.
    Raises InputError, beginning with the path, for a file that is no whole image.
    """

    def read(result):
        pictures = [read_picture(path, protocol, size) for path in (result.generated, result.target)]
        if mask is not None:
            pictures = [np.where(mask(result)[..., None], picture, np.uint8(0)) for picture in pictures]
        return np.stack([network_input(picture, protocol) for picture in pictures])  # (2, 3, H, W)

    distances = []
    for pairs in read_batches(read, results, "LPIPS"):  # (B, 2, 3, H, W)
        generated, target = (pairs * 2 - 1).unbind(1)
        distances.append(network(generated, target).cpu().double())
    return torch.cat(distances).numpy()
