import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.protocols import PROTOCOLS
from evaluation.record import PACKAGES, digest, per_image_csv, record_json
from tests.evaluation.reports import make_report


def record(report, **flags):
    return json.loads(record_json(report, flags), parse_constant=pytest.fail)


def test_scores_have_value_interval_and_count():
    report = make_report(methods={"ours": {"lpips_alex": [1, 2, 3, np.nan]}}, sets={"fid": np.float32(2.5)})
    kept = record(report)["methods"]["ours"]
    found = report.estimates["ours"]["lpips_alex"]
    assert kept["scores"] == {
        "lpips_alex": {"value": 2.0, "low": found.low, "high": found.high, "count": 3},
        "fid": {"value": 2.5, "low": None, "high": None, "count": None},
    }
    assert kept["counts"] == {"pairs": 4, "dropped": {"lpips_alex": 1}}


def test_what_json_has_no_number_for_is_text():
    methods = {"ours": {"psnr": [np.inf, 1, 2, 3], "lpips_alex": [np.nan] * 4}}
    scores = record(make_report(methods=methods, sets={"kid": np.float64("nan")}))["methods"]["ours"]["scores"]
    assert [scores[name]["value"] for name in ("psnr", "lpips_alex", "kid")] == ["inf", "nan", "nan"]
    assert scores["psnr"]["low"] is None


def test_the_protocol_the_flags_and_the_versions_are_kept():
    pidm = PROTOCOLS["pidm"]
    kept = record(make_report(pidm, record={"weights": Path("w"), "n": np.int64(3)}), data="root", out=Path("a/b"))
    assert kept["protocol"]["ssim"] == json.loads(json.dumps(pidm.record()["ssim"]))
    assert (kept["protocol"]["size"], kept["protocol"]["conventions"]["crop"]) == ([24, 16], "none")
    assert kept["methods"]["ours"]["networks"] == {"weights": "w", "n": 3}
    assert kept["flags"] == {"data": "root", "out": "a/b"}
    assert set(kept["versions"]) == {"python", *PACKAGES}
    assert kept["versions"]["numpy"] == np.__version__


def test_missing_measures_notes_and_differences_are_kept():
    report = make_report(methods=("a", "b"), compared=True, missing={"fid": "put FILE at PATH"}, notes=["odd"])
    kept = record(report)
    assert kept["methods"]["b"]["missing"] == {"fid": "put FILE at PATH"}
    assert kept["notes"] == ["odd"]
    assert kept["differences_to"] == "a"
    assert kept["differences"]["b"]["ssim"] == {"value": 0.0, "low": 0.0, "high": 0.0, "count": 4, "better": 0.5}


def test_a_methods_digest_is_of_its_files_names():
    report = make_report()
    sums = {f"{n}_vis.png": f"{n:064x}" for n in range(4)}
    assert record(report)["methods"]["ours"]["sha256"] == digest(sums)


def test_digests_are_those_of_sha256sums_lines():
    lines = "1  a\n2  b\n"
    assert digest({"b": "2", "a": "1"}) == hashlib.sha256(lines.encode()).hexdigest()
    report = make_report()
    first = record(report)
    report.scores["ours"].sums[1] = "0" * 64
    report.photos[next(iter(report.photos))] = "1" * 64
    changed = record(report)
    assert first["methods"]["ours"]["sha256"] != changed["methods"]["ours"]["sha256"]
    assert first["truth"]["sha256"] != changed["truth"]["sha256"]
    assert first["truth"]["files"] == 4


def test_the_csv_has_a_line_for_each_method_and_pair():
    methods = {"ours": {"ssim": [0.1, 0.2, 0.3, 1 / 3], "lpips_alex": [1, 2, 3, np.nan]}, "b": {"ssim": [1, 1, 1, 1]}}
    report = make_report(methods=methods)
    rows = list(csv.DictReader(io.StringIO(per_image_csv(report))))
    assert [row["method"] for row in rows] == ["ours"] * 4 + ["b"] * 4
    result = report.scores["ours"].results[3]
    assert rows[3] == {
        "method": "ours",
        "pair": "4",
        "target": result.target_image,
        "source": result.source_image,
        "file": result.generated.name,
        "sha256": f"{3:064x}",
        "ssim": repr(1 / 3),
        "lpips_alex": "",
    }
    assert {row["lpips_alex"] for row in rows[4:]} == {""}
