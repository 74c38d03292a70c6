"""The drawn demo set: exact flow, keypoints on the person, the DeepFashion layout, and the same bytes every time."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from data import synthetic
from data.figure.poses import ARMS
from system.errors import InputError

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


@pytest.mark.parametrize(("index", "pair"), list(itertools.product(range(3), PAIRS)))
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
    assert np.median(place_error(5, *pair, shift=1.0)) > 0.2  # One pixel is noticed.


def surface_places(person, pose):
    """Part, u in cm and psi of the surface seen at every pixel, (H, W, 3); part -1 on the backdrop."""
    view = synthetic.scene(person, pose)
    raster = view.raster(SIZE)
    parts = view.mesh.parts[raster.triangles].astype(float)
    return raster.spread(np.column_stack([parts, raster.gather(view.mesh, view.mesh.surface)]), -1.0)


def test_flow_is_zero_between_equal_poses_and_on_the_backdrop():
    person, poses = synthetic.identity(0, 1), synthetic.poses_of(0, 1, 2)
    flow, visible = synthetic.true_flow(person, poses[0], poses[0], SIZE)
    assert np.abs(flow).max() < 1e-3
    assert 0.08 < visible.mean() < 0.6
    flow, visible = synthetic.true_flow(person, poses[0], poses[1], SIZE)
    assert (flow.dtype, flow.shape, visible.dtype) == (np.float32, (2, *SIZE), bool)
    assert not flow[:, 0].any()
    assert not visible[0].any()


def test_flow_scales_with_the_grid():
    person, poses = synthetic.identity(0, 3), synthetic.poses_of(0, 3, 4)
    fine, _ = synthetic.true_flow(person, poses[0], poses[3], (256, 256))
    coarse, seen = synthetic.true_flow(person, poses[0], poses[3], (64, 128))
    shrunk = fine.reshape(2, 64, 4, 128, 2).mean((2, 4)) / np.array([2, 4]).reshape(2, 1, 1)
    assert np.median(np.abs(shrunk - coarse)[:, seen]) < 0.3


def test_the_same_seed_draws_the_same_person_and_another_seed_another():
    first, again, other = (
        synthetic.draw(synthetic.identity(seed, 2), synthetic.poses_of(seed, 2, 2)[0], (128, 88)) for seed in (0, 0, 1)
    )
    assert (first.dtype, first.shape) == (np.uint8, (128, 88, 3))
    assert (first == again).all()
    assert (first != other).any()


def test_keypoints_lie_on_the_person():
    for index in range(2):
        person = synthetic.identity(0, index)
        for pose in synthetic.poses_of(0, index, 5):
            points = synthetic.keypoints(person, pose, SIZE)
            on_person = cv2.dilate((surface_places(person, pose)[..., 0] >= 0).astype(np.uint8), np.ones((3, 3)))
            x, y = np.round(points[points[:, 0] >= 0]).astype(int).T
            assert len(x) >= 8
            assert on_person[y, x].all()


def test_keypoints_outside_the_picture_are_missing():
    for index in range(4):
        close_up = synthetic.poses_of(0, index, 5)[4]
        points = synthetic.keypoints(synthetic.identity(0, index), close_up, SIZE)
        missing = (points == -1).all(1)
        inside = (points >= 0).all(1) & (points[:, 0] <= SIZE[1] - 1) & (points[:, 1] <= SIZE[0] - 1)
        assert (missing ^ inside).all()
        assert missing[[10, 13]].all()  # Ankles.


def test_joints_hidden_behind_the_body_are_missing():
    person, pose = synthetic.identity(0, 1), synthetic.poses_of(0, 1, 1)[0]
    behind_the_back = replace(pose, yaw=0.0, arms=(ARMS["behind"],) * 2, window=(0.0, 8.0, 190.0))
    points = synthetic.keypoints(person, behind_the_back, SIZE)
    assert (points[[4, 7]] == -1).all()  # Wrists.
    assert (points[[2, 3, 5, 6]] >= 0).all()
    assert (synthetic.keypoints(person, replace(behind_the_back, yaw=180.0), SIZE)[[4, 7]] >= 0).all()


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
    synthetic.main(["--out", str(root), "--identities", "4", "--poses", "5", "--size", "128x88", "--workers", "2"])
    return root


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_layout_is_that_of_deepfashion(demo_set):
    files = contents(demo_set)
    images = [name for name in files if name.startswith("img/")]
    poses = [name.replace("img/", "pose/").replace(".jpg", ".txt") for name in images]
    assert len(images) == 20
    assert set(files) == {*images, *poses, "synthetic.json", "test_pairs.txt", "train_pairs.txt"}
    for image, pose in zip(images, poses, strict=True):
        assert re.fullmatch(r"img/(WOMEN|MEN)/[A-Za-z_]+/id_\d{8}/01_\d_(front|side|back|full|additional)\.jpg", image)
        assert files[image][:2] == b"\xff\xd8"
        assert re.fullmatch(r"(-?\d\.\d{18}e[+-]\d\d -?\d\.\d{18}e[+-]\d\d\n){18}", files[pose].decode())


def test_annotations_are_in_the_frame_of_the_low_resolution_image(demo_set):
    pose = synthetic.poses_of(0, 0, 5)[0]
    points = synthetic.keypoints(synthetic.identity(0, 0), pose, (128, 88))
    written = np.loadtxt(next((demo_set / "pose").glob("*/*/id_00000001/01_1_front.txt")))
    expected = np.where(points < 0, -1, points * [176 / 88, 256 / 128] + [40, 0])
    np.testing.assert_allclose(written, expected, atol=1e-9)


def test_pair_files_follow_the_pair_rule(demo_set):
    lines = {split: (demo_set / f"{split}_pairs.txt").read_text().split() for split in ("train", "test")}
    groups = {}
    for path in sorted((demo_set / "pose").rglob("*.txt")):
        if (np.loadtxt(path)[[2, 5, 8, 11]] >= 0).all():
            name = str(path.relative_to(demo_set)).replace("pose/", "img/").replace(".txt", ".jpg")
            groups.setdefault(path.parent, []).append(name)
    test = [group for group in groups.values() if any(group[0] in line for line in lines["test"])]
    train = [group for group in groups.values() if group not in test]
    assert len(test) == 1
    assert sorted(lines["test"]) == sorted(f"{a},{b}" for a, b in zip(test[0], test[0][1:] + test[0][:1], strict=True))
    expected = [[name, *(n for n in group if n != name)] for group in train for name in group]
    assert sorted(lines["train"]) == sorted(",".join(names) for names in expected)


def test_bytes_do_not_depend_on_the_number_of_workers(demo_set, tmp_path):
    synthetic.generate(tmp_path, identities=4, poses=5, size=(128, 88), workers=1)
    assert contents(tmp_path) == contents(demo_set)


def test_a_run_killed_midway_is_completed_to_the_same_bytes(demo_set, tmp_path):
    flags = ["--out", str(tmp_path), "--identities", "4", "--size", "128x88", "--workers", "2"]
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
    synthetic.generate(tmp_path, identities=4, poses=5, size=(128, 88), workers=1)
    assert contents(tmp_path) == contents(demo_set)
    assert all(path.stat().st_mtime_ns == written for path, written in drawn.items())  # What was there was kept.


def test_pair_flow_names_a_pair_of_the_set(demo_set):
    names, poses = synthetic.image_names(0, 1, 5), synthetic.poses_of(0, 1, 5)
    expected = synthetic.true_flow(synthetic.identity(0, 1), poses[3], poses[0], (128, 88))
    flow, visible = synthetic.pair_flow(demo_set, names[3], names[0], (128, 88))
    assert (flow == expected[0]).all()
    assert (visible == expected[1]).all()


def test_pair_flow_refuses_strangers(demo_set, tmp_path):
    first, other = (synthetic.image_names(0, index, 5)[0] for index in (0, 1))
    for root, target, said in (
        (demo_set, other, f"{first}: shows another person"),
        (demo_set, "img/nobody.jpg", "img/nobody.jpg: is not"),
        (tmp_path, first, f"{tmp_path}: has no synthetic.json"),
    ):
        with pytest.raises(InputError, match="^" + re.escape(said)):
            synthetic.pair_flow(root, target, first, (64, 64))


def test_people_with_fewer_than_two_complete_images_are_left_out(tmp_path):
    complete = [[True, True], [True, False], [False, False], [True, True]]
    synthetic._write_pairs(tmp_path, 4, 2, 0, list(itertools.chain(*complete)))
    named = [re.search(r"id_(\d+)", (tmp_path / f"{split}_pairs.txt").read_text())[1] for split in ("train", "test")]
    assert sorted(named) == ["00000001", "00000004"]


def people_in(path):
    return {int(number) for number in re.findall(r"id_(\d+)", path.read_text())}


def test_people_held_out_of_a_set_are_held_out_of_larger_ones(tmp_path):
    for count in (12, 35):
        (tmp_path / str(count)).mkdir()
        synthetic._write_pairs(tmp_path / str(count), count, 2, 0, [True] * 2 * count)
    assert people_in(tmp_path / "12" / "test_pairs.txt") == {10}
    assert people_in(tmp_path / "35" / "test_pairs.txt") == {10, 20, 30}
    assert people_in(tmp_path / "35" / "train_pairs.txt") == set(range(1, 36)) - {10, 20, 30}


@pytest.mark.parametrize(
    ("flags", "people", "poses"),
    [([], 120, 5), (["--preset=full"], 1000, 5), (["--preset=full", "--identities=3", "--poses=2"], 3, 2)],
)
def test_presets_name_numbers_that_flags_override(flags, people, poses, tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "_draw_one", lambda *_: True)
    synthetic.main([f"--out={tmp_path}", "--workers=1", *flags])
    record = json.loads((tmp_path / "synthetic.json").read_text())
    assert (record["identities"], record["poses"]) == (people, poses)
