import csv
from functools import partial

import numpy as np
import pytest
from PIL import Image

from data.pairs import result_name
from evaluation.__main__ import main
from evaluation.compare import pixel_scores
from evaluation.network_scores import NetworkOptions, network_scores
from evaluation.networks import FILES
from evaluation.pose_mask import target_mask
from evaluation.protocols import PROTOCOLS
from evaluation.results import copied_source, find_results
from tests.evaluation.sets import IMAGES, PAIRS, SIZE, make_results, pixels, read_record, save, write_keypoints

ALEX, INCEPTION = FILES["alex"][0], FILES["imagenet"][0]


def flags(generated, root, *more):
    asked = ["--protocol", "clean", "--metrics", "ssim", "psnr", "l1", "mae"]
    return ["--generated", str(generated), "--data", str(root), *asked, *more]


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_scores_are_printed_and_saved_beside_the_pictures(generated, root, capsys):
    main(flags(generated, root, "--copy-source"))
    out = generated.with_name("generated_scores") / "clean"
    record, text = read_record(out), capsys.readouterr().out
    clean = PROTOCOLS["clean"]
    for target, source in PAIRS:
        assert (generated / result_name(source, target)).is_file()
    for method, folder in (("generated", generated), ("source copied", root)):
        expected = []
        for target, source in PAIRS:
            shown = pixels(folder / result_name(source, target) if method == "generated" else folder / source, SIZE)
            expected.append(pixel_scores(shown, pixels(root / target, SIZE), clean, ["ssim", "psnr", "l1", "mae"]))
        for measure, kept in record["methods"][method]["scores"].items():
            assert kept["value"] == pytest.approx(np.mean([scores[measure] for scores in expected]))
            assert f"{kept['value']:.{2 if measure == 'psnr' else 4}f}" in text
    assert text.splitlines()[-1] == f"saved in {out}"
    assert (record["pairs"], record["people"], record["protocol"]["size"]) == (3, 2, list(SIZE))
    assert record["flags"]["metrics"] == ["ssim", "psnr", "l1", "mae"]
    with open(out / "per_image.csv") as file:
        assert len(list(csv.DictReader(file))) == 6
    assert Image.open(out / "examples.png").height > 600
    assert sorted(path.name for path in out.iterdir()) == ["examples.png", "metrics.json", "per_image.csv"]
    assert len(list(generated.iterdir())) == 3


def test_the_same_measures_in_another_order_are_scored_anew(generated, root):
    for metrics in (["l1", "ssim"], ["ssim", "l1", "ssim"]):
        main(["--generated", str(generated), "--data", str(root), "--protocol", "clean", "--metrics", *metrics])
    assert read_record(generated.with_name("generated_scores") / "clean")["flags"]["metrics"] == ["ssim", "l1"]


def test_photos_are_cropped_where_pictures_were_drawn_from_crops(generated, root, capsys):
    (generated / "settings.json").write_text('{"resize": "crop"}')
    main(flags(generated, root, "--copy-source"))
    record = read_record(generated.with_name("generated_scores") / "clean")
    assert "photos cropped to the shape of 24 x 16" in capsys.readouterr().out
    assert record["protocol"]["crop"] == list(SIZE)

    def middle(path):  # Of 40 x 40 pixels.
        return np.array(
            Image.open(path).resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC, box=(20 / 3, 0, 100 / 3, 40))
        )

    truths = [middle(root / target) for target, _ in PAIRS]
    drawn = [pixels(generated / result_name(source, target)) for target, source in PAIRS]
    copied = [middle(root / source) for _, source in PAIRS]
    for method, pictures in (("generated", drawn), ("source copied", copied)):
        expected = np.mean([np.abs(a.astype(float) - b).mean() / 255 for a, b in zip(pictures, truths, strict=True)])
        assert record["methods"][method]["scores"]["l1"]["value"] == pytest.approx(expected, abs=1e-6)


def test_crops_are_not_compared_with_pictures_of_whole_photos(generated, root, tmp_path, capsys):
    (generated / "settings.json").write_text('{"resize": "crop"}')
    other = make_results(tmp_path / "other", 20)
    asked = ("--data", root, "--protocol", "clean", "--metrics", "l1", "--out", tmp_path / "out")
    for folders in ((generated, other), (other, generated)):
        sentence = refusal(capsys, "--compare", *folders, *asked)
        assert sentence.startswith(f"error: {other}: does not show photos cropped to 24 x 16, as {generated} does")


def test_methods_are_compared_pair_by_pair(generated, root, tmp_path, capsys):
    other = make_results(tmp_path / "other", 20)
    out = tmp_path / "out"
    asked = ["--protocol", "clean", "--metrics", "l1", "--out", str(out)]
    main(["--compare", *map(str, (generated, other)), "--data", str(root), *asked])
    record, text = read_record(out), capsys.readouterr().out
    scores = {method: kept["scores"]["l1"]["value"] for method, kept in record["methods"].items()}
    assert record["differences"]["other"]["l1"]["value"] == pytest.approx(scores["other"] - scores["generated"])
    assert "Differences to generated" in text


def test_limit_scores_the_first_pairs_alone(generated, root, tmp_path):
    (generated / result_name(*reversed(PAIRS[2]))).unlink()
    main(flags(generated, root, "--limit", "2", "--out", str(tmp_path / "out")))
    record = read_record(tmp_path / "out")
    assert (record["pairs"], record["flags"]["limit"]) == (2, 2)


def test_resizing_and_jpeg_results_are_said(generated, root, capsys):
    jpeg = (generated / result_name(*reversed(PAIRS[0]))).with_suffix(".jpg")
    save(jpeg, 0)
    jpeg.with_suffix(".png").unlink()
    main(flags(generated, root, "--protocol", "cfld"))
    text = capsys.readouterr().out
    assert "note: 3 generated pictures of 24 x 16 resized to 256 x 176 (Pillow, bicubic)\n" in text
    assert "note: 1 of 3 results are JPEG files: " in text


def test_networks_see_every_method_by_the_flags_masked_where_the_protocol_says_so(generated, root, weights, tmp_path):
    write_keypoints(root)
    where = {"weights": weights, "cache": tmp_path / "cache", "reference": root / "img"}
    words = ["--weights", weights, "--cache", where["cache"], "--fid-reference", where["reference"]]
    words += ["--protocol", "market", "--copy-source", "--metrics", "lpips", "kid", "--out", tmp_path / "out"]
    main(["--generated", str(generated), "--data", str(root), *map(str, words)])
    methods = read_record(tmp_path / "out")["methods"]
    options = NetworkOptions(frozenset({"lpips", "kid"}), **where)
    ours = find_results(generated, root)
    for method, results in (("generated", ours), ("source copied", copied_source(ours))):
        found, mask = methods[method], partial(target_mask, root, (128, 64))
        expected = network_scores({"ours": results}, root, PROTOCOLS["market"], (128, 64), options, mask)["ours"]
        values = {name: float(np.mean(column)) for name, column in expected.pairs.items()} | expected.sets
        assert {name: score["value"] for name, score in found["scores"].items()} == pytest.approx(values)
        assert set(values) == {"lpips_alex", "mask_lpips_alex", "kid", "kid_std"}
        assert found["networks"]["reference"]["used"] == 4
    assert not list(generated.glob("*.npz"))


def test_what_could_not_be_computed_ends_with_exit_code_2_after_the_rest(generated, root, weights, tmp_path, capsys):
    few = tmp_path / "few"
    few.mkdir()
    (few / ALEX).symlink_to(weights / ALEX)
    make_results(generated, size=(40, 40))
    words = ["--generated", str(generated), "--data", str(root), "--weights", str(few), "--protocol", "cfld"]
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    text, error = capsys.readouterr()
    assert error.splitlines()[-1].startswith(f"error: fid: not computed: put {INCEPTION} at {few / INCEPTION}; ")
    assert error.strip().endswith("--allow-missing accepts that")
    assert f"put {INCEPTION} at {few / INCEPTION}" in text
    kept = read_record(generated.with_name("generated_scores") / "cfld")["methods"]["generated"]
    assert {"ssim", "psnr", "l1", "mae", "lpips_alex"} == kept["scores"].keys()
    assert {"fid", "kid", "kid_std", "precision", "recall"} == kept["missing"].keys()
    main([*words, "--allow-missing"])


def test_an_unusable_reference_is_refused_before_anything_is_scored(generated, root, weights, monkeypatch, capsys):
    monkeypatch.setattr("evaluation.scoring.pixel_scores", lambda *_: pytest.fail("pictures were scored"))
    words = ["--weights", weights, "--protocol", "cfld", "--fid-reference", root / "nowhere"]
    message = refusal(capsys, "--generated", generated, "--data", root, *words)
    assert message.startswith(f"error: {root / 'nowhere'}: ")


def test_a_damaged_picture_or_photo_is_named(generated, root, capsys):
    for damaged in (generated / result_name(*reversed(PAIRS[0])), root / IMAGES[0]):
        damaged.write_bytes(damaged.read_bytes()[:100])
        assert refusal(capsys, *flags(generated, root)).startswith(f"error: {damaged}: ")
    assert not list(generated.with_name("generated_scores").rglob("*.*"))


def test_pictures_too_small_for_ssim_are_refused_where_it_is_asked_for(generated, root, capsys):
    make_results(generated, size=(8, 8))
    assert "needs 11 pixels a side, got 8 x 8" in refusal(capsys, *flags(generated, root))
    main(["--generated", str(generated), "--data", str(root), "--metrics", "l1"])


def test_keypoints_that_a_masked_protocol_misses_are_named_at_once(generated, root, monkeypatch, capsys):
    monkeypatch.setattr("evaluation.__main__.score", lambda *_: pytest.fail("it was scored"))
    write_keypoints(root)
    (root / IMAGES[3].replace("img/", "pose/", 1)).with_suffix(".txt").unlink()
    message = refusal(capsys, *flags(generated, root, "--protocol", "market"))
    assert IMAGES[3] in message
    assert "has no keypoint file" in message


def test_help_lists_the_protocols(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for protocol in PROTOCOLS.values():
        assert f"{protocol.name:8}{protocol.summary}\n" in text
