"""What the command lines of the tables can use, by the names that stand in them."""

import shutil

import numpy as np
import torch
from PIL import Image

from config.load import to_yaml
from config.schema import AttentionLevel, Config, DataConfig, LossConfig, SamplingConfig, TrainingConfig
from data import prepare_data
from data.keypoints import write_pidm
from data.pose_gallery import gallery_pose
from models.pose_transfer import PoseTransferModel
from system.files import write_sums
from tests.conftest import ROOT
from tests.tiny import tiny_model_config

GALLERY = ROOT / "docs/gallery"
FEW_LEVELS = {"channel_multipliers": [1, 1, 1], "attention": [AttentionLevel(2, 2, 3), AttentionLevel(4, 1, 2)]}


def write_stock(here):
    """Photos, poses, the data set `root`, its data base `lmdb`, weights `tiny`, and `tiny.yaml` to train them."""
    for name in ("person.jpg", "person.json", "other.jpg", "other.json"):
        shutil.copy(GALLERY / name, here)
    draw_set(here / "root")
    assert prepare_data.main([f"--root={here / 'root'}", f"--out={here / 'lmdb'}", "--size=32x32", "--workers=1"]) == 0
    save_model(here / "tiny")
    (here / "tiny.yaml").write_text(to_yaml(experiment()))
    (here / "empty").mkdir()
    (here / "text.jpg").write_text("No picture.")


def experiment(**changes):
    """The Config of `tiny.yaml`, which trains in the folder `run`; changes are of its model."""
    return Config(
        model=tiny_model_config(**FEW_LEVELS | changes),
        data=DataConfig(root="root", lmdb="lmdb", workers=0),
        loss=LossConfig(features="pixels"),
        training=TrainingConfig(output="run", steps=2, batch_size=1, learning_rate=1e-3),
        sampling=SamplingConfig(sampler="dpm++", steps=2),
    )


def draw_set(root):
    """A data set of two people, a and b, in two photos each. One is trained on, the other one tested with."""
    random = np.random.default_rng(0)
    for name in ("a/1", "a/2", "b/1", "b/2"):
        for path in (root / "img" / name, root / "pose" / name):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(root / "img" / f"{name}.png")
        write_pidm(root / "pose" / f"{name}.txt", gallery_pose("standing"))
    for split, person in (("train", "a"), ("test", "b")):
        one, other = (f"img/{person}/{number}.png" for number in (1, 2))
        (root / f"{split}_pairs.txt").write_text(f"{one},{other}\n{other},{one}\n")
    return root


def like_root(here, name, *without):
    """A data set of the photos, poses and lists of `root`, less what is told to be left out."""
    folder = here / name
    folder.mkdir()
    for part in ("img", "pose", "train_pairs.txt", "test_pairs.txt"):
        if part not in without:
            (folder / part).symlink_to(here / "root" / part)
    return folder


def save_model(folder, resize="squeeze", **changes):
    """A checkpoint of the tiny network."""
    torch.manual_seed(0)
    config = experiment(**changes)
    config.data.resize = resize
    PoseTransferModel(config.model).save_pretrained(folder, config)
    return folder


def save_run(here, name, steps=(2,), checkpoint="tiny"):
    """A run folder with checkpoints, as far as programs look into them that draw: copies of another folder."""
    for step in steps:
        folder = here / name / "checkpoints" / f"step_{step:08d}"
        shutil.copytree(here / checkpoint, folder)
        write_sums(folder)
    return here / name
