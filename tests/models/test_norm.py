import pytest
import torch
import torch.nn.functional as F

from models.norm import NormSiLU, moments, moments_at_once
from models.plain import plain_path


def norm_of(channels):
    norm = NormSiLU(channels)
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    return norm


def definition(norm, x, modulation=None):
    h = F.group_norm(x.double(), norm.num_groups, norm.weight.double(), norm.bias.double(), norm.eps)
    if modulation is not None:
        scale, shift = modulation.double()[:, :, None, None].chunk(2, dim=1)
        h = h * (1 + scale) + shift
    return h * h.sigmoid()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("rows", [None, 1, 3])
def test_norm_modulation_and_silu_equal_their_definition_with_gradients_without_and_on_the_plain_path(rows, layout):
    norm = norm_of(64)
    x = torch.randn(3, 64, 5, 4).contiguous(memory_format=layout).requires_grad_()
    modulation = None if rows is None else torch.randn(rows, 128, requires_grad=True)
    expected, fast = definition(norm, x, modulation), norm(x, modulation)
    with torch.no_grad():
        sampled = norm(x, modulation)
    with plain_path():
        plain = norm(x, modulation)
    for out in (fast, sampled, plain):
        torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-5)
        assert out.is_contiguous(memory_format=layout)

    inputs = [x, *norm.parameters(), *([] if modulation is None else [modulation])]
    gradient = torch.randn_like(fast)
    wanted = torch.autograd.grad(expected, inputs, gradient.double(), retain_graph=True)
    for out in (fast, plain):
        for own, true in zip(torch.autograd.grad(out, inputs, gradient), wanted, strict=True):
            torch.testing.assert_close(own, true, rtol=1e-4, atol=1e-4)


def test_one_map_is_kept_for_the_backward_pass():
    x, modulation = torch.randn(2, 64, 16, 16, requires_grad=True), torch.randn(2, 128)
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        norm_of(64)(x, modulation)
    assert len([tensor for tensor in kept if tensor.numel() >= x.numel()]) == 1


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("of", [moments, moments_at_once])
@pytest.mark.parametrize("shape", [(2, 64, 5, 4), (1, 32, 256, 256), (2, 32, 1, 3)])
def test_moments_keep_their_digits_also_of_large_maps(of, layout, shape):
    x = (1.3 * torch.randn(shape) + 0.7).contiguous(memory_format=layout)
    groups = x.double().unflatten(1, (8, -1)).flatten(2)
    variance, mean = of(x, 8)
    torch.testing.assert_close(variance.double(), groups.var(dim=2, correction=0), rtol=1e-6, atol=0)
    torch.testing.assert_close(mean.double(), groups.mean(dim=2), rtol=1e-6, atol=1e-7)


def test_a_group_of_one_value_has_no_variance():
    assert (moments(torch.full((1, 32, 7, 7), 500.3), 8)[0] < 0.1).all()
    assert NormSiLU(32)(torch.full((1, 32, 7, 7), 500.3)).isfinite().all()


@torch.no_grad()
def test_whole_groups_of_a_norm_can_be_taken_apart():
    norm = norm_of(384)  # Groups of 12.
    assert [norm.whole_groups(n) for n in (1, 12, 13, 256)] == [12, 12, 24, 264]
    x = torch.randn(2, 384, 4, 3)
    parts = [norm(x[:, :264], channels=slice(264)), norm(x[:, 264:], channels=slice(264, None))]
    torch.testing.assert_close(torch.cat(parts, dim=1), norm(x))


@pytest.mark.parametrize("enabled", [True, False])
def test_a_norm_of_half_precision_is_computed_in_float32(enabled):
    norm = norm_of(64)
    x = torch.randn(1, 64, 4, 4) * 100 + 500  # Its squares are beyond float16.
    with torch.set_grad_enabled(enabled):
        out = norm(x.half())
    assert out.dtype == torch.float16
    torch.testing.assert_close(out.double(), definition(norm, x.half()), atol=2e-3, rtol=1e-3)


def test_narrow_maps_keep_their_brightness_through_a_norm():
    """Groups of one channel would lose it."""
    assert [NormSiLU(channels).num_groups for channels in (32, 64, 96, 128, 352)] == [8, 16, 24, 32, 32]
    x = torch.randn(1, 32, 8, 8)
    brighter = x + torch.arange(32)[None, :, None, None]
    assert not torch.allclose(NormSiLU(32)(x), NormSiLU(32)(brighter), atol=0.1)
