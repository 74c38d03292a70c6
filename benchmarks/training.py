"""What a training step costs: on the plain path and on the fast one, and with less memory.

    python benchmarks/training.py [--pairs 1] [--runs 3] [--precision bf16] [--compile] [--memory]
        [--profile] [--json]

The paper's network at 256 x 256, its losses (pixels in place of VGG-19), clipping, Adam and the average, on random
pairs, each in both directions. "plain" is float32, eager, channels first, torch's own memory; what is compared with it
runs in turns with it, each in a process of its own, and "ratio" is the time over the plain one's. "peak GB" is the peak
memory of the process; "state GB" what weights, gradients, Adam's moments and the average take of it in any case.
"""

import contextlib
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Apart, add_network_flags, gigaflop, in_turns, profiled, report
from benchmarks.workload import PAPER, device, network, pairs
from config.flags import Parser, whole
from config.load import load_config
from diffusion.precision import compile_for_training, computing_in
from models.plain import plain_path
from system.errors import command
from system.machine import use_machine
from training.ema import EMA
from training.loss import TrainingLoss

STATES = 5  # Numbers kept for each weight.


@command
def main():
    """Measure and print."""
    args = parse_args()
    kinds = {
        "fast": {},
        "fast, blocks computed again": {"recompute": "blocks"},
        "fast, levels computed again": {"recompute": "levels"},
    }
    if args.precision != "no":
        kinds[args.precision] = {"precision": args.precision}
    if args.compile:
        kinds[f"{args.precision}, compiled"] = {"precision": args.precision, "compiled": True}
    if args.memory:
        table = [memory_row(args, name, kind) for name, kind in {"plain": {"plain": True}, **kinds}.items()]
        return report(f"memory of training, {args.pairs} pairs", table, args.json)
    table = []
    with Apart(Step, args.pairs, args.size, {"plain": True}) as plain:
        for name, kind in kinds.items():  # Two at a time: each holds all that training does.
            with Apart(Step, args.pairs, args.size, kind) as step:
                table += rows(args, {"plain": plain, name: step})[bool(table) :]
                if args.profile and not kind:
                    print(step.call("profiled"))
    return report("training", table, args.json)


def parse_args():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--pairs", type=whole("--pairs", 1), default=1, help="per step, two samples each (default: 1)")
    parser.add_argument("--memory", action="store_true", help="measure memory alone")
    add_network_flags(parser)
    return parser.parse_args()


def rows(args, steps):
    """A row for each of two kinds of step, timed in turns; the first step, whose buffers are new, does not count."""
    seconds = in_turns({name: step.timed("make") for name, step in steps.items()}, args.runs)
    table = []
    for name, step in steps.items():
        row = {"path": name, "seconds": seconds[name], "ratio": seconds[name] / seconds["plain"]}
        row["samples/s"] = 2 * args.pairs / seconds[name]
        peak = step.peak_gigabytes()  # Before operations are counted, which takes memory of its own.
        if work := step.call("work"):
            row |= {"GFLOP": work, "GFLOP/s": work / seconds[name]}
        table.append(row | {"peak GB": peak, "state GB": step.call("state_gigabytes")})
    return table


def memory_row(args, name, kind):
    """The peak memory of two steps of a kind, and what of it does not grow with the batch."""
    with Apart(Step, args.pairs, args.size, kind) as step:
        for _ in range(2):
            step.call("make")
        return {"path": name, "peak GB": step.peak_gigabytes(), "state GB": step.call("state_gigabytes")}


class Step:
    """A training step that can be made over and over on the same pairs."""

    def __init__(self, count, size, kind):
        kind = {"precision": "no", "plain": False, "recompute": "none", "compiled": False, **kind}
        self.plain, self.precision, self.compiled = kind["plain"], kind["precision"], kind["compiled"]
        if not self.plain:
            use_machine(thrifty=kind["recompute"] != "none")
        config = load_config(PAPER, ["loss.features=pixels"])
        config.model.image_size = list(size)
        self.model = network(size, device()).to(memory_format=torch.contiguous_format).train()
        self.model.recompute(kind["recompute"])
        self.ema = EMA(self.model, config.training.ema_decay, 0)
        if self.compiled:
            compile_for_training(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.training.learning_rate, fused=True)
        self.loss = TrainingLoss(config, device())
        source_image, source_pose, target_pose, noise = pairs(count, size, device())
        self.batch = {
            "source_image": source_image,
            "target_image": noise.clamp(-1, 1),
            "source_pose": source_pose,
            "target_pose": target_pose,
            "position": torch.arange(count),
        }

    def make(self):
        """The step."""
        with plain_path() if self.plain else contextlib.nullcontext():
            self.optimizer.zero_grad()
            self.loss(self._forward, self.batch).total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.ema.update(self.model, 1)

    def work(self):
        """GFLOP of a step; not counted in compiled code."""
        return None if self.compiled else gigaflop(self.make)

    def state_gigabytes(self):
        """10^9 bytes that training keeps for its weights."""
        return STATES * sum(parameter.nbytes for parameter in self.model.parameters()) / 1e9

    def profiled(self):
        """A table of what a step spends its time on."""
        return profiled(self.make)

    def _forward(self, *inputs):
        with computing_in(self.precision, device()):
            return self.model(*inputs)


if __name__ == "__main__":
    main()
