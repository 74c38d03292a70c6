import pytest
import torch
import torch.nn.functional as F

from models.layers import ResBlock, TimeEmbedding, conv3, upsampled_conv3
from models.plain import plain_path


def test_a_new_block_is_its_skip():
    x, time = torch.randn(2, 32, 8, 8), torch.randn(2, 64)
    torch.testing.assert_close(ResBlock(32, 32, time_channels=64)(x, time), x)


def test_resampling_is_nearest_up_and_average_down():
    x = torch.randn(1, 32, 4, 4)
    up, down = ResBlock(32, 32, resample="up")(x), ResBlock(32, 32, resample="down")(x)
    torch.testing.assert_close(up, x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
    torch.testing.assert_close(down, x.unflatten(3, (2, 2)).unflatten(2, (2, 2)).mean(dim=(3, 5)))


def test_time_embedding_puts_cosines_first():
    embedding = TimeEmbedding(8)
    seen = []
    embedding.linear_in.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    embedding(torch.tensor([3]))
    angles = 3 * torch.tensor([1.0, 0.1, 0.01, 0.001])
    torch.testing.assert_close(seen[0][0], torch.cat([angles.cos(), angles.sin()]))


@pytest.mark.parametrize("size", [(5, 4), (1, 1)])
def test_a_convolution_of_an_upsampled_map_equals_upsampling_and_convolving(size):
    conv = conv3(6, 10).double()
    x = torch.randn(2, 6, *size, dtype=torch.float64, requires_grad=True)
    fast, plain = upsampled_conv3(x, conv), conv(F.interpolate(x, scale_factor=2))
    torch.testing.assert_close(fast, plain)
    gradient = torch.randn_like(plain)
    inputs = [x, *conv.parameters()]
    for one, other in zip(*(torch.autograd.grad(y, inputs, gradient) for y in (fast, plain)), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("channels", [(32, 32), (32, 64), (64, 32), (96, 128), (32, 352)])
def test_a_skip_shared_by_two_halves_is_as_good_as_one_for_each(channels, gradients):
    """Also where a group of the norm lies across the seam: (32, 352) has groups of 12."""
    block = ResBlock(sum(channels), 32, time_channels=16)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    h, time = torch.randn(4, channels[0], 6, 4), torch.randn(1, 16)
    skip = torch.randn(2, channels[1], 6, 4)
    with torch.set_grad_enabled(gradients):
        shared, each = block(h, time, skip), block(h, time, skip.repeat(2, 1, 1, 1))
    torch.testing.assert_close(shared, each, rtol=1e-5, atol=1e-5 * each.abs().max().item())


@torch.no_grad()
def test_a_wide_convolution_keeps_the_digits_of_float32():
    conv = conv3(768, 4)
    x = torch.rand(1, 768, 6, 5).contiguous(memory_format=torch.channels_last)
    true = F.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=1)
    with plain_path():
        plain = conv(x)
    assert (conv(x) - true).abs().max() < 2e-6 * true.abs().max()
    assert (plain - true).abs().max() < 1e-5 * true.abs().max()
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(x).dtype == torch.bfloat16
