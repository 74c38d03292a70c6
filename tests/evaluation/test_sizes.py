import pytest
from PIL import Image

from data.pairs import result_name
from evaluation.protocols import PROTOCOLS
from evaluation.results import find_results
from evaluation.sizes import check_window, scoring_size, window_side
from system.errors import InputError
from tests.evaluation.sets import PAIRS, SIZE, make_results, save

CLEAN = PROTOCOLS["clean"]


def test_without_a_size_of_its_own_a_protocol_takes_that_of_the_pictures(generated, root):
    methods = {"ours": find_results(generated, root)}
    assert scoring_size(methods, CLEAN) == (SIZE, {"ours": []})


def test_pictures_of_another_size_than_the_protocols_are_said_and_counted(generated, root, tmp_path):
    fit = make_results(tmp_path / "fit", size=(256, 176))
    odd = result_name(*reversed(PAIRS[0]))
    even = min(result_name(*reversed(pair)) for pair in PAIRS[1:])
    save(generated / odd, 0, (30, 20))
    methods = {"ours": find_results(generated, root), "fit": find_results(fit, root)}
    size, notes = scoring_size(methods, PROTOCOLS["cfld"])
    assert size == (256, 176)
    assert notes["fit"] == []
    assert sorted(notes["ours"]) == [
        f"1 generated picture of 30 x 20 resized to 256 x 176 (Pillow, bicubic), such as {odd}",
        f"2 generated pictures of 24 x 16 resized to 256 x 176 (Pillow, bicubic), such as {even}",
    ]


def test_pictures_of_several_sizes_are_refused_where_the_size_is_theirs(generated, root, tmp_path):
    other = make_results(tmp_path / "other")
    odd = find_results(generated, root)[0].generated
    save(odd, 0, (30, 20))
    methods = {"ours": find_results(generated, root), "other": find_results(other, root)}
    with pytest.raises(InputError) as caught:
        scoring_size(methods, CLEAN)
    assert str(caught.value).startswith(f"{odd}: is 30 x 20 (height x width), 5 of 6 pictures are 24 x 16; ")


def test_pictures_of_other_colours_than_rgb_are_said(generated, root):
    first, *_ = find_results(generated, root)
    Image.open(first.generated).convert("L").save(first.generated)
    _, notes = scoring_size({"ours": find_results(generated, root)}, CLEAN)
    assert notes["ours"] == ["results that are not 8-bit RGB were made so: 1 of mode L"]


def test_jpeg_files_are_counted_whatever_they_are_called(generated, root):
    first, *_ = find_results(generated, root)
    renamed = first.generated.with_suffix(".jpg")
    save(renamed, 0)
    renamed.rename(first.generated)
    _, notes = scoring_size({"ours": find_results(generated, root)}, CLEAN)
    assert notes["ours"] == ["1 of 3 results are JPEG files: compression changes scores; publish PNG"]


def test_a_file_that_is_no_image_is_named(generated, root):
    results = find_results(generated, root)
    results[1].generated.write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        scoring_size({"ours": results}, CLEAN)
    assert str(caught.value).startswith(f"{results[1].generated}: ")


@pytest.mark.parametrize(("protocol", "side"), [("clean", 11), ("market", 11), ("pidm", 51), ("gfla", 51)])
def test_sizes_below_a_window_are_refused(protocol, side):
    protocol = PROTOCOLS[protocol]
    check_window((side, side), protocol, "folder")
    with pytest.raises(InputError, match=rf"^folder: SSIM of protocol {protocol.name} needs {side} pixels a side"):
        check_window((side + 9, side - 1), protocol, "folder")


def test_the_side_of_a_gaussian_window_follows_from_sigma():
    assert [window_side(variant) for variant in PROTOCOLS["pidm"].ssim] == [51, 9]
