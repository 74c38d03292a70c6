"""The measures: what can be asked for, and which way is better."""

PIXELS = ("ssim", "psnr", "l1", "mae")
NETWORKS = ("lpips", "fid", "kid", "pr")
ALL = PIXELS + NETWORKS

_HIGHER = ("ssim", "psnr", "precision", "recall")


def higher_is_better(measure):
    """Whether a measure, such as mask_ssim or lpips_alex, is better where it is higher."""
    return measure.removeprefix("mask_").startswith(_HIGHER)
