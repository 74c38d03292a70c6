"""app.transfer: photos, masks, flags that do not go together, and where pictures go."""

import struct
import zlib

from PIL import Image

from tests.messages.runner import table
from tests.messages.stock import save_model

TRANSFER = (
    "python -m app.transfer --source person.jpg --source-pose person.json --target-pose arms-up --checkpoint tiny "
    "--steps 1 --out a.png"
)
FILM = f"{TRANSFER} --target-pose arms-up back --out a.gif"
WORN = f"{TRANSFER} --garment other.jpg --garment-pose other.json"
PICTURES, FILMS = ".png, .jpg, .jpeg, .webp", ".gif, .mp4, .png"
UNREADABLE = "expected a whole image, got one that cannot be read ("
NO_POSE = "expected the photo's pose, got none; to detect it takes `bash setup.sh --pose` and a model ("
NO_MODEL = (
    "expected RTMO's model as cache/hub/checkpoints/rtmo-m_16xb16-600e_body7-640x640-39e78cc4_20231211.onnx, got no "
    "such file; https://download.openmmlab.com/mmpose/v1/projects/rtmo/onnx_sdk/"
    "rtmo-m_16xb16-600e_body7-640x640-39e78cc4_20231211.zip holds it as end2end.onnx"
)

PHOTOS = table(
    TRANSFER,
    ("no such photo", "--source none.jpg", "none.jpg: expected an image, got no such file"),
    ("half a photo", "--source half.png", f"half.png: {UNREADABLE}image file is truncated)"),
    ("no photo", "--source text.jpg", f"text.jpg: {UNREADABLE}cannot identify image file 'text.jpg')"),
    ("an empty file", "--source zero.jpg", f"zero.jpg: {UNREADABLE}cannot identify image file 'zero.jpg')"),
    ("a huge photo", "--source huge.png", f"huge.png: {UNREADABLE}Image size ("),
    ("a folder", "--source empty", f"empty: {UNREADABLE}Is a directory)"),
    ("a slim photo", "--source slim.png", "slim.png: expected a picture up to 4 times as long as wide, got 80 x 8"),
    ("a photo without a pose", "--source-pose=", f"--source-pose: {NO_POSE}{NO_MODEL})"),
)
MASKS = table(
    TRANSFER,
    ("no such mask", "--edit-mask none.png", "none.png: expected an image, got no such file"),
    ("a mask that is none", "--edit-mask text.jpg", f"text.jpg: {UNREADABLE}cannot identify image file 'text.jpg')"),
    ("a small mask", "--edit-mask small.png",
     "small.png: expected a mask of 352 x 512 pixels, the size of person.jpg, got 20 x 30"),
    ("a black mask", "--edit-mask black.png",
     "black.png: expected a mask that is white somewhere, got one that is all black"),
    ("a picture that is there", "--edit-mask black.png --out whole.png",
     "black.png: expected a mask that is white somewhere, got one that is all black"),
    ("no such picture", "--edit-mask small.png --edit none.png", "none.png: expected an image, got no such file"),
    ("a huge picture", "--edit-mask small.png --edit huge.png", f"huge.png: {UNREADABLE}Image size ("),
    ("a mask of another one", "--edit-mask small.png --edit other.jpg",
     "small.png: expected a mask of 352 x 512 pixels, the size of other.jpg, got 20 x 30"),
)  # fmt: skip
GARMENTS = table(
    WORN,
    ("no garment", "--garment none.jpg", "none.jpg: expected an image, got no such file"),
    ("a garment that is none", "--garment text.jpg", f"text.jpg: {UNREADABLE}cannot identify image file 'text.jpg')"),
    ("a small mask of it", "--garment-mask small.png",
     "small.png: expected a mask of 352 x 512 pixels, the size of other.jpg, got 20 x 30"),
    ("a black mask of it", "--garment-mask black.png",
     "black.png: expected a mask that is white somewhere, got one that is all black"),
    ("its pose mistyped", "--garment-pose wavin",
     "wavin: expected a pose of the gallery (waving or walking?): arms-up, back, close-up, crossed-legs, dancing, fa"),
    ("no pose of it", "--garment-pose=", f"--garment-pose: {NO_POSE}{NO_MODEL})"),
    ("its flow", "--show-flow b.png", "--show-flow: explains pictures of one photo, and --garment names another"),
    ("a film of several", "--frames 3 --n 2 --out a.gif",
     "--n: expected one target pose and no --frames, got an animation"),
)  # fmt: skip
TOGETHER = table(
    TRANSFER,
    ("a picture without a mask", "--edit person.jpg", "--edit: needs --edit-mask too"),
    ("a pose without a photo", "--garment-pose arms-up", "--garment-pose: needs --garment too"),
    ("a mask without a photo", "--garment-mask small.png", "--garment-mask: needs --garment too"),
    ("points without a flow", "--flow-points 3,3", "--flow-points: needs --show-flow too"),
    ("nothing in between", "--frames 5",
     "--frames: expected two target poses or more, or --garment, to have something in between"),
    ("a model without a flow", "--checkpoint flowless --show-flow b.png",
     "model.flow: expected a model with a flow, got false"),
) + table(
    FILM,
    ("several films", "--n 2", "--n: expected one target pose and no --frames, got an animation"),
    ("the flow of a film", "--show-flow b.png",
     "--show-flow: expected one target pose and no --frames, got an animation"),
    ("a mask of a film", "--edit-mask small.png",
     "--edit-mask: expected one target pose and no --frames, got an animation"),
)  # fmt: skip
OUTPUTS = [
    *table(
        TRANSFER,
        ("a text", "--out a.txt", f"a.txt: expected a name that ends in {PICTURES}"),
        ("no ending", "--out a", f"a: expected a name that ends in {PICTURES}"),
        ("a film of one pose", "--out a.gif", f"a.gif: expected a name that ends in {PICTURES}"),
        ("two files", "--out a.png b.png", "b.png: expected one --out for one pose; --n draws several pictures"),
        ("a flow's ending", "--show-flow b.txt", f"b.txt: expected a name that ends in {PICTURES}"),
        ("a file for a folder", "--out text.jpg/a.png", "text.jpg/a.png: could not be written (Not a directory)"),
        ("a folder for a file", "--out folder.png", "folder.png: could not be written (Is a directory)"),
    ),
    *table(FILM, ("a film's ending", "--out a.gif a.jpg", f"a.jpg: expected a name that ends in {FILMS} for an anim")),
    *table(f"ulimit -f 1; {TRANSFER}", ("a picture", "--height 512", "a.png: could not be written (File too large)")),
]
NUMBERS = table(
    TRANSFER,
    ("steps of letters", "--steps x", "--steps: expected a whole number, from 1 to 1000, got 'x'"),
    ("a negative seed", "--seed -1", "--seed: expected a whole number, from 0 to 4294967295, got '-1'"),
    ("a large seed", "--seed 4294967296", "--seed: expected a whole number, from 0 to 4294967295, got '4294967296'"),
    ("no frames a second", "--fps 0", "--fps: expected a number, from 0.1 to 50, got '0'"),
    ("words a second", "--fps often", "--fps: expected a number, from 0.1 to 50, got 'often'"),
    ("no pictures", "--n 0", "--n: expected a whole number, from 1 to 64, got '0'"),
    ("many pictures", "--n 65", "--n: expected a whole number, from 1 to 64, got '65'"),
    ("one frame", "--frames 1", "--frames: expected a whole number, from 2 to 1000, got '1'"),
    ("a high picture", "--height 5000", "--height: expected a whole number, from 1 to 2048, got '5000'"),
    ("nobody", "--person -1", "--person: expected a whole number, 0 or more, got '-1'"),
    ("points of letters", "--flow-points a,b", "--flow-points: expected X,Y in pixels, such as 30,80, got 'a,b'"),
    ("half a point", "--flow-points 30", "--flow-points: expected X,Y in pixels, such as 30,80, got '30'"),
    ("a point beside", "--show-flow b.png --flow-points 80,90 176,5",
     "176,5: expected a point of the picture, which is 176 wide, 256 high"),
    ("an unknown sampler", "--sampler euler", "--sampler: expected one of ddim, ddpm, dpm++, unipc; got euler"),
    ("few steps", "--sampler ddim --steps 2",
     "--steps: expected a number whose equal steps begin near t = 1000, such as 50 or 500, for ddim; got 2"),
    ("an unknown flag", "--colour red", "--colour red: not known; --help lists the flags"),
    ("a flag without a value", "--out", "--out: expected at least one argument"),
    ("half a flag", "--sourc person.jpg", "--sourc person.jpg: not known; --help lists the flags"),
) + table(
    "python -m app.transfer",
    ("no photo given", "--target-pose arms-up --out a.png", "--source: required, and not given"),
    ("no pose given", "--source a.jpg --out a.png", "--target-pose: required, and not given"),
    ("no picture given", "--source a.jpg --target-pose arms-up", "--out: required, and not given"),
)  # fmt: skip
ROWS = PHOTOS + MASKS + GARMENTS + TOGETHER + OUTPUTS + NUMBERS
UNDER_WAY = [
    *table(FILM, ("a file for a folder", "--out text.jpg/a.mp4", "text.jpg/a.mp4: could not be written (Not a direc")),
    *table(f"ulimit -f 1; {FILM}", ("a film", "--height 512", "a.gif: could not be written (File too large)")),
]


def write_inputs(here):
    """What the rows name."""
    with Image.open(here / "person.jpg") as image:
        image.save(here / "whole.png")
    content = (here / "whole.png").read_bytes()
    (here / "half.png").write_bytes(content[: len(content) // 2])
    (here / "zero.jpg").touch()
    (here / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header(60_000, 60_000) + content[33:])
    Image.new("RGB", (8, 80)).save(here / "slim.png")
    Image.new("L", (20, 30), 255).save(here / "small.png")
    Image.new("L", image.size).save(here / "black.png")
    (here / "folder.png").mkdir()
    save_model(here / "flowless", flow=False, self_calibration=False)


def header(width, height):
    """A PNG's header."""
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
