import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from data.pose import annotation_to_image, pose_levels, pose_map, read_keypoints
from system.errors import InputError
from tests.data.reference_pose import reference_levels

SIZE = (256, 256)
ROWS = [f"{50 + n}.0 {60 + n}.5" for n in range(18)]


def keypoint_file(folder, rows):
    path = folder / "keypoints.txt"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("name", ["a", "b"])
def test_pose_map_equals_golden_to_the_pixel(shared, name):
    golden = np.load(shared / "golden" / "pose_map.npz")
    keypoints = annotation_to_image(golden[f"keypoints_{name}"], SIZE)
    for drawn in (pose_levels(keypoints, SIZE), reference_levels(keypoints, SIZE)):
        assert drawn.dtype == np.uint8
        np.testing.assert_array_equal(drawn, golden[f"map_{name}"])


@pytest.mark.parametrize("name", ["c2_0_0", "c2_0_1", "output_1"])
def test_skeleton_equals_published_picture(shared, name):
    keypoints = read_keypoints(shared / "golden" / f"skeleton_{name}.txt")
    picture = np.asarray(Image.open(shared / "golden" / f"skeleton_{name}.png").convert("RGB"))
    drawn = pose_levels(annotation_to_image(keypoints, SIZE), SIZE)
    np.testing.assert_array_equal(drawn[:3].transpose(1, 2, 0), picture)


@st.composite
def poses(draw):
    """(keypoints (18, 2), size): joints on the canvas, off it, missing, and on one another."""
    sizes = st.sampled_from([(256, 256), (128, 64), (8, 6)]) | st.tuples(st.integers(1, 300), st.integers(1, 300))
    height, width = draw(sizes)
    margin = draw(st.sampled_from([0, 20, 300, 14_000]))
    kind = draw(st.sampled_from([st.floats, st.integers]))
    x, y = kind(-margin, width + margin), kind(-margin, height + margin)
    places = draw(st.lists(st.tuples(x, y), min_size=1, max_size=18))
    joint = st.sampled_from([*places, (-1, -1)])
    return np.array(draw(st.lists(joint, min_size=18, max_size=18)), dtype=np.float64), (height, width)


def all_at(x, y):
    return np.full((18, 2), (x, y), dtype=np.float64)


@settings(max_examples=400, deadline=None)
@given(poses())
@example((all_at(3, 2), (8, 6)))
@example((all_at(-3, -3), SIZE))
@example((np.tile([(-20.0, 12.0), (12.0, -20.0)], (9, 1)), SIZE))  # The boxes of limbs reach where no limb does.
@example((np.tile([(0.0, 0.0), (1023.0, 1023.0)], (9, 1)), (1024, 1024)))  # Distances beyond 765 pixels.
def test_pose_map_equals_the_definition_on_whole_canvases(pose):
    keypoints, size = pose
    expected = reference_levels(keypoints, size)
    np.testing.assert_array_equal(pose_levels(keypoints, size), expected)
    drawn = pose_map(keypoints, size)
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, expected.astype(np.float32) / np.float32(255))


def test_random_people_are_drawn_as_the_definition_says():
    random = np.random.default_rng(0)
    for size in [SIZE, (128, 64), (8, 6)] * 20:
        keypoints = random.normal(0.5, 0.3, (18, 2)) * size[::-1]
        keypoints[random.integers(18, size=2)] = -1
        np.testing.assert_array_equal(pose_levels(keypoints, size), reference_levels(keypoints, size))


def test_pose_map_of_a_real_person_has_every_present_limb(shared):
    for path in sorted((shared / "real" / "pose").rglob("*.txt")):
        drawn = pose_map(annotation_to_image(read_keypoints(path), SIZE), SIZE)
        assert drawn[:3].any()
        assert (drawn[3:].min(axis=(1, 2)) == 0).any()


def test_pose_map_without_any_joint_is_empty():
    drawn = pose_map(annotation_to_image(np.full((18, 2), -1.0), (8, 6)), (8, 6))
    assert drawn.shape == (20, 8, 6)
    assert drawn.dtype == np.float32
    assert (drawn[:3] == 0).all()
    assert (drawn[3:] == 1).all()


def test_pose_map_leaves_out_only_limbs_of_the_missing_joint():
    keypoints = np.random.default_rng(0).uniform(20, 100, (18, 2))
    keypoints[4] = -1  # Right wrist.
    missing = pose_map(keypoints, (128, 128))[3:].min(axis=(1, 2)) == 1
    assert np.flatnonzero(missing).tolist() == [3]


def test_annotation_frame_covers_the_image():
    keypoints = np.full((18, 2), -1.0)
    keypoints[:3] = [(40, 0), (216, 256), (128, 64)]
    moved = annotation_to_image(keypoints, (128, 64))
    np.testing.assert_allclose(moved[:3], [(0, 0), (64, 128), (32, 32)])
    assert (moved[3:] == -1).all()
    assert (keypoints[3:] == -1).all()
    assert (keypoints[0] == (40, 0)).all()


def test_annotation_with_one_coordinate_missing_is_missing():
    keypoints = np.full((18, 2), 100.0)
    keypoints[0, 0] = keypoints[1, 1] = -1
    moved = annotation_to_image(keypoints, SIZE)
    assert (moved[:2] == -1).all()
    assert (moved[2:] != -1).all()


def test_joint_cropped_off_the_canvas_is_present():
    keypoints = np.full((18, 2), -1.0)
    keypoints[0] = (40, 0)
    moved = annotation_to_image(keypoints, (256, 176), offset=(1, 1))  # At -1 -1, which would mean missing.
    assert pose_levels(moved, (256, 176))[:3, 0, 0].tolist() == [0, 0, 255]
    far = annotation_to_image(keypoints, (256, 176), offset=(0, 3))
    assert pose_levels(far, (256, 176))[:3, 0].any()


def test_read_keypoints_returns_the_rows(tmp_path):
    keypoints = read_keypoints(keypoint_file(tmp_path, ROWS))
    assert keypoints.shape == (18, 2)
    assert keypoints.dtype == np.float64
    assert keypoints[17].tolist() == [67, 77.5]


def test_missing_or_binary_keypoint_file_is_refused(tmp_path):
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xd8\xff\xe0" * 20)
    for path in (tmp_path / "none.txt", tmp_path, binary):
        with pytest.raises(InputError) as caught:
            read_keypoints(path)
        assert str(caught.value).startswith(f"{path}: expected")
