"""What a training step costs: on the plain path and on the fast one, and with less memory.

    python benchmarks/training.py [--pairs 1] [--runs 3] [--precision bf16] [--compile] [--profile] [--json]

The paper's network at 256 x 256, its losses (pixels in place of VGG-19), clipping, Adam and the average, on random
pairs, each in both directions. "plain" is float32, eager, channels first; what is compared with it runs in turns with
it, and "ratio" is the time over the plain one's. "peak GB" is the peak memory of a process of its own.
"""

import argparse
import contextlib
import sys
from pathlib import Path

import torch
from torch.profiler import profile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import add_json_flag, gigaflop, in_process, in_turns, peak_gigabytes, report, timed
from benchmarks.workload import PAPER, device, network, pairs
from config.checks import PRECISIONS
from config.errors import command
from config.flags import Parser, size, whole
from config.load import load_config
from diffusion.ema import EMA
from diffusion.machine import autocast, compile_for_training, set_precision, use_machine
from diffusion.training_loss import TrainingLoss
from models.plain import plain_path


@command
def main():
    """Measure and print."""
    args = parse_args()
    use_machine()
    kinds = {"plain": {"plain": True}, "fast": {}, "fast, blocks computed again": {"recompute": True}}
    if args.precision != "no":
        kinds[args.precision] = {"precision": args.precision}
    if args.compile:
        kinds[f"{args.precision}, compiled"] = {"precision": args.precision, "compiled": True}
    notes, seconds = [], {}
    for name, kind in kinds.items():  # Two at a time: each holds a model, its average and Adam's state.
        step = Step(args, **kind)
        first = timed(step)
        if kind.get("compiled"):
            notes.append(f"Compiled: {first:.0f} s to the end of the first step.")
        if step.plain:
            plain = step
        seconds[name] = in_turns({"plain": plain, name: step}, args.runs)
    table = [row(args, name, kinds[name], taken) for name, taken in seconds.items()]
    report("training", table, args.json, notes)
    if args.profile:
        with profile() as profiler:
            Step(args, **kinds["fast"])()
        by = "self_device_time_total" if device().type == "cuda" else "self_cpu_time_total"
        print(profiler.key_averages().table(sort_by=by, row_limit=20, max_name_column_width=50))


def parse_args():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--pairs", type=whole("--pairs", 1), default=1, help="per step, two samples each (default: 1)")
    parser.add_argument("--size", type=size("--size", 64), default=(256, 256), help="HEIGHTxWIDTH (default: 256x256)")
    parser.add_argument("--runs", type=whole("--runs", 1), default=3, help="of which the median is told (default: 3)")
    parser.add_argument("--precision", choices=PRECISIONS, default="no", help="measure this one, too")
    parser.add_argument("--compile", action="store_true", help="measure compiled networks, too")
    parser.add_argument("--profile", action="store_true", help="print what a step spends its time on")
    add_json_flag(parser)
    return parser.parse_args()


class Step:
    """A training step that can be called, over and over on the same pairs."""

    def __init__(self, args, precision="no", plain=False, recompute=False, compiled=False):
        set_precision(precision)
        self.plain, self.precision = plain, precision
        config = load_config(PAPER, ["loss.features=pixels"])
        config.model.image_size = list(args.size)
        self.model = network(args.size, device()).to(memory_format=torch.contiguous_format).train()
        if recompute:
            self.model.recompute_blocks()
        self.ema = EMA(self.model, config.training.ema_decay, 0)
        if compiled:
            compile_for_training(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.training.learning_rate, fused=True)
        self.loss = TrainingLoss(config, device())
        source_image, source_pose, target_pose, noise = pairs(args.pairs, args.size, device())
        self.batch = {
            "source_image": source_image,
            "target_image": noise.clamp(-1, 1),
            "source_pose": source_pose,
            "target_pose": target_pose,
            "position": torch.arange(args.pairs),
        }

    def __call__(self):
        with plain_path() if self.plain else contextlib.nullcontext():
            self.optimizer.zero_grad()
            self.loss(self.forward, self.batch).total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.model, 1)

    def forward(self, *inputs):
        """The model in the precision of the step."""
        with autocast(device(), self.precision):
            return self.model(*inputs)


def row(args, name, kind, seconds):
    """What one kind of step costs; operations are not counted in compiled code."""
    cells = {"path": name, "ratio": seconds[name] / seconds["plain"], "seconds": seconds[name]}
    cells["samples/s"] = 2 * args.pairs / seconds[name]
    work, cells_peak = in_process(work_and_peak, args, kind)
    if work:
        cells |= {"GFLOP": work, "GFLOP/s": work / seconds[name]}
    return cells | {"peak GB": cells_peak}


def work_and_peak(args, kind):
    """GFLOP of a step, and the peak memory of a process that has made two."""
    use_machine()
    step = Step(argparse.Namespace(**vars(args)), **kind)
    step()
    work = None if kind.get("compiled") else gigaflop(step)
    step()
    return work, peak_gigabytes()


if __name__ == "__main__":
    main()
