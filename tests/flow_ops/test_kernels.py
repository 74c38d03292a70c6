"""The CUDA source itself, compiled for the CPU, through the custom operators, against the definitions in float64."""

import numpy as np
import pytest
import torch

import flow_ops
from flow_ops import cuda_path, kernels, reference
from models.flow_attention import FlowAttention
from tests.flow_ops.test_flow_ops import inputs

TOLERANCES = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}

pytestmark = pytest.mark.usefixtures("on_host")


def operations(kernel, channels=5):
    source, flow, logits = inputs(kernel)
    source = torch.randn(2, channels, 9, 8, dtype=torch.float64)
    return {
        "bilinear_warp": ((source, flow), ()),
        "gaussian_warp": ((source, flow), ()),
        "flow_local_attention": ((source, flow, logits), (kernel,)),
        "self_correlation": ((source,), (4,)),
    }


def results(module, name, tensors, rest, gradient=None, **options):
    """The output and the gradients of all tensors."""
    leaves = [x.detach().clone().requires_grad_() for x in tensors]
    out = getattr(module, name)(*leaves, *rest, **options)
    gradient = torch.ones_like(out) if gradient is None else gradient.to(out.dtype)
    return [out, *torch.autograd.grad(out, leaves, gradient)]


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("kernel", "channels"), [(1, 8), (2, 5), (3, 16)])
def test_kernels_equal_the_definitions_forward_and_backward(kernel, channels, dtype, deterministic):
    torch.use_deterministic_algorithms(deterministic)
    try:
        for name, (tensors, rest) in operations(kernel, channels).items():
            exact = [tensors[0].to(dtype).double(), *(x.float().double() for x in tensors[1:])]
            given = [exact[0].to(dtype), *(x.float() for x in exact[1:])]
            gradient = torch.randn_like(getattr(reference, name)(*exact, *rest)).to(dtype)
            expected = results(reference, name, exact, rest, gradient.double())
            ours = results(flow_ops, name, given, rest, gradient, impl="cuda")
            assert ours[0].dtype == dtype
            for mine, true in zip(ours, expected, strict=True):
                error = (mine.double() - true).abs().max() / true.abs().max().clamp(min=1e-30)
                assert error < TOLERANCES[dtype], (name, mine.shape)
    finally:
        torch.use_deterministic_algorithms(False)


def attended(leaves, kernel, impl):
    source, flow, logits = leaves
    return flow_ops.flow_local_attention(source, flow, logits, kernel, impl=impl)


def example(dtype=torch.float32):
    source, flow, logits = inputs(3)
    source = torch.randn(2, 8, 9, 8, dtype=dtype).contiguous(memory_format=torch.channels_last)
    return source.requires_grad_(), flow.float().requires_grad_(), logits.float().requires_grad_()


def test_operators_are_what_torch_expects_of_them():
    source, flow, logits = example()
    torch.library.opcheck(cuda_path.taps, (source, flow, None, "bilinear"))
    torch.library.opcheck(cuda_path.taps, (source, flow, None, "gaussian"))
    torch.library.opcheck(cuda_path.taps, (source, flow, logits, "attention3"))
    torch.library.opcheck(cuda_path.correlation, (source, 2, 2))
    source, flow, logits = (x.detach() for x in (source, flow, logits))
    gradient = torch.randn(2, 8, 7, 6).contiguous(memory_format=torch.channels_last)
    torch.library.opcheck(cuda_path.taps_backward, (source, flow, logits, gradient, "attention3", True, True))
    torch.library.opcheck(cuda_path.correlation_backward, (source, torch.randn(2, 25, 9, 8), 2, 2))


def everything(source, flow, logits, impl):
    out = flow_ops.flow_local_attention(source, flow, logits, 3, impl=impl)
    out = out + flow_ops.bilinear_warp(source, flow, impl=impl) * flow_ops.gaussian_warp(source, flow, impl=impl)
    return out.square().mean() + flow_ops.self_correlation(source, 4, impl=impl).square().mean()


@pytest.mark.parametrize("impl", ["cuda", "torch"])
def test_operations_compile_into_one_graph_forward_and_backward(impl):
    tensors = example()
    expected = everything(*tensors, impl)
    compiled = torch.compile(everything, fullgraph=True)(*tensors, impl)
    torch.testing.assert_close(compiled, expected)
    for ours, plain in zip(
        torch.autograd.grad(compiled, tensors), torch.autograd.grad(expected, tensors), strict=True
    ):  # fmt: skip
        torch.testing.assert_close(ours, plain)


def test_positions_keep_their_digits_under_autocast():
    source, flow, logits = (x.detach() for x in example(torch.bfloat16))
    expected = cuda_path.taps(source, flow, logits, "attention3")
    with torch.autocast("cpu", torch.bfloat16):
        ours = cuda_path.taps(source, flow, logits, "attention3")
        assert torch.equal(cuda_path.taps(source, flow.double(), logits.double(), "attention3"), ours)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, expected)


def test_second_derivatives_are_refused_clearly():
    source, flow, _ = example()
    out = flow_ops.gaussian_warp(source, flow, impl="cuda").square().sum()
    first = torch.autograd.grad(out, flow, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="taps_backward"):
        torch.autograd.grad(first.sum(), flow)


def test_the_deterministic_gradient_is_collected_in_order_and_is_that_of_the_other_way(on_host):
    source, flow, logits = example()
    arguments = source.detach(), flow.detach(), logits.detach()
    gradient = torch.randn(2, 8, 7, 6).contiguous(memory_format=torch.channels_last)
    plain = cuda_path.taps_backward(*arguments, gradient, "attention3", True, False)[0]
    torch.use_deterministic_algorithms(True)
    try:
        collected = [cuda_path.taps_backward(*arguments, gradient, "attention3", True, False)[0] for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(False)
    assert on_host == ["attention3_scatter_float32", *2 * ["attention3_list", "collect_float32"]]
    assert torch.equal(*collected)
    torch.testing.assert_close(collected[0], plain)


def test_eight_lanes_share_a_pixel_as_one_does(monkeypatch):
    monkeypatch.setattr(kernels, "LANES", 8)
    for name, (tensors, rest) in operations(2, channels=40).items():
        given = [x.float()[:1, :, :3, :2] if x is not tensors[0] else x.float()[:1] for x in tensors]
        given = given if len(given) > 1 else [given[0][:, :, :3, :3]]
        ours, plain = (results(flow_ops, name, given, rest, impl=impl) for impl in ("cuda", "torch"))
        for mine, true in zip(ours, plain, strict=True):
            torch.testing.assert_close(mine, true, rtol=1e-4, atol=1e-5)


def test_sums_in_bfloat16_are_those_in_float32_rounded_once_to_the_nearest():
    source, flow, logits = (x.detach() for x in example(torch.bfloat16))
    ours = flow_ops.flow_local_attention(source, flow, logits, 3, impl="cuda")
    exact = flow_ops.flow_local_attention(source.float(), flow, logits, 3, impl="cuda")
    assert torch.equal(ours, exact.bfloat16())
    ties = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, torch.nan]).view(1, 4, 1, 1).expand(1, 4, 1, 2).clone()
    halves = torch.stack([ties.bfloat16(), (2 * ties - ties.bfloat16().float()).bfloat16()], dim=-1)[..., 0, :]
    middle = flow_ops.bilinear_warp(halves, torch.tensor([0.5, 0.0]).view(1, 2, 1, 1), impl="cuda")
    assert torch.equal(middle[:, :3], halves.float().mean(dim=3, keepdim=True).bfloat16()[:, :3])
    assert middle[0, 3].isnan().all()


def test_large_logits_do_not_overflow():
    source, flow, logits = (x.detach() for x in example())
    ours, plain = (flow_ops.flow_local_attention(source, flow, 1e4 * logits, 3, impl=i) for i in ("cuda", "torch"))
    torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize(("radius", "stride"), [(3, 2), (2, 1), (4, 3), (1, 2)])
def test_correlations_of_other_reach_and_stride_equal_the_definition(radius, stride):
    x = example()[0].detach()
    ours, plain = (results(flow_ops, "self_correlation", (x,), (radius, stride), impl=i) for i in ("cuda", "torch"))
    for mine, true in zip(ours, plain, strict=True):
        torch.testing.assert_close(mine, true)


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_each_gradient_can_be_asked_for_alone(wanted):
    leaves = [x.detach().requires_grad_(n == wanted) for n, x in enumerate(example())]
    gradients = [
        torch.autograd.grad(attended(leaves, 3, impl).square().sum(), leaves[wanted])[0] for impl in ("cuda", "torch")
    ]
    torch.testing.assert_close(*gradients)


def test_saved_tensors_may_come_back_in_another_layout():
    leaves = example()
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x.contiguous(), lambda x: x):
        out = attended(leaves, 3, "cuda")
    expected = attended(leaves, 3, "torch")
    for ours, plain in zip(
        torch.autograd.grad(out.sum(), leaves), torch.autograd.grad(expected.sum(), leaves), strict=True
    ):  # fmt: skip
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_packs_are_read_from_whole_addresses_only(on_host, monkeypatch):
    seen = []
    start = kernels.STARTERS["cpu"]
    monkeypatch.setitem(kernels.STARTERS, "cpu", lambda *call: (seen.append(call[3]), start(*call)))
    source, flow, _ = (x.detach() for x in example())
    memory = torch.empty(source.numel() + 1)[1:]
    shifted = memory.as_strided(source.shape, source.stride()).copy_(source)
    assert shifted.data_ptr() % 16
    ours = flow_ops.bilinear_warp(shifted, flow, impl="cuda")
    assert on_host == ["bilinear_forward_float32"]
    assert seen[0][0] % 16 == 0
    torch.testing.assert_close(ours, flow_ops.bilinear_warp(source, flow, impl="torch"))


def test_flow_attention_is_the_same_on_kernels(on_host, monkeypatch):
    attention = FlowAttention(32, 32, 3, 4)
    tensors = [torch.randn(2, 32, 8, 8), torch.randn(2, 32, 8, 8), torch.randn(2, 2, 8, 8), torch.rand(2, 1, 8, 8)]
    leaves = [*(x.requires_grad_() for x in tensors), *attention.parameters()]
    out, _ = attention(tensors[0], attention.prepare(*tensors[1:]))
    ours = [out, *torch.autograd.grad(out.sum(), leaves)]
    assert {name.rsplit("_", 2)[0] for name in on_host} == {"gaussian", "attention3", "bilinear", "correlation"}
    monkeypatch.delitem(kernels.STARTERS, "cpu")
    out, _ = attention(tensors[0], attention.prepare(*tensors[1:]))
    for mine, plain in zip(ours, [out, *torch.autograd.grad(out.sum(), leaves)], strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-3, atol=1e-4)


def layouts(x):
    """The same tensor in other places of memory."""
    yield x.contiguous(memory_format=torch.channels_last)
    yield x.transpose(2, 3).contiguous().transpose(2, 3)
    yield torch.cat([x, x], dim=1)[:, : x.shape[1]]
    yield torch.cat([torch.zeros(1), x.flatten()])[1:].view(x.shape)  # Off its alignment by four bytes.
    yield x.flip(3).flip(3).expand(x.shape)


def test_tensors_may_lie_in_memory_as_they_like():
    source, flow, logits = (x.detach() for x in example())
    expected = flow_ops.flow_local_attention(source, flow, logits, 3, impl="torch")
    correlation = flow_ops.self_correlation(source, 4, impl="torch")
    for ours in zip(layouts(source), layouts(flow), layouts(logits), strict=True):
        torch.testing.assert_close(flow_ops.flow_local_attention(*ours, 3, impl="cuda"), expected)
        torch.testing.assert_close(flow_ops.self_correlation(ours[0], 4, impl="cuda"), correlation)


@pytest.mark.parametrize(("batch", "height", "width"), [(0, 4, 4), (1, 1, 1), (2, 1, 5), (3, 33, 1)])
def test_empty_batches_and_single_pixels_work(batch, height, width):
    source, flow = torch.randn(batch, 3, height, width), torch.randn(batch, 2, height, width)
    logits = torch.randn(batch, 4, height, width)
    leaves = [x.requires_grad_() for x in (source, flow, logits)]
    results = []
    for impl in ("cuda", "torch"):
        out = attended(leaves, 2, impl)
        correlation = flow_ops.self_correlation(source, 2, impl=impl)
        results.append([out, correlation, *torch.autograd.grad(out.sum() + correlation.sum(), leaves)])
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e9, -1e30])
def test_absurd_flows_read_inside_the_image(value):
    source, flow, logits = (x.detach() for x in example())
    flow[0, 0, 3, 2] = flow[1, 1, 0, 0] = value
    leaves = [x.requires_grad_() for x in (source, flow, logits)]
    out = attended(leaves, 3, "cuda")
    gradients = torch.autograd.grad(out.sum(), leaves)
    expected = attended(leaves, 3, "torch")
    good = torch.ones(2, 1, 7, 6, dtype=torch.bool)
    good[0, 0, 3, 2] = good[1, 0, 0, 0] = False
    assert torch.equal(out.isnan() & good, torch.zeros_like(out, dtype=torch.bool))
    torch.testing.assert_close(out.masked_fill(~good, 0), expected.masked_fill(~good, 0))
    assert gradients[0].shape == source.shape


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_offsets_reach_beyond_two_to_the_31_elements(start_on_host, tmp_path, dtype):
    """Only the last image of a source of 2^31 elements and more is looked at; the rest takes no room on the disk."""
    channels, height, width, item = 8, 16, 16, {"float32": np.float32, "bfloat16": np.uint16}[dtype]
    batch = 2**31 // (channels * height * width) + 1
    shape = (batch, height, width, channels)
    source = np.memmap(tmp_path / "source", item, "w+", shape=shape)
    source[-1] = 0x3F80 if dtype == "bfloat16" else 1  # One, in both types.
    out = np.memmap(tmp_path / "out", item, "w+", shape=(batch, 1, 1, channels))
    to_source = np.memmap(tmp_path / "gradient", np.float32, "w+", shape=shape)
    flow = np.full((batch, 2), 3.25, np.float32)
    sizes = batch, channels, height, width, 1, 1
    last = (batch - 1) // kernels.THREADS

    def at(array):
        return array.ctypes.data

    start_on_host(f"gaussian_forward_{dtype}", last, 1, [at(source), at(flow), 0, at(out), *sizes])
    assert (out[-1] == source[-1, 0, 0, 0]).all()
    start_on_host(f"gaussian_scatter_{dtype}", last, 1, [at(flow), 0, at(out), at(to_source), *sizes])
    np.testing.assert_allclose(to_source[-1].sum(axis=(0, 1)), 1, rtol=1e-6)
    assert to_source[-1, 2:6, 2:6].all()
