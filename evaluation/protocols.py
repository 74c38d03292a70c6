"""Named ways to score: what is done to the pictures, and which variant of each measure is taken.

Published numbers differ more by these than by the methods. A protocol is a record of all of them; it is saved with
every result, and numbers are to be compared within one protocol only. `python -m evaluation --help` lists them.
"""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Resize:
    """How a picture is brought to a size, its aspect not kept."""

    size: tuple[int, int] | None  # Height, width; None: that of the generated pictures.
    library: str = "Pillow"  # Pillow, on 8-bit pixels, or OpenCV, on float32.
    kernel: str = "bicubic"  # Pillow's is antialiased; OpenCV's bilinear is not.


@dataclass(frozen=True)
class SSIM:
    """One variant of the structural similarity (Wang et al., 2004), computed by scikit-image."""

    name: str = "ssim"
    window: int | None = None  # Side of a uniform window; None: a Gaussian one, cut off at 3.5 sigma.
    sigma: float | None = 1.5
    data_range: str = "full"  # full: 255 levels; picture: largest minus smallest level of the generated picture.


@dataclass(frozen=True)
class Protocol:
    """One way to score. Pictures and photos are resized by `pictures`; every measure starts from there."""

    name: str
    summary: str
    pictures: Resize
    ssim: tuple[SSIM, ...]
    networks: Resize | None = None  # Once more, before LPIPS and Inception.
    lpips: tuple[str, ...] = ("alex",)  # Trunks: alex, vgg. Input in [-1, 1].
    inception: str = "imagenet"  # Weights: imagenet (torchvision's) or fid (the original FID's, in pytorch-fid).
    batch: int | None = None  # LPIPS and Inception see whole batches only; what is left at the end is dropped.
    masked: bool = False  # SSIM and LPIPS also with all but the pose's surroundings black.
    crop: tuple[int, int] | None = None  # Photos are first cropped to this shape, as those that a model saw.
    published_pairs: int | None = None  # The counts behind published numbers, for a word where they differ.
    published_reference: int | None = None

    def kept(self, count):
        """How many of `count` pictures, in order of their names, LPIPS and Inception see."""
        if self.batch is None or count < self.batch:
            return count
        return count - count % self.batch

    def record(self):
        """The protocol as plain data, for JSON."""
        return dataclasses.asdict(self)


_PIDM = Protocol(
    name="pidm",
    summary="PIDM and the release of this method: 256 x 256; FID and LPIPS at 256 x 176, whole batches of 64",
    pictures=Resize((256, 256)),
    ssim=(
        SSIM("ssim", window=51, sigma=None),
        SSIM("ssim_256", sigma=1.2, data_range="picture"),
    ),
    networks=Resize((256, 176), "OpenCV", "bilinear"),
    batch=64,
    published_pairs=8_570,
    published_reference=48_674,
)

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        _PIDM,
        dataclasses.replace(
            _PIDM,
            name="gfla",
            summary="GFLA and its successors: as pidm, with an SSIM_256 of sigma 1.5",
            ssim=(_PIDM.ssim[0], SSIM("ssim_256", data_range="picture")),
        ),
        Protocol(
            name="cfld",
            summary="CFLD: everything at 256 x 176, antialiased bicubic, all pictures",
            pictures=Resize((256, 176)),
            ssim=(SSIM(),),
            published_pairs=8_570,
        ),
        Protocol(
            name="clean",
            summary="the size of the generated pictures, all of them, the original FID's network, both LPIPS trunks",
            pictures=Resize(None),
            ssim=(SSIM(),),
            lpips=("alex", "vgg"),
            inception="fid",
        ),
        Protocol(
            name="market",
            summary="Market-1501 at 128 x 64, also masked by the pose (PATN)",
            pictures=Resize((128, 64)),
            ssim=(SSIM(data_range="picture"),),
            masked=True,
        ),
    )
}
