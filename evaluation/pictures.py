"""Image files as a protocol sees them: read, resized, as arrays."""

import cv2
import numpy as np
from PIL import Image

from data.images import read_rgb, squeeze
from data.resize import fit

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")  # Endings of image files.


def read_picture(path, protocol, size):
    """The image of a file, brought to `size` (H, W) as the protocol says unless it has it: uint8 (H, W, 3) RGB.

    Raises InputError, beginning with the path, where it is no whole image.
    """
    image = read_rgb(path)
    picture = np.asarray(fit(image, protocol.crop, "crop") if protocol.crop else image)
    return picture if picture.shape[:2] == tuple(size) else _resized(picture, protocol.pictures, size)


def network_input(picture, protocol):
    """What a protocol shows LPIPS and Inception of a uint8 (H, W, 3) picture: float32 (3, H', W') in [0, 1]."""
    if protocol.networks is not None:
        picture = _resized(picture, protocol.networks, protocol.networks.size)
    return np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32) / 255


def _resized(picture, resize, size):
    return _RESIZES[resize.library, resize.kernel](picture, size)


def _pillow_bicubic(picture, size):
    return np.asarray(squeeze(Image.fromarray(picture), size))


def _opencv_bilinear(picture, size):
    return cv2.resize(picture.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)


# By library and kernel, as protocols name them: (H, W, 3) -> (*size, 3).
_RESIZES = {("Pillow", "bicubic"): _pillow_bicubic, ("OpenCV", "bilinear"): _opencv_bilinear}
