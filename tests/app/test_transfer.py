"""python -m app.transfer: pictures."""

import numpy as np
import pytest
from PIL import Image

from config.checks import SAMPLERS
from data.keypoints import write_pidm
from data.pose_gallery import gallery_pose
from data.resize import fit, unfit
from tests.app.transferring import (
    BELOW,
    GALLERY,
    OTHER,
    PHOTO,
    QUICK,
    SIDE,
    contents,
    difference,
    frames_of,
    openpose,
    pixels,
)
from tests.processes import run


@pytest.mark.parametrize(
    ("canvas", "words", "size"),
    [
        ((256, 176), ("--height", 80), (55, 80)),
        ((256, 176), ("--height", 1), (1, 1)),
        ((256, 512), (), (64, 32)),
        ((512, 176), ("--height", 101), (35, 101)),
    ],
)
def test_a_picture_has_the_shape_of_the_target_pose_and_the_height(transfer, tmp_path, capsys, canvas, words, size):
    (tmp_path / "pose.json").write_text(openpose("arms-up", canvas=canvas))
    path = transfer("a.png", *QUICK, "--target-pose", tmp_path / "pose.json", *words)
    assert Image.open(path).size == size
    assert capsys.readouterr().out == f"{path}: {size[0]} x {size[1]}\n"


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.jpg", "JPEG"), ("a.jpeg", "JPEG"), ("a.webp", "WEBP"), ("b/c/a.PNG", "PNG")],
)
def test_a_picture_has_the_format_of_its_ending(transfer, name, format_):
    path = transfer(name, *QUICK)
    assert Image.open(path).format == format_
    assert contents(path.parent) == [path.name]


def test_a_pose_of_a_very_slim_picture_is_refused(transfer, tmp_path, capsys):
    (tmp_path / "pose.json").write_text(openpose("arms-up", canvas=(256, 42_000)))
    with pytest.raises(SystemExit):
        transfer("a.webp", "--target-pose", tmp_path / "pose.json", "--height", 100)
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'pose.json'}: expected a picture up to 4 times")
    assert contents(tmp_path) == ["pose.json"]


def test_a_picture_follows_from_its_seed(transfer, usual):
    first = transfer("a.png", "--seed", 3)
    assert transfer("b.png", "--seed", 3).read_bytes() == first.read_bytes()
    assert transfer("d.png", "--seed", 0).read_bytes() == usual.read_bytes()
    assert difference(first, usual) > 10


def test_several_pictures_are_those_of_their_seeds(transfer, tmp_path, capsys):
    transfer("picture.png", "--seed", 5, "--n", 3)
    assert contents(tmp_path) == ["picture_5.png", "picture_6.png", "picture_7.png"]
    assert len(capsys.readouterr().out.splitlines()) == 3
    for seed in (5, 6, 7):
        alone = transfer("alone.png", "--seed", seed)
        assert difference(tmp_path / f"picture_{seed}.png", alone) <= 1
    assert difference(tmp_path / "picture_5.png", alone) > 10


@pytest.mark.parametrize("seed", [2**64 - 1, 2**64])
def test_a_large_seed_is_used_or_refused_in_a_sentence(transfer, tmp_path, capsys, seed):
    try:
        assert transfer("a.png", *QUICK, "--seed", seed).is_file()
    except SystemExit:
        assert capsys.readouterr().err.startswith("error: --seed: expected ")
        assert not contents(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("--source", GALLERY / "other.jpg"),
        ("--source-pose", GALLERY / "other.json"),
        ("--target-pose", "back"),
        ("--guidance", 1),
        ("--guidance-interval", 0, 500),
        ("--steps", 3),
        ("--start", 500),
        ("--clip",),
        ("--precision", "bf16"),
    ],
    ids=lambda words: words[0],
)
def test_a_picture_depends_on_each_flag(transfer, usual, words):
    assert difference(usual, transfer("a.png", *words)) > 1


def test_a_picture_depends_on_the_sampler(transfer):
    drawn = {transfer(f"{name}.png", "--sampler", name, "--steps", 5).read_bytes() for name in SAMPLERS}
    assert len(drawn) == len(SAMPLERS)


@pytest.mark.parametrize(("sampler", "steps", "start"), [("dpm++", 1, 998), ("unipc", 1, 500), ("dpm++", 2, 100)])
def test_a_start_that_no_step_reaches_is_drawn_from_or_refused_in_a_sentence(transfer, capsys, sampler, steps, start):
    try:
        assert transfer("a.png", "--sampler", sampler, "--steps", steps, "--start", start).is_file()
    except SystemExit:
        assert capsys.readouterr().err.startswith("error: --st")


@pytest.mark.parametrize("flag", ["--source-pose", "--target-pose"])
def test_a_pose_may_have_each_form(transfer, pose_folder, flag):
    by_name = transfer("a.png", *QUICK, flag, "arms-up")
    (pose_folder / "larger.json").write_text(openpose("arms-up", scale=2, canvas=(512, 352)))
    write_pidm(pose_folder / "rows.txt", gallery_pose("arms-up"))
    assert len((pose_folder / "rows.txt").read_text().splitlines()) == 18
    for name in ("0.json", "larger.json", "rows.txt"):
        assert difference(by_name, transfer("b.png", *QUICK, flag, pose_folder / name)) <= 1, name
    assert difference(by_name, transfer("b.png", *QUICK, flag, pose_folder / "1.txt")) > 1


def test_the_person_chosen_is_the_one_in_the_photo(transfer, pose_folder):
    (pose_folder / "two.json").write_text(openpose("arms-up", "back"))
    (pose_folder / "half.json").write_text(openpose("back", scale=0.5))
    largest, first, second = (
        transfer(f"{len(words)}{words[-1:]}.png", *QUICK, "--source-pose", pose_folder / "two.json", *words)
        for words in ((), ("--person", 0), ("--person", 1))
    )
    assert difference(largest, first) == 0
    assert difference(second, transfer("c.png", *QUICK, "--source-pose", pose_folder / "half.json")) <= 1
    assert difference(first, second) > 1


def test_the_flow_is_shown_beside_the_picture_with_the_points_chosen(transfer, usual, tmp_path, capsys):
    picture = transfer("a.png", "--show-flow", tmp_path / "joints.png")
    assert [line.partition(": ")[0] for line in capsys.readouterr().out.splitlines()] == [
        str(picture),
        str(tmp_path / "joints.png"),
    ]
    assert picture.read_bytes() == usual.read_bytes()
    sheets = [tmp_path / "joints.png"]
    for number, points in enumerate((("88,40",), ("88,40", "60.5,200"), ("0,0", "175,255"))):
        sheets.append(tmp_path / f"{number}.jpg")
        transfer("b.png", "--show-flow", sheets[-1], "--flow-points", *points)
    assert len({Image.open(sheet).size for sheet in sheets}) == 1
    assert Image.open(sheets[0]).height > 3 * 320  # Two strides below the pictures.
    assert [Image.open(sheet).format for sheet in sheets] == ["PNG", "JPEG", "JPEG", "JPEG"]
    assert len({pixels(sheet).tobytes() for sheet in sheets}) == 4
    assert difference(sheets[1], sheets[2]) > 100


# Parts of a picture kept.


def expected_in(resize, reference):
    """A picture as the model's images show it, in the shape that pictures are written in."""
    return unfit(fit(reference, (SIDE, SIDE), resize), reference.size[::-1], resize)


@pytest.mark.parametrize(
    ("resize", "reference"),
    [("squeeze", "person"), ("squeeze", "other"), ("pad", "person"), ("crop", "other")],
)
def test_what_the_mask_leaves_black_is_kept_and_the_rest_drawn(transfer, checkpoint, resize, reference):
    words = () if reference == "person" else ("--edit", GALLERY / f"{reference}.jpg")
    path = transfer("a.png", *BELOW, *words, "--checkpoint", checkpoint(resize))
    check_kept(path, resize, Image.open(GALLERY / f"{reference}.jpg"))


@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 5), ("ddpm", 5), ("dpm++", 3), ("unipc", 3)])
def test_what_is_kept_is_kept_by_each_sampler(transfer, sampler, steps):
    path = transfer("a.png", *BELOW, "--sampler", sampler, "--steps", steps)
    check_kept(path, "squeeze", Image.open(GALLERY / "person.jpg"))


@pytest.mark.parametrize("words", [("--start", 500, "--steps", 4), ("--clip",), ("--n", 2)], ids=lambda w: w[0])
def test_what_is_kept_is_kept_whatever_else_is_asked_for(transfer, tmp_path, words):
    transfer("a.png", *BELOW, *words)
    pictures = [tmp_path / name for name in contents(tmp_path)]
    assert len(pictures) == (2 if "--n" in words else 1)
    for path in pictures:
        check_kept(path, "squeeze", Image.open(GALLERY / "person.jpg"))


def check_kept(path, resize, reference):
    shown, expected = pixels(path), pixels(expected_in(resize, reference))
    mask = pixels(expected_in(resize, Image.open(GALLERY / "person_below.png").convert("RGB")))[:, :, 0]
    assert shown.shape == expected.shape
    white = np.flatnonzero((mask > 0).any(axis=1))  # Rows: it is a mask of the lower part.
    assert 5 < white[0] < len(mask) - 5
    assert abs(shown - expected)[: white[0] - 2].max() <= 1  # The squeezed picture's shape is restored by a bicubic.
    assert (abs(shown - expected).max(axis=2)[mask == 255] > 5).mean() > 0.5


def test_a_mask_of_the_edited_picture_has_its_shape_and_its_pose(transfer, tmp_path):
    Image.new("RGB", (100, 50), (200, 120, 40)).save(tmp_path / "plain.png")
    mask = Image.new("L", (100, 50))
    mask.paste(255, (60, 0, 100, 50))
    mask.save(tmp_path / "mask.png")
    path = transfer("a.png", "--edit", tmp_path / "plain.png", "--edit-mask", tmp_path / "mask.png")
    shown = pixels(path)
    assert shown.shape[:2] == (32, 64)
    assert abs(shown[:, :32] - [200, 120, 40]).max() <= 1
    assert abs(shown[:, 44:] - [200, 120, 40]).max() > 20


# Clothes of another person.


def test_the_looks_of_another_person_are_taken_over_whole(transfer, usual):
    dressed = transfer("a.png", *OTHER)
    assert difference(dressed, usual) > 5
    assert difference(dressed, transfer("c.png", person="other")) <= 1


def test_the_looks_change_by_and_by_over_the_frames(transfer, usual):
    frames = frames_of(transfer("a.png", *OTHER, "--frames", 4))
    own, others = pixels(usual), pixels(transfer("c.png", person="other"))
    assert len(frames) == 4
    assert abs(frames[0] - own).max() <= 1
    assert abs(frames[-1] - others).max() <= 1
    to_own = [abs(frame - own).mean() for frame in frames]
    assert to_own == sorted(to_own)
    assert min(np.diff(to_own)) > 0.1


def test_the_looks_are_whole_in_each_frame_of_several_poses(transfer):
    frames = frames_of(transfer("a.png", *OTHER, "--target-pose", "arms-up", "back"))
    whole = frames_of(transfer("b.png", "--target-pose", "arms-up", "back", person="other"))
    assert abs(frames - whole).max() <= 1


def test_only_what_the_mask_marks_is_taken_over(transfer, usual, tmp_path):
    own = pixels(usual)
    distances = {}
    for name, box in (("corner", (0, 0, 8, 8)), ("half", (0, 0, PHOTO[0], PHOTO[1] // 2)), ("all", (0, 0, *PHOTO))):
        mask = Image.new("L", PHOTO)
        mask.paste(255, box)
        mask.save(tmp_path / f"{name}.png")
        drawn = transfer("b.png", *OTHER, "--garment-mask", tmp_path / f"{name}.png")
        distances[name] = abs(pixels(drawn) - own).mean()
    assert distances["corner"] < 0.2 * distances["all"]
    assert distances["corner"] < distances["half"]
    dress = pixels(transfer("c.png", *OTHER, "--garment-mask", GALLERY / "other_dress.png"))
    assert abs(dress - own).max() > 2


def test_the_program_draws_and_ends_with_0(checkpoint, usual, tmp_path):
    words = ["--source", GALLERY / "person.jpg", "--source-pose", GALLERY / "person.json", "--target-pose", "arms-up"]
    done = run("-m", "app.transfer", *words, "--checkpoint", checkpoint(), "--out", tmp_path / "a.png")
    assert done.stdout == f"{tmp_path / 'a.png'}: 22 x 32\n"
    assert "Warning" not in done.stderr
    assert difference(tmp_path / "a.png", usual) <= 1
