"""The operations on CUDA kernels, as torch's custom operators: with gradients, and known to torch.compile.

What is called "taps" here are the warps: sums over N x N pixels of the source around each end point of the flow, with
weights that follow from the flow and, in the kinds "attention1" to "attention3", from logits (see kernels.cu).
"""

import torch

from flow_ops import kernels
from flow_ops.kernels import launch

DTYPES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
TAPS = {"bilinear": 2**2, "gaussian": 4**2, "attention1": 2**2, "attention2": 3**2, "attention3": 4**2}
ATTENTION_KERNELS = (1, 2, 3)  # Sides k of the window, as kernels.cu has them.


def warp(source, flow, kind, logits=None):
    """Sums over the taps of `kind`: source (B, C, H', W'), flow (B, 2, H, W) -> (B, C, H, W), stored channels last."""
    channels = source.shape[1]
    logits = None if logits is None else logits.float().contiguous()
    return taps(_packed(source), flow.float().contiguous(), logits, kind)[:, :channels]


def self_correlation(x, radius, stride):
    """As flow_ops.self_correlation: x (B, C, H, W) -> (B, D^2, H, W)."""
    return (correlation(_packed(x), radius // 2, stride) / x.shape[1]).type_as(x)


def _packed(x):
    """x channels last in memory, its channels padded to whole packs. So autograd saves it, and converts it once."""
    missing = -x.shape[1] % (16 // x.element_size())
    if missing:
        x = torch.nn.functional.pad(x, (0, 0, 0, 0, 0, missing))
    return x.contiguous(memory_format=torch.channels_last)


@torch.library.custom_op("flow_ops::taps", mutates_args=())
def taps(source: torch.Tensor, flow: torch.Tensor, logits: torch.Tensor | None, kind: str) -> torch.Tensor:
    """source (B, C, H', W') in whole packs of channels; flow, logits float32."""
    source, flow, logits = _laid_out(source), flow.contiguous(), _contiguous(logits)
    batch, channels, height, width = source.shape
    rows, columns = flow.shape[2:]
    out = _empty(source, rows, columns)
    launch(
        f"{kind}_forward_{DTYPES[source.dtype]}", batch * rows * columns * kernels.LANES, source, flow, logits, out,
        batch, channels, height, width, rows, columns,
    )  # fmt: skip
    return out


@taps.register_fake
def _(source, flow, logits, kind):  # noqa: ARG001
    return _empty(source, *flow.shape[2:])


@torch.library.custom_op("flow_ops::taps_backward", mutates_args=())
def taps_backward(
    source: torch.Tensor,
    flow: torch.Tensor,
    logits: torch.Tensor | None,
    gradient: torch.Tensor,
    kind: str,
    of_source: bool,
    of_flow: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of source, flow and logits; those not asked for, or of what is not there, are empty."""
    source, gradient = _laid_out(source), _laid_out(gradient)
    weighed = flow, logits = flow.contiguous(), _contiguous(logits)
    batch, channels, height, width = source.shape
    sizes = batch, channels, height, width, *flow.shape[2:]
    threads, dtype = flow[:, 0].numel() * kernels.LANES, DTYPES[source.dtype]
    to_source, to_flow, to_logits = _gradients(source, flow, logits, of_source, of_flow)
    if of_flow:
        launch(f"{kind}_backward_{dtype}", threads, source, *weighed, gradient, to_flow, to_logits, *sizes)
    if of_source and torch.are_deterministic_algorithms_enabled():
        _collect(to_source, weighed, gradient, kind)
    elif of_source:
        total = to_source.zero_() if source.dtype == torch.float32 else torch.zeros_like(source, dtype=torch.float32)
        launch(f"{kind}_scatter_{dtype}", threads, *weighed, gradient, total, *sizes)
        to_source.copy_(total)
    return to_source, to_flow, to_logits


@taps_backward.register_fake
def _(source, flow, logits, gradient, kind, of_source, of_flow):  # noqa: ARG001
    return _gradients(source, flow, logits, of_source, of_flow)


def _gradients(source, flow, logits, of_source, of_flow):
    return (  # None of them shares memory: outputs of an operator must not.
        torch.empty_like(source) if of_source else source.new_empty(0),
        torch.empty_like(flow) if of_flow else flow.new_empty(0),
        torch.empty_like(logits) if of_flow and logits is not None else flow.new_empty(0),
    )


def _collect(to_source, weighed, gradient, kind):
    """The source's gradient with its terms in one order, whatever the threads do: sorted by the pixel they go to."""
    batch, channels, height, width = to_source.shape
    rows, columns = gradient.shape[2:]
    per_pixel, pixels = TAPS[kind], batch * rows * columns
    index = torch.empty(pixels * per_pixel, dtype=torch.int64, device=gradient.device)
    weights = torch.empty(pixels * per_pixel, dtype=torch.float32, device=gradient.device)
    launch(f"{kind}_list", pixels, *weighed, index, weights, batch, height, width, rows, columns)
    index, order = torch.sort(index, stable=True)
    start = torch.searchsorted(index, torch.arange(batch * height * width + 1, device=index.device))
    launch(
        f"collect_{DTYPES[gradient.dtype]}", batch * height * width * kernels.LANES, gradient, order, start, weights,
        to_source, batch * height * width, channels, per_pixel,
    )  # fmt: skip


def _save_for_taps(ctx, inputs, output):  # noqa: ARG001
    source, flow, logits, ctx.kind = inputs
    ctx.save_for_backward(source, flow, logits)


def _taps_gradients(ctx, gradient):
    source, flow, logits = ctx.saved_tensors
    of_source, of_flow = ctx.needs_input_grad[0], any(ctx.needs_input_grad[1:3])
    to_source, to_flow, to_logits = taps_backward(source, flow, logits, gradient, ctx.kind, of_source, of_flow)
    return (
        to_source if of_source else None,
        to_flow if ctx.needs_input_grad[1] else None,
        to_logits if ctx.needs_input_grad[2] else None,
        None,
    )


def _taps_under_autocast(source, flow, logits, kind):
    """The source keeps its type, which autocast chose before; positions and logits are float32, whatever it says."""
    with torch.autocast(source.device.type, enabled=False):
        return taps(source, flow.float(), None if logits is None else logits.float(), kind)


taps.register_autograd(_taps_gradients, setup_context=_save_for_taps)


@torch.library.custom_op("flow_ops::correlation", mutates_args=())
def correlation(x: torch.Tensor, reach: int, stride: int) -> torch.Tensor:
    """Sums over channels: x (B, C, H, W), whole packs -> float32 (B, (2 reach + 1)^2, H, W)."""
    x = _laid_out(x)
    batch, channels, rows, columns = x.shape
    out = torch.empty(batch, (2 * reach + 1) ** 2, rows, columns, device=x.device)
    sizes = batch, channels, rows, columns, reach, stride
    launch(f"correlation_forward_{DTYPES[x.dtype]}", out.numel() * kernels.LANES, x, out, *sizes)
    return out


@correlation.register_fake
def _(x, reach, stride):  # noqa: ARG001
    return x.new_empty((len(x), (2 * reach + 1) ** 2, *x.shape[2:]), dtype=torch.float32)


@torch.library.custom_op("flow_ops::correlation_backward", mutates_args=())
def correlation_backward(x: torch.Tensor, gradient: torch.Tensor, reach: int, stride: int) -> torch.Tensor:
    """The gradient of x."""
    x = _laid_out(x)
    to_x = torch.empty_like(x)
    batch, channels, rows, columns = x.shape
    sizes = batch, channels, rows, columns, reach, stride
    threads = batch * rows * columns * kernels.LANES
    launch(f"correlation_backward_{DTYPES[x.dtype]}", threads, x, gradient.contiguous(), to_x, *sizes)
    return to_x


@correlation_backward.register_fake
def _(x, gradient, reach, stride):  # noqa: ARG001
    return torch.empty_like(x)


def _save_for_correlation(ctx, inputs, output):  # noqa: ARG001
    x, ctx.reach, ctx.stride = inputs
    ctx.save_for_backward(x)


def _correlation_gradients(ctx, gradient):
    return correlation_backward(*ctx.saved_tensors, gradient, ctx.reach, ctx.stride), None, None


correlation.register_autograd(_correlation_gradients, setup_context=_save_for_correlation)


def _empty(source, rows, columns):
    shape = *source.shape[:2], rows, columns
    return torch.empty(shape, dtype=source.dtype, device=source.device, memory_format=torch.channels_last)


def _laid_out(x):
    """x channels last, at an address that packs can be read from. (What autograd saved may have been moved.)"""
    x = x.contiguous(memory_format=torch.channels_last)
    return x if x.data_ptr() % 16 == 0 else x.clone(memory_format=torch.channels_last)


def _contiguous(x):
    return None if x is None else x.contiguous()


_library = torch.library.Library("flow_ops", "FRAGMENT")
for _key in ("AutocastCUDA", "AutocastCPU"):
    _library.impl("taps", _taps_under_autocast, _key)
