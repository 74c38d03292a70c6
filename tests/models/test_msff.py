import math

import torch
import torch.nn.functional as F

from models.msff import MSFF, ChannelAttention


def test_channel_attention_equals_its_formula_head_by_head():
    channels, tokens = [8, 12], 10
    attention = ChannelAttention(channels, dropout=0.0)
    normed, together = [torch.randn(2, tokens, c) for c in channels], torch.randn(2, tokens, 20)
    contexts = attention(normed, together)
    for m, width in enumerate(channels):
        heads = []
        for head in range(4):
            query = normed[m] @ attention.get_parameter(f"queries.{m}.weight")[head * width : (head + 1) * width].T
            key = together @ attention.key.weight[head * 20 : (head + 1) * 20].T
            value = together @ attention.value.weight[head * 20 : (head + 1) * 20].T
            scores = query.transpose(1, 2) @ key / math.sqrt(20)  # (2, C_m, C)
            mean, variance = scores.mean(dim=(1, 2), keepdim=True), scores.var(dim=(1, 2), keepdim=True, correction=0)
            shares = ((scores - mean) / (variance + 1e-5).sqrt()).softmax(dim=2)
            heads.append(value @ shares.transpose(1, 2))
        expected = torch.stack(heads).mean(dim=0) @ attention.get_parameter(f"outs.{m}.weight").T
        torch.testing.assert_close(contexts[m], expected)


def test_the_scale_stands_before_the_norm():
    """With scores this small the norm's epsilon counts: without the scale the shares would differ."""
    attention = ChannelAttention([8], dropout=0.0)
    with torch.no_grad():
        attention.key.weight.mul_(1e-3)
    normed, together = [torch.randn(1, 6, 8)], torch.randn(1, 6, 8)
    query, key = normed[0] @ attention.get_parameter("queries.0.weight")[:8].T, together @ attention.key.weight[:8].T
    scores = query.transpose(1, 2) @ key
    assert (scores / math.sqrt(8)).var() < 1e-4
    head = (F.instance_norm(scores[:, None] / math.sqrt(8))[:, 0].softmax(dim=2)
            @ (together @ attention.value.weight[:8].T).transpose(1, 2))  # fmt: skip
    with torch.no_grad():  # Silence the other heads.
        attention.value.weight[8:] = 0
    torch.testing.assert_close(
        attention(normed, together)[0], (head / 4).transpose(1, 2) @ attention.get_parameter("outs.0.weight").T
    )


def test_projecting_before_the_upsampling_changes_nothing():
    fusion = MSFF([32, 16], 8, [32, 64], [1, 2], dropout=0.0).eval()
    for project in fusion.project:
        project.get_buffer("1.running_mean").normal_()
        project.get_buffer("1.running_var").uniform_(0.5, 2)
    maps = [torch.randn(1, 32, 32, 16), torch.randn(1, 64, 16, 8)]
    before = []
    for norm in fusion.norms:
        norm.register_forward_hook(lambda _, __, out: before.append(out))
    fused = fusion(maps)
    for x, out, tokens, project, patch in zip(maps, fused, before, fusion.project, (8, 4), strict=True):
        coarse = tokens.transpose(1, 2).unflatten(2, (4, 2))
        torch.testing.assert_close(out, x + project(F.interpolate(coarse, scale_factor=patch)))


def test_each_token_sees_its_own_patch_and_its_own_position():
    fusion = MSFF([16, 16], 8, [32], [1], dropout=0.0).eval()
    x = torch.zeros(1, 32, 16, 16)
    with torch.no_grad():
        fusion.positions[0][0, 3] = 1.0
    difference = (fusion([x])[0] - fusion([x + F.pad(torch.ones(1, 32, 8, 8), (8, 0, 8, 0))])[0]).abs().sum(dim=(0, 1))
    assert difference.shape == (16, 16)
    assert not torch.equal(fusion([x])[0][0, :, 0, 0], fusion([x])[0][0, :, 15, 15])
