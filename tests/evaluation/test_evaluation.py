import json
import math

import numpy as np
import pytest
from PIL import Image

from config.errors import InputError
from data.pairs import result_name
from evaluation.__main__ import main
from evaluation.compare import compare
from evaluation.results import find_results, score_results

IMAGES = [f"img/WOMEN/Dresses/id_0000000{i}/01_{k}_front.jpg" for i in (1, 2) for k in (1, 2)]
PAIRS = [(IMAGES[1], IMAGES[0]), (IMAGES[3], IMAGES[2]), (IMAGES[0], IMAGES[1])]  # Target, source.
SIZE = (24, 16)


def save(path, seed, size):
    height, width = size
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def root(tmp_path):
    """A data set of four photos, larger than the results, and three test pairs."""
    root = tmp_path / "data"
    for seed, image in enumerate(IMAGES):
        save(root / image, seed, (40, 40))
    (root / "test_pairs.txt").write_text("".join(f"{target},{source}\n" for target, source in PAIRS))
    return root


@pytest.fixture
def generated(tmp_path):
    folder = tmp_path / "generated"
    for seed, (target, source) in enumerate(PAIRS):
        save(folder / result_name(source, target), 10 + seed, SIZE)
    return folder


def pixels(path, size=None):
    image = Image.open(path).convert("RGB")
    return np.array(image.resize(size[::-1], Image.Resampling.BICUBIC) if size else image)


def flags(generated, root, *more):
    return ["--generated", str(generated), "--data", str(root), *more]


def refusal(capsys, generated, root, *more):
    with pytest.raises(SystemExit) as caught:
        main(flags(generated, root, *more))
    assert caught.value.code == 2
    assert not (generated / "metrics.json").exists()
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_every_pair_is_scored_against_its_squeezed_target(generated, root):
    size, scores, copies = score_results(find_results(generated, root))
    assert size == SIZE
    for (target, source), score, copy in zip(PAIRS, scores, copies, strict=True):
        truth = pixels(root / target, SIZE)
        assert score == compare(pixels(generated / result_name(source, target)), truth)
        assert copy == compare(pixels(root / source, SIZE), truth)


def test_several_processes_give_what_one_gives(generated, root, monkeypatch):
    alone = score_results(find_results(generated, root))
    monkeypatch.setattr("evaluation.results._PAIRS_PER_PROCESS", 2)
    monkeypatch.setattr("evaluation.results.os.cpu_count", lambda: 2)
    assert score_results(find_results(generated, root)) == alone


def test_a_failure_in_another_process_is_named(generated, root, monkeypatch):
    monkeypatch.setattr("evaluation.results._PAIRS_PER_PROCESS", 2)
    monkeypatch.setattr("evaluation.results.os.cpu_count", lambda: 2)
    broken = generated / result_name(*reversed(PAIRS[2]))
    broken.write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        score_results(find_results(generated, root))
    assert str(caught.value).startswith(f"{broken}: ")


def test_the_means_are_printed_and_saved(generated, root, capsys):
    main(flags(generated, root))
    record = json.loads((generated / "metrics.json").read_text())
    _, scores, copies = score_results(find_results(generated, root))
    assert (record["pairs"], record["size"]) == (3, list(SIZE))
    assert record["scores"]["generated"]["ssim"] == pytest.approx(np.mean([s.ssim for s in scores]))
    assert record["scores"]["source copied"]["l1"] == pytest.approx(np.mean([s.l1 for s in copies]))
    assert set(record["versions"]) == {"python", "scikit-image", "numpy", "pillow"}
    head, row, copy, foot = capsys.readouterr().out.splitlines()
    assert head.split() == ["SSIM", "PSNR", "L1"]
    assert row.split() == ["generated", *(f"{record['scores']['generated'][k]:.{d}f}" for k, d in DIGITS)]
    assert copy.startswith("source copied")
    assert len(head) == len(row) == len(copy)
    assert foot.startswith("3 pairs of ")


DIGITS = [("ssim", 4), ("psnr", 3), ("l1", 4)]


def test_limit_scores_the_first_pairs_alone(generated, root, tmp_path):
    (generated / result_name(*reversed(PAIRS[2]))).unlink()
    out = tmp_path / "new" / "scores.json"
    main(flags(generated, root, "--limit", "2", "--out", str(out)))
    record = json.loads(out.read_text())
    assert (record["pairs"], record["settings"]["limit"]) == (2, 2)


def test_every_source_of_a_line_counts_as_a_pair(generated, root):
    (target, source), other = PAIRS[0], IMAGES[2]
    (root / "test_pairs.txt").write_text(f"{target},{source},{other}\n")
    save(generated / result_name(other, target), 20, SIZE)
    assert [result.source for result in find_results(generated, root)] == [root / source, root / other]
    assert len(find_results(generated, root, limit=1)) == 1


def test_a_perfect_result_is_saved_as_valid_json(generated, root):
    for target, source in PAIRS:
        Image.fromarray(pixels(root / target)).save(generated / result_name(source, target))
    main(flags(generated, root))
    record = json.loads((generated / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert record["scores"]["generated"] == {"ssim": 1.0, "psnr": "inf", "l1": 0.0}
    assert math.isfinite(record["scores"]["source copied"]["psnr"])


def test_a_missing_result_is_named_and_counted(generated, root, capsys):
    missing = generated / result_name(*reversed(PAIRS[1]))
    missing.unlink()
    assert refusal(capsys, generated, root) == f"error: {missing}: no such file; 1 of 3 results are missing"


def test_a_missing_photo_is_named(generated, root, capsys):
    (root / IMAGES[3]).unlink()
    message = refusal(capsys, generated, root)
    assert IMAGES[3] in message
    assert "test_pairs.txt:2" in message


def test_a_damaged_result_is_named(generated, root, capsys):
    damaged = generated / result_name(*reversed(PAIRS[0]))
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert refusal(capsys, generated, root).startswith(f"error: {damaged}: ")


def test_a_damaged_photo_is_named(generated, root, capsys):
    (root / IMAGES[0]).write_bytes(b"")
    assert refusal(capsys, generated, root).startswith(f"error: {root / IMAGES[0]}: ")


def test_a_result_of_another_size_is_named(generated, root, capsys):
    odd = generated / result_name(*reversed(PAIRS[1]))
    save(odd, 0, (24, 24))
    message = refusal(capsys, generated, root)
    assert message.startswith(f"error: {odd}: ")
    assert "24 x 16" in message
    assert "24 x 24" in message


def test_results_of_another_size_than_asked_for_are_refused(generated, root, capsys):
    assert "expected 32 x 16" in refusal(capsys, generated, root, "--size", "32x16")


def test_pictures_too_small_for_ssim_are_refused(generated, root, capsys):
    for target, source in PAIRS:
        save(generated / result_name(source, target), 0, (8, 8))
    assert "SSIM needs 11 pixels a side, got 8 x 8" in refusal(capsys, generated, root)


def test_a_missing_folder_is_named(tmp_path, root, capsys):
    assert refusal(capsys, tmp_path / "none", root).startswith(f"error: {tmp_path / 'none'}: ")


def test_an_empty_folder_is_named(tmp_path, root, capsys):
    (tmp_path / "empty").mkdir()
    message = refusal(capsys, tmp_path / "empty", root)
    assert message.startswith(f"error: {tmp_path / 'empty'}: ")
    assert "empty folder" in message


def test_a_missing_data_set_is_named(tmp_path, generated, capsys):
    assert refusal(capsys, generated, tmp_path / "none").startswith(f"error: {tmp_path / 'none'}: ")


@pytest.mark.parametrize(("flag", "value"), [("--limit", "0"), ("--limit", "two"), ("--size", "24"), ("--size", "0x8")])
def test_a_flag_that_makes_no_sense_is_named(generated, root, capsys, flag, value):
    message = refusal(capsys, generated, root, flag, value)
    assert flag in message
    assert repr(value) in message


def test_an_output_that_cannot_be_written_is_named(generated, root, capsys):
    assert refusal(capsys, generated, root, "--out", str(root)).startswith(f"error: {root}: ")
    blocked = root / "test_pairs.txt" / "scores.json"
    assert refusal(capsys, generated, root, "--out", str(blocked)).startswith(f"error: {blocked}: ")
