import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.keypoint_values import Keypoints, missing
from data.pose import LIMBS
from data.pose_edit import TURNED, check_pose, frames_between, interpolated, placed
from data.pose_gallery import gallery_names, gallery_pose
from system.errors import InputError

SIZE = (256, 176)
STANDING = gallery_pose("standing")
NECK, SHOULDER, ELBOW, WRIST, EAR = 1, 2, 3, 4, 16
TORSO_AND_ARM = {1: (90, 60), 2: (70, 60), 3: (60, 95), 4: (60, 130), 5: (110, 60), 8: (78, 130), 11: (102, 130)}


def person(joints=TORSO_AND_ARM, size=SIZE, **changed):
    """Keypoints with the joints given, number -> x y; `j4=(1, 2)` changes one, `j4=None` removes it."""
    points = np.full((18, 2), -1.0)
    for joint, point in (joints | {int(name[1:]): point for name, point in changed.items()}).items():
        points[joint] = (-1, -1) if point is None else point
    return Keypoints(points, size)


def forearm(degrees, length):
    """A person whose right forearm points `degrees` clockwise from the picture's right."""
    angle = np.radians(degrees)
    return person(j4=np.array(TORSO_AND_ARM[ELBOW]) + length * np.array([np.cos(angle), np.sin(angle)]))


def forearm_of(keypoints):
    """(degrees in 0..360, length) of the right forearm."""
    x, y = keypoints.joints[WRIST] - keypoints.joints[ELBOW]
    return np.degrees(np.arctan2(y, x)) % 360, np.hypot(x, y)


def limb(keypoints, a, b):
    return keypoints.joints[b] - keypoints.joints[a]


def seen(keypoints):
    return set(np.flatnonzero(~missing(keypoints.joints)))


@pytest.mark.parametrize("name", gallery_names())
def test_ends_are_exact(name):
    last = gallery_pose(name)
    assert np.array_equal(interpolated(STANDING, last, 0).joints, STANDING.joints)
    assert np.array_equal(interpolated(STANDING, last, 1.0).joints, last.joints)


@pytest.mark.parametrize("name", gallery_names())
def test_ends_are_approached_without_a_jump(name):
    last = gallery_pose(name)
    for share, end in ((1e-9, STANDING), (1 - 1e-9, last)):
        pose = interpolated(STANDING, last, share)
        assert seen(pose) == seen(end)
        np.testing.assert_allclose(pose.joints, end.joints, atol=1e-4)


@pytest.mark.parametrize(
    ("first", "last", "share", "expected"),
    [
        ((90, 30), (0, 30), 0.5, (45, 30)),  # Straight, the wrist would come as near as 21 pixels.
        ((90, 30), (0, 30), 0.25, (67.5, 30)),
        ((10, 20), (40, 30), 0.5, (25, 25)),
        ((350, 20), (10, 20), 0.5, (0, 20)),
        ((10, 20), (350, 20), 0.75, (355, 20)),
        ((170, 20), (200, 20), 0.5, (185, 20)),
        ((120, 0), (30, 20), 0.5, (30, 10)),  # A limb without length has no angle of its own.
        ((30, 20), (120, 0), 0.5, (30, 10)),
    ],
)
def test_limb_turns_the_shorter_way(first, last, share, expected):
    angle, length = forearm_of(interpolated(forearm(*first), forearm(*last), share))
    assert (angle - expected[0] + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    assert length == pytest.approx(expected[1])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(gallery_names()), st.sampled_from(gallery_names()), st.floats(0, 1))
def test_limbs_are_as_long_as_between_their_ends(first, last, share):
    ends = gallery_pose(first), gallery_pose(last)
    pose = interpolated(*ends, share)
    for a, b in LIMBS:
        if {a, b} <= seen(ends[0]) & seen(ends[1]) and b not in TURNED:
            lengths = sorted(np.hypot(*limb(end, a, b)) for end in ends)
            assert lengths[0] - 1e-6 <= np.hypot(*limb(pose, a, b)) <= lengths[1] + 1e-6


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(gallery_names()), st.sampled_from(gallery_names()), st.floats(0, 1))
def test_there_is_the_way_back(first, last, share):
    assume(share != 0.5)
    there = interpolated(gallery_pose(first), gallery_pose(last), share)
    back = interpolated(gallery_pose(last), gallery_pose(first), 1 - share)
    np.testing.assert_allclose(there.joints, back.joints, atol=1e-6)


def test_shoulders_cross_at_the_neck_when_a_body_turns_round():
    pose = interpolated(STANDING, gallery_pose("back"), 0.5)
    assert np.hypot(*limb(pose, NECK, SHOULDER)) < 0.2 * np.hypot(*limb(STANDING, NECK, SHOULDER))
    assert abs(limb(pose, NECK, 5)[1]) < 5


def test_root_moves_straight():
    pose = interpolated(STANDING, Keypoints(np.add(STANDING.joints, [40, 8]), SIZE), 0.25)
    np.testing.assert_allclose(pose.joints, np.add(STANDING.joints, [10, 2]))


def test_scale_grows_evenly():
    larger = Keypoints(STANDING.joints * 1.5, SIZE)
    np.testing.assert_allclose(interpolated(STANDING, larger, 0.5).joints, STANDING.joints * 1.25)


@pytest.mark.parametrize(("share", "there"), [(0.49, False), (0.51, True)])
def test_joint_of_one_pose_shows_in_the_half_near_it(share, there):
    without = person(j4=None)
    assert (WRIST in seen(interpolated(without, person(), share))) == there
    assert (WRIST in seen(interpolated(person(), without, 1 - share))) == there
    assert EAR not in seen(interpolated(without, person(), share))


@pytest.mark.parametrize(("lacking", "ancestor"), [(("j4",), ELBOW), (("j3", "j4"), SHOULDER)])
def test_joint_of_one_pose_stands_off_its_nearest_shared_ancestor(lacking, ancestor):
    moved = {joint: np.add(point, [8, 0]) for joint, point in TORSO_AND_ARM.items()}
    last = person(moved, j3=(43, 70))  # The upper arm is as long as before.
    pose = interpolated(person(**dict.fromkeys(lacking)), last, 0.75)
    np.testing.assert_allclose(limb(pose, ancestor, WRIST), limb(last, ancestor, WRIST))
    assert pose.joints[ancestor][0] != pytest.approx(last.joints[ancestor][0])


def test_joint_of_one_pose_has_the_size_of_the_figure():
    larger = Keypoints(np.where(missing(person().joints)[:, None], -1, person().joints * 1.5), SIZE)
    pose = interpolated(person(j4=None), larger, 0.5)
    np.testing.assert_allclose(limb(pose, ELBOW, WRIST), limb(person(), ELBOW, WRIST) * 1.25)


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_limb_is_kept_whole_over_a_joint_that_one_pose_lacks(share):
    pose = interpolated(person(), person(j3=None), share)
    np.testing.assert_allclose(pose.joints[WRIST], TORSO_AND_ARM[WRIST])
    assert (ELBOW in seen(pose)) == (share < 0.5)


def test_middle_of_the_shared_joints_is_the_root_where_a_neck_is_missing():
    moved = {joint: np.add(point, [20, 4]) for joint, point in TORSO_AND_ARM.items()}
    pose = interpolated(person(j1=None), person(moved), 0.75)
    np.testing.assert_allclose(pose.joints, person(moved | {j: p - [5, 1] for j, p in moved.items()}).joints)


def test_poses_without_a_shared_joint_move_by_their_middles():
    first, last = person({1: (80, 50), 0: (80, 30)}), person({9: (120, 100), 10: (120, 140)})
    np.testing.assert_allclose(interpolated(first, last, 0.25).joints[:2], [(90, 50), (90, 70)])
    np.testing.assert_allclose(interpolated(first, last, 0.75).joints[9:11], [(110, 80), (110, 120)])


@pytest.mark.parametrize(
    ("size", "point", "expected"),
    [
        ((256, 176), (88, 100), (88, 100)),
        ((128, 88), (88, 100), (44, 50)),
        ((512, 512), (88, 100), (256, 200)),
        ((256, 256), (0, 10), (40, 10)),
        ((256, 100), (88, 10), (50, 10)),
    ],
)
def test_placed_keeps_proportions_and_the_middle(size, point, expected):
    pose = placed(person(j0=point), size)
    assert pose.size == size
    np.testing.assert_allclose(pose.joints[0], expected)
    assert seen(pose) == {0, *TORSO_AND_ARM}


def test_joint_that_lands_on_the_mark_of_a_missing_one_stays():
    assert 0 in seen(placed(person(j0=(-41, 20)), (256, 256)))


def test_poses_of_two_sizes_meet_in_the_first_ones():
    larger = placed(STANDING, (512, 400))
    for share in (0, 0.3, 1):
        pose = interpolated(STANDING, larger, share)
        assert pose.size == SIZE
        np.testing.assert_allclose(pose.joints, STANDING.joints)


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_frames_hold_the_ends_and_their_number(count):
    last = placed(gallery_pose("waving"), (512, 352))
    frames = frames_between([STANDING, gallery_pose("back"), last], count)
    assert len(frames) == count
    assert np.array_equal(frames[0].joints, STANDING.joints)
    np.testing.assert_allclose(frames[-1].joints, gallery_pose("waving").joints)
    assert {frame.size for frame in frames} == {SIZE}


def test_frames_hold_the_poses_between_the_ends():
    poses = [gallery_pose(name) for name in ("standing", "waving", "back", "sitting")]
    frames = frames_between(poses, 13)
    for frame, pose in zip(frames[::4], poses, strict=True):
        assert np.array_equal(frame.joints, pose.joints)


def test_frames_turn_evenly():
    frames = frames_between([forearm(90, 30), forearm(30, 30), forearm(0, 30)], 7)
    angles = [forearm_of(frame)[0] for frame in frames]
    np.testing.assert_allclose(angles, [90, 70, 50, 30, 20, 10, 0], atol=1e-6)


def test_pose_with_a_limb_and_enough_joints_passes():
    check_pose(person(j4=None), "p.json")


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (person({}), "expected at least 6 joints on the picture, got 0"),
        (person({0: (1, 1), 1: (5, 5)}), "expected at least 6 joints on the picture, got 2"),
        (person(j1=(90, 256), j2=(176, 4)), "expected at least 6 joints on the picture, got 5"),
        (person(j1=(90, -3), j2=(-1, 9)), "expected at least 6 joints on the picture, got 5"),
        (
            person({joint: (joint, 9) for joint in (4, 7, 10, 13, 16, 17)}),
            "expected two joints of one limb on the picture, got 6 of none",
        ),
    ],
)
def test_pose_that_cannot_be_drawn_is_refused(pose, expected):
    with pytest.raises(InputError) as error:
        check_pose(pose, "p.json")
    assert str(error.value) == f"p.json: {expected}"
