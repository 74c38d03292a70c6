import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import EpsImagePlugin, ExifTags, Image, ImageOps

from data.images import DAMAGE, FORMATS, decode_png, read_rgb, squeeze, to_image, to_tensor
from system.errors import InputError
from tests.data.pictures import equal

RAMP = np.add.outer(np.arange(40), np.arange(30)).astype(np.uint8) * 3  # (40, 30)


def saved(folder, image, name="image.png", **options):
    image.save(folder / name, **options)
    return folder / name


def assert_reads_grey(path, grey, tolerance):
    image = read_rgb(path)
    assert image.mode == "RGB"
    difference = np.asarray(image).astype(int) - grey[..., None]
    assert np.abs(difference).max() <= tolerance


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_png_of_each_mode_reads_as_rgb(tmp_path, mode):
    assert_reads_grey(saved(tmp_path, Image.fromarray(RAMP).convert(mode)), RAMP, 0)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_of_each_mode_reads_as_rgb(tmp_path, mode):
    image = Image.fromarray(RAMP).convert("RGB").convert(mode)
    assert_reads_grey(saved(tmp_path, image, "image.jpg", quality=98), RAMP, 6)


def test_16_bit_grey_is_scaled(tmp_path):
    deep = RAMP.astype(np.uint16) * 257
    deep[0, 0], deep[0, 1] = 65535, 128
    expected = RAMP.astype(int)
    expected[0, 0], expected[0, 1] = 255, 0
    assert_reads_grey(saved(tmp_path, Image.fromarray(deep)), expected, 0)


def test_bilevel_image_reads_as_black_and_white(tmp_path):
    assert set(np.unique(np.asarray(read_rgb(saved(tmp_path, Image.fromarray(RAMP).convert("1")))))) == {0, 255}


def test_transparent_parts_turn_white(tmp_path):
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 2, 4))
    clear.putpixel((3, 3), (0, 0, 0, 51))
    pixels = np.asarray(read_rgb(saved(tmp_path, clear)))
    assert (pixels[:, :2] == 255).all()
    assert pixels[0, 2].tolist() == [200, 0, 0]
    assert pixels[3, 3].tolist() == [204, 204, 204]
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((0, 0), 1)
    pixels = np.asarray(read_rgb(saved(tmp_path, palette, transparency=0)))
    assert pixels[0, 0].tolist() == [40, 50, 60]
    assert (pixels[1:] == 255).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, 0.9])
def test_truncated_image_is_refused_by_its_path(tmp_path, kind, share):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(file, kind)
    path = tmp_path / "cut.jpg"
    path.write_bytes(file.getvalue()[: int(share * file.tell())])
    with pytest.raises(InputError) as caught:
        read_rgb(path)
    assert str(caught.value).startswith(f"{path}: expected")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_damaged_image_reads_as_rgb_or_is_refused(tmp_path, kind):
    random = np.random.default_rng(0)
    file = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file, kind)
    path = tmp_path / "damaged"
    refusals = []
    for _ in range(300):
        content = np.frombuffer(file.getvalue(), np.uint8).copy()
        content[random.integers(content.size, size=4)] = random.integers(0, 256, 4)
        path.write_bytes(content.tobytes())
        try:
            assert read_rgb(path).mode == "RGB"
        except InputError as error:
            refusals.append(str(error))
    assert len(refusals) > 30
    assert all(refusal.startswith(f"{path}: expected") for refusal in refusals)


def test_image_of_absurd_size_is_refused(tmp_path):
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG")
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + file.getvalue()[24:29]
    path = tmp_path / "bomb.png"
    path.write_bytes(file.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + file.getvalue()[33:])
    with pytest.raises(InputError, match=f"^{path}: expected"):
        read_rgb(path)


def test_what_is_no_image_is_refused_by_its_path(tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("no image at all\n" * 100)
    for path in (text, tmp_path / "none.jpg", tmp_path):
        with pytest.raises(InputError) as caught:
            read_rgb(path)
        assert str(caught.value).startswith(f"{path}: expected")


EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
0 0 8 8 rectfill
%%EOF
"""


def test_a_file_that_another_program_would_have_to_read_starts_none(tmp_path, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # What was found before.
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "gs").write_text(f"#!/bin/sh\n: > {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    path = tmp_path / "x_vis.png"
    path.write_bytes(EPS)
    assert Image.open(path).format == "EPS"
    with pytest.raises(InputError, match=f"^{path}: expected a whole image"):
        read_rgb(path)
    with pytest.raises(DAMAGE):
        decode_png(EPS)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_images_of_each_format_are_read(tmp_path, kind):
    path = saved(tmp_path, Image.fromarray(RAMP).convert("RGB"), f"image.{kind.lower()}", format=kind)
    assert_reads_grey(path, RAMP, 12)


def test_a_jpeg_is_no_png(tmp_path):
    path = saved(tmp_path, Image.fromarray(RAMP), "image.jpg")
    with pytest.raises(DAMAGE):
        decode_png(path.read_bytes())


def test_squeeze_does_not_keep_the_aspect():
    image = Image.fromarray(RAMP).convert("RGB")
    squeezed = squeeze(image, (16, 24))
    assert squeezed.size == (24, 16)
    assert equal(squeezed, image.resize((24, 16), Image.Resampling.BICUBIC))


def test_tensor_is_rgb_from_minus_one_to_one():
    image = Image.new("RGB", (3, 2), (255, 0, 51))
    tensor = to_tensor(image)
    assert tensor.shape == (3, 2, 3)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    torch.testing.assert_close(tensor[:, 1, 2], torch.tensor([1.0, -1.0, -0.6]))


def test_image_survives_the_tensor_exactly():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert equal(to_image(to_tensor(Image.fromarray(levels))), levels)
    assert to_image(torch.full((3, 1, 1), 7.0)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("ending", ["png", "tiff", "jpg", "webp"])
@pytest.mark.parametrize("held", range(1, 9))
def test_photos_of_a_camera_that_was_held_otherwise_stand_upright(tmp_path, held, ending):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = held
    path = saved(tmp_path, Image.fromarray(RAMP), f"image.{ending}", exif=exif, lossless=True)
    image = read_rgb(path)
    expected = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    assert equal(image, expected)
    assert (np.abs(np.asarray(image.resize((30, 40)), int)[..., 0] - RAMP).max() < 8) == (held == 1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"nonsense", b"II*\0nonsense"])
@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_exif_that_cannot_be_read_is_left_alone(tmp_path, ending, exif):
    path = saved(tmp_path, Image.fromarray(RAMP), f"image.{ending}", exif=b"Exif\0\0" + exif, lossless=True)
    assert_reads_grey(path, RAMP, 8)
