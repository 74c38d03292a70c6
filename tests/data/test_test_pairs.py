import numpy as np
import pytest
import torch

from data.dataset import TestPairs
from data.images import read_rgb, squeeze
from data.pairs import keypoint_path, read_pairs, result_name
from data.pose import annotation_to_image, read_keypoints
from system.errors import InputError
from tests.data.reference_pose import reference_levels

SIZE = (32, 24)


def test_test_pairs_are_one_per_source(root):
    dataset = TestPairs(root, SIZE, targets=True)
    lines = read_pairs(root, "test")
    assert dataset.pairs == [(source, line.target) for line in lines for source in line.sources]
    item = dataset[2]
    source, target = dataset.pairs[2]
    assert (item["source"], item["target"], item["result"]) == (source, target, result_name(source, target))
    for side, name in (("source", source), ("target", target)):
        pixels = torch.tensor(np.asarray(squeeze(read_rgb(root / name), SIZE))).permute(2, 0, 1)
        assert torch.equal(item[f"{side}_image"], pixels)
        keypoints = annotation_to_image(read_keypoints(keypoint_path(root, name)), SIZE)
        assert torch.equal(item[f"{side}_pose"], torch.from_numpy(reference_levels(keypoints, SIZE)))


def test_test_pairs_whose_results_have_one_name_are_refused(make_root, tmp_path):
    root = make_root(tmp_path / "root", ["img/A/id_1/1_1_a.jpg", "img/A/id_1/1_11_.jpg", "img/A/id_1/1_1_1.jpg"])
    (root / "test_pairs.txt").write_text("img/A/id_1/1_1_a.jpg,img/A/id_1/1_11_.jpg,img/A/id_1/1_1_1.jpg\n")
    with pytest.raises(InputError, match=rf"^{root}/test_pairs.txt:1: img/A/id_1/1_1_1.jpg .* the same name"):
        TestPairs(root, SIZE, targets=False)


def test_test_pairs_need_no_target_photo(make_root, tmp_path):
    root = make_root(tmp_path / "root")
    target = "img/WOMEN/Dresses/id_00000005/01_4_front.jpg"
    source = "img/WOMEN/Dresses/id_00000000/01_1_front.jpg"
    (root / "test_pairs.txt").write_text(f"{target},{source}\n")
    (root / target).unlink()
    assert "target_image" not in TestPairs(root, SIZE, targets=False)[0]
    with pytest.raises(InputError, match=rf"^{root}/test_pairs.txt:1: {target} is not there, below {root}$"):
        TestPairs(root, SIZE, targets=True)
    (root / source).unlink()
    with pytest.raises(InputError, match=rf"^{root}/test_pairs.txt:1: {source} is not there, below {root}$"):
        TestPairs(root, SIZE, targets=False)
