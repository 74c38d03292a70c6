"""What pictures cost: encoding, a guided step, and whole pictures, on the plain path and on the fast one.

    python benchmarks/sampling.py [--batch 1] [--runs 3] [--precision bf16] [--compile] [--profile] [--json]

The paper's network at 256 x 256 with random weights. "plain" is float32, eager, channels first, two passes per guided
step and nothing kept between steps; what is compared with it runs in turns with it, and "ratio" is the time over the
plain one's. Peak memory is that of a process that draws one batch. The errors are relative to the largest value of what
the plain path gives; PSNR compares whole pictures of the same noise, clipped to [-1, 1].
"""

import argparse
import contextlib
import sys
from pathlib import Path

import torch
from torch.profiler import profile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import add_json_flag, gigaflop, in_process, in_turns, peak_gigabytes, report, timed
from benchmarks.workload import device, network, pairs
from config.checks import PRECISIONS
from config.errors import command
from config.flags import Parser, size, whole
from config.schema import SamplingConfig
from diffusion.machine import autocast, compile_for_sampling, set_precision, use_machine
from diffusion.samplers import guided, make_scheduler, sample
from models.plain import plain_path

RELEASE, DEFAULT = SamplingConfig("ddim", steps=50), SamplingConfig()
TIME = torch.tensor([500])


@command
def main():
    """Measure and print."""
    args = parse_args()
    use_machine()
    set_precision("no")
    here = device()
    variants = {"plain": Variant(args, plain=True), "fast": Variant(args)}
    if args.precision != "no":
        variants[args.precision] = Variant(args, args.precision)
    notes = [ceiling(here)]
    table = measured(variants, args, encode_rows) + measured(variants, args, step_rows)
    if args.compile:
        compiled = Variant(args, args.precision, compiled=True)
        first = timed(compiled.step)
        notes.append(f"Compiled, {args.precision}: {first:.1f} s to the first guided step.")
        variants = {"plain": variants["plain"], f"{args.precision}, compiled": compiled}
        table += measured(variants, args, step_rows)[1:]
    if not args.no_pictures:
        table += measured(variants, args, picture_rows)
    report("sampling", table, args.json, notes)
    if args.profile:
        print(profiled(variants[list(variants)[-1]]))


def parse_args():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--batch", type=whole("--batch", 1), default=1, help="pictures at a time (default: 1)")
    parser.add_argument("--size", type=size("--size", 64), default=(256, 256), help="HEIGHTxWIDTH (default: 256x256)")
    parser.add_argument("--runs", type=whole("--runs", 1), default=3, help="of which the median is told (default: 3)")
    parser.add_argument("--precision", choices=PRECISIONS, default="no", help="measure this one, too")
    parser.add_argument("--compile", action="store_true", help="measure compiled networks, too")
    parser.add_argument("--no-pictures", action="store_true", help="leave out whole pictures, the longest part")
    parser.add_argument("--profile", action="store_true", help="print what a guided step spends its time on")
    add_json_flag(parser)
    return parser.parse_args()


class Variant:
    """One way of computing the same: calls that can be timed."""

    def __init__(self, args, precision="no", plain=False, compiled=False):
        self.given, self.plain, self.precision, self.compiled = args, plain, precision, compiled
        self.model = network(args.size, device())
        if plain:
            self.model.to(memory_format=torch.contiguous_format)
        if compiled:
            compile_for_sampling(self.model)
        self.source_image, self.source_pose, self.target_pose, self.noise = pairs(args.batch, args.size, device())
        self.sampling = RELEASE if plain else DEFAULT
        self.denoise = self.encode()

    @torch.no_grad()
    def encode(self):
        """The guided denoiser of the pairs."""
        with self.path():
            condition = self.model.encode(self.source_image, self.source_pose, self.target_pose)
            return guided(self.model, self.target_pose, condition, 2.0)

    @torch.no_grad()
    def step(self):
        """One guided prediction."""
        with self.path():
            return self.denoise(self.noise, TIME)

    @torch.no_grad()
    def picture(self, sampling=None):
        """Whole pictures, encoding included."""
        sampling = sampling or self.sampling
        with self.path():
            scheduler = make_scheduler(sampling.sampler, sampling.steps, sampling.clip)
            return sample(self.encode(), self.noise, scheduler)

    @contextlib.contextmanager
    def path(self):
        """The way of computing."""
        with plain_path() if self.plain else contextlib.nullcontext(), autocast(device(), self.precision):
            yield


def encode_rows(variant, _, seconds):
    """What encoding costs."""
    return {"what": "encoding", **costs(variant, variant.encode, seconds)}


def step_rows(variant, plain, seconds):
    """What a guided step costs."""
    expected = plain.step()
    error = (variant.step() - expected).abs().max() / expected.abs().max()
    row = {"what": "guided step", **costs(variant, variant.step, seconds)}
    return row if variant.plain else {**row, "error": error.item()}


def picture_rows(variant, _, seconds):
    """What a picture costs, by the release's sampler on the plain path, by the default one elsewhere."""
    row = {"what": f"picture, {variant.sampling.sampler} {variant.sampling.steps}", "seconds": seconds}
    row["images/s"] = variant.given.batch / seconds
    row["peak GB"] = in_process(peak_of_picture, variant.given, variant.precision, variant.plain, variant.compiled)
    if variant.precision != "no":
        ours, exact = (v.picture(DEFAULT).clamp(-1, 1) for v in (variant, Variant(variant.given)))
        row["PSNR"] = (10 * torch.log10(4 / (ours - exact).square().mean())).item()
    return row


def measured(variants, args, rows):
    """The rows of one kind for all variants, timed in turns."""
    call = {encode_rows: "encode", step_rows: "step", picture_rows: "picture"}[rows]
    seconds = in_turns({name: getattr(variant, call) for name, variant in variants.items()}, args.runs)
    table = []
    for name, variant in variants.items():
        row = rows(variant, variants["plain"], seconds[name])
        table.append({"what": row.pop("what"), "path": name, "ratio": seconds[name] / seconds["plain"], **row})
    return table


def costs(variant, call, seconds):
    """Columns of time and work; operations are not counted in compiled code."""
    row = {"seconds": seconds, "images/s": variant.given.batch / seconds}
    if not variant.compiled:
        work = gigaflop(call)
        row |= {"GFLOP": work, "GFLOP/s": work / seconds}
    return row


def peak_of_picture(args, precision, plain, compiled):
    """Peak memory of a process that draws a batch; the number of steps does not matter to it."""
    use_machine()
    variant = Variant(argparse.Namespace(**vars(args)), precision, plain, compiled)
    variant.picture(SamplingConfig(variant.sampling.sampler, steps=5))
    return peak_gigabytes()


def ceiling(here):
    """A sentence on how fast this device multiplies at best."""
    side = 8192 if here.type == "cuda" else 2048
    rates = []
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(2, side, side, device=here, dtype=dtype)
        seconds = in_turns({"product": lambda a=a, b=b: a @ b}, 5)["product"]
        rates.append(f"{2 * side**3 / seconds / 1e9:.0f} GFLOP/s in {str(dtype).removeprefix('torch.')}")
    x = torch.randn(1, 128, 256, 256, device=here).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3, device=here).contiguous(memory_format=torch.channels_last)
    seconds = in_turns({"conv": lambda: torch.nn.functional.conv2d(x, weight, padding=1)}, 5)["conv"]
    rate = 2 * 128 * 128 * 9 * 256 * 256 / seconds / 1e9
    return f"Matrix products of {side} x {side} run at {', '.join(rates)}, a float32 convolution at {rate:.0f} GFLOP/s."


def profiled(variant):
    """A table of what a guided step spends its time on."""
    with profile() as profiler:
        variant.step()
    by = "self_device_time_total" if device().type == "cuda" else "self_cpu_time_total"
    return profiler.key_averages().table(sort_by=by, row_limit=20, max_name_column_width=50)


if __name__ == "__main__":
    main()
