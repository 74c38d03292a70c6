"""What saving costs a run of the full size, and how long it takes to leave when it is told to stop.

    python benchmarks/saving.py --out DIR [key=value ..]

Trains config/deepfashion_256.yaml, with pixels in place of VGG-19 and changed by key=value, on drawn people for a few
steps; saves while it trains, is told to stop by SIGTERM as a step begins, and leaves. Prints how long a save
held training up, what it did to the steps beside it, and the memory that it took, as the system saw it.
"""

import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser
from config.load import load_config
from data import prepare_data, synthetic
from system.errors import STOPPED, command
from training.report import read_metrics

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "config" / "deepfashion_256.yaml"
SAVED_STEP = 4  # After it, the run saves.
SETTINGS = {
    "data.workers": 1,
    "loss.features": "pixels",
    "training.batch_size": 1,
    "training.log_every": 1,
    "training.picture_every": 1000,
    "training.checkpoint_every": SAVED_STEP,
}


@command
def main():
    """Parse the command line, train, and print."""
    parser = Parser(__doc__)
    parser.add_argument("--out", required=True, help="a folder; people/, lmdb/ and run/ in it are made anew")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings to change")
    args = parser.parse_args()
    load_config(CONFIG, args.overrides)
    out = Path(args.out).resolve()
    make_data(out)
    folders = {"data.root": out / "people", "data.lmdb": out / "lmdb", "training.output": out / "run"}
    words = [f"{key}={value}" for key, value in {**SETTINGS, **folders}.items()] + args.overrides
    train = [sys.executable, "train.py", CONFIG, *words]
    with open(out / "train.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(train, cwd=ROOT, stdout=log, stderr=log)
    memory = watch(process, out / "run")
    code = process.wait()
    print(f"exit code {code} (told to stop: {STOPPED})")
    tell(read_metrics(out / "run"), memory)
    print(next(line for line in (out / "train.log").read_text().splitlines() if "parameters" in line))


def make_data(out):
    """A few drawn people, and their data base."""
    for name in ("people", "lmdb", "run"):
        shutil.rmtree(out / name, ignore_errors=True)
    synthetic.generate(out / "people", identities=4, poses=3, size=(256, 176), workers=1)
    prepare_data.main([f"--root={out / 'people'}", f"--out={out / 'lmdb'}", "--size=256x256", "--workers=1"])


def watch(process, run):
    """(time, resident bytes) until the process ends, which is told to stop two steps after the save."""
    seen, asked = [], None
    while process.poll() is None:
        seen.append((time.time(), psutil.Process(process.pid).memory_info().rss))
        lines = [line for line in read_metrics(run) if "loss" in line]
        if lines and lines[-1]["step"] > SAVED_STEP + 1 and asked is None:
            process.send_signal(signal.SIGTERM)
            print(f"SIGTERM after step {lines[-1]['step']}")
            asked = time.time()
        time.sleep(0.05)
    if asked is not None:
        print(f"from SIGTERM to the end of the process: {time.time() - asked:.1f} s")
    return seen


def tell(metrics, memory):
    """Print what the log of the run and the memory say."""
    ends = {line["step"]: line["time"] for line in metrics if "loss" in line}
    spans = {step: ends[step] - ends[step - 1] for step in ends if step - 1 in ends}
    plain = [span for step, span in spans.items() if step <= SAVED_STEP]
    print(f"a step alone: {statistics.median(plain):.1f} s; the one after the save: {spans[SAVED_STEP + 1]:.1f} s")
    for line in metrics:
        if line.get("event") == "checkpoint":
            print(f"step {line['step']}: {line['text']}")
    before = max(rss for when, rss in memory if when <= ends[SAVED_STEP])
    during = max(rss for when, rss in memory if ends[SAVED_STEP] < when <= ends[SAVED_STEP + 1])
    print(f"peak memory: {before / 1e9:.1f} GB before the save, {during / 1e9:.1f} GB with it")


if __name__ == "__main__":
    main()
