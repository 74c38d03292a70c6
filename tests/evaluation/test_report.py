import numpy as np

from evaluation.protocols import PROTOCOLS
from evaluation.report import report_on
from tests.evaluation.reports import CLEAN, make_report


def test_another_count_of_pairs_than_the_published_one_is_said():
    note = "published numbers of protocol pidm are of 8,570 pairs, not 4"
    assert note in make_report(PROTOCOLS["pidm"]).notes
    assert make_report(CLEAN).notes == []


def test_people_are_those_of_the_targets():
    scores = make_report().scores
    for n, result in enumerate(scores["ours"].results):
        scores["ours"].results[n] = result._replace(source_image=f"img/MEN/Tees/id_0000009{n}/01_1_front.jpg")
    assert report_on(CLEAN, (24, 16), scores, {}, {}, compared=False).people == 2


def test_pairs_without_a_joint_are_said():
    pairs = {"ssim": [0.1, 0.2, 0.3, 0.4], "mask_ssim": [0.1, np.nan, 0.3, np.nan]}
    note = "2 of 4 pairs have no masked scores: no joint of the target is seen"
    assert note in make_report(methods={"ours": pairs}).notes


def test_a_single_person_is_said():
    assert any("no intervals" in note for note in make_report(people=1).notes)


def test_notes_of_all_methods_are_said_once_and_others_with_the_method():
    report = make_report(methods=("ours", "other"), file_notes={"ours": ["odd", "same"], "other": ["same."]})
    assert report.notes == ["ours: odd", "same"]


def test_pictures_that_equal_their_photo_are_said():
    pairs = {"ours": {"psnr": [20, np.inf, np.inf, 25]}, "other": {"psnr": [20, 20, 20, 25]}}
    notes = make_report(methods=pairs, compared=True).notes
    assert "ours: 2 of 4 pictures equal their photo, with a PSNR that is infinite" in notes
    assert "other: the difference in PSNR leaves out 2 pairs in which a picture equals its photo" in notes


def test_differences_are_those_of_later_methods_to_the_first():
    report = make_report(methods={"a": {"l1": [1, 1, 1, 1]}, "b": {"l1": [2, 2, 2, 2]}}, compared=True)
    assert list(report.differences) == ["b"]
    assert report.differences["b"]["l1"].value == 1
    assert make_report(methods=("a", "b")).differences == {}
