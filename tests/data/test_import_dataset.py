import collections
import json
import re

import numpy as np
import pytest
from PIL import Image

from data import import_dataset, synthetic
from data.dataset import TestPairs
from data.pairs import read_pairs
from data.pose import read_keypoints
from evaluation.statistics import people_of

SIZE = (128, 88)


def draw(folder, people=4, poses=3):
    """Loose PNG photos `NN/VIEW k.png` with OpenPose JSON of COCO-18 beside them."""
    for index in range(people):
        for number, pose in enumerate(synthetic.poses_of(0, index, poses)):
            person = synthetic.identity(0, index)
            path = folder / f"{index:02d}" / f"vïew {number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(synthetic.draw(person, pose, SIZE)).save(path)
            joints = synthetic.keypoints(person, pose, SIZE)
            values = [float(v) for x, y in joints for v in ((x, y, 0.9) if x >= 0 else (0, 0, 0))]
            path.with_name(f"{path.stem}_keypoints.json").write_text(
                json.dumps({"people": [{"pose_keypoints_2d": values}]})
            )


def complete(index, number, count):
    joints = synthetic.keypoints(synthetic.identity(0, index), synthetic.poses_of(0, index, count)[number], SIZE)
    return (joints[[2, 5, 8, 11]] >= 0).all()


@pytest.fixture(scope="module")
def loose(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loose")
    draw(folder)
    return folder


@pytest.fixture
def imported(loose, tmp_path):
    import_dataset.main([f"--images={loose}", f"--keypoints={loose}", f"--out={tmp_path / 'root'}", "--split=0.5"])
    return tmp_path / "root"


KEPT = [(index, number) for index in range(4) for number in range(3) if complete(index, number, 3)]


def refusal(capsys, *flags):
    with pytest.raises(SystemExit) as end:
        import_dataset.main(flags)
    assert end.value.code == 2
    return capsys.readouterr().err.removeprefix("error: ")


def test_a_folder_of_photos_becomes_a_data_set(imported, loose):
    names = {path.relative_to(imported).as_posix() for path in imported.rglob("*.png")}
    assert names == {"contact_sheet.png", *(f"img/{i:02d}/vïew_{k}.png" for i, k in KEPT)}
    assert (imported / "img/01/vïew_2.png").read_bytes() == (loose / "01/vïew 2.png").read_bytes()
    expected = synthetic.keypoints(synthetic.identity(0, 1), synthetic.poses_of(0, 1, 3)[2], SIZE)
    expected = np.where(expected < 0, -1, expected * [2, 2] + [40, 0])
    np.testing.assert_allclose(read_keypoints(imported / "pose/01/vïew_2.txt"), expected, atol=1e-9)


def test_all_ordered_pairs_of_a_person_are_in_one_split(imported):
    train, test = (read_pairs(imported, split) for split in ("train", "test"))
    people = [{pair.target.split("/")[1] for pair in pairs} for pairs in (train, test)]
    assert len(people[0]) == len(people[1]) == 2
    assert not people[0] & people[1]
    views = collections.Counter(index for index, _ in KEPT)
    assert len(train) == sum(views[int(person)] for person in people[0])
    assert len(test) == sum(views[int(person)] * (views[int(person)] - 1) for person in people[1])
    assert all(len(pair.sources) == views[int(pair.target.split("/")[1])] - 1 for pair in train)
    assert all(image.split("/")[1] == pair.target.split("/")[1] for pair in [*train, *test] for image in pair.sources)
    assert len(TestPairs(imported, (32, 32), targets=True)) == len(test)


@pytest.mark.parametrize("share", ["0", "1"])
def test_each_split_has_a_person_where_there_are_two(loose, tmp_path, share):
    import_dataset.main([f"--images={loose}", f"--keypoints={loose}", f"--out={tmp_path / share}", f"--split={share}"])
    assert all(read_pairs(tmp_path / share, split) for split in ("train", "test"))


def test_photos_can_be_grouped_by_a_part_of_their_names(loose, tmp_path):
    flags = [f"--images={loose}", f"--keypoints={loose}", f"--out={tmp_path / 'root'}", r"--group-by=ew (\d)"]
    import_dataset.main(flags)
    for pair in read_pairs(tmp_path / "root", "train"):
        assert {re.search(r"_(\d)", image)[1] for image in pair.sources} == {re.search(r"_(\d)", pair.target)[1]}
        assert people_of([pair.target, *pair.sources]) == [f"img/{pair.target.split('/')[1]}"] * (1 + len(pair.sources))
        assert re.fullmatch(r"img/\d/\d\d_vïew_\d.png", pair.target)


def test_photos_in_one_folder_are_told_to_be_one_person(loose, tmp_path, capsys):
    import_dataset.main([f"--images={loose / '01'}", f"--keypoints={loose / '01'}", f"--out={tmp_path / 'root'}"])
    assert "of 1 group kept" in (out := capsys.readouterr().out)
    assert "--group-by tells people apart" in out


def test_what_is_dropped_is_reported_with_its_reason(tmp_path):
    folder = tmp_path / "loose"
    draw(folder, people=3, poses=4)
    (folder / "00/vïew 0_keypoints.json").unlink()
    (folder / "00/vïew 1.png").write_bytes(b"no picture")
    (folder / "01/vïew 0_keypoints.json").write_text('{"people": []}')
    people = json.loads((folder / "01/vïew 1_keypoints.json").read_text())
    people["people"][0]["pose_keypoints_2d"][15:18] = [0, 0, 0]  # The left shoulder.
    (folder / "01/vïew 1_keypoints.json").write_text(json.dumps(people))
    Image.new("RGB", (1, 1)).save(folder / "02/dot.png")
    import_dataset.main([f"--images={folder}", f"--keypoints={folder}", f"--out={tmp_path / 'root'}"])
    report = (tmp_path / "root/report.txt").read_text()
    assert re.match(r"\d photos of 3 groups kept, \d dropped", report)
    for said in (
        "00/vïew 0.png: expected a keypoint file",
        "00/vïew 1.png: expected a whole image",
        "01/vïew 0_keypoints.json: expected people, got none",
        "01/vïew 1.png: expected both shoulders and hips",
        "02/dot.png: expected at least 16 x 16 pixels",
    ):
        assert said in report


def test_keypoints_of_another_frame_are_refused_with_a_hint(loose, tmp_path, capsys):
    folder = tmp_path / "keypoints"
    for path in loose.rglob("*.json"):
        content = json.loads(path.read_text())
        rows = np.array(content["people"][0]["pose_keypoints_2d"]).reshape(18, 3) * [8, 8, 1]
        target = folder / path.relative_to(loose)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"people": [{"pose_keypoints_2d": rows.ravel().tolist()}]}))
    said = refusal(capsys, f"--images={loose}", f"--keypoints={folder}", f"--out={tmp_path / 'root'}")
    assert said.startswith(f"--keypoints {folder}: of another frame")
    assert "would fit a picture of 1101 x 750" in said
    assert not (tmp_path / "root").exists()
