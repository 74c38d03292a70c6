import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from evaluation.compare import Scores, compare, mean


def picture(seed, shape=(24, 17, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_scores_equal_scikit_image_on_floats():
    image, truth = picture(0), picture(1)
    a, b = image / 255.0, truth / 255.0
    ssim = structural_similarity(
        b, a, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
    )
    expected = (ssim, peak_signal_noise_ratio(b, a, data_range=1.0), np.abs(a - b).mean())
    assert compare(image, truth) == pytest.approx(expected, rel=1e-9)


def test_equal_pictures_score_best():
    assert compare(picture(0), picture(0)) == Scores(1.0, math.inf, 0.0)


def test_scores_do_not_depend_on_the_order():
    assert compare(picture(0), picture(1)) == pytest.approx(compare(picture(1), picture(0)))


def test_black_against_white_is_the_largest_difference():
    scores = compare(np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8))
    assert (scores.psnr, scores.l1) == (0.0, 1.0)


def test_the_mean_is_taken_of_each_measure():
    assert mean([Scores(0.0, 10.0, 0.5), Scores(1.0, 20.0, 0.0)]) == Scores(0.5, 15.0, 0.25)
