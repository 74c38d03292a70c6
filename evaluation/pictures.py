"""Image files as a protocol sees them: read, resized, as arrays."""

import cv2
import numpy as np

from data.images import read_rgb, squeeze

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")  # Endings of image files.


def read_picture(path, size):
    """The image of a file, squeezed to `size` (H, W) by Pillow's bicubic kernel unless it has it: uint8 (H, W, 3) RGB.

    Raises InputError, beginning with the path, where it is no whole image.
    """
    image = read_rgb(path)
    return np.asarray(image if (image.height, image.width) == tuple(size) else squeeze(image, size))


def network_input(picture, protocol):
    """What a protocol shows LPIPS and Inception of a uint8 (H, W, 3) picture: float32 (3, H', W') in [0, 1]."""
    values = picture.astype(np.float32) / 255
    if protocol.networks is not None:
        height, width = protocol.networks.size
        values = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(values.transpose(2, 0, 1))
