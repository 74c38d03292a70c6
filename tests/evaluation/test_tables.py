import numpy as np

from evaluation.tables import differences_table, report_text, scores_table
from tests.evaluation.reports import make_report


def test_measures_are_rows_with_arrows_and_methods_are_columns():
    report = make_report(methods={"ours": {"ssim": [0.5] * 4, "l1": [0.1] * 4}, "theirs": {"ssim": [0.4] * 4}})
    head, ssim, l1 = scores_table(report).splitlines()
    assert head.split() == ["ours", "theirs"]
    assert ssim.split() == ["ssim", "↑", "0.5000", "[0.5000,", "0.5000]", "0.4000", "[0.4000,", "0.4000]"]
    assert l1.split() == ["l1", "↓", "0.1000", "[0.1000,", "0.1000]", "-"]
    assert head.index("ours") == ssim.index("0.5000") == l1.index("0.1000")
    assert head.index("theirs") == ssim.index("0.4000")


def test_measures_of_sets_stand_without_intervals_and_kid_with_its_spread():
    sets = {"fid": 12.3, "kid": 0.0123, "kid_std": 0.0004, "precision": 0.5, "recall": 0.25}
    _, _, fid, kid, precision, recall = scores_table(make_report(sets=sets)).splitlines()
    assert fid.split() == ["fid", "↓", "12.30"]
    assert kid.split() == ["kid", "↓", "0.01230", "+-", "0.00040"]
    assert precision.split() == ["precision", "↑", "0.5000"]
    assert recall.split() == ["recall", "↑", "0.2500"]


def test_dropped_pairs_show_in_the_row():
    pairs = {"lpips_alex": [0.1, 0.2, np.nan, np.nan]}
    assert "lpips_alex ↓ (2 pairs)" in scores_table(make_report(methods={"ours": pairs}))


def test_an_infinite_value_stands_as_inf_and_one_of_no_pairs_as_a_dash():
    pairs = {"psnr": [np.inf, 1, 2, 3], "lpips_alex": [np.nan] * 4}
    _, psnr, lpips = scores_table(make_report(methods={"ours": pairs})).splitlines()
    assert psnr.split() == ["psnr", "↑", "inf"]
    assert lpips.split()[-1] == "-"


def test_differences_have_signs_and_shares():
    methods = {"a": {"ssim": [0.5] * 4}, "b": {"ssim": [0.7, 0.7, 0.7, 0.1]}}
    head, row = differences_table(make_report(methods=methods, compared=True)).splitlines()
    assert head.split() == ["b"]
    assert row.split() == ["ssim", "↑", "+0.0500", "[-0.1000,", "+0.2000]", "75%"]


def test_what_is_missing_and_the_notes_stand_below():
    missing = {"lpips_alex": "put A at B", "fid": "put FILE at PATH", "kid": "put FILE at PATH"}
    report = make_report(missing=missing, notes=["odd"])
    lines = report_text(report, "out/folder").splitlines()
    assert lines[0].startswith("4 pairs of 2 people; protocol clean, at 24 x 16")
    assert lines[-4:] == [
        "lpips_alex: not computed: put A at B",
        "fid, kid: not computed: put FILE at PATH",
        "note: odd",
        "saved in out/folder",
    ]
    assert "Differences" not in "".join(lines)
