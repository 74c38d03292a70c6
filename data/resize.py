"""How a photo of any shape becomes an image of the model's size, and where its keypoints land there.

A mode is one of config.checks.RESIZES: `squeeze` does not keep the aspect, `pad` shows the photo whole between white
bars, `crop` its middle, as large as it goes.
"""

from typing import NamedTuple

from PIL import Image

from data.images import squeeze
from data.pose import annotation_to_image


class Placement(NamedTuple):
    """Where a photo lies on an image. Of a resized photo, the image shows what begins at `offset`."""

    resized: tuple[float, float]  # Height and width of the whole photo, in pixels of the image.
    offset: tuple[float, float]  # Row and column; below 0 where the image begins with a bar.

    def enlarged(self, before, after, offset):
        """The same where the image, of size `before`, is enlarged to `after` (H, W) and cropped from `offset` on."""
        resized, begins = (
            tuple(value * new / old for value, new, old in zip(values, after, before, strict=True)) for values in self
        )
        return Placement(resized, tuple(place + more for place, more in zip(begins, offset, strict=True)))

    def keypoints(self, annotation):
        """Keypoints (18, 2) of a photo, from the annotation frame to pixels of the image."""
        return annotation_to_image(annotation, self.resized, self.offset)


def placement(photo, size, mode):
    """The Placement of a photo of size `photo` (H, W) on an image of `size`."""
    if mode == "squeeze":
        return Placement(tuple(size), (0, 0))
    scales = [side / own for side, own in zip(size, photo, strict=True)]
    if mode == "crop":
        resized = tuple(side * max(scales) for side in photo)
        return Placement(resized, tuple((own - side) / 2 for own, side in zip(resized, size, strict=True)))
    height, width = (max(1, round(side * min(scales))) for side in photo)
    return Placement((height, width), (-((size[0] - height) // 2), -((size[1] - width) // 2)))


def fit(image, size, mode):
    """An RGB image of any size as one of `size` (H, W)."""
    if mode == "squeeze":
        return squeeze(image, size)
    resized, (top, left) = placement(image.size[::-1], size, mode)
    if mode == "crop":
        scale = image.height / resized[0]
        box = tuple(scale * place for place in (left, top, left + size[1], top + size[0]))
        return image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=_within(box, image))
    canvas = Image.new("RGB", (size[1], size[0]), "white")
    canvas.paste(squeeze(image, resized), (-int(left), -int(top)))
    return canvas


def shown(photo, size, mode):
    """(top, left, bottom, right) of the part of an image of `size` that shows anything of a photo of size `photo`."""
    (height, width), (top, left) = placement(photo, size, mode)
    return (-top, -left, height - top, width - left) if mode == "pad" else (0, 0, *size)


def unfit(image, photo, mode, height=None):
    """An image that `fit` could have made of a photo of size `photo` (H, W), in the photo's shape again.

    The bars of `pad` are cut off, the aspect that `squeeze` did not keep is restored. height: in pixels, or None for
    as many as the image has.
    """
    top, left, bottom, right = shown(photo, image.size[::-1], mode)
    part = image.crop((left, top, right, bottom))
    height = height or part.height
    aspect = photo[1] / photo[0] if mode == "squeeze" else part.width / part.height
    width = max(1, round(height * aspect))
    return part if part.size == (width, height) else part.resize((width, height), Image.Resampling.BICUBIC)


def _within(box, image):
    """The box without what rounding puts beyond the image."""
    return tuple(min(max(place, 0), side) for place, side in zip(box, (*image.size, *image.size), strict=True))
