import json

import numpy as np
import pytest

from data.given_pose import pose_of, poses_of
from data.keypoint_values import missing
from data.keypoints import write_pidm
from data.pose_gallery import FOLDER, gallery_pose
from system.errors import InputError

NAMES = ("waving", "back", "sitting")
COCO_PERSON = [[90 + 3 * joint, 20 + 9 * joint, 2] for joint in range(17)]


def flat(rows):
    return [value for row in rows for value in row]


def openpose(*people, size=(256, 176)):
    """OpenPose's JSON of people, each 18 rows x y score; size None: without a canvas."""
    canvas = {"canvas_height": size[0], "canvas_width": size[1]} if size else {}
    return json.dumps(canvas | {"people": [{"pose_keypoints_2d": flat(rows)} for rows in people]})


def rows_of(name, scale=1.0):
    joints = gallery_pose(name).joints
    return [[*(xy * scale), 1] if not absent else [0, 0, 0] for xy, absent in zip(joints, missing(joints), strict=True)]


def assert_same(pose, expected):
    assert pose.size == expected.size
    np.testing.assert_allclose(pose.joints, expected.joints, atol=1e-6)


@pytest.fixture
def folder(tmp_path):
    """Of three poses, in files of two forms whose names stand in another order than they were written in."""
    write_pidm(tmp_path / "b.txt", gallery_pose(NAMES[1]))
    (tmp_path / "c.json").write_text(openpose(rows_of(NAMES[2])))
    (tmp_path / "a.json").write_text((FOLDER / f"{NAMES[0]}.json").read_text())
    (tmp_path / "notes.md").write_text("No pose.")
    return tmp_path


def test_a_pose_is_known_by_its_name_or_read_from_its_file(folder):
    assert_same(pose_of("waving"), gallery_pose("waving"))
    for given, name in (("a.json", "waving"), ("b.txt", "back"), ("c.json", "sitting")):
        assert_same(pose_of(folder / given), gallery_pose(name))
        assert_same(pose_of(str(folder / given)), gallery_pose(name))


def test_a_file_goes_before_a_name_of_the_gallery(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "waving").write_text(openpose(rows_of("back")))
    assert_same(pose_of("waving"), gallery_pose("back"))


def test_the_size_given_is_that_of_files_without_one(folder):
    (folder / "bare.json").write_text(openpose(rows_of("waving"), size=None))
    assert pose_of(folder / "bare.json", size=(300, 200)).size == (300, 200)
    assert pose_of(folder / "a.json", size=(300, 200)).size == (256, 176)
    with pytest.raises(InputError, match=r"bare\.json: does not tell the size of the picture"):
        pose_of(folder / "bare.json")


def test_one_of_several_people_is_taken_by_number_or_size(folder):
    (folder / "two.json").write_text(openpose(rows_of("back", 0.5), rows_of("waving")))
    assert_same(pose_of(folder / "two.json"), gallery_pose("waving"))
    assert_same(pose_of(folder / "two.json", person=1), gallery_pose("waving"))
    np.testing.assert_allclose(pose_of(folder / "two.json", person=0).joints[0:2], rows_xy("back", 0.5)[0:2], atol=1e-6)
    with pytest.raises(InputError, match=r"two\.json: expected a person number 2, got 2, counted from 0"):
        pose_of(folder / "two.json", person=2)


def rows_xy(name, scale):
    joints = gallery_pose(name).joints
    return np.where(missing(joints)[:, None], -1, joints * scale)


def test_one_pose_is_a_list_of_one(folder):
    for given, name in (("waving", "waving"), (folder / "b.txt", "back")):
        (pose,) = poses_of(given)
        assert_same(pose, gallery_pose(name))


def test_a_folder_gives_its_keypoint_files_in_the_order_of_their_names(folder):
    for pose, name in zip(poses_of(folder), NAMES, strict=True):
        assert_same(pose, gallery_pose(name))


@pytest.mark.parametrize("start", ["", "\n  ", "\ufeff"])
def test_a_list_gives_names_and_files_beside_it_in_its_order(folder, start):
    (folder / "list").mkdir()
    path = folder / "list" / "walk.json"
    (folder / "list" / "own.json").write_text(openpose(rows_of("running")))
    names = ["sitting", "own.json", "../b.txt", str(folder / "a.json"), "sitting"]
    path.write_text(start + json.dumps(names), encoding="utf-8")
    expected = ("sitting", "running", "back", "waving", "sitting")
    for pose, name in zip(poses_of(path), expected, strict=True):
        assert_same(pose, gallery_pose(name))


def test_size_and_person_hold_for_each_of_several(folder):
    (folder / "c.json").write_text(openpose(rows_of("back", 0.5), rows_of("sitting"), size=None))
    (folder / "list").mkdir()
    (folder / "list" / "walk.json").write_text('["../c.json", "waving"]')
    first, _ = poses_of(folder / "list" / "walk.json", size=(400, 300), person=0)
    *_, second = poses_of(folder, size=(400, 300))
    assert first.size == second.size == (400, 300)
    np.testing.assert_allclose(first.joints, rows_xy("back", 0.5), atol=1e-6)
    np.testing.assert_allclose(second.joints, gallery_pose("sitting").joints, atol=1e-6)


def coco(*names):
    images = [{"id": n, "file_name": name, "height": 256, "width": 176} for n, name in enumerate(names)]
    rows = [{"image_id": n, "keypoints": flat(COCO_PERSON)} for n in range(len(names))]
    return json.dumps({"images": images, "annotations": rows})


def test_a_file_of_one_picture_with_a_name_is_taken_and_one_of_two_is_refused(folder):
    (folder / "coco.json").write_text(coco("a.jpg"))
    assert pose_of(folder / "coco.json").joints[0] == pytest.approx(COCO_PERSON[0][:2])
    (folder / "coco.json").write_text(coco("a.jpg", "b.jpg"))
    with pytest.raises(InputError, match=r"coco\.json: expected the pose of one picture, got those of 2$"):
        pose_of(folder / "coco.json")
