import json

import numpy as np
import pytest
from PIL import Image

from data.pairs import flat_name
from evaluation.features import inception_features
from evaluation.networks import FILES, Inception, NotComputed
from evaluation.protocols import PROTOCOLS
from evaluation.reference import find_reference, main
from evaluation.statistics_file import names_digest, read_statistics
from system.errors import InputError

IMAGES = [
    "img/MEN/Tees_Tanks/id_00000001/01_1_front.jpg",
    "img/MEN/Tees_Tanks/id_00000001/02_3_back.jpg",
    "img/WOMEN/Dresses/id_00000002/01_1_front.jpg",
    "img/WOMEN/Dresses/id_00000002/02_2_side.jpg",
]


def draw(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 32, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    """Four photos, three of them in pairs."""
    for seed, image in enumerate(IMAGES):
        draw(tmp_path / "root" / image, seed)
    lines = f"{IMAGES[2]},{IMAGES[1]}\n{IMAGES[0]},{IMAGES[1]},{IMAGES[2]}\n"
    (tmp_path / "root" / "train_pairs.txt").write_text(lines)
    return tmp_path / "root"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.mark.parametrize(
    ("protocol", "count", "kept"),
    [("pidm", 8_570, 8_512), ("pidm", 48_674, 48_640), ("gfla", 64, 64), ("gfla", 63, 63), ("cfld", 8_570, 8_570)],
)
def test_a_protocol_keeps_whole_batches(protocol, count, kept):
    assert PROTOCOLS[protocol].kept(count) == kept


def test_the_training_pairs_images_are_the_reference_each_once(root):
    found = find_reference(None, root)
    assert found.images == tuple(root / image for image in IMAGES[:3])
    assert found.where == root / "train_pairs.txt"


def test_a_name_that_two_photos_share_is_refused_by_its_line(root):
    draw(root / "img/MEN/Tees_Tanks/id_00000001/01_1_front.png")
    (root / "train.lst").write_text(f"{IMAGES[1]}\n{flat_name(IMAGES[0])}.jpg\n")
    with pytest.raises(InputError, match=r"train\.lst:2: fashionMEN.* may be img/MEN/.*\.jpg or img/MEN/.*\.png$"):
        find_reference(None, root)


def test_train_lst_goes_before_the_pairs_by_path_or_by_name(root):
    lines = [f"{flat_name(IMAGES[3])}.jpg", "", f"  {IMAGES[0]}", f"{flat_name(IMAGES[1])}.png"]
    (root / "train.lst").write_text("\n".join(lines))
    found = find_reference(None, root)
    assert found.images == (root / IMAGES[0], root / IMAGES[1], root / IMAGES[3])
    assert found.where == root / "train.lst"
    assert found.names == [IMAGES[0], IMAGES[1], IMAGES[3]]


@pytest.mark.parametrize("again", [IMAGES[3], f"img//{IMAGES[3][4:]}", f"{flat_name(IMAGES[3])}.jpg"])
def test_an_image_that_train_lst_names_twice_is_refused_by_both_lines(root, again):
    (root / "train.lst").write_text(f"{IMAGES[0]}\n\n{IMAGES[3]}\n{again}\n")
    with pytest.raises(InputError) as caught:
        find_reference(None, root)
    assert str(caught.value) == f"{root}/train.lst:4: {again} stands in line 3 already"


def test_images_are_in_order_of_their_names_as_one_word(root):
    names = ["img/A/B/id_1/10_1.jpg", "img/A/BA/id_1/10_1.jpg", "img/A/B/id_12/1_1.jpg"]
    for name in names:
        draw(root / name)
    (root / "train.lst").write_text("\n".join(names))
    order = ["img/A/BA/id_1/10_1.jpg", "img/A/B/id_1/10_1.jpg", "img/A/B/id_12/1_1.jpg"]
    assert [flat_name(name) for name in order] == ["fashionABAid110_1", "fashionABid110_1", "fashionABid121_1"]
    assert find_reference(None, root).images == tuple(root / name for name in order)


def test_a_folder_means_all_images_below_it(tmp_path):
    for name in ("b.PNG", "a.jpg", "inner/c.jpeg", "d.webp", "e.BMP", "f.gif", "g.tif", "h.tiff"):
        draw(tmp_path / "real" / name)
    (tmp_path / "real" / "notes.txt").touch()
    found = find_reference(tmp_path / "real", tmp_path)
    assert found.names == ["a.jpg", "b.PNG", "d.webp", "e.BMP", "f.gif", "g.tif", "h.tiff", "inner/c.jpeg"]
    assert found.images == tuple(tmp_path / "real" / name for name in found.names)


def test_what_is_hidden_in_a_folder_is_left_alone(tmp_path):
    for name in ("a.png", ".b.png", ".inner/c.png", "._d.png"):
        draw(tmp_path / "real" / name)
    (tmp_path / "real" / ".link.png").symlink_to("none")
    assert find_reference(tmp_path / "real", tmp_path).names == ["a.png"]


def test_linked_folders_are_followed_each_once(tmp_path):
    draw(tmp_path / "other" / "inner" / "a.png")
    draw(tmp_path / "real" / "b.png")
    (tmp_path / "real" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "inner" / "round").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "c.png").symlink_to(tmp_path / "real" / "b.png")
    assert find_reference(tmp_path / "real", tmp_path).names == ["b.png", "c.png", "link/inner/a.png"]


@pytest.mark.parametrize("name", ["a.png", "folder"])
def test_a_link_to_what_is_not_there_is_named(tmp_path, name):
    draw(tmp_path / "real" / "b.png")
    (tmp_path / "real" / name).symlink_to(tmp_path / "none")
    with pytest.raises(InputError, match=f"^{tmp_path / 'real' / name}: .* got a link to what is not there$"):
        find_reference(tmp_path / "real", tmp_path)


def test_nothing_to_compare_with_is_a_reason_and_no_error(tmp_path):
    with pytest.raises(NotComputed, match=f"{tmp_path}/train.lst and {tmp_path}/train_pairs.txt are not there"):
        find_reference(None, tmp_path)


@pytest.fixture
def made(root, weights, tmp_path):
    """A file of statistics of ROOT's three images, for cfld."""
    out = tmp_path / "out" / "stats.npz"
    main([f"--data={root}", "--protocol=cfld", f"--out={out}", f"--weights={weights}"])
    return out


@pytest.fixture
def network(weights):
    return Inception("imagenet", weights)


CFLD, SIZE = PROTOCOLS["cfld"], (256, 176)


def test_a_file_holds_features_moments_and_how_it_was_made(made, root, network, tmp_path):
    expected = inception_features([root / image for image in IMAGES[:3]], CFLD, SIZE, tmp_path / "other", network)
    with np.load(made, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["features"], expected)
        np.testing.assert_allclose(file["mu"], expected.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(file["sigma"], np.cov(expected.astype(np.float64), rowvar=False), atol=1e-9)
        record = json.loads(str(file["record"]))
    assert (record["given"], record["used"], record["size"]) == (3, 3, [256, 176])
    assert record["weights"] == {FILES["imagenet"][0]: network.sha256}
    statistics = read_statistics(made, CFLD, SIZE, network)
    np.testing.assert_array_equal(statistics.features, expected)
    assert statistics.record == record


def test_the_features_are_kept_where_the_command_says(made, root, weights, tmp_path, network):
    assert len(list((tmp_path / "xdg").rglob("*.npz"))) == 1
    out = tmp_path / "again.npz"
    main([f"--data={root}", "--protocol=cfld", f"--out={out}", f"--weights={weights}", f"--cache={tmp_path / 'kept'}"])
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert len(list((tmp_path / "xdg").rglob("*.npz"))) == 1
    first, second = (read_statistics(path, CFLD, SIZE, network) for path in (made, out))
    np.testing.assert_array_equal(first.features, second.features)
    assert second.record["images"] == names_digest(find_reference(None, root).names)


def test_a_folder_that_cannot_be_written_is_named_before_the_work(root, small_disk, capsys):
    disk = small_disk("ro")
    with pytest.raises(SystemExit):
        main([f"--data={root}", "--protocol=cfld", f"--out={disk / 'stats.npz'}", "--weights=none"])
    assert capsys.readouterr().err.startswith(f"error: {disk}: expected a folder that can be written (Read-only")


def test_a_folders_images_are_whole_batches(tmp_path, weights, monkeypatch, capsys):
    for seed in range(5):
        draw(tmp_path / "real" / f"{seed}.png", seed)
    monkeypatch.setattr("evaluation.protocols.Protocol.kept", lambda self, count: count - count % 2)  # noqa: ARG005
    out = tmp_path / "stats.npz"
    main([f"--images={tmp_path / 'real'}", "--protocol=pidm", f"--out={out}", f"--weights={weights}"])
    assert capsys.readouterr().out.startswith("4 of 5 images of ")
    statistics = read_statistics(out, PROTOCOLS["gfla"], (256, 256))
    assert len(statistics.features) == 4
    assert (statistics.record["given"], statistics.record["used"]) == (5, 4)
