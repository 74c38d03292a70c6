"""Photos that are squeezed, padded or cropped, and the keypoints that go with them."""

import dataclasses
import functools
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from config.checks import RESIZES
from config.schema import DataConfig
from data import prepare_data
from data.dataset import PairDataset, TestPairs
from data.resize import fit, placement, shown
from data.store import DamagedImage, ImageStore
from system.errors import InputError
from tests.data.pictures import equal
from tests.data.prepared import contents, rewrite

SIZE = (64, 48)
NAMES = ("img/A/id_1/1_1_a.png", "img/A/id_1/1_2_b.png")
SHAPES = [(160, 60), (60, 160), (120, 90), (63, 47)]  # Taller, wider, alike, nearly as it shall be.


def dot_at(shape, x, y):
    """A grey photo with a red dot, four pixels of the image across."""
    rows, columns = np.indices(shape)
    scale = max(shape[0] / SIZE[0], shape[1] / SIZE[1])
    near = np.hypot(rows + 0.5 - y, columns + 0.5 - x) < 2 * scale
    return Image.fromarray(np.where(near[..., None], (255, 0, 0), (90, 90, 90)).astype(np.uint8))


def red(levels):
    """x y of the middle of what is red in uint8 (3, H, W), between grey and white."""
    weight = np.asarray(levels[0], dtype=float) - np.asarray(levels[1], dtype=float)
    weight[weight < 20] = 0
    rows, columns = np.indices(weight.shape)
    return np.array([(weight * (columns + 0.5)).sum(), (weight * (rows + 0.5)).sum()]) / weight.sum()


def annotated(shape, x, y, joint=0):
    """Keypoints of the annotation frame, with one joint at a photo's x y."""
    keypoints = np.full((18, 2), -1.0)
    keypoints[joint] = 40 + x * 176 / shape[1], y * 256 / shape[0]
    return keypoints


def drawn(pose):
    """x y of the middle of the only joint of a pose map."""
    rows, columns = np.nonzero(np.asarray(pose[:3]).max(axis=0))
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize("mode", RESIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_keypoints_go_where_the_photo_goes(mode, shape):
    x, y = shape[1] * 0.55, shape[0] * 0.45
    image = fit(dot_at(shape, x, y), SIZE, mode)
    assert image.size == SIZE[::-1]
    keypoints = placement(shape, SIZE, mode).keypoints(annotated(shape, x, y))
    assert np.abs(keypoints[0] - red(np.asarray(image).transpose(2, 0, 1))).max() < 0.6
    assert (keypoints[1:] == -1).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_padded_photos_are_whole_between_white_bars_and_cropped_ones_fill_the_image(shape):
    padded, cropped = (np.asarray(fit(Image.new("RGB", shape[::-1], (90,) * 3), SIZE, mode)) for mode in RESIZES[1:])
    top, left, bottom, right = shown(shape, SIZE, "pad")
    assert (padded[top:bottom, left:right] == 90).all()
    assert (padded == 255).sum() == padded.size - 3 * (bottom - top) * (right - left)
    assert (bottom - top) / (right - left) == pytest.approx(shape[0] / shape[1], rel=0.05)
    assert (bottom - top == SIZE[0] and bottom <= SIZE[0]) or (right - left == SIZE[1] and right <= SIZE[1])
    assert abs(top - (SIZE[0] - bottom)) <= 1
    assert abs(left - (SIZE[1] - right)) <= 1
    assert (cropped == 90).all()


def test_what_is_cut_off_a_drawn_picture_comes_back_when_it_is_padded_again():
    image = fit(dot_at((160, 60), 30, 70), SIZE, "pad")
    top, left, bottom, right = shown((160, 60), SIZE, "pad")
    assert equal(fit(image.crop((left, top, right, bottom)), SIZE, "pad"), image)


@pytest.fixture(params=RESIZES)
def mode(request):
    return request.param


@pytest.fixture
def own(make_root, tmp_path, mode):
    """The DataConfig of two photos of other shapes with a dot at their only joint, prepared by the mode."""
    root = make_root(tmp_path / "root", list(NAMES))
    for name, shape, x, y in zip(NAMES, SHAPES, (35, 90), (90, 20), strict=False):
        dot_at(shape, x, y).save(root / name)
        np.savetxt((root / name.replace("img", "pose", 1)).with_suffix(".txt"), annotated(shape, x, y))
    for split in ("train", "test"):
        (root / f"{split}_pairs.txt").write_text(f"{NAMES[0]},{NAMES[1]}\n")
    assert prepare(root, tmp_path / "lmdb", mode) == 0
    return DataConfig(root=str(root), lmdb=str(tmp_path / "lmdb"), resize=mode)


def prepare(root, out, mode):
    return prepare_data.main([f"--root={root}", f"--out={out}", "--size=64x48", "--workers=1", f"--resize={mode}"])


@pytest.mark.parametrize("augment", [False, True])
def test_training_pairs_have_their_keypoints_where_the_photos_have_them(own, augment):
    dataset = PairDataset(dataclasses.replace(own, augment=augment), SIZE, 0)
    for position in range(10):
        item = dataset[position]
        for side in ("source", "target"):
            assert np.abs(red(item[f"{side}_image"]) - 0.5 - drawn(item[f"{side}_pose"])).max() < 1.1


def test_test_pairs_are_seen_as_training_pairs_are(own, mode):
    item = TestPairs(own.root, SIZE, targets=True, resize=mode)[0]
    trained = PairDataset(dataclasses.replace(own, augment=False), SIZE, 0)[0]
    for name in ("source_image", "target_image", "source_pose", "target_pose"):
        assert torch.equal(item[name], trained[name])
    assert item["shown"].tolist() == list(shown(SHAPES[0], SIZE, mode))


@pytest.mark.parametrize("mode", ["pad"], indirect=True)
def test_a_target_without_its_photo_counts_as_one_of_the_sources_size(own):
    item = TestPairs(own.root, SIZE, targets=False, resize="pad")[0]
    assert item["shown"].tolist() == list(shown(SHAPES[0], SIZE, "pad"))
    (Path(own.root) / NAMES[0]).unlink()
    item = TestPairs(own.root, SIZE, targets=False, resize="pad")[0]
    assert item["shown"].tolist() == list(shown(SHAPES[1], SIZE, "pad"))


def test_the_data_base_says_how_it_was_made_unless_as_it_always_was(own, mode, tmp_path):
    stored = contents(tmp_path / "lmdb/64-48")
    assert stored.get(b"resize") == (None if mode == "squeeze" else mode.encode())
    assert stored[b"length"] == b"00002"
    image = ImageStore(own.lmdb, SIZE).read(NAMES[0])
    assert image.info.get("photo") == (None if mode == "squeeze" else "160x60")


def test_other_modes_are_refused(own, mode, capsys, tmp_path):
    for other in set(RESIZES) - {mode}:
        with pytest.raises(InputError, match=f"^data.resize: {other}, but .* holds images made by {mode}"):
            PairDataset(dataclasses.replace(own, resize=other), SIZE, 0)
        with pytest.raises(SystemExit):
            prepare(own.root, own.lmdb, other)
        assert f"error: --resize {other}: {tmp_path}/lmdb/64-48 holds images made by {mode}" in capsys.readouterr().err
    assert prepare(own.root, own.lmdb, mode) == 0


@pytest.mark.parametrize("mode", ["pad", "crop"], indirect=True)
@pytest.mark.parametrize("value", ["0x60", "wide"])
def test_images_that_do_not_tell_of_their_photo_are_damaged(own, value, tmp_path):
    folder = tmp_path / "lmdb/64-48"
    rewrite(folder, NAMES[0], functools.partial(with_text, value))
    store = ImageStore(own.lmdb, SIZE)
    with pytest.raises(DamagedImage, match=f"^{folder}: expected the size of the photo .* {NAMES[0]}"):
        store.photo_size(NAMES[0], store.read(NAMES[0]))


def with_text(value, png):
    text, file = PngInfo(), io.BytesIO()
    text.add_text("photo", value)
    Image.open(io.BytesIO(png)).convert("RGB").save(file, "PNG", pnginfo=text)
    return file.getvalue()
