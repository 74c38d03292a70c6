import math

import numpy as np
import pytest

from evaluation.results import find_results
from evaluation.statistics import differences, estimates, people_of

RANDOM = np.random.default_rng(0)
PEOPLE = [f"person {n}" for n in RANDOM.integers(12, size=80)]


def slow_interval(values, people, random):
    """Draw people one by one, put all pairs of each in a list, take its mean."""
    groups = {}
    for value, person in zip(values, people, strict=True):
        groups.setdefault(person, []).append(value)
    groups, means = list(groups.values()), []
    for _ in range(2_000):
        drawn = [value for n in random.integers(len(groups), size=len(groups)) for value in groups[n]]
        drawn = [value for value in drawn if not math.isnan(value)]
        if drawn:
            means.append(sum(drawn) / len(drawn))
    return np.percentile(means, [2.5, 97.5])


def test_the_mean_is_over_pairs():
    found = estimates({"ssim": np.array([1.0, 2.0, 6.0])}, ["a", "a", "b"])["ssim"]
    assert (found.value, found.count) == (3.0, 3)


def test_an_interval_is_that_of_resampled_people():
    offsets = dict(zip(sorted(set(PEOPLE)), RANDOM.normal(size=12), strict=True))
    values = np.array([offsets[person] for person in PEOPLE]) + 0.1 * RANDOM.normal(size=80)
    values[::7] = np.nan
    found = estimates({"l1": values}, PEOPLE)["l1"]
    low, high = slow_interval(values, PEOPLE, np.random.default_rng(1))
    width = high - low
    assert found.low == pytest.approx(low, abs=0.06 * width)
    assert found.high == pytest.approx(high, abs=0.06 * width)
    assert found.count == np.isfinite(values).sum()
    pairs_low, pairs_high = slow_interval(values, range(80), np.random.default_rng(1))
    assert width > 1.3 * (pairs_high - pairs_low)


def test_intervals_equal_each_other_run_after_run():
    values = RANDOM.normal(size=80)
    assert estimates({"l1": values}, PEOPLE) == estimates({"l1": values}, PEOPLE)


def test_all_measures_see_the_same_resamples():
    values = RANDOM.normal(size=80)
    found = estimates({"l1": values, "mae": 1 - 2 * values}, PEOPLE)
    assert found["mae"].low == pytest.approx(1 - 2 * found["l1"].high)
    assert found["mae"].high == pytest.approx(1 - 2 * found["l1"].low)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random, hits = np.random.default_rng(2), 0
    for _ in range(60):
        people = np.repeat(np.arange(40), 3)
        values = random.normal(size=40)[people] + 0.3 * random.normal(size=120)
        found = estimates({"l1": values}, people)["l1"]
        hits += found.low <= 0 <= found.high
    assert 51 <= hits <= 60  # Expected 57, and rather less from forty people.


def test_without_two_people_there_is_no_interval():
    found = estimates({"l1": np.array([1.0, 2.0, np.nan]), "mae": np.array([1.0, 2.0, 3.0])}, ["a", "a", "b"])
    assert found["l1"] == (1.5, None, None, 2)
    assert found["mae"].low is not None


def test_dropped_pairs_are_left_out_and_counted():
    found = estimates({"lpips_alex": np.array([1.0, 3.0, np.nan, np.nan])}, list("abcd"))["lpips_alex"]
    assert (found.value, found.count) == (2.0, 2)
    assert 1.0 <= found.low < found.high <= 3.0
    none = estimates({"lpips_alex": np.full(2, np.nan)}, list("ab"))["lpips_alex"]
    assert math.isnan(none.value)
    assert none[1:] == (None, None, 0)


def test_an_infinite_value_makes_the_mean_infinite_without_an_interval():
    found = estimates({"psnr": np.array([20.0, math.inf, 30.0]), "l1": np.array([1.0, 2.0, 3.0])}, list("abc"))
    assert found["psnr"] == (math.inf, None, None, 3)
    assert found["l1"].low < 2 < found["l1"].high


def test_differences_are_paired():
    base = RANDOM.normal(size=80)
    found = differences({"ssim": base + 0.5, "l1": base + 0.5}, {"l1": base, "ssim": base, "psnr": base}, PEOPLE)
    assert set(found) == {"ssim", "l1"}
    for difference in found.values():
        assert difference[:3] == pytest.approx((0.5, 0.5, 0.5))
        assert difference.count == 80


@pytest.mark.parametrize(
    ("measure", "better"),
    [("ssim_256", 0.75), ("mask_ssim", 0.75), ("psnr", 0.75), ("l1", 0.25), ("mae", 0.25), ("lpips_vgg", 0.25)],
)
def test_the_share_of_better_pairs_follows_the_measures_direction(measure, better):
    ours, theirs = np.array([2.0, 2.0, 2.0, 0.0, np.nan]), np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    assert differences({measure: ours}, {measure: theirs}, list("abcde"))[measure].better == better


def test_equal_pairs_count_half():
    values = np.ones(4)
    assert differences({"l1": values}, {"l1": values}, list("abcd"))["l1"].better == 0.5


def test_differences_leave_out_pairs_of_an_infinite_value():
    ours, theirs = np.array([math.inf, math.inf, 21.0, 22.0]), np.array([math.inf, 20.0, 20.0, 20.0])
    found = differences({"psnr": ours}, {"psnr": theirs}, list("abcd"))["psnr"]
    assert (found.value, found.count, found.better) == (1.5, 2, 0.875)
    assert 1.0 <= found.low < found.high <= 2.0


def test_people_are_the_images_folders(generated, root):
    people = people_of(result.target_image for result in find_results(generated, root))
    assert people == ["img/WOMEN/Dresses/id_00000001"] * 2 + ["img/WOMEN/Dresses/id_00000002"]
    assert people_of(["img/MEN/Tees/id_00000001/01_1_front.jpg"]) == ["img/MEN/Tees/id_00000001"]
