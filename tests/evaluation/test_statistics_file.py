import hashlib
import json
import random
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from evaluation import statistics_file
from evaluation.protocols import PROTOCOLS
from evaluation.statistics_file import read_statistics, record, write_statistics
from system.errors import InputError

CFLD, SIZE = PROTOCOLS["cfld"], (256, 176)
FEATURES = np.random.default_rng(0).random((3, 2048), np.float32)


@pytest.fixture
def network():
    """What is asked of an Inception."""
    return SimpleNamespace(file=Path("weights") / "inception.pth", sha256="a" * 64)


@pytest.fixture
def made(tmp_path, network):
    """A file of three images' features, for cfld."""
    path = tmp_path / "stats.npz"
    write_statistics(path, FEATURES, record(CFLD, SIZE, network, ["a.png", "b.png", "c.png", "d.png"], 3))
    return path


def test_what_was_written_is_read(made, network):
    statistics = read_statistics(made, CFLD, SIZE, network)
    np.testing.assert_array_equal(statistics.features, FEATURES)
    assert (statistics.record["given"], statistics.record["used"]) == (4, 3)
    assert statistics.record["weights"] == {"inception.pth": "a" * 64}
    assert statistics.record["images"] == hashlib.sha256(b"a.png\nb.png\nc.png").hexdigest()


def test_mean_and_covariance_have_pytorch_fids_names(tmp_path, monkeypatch):
    monkeypatch.setattr(statistics_file, "BLOCK", 2)
    write_statistics(tmp_path / "stats.npz", FEATURES[:, :7], {})
    with np.load(tmp_path / "stats.npz", allow_pickle=False) as file:
        np.testing.assert_allclose(file["mu"], FEATURES[:, :7].mean(0), rtol=1e-6)
        np.testing.assert_allclose(file["sigma"], np.cov(FEATURES[:, :7].astype(np.float64), rowvar=False), atol=1e-12)


def test_a_protocol_that_gives_the_same_features_may_use_it(made, network):
    write_statistics(made, FEATURES, record(PROTOCOLS["pidm"], (256, 256), network, ["a", "b", "c"], 3))
    found = read_statistics(made, PROTOCOLS["gfla"], (256, 256), network)
    np.testing.assert_array_equal(found.features, FEATURES)


@pytest.mark.parametrize(
    ("protocol", "fault"),
    [
        (
            "pidm",
            "made for protocol cfld (pictures 256 x 176 by Pillow bicubic, networks of the pictures' size, "
            "no whole batches), not for pidm (pictures 256 x 256 by Pillow bicubic, "
            "networks 256 x 176 by OpenCV bilinear, batches of 64)",
        ),
        (
            "clean",
            "made for protocol cfld (pictures 256 x 176 by Pillow bicubic, Inception of imagenet), "
            "not for clean (pictures of the results' size by Pillow bicubic, Inception of fid)",
        ),
    ],
)
def test_a_file_made_for_another_protocol_is_refused(made, protocol, fault):
    with pytest.raises(InputError) as caught:
        read_statistics(made, PROTOCOLS[protocol], PROTOCOLS[protocol].pictures.size or SIZE)
    assert str(caught.value) == f"{made}: {fault}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"library": "OpenCV"}, ("OpenCV bicubic", "Pillow bicubic")),
        ({"kernel": "bilinear"}, ("Pillow bilinear", "Pillow bicubic")),
    ],
)
def test_what_differs_is_said(made, change, words):
    alter(made, pictures={"size": [256, 176], "library": "Pillow", "kernel": "bicubic"} | change)
    with pytest.raises(InputError) as caught:
        read_statistics(made, CFLD, SIZE)
    theirs, own = (f"cfld (pictures 256 x 176 by {word})" for word in words)
    assert str(caught.value) == f"{made}: made for protocol {theirs}, not for {own}"


def test_a_file_of_another_size_is_refused(made):
    with pytest.raises(InputError, match=f"^{made}: made for pictures of 256 x 176, not of 64 x 48$"):
        read_statistics(made, CFLD, (64, 48))


def test_a_file_of_other_weights_is_refused(made, network):
    network.sha256 = "0" * 64
    with pytest.raises(InputError, match=f"^{made}: made with other weights than those of {network.file}$"):
        read_statistics(made, CFLD, SIZE, network)


def test_a_file_of_another_version_is_refused(made, network, monkeypatch):
    monkeypatch.setattr("evaluation.statistics_file.VERSION", statistics_file.VERSION + 1)
    with pytest.raises(InputError, match=f"^{made}: made by another version"):
        read_statistics(made, CFLD, SIZE, network)


def test_pytorch_fids_own_file_is_refused_with_advice(tmp_path):
    np.savez(tmp_path / "theirs.npz", mu=np.zeros(2048), sigma=np.zeros((2048, 2048)))
    with pytest.raises(InputError, match=r"theirs.npz: does not tell how it was made.*python -m evaluation.reference"):
        read_statistics(tmp_path / "theirs.npz", CFLD, SIZE)


def rewrite(path, **changes):
    """Write the file anew with other arrays; None leaves one out."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file) | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def alter(path, **changes):
    """Change the file's record."""
    with np.load(path, allow_pickle=False) as file:
        found = json.loads(str(file["record"]))
    rewrite(path, record=np.array(json.dumps(found | changes)))


def encrypt(path):
    """Set the bit of encryption in the file's list of its arrays."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:20_000])


def flip(path):
    content = path.read_bytes()
    path.write_bytes(content[:5_000] + bytes([content[5_000] ^ 1]) + content[5_001:])


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        flip,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("text"),
        lambda path: np.save(open(path, "wb"), np.zeros(3)),  # noqa: SIM115
        lambda path: rewrite(path, features=None),
        lambda path: rewrite(path, features=np.zeros((3, 7), np.float32)),
        lambda path: rewrite(path, features=np.zeros((2, 2048), np.float32)),
        lambda path: rewrite(path, features=np.full((3, 2048), np.nan, np.float32)),
        lambda path: rewrite(path, features=np.array([[{}]], object)),
        lambda path: rewrite(path, record=np.array("{")),
        lambda path: rewrite(path, record=np.array("{}")),
        lambda path: rewrite(path, record=np.array("[]")),
        lambda path: rewrite(path, record=np.array('{"used": 3}')),
        lambda path: rewrite(path, record=np.array("null")),
        lambda path: rewrite(path, record=np.array("[" * 100_000)),
        encrypt,
        lambda path: alter(path, size=[256]),
        lambda path: alter(path, size=[256.0, 176]),
        lambda path: alter(path, size=None),
        lambda path: alter(path, weights=["a" * 64]),
        lambda path: alter(path, weights={"a": 1}),
        lambda path: alter(path, given=2),
        lambda path: alter(path, given="4"),
        lambda path: alter(path, used=True),
        lambda path: alter(path, networks=[256, 176]),
        lambda path: alter(path, networks={"size": [256, 176]}),
        lambda path: alter(path, pictures=None),
        lambda path: alter(path, pictures={"size": 256, "library": "Pillow", "kernel": "bicubic"}),
        lambda path: alter(path, protocol=None),
        lambda path: alter(path, batch="64"),
        lambda path: alter(path, images=7),
    ],
)
def test_a_damaged_file_is_named(made, damage):
    damage(made)
    with pytest.raises(InputError, match=f"^{made}: damaged, or no file of statistics .*make one with"):
        read_statistics(made, CFLD, SIZE)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_whatever_is_damaged_begins_with_the_path(made, save):
    """Bytes changed in the first 200 of each of zip's headers, with NumPy's within."""
    with np.load(made, allow_pickle=False) as file:
        save(made, features=file["features"], record=file["record"])
    content, chosen, refusals = made.read_bytes(), random.Random(0), []
    heads = [found.start() for found in re.finditer(rb"PK(\x03\x04|\x01\x02|\x05\x06)", content)]
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chosen.randint(1, 4)):
            damaged[min(chosen.choice(heads) + chosen.randrange(200), len(content) - 1)] = chosen.randrange(256)
        made.write_bytes(damaged)
        try:
            read_statistics(made, CFLD, SIZE)
        except InputError as error:
            refusals.append(str(error))
    assert len(refusals) > 100
    assert all(refusal.startswith(f"{made}: ") for refusal in refusals)
