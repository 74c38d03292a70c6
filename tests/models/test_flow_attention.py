import pytest
import torch
import torch.nn.functional as F

import flow_ops
from flow_ops.reference import bilinear_warp, window
from models.flow_attention import FlowAttention, LocalAttention, Site


@pytest.mark.parametrize("kernel", [2, 3, 5])
def test_logits_equal_a_kernel_over_the_laid_out_samples(kernel):
    """The definition: cat(X, S) of all k^2 offsets as blocks, and a convolution that reads each block once."""
    channels, height, width = 6, 7, 5
    attention = LocalAttention(channels, 16, kernel).double()
    x, feature = torch.randn(2, 2, channels, height, width, dtype=torch.float64)
    flow = torch.randn(2, 2, height, width, dtype=torch.float64) * 4

    blocks = torch.empty(2, 2 * channels, height, kernel, width, kernel, dtype=torch.float64)
    before, after = kernel // 2, kernel - 1 - kernel // 2
    around = F.pad(x, [before, after, before, after], mode="replicate")
    for n, (i, j) in enumerate(window(kernel)):
        row, column = divmod(n, kernel)
        offset = torch.tensor([j, i])[:, None, None]
        blocks[:, :channels, :, row, :, column] = around[:, :, i + before :, j + before :][:, :, :height, :width]
        blocks[:, channels:, :, row, :, column] = bilinear_warp(feature, flow + offset)
    blocks = blocks.flatten(4, 5).flatten(2, 3)  # (B, 2 C, H k, W k)
    hidden = F.conv2d(blocks, attention.to_hidden.weight, attention.to_hidden.bias, stride=kernel)
    expected = attention.to_logits(F.leaky_relu(hidden, 0.1))
    torch.testing.assert_close(attention.logits(x, flow, attention.keys(feature)), expected)


def test_a_single_sample_needs_no_logits():
    attention = LocalAttention(6, 16, 1)
    assert list(attention.parameters()) == []
    feature, flow = torch.randn(1, 6, 4, 4), torch.randn(1, 2, 4, 4)
    assert attention.keys(feature) is None
    torch.testing.assert_close(attention(None, flow, Site(feature)), flow_ops.bilinear_warp(feature, flow))


def test_the_mask_blends_what_comes_along_the_flow_with_what_is_there():
    attention = FlowAttention(32, 32, 3, 4)
    x, feature, flow = torch.randn(1, 32, 8, 8), torch.randn(1, 32, 8, 8), torch.randn(1, 2, 8, 8)
    none, half, full = (
        attention(x, attention.prepare(feature, flow, torch.full((1, 1, 8, 8), value)))[0] for value in (0.0, 0.5, 1.0)
    )
    torch.testing.assert_close(none, x)
    torch.testing.assert_close(half, (x + full) / 2)


def test_the_calibrated_flow_does_not_change_with_a_constant_in_the_centred_input():
    """A constant added to the flow moves the end points, and nothing else: confidence sees the centred flow."""
    attention = FlowAttention(32, 32, 1, 2)
    assert attention.calibration is not None
    x = torch.randn(1, 32, 8, 8)
    feature = torch.randn(1, 32, 1, 1).expand(1, 32, 8, 8).contiguous()  # Constant: the warp is the same everywhere.
    flow = torch.randn(1, 2, 8, 8)
    moved = attention.calibration(x, attention.prepare(feature, flow + 3, None)) - 3
    unmoved = attention.calibration(x, attention.prepare(feature, flow, None))
    torch.testing.assert_close(moved, unmoved, rtol=1e-4, atol=1e-4)


def test_calibration_has_no_gradient_through_the_distance():
    attention = FlowAttention(32, 32, 1, 2)
    assert attention.calibration is not None
    feature = torch.randn(1, 32, 8, 8, requires_grad=True)
    x, flow = torch.randn(1, 32, 8, 8, requires_grad=True), torch.randn(1, 2, 8, 8, requires_grad=True)
    attention.calibration(x, attention.prepare(feature, flow, None)).sum().backward()
    assert feature.grad is None
    assert x.grad.any()
    assert flow.grad.any()


def test_the_correlation_passes_a_leaky_relu():
    attention = FlowAttention(32, 32, 1, 2)
    assert attention.calibration is not None
    seen = []
    attention.calibration.features.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.randn(1, 32, 8, 8)
    attention.calibration(x, attention.prepare(x, torch.zeros(1, 2, 8, 8), None))
    correlation = flow_ops.self_correlation(x, 2)
    assert (correlation < 0).any()
    torch.testing.assert_close(seen[0][:, :9], torch.where(correlation < 0, 0.1 * correlation, correlation))
