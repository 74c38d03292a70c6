"""Multi-scale feature fusion (MSFF): channel attention across the skips of the slim, high-resolution levels."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from models.layers import SyncedBatchNorm

HEADS, LAYERS = 4, 4


class MSFF(nn.Module):
    """Lets maps of several resolutions look at each other's channels, as tokens on one grid."""

    def __init__(
        self,
        image_size,    # (H, W).
        token_stride,  # Image pixels per token.
        channels,      # Width of each map.
        strides,       # Stride of each map.
        dropout,
    ):  # fmt: skip
        super().__init__()
        self.grid = [side // token_stride for side in image_size]
        self.patches = [token_stride // stride for stride in strides]
        tokens = math.prod(self.grid)
        self.cut = nn.ModuleList(nn.Conv2d(c, c, p, stride=p) for c, p in zip(channels, self.patches, strict=True))
        self.positions = nn.ParameterList(nn.Parameter(torch.zeros(1, tokens, c)) for c in channels)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(FusionLayer(channels, dropout) for _ in range(LAYERS))
        self.norms = nn.ModuleList(_norm(c) for c in channels)
        self.project = nn.ModuleList(nn.Sequential(nn.Conv2d(c, c, 1), SyncedBatchNorm(c), nn.ReLU()) for c in channels)

    def forward(self, maps):
        """A list of (B, C_m, H / s_m, W / s_m) -> the fused list of the same shapes."""
        # Maps to tokens.
        tokens = [
            self.dropout(cut(x).flatten(2).transpose(1, 2) + position)  # (B, N, C_m)
            for x, cut, position in zip(maps, self.cut, self.positions, strict=True)
        ]

        # Fusion.
        for layer in self.layers:
            tokens = layer(tokens)

        # Tokens to maps. The projection is pointwise, so it is done before the upsampling.
        coarse = [
            project(norm(x).transpose(1, 2).unflatten(2, self.grid))
            for x, norm, project in zip(tokens, self.norms, self.project, strict=True)
        ]
        return [
            x + F.interpolate(fused, scale_factor=patch)
            for x, fused, patch in zip(maps, coarse, self.patches, strict=True)
        ]


class FusionLayer(nn.Module):
    """Channel attention over all maps, then an MLP per map."""

    def __init__(self, channels, dropout):
        super().__init__()
        total = sum(channels)
        self.norms = nn.ModuleList(_norm(c) for c in channels)
        self.norm_all = _norm(total)
        self.attention = ChannelAttention(channels, dropout)
        self.mlps = nn.ModuleList(
            nn.Sequential(_norm(c), nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c)) for c in channels
        )

    def forward(self, tokens):
        together = self.norm_all(torch.cat(tokens, dim=2))  # (B, N, C)
        normed = [norm(x) for norm, x in zip(self.norms, tokens, strict=True)]
        tokens = [x + context for x, context in zip(tokens, self.attention(normed, together), strict=True)]
        return [x + mlp(x) for x, mlp in zip(tokens, self.mlps, strict=True)]


class ChannelAttention(nn.Module):
    """Each map's channels attend to the channels of all maps (CCT); every head has the full width."""

    def __init__(self, channels, dropout):
        super().__init__()
        self.total = sum(channels)
        self.queries = nn.ModuleList(nn.Linear(c, HEADS * c, bias=False) for c in channels)
        self.key = nn.Linear(self.total, HEADS * self.total, bias=False)
        self.value = nn.Linear(self.total, HEADS * self.total, bias=False)
        self.outs = nn.ModuleList(nn.Linear(c, c, bias=False) for c in channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, normed, together):
        """normed: a list of (B, N, C_m); together: (B, N, C). The contexts, a list of (B, N, C_m)."""
        key, value = _heads(self.key(together)), _heads(self.value(together))  # (B, 4, C, N)
        contexts = []
        for x, to_query, to_out in zip(normed, self.queries, self.outs, strict=True):
            query = _heads(to_query(x))  # (B, 4, C_m, N)
            scores = query @ key.transpose(2, 3) / math.sqrt(self.total)  # (B, 4, C_m, C)
            attention = self.dropout(F.instance_norm(scores.float()).softmax(dim=3).type_as(value))
            contexts.append(to_out((attention @ value).mean(dim=1).transpose(1, 2)))
        return contexts


def _heads(x):
    """(B, N, heads * C) -> (B, heads, C, N)."""
    return x.unflatten(2, (HEADS, -1)).permute(0, 2, 3, 1)


def _norm(channels):
    return nn.LayerNorm(channels, eps=1e-6)
