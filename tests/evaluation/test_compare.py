import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from evaluation.compare import pixel_scores
from evaluation.protocols import PROTOCOLS
from tests.evaluation.sets import PIXELS, picture

SIZE = (64, 56)
GAUSSIAN = {"gaussian_weights": True, "use_sample_covariance": False}
SSIM = {  # By protocol: what published code asks of scikit-image, on values in [0, 1].
    "pidm": {
        "ssim": {"win_size": 51, "data_range": 1},
        "ssim_256": {**GAUSSIAN, "sigma": 1.2, "data_range": "picture"},
    },
    "gfla": {
        "ssim": {"win_size": 51, "data_range": 1},
        "ssim_256": {**GAUSSIAN, "sigma": 1.5, "data_range": "picture"},
    },
    "cfld": {"ssim": {**GAUSSIAN, "sigma": 1.5, "data_range": 1}},
    "clean": {"ssim": {**GAUSSIAN, "sigma": 1.5, "data_range": 1}},
    "market": {"ssim": {**GAUSSIAN, "sigma": 1.5, "data_range": "picture"}},
}


def ssim(a, b, settings):
    if settings["data_range"] == "picture":
        settings = {**settings, "data_range": a.max() - a.min()}
    return structural_similarity(a, b, channel_axis=2, **settings)


def pair():
    """A picture that does not use the whole range, and a photo that resembles it."""
    truth = picture(1, SIZE)
    return (truth // 2 + picture(0, SIZE) // 4 + 20).astype(np.uint8), truth


@pytest.mark.parametrize("name", PROTOCOLS)
def test_scores_equal_those_of_scikit_image_and_numpy(name):
    image, truth = pair()
    a, b = image / 255.0, truth / 255.0
    mask = np.random.default_rng(2).random(SIZE) < 0.5
    expected = {key: ssim(a, b, settings) for key, settings in SSIM[name].items()}
    expected["psnr"] = peak_signal_noise_ratio(b, a, data_range=1.0)
    expected["l1"] = np.abs(a - b).mean()
    expected["mae"] = np.abs(a - b).sum() / (a + b).sum()
    assert pixel_scores(image, truth, PROTOCOLS[name], PIXELS) == pytest.approx(expected, abs=1e-6)
    for key, settings in SSIM[name].items():
        expected[f"mask_{key}"] = ssim(a * mask[..., None], b * mask[..., None], settings)
    assert pixel_scores(image, truth, PROTOCOLS[name], PIXELS, mask) == pytest.approx(expected, abs=1e-6)
    empty = pixel_scores(image, truth, PROTOCOLS[name], PIXELS, mask & False)
    assert all(np.isnan(score) == key.startswith("mask_") for key, score in empty.items())


def test_only_what_is_asked_for_is_computed():
    image, truth = pair()
    for metric in PIXELS:
        assert list(pixel_scores(image, truth, PROTOCOLS["clean"], {metric})) == [metric]


def test_equal_pictures_score_best():
    image = picture(0)
    expected = {"ssim": 1.0, "psnr": math.inf, "l1": 0.0, "mae": 0.0}
    assert pixel_scores(image, image, PROTOCOLS["clean"], PIXELS) == expected


def test_pictures_of_one_level_have_scores():
    black, grey = np.zeros((*SIZE, 3), np.uint8), np.full((*SIZE, 3), 100, np.uint8)
    for protocol in PROTOCOLS.values():
        scores = pixel_scores(black, black, protocol, PIXELS)
        assert (scores["ssim"], scores["mae"]) == (1.0, 0.0)
        assert math.isfinite(pixel_scores(grey, black, protocol, PIXELS)["ssim"])
    assert pixel_scores(grey, black, PROTOCOLS["market"], PIXELS)["mae"] == 1.0
