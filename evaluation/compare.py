"""How near a picture is to the true photo: SSIM, PSNR and L1 of 8-bit RGB."""

from typing import NamedTuple

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

# Wang et al., Image quality assessment: from error visibility to structural similarity,
# 2004: an 11 x 11 Gaussian window.
SSIM_SETTINGS = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
SMALLEST_SIDE = 11


class Scores(NamedTuple):
    """Of one picture, or the means of many."""

    ssim: float  # Higher is better; 1 for equal pictures.
    psnr: float  # dB, higher is better; infinite for equal pictures.
    l1: float  # Mean absolute difference of values in [0, 1]; lower is better.


def compare(image, truth):
    """Scores of `image` against `truth`, both uint8 (H, W, 3) of one shape, at least SMALLEST_SIDE a side."""
    ssim = structural_similarity(truth, image, channel_axis=-1, **SSIM_SETTINGS)
    l1 = np.abs(image.astype(np.float64) - truth).mean() / 255
    with np.errstate(divide="ignore"):  # Equal pictures: infinite.
        psnr = peak_signal_noise_ratio(truth, image, data_range=255)
    return Scores(float(ssim), float(psnr), float(l1))


def mean(scores):
    """The mean of each measure over a list of Scores. One pair of equal pictures makes the mean PSNR infinite."""
    return Scores(*(float(np.mean(column)) for column in zip(*scores, strict=True)))
