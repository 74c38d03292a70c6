"""python -m app.transfer: animations."""

import itertools
import json

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence
from torch.nn.modules.module import register_module_forward_hook

from models.reference_encoder import ReferenceEncoder
from tests.app.transferring import NAMES, OTHER, QUICK, SHOWN, frames_of, openpose, pixels


def test_poses_may_be_given_one_by_one_in_a_folder_or_in_a_list(transfer, pose_folder, tmp_path):
    (pose_folder.parent / "walk.json").write_text(json.dumps(["arms-up", "poses/1.txt", "sitting"]))
    frames = frames_of(transfer("a.png", *QUICK, "--target-pose", *NAMES))
    assert frames.shape == (3, *SHOWN[::-1], 3)
    for number, words in enumerate(
        ([pose_folder], [tmp_path / "walk.json"], [pose_folder / "0.json", "back", "sitting"])
    ):
        same = frames_of(transfer(f"{number}.png", *QUICK, "--target-pose", *words))
        assert abs(frames - same).max() <= 1, words
    for number, name in enumerate(NAMES):
        single = pixels(transfer("single.png", *QUICK, "--target-pose", name))
        assert abs(frames[number] - single).max() == 0, name
        assert abs(frames[number - 1] - single).max() > 1


def test_several_poses_in_several_words_stand_one_after_another(transfer, pose_folder):
    frames = frames_of(transfer("a.png", *QUICK, "--target-pose", "back", pose_folder))
    assert len(frames) == 4
    assert (frames[0] == frames[2]).all()
    assert (frames[0] != frames[1]).any()


def test_frames_begin_and_end_with_the_poses_and_move_between(transfer):
    frames = frames_of(transfer("a.png", "--target-pose", "arms-up", "back", "--frames", 5))
    assert len(frames) == 5
    for frame, name in ((frames[0], "arms-up"), (frames[-1], "back")):
        assert abs(frame - pixels(transfer("b.png", "--target-pose", name))).max() <= 1
    assert all((frame != following).any() for frame, following in itertools.pairwise(frames))


def test_an_animation_is_written_in_each_form_asked_for(transfer, tmp_path, capsys):
    outs = [tmp_path / f"walk.{ending}" for ending in ("gif", "mp4", "png")]
    poses = ("--target-pose", "arms-up", "back", "--frames", 6, "--fps", 5, "--height", 33)
    transfer("", *QUICK, *poses, "--out", *outs)
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"{out}: 6 frames" for out in outs]
    assert said.err.startswith("6 frames, of 1 steps each")

    width, height = 23, 33
    strip = frames_of(outs[2], width)
    assert strip.shape == (6, height, width, 3)
    with Image.open(outs[0]) as image:
        assert (image.size, image.info["loop"]) == ((width, height), 0)
        shown = [(pixels(one), one.info["duration"]) for one in ImageSequence.Iterator(image)]
    assert [duration for _, duration in shown] == [200] * 6
    for (frame, _), exact in zip(shown, strip, strict=True):
        assert abs(frame - exact).mean() < 20 < abs(frame - exact[::-1]).mean()

    reader = imageio_ffmpeg.read_frames(outs[1])
    told = next(reader)
    film = [np.frombuffer(frame, np.uint8).reshape(height + 1, width + 1, 3).astype(int) for frame in reader]
    assert (told["size"], told["fps"], told["codec"]) == ((width + 1, height + 1), 5, "h264")
    assert len(film) == 6
    for frame, exact in zip(film, strip, strict=True):
        # Of brightness: the colours of single pixels, which random weights draw, are not for H.264.
        seen, upside_down = (abs(frame[:height, :width].mean(2) - one.mean(2)).mean() for one in (exact, exact[::-1]))
        assert seen < 20 < upside_down


def test_poses_of_other_shapes_come_in_the_shape_of_the_first(transfer, pose_folder):
    (pose_folder / "wide.json").write_text(openpose("back", right=168, canvas=(256, 512)))  # In the middle, as there.
    frames = frames_of(transfer("a.png", *QUICK, "--target-pose", "arms-up", pose_folder / "wide.json"))
    assert abs(frames[1] - pixels(transfer("b.png", *QUICK, "--target-pose", "back"))).max() <= 1
    frames = frames_of(transfer("a.png", *QUICK, "--target-pose", pose_folder / "wide.json", "back"), width=64)
    assert abs(frames[1] - frames[0]).max() <= 1


@pytest.fixture
def encoded():
    """A list that grows by one whenever a reference encoder runs."""
    runs = []
    hook = register_module_forward_hook(
        lambda module, *_: runs.append(module) if isinstance(module, ReferenceEncoder) else None
    )
    yield runs
    hook.remove()


def test_a_pose_that_is_still_has_frames_that_are_equal_and_the_photo_is_encoded_once(transfer, tmp_path, encoded):
    strip = transfer("a.png", *QUICK, "--target-pose", "back", "back", "--frames", 24, "--out", tmp_path / "a.png",
                     tmp_path / "a.gif")  # fmt: skip
    assert len(encoded) == 1
    frames = frames_of(strip)
    assert len(frames) == 24
    assert abs(frames - frames[0]).max() == 0
    assert frames[0].std() > 5
    with Image.open(tmp_path / "a.gif") as image:
        shown = [(pixels(one), one.info["duration"]) for one in ImageSequence.Iterator(image)]
    assert all((frame == shown[0][0]).all() for frame, _ in shown)
    assert sum(duration for _, duration in shown) == pytest.approx(2000, abs=10)


@pytest.mark.parametrize("words", [("--frames", 5), ("--target-pose", *NAMES), ("--n", 3), ()], ids=str)
def test_each_photo_is_encoded_once(transfer, encoded, words):
    transfer("a.png", *QUICK, *OTHER, *words)
    assert len(encoded) == 2
    if "--frames" not in words:
        encoded.clear()
        transfer("b.png", *QUICK, *words)
        assert len(encoded) == 1
