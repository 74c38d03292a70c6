"""The way from data that people have to pictures and scores: import, prepare, train, draw, score."""

import json

import numpy as np
import pytest
from PIL import Image

from data import synthetic
from tests.data.test_import_dataset import draw
from tests.processes import run

SMALL = ("model.channels=32", "training.batch_size=2", "training.steps=20", "data.workers=1", "loss.features=pixels")
SIZE = (128, 64)


def draw_market(root, people=3, photos=4):
    """Drawn people in Market-1501's layout, with PATN's tables of keypoints and no lists of pairs."""
    for split, first in (("train", 0), ("test", people)):
        folder, rows = root / f"bounding_box_{split}", ["name:keypoints_y:keypoints_x"]
        folder.mkdir(parents=True)
        for index in range(first, first + people):
            person = synthetic.identity(0, index)
            for number, pose in enumerate(synthetic.poses_of(0, index, photos)):
                name = f"{index + 2:04d}_c{number + 1}s1_{index:04d}{number:02d}_01.jpg"
                Image.fromarray(synthetic.draw(person, pose, SIZE)).save(folder / name, quality=95)
                joints = np.rint(synthetic.keypoints(person, pose, SIZE)).astype(int)
                joints[(joints < 0).any(axis=1)] = -1
                rows.append(f"{name}: {joints[:, 1].tolist()}: {joints[:, 0].tolist()}")
        (root / f"market-annotation-{split}.csv").write_text("\n".join(rows) + "\n")


@pytest.mark.long
def test_market_1501_from_its_folders_to_its_scores(tmp_path):
    draw_market(tmp_path / "Market")
    root, out = tmp_path / "root", tmp_path / "drawn"
    run("data/market1501.py", "--root", tmp_path / "Market", "--out", root)
    run("data/prepare_data.py", "--root", root, "--out", tmp_path / "lmdb", "--size", "128x64")
    settings = [f"data.root={root}", f"data.lmdb={tmp_path / 'lmdb'}", f"training.output={tmp_path / 'run'}"]
    run("train.py", "config/market1501_128x64.yaml", *settings, *SMALL)
    run("test.py", "--checkpoint", tmp_path / "run", "--data", root, "--out", out, "--steps", 5)
    metrics = ("--metrics", "ssim", "psnr", "l1")
    run("-m", "evaluation", "--generated", out, "--data", root, "--protocol", "market", *metrics)
    record = json.loads((tmp_path / "drawn_scores/market/metrics.json").read_text())
    (method,) = record["methods"].values()
    assert {"ssim", "mask_ssim", "psnr", "l1"} <= set(method["scores"])
    assert Image.open(next(out.glob("*_vis.png"))).size == (64, 128)


@pytest.mark.long
def test_loose_photos_become_pictures(tmp_path):
    draw(tmp_path / "photos", people=10)
    root, out = tmp_path / "root", tmp_path / "drawn"
    run("data/import_dataset.py", "--images", tmp_path / "photos", "--keypoints", tmp_path / "photos", "--out", root)
    run("data/prepare_data.py", "--root", root, "--out", tmp_path / "lmdb", "--size", "64x64", "--resize", "pad")
    settings = [f"data.root={root}", f"data.lmdb={tmp_path / 'lmdb'}", f"training.output={tmp_path / 'run'}"]
    run("train.py", "config/demo_64.yaml", *settings, *SMALL, "data.resize=pad", "training.precision=no")
    run("test.py", "--checkpoint", tmp_path / "run", "--data", root, "--out", out, "--steps", 5, "--sampler", "unipc")
    assert Image.open(next(out.glob("*_vis.png"))).size == (44, 64)
