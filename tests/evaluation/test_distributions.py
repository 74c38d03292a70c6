import numpy as np
import pytest
import torch
from scipy import linalg
from torch import nn

from data.images import read_rgb, squeeze, to_tensor
from evaluation import distributions
from evaluation.distributions import fid, kid, precision_recall
from evaluation.networks import NotComputed


@pytest.fixture(scope="module")
def features(people):
    """Of the drawn people's photos, by a small network of convolutions: two sets of 12, 24 numbers each."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 16, 5, 2), nn.ReLU(), nn.Conv2d(16, 24, 5, 2), nn.ReLU(), nn.Flatten(2))
    photos = sorted((people / "root" / "img").rglob("*.*"))
    images = torch.stack([to_tensor(squeeze(read_rgb(photo), (64, 44))) for photo in photos])
    with torch.no_grad():
        found = network(images).mean(2).numpy() * 4
    assert found.shape == (24, 24)
    return found[::2], found[1::2] + found[::-2] / 2


def random_sets(*counts, width=8, apart=0.0):
    random = np.random.default_rng(0)
    return [(random.normal(size=(n, width)) + i * apart).astype(np.float32) for i, n in enumerate(counts)]


def fid_by_hand(a, b):
    """Heusel et al., equation 6."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(linalg.sqrtm(cov_a @ cov_b + 1e-14 * np.eye(a.shape[1])))
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * root)


def kid_by_hand(a, b):
    """Binkowski et al., equation 4, with the kernel (x y / D + 1)^3."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    total = 0.0
    for x, y, sign in ((a, a, 1), (b, b, 1), (a, b, -2)):
        kernel = (x @ y.T / x.shape[1] + 1) ** 3
        off = ~np.eye(len(x), dtype=bool) if x is y else np.ones(kernel.shape, bool)
        total += sign * kernel[off].mean()
    return total


def test_fid_equals_its_formula(features):
    assert fid_by_hand(*features) > 0.1
    assert fid(*features) == pytest.approx(fid_by_hand(*features), abs=1e-4)


def test_fid_takes_sets_of_different_numbers_in_several_blocks(monkeypatch):
    real, generated = random_sets(50, 31, apart=0.3)
    whole = fid(real, generated)
    assert whole == pytest.approx(fid_by_hand(real, generated), abs=1e-6)
    monkeypatch.setattr(distributions, "BLOCK", 8)
    assert fid(real, generated) == pytest.approx(whole, abs=1e-9)


def test_fid_of_few_images_equals_its_formula():
    """With the trace of the root as a sum of singular values, which singular covariances do not disturb."""
    real, generated = (features.astype(np.float64) for features in random_sets(9, 14, width=200, apart=0.1))
    a, b = real - real.mean(0), generated - generated.mean(0)
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt(8 * 13)
    expected = np.square(real.mean(0) - generated.mean(0)).sum() + np.square(a).sum() / 8 + np.square(b).sum() / 13
    assert fid(real, generated) == pytest.approx(expected - 2 * root, abs=1e-9)


@pytest.mark.parametrize(("count", "width"), [(5, 64), (200, 64), (40, 512)])
def test_fid_of_a_set_with_itself_is_zero(count, width):
    features, _ = random_sets(count, 1, width=width)
    assert 0 <= fid(features, features) < 1e-4


@pytest.mark.parametrize("count", [5, 40])
def test_fid_of_what_is_not_finite_is_no_perfect_score(count):
    features, others = random_sets(count, count)
    others[1, 2] = np.nan
    try:
        distance = fid(features, others)
    except (RuntimeError, np.linalg.LinAlgError):  # Of the eigenvalues.
        return
    assert np.isnan(distance)


@pytest.mark.parametrize(("found", "score"), [(-1e-6, 0), (-1.0, -1.0), (0.5, 0.5), (float("-inf"), float("-inf"))])
def test_only_rounding_below_zero_is_made_zero(monkeypatch, found, score):
    metric = distributions.vision.FrechetInceptionDistance
    monkeypatch.setattr(metric, "compute", lambda self: torch.tensor(found))  # noqa: ARG005
    assert fid(*random_sets(9, 9)) == score


def test_kid_of_all_equals_its_formula(features):
    assert abs(kid_by_hand(*features)) > 0.01
    mean, deviation = kid(*features, subsets=1)
    assert mean == pytest.approx(kid_by_hand(*features), abs=1e-4)
    assert deviation == 0


def test_kid_is_the_same_each_time_and_leaves_random_numbers_alone():
    real, generated = random_sets(60, 40)
    state = torch.get_rng_state()
    first = kid(real, generated, subsets=5, subset=20)
    torch.manual_seed(5)
    assert kid(real, generated, subsets=5, subset=20) == first
    assert first[1] > 0
    torch.set_rng_state(state)
    kid(real, generated, subsets=5, subset=20)
    assert torch.get_rng_state().equal(state)


def test_kid_of_subsets_is_near_that_of_all():
    real, generated = random_sets(300, 200, apart=1.0)
    assert kid(real, generated, subset=100)[0] == pytest.approx(kid_by_hand(real, generated), rel=0.05)


def test_kid_is_of_a_hundred_subsets_of_a_thousand(monkeypatch):
    seen = []
    monkeypatch.setattr(
        distributions.vision, "poly_mmd", lambda *sets: seen.append([x.unique(dim=0).shape for x in sets]) or sets[0][0]
    )
    real, generated = (np.arange(count, dtype=np.float32)[:, None] for count in (1100, 1200))
    kid(real, generated)
    assert seen == [[(1000, 1), (1000, 1)]] * 100


def covered_by_hand(centres, points, k):
    """Kynkaanniemi et al., equations 1 and 2, point by point."""

    def distance(x, y):
        return np.sqrt(np.square(x.astype(np.float64) - y).sum())

    radii = [sorted(distance(x, y) for j, y in enumerate(centres) if j != i)[k - 1] for i, x in enumerate(centres)]
    within = [any(distance(x, y) <= r for y, r in zip(centres, radii, strict=True)) for x in points]
    return np.mean(within)


@pytest.mark.parametrize("block", [7, 2048])
@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_equal_their_definition(monkeypatch, block, k):
    monkeypatch.setattr(distributions, "BLOCK", block)
    real, generated = random_sets(40, 30, width=4, apart=0.8)
    expected = covered_by_hand(real, generated, k), covered_by_hand(generated, real, k)
    assert 0 < min(expected) <= max(expected) < 1
    assert expected[0] != expected[1]
    assert precision_recall(real, generated, k) == expected


def test_equal_sets_cover_each_other():
    features, _ = random_sets(40, 1, width=256)
    assert precision_recall(features, features[::-1].copy()) == (1, 1)


@pytest.mark.parametrize("block", [13, 2048])  # Of an odd size: equal products are not rounded equally.
def test_a_picture_that_is_there_often_covers_its_like_alone(monkeypatch, block):
    monkeypatch.setattr(distributions, "BLOCK", block)
    distinct, others = random_sets(200, 200, width=256)
    repeated = np.repeat(distinct, 5, 0)
    generated = np.random.default_rng(1).permutation(np.concatenate([distinct, others]))
    assert precision_recall(repeated, generated)[0] == 0.5


def test_sets_far_apart_do_not_cover_each_other():
    real, generated = random_sets(40, 30, apart=100.0)
    assert precision_recall(real, generated) == (0, 0)


@pytest.mark.parametrize(("measure", "least"), [(fid, 2), (kid, 2), (precision_recall, 4)])
def test_too_few_images_are_no_set(measure, least):
    enough, few = random_sets(least, least - 1)
    measure(enough, enough)
    with pytest.raises(NotComputed, match=f"^needs {least} images of each kind, there are {least - 1}$"):
        measure(enough, few)
