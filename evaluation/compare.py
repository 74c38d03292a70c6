"""How near a picture is to the true photo, by their pixels: SSIM, PSNR, L1 and MAE of 8-bit RGB."""

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

# What is the same in every protocol, in words, for the record.
CONVENTIONS = {
    "ssim": "of the three channels, averaged; with a uniform window on values in [0, 1], unbiased covariances",
    "psnr": "dB, of values 0 to 255; infinite for equal pictures",
    "l1": "mean |a - b| of values in [0, 1]",
    "mae": "sum |a - b| / sum (a + b) of values in [0, 1]; 0 for two black pictures",
    "mask_ssim": "SSIM of the whole pictures, both black outside the target pose's mask",
    "crop": "none",
}


def pixel_scores(image, truth, protocol, metrics, mask=None):
    """{measure: float} of `image` against `truth`, both uint8 (H, W, 3) of one shape, SSIM's windows fitting in.

    metrics: which of measures.PIXELS; mask: bool (H, W), for mask_ssim, which is NaN where nothing is in the mask.
    """
    scores = {}
    if "ssim" in metrics:
        scores |= {variant.name: _ssim(image, truth, variant) for variant in protocol.ssim}
        if mask is not None:
            scores |= {f"mask_{variant.name}": _masked_ssim(image, truth, variant, mask) for variant in protocol.ssim}
    if "psnr" in metrics:
        with np.errstate(divide="ignore"):  # Equal pictures: infinite.
            scores["psnr"] = float(peak_signal_noise_ratio(truth, image, data_range=255))
    if "l1" in metrics:
        scores["l1"] = float(_difference(image, truth) / (255 * image.size))
    if "mae" in metrics:
        levels = image.sum(dtype=np.int64) + truth.sum(dtype=np.int64)
        scores["mae"] = float(_difference(image, truth) / max(levels, 1))
    return scores


def _difference(image, truth):
    return np.abs(image.astype(np.int64) - truth).sum()


def _masked_ssim(image, truth, variant, mask):
    if not mask.any():
        return float("nan")
    inside = mask[:, :, None]
    return _ssim(image * inside, truth * inside, variant)


def _ssim(image, truth, variant):
    levels = 255
    if variant.data_range == "picture":
        levels = max(int(image.max()) - int(image.min()), 1)
    if variant.window is not None:
        settings = {"win_size": variant.window, "data_range": levels / 255}
        image, truth = image / 255, truth / 255
    else:
        settings = {"gaussian_weights": True, "sigma": variant.sigma, "use_sample_covariance": False}
        settings["data_range"] = levels
    score = structural_similarity(truth, image, channel_axis=-1, **settings)
    return float(score)  # pyright: ignore[reportArgumentType] (one number, unless asked for more)
