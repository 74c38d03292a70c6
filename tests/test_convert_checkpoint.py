"""scripts/convert_checkpoint.py and test.py on files of the release's form and size, as they are called."""

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

import test as inference
from config.load import load_config
from config.schema import Config, ModelConfig
from data.dataset import TestPairs
from data.pairs import result_name
from models.pose_transfer import PoseTransferModel
from models.release.convert import to_release
from models.release.names import USED
from models.torch_file import read_torch_file
from system.files import sha256_of
from tests.release import hollow_weights, write_release
from tests.warm import run

WEIGHTS_BYTES = 4 * 175_041_364


@pytest.fixture(scope="module")
def release_file(tmp_path_factory):
    """A file of the release's form with random weights, and others under "model"."""
    own = PoseTransferModel.empty(ModelConfig()).state_dict()
    torch.manual_seed(0)
    weights = {name: 0.02 * torch.randn(value.shape) for name, value in own.items()}
    ema = to_release({name: tensor.to(own[name].dtype) for name, tensor in weights.items()})
    path = write_release(tmp_path_factory.mktemp("release") / "release.pt", ema, hollow_weights())
    yield path
    shutil.rmtree(path.parent)


@pytest.fixture(scope="module")
def folder(release_file):
    """What it is converted to."""
    run("scripts/convert_checkpoint.py", release_file, "--out", release_file.parent / "folder")
    return release_file.parent / "folder"


def convert(*words, check=True):
    return run("scripts/convert_checkpoint.py", *words, check=check)


def test_a_release_file_becomes_a_folder_with_configuration_weights_and_card(folder, release_file):
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.yaml", "model.safetensors"]
    assert load_config(folder / "config.yaml") == Config()
    card = (folder / "README.md").read_text()
    digest = hashlib.sha256(release_file.read_bytes()).hexdigest()
    for words in ("175,041,364", "`release.pt`", "its `ema`", digest, "Not measured", "The authors publish"):
        assert words in card


def test_the_folder_and_the_file_itself_give_the_same_model(folder, release_file, caplog):
    converted = PoseTransferModel.from_pretrained(folder)
    assert caplog.text == ""
    direct = PoseTransferModel.from_pretrained(release_file)
    assert f"{release_file}: the release's form, converted in memory (its ema weights)" in caplog.text
    assert direct.experiment == converted.experiment == Config()
    weights = read_torch_file(release_file)[0]["ema"]
    for name, tensor in converted.state_dict().items():
        assert torch.equal(tensor, direct.state_dict()[name]), name
        assert torch.equal(tensor, torch.cat([weights[part] for part in USED[name]]) if len(USED[name]) > 1 else
                           weights[USED[name][0]]), name  # fmt: skip


def test_the_way_back_gives_the_used_tensors_unchanged(folder, release_file, tmp_path):
    convert(folder, "--to-release", "--out", tmp_path / "back.pt")
    back, first = read_torch_file(tmp_path / "back.pt")[0], read_torch_file(release_file)[0]["ema"]
    assert back["ema"].keys() == back["model"].keys() == first.keys()
    assert all(back["ema"][name].shape == first[name].shape for name in first)
    assert all(torch.equal(back["ema"][name], first[name]) for names in USED.values() for name in names)
    (tmp_path / "back.pt").unlink()


def test_a_full_disk_leaves_nothing_on_the_way_back(folder, tmp_path):
    code = """if True:
        import sys
        from scripts import convert_checkpoint
        from tests.disk import files_end_at
        with files_end_at(100_000_000):
            convert_checkpoint.main()
    """
    done = run("-c", code, folder, "--to-release", "--out", tmp_path / "back.pt", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/back.pt: could not be written (")
    assert list(tmp_path.iterdir()) == []


def test_the_summary_names_what_is_used_and_what_is_not(release_file, tmp_path):
    done = convert(release_file, "--weights", "model", "--out", tmp_path / "out")
    for words in ("1,188 tensors, its `model`", "980 used: 175,041,364 parameters", "98 without effect",
                  "38 without effect", "68 without effect", "4 without effect", "ema, scheduler, conf",
                  "authors_config.DiffusionConfig"):  # fmt: skip
        assert words in done.stdout
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert not any(tensor.any() for tensor in weights.values())  # The file's "model" is all zero.
    assert "without moving average" in (tmp_path / "out" / "README.md").read_text()
    shutil.rmtree(tmp_path / "out")


def test_loading_takes_little_more_memory_than_the_weights(folder, release_file):
    code = """if True:
        import sys
        from models.pose_transfer import PoseTransferModel
        def kib(field):
            return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))
        before = kib("VmHWM")
        model = PoseTransferModel.from_pretrained(sys.argv[1])
        total = sum(float(parameter.sum()) for parameter in model.parameters())
        print(1024 * (kib("VmHWM") - before))
    """
    for path in (folder, release_file):
        assert 0.9 * WEIGHTS_BYTES < int(run("-c", code, path).stdout) < 1.3 * WEIGHTS_BYTES, path


def test_test_py_takes_a_release_file(release_file, people, tmp_path, monkeypatch, caplog):
    drawn = []
    monkeypatch.setattr(inference, "draw_pairs", lambda model, batch, *_: (batch["source_image"], drawn.append(model)))
    inference.main([f"--checkpoint={release_file}", f"--data={people / 'root'}", f"--out={tmp_path}", "--limit=1"])
    assert "converted in memory" in caplog.text
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["weights"] == sha256_of(release_file)
    assert settings["guidance"] == 2
    weights = read_torch_file(release_file)[0]["ema"]
    name = next(name for name, parts in USED.items() if len(parts) == 1)
    assert torch.equal(drawn[0].state_dict()[name], weights[USED[name][0]])


@pytest.mark.long
def test_test_py_draws_with_a_release_file_as_with_its_folder(folder, release_file, people, tmp_path):
    flags = ("--data", people / "root", "--sampler", "dpm++", "--steps", 1, "--limit", 1)
    pictures = []
    for checkpoint in (folder, release_file):
        out = tmp_path / checkpoint.name
        done = run("test.py", "--checkpoint", checkpoint, "--out", out, *flags)
        name = result_name(*TestPairs(people / "root", (256, 256), targets=False).pairs[0])
        pictures.append((out / name).read_bytes())
        assert ("converted in memory" in done.stderr) == (checkpoint == release_file)
        assert json.loads((out / "settings.json").read_text())["guidance"] == 2
    assert pictures[0] == pictures[1]
