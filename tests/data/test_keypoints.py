import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import keypoints
from data.pose import annotation_to_image, pose_levels, read_keypoints
from system.errors import InputError

SIZE = (256, 176)
# A person in a picture of 256 x 176, COCO-18; the left ear is not seen, and the neck is between the shoulders.
PERSON = np.array(
    [(88, 40), (87, 70), (64, 71), (55, 110), (60, 150), (110, 69), (121, 108), (118, 151), (70, 150), (71, 195),
     (69, 240), (102, 150), (104, 196), (101, 241), (84, 36), (93, 36), (78, 41), (-1, -1)], dtype=np.float64
)  # fmt: skip
SCORES = [0.9] * 17 + [0.0]
STRANGER = 80 + 0.25 * np.where(PERSON == -1, 0, PERSON)  # Smaller, and behind.

ON_THE_RIGHT = np.where(PERSON == -1, -1, PERSON + np.array([45, 0]))


def pidm(person):
    return "".join(f"{x + 40:.18e} {y:.18e}\n" if x >= 0 else "-1 -1\n" for x, y in person)


def csv(person, border=0, name="a b.jpg"):
    x = [int(x + border) if x >= 0 else -1 for x in person[:, 0]]
    return f"name:keypoints_y:keypoints_x\n{name}: {[int(y) for y in person[:, 1]]}: {x}\n"


SMALL_AND_SWAPPED = "".join(
    csv(np.where(PERSON == -1, -1, np.rint(0.6 * PERSON))[:, ::-1], border=40, name=f"{n}.jpg") for n in range(3)
)


def triples(person, scores=SCORES):
    return [float(v) for (x, y), c in zip(person, scores, strict=True) for v in ((x, y, c) if c else (0, 0, 0))]


def body_25(person):
    rows = np.array(triples(person)).reshape(18, 3)
    middle = np.array([[87.0, 150.0, 0.8]])
    return [*rows[:8].ravel(), *middle.ravel(), *rows[8:].ravel(), *[1.0, 2.0, 0.9] * 6]


def coco_17(person):
    """nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; the left one first."""
    return person[[0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]]


def coco(score=2.0):
    flat = [float(v) for x, y in coco_17(PERSON) for v in ((x, y, score) if x >= 0 else (0, 0, 0))]
    other = [float(v) for x, y in coco_17(STRANGER) for v in (x, y, score)]
    return [{"image_id": 7, "keypoints": other}, {"image_id": 7, "keypoints": flat}]


def rtmpose(count):
    def instance(person):
        points = [[float(x), float(y)] for x, y in coco_17(person)] + [[3.0, 4.0]] * (count - 17)
        return {"keypoints": points, "keypoint_scores": [0.8 if x >= 0 else 0.1 for x, _ in points]}

    return [instance(STRANGER), instance(PERSON)]


def openpose(values, other):
    return {"version": 1.3, "people": [{"pose_keypoints_2d": other}, {"pose_keypoints_2d": values}]}


def shares(person):
    return np.where(person == -1, -1, person / [176, 256])


FILES = {
    "pidm": ("pidm", pidm(PERSON)),
    "csv in the picture": ("csv", csv(PERSON)),
    "csv with borders": ("csv", csv(PERSON, border=40) + csv(ON_THE_RIGHT, border=40, name="c.jpg")),
    "BODY_25": ("openpose", json.dumps(openpose(body_25(PERSON), body_25(STRANGER)))),
    "COCO-18": ("openpose", json.dumps(openpose(triples(PERSON), triples(STRANGER)))),
    "shares of a canvas": (
        "openpose",
        json.dumps(
            {**openpose(triples(shares(PERSON)), triples(shares(STRANGER))), "canvas_height": 256, "canvas_width": 176}
        ),
    ),
    "COCO data set": (
        "coco",
        json.dumps({"images": [{"id": 7, "file_name": "x/y.jpg", "height": 256, "width": 176}], "annotations": coco()}),
    ),
    "COCO results": ("coco", json.dumps(coco(0.7))),
    "RTMPose": ("rtmpose", json.dumps({"meta_info": {}, "instance_info": rtmpose(17)})),
    "DWPose": ("rtmpose", json.dumps(rtmpose(133))),
}


@pytest.fixture
def written(tmp_path):
    """written(text) -> the path of a file that holds it."""

    def write(text):
        path = tmp_path / "the file"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(("form", "text"), FILES.values(), ids=FILES)
def test_every_form_gives_the_person_that_pidms_gives(written, form, text):
    path = written(text)
    assert keypoints.form_of(path) == form
    found = next(iter(keypoints.read(path, size=None if form in ("pidm", "csv") else SIZE).values()))
    assert found.size == SIZE
    np.testing.assert_allclose(found.joints, PERSON, atol=1e-9)
    expected = annotation_to_image(read_keypoints(written(pidm(PERSON))), (128, 96))
    ours = annotation_to_image(keypoints.to_annotation(found), (128, 96))
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    assert (pose_levels(np.round(ours, 6), (128, 96)) == pose_levels(np.round(expected, 6), (128, 96))).all()


def test_names_are_those_of_the_file(written):
    assert list(keypoints.read(written(FILES["csv in the picture"][1]))) == ["a b.jpg"]
    assert list(keypoints.read(written(FILES["COCO data set"][1]))) == ["x/y.jpg"]
    assert list(keypoints.read(written(FILES["COCO results"][1]), SIZE)) == ["7"]
    assert list(keypoints.read(written(FILES["pidm"][1]))) == [""]


@pytest.mark.parametrize("name", ["BODY_25", "COCO data set", "DWPose"])
def test_another_person_can_be_chosen(written, name):
    (found,) = keypoints.read(written(FILES[name][1]), SIZE, person=0).values()
    np.testing.assert_allclose(found.joints[:17], STRANGER[:17])


def test_joints_of_low_scores_are_not_seen(written):
    people = rtmpose(17)
    people[1]["keypoint_scores"][5] = 0.29  # The left shoulder: the neck goes with it.
    (found,) = keypoints.read(written(json.dumps(people)), SIZE).values()
    assert (found.joints[[1, 5, 17]] == -1).all()
    assert (np.delete(found.joints, [1, 5, 17], axis=0) != -1).all()
    scores = [0.04 if joint == 4 else score for joint, score in enumerate(SCORES)]
    (found,) = keypoints.read(written(json.dumps(openpose(triples(PERSON, scores), triples(STRANGER)))), SIZE).values()
    assert (found.joints[[4, 17]] == -1).all()
    assert (np.delete(found.joints, [4, 17], axis=0) != -1).all()


joint = st.one_of(st.just((-1.0, -1.0)), st.tuples(st.floats(40, 216), st.floats(0, 256)))


@settings(deadline=None)
@given(st.lists(joint, min_size=18, max_size=18))
def test_pidms_form_comes_back_exactly(tmp_path_factory, joints):
    path = tmp_path_factory.mktemp("there") / "and back.txt"
    path.write_text("".join(f"{x:.18e} {y:.18e}\n" for x, y in joints))
    before = path.read_bytes()
    keypoints.write_pidm(path, keypoints.read(path)[""])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected keypoints in one of the forms"),
        ("hello", "expected keypoints in one of the forms"),
        ("{", "expected JSON"),
        ("{}", 'expected JSON with "people"'),
        ('{"people": []}', "expected people, got none"),
        ('{"people": 3}', 'expected "people" to be a list'),
        (json.dumps(openpose([0.0] * 75, [0.0] * 75)), "expected people, got none"),
        (json.dumps(openpose(triples(PERSON), [1.0] * 53)), "expected 75 or 54 numbers, got 53"),
        (FILES["COCO-18"][1].replace("71.0", "NaN"), "expected numbers within"),
        (FILES["COCO-18"][1].replace("71.0", "1e400"), "expected numbers within"),
        (FILES["csv in the picture"][1] + csv(PERSON), "expected each picture once, got a b.jpg again"),
        (csv(PERSON[:, ::-1]), "expected keypoints_y before keypoints_x"),
        (csv(PERSON[:, ::-1], border=40), "expected keypoints_y before keypoints_x"),
        (SMALL_AND_SWAPPED, "expected keypoints_y before keypoints_x"),
        ("a:b:c", "expected JSON"),
        ("a:[1]:[2]", "expected 18 numbers, got 1 values"),
        (json.dumps({"instance_info": [{"frame_id": 1, "instances": []}]}), "expected the people of one picture"),
    ],
)
def test_what_cannot_be_used_is_named(written, text, said):
    path = written(text)
    with pytest.raises(InputError, match=f"^{path}") as caught:
        keypoints.read(path, SIZE if text.startswith(("{", "[")) else None)
    assert said in str(caught.value)


def test_a_size_that_nobody_tells_is_asked_for(written):
    with pytest.raises(InputError, match="does not tell the size of the picture"):
        keypoints.read(written(FILES["COCO-18"][1]))
    with pytest.raises(InputError, match="expected a person number 2, got 2"):
        keypoints.read(written(FILES["COCO-18"][1]), SIZE, person=2)
