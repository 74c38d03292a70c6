import numpy as np

from evaluation.pictures import network_input
from evaluation.protocols import PROTOCOLS


def bilinear_by_hand(values, size):
    """(H, W, 3) at half-pixel centres: each output pixel from its four nearest, with no smoothing."""
    for axis, count in enumerate(size):
        length = values.shape[axis]
        centres = ((np.arange(count) + 0.5) * length / count - 0.5).clip(0, length - 1)
        low = np.floor(centres).astype(int)
        high = np.minimum(low + 1, length - 1)
        share = (centres - low).reshape([-1 if n == axis else 1 for n in range(3)])
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values


def test_pidms_networks_see_plain_bilinear_pictures():
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    expected = bilinear_by_hand(picture / 255, (256, 176)).transpose(2, 0, 1)
    found = network_input(picture, PROTOCOLS["pidm"])
    assert (found.shape, found.dtype) == ((3, 256, 176), np.float32)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
