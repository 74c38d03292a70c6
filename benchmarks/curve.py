"""Whether training in another precision, or compiled, learns as float32 does: losses of runs over the same data.

    python benchmarks/curve.py --out DIR [--config config/deepfashion_256.yaml] [--steps 500] [--precision bf16]
        [--compile] [key=value ..]

Three runs on drawn people: float32, float32 with another seed, and the precision asked for with the first one's seed.
The table has their mean losses by tenths of the run. What the precision changes is noise if it is no more than what
another seed changes: the last sentence compares the two, as root mean squares over the tenths.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import add_json_flag, report
from benchmarks.workload import PAPER, ROOT
from config.checks import PRECISIONS
from config.flags import Parser, whole
from config.load import load_config
from data import prepare_data, synthetic
from system.errors import InputError, command
from training.report import read_metrics

WINDOWS = 10


@command
def main():
    """Train three times and compare."""
    parser = Parser(__doc__)
    parser.add_argument("--out", required=True, help="a folder; runs that are in it already go on")
    parser.add_argument("--config", default=str(PAPER), help="a YAML file of config/")
    parser.add_argument("--steps", type=whole("--steps", WINDOWS), default=500)
    parser.add_argument("--precision", choices=PRECISIONS, default="bf16")
    parser.add_argument("--compile", action="store_true", help="compile the run of that precision")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings to change")
    add_json_flag(parser)
    args = parser.parse_args()
    config = load_config(args.config, args.overrides)
    name = f"{args.precision}, compiled" if args.compile else args.precision
    kinds = {
        "no": ["training.precision=no"],
        "no, another seed": ["training.precision=no", "training.seed=1"],
        name: [f"training.precision={args.precision}", f"training.compile={str(args.compile).lower()}"],
    }
    data = make_data(Path(args.out), config.model.image_size)
    curves = [train(args, Path(args.out) / f"run{n}", data + words) for n, words in enumerate(kinds.values())]
    table = [
        {"steps to": (window + 1) * args.steps // WINDOWS}
        | {kind: float(curve[window]) for kind, curve in zip(kinds, curves, strict=True)}
        for window in range(WINDOWS)
    ]
    noise, change = (np.sqrt(np.mean((curve - curves[0]) ** 2)) for curve in curves[1:])
    verdict = "within the noise" if change <= noise else "beyond the noise"
    note = f"{name} changes the loss by {change:.2g}, another seed by {noise:.2g}: {verdict}."
    report(f"curve, {name}", table, args.json, [note])


def make_data(out, size):
    """Settings of a data base of drawn people below `out`, made once."""
    people, packed = out / "people", out / "lmdb"
    if not people.exists():
        synthetic.generate(people, identities=40, poses=6, size=(256, 176), workers=1)
    height, width = size
    code = prepare_data.main([f"--root={people}", f"--out={packed}", f"--size={height}x{width}", "--workers=1"])
    if code:
        raise InputError(f"{out}: its data base could not be made")
    return [f"data.root={people}", f"data.lmdb={packed}", "loss.features=pixels"]


def train(args, run, words):
    """The mean losses of a run, (WINDOWS,)."""
    words = [*args.overrides, *words, f"training.output={run}", f"training.steps={args.steps}", "training.log_every=1"]
    words.append(f"training.picture_every={args.steps}")
    words = [sys.executable, "train.py", args.config, *words]
    with open(f"{run}.log", "w", encoding="utf-8") as log:
        done = subprocess.run(words, cwd=ROOT, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise InputError(f"{run}.log: training ended with exit code {done.returncode}")
    losses = [line["loss"] for line in read_metrics(run) if "loss" in line]
    return np.array([window.mean() for window in np.array_split(losses, WINDOWS)])


if __name__ == "__main__":
    main()
