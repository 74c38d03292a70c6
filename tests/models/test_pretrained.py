"""Folders, the hub's cache, model cards, and what is refused."""

import pytest
import torch
import yaml
from safetensors.torch import load_file

from models.pose_transfer import PoseTransferModel
from models.pretrained import fetch, save_tensors
from system.errors import InputError
from tests.tiny import tiny_model_config
from tests.warm import run


@pytest.fixture
def folder(tmp_path):
    PoseTransferModel(tiny_model_config()).save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def as_hub_cache(folder, cache, name="user/name", revision="main"):
    """Put a folder where huggingface_hub looks for what it downloaded earlier."""
    repository = cache / f"models--{name.replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / revision).write_text(commit)
    (repository / "snapshots").mkdir()
    folder.rename(repository / "snapshots" / commit)
    return cache


def test_a_model_of_the_hub_is_loaded_by_its_name_and_revision(folder, tmp_path):
    expected = PoseTransferModel.from_pretrained(folder).state_dict()
    expected = {name: tensor.clone() for name, tensor in expected.items()}
    cache = as_hub_cache(folder, tmp_path / "cache", revision="v2")
    loaded = PoseTransferModel.from_pretrained("user/name", revision="v2", cache_dir=cache, local_files_only=True)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())
    with pytest.raises(InputError, match=r"^user/name: not here, and not to be had"):
        PoseTransferModel.from_pretrained("user/name", cache_dir=cache, local_files_only=True)


def test_a_name_that_is_nowhere_is_refused_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for name in ("runs/demo", "nowhere", "a/b/c", str(tmp_path / "x.pt"), "../x"):  # Not asked of the hub.
        with pytest.raises(InputError, match="no such checkpoint") as caught:
            fetch(name)
        assert str(caught.value).startswith(f"{name}: ")


def test_the_files_of_a_folder_mean_the_folder(folder):
    for name in ("config.yaml", "model.safetensors"):
        assert fetch(folder / name) == folder


def test_a_loaded_model_keeps_the_settings_it_was_trained_with(folder, tmp_path):
    text = (folder / "config.yaml").read_text().replace("steps: 15", "steps: 7")
    (folder / "config.yaml").write_text(text)
    model = PoseTransferModel.from_pretrained(folder)
    assert model.experiment.sampling.steps == 7
    model.save_pretrained(tmp_path / "again")
    assert (tmp_path / "again" / "config.yaml").read_text() == text


def test_a_model_can_be_saved_over_the_files_that_it_is_mapped_from(folder):
    model = PoseTransferModel.from_pretrained(folder)
    expected = model.denoiser.stem.weight.clone()
    with torch.no_grad():
        model.get_parameter("denoiser.stem.bias").add_(1)
    model.save_pretrained(folder)
    again = PoseTransferModel.from_pretrained(folder)
    assert torch.equal(again.denoiser.stem.weight, expected)
    assert torch.equal(*(each.get_parameter("denoiser.stem.bias") for each in (again, model)))


def test_a_loaded_model_can_be_trained(folder):
    before = (folder / "model.safetensors").read_bytes()
    model = PoseTransferModel.from_pretrained(folder).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1)
    images, poses = torch.rand(2, 3, 32, 32), torch.rand(2, 20, 32, 32)
    prediction, *_ = model(images, torch.tensor([3, 5]), images, poses, poses, keep=None)
    prediction.sum().backward()
    weight = model.denoiser.conv_out.weight.clone()
    optimizer.step()
    assert not torch.equal(model.denoiser.conv_out.weight, weight)
    assert (folder / "model.safetensors").read_bytes() == before


def test_nan_in_a_folder_is_warned_of(folder, caplog):
    model = PoseTransferModel.from_pretrained(folder)
    with torch.no_grad():
        model.denoiser.conv_out.bias[0] = torch.nan
    model.save_pretrained(folder)
    PoseTransferModel.from_pretrained(folder)
    assert "NaN or infinity in denoiser.conv_out.bias;" in caplog.text


def test_half_precision_weights_become_single(folder):
    model = PoseTransferModel.from_pretrained(folder)
    save_tensors(model.half().state_dict(), folder / "model.safetensors")
    assert PoseTransferModel.from_pretrained(folder).denoiser.conv_out.bias.dtype == torch.float32


def test_the_model_card_says_what_the_weights_are_and_is_not_written_over(folder):
    card = (folder / "README.md").read_text()
    _, front, text = card.split("---\n", 2)
    assert yaml.safe_load(front)["pipeline_tag"] == "image-to-image"
    for words in ("32 x 32", "Parameters: ", "unipc, 15 steps", "Not measured yet", "Apache-2.0"):
        assert words in text
    (folder / "README.md").write_text("mine")
    PoseTransferModel.from_pretrained(folder).save_pretrained(folder)
    assert (folder / "README.md").read_text() == "mine"


def test_warnings_go_to_standard_error_in_one_line(folder):
    model = PoseTransferModel.from_pretrained(folder)
    with torch.no_grad():
        model.denoiser.conv_out.bias[0] = torch.nan
    model.save_pretrained(folder)
    code = f"from models.pose_transfer import PoseTransferModel; PoseTransferModel.from_pretrained({str(folder)!r})"
    done = run("-c", code)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{folder}/model.safetensors: NaN")


def test_tensors_that_are_one_in_memory_are_saved_one_by_one(tmp_path):
    one = torch.ones(3)
    save_tensors({"a": one, "b": one}, tmp_path / "a.safetensors")
    assert load_file(tmp_path / "a.safetensors")["b"].tolist() == [1, 1, 1]


def test_a_configuration_of_another_kind_is_refused_before_anything_is_written(tmp_path):
    model = PoseTransferModel(tiny_model_config())
    with pytest.raises(TypeError, match="Config"):
        model.save_pretrained(tmp_path, model.config)
    assert list(tmp_path.iterdir()) == []
