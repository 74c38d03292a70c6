"""Weights, wherever a program takes them."""

import os
import shutil

import torch
from safetensors.torch import load_file

from models.pretrained import save_tensors
from tests.messages.runner import table
from tests.messages.stock import save_run
from tests.release import hollow_weights, write_release

DRAW = "python test.py --checkpoint tiny --data root --out drawn --workers 0"
TRANSFER = "python -m app.transfer --source person.jpg --source-pose person.json --target-pose arms-up --out a.png"
GRID = "python scripts/grid.py --checkpoint tiny --data root --generated results --out grid.png"
FLOW = "python -m evaluation.flow --checkpoint tiny --data root"
CONVERT = "python scripts/convert_checkpoint.py"
PUBLISH = "python scripts/publish.py --checkpoint tiny --out new"
NO_SUCH = "no such checkpoint, neither folder nor file; checkpoints/README.md says where to get one."
NEITHER = "holds neither a checkpoint (config.yaml, model.safetensors) nor a run with one."
NETWORK = "expected the network of the release (this looks like"
FILE = "expected a checkpoint, a file of torch.save; it is"
DAMAGED = (
    "damaged: none of its checkpoints is whole (step_00000004: model.safetensors is damaged; step_00000002: "
    "model.safetensors is damaged); to train anew, move it away."
)
CALLS = "code.pt: refused: reading it would call posix.system; nothing was executed"

GIVEN = [
    *table(
        DRAW,
        ("no such weights", "--checkpoint nowhere", f"nowhere: {NO_SUCH}"),
        ("nobody's", "--checkpoint some/body",
         "some/body: not here, and not to be had from the Hugging Face hub (Cannot find an appropriate cached snapsh"),
        ("an empty folder", "--checkpoint empty", f"empty: {NEITHER}"),
        ("no weights", "--checkpoint weightless",
         "weightless/model.safetensors: no such file; a checkpoint folder holds config.yaml and model.safetensors."),
        ("half of the weights", "--checkpoint half",
         "half/model.safetensors: not a whole safetensors file (Error while deserializing header: incomplete metadat"),
        ("another network's", "--checkpoint wide",
         "wide/model.safetensors: expected the architecture that config.yaml says; denoiser.conv_out.weight is (6, 3"),
        ("too few tensors", "--checkpoint less",
         "less/model.safetensors: expected the architecture that config.yaml says; denoiser.conv_out.bias is missing"),
        ("a misspelt setting", "--checkpoint bent",
         "model.chanels: unknown key in bent/config.yaml; the nearest one is model.channels"),
        ("a damaged run", "--checkpoint damaged", DAMAGED),
        ("a text", "--checkpoint text.jpg", f"text.jpg: {FILE} something else"),
        ("code", "--checkpoint code.pt", "code.pt: refused: reading it would call posix.system; nothing was executed"),
    ),
    *table(TRANSFER, ("code", "--checkpoint code.pt", CALLS)),
    *table(TRANSFER, ("no such weights", "--checkpoint nowhere", f"nowhere: {NO_SUCH}")),
    *table(TRANSFER, ("an empty folder", "--checkpoint empty", f"empty: {NEITHER}")),
    *table(TRANSFER, ("a text", "--checkpoint text.jpg", f"text.jpg: {FILE} something else")),
    *table(GRID, ("no such weights", "--checkpoint nowhere", f"nowhere: {NO_SUCH}")),
    *table(FLOW, ("no such weights", "--checkpoint nowhere", f"nowhere: {NO_SUCH}")),
    *table("python -m app", ("no such weights", "--checkpoint nowhere", f"nowhere: {NO_SUCH}")),
    *table("python -m app", ("code", "--checkpoint code.pt", CALLS)),
    *table("python benchmarks/solvers.py --data root", ("no weights", "--checkpoint nowhere", f"nowhere: {NO_SUCH}")),
]  # fmt: skip
CONVERTED = table(
    CONVERT,
    ("no such file", "none.pt --out new", "none.pt: cannot be read (No such file or directory)"),
    ("a folder", "tiny --out new", "tiny: cannot be read (Is a directory); a folder needs no conversion"),
    ("an empty file", "zero.pt --out new", f"zero.pt: {FILE} empty"),
    ("a photo", "photo.pt --out new", f"photo.pt: {FILE} a JPEG image"),
    ("a web page", "page.pt --out new",
     f"page.pt: {FILE} a web page, which a download service may send instead of the file"),
    ("half a file", "cut.pt --out new",
     "cut.pt: cut short or damaged, and to be fetched again (File is not a zip file)"),
    ("code", "code.pt --out new", "code.pt: refused: reading it would call posix.system; nothing was executed"),
    ("code among tensors", "within.pt --out new",
     "within.pt: refused: reading it would call posix.system; nothing was executed"),
    ("a list", "list.pt --out new", "list.pt: expected a dictionary with 'ema' and 'model', found list"),
    ("one tensor", "small.pt --out new",
     f"small.pt: {NETWORK} no network that is known here); encoder.input_blocks.0.0.weight is missing; encoder.input"),
    ("too few tensors", "missing.pt --out new", f"missing.pt: {NETWORK} the release, changed); out.2.bias is missing"),
    ("an extra tensor", "extra.pt --out new", f"extra.pt: {NETWORK} the release, changed); extra.weight is unknown"),
    ("another shape", "shape.pt --out new", f"shape.pt: {NETWORK} the release, changed); out.2.bias is (3,), not (6,)"),
    ("no average", "raw.pt --out new",
     "raw.pt: expected a dictionary of tensors under 'ema'; found 'model' (dict), 'ema' (NoneType); --weights model "),
    ("a file that is there", "small.pt --out photo.pt", "photo.pt: is there already; name another --out."),
    ("a folder that is there", "small.pt --out tiny", "tiny: is there already; name another --out."),
    ("a file the other way", "small.pt --to-release --out new",
     "small.pt: a file already; --to-release converts a checkpoint folder."),
    ("other weights", "small.pt --weights best --out new", "--weights: expected one of 'ema', 'model', got 'best'"),
    ("a network of its own", "tiny --to-release --out new.pt",
     "tiny: has no form in the release, which knows config/deepfashion_256.yaml's network only."),
    ("weights of a folder", "tiny --to-release --out new --weights ema",
     "--weights: goes with reading a release file; a checkpoint folder has one set of weights."),
    ("a long name", f"small.pt --out {300 * 'x'}", f"{300 * 'x'}: File name too long"),
    ("nothing", "--out new", "checkpoint: required, and not given"),
    ("an unknown flag", "small.pt --out new --ema", "--ema: not known; --help lists the flags"),
)  # fmt: skip
PUBLISHED = table(
    PUBLISH,
    ("no such weights", "--checkpoint nowhere", f"nowhere: {NO_SUCH}"),
    ("half of the weights", "--checkpoint half",
     "half/model.safetensors: not a whole safetensors file (Error while deserializing header: incomplete metadata, f"),
    ("a folder that is there", "--out empty", "--out empty: is there already; name another one"),
    ("a release file", "--checkpoint small.pt",
     "--checkpoint small.pt: expected a folder; scripts/convert_checkpoint.py makes one of it"),
    ("a file for a folder", "--out text.jpg/new", "text.jpg/new: could not be written (Not a directory)"),
    ("an unknown flag", "--name x", "--name x: not known; --help lists the flags"),
) + table(f"ulimit -f 9; {PUBLISH}", ("a full disk", "", "new: could not be written ("))  # fmt: skip
ROWS = GIVEN + CONVERTED + PUBLISHED


class Call:
    """What asks for a call when its pickle is read."""

    def __reduce__(self):
        return os.system, ("touch called",)


def write_inputs(here):
    """Weights, each with a fault."""
    for name in ("weightless", "half", "wide", "less", "bent"):
        shutil.copytree(here / "tiny", here / name)
    (here / "weightless/model.safetensors").unlink()
    cut_short(here / "half/model.safetensors")
    text = (here / "tiny/config.yaml").read_text()
    (here / "wide/config.yaml").write_text(text.replace("channels: 32", "channels: 64"))
    (here / "bent/config.yaml").write_text(text.replace("channels: 32", "chanels: 32"))
    tensors = load_file(here / "tiny/model.safetensors")
    del tensors["denoiser.conv_out.bias"]
    save_tensors(tensors, here / "less/model.safetensors")
    for checkpoint in save_run(here, "damaged", steps=(2, 4)).glob("checkpoints/*"):
        cut_short(checkpoint / "model.safetensors")
    write_releases(here)


def write_releases(here):
    """Files of the release's form, and others under their names."""
    weights = hollow_weights()
    write_release(here / "missing.pt", {name: tensor for name, tensor in weights.items() if name != "out.2.bias"})
    write_release(here / "extra.pt", weights | {"extra.weight": torch.zeros(1)})
    write_release(here / "shape.pt", weights | {"out.2.bias": torch.zeros(3)})
    write_release(here / "small.pt", {"a": torch.zeros(1)})
    torch.save({"model": {"a": torch.ones(1)}, "ema": None}, here / "raw.pt")
    torch.save(Call(), here / "code.pt")
    torch.save({"ema": {**weights, "more.weight": Call()}}, here / "within.pt")
    torch.save([1], here / "list.pt")
    (here / "photo.pt").write_bytes(b"\xff\xd8\xff\xe0")
    (here / "page.pt").write_text("<!DOCTYPE html><html>Too many downloads</html>")
    (here / "zero.pt").touch()
    shutil.copy(here / "small.pt", here / "cut.pt")
    cut_short(here / "cut.pt")


def cut_short(path):
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
