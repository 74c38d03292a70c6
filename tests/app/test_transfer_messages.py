"""python -m app.transfer: what cannot be used."""

import struct
import zlib

import pytest
from PIL import Image

from app.transfer import main
from data.detect_pose import SOURCE
from tests.app.transferring import GALLERY, PHOTO, contents, openpose


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder of files that cannot be used, and of some that can."""
    folder = tmp_path_factory.mktemp("inputs")
    with Image.open(GALLERY / "person.jpg") as image:
        image.save(folder / "whole.png")
    content = (folder / "whole.png").read_bytes()
    (folder / "truncated.png").write_bytes(content[: len(content) // 2])
    (folder / "text.jpg").write_text("No picture.")
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header(60_000, 60_000) + content[33:])
    (folder / "few.json").write_text(openpose("arms-up", joints=5))
    (folder / "broken.json").write_text('{"people": [')
    (folder / "list.json").write_text('["arms-up", "siting"]')
    Image.new("L", (20, 30), 255).save(folder / "small.png")
    Image.new("L", PHOTO).save(folder / "black.png")
    (folder / "empty").mkdir()
    return folder


def header(width, height):
    """A PNG's header."""
    content = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


MOVING = "--target-pose arms-up back --out {out}/a.gif"
GARMENT = f"--garment {GALLERY}/other.jpg --garment-pose {GALLERY}/other.json"
REFUSED = [  # What follows a command that would draw {out}/a.png, and how the sentence begins.
    # Photos.
    ("--source {inputs}/none.jpg", "{inputs}/none.jpg: expected an image, got no such file"),
    ("--source {inputs}/truncated.png", "{inputs}/truncated.png: expected a whole image, got one that cannot be read"),
    ("--source {inputs}/text.jpg", "{inputs}/text.jpg: expected a whole image, got one that cannot be read"),
    ("--source {inputs}/huge.png", "{inputs}/huge.png: expected a whole image, got one that cannot be read"),
    ("--source {inputs}/empty", "{inputs}/empty: expected a whole image, got one that cannot be read"),
    (f"{GARMENT} --garment {{inputs}}/text.jpg", "{inputs}/text.jpg: expected a whole image"),
    ("--edit-mask {inputs}/none.png", "{inputs}/none.png: expected an image, got no such file"),
    ("--edit-mask {inputs}/small.png --edit {inputs}/huge.png", "{inputs}/huge.png: expected a whole image"),
    # Poses.
    ("--target-pose siting", "siting: expected a pose of the gallery (sitting or standing?): arms-up, back, "),
    ("--target-pose arms-up back siting", "siting: expected a pose of the gallery (sitting or standing?): arms-up, "),
    ("--source-pose arm-up", "arm-up: expected a pose of the gallery (arms-up?): arms-up, "),
    ("--target-pose {inputs}/none.json", "{inputs}/none.json: expected a keypoint file, got no such file"),
    ("--source-pose {inputs}/none.txt", "{inputs}/none.txt: expected a keypoint file, got no such file"),
    ("--target-pose {inputs}/few.json", "{inputs}/few.json: expected at least 6 joints on the picture, got 5"),
    ("--source-pose {inputs}/few.json", "{inputs}/few.json: expected at least 6 joints on the picture, got 5"),
    ("--target-pose {inputs}/broken.json", "{inputs}/broken.json: expected JSON ("),
    ("--source-pose {inputs}/broken.json", "{inputs}/broken.json: expected JSON ("),
    ("--target-pose {inputs}/list.json", "siting: expected a pose of the gallery (sitting or standing?): arms-up, "),
    ("--target-pose {inputs}/whole.png", "{inputs}/whole.png: expected a keypoint file, which is text"),
    ("--target-pose {inputs}/empty", "{inputs}/empty: expected keypoint files (.json, .txt) in it, got none"),
    ("--source-pose {inputs}/empty", "{inputs}/empty: expected one pose, got a folder"),
    (f"--person 1 --source-pose {GALLERY}/person.json", f"{GALLERY}/person.json: expected a person number 1, got 1"),
    (f"{GARMENT} --garment-pose wavin", "wavin: expected a pose of the gallery (waving or walking?)"),
    # Masks.
    ("--edit-mask {inputs}/small.png", "{inputs}/small.png: expected a mask of 352 x 512 pixels, the size of /"),
    ("--edit-mask {inputs}/black.png", "{inputs}/black.png: expected a mask that is white somewhere, got one "),
    (f"{GARMENT} --garment-mask {{inputs}}/small.png", "{inputs}/small.png: expected a mask of 352 x 512 pixels"),
    # Flags that need others, or that do not go together.
    ("--edit {inputs}/whole.png", "--edit: needs --edit-mask too"),
    ("--garment-pose arms-up", "--garment-pose: needs --garment too"),
    ("--garment-mask {inputs}/small.png", "--garment-mask: needs --garment too"),
    ("--flow-points 3,3", "--flow-points: needs --show-flow too"),
    ("--frames 5", "--frames: expected two target poses or more, or --garment, to have something in between"),
    (f"{MOVING} --n 2", "--n: expected one target pose and no --frames, got an animation"),
    (f"{MOVING} --show-flow {{out}}/b.png", "--show-flow: expected one target pose and no --frames, got an animation"),
    (f"{MOVING} --edit-mask {{inputs}}/small.png", "--edit-mask: expected one target pose and no --frames, got an "),
    (f"{GARMENT} --frames 3 --n 2 --out {{out}}/a.gif", "--n: expected one target pose and no --frames, got an "),
    # Where to write.
    ("--out {out}/a.txt", "{out}/a.txt: expected a name that ends in .png, .jpg, .jpeg, .webp"),
    ("--out {out}/a", "{out}/a: expected a name that ends in .png, .jpg, .jpeg, .webp"),
    ("--out {out}/a.gif", "{out}/a.gif: expected a name that ends in .png, .jpg, .jpeg, .webp"),
    ("--out {out}/a.png {out}/b.png", "{out}/b.png: expected one --out for one pose; --n draws several pictures"),
    (f"{MOVING} {{out}}/a.jpg", "{out}/a.jpg: expected a name that ends in .gif, .mp4, .png for an animation"),
    ("--show-flow {out}/b.txt", "{out}/b.txt: expected a name that ends in .png, .jpg, .jpeg, .webp"),
    ("--out {inputs}/text.jpg/a.png", "{inputs}/text.jpg/a.png: could not be written (Not a directory)"),
    (f"{MOVING} --out {{inputs}}/text.jpg/a.mp4 --steps 1", "{inputs}/text.jpg/a.mp4: could not be written ("),
    # Numbers.
    ("--steps x", "--steps: expected a whole number, from 1 to 1000, got 'x'"),
    ("--seed -1", "--seed: expected a whole number, "),
    ("--fps 0", "--fps: expected a number, from 0.1 to 50, got '0'"),
    ("--fps often", "--fps: expected a number, from 0.1 to 50, got 'often'"),
    ("--n 0", "--n: expected a whole number, from 1 to 64, got '0'"),
    ("--frames 1", "--frames: expected a whole number, from 2 to 1000, got '1'"),
    ("--height 5000", "--height: expected a whole number, from 1 to 2048, got '5000'"),
    ("--person -1", "--person: expected a whole number, 0 or more, got '-1'"),
    ("--show-flow {out}/b.png --flow-points a,b", "--flow-points: expected X,Y in pixels, such as 30,80, got 'a,b'"),
    (
        "--show-flow {out}/b.png --flow-points 80,90 176,5",
        "176,5: expected a point of the picture, which is 176 wide, 256 high",
    ),
    ("--sampler euler", "--sampler: expected one of ddim, ddpm, dpm++, unipc; got euler"),
    ("--sampler ddim --steps 2", "--steps: expected a number whose equal steps begin near t = 1000"),
    # Checkpoints.
    ("--checkpoint {inputs}/none", "{inputs}/none: no such checkpoint, neither folder nor file; checkpoints/README.md"),
    ("--checkpoint {inputs}/empty", "{inputs}/empty: holds neither a checkpoint (config.yaml, model.safetensors) nor "),
    ("--checkpoint {inputs}/text.jpg", "{inputs}/text.jpg: expected a checkpoint"),
    # Words.
    ("--colour red", "--colour red: not known; --help lists the flags"),
    ("--out", "--out: expected at least one argument"),
]  # fmt: skip


def refusal(capsys, *words):
    """What the command says where it ends with exit code 2: one sentence."""
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    sentences = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1
    return sentences[0].removeprefix("error: ")


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[words for words, _ in REFUSED])
def test_what_cannot_be_used_is_told_in_a_sentence_and_nothing_is_written(
    checkpoint, inputs, tmp_path, capsys, words, message
):
    before = sorted(inputs.rglob("*"))
    given = ["--source", GALLERY / "person.jpg", "--source-pose", GALLERY / "person.json", "--target-pose", "arms-up"]
    given += ["--checkpoint", checkpoint(), "--out", tmp_path / "a.png"]
    given += [word.format(inputs=inputs, out=tmp_path) for word in words.split()]
    assert refusal(capsys, *given).startswith(message.format(inputs=inputs, out=tmp_path))
    assert not list(tmp_path.iterdir())
    assert sorted(inputs.rglob("*")) == before


@pytest.mark.parametrize("flag", ["--source", "--garment"])
def test_a_pose_that_is_neither_given_nor_detected_is_told(checkpoint, tmp_path, capsys, monkeypatch, flag):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "models"))
    words = ["--target-pose", "arms-up", "--checkpoint", checkpoint(), "--out", tmp_path / "a.png", flag]
    words += [GALLERY / "other.jpg"]
    if flag == "--garment":
        words += ["--source", GALLERY / "person.jpg", "--source-pose", GALLERY / "person.json"]
    said = refusal(capsys, *words)
    assert said.startswith(
        f"{flag}-pose: expected the photo's pose, got none; to detect it takes `bash setup.sh --pose` and a model"
    )
    assert SOURCE in said
    assert str(tmp_path / "models") in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing_flag", ["--source", "--target-pose", "--out"])
def test_what_is_needed_is_told(capsys, missing_flag):
    given = {"--source": "a.jpg", "--target-pose": "arms-up", "--out": "a.png"}
    words = [word for flag, value in given.items() if flag != missing_flag for word in (flag, value)]
    assert refusal(capsys, *words) == f"{missing_flag}: required, and not given"


def test_a_model_without_a_flow_has_none_to_show(checkpoint, tmp_path, capsys, transfer):
    words = ("--checkpoint", checkpoint(flow=False), "--show-flow", tmp_path / "flow.png")
    with pytest.raises(SystemExit):
        transfer("a.png", *words)
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: model.flow: expected a model with a flow")
    assert not list(tmp_path.iterdir())


def test_what_stood_in_the_place_of_a_picture_stays_where_drawing_fails(transfer, tmp_path, inputs):
    drawn = transfer("a.png").read_bytes()
    with pytest.raises(SystemExit):
        transfer("a.png", "--edit-mask", inputs / "black.png")
    assert (tmp_path / "a.png").read_bytes() == drawn
    assert contents(tmp_path) == ["a.png"]
