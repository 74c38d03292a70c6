import errno
import json
import os
import subprocess

import pytest
import torch

from models.pose_transfer import PoseTransferModel
from models.pretrained import fetch
from models.run_folder import checkpoint_steps, newest_whole, remove_old_checkpoints, set_aside, step_folder
from system.errors import InputError
from system.files import damage
from tests.disk import files_end_at
from training.checkpoint_writer import CheckpointWriter
from training.checkpoints import Progress, load_checkpoint
from training.ema import EMA
from training.processes import Processes


@pytest.fixture(autouse=True)
def _here(experiment, tmp_path):
    experiment.training.output = str(tmp_path)


@pytest.fixture
def processes():
    return Processes("no", "ddp")


@pytest.fixture
def state(experiment):
    model = PoseTransferModel(experiment.model)
    return model, EMA(model, 0.9, 0), torch.optim.Adam(model.parameters())


def save(state, experiment, step, scaler=None):
    processes = Processes("no", "ddp")
    processes.scaler = scaler
    writer = CheckpointWriter(experiment, processes)
    writer.save(Progress(step, 5 * step, 5, 1, skipped=3, damaged=2), *state)
    writer.finish()
    return step_folder(experiment.training.output, step)


def load(folder, state, experiment, scaler=None):
    model, ema, optimizer = state
    processes = Processes("no", "ddp")
    processes.scaler = scaler
    return load_checkpoint(folder, model, ema.model, optimizer, processes, experiment)


def test_what_is_saved_comes_back(state, experiment):
    model, ema, optimizer = state
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    ema.update(model, 1)
    folder = save(state, experiment, 7)

    other = PoseTransferModel(experiment.model)
    fresh = other, EMA(other, 0.9, 0), torch.optim.Adam(other.parameters())
    assert load(folder, fresh, experiment) == (Progress(7, 35, 5, 1, skipped=3, damaged=2), experiment, [])
    pairs = [(model.state_dict(), other.state_dict()), (ema.model.state_dict(), fresh[1].model.state_dict())]
    for index, moments in optimizer.state_dict()["state"].items():
        pairs.append((moments, fresh[2].state_dict()["state"][index]))
    for ours, theirs in pairs:
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_scale_of_half_precision_comes_back(state, experiment):
    scaler = torch.amp.GradScaler("cpu", init_scale=1234.0)
    scaler.scale(torch.ones(1))
    folder = save(state, experiment, 1, scaler)
    fresh = torch.amp.GradScaler("cpu")
    load(folder, state, experiment, fresh)
    assert fresh.state_dict() == scaler.state_dict()
    assert json.loads((folder / "state.json").read_text())["scaler"]["scale"] == 1234.0


@pytest.mark.parametrize("name", ["config.yaml", "model.safetensors", "training/training.safetensors"])
def test_a_checkpoint_that_cannot_be_written_leaves_nothing_and_the_earlier_ones(state, experiment, tmp_path, name):
    size = (save(state, experiment, 1) / name).stat().st_size
    with files_end_at(size - 1), pytest.raises(InputError, match=r"step_00000002: could not be written .*earlier"):
        save(state, experiment, 2)
    assert checkpoint_steps(tmp_path) == [1]
    assert newest_whole(tmp_path) == step_folder(tmp_path, 1)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000001"]


def test_a_folder_cut_short_is_not_seen(state, experiment, tmp_path):
    folder = save(state, experiment, 1)
    folder.rename(folder.with_name(".step_00000001.partial"))
    assert newest_whole(tmp_path) is None
    save(state, experiment, 1)
    assert newest_whole(tmp_path) == folder


def test_the_last_ones_and_every_nth_stay(state, experiment, tmp_path):
    experiment.training.keep_every = 3
    for step in range(1, 7):
        save(state, experiment, step)
    assert checkpoint_steps(tmp_path) == [3, 5, 6]
    remove_old_checkpoints(tmp_path, keep_last=1, keep_every=0)
    assert checkpoint_steps(tmp_path) == [6]


def test_a_run_folder_means_its_newest_checkpoint(state, experiment, tmp_path):
    for step in (2, 10):
        folder = save(state, experiment, step)
    assert fetch(tmp_path) == folder
    assert fetch(folder) == folder
    for bad in (tmp_path / "nowhere", tmp_path / "checkpoints" / "step_00000002" / "..", tmp_path.parent):
        with pytest.raises(InputError, match=f"^{bad}"):
            fetch(bad)


def test_only_tensors_and_text_are_written(state, experiment):
    folder = save(state, experiment, 1)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    tensors = ["model.safetensors", "training/training.safetensors"]
    assert names == ["README.md", "SHA256SUMS", "config.yaml", tensors[0], "state.json", tensors[1]]


def test_checksums_are_those_of_coreutils(state, experiment):
    folder = save(state, experiment, 1)
    words = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.count(": OK") == 5


def test_training_may_change_the_tensors_as_soon_as_saving_has_begun(state, experiment, processes):
    model, ema, _ = state
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    writer = CheckpointWriter(experiment, processes)
    writer.save(Progress(1), *state)
    with torch.no_grad():
        for parameter in [*model.parameters(), *ema.model.parameters()]:
            parameter.zero_()
    writer.finish()
    load(step_folder(experiment.training.output, 1), state, experiment)
    for tensors in (model.state_dict(), ema.model.state_dict()):
        assert all(torch.equal(tensors[name], before[name]) for name in before)


def test_a_save_waits_for_the_one_before(state, experiment, processes):
    writer = CheckpointWriter(experiment, processes)
    for step in range(1, 6):
        writer.save(Progress(step), *state)
    writer.finish()
    assert [step for step, _ in writer.outcomes()] == [1, 2, 3, 4, 5]
    assert checkpoint_steps(experiment.training.output) == [4, 5]


def test_too_little_room_is_told_before_anything_is_written(state, experiment, processes, tmp_path, monkeypatch):
    save(state, experiment, 1)
    usage = type("Usage", (), {"free": 5 << 20})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    writer = CheckpointWriter(experiment, processes)
    writer.save(Progress(2), *state)
    ((step, outcome),) = writer.outcomes()
    assert step == 2
    assert "a checkpoint takes 33 MiB, and 5 MiB are free; earlier checkpoints are whole" in outcome
    with pytest.raises(InputError, match="5 MiB are free"):
        writer.finish()
    assert newest_whole(tmp_path) == step_folder(tmp_path, 1)
    monkeypatch.undo()
    writer.save(Progress(3), *state)
    writer.finish()
    assert newest_whole(tmp_path) == step_folder(tmp_path, 3)


def test_other_settings_are_named_on_resuming(state, experiment):
    folder = save(state, experiment, 1)
    experiment.training.batch_size = 5
    experiment.model.dropout = 0.2
    _, _, changes = load(folder, state, experiment)
    assert changes == ["model.dropout (0.0 -> 0.2)", "training.batch_size (2 -> 5)"]


def test_a_damaged_checkpoint_is_passed_over_aloud(state, experiment, tmp_path, caplog):
    earlier, folder = save(state, experiment, 1), save(state, experiment, 2)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        content = path.read_bytes()
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
        for damaged in (None, b"", content[:middle], flipped):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            caplog.clear()
            assert newest_whole(tmp_path) == earlier
            assert caplog.messages[0].startswith(f"{folder}: ")
            assert caplog.messages[0].endswith("; the checkpoint before it is used")
            assert str(path.relative_to(folder)) in caplog.messages[0] or path.name == "SHA256SUMS"
            path.write_bytes(content)
            assert newest_whole(tmp_path) == folder


def test_a_checkpoint_that_is_set_aside_is_none_any_more(state, experiment, tmp_path):
    folder = save(state, experiment, 2)
    assert set_aside(folder) == "damaged_step_00000002"
    assert folder.with_name("damaged_step_00000002").is_dir()
    assert checkpoint_steps(tmp_path) == []


def test_a_file_that_the_disk_cannot_read_is_damage(state, experiment, tmp_path, monkeypatch):
    earlier, folder = save(state, experiment, 1), save(state, experiment, 2)
    opened = open

    def fail_below(path, *rest, **options):
        if str(path) == str(folder / "state.json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opened(path, *rest, **options)

    monkeypatch.setattr("builtins.open", fail_below)
    assert damage(folder) == "state.json cannot be read (Input/output error)"
    assert newest_whole(tmp_path) == earlier


def test_a_run_none_of_whose_checkpoints_is_whole_is_refused_and_left_alone(state, experiment, tmp_path):
    folders = save(state, experiment, 1), save(state, experiment, 2)
    for folder in folders:
        (folder / "SHA256SUMS").unlink()
    with pytest.raises(InputError, match=f"^{tmp_path}: none of its checkpoints is whole .step_00000002: SHA"):
        newest_whole(tmp_path)
    assert checkpoint_steps(tmp_path) == [1, 2]


def test_drawing_needs_only_the_averaged_weights_to_be_whole(state, experiment, tmp_path):
    folder = save(state, experiment, 1)
    (folder / "training" / "training.safetensors").unlink()
    assert damage(folder) == "training/training.safetensors is missing"
    assert fetch(tmp_path) == folder


def test_state_that_is_not_of_this_run_is_named(state, experiment):
    folder = save(state, experiment, 1)
    for content in ("{}", "[]", "no JSON", '{"progress": {"steps": 1}, "scaler": null, "versions": {}}'):
        (folder / "state.json").write_text(content)
        with pytest.raises(InputError, match=f"^{folder}: cannot be gone on from"):
            load(folder, state, experiment)


def test_other_libraries_are_named_on_resuming(state, experiment):
    folder = save(state, experiment, 1)
    text = (folder / "state.json").read_text()
    kept = json.loads(text)
    kept["versions"]["torch"] = "1.0"
    (folder / "state.json").write_text(json.dumps(kept))
    assert load(folder, state, experiment)[2] == [f"torch (1.0 -> {torch.__version__})"]


def test_leftovers_of_broken_runs_are_swept(state, experiment, tmp_path):
    (tmp_path / "checkpoints" / ".step_00000000.removed").mkdir(parents=True)
    save(state, experiment, 1)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000001"]
