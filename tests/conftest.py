"""What tests in several folders need."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from config.load import to_yaml
from config.schema import Config, DataConfig, LossConfig, SamplingConfig, TrainingConfig
from data import prepare_data, synthetic
from tests.tiny import tiniest_model_config

torch.set_num_threads(1)  # Networks this small run faster on one, and tests run side by side.

LONGEST = (
    "tests/faults",
    "tests/app",
    "tests/models/test_golden",
    "tests/models/test_compile",
    "tests/test_",
    "tests/training/test_trainer",
)
ROOT = Path(__file__).resolve().parents[1]


def shared_folder():
    """The folder of reference numbers and photos: beside the repository, or where SHARED_DIR says."""
    return Path(os.environ.get("SHARED_DIR", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared():
    """That folder, or skip."""
    if not (shared_folder() / "golden").is_dir():
        pytest.skip("no reference numbers here")
    return shared_folder()


@pytest.fixture(scope="session")
def golden(shared):
    """golden(name): the tensors of a reference file, by name."""

    def load(name):
        return {key: torch.from_numpy(value) for key, value in np.load(shared / "golden" / f"{name}.npz").items()}

    return load


@pytest.fixture(scope="session")
def shared_tools(shared):
    """Makes the modules that derive reference weights and inputs importable."""
    sys.path.insert(0, str(shared / "tools"))
    yield
    sys.path.remove(str(shared / "tools"))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=2, help="how often the kill tests kill (default: 2)")
    parser.addoption("--long", action="store_true", help="run the tests, too, that take half a minute or more each")
    parser.addoption("--cases", type=int, default=100, help="contents that readers of keypoints meet (default: 100)")


def pytest_collection_modifyitems(config, items):
    """The folders of the longest files first: none is left over for one process when the others are done."""
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("long"):
            item.add_marker(pytest.mark.skip(reason="runs with --long"))
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_terminal_summary(terminalreporter):
    """Print what tests measured, wherever they ran: their properties called "figure"."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = [text for report in reports for name, text in getattr(report, "user_properties", []) if name == "figure"]
    for line in dict.fromkeys(lines):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """A drawn data set of six people, and its LMDB at 32 x 32: a folder with `root` and `lmdb`."""
    folder = tmp_path_factory.mktemp("people")
    synthetic.generate(folder / "root", identities=6, poses=4, size=(64, 44), workers=1)
    options = [f"--root={folder / 'root'}", f"--out={folder / 'lmdb'}", "--size=32x32", "--workers=1"]
    assert prepare_data.main(options) == 0
    return folder


@pytest.fixture
def experiment(people, tmp_path):
    """A Config that trains a tiny network for six steps, on the drawn people."""
    return Config(
        model=tiniest_model_config(),
        data=DataConfig(root=str(people / "root"), lmdb=str(people / "lmdb"), workers=0),
        loss=LossConfig(features="pixels"),
        training=TrainingConfig(
            output=str(tmp_path / "run"),
            steps=6,
            batch_size=2,
            learning_rate=1e-3,
            warmup_steps=2,
            ema_decay=0.5,
            log_every=2,
            picture_every=4,
            checkpoint_every=2,
        ),
        sampling=SamplingConfig(sampler="dpm++", steps=2),
    )


@pytest.fixture
def write_experiment(tmp_path):
    """write_experiment(config) -> the path of its YAML file, named after its run folder."""

    def write(config):
        path = tmp_path / f"{Path(config.training.output).name}.yaml"
        path.write_text(to_yaml(config))
        return path

    return write


@pytest.fixture
def small_disk(tmp_path):
    """small_disk(options) -> the folder of a file system in memory, made with mount's options."""
    mounted = []

    def mount(options):
        folder = tmp_path / "disk"
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a file system here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)
