import pytest

from data.pairs import result_name
from evaluation.results import copied_source, distinct_names, find_results
from system.errors import InputError
from tests.evaluation.sets import IMAGES, PAIRS, save, write_pairs

NAMES = [result_name(source, target) for target, source in PAIRS]


def refusal(generated, root, limit=None):
    with pytest.raises(InputError) as caught:
        find_results(generated, root, limit)
    return str(caught.value)


def test_each_pair_has_its_files_in_the_order_of_their_names(generated, root):
    results = find_results(generated, root)
    assert [result.generated for result in results] == [generated / name for name in sorted(NAMES)]
    assert sorted(NAMES) != NAMES
    for result in results:
        assert result.generated.name == result_name(result.source_image, result.target_image)
        assert (result.target_image, result.source_image) in PAIRS
        assert (result.target, result.source) == (root / result.target_image, root / result.source_image)


def test_limit_takes_the_first_pairs_of_the_file_and_passes_over_files_of_later_ones(generated, root):
    assert {result.generated.name for result in find_results(generated, root, 2)} == set(NAMES[:2])
    (generated / NAMES[2]).unlink()
    assert len(find_results(generated, root, 2)) == 2


def test_every_source_of_a_line_is_a_pair(generated, root):
    (target, source), other = PAIRS[1], IMAGES[2]
    (root / "test_pairs.txt").write_text(f"{target},{source},{other}\n")
    for path in generated.iterdir():
        if path.name != NAMES[1]:
            path.unlink()
    save(generated / result_name(other, target), 20)
    assert [result.source_image for result in find_results(generated, root)] == [source, other]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG"])
def test_jpeg_results_are_found(generated, root, suffix):
    (generated / NAMES[0]).unlink()
    path = (generated / NAMES[0]).with_suffix(suffix)
    save(path, 10)
    assert path in [result.generated for result in find_results(generated, root)]


def test_files_that_are_no_pictures_or_hidden_are_left_alone(generated, root):
    (generated / "settings.json").write_text("{}")
    (generated / ".hidden.png").write_bytes(b"")
    (generated / "folder.png").mkdir()
    assert len(find_results(generated, root)) == 3


def test_the_first_missing_result_is_named_and_all_are_counted(generated, root):
    for name in NAMES[:2]:
        (generated / name).unlink()
    first = generated / min(NAMES[:2])
    assert refusal(generated, root) == f"{first}: no such file; 2 of 3 results are missing"


@pytest.mark.parametrize("name", ["other.png", "other.webp", NAMES[0].replace(".png", ".bmp")])
def test_a_picture_of_no_pair_is_named(generated, root, name):
    save(generated / name, 0)
    assert refusal(generated, root) == f"{generated / name}: belongs to no pair of test_pairs.txt"


def test_two_pairs_of_one_name_are_named(generated, root):
    target, source = PAIRS[0]
    write_pairs(root, [*PAIRS, (target, source.replace(".jpg", ".png"))])
    message = refusal(generated, root)
    assert message.startswith(f"{root / 'test_pairs.txt'}:4: ")
    assert "the same name as in" in message


@pytest.mark.parametrize("place", [0, 1])
def test_a_missing_photo_is_named(generated, root, place):
    image = PAIRS[0][place]
    (root / image).unlink()
    message = refusal(generated, root)
    assert message.startswith(f"{root / 'test_pairs.txt'}:1: {image} ")


def test_copied_sources_are_results_that_show_the_source(generated, root):
    results = find_results(generated, root)
    for result, copied in zip(results, copied_source(results), strict=True):
        assert copied == result._replace(generated=result.source)


def test_methods_are_called_by_what_tells_their_folders_apart():
    assert list(distinct_names(["x/ours", "y/theirs/"])) == ["ours", "theirs"]
    assert list(distinct_names(["x/out/png", "y/out/png"])) == ["x/out/png", "y/out/png"]
    with pytest.raises(InputError, match=r"^y/\.\./x: given twice"):
        distinct_names(["x", "y/../x"])
