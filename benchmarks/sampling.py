"""What pictures cost: encoding, a guided step, and whole pictures, on the plain path and on the fast one.

    python benchmarks/sampling.py [--batch 1] [--runs 3] [--precision bf16] [--compile] [--profile] [--json]

The paper's network at 256 x 256 with random weights. "plain" is float32, eager, channels first, two passes per guided
step, nothing kept between steps, torch's own memory; what is compared with it runs in turns with it, each in a process
of its own, and "ratio" is the time over the plain one's. An error is relative to the largest value that the plain path
gives. PSNR compares pictures with those of float32 from the same noise, clipped to [-1, 1].
"""

import contextlib
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Apart, add_network_flags, gigaflop, in_turns, profiled, report
from benchmarks.workload import device, network, pairs
from config.flags import Parser, whole
from config.schema import SamplingConfig
from diffusion.precision import compile_for_sampling, computing_in
from diffusion.samplers import guided, make_scheduler, sample
from models.plain import plain_path
from system.errors import command
from system.machine import use_machine

RELEASE, DEFAULT = SamplingConfig("ddim", steps=50), SamplingConfig()


@command
def main():
    """Measure and print."""
    args = parse_args()
    kinds = {"plain": {"plain": True}, "fast": {}}
    if args.precision != "no":
        kinds[args.precision] = {"precision": args.precision}
    if args.compile:
        kinds[f"{args.precision}, compiled"] = {"precision": args.precision, "compiled": True}
    with contextlib.ExitStack() as stack:
        variants = {
            name: stack.enter_context(Apart(Variant, args.batch, args.size, kind)) for name, kind in kinds.items()
        }
        notes = [variants["fast"].call("ceiling")]
        notes += [variant.call("first_picture", name) for name, variant in variants.items() if name != "plain"]
        table = rows(variants, "encode", args) + rows(variants, "step", args)
        if not args.no_pictures:
            table += rows(variants, "picture", args)
        report("sampling", table, args.json, notes)
        if args.profile:
            print(list(variants.values())[-1].call("profiled"))


def parse_args():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--batch", type=whole("--batch", 1), default=1, help="pictures at a time (default: 1)")
    parser.add_argument("--pictures", type=whole("--pictures", 1), default=2, help="runs of pictures (default: 2)")
    parser.add_argument("--no-pictures", action="store_true", help="leave out whole pictures, the longest part")
    add_network_flags(parser)
    return parser.parse_args()


def rows(variants, what, args):
    """A row per variant for one of its methods, all timed in turns."""
    runs, warmup = (args.pictures, 0) if what == "picture" else (args.runs, 1)
    seconds = in_turns({name: variant.timed(what) for name, variant in variants.items()}, runs, warmup)
    compared = {"encode": [], "step": list(variants), "picture": [name for name in variants if name != "plain"]}[what]
    results = {name: variants[name].call("result", what) for name in compared}
    table = []
    for name, variant in variants.items():
        row = {"what": variant.call("title", what), "path": name, "seconds": seconds[name]}
        row |= {"ratio": seconds[name] / seconds["plain"], "images/s": args.batch / seconds[name]}
        if work := variant.call("work", what):
            row |= {"GFLOP": work, "GFLOP/s": work / seconds[name]}
        if what == "step" and name != "plain":
            row["error"] = ((results[name] - results["plain"]).abs().max() / results["plain"].abs().max()).item()
        if what == "picture":
            row["peak GB"] = variant.peak_gigabytes()
            if name not in ("plain", "fast"):
                row["PSNR"] = (10 * torch.log10(4 / (results[name] - results["fast"]).square().mean())).item()
        table.append(row)
    return table


class Variant:
    """One way of computing the same."""

    def __init__(self, batch, size, kind):
        kind = {"precision": "no", "plain": False, "compiled": False, **kind}
        self.plain, self.precision, self.compiled = kind["plain"], kind["precision"], kind["compiled"]
        if not self.plain:
            use_machine()
        self.model = network(size, device())
        if self.plain:
            self.model.to(memory_format=torch.contiguous_format)
        if self.compiled:
            compile_for_sampling(self.model)
        self.source_image, self.source_pose, self.target_pose, self.noise = pairs(batch, size, device())
        self.sampling = RELEASE if self.plain else DEFAULT
        self.denoise = self._encoded()

    def encode(self):
        """Prepare what a picture needs once."""
        self._encoded()

    def step(self):
        """One guided prediction."""
        self._step()

    def picture(self):
        """Whole pictures, encoding included."""
        self._picture(self.sampling)

    def result(self, what):
        """What `step` or `picture` computes, on the CPU."""
        return (self._step() if what == "step" else self._picture(DEFAULT).clamp(-1, 1)).cpu()

    def title(self, what):
        """A method in words."""
        sampler = f"picture, {self.sampling.sampler} {self.sampling.steps}"
        return {"encode": "encoding", "step": "guided step", "picture": sampler}[what]

    def work(self, what):
        """GFLOP of a method; not counted for whole pictures, nor in compiled code."""
        return None if self.compiled or what == "picture" else gigaflop(getattr(self, what))

    def first_picture(self, name):
        """A sentence on how long a new process waits for its first picture; what it compiles is kept for later ones."""
        began = time.perf_counter()
        self._picture(self.sampling)
        return f"First picture, {name}: {time.perf_counter() - began:.1f} s after the weights are there."

    @torch.no_grad()
    def _encoded(self):
        with self._path():
            condition = self.model.encode(self.source_image, self.source_pose, self.target_pose)
            return guided(self.model, self.target_pose, condition, 2.0)

    @torch.no_grad()
    def _step(self):
        with self._path():
            return self.denoise(self.noise, torch.tensor([500]))

    @torch.no_grad()
    def _picture(self, sampling):
        with self._path():
            scheduler = make_scheduler(sampling.sampler, sampling.steps, sampling.clip)
            return sample(self._encoded(), self.noise, scheduler)

    @contextlib.contextmanager
    def _path(self):
        with plain_path() if self.plain else contextlib.nullcontext(), computing_in(self.precision, device()):
            yield

    def ceiling(self):
        """A sentence on how fast this device multiplies at best."""
        here, rates = device(), []
        side = 8192 if here.type == "cuda" else 2048
        for dtype in (torch.float32, torch.bfloat16):
            a, b = torch.randn(2, side, side, device=here, dtype=dtype)
            seconds = in_turns({"product": lambda a=a, b=b: a @ b}, 5)["product"]
            rates.append(f"{2 * side**3 / seconds / 1e9:.0f} GFLOP/s in {str(dtype).removeprefix('torch.')}")
        x = torch.randn(1, 128, 256, 256, device=here).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(128, 128, 3, 3, device=here).contiguous(memory_format=torch.channels_last)
        seconds = in_turns({"conv": lambda: torch.nn.functional.conv2d(x, weight, padding=1)}, 5)["conv"]
        rate = 2 * 128 * 128 * 9 * 256 * 256 / seconds / 1e9
        return f"Products of {side} x {side} run at {', '.join(rates)}; a float32 convolution at {rate:.0f} GFLOP/s."

    def profiled(self):
        """A table of what a guided step spends its time on."""
        return profiled(self._step)


if __name__ == "__main__":
    main()
