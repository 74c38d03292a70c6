import numpy as np
import pytest
import torch
import torch.nn.functional as F

import flow_ops
from flow_ops import reference

HEIGHT, WIDTH = 7, 6


def inputs(kernel, spread=4.0, dtype=torch.float64):
    """Source (larger than the flow's grid), flow that reaches far outside on every side, logits."""
    source = torch.randn(2, 5, 9, 8, dtype=dtype)
    flow = torch.randn(2, 2, HEIGHT, WIDTH, dtype=dtype) * spread
    flow[:, :, 0, 0], flow[:, :, -1, -1] = -20.0, 20.0
    # A margin from the integers, where all these functions have a kink or a jump.
    flow = flow.floor() + 0.1 + 0.8 * torch.rand_like(flow)
    return source, flow, torch.randn(2, kernel**2, HEIGHT, WIDTH, dtype=dtype)


def operations(kernel):
    source, flow, logits = inputs(kernel)
    return [
        ("bilinear_warp", (source, flow), ()),
        ("gaussian_warp", (source, flow), ()),
        ("flow_local_attention", (source, flow, logits), (kernel,)),
        ("self_correlation", (source,), (4,)),
    ]


def differentiable(kernel):
    """The operations on two channels: all for kernel 1, for others those that depend on it."""
    for name, (source, *others), rest in operations(kernel):
        if kernel == 1 or name == "flow_local_attention":
            yield name, (source[:, :2].contiguous(), *others), rest


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_operations_equal_their_reference_forward_and_backward(kernel):
    for name, tensors, rest in operations(kernel):
        results = []
        for module in (flow_ops, reference):
            leaves = [x.clone().requires_grad_() for x in tensors]
            out = getattr(module, name)(*leaves, *rest)
            results.append([out, *torch.autograd.grad(out.sin().sum(), leaves)])
        for ours, plain in zip(*results, strict=True):
            torch.testing.assert_close(ours, plain, msg=name)


@pytest.mark.parametrize("kernel", [1, pytest.param(2, marks=pytest.mark.long), 3])
def test_gradients_equal_finite_differences_also_outside_the_image(kernel):
    for name, tensors, rest in differentiable(kernel):
        leaves = [x.requires_grad_() for x in tensors]
        assert torch.autograd.gradcheck(lambda *x, name=name, rest=rest: getattr(flow_ops, name)(*x, *rest), leaves)


def test_bilinear_warp_equals_grid_sample_with_border():
    source, flow, _ = inputs(1)
    y, x = reference.positions(flow)
    grid = torch.stack([2 * x / (source.shape[3] - 1) - 1, 2 * y / (source.shape[2] - 1) - 1], dim=-1)
    expected = F.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=True)
    torch.testing.assert_close(flow_ops.bilinear_warp(source, flow), expected)


@pytest.mark.parametrize("shift", [-9, -1, 0, 1, 9])
def test_bilinear_warp_at_integer_positions_is_the_shifted_image_with_the_slope_to_the_next_pixel(shift):
    source = torch.randn(1, 3, HEIGHT, WIDTH, dtype=torch.float64)
    flow = torch.full((1, 2, HEIGHT, WIDTH), float(shift), dtype=torch.float64, requires_grad=True)
    rows = (torch.arange(HEIGHT) + shift).clamp(0, HEIGHT - 1)
    columns = (torch.arange(WIDTH) + shift).clamp(0, WIDTH - 1)
    out = flow_ops.bilinear_warp(source, flow)
    torch.testing.assert_close(out, source[:, :, rows][:, :, :, columns])

    next_columns = (torch.arange(WIDTH) + shift + 1).clamp(0, WIDTH - 1)
    slope = (source[:, :, rows][:, :, :, next_columns] - out).sum(dim=1)
    torch.testing.assert_close(torch.autograd.grad(out.sum(), flow)[0][:, 0], slope.detach())


@pytest.mark.parametrize("shift", [-9.0, -1.0, 0.0, 3.0])
def test_gaussian_warp_at_integer_positions_has_the_derivative_from_the_right(shift):
    source = torch.randn(1, 3, HEIGHT, WIDTH, dtype=torch.float64)
    flow = torch.full((1, 2, HEIGHT, WIDTH), shift, dtype=torch.float64, requires_grad=True)
    out = flow_ops.gaussian_warp(source, flow).sum(dim=1)
    slope = torch.autograd.grad(out.sum(), flow)[0][:, 0]
    step = torch.tensor([1e-6, 0.0])[:, None, None]
    nearby = flow_ops.gaussian_warp(source, (flow + step).detach()).sum(dim=1)
    torch.testing.assert_close(slope, (nearby - out.detach()) / 1e-6, rtol=1e-4, atol=1e-5)


def test_gaussian_warp_keeps_a_constant_and_blurs_an_impulse_as_a_gaussian():
    flow = inputs(1)[1]
    constant = flow_ops.gaussian_warp(torch.ones(2, 1, 9, 8, dtype=torch.float64), flow)
    torch.testing.assert_close(constant, torch.ones_like(constant))

    impulse = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    impulse[0, 0, 4, 4] = 1
    row = flow_ops.gaussian_warp(impulse, torch.zeros(1, 2, 9, 9, dtype=torch.float64))[0, 0, 4]
    # Seen from column x, the taps are x - 1 .. x + 2: column 4 is a tap of columns 2 to 5.
    weights = np.exp(-(np.arange(-1, 3) ** 2) / 8)
    shares = torch.from_numpy(weights / weights.sum())
    torch.testing.assert_close(row[2:6], shares.flip(0) * shares[1])
    assert not row[:2].any()
    assert not row[6:].any()


def test_local_attention_with_one_large_logit_is_that_sample_over_k_squared():
    source, flow, logits = inputs(3)
    logits.zero_()[:, 5] = 1e4  # Row 1, column 2 of the window: dy = 0, dx = 1.
    shifted = flow + torch.tensor([1.0, 0.0], dtype=flow.dtype)[:, None, None]
    expected = flow_ops.bilinear_warp(source, shifted) / 9
    torch.testing.assert_close(flow_ops.flow_local_attention(source, flow, logits, 3), expected)


def test_an_even_window_reaches_further_up_and_left():
    assert reference.window(2) == [(-1, -1), (-1, 0), (0, -1), (0, 0)]
    assert reference.window(3)[0] == (-1, -1)
    assert reference.window(3)[-1] == (1, 1)


def test_self_correlation_pairs_each_pixel_with_its_displaced_ones():
    x = torch.randn(2, 4, 6, 5, dtype=torch.float64)
    out = flow_ops.self_correlation(x, radius=3)
    assert out.shape == (2, 9, 6, 5)
    for channel, (dy, dx) in enumerate((i, j) for i in (-2, 0, 2) for j in (-2, 0, 2)):
        for row in range(6):
            for column in range(5):
                inside = 0 <= row + dy < 6 and 0 <= column + dx < 5
                other = x[:, :, row + dy, column + dx] if inside else torch.zeros(2, 4, dtype=x.dtype)
                expected = (x[:, :, row, column] * other).mean(dim=1)
                torch.testing.assert_close(out[:, channel, row, column], expected)


def test_results_keep_the_type_of_the_source_and_positions_keep_their_digits():
    source = torch.arange(4096.0).view(1, 1, 1, 4096).half()
    flow = torch.full((1, 2, 1, 4096), 0.25)
    out = flow_ops.bilinear_warp(source, flow)
    assert out.dtype == torch.float16
    torch.testing.assert_close(out[0, 0, 0, :2000], (torch.arange(2000.0) + 0.25).half())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e30, 1e9])
def test_absurd_flows_read_inside_the_image(value):
    source = torch.randn(1, 2, 4, 4)
    for name in ("bilinear_warp", "gaussian_warp"):
        assert getattr(flow_ops, name)(source, torch.full((1, 2, 4, 4), value)).shape == source.shape


def test_channels_last_and_strided_tensors_give_the_same():
    source, flow, logits = inputs(3)
    expected = flow_ops.flow_local_attention(source, flow, logits, 3)
    strided = source.to(memory_format=torch.channels_last), flow.transpose(2, 3).contiguous().transpose(2, 3)
    torch.testing.assert_close(flow_ops.flow_local_attention(*strided, logits, 3), expected)


def test_reference_numbers_are_met(golden):
    numbers = golden("flow")
    source, flow = numbers["source"], numbers["flow"]
    relative(flow_ops.gaussian_warp(source, flow), numbers["gaussian_warp"])
    relative(flow_ops.self_correlation(source, 4), numbers["self_correlation_r4"])
    for kernel in (2, 3):
        blocks = numbers[f"blocks_k{kernel}"]
        for n, (i, j) in enumerate(reference.window(kernel)):
            offset = torch.tensor([j, i])[:, None, None]
            expected = blocks[:, :, n // kernel :: kernel, n % kernel :: kernel]
            relative(flow_ops.bilinear_warp(source, flow + offset), expected)


def relative(ours, expected, tolerance=2e-5):
    assert (ours - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("bilinear_warp", (torch.zeros(3, 4, 4), torch.zeros(1, 2, 4, 4)), "source"),
        ("bilinear_warp", (torch.zeros(1, 3, 4, 4).int(), torch.zeros(1, 2, 4, 4)), "source"),
        ("bilinear_warp", (torch.zeros(1, 3, 0, 4), torch.zeros(1, 2, 4, 4)), "source"),
        ("gaussian_warp", (torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)), "flow"),
        ("gaussian_warp", (torch.zeros(1, 3, 4, 4), torch.zeros(2, 2, 4, 4)), "flow"),
        ("gaussian_warp", (torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 4, device="meta")), "flow"),
        ("flow_local_attention", (*[torch.zeros(1, 2, 4, 4)] * 2, torch.zeros(1, 4, 4, 4), 3), "logits"),
        ("self_correlation", (torch.zeros(3, 4, 4), 2), "x"),
    ],
)
def test_tensors_that_do_not_go_together_are_refused_by_name(name, arguments, word):
    with pytest.raises(ValueError, match=f"^{word}: "):
        getattr(flow_ops, name)(*arguments)


def test_an_implementation_that_is_not_there_is_refused_and_says_why():
    source, flow, _ = inputs(1, dtype=torch.float32)
    with pytest.raises(ValueError, match=r"^impl: expected one of auto, cuda, torch"):
        flow_ops.bilinear_warp(source, flow, impl="fast")
    with pytest.raises(RuntimeError, match="the tensors are on cpu"):
        flow_ops.bilinear_warp(source, flow, impl="cuda")
    with pytest.raises(RuntimeError, match="float32, float16, bfloat16 only"):
        flow_ops.bilinear_warp(source.double(), flow, impl="cuda")
    source, flow, logits = inputs(5, dtype=torch.float32)
    with pytest.raises(RuntimeError, match="sides 1, 2, 3 only"):
        flow_ops.flow_local_attention(source, flow, logits, 5, impl="cuda")


@pytest.mark.parametrize("kernel", [1, pytest.param(2, marks=pytest.mark.long), 3])
def test_second_derivatives_of_the_definitions_equal_finite_differences(kernel):
    for name, tensors, rest in differentiable(kernel):
        leaves = [x[:, :, :3, :3].contiguous().requires_grad_() for x in tensors]
        function = getattr(reference, name)
        assert torch.autograd.gradcheck(lambda *x, f=function, rest=rest: f(*x, *rest), leaves)
        assert torch.autograd.gradgradcheck(lambda *x, f=function, rest=rest: f(*x, *rest), leaves)
