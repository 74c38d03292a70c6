import dataclasses

import numpy as np
import pytest
from PIL import Image

from evaluation.pictures import network_input, read_picture
from evaluation.protocols import PROTOCOLS, Resize


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


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_protocols_record_says_how_pictures_are_resized(protocol, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    size = protocol.pictures.size or (30, 20)
    found = read_picture(tmp_path / "picture.png", protocol, size)
    pillow = Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found, np.asarray(pillow))
    other = dataclasses.replace(protocol, pictures=Resize(protocol.pictures.size, "OpenCV", "bilinear"))
    assert np.abs(read_picture(tmp_path / "picture.png", other, size) - found.astype(float)).max() > 1
    unknown = dataclasses.replace(protocol, networks=Resize((20, 20), "Pillow", "nearest"))
    with pytest.raises(KeyError):
        network_input(picture, unknown)
