"""Photos: files of any kind -> RGB -> tensors, and back."""

import contextlib
import io
import struct

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from system.errors import InputError
from system.files import write_whole

# What is read, whatever a file's name says: Pillow knows formats that start another program, such as EPS.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")  # Of files that are taken for photos.
# What Pillow raises for files that are damaged or no images at all.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def read_rgb(path):
    """The image of a file of one of FORMATS as RGB, upright if its EXIF data tell how the camera was held.

    Transparent parts turn white; 16-bit grey is scaled to 8 bits.
    Raises InputError, beginning with the path, where there is no file or it is no whole image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            image.load()
            with contextlib.suppress(*DAMAGE):  # Of the EXIF data, which are no part of the picture.
                ImageOps.exif_transpose(image, in_place=True)
            return _rgb(image)
    except FileNotFoundError as error:
        raise InputError(f"{path}: expected an image, got no such file") from error
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected a whole image, got one that cannot be read ({reason})") from error


def decode_png(value):
    """The image in a PNG file's bytes as RGB. Raises one of DAMAGE where a bit differs from what was written."""
    # The checksums: decoding alone lets some bit flips through.
    try:
        Image.open(io.BytesIO(value), formats=("PNG",)).verify()
    except UnidentifiedImageError as error:  # Which names an object of ours.
        raise ValueError("this is none") from error
    return Image.open(io.BytesIO(value), formats=("PNG",)).convert("RGB")


def _rgb(image):
    if image.mode.startswith("I"):  # 16 bits of grey; 65535 = 255 * 257.
        grey = np.asarray(image).astype(np.float64) / 257
        return Image.fromarray(np.rint(grey).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def squeeze(image, size):
    """The image resized to `size` (H, W), its aspect not kept: PIL bicubic."""
    height, width = size
    return image.resize((width, height), Image.Resampling.BICUBIC)


def to_levels(image):
    """RGB image -> uint8 (3, H, W), an array."""
    return np.asarray(image).transpose(2, 0, 1).copy()


def to_tensor(image):
    """RGB image -> float32 (3, H, W) in [-1, 1]."""
    import torch  # Here, so that processes which only read photos start in a tenth of the time and memory.

    from data.levels import image_floats

    return image_floats(torch.from_numpy(to_levels(image)))


def to_image(tensor):
    """(3, H, W) in [-1, 1], clipped to it -> RGB image."""
    levels = tensor.detach().float().clamp(-1, 1).add(1).mul(127.5).round().byte()
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())


def write_png(path, image):
    """Write an image of Pillow as a PNG file, whole or not at all. Raises InputError where writing fails."""
    write_whole(path, lambda file: image.save(file, format="PNG"))
