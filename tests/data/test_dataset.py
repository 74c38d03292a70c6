import dataclasses
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.loading import enlarged
from config.schema import DataConfig
from data import prepare_data
from data.dataset import PairDataset, vary
from data.images import read_rgb, squeeze, to_levels
from data.levels import to_device
from data.pairs import keypoint_path, lmdb_key, read_pairs
from data.pose import annotation_to_image, read_keypoints
from data.resize import placement
from data.store import ImageStore
from system.errors import InputError
from tests.data.reference_pose import reference_levels

SIZE = (32, 24)
SHAPES = {"source_image": (3, 32, 24), "target_image": (3, 32, 24)} | dict.fromkeys(
    ("source_pose", "target_pose"), (20, 32, 24)
)


def plain_item(settings, source, target):
    """What an item is without augmentation, from the text of the format alone."""
    images = [np.asarray(ImageStore(settings.lmdb, SIZE).read(lmdb_key(name))) for name in (source, target)]
    images = [torch.tensor(image).permute(2, 0, 1) for image in images]
    files = [read_keypoints(keypoint_path(settings.root, name)) for name in (source, target)]
    poses = [torch.from_numpy(reference_levels(annotation_to_image(keypoints, SIZE), SIZE)) for keypoints in files]
    return dict(zip(("source_image", "target_image", "source_pose", "target_pose"), images + poses, strict=True))


def equal(one, other):
    return all(torch.equal(torch.as_tensor(one[name]), torch.as_tensor(other[name])) for name in other)


def refusal(*arguments):
    with pytest.raises(InputError) as caught:
        PairDataset(*arguments)
    return str(caught.value)


def test_item_has_the_documented_tensors(settings):
    item = PairDataset(settings, SIZE, 0)[100]
    assert {name: tuple(values.shape) for name, values in item.items() if name in SHAPES} == SHAPES
    assert all(values.dtype == torch.uint8 for name, values in item.items() if name in SHAPES)
    assert all(values.is_contiguous() for name, values in item.items() if name in SHAPES)
    assert item.keys() == {*SHAPES, "position", "damaged"}
    assert item["damaged"] == []
    assert item["position"] == 100


def test_item_follows_from_seed_and_position(settings):
    one, other = PairDataset(settings, SIZE, 3), PairDataset(settings, SIZE, 3)
    items = [one[position] for position in (0, 7, 60, 1000)]
    assert all(equal(other[position], item) for position, item in zip((0, 7, 60, 1000), items, strict=True))
    assert not equal(PairDataset(settings, SIZE, 4)[7], items[1])


def test_each_epoch_runs_over_all_pairs_in_its_own_order(settings):
    dataset = PairDataset(dataclasses.replace(settings, augment=False), SIZE, 0)
    targets = [dataset[position]["target_image"].numpy().tobytes() for position in range(2 * len(dataset))]
    first, second = targets[: len(dataset)], targets[len(dataset) :]
    assert len(set(first)) == len(dataset)
    assert sorted(first) == sorted(second)
    assert first != second


def test_every_source_of_a_pair_is_drawn(settings):
    settings = dataclasses.replace(settings, augment=False)
    dataset = PairDataset(settings, SIZE, 0)
    pair = next(pair for pair in dataset.pairs if len(pair.sources) == 3)
    possible = [plain_item(settings, source, pair.target) for source in pair.sources]
    items = [dataset[position] for position in range(20 * len(dataset))]
    items = [item for item in items if torch.equal(item["target_image"], possible[0]["target_image"])]
    drawn = [[equal(item, candidate) for candidate in possible].index(True) for item in items]
    assert len(drawn) == 20
    assert set(drawn) == {0, 1, 2}


def test_real_photos_pass_through_the_pipeline(shared, tmp_path):
    size = (64, 44)
    flags = [f"--root={shared / 'real'}", f"--out={tmp_path}", "--size=64x44", "--workers=2"]
    assert prepare_data.main(flags) == 0
    settings = DataConfig(root=str(shared / "real"), lmdb=str(tmp_path), augment=False)
    dataset = PairDataset(settings, size, 0)
    assert len(dataset) == 4
    photos = {
        image: torch.from_numpy(to_levels(squeeze(read_rgb(shared / "real" / image), size)))
        for pair in read_pairs(shared / "real", "train")
        for image in pair.sources
    }
    item = dataset[5]
    names = [
        next(name for name, photo in photos.items() if torch.equal(photo, item[side]))
        for side in ("source_image", "target_image")
    ]
    assert names[0] != names[1]
    assert 0.05 < item["target_pose"][:3].amax(0).gt(0).float().mean() < 0.9


@pytest.fixture
def dotted(make_root, tmp_path):
    """dotted(position): an item as networks see it, of photos black but for a white dot at their only keypoint, which
    is well off the middle."""
    size = (128, 88)
    root = make_root(tmp_path / "root", ["img/A/id_1/1_1_a.png", "img/A/id_1/1_2_b.png"], size)
    for n, (name, x, y) in enumerate([("1_1_a", 20, 110), ("1_2_b", 70, 14)]):
        keypoints = np.full((18, 2), -1.0)
        keypoints[n] = (x + 0.5) * 176 / size[1] + 40, (y + 0.5) * 256 / size[0]
        np.savetxt(root / f"pose/A/id_1/{name}.txt", keypoints)
        pixels = np.zeros((*size, 3), np.uint8)
        pixels[y - 2 : y + 3, x - 2 : x + 3] = 255
        Image.fromarray(pixels).save(root / f"img/A/id_1/{name}.png")
    (root / "train_pairs.txt").write_text("img/A/id_1/1_1_a.png,img/A/id_1/1_2_b.png\n")
    assert prepare_data.main([f"--root={root}", f"--out={tmp_path / 'lmdb'}", "--size=128x88", "--workers=1"]) == 0
    dataset = PairDataset(DataConfig(root=str(root), lmdb=str(tmp_path / "lmdb")), size, 0)
    return lambda position: to_device(dataset[position], "cpu")


def bright(picture):
    """(3, H, W), black being -1 or 0 -> (H, W), black being 0."""
    return picture.amax(0).clamp(min=0)


def centre(picture):
    """Row, column of the centroid of a (H, W) picture."""
    picture = picture.numpy().astype(np.float64)
    rows, columns = np.indices(picture.shape)
    return np.array([(picture * rows).sum(), (picture * columns).sum()]) / picture.sum()


def test_augmentation_keeps_pixels_and_keypoints_together(dotted):
    places = []
    for position in range(40):
        item = dotted(position)
        for side in ("source", "target"):
            dot, joint = centre(bright(item[f"{side}_image"])), centre(bright(item[f"{side}_pose"][:3]))
            assert np.abs(dot - joint).max() < 0.8, position
            places.append(joint)
    rows, columns = np.transpose(places)
    assert len(set(map(tuple, places))) > 30
    for coordinate in (rows[rows > 64], rows[rows < 64], columns[columns < 44], columns[columns > 44]):
        assert 2 <= coordinate.max() - coordinate.min() <= 8


def test_flip_turns_images_and_pose_maps_together(dotted):
    flips = []
    for position in range(60):
        item = dotted(position)
        pictures = [item["source_image"], item["target_image"], item["source_pose"][:3], item["target_pose"][:3]]
        rows, columns = zip(*(centre(bright(picture)) for picture in pictures), strict=True)
        right = [bool(column > 44) for column in columns]
        assert right[0] == right[2]
        assert right[1] == right[3]
        assert right[0] != right[1]
        assert bool(item["source_pose"][1].any()) == bool(rows[0] < 64)  # Rows stay; the lower dot's has no green.
        flips.append(right[0] if rows[0] > 64 else right[1])  # The lower dot is drawn on the left.
    assert 18 <= sum(flips) <= 42


def test_scale_is_drawn_up_to_a_twentieth():
    image, corners = Image.new("RGB", (88, 128)), np.array([(40.0, 0.0), (216.0, 256.0)])
    random = np.random.default_rng(0)
    heights = []
    for _ in range(200):
        crop, placed = vary(image, placement(None, (128, 88), "squeeze"), random)
        moved = placed.keypoints(corners)
        assert crop.shape == (3, 128, 88)
        assert (moved[0] <= 0).all()
        assert (moved[1] >= (88, 128)).all()
        heights.append(round(moved[1, 1] - moved[0, 1]))
    assert set(heights) == set(range(128, 135))


def test_enlarged_crops_are_pillows_but_for_roundings(root):
    image = squeeze(read_rgb(next((root / "img").rglob("*.jpg"))), (128, 88))
    for seed in range(10):
        crop, placed = vary(image, placement(None, (128, 88), "squeeze"), np.random.default_rng(seed))
        expected, places = enlarged(image, np.full((18, 2), 100.0), np.random.default_rng(seed))
        apart = (crop.int() - torch.tensor(to_levels(expected)).int()).abs()
        assert apart.max() <= 2
        assert (apart > 0).float().mean() < 0.02
        assert np.array_equal(placed.keypoints(np.full((18, 2), 100.0)), places)


def test_scale_and_offset_differ_between_the_two_images(dotted):
    apart = []
    for position in range(20):
        rows = [centre(bright(dotted(position)[f"{side}_pose"][:3]))[0] for side in ("source", "target")]
        apart.append(abs(rows[0] - rows[1]))
    assert len({round(value) for value in apart}) > 3


def test_without_augmentation_the_stored_image_is_returned(settings):
    settings = dataclasses.replace(settings, augment=False)
    dataset = PairDataset(settings, SIZE, 0)
    pair = next(pair for pair in dataset.pairs if len(pair.sources) == 1)
    expected = plain_item(settings, pair.sources[0], pair.target)
    assert any(equal(dataset[position], expected) for position in range(len(dataset)))


def test_missing_keypoints_give_an_empty_pose_map(make_root, tmp_path):
    root = make_root(tmp_path / "root", ["img/A/id_1/1_1_a.jpg", "img/A/id_1/1_2_b.jpg"])
    for path in (root / "pose").rglob("*.txt"):
        np.savetxt(path, np.full((18, 2), -1.0))
    assert prepare_data.main([f"--root={root}", f"--out={tmp_path / 'lmdb'}", "--size=32x24"]) == 0
    item = PairDataset(DataConfig(root=str(root), lmdb=str(tmp_path / "lmdb")), SIZE, 0)[0]
    assert (item["source_pose"][:3] == 0).all()
    assert (item["source_pose"][3:] == 255).all()


def test_pairs_that_the_data_do_not_hold_are_refused(make_root, settings, tmp_path):
    root = make_root(tmp_path / "root")
    settings = dataclasses.replace(settings, root=str(root))
    (root / "train_pairs.txt").open("a").write("img/WOMEN/none.jpg,img/WOMEN/Dresses/id_00000000/01_1_front.jpg\n")
    message = refusal(settings, SIZE, 0)
    assert message == f"{root}/train_pairs.txt:25: img/WOMEN/none.jpg is not in {settings.lmdb}/32-24"
    make_root(root)
    keypoint_path(root, "img/WOMEN/Dresses/id_00000001/01_2_front.jpg").unlink()
    assert "id_00000001/01_2_front.jpg has no keypoint file" in refusal(settings, SIZE, 0)


def test_unfit_settings_are_refused(settings, make_root, tmp_path):
    assert "model.image_size" in refusal(settings, (64, 48), 0)
    assert refusal(settings, SIZE, -1).startswith("training.seed: expected")
    assert refusal(dataclasses.replace(settings, root="none"), SIZE, 0).startswith("none: expected")
    empty = make_root(tmp_path / "root")
    (empty / "train_pairs.txt").write_text("")
    message = refusal(dataclasses.replace(settings, root=str(empty)), SIZE, 0)
    assert message.startswith(f"{empty}/train_pairs.txt: expected lines")


def test_dataset_survives_pickling(settings):
    dataset = PairDataset(settings, SIZE, 0)
    assert equal(pickle.loads(pickle.dumps(dataset))[5], dataset[5])
