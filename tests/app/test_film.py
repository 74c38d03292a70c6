import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from app.film import strip, write_frames
from system.errors import InputError

SIZE = (24, 32)  # Width and height.


def frame(number, size=SIZE):
    """A picture of soft colours on the left, which stay, and others on the right, which do not."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    picture = np.stack([x, y, 1 - x], axis=2) * 200
    picture[:, size[0] // 2 :] = [40 + 60 * number, 90, 220 - 50 * number]
    return Image.fromarray(picture.astype(np.uint8))


def pixels(image):
    return np.asarray(image.convert("RGB")).astype(int)


def gif_frames(path):
    with Image.open(path) as image:
        return [(pixels(one), one.info["duration"]) for one in ImageSequence.Iterator(image)]


def film(path):
    """What ffmpeg says of a film, and its frames."""
    reader = imageio_ffmpeg.read_frames(path)
    told = next(reader)
    width, height = told["size"]
    return told, [np.frombuffer(one, np.uint8).reshape(height, width, 3).astype(int) for one in reader]


def refusal(path, frames, fps=10):
    with pytest.raises(InputError) as caught:
        write_frames(path, frames, fps)
    return str(caught.value)


def test_a_gif_has_the_frames_and_goes_on_for_ever(tmp_path):
    frames = [frame(number) for number in range(3)]
    write_frames(tmp_path / "a.gif", frames, 10)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.format, image.size, image.info["loop"]) == ("GIF", SIZE, 0)
    for (shown, duration), given in zip(gif_frames(tmp_path / "a.gif"), frames, strict=True):
        assert abs(shown - pixels(given)).mean() < 8  # Of 256 colours.
        assert duration == 100


def test_what_stays_in_a_gif_stays_to_the_bit(tmp_path):
    frames, random = [frame(0) for _ in range(4)], np.random.default_rng(0)
    for one in frames:  # Noise beside it: what it lacks in colours must not spread.
        noise = Image.fromarray(random.integers(0, 256, (SIZE[1], SIZE[0] // 2, 3), dtype=np.uint8))
        one.paste(noise, (SIZE[0] // 2, 0))
    write_frames(tmp_path / "a.gif", frames, 10)
    shown = [picture for picture, _ in gif_frames(tmp_path / "a.gif")]
    for one in shown[1:]:
        assert (one[:, : SIZE[0] // 2] == shown[0][:, : SIZE[0] // 2]).all()
        assert (one != shown[0]).any()


@pytest.mark.parametrize("fps", [0.5, 10, 12, 15, 24, 30, 50])
def test_a_gif_takes_as_long_as_its_frames(tmp_path, fps):
    write_frames(tmp_path / "a.gif", [frame(number % 4) for number in range(24)], fps)
    shown = gif_frames(tmp_path / "a.gif")
    assert len(shown) == 24
    assert sum(duration for _, duration in shown) == pytest.approx(24 / fps * 1000, abs=10)


def test_a_gif_of_a_still_picture_takes_as_long_too(tmp_path):
    write_frames(tmp_path / "a.gif", [frame(0)] * 24, 10)
    assert sum(duration for _, duration in gif_frames(tmp_path / "a.gif")) == 2400


@pytest.mark.parametrize("fps", [0.5, 12, 29.97])
def test_a_film_has_the_frames_and_the_rate(tmp_path, fps):
    frames = [frame(number) for number in range(4)]
    write_frames(tmp_path / "a.mp4", frames, fps)
    told, shown = film(tmp_path / "a.mp4")
    assert (told["size"], told["codec"]) == (SIZE, "h264")
    assert told["fps"] == pytest.approx(fps)
    for one, given in zip(shown, frames, strict=True):
        assert abs(one - pixels(given)).mean() < 8


@pytest.mark.parametrize(("size", "padded"), [((23, 33), (24, 34)), ((24, 33), (24, 34)), ((1, 1), (2, 2))])
def test_a_film_of_odd_sides_has_a_row_more_and_nothing_is_scaled(tmp_path, size, padded):
    given = Image.new("RGB", size, (180, 60, 60))
    write_frames(tmp_path / "a.mp4", [given] * 2, 10)
    told, (first, _) = film(tmp_path / "a.mp4")
    assert told["size"] == padded
    if size > (1, 1):
        inner = first[: size[1] - 2, : size[0] - 2]
        assert abs(inner - [180, 60, 60]).max() < 12


def test_a_strip_has_the_frames_side_by_side_with_white_between(tmp_path):
    frames = [frame(number) for number in range(3)]
    write_frames(tmp_path / "a.png", frames, 10)
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
        shown = pixels(image)
    width, height = SIZE
    assert shown.shape == (height, 3 * width + 4, 3)
    for number, given in enumerate(frames):
        left = number * (width + 2)
        assert (shown[:, left : left + width] == pixels(given)).all()
        assert (shown[:, left + width : left + width + 2] == 255).all()
    assert strip(frames, gap=0).size == (3 * width, height)


@pytest.mark.parametrize("name", ["a.GIF", "a.Mp4", "a.PNG"])
def test_endings_may_be_in_capitals(tmp_path, name):
    write_frames(tmp_path / name, [frame(0), frame(1)], 10)
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", ["a.jpg", "a.txt", "a", "gif"])
def test_another_ending_is_refused(tmp_path, name):
    path = tmp_path / name
    assert refusal(path, [frame(0)]) == f"{path}: expected a name that ends in .gif, .mp4, .png"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.gif", "a.mp4", "a.png"])
def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path, name):
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / name, [frame(0)] * 2).startswith(f"{tmp_path / 'file' / name}: could not be ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.gif", "a.mp4", "a.png"])
def test_a_disk_that_is_full_is_told_and_leaves_nothing(small_disk, name):
    folder = small_disk("size=16k")
    noise = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 3), dtype=np.uint8)
    assert refusal(folder / name, [Image.fromarray(one) for one in noise]).startswith(f"{folder / name}: could not be ")
    assert not list(folder.iterdir())


def test_frames_that_h264_does_not_take_are_told_and_leave_nothing(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"what stood there before")
    assert refusal(path, [Image.new("RGB", (20_000, 2))] * 2).startswith(f"{path}: could not be written")
    assert path.read_bytes() == b"what stood there before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
