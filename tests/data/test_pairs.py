import time

import pytest

from data.pairs import (
    Pair,
    check_images,
    check_keypoints,
    flat_name,
    keypoint_path,
    lmdb_key,
    read_pairs,
    result_name,
    without,
)
from system.errors import InputError

BACK = "img/WOMEN/Blouses_Shirts/id_00003372/03_3_back.jpg"
SIDE = "img/WOMEN/Blouses_Shirts/id_00003372/03_2_side.jpg"


def refusal(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value)


def test_target_comes_first_then_sources(tmp_path):
    (tmp_path / "train_pairs.txt").write_bytes(b"\xef\xbb\xbfimg/a.jpg,img/b.jpg, img/c.jpg\r\n\r\nimg/b.jpg,img/a.jpg")
    pairs = read_pairs(tmp_path, "train")
    assert pairs == [Pair("img/a.jpg", ("img/b.jpg", "img/c.jpg")), Pair("img/b.jpg", ("img/a.jpg",))]
    assert pairs[1].where == f"{tmp_path}/train_pairs.txt:3"


def test_image_that_is_not_there_is_named_with_its_line(tmp_path):
    (tmp_path / "train_pairs.txt").write_text("img/a.jpg,img/b.jpg\nimg/b.jpg,img/c.jpg,img/d.jpg\n")
    pairs = read_pairs(tmp_path, "train")
    asked = []
    message = refusal(check_images, pairs, lambda image: asked.append(image) or image != "img/d.jpg", "is not there")
    assert message == f"{tmp_path}/train_pairs.txt:2: img/d.jpg is not there"
    assert asked == ["img/a.jpg", "img/b.jpg", "img/c.jpg", "img/d.jpg"]
    message = refusal(check_keypoints, pairs, tmp_path)
    assert message.startswith(f"{tmp_path}/train_pairs.txt:1: img/a.jpg has no keypoint file")


def test_whole_train_list_loads_in_a_second_or_two(tmp_path):
    line = ",".join([BACK, SIDE, BACK, SIDE])
    (tmp_path / "train_pairs.txt").write_text("\n".join([line] * 37_016))
    begin = time.process_time()
    assert len(read_pairs(tmp_path, "train")) == 37_016
    assert time.process_time() - begin < 2


def test_names_follow_the_released_ones():
    assert flat_name(BACK) == "fashionWOMENBlouses_Shirtsid0000337203_3back"
    assert flat_name("img/MEN/Tees/id_00007301/04_7_additional.jpg") == "fashionMENTeesid0000730104_7additional"
    assert flat_name("img/plain.png") == "fashionplain"
    assert result_name(BACK, SIDE) == (
        "fashionWOMENBlouses_Shirtsid0000337203_3back_2_fashionWOMENBlouses_Shirtsid0000337203_2side_vis.png"
    )
    assert lmdb_key(BACK) == "img/WOMEN/Blouses_Shirts/id_00003372/03_3_back.png"
    assert str(keypoint_path("root", BACK)) == "root/pose/WOMEN/Blouses_Shirts/id_00003372/03_3_back.txt"


def test_images_that_were_left_out_take_their_pairs_along():
    images = [f"img/A/B/id_00000001/0{n}_1_front.jpg" for n in range(4)]
    pairs = [Pair(images[0], tuple(images[1:3])), Pair(images[1], (images[0],)), Pair(images[2], (images[3],))]
    assert without(pairs, {lmdb_key(images[1])}) == [Pair(images[0], (images[2],)), pairs[2]]
    assert without(pairs, set()) == pairs
    with pytest.raises(InputError, match="all of them name images that could not be read"):
        without(pairs[:2], {lmdb_key(images[0])})
