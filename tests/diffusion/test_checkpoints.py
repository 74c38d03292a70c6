import json

import pytest
import torch

from config.errors import InputError
from diffusion.checkpoints import (
    checkpoint_steps,
    latest_checkpoint,
    load_checkpoint,
    remove_old_checkpoints,
    resolve_checkpoint,
    save_checkpoint,
)
from diffusion.ema import EMA
from models.pose_transfer import PoseTransferModel
from tests.disk import files_end_at


@pytest.fixture
def state(experiment):
    model = PoseTransferModel(experiment.model)
    return model, EMA(model, 0.9, 0), torch.optim.Adam(model.parameters())


def save(state, experiment, tmp_path, step):
    return save_checkpoint(tmp_path, step, *state, None, experiment)


def test_what_is_saved_comes_back(state, experiment, tmp_path):
    model, ema, optimizer = state
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    folder = save(state, experiment, tmp_path, 7)

    other = PoseTransferModel(experiment.model)
    fresh = other, EMA(other, 0.9, 0), torch.optim.Adam(other.parameters())
    assert load_checkpoint(folder, *fresh, None, experiment) == (7, [])
    pairs = [(model.state_dict(), other.state_dict()), (ema.model.state_dict(), fresh[1].model.state_dict())]
    for index, moments in optimizer.state_dict()["state"].items():
        pairs.append((moments, fresh[2].state_dict()["state"][index]))
    for ours, theirs in pairs:
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_scale_of_half_precision_comes_back(state, experiment, tmp_path):
    scaler = torch.amp.GradScaler("cpu", init_scale=1234.0)
    scaler.scale(torch.ones(1))
    folder = save_checkpoint(tmp_path, 1, *state, scaler, experiment)
    fresh = torch.amp.GradScaler("cpu")
    load_checkpoint(folder, *state, fresh, experiment)
    assert fresh.state_dict() == scaler.state_dict()
    assert json.loads((folder / "state.json").read_text())["scaler"]["scale"] == 1234.0


@pytest.mark.parametrize("name", ["config.yaml", "model.safetensors", "training.safetensors"])
def test_a_checkpoint_that_cannot_be_written_leaves_nothing_and_the_earlier_ones(state, experiment, tmp_path, name):
    size = (save(state, experiment, tmp_path, 1) / name).stat().st_size
    with files_end_at(size - 1), pytest.raises(InputError, match=r"step_00000002: could not be written .*earlier"):
        save(state, experiment, tmp_path, 2)
    assert checkpoint_steps(tmp_path) == [1]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000001"]


def test_a_folder_cut_short_is_not_seen(state, experiment, tmp_path):
    folder = save(state, experiment, tmp_path, 1)
    folder.rename(folder.with_name(".step_00000001.partial"))
    assert latest_checkpoint(tmp_path) is None
    save(state, experiment, tmp_path, 1)
    assert latest_checkpoint(tmp_path) == folder


def test_the_last_ones_and_every_nth_stay(state, experiment, tmp_path):
    for step in range(1, 7):
        save(state, experiment, tmp_path, step)
    remove_old_checkpoints(tmp_path, keep_last=2, keep_every=3)
    assert checkpoint_steps(tmp_path) == [3, 5, 6]
    remove_old_checkpoints(tmp_path, keep_last=1, keep_every=0)
    assert checkpoint_steps(tmp_path) == [6]


def test_a_run_folder_means_its_newest_checkpoint(state, experiment, tmp_path):
    for step in (2, 10):
        folder = save(state, experiment, tmp_path, step)
    assert resolve_checkpoint(tmp_path) == folder
    assert resolve_checkpoint(folder) == folder
    for bad in (tmp_path / "nowhere", tmp_path / "checkpoints" / "step_00000002" / "..", tmp_path.parent):
        with pytest.raises(InputError, match=f"^{bad}"):
            resolve_checkpoint(bad)


def test_only_tensors_and_text_are_written(state, experiment, tmp_path):
    folder = save(state, experiment, tmp_path, 1)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["README.md", "config.yaml", "model.safetensors", "state.json", "training.safetensors"]


def test_other_settings_are_named_on_resuming(state, experiment, tmp_path):
    folder = save(state, experiment, tmp_path, 1)
    experiment.training.batch_size = 5
    experiment.model.dropout = 0.2
    _, changes = load_checkpoint(folder, *state, None, experiment)
    assert changes == ["model.dropout (0.0 -> 0.2)", "training.batch_size (2 -> 5)"]


@pytest.mark.parametrize("name", ["training.safetensors", "state.json"])
@pytest.mark.parametrize("content", [None, b"", b"cut off"])
def test_a_damaged_checkpoint_is_named(state, experiment, tmp_path, name, content):
    folder = save(state, experiment, tmp_path, 1)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"^{folder}: not a whole checkpoint"):
        load_checkpoint(folder, *state, None, experiment)


def test_leftovers_of_broken_runs_are_swept(state, experiment, tmp_path):
    save(state, experiment, tmp_path, 1)
    (tmp_path / "checkpoints" / ".step_00000000.removed").mkdir()
    remove_old_checkpoints(tmp_path, keep_last=2, keep_every=0)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000001"]
