"""The drawn demo set: exact flow, keypoints on the person, the DeepFashion layout, and the same bytes every time."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from config.errors import InputError
from data import synthetic

SIZE = (256, 176)
PAIRS = [(0, 3), (3, 0), (0, 1), (1, 3)]  # Target, source: front, side, back, full, additional are 0..4.


def warped(image, flow):
    """`image` (H, W, C) sampled bilinearly at pixel + flow (2, H, W)."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    return cv2.remap(image.astype(np.float32), x + flow[0], y + flow[1], cv2.INTER_LINEAR)


def flat_areas(image, reach=2):
    """Pixels (H, W) around which the picture hardly changes: no edge of a part, pattern or painted line is near."""
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return (cv2.dilate(image, kernel).astype(int) - cv2.erode(image, kernel)).max(-1) < 24


def warp_error(index, target, source, change=lambda flow: flow):
    """Colour differences (N,) between target and warped source on visible pixels off the edges; full scale is 255."""
    person, poses = synthetic.identity(0, index), synthetic.poses_of(0, index, 5)
    flow, visible = synthetic.true_flow(person, poses[target], poses[source], SIZE)
    target_image = synthetic.draw(person, poses[target], SIZE, shaded=False)
    source_image = synthetic.draw(person, poses[source], SIZE, shaded=False)
    source_flat = warped(flat_areas(source_image)[..., None], flow) > 0.99
    chosen = visible & flat_areas(target_image) & source_flat
    assert chosen.sum() > 200
    return np.abs(warped(source_image, change(flow)) - target_image).max(-1)[chosen]


@pytest.mark.parametrize(("index", "pair"), list(itertools.product(range(4), PAIRS)))
def test_source_warped_by_the_true_flow_equals_the_target(index, pair):
    error = warp_error(index, *pair)
    assert np.mean(error) < 1.5
    assert np.mean(error > 12) < 0.01


@pytest.mark.parametrize("change", [np.negative, np.zeros_like, lambda flow: flow[::-1], lambda flow: flow + 12])
def test_a_broken_flow_is_noticed(change):
    error = np.concatenate([warp_error(index, *pair, change) for index, pair in itertools.product(range(2), PAIRS)])
    assert np.mean(error > 12) > 0.1


def place_error(index, target, source, shift=0.0):
    """Distance along the limb, cm (N,), between the surface points that the flow connects, inside the parts."""
    person, poses = synthetic.identity(0, index), synthetic.poses_of(0, index, 5)
    here, there = (surface_places(person, poses[k]) for k in (target, source))
    flow, visible = synthetic.true_flow(person, poses[target], poses[source], SIZE)
    found = warped(there, flow + np.float32(shift))
    inside = visible & (np.abs(found[..., 0] - here[..., 0]) < 1e-4)
    assert inside.sum() > 0.6 * visible.sum()
    return np.abs(found[..., 1] - here[..., 1])[inside]


@pytest.mark.parametrize("pair", PAIRS)
def test_visible_points_keep_their_place_on_the_body(pair):
    error = place_error(5, *pair)
    assert np.median(error) < 0.02
    assert np.quantile(error, 0.95) < 0.15


def test_a_flow_off_by_one_pixel_moves_the_place_on_the_body():
    assert np.median(place_error(5, *PAIRS[0], shift=1.0)) > 0.2


def surface_places(person, pose):
    """Part, u in cm and psi of the surface seen at every pixel, (H, W, 3); part -1 on the backdrop."""
    view = synthetic.scene(person, pose)
    raster = view.raster(SIZE)
    parts = view.mesh.parts[raster.triangles].astype(float)
    return raster.spread(np.column_stack([parts, raster.gather(view.mesh, view.mesh.surface)]), -1.0)


def test_flow_between_equal_poses_is_zero():
    person, (pose, *_) = synthetic.identity(0, 1), synthetic.poses_of(0, 1, 2)
    flow, visible = synthetic.true_flow(person, pose, pose, SIZE)
    person_share = visible.mean()
    assert np.abs(flow).max() < 1e-3
    assert 0.08 < person_share < 0.6


def test_flow_is_zero_and_hidden_on_the_backdrop():
    person, poses = synthetic.identity(0, 2), synthetic.poses_of(0, 2, 2)
    flow, visible = synthetic.true_flow(person, poses[0], poses[1], SIZE)
    assert flow.dtype == np.float32
    assert flow.shape == (2, *SIZE)
    assert visible.dtype == bool
    assert not visible[0].any()
    assert not flow[:, 0].any()


def test_flow_scales_with_the_grid():
    person, poses = synthetic.identity(0, 3), synthetic.poses_of(0, 3, 4)
    fine, _ = synthetic.true_flow(person, poses[0], poses[3], (256, 256))
    coarse, seen = synthetic.true_flow(person, poses[0], poses[3], (64, 128))
    centres = fine.reshape(2, 64, 4, 128, 2).mean((2, 4)) / np.array([2, 4]).reshape(2, 1, 1)
    assert np.median(np.abs(centres - coarse)[:, seen]) < 0.3


def test_the_same_seed_draws_the_same_person_and_another_seed_another():
    images = []
    for seed in (0, 0, 1):
        pose = synthetic.poses_of(seed, 2, 2)[0]
        images.append(synthetic.draw(synthetic.identity(seed, 2), pose, (128, 88)))
    assert images[0].dtype == np.uint8
    assert images[0].shape == (128, 88, 3)
    assert (images[0] == images[1]).all()
    assert (images[0] != images[2]).any()


def test_keypoints_lie_on_the_person():
    for index in range(4):
        person = synthetic.identity(0, index)
        for pose in synthetic.poses_of(0, index, 5):
            points = synthetic.keypoints(person, pose, SIZE)
            on_person = cv2.dilate((surface_places(person, pose)[..., 0] >= 0).astype(np.uint8), np.ones((3, 3)))
            present = points[points[:, 0] >= 0]
            assert len(present) >= 8
            x, y = np.round(present).astype(int).T
            assert on_person[y, x].all()


def test_keypoints_outside_the_picture_or_hidden_are_missing():
    close_up_misses = 0
    for index in range(4):
        poses = synthetic.poses_of(0, index, 5)
        points = synthetic.keypoints(synthetic.identity(0, index), poses[4], SIZE)
        missing = (points == -1).all(1)
        inside = (points >= 0).all(1) & (points[:, 0] <= SIZE[1] - 1) & (points[:, 1] <= SIZE[0] - 1)
        assert (missing ^ inside).all()
        assert missing[[10, 13]].all()  # A close-up shows no ankle.
        close_up_misses += missing.sum()
    assert close_up_misses > 8


def test_a_back_view_has_no_face_and_a_front_view_has_one():
    for index in range(6):
        poses = synthetic.poses_of(0, index, 3)
        person = synthetic.identity(0, index)
        assert (synthetic.keypoints(person, poses[2], SIZE)[[0, 14, 15]] == -1).all()
        front = synthetic.keypoints(person, poses[0], SIZE)
        assert (front[[0, 1, 2, 5]] >= 0).all()
        assert front[2, 0] < front[5, 0]  # The right shoulder is at the left of a front view.


@pytest.fixture(scope="module")
def demo_set(tmp_path_factory):
    root = tmp_path_factory.mktemp("set") / "demo"
    synthetic.main(["--out", str(root), "--identities", "6", "--poses", "5", "--size", "128x88", "--workers", "2"])
    return root


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_layout_is_that_of_deepfashion(demo_set):
    files = contents(demo_set)
    images = [name for name in files if name.startswith("img/")]
    assert len(images) == 30
    for name in images:
        assert re.fullmatch(r"img/(WOMEN|MEN)/[A-Za-z_]+/id_\d{8}/01_\d_(front|side|back|full|additional)\.jpg", name)
        assert files[name][:2] == b"\xff\xd8"
        rows = files[name.replace("img/", "pose/").replace(".jpg", ".txt")].decode().splitlines()
        assert len(rows) == 18
        assert all(re.fullmatch(r"-?\d\.\d{18}e[+-]\d\d -?\d\.\d{18}e[+-]\d\d", row) for row in rows)
    assert sorted(set(files) - set(images)) == sorted(
        [name.replace("img/", "pose/").replace(".jpg", ".txt") for name in images]
        + ["synthetic.json", "test_pairs.txt", "train_pairs.txt"]
    )


def test_annotations_are_in_the_frame_of_the_low_resolution_image(demo_set):
    pose = synthetic.poses_of(0, 0, 5)[0]
    points = synthetic.keypoints(synthetic.identity(0, 0), pose, (128, 88))
    written = np.loadtxt(next((demo_set / "pose").glob("*/*/id_00000001/01_1_front.txt")))
    expected = np.where(points < 0, -1, points * [176 / 88, 256 / 128] + [40, 0])
    np.testing.assert_allclose(written, expected, atol=1e-9)


def test_pair_files_follow_the_pair_rule(demo_set):
    lines = {split: (demo_set / f"{split}_pairs.txt").read_text().split() for split in ("train", "test")}
    people = {split: {re.search(r"id_\d+", line)[0] for line in rows} for split, rows in lines.items()}
    assert len(people["test"]) == 1
    assert not people["train"] & people["test"]
    complete = {}
    for path in sorted((demo_set / "pose").rglob("*.txt")):
        if (np.loadtxt(path)[[2, 5, 8, 11]] >= 0).all():
            name = str(path.relative_to(demo_set)).replace("pose/", "img/").replace(".txt", ".jpg")
            complete.setdefault(path.parent.name, []).append(name)
    for split, rows in lines.items():
        groups = [complete[item] for item in people[split]]
        if split == "test":
            assert sorted(rows) == sorted(",".join(pair) for g in groups for pair in itertools.permutations(g, 2))
        else:
            assert sorted(row.split(",")[0] for row in rows) == sorted(name for g in groups for name in g)
            assert all(sorted(row.split(",")) in [sorted(g) for g in groups] for row in rows)


def test_bytes_do_not_depend_on_the_number_of_workers(demo_set, tmp_path):
    synthetic.generate(tmp_path, identities=6, poses=5, size=(128, 88), workers=1)
    assert contents(tmp_path) == contents(demo_set)


def test_a_run_killed_midway_is_completed_to_the_same_bytes(demo_set, tmp_path):
    flags = ["--out", str(tmp_path), "--identities", "6", "--size", "128x88", "--workers", "2"]
    run = subprocess.Popen(
        [sys.executable, synthetic.__file__, *flags], stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 20
    while len(list(tmp_path.rglob("*.jpg"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    drawn = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.txt")}
    assert len(drawn) >= 7
    assert not (tmp_path / "train_pairs.txt").exists()
    synthetic.generate(tmp_path, identities=6, poses=5, size=(128, 88), workers=1)
    assert contents(tmp_path) == contents(demo_set)
    assert all(path.stat().st_mtime_ns == written for path, written in drawn.items())  # What was there was kept.


def test_pair_flow_names_a_pair_of_the_set(demo_set):
    target, source = (demo_set / "test_pairs.txt").read_text().split()[0].split(",")
    flow, visible = synthetic.pair_flow(demo_set, target, source, (128, 88))
    index = int(re.search(r"id_(\d+)", target)[1]) - 1
    names = synthetic.image_names(0, index, 5)
    poses = synthetic.poses_of(0, index, 5)
    expected = synthetic.true_flow(
        synthetic.identity(0, index), poses[names.index(target)], poses[names.index(source)], (128, 88)
    )
    assert (flow == expected[0]).all()
    assert (visible == expected[1]).all()


def test_pair_flow_refuses_strangers(demo_set, tmp_path):
    first, other = (synthetic.image_names(0, index, 5)[0] for index in (0, 1))
    with pytest.raises(InputError, match=r"^img/.*another person"):
        synthetic.pair_flow(demo_set, first, other, (64, 64))
    with pytest.raises(InputError, match=r"^img/nobody"):
        synthetic.pair_flow(demo_set, "img/nobody.jpg", first, (64, 64))
    with pytest.raises(InputError, match=re.escape(str(tmp_path))):
        synthetic.pair_flow(tmp_path, first, first, (64, 64))


@pytest.mark.parametrize(
    "flags", [["--identities", "0"], ["--poses", "1"], ["--size", "256"], ["--seed", "-1"], ["--workers", "x"]]
)
def test_a_bad_flag_is_named(flags, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        synthetic.main(["--out", str(tmp_path), *[f"{flags[0]}={flags[1]}"]])
    assert end.value.code == 2
    assert f"error: {flags[0]}" in capsys.readouterr().err


def test_a_folder_with_another_set_is_refused(demo_set):
    with pytest.raises(InputError, match=r"^--out"):
        synthetic.generate(demo_set, identities=7, poses=5, size=(128, 88), workers=1)
