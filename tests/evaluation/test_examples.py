import numpy as np
import pytest
from PIL import Image

from evaluation.examples import examples, examples_picture, ranking_measure, shortened
from evaluation.protocols import PROTOCOLS
from evaluation.report import report_on
from evaluation.results import copied_source, find_results
from evaluation.scoring import score
from tests.evaluation.sets import SIZE


def chosen(values, higher, kind):
    return [n for n, its in examples(np.array(values, dtype=float), higher) if its == kind]


def test_the_best_the_middling_and_the_worst_are_chosen():
    values = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]
    assert chosen(values, False, "best") == [0, 1, 2]
    assert chosen(values, False, "median") == [4, 5, 6]
    assert chosen(values, False, "worst") == [8, 9, 10]
    assert chosen(values, True, "best") == [10, 9, 8]
    assert chosen(values, True, "worst") == [2, 1, 0]


@pytest.mark.parametrize("count", range(1, 14))
def test_no_pair_is_an_example_twice_and_dropped_ones_are_none(count):
    values = np.random.default_rng(0).random(count + 2)
    values[[0, -1]] = np.nan
    indices = [n for n, _ in examples(values, True)]
    assert len(set(indices)) == len(indices) == min(9, count if count < 3 else 3 * (count // 3))
    assert not {0, count + 1} & set(indices)


def test_lpips_orders_the_examples_where_it_was_computed():
    values, none = np.ones(2), np.full(2, np.nan)
    assert ranking_measure({"ssim": values, "psnr": values, "lpips_alex": values}) == "lpips_alex"
    assert ranking_measure({"ssim": values, "lpips_alex": none}) == "ssim"
    assert ranking_measure({}) is None


@pytest.mark.parametrize("metrics", [["psnr"], []])
def test_the_picture_has_a_row_for_each_example_and_no_column_for_copies(generated, root, metrics):
    results = find_results(generated, root)
    Image.new("RGB", (SIZE[1], SIZE[0]), "red").save(results[0].generated)
    methods = {"target": results, "source copied": copied_source(results)}  # A method called like another column.
    clean = PROTOCOLS["clean"]
    report = report_on(clean, SIZE, *score(methods, root, clean, SIZE, metrics), {}, compared=False)
    picture = np.asarray(examples_picture(report)).astype(int)
    assert picture.shape == (30 + 3 * 200 + 8, 4 * 200 + 8, 3)
    red = (picture == (255, 0, 0)).all(axis=2)
    assert red.sum() == 192 * 192
    assert np.nonzero(red)[1].min() == 8 + 3 * 200
    assert (picture[:, :200].min(axis=(1, 2)) < 100).sum() >= 20  # Words in the first column.


def test_long_names_keep_their_end():
    assert shortened("short", 200) == "short"
    assert shortened("a/very/long/path/to/the/pictures", 100).startswith("…")
    assert shortened("a/very/long/path/to/the/pictures", 100).endswith("pictures")
