"""Poses found in photos, by a model with RTMO's inputs and outputs that finds people where a photo is reddest."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from data import import_dataset
from data.detect_pose import MODEL, PoseDetector, find_model
from data.keypoint_values import missing
from data.pose import read_keypoints
from system.errors import InputError
from tests.data.test_import_dataset import draw

SIDE = 64  # Of the model's input.
VERSIONS = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8}  # Of ONNX.
OFFSETS = np.stack([np.arange(17) % 5 - 2, np.arange(17) - 8], axis=1).astype(np.float32)  # Of each joint, x y.


def write_model(path, scores=None, people=1.0, rows=2):
    """An ONNX file: 17 joints around the reddest pixel, and the same person, smaller, at the upper left.

    `people` scales their scores; `rows` of the two are told.
    """
    scores = np.full(17, 0.9, np.float32) if scores is None else scores
    constants = {
        "first": np.array([0]), "rows": np.array([rows]), "second axis": np.array([1]),
        "red": np.array([2]), "flat": np.array([1, -1]), "side": np.array(SIDE), "shape": np.array([1, 1, 1, 2]),
        "offsets": OFFSETS[None, None], "smaller": (OFFSETS * 0.5 + 8)[None, None],
        "scores": np.broadcast_to(scores[:, None], (1, 2, 17, 1)).astype(np.float32),
        "boxes": np.array([[[0, 0, 8, 16, 0.8 * people], [20, 20, 30, 40, 0.9 * people]]], np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["input", "red"], ["reds"], axis=1),  # The third of B, G, R.
        helper.make_node("Reshape", ["reds", "flat"], ["row"]),
        helper.make_node("ArgMax", ["row"], ["place"], axis=1, keepdims=0),
        helper.make_node("Mod", ["place", "side"], ["x"]),
        helper.make_node("Div", ["place", "side"], ["y"]),
        helper.make_node("Concat", ["x", "y"], ["whole"], axis=0),
        helper.make_node("Cast", ["whole"], ["point"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["point", "shape"], ["centre"]),
        helper.make_node("Add", ["centre", "offsets"], ["large"]),
        helper.make_node("Concat", ["smaller", "large"], ["points"], axis=1),
        helper.make_node("Concat", ["points", "scores"], ["all keypoints"], axis=3),
        helper.make_node("Slice", ["all keypoints", "first", "rows", "second axis"], ["keypoints"]),
        helper.make_node("Slice", ["boxes", "first", "rows", "second axis"], ["dets"]),
    ]
    graph = helper.make_graph(
        nodes,
        "rtmo",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("dets", "keypoints")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, **VERSIONS), path)
    return path


def graph_of(operations):
    """A graph of one input and an output for each operation on it."""
    names = [f"output {n}" for n in range(len(operations))]
    return helper.make_graph(
        [helper.make_node(operation, ["input"], [name]) for operation, name in zip(operations, names, strict=True)],
        "another",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
    )


def photo(x=60, y=100):
    """200 x 120 pixels, black but for a red spot, a blue frame and a green one."""
    pixels = np.zeros((200, 120, 3), np.uint8)
    pixels[:8], pixels[:, :8] = (0, 0, 255), (0, 255, 0)
    pixels[y - 4 : y + 5, x - 4 : x + 5, 0] = 255
    return Image.fromarray(pixels)


def test_joints_are_found_in_pixels_of_the_photo(tmp_path):
    found = PoseDetector(write_model(tmp_path / "model.onnx"))(photo(), "photo")
    assert found.size == (200, 120)
    scale = 200 / SIDE
    expected = np.array([60, 100]) + OFFSETS * scale
    np.testing.assert_allclose(found.joints[0], expected[0], atol=1.5 * scale)
    nose = found.joints[0] - OFFSETS[0] * scale
    for joint, of in ((2, 6), (5, 5), (8, 12), (13, 15), (14, 2), (17, 3)):  # COCO-18 <- COCO-17.
        np.testing.assert_allclose(found.joints[joint] - OFFSETS[of] * scale, nose, atol=1e-3)
    np.testing.assert_allclose(found.joints[1], (found.joints[2] + found.joints[5]) / 2, atol=1e-3)


def test_the_largest_person_is_taken_or_the_one_asked_for(tmp_path):
    detect = PoseDetector(write_model(tmp_path / "model.onnx"))
    largest = detect(photo(), "photo").joints
    others = [detect(photo(), "photo", person).joints for person in (0, 1)]
    assert sum(np.array_equal(one, largest) for one in others) == 1
    smaller = next(one for one in others if not np.array_equal(one, largest))
    assert np.ptp(smaller[:, 1]) < np.ptp(largest[:, 1])
    with pytest.raises(InputError, match=r"^photo: expected a person number 2, got 2"):
        detect(photo(), "photo", 2)


def test_joints_of_low_scores_are_missing_and_nobody_is_an_error(tmp_path):
    scores = np.full(17, 0.9, np.float32)
    scores[[0, 6]] = 0.2  # Nose, right shoulder.
    joints = PoseDetector(write_model(tmp_path / "model.onnx", scores))(photo(), "photo").joints
    assert np.flatnonzero(missing(joints)).tolist() == [0, 1, 2]
    for people, rows in ((0.1, 2), (1.0, 0)):
        detect = PoseDetector(write_model(tmp_path / "empty.onnx", people=people, rows=rows))
        with pytest.raises(InputError, match=r"^photo: expected people, got none"):
            detect(photo(), "photo")


def test_a_file_that_is_no_such_model_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match=rf"^{path}: expected an ONNX model"):
        PoseDetector(path)
    onnx.save(helper.make_model(graph_of(["Identity"]), **VERSIONS), path)
    with pytest.raises(InputError, match=rf"^{path}: expected RTMO's two outputs"):
        PoseDetector(path)
    onnx.save(helper.make_model(graph_of(["Identity", "Identity"]), **VERSIONS), path)
    with pytest.raises(InputError, match=rf"^{path}: expected a model with RTMO's .* it failed for photo \("):
        PoseDetector(path)(photo(), "photo")


def test_the_model_is_looked_for_in_rtmlibs_cache_and_its_source_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / f"rtmlib/hub/checkpoints/{MODEL}.onnx"
    with pytest.raises(InputError, match=rf"^--detect-pose: .*{path}, got no such file; https://.*end2end"):
        find_model()
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_model() == path
    with pytest.raises(InputError, match=r"^--detect-pose: .*mine\.onnx"):
        find_model("mine.onnx")


def test_photos_without_keypoints_become_a_data_set(tmp_path):
    draw(tmp_path / "photos", people=2, poses=2)
    for path in (tmp_path / "photos").rglob("*.json"):
        path.unlink()
    for number, path in enumerate(sorted((tmp_path / "photos").rglob("*.png"))):
        photo(50 + 5 * number, 90).save(path)
    model = write_model(tmp_path / "model.onnx")
    root = tmp_path / "root"
    import_dataset.main([f"--images={tmp_path / 'photos'}", "--detect-pose", str(model), f"--out={root}"])
    assert "4 photos of 2 groups kept, 0 dropped" in (root / "report.txt").read_text()
    noses = [read_keypoints(path)[0, 0] for path in sorted(root.glob("pose/*/*.txt"))]
    np.testing.assert_allclose(np.diff(noses), 5 * 176 / 120, atol=5)
    assert noses == sorted(noses)
