import torch

from models.layers import GroupNorm, ResBlock, TimeEmbedding


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


def test_group_norm_of_half_precision_is_computed_in_float32():
    norm = GroupNorm(64)
    x = torch.randn(1, 64, 4, 4) * 100 + 500  # Its squares are beyond float16.
    out = norm(x.half())
    assert out.dtype == torch.float16
    torch.testing.assert_close(out.float(), norm(x.half().float()), atol=2e-3, rtol=1e-3)


def test_narrow_maps_keep_their_brightness_through_a_norm():
    """Groups of one channel would lose it."""
    assert [GroupNorm(channels).num_groups for channels in (32, 64, 96, 128, 352)] == [8, 16, 24, 32, 32]
    x = torch.randn(1, 32, 8, 8)
    brighter = x + torch.arange(32)[None, :, None, None]
    assert not torch.allclose(GroupNorm(32)(x), GroupNorm(32)(brighter), atol=0.1)
