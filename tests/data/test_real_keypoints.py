"""Keypoints of real photos, written in every form and read back."""

import json

import numpy as np
import pytest

from data import keypoints
from data.images import read_rgb
from data.keypoint_values import Keypoints, missing
from data.pose import annotation_to_image, pose_levels, read_keypoints
from tests.data.test_keypoints import body_25, coco_17, triples

SIZE = (256, 256)


@pytest.fixture(scope="module")
def people(shared):
    """Of each photo: its Keypoints in pixels of it, and those of the annotation frame."""
    root = shared / "real"
    files = sorted(root.glob("pose/**/*.txt"))
    assert len(files) == 10
    return [person_of(root, path) for path in files]


def person_of(root, path):
    (photo,) = (root / "img" / path.relative_to(root / "pose")).parent.glob(f"{path.stem}.*")
    (width, height), annotation = read_rgb(photo).size, read_keypoints(path)
    return Keypoints(annotation_to_image(annotation, (height, width)), (height, width)), annotation


def scores_of(joints):
    return np.where(missing(joints), 0.0, 0.9)


def pidm(path, person):
    keypoints.write_pidm(path, person)


def csv(path, person):
    x, y = np.where(missing(person.joints)[:, None], -1, person.joints).T
    path.write_text(f"name:keypoints_y:keypoints_x\na.jpg: {y.tolist()}: {x.tolist()}\n")


def openpose_18(path, person):
    values = triples(person.joints, scores_of(person.joints))
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": values}]}))


def openpose_25(path, person):
    rows = np.array(triples(person.joints, scores_of(person.joints))).reshape(18, 3)
    nothing = [0.0] * 3
    values = [*rows[:8].ravel(), *nothing, *rows[8:].ravel(), *nothing * 6]
    assert len(values) == len(body_25(person.joints))
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": values}]}))


def coco(path, person):
    flat = [float(v) for x, y in coco_17(person.joints) for v in ((x, y, 2) if x >= 0 else (0, 0, 0))]
    path.write_text(json.dumps([{"image_id": 1, "keypoints": flat}]))


def rtmpose(path, person):
    joints = coco_17(person.joints)
    instance = {"keypoints": joints.tolist(), "keypoint_scores": np.where(missing(joints), 0.1, 0.9).tolist()}
    path.write_text(json.dumps([instance]))


@pytest.mark.parametrize("write", [pidm, csv, openpose_18, openpose_25, coco, rtmpose])
def test_what_is_written_in_a_form_comes_back(people, write, tmp_path):
    for person, annotation in people:
        write(tmp_path / "file", person)
        (found,) = keypoints.read(tmp_path / "file", person.size).values()
        ours = keypoints.to_annotation(found)
        if write in (coco, rtmpose):  # They have no neck: it is the middle of the shoulders.
            middle = annotation[[2, 5]].mean(axis=0) if (annotation[[2, 5]] != -1).all() else np.array([-1, -1])
            annotation = np.where(np.arange(18)[:, None] == 1, middle, annotation)
        np.testing.assert_allclose(ours, annotation, atol=1e-9)
        our_map, their_map = (pose_levels(annotation_to_image(each, SIZE), SIZE) for each in (ours, annotation))
        assert np.array_equal(our_map, their_map)
