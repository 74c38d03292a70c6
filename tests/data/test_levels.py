import numpy as np
import pytest
import torch

from data.dataset import PairDataset, TestPairs
from data.images import read_rgb, squeeze, to_tensor
from data.levels import image_floats, pose_floats, to_device
from data.pairs import keypoint_path
from data.pose import annotation_to_image, pose_map, read_keypoints
from tests.data.conftest import SIZE
from tests.data.prepared import loader_of

LEVELS = np.arange(256, dtype=np.uint8)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def bits(values):
    """Of float32 values, so that equal means equal to the last one."""
    return np.asarray(values, dtype=np.float32).view(np.uint32)


@pytest.mark.parametrize("device", DEVICES)
def test_each_level_becomes_the_correctly_rounded_float_on_every_device(device):
    levels = torch.from_numpy(LEVELS).to(device)
    images = LEVELS.astype(np.float32) / np.float32(127.5) - np.float32(1)
    poses = LEVELS.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(bits(image_floats(levels).cpu()), bits(images))
    np.testing.assert_array_equal(bits(pose_floats(levels).cpu()), bits(poses))


@pytest.mark.parametrize("device", DEVICES)
def test_floats_on_the_device_are_those_of_the_photo_and_of_the_pose_map(root, device):
    dataset = TestPairs(root, SIZE, targets=True)
    item = to_device(dataset[2], device)
    for side in ("source", "target"):
        image = to_tensor(squeeze(read_rgb(root / item[side]), SIZE))
        keypoints = annotation_to_image(read_keypoints(keypoint_path(root, item[side])), SIZE)
        np.testing.assert_array_equal(bits(item[f"{side}_image"].cpu()), bits(image))
        np.testing.assert_array_equal(bits(item[f"{side}_pose"].cpu()), bits(pose_map(keypoints, SIZE)))


def test_batches_become_floats_as_their_items_do(settings):
    dataset = PairDataset(settings, SIZE, 0)
    batch = to_device(next(iter(loader_of(settings, SIZE, 0, 3, steps=1))), "cpu")
    for n in range(3):
        item = to_device(dataset[n], "cpu")
        for name in ("source_image", "target_image", "source_pose", "target_pose"):
            assert item[name].dtype == torch.float32
            assert torch.equal(batch[name][n], item[name])
        assert -1 <= item["source_image"].min() < 0 < item["source_image"].max() <= 1
        assert item["source_pose"].min() == 0
        assert item["source_pose"].max() == 1


def test_only_levels_are_changed_and_only_once():
    batch = {
        "source_image": torch.tensor([[0, 255]], dtype=torch.uint8),
        "source_pose": torch.tensor([[0, 255]], dtype=torch.uint8),
        "position": torch.tensor([7]),
        "result": ["name"],
    }
    changed = to_device(batch, "cpu")
    assert batch["source_image"].tolist() == [[0, 255]]
    for ready in (changed, to_device(changed, "cpu")):
        assert ready["source_image"].tolist() == [[-1, 1]]
        assert ready["source_pose"].tolist() == [[0, 1]]
        assert ready["position"].dtype == torch.int64
        assert ready["position"].tolist() == [7]
        assert ready["result"] == ["name"]
