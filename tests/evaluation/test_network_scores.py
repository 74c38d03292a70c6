import dataclasses
import shutil
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from evaluation import network_scores as module
from evaluation.distributions import fid, kid, precision_recall
from evaluation.features import inception_features
from evaluation.network_scores import NetworkOptions, network_scores
from evaluation.networks import FILES, LPIPS, Inception
from evaluation.perceptual import lpips_distances
from evaluation.protocols import PROTOCOLS, Protocol
from evaluation.reference import main as write_reference
from evaluation.statistics_file import names_digest
from system.errors import InputError

SIZE = (64, 48)
CLEAN = PROTOCOLS["clean"]
BRIEF = dataclasses.replace(CLEAN, lpips=("alex",))
ALL = frozenset({"lpips", "fid", "kid", "pr"})
SETS = {"fid", "kid", "kid_std", "precision", "recall"}
ALEX, VGG, FID = (FILES[name][0] for name in ("alex", "vgg", "fid"))


class Pair(NamedTuple):
    generated: object
    target: object


def draw(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five pairs of pictures, and a data set whose train.lst names six photos."""
    folder = tmp_path_factory.mktemp("pairs")
    names = [f"img/A/B/id_1/{index}_1.png" for index in range(6)]
    for index, name in enumerate(names):
        draw(folder / "generated" / f"{index}.png", index)
        draw(folder / "root" / name, 10 + index)
    (folder / "root" / "train.lst").write_text("\n".join(names))
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return [Pair(folder / "generated" / f"{i}.png", folder / f"root/img/A/B/id_1/{i}_1.png") for i in range(5)]


@pytest.fixture
def score(results, folder, weights, cache):
    """score(protocol, mask, root, **options) -> NetworkScores of the five pairs."""

    def run(protocol=BRIEF, mask=None, root=folder / "root", **options):
        options = NetworkOptions(**({"metrics": ALL, "weights": weights, "cache": cache} | options))
        return network_scores({"ours": results}, root, protocol, SIZE, options, mask)["ours"]

    return run


@pytest.fixture(scope="module")
def everything(results, folder, weights, cache):
    """NetworkScores of all measures of `clean`."""
    return network_scores({"ours": results}, folder / "root", CLEAN, SIZE, NetworkOptions(ALL, weights, cache))["ours"]


@pytest.fixture
def no_work(monkeypatch):
    """Whatever reads pictures fails."""
    for name in ("lpips_distances", "inception_features"):
        monkeypatch.setattr(module, name, lambda *args, name=name: pytest.fail(f"{name} has run"))  # noqa: ARG005


def copy_weights(weights, folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).symlink_to(weights / name)
    return folder


def test_every_measure_is_what_its_own_function_gives(everything, results, folder, weights, cache):
    scores = everything
    assert set(scores.pairs) == {"lpips_alex", "lpips_vgg"}
    for trunk in ("alex", "vgg"):
        expected = lpips_distances(LPIPS(trunk, weights), results, CLEAN, SIZE)
        np.testing.assert_array_equal(scores.pairs[f"lpips_{trunk}"], expected)
    network = Inception("fid", weights)
    generated = inception_features([result.generated for result in results], CLEAN, SIZE, cache, network)
    real = sorted((folder / "root" / "img").rglob("*.png"))
    real = inception_features(real, CLEAN, SIZE, cache, network)
    mean, deviation = kid(real, generated)
    precision, recall = precision_recall(real, generated)
    expected = {"fid": fid(real, generated), "kid": mean, "kid_std": deviation}
    assert scores.sets == expected | {"precision": precision, "recall": recall}
    assert scores.missing == {}


def test_weights_reference_and_counts_are_recorded(everything, folder, weights):
    record = everything.record
    digest = names_digest([f"img/A/B/id_1/{index}_1.png" for index in range(6)])
    assert record == {
        "weights": {name: record["weights"][name] for name in (ALEX, VGG, FID)},
        "pairs": 5,
        "pairs_used": 5,
        "reference": {"where": str(folder / "root" / "train.lst"), "given": 6, "used": 6, "names": digest},
        "kid": {"subsets": 100, "subset": 5},
    }
    assert "KID is over subsets of 5 images, not 1,000: there are no more." in everything.notes
    assert record["weights"][FID] == Inception("fid", weights).sha256


def test_the_protocol_says_which_trunks_and_which_inception(score):
    scores = score(PROTOCOLS["cfld"], metrics=frozenset({"lpips", "fid"}))
    assert set(scores.pairs) == {"lpips_alex"}
    assert set(scores.sets) == {"fid"}
    assert set(scores.record["weights"]) == {ALEX, FILES["imagenet"][0]}


def test_what_is_not_asked_for_is_not_computed(score, tmp_path):
    scores = score(metrics=frozenset({"lpips"}), root=tmp_path)
    assert (scores.sets, scores.missing) == ({}, {})
    assert "reference" not in scores.record
    assert score(metrics=frozenset(), weights=tmp_path).missing == {}


def test_pairs_and_real_images_that_make_no_whole_batch_are_dropped_aloud(score, results, weights):
    protocol = Protocol("twos", "", CLEAN.pictures, (), inception="fid", batch=2, published_reference=1_000)
    protocol_of_fives = Protocol("fives", "", CLEAN.pictures, (), batch=5, published_reference=6)
    scores = score(protocol, metrics=frozenset({"lpips", "fid"}))
    expected = lpips_distances(LPIPS("alex", weights), results[:4], protocol, SIZE)
    np.testing.assert_array_equal(scores.pairs["lpips_alex"], [*expected, np.nan])
    assert (scores.record["pairs"], scores.record["pairs_used"]) == (5, 4)
    assert any("4 of 5 generated pictures: protocol twos takes whole batches of 2" in note for note in scores.notes)
    assert any("6 real images; published numbers of protocol twos with 1,000" in note for note in scores.notes)
    scores = score(protocol_of_fives, metrics=frozenset({"fid"}))
    assert any("5 of 6 real images" in note for note in scores.notes)
    assert not any("generated pictures" in note or "published numbers" in note for note in scores.notes)


def test_few_images_and_unknown_weights_are_worth_a_word(everything, weights):
    notes = everything.notes
    assert [note for note in notes if "not the file published" in note] == [
        f"{weights / name}: not the file published under that name, by its SHA-256." for name in (ALEX, VGG, FID)
    ]
    assert "FID of fewer than 2,048 images, the number of features, is far too high." in notes


def test_a_mask_adds_the_masked_distances(score, results, weights):
    masks = {result: np.random.default_rng(i).random(SIZE) < 0.5 for i, result in enumerate(results)}
    masks[results[1]] = np.zeros(SIZE, dtype=bool)
    scores = score(metrics=frozenset({"lpips"}), mask=masks.get)
    assert set(scores.pairs) == {"lpips_alex", "mask_lpips_alex"}
    expected = lpips_distances(LPIPS("alex", weights), results, CLEAN, SIZE, masks.get)
    expected[1] = np.nan  # Nothing to compare is no likeness.
    np.testing.assert_array_equal(scores.pairs["mask_lpips_alex"], expected)


def test_methods_share_the_features_of_the_real_images(results, folder, weights, monkeypatch):
    seen, compute = [], module.inception_features

    def noting(paths, *rest):
        seen.append(list(paths))
        return compute(paths, *rest)

    monkeypatch.setattr(module, "inception_features", noting)
    options = NetworkOptions(frozenset({"kid"}), weights, folder / "no" / "cache")
    turned = [result._replace(generated=result.target) for result in results]
    found = network_scores({"a": results, "b": turned}, folder / "root", BRIEF, SIZE, options)
    assert seen.count(sorted((folder / "root" / "img").rglob("*.png"))) == 1
    assert len(seen) == 3
    assert found["a"].sets["kid"] != found["b"].sets["kid"]
    assert found["a"].record is not found["b"].record


def test_missing_weights_keep_only_their_own_measures_from_being_computed(score, weights, tmp_path):
    folder = copy_weights(weights, tmp_path / "some", VGG)
    scores = score(CLEAN, lambda _: np.ones(SIZE, bool), weights=folder)
    assert set(scores.pairs) == {"lpips_vgg", "mask_lpips_vgg"}
    assert scores.sets == {}
    expected = dict.fromkeys(["lpips_alex", "mask_lpips_alex"], f"put {ALEX} at {folder / ALEX}")
    assert scores.missing == expected | dict.fromkeys(SETS, f"put {FID} at {folder / FID}")
    folder = copy_weights(weights, tmp_path / "others", FID)
    scores = score(weights=folder)
    assert set(scores.sets) == SETS
    assert set(scores.missing) == {"lpips_alex"}


def test_a_missing_reference_is_a_reason(score, weights, tmp_path):
    scores = score(root=tmp_path)
    assert set(scores.pairs) == {"lpips_alex"}
    assert set(scores.missing) == SETS
    assert scores.missing["fid"].startswith("no real images to compare with: ")
    scores = score(root=tmp_path, weights=copy_weights(weights, tmp_path / "some", ALEX))
    assert scores.missing["kid"].startswith(f"put {FID} at {tmp_path}/some/{FID}; no real images")


@pytest.mark.usefixtures("no_work")
def test_a_reference_of_no_use_is_an_error_before_any_work(score, tmp_path, weights):
    (tmp_path / "stats.npz").write_text("text")
    with pytest.raises(InputError, match=f"^{tmp_path}/stats.npz: damaged"):
        score(reference=tmp_path / "stats.npz")
    with pytest.raises(InputError, match=f"^{tmp_path}/none: expected a folder of images"):
        score(reference=tmp_path / "none")
    with pytest.raises(InputError, match=f"^{tmp_path}/stats.npz: damaged"):
        score(reference=tmp_path / "stats.npz", weights=copy_weights(weights, tmp_path / "some", ALEX))


@pytest.mark.usefixtures("no_work")
def test_damaged_weights_are_an_error_before_any_work(score, weights, tmp_path):
    folder = copy_weights(weights, tmp_path / "some", ALEX)
    (folder / FID).write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match=f"^{folder / FID}: "):
        score(weights=folder)


def test_a_file_of_statistics_gives_what_its_images_give(score, everything, folder, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out = tmp_path / "stats.npz"
    flags = [f"--data={folder / 'root'}", "--protocol=clean", "--size=64x48", f"--out={out}", f"--weights={weights}"]
    write_reference(flags)
    scores = score(metrics=ALL - {"lpips"}, reference=out, root=tmp_path)
    assert scores.sets == everything.sets
    assert scores.record["reference"] == everything.record["reference"] | {"where": str(out)}


def test_a_folder_of_real_images_is_a_reference(score, folder, tmp_path):
    shutil.copytree(folder / "generated", tmp_path / "real")
    scores = score(metrics=frozenset({"fid", "pr"}), reference=tmp_path / "real")
    assert scores.record["reference"]["given"] == 6
    assert scores.sets["precision"] == 1


def test_too_few_real_images_are_a_reason_for_what_needs_more(score, folder, tmp_path):
    for index in range(3):
        draw(tmp_path / "real" / f"{index}.png", index)
    scores = score(metrics=ALL - {"lpips"}, reference=tmp_path / "real", root=folder)
    assert set(scores.sets) == {"fid", "kid", "kid_std"}
    assert scores.missing == dict.fromkeys(["precision", "recall"], "needs 4 images of each kind, there are 3")


def test_pictures_too_small_for_a_trunk_are_a_reason(results, weights, folder):
    options = NetworkOptions(frozenset({"lpips"}), weights)
    scores = network_scores({"ours": results}, folder, CLEAN, (24, 20), options)["ours"]
    assert set(scores.pairs) == {"lpips_vgg"}
    assert scores.missing == {"lpips_alex": "needs 31 pixels a side, the pictures are 24 x 20"}
