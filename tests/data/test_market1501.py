import pytest
from PIL import Image

from data import market1501
from data.pairs import read_pairs
from data.pose import read_keypoints
from evaluation.statistics import people_of

NAMES = {
    "train": [
        *("0002_c1s1_000451_03.jpg", "0002_c1s1_000551_01.jpg", "0002_c2s1_000301_01.jpg"),
        *("0007_c1s6_028546_01.jpg", "0007_c2s3_070952_01.jpg"),
        *("0000_c1s1_000151_01.jpg", "0000_c1s1_000376_03.jpg"),
        *("-1_c1s1_000401_03.jpg", "-1_c1s1_000401_04.jpg"),
        "0010_c6s4_002427_07.jpg",
    ],
    "test": ["0001_c1s1_001051_00.jpg", "0001_c1s1_002301_00.jpg"],
}


@pytest.fixture
def market(tmp_path):
    root = tmp_path / "Market"
    for split, names in NAMES.items():
        (root / f"bounding_box_{split}").mkdir(parents=True)
        rows = ["name:keypoints_y:keypoints_x"]
        for number, name in enumerate(names):
            Image.new("RGB", (64, 128), (number, 0, 0)).save(root / f"bounding_box_{split}" / name)
            rows.append(f"{name}: {list(range(20, 38))}: {[*range(30, 47), -1]}")
        (root / f"market-annotation-{split}.csv").write_text("\n".join(rows))
    return root


def test_all_ordered_pairs_of_known_people_are_made(market, tmp_path):
    market1501.main([f"--root={market}", f"--out={tmp_path / 'out'}"])
    train = [(pair.target, *pair.sources) for pair in read_pairs(tmp_path / "out", "train")]
    assert len(train) == len(set(train)) == 3 * 2 + 2
    assert all(a.split("_")[2] == b.split("_")[2] for a, b in train)
    images = {name for pair in train for name in pair}
    assert images == {f"img/bounding_box_train/{name[:4]}/{name}" for name in NAMES["train"][:5]}
    assert set(people_of(images)) == {"img/bounding_box_train/0002", "img/bounding_box_train/0007"}
    name = NAMES["train"][1]
    copied, photo = tmp_path / "out/img/bounding_box_train/0002" / name, market / "bounding_box_train" / name
    assert copied.read_bytes() == photo.read_bytes()
    joints = read_keypoints((tmp_path / "out/pose/bounding_box_train/0002" / name).with_suffix(".txt"))
    assert joints[0].tolist() == [30 * 176 / 64 + 40, 20 * 256 / 128]
    assert joints[17].tolist() == [-1, -1]


def test_pairs_that_are_there_are_taken(market, tmp_path):
    one, other = NAMES["test"]
    (market / "market-pairs-test.csv").write_text(f"from,to\n{one},{other}\n")
    market1501.main([f"--root={market}", f"--out={tmp_path / 'out'}"])
    (pair,) = read_pairs(tmp_path / "out", "test")
    assert (pair.target, *pair.sources) == (f"img/bounding_box_test/0001/{other}", f"img/bounding_box_test/0001/{one}")
