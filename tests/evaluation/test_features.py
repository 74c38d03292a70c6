import io
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation import batches
from evaluation.features import VERSION, inception_features, user_cache
from evaluation.networks import FEATURES, Inception
from evaluation.pictures import network_input, read_picture
from evaluation.protocols import PROTOCOLS
from system.errors import InputError

SIZE = (40, 24)
CLEAN, CFLD, PIDM = (PROTOCOLS[name] for name in ("clean", "cfld", "pidm"))


class Means:
    """In Inception's place: counts its calls; the features are the mean of a picture, again and again."""

    def __init__(self, sha256="a"):
        self.sha256, self.seen = sha256, []

    def __call__(self, images):
        self.seen.append(len(images))
        return images.mean((1, 2, 3))[:, None].expand(-1, FEATURES)


@pytest.fixture
def paths(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(5):
        pixels = np.random.default_rng(index).integers(0, 50 * index + 50, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_features_are_the_networks_in_order(paths, cache, weights):
    network = Inception("imagenet", weights)
    features = inception_features(paths[:3], PIDM, (48, 48), cache, network)
    assert (features.shape, features.dtype) == ((3, FEATURES), np.float32)
    for path, row in zip(paths, features, strict=False):
        picture = network_input(read_picture(path, PIDM, (48, 48)), PIDM)
        assert picture.shape == (3, 256, 176)
        np.testing.assert_allclose(row, network(torch.from_numpy(picture)[None])[0], rtol=1e-4, atol=1e-5)


def test_every_picture_is_seen_once_in_batches(paths, cache, monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 2)
    network = Means()
    features = inception_features(paths, CLEAN, SIZE, cache, network)
    assert network.seen == [2, 2, 1]
    expected = [np.asarray(Image.open(path)).mean() / 255 for path in paths]
    np.testing.assert_allclose(features[:, 0], expected, rtol=1e-5)


def test_reading_is_at_most_one_batch_ahead(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", 4)
    read = []
    found = batches.read_batches(lambda item: np.array(read.append(item) or item), list(range(20)), "test")
    next(found)
    assert len(read) <= 8
    next(found)
    assert len(read) <= 12
    assert len(list(found)) == 3
    assert sorted(read) == list(range(20))


def test_what_is_in_the_cache_does_not_run_the_network(paths, cache):
    first = inception_features(paths, CLEAN, SIZE, cache, Means())
    network = Means()
    np.testing.assert_array_equal(inception_features(paths, CLEAN, SIZE, cache, network), first)
    assert network.seen == []


def touched(paths):
    state = os.stat(paths[2])
    os.utime(paths[2], ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def changed(paths):
    state = os.stat(paths[2])
    paths[2].write_bytes(paths[2].read_bytes() + b"\0")
    os.utime(paths[2], ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("change", [touched, changed])
def test_a_changed_file_is_read_again(paths, cache, change):
    inception_features(paths, CLEAN, SIZE, cache, Means())
    change(paths)
    network = Means()
    inception_features(paths, CLEAN, SIZE, cache, network)
    assert network.seen == [5]


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": PIDM},
        {"protocol": CFLD},
        {"size": (24, 40)},
        {"network": Means("b")},
        {"order": -1},
        {"version": VERSION + 1},
    ],
)
def test_other_circumstances_give_other_features(paths, cache, monkeypatch, other):
    inception_features(paths, CLEAN, SIZE, cache, Means())
    monkeypatch.setattr("evaluation.features.VERSION", other.get("version", VERSION))
    network = other.get("network", Means())
    order = paths[:: other.get("order", 1)]
    inception_features(order, other.get("protocol", CLEAN), other.get("size", SIZE), cache, network)
    assert network.seen == [5]
    assert len(list(cache.iterdir())) == 2


def test_protocols_that_show_the_network_the_same_share_features(paths, cache):
    inception_features(paths, PIDM, SIZE, cache, Means())
    network = Means()
    inception_features(paths, PROTOCOLS["gfla"], SIZE, cache, network)
    assert network.seen == []


def flip(content):
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


def npz(features):
    """The bytes of a cache file of these features."""
    file = io.BytesIO()
    np.savez(file, features=features)
    return file.getvalue()


def npy(features):
    """The bytes of a single array, without names."""
    file = io.BytesIO()
    np.save(file, features)
    return file.getvalue()


def misnumbered(content):
    """Of a compression method that no program knows."""
    place = content.index(b"PK\x01\x02") + 10
    return content[:place] + b"\x63" + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:3000],
        lambda _: b"",
        lambda _: b"text",
        flip,
        misnumbered,
        lambda _: npy(np.zeros((5, FEATURES), np.float32)),
        lambda _: npz(np.full((5, FEATURES), np.nan, np.float32)),
    ],
)
def test_a_damaged_file_of_the_cache_is_made_again(paths, cache, damage, caplog):
    first = inception_features(paths, CLEAN, SIZE, cache, Means())
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    network = Means()
    np.testing.assert_array_equal(inception_features(paths, CLEAN, SIZE, cache, network), first)
    assert network.seen == [5]
    assert f"{kept}: damaged" in caplog.text
    with np.load(kept) as file:
        np.testing.assert_array_equal(file["features"], first)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(paths, tmp_path, caplog):
    (tmp_path / "file").touch()
    features = inception_features(paths, CLEAN, SIZE, tmp_path / "file" / "cache", Means())
    assert len(features) == 5
    assert "will be computed again" in caplog.text


def test_the_cache_is_the_users_and_not_beside_the_pictures(paths, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    inception_features(paths, CLEAN, SIZE, None, Means())
    assert len(list((tmp_path / "xdg" / "scfm-pose-transfer" / "features").iterdir())) == 1
    assert len(list(paths[0].parent.iterdir())) == 5
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    assert user_cache() == tmp_path / "home" / ".cache" / "scfm-pose-transfer" / "features"


def test_features_that_are_not_finite_name_the_picture_and_the_weights_and_are_not_kept(paths, cache):
    class Overflow(Means):
        file = "weights/inception.pth"

        def __call__(self, images):
            features = super().__call__(images).clone()
            features[2:, 7] = float("inf")
            return features

    with pytest.raises(InputError, match=f"^{paths[2]}: its features by weights/inception.pth are not finite$"):
        inception_features(paths, CLEAN, SIZE, cache, Overflow())
    assert not cache.exists()


def test_folders_of_equal_names_sizes_and_times_have_features_of_their_own(paths, cache):
    other = paths[0].parent.with_name("others")
    other.mkdir()
    for path in paths:
        state = os.stat(path)
        (other / path.name).write_bytes(path.read_bytes())
        os.utime(other / path.name, ns=(state.st_atime_ns, state.st_mtime_ns))
    inception_features(paths, CLEAN, SIZE, cache, Means())
    network = Means()
    inception_features(sorted(other.iterdir()), CLEAN, SIZE, cache, network)
    assert network.seen == [5]


def test_a_missing_or_broken_picture_is_named(paths, cache):
    paths[3].write_bytes(b"no picture")
    with pytest.raises(InputError, match=f"^{paths[3]}: "):
        inception_features(paths, CLEAN, SIZE, cache, Means())
    paths[3].unlink()
    with pytest.raises(InputError, match=f"^{paths[3]}: expected an image, got: No such file"):
        inception_features(paths, CLEAN, SIZE, cache, SimpleNamespace(sha256="a"))
    assert not cache.exists()
