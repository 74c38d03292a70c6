import shutil

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from models.pose_transfer import PoseTransferModel
from scripts import publish
from system.files import write_sums
from tests.models.test_pose_transfer import shaken
from tests.tiny import tiny_model_config
from training.report import METRICS_FILE, TENSORBOARD_FOLDER


@pytest.fixture
def model():
    return shaken(tiny_model_config())


@pytest.fixture
def run(tmp_path, model):
    """A run folder with two checkpoints, of which `model` is the newer."""
    folder = tmp_path / "run"
    for step, kept in ((10, shaken(tiny_model_config())), (20, model)):
        checkpoint = folder / "checkpoints" / f"step_{step:08d}"
        checkpoint.mkdir(parents=True)
        kept.save_pretrained(checkpoint)
        write_sums(checkpoint)
    (folder / METRICS_FILE).write_text('{"step": 1}\n')
    with SummaryWriter(folder / TENSORBOARD_FOLDER) as writer:
        writer.add_scalar("mse", 1, 1)
    return folder


def test_a_published_checkpoint_is_small_and_the_same_but_for_rounding(run, tmp_path, model):
    publish.main([f"--checkpoint={run}", f"--out={tmp_path / 'out'}"])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"config.yaml", "model.safetensors", "README.md", "curve.png", METRICS_FILE}
    files = tmp_path / "out/model.safetensors", run / "checkpoints/step_00000020/model.safetensors"
    sizes = [file.stat().st_size for file in files]
    assert sizes[0] < 0.6 * sizes[1]
    for name, value in PoseTransferModel.from_pretrained(tmp_path / "out").state_dict().items():
        expected = model.state_dict()[name]
        assert value.dtype == expected.dtype
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-7)


def test_values_beyond_float16_stay_as_they_are():
    weights = {"large": torch.tensor([1e6]), "small": torch.tensor([0.5]), "count": torch.tensor([70_000])}
    kept = publish.halved(weights)
    assert {name: value.dtype for name, value in kept.items()} == {
        "large": torch.float32, "small": torch.float16, "count": torch.int64,
    }  # fmt: skip
    assert all(torch.equal(kept[name].to(value.dtype), value) for name, value in weights.items())


def test_a_bare_checkpoint_folder_is_enough(run, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.yaml", "model.safetensors"):
        shutil.copy(run / "checkpoints/step_00000020" / name, bare)
    publish.main([f"--checkpoint={bare}", f"--out={tmp_path / 'out'}"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"config.yaml", "model.safetensors", "README.md"}
