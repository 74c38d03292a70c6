import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evaluation import scoring
from evaluation.compare import pixel_scores
from evaluation.pose_mask import target_mask
from evaluation.protocols import PROTOCOLS
from evaluation.results import copied_source, find_results
from evaluation.scoring import score
from system.errors import InputError
from tests.evaluation.sets import PIXELS, SIZE, pixels, write_keypoints

CLEAN, MARKET = PROTOCOLS["clean"], PROTOCOLS["market"]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def two_processes(monkeypatch):
    monkeypatch.setattr(scoring, "_PAIRS_PER_PROCESS", 2)
    monkeypatch.setattr(scoring, "_CHUNK", 1)
    monkeypatch.setattr(scoring.os, "cpu_count", lambda: 2)


def test_every_pair_is_scored_against_its_squeezed_photo(generated, root):
    results = find_results(generated, root)
    scores, photos = score({"ours": results, "copied": copied_source(results)}, root, CLEAN, SIZE, PIXELS)
    assert photos == {result.target_image: sha256(result.target) for result in results}
    for method, folder in (("ours", "generated"), ("copied", "source")):
        assert scores[method].sums == [sha256(getattr(result, folder)) for result in results]
        for n, result in enumerate(results):
            picture, truth = pixels(getattr(result, folder), SIZE), pixels(result.target, SIZE)
            expected = pixel_scores(picture, truth, CLEAN, PIXELS)
            assert {measure: values[n] for measure, values in scores[method].pairs.items()} == expected


def test_masked_protocols_look_around_the_target_pose_of_each_pair(generated, root):
    write_keypoints(root)
    results = find_results(generated, root)
    changed = (root / results[1].target_image.replace("img/", "pose/", 1)).with_suffix(".txt")
    changed.write_text("128 64\n" + "-1 -1\n" * 17)
    scores, _ = score({"ours": results}, root, MARKET, (128, 64), ["ssim"])
    for n, result in enumerate(results):
        picture, truth = pixels(result.generated, (128, 64)), pixels(result.target, (128, 64))
        expected = pixel_scores(picture, truth, MARKET, ["ssim"], target_mask(root, (128, 64), result))
        assert scores["ours"].pairs["mask_ssim"][n] == expected["mask_ssim"]


@pytest.mark.usefixtures("two_processes")
def test_several_processes_give_what_one_gives(generated, root, monkeypatch):
    methods = {"ours": find_results(generated, root)}
    several, photos = score(methods, root, CLEAN, SIZE, PIXELS)
    monkeypatch.setattr(scoring.os, "cpu_count", lambda: 1)
    alone, photos_alone = score(methods, root, CLEAN, SIZE, PIXELS)
    assert (several["ours"].sums, photos) == (alone["ours"].sums, photos_alone)
    for measure, values in alone["ours"].pairs.items():
        assert several["ours"].pairs[measure].tolist() == values.tolist()


@pytest.mark.usefixtures("two_processes")
def test_a_picture_that_another_process_cannot_read_is_named(generated, root):
    results = find_results(generated, root)
    results[2].generated.write_bytes(results[2].generated.read_bytes()[:200])
    with pytest.raises(InputError) as caught:
        score({"ours": results}, root, CLEAN, SIZE, PIXELS)
    assert str(caught.value).startswith(f"{results[2].generated}: ")


@pytest.mark.usefixtures("two_processes")
def test_processes_compute_on_one_thread_each_and_this_one_as_before(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
    assert list(scoring._map(os.getenv, 2 * names)) == 6 * ["1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


@pytest.mark.usefixtures("two_processes")
def test_only_a_few_chunks_are_under_way_at_a_time(monkeypatch):
    under_way, most = 0, 0

    class Future:
        def __init__(self, function, items):
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            self.value = scoring._each(function, items)

        def result(self):
            nonlocal under_way
            under_way -= 1
            return self.value

    class Pool:
        def __init__(self, *_):
            pass

        def submit(self, _, function, items):
            return Future(function, items)

        def shutdown(self, cancel_futures):
            pass

    monkeypatch.setattr(scoring, "ProcessPoolExecutor", Pool)
    assert list(scoring._map(abs, range(-99, 0))) == list(range(99, 0, -1))
    assert 2 <= most <= 10


def test_pixels_alone_need_no_network_packages(generated, root, tmp_path):
    flags = [
        "--generated",
        str(generated),
        "--data",
        str(root),
        "--metrics",
        "ssim",
        "l1",
        "--out",
        str(tmp_path / "o"),
    ]
    code = (
        "import sys; import evaluation.scoring; light = 'torch' not in sys.modules\n"
        f"from evaluation.__main__ import main; main({flags!r})\n"
        "print(light, 'evaluation.scoring' in sys.modules, {'torchvision', 'torchmetrics'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(scoring.__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "True True set()"


def test_a_pair_counts_once_for_each_method(generated, root):
    results = find_results(generated, root)
    with pytest.raises(ValueError, match="shorter"):
        score({"ours": results, "other": results[:2]}, root, CLEAN, SIZE, PIXELS)


def test_values_are_float64(generated, root):
    scores, _ = score({"ours": find_results(generated, root)}, root, CLEAN, SIZE, PIXELS)
    assert {values.dtype for values in scores["ours"].pairs.values()} == {np.dtype(np.float64)}


@pytest.mark.usefixtures("two_processes")
def test_a_process_that_the_system_kills_is_told_in_a_sentence():
    with pytest.raises(InputError, match=r"^scoring: a process was killed"):
        list(scoring._map(os._exit, [9] * 64))
