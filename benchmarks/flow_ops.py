"""Time and bytes of each sampling operation at the paper's shapes, on CUDA kernels, on torch, and on F.grid_sample.

    python benchmarks/flow_ops.py [--batches 1,8,32] [--dtype float32]

Each row is the median of repeated runs, forward alone and with the backward pass. GB/s counts what an operation must
read and write once (source, flow, logits, output; for the backward pass their gradients too), beside those of a plain
copy measured in the same run; "ratio" is the time of torch's composed operations over this one's.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.benchmark import Timer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import flow_ops
from config.flags import Parser
from flow_ops import kernels, reference
from system.errors import InputError, command

SHAPES = ((8, 256, 3, 4), (16, 512, 2, 3), (32, 512, 1, 2))  # Stride, channels, window, radius of the correlation.
IMAGE = 256
ROW = "{:>3} {:>3}  {:22}{:13}{:>9}{:>8}{:>9}{:>13}{:>8}{:>9}"


@command
def main():
    """Measure one operation after the other and print."""
    parser = Parser(__doc__)
    parser.add_argument("--batches", default="1,8,32", help="comma separated (default: 1,8,32)")
    parser.add_argument("--dtype", choices=("float32", "float16", "bfloat16"), default="float32")
    args = parser.parse_args()
    if not all(word.isdecimal() and int(word) > 0 for word in args.batches.split(",")):
        raise InputError(f"--batches: expected whole numbers such as 1,8,32, got {args.batches!r}")
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    dtype = getattr(torch, args.dtype)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}, torch {torch.__version__}, {args.dtype}; a copy runs at {copy_speed(device):.1f} GB/s")
    if kernels.unusable_because(device):
        print(f"without CUDA kernels, since {kernels.unusable_because(device)}")
    print(ROW.format("s", "B", "operation", "runs on", "forward", "GB/s", "ratio", "+ backward", "GB/s", "ratio"))
    for stride, channels, window, radius in SHAPES:
        for batch in map(int, args.batches.split(",")):
            for operation, tensors, calls in operations(device, dtype, stride, channels, window, radius, batch):
                measure(stride, batch, operation, tensors, calls)


def operations(device, dtype, stride, channels, window, radius, batch):
    """(operation, tensors, implementation -> function of the tensors) at one stride."""
    side = IMAGE // stride
    source = torch.randn(batch, channels, side, side, device=device, dtype=dtype)
    flow = 2 * torch.randn(batch, 2, side, side, device=device)
    logits = torch.randn(batch, window**2, side, side, device=device)
    available = ["torch"] if kernels.unusable_because(device) else ["torch", "cuda"]

    def each(name, *rest):
        return {impl: lambda *x, impl=impl: getattr(flow_ops, name)(*x, *rest, impl=impl) for impl in available}

    plain = {"composed": reference.bilinear_warp, "grid_sample": grid_sample}
    yield "bilinear_warp", (source, flow), plain | each("bilinear_warp")
    yield "gaussian_warp", (source, flow), {"composed": reference.gaussian_warp} | each("gaussian_warp")
    plain = {"composed": lambda source, flow, logits: reference.flow_local_attention(source, flow, logits, window)}
    yield "flow_local_attention", (source, flow, logits), plain | each("flow_local_attention", window)
    plain = {"composed": lambda x: reference.self_correlation(x, radius)}
    yield "self_correlation", (source,), plain | each("self_correlation", radius)


def grid_sample(source, flow):
    """bilinear_warp by torch's own sampler."""
    y, x = reference.positions(flow)
    height, width = source.shape[2:]
    grid = torch.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], dim=-1).to(source.dtype)
    return F.grid_sample(source, grid, padding_mode="border", align_corners=True)


def measure(stride, batch, operation, tensors, calls):
    """Print a row for each implementation; the first is what the others are compared with."""
    tensors = [x.requires_grad_() for x in tensors]
    first = None
    for implementation, call in calls.items():
        out = call(*tensors)
        gradient = torch.randn_like(out)
        given = sum(x.numel() * x.element_size() for x in tensors)
        made = out.numel() * out.element_size()
        forward = seconds(lambda call=call: without_gradients(call, tensors))
        both = seconds(lambda call=call, g=gradient: torch.autograd.grad(call(*tensors), tensors, g))
        first = first or (forward, both)
        row = [stride, batch, operation, implementation, milliseconds(forward), f"{(given + made) / forward / 1e9:.1f}"]
        row += [f"{first[0] / forward:.2f}x", milliseconds(both), f"{(3 * given + 2 * made) / both / 1e9:.1f}"]
        print(ROW.format(*row, f"{first[1] / both:.2f}x"), flush=True)


@torch.no_grad()
def without_gradients(call, tensors):
    """The forward pass alone."""
    return call(*tensors)


def copy_speed(device):
    """GB/s read and written by copying 256 MB."""
    x = torch.empty(1 << 26, device=device)
    y = torch.empty_like(x)
    return 2 * x.nbytes / seconds(lambda: y.copy_(x)) / 1e9


def seconds(call):
    """The median time of a call, the device's work included."""
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    return timer.blocked_autorange(min_run_time=0.2).median


def milliseconds(time):
    """A time as it is printed."""
    return f"{1e3 * time:.3f} ms"


if __name__ == "__main__":
    main()
