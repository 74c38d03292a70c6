"""How pictures are drawn, and runs: test.py, train.py, training.inspect and evaluation.flow."""

import json
import shutil

import test as inference
from models.pretrained import read_config
from tests.messages.checkpoints import DAMAGED, DRAW, FILE, FLOW
from tests.messages.runner import table
from tests.messages.stock import save_model, save_run

TRAIN = "python train.py tiny.yaml"
DEEP = (
    f"{TRAIN} model.channel_multipliers=[1,1,1,1] loss.features=vgg19 "
    "'model.attention=[{stride: 2, kernel: 2}, {stride: 4, kernel: 2}, {stride: 8, kernel: 1}]'"
)
WHOLE = "expected a whole number,"

SAMPLED = table(
    DRAW,
    ("an unknown sampler", "--sampler euler", "--sampler: expected one of ddim, ddpm, dpm++, unipc; got euler"),
    ("steps of letters", "--steps x", f"--steps: {WHOLE} from 1 to 1000, got 'x'"),
    ("half a step", "--steps 1.5", f"--steps: {WHOLE} from 1 to 1000, got '1.5'"),
    ("no steps", "--steps 0", f"--steps: {WHOLE} from 1 to 1000, got '0'"),
    ("many steps", "--steps 1001", f"--steps: {WHOLE} from 1 to 1000, got '1001'"),
    ("few steps", "--sampler ddim --steps 3", "--steps: expected a number whose equal steps begin near t = 1000, such "
     "as 50 or 500, for ddim; got 3"),
    ("uneven steps", "--sampler ddim --steps 400",
     "--steps: expected a number whose equal steps begin near t = 1000, such as 50 or 500, for ddim; got 400"),
    ("few of DDPM", "--sampler ddpm --steps 3",
     "--steps: expected a number whose equal steps begin near t = 1000, such as 50 or 500, for ddpm; got 3"),
    ("an early start", "--start 99", f"--start: {WHOLE} from 100 to 999, got '99'"),
    ("a late start", "--start 1000", f"--start: {WHOLE} from 100 to 999, got '1000'"),
    ("a word for guidance", "--guidance much", "--guidance: expected a number, 0 or more, got 'much'"),
    ("negative guidance", "--guidance -1", "--guidance: expected a number, 0 or more, got '-1'"),
    ("guidance of no number", "--guidance nan", "--guidance: expected a number, 0 or more, got 'nan'"),
    ("endless guidance", "--guidance inf", "--guidance: expected a number, 0 or more, got 'inf'"),
    ("turned times", "--guidance-interval 9 8", "--guidance-interval: expected two times t from 0 to 999, the lower one"
     " first; got 9 8"),
    ("a late time", "--guidance-interval 0 1000", f"--guidance-interval: {WHOLE} from 0 to 999, got '1000'"),
    ("one time", "--guidance-interval 5", "--guidance-interval: expected 2 arguments"),
    ("an unknown precision", "--precision int8", "--precision: expected one of no, tf32, bf16, fp16; got int8"),
    ("no pairs", "--limit 0", f"--limit: {WHOLE} 1 or more, got '0'"),
    ("no batch", "--batch-size 0", f"--batch-size: {WHOLE} 1 or more, got '0'"),
    ("a negative seed", "--seed -1", f"--seed: {WHOLE} 0 or more, got '-1'"),
    ("half a worker", "--workers 0.5", f"--workers: {WHOLE} 0 or more, got '0.5'"),
    ("an unknown flag", "--colour red", "--colour red: not known; --help lists the flags"),
    ("a file", "--out text.jpg", "text.jpg: expected a folder that can be written (File exists)"),
    ("within a file", "--out text.jpg/drawn",
     "text.jpg/drawn: expected a folder that can be written (Not a directory)"),
    ("pictures of another seed", "--out seed-1",
     "seed-1: holds pictures of other settings (seed); name another --out."),
    ("of other weights", "--out weights-1",
     "weights-1: holds pictures of other settings (weights); name another --out."),
    ("of another program", "--out theirs", "theirs: holds pictures of other settings (program); name another --out."),
    ("damaged settings", "--out unset",
     "unset/settings.json: expected the settings of the pictures beside it (Expecting property name enclosed in doub"),
) + table("python test.py", ("nothing given", "", "--checkpoint, --data, --out: required, and not given"))  # fmt: skip
RESUMED = table(
    TRAIN,
    ("a file", "training.output=text.jpg", "text.jpg: no folder to train in (File exists)"),
    ("within a file", "training.output=text.jpg/run", "text.jpg/run: no folder to train in (Not a directory)"),
    ("another network's run", "training.output=other",
     "other/checkpoints/step_00000002: holds another architecture than the configuration; name another training.outp"),
    ("a damaged run", "training.output=damaged", DAMAGED),
    ("too few levels", "loss.features=vgg19", "loss.features: vgg19 serves 3 attention levels, not 2; use pixels."),
) + table(
    DEEP,
    ("no VGG-19", "",
     "loss.vgg19_weights: cache/hub/checkpoints/vgg19-dcbb9e9d.pth is not there; put torchvision's vgg19-dcbb9e9d.pt"),
    ("another VGG-19", "loss.vgg19_weights=text.jpg", f"text.jpg: {FILE} something else"),
    ("one tensor of it", "loss.vgg19_weights=small.pt",
     "small.pt: expected torchvision's VGG-19; features.0.weight is missing; features.0.bias is missing; features.2."),
)  # fmt: skip
INSPECTED = table(
    "python -m training.inspect",
    ("nothing", "", "RUN: required, and not given"),
    ("no such folder", "nowhere", "nowhere: no run folder; expected config.yaml and what training leaves beside it."),
    ("an empty folder", "empty", "empty: no run folder; expected config.yaml and what training leaves beside it."),
    ("a file", "text.jpg", "text.jpg: no run folder; expected config.yaml and what training leaves beside it."),
    ("a misspelt setting", "misspelt",
     "model.chanels: unknown key in misspelt/config.yaml; the nearest one is model.channels"),
    ("an unknown flag", "other --all", "--all: not known; --help lists the flags"),
)  # fmt: skip
MEASURED = table(
    FLOW,
    ("no flow", "--checkpoint flowless", "flowless: expected a model with a flow; its model.flow is false"),
    ("padded photos", "--checkpoint padded",
     "padded: expected a model of squeezed photos (data.resize), whose flow is known"),
    ("photos", "", "root: has no synthetic.json; expected the output folder of data/synthetic.py."),
    ("a data base", "--data lmdb", "lmdb/test_pairs.txt: expected a pair file, got: No such file or directory"),
    ("no steps", "--steps 0", f"--steps: {WHOLE} from 1 to 1000, got '0'"),
    ("no pairs", "--limit 0", f"--limit: {WHOLE} 1 or more, got '0'"),
    ("within a file", "--out text.jpg/flow.json", "text.jpg: expected a folder that can be written (File exists)"),
    ("an unknown flag", "--protocol x", "--protocol x: not known; --help lists the flags"),
)  # fmt: skip
ROWS = SAMPLED + RESUMED + INSPECTED + MEASURED


def write_inputs(here):
    """Runs, and pictures that were drawn with other settings."""
    save_model(here / "padded", resize="pad")
    save_run(here, "other", checkpoint="wide")
    (here / "other/.lock").touch()
    (here / "damaged/.lock").touch()
    run = save_run(here, "misspelt")
    shutil.copy(here / "bent/config.yaml", run)
    for name in ("seed-1", "weights-1", "theirs", "unset"):
        (here / name).mkdir()
        (here / name / "fashionb2_2_fashionb1_vis.png").touch()
    sampling = read_config(here / "tiny").sampling
    for name, changes in (("seed-1", {"seed": 1}), ("weights-1", {"weights": "0"})):
        settings = inference.settings_of(here / "tiny", sampling, 0, here / "root", "squeeze") | changes
        (here / name / "settings.json").write_text(json.dumps(settings))
    (here / "unset/settings.json").write_text("{")
