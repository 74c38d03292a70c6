"""`python -m app.transfer` with a tiny network of random weights: fixtures, and what tests read its pictures by."""

import functools
import json

import numpy as np
import pytest
import torch
from PIL import Image

from app.transfer import main
from config.schema import AttentionLevel, Config, SamplingConfig
from data.keypoint_values import missing
from data.keypoints import write_pidm
from data.pose_gallery import FOLDER, gallery_pose
from tests.conftest import ROOT
from tests.models.test_pose_transfer import shaken
from tests.tiny import tiny_model_config

GALLERY = ROOT / "docs/gallery"
SIDE = 32  # Of the model's images.
PHOTO = (352, 512)  # Width and height of the gallery's photos.
SHOWN = (22, 32)  # Of pictures of its poses and photos.
NAMES = ("arms-up", "back", "sitting")
OTHER = ("--garment", GALLERY / "other.jpg", "--garment-pose", GALLERY / "other.json")
BELOW = ("--edit-mask", GALLERY / "person_below.png")
QUICK = ("--steps", 1, "--guidance", 1)
FEW_LEVELS = {"channel_multipliers": [1, 1, 1], "attention": [AttentionLevel(2, 2, 3), AttentionLevel(4, 1, 2)]}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """checkpoint(resize, flow=True) -> the folder of a tiny network with random weights, none of them zero."""

    @functools.cache
    def saved(resize="squeeze", flow=True):
        torch.manual_seed(0)
        model = shaken(tiny_model_config(**FEW_LEVELS, flow=flow, self_calibration=flow))
        config = Config(model=model.config, sampling=SamplingConfig(sampler="dpm++", steps=2))
        config.data.resize = resize
        folder = tmp_path_factory.mktemp("transfer") / "tiny"
        model.save_pretrained(folder, config)
        return folder

    return saved


@pytest.fixture
def transfer(checkpoint, tmp_path):
    """transfer(name, *words) -> the path tmp_path/name, after the command drew it. Later words win."""

    def call(name, *words, person="person"):
        draw(tmp_path / name, "--checkpoint", checkpoint(), *words, person=person)
        return tmp_path / name

    return call


@pytest.fixture(scope="module")
def usual(checkpoint, tmp_path_factory):
    """The picture that `transfer` draws without more words."""
    path = tmp_path_factory.mktemp("usual") / "a.png"
    draw(path, "--checkpoint", checkpoint())
    return path


def draw(path, *words, person="person"):
    given = ["--source", GALLERY / f"{person}.jpg", "--source-pose", GALLERY / f"{person}.json"]
    given += ["--target-pose", "arms-up", "--out", path, *words]
    main([str(word) for word in given])


@pytest.fixture
def pose_folder(tmp_path):
    """Of poses in files of several forms: those of NAMES by the files' order, written in another one."""
    folder = tmp_path / "poses"
    folder.mkdir()
    (folder / "2.json").write_text(openpose("sitting"))
    write_pidm(folder / "1.txt", gallery_pose("back"))
    (folder / "0.json").write_text((FOLDER / "arms-up.json").read_text())
    (folder / "README.md").write_text("No pose.")
    return folder


def openpose(*names, scale=1.0, right=0, canvas=(256, 176), joints=18):
    """OpenPose's JSON of gallery poses, each half as large as the one before, moved to the right."""
    people = []
    for number, name in enumerate(names):
        pose = gallery_pose(name).joints
        seen = ~missing(pose) & (np.arange(18) < joints)
        rows = np.where(seen[:, None], np.c_[pose * scale * 0.5**number + [right, 0], np.ones(18)], 0)
        people.append({"pose_keypoints_2d": rows.ravel().tolist()})
    return json.dumps({"canvas_height": canvas[0], "canvas_width": canvas[1], "people": people})


def pixels(image):
    """Levels of an image, or of one in a file: int (H, W, 3)."""
    if not isinstance(image, Image.Image):
        with Image.open(image) as opened:
            return pixels(opened.copy())
    return np.asarray(image.convert("RGB")).astype(int)


def difference(one, other):
    """The largest difference between two pictures, in levels."""
    return abs(pixels(one) - pixels(other)).max()


def frames_of(strip, width=SHOWN[0]):
    """The frames of a strip: int (count, H, width, 3)."""
    shown = pixels(strip)
    count, rest = divmod(shown.shape[1] + 2, width + 2)
    assert rest == 0
    return np.stack([shown[:, n * (width + 2) : n * (width + 2) + width] for n in range(count)])


def contents(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())
