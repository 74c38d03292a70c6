import numpy as np
import pytest

from data.pose import LIMBS as SKELETON
from evaluation.pose_mask import LIMBS, pose_mask, target_mask
from evaluation.results import find_results
from tests.evaluation.sets import write_keypoints

MISSING = np.full((18, 2), -1.0)


def pose(**joints):
    """Keypoints with the joints given, counted from 1, as x y."""
    keypoints = MISSING.copy()
    for joint, point in joints.items():
        keypoints[int(joint[1:]) - 1] = point
    return keypoints


def test_a_joint_is_a_disc_of_radius_four():
    mask = pose_mask(pose(j5=(30, 20)), (64, 48))
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (17, 23, 27, 33)
    assert mask[20, 30]
    assert 45 <= mask.sum() <= 49


def test_a_limb_is_a_bar_as_wide_as_the_discs_of_its_joints():
    mask = pose_mask(pose(j3=(10, 30), j4=(50, 30)), (64, 64))
    assert np.nonzero(mask[:, 30])[0].tolist() == list(range(26, 35))
    rising = pose_mask(pose(j3=(10, 10), j4=(50, 50)), (64, 64))
    rows, columns = np.nonzero(rising[20:40, 20:40])
    assert np.abs(rows - columns).max() == 5  # 4 sqrt(2), whole.
    assert not pose_mask(pose(j3=(10, 30), j5=(50, 30)), (64, 64))[:, 30].any()
    assert not pose_mask(pose(j3=(10, 30)), (64, 64))[:, 30].any()


def test_narrow_gaps_are_closed():
    apart = pose_mask(pose(j5=(20, 30), j8=(36, 30)), (64, 64))
    close = pose_mask(pose(j5=(20, 30), j8=(30, 30)), (64, 64))
    assert not apart[30, 28]
    assert close[30, 25]


def test_what_lies_outside_is_cut_off():
    mask = pose_mask(pose(j3=(-30, 30), j4=(100, 30)), (64, 64))
    assert mask[26:35].all()
    assert mask.sum() == 9 * 64
    assert not pose_mask(pose(j3=(-3000, -3000)), (64, 64)).any()
    assert pose_mask(pose(j3=(0, 0)), (64, 64))[:3, :3].all()


def test_no_joints_give_an_empty_mask():
    assert not pose_mask(MISSING, (64, 64)).any()


@pytest.mark.parametrize("limb", LIMBS)
def test_each_limb_needs_both_joints(limb):
    a, b = limb
    both = pose_mask(pose(**{f"j{a}": (10, 30), f"j{b}": (50, 30)}), (64, 64))
    assert both[30, 30]


def test_the_limbs_are_the_skeletons_and_six_that_close_the_trunk_and_the_head():
    closing = {(2, 17), (2, 18), (9, 12), (12, 6), (9, 3), (17, 18)}
    assert len(LIMBS) == len(set(LIMBS)) == 23
    assert set(LIMBS) - closing == {(a + 1, b + 1) for a, b in SKELETON}


def test_joints_at_one_place_are_a_disc():
    assert (pose_mask(pose(j3=(30, 30), j4=(30, 30)), (64, 64)) == pose_mask(pose(j3=(30, 30)), (64, 64))).all()


def test_the_mask_of_a_pair_is_that_of_its_target_at_the_size_of_scoring(generated, root):
    write_keypoints(root)
    result = find_results(generated, root)[0]
    path = (root / result.target_image.replace("img/", "pose/", 1)).with_suffix(".txt")
    path.write_text("128 64\n" + "-1 -1\n" * 17)
    mask = target_mask(root, (128, 88), result)
    assert mask.shape == (128, 88)
    assert np.argwhere(mask).mean(axis=0) == pytest.approx([32, 44])
