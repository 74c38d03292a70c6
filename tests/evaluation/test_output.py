import os

import pytest
from PIL import Image

from evaluation.output import FILES, output_folder, refuse_other_flags, save
from evaluation.protocols import PROTOCOLS
from system.errors import InputError
from tests.evaluation.reports import CLEAN, make_report


def test_the_folder_lies_beside_the_pictures_and_is_named_by_the_protocol(tmp_path):
    ours = tmp_path / "ours"
    assert output_folder(None, [f"{ours}/"], PROTOCOLS["pidm"]) == tmp_path / "ours_scores" / "pidm"
    compared = output_folder(None, [ours, tmp_path / "other"], CLEAN)
    assert compared == tmp_path / "ours_scores" / "clean_compared"
    assert compared.is_dir()


def test_the_folder_of_the_folder_one_is_in_lies_beside_it_too(tmp_path, monkeypatch):
    (tmp_path / "ours").mkdir()
    monkeypatch.chdir(tmp_path / "ours")
    assert output_folder(None, ["."], CLEAN).resolve() == tmp_path / "ours_scores" / "clean"


@pytest.mark.parametrize("inside", ["", "scores", "../b/scores"])
def test_a_folder_among_the_pictures_is_refused(tmp_path, inside):
    folders = [tmp_path / "a", tmp_path / "b"]
    out = folders[0] / inside
    with pytest.raises(InputError) as caught:
        output_folder(out, folders, CLEAN)
    assert str(caught.value).startswith(f"{out}: ")
    assert not (tmp_path / "b" / "scores").exists()


def test_a_folder_among_the_pictures_is_refused_by_whatever_path(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    monkeypatch.chdir(tmp_path)
    for folder, out in (("a", tmp_path / "a" / "scores"), ("link", "a/scores"), ("a", "link/scores")):
        with pytest.raises(InputError):
            output_folder(out, [folder], CLEAN)


def test_a_folder_that_cannot_be_made_or_filled_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "scores", os.devnull):
        with pytest.raises(InputError) as caught:
            output_folder(out, [tmp_path / "ours"], CLEAN)
        assert str(caught.value).startswith(f"{out}: ")
    for name in FILES:
        (tmp_path / "out" / name).mkdir(parents=True)
        with pytest.raises(InputError, match=f"{name}: expected a file"):
            output_folder(tmp_path / "out", [tmp_path / "ours"], CLEAN)
        (tmp_path / "out" / name).rmdir()


def test_a_folder_among_the_photos_is_refused(tmp_path):
    with pytest.raises(InputError, match="whose pictures are read"):
        output_folder(tmp_path / "img" / "scores", [tmp_path / "ours"], CLEAN, inputs=[tmp_path / "img"])


FLAGS = {
    "generated": "ours", "compare": None, "data": "root", "protocol": "clean", "metrics": ("ssim",), "limit": None,
    "fid_reference": None, "copy_source": False, "allow_missing": False,
}  # fmt: skip


def test_scores_of_other_flags_are_not_written_over(tmp_path, monkeypatch):
    refuse_other_flags(tmp_path, FLAGS)  # Nothing there.
    monkeypatch.setattr("evaluation.examples.examples_picture", lambda report: Image.new("RGB", (1, 1)))  # noqa: ARG005
    save(make_report(), tmp_path, FLAGS)
    refuse_other_flags(tmp_path, FLAGS | {"allow_missing": True})
    with pytest.raises(InputError, match=r": holds scores of another --metrics, --limit; choose another folder"):
        refuse_other_flags(tmp_path, FLAGS | {"metrics": ("ssim", "psnr"), "limit": 2})
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match=r"metrics\.json: expected scores"):
        refuse_other_flags(tmp_path, FLAGS)
