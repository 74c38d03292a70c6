import json

import pytest

from data.pairs import Pair, flat_name, read_pairs
from system.errors import InputError

IMAGES = [
    "img/WOMEN/Dresses/id_00000002/02_1_front.jpg",
    "img/WOMEN/Dresses/id_00000002/02_3_back.jpg",
    "img/a b/c.png",
]
WORDS = ["fashionWOMENDressesid0000000202_1front", "fashionWOMENDressesid0000000202_3back"]


@pytest.fixture
def root(tmp_path):
    for image in IMAGES:
        (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / image).touch()
    return tmp_path


def refusal(root):
    with pytest.raises(InputError) as caught:
        read_pairs(root, "test")
    return str(caught.value)


@pytest.mark.parametrize("ending", ["", ".jpg"])
def test_a_csv_of_flattened_names_is_read_source_first(root, ending):
    assert [flat_name(image) for image in IMAGES[:2]] == WORDS
    (root / "test_pairs.csv").write_text(f"from,to\n{WORDS[0]}{ending},{WORDS[1]}{ending}\n\n")
    assert read_pairs(root, "test") == [Pair(IMAGES[1], (IMAGES[0],))]


def test_json_lists_are_read(root):
    names = [IMAGES[2], IMAGES[1].removeprefix("img/")]
    (root / "test_pairs.json").write_text(json.dumps([{"source_image": names[0], "target_image": names[1]}]))
    (pair,) = read_pairs(root, "test")
    assert pair == Pair(IMAGES[1], (IMAGES[2],))
    assert pair.where == f"{root}/test_pairs.json: [0]"


def test_the_projects_own_file_comes_first(root):
    (root / "test_pairs.csv").write_text("nonsense")
    (root / "test_pairs.txt").write_text(f"{IMAGES[0]},{IMAGES[1]}\n")
    assert read_pairs(root, "test") == [Pair(IMAGES[0], (IMAGES[1],))]


def test_a_name_of_two_images_is_refused(root):
    (root / IMAGES[0]).with_suffix(".png").touch()
    (root / "test_pairs.csv").write_text(f"from,to\n{WORDS[0]},{WORDS[1]}\n")
    assert "is the name of 2 images" in refusal(root)
