"""What does each part of the method contribute? Trains demo-size models with and without it, several seeds of each.

    python benchmarks/ablation.py --out outputs/ablation [--steps 1200] [--seeds 3] [--variants whole "no flow"]
        [--parallel 2] [key=value ..]

All of them are networks of config/demo_64.yaml, trained as that and `key=value` say but for a shorter time, on the same
drawn people, for the same number of steps, with the same seeds; then pictures of held-out people are scored, and flows
compared with the true ones. Prints a table and leaves ablation.json in the output folder. The same command goes on with
what is there. On two cores 720 steps take one to two hours.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev

from system.progress import progress_bar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from config.flags import Parser, whole
from system.errors import InputError, command
from system.files import write_text

REPOSITORY = Path(__file__).resolve().parents[1]
VARIANTS = {
    "whole": (),
    "no self-calibration": ("model.self_calibration=false",),
    "no flow": ("model.flow=false", "model.self_calibration=false"),
    "no MSFF": ("model.msff=false",),
}
COLUMNS = ("SSIM", "PSNR", "EPE of the flow", "EPE calibrated")
FINEST = "stride 4"  # Of config/demo_64.yaml.


@command
def main():
    """Train, draw and score every variant and seed."""
    parser = Parser(__doc__)
    parser.add_argument("--out", required=True, help="folder to write")
    parser.add_argument("--steps", type=whole("--steps", 1), default=1200, help="of training, each")
    parser.add_argument("--seeds", type=whole("--seeds", 2), default=3, help="how many of each variant")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="default: all")
    parser.add_argument("--parallel", type=whole("--parallel", 1), default=2, help="trainings at a time")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="of all of them, beside config/demo_64.yaml")
    args = parser.parse_args()
    out = Path(args.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    threads = str(max(1, (os.cpu_count() or 1) // args.parallel))

    people = ("--data", out / "people")
    run(out, threads, "data/synthetic.py", "--out", out / "people")
    run(out, threads, "data/prepare_data.py", "--root", out / "people", "--out", out / "lmdb", "--size", "64x64")
    jobs = [(variant, seed) for seed in range(args.seeds) for variant in args.variants]
    with ThreadPoolExecutor(args.parallel) as pool:
        work = pool.map(lambda job: train_and_draw(out, threads, args, people, *job), jobs)
        list(progress_bar(work, "training", unit="model", total=len(jobs)))
    figures = {job: score(out, threads, people, *job) for job in progress_bar(jobs, "scoring", unit="model")}
    record = [{"variant": variant, "seed": seed, **figures[variant, seed]} for variant, seed in jobs]
    text = json.dumps({"steps": args.steps, "runs": record}, indent=2) + "\n"
    write_text(out / "ablation.json", text)
    print(table(figures, args.variants, args.seeds))


def folder_of(out, variant, seed):
    """Where one model's run, pictures and figures are."""
    return out / f"{variant.replace(' ', '_')}_{seed}"


def train_and_draw(out, threads, args, people, variant, seed):
    """One model, the pictures of the test pairs, and what its flow is off by."""
    steps = args.steps
    folder = folder_of(out, variant, seed)
    folder.mkdir(exist_ok=True)
    settings = (
        f"data.root={people[1]}", f"data.lmdb={out / 'lmdb'}", f"training.output={folder / 'run'}",
        f"training.seed={seed}", f"training.steps={steps}", f"training.decay_steps={steps * 7 // 12}",
        f"training.picture_every={steps}", "training.warmup_steps=50", "training.ema_decay=0.98", *args.settings,
    )  # fmt: skip
    model = ("--checkpoint", folder / "run", *people, "--seed", seed)
    run(folder, threads, "train.py", "config/demo_64.yaml", *settings, *VARIANTS[variant])
    run(folder, threads, "test.py", *model, "--out", folder / "generated")
    flow, drawn = folder / "flow.json", max(path.stat().st_mtime for path in (folder / "generated").glob("*.png"))
    current = flow.is_file() and flow.stat().st_mtime > drawn
    if variant != "no flow" and not current:
        run(folder, threads, "-m", "evaluation.flow", *model, "--out", flow)


def score(out, threads, people, variant, seed):
    """Figures of one model, column -> number."""
    folder = folder_of(out, variant, seed)
    scoring = ("--protocol", "clean", "--metrics", "ssim", "psnr", "--out", folder / "scores")
    run(folder, threads, "-m", "evaluation", "--generated", folder / "generated", *people, *scoring)
    scores = json.loads((folder / "scores" / "metrics.json").read_text())["methods"]["generated"]["scores"]
    figures = {"SSIM": scores["ssim"]["value"], "PSNR": scores["psnr"]["value"]}
    if variant != "no flow":
        rows = json.loads((folder / "flow.json").read_text())["rows"]
        figures["EPE of the flow"] = rows[FINEST]["epe"]
        calibrated = rows.get(f"{FINEST}, self-calibrated")
        if calibrated:
            figures["EPE calibrated"] = calibrated["epe"]
    return figures


def table(figures, variants, seeds):
    """Mean and standard deviation over the seeds, as Markdown."""
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---|" + "---|" * len(COLUMNS)]
    for variant in variants:
        cells = []
        for column in COLUMNS:
            values = [figures[variant, seed].get(column) for seed in range(seeds)]
            cells.append("" if None in values else f"{mean(values):.3f} ± {stdev(values):.3f}")
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(folder, threads, *words):
    """Run a Python program of the repository; what it says goes into FOLDER/log.txt. Raises InputError if it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": threads}
    with open(folder / "log.txt", "a") as log:
        done = subprocess.run(
            [sys.executable, *map(str, words)], cwd=REPOSITORY, env=environment, stdout=log, stderr=log, check=False
        )
    if done.returncode:
        raise InputError(f"{folder / 'log.txt'}: says why {words[0]} ended with exit code {done.returncode}")


if __name__ == "__main__":
    main()
