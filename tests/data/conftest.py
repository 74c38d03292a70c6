"""A small data set in DeepFashion's layout."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from config.schema import DataConfig
from data import prepare_data

IMAGES = [f"img/WOMEN/Dresses/id_{n // 4:08d}/01_{n % 4 + 1}_front.jpg" for n in range(24)]
SIZE = (32, 24)


def _make_root(root, images=IMAGES, size=(64, 48)):
    """Noise photos with random keypoints; a train line per image with one to three sources, four test lines."""
    random = np.random.default_rng(0)
    for image in images:
        for path in (root / image, root / image.replace("img/", "pose/", 1)):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(root / image)
        keypoints = random.uniform((40, 0), (216, 256), (18, 2))
        keypoints[random.integers(18)] = -1
        np.savetxt(root / Path(image.replace("img/", "pose/", 1)).with_suffix(".txt"), keypoints)
    lines = [[images[(n + k) % len(images)] for k in range(2 + n % 3)] for n in range(len(images))]
    (root / "train_pairs.txt").write_text("".join(",".join(line) + "\n" for line in lines))
    (root / "test_pairs.txt").write_text("".join(",".join(line) + "\n" for line in lines[:4]))
    return root


@pytest.fixture(scope="session")
def make_root():
    return _make_root


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A data set to read; whoever changes something makes one with `make_root`."""
    return _make_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def lmdb_folder(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("lmdb")
    assert prepare_data.main([f"--root={root}", f"--out={out}", "--size=32x24", "--workers=2"]) == 0
    return out


@pytest.fixture
def own_lmdb(lmdb_folder, tmp_path):
    """A copy of it, to be damaged before it is read."""
    return Path(shutil.copytree(lmdb_folder, tmp_path / "own_lmdb"))


@pytest.fixture
def settings(root, lmdb_folder):
    """The DataConfig of that data set; its images are 32 x 24."""
    return DataConfig(root=str(root), lmdb=str(lmdb_folder), workers=0)
