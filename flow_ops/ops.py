"""Sampling operations along a flow: the public functions, each on CUDA kernels or on torch's operations.

A flow (B, 2, H, W) is in pixels of its own grid, x first: pixel p reads the source at p + flow(p). What lies outside
the source is read from its border: every tap's index is clamped, its weight is that of the unclamped position. Computed
in float32 at least, positions above all; results have the source's type.

impl: "cuda" or "torch" forces one; "auto" takes the kernels where they can run: on a GPU, for float32, float16 and
bfloat16, and windows up to 3 x 3. A GPU on which they cannot be loaded says so once. Both have first derivatives.
"""

from flow_ops import cuda_path, kernels, torch_path

IMPLEMENTATIONS = ("auto", "cuda", "torch")


def bilinear_warp(source, flow, impl="auto"):
    """Bilinear samples of `source` along `flow`.

    source: (B, C, H', W'), on a grid that may be larger than the flow's; flow: (B, 2, H, W). Returns (B, C, H, W).
    Raises ValueError for shapes, types or devices that do not go together, RuntimeError where "cuda" cannot run.
    """
    _check_warp(source, flow)
    if _on_kernels(impl, source, flow):
        return cuda_path.warp(source, flow, "bilinear")
    return torch_path.bilinear_warp(source, flow)


def gaussian_warp(source, flow, impl="auto"):
    """Samples of `source` along `flow` with a normalised Gaussian of sigma 2 over 4 x 4 taps (GFLA's resampling).

    source: (B, C, H', W'); flow: (B, 2, H, W). Returns (B, C, H, W). Where p + flow(p) crosses an integer, the set of
    taps moves and the result jumps slightly. Raises as `bilinear_warp`.
    """
    _check_warp(source, flow)
    if _on_kernels(impl, source, flow):
        return cuda_path.warp(source, flow, "gaussian")
    return torch_path.gaussian_warp(source, flow)


def flow_local_attention(source, flow, logits, kernel, impl="auto"):
    """Attention of each pixel over the k x k bilinear samples of `source` around its flow's end point.

    source: (B, C, H', W'); flow: (B, 2, H, W); logits: (B, k^2, H, W), offsets row by row from -(k // 2). Returns the
    softmax-weighted sum of the samples over k^2 (SCFM), (B, C, H, W). Raises as `bilinear_warp`.
    """
    _check_warp(source, flow)
    expected = (flow.shape[0], kernel**2, *flow.shape[2:])
    if logits.shape != expected:
        raise ValueError(f"logits: expected (B, k^2, H, W) = {expected}, got {tuple(logits.shape)}")
    _check_together(source=source, flow=flow, logits=logits)
    if _on_kernels(impl, source, flow, logits, kernel=kernel):
        return cuda_path.warp(source, flow, f"attention{kernel}", logits)
    return torch_path.flow_local_attention(source, flow, logits, kernel)


def self_correlation(x, radius, stride=2, impl="auto"):
    """Correlation of x with itself at displacements stride (i, j), |i|, |j| <= radius // 2; zero outside.

    x: (B, C, H, W). Returns the means over C, (B, (2 (radius // 2) + 1)^2, H, W), dy outer and dx inner. Raises as
    `bilinear_warp`.
    """
    _check_map("x", x)
    if _on_kernels(impl, x):
        return cuda_path.self_correlation(x, radius, stride)
    return torch_path.self_correlation(x, radius, stride)


def _on_kernels(impl, *tensors, kernel=1):
    """Whether the kernels are to run. Raises ValueError for an unknown impl, RuntimeError if "cuda" cannot run."""
    if impl not in IMPLEMENTATIONS:
        raise ValueError(f"impl: expected one of {', '.join(IMPLEMENTATIONS)}, got {impl!r}")
    if impl == "torch":
        return False
    if any(tensor.dtype not in cuda_path.DTYPES for tensor in tensors):
        reason = f"they know {', '.join(cuda_path.DTYPES.values())} only"
    elif kernel not in cuda_path.ATTENTION_KERNELS:
        reason = f"they know windows of sides {', '.join(map(str, cuda_path.ATTENTION_KERNELS))} only"
    else:
        reason = kernels.unusable_because(tensors[0].device)
    if reason and impl == "cuda":
        raise RuntimeError(f"impl='cuda': the kernels cannot run here, since {reason}")
    return not reason


def _check_warp(source, flow):
    _check_map("source", source)
    _check_map("flow", flow)
    if flow.shape[:2] != (len(source), 2):
        raise ValueError(f"flow: expected (B, 2, H, W) with B = {len(source)}, got {tuple(flow.shape)}")
    _check_together(source=source, flow=flow)


def _check_map(name, x):
    if x.dim() != 4 or not x.is_floating_point():
        raise ValueError(f"{name}: expected floating point (B, C, H, W), got {x.dtype} of shape {tuple(x.shape)}")
    if 0 in x.shape[1:]:
        raise ValueError(f"{name}: expected at least one channel and one pixel, got {tuple(x.shape)}")


def _check_together(**tensors):
    (first, source), *others = tensors.items()
    for name, tensor in others:
        if tensor.device != source.device:
            raise ValueError(f"{name}: is on {tensor.device}, and {first} on {source.device}")
