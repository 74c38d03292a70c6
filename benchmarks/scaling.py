"""How cost grows: with the image size, the pictures at a time, and the processes that share a machine's cores.

    python benchmarks/scaling.py [--sizes 128 256 512] [--batches 1 2 4] [--processes 1 2] [--runs 3] [--json]

The time of a guided step of the paper's network with random weights. Below each table stands the exponent p of the
power law, time ~ side^p or batch^p, or pictures per second ~ processes^p, that fits its rows best. The processes share
the cores equally, and work at the same time.
"""

import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import add_json_flag, in_turns, report
from benchmarks.workload import device, network, pairs
from config.flags import Parser, whole
from diffusion.samplers import guided
from system.errors import command
from system.machine import usable_cores, use_machine


@command
def main():
    """Measure one table after the other and print."""
    args = parse_args()
    use_machine()
    side = args.sizes[len(args.sizes) // 2]
    table = rows("side", args.sizes, [step(side, 1) for side in args.sizes], args.runs, 1)
    report("scaling with size", table, args.json, [law(table, "side", "seconds")])
    table = rows("batch", args.batches, [step(side, batch) for batch in args.batches], args.runs, args.batches)
    report("scaling with batch", table, args.json, [f"At {side} x {side}. {law(table, 'batch', 'seconds')}"])
    table = [shared(count, side, args.runs) for count in args.processes]
    report("scaling with processes", table, args.json, [f"At {side} x {side}. {law(table, 'processes', 'images/s')}"])


def parse_args():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--sizes", type=whole("--sizes", 64, 1024), nargs="+", default=[128, 256, 512])
    parser.add_argument("--batches", type=whole("--batches", 1), nargs="+", default=[1, 2, 4])
    parser.add_argument("--processes", type=whole("--processes", 1, 64), nargs="+", default=[1, 2])
    parser.add_argument("--runs", type=whole("--runs", 1), default=3, help="of which the median is told (default: 3)")
    add_json_flag(parser)
    return parser.parse_args()


def step(side, batch):
    """A guided prediction of `batch` pictures of side x side, to be called."""
    model = network((side, side), device())
    source_image, source_pose, target_pose, noise = pairs(batch, (side, side), device())
    with torch.no_grad():
        denoise = guided(model, target_pose, model.encode(source_image, source_pose, target_pose), 2.0)

    @torch.no_grad()
    def call():
        return denoise(noise, torch.tensor([500]))

    return call


def rows(name, values, calls, runs, pictures):
    """A row per value, whose calls are timed in turns."""
    seconds = in_turns(dict(zip(values, calls, strict=True)), runs)
    counts = np.broadcast_to(pictures, len(values)).tolist()
    return [
        {name: value, "seconds": seconds[value], "images/s": count / seconds[value]}
        for value, count in zip(values, counts, strict=True)
    ]


def shared(count, side, runs):
    """A row for `count` processes that draw at the same time."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    os.environ["OMP_NUM_THREADS"] = str(max(1, usable_cores() // count))
    try:
        with context.Pool(count, initializer=meet_at, initargs=(barrier,)) as pool:
            seconds = pool.starmap(draw, [(side, runs)] * count, chunksize=1)
    finally:
        del os.environ["OMP_NUM_THREADS"]
    return {"processes": count, "seconds": max(seconds), "images/s": sum(1 / taken for taken in seconds)}


def meet_at(barrier):
    """Note where the processes wait for each other."""
    global meeting  # noqa: PLW0603 (a process has one)
    meeting = barrier


def draw(side, runs):
    """The median seconds of a step in this process, begun with the others."""
    use_machine()
    call = step(side, 1)
    call()
    meeting.wait()
    return in_turns({"step": call}, runs)["step"]


def law(table, by, what):
    """A sentence on the power law between two columns."""
    x, y = ([np.log(row[name]) for row in table] for name in (by, what))
    return f"{what} ~ {by}^{np.polyfit(x, y, 1)[0]:.2f}" if len(table) > 1 else f"{by}: one value, no law."


if __name__ == "__main__":
    main()
