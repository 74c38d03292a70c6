import json

import numpy as np
import pytest

from data import keypoints, pose_gallery
from data.keypoint_values import missing
from data.pose import FRAME, TORSO
from data.pose_edit import check_pose
from data.pose_gallery import gallery_names, gallery_pose
from system.errors import InputError

NAMES = gallery_names()
BEHIND = {"back", "looking-back"}
NOSE, NECK = 0, 1


def test_names_are_sorted_and_plain():
    assert len(NAMES) >= 12
    assert sorted(NAMES) == NAMES
    assert all(name.replace("-", "").isalpha() and name.islower() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_file_has_the_gallerys_form(name):
    path = pose_gallery.FOLDER / f"{name}.json"
    content = json.loads(path.read_text())
    rows = np.array(content["people"][0]["pose_keypoints_2d"]).reshape(-1, 3)
    assert len(content["people"]) == 1
    assert (rows[:, :2] == rows[:, :2].round(1)).all()
    assert set(rows[:, 2]) <= {0, 1}
    assert np.array_equal(keypoints.read(path)[""].joints, gallery_pose(name).joints)


@pytest.mark.parametrize("name", NAMES)
def test_pose_is_one_that_can_be_drawn_whole(name):
    pose = gallery_pose(name)
    check_pose(pose, name)
    seen = pose.joints[~missing(pose.joints)]
    assert pose.size == FRAME
    assert ((seen >= 0) & (seen <= [FRAME[1] - 1, FRAME[0] - 1])).all()
    assert not missing(pose.joints)[[NECK, *TORSO]].any()


@pytest.mark.parametrize("name", NAMES)
def test_left_and_right_are_the_persons(name):
    x = gallery_pose(name).joints[:, 0]
    sign = -1 if name in BEHIND else 1
    for right, left in ((2, 5), (8, 11)):
        assert sign * (x[left] - x[right]) > 0


@pytest.mark.parametrize("name", NAMES)
def test_person_is_upright(name):
    y = gallery_pose(name).joints[:, 1]
    head = y[[NOSE, 14, 15, 16, 17]]
    assert head.max() < y[NECK] < y[[8, 11]].min()


@pytest.mark.parametrize(("name", "sign"), [("facing-left", -1), ("facing-right", 1)])
def test_side_pose_faces_the_way_that_it_says(name, sign):
    x = gallery_pose(name).joints[:, 0]
    assert sign * (x[NOSE] - x[NECK]) > 5


def test_no_face_shows_from_behind():
    assert missing(gallery_pose("back").joints)[[NOSE, 14, 15]].all()


def test_bones_have_human_proportions():
    for name in NAMES:
        joints, absent = gallery_pose(name).joints, missing(gallery_pose(name).joints)
        torso = np.linalg.norm(joints[[8, 11]].mean(axis=0) - joints[NECK])
        for a, b, most in (
            (2, 3, 0.75),
            (3, 4, 0.7),
            (5, 6, 0.75),
            (6, 7, 0.7),
            (8, 9, 1.1),
            (9, 10, 1),
            (11, 12, 1.1),
        ):
            length = np.linalg.norm(joints[a] - joints[b])
            assert absent[[a, b]].any() or length < most * torso, (name, a, b, length / torso)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("siting", r"^siting: expected a pose of the gallery \(sitting or standing\?\): arms-up, .*, waving$"),
        ("qqqq", r"^qqqq: expected a pose of the gallery: arms-up, .*, waving$"),
        ("../poses/back", r"^\.\./poses/back: expected a pose of the gallery"),
    ],
)
def test_unknown_name_is_refused_with_the_known_ones(name, expected):
    with pytest.raises(InputError, match=expected):
        gallery_pose(name)
