"""Can the system learn a handful of pairs by heart? Trains on the training pairs of ROOT, then draws and scores them.

    python benchmarks/overfit.py --data ROOT --out outputs/overfit [key=value ..]

ROOT has the layout of the README's data section; a few photos of one person are enough. Uses config/demo_64.yaml, and
leaves scores, pictures and a grid with flows and masks in the output folder. About 12 minutes on two cores.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser
from data.pairs import read_pairs
from system.errors import command

REPOSITORY = Path(__file__).resolve().parents[1]
SETTINGS = (
    "data.augment=false",
    "training.steps=1800",
    "training.decay_steps=1200",
    "training.warmup_steps=50",
    "training.ema_decay=0.98",
    "training.precision=no",
    "loss.min_snr=0",
    "sampling.guidance=1",
)


@command
def main():
    """Run the five programs, one after the other."""
    parser = Parser(__doc__)
    parser.add_argument("--data", required=True, help="the data's root")
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings to change")
    args = parser.parse_args()
    out = Path(args.out).resolve()
    root = training_pairs_as_test_pairs(Path(args.data), out / "root")
    paths = (f"data.root={root}", f"data.lmdb={out / 'lmdb'}", f"training.output={out / 'run'}")
    drawing = ("--checkpoint", out / "run", "--data", root)

    run("data/prepare_data.py", "--root", root, "--out", out / "lmdb", "--size", "64x64")
    run("train.py", "config/demo_64.yaml", *SETTINGS, *paths, *args.overrides)
    run("test.py", *drawing, "--out", out / "generated")
    scores = ("--metrics", "ssim", "psnr", "l1", "--out", out / "scores")
    run("-m", "evaluation", "--generated", out / "generated", "--data", root, "--protocol", "clean", *scores)
    run("scripts/grid.py", *drawing, "--generated", out / "generated", "--out", out / "grid.png")


def training_pairs_as_test_pairs(data, root):
    """`root`, with the photos of `data`, and with all of its training pairs as test pairs."""
    pairs = read_pairs(data, "train")
    root.mkdir(parents=True, exist_ok=True)
    for name in ("img", "pose"):
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to((data / name).resolve())
    (root / "train_pairs.txt").write_text("".join(f"{','.join((p.target, *p.sources))}\n" for p in pairs))
    (root / "test_pairs.txt").write_text("".join(f"{p.target},{source}\n" for p in pairs for source in p.sources))
    return root


def run(*words):
    """Run a Python program of the repository; its failure is ours."""
    done = subprocess.run([sys.executable, *map(str, words)], cwd=REPOSITORY, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
